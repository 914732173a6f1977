//! Marks and their arrivals, each pair in one line of the cache: one step through memory finds both.
//!
//! Open addressing with linear probing. Entries go only where [`Table::rebuild`] leaves them behind, so nothing has to
//! stand for what was taken out. How full a table gets, and how much larger the next one is, keep the share of an entry
//! between 102 and 160 bytes: its own line, and one and a half that are empty at the most.

use super::arrivals::Arrivals;
use super::mark::Mark;

/// Entries for each eight places, at the most: then a search looks at two lines, the second right behind the first.
const FULL: usize = 5;

#[derive(Debug, Default)]
pub(super) struct Table {
    places: Box<[Place]>,
    held: usize,
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Place(Option<(Mark, Arrivals)>);

const _: () = assert!(size_of::<Place>() == 64, "one line of the cache");

impl Table {
    pub(super) fn len(&self) -> usize {
        self.held
    }

    /// Where a mark stands.
    pub(super) fn find(&self, mark: Mark) -> Option<usize> {
        self.search(mark).filter(|at| self.places[*at].0.is_some())
    }

    pub(super) fn get(&self, at: usize) -> Option<&Arrivals> {
        self.places.get(at)?.0.as_ref().map(|(_, arrivals)| arrivals)
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Arrivals> {
        self.places.get_mut(at)?.0.as_mut().map(|(_, arrivals)| arrivals)
    }

    /// Whether there is room for one more.
    pub(super) fn has_room(&self) -> bool {
        self.held < self.places.len() * FULL / 8
    }

    /// Takes in a mark that is not there yet, and says where; `None` if there is no room.
    pub(super) fn insert(&mut self, mark: Mark) -> Option<usize> {
        let at = if self.has_room() { self.search(mark) } else { None }?;
        self.put(at, (mark, Arrivals::default()));
        Some(at)
    }

    pub(super) fn has_idle(&self, now: u64) -> bool {
        self.entries().any(|(_, arrivals)| arrivals.is_idle(now))
    }

    /// Forgets who is idle, and makes room for half as many again as are left, one at the least; for `most` at the most.
    pub(super) fn rebuild(&mut self, now: u64, most: usize) {
        let kept = self.entries().filter(|(_, arrivals)| !arrivals.is_idle(now)).count();
        let places = ((kept + kept / 2 + 1).min(most) * 8).div_ceil(FULL);
        let old = std::mem::replace(&mut self.places, (0..places).map(|_| Place::default()).collect());
        self.held = 0;
        for entry in old.into_iter().filter_map(|place| place.0) {
            if !entry.1.is_idle(now)
                && let Some(at) = self.search(entry.0)
            {
                self.put(at, entry);
            }
        }
    }

    fn entries(&self) -> impl Iterator<Item = &(Mark, Arrivals)> {
        self.places.iter().filter_map(|place| place.0.as_ref())
    }

    /// Where a mark stands, or the first empty place behind, where it would.
    fn search(&self, mark: Mark) -> Option<usize> {
        let mut at = mark.place(self.places.len());
        // Three places in eight are empty: it ends long before.
        for _ in 0..self.places.len() {
            match &self.places[at].0 {
                Some((held, _)) if *held != mark => at = if at + 1 < self.places.len() { at + 1 } else { 0 },
                Some(_) | None => return Some(at),
            }
        }
        None
    }

    fn put(&mut self, at: usize, entry: (Mark, Arrivals)) {
        self.places[at].0 = Some(entry);
        self.held += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::Bucket;
    use super::*;

    /// Counts one more, for a while.
    fn add(table: &mut Table, who: u32) {
        if !table.has_room() {
            table.rebuild(0, usize::MAX / 8);
        }
        let at = table.insert(Mark::of(&who)).unwrap();
        table.get_mut(at).unwrap().settle(Bucket::Agent, 0, u64::from(who) + 1);
    }

    #[test]
    fn an_entry_takes_160_bytes_at_the_most_however_many_there_are() {
        let mut table = Table::default();
        for who in 0..20_000 {
            add(&mut table, who);
            let bytes = size_of_val(&*table.places);
            assert!(bytes <= 160 * table.len(), "{bytes} bytes for {}", table.len());
        }
        assert_eq!(table.entries().count(), 20_000);
    }

    #[test]
    fn a_table_grows_for_as_many_as_it_may_hold_and_shrinks_with_them() {
        let mut table = Table::default();
        for who in 0..1000 {
            add(&mut table, who);
        }
        table.rebuild(0, 1000);
        assert_eq!(table.places.len(), 1600);
        assert!(!table.has_room() && table.insert(Mark::of(&1000_u32)).is_none());
        table.rebuild(990, 1000);
        assert_eq!((table.len(), table.places.len()), (10, 26));
        table.rebuild(1000, 1000);
        assert_eq!((table.len(), table.places.len()), (0, 2));
    }
}
