//! Names that say that an argument is personal or secret.

/// Words of a name, singular. The list stands in the documentation of `#[tool]`.
const WORDS: &[&str] = &[
    "address",
    "apikey",
    "authorization",
    "bearer",
    "birth",
    "birthdate",
    "birthday",
    "card",
    "cookie",
    "credential",
    "cvc",
    "cvv",
    "dob",
    "email",
    "fax",
    "iban",
    "license",
    "licence",
    "mail",
    "mobile",
    "otp",
    "passcode",
    "passphrase",
    "passport",
    "passwd",
    "password",
    "phone",
    "pin",
    "pwd",
    "secret",
    "ssn",
    "surname",
    "taxid",
    "telephone",
    "token",
];

/// Words that say it together.
const PAIRS: &[(&str, &str)] = &[
    ("access", "key"),
    ("account", "number"),
    ("api", "key"),
    ("date", "birth"),
    ("family", "name"),
    ("first", "name"),
    ("full", "name"),
    ("last", "name"),
    ("national", "id"),
    ("private", "key"),
    ("social", "security"),
    ("tax", "id"),
    ("tax", "number"),
    ("vat", "id"),
];

/// The words of `name` that give it away: `customer_email` → `email`.
pub(crate) fn gives_away(name: &str) -> Option<String> {
    let words = words(name);
    if let Some(word) = words.iter().find(|word| WORDS.contains(&word.as_str())) {
        return Some(word.clone());
    }
    let pairs = words.iter().zip(words.iter().skip(1));
    let pair = |(a, b): (&String, &String)| {
        PAIRS.iter().any(|(first, second)| a == first && b == second).then(|| format!("{a}_{b}"))
    };
    pairs.into_iter().find_map(pair)
}

/// Lower case, parted at `_`, `-`, `.` and before capitals, singular.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in name.chars() {
        let parts = matches!(c, '_' | '-' | '.' | '$');
        if parts || (c.is_uppercase() && lower_before) {
            words.push(String::new());
        }
        if !parts && let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
        lower_before = c.is_lowercase();
    }
    // `date_of_birth` is the pair of its ends.
    words.retain(|word| !word.is_empty() && word != "of");
    words.iter_mut().for_each(singular);
    words
}

fn singular(word: &mut String) {
    if word.ends_with("sses") {
        word.truncate(word.len() - 2);
    } else if word.ends_with('s') && !word.ends_with("ss") && word.len() > 3 {
        word.truncate(word.len() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_themselves_away() {
        for (name, word) in [
            ("email", "email"),
            ("customer_emails", "email"),
            ("homeAddress", "address"),
            ("billing_addresses", "address"),
            ("api_key", "api_key"),
            ("apiKey", "api_key"),
            ("date_of_birth", "birth"),
            ("last_name", "last_name"),
            ("card-number", "card"),
            ("SSN", "ssn"),
        ] {
            assert_eq!(gives_away(name).as_deref(), Some(word), "{name}");
        }
    }

    #[test]
    fn whole_words_count() {
        for name in
            ["name", "id", "country", "cardinality", "pinned", "tokenizer", "discard", "key", "month", "mailbox"]
        {
            assert_eq!(gives_away(name), None, "{name}");
        }
    }
}
