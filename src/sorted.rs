//! Lists that stay sorted, for what is small: each type that `sort` or `BTreeSet` is compiled for takes 4 to 14 KB of the program.

/// Puts an item in its place. False where it is there already.
pub fn insert<T: Ord>(sorted: &mut Vec<T>, item: T) -> bool {
    match sorted.binary_search(&item) {
        Ok(_) => false,
        Err(place) => {
            sorted.insert(place, item);
            true
        }
    }
}
