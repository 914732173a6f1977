//! Which traces are kept.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceContextExt, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

/// Keeps a share of the traces, by chance.
///
/// A span within one of this process goes the way of that. A caller's word on it is taken only where callers are trusted
/// with that: else a flood of sampled flags would have everything kept. Nor is the chance a matter of the trace's id, as it
/// is with the usual sampler, since the caller chooses that as well.
#[derive(Clone, Debug)]
pub(super) struct Chance {
    /// Of 2⁶⁴ numbers, how many mean that the trace is kept; `None` for all.
    kept: Option<u64>,
    trusted: bool,
    hasher: RandomState,
    drawn: Arc<AtomicU64>,
}

impl Chance {
    pub(super) fn new(share: f64, trusted: bool) -> Self {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share between 0 and 1 of a range"
        )]
        let kept = (share < 1.0).then_some((share.max(0.0) * u64::MAX as f64) as u64);
        Self { kept, trusted, hasher: RandomState::new(), drawn: Arc::default() }
    }

    /// Nobody outside of the process can foresee it.
    fn draw(&self) -> bool {
        self.kept.is_none_or(|kept| self.hasher.hash_one(self.drawn.fetch_add(1, Ordering::Relaxed)) < kept)
    }
}

impl ShouldSample for Chance {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let parent = parent.map(|parent| parent.span().span_context().clone()).filter(SpanContext::is_valid);
        let is_kept = match &parent {
            Some(parent) if self.trusted || !parent.is_remote() => parent.is_sampled(),
            _ => self.draw(),
        };
        let decision = if is_kept { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop };
        let trace_state = parent.map(|parent| parent.trace_state().clone()).unwrap_or_default();
        SamplingResult { decision, attributes: Vec::new(), trace_state }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceFlags, TraceState};

    use super::*;

    fn kept(chance: &Chance, is_remote: bool, is_sampled: bool) -> usize {
        let flags = if is_sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
        let parent = SpanContext::new(TraceId::from(1), SpanId::from(1), flags, is_remote, TraceState::default());
        let parent = Context::new().with_remote_span_context(parent);
        let draw = || chance.should_sample(Some(&parent), TraceId::from(1), "", &SpanKind::Server, &[], &[]).decision;
        (0..10_000).filter(|_| draw() == SamplingDecision::RecordAndSample).count()
    }

    #[test]
    fn a_flood_of_flags_changes_nothing() {
        let tenth = Chance::new(0.1, false);
        for is_sampled in [true, false] {
            let kept = kept(&tenth, true, is_sampled);
            // Ten standard deviations.
            assert!((700..1300).contains(&kept), "{kept}");
        }
        assert_eq!(kept(&Chance::new(1.0, false), true, false), 10_000, "nor can a flag hide a call");
        assert_eq!(kept(&Chance::new(0.0, false), true, true), 0);
    }

    #[test]
    fn a_trusted_flag_and_the_process_itself_are_followed() {
        for (is_remote, trusted) in [(true, true), (false, false), (false, true)] {
            let chance = Chance::new(0.1, trusted);
            assert_eq!(kept(&chance, is_remote, true), 10_000);
            assert_eq!(kept(&chance, is_remote, false), 0);
        }
    }
}
