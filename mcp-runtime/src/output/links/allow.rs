//! Which addresses may load by themselves.

/// Bytes that stand in no address that is left alone: they end it for one reader and not for another.
const fn ends_an_address(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, 0x7f | b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' | b'^' | b'|')
}

/// The prefixes of `[links] allowed`.
///
/// An address falls under a prefix if scheme, host and port are the same and its path starts with the prefix's path, at
/// the end of a segment. It is compared as it stands: whatever two readers could understand in two ways (user
/// information, backslashes, character references, encoded dots and slashes below a path) is not allowed.
#[derive(Clone, Debug, Default)]
pub struct Links {
    allowed: Vec<Prefix>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Prefix {
    scheme: String,
    host: String,
    port: Option<u16>,
    path: String,
}

/// An address, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address<'a> {
    pub(super) scheme: &'a str,
    pub(super) host: &'a str,
    pub(super) port: Option<u16>,
    pub(super) path: &'a str,
}

impl Links {
    /// Reads the prefixes: scheme, host and path, as in `https://example.com/images/`.
    ///
    /// # Errors
    /// A prefix that is none, in words that say how to mend it.
    pub fn new<T: AsRef<str>>(prefixes: impl IntoIterator<Item = T>) -> Result<Self, String> {
        let allowed = prefixes.into_iter().map(|prefix| Prefix::new(prefix.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self { allowed })
    }

    /// Whether an address falls under an allowed prefix.
    pub(crate) fn allows(&self, address: &str) -> bool {
        !self.allowed.is_empty()
            && Address::parse(address).is_some_and(|address| self.allowed.iter().any(|prefix| prefix.holds(&address)))
    }

    /// Whether something that loads by itself keeps this address: it is allowed, or it names no host.
    pub(super) fn keeps(&self, address: &str) -> bool {
        // Addresses are parted from ASCII spaces by every reader, from others by some.
        let address = address.trim_matches(|c: char| c <= ' ' || c.is_whitespace());
        // Brackets and quotes could start something else for who does not take the address for one.
        names_no_host(address) || (self.allows(address) && !has_brackets(address))
    }
}

/// Whether there are square brackets other than around the host.
fn has_brackets(address: &str) -> bool {
    let host = address.find("://[").and_then(|start| address.get(start..)?.find(']').map(|end| start + end + 1));
    address.get(host.unwrap_or_default()..).is_some_and(|rest| rest.contains(['[', ']']))
}

/// A relative reference, by path, query or fragment: it reaches nobody whom the page does not come from.
fn names_no_host(address: &str) -> bool {
    if address.bytes().any(|byte| ends_an_address(byte) || matches!(byte, b'[' | b']')) || address.starts_with("//") {
        return false;
    }
    let head = head(address);
    let first = head.split('/').next().unwrap_or_default();
    (!first.contains(':') || is_path_of_code(first)) && !head.contains('&')
}

/// `crate::module::Type`, as documentation of Rust has it: schemes have no underscore, and none is named like these.
fn is_path_of_code(path: &str) -> bool {
    let (first, rest) = path.split_once("::").unwrap_or_default();
    let no_scheme = ["crate", "self", "super", "std", "core", "alloc"].contains(&first) || first.contains('_');
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b"_:!().".contains(&byte);
    no_scheme && first.bytes().chain(rest.bytes()).all(in_path)
}

/// What stands before query and fragment.
fn head(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or_default()
}

impl<'a> Address<'a> {
    /// Reads `scheme://host:port/path`; `None` for what is none, or could be understood in two ways.
    pub(super) fn parse(address: &'a str) -> Option<Self> {
        let address = address.trim_matches(|c: char| c <= ' ');
        if address.bytes().any(ends_an_address) {
            return None;
        }
        let (scheme, rest) = head(address).split_once("://")?;
        let (first, others) = scheme.as_bytes().split_first()?;
        if !first.is_ascii_alphabetic()
            || !others.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
        {
            return None;
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.strip_prefix('[') {
            Some(_) => authority.split_at(authority.find(']')? + 1),
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            Some("") => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
            None if port.is_empty() => None,
            _ => return None,
        };
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let plain = match bracketed {
            Some(inner) => inner.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')),
            None => host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)),
        };
        let refers = path.contains(['&', '[', ']']);
        (plain && !refers).then_some(Self { scheme, host, port, path })
    }
}

impl Prefix {
    fn new(prefix: &str) -> Result<Self, String> {
        let shown = prefix.escape_debug();
        let Some(address) = Address::parse(prefix).filter(|_| !prefix.contains(['?', '#', ' '])) else {
            return Err(format!("`{shown}` is no prefix; write scheme, host and path, as in \"https://example.com/\""));
        };
        if address.host.is_empty() && !address.scheme.eq_ignore_ascii_case("file") {
            return Err(format!("`{shown}` names no host; write it as in \"https://example.com/\""));
        }
        if !is_plain_path(address.path) {
            return Err(format!("`{shown}`: the path of a prefix has no `.`, `..` and encoded characters of its own"));
        }
        let scheme = address.scheme.to_ascii_lowercase();
        let path = if address.path.is_empty() { "/" } else { address.path };
        Ok(Self {
            port: effective_port(&scheme, address.port),
            host: address.host.to_ascii_lowercase(),
            path: path.to_owned(),
            scheme,
        })
    }

    fn holds(&self, address: &Address<'_>) -> bool {
        self.scheme.eq_ignore_ascii_case(address.scheme)
            && self.host.eq_ignore_ascii_case(address.host)
            && self.port == effective_port(&self.scheme, address.port)
            && self.holds_path(address.path)
    }

    fn holds_path(&self, path: &str) -> bool {
        // Below the root there is nothing to climb out of.
        if self.path == "/" {
            return true;
        }
        let below = path.strip_prefix(self.path.as_str());
        let at_segment = |rest: &str| self.path.ends_with('/') || rest.is_empty() || rest.starts_with('/');
        below.is_some_and(at_segment) && is_plain_path(path)
    }
}

/// Whether a path stays where it seems to be.
fn is_plain_path(path: &str) -> bool {
    let encoded = |pair: &[u8]| {
        matches!(pair, [b'2', b'e' | b'E' | b'f' | b'F' | b'5'] | [b'5', b'c' | b'C'])
            || !pair.iter().all(u8::is_ascii_hexdigit)
    };
    path.split('/').all(|segment| segment != "." && !segment.starts_with(".."))
        && path.split('%').skip(1).all(|rest| rest.as_bytes().get(..2).is_some_and(|pair| !encoded(pair)))
}

fn effective_port(scheme: &str, port: Option<u16>) -> Option<u16> {
    port.or(match scheme {
        "https" | "wss" => Some(443),
        "http" | "ws" => Some(80),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::Links;

    #[test]
    fn a_prefix_is_scheme_host_and_segments() {
        let links = Links::new(["https://example.com/", "https://cdn.example.com/public/", "http://localhost:8080/a"])
            .expect("prefixes");
        for (address, allowed) in [
            ("https://example.com/", true),
            ("https://example.com", true),
            ("https://example.com?q=1", true),
            ("https://example.com/a/b.png?x=1&y=2#z", true),
            ("https://example.com/a/../b", true),
            ("HTTPS://Example.COM/a", true),
            ("https://example.com:443/a", true),
            ("https://example.com:8443/a", false),
            ("http://example.com/a", false),
            ("//example.com/a", false),
            ("https:example.com/a", false),
            ("https:/example.com/a", false),
            ("https:///example.com/a", false),
            ("https://example.com.evil.io/a", false),
            ("https://example.comevil.io/a", false),
            ("https://evil.io/https://example.com/", false),
            ("https://example.com@evil.io/", false),
            ("https://example.com:443@evil.io/", false),
            ("https://user:pw@example.com/", false),
            ("https://evil.io\\@example.com/", false),
            ("https://example.com\\@evil.io/", false),
            ("https://example.com\\.evil.io/", false),
            ("https://evil.io#https://example.com/", false),
            ("https://evil.io?https://example.com/", false),
            ("https://example.com%2eevil.io/", false),
            ("https://example.com%2f.evil.io/", false),
            ("https://example.com&#46;evil.io/", false),
            ("https://example.com./", false),
            ("https://example\u{3002}com/", false),
            ("https://\u{ff45}xample.com/", false),
            ("https://exa\nmple.com/", false),
            ("https://example.com /a", false),
            ("https://example.com:99999/", false),
            ("https://example.com:/a", true),
            ("https://[example.com]/", false),
            ("https://sub.example.com/", false),
            ("https://cdn.example.com/public/a.png", true),
            ("https://cdn.example.com/public/a%20b.png", true),
            ("https://cdn.example.com/public/", true),
            ("https://cdn.example.com/public", false),
            ("https://cdn.example.com/publicly/a", false),
            ("https://cdn.example.com/PUBLIC/a", false),
            ("https://cdn.example.com/public/../private", false),
            ("https://cdn.example.com/public/%2e%2e/private", false),
            ("https://cdn.example.com/public/%2E./private", false),
            ("https://cdn.example.com/public/..%2fprivate", false),
            ("https://cdn.example.com/public/..;/private", false),
            ("https://cdn.example.com/public/%252e%252e/private", false),
            ("https://cdn.example.com/public/%5c..", false),
            ("https://cdn.example.com/public/%", false),
            ("http://localhost:8080/a", true),
            ("http://localhost:8080/a/b", true),
            ("http://localhost:8080/ab", false),
            ("http://localhost/a", false),
            ("javascript:alert(1)", false),
            ("data:image/png;base64,AAAA", false),
            ("", false),
        ] {
            assert_eq!(links.allows(address), allowed, "{address}");
        }
        assert!(!Links::default().allows("https://example.com/"));
    }

    #[test]
    fn what_names_no_host_is_kept() {
        let links = Links::default();
        for address in [
            "",
            "logo.png",
            "./a/b.png",
            "../a.png",
            "/a/b?x=1&y=2",
            "#part",
            "?q=a:b",
            "a/b:c",
            "{logo}",
            "größe.png",
            "crate::a::B",
            "a_b::c()",
            "x(y)=z",
        ] {
            assert!(links.keeps(address), "{address}");
        }
        for address in [
            "//evil.io",
            "/\\evil.io",
            "\\\\evil.io",
            "https://evil.io",
            "https:evil.io",
            "data:,x",
            "ht\ntps://evil.io",
            "javascript:x",
            "&#104;ttps://evil.io",
            "&sol;/evil.io",
            "x y",
            "https&colon;//evil.io",
            " //evil.io",
            "\u{a0}//evil.io",
            "\u{3000}https://evil.io\u{2003}",
            "blob:x",
            "\u{1}//evil.io",
        ] {
            assert!(!links.keeps(address), "{address}");
        }
    }

    #[test]
    fn a_prefix_that_is_none_is_explained() {
        for prefix in [
            "example.com",
            "*",
            "https://",
            "https://*.example.com/",
            "https://a@example.com/",
            "data:",
            "https:example.com",
            "https://example.com/a/../b",
            "https://example.com/?q",
            "https://example.com/%2e",
            "https://example.com/ a",
        ] {
            assert!(Links::new([prefix]).is_err(), "{prefix}");
        }
        assert!(Links::new(["file:///srv/share/", "https://example.com", "http://[::1]:80/"]).is_ok());
    }
}
