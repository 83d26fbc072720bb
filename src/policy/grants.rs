//! Sets of variables.

use super::variables::{VARIABLES, Variable, place_of};

/// A set of variables: one bit for each of [`VARIABLES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Grants(u64);

const _: () = assert!(VARIABLES.len() <= u64::BITS as usize);

impl Grants {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// The sections of containers and pods, which actions and gates are about.
    pub const CONTAINER_SECTIONS: Self =
        Self::named("CONTAINERS").union(Self::named("LIBPOD_CONTAINERS")).union(Self::named("LIBPOD_PODS"));

    /// The method, and what GETs that act need.
    pub const POST: Self = Self::named("POST");

    /// POST, and the methods that have a variable of their own.
    pub const METHODS: Self =
        Self::POST.union(Self::named("DELETE")).union(Self::named("PUT")).union(Self::named("PATCH"));

    /// The variable at this place of the table.
    #[must_use]
    pub const fn of(place: usize) -> Self {
        Self(1 << place)
    }

    /// The variable of this name, for constants.
    ///
    /// # Panics
    /// Where there is none, which stops the build.
    pub(super) const fn named(name: &str) -> Self {
        Self::of(place_of(name))
    }

    /// The place of the first.
    pub(super) const fn place(self) -> usize {
        self.0.trailing_zeros() as usize
    }

    /// Those of either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// These but not those.
    #[must_use]
    pub const fn without(self, those: Self) -> Self {
        Self(self.0 & !those.0)
    }

    /// `==`, for constants.
    pub(super) const fn is(self, other: Self) -> bool {
        self.0 == other.0
    }

    /// Whether all of `other` are among these.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether any of `other` is among these.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        other.0 & self.0 != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Each alone, in the table's order.
    pub fn iter(self) -> impl Iterator<Item = Self> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let lowest = rest & rest.wrapping_neg();
            rest ^= lowest;
            (lowest != 0).then_some(Self(lowest))
        })
    }

    /// Their rows, in the table's order.
    pub fn variables(self) -> impl Iterator<Item = &'static Variable> {
        self.iter().filter_map(|one| VARIABLES.get(one.place()))
    }

    /// All of them switched on, as a user writes it: `CONTAINERS=1`, with something between. Methods stand last, as a
    /// section is what one thinks of first.
    #[must_use]
    pub fn settings(self, between: &str) -> String {
        self.settings_of("", between)
    }

    /// The same for a client whose variables have this prefix.
    #[must_use]
    pub fn settings_of(self, prefix: &str, between: &str) -> String {
        let methods = self.intersection(Self::METHODS);
        let ordered = self.without(methods).variables().chain(methods.variables());
        ordered.map(|variable| format!("{prefix}{}=1", variable.name)).collect::<Vec<_>>().join(between)
    }
}
