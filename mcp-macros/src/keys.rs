//! The options of each attribute: what they are called, how they are written, and what people write instead.

use proc_macro2::Ident;
use syn::ext::IdentExt as _;

use crate::mistakes::{Mistakes, did_you_mean, one_of};

/// The options of one attribute.
pub(crate) struct Keys {
    /// How a message calls the place.
    place: &'static str,
    /// Name, and the form that a help line shows.
    options: &'static [(&'static str, &'static str)],
}

/// `#[server(…)]`
pub(crate) static SERVER: Keys = Keys {
    place: "`#[server]`",
    options: &[
        ("name", "`name = \"orders\"`"),
        ("version", "`version = \"1.2.0\"`"),
        ("title", "`title = \"Orders\"`"),
        ("instructions", "`instructions = \"…\"`"),
        ("rate", "`rate = \"300/min\"` (calls of one agent over all tools), or `unlimited`"),
        ("unlimited", "`unlimited`"),
        ("timeout", "`timeout = \"30s\"`"),
        ("handler", "`handler`"),
        ("crate", "`crate = ::path::to::mcp_runtime`"),
    ],
};

/// `#[tool(…)]`
pub(crate) static TOOL: Keys = Keys {
    place: "`#[tool]`",
    options: &[
        ("scope", "`scope = \"orders.read\"`, `scope = all(\"a\", \"b\")` or `scope = any(\"a\", \"b\")`"),
        ("any_caller", "`any_caller`"),
        (
            "rate",
            "`rate = \"10/min\"`, `rate(agent = \"10/min\", total = \"100/min\", burst = 20)` or `rate = inherit`",
        ),
        ("cost", "`cost = limit / 10`, an expression over the arguments"),
        ("check", "`check = path::to::function`"),
        ("guard", "`guard = path::to::function`"),
        ("errors", "`errors(NotFound { id: u32 } = \"no order has id {id}\")`"),
        ("timeout", "`timeout = \"5s\"`"),
        ("concurrency", "`concurrency = 8` or `concurrency(agent = 2, total = 8)`"),
        ("max_output", "`max_output = \"64KiB\"`"),
        ("read_only", "`read_only`"),
        ("destructive", "`destructive`"),
        ("idempotent", "`idempotent`"),
        ("open_world", "`open_world`"),
        ("name", "`name = \"get_order\"`"),
        ("title", "`title = \"Get an order\"`"),
        ("description", "`description = \"…\"`"),
        ("icons", "`icons = [\"https://example.com/icon.png\"]`"),
    ],
};

/// `#[arg(…)]`
pub(crate) static ARG: Keys = Keys {
    place: "`#[arg]`",
    options: &[
        ("range", "`range(1..=240)`"),
        ("length", "`length(1..=40)`"),
        ("items", "`items(1..=50)`"),
        ("pattern", "`pattern = \"^[A-Z]{2}$\"`"),
        ("format", "`format = \"date\"`"),
        ("default", "`default = 12`"),
        ("rename", "`rename = \"orderId\"`"),
        ("header", "`header = \"Region\"`"),
        ("flatten", "`flatten`"),
        ("strict", "`strict`"),
        ("check", "`check = path::to::function`"),
        ("pii", "`pii`"),
        ("secret", "`secret`"),
        ("plain", "`plain`"),
    ],
};

/// `#[tool_error(…)]`
pub(crate) static TOOL_ERROR: Keys = Keys {
    place: "`#[tool_error]` on a variant",
    options: &[
        ("code", "`code = \"RECORD_NOT_FOUND\"`"),
        ("retryable", "`retryable`"),
        ("retry_after", "`retry_after = \"30s\"`"),
        ("internal", "`internal`"),
        ("expose", "`expose`"),
    ],
};

/// `#[tool_error(…)]` on an enum.
pub(crate) static TOOL_ERROR_ENUM: Keys =
    Keys { place: "`#[tool_error]` on an enum", options: &[("crate", "`crate = ::path::to::mcp_runtime`")] };

/// `#[tool_error(…)]` on a struct.
pub(crate) static TOOL_ERROR_STRUCT: Keys = Keys {
    place: "`#[tool_error]`",
    options: &[
        ("code", "`code = \"RECORD_NOT_FOUND\"`"),
        ("retryable", "`retryable`"),
        ("retry_after", "`retry_after = \"30s\"`"),
        ("internal", "`internal`"),
        ("expose", "`expose`"),
        ("crate", "`crate = ::path::to::mcp_runtime`"),
    ],
};

/// `rate(…)`
pub(crate) static RATE: Keys = Keys {
    place: "`rate(…)`",
    options: &[
        ("agent", "`agent = \"10/min\"` or `agent = [\"10/s\", \"1000/day\"]`"),
        ("total", "`total = \"100/min\"` or `total = [\"100/s\", \"10000/day\"]`"),
        ("burst", "`burst = 20`"),
    ],
};

/// `concurrency(…)`
pub(crate) static CONCURRENCY: Keys =
    Keys { place: "`concurrency(…)`", options: &[("agent", "`agent = 2`"), ("total", "`total = 8`")] };

/// Attributes whose options are easily taken for one another's.
static ATTRIBUTES: &[&Keys] = &[&SERVER, &TOOL, &ARG, &TOOL_ERROR];

/// What other frameworks and habit call our options.
const SPELLINGS: &[(&str, &str)] = &[
    ("allow_any", "any_caller"),
    ("annotations", "read_only"),
    ("anonymous", "any_caller"),
    ("authenticated", "any_caller"),
    ("auth", "scope"),
    ("concurrent", "concurrency"),
    ("confidential", "secret"),
    ("custom", "check"),
    ("deadline", "timeout"),
    ("desc", "description"),
    ("doc", "description"),
    ("error", "errors"),
    ("error_code", "code"),
    ("exposed", "expose"),
    ("hidden", "internal"),
    ("icon", "icons"),
    ("len", "length"),
    ("limit", "rate"),
    ("max_concurrency", "concurrency"),
    ("max", "range"),
    ("max_items", "items"),
    ("max_length", "length"),
    ("max_size", "max_output"),
    ("maximum", "range"),
    ("min", "range"),
    ("min_items", "items"),
    ("min_length", "length"),
    ("minimum", "range"),
    ("permission", "scope"),
    ("permissions", "scope"),
    ("personal", "pii"),
    ("private", "pii"),
    ("public", "expose"),
    ("rate_limit", "rate"),
    ("rate_limits", "rate"),
    ("rates", "rate"),
    ("readonly", "read_only"),
    ("regex", "pattern"),
    ("require_scope", "scope"),
    ("required_scope", "scope"),
    ("required_scopes", "scope"),
    ("retry", "retry_after"),
    ("scopes", "scope"),
    ("sensitive", "pii"),
    ("size", "length"),
    ("summary", "description"),
    ("throttle", "rate"),
    ("transient", "retryable"),
    ("validate", "check"),
    ("validator", "check"),
];

impl Keys {
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.options.iter().any(|(option, _)| *option == name)
    }

    /// How an option is written.
    pub(crate) fn form(&self, name: &str) -> String {
        let form = self.options.iter().find(|(option, _)| *option == name).map(|(_, form)| *form);
        form.map_or_else(|| format!("`{name}`"), str::to_owned)
    }

    /// All options, as prose.
    pub(crate) fn list(&self) -> String {
        one_of(self.options.iter().map(|(option, _)| *option))
    }

    /// Says what the author probably meant, and returns it if it is one of ours.
    pub(crate) fn unknown(&self, key: &Ident, mistakes: &mut Mistakes) -> Option<&'static str> {
        let name = key.unraw().to_string();
        let what = format!("{} has no option `{name}`", self.place);
        let spelled =
            SPELLINGS.iter().find(|(wrong, right)| *wrong == name && self.knows(right)).map(|(_, right)| *right);
        if let Some(right) = spelled {
            mistakes.at(key, what, format_args!("write {}", self.form(right)));
            return Some(right);
        }
        if let Some(other) = ATTRIBUTES.iter().find(|other| other.knows(&name)) {
            let what = format_args!("`{name}` does not belong on {}", self.place);
            mistakes.at(key, what, format_args!("it is an option of {}", other.place));
            return None;
        }
        let meant = did_you_mean(&name, self.options.iter().map(|(option, _)| *option));
        match meant {
            Some(meant) => mistakes.at(key, what, format_args!("did you mean `{meant}`?")),
            None => mistakes.at(key, what, format_args!("the options are {}", self.list())),
        }
        meant
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_leads_to_an_option() {
        for (wrong, right) in SPELLINGS {
            assert!(ATTRIBUTES.iter().any(|keys| keys.knows(right)), "{right}");
            assert!(!ATTRIBUTES.iter().any(|keys| keys.knows(wrong)), "{wrong} is an option");
        }
    }

    #[test]
    fn every_option_is_documented() {
        let docs = include_str!("lib.rs");
        for keys in ATTRIBUTES {
            for (option, _) in keys.options {
                let documented =
                    docs.lines().any(|line| line.starts_with("/// |") && line.contains(&format!("`{option}")));
                assert!(documented, "{option} of {} is missing in the documentation", keys.place);
            }
        }
    }
}
