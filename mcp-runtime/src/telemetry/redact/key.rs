//! Keyed digests: HMAC-SHA-256 (RFC 2104).

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// A key, with what is the same for all its digests computed once.
#[derive(Clone)]
pub(crate) struct Key(Hmac<Sha256>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let mut block = [0; 64];
        block[..32].copy_from_slice(key);
        Self(<Hmac<Sha256> as hmac::digest::KeyInit>::new(&block.into()))
    }

    /// A key for one use alone, so that what is digested for one is no digest for another.
    pub(crate) fn derive(&self, label: &str) -> Self {
        Self::new(&self.full(format!("mcp-runtime {label} v1").as_bytes()))
    }

    /// The whole digest.
    pub(crate) fn full(&self, text: &[u8]) -> [u8; 32] {
        let mut hmac = self.0.clone();
        hmac.update(text);
        hmac.finalize().into_bytes().into()
    }

    /// The digest, cut to 128 bits.
    pub(super) fn digest(&self, text: &[u8]) -> [u8; 16] {
        let mut cut = [0; 16];
        cut.copy_from_slice(&self.full(text)[..16]);
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2, with its key filled up: HMAC pads keys with zeros itself.
    #[test]
    fn it_is_hmac() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let digest = Key::new(&key).full(b"what do ya want for nothing?");
        assert_eq!(digest[..4], [0x5b, 0xdc, 0xc1, 0x46]);
        assert_ne!(Key::new(&key).derive("a").full(b""), Key::new(&key).derive("b").full(b""));
    }
}
