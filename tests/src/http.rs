//! HTTP/1.1 by hand, so that requests can be sent that no client library would.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use crate::message::MODERN;

/// No answer takes longer than this.
const PATIENCE: Duration = Duration::from_secs(15);

/// A connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Response {
    /// The header of this name, in lower case; none may stand twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(header, _)| header == name);
        let first = found.next();
        assert!(found.next().is_none(), "`{name}` stands twice: {self:?}");
        first.map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Status and code of the JSON-RPC error.
    pub fn rpc_error(&self) -> (u16, i64) {
        (self.status, self.json()["error"]["code"].as_i64().unwrap_or_else(|| panic!("an error: {self:?}")))
    }
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time-out");
        Self { stream: BufReader::new(stream) }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// A connection that the server has closed.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(bytes)?;
        stream.flush()
    }

    /// Reads one answer; `None` if the server closed the connection instead.
    pub fn receive(&mut self) -> Option<Response> {
        let mut response = self.head()?;
        if response.header("transfer-encoding").is_some() {
            while let Some(chunk) = self.chunk() {
                response.body.push_str(&chunk);
            }
        } else if let Some(length) = response.header("content-length") {
            let length = length.parse().expect("a length");
            response.body = self.exactly(length);
        }
        Some(response)
    }

    /// The next message of an answer that is a stream; `None` at its end.
    pub fn event(&mut self) -> Option<Value> {
        loop {
            let chunk = self.chunk()?;
            let data = chunk.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start);
            let data: String = data.collect();
            if !data.is_empty() {
                return Some(serde_json::from_str(&data).expect("JSON in an event"));
            }
        }
    }

    /// The head of an answer, its body unread.
    pub fn head(&mut self) -> Option<Response> {
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut headers = Vec::new();
        loop {
            let line = self.line().expect("a header");
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').expect("a header");
            headers.push((name.to_lowercase(), value.trim().to_owned()));
        }
        Some(Response { status, headers, body: String::new() })
    }

    /// The next piece of a body that is sent in pieces; `None` at its end.
    fn chunk(&mut self) -> Option<String> {
        let size = self.line().and_then(|size| usize::from_str_radix(&size, 16).ok())?;
        let chunk = self.exactly(size);
        self.line();
        (size > 0).then_some(chunk)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("no answer: {error}"),
        }
    }

    fn exactly(&mut self, length: usize) -> String {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).expect("a whole body");
        String::from_utf8(bytes).expect("UTF-8")
    }
}

/// A request in the making: a good one of the older revision, until it is changed.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) address: SocketAddr,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A POST without a credential.
    pub fn new(address: SocketAddr) -> Self {
        let request =
            Self { address, method: "POST".into(), target: "/mcp".into(), headers: Vec::new(), body: Vec::new() };
        request
            .with("Host", &address.to_string())
            .with("Content-Type", "application/json")
            .with("Accept", "application/json, text/event-stream")
    }

    /// With a key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.with("Authorization", &format!("Bearer {key}"))
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| !header.eq_ignore_ascii_case(name));
        self
    }

    /// With another value of a header.
    #[must_use]
    pub fn replace(self, name: &str, value: &str) -> Self {
        self.without(name).with(name, value)
    }

    /// With a method and a target.
    #[must_use]
    pub fn to(mut self, method: &str, target: &str) -> Self {
        method.clone_into(&mut self.method);
        target.clone_into(&mut self.target);
        self
    }

    /// With a body, whatever it is.
    #[must_use]
    pub fn raw(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// With a message, and the headers that the modern revision mirrors it in if it is one of that.
    #[must_use]
    pub fn message(self, message: &Value) -> Self {
        let request = self.raw(message.to_string());
        if message["params"].get("_meta").is_none() {
            return request;
        }
        let method = message["method"].as_str().expect("a method");
        let request = request.with("MCP-Protocol-Version", MODERN).with("Mcp-Method", method);
        match message["params"]["name"].as_str() {
            Some(name) => request.with("Mcp-Name", name),
            None => request,
        }
    }

    /// The head, with a length unless another framing stands there.
    pub fn head(&self) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        let is_framed = |name: &str| ["content-length", "transfer-encoding"].contains(&name.to_lowercase().as_str());
        if !self.headers.iter().any(|(name, _)| is_framed(name)) {
            head.extend(["Content-Length: ", &self.body.len().to_string(), "\r\n"]);
        }
        head + "\r\n"
    }

    /// The whole request.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head().into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// Sends it on a connection of its own.
    pub fn send(&self) -> Response {
        let mut connection = Connection::open(self.address);
        // A server may answer and close before it has read everything.
        let _ = connection.send(&self.bytes());
        connection.receive().expect("an answer")
    }
}
