//! The fields whose values are judged by more than a list of words.
//!
//! Each value is held as a whole against what may be there. Nothing is searched for what may not.

mod devices;
mod mounts;
mod names;
mod networks;
mod rights;

pub(super) use devices::{are_permissions, device, device_ids, device_on_host, device_request};
pub(super) use mounts::{bind, driver_options, is_size, is_tmpfs, mount, mount_source, tmpfs_pair};
pub(super) use names::{container, ipc, link, pid, volume, volumes_from};
pub(super) use networks::{
    endpoint_options, endpoints, gateway, network, network_name, network_options, subnet,
};
pub(super) use rights::{
    absent, capability, is_plain_variable, log_options, masked_paths, oom_score, read_only_paths, sysctls,
};

use super::fields::Walk;
use super::reader::Value;
use super::refused::Why;
use std::borrow::Cow;

/// A text of an object; empty where there is none.
fn text_of<'b>(object: Value<'b>, name: &str) -> Cow<'b, str> {
    object.member(name).and_then(Value::text).unwrap_or_default()
}

/// Refuses an object in which such a text is missing: what is zero is not judged elsewhere.
pub(super) fn demand(walk: &mut Walk<'_>, object: Value<'_>, name: &str) {
    if text_of(object, name).is_empty() {
        walk.within(name, |walk| walk.refuse(Why::Takes("a text, and none is there")));
    }
}
