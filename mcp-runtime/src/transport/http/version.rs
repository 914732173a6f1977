//! Which revision a request is of, and what rmcp leaves unsaid about versions.

use http::{HeaderMap, HeaderName};
use rmcp::model::{ErrorData, ProtocolVersion};

use crate::transport::envelope::Envelope;

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// A version is a date; what is repeated of one is no longer than this.
const MAX_VERSION_BYTES: usize = 64;

/// Whether a request is of a revision before 2026-07-28: nothing in it names a newer one.
pub(super) fn is_legacy(headers: &HeaderMap, envelope: &Envelope) -> bool {
    envelope.version.as_deref().map_or_else(|| is_legacy_head(headers), is_old)
}

/// The same of a request without a message.
pub(super) fn is_legacy_head(headers: &HeaderMap) -> bool {
    headers.get(VERSION).is_none_or(|version| version.to_str().is_ok_and(is_old))
}

/// What the head says of the revision, for the record.
pub(super) fn claimed(headers: &HeaderMap) -> Option<&str> {
    headers.get(VERSION)?.to_str().ok()
}

fn is_old(version: &str) -> bool {
    version <= ProtocolVersion::V_2025_11_25.as_str()
}

/// What is wrong about the versions that a request names, where rmcp would say it in other words.
///
/// # Errors
/// The JSON-RPC error, to be sent with the status that its code asks for.
pub(super) fn check(headers: &HeaderMap, envelope: &Envelope) -> Result<(), ErrorData> {
    let mut versions = headers.get_all(VERSION).iter();
    let (header, another) = (versions.next(), versions.next());
    if another.is_some() {
        return Err(mismatch("MCP-Protocol-Version stands twice in the head"));
    }
    let header = header.map(|version| version.to_str().map_err(|_| mismatch("MCP-Protocol-Version cannot be read")));
    let header = header.transpose()?;
    if let (Some(header), None) = (header, &envelope.version)
        && !ProtocolVersion::KNOWN_VERSIONS.iter().any(|known| known.as_str() == header)
    {
        return Err(unsupported(header));
    }
    // The handshake names its version in its own parameters.
    let is_handshake = envelope.method == "initialize" && is_legacy(headers, envelope);
    if let Some(version) = envelope.version.as_deref().filter(|_| !is_handshake) {
        if header != Some(version) {
            return Err(mismatch(
                "the MCP-Protocol-Version header and the request's _meta have to name the same version",
            ));
        }
        if !ProtocolVersion::KNOWN_VERSIONS.iter().any(|known| known.as_str() == version) {
            return Err(unsupported(version));
        }
        if !is_legacy(headers, envelope) && envelope.is_removed() && envelope.id.is_some() {
            return Err(ErrorData::new(
                rmcp::model::ErrorCode::METHOD_NOT_FOUND,
                "revision 2026-07-28 does not have this method any more",
                None,
            ));
        }
    }
    Ok(())
}

fn mismatch(message: &'static str) -> ErrorData {
    ErrorData::new(rmcp::model::ErrorCode::HEADER_MISMATCH, message, None)
}

fn unsupported(requested: &str) -> ErrorData {
    let requested = &requested[..requested.floor_char_boundary(MAX_VERSION_BYTES)];
    let supported: Vec<_> = ProtocolVersion::KNOWN_VERSIONS.iter().map(ProtocolVersion::as_str).collect();
    ErrorData::new(
        rmcp::model::ErrorCode::UNSUPPORTED_PROTOCOL_VERSION,
        "this version of MCP is not served here",
        Some(serde_json::json!({ "requested": requested, "supported": supported })),
    )
}
