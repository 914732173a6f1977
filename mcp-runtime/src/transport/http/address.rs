//! Whose address a request comes from, behind proxies too, and how many failed authentications it is allowed.

use std::net::{IpAddr, Ipv6Addr};

use http::HeaderMap;

use crate::caller::{Agent, Source};
use crate::config::{Auth, Http, Network};
use crate::limit::{Bucket, Identity, Limit, Limited, Memory};

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
                let Ok(address) = hop.trim().parse::<IpAddr>() else { return client };
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

/// Who counts as one address: an IPv6 customer has a whole /64.
pub(super) fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
    }
}

/// Failed authentications by address. A caller whose credential is good is never counted and never refused here.
#[derive(Debug)]
pub(super) struct Failures {
    counted: Memory,
    limit: Option<Limit>,
}

impl Failures {
    pub(super) fn new(config: &Auth) -> Self {
        Self { counted: Memory::with_capacity(100_000), limit: Limit::new(Bucket::Agent, &config.failed.0) }
    }

    /// Counts a failure.
    ///
    /// # Errors
    /// How long to wait, once there were too many.
    pub(super) fn count(&self, address: IpAddr) -> Result<(), std::time::Duration> {
        let Some(limit) = &self.limit else { return Ok(()) };
        let Ok(agent) = Agent::new(Source::Other("address"), &counted(address).to_string()) else { return Ok(()) };
        match self.counted.charge(Identity { agent: &agent, subject: None }, &[limit], 1) {
            Ok(_) => Ok(()),
            Err(Limited::Wait { retry_after, .. }) => Err(retry_after),
            // No room to count: as many addresses as that are an attack.
            Err(Limited::Full | Limited::Never { .. }) => Err(std::time::Duration::from_secs(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(client("10.1.2.3", &["garbage"]), "10.1.2.3");
        assert_eq!(client("10.1.2.3", &[]), "10.1.2.3");
    }

    #[test]
    fn an_ipv6_customer_is_one_address() {
        let of = |text: &str| counted(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
