//! Names of members: each stands once in an object.

use super::{Document, Members, Parts};

/// Tells whether a name stands in an object already, while the object is made.
pub(super) struct Names {
    /// The entry of the first name.
    first: u32,
    pub(super) length: u32,
    /// A bit for each name so far: who has a bit of its own is new.
    seen: u64,
}

impl Names {
    /// Of so many, each is compared with those before it.
    const FEW: u32 = 16;

    /// Of the object that was opened there.
    pub(super) fn of(opened: usize) -> Self {
        Self { first: u32::try_from(opened).map_or(u32::MAX, |at| at.saturating_add(1)), length: 0, seen: 0 }
    }

    /// The name that is the last entry: whether it is new, as far as one can tell before [`Names::are_distinct`].
    pub(super) fn add(&mut self, document: &Document<'_>) -> bool {
        let last = u32::try_from(document.entries.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let name = document.text_at(last).unwrap_or_default();
        let bit = 1_u64 << (Self::sign(name.as_bytes()) % 64);
        let is_new =
            self.length > Self::FEW || self.seen & bit == 0 || !self.members(document).any(|(other, _)| other == name);
        self.seen |= bit;
        self.length += 1;
        is_new
    }

    /// Whether all are, of however many.
    pub(super) fn are_distinct(&self, document: &Document<'_>) -> bool {
        if self.length <= Self::FEW {
            return true;
        }
        let mut names: Vec<&str> = self.members(document).map(|(name, _)| name).collect();
        names.sort_unstable();
        names.windows(2).all(|pair| pair[0] != pair[1])
    }

    fn members<'d>(&self, document: &'d Document<'_>) -> Members<'d> {
        Members(Parts { document, at: self.first, left: self.length })
    }

    fn sign(name: &[u8]) -> usize {
        let (first, last) = (name.first().copied().unwrap_or(0), name.last().copied().unwrap_or(0));
        name.len() * 7 + usize::from(first) * 5 + usize::from(last)
    }
}
