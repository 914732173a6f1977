//! One key of a key set, bound to the algorithms that it is made for (RFC 8725, section 3.1).

use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// Keys of one set, at the most.
const MAX_KEYS: usize = 100;

/// The longest key id that is looked for, in bytes.
pub(super) const MAX_KID_BYTES: usize = 256;

/// RFC 7518, sections 3.3 and 3.5: "a key of size 2048 bits or larger".
const MIN_RSA_BYTES: usize = 256;

/// A public key for signatures.
pub(super) struct Key {
    kid: Option<Box<str>>,
    algorithms: Vec<Algorithm>,
    public: DecodingKey,
    /// What it was read from: two fetches of one set compare equal.
    text: Jwk,
}

impl Key {
    /// Whether the signature over the message is this key's. The algorithm has to be one that the key is made for.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        // The provider is named: the process-wide one depends on what other crates turn on.
        self.algorithms.contains(&algorithm)
            && (DEFAULT_PROVIDER.verifier_factory)(&algorithm, &self.public)
                .is_ok_and(|verifier| verifier.verify(message, &signature.to_vec()).is_ok())
    }
}

/// The keys of an issuer.
#[derive(Default)]
pub(super) struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a key set (RFC 7517, section 5). Keys that are of no use for signatures are left out; so are those that are
    /// not valid, so that one of them does not take the others along.
    ///
    /// # Errors
    /// Text that is no key set, or one with too many keys.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct Jwks {
            keys: Vec<serde_json::Value>,
        }
        let set: Jwks = serde_json::from_str(text).map_err(|_| "it is no key set (RFC 7517)")?;
        if set.keys.len() > MAX_KEYS {
            return Err("the key set has more than 100 keys");
        }
        let keys = set.keys.into_iter().filter_map(|key| Jwk::deserialize(key).ok()?.key());
        Ok(Self(keys.collect()))
    }

    /// The key of this id for this algorithm; without an id, the only one for the algorithm.
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let mut fitting = self.0.iter().filter(|key| key.algorithms.contains(&algorithm));
        match kid {
            Some(kid) => fitting.find(|key| key.kid.as_deref() == Some(kid)),
            None => fitting.next().filter(|_| fitting.next().is_none()),
        }
    }

    /// Whether a key of this id is there, for whichever algorithm.
    pub(super) fn has(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid.as_deref() == Some(kid))
    }
}

impl PartialEq for KeySet {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().map(|key| &key.text).eq(other.0.iter().map(|key| &key.text))
    }
}

/// A JSON Web Key, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Jwk {
    fn key(self) -> Option<Key> {
        let is_other = |word: &Option<String>, wanted: &str| word.as_deref().is_some_and(|word| word != wanted);
        let cannot_verify = self.key_ops.as_ref().is_some_and(|ops| !ops.iter().any(|op| op == "verify"));
        let is_long = self.kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES);
        if is_other(&self.usage, "sig") || cannot_verify || is_long {
            return None;
        }
        let (x, y) = (self.x.as_deref(), self.y.as_deref());
        let (algorithms, public) = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => (RSA, rsa(self.n.as_deref()?, self.e.as_deref()?)?),
            ("EC", Some("P-256")) => (&[Algorithm::ES256][..], DecodingKey::from_ec_components(x?, y?).ok()?),
            ("EC", Some("P-384")) => (&[Algorithm::ES384][..], DecodingKey::from_ec_components(x?, y?).ok()?),
            ("OKP", Some("Ed25519")) => (&[Algorithm::EdDSA][..], DecodingKey::from_ed_components(x?).ok()?),
            // A shared secret (`oct`) has no place in a public key set.
            _ => return None,
        };
        let algorithms: Vec<_> = match self.alg.as_deref() {
            None => algorithms.to_vec(),
            // RFC 9864 calls it by its curve.
            Some("Ed25519") => algorithms.iter().filter(|a| **a == Algorithm::EdDSA).copied().collect(),
            Some(name) => algorithms.iter().filter(|a| name.parse() == Ok(**a)).copied().collect(),
        };
        let kid = self.kid.as_deref().map(Into::into);
        (!algorithms.is_empty()).then_some(Key { kid, algorithms, public, text: self })
    }
}

const RSA: &[Algorithm] =
    &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512];

fn rsa(n: &str, e: &str) -> Option<DecodingKey> {
    let modulus = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, n).ok()?;
    let significant = modulus.iter().skip_while(|byte| **byte == 0).count();
    (significant >= MIN_RSA_BYTES).then(|| DecodingKey::from_rsa_components(n, e).ok())?
}
