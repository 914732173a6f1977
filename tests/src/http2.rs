//! HTTP/2 by hand, frame by frame (RFC 9113), so that a client can be as rude as no library is.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::http::Request;

/// No frame takes longer than this to come.
const PATIENCE: Duration = Duration::from_secs(15);

/// Kinds of frames.
#[expect(missing_docs, reason = "the names of RFC 9113, section 6")]
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames. `ACK` is that of SETTINGS and PING.
#[expect(missing_docs, reason = "the names of RFC 9113, section 6")]
pub mod flag {
    pub const NONE: u8 = 0;
    pub const ACK: u8 = 1;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;
}

/// `SETTINGS_MAX_CONCURRENT_STREAMS`
pub const MAX_CONCURRENT_STREAMS: u16 = 3;
/// `SETTINGS_INITIAL_WINDOW_SIZE`
pub const INITIAL_WINDOW_SIZE: u16 = 4;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// See [`kind`].
    pub kind: u8,
    /// See [`flag`].
    pub flags: u8,
    /// 0 for the connection.
    pub stream: u32,
    /// What follows the head.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// Values of settings.
    pub fn settings(settings: &[(u16, u32)]) -> Self {
        let bytes = |(name, value): &(u16, u32)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat();
        Self::new(kind::SETTINGS, flag::NONE, 0, settings.iter().flat_map(bytes).collect::<Vec<_>>())
    }

    /// A stream given up, with `CANCEL`.
    pub fn reset(stream: u32) -> Self {
        Self::new(kind::RST_STREAM, flag::NONE, stream, 8u32.to_be_bytes())
    }

    /// More window, for a stream or for the connection.
    pub fn window(stream: u32, more: u32) -> Self {
        Self::new(kind::WINDOW_UPDATE, flag::NONE, stream, more.to_be_bytes())
    }

    /// A request as HEADERS and DATA.
    pub fn request(stream: u32, request: &Request) -> Vec<Self> {
        vec![
            Self::new(kind::HEADERS, flag::END_HEADERS, stream, fields(request)),
            Self::new(kind::DATA, flag::END_STREAM, stream, request.body.clone()),
        ]
    }

    /// The error code of `RST_STREAM` and GOAWAY.
    pub fn code(&self) -> u32 {
        let at = if self.kind == kind::GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().expect("four bytes"))
    }

    /// The value of a setting.
    pub fn setting(&self, name: u16) -> Option<u32> {
        let mut settings = self.payload.chunks_exact(6);
        let setting = settings.find(|setting| setting[..2] == name.to_be_bytes())?;
        Some(u32::from_be_bytes(setting[2..].try_into().expect("four bytes")))
    }

    /// As it is sent.
    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).expect("a length").to_be_bytes();
        [&length[1..], &[self.kind, self.flags], &self.stream.to_be_bytes(), &self.payload].concat()
    }
}

/// The head of a request as literal fields (RFC 7541, section 6.2.2).
pub fn fields(request: &Request) -> Vec<u8> {
    let authority = request.address.to_string();
    let mut fields = Vec::new();
    let mut add = |name: &str, value: &str| {
        fields.push(0);
        for text in [name, value] {
            length(&mut fields, text.len());
            fields.extend_from_slice(text.as_bytes());
        }
    };
    add(":method", &request.method);
    add(":scheme", "http");
    add(":authority", &authority);
    add(":path", &request.target);
    for (name, value) in request.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
        add(&name.to_lowercase(), value);
    }
    fields
}

/// A length in a prefix of seven bits (RFC 7541, section 5.1).
fn length(bytes: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else { return bytes.push(u8::try_from(length).expect("seven bits")) };
    bytes.push(127);
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).expect("seven bits") | 128);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).expect("seven bits"));
}

/// A connection. It acknowledges settings and pings by itself unless it is told not to.
pub struct Http2 {
    stream: BufReader<TcpStream>,
    /// Whether pings and settings are acknowledged.
    pub is_polite: bool,
}

impl Http2 {
    /// Connects, with settings of one's own.
    pub fn open(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream.set_write_timeout(Some(PATIENCE)).expect("a time-out");
        let mut connection = Self { stream: BufReader::new(stream), is_polite: true };
        let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &Frame::settings(settings).bytes()[..]].concat();
        connection.stream.get_mut().write_all(&preface).expect("a preface");
        connection
    }

    /// Sends frames at once.
    ///
    /// # Errors
    /// A connection that the server has closed.
    pub fn send(&mut self, frames: &[Frame]) -> io::Result<()> {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        self.stream.get_mut().write_all(&bytes)
    }

    /// The next frame; `None` once the server has closed the connection.
    pub fn receive(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        if let Err(error) = self.stream.read_exact(&mut head) {
            assert!(!matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "no frame: {error}");
            return None;
        }
        let [a, b, c, kind, flags, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.stream.read_exact(&mut payload).ok()?;
        let frame = Frame::new(kind, flags, u32::from_be_bytes(stream), payload);
        if self.is_polite && [kind::SETTINGS, kind::PING].contains(&kind) && flags & flag::ACK == 0 {
            let payload = if kind == kind::PING { frame.payload.clone() } else { Vec::new() };
            // A connection at its end may not take it any more.
            let _ = self.send(&[Frame::new(kind, flag::ACK, 0, payload)]);
        }
        Some(frame)
    }

    /// The next frame of a kind; what comes before is skipped. `None` once the server has closed the connection.
    pub fn receive_kind(&mut self, kind: u8) -> Option<Frame> {
        std::iter::from_fn(|| self.receive()).find(|frame| frame.kind == kind && frame.flags & flag::ACK == 0)
    }

    /// The body of the answer on a stream; an error code where it was reset.
    ///
    /// # Errors
    /// The code of the reset.
    pub fn answer(&mut self, stream: u32) -> Result<String, u32> {
        let mut body = Vec::new();
        loop {
            let frame = self.receive().expect("an answer");
            if frame.stream != stream {
                continue;
            }
            match frame.kind {
                kind::RST_STREAM => return Err(frame.code()),
                kind::DATA => body.extend_from_slice(&frame.payload),
                _ => {}
            }
            if [kind::DATA, kind::HEADERS].contains(&frame.kind) && frame.flags & flag::END_STREAM != 0 {
                return Ok(String::from_utf8(body).expect("UTF-8"));
            }
        }
    }

    /// One call and its answer.
    ///
    /// # Errors
    /// The code of a reset.
    pub fn call(&mut self, stream: u32, request: &Request) -> Result<String, u32> {
        self.send(&Frame::request(stream, request)).expect("an open connection");
        self.answer(stream)
    }

    /// Reads to the end of the connection: the code of GOAWAY, if there was one.
    pub fn end(&mut self) -> Option<u32> {
        let frames = std::iter::from_fn(|| self.receive());
        frames.filter(|frame| frame.kind == kind::GOAWAY).map(|frame| frame.code()).last()
    }
}
