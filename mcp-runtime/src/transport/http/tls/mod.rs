//! TLS, ended by the server itself: versions 1.2 and 1.3, HTTP/2 or HTTP/1.1 by ALPN, no certificates of clients.

mod files;
mod follow;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::version::{TLS12, TLS13};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::{self, InvalidConfig};
use files::Files;
use follow::Current;

/// What turns connections into TLS. It follows the files of its certificate as long as it lives.
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    #[cfg(feature = "cli")]
    current: Arc<Current>,
    /// How long a handshake may take.
    deadline: Duration,
    following: AbortHandle,
}

impl Tls {
    /// Reads the certificate of a configuration; `None` if it has none.
    ///
    /// # Errors
    /// Files that cannot be read or do not belong together.
    pub(crate) fn start(config: &config::Http) -> Result<Option<Self>, InvalidConfig> {
        let deadline = config.head_timeout;
        let Some(config) = &config.tls else { return Ok(None) };
        let files = Files::new(config);
        let read = files.read()?;
        let current = Arc::new(Current::new(files.certified(&read)?));
        files.warn_of_readers();
        let following = tokio::spawn(follow::follow(files, read.digest(), Arc::clone(&current))).abort_handle();
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| InvalidConfig::new(format!("http.tls: {error}")))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as _);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Some(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            #[cfg(feature = "cli")]
            current,
            deadline,
            following,
        }))
    }

    /// Whether the certificate is for this name or address.
    #[cfg(feature = "cli")]
    pub(crate) fn is_for(&self, name: &str) -> bool {
        let Ok(name) = rustls::pki_types::ServerName::try_from(name) else { return false };
        let certified = self.current.get();
        let own = certified.end_entity_cert().and_then(rustls::server::ParsedCertificate::try_from);
        own.is_ok_and(|own| rustls::client::verify_server_name(&own, &name).is_ok())
    }

    /// Shakes hands.
    ///
    /// # Errors
    /// A client that speaks something else, or takes its time.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        tokio::time::timeout(self.deadline, self.acceptor.accept(stream)).await?
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.following.abort();
    }
}
