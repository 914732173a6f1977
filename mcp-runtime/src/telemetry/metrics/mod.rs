//! What `/metrics` shows: how often, how long, what came of it; by tool and code, never by what a stranger can make up.
//!
//! Where requests are served, a request costs one look-up in a map and a few additions: what the page shows is put
//! together when somebody asks for it. Every label is a name of the program's own (methods, tools, codes), but for agents,
//! which have one only if `[admin] agent_label` says for how many.

mod gather;
mod page;
mod series;
mod sessions;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::auth::Refusal;
use crate::config::Config;
use crate::limit::{Bucket, Quota};
use crate::record::CallRecord;
use crate::telemetry::strangers::{self, REASONS};
use crate::telemetry::{Observer, SessionEnd};
use series::{Agents, Table};
use sessions::Sessions;

pub(crate) use gather::{Running, gather};
pub(crate) use page::page;
pub(crate) use write::Format;

/// How much of its tightest limit a caller has used, as shares of its burst.
const SHARES: [f64; 7] = [0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0];

/// The limits of callers: counted by place.
const LIMITS: [&str; 3] = ["agent", "subject", "tool"];

/// The observers of a program, and the metrics among them if the configuration wants some.
pub(super) fn observed(
    config: &Config,
    mut observers: Vec<Arc<dyn Observer>>,
) -> (Vec<Arc<dyn Observer>>, Option<Arc<Metrics>>) {
    let metrics = config.admin.as_ref().map(|admin| Arc::new(Metrics::new(admin.agent_label)));
    observers.extend(metrics.clone().map(|metrics| metrics as Arc<dyn Observer>));
    (observers, metrics)
}

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: Table,
    agents: Option<Agents>,
    sessions: Sessions,
    refused: [AtomicU64; REASONS.len()],
    used: [Used; LIMITS.len()],
}

/// How much of a limit was used, request by request.
#[derive(Debug, Default)]
struct Used {
    shares: [AtomicU64; SHARES.len() + 1],
    /// In millionths.
    sum: AtomicU64,
}

impl Metrics {
    fn new(agents: usize) -> Self {
        Self {
            requests: Table::default(),
            agents: (agents > 0).then(|| Agents::new(agents)),
            sessions: Sessions::default(),
            refused: Default::default(),
            used: Default::default(),
        }
    }
}

impl Observer for Metrics {
    fn end(&self, record: &CallRecord) {
        self.requests.count(record);
        if let Some(agents) = &self.agents {
            agents.count(record);
        }
        if let Some(quota) = &record.quota {
            let place = match quota.bucket {
                Bucket::Agent => 0,
                Bucket::Subject => 1,
                Bucket::AgentTool(_) | Bucket::Tool(_) => 2,
            };
            self.used[place].count(quota);
        }
    }

    fn reads_arguments(&self) -> bool {
        false
    }

    fn session(&self, end: &SessionEnd) {
        self.sessions.count(end);
    }

    fn refuse(&self, refusal: &Refusal) {
        add(&self.refused[strangers::place(refusal)], 1);
    }
}

impl Used {
    fn count(&self, quota: &Quota) {
        let burst = u64::from(quota.window.burst.max(1));
        let used = burst.saturating_sub(quota.remaining);
        #[expect(clippy::cast_precision_loss, reason = "a burst is far below what a float tells apart")]
        let share = used as f64 / burst as f64;
        add(&self.shares[SHARES.partition_point(|bound| *bound < share)], 1);
        add(&self.sum, used.saturating_mul(1_000_000) / burst);
    }
}

/// Counts on without an order between counters: a page is no transaction.
fn add(counter: &AtomicU64, value: u64) {
    counter.fetch_add(value, Ordering::Relaxed);
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
