//! Error codes.

use crate::mistakes::Fault;

/// The codes of the framework, which no tool may give another meaning.
const FRAMEWORK: &[&str] = &[
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "RATE_LIMITED",
    "INVALID_ARGUMENTS",
    "INVALID_REQUEST",
    "TIMEOUT",
    "OVERLOADED",
    "CANCELLED",
    "OUTPUT_TOO_LARGE",
    "OUTPUT_INVALID",
    "UNAVAILABLE",
    "INTERNAL",
];

/// Whether the framework uses this code.
pub(crate) fn is_frameworks(code: &str) -> bool {
    FRAMEWORK.contains(&code)
}

/// `RecordNotFound` → `RECORD_NOT_FOUND`, `HTTPError` → `HTTP_ERROR`, `Http2Reset` → `HTTP2_RESET`.
pub(crate) fn of_variant(name: &str) -> String {
    let letters: Vec<char> = name.chars().filter(|c| *c != '_').collect();
    let mut code = String::with_capacity(name.len() + 4);
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let after = letters.get(at + 1);
        let starts_word = letter.is_uppercase()
            && before.is_some_and(|before| !before.is_uppercase() || after.is_some_and(|after| after.is_lowercase()));
        if starts_word {
            code.push('_');
        }
        code.extend(letter.to_uppercase());
    }
    code
}

/// A code as the attribute writes it.
pub(crate) fn check(text: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let shaped = text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(good)
        && !text.ends_with('_')
        && !text.contains("__");
    if !shaped || text.len() > 64 {
        let meant: String = text
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
            .collect::<String>()
            .split('_')
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join("_");
        let meant = if text.chars().any(|c| c.is_ascii_lowercase()) && !text.contains(['_', '-', ' ']) {
            of_variant(text)
        } else {
            meant
        };
        let fine = meant.starts_with(|c: char| c.is_ascii_uppercase()) && meant.chars().all(good) && meant.len() <= 64;
        let help = if fine { meant } else { "RECORD_NOT_FOUND".to_owned() };
        return Err(Fault::new(
            format_args!("`{}` is no error code", text.escape_debug()),
            format_args!("codes are in SCREAMING_SNAKE_CASE, 64 bytes at the most: `code = \"{help}\"`"),
        ));
    }
    if is_frameworks(text) {
        return Err(frameworks(text));
    }
    Ok(())
}

/// A code that has a meaning already.
pub(crate) fn frameworks(code: &str) -> Fault {
    Fault::new(
        format_args!("the code `{code}` is the framework's: an agent could not tell the two apart"),
        format_args!("rename the variant, or write `#[tool_error(code = \"UPSTREAM_{code}\")]`"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_become_codes() {
        for (variant, code) in [
            ("RecordNotFound", "RECORD_NOT_FOUND"),
            ("Gone", "GONE"),
            ("HTTPError", "HTTP_ERROR"),
            ("Http2Reset", "HTTP2_RESET"),
            ("IOError", "IO_ERROR"),
            ("NotA", "NOT_A"),
            ("Snake_Case", "SNAKE_CASE"),
        ] {
            assert_eq!(of_variant(variant), code);
            assert!(check(code).is_ok());
        }
    }

    #[test]
    fn codes_have_one_form() {
        for bad in ["", "not-found", "notFound", "_A", "A_", "A__B", "1A", "É", "TIMEOUT", "INTERNAL"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(format!("{:?}", check("not-found")).contains("NOT_FOUND"));
        assert!(format!("{:?}", check("notFound")).contains("NOT_FOUND"));
    }
}
