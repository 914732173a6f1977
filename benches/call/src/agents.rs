//! The limiter with more and more agents, beside governor with as many keys, and beside memory itself.
//!
//! In a call the caller has just been read: its credential was looked up. So each pass reads the caller first, and what
//! that costs alone is taken off. What one pass gives decides where the next one reads, so that none begins before the
//! one before it is through: processors overlap what they can, and a call has nothing to overlap with.

use std::num::NonZeroU32;
use std::time::Instant;

use governor::{Quota, RateLimiter};
use mcp_runtime::caller::{Agent, Caller};
use mcp_runtime::limit::{Bucket, Identity, Limit, Memory};
use mcp_runtime::spec::Window;

use crate::count::allocations;

/// Passes in a batch, and batches of each kind. The one counts that a tenth of them are faster than: where nothing fits into
/// a cache, what else the machine does slows most of them.
const PASSES: usize = 2_000;
const BATCHES: usize = if cfg!(feature = "counted") { 1 } else { 201 };

/// How often all of them come for the first time.
const TURNS: usize = 5;

/// Callers that are counted at a time, at the most.
const CAPACITY: usize = 2_000_000;

/// Every limiter, at every population.
pub(crate) fn agents() {
    println!(
        "\n| agents | three limits, ns | bytes an agent | longest, µs | governor, ns | its bytes an agent | one line, ns |"
    );
    println!("| --: | --: | --: | --: | --: | --: | --: |");
    for count in [1, 1_000, 1_000_000] {
        row(count);
    }
}

fn row(count: usize) {
    let named = |index| Caller::new(Agent::key(&format!("agent-{index:07}")).expect("a name"), "id");
    let callers: Vec<Caller> = (0..count).map(named).collect();

    // So slow that nobody is forgotten meanwhile, with so large a burst that nobody is refused.
    let window = [Window::new(1_000, 86_400, 100_000_000)];
    let limit = |bucket| Limit::new(bucket, &window).expect("a window");
    let limits = [limit(Bucket::Agent), limit(Bucket::AgentTool(3)), limit(Bucket::Tool(3))];
    let memory = Memory::with_capacity(CAPACITY);
    let ours = |at: usize| {
        let who = Identity { agent: callers[at].agent(), subject: None };
        memory.charge(who, &limits, 1).ok().flatten().map_or(usize::MAX, |quota| quota.remaining as usize)
    };

    let burst = NonZeroU32::new(100_000_000).expect("a burst");
    let quota = Quota::per_hour(NonZeroU32::new(42).expect("a rate")).allow_burst(burst);
    let by_agent = RateLimiter::keyed(quota);
    let by_agent_and_tool = RateLimiter::keyed(quota);
    let by_tool = RateLimiter::direct(quota);
    // Keys of eight bytes, which cost less than the names that agents have.
    let governor = |at: usize| {
        let agent = at as u64;
        let admitted = by_agent.check_key(&agent).is_ok()
            && by_agent_and_tool.check_key(&(agent, 3_u16)).is_ok()
            && by_tool.check().is_ok();
        if admitted { 0 } else { usize::MAX }
    };

    let taken = |charge: &dyn Fn(usize) -> usize| {
        let all = || (0..count).for_each(|at| assert_ne!(charge(at), usize::MAX));
        allocations(all).held / count as f64
    };
    let (ours_takes, governor_takes) = (taken(&ours), taken(&governor));

    // Never the one that was charged just before.
    let mut next = 0;
    let mut order = || {
        next = (next + 7_919) % count;
        next
    };
    // What memory itself costs: a line of a table as large as ours, anywhere in it.
    let held = (count as f64 * ours_takes / 64.0).ceil() as usize;
    // Written, or else all of it is one page of noughts.
    let lines: Vec<[usize; 8]> = (0..held).map(|at| std::hint::black_box([at >> 63; 8])).collect();
    let line = |at: usize| lines[at.wrapping_mul(0x9E37_79B9_7F4A_7C15) % lines.len()][at % 8];

    let mut nanos = [const { Vec::new() }; 4];
    for _ in 0..BATCHES {
        // In turns, so that what else the machine does is the same for all.
        nanos[0].push(batch(&callers, &mut order, |at| at));
        nanos[1].push(batch(&callers, &mut order, ours));
        nanos[2].push(batch(&callers, &mut order, governor));
        nanos[3].push(batch(&callers, &mut order, line));
    }
    let [alone, ours, governor, line] = nanos.map(|mut nanos: Vec<f64>| {
        nanos.sort_unstable_by(f64::total_cmp);
        nanos[BATCHES / 10]
    });
    let [ours, governor, line] = [ours, governor, line].map(|nanos| nanos - alone);
    let longest = longest(&callers, &limits);
    println!(
        "| {count} | {ours:.0} | {ours_takes:.0} | {longest:.0} | {governor:.0} | {governor_takes:.0} | {line:.0} |"
    );
}

/// Nanoseconds of one pass: a caller is read, then charged.
fn batch(callers: &[Caller], mut order: impl FnMut() -> usize, charge: impl Fn(usize) -> usize) -> f64 {
    let order: Vec<usize> = (0..PASSES).map(|_| order()).collect();
    // Always nought, which only the one who waits for it can tell.
    let mut nought = 0;
    let began = Instant::now();
    for at in order {
        let at = at + nought;
        let caller = std::hint::black_box(&callers[at]);
        let at = at + (std::hint::black_box(read(caller)) >> 63);
        nought = std::hint::black_box(charge(at)) >> 63;
    }
    began.elapsed().as_nanos() as f64 / PASSES as f64
}

/// Looks at all of a caller, as a call has before it is charged.
fn read(caller: &Caller) -> usize {
    let text = caller.agent().name().bytes().chain(caller.credential().bytes()).map(usize::from).sum::<usize>();
    let ends = caller.expires().or(caller.issued()).map_or(0, |at| usize::from(at.as_second() > 0));
    text + ends + caller.subject().map_or(0, str::len) + usize::from(caller.steps_up())
}

/// Microseconds of the longest first call: those make tables grow. The same calls do in every turn, so each counts with
/// the shortest of its times, which is less what else the machine did.
fn longest(callers: &[Caller], limits: &[Limit]) -> f64 {
    let mut times = vec![f64::INFINITY; callers.len()];
    for _ in 0..TURNS {
        let memory = Memory::with_capacity(CAPACITY);
        for (caller, time) in callers.iter().zip(&mut times) {
            let began = Instant::now();
            let charged = memory.charge(Identity { agent: caller.agent(), subject: None }, limits, 1);
            *time = time.min(began.elapsed().as_nanos() as f64 / 1_000.0);
            assert!(charged.is_ok());
        }
    }
    times.into_iter().fold(0.0, f64::max)
}
