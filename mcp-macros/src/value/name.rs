//! Names on the wire.

use super::hidden;
use crate::mistakes::Fault;

/// A tool's name: `[A-Za-z0-9_.-]{1,128}`.
pub(crate) fn tool(text: &str) -> Result<(), Fault> {
    hidden::line(text, "the name")?;
    if let Some(c) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))) {
        return Err(Fault::new(
            format_args!("`{c}` cannot stand in the name of a tool"),
            "a name is made of letters, digits, `_`, `.` and `-`",
        ));
    }
    length(text, 128, "the name of a tool")
}

/// An argument's name: what every client takes as the name of a property.
pub(crate) fn argument(text: &str) -> Result<(), Fault> {
    hidden::line(text, "the name")?;
    if let Some(c) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '$'))) {
        return Err(Fault::new(
            format_args!("`{c}` cannot stand in the name of an argument"),
            "a name is made of letters, digits, `_`, `.`, `-` and `$`",
        ));
    }
    length(text, 64, "the name of an argument")
}

/// A server's name.
pub(crate) fn server(text: &str) -> Result<(), Fault> {
    hidden::line(text, "the name")?;
    if text.trim() != text {
        return Err(Fault::new("the name starts or ends with white space", "write it without"));
    }
    length(text, 128, "the name of a server")
}

/// A header's name: a token (RFC 9110, section 5.6.2).
pub(crate) fn header(text: &str) -> Result<(), Fault> {
    if let Some(c) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(*c))) {
        return Err(Fault::new(
            format_args!("`{}` cannot stand in the name of a header", c.escape_debug()),
            "write a name such as `header = \"Region\"`, which clients send as `Mcp-Param-Region`",
        ));
    }
    length(text, 64, "the name of a header")
}

/// An icon's address.
pub(crate) fn icon(text: &str) -> Result<(), Fault> {
    hidden::line(text, "the address")?;
    if text.starts_with("https://") || text.starts_with("data:image/") {
        return Ok(());
    }
    Err(Fault::new(
        format_args!("`{}` is no address that a client loads an icon from", text.escape_debug()),
        "write an `https://…` or `data:image/…` address",
    ))
}

fn length(text: &str, max: usize, what: &str) -> Result<(), Fault> {
    match text.len() {
        0 => Err(Fault::new(format_args!("{what} is empty"), "write at least one letter")),
        length if length > max => {
            Err(Fault::new(format_args!("{what} is {length} bytes long"), format_args!("write at most {max}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_every_client_takes() {
        for good in ["a", "get_order", "orders.get-2"] {
            assert!(tool(good).is_ok(), "{good}");
        }
        for bad in ["", "get order", "über", "a/b", "a\u{200b}", &"a".repeat(129)] {
            assert!(tool(bad).is_err(), "{bad}");
        }
        assert!(argument("$filter").is_ok());
        assert!(server("Order desk (EU)").is_ok());
        assert!(server(" orders").is_err());
        assert!(header("Region").is_ok());
        assert!(header("My Region").is_err());
        assert!(icon("http://example.com/a.png").is_err());
    }
}
