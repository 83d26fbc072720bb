//! What is refused of a body, and what would open it, in words.

use super::allow::{
    ALLOW_BIND_MOUNTS, ALLOW_CAPABILITIES, ALLOW_CONTAINERS, ALLOW_DEVICES, ALLOW_HOST_NETWORK,
    ALLOW_NETWORKS, ALLOW_TAGS, ALLOW_VOLUMES, Allow,
};
use super::names::familiar;
use super::thing::Thing;
use crate::vars::Setting;
use std::fmt;

/// A field that is refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refused {
    /// Where it stands, such as `HostConfig.Binds`. It says nothing of the value.
    pub path: String,
    /// Why it is.
    pub why: Why,
}

/// Why a field is refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It must be zero, and no list opens it.
    Never,
    /// It must be one of these strings.
    OneOf(&'static [&'static str]),
    /// It must be something else, which the text says.
    Takes(&'static str),
    /// A list opens it.
    Needs(Need),
    /// It is the name of something that the client did not make, and that a daemon takes for the start of an ID, too.
    Digits,
    /// ALLOW_BIND_MOUNTS has it with `:ro`, and it is not read-only.
    ReadOnly,
    /// The tables do not know it, and it is not zero.
    Unknown,
    /// Some reader takes it for this one, which is judged.
    Spelling(&'static str),
    /// Some reader takes it for a field that was there before.
    Twice,
}

/// What would have to be in a list, for LEARN=1. It holds what the client asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A folder or a file of the host, and whether it is written.
    BindMount(String, bool),
    /// A capability.
    Capability(String),
    /// A device.
    Device(String),
    /// The network of the host.
    HostNetwork,
    /// What the client did not make, by the name or ID that it gave.
    Name(Thing, String),
    /// All of a kind.
    All(Thing),
}

impl Need {
    /// What the client asked for; nothing where that is no word of it.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::BindMount(text, _) | Self::Capability(text) | Self::Device(text) | Self::Name(_, text) => {
                text
            }
            Self::HostNetwork | Self::All(_) => "",
        }
    }

    /// The list that opens it, and its entry there. `None` where the list would not read just this entry back, and where the client's
    /// text has what YAML, compose or a reader of the report could take for something else: what it names is its own to say.
    #[must_use]
    pub fn entry(&self) -> Option<(&'static Setting, String)> {
        let is_itself =
            |letter: char| letter.escape_debug().eq([letter]) && !matches!(letter, '$' | '*' | ',');
        let (list, entry) = match self {
            Self::BindMount(path, written) => {
                (&ALLOW_BIND_MOUNTS, format!("{path}{}", if *written { "" } else { ":ro" }))
            }
            Self::Capability(name) => (&ALLOW_CAPABILITIES, name.clone()),
            Self::Device(name) => (&ALLOW_DEVICES, name.clone()),
            Self::HostNetwork => (&ALLOW_HOST_NETWORK, String::from("1")),
            Self::Name(Thing::Image, name) => (&ALLOW_TAGS, familiar(name).to_owned()),
            Self::Name(thing, name) => (list_of(*thing)?, name.clone()),
            Self::All(thing) => (list_of(*thing)?, String::from("*")),
        };
        let is_read_back = || {
            let var = |name: &str| (name == list.name).then(|| entry.clone());
            let of_list = |allow: Allow| allow.named().into_iter().find(|(name, _)| *name == list.name);
            Allow::from_vars(&var).ok().and_then(of_list).is_some_and(|(_, entries)| entries == [&*entry])
        };
        (self.text().chars().all(is_itself) && is_read_back()).then_some((list, entry))
    }
}

/// The list of names that opens what others made.
#[must_use]
pub const fn list_of(thing: Thing) -> Option<&'static Setting> {
    match thing {
        Thing::Container | Thing::Pod => Some(&ALLOW_CONTAINERS),
        Thing::Image => Some(&ALLOW_TAGS),
        Thing::Network => Some(&ALLOW_NETWORKS),
        Thing::Volume => Some(&ALLOW_VOLUMES),
        Thing::Exec => None,
    }
}

impl Refused {
    /// Whether it may be the client's own, as far as nobody knows what was made.
    #[must_use]
    pub const fn may_be_own(&self) -> bool {
        matches!(self.why, Why::Needs(Need::Name(Thing::Container | Thing::Exec | Thing::Network, _)))
    }

    /// It as a client is told, whose variables have this prefix.
    #[must_use]
    pub fn told(&self, prefix: &str) -> String {
        let Self { path, why } = self;
        let end = match why {
            Why::Never => String::from("nothing opens it"),
            Why::OneOf(words) => format!("it takes {}", words.join(", ")),
            Why::Takes(form) => format!("it takes {form}"),
            Why::Needs(Need::BindMount(..)) => {
                format!("add the folder to {prefix}{}", ALLOW_BIND_MOUNTS.name)
            }
            Why::Needs(Need::Capability(_)) => {
                format!("add the capability to {prefix}{}", ALLOW_CAPABILITIES.name)
            }
            Why::Needs(Need::Device(_)) => format!("add the device to {prefix}{}", ALLOW_DEVICES.name),
            Why::Needs(Need::HostNetwork) => format!("set {prefix}{}=1 to allow it", ALLOW_HOST_NETWORK.name),
            Why::Needs(Need::All(thing)) => {
                let list = list_of(*thing).map_or("", |list| list.name);
                format!("by an ID it is taken from all who use it; set {prefix}{list}=* to allow it")
            }
            Why::Needs(Need::Name(thing, _)) => {
                let made = match thing {
                    Thing::Container | Thing::Network | Thing::Exec => {
                        "it was not made through this proxy since it started"
                    }
                    Thing::Image | Thing::Pod | Thing::Volume => "it can be what others use",
                };
                match list_of(*thing) {
                    Some(list) => format!("{made}; add its name to {prefix}{}", list.name),
                    None => String::from(made),
                }
            }
            Why::Digits => String::from(
                "a name of hexadecimal digits and _ alone is taken for an ID; ask for it by its ID, of 12 digits or more",
            ),
            Why::ReadOnly => format!("{prefix}{} has it read-only, with :ro", ALLOW_BIND_MOUNTS.name),
            Why::Unknown => String::from("this version does not know it"),
            Why::Spelling(name) => format!("it is spelled {name}"),
            Why::Twice => String::from("it is there twice, in two spellings"),
        };
        format!("GUARD refuses {path}: {end}")
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told(""))
    }
}
