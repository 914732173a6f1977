//! An authorization server: one key of each kind, and tokens as RFC 9068 has them.

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde_json::json;

/// What the tokens are for.
pub const RESOURCE: &str = "https://mcp.example.com/mcp";

/// The server; it runs as long as the process.
pub struct Authority {
    url: String,
    keys: Vec<(Algorithm, EncodingKey, DecodingKey)>,
}

impl Authority {
    /// Starts it.
    pub fn start() -> Result<Self, Box<dyn Error>> {
        let random = SystemRandom::new();
        let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?;
        let ed = Ed25519KeyPair::generate_pkcs8v1(&random)?;
        let rsa = KeyPair::generate(KeySize::Rsa2048)?;
        let rsa: Pkcs8V1Der<'_> = rsa.as_der()?;
        let private = [
            (Algorithm::ES256, EncodingKey::from_ec_der(ec.as_ref())),
            (Algorithm::EdDSA, EncodingKey::from_ed_der(ed.as_ref())),
            // What jsonwebtoken reads, PKCS#1, stands in PKCS#8 behind 26 bytes that say so.
            (Algorithm::RS256, EncodingKey::from_rsa_der(&rsa.as_ref()[26..])),
        ];
        let (mut keys, mut public) = (Vec::new(), Vec::new());
        for (algorithm, key) in private {
            let jwk = Jwk::from_encoding_key(&key, algorithm)?;
            let mut shown = json!(jwk);
            shown["kid"] = json!(format!("{algorithm:?}"));
            public.push(shown);
            keys.push((algorithm, key, DecodingKey::from_jwk(&jwk)?));
        }
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let metadata = json!({ "issuer": url, "jwks_uri": format!("{url}/jwks") }).to_string();
        let set = json!({ "keys": public }).to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (metadata, set) = (metadata.clone(), set.clone());
                std::thread::spawn(move || serve(stream, &metadata, &set));
            }
        });
        Ok(Self { url, keys })
    }

    /// Its issuer identifier.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A token of this id.
    pub fn token(&self, algorithm: Algorithm, id: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let header = json!({ "alg": format!("{algorithm:?}"), "typ": "at+jwt", "kid": format!("{algorithm:?}") });
        let claims = json!({
            "iss": self.url, "aud": RESOURCE, "sub": "248289761001", "client_id": "9f2b1c6e-reporting", "jti": id,
            "scope": "revenue.read record.read feedback.read", "iat": now - 5, "exp": now + 3600,
        });
        let signed = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let signature = self.key(algorithm).and_then(|(_, key, _)| sign(signed.as_bytes(), key, algorithm).ok());
        format!("{signed}.{}", signature.unwrap_or_default())
    }

    /// The key to verify with.
    pub fn public(&self, algorithm: Algorithm) -> &DecodingKey {
        self.key(algorithm).map_or(&self.keys[0].2, |(_, _, key)| key)
    }

    fn key(&self, algorithm: Algorithm) -> Option<&(Algorithm, EncodingKey, DecodingKey)> {
        self.keys.iter().find(|(known, ..)| *known == algorithm)
    }
}

/// What is signed, and the signature.
pub fn parts(token: &str) -> (&[u8], Vec<u8>) {
    let (signed, signature) = token.rsplit_once('.').unwrap_or_default();
    (signed.as_bytes(), URL_SAFE_NO_PAD.decode(signature).unwrap_or_default())
}

fn serve(stream: TcpStream, metadata: &str, keys: &str) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut target = String::new();
        if stream.read_line(&mut target).unwrap_or(0) == 0 {
            return;
        }
        let mut line = String::new();
        while stream.read_line(&mut line).unwrap_or(0) > 2 {
            line.clear();
        }
        let (status, body) = match target.split(' ').nth(1) {
            Some("/.well-known/oauth-authorization-server") => (200, metadata),
            Some("/jwks") => (200, keys),
            _ => (404, ""),
        };
        let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
