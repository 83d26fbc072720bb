//! A map in the order of its keys, for tens of thousands of entries.
//!
//! Its entries stand in short blocks, so that one more or one less moves few others. A `BTreeMap` in its place, of the three kinds
//! that are needed, makes the program 37 KB larger.

use std::borrow::Borrow;

/// The most entries of a block.
const MAX_ENTRIES: usize = 64;

/// Keys with their values.
#[derive(Debug)]
pub(super) struct Sorted<K, V> {
    /// None is empty. All keys of one are less than those of the next.
    blocks: Vec<Vec<(K, V)>>,
    count: usize,
}

/// A block, and a place in it.
type Place = (usize, usize);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self { blocks: Vec::new(), count: 0 }
    }
}

impl<K: Ord, V: Default> Sorted<K, V> {
    /// How many keys there are.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Where a key is, or where it would be.
    fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Result<Place, Place>
    where
        K: Borrow<Q>,
    {
        let starts = |block: &Vec<(K, V)>| block.first().is_some_and(|(first, _)| first.borrow() <= key);
        let block = self.blocks.partition_point(starts).saturating_sub(1);
        let entries = self.blocks.get(block).map(Vec::as_slice).unwrap_or_default();
        let place = entries.binary_search_by(|(other, _)| other.borrow().cmp(key));
        place.map(|place| (block, place)).map_err(|place| (block, place))
    }

    /// What a key has.
    pub(super) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let (block, place) = self.find(key).ok()?;
        Some(&self.blocks[block][place].1)
    }

    /// The same, to change it.
    pub(super) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let (block, place) = self.find(key).ok()?;
        Some(&mut self.blocks[block][place].1)
    }

    /// The same, and it is made where there is none.
    pub(super) fn entry(&mut self, key: K) -> &mut V {
        let (block, place) = match self.find(&key) {
            Ok(place) => place,
            Err(place) => {
                self.count += 1;
                let (block, place) = self.room(place);
                self.blocks[block].insert(place, (key, V::default()));
                (block, place)
            }
        };
        &mut self.blocks[block][place].1
    }

    /// The same place, in a block that has room for one more.
    fn room(&mut self, (block, place): Place) -> Place {
        match self.blocks.get_mut(block) {
            None => self.blocks.push(Vec::new()),
            Some(entries) if entries.len() >= MAX_ENTRIES => {
                // Behind the last key of all nothing is left behind: what is numbered comes in order.
                let start = if place == MAX_ENTRIES { place } else { MAX_ENTRIES / 2 };
                let rest = entries.split_off(start);
                self.blocks.insert(block + 1, rest);
                if place >= start {
                    return (block + 1, place - start);
                }
            }
            Some(_) => {}
        }
        (block, place)
    }

    /// Takes a key out, with what it has.
    pub(super) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (block, place) = self.find(key).ok()?;
        let (_, value) = self.blocks[block].remove(place);
        self.count -= 1;
        if self.blocks[block].is_empty() {
            self.blocks.remove(block);
        }
        Some(value)
    }

    /// The entries from a key on.
    pub(super) fn from<Q: Ord + ?Sized>(&self, key: &Q) -> impl Iterator<Item = &(K, V)>
    where
        K: Borrow<Q>,
    {
        let (Ok((block, place)) | Err((block, place))) = self.find(key);
        self.blocks.iter().skip(block).flatten().skip(place)
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_ENTRIES, Sorted};
    use std::collections::BTreeMap;

    /// By numbers that come in order, in reverse, and in none; with keys that come again, and some that are taken out.
    #[test]
    fn it_does_what_a_map_of_the_standard_library_does() {
        const COUNT: u64 = 20 * MAX_ENTRIES as u64;
        let orders: [fn(u64) -> u64; 4] =
            [|turn| turn, |turn| COUNT - turn, |turn| turn * 7919 % COUNT, |turn| turn * turn * turn % 1009];
        for order in orders {
            let (mut ours, mut theirs) = (Sorted::<u64, u64>::default(), BTreeMap::new());
            for turn in 0..3 * COUNT {
                let (key, other) = (order(turn % COUNT), order(turn * 31 % COUNT));
                if turn < COUNT || turn % 4 == 0 {
                    *ours.entry(key) += turn;
                    *theirs.entry(key).or_default() += turn;
                } else {
                    assert_eq!(ours.remove(&other), theirs.remove(&other));
                }
                assert_eq!((ours.get(&other), ours.len()), (theirs.get(&other), theirs.len()));
                assert_eq!(ours.get_mut(&key), theirs.get_mut(&key));
                let (one, two) = (ours.from(&other).take(3), theirs.range(other..).take(3));
                assert!(one.map(|(key, value)| (key, value)).eq(two));
            }
            assert!(ours.blocks.iter().all(|block| (1..=MAX_ENTRIES).contains(&block.len())));
            assert!(ours.from(&0).map(|(key, value)| (key, value)).eq(&theirs));
            let left: Vec<_> = theirs.into_keys().collect();
            assert!(!left.is_empty() && left.iter().all(|key| ours.remove(key).is_some()));
            assert!(ours.blocks.is_empty() && ours.len() == 0);
        }
    }
}
