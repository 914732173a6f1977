//! Bytes as they stand in records and lines: lower-case hexadecimal digits.

/// The two digits of each byte.
const PAIRS: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    pairs
};

/// Appends the digits.
pub(crate) fn write(bytes: &[u8], to: &mut Vec<u8>) {
    to.reserve(2 * bytes.len());
    for byte in bytes {
        to.extend_from_slice(&PAIRS[usize::from(*byte)]);
    }
}

/// The digits as a text.
pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| PAIRS[usize::from(*byte)]).map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_write_what_rust_writes() {
        let bytes: Vec<u8> = (0..=255).collect();
        let expected = bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let mut written = Vec::new();
        write(&bytes, &mut written);
        assert_eq!(String::from_utf8(written).unwrap(), expected);
        assert_eq!(text(&bytes), expected);
    }
}
