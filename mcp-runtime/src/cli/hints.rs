//! How to reach the server, in words that can be pasted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::{Value, json};

use crate::config::Tls;
use crate::transport::http;

/// The address as a client on this machine reaches it: by the address itself, or by `localhost` where the certificate is
/// for that name alone.
pub(super) fn url(address: SocketAddr, path: &str, tls: Option<&http::Tls>) -> String {
    let reached = reached(address);
    let Some(tls) = tls else { return format!("http://{reached}{path}") };
    let port = reached.port();
    let by_name = reached.ip().is_loopback() && !tls.is_for(&reached.ip().to_string()) && tls.is_for("localhost");
    if by_name { format!("https://localhost:{port}{path}") } else { format!("https://{reached}{path}") }
}

/// Loopback in place of an address that stands for all.
pub(super) fn reached(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// A client configuration in the form that most clients read.
pub(super) fn client(name: &str, url: &str, key: &str) -> Value {
    json!({ "mcpServers": { name: { "type": "http", "url": url, "headers": { "Authorization": format!("Bearer {key}") } } } })
}

/// What `--dev` prints.
pub(super) fn instructions(name: &str, url: &str, key: &str, tls: Option<&Tls>) -> String {
    let client = serde_json::to_string_pretty(&client(name, url, key)).unwrap_or_default();
    // Nobody but this machine knows a certificate that was made to try things out.
    let (trust, hint) = tls.map_or_else(Default::default, |tls| {
        let cert = tls.cert.display();
        let quoted = format!("'{}'", cert.to_string().replace('\'', "'\\''"));
        let hint = format!(
            "A client that does not know who issued the certificate needs NODE_EXTRA_CA_CERTS={quoted} or the like.\n\n"
        );
        (format!("--cacert {quoted} "), hint)
    });
    format!(
        "\nA key with every scope, for as long as this process runs:\n\n  {key}\n\nTry it:\n\n  curl -s {trust}{url} \
         -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \
         -H 'Accept: application/json, text/event-stream' \
         -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}}'\n\nClient configuration:\n\n{client}\n\n{hint}"
    )
}
