//! An authorization server as small as can be: metadata, one key, and tokens for whoever asks.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

/// What the tokens are for.
pub const RESOURCE: &str = "https://mcp.example.com/mcp";

/// The server; it runs as long as the test.
pub struct Authority {
    url: String,
    key: EncodingKey,
}

impl Authority {
    /// Starts it on a port that the system picks.
    pub fn start() -> Self {
        let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let key = EncodingKey::from_ec_der(pair.expect("a key").as_ref());
        let mut public = json!(Jwk::from_encoding_key(&key, Algorithm::ES256).expect("a key"));
        public["kid"] = json!("first");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let metadata = json!({ "issuer": url, "jwks_uri": format!("{url}/jwks") }).to_string();
        let keys = json!({ "keys": [public] }).to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (metadata, keys) = (metadata.clone(), keys.clone());
                std::thread::spawn(move || serve(stream, &metadata, &keys));
            }
        });
        Self { url, key }
    }

    /// Its issuer identifier.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `[auth]` of a server that accepts its tokens, and more for that section.
    pub fn config(&self, auth: &str) -> String {
        format!("[auth]\nresource = \"{RESOURCE}\"\n{auth}\n[[auth.issuers]]\nissuer = \"{}\"", self.url)
    }

    /// A token for a client on behalf of a subject.
    pub fn token(&self, client: &str, subject: &str, id: &str, scope: &str) -> String {
        let now = now();
        let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": "first" });
        let claims = json!({
            "iss": self.url, "aud": RESOURCE, "sub": subject, "client_id": client, "jti": id, "scope": scope,
            "iat": now - 5, "exp": now + 600,
        });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = sign(signed.as_bytes(), &self.key, Algorithm::ES256).expect("a signature");
        format!("{signed}.{signature}")
    }
}

fn now() -> i64 {
    mcp_runtime::jiff::Timestamp::now().as_second()
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
