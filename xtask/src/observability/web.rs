//! HTTP/1.0 by hand: one request, one answer, and the end of the connection.

use std::{
    fmt::Write as _,
    io::{Read, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

use crate::Result;

/// No answer takes longer.
const TIME: Duration = Duration::from_secs(20);

/// The body of a page; an error unless its status is 200.
pub(super) fn get(address: SocketAddr, path: &str) -> Result<String> {
    let (status, body) = ask(address, &format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n"))?;
    if status == 200 { Ok(body) } else { Err(format!("{path}: {status} {body}")) }
}

/// Sends a message of MCP; whatever comes back is an answer.
pub(super) fn post(address: SocketAddr, key: Option<&str>, message: &Value) -> Result {
    let key = key.map(|key| format!("Authorization: Bearer {key}\r\n")).unwrap_or_default();
    let mirrored = |header: &str, value: &Value| value.as_str().map(|value| format!("{header}: {value}\r\n"));
    let headers: String = [
        mirrored("Mcp-Method", &message["method"]),
        mirrored("Mcp-Name", &message["params"]["name"]),
        mirrored("MCP-Protocol-Version", &message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"]),
    ]
    .into_iter()
    .flatten()
    .collect();
    let body = message.to_string();
    let request = format!(
        "POST /mcp HTTP/1.0\r\nHost: {address}\r\n{key}{headers}Content-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    ask(address, &request).map(drop)
}

fn ask(address: SocketAddr, request: &str) -> Result<(u16, String)> {
    let failed = |error: std::io::Error| format!("{address}: {error}");
    let mut stream = TcpStream::connect_timeout(&address, TIME).map_err(failed)?;
    stream.set_read_timeout(Some(TIME)).map_err(failed)?;
    stream.set_write_timeout(Some(TIME)).map_err(failed)?;
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(failed)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("{address}: no answer: {answer:?}"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(|| format!("{address}: no status: {head:?}"))?, body.to_owned()))
}

/// A text in a query of an address.
pub(super) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}
