//! Links that load by themselves: whatever shows a text with one in it fetches its address, and so carries out of the
//! conversation what somebody made the model write there.
//!
//! Images of Markdown, inline (`![a](url)`) and by reference (`![a][b]` or `![b]` with `[b]: url`), and the elements and
//! attributes of HTML that load something lose their address, unless it falls under `[links] allowed` or names no host.
//! What stands in its place is [`REMOVED`]. Links that somebody has to follow stay, and so do bare addresses in prose:
//! they load nothing.
//!
//! Readers of Markdown and HTML differ, so nothing depends on one reading: an image is one whether or not it is escaped,
//! stands in a code block or in an attribute; where brackets can be paired in two ways, either pair that makes an image
//! counts. What no reader of Markdown shows (other markups, scripts) is not touched.

mod allow;
mod css;
mod html;
mod internal;
mod markdown;
mod paragraph;
mod references;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;

pub use self::allow::Links;
pub(crate) use self::internal::is_internal;
use super::edits::Edits;

/// What stands in place of an address.
const REMOVED: &str = "link removed";

/// Labels of references. Over the strings of one answer they are shared: an image in one string may take its address from
/// another. What a text on its own says is for nobody else.
#[derive(Debug, Default)]
pub(super) struct Labels {
    /// Of images.
    images: BTreeSet<String>,
    /// Of addresses that are not allowed and still stand, for links that somebody has to follow.
    kept: BTreeSet<String>,
    shared: bool,
    /// No address that is not allowed may stand.
    strict: bool,
}

impl Labels {
    /// For the strings of an answer.
    pub(super) fn shared() -> Self {
        Self { shared: true, ..Self::default() }
    }

    /// Whether an image of one string takes its address from another string.
    pub(super) fn meet(&self) -> bool {
        !self.strict && !self.images.is_disjoint(&self.kept)
    }

    /// For a second round, in which no definition keeps an address that is not allowed.
    pub(super) fn strict() -> Self {
        Self { strict: true, ..Self::shared() }
    }
}

/// Takes their addresses from links that load by themselves; says how many.
pub(super) fn defuse<'a>(text: &'a str, links: &Links, labels: &mut Labels) -> (Cow<'a, str>, usize) {
    let mut edits = Edits::default();
    markdown::scan(text, links, labels, &mut edits);
    html::scan(text, links, &mut edits);
    let count = edits.len();
    (edits.apply(text), count)
}

/// Notes which addresses the images of a text take that stays as it is: another string must not give them one.
pub(super) fn note_images(text: &str, labels: &mut Labels) {
    let mut own = Labels::default();
    markdown::scan(text, &Links::default(), &mut own, &mut Edits::default());
    labels.images.append(&mut own.images);
}

/// Whether something that loads by itself may keep this address.
fn keeps(links: &Links, address: &str) -> bool {
    address == REMOVED || links.keeps(address)
}
