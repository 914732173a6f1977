//! Numbers as the text has them.
//!
//! A JSON reader without arbitrary precision turns `9007199254740993.0` into a float, and so into another number. What the
//! text says is read once more here: a number that is an integer of 64 bits, however it is written (`10.0`, `1e17`),
//! becomes that integer, and every other one stays the float that it was read as. After this, a float in the value stands for
//! no integer that a Rust type could hold, whether it is whole or not, except -0.0.

use serde_json::Number;

use super::Document;

/// Gives the integers in a value their exact form; `text` is what the value was read from. The numbers of the value come
/// in the order of the text.
pub(super) fn exact(document: &mut Document<'_>, text: &str) {
    let tokens = Tokens { text: text.as_bytes(), at: 0 };
    for (number, token) in document.numbers_mut().zip(tokens) {
        if !number.is_f64() {
            continue;
        }
        if let Some(integer) = integer(token).and_then(in_64_bits) {
            *number = integer;
        } else if number.as_f64() == Some(0.0) && !is_zero(token) {
            // Too small for a float. It is no -0, which would pass for an integer.
            *number = Number::from_f64(0.0).unwrap_or_else(|| 0.into());
        }
    }
}

fn in_64_bits(integer: i128) -> Option<Number> {
    let signed = i64::try_from(integer).map(Number::from);
    signed.or_else(|_| u64::try_from(integer).map(Number::from)).ok()
}

/// The number tokens of a text that is valid JSON.
struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut in_string = false;
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'\\' if in_string => self.at += 1,
                b'"' => in_string = !in_string,
                b'-' | b'0'..=b'9' if !in_string => {
                    let rest = self.text.get(self.at..).unwrap_or_default();
                    let length = rest.iter().take_while(|byte| is_part(**byte)).count();
                    self.at += length;
                    return rest.get(..length);
                }
                _ => {}
            }
            self.at += 1;
        }
        None
    }
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

/// Whether a number token has no digit but zeros before its exponent.
fn is_zero(token: &[u8]) -> bool {
    token.iter().take_while(|byte| !matches!(byte, b'e' | b'E')).all(|byte| matches!(byte, b'-' | b'0' | b'.'))
}

/// The integer that a number token stands for; `None` if it has a fraction, is -0, or is far from 64 bits.
fn integer(token: &[u8]) -> Option<i128> {
    let token = std::str::from_utf8(token).ok()?;
    let (negative, token) = match token.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, token),
    };
    let (mantissa, exponent) = match token.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()),
        None => (token, Some(0)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    if whole.trim_start_matches('0').is_empty() && fraction.is_empty() {
        return (!negative).then_some(0);
    }
    // The digits without zeros at either end, and how many zeros follow them.
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let cut = i64::try_from(digits.len() - significant.len()).ok()?;
    let zeros = exponent?.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(cut)?;
    let significant = significant.trim_start_matches('0');
    if !(0..=20).contains(&zeros) || significant.len() > 20 {
        return None;
    }
    let magnitude = significant.parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(u32::try_from(zeros).ok()?)?)?;
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &str) -> Value {
        let mut document = Document::of(&serde_json::from_str(text).unwrap());
        exact(&mut document, text);
        document.root().to_value()
    }

    #[test]
    fn an_integer_is_one_however_it_is_written() {
        for (text, expected) in [
            ("10.0", json!(10)),
            ("1e1", json!(10)),
            ("1E+1", json!(10)),
            ("100e-1", json!(10)),
            ("0.001e3", json!(1)),
            ("120.50e1", json!(1205)),
            ("0.0", json!(0)),
            ("0e999", json!(0)),
            ("-10.0", json!(-10)),
            ("9007199254740993.0", json!(9_007_199_254_740_993_u64)),
            ("9223372036854775808.0", json!(9_223_372_036_854_775_808_u64)),
            ("-9223372036854775808.0", json!(i64::MIN)),
            ("1.8446744073709551615e19", json!(u64::MAX)),
            ("1e17", json!(100_000_000_000_000_000_u64)),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_integer_of_64_bits_stays_a_float() {
        for text in [
            "1.5",
            "1.0000000000000000001",
            "9007199254740993.5",
            "18446744073709551616",
            "-9223372036854775809",
            "1e30",
            "1e-400",
            "-0",
            "-0.0",
            "1e20",
        ] {
            assert!(read(text).is_f64(), "{text}");
        }
    }

    #[test]
    fn numbers_are_told_from_digits_in_texts() {
        let text = r#"{"1\"2":[1.0,"3\\",-4.0],"b":{"5":6e0,"c":"\u0037"},"d":8.5}"#;
        assert_eq!(read(text), json!({"1\"2": [1, "3\\", -4], "b": {"5": 6, "c": "7"}, "d": 8.5}));
    }
}
