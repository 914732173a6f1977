//! An authorization server that tests can break: metadata, keys, introspection.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::sign;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A key pair of the authorization server.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    key: EncodingKey,
    /// The public key, as the key set shows it.
    pub(crate) public: Value,
}

impl Pair {
    pub(crate) fn new(kid: &str, algorithm: Algorithm) -> Self {
        let random = SystemRandom::new();
        let key = match algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_der(
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap().as_ref(),
            ),
            Algorithm::EdDSA => EncodingKey::from_ed_der(Ed25519KeyPair::generate_pkcs8v1(&random).unwrap().as_ref()),
            _ => {
                use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
                let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
                let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
                // What jsonwebtoken reads, PKCS#1, stands in PKCS#8 behind 26 bytes that say so.
                EncodingKey::from_rsa_der(&der.as_ref()[26..])
            }
        };
        let mut public = json!(Jwk::from_encoding_key(&key, algorithm).unwrap());
        public["kid"] = json!(kid);
        public["use"] = json!("sig");
        Self { kid: kid.to_owned(), algorithm, key, public }
    }

    /// Signs header and claims as they are written.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = sign(signed.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{signed}.{signature}")
    }

    /// A token as it should be, with these claims.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let header = json!({ "alg": format!("{:?}", self.algorithm), "typ": "at+jwt", "kid": self.kid });
        self.sign(&header.to_string(), &claims.to_string())
    }
}

pub(crate) fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// What the server does with a request for its keys, or for introspection.
#[derive(Clone, Debug)]
pub(crate) enum Mode {
    Good,
    Status(u16),
    Redirect(String),
    Body(String),
}

struct Shared {
    url: String,
    keys: Mutex<Vec<Value>>,
    mode: Mutex<Mode>,
    fetches: AtomicUsize,
    questions: AtomicUsize,
    /// Before every answer to a question.
    delay: Mutex<Duration>,
    /// What introspection says of tokens; others are not active.
    said: Mutex<HashMap<String, Value>>,
    seen: Mutex<Vec<String>>,
}

/// The server; it ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Authority(Arc<Shared>);

impl Authority {
    pub(crate) async fn start(pairs: &[&Pair]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let this = Self(Arc::new(Shared {
            url: format!("http://{}", listener.local_addr().unwrap()),
            keys: Mutex::default(),
            mode: Mutex::new(Mode::Good),
            fetches: AtomicUsize::new(0),
            questions: AtomicUsize::new(0),
            delay: Mutex::default(),
            said: Mutex::default(),
            seen: Mutex::default(),
        }));
        this.publish(pairs);
        let serving = this.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        this
    }

    pub(crate) fn url(&self) -> &str {
        &self.0.url
    }

    pub(crate) fn publish(&self, pairs: &[&Pair]) {
        *self.0.keys.lock().unwrap() = pairs.iter().map(|pair| pair.public.clone()).collect();
    }

    pub(crate) fn publish_raw(&self, keys: Vec<Value>) {
        *self.0.keys.lock().unwrap() = keys;
    }

    pub(crate) fn become_(&self, mode: Mode) {
        *self.0.mode.lock().unwrap() = mode;
    }

    pub(crate) fn delay(&self, delay: Duration) {
        *self.0.delay.lock().unwrap() = delay;
    }

    pub(crate) fn say(&self, token: &str, claims: Value) {
        self.0.said.lock().unwrap().insert(token.to_owned(), claims);
    }

    /// How often the keys were fetched, or tried to be.
    pub(crate) fn fetches(&self) -> usize {
        self.0.fetches.load(Ordering::SeqCst)
    }

    /// How often it was asked about a token.
    pub(crate) fn questions(&self) -> usize {
        self.0.questions.load(Ordering::SeqCst)
    }

    /// The heads of all requests.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.0.seen.lock().unwrap().clone()
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut read = Vec::new();
        loop {
            let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") else {
                let mut piece = [0; 8192];
                match stream.read(&mut piece).await {
                    Ok(length @ 1..) => read.extend_from_slice(&piece[..length]),
                    _ => return,
                }
                continue;
            };
            let head = String::from_utf8(read[..end].to_vec()).unwrap();
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let mut body = read.split_off(end + 4);
            while body.len() < length.unwrap_or(0) {
                let mut piece = [0; 8192];
                match stream.read(&mut piece).await {
                    Ok(length @ 1..) => body.extend_from_slice(&piece[..length]),
                    _ => return,
                }
            }
            read.clear();
            let answer = self.answer(&head, &String::from_utf8(body).unwrap()).await;
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    async fn answer(&self, head: &str, body: &str) -> String {
        self.0.seen.lock().unwrap().push(head.to_owned());
        let path = head.split(' ').nth(1).unwrap();
        let good = match path {
            "/.well-known/openid-configuration" => {
                json!({ "issuer": self.url(), "jwks_uri": format!("{}/jwks", self.url()) })
            }
            "/jwks" => {
                self.0.fetches.fetch_add(1, Ordering::SeqCst);
                json!({ "keys": *self.0.keys.lock().unwrap() })
            }
            "/introspect" => {
                self.0.questions.fetch_add(1, Ordering::SeqCst);
                let delay = *self.0.delay.lock().unwrap();
                tokio::time::sleep(delay).await;
                let token = body.strip_prefix("token=").unwrap().split('&').next().unwrap();
                self.0.said.lock().unwrap().get(token).cloned().unwrap_or(json!({ "active": false }))
            }
            _ => return respond(404, "", "not here"),
        };
        let mode = self.0.mode.lock().unwrap().clone();
        match mode {
            Mode::Good => respond(200, "", &good.to_string()),
            Mode::Status(status) => respond(status, "", "no"),
            Mode::Redirect(to) => respond(302, &format!("Location: {to}\r\n"), ""),
            Mode::Body(body) => respond(200, "", &body),
        }
    }
}

fn respond(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}
