//! What stands for a caller in a table.

use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::LazyLock;

/// Keys of this process. Nobody outside can look for two callers that share a mark, or for many that meet in one place.
static KEYS: LazyLock<[RandomState; 2]> = LazyLock::new(|| [RandomState::new(), RandomState::new()]);

/// 128 bits that stand for a caller. That two callers share them is less likely than a fault of the memory they stand in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark([u64; 2]);

impl Mark {
    /// The mark of whatever tells callers apart. Two that differ have to feed a hasher differently.
    pub(crate) fn of<Q: Hash + ?Sized>(who: &Q) -> Self {
        Self(KEYS.each_ref().map(|key| key.hash_one(who)))
    }

    /// Which of so many shards, by bits that [`Mark::place`] does not look at.
    pub(super) fn shard(self, shards: usize) -> usize {
        scale(self.0[0], shards)
    }

    /// Where in a table of so many places, in the order of marks: a table that grows is read and written from end to end.
    pub(super) fn place(self, places: usize) -> usize {
        scale(self.0[1], places)
    }

    #[cfg(test)]
    pub(super) const fn new(shard: u64, place: u64) -> Self {
        Self([shard, place])
    }
}

/// A table that a mark finds its place in.
#[cfg(feature = "http")]
pub(crate) type ByMark<V> = std::collections::HashMap<Mark, V, std::hash::BuildHasherDefault<Marked>>;

impl Hash for Mark {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0[1]);
    }
}

/// A mark is a hash already.
#[cfg(feature = "http")]
#[derive(Default)]
pub(crate) struct Marked(u64);

#[cfg(feature = "http")]
impl Hasher for Marked {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, mark: u64) {
        self.0 = mark;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Of a range of so many, the one at this part of all `u64`; 0 of none.
fn scale(part: u64, range: usize) -> usize {
    // The upper half of a product is below both factors.
    usize::try_from((u128::from(part) * range as u128) >> 64).unwrap_or(0)
}

/// Shows no bit: marks are kept to this process.
impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mark(..)")
    }
}
