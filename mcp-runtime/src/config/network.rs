//! Networks as text: `"10.0.0.0/8"`.

use std::net::IpAddr;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// A network in CIDR notation (RFC 4632, RFC 4291); a single address stands for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    length: u8,
}

impl Network {
    /// Whether an address is in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        prefix(address, self.length) == Some(self.first)
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().ok()?;
        let full = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(full), str::parse).ok()?;
        // A network of everybody would let every client say who it is; a mapped address is never compared.
        if length == 0 || address.to_canonical() != address {
            return None;
        }
        prefix(address, length).map(|first| Self { first, length })
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!("`{}` is no network; write it as in \"10.0.0.0/8\"", text.escape_debug()))
        })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read() {
        for bad in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "example.com",
            "10.0.0.0/-1",
            "0.0.0.0/0",
            "::/0",
            "::ffff:10.0.0.0/104",
        ] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
        let ten = Network::parse("10.1.2.3/8").unwrap();
        assert!(ten.contains("10.255.0.1".parse().unwrap()) && !ten.contains("11.0.0.1".parse().unwrap()));
        let one = Network::parse("2001:db8::1").unwrap();
        assert!(one.contains("2001:db8::1".parse().unwrap()) && !one.contains("2001:db8::2".parse().unwrap()));
    }
}
