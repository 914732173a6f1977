//! Whose address a request comes from, behind proxies too, and how many failed authentications it is allowed.

use std::net::{IpAddr, Ipv6Addr};

use http::HeaderMap;

use crate::caller::{Agent, Source};
use crate::config::{Auth, Http, InvalidConfig};
use crate::limit::{Bucket, Identity, Limit, Limited, Memory};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The networks whose word on the client's address is taken.
#[derive(Debug)]
pub(super) struct Proxies(Vec<(IpAddr, u8)>);

impl Proxies {
    pub(super) fn new(config: &Http) -> Result<Self, InvalidConfig> {
        config.trusted_proxies.iter().map(|text| network(text)).collect::<Result<_, _>>().map(Self)
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

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|(network, length)| prefix(address, *length) == Some(*network))
    }
}

/// Reads a network in CIDR notation (RFC 4632, RFC 4291); a single address stands for itself.
fn network(text: &str) -> Result<(IpAddr, u8), InvalidConfig> {
    let invalid = || {
        InvalidConfig::new(format!(
            "http.trusted_proxies: `{}` is no network; write it as in \"10.0.0.0/8\"",
            text.escape_debug()
        ))
    };
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().map_err(|_| invalid())?;
    let full = if address.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Ok(full), str::parse).map_err(|_| invalid())?;
    prefix(address, length).map(|network| (network, length)).ok_or_else(invalid)
}

/// The first bits of an address, the rest zero; `None` for more bits than it has.
fn prefix(address: IpAddr, length: u8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            Some(IpAddr::V4((address.to_bits() & mask).into()))
        }
        IpAddr::V6(address) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            Some(IpAddr::V6((address.to_bits() & mask).into()))
        }
        _ => None,
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
        let config = Http { trusted_proxies: vec!["10.0.0.0/8".into(), "fd00::/8".into()], ..Http::default() };
        let headers =
            forwarded.iter().map(|value| (http::HeaderName::from_static(FORWARDED_FOR), value.parse().unwrap()));
        Proxies::new(&config).unwrap().client(peer.parse().unwrap(), &headers.collect()).to_string()
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
    fn networks_are_read() {
        for bad in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "example.com", "10.0.0.0/-1"] {
            assert!(network(bad).is_err(), "{bad}");
        }
        assert_eq!(network("10.1.2.3/8").unwrap(), ("10.0.0.0".parse().unwrap(), 8));
        assert_eq!(network("0.0.0.0/0").unwrap().1, 0);
    }

    #[test]
    fn an_ipv6_customer_is_one_address() {
        let of = |text: &str| counted(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
