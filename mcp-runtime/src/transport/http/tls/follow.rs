//! The certificate in use, and how it follows its files.
//!
//! The files are read twice a second: whatever way they are replaced (written over, renamed, a link switched above them),
//! what stands in them is what counts. A pair is taken once it has stood still from one look to the next, since the two
//! are not written at one moment, nor is a chain in one piece. Connections that are open keep what they began with.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::files::Files;
use crate::config::InvalidConfig;

/// The time between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// The certificate that new connections get.
#[derive(Debug)]
pub(super) struct Current(RwLock<Arc<CertifiedKey>>);

impl Current {
    pub(super) fn new(certified: CertifiedKey) -> Self {
        Self(RwLock::new(Arc::new(certified)))
    }

    pub(super) fn get(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, certified: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}

/// What is known of the files.
struct Following {
    /// As they are served, or were found broken.
    known: Found,
    /// As they were at the last look.
    last: Found,
}

/// What the files hold, as far as one look has to be told from another.
type Found = Result<[u8; 32], InvalidConfig>;

/// Looks at the files for as long as it runs. `known` is what stood in them when `current` was made.
pub(super) async fn follow(files: Files, known: [u8; 32], current: Arc<Current>) {
    let mut following = Following { known: Ok(known), last: Ok(known) };
    loop {
        tokio::time::sleep(LOOK).await;
        let (files, current) = (files.clone(), Arc::clone(&current));
        // Files may be far away.
        match tokio::task::spawn_blocking(move || {
            following.look(&files, &current);
            following
        })
        .await
        {
            Ok(looked) => following = looked,
            // The runtime ends.
            Err(_) => return,
        }
    }
}

impl Following {
    fn look(&mut self, files: &Files, current: &Current) {
        let read = files.read();
        let found = read.as_ref().map(super::files::Read::digest).map_err(Clone::clone);
        let settled = found == self.last;
        if settled && found != self.known {
            match read.and_then(|read| files.certified(&read)) {
                Ok(certified) => {
                    current.set(certified);
                    tracing::info!(target: "mcp_runtime::http", "the certificate has changed; new connections get the new one");
                    files.warn_of_readers();
                }
                Err(error) => tracing::error!(
                    target: "mcp_runtime::http",
                    %error,
                    "the certificate has changed and cannot be used; the one before is served on"
                ),
            }
            self.known.clone_from(&found);
        }
        self.last = found;
    }
}
