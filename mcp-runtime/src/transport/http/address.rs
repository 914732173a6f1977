//! Whose address a request comes from, behind proxies too, and how many failed authentications it is allowed.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderMap;
use http::request::Parts;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::auth::{Authenticate, Effort};
use crate::config::{Auth, Http, Network};
use crate::limit::{Bucket, Each, Limit};
use crate::spec::Window;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The networks whose word on the client's address is taken.
#[derive(Debug)]
pub(super) struct Proxies(Vec<Network>);

impl Proxies {
    pub(super) fn new(config: &Http) -> Self {
        Self(config.trusted_proxies.clone())
    }

    /// The client's address: the peer's own, or, behind trusted proxies, the last one in `X-Forwarded-For` that is not
    /// one of them. What a client writes into the header stands before that and is not read.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trust(client) {
            return client;
        }
        let values: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
        for value in values.iter().rev() {
            let Ok(text) = value.to_str() else { return client };
            for hop in text.rsplit(',') {
                let Some(address) = hop_address(hop.trim()) else { return client };
                client = address.to_canonical();
                if !self.trust(client) {
                    return client;
                }
            }
        }
        client
    }

    /// Whether the address is that of a proxy.
    pub(super) fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

/// The address of a hop, which some proxies write with its port.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let bracketed = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']'));
    let address = bracketed.unwrap_or(hop).parse().ok();
    address.or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

/// Who counts as one address: an IPv6 customer has a whole /64.
pub(super) fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
    }
}

/// So many addresses are counted at a time.
const ADDRESSES: usize = 100_000;

/// Look-ups at a time for all addresses with too many failures together: somebody whose credential is good gets in from
/// there too, and a flood costs next to nothing.
const LOOK_UPS: usize = 2;

/// Failed authentications by address. A caller whose credential was good before is never counted and never refused here.
#[derive(Debug)]
pub(super) struct Failures {
    /// `None` without a limit.
    counted: Option<Each<IpAddr>>,
    /// How long after a failure its address has everything that it is allowed again.
    memory: Duration,
    began: Instant,
    /// In milliseconds since then, when that will be so of every address; nothing, if it is. Most of the time nobody fails,
    /// and then nobody is looked for.
    quiet_from: AtomicU64,
    look_ups: Semaphore,
}

impl Failures {
    pub(super) fn new(config: &Auth) -> Self {
        Self {
            counted: Limit::new(Bucket::Agent, &config.failed.0).map(|limit| Each::new(limit, ADDRESSES)),
            memory: config.failed.0.iter().map(refill).max().unwrap_or_default(),
            began: Instant::now(),
            quiet_from: AtomicU64::new(0),
            look_ups: Semaphore::new(LOOK_UPS),
        }
    }

    /// Decides whether a credential is looked at, before that costs anything. What comes with it is held until the
    /// credential is verified.
    ///
    /// # Errors
    /// How long to wait, where there were too many failures.
    pub(super) fn admit(
        &self,
        authenticate: &dyn Authenticate,
        request: &Parts,
        address: impl FnOnce() -> IpAddr,
    ) -> Result<Option<SemaphorePermit<'_>>, Duration> {
        if self.is_quiet() {
            return Ok(None);
        }
        // Most addresses have failed at nothing, and then it does not matter what it would cost.
        let wait = self.counted.as_ref().and_then(|each| each.wait(&counted(address())));
        let Some(wait) = wait else { return Ok(None) };
        match authenticate.effort(request) {
            Effort::None => Ok(None),
            Effort::Local => self.look_ups.try_acquire().map(Some).map_err(|_| wait),
            _ => Err(wait),
        }
    }

    /// Counts a failure.
    ///
    /// # Errors
    /// How long to wait, once there were too many, or more addresses than can be counted: that many are an attack.
    pub(super) fn count(&self, address: IpAddr) -> Result<(), Duration> {
        let Some(each) = &self.counted else { return Ok(()) };
        self.quiet_from.fetch_max(self.now().saturating_add(millis(self.memory)), Ordering::AcqRel);
        each.charge(&counted(address))
    }

    /// Whether every address has everything that it is allowed.
    fn is_quiet(&self) -> bool {
        let from = self.quiet_from.load(Ordering::Acquire);
        // A failure that comes meanwhile stays noted.
        from == 0
            || (self.now() > from
                && self.quiet_from.compare_exchange(from, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok())
    }

    fn now(&self) -> u64 {
        millis(self.began.elapsed())
    }
}

/// How long it takes until a whole burst is there again, and a moment.
fn refill(window: &Window) -> Duration {
    (window.period.saturating_mul(window.burst) / window.count.max(1)).saturating_add(Duration::from_secs(1))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::auth::{BoxFuture, Refusal};
    use crate::caller::Caller;
    use crate::config::Rate;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let config = crate::config::Config::parse("[http]\ntrusted_proxies = [\"10.0.0.0/8\", \"fd00::/8\"]").unwrap();
        let headers =
            forwarded.iter().map(|value| (http::HeaderName::from_static(FORWARDED_FOR), value.parse().unwrap()));
        Proxies::new(&config.http).client(peer.parse().unwrap(), &headers.collect()).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(client("10.1.2.3", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.1.2.3", &["1.1.1.1, 198.51.100.1, 10.9.9.9"]), "198.51.100.1");
        assert_eq!(client("10.1.2.3", &["1.1.1.1", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("::ffff:10.1.2.3", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("10.1.2.3", &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(client("10.1.2.3", &["[2001:db8::1]:4711, 10.9.9.9:80"]), "2001:db8::1");
        assert_eq!(client("10.1.2.3", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(client("10.1.2.3", &["garbage"]), "10.1.2.3");
        assert_eq!(client("10.1.2.3", &[]), "10.1.2.3");
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_are_looked_for_while_one_has_failed() {
        struct Unknown;
        impl Authenticate for Unknown {
            fn authenticate<'a>(&'a self, _: &'a Parts) -> BoxFuture<'a, Result<Arc<Caller>, Refusal>> {
                Box::pin(std::future::ready(Err(Refusal::Missing)))
            }

            fn effort(&self, _: &Parts) -> Effort {
                Effort::Remote
            }
        }
        let failures = Failures::new(&Auth { failed: Rate(vec![Window::new(2, 60, 3)]), ..Auth::default() });
        let (parts, ()) = http::Request::new(()).into_parts();
        let [one, other] = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
        let waits = |address| failures.admit(&Unknown, &parts, || address).is_err();
        assert!(failures.is_quiet() && !waits(one));
        for _ in 0..3 {
            assert_eq!(failures.count(one), Ok(()));
        }
        assert!(failures.count(one).is_err() && !failures.is_quiet());
        assert!(waits(one) && !waits(other));
        // One of them is back after half a minute, all after one and a half.
        tokio::time::advance(Duration::from_secs(20)).await;
        assert!(waits(one));
        tokio::time::advance(Duration::from_secs(11)).await;
        assert!(!waits(one) && !failures.is_quiet());
        assert_eq!(failures.count(one), Ok(()));
        tokio::time::advance(Duration::from_secs(89)).await;
        assert!(!failures.is_quiet());
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(failures.is_quiet() && !waits(one));
        assert_eq!(failures.count(one), Ok(()));
        assert!(!failures.is_quiet(), "what fails then is noted anew");
    }

    #[test]
    fn an_ipv6_customer_is_one_address() {
        let of = |text: &str| counted(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
