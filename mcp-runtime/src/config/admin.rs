//! `[admin]`: the page for the operator's own tools.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use super::InvalidConfig;

/// As many agents can have a label of their own at the most: each is some series in every scrape.
const MAX_AGENT_LABELS: usize = 10_000;

/// `[admin]`: where `/metrics` is served, apart from everything that callers reach. Needs the feature `prometheus`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Admin {
    /// Port 0 lets the system pick. An address that is not loopback needs a token.
    pub address: SocketAddr,
    /// A file that holds a token of at least 16 bytes: who asks has to send it as `Authorization: Bearer`.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// Names in the `Host` header that are this page, besides the loopback names and the address itself.
    #[serde(default)]
    pub allowed_hosts: Vec<String>,
    /// So many agents get a label of their own, in the order in which they first called; the others share one. None
    /// unless set: names of agents are known to nobody who may only see how the server is.
    #[serde(default)]
    pub agent_label: usize,
}

impl Admin {
    /// Refuses what is unsafe together, and all of it where the page is not built in.
    pub(super) fn check(&self) -> Result<(), InvalidConfig> {
        if !cfg!(feature = "prometheus") {
            return Err(InvalidConfig::new(
                "admin: this program is built without the feature `prometheus` of mcp-runtime, which serves /metrics; \
                 turn it on or leave [admin] out",
            ));
        }
        if !self.address.ip().is_loopback() && self.token_file.is_none() {
            return Err(InvalidConfig::new(format!(
                "admin.address: {} is reachable from other machines; set admin.token_file to a file with a token, or \
                 listen on 127.0.0.1",
                self.address
            )));
        }
        if let Some(host) =
            self.allowed_hosts.iter().find(|host| host.is_empty() || host.contains(['/', '*', ' ', '@']))
        {
            return Err(InvalidConfig::new(format!(
                "admin.allowed_hosts: `{}` is no host name; write it as in \"metrics.example.com\"",
                host.escape_debug()
            )));
        }
        if self.agent_label > MAX_AGENT_LABELS {
            return Err(InvalidConfig::new(format!(
                "admin.agent_label: each agent is some series in every scrape; {MAX_AGENT_LABELS} are the most"
            )));
        }
        Ok(())
    }
}

#[cfg(all(test, not(feature = "prometheus")))]
mod tests {
    #[test]
    fn a_page_that_is_not_built_in_is_refused_by_the_name_of_its_feature() {
        let error = crate::config::Config::parse("[admin]\naddress = \"127.0.0.1:0\"").unwrap_err();
        assert!(error.to_string().contains("the feature `prometheus`"), "{error}");
    }
}
