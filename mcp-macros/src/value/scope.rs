//! Scopes as a tool writes them: scope tokens (RFC 6749, section 3.3) without wildcards, in which `{argument}` may fill a
//! whole segment.

use crate::mistakes::Fault;

/// The longest scope, placeholders as written.
const MAX_BYTES: usize = 256;

/// The arguments that fill segments, in order.
pub(crate) fn parse(text: &str) -> Result<Vec<String>, Fault> {
    let quoted = text.escape_debug();
    if text.is_empty() {
        return Err(Fault::new(
            "this scope is empty",
            "write a scope such as `orders.read`, or `any_caller` instead of `scope`",
        ));
    }
    if text.len() > MAX_BYTES {
        return Err(Fault::new(
            format_args!("this scope is {} bytes long", text.len()),
            format_args!("write at most {MAX_BYTES}"),
        ));
    }
    if text.contains('*') {
        return Err(Fault::new(
            format_args!("`{quoted}` holds a wildcard: a tool asks for one exact scope, and grants hold wildcards"),
            "name the scope, or let an argument fill the segment: `customer:{id}:read`",
        ));
    }
    if let Some(c) = text.chars().find(|c| !matches!(c, '!' | '#'..='[' | ']'..='~')) {
        return Err(Fault::new(
            format_args!("`{}` cannot stand in a scope", c.escape_debug()),
            "a scope is printable ASCII without space, `\"` and `\\` (RFC 6749, section 3.3); for several scopes write `all(\"a\", \"b\")`",
        ));
    }
    let mut placeholders = Vec::new();
    for segment in text.split(['.', ':']) {
        if segment.is_empty() {
            return Err(Fault::new(
                format_args!("`{quoted}` has an empty segment"),
                "`.` and `:` part segments, such as `orders.read`",
            ));
        }
        match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) if is_ident(name) => placeholders.push(name.to_owned()),
            None if !segment.contains(['{', '}']) => {}
            _ => {
                return Err(Fault::new(
                    format_args!("an argument fills a whole segment, unlike in `{segment}`"),
                    "write `customer:{id}:read`, with `.` or `:` around the braces",
                ));
            }
        }
    }
    Ok(placeholders)
}

fn is_ident(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_fill_segments() {
        assert_eq!(parse("orders.read"), Ok(vec![]));
        assert_eq!(parse("customer:{id}:read"), Ok(vec!["id".to_owned()]));
        assert_eq!(parse("{a}.{b}"), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(parse("urn:orders/read"), Ok(vec![]));
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        for bad in [
            "", " ", "a b", "a\"b", "a\\b", "é", "*", "a.*", "a..b", ".a", "a.", ":", "a{id}", "{id}a", "{}", "{1}",
            "{a.b}", "a}",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&"a".repeat(257)).is_err());
    }
}
