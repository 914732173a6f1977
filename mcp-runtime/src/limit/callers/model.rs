//! A shard beside a map that forgets nothing: nobody who calls can tell them apart, as long as there is room.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::super::Bucket;
use super::*;

/// A caller's windows, and who has them.
type Model = HashMap<[u64; 2], BTreeMap<(Option<u16>, usize), u64>>;

#[derive(Clone, Debug)]
enum Step {
    /// Asks for an entry, and moves one of its windows on.
    Charge { who: [u64; 2], window: (Option<u16>, usize), ahead: u64 },
    /// Asks without being remembered.
    Ask { who: [u64; 2] },
    /// Lets time pass.
    Wait { nanos: u64 },
}

/// Mostly few marks that meet in few places, the last one and the first one too.
fn who() -> impl Strategy<Value = [u64; 2]> {
    let few = (0..6_u64, prop_oneof![Just(0), Just(1), Just(u64::MAX / 3), Just(u64::MAX)]);
    prop_oneof![4 => few.prop_map(|(one, other)| [one, other]), 1 => any::<[u64; 2]>()]
}

fn step() -> impl Strategy<Value = Step> {
    let window = (prop_oneof![Just(None), (0..4_u16).prop_map(Some), Just(Some(u16::MAX))], 0..3_usize);
    prop_oneof![
        8 => (who(), window, 0..4 * SWEEP_PAUSE).prop_map(|(who, window, ahead)| Step::Charge { who, window, ahead }),
        1 => who().prop_map(|who| Step::Ask { who }),
        2 => (0..SWEEP_PAUSE).prop_map(|nanos| Step::Wait { nanos }),
    ]
}

fn bucket(tool: Option<u16>) -> Bucket {
    tool.map_or(Bucket::Agent, Bucket::AgentTool)
}

fn mark([one, other]: [u64; 2]) -> Mark {
    Mark::new(one, other)
}

/// Whether every window says what the model does, or both say that it has its whole burst.
fn agrees(arrivals: Option<&Arrivals>, model: Option<&BTreeMap<(Option<u16>, usize), u64>>, now: u64) -> bool {
    [None, Some(0), Some(1), Some(2), Some(3), Some(4), Some(u16::MAX)].into_iter().all(|tool| {
        (0..3).all(|window| {
            let ours = arrivals.map_or(0, |arrivals| arrivals.of(bucket(tool), window));
            let theirs = model.and_then(|windows| windows.get(&(tool, window))).copied().unwrap_or(0);
            ours.max(now) == theirs.max(now)
        })
    })
}

fn is_busy(windows: &BTreeMap<(Option<u16>, usize), u64>, now: u64) -> bool {
    windows.values().any(|arrival| *arrival > now)
}

proptest! {
    #[test]
    fn nobody_can_tell_it_from_a_map(capacity in 1..40_usize, steps in prop::collection::vec(step(), 0..400)) {
        let mut shard = Shard::new(capacity);
        let mut model = Model::new();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Wait { nanos } => now += nanos,
                Step::Ask { who } => {
                    let counted = shard.table.len();
                    let arrivals = shard.table.find(mark(who)).and_then(|at| shard.table.get(at));
                    prop_assert!(agrees(arrivals, model.get(&who), now));
                    prop_assert_eq!(shard.table.len(), counted);
                }
                Step::Charge { who, window: (tool, window), ahead } => {
                    let is_known = shard.table.find(mark(who)).is_some();
                    let counted = shard.table.len();
                    let may_sweep = now - shard.swept >= SWEEP_PAUSE;
                    match shard.entry(mark(who), now) {
                        Ok(arrivals) => {
                            prop_assert!(agrees(Some(arrivals), model.get(&who), now));
                            arrivals.settle(bucket(tool), window, now + ahead);
                            model.entry(who).or_default().insert((tool, window), now + ahead);
                        }
                        Err(refused) => {
                            prop_assert_eq!(refused, Limited::Full);
                            prop_assert!(!is_known && counted == capacity);
                            let busy = model.values().filter(|windows| is_busy(windows, now)).count();
                            prop_assert!(!may_sweep || busy == capacity, "an idle one could have made room");
                        }
                    }
                }
            }
            prop_assert!(shard.table.len() <= capacity);
            for (who, windows) in &model {
                let arrivals = shard.table.find(mark(*who)).and_then(|at| shard.table.get(at));
                prop_assert!(agrees(arrivals, Some(windows), now));
            }
        }
    }
}
