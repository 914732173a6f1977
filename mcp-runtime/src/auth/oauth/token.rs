//! A signed token as text: RFC 7515's compact form, read strictly.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::key::MAX_KID_BYTES;
use crate::json::read;

/// Parameters of a header that bring a key along, or change what is signed. None of them is ever needed.
const FOREIGN: [&str; 8] = ["crit", "jwk", "jku", "x5u", "x5c", "b64", "enc", "zip"];

/// A signed token, taken apart. Nothing in it is verified yet.
pub(super) struct Token<'a> {
    /// What the signature is over.
    signed: &'a str,
    signature: Vec<u8>,
    header: Map<String, Value>,
    pub(super) claims: Map<String, Value>,
}

/// The header of a token, checked.
pub(super) struct Header<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<&'a str>,
}

impl<'a> Token<'a> {
    /// Takes a token apart; `None` for a text that is no signed token at all, but could be an opaque one.
    ///
    /// # Errors
    /// A token that has the form and breaks it, as by a parameter or claim that stands twice.
    pub(super) fn parse(text: &'a str) -> Option<Result<Self, &'static str>> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.').filter(|(_, claims)| !claims.contains('.'))?;
        // What does not begin with a header in JSON has the dots by chance.
        let header = URL_SAFE_NO_PAD.decode(header).ok().filter(|header| header.first() == Some(&b'{'))?;
        Some(Self::read(signed, &header, claims, signature))
    }

    fn read(signed: &'a str, header: &[u8], claims: &str, signature: &str) -> Result<Self, &'static str> {
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| "the claims are no base64url")?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "the signature is no base64url")?;
        Ok(Self {
            signed,
            signature,
            header: object(header, "the header is no JSON object, or a parameter stands twice")?,
            claims: object(&claims, "the claims are no JSON object, or one stands twice")?,
        })
    }

    /// The header, by the rules of RFC 8725 and RFC 9068, section 2.1.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(super) fn header(&self, plain: bool) -> Result<Header<'_>, &'static str> {
        if FOREIGN.iter().any(|name| self.header.contains_key(*name)) {
            return Err("the header holds a key, or a parameter that is critical or changes what is signed");
        }
        let is_access_token = match self.header.get("typ") {
            None => false,
            Some(Value::String(typ)) => {
                let typ = typ.to_ascii_lowercase();
                let typ = typ.strip_prefix("application/").unwrap_or(&typ);
                if typ != "at+jwt" && typ != "jwt" {
                    return Err("the type is another than that of an access token");
                }
                typ == "at+jwt"
            }
            Some(_) => return Err("the type is no text"),
        };
        if !is_access_token && !plain {
            return Err("the header does not say that this is an access token");
        }
        let algorithm = self.header.get("alg").and_then(Value::as_str).and_then(|name| name.parse().ok());
        let algorithm = algorithm.ok_or("the algorithm is unknown")?;
        let kid = match self.header.get("kid") {
            None => None,
            Some(Value::String(kid)) if !kid.is_empty() && kid.len() <= MAX_KID_BYTES => Some(kid.as_str()),
            Some(_) => return Err("the key id is no text, empty or too long"),
        };
        Ok(Header { algorithm, kid })
    }

    /// Whether the header says that this is an access token, so that RFC 9068 says which claims there have to be.
    pub(super) fn is_typed(&self) -> bool {
        let typ = self.header.get("typ").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
        typ == "at+jwt" || typ == "application/at+jwt"
    }

    pub(super) fn signed(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }
}

fn object(bytes: &[u8], problem: &'static str) -> Result<Map<String, Value>, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| problem)?;
    read::map(text).map_err(|_| problem)
}
