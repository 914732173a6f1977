//! Blocks of content: what is no text is checked, and the texts around it are sanitised.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rmcp::model::{ContentBlock, ResourceContents};

use super::level::OutputBounds;
use super::links::is_internal;
use super::serialize::{Clean, Problem, to_clean_value};

/// The blocks, sanitised.
///
/// # Errors
/// Data that is no base64, a media type that does not fit its block, an address that leads inside.
pub(super) fn sanitise(
    mut blocks: Vec<ContentBlock>,
    bounds: &OutputBounds,
) -> Result<Clean<Vec<ContentBlock>>, Problem> {
    // Base64 is no text: it is checked, and spared the search for what texts can hold.
    let mut data = Vec::with_capacity(blocks.len());
    let mut bytes = 0;
    for block in &mut blocks {
        let taken = data_of(block).map(std::mem::take);
        bytes += taken.as_ref().map_or(0, |data| data.len() as u64);
        data.push(taken);
    }
    let room = bounds.max_bytes.checked_sub(bytes).ok_or(Problem::TooLarge)?;
    let clean = to_clean_value(&blocks, &OutputBounds { max_bytes: room, ..bounds.clone() })?;
    let mut blocks: Vec<ContentBlock> = serde_json::from_value(clean.value)
        .map_err(|error| Problem::Invalid(format!("sanitising left no valid content block: {error}")))?;
    for (block, data) in blocks.iter_mut().zip(data) {
        if let (Some(place), Some(data)) = (data_of(block), data) {
            *place = data;
        }
        // What is sent is what counts: before it was cleaned an address may have looked like another.
        check(block, bounds)?;
    }
    Ok(Clean { value: blocks, untrusted: clean.untrusted, counts: clean.counts })
}

/// The base64 of a block that has some.
fn data_of(block: &mut ContentBlock) -> Option<&mut String> {
    match block {
        ContentBlock::Image(image) => Some(&mut image.data),
        ContentBlock::Audio(audio) => Some(&mut audio.data),
        ContentBlock::Resource(embedded) => match &mut embedded.resource {
            ResourceContents::BlobResourceContents { blob, .. } => Some(blob),
            _ => None,
        },
        _ => None,
    }
}

fn check(block: &mut ContentBlock, bounds: &OutputBounds) -> Result<(), Problem> {
    match block {
        ContentBlock::Image(image) => media("an image", "image", &image.mime_type, &image.data),
        ContentBlock::Audio(audio) => media("a sound", "audio", &audio.mime_type, &audio.data),
        ContentBlock::Resource(embedded) => match &embedded.resource {
            ResourceContents::TextResourceContents { uri, mime_type, .. } => {
                address(uri, bounds)?;
                any_media("an embedded resource", mime_type.as_deref())
            }
            ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                address(uri, bounds)?;
                any_media("an embedded resource", mime_type.as_deref())?;
                base64("an embedded resource", blob)
            }
            _ => Err(unknown("resource")),
        },
        ContentBlock::ResourceLink(link) => {
            address(&link.uri, bounds)?;
            any_media("a resource link", link.mime_type.as_deref())?;
            // Icons load by themselves.
            if let Some(icons) = &mut link.icons {
                icons.retain(|icon| bounds.links.allows(&icon.src));
            }
            link.icons = link.icons.take().filter(|icons| !icons.is_empty());
            Ok(())
        }
        ContentBlock::Text(_) => Ok(()),
        _ => Err(unknown("block")),
    }
}

/// A later version of the protocol may know more kinds than can be checked here.
fn unknown(what: &str) -> Problem {
    Problem::Invalid(format!("a {what} of a kind that cannot be checked"))
}

fn media(what: &str, kind: &str, media_type: &str, data: &str) -> Result<(), Problem> {
    any_media(what, Some(media_type))?;
    let (of, sub) = media_type.split_once('/').unwrap_or_default();
    if !of.eq_ignore_ascii_case(kind) {
        return Err(Problem::Invalid(format!("the media type of {what} is not {kind}/…")));
    }
    // SVG is a document: it has links, styles and scripts, and base64 would hide them.
    if sub.get(..3).is_some_and(|sub| sub.eq_ignore_ascii_case("svg")) {
        return Err(Problem::Invalid(format!("{what} is a document that may load or run others (SVG)")));
    }
    base64(what, data)
}

/// RFC 6838, section 4.2, with parameters; none is fine.
fn any_media(what: &str, media_type: Option<&str>) -> Result<(), Problem> {
    let Some(media_type) = media_type else { return Ok(()) };
    let essence = media_type.split(';').next().unwrap_or_default().trim_end();
    let name = |part: &str| {
        part.len() <= 127
            && part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let is_one = essence.split_once('/').is_some_and(|(of, sub)| name(of) && name(sub));
    let printable = media_type.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_one && printable {
        return Ok(());
    }
    Err(Problem::Invalid(format!("{what} has no valid media type")))
}

/// RFC 4648, section 4, with padding, as MCP's schema asks for.
fn base64(what: &str, data: &str) -> Result<(), Problem> {
    // Decoded in pieces: what it says is of no interest, so it is not kept.
    const PIECE: usize = 4096;
    let mut room = [0; PIECE / 4 * 3];
    let pieces = data.as_bytes().chunks(PIECE);
    let last = pieces.len();
    for (index, piece) in pieces.enumerate() {
        let padded = piece.last() == Some(&b'=');
        let fits = !padded || index + 1 == last;
        if !fits || STANDARD.decode_slice(piece, &mut room).is_err() {
            return Err(Problem::Invalid(format!("the data of {what} is not base64")));
        }
    }
    Ok(())
}

/// A client fetches what a resource is said to be.
fn address(uri: &str, bounds: &OutputBounds) -> Result<(), Problem> {
    if is_internal(uri) && !bounds.links.allows(uri) {
        let shown: String = uri.chars().take(200).flat_map(char::escape_debug).collect();
        return Err(Problem::Invalid(format!(
            "a resource is at an internal address ({shown}), which no prefix in [links] allowed covers"
        )));
    }
    Ok(())
}
