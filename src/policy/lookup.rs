//! Finding the rows of the two tables that a path belongs to: one look-up each, in indexes that are built while compiling.

use super::denial::Denial;
use super::grants::Grants;
use super::route::{PLAIN, Route};
use super::routes::ROUTES;
use super::variables::{Kind, Section, VARIABLES, equal};
use crate::http::path::{self, Split};

/// Where a path stands in the tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    /// Its section.
    pub section: Grants,
    /// What is below the section.
    pub below: &'p [u8],
    /// A row of the section, or of one of its kind, that ends as the path does.
    pub route: Option<&'static Route>,
    /// Whether the path is of that row's form: it has a name where the row has one, and no trailing slash, which no row with
    /// rules has.
    pub whole: bool,
}

impl<'p> Place<'p> {
    /// Finds it, whatever the method.
    ///
    /// # Errors
    /// The path belongs to no section.
    pub fn of(path: &'p [u8]) -> Result<Self, Denial> {
        let Split { libpod, section: segment, below } = path::split(path);
        let Some((section, exact)) = find_section(libpod, segment) else {
            return Self::elsewhere(path).ok_or(match segment {
                [] if !libpod => Denial::Root,
                _ => Denial::NoSection,
            });
        };
        if exact && !below.is_empty() {
            return Err(Denial::NoSection);
        }
        let clean = below.strip_suffix(b"/").unwrap_or(below);
        let place = Self { section, below, route: None, whole: false };
        Ok(match find_ending(section, clean) {
            Some((ending, route)) => {
                let whole = clean.len() == below.len() && ending.named == (clean.len() > ending.tail.len());
                Self { route: Some(route), whole, ..place }
            }
            None => place,
        })
    }

    /// The place of a path whose row names another section than the path does.
    fn elsewhere(path: &[u8]) -> Option<Self> {
        let path = path::without_version(path);
        let route = ROUTES.iter().find(|route| route.section.is_some() && route.path.as_bytes() == path)?;
        Some(Self { section: route.section?, below: b"", route: Some(route), whole: true })
    }
}

/// How the path of a row ends, where it ends in a word and not in a name.
#[derive(Clone, Copy)]
struct Ending {
    /// The kin of its section.
    kin: Grants,
    /// Whether there is a name before.
    named: bool,
    /// What is behind the last name, or behind the section.
    tail: &'static str,
}

impl Ending {
    const fn of(route: &Route) -> Option<Self> {
        let (Some((section, below)), None) = (route.split(), route.section) else { return None };
        let (mut tail, mut at) = (0, 0);
        while at < below.len() {
            at += 1;
            if below.as_bytes()[at - 1] == b'}' {
                tail = at;
            }
        }
        let named = tail > 0;
        if (named && tail == below.len()) || equal(below.as_bytes(), b"/") {
            return None;
        }
        Some(Self { kin: kin(section), named, tail: below.split_at(tail).1 })
    }

    const fn is(&self, other: &Self) -> bool {
        equal(self.tail.as_bytes(), other.tail.as_bytes())
    }

    /// Whether one path can have both endings.
    const fn meets(&self, other: &Self) -> bool {
        self.kin.is(other.kin)
            && self.named == other.named
            && if self.named { equal(self.word(), other.word()) } else { self.is(other) }
    }

    /// Its last segment, which it is looked up by.
    const fn word(&self) -> &'static [u8] {
        let tail = self.tail.as_bytes();
        let mut start = tail.len();
        while start > 0 && tail[start - 1] != b'/' {
            start -= 1;
        }
        tail.split_at(start).1
    }
}

/// What rows of a section are looked up under: what holds for a container holds for a pod.
const fn kin(section: Grants) -> Grants {
    if Grants::CONTAINER_SECTIONS.contains(section) { Grants::named("CONTAINERS") } else { section }
}

/// The ending of what is below a section. Names can hold slashes (`{name:.*}`), so that it is the last segment, or as many as
/// the row has, at whatever depth.
fn find_ending(section: Grants, below: &[u8]) -> Option<(Ending, &'static Route)> {
    let slash = memchr::memrchr(b'/', below);
    let word = slash.map_or(below, |slash| &below[slash + 1..]);
    let kin = kin(section);
    BY_ENDING.places(kin.place(), word).find_map(|place| {
        let ending = ENDINGS[place].filter(|ending| ending.kin == kin)?;
        let tail = ending.tail.as_bytes();
        let ends = if ending.named { slash > Some(0) && below.ends_with(tail) } else { below == tail };
        ends.then_some((ending, &ROUTES[place]))
    })
}

/// The section of a segment, and whether nothing is below it.
fn find_section(libpod: bool, segment: &[u8]) -> Option<(Grants, bool)> {
    BY_SEGMENT.places(libpod as usize, segment).find_map(|place| match VARIABLES[place].kind {
        Kind::Section(section) if section.libpod == libpod && section.segment.as_bytes() == segment => {
            Some((Grants::of(place), section.exact))
        }
        _ => None,
    })
}

/// Places of a table by a hash of words, each of a group; what collides stands in the next free slot.
struct Index<const SLOTS: usize>([u16; SLOTS]);

const FREE: u16 = u16::MAX;

impl<const SLOTS: usize> Index<SLOTS> {
    const fn slot(group: usize, word: &[u8]) -> usize {
        let letters = match word {
            [] => 0,
            [first, ..] => {
                *first as usize + word[word.len() / 2] as usize * 8 + word[word.len() - 1] as usize * 64
            }
        };
        (letters + word.len() * 4 + group * 31) % SLOTS
    }

    #[expect(clippy::panic, reason = "evaluated while compiling")]
    const fn add(&mut self, group: usize, word: &[u8], place: usize) {
        let mut slot = Self::slot(group, word);
        let mut tried = 0;
        while self.0[slot] != FREE {
            slot = (slot + 1) % SLOTS;
            tried += 1;
            // A free slot has to be left, which ends the search for what is not there.
            if tried > SLOTS / 2 {
                panic!("the index is full: give it more slots");
            }
        }
        self.0[slot] = place as u16;
    }

    /// The places that may be those of a word, few of them in vain.
    fn places(&self, group: usize, word: &[u8]) -> impl Iterator<Item = usize> {
        let mut slot = Self::slot(group, word);
        std::iter::from_fn(move || {
            let place = self.0[slot];
            slot = (slot + 1) % SLOTS;
            (place != FREE).then_some(usize::from(place))
        })
    }
}

static BY_SEGMENT: Index<128> = {
    let mut index = Index([FREE; 128]);
    let mut place = 0;
    while place < VARIABLES.len() {
        if let Kind::Section(Section { libpod, segment, .. }) = VARIABLES[place].kind {
            index.add(libpod as usize, segment.as_bytes(), place);
        }
        place += 1;
    }
    index
};

/// By the places of [`ROUTES`].
static ENDINGS: [Option<Ending>; ROUTES.len()] = ENDINGS_OF_ROUTES;

const ENDINGS_OF_ROUTES: [Option<Ending>; ROUTES.len()] = {
    let mut endings = [None; ROUTES.len()];
    let mut row = 0;
    while row < ROUTES.len() {
        endings[row] = Ending::of(&ROUTES[row]);
        row += 1;
    }
    endings
};

/// The first row of each ending. Those that end alike say the same.
static BY_ENDING: Index<1024> = {
    let mut index = Index([FREE; 1024]);
    let mut row = 0;
    while row < ROUTES.len() {
        match ENDINGS_OF_ROUTES[row] {
            Some(ending) => match first_that_meets(&ending) {
                (first, _) if first == row => index.add(ending.kin.place(), ending.word(), row),
                (first, other) => assert!(
                    other.is(&ending) && ROUTES[row].says_as(&ROUTES[first]),
                    "two rows end alike and say different things: nobody could tell which one a path is on"
                ),
            },
            None => assert!(
                ROUTES[row].section.is_some() || ROUTES[row].says_as(&PLAIN),
                "a path that ends in a name, or is of no section, is not looked up: its row can say nothing"
            ),
        }
        row += 1;
    }
    index
};

const fn first_that_meets(ending: &Ending) -> (usize, Ending) {
    let mut row = 0;
    loop {
        if let Some(other) = ENDINGS_OF_ROUTES[row]
            && other.meets(ending)
        {
            return (row, other);
        }
        row += 1;
    }
}
