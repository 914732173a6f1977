//! Addresses that are of use inside a network alone.
//!
//! A link to a resource makes the client fetch: one to a loopback, private, link-local or metadata address would let
//! whoever wrote it reach what only the client can. Addresses are judged as they stand; names are not resolved, so a
//! public name that stands for a private address is not found.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::allow::Address;

/// Schemes whose addresses name a host of the network.
const NETWORK: &[&str] = &[
    "http", "https", "ws", "wss", "ftp", "ftps", "sftp", "ssh", "gopher", "ldap", "ldaps", "dict", "tftp", "smb",
    "nfs", "imap", "smtp", "redis", "rtsp", "telnet",
];

/// Schemes that read what is on the client's own machine, or wrap another address.
const LOCAL: &[&str] =
    &["file", "jar", "view-source", "filesystem", "blob", "javascript", "vbscript", "netdoc", "about"];

/// Endings of names that no public resolver answers.
const PRIVATE_NAMES: &[&str] =
    &["localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "private", "arpa", "svc"];

/// Whether an address leads inside, or where nobody can tell.
pub(crate) fn is_internal(address: &str) -> bool {
    let address = address.trim_matches(|c: char| c <= ' ');
    let Some((scheme, rest)) = address.split_once(':') else {
        // A relative one means a resource of this server, unless it names a host.
        return address.starts_with("//") || address.contains('\\');
    };
    let scheme = scheme.to_ascii_lowercase();
    // `git+http:` is `http:` to who understands it.
    let inner = scheme.rsplit('+').next().unwrap_or_default();
    if LOCAL.contains(&inner) || LOCAL.contains(&scheme.as_str()) {
        return true;
    }
    let network = NETWORK.contains(&inner);
    if !network && !rest.starts_with("//") {
        return false;
    }
    match Address::parse(address) {
        None => network || rest.contains('\\') || rest.contains('@'),
        Some(Address { host, .. }) => is_internal_host(host, network),
    }
}

fn is_internal_host(host: &str, network: bool) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if let Some(inner) = bracketed {
        return inner.parse::<Ipv6Addr>().map_or(true, |address| is_internal_ip(address.into()));
    }
    if let Some(address) = ipv4(&host) {
        return is_internal_ip(address.into());
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    if network && (numeric || !host.contains('.')) {
        // A number that is no address, or a name of one label, which only a resolver inside can complete.
        return true;
    }
    last == "localhost" || (host.contains('.') && PRIVATE_NAMES.contains(&last))
}

/// An IPv4 address in all the forms that a resolver takes: of one to four parts, decimal, octal or hexadecimal.
fn ipv4(host: &str) -> Option<Ipv4Addr> {
    let mut numbers = Vec::with_capacity(4);
    for part in host.split('.') {
        let number = if let Some(hex) = part.strip_prefix("0x") {
            if hex.is_empty() { 0 } else { u32::from_str_radix(hex, 16).ok()? }
        } else if part.len() > 1 && part.starts_with('0') {
            u32::from_str_radix(part, 8).ok()?
        } else {
            part.parse().ok()?
        };
        if numbers.len() == 4 {
            return None;
        }
        numbers.push(number);
    }
    let (last, firsts) = numbers.split_last()?;
    let mut address = *last;
    if u64::from(*last) >= 1_u64 << (8 * (4 - firsts.len())) {
        return None;
    }
    for (index, number) in firsts.iter().enumerate() {
        address |= u32::from(u8::try_from(*number).ok()?) << (24 - 8 * index);
    }
    Some(Ipv4Addr::from(address))
}

fn is_internal_ip(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_internal_v4(address),
        IpAddr::V6(address) => {
            let [a, b, .., y, z] = address.segments();
            let embedded = Ipv4Addr::from(u32::from(y) << 16 | u32::from(z));
            let sixth = Ipv4Addr::from(u32::from(b) << 16 | u32::from(address.segments()[2]));
            match a {
                // Mapped and compatible addresses, loopback, unspecified.
                0 => true,
                0x64 if b == 0xff9b => is_internal_v4(embedded),
                0x2002 => is_internal_v4(sixth),
                // Teredo, documentation.
                0x2001 if b < 0x200 || b == 0xdb8 => true,
                // What is public is 2000::/3.
                _ => a & 0xe000 != 0x2000,
            }
        }
    }
}

/// The special-purpose addresses of IANA's registry, multicast, and the metadata services that use public ones.
fn is_internal_v4(address: Ipv4Addr) -> bool {
    matches!(
        address.octets(),
        [0 | 10 | 127 | 224..=255, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 168, ..]
            | [192, 0, 0 | 2, _]
            | [198, 18 | 19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [100, 64..=127, ..]
            | [168, 63, 129, 16]
    )
}

#[cfg(test)]
mod tests {
    use super::is_internal;

    #[test]
    fn inside_is_told_from_outside() {
        for address in [
            "http://127.0.0.1/",
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://0177.0.0.1/",
            "http://0x7f.1/",
            "http://0/",
            "http://[::1]/",
            "http://[::]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[fe80::1]/",
            "http://[fd00::1]/",
            "http://[64:ff9b::7f00:1]/",
            "http://[2002:7f00:1::]/",
            "http://10.1.2.3/",
            "http://172.16.0.1:8080/x",
            "http://192.168.1.1/",
            "http://169.254.169.254/latest/",
            "http://100.100.100.200/",
            "http://168.63.129.16/",
            "http://localhost/",
            "http://LOCALHOST:80/",
            "http://a.localhost/",
            "http://localhost./",
            "http://metadata.google.internal/",
            "http://printer.local/",
            "http://redis:6379/",
            "https://db.svc/",
            "http://user@example.com/",
            "http:\\\\127.0.0.1\\",
            "http:127.0.0.1",
            "http://127.0.0.1%2eexample.com/",
            "http://\u{ff11}27.0.0.1/",
            "file:///etc/passwd",
            "FILE:/etc/passwd",
            "jar:file:///a!/b",
            "git+http://10.0.0.1/",
            "custom://127.0.0.1/x",
            "custom://localhost/x",
            "//10.0.0.1/x",
            "\\\\server\\share",
            "ftp://256.1.1.1/",
            "http://",
            "javascript:alert(1)",
            " file:///x",
        ] {
            assert!(is_internal(address), "{address}");
        }
        for address in [
            "https://example.com/a",
            "http://93.184.216.34/",
            "https://[2606:4700::1111]/",
            "revenue://reports/1",
            "note:1",
            "urn:isbn:0451450523",
            "ui://widget/view",
            "reports/1",
            "https://example.com:8443/a?b=c",
            "http://11.0.0.1/",
            "http://172.32.0.1/",
            "https://local.example.com/",
            "mailto:a@example.com",
        ] {
            assert!(!is_internal(address), "{address}");
        }
    }
}
