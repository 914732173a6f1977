//! Character references of HTML, as far as they can stand for what matters in an address or around it.

use std::borrow::Cow;

/// Letters and digits have no names, so all that is left is what parts and joins them.
const NAMED: &[(&str, char)] = &[
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("nbsp", '\u{a0}'),
    ("excl", '!'),
    ("quot", '"'),
    ("num", '#'),
    ("percnt", '%'),
    ("amp", '&'),
    ("apos", '\''),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("midast", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("lt", '<'),
    ("equals", '='),
    ("gt", '>'),
    ("quest", '?'),
    ("commat", '@'),
    ("bsol", '\\'),
    ("lowbar", '_'),
    ("grave", '`'),
    ("lcub", '{'),
    ("lbrace", '{'),
    ("rcub", '}'),
    ("rbrace", '}'),
];

/// The longest reference that is read: zeros in front are no end of it.
const LONGEST: usize = 32;

/// The value of an attribute as a reader of HTML takes it.
pub(super) fn decoded(value: &str) -> Cow<'_, str> {
    let mut pieces = value.split('&');
    let first = pieces.next().unwrap_or_default();
    if first.len() == value.len() {
        return Cow::Borrowed(value);
    }
    let mut decoded = first.to_owned();
    for piece in pieces {
        if let Some((c, rest)) = reference(piece) {
            decoded.push(c);
            decoded.push_str(rest);
        } else {
            decoded.push('&');
            decoded.push_str(piece);
        }
    }
    Cow::Owned(decoded)
}

/// The character that stands behind an ampersand, and what follows.
fn reference(text: &str) -> Option<(char, &str)> {
    let (c, rest) = match text.strip_prefix('#') {
        Some(number) => {
            let (digits, radix) = number.strip_prefix(['x', 'X']).map_or((number, 10), |digits| (digits, 16));
            let length = digits.chars().take(LONGEST).take_while(|c| c.is_digit(radix)).count();
            let code = u32::from_str_radix(digits.get(..length)?, radix).ok()?;
            (char::from_u32(code)?, digits.get(length..)?)
        }
        None => {
            let length = text.bytes().take(LONGEST).take_while(u8::is_ascii_alphabetic).count();
            let (name, rest) = text.split_at(length);
            (NAMED.iter().find(|(known, _)| *known == name)?.1, rest)
        }
    };
    Some((c, rest.strip_prefix(';').unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn references_are_read_as_html_reads_them() {
        for (value, expected) in [
            ("plain", "plain"),
            ("a&#40;b&#x29;c&lpar;d&Tab;", "a(b)c(d\t"),
            ("&#0000000040x&#44", "(x,"),
            ("a&b=1&amp;c=2", "a&b=1&c=2"),
            ("&&#;&#x;&#xffffffffff;&", "&&#;&#x;&#xffffffffff;&"),
        ] {
            assert_eq!(decoded(value), expected);
        }
    }
}
