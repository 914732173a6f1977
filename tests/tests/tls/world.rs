//! A server with a certificate, and a client that trusts its issuer.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use mcp_tests::message::call;
use mcp_tests::process::{Key, Serving, Site};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use serde_json::json;

pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// Who issues certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, as PEM.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) cert: String,
    pub(crate) key: String,
    pub(crate) der: Vec<u8>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn issue(&self, names: &[&str]) -> Pair {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new(names).unwrap().signed_by(&key, &self.0).unwrap();
        Pair { cert: cert.pem(), key: key.serialize_pem(), der: cert.der().to_vec() }
    }
}

/// A place with a certificate in `cert.pem` and its key in `key.pem`.
pub(crate) struct World {
    pub(crate) site: Site,
    pub(crate) key: Key,
    pub(crate) authority: Authority,
    pub(crate) first: Pair,
}

impl World {
    /// With these keys of `[http]`.
    pub(crate) fn new(http: &str) -> Self {
        let site = Site::new(env!("CARGO_BIN_EXE_fixture"), &format!("[http]\n{http}"));
        let authority = Authority::new();
        let first = authority.issue(&["localhost", "127.0.0.1"]);
        let world = Self { key: site.issue("agent", &["*"]), first, site, authority };
        world.replace(&world.first);
        world
    }

    /// Writes a pair over the one that is there.
    pub(crate) fn replace(&self, pair: &Pair) {
        self.write("cert.pem", &pair.cert);
        self.write("key.pem", &pair.key);
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.site.path(name), text).unwrap();
        std::fs::set_permissions(self.site.path(name), PermissionsExt::from_mode(0o600)).unwrap();
    }

    pub(crate) fn serve(&self, more: &[&str]) -> Serving {
        let (cert, key) = (self.site.path("cert.pem"), self.site.path("key.pem"));
        let tls = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
        self.site.serve_with(&[&tls, more].concat())
    }

    /// Where the configuration says.
    pub(crate) fn serve_where_it_says(&self) -> Serving {
        let mut command = self.site.command(&["serve"]);
        for (flag, file) in [("--tls-cert", "cert.pem"), ("--tls-key", "key.pem")] {
            command.arg(flag).arg(self.site.path(file));
        }
        Serving::start(&mut command)
    }

    fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.0.der().clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    pub(crate) fn trusting(&self) -> ClientConfig {
        self.client(rustls::ALL_VERSIONS)
    }

    pub(crate) fn connect(&self, address: SocketAddr) -> io::Result<Connection> {
        self.connect_with(address, rustls::ALL_VERSIONS)
    }

    pub(crate) fn connect_with(
        &self,
        address: SocketAddr,
        versions: &[&'static SupportedProtocolVersion],
    ) -> io::Result<Connection> {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(self.client(versions)), name).unwrap();
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Connection { stream })
    }
}

/// A connection of HTTP/1.1.
pub(crate) struct Connection {
    pub(crate) stream: StreamOwned<ClientConnection, TcpStream>,
}

impl Connection {
    /// The certificate that the server showed.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        self.stream.conn.peer_certificates().unwrap()[0].to_vec()
    }

    /// Calls `ping`; gives the status.
    pub(crate) fn ping(&mut self, key: &Key) -> u16 {
        self.post("localhost", &format!("Authorization: Bearer {}\r\n", key.key))
    }

    /// Posts a call of `ping` with these headers; gives the status, and reads the answer to its end.
    pub(crate) fn post(&mut self, host: &str, headers: &str) -> u16 {
        let body = call(1, "ping", json!({})).to_string();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        self.stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut answer = Vec::new();
        let end = loop {
            if let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.byte(&mut answer);
        };
        let head = String::from_utf8(answer.clone()).unwrap().to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        while answer.len() < end + length {
            self.byte(&mut answer);
        }
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn byte(&mut self, answer: &mut Vec<u8>) {
        let mut byte = [0];
        self.stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
}
