//! A certificate and its key, as they stand in two PEM files.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use sha2::{Digest, Sha256};

use crate::config::{self, InvalidConfig};

/// No file of this kind is larger.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Where they are.
#[derive(Clone, Debug)]
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// What stood in the files at one moment.
pub(super) struct Read {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Read {
    /// Tells it from what stands there at another moment, without a copy of the key.
    pub(super) fn digest(&self) -> [u8; 32] {
        let length = (self.certificate.len() as u64).to_be_bytes();
        Sha256::new().chain_update(length).chain_update(&self.certificate).chain_update(&self.key).finalize().into()
    }
}

impl Files {
    pub(super) fn new(config: &config::Tls) -> Self {
        Self { certificate: config.cert.clone(), key: config.key.clone() }
    }

    /// Reads both.
    ///
    /// # Errors
    /// In words that name the file.
    pub(super) fn read(&self) -> Result<Read, InvalidConfig> {
        Ok(Read { certificate: read("http.tls.cert", &self.certificate)?, key: read("http.tls.key", &self.key)? })
    }

    /// What was read, as rustls takes it: the whole chain, and a key that fits its first certificate.
    ///
    /// # Errors
    /// In words that say what is wrong with which file.
    pub(super) fn certified(&self, read: &Read) -> Result<CertifiedKey, InvalidConfig> {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        let invalid = |why: String| InvalidConfig::new(format!("http.tls: {why}"));
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&read.certificate)
            .collect::<Result<_, _>>()
            .map_err(|error| invalid(format!("{certificate} is no PEM: {error}")))?;
        if chain.is_empty() {
            return Err(invalid(format!(
                "there is no certificate in {certificate}; it has to hold the server's own in PEM (`-----BEGIN CERTIFICATE-----`), \
                 and behind it those of its issuers"
            )));
        }
        if is_encrypted(&read.key) {
            return Err(invalid(format!(
                "the key in {key} is encrypted, and nobody is there to type its pass phrase; write it without one, as in \
                 `openssl pkey -in {key} -out FILE`, to a file that only this server may read"
            )));
        }
        let private = PrivateKeyDer::from_pem_slice(&read.key).map_err(|_| {
            invalid(format!(
                "there is no private key in {key}; it has to hold one in PEM, as PKCS #8, SEC 1 or PKCS #1"
            ))
        })?;
        CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider()).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                invalid(format!("the key in {key} is not that of the certificate in {certificate}"))
            }
            Error::InvalidCertificate(error) => {
                invalid(format!("the certificate in {certificate} cannot be used: {error}"))
            }
            // rustls says nothing of the key itself.
            error => invalid(format!("the key in {key} cannot be used: {error}")),
        })
    }

    /// A key that every user of the machine can read is no secret. Where secrets are mounted that cannot always be
    /// changed, so it is said and served.
    pub(super) fn warn_of_readers(&self) {
        #[cfg(unix)]
        if std::fs::metadata(&self.key)
            .is_ok_and(|meta| std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o007 != 0)
        {
            let key = self.key.display();
            tracing::warn!(target: "mcp_runtime::http", %key, "every user of this machine can read the key of http.tls; `chmod 600` it");
        }
    }
}

/// In PKCS #8, and as OpenSSL once did it.
fn is_encrypted(pem: &[u8]) -> bool {
    [&b"-----BEGIN ENCRYPTED PRIVATE KEY-----"[..], b"Proc-Type: 4,ENCRYPTED"]
        .iter()
        .any(|mark| memchr::memmem::find(pem, mark).is_some())
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>, InvalidConfig> {
    let invalid =
        |why: &dyn std::fmt::Display| InvalidConfig::new(format!("{key}: cannot read {}: {why}", path.display()));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| invalid(&error))?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| invalid(&error))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(invalid(&"it is longer than 1 MiB, which no certificate is"));
    }
    Ok(bytes)
}
