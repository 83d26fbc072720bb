//! What requests name, and by what.

use crate::http::bytes::hex_value;

/// The least digits of an ID that stand for it.
/// - What clients show and send: 12 digits (docker `ps`).
/// - What would be too few: 7 digits, of which two containers in 20,000 are likely to be alike.
pub(super) const MIN_DIGITS: usize = 12;

/// What a request can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    /// A container.
    Container,
    /// A command in a container.
    Exec,
    /// An image, by the name that it has or gets.
    Image,
    /// A network.
    Network,
    /// A pod of podman's.
    Pod,
    /// A volume that has a name.
    Volume,
}

impl Thing {
    /// Whether a daemon finds one by the start of its ID, too.
    pub(super) const fn has_id(self) -> bool {
        !matches!(self, Self::Volume)
    }

    /// What a client is told that it named.
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::Container => "the container",
            Self::Exec => "the exec",
            Self::Image => "the image",
            Self::Network => "the network",
            Self::Pod => "the pod",
            Self::Volume => "the volume",
        }
    }
}

/// The 64 digits of a container, a network or an exec.
pub(super) type Id = [u8; 32];

/// Whether every daemon takes a reference for the start of an ID, where nothing has it as its name.
pub(super) fn is_digits(reference: &str) -> bool {
    reference.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether some daemon does so: podman's database takes an underscore for any digit (`libpod/sqlite_state.go`, LIKE).
pub(super) fn may_be_digits(reference: &str) -> bool {
    reference.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'_')
}

/// Whether it has so many digits that it stands for one ID.
pub(super) fn is_id(reference: &str) -> bool {
    reference.len() >= MIN_DIGITS && is_digits(reference)
}

/// The ID that a daemon tells; `None` for other than 64 digits in lower case.
pub(super) fn read_id(text: &str) -> Option<Id> {
    let mut id = Id::default();
    let digits = text.as_bytes();
    if digits.len() != 2 * id.len() {
        return None;
    }
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(id)
}

fn digit(byte: u8) -> Option<u8> {
    hex_value(byte).filter(|_| !byte.is_ascii_uppercase())
}
