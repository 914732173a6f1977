//! What a connection is doing: whether a request is in flight, and since when none is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use http::Version;
use tokio::time::{Duration, Instant};

/// What a connection is doing. Requests of HTTP/2 end in tasks of their own, so it is shared.
#[derive(Debug)]
pub(super) struct Activity {
    opened: Instant,
    /// Whether there was a request at all.
    begun: AtomicBool,
    is_http2: AtomicBool,
    in_flight: AtomicU32,
    /// How many requests are over; it may wrap.
    over: AtomicU32,
    /// When the last of them was, in microseconds since `opened`.
    over_at: AtomicU64,
    /// Requests that the client gave up, less those that were answered; never below zero.
    given_up: AtomicU32,
    /// Whether bytes came that belong to no request yet.
    unread: AtomicBool,
    /// Whether the client has to take something before more can be sent.
    is_blocked: AtomicBool,
}

/// What is to be expected of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The first request.
    First,
    /// The rest of a head.
    Head,
    /// An answer.
    Busy,
    /// A request, some time: there was none since.
    Idle(Instant),
}

impl Activity {
    pub(super) fn new() -> Self {
        Self {
            opened: Instant::now(),
            begun: AtomicBool::new(false),
            is_http2: AtomicBool::new(false),
            in_flight: AtomicU32::new(0),
            over: AtomicU32::new(0),
            over_at: AtomicU64::new(0),
            given_up: AtomicU32::new(0),
            unread: AtomicBool::new(false),
            is_blocked: AtomicBool::new(false),
        }
    }

    pub(super) fn opened(&self) -> Instant {
        self.opened
    }

    /// A request has a whole head.
    pub(super) fn begin(self: &Arc<Self>, version: Version) -> InFlight {
        self.begun.store(true, Ordering::Relaxed);
        self.is_http2.store(version == Version::HTTP_2, Ordering::Relaxed);
        self.unread.store(false, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight { activity: Arc::clone(self), is_http2: version == Version::HTTP_2, answered: false }
    }

    /// Bytes came.
    pub(super) fn received(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    /// The client has to take something first, or not any more.
    pub(super) fn blocked(&self, is_blocked: bool) {
        self.is_blocked.store(is_blocked, Ordering::Relaxed);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) > 0
    }

    /// Requests that the client gave up, beyond those that were answered.
    pub(super) fn given_up(&self) -> u32 {
        self.given_up.load(Ordering::Relaxed)
    }

    /// When the last request was over; when the connection was opened, before.
    pub(super) fn quiet_since(&self) -> Instant {
        self.opened + Duration::from_micros(self.over_at.load(Ordering::Relaxed))
    }

    /// What is to be expected now, after the connection did what it could. `seen` is how many requests were over the last
    /// time.
    pub(super) fn phase(&self, seen: &mut u32) -> Phase {
        let over = self.over.load(Ordering::Acquire);
        if *seen != over {
            *seen = over;
            // What came along with the end of a request may be the rest of its body, and is no head yet.
            self.unread.store(false, Ordering::Relaxed);
        }
        if self.is_busy() {
            Phase::Busy
        } else if !self.begun.load(Ordering::Relaxed) {
            Phase::First
        } else if self.is_http2.load(Ordering::Relaxed) {
            // Much can be said on a connection of HTTP/2 that is no request.
            Phase::Idle(self.quiet_since())
        } else if self.unread.load(Ordering::Relaxed) {
            Phase::Head
        } else if self.is_blocked.load(Ordering::Relaxed) {
            Phase::Busy
        } else {
            Phase::Idle(self.quiet_since())
        }
    }
}

/// A request that is not over: neither answered to the last byte, nor given up.
#[derive(Debug)]
pub(super) struct InFlight {
    activity: Arc<Activity>,
    is_http2: bool,
    answered: bool,
}

impl InFlight {
    pub(super) fn is_http2(&self) -> bool {
        self.is_http2
    }

    /// There is an answer.
    pub(super) fn answered(&mut self) {
        self.answered = true;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let activity = &self.activity;
        let _ = activity.given_up.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
            if self.answered { count.checked_sub(1) } else { count.checked_add(1) }
        });
        let at = u64::try_from(activity.opened.elapsed().as_micros()).unwrap_or(u64::MAX);
        activity.over_at.store(at, Ordering::Relaxed);
        activity.over.fetch_add(1, Ordering::Release);
        activity.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_head_is_told_from_the_rest_of_a_body() {
        let activity = Arc::new(Activity::new());
        let mut seen = 0;
        activity.received();
        assert_eq!(activity.phase(&mut seen), Phase::First);
        let mut request = activity.begin(Version::HTTP_11);
        assert_eq!(activity.phase(&mut seen), Phase::Busy);
        activity.received();
        request.answered();
        drop(request);
        assert!(matches!(activity.phase(&mut seen), Phase::Idle(_)));
        activity.received();
        assert_eq!(activity.phase(&mut seen), Phase::Head);
        drop(activity.begin(Version::HTTP_2));
        activity.received();
        assert!(matches!(activity.phase(&mut seen), Phase::Idle(_)), "frames of HTTP/2 need not be requests");
    }

    #[test]
    fn answers_make_up_for_requests_that_were_given_up() {
        let activity = Arc::new(Activity::new());
        let answered = || activity.begin(Version::HTTP_2).answered();
        answered();
        assert_eq!(activity.given_up(), 0);
        drop(activity.begin(Version::HTTP_2));
        drop(activity.begin(Version::HTTP_2));
        answered();
        assert_eq!(activity.given_up(), 1);
    }
}
