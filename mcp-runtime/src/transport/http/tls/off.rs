//! Without the feature `tls` there is none: a configuration that asks for it is refused.

use std::convert::Infallible;
use std::io;

use tokio::net::TcpStream;

use crate::config::{self, InvalidConfig};

/// There is none.
pub(crate) struct Tls(Infallible);

impl Tls {
    pub(crate) fn start(config: &config::Http) -> Result<Option<Self>, InvalidConfig> {
        config.tls.as_ref().map_or(Ok(()), config::Tls::check).map(|()| None)
    }

    pub(super) async fn accept(&self, _: TcpStream) -> io::Result<TcpStream> {
        match self.0 {}
    }

    #[cfg(feature = "cli")]
    pub(crate) fn is_for(&self, _: &str) -> bool {
        match self.0 {}
    }
}
