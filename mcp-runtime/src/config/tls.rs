//! `[http] tls`: the certificate of a server that ends TLS itself.

use std::path::PathBuf;

use serde::Deserialize;

use super::InvalidConfig;

/// `tls = { cert, key }`: versions 1.2 and 1.3, without certificates of clients. Needs the feature `tls`.
///
/// The files are followed: new connections get a new pair within two seconds; one that cannot be used is reported in the
/// log, and the one before is served on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Tls {
    /// A PEM file with the server's certificate, and behind it those of its issuers.
    pub cert: PathBuf,
    /// A PEM file with its key, not encrypted. That every user of the machine can read it is reported in the log.
    pub key: PathBuf,
}

impl Tls {
    /// Of these files.
    pub fn new(cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { cert: cert.into(), key: key.into() }
    }

    /// Refuses it where it is not built in.
    #[cfg_attr(
        feature = "tls",
        expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the files are read later")
    )]
    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        #[cfg(not(feature = "tls"))]
        return Err(InvalidConfig::new(
            "http.tls: this program is built without the feature `tls` of mcp-runtime; turn it on, or put a proxy that \
             terminates TLS in front and set http.behind_tls_proxy = true",
        ));
        #[cfg(feature = "tls")]
        Ok(())
    }
}

#[cfg(all(test, not(feature = "tls")))]
mod tests {
    #[test]
    fn what_is_not_built_in_is_refused_by_the_name_of_its_feature() {
        let text = "[http]\ntls = { cert = \"c.pem\", key = \"k.pem\" }";
        let error = crate::config::Config::parse(text).unwrap_err();
        assert!(error.to_string().contains("the feature `tls`"), "{error}");
    }
}
