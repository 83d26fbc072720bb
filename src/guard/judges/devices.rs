//! Devices of the host.

use super::super::allow::{GPU, is_device};
use super::super::fields::Walk;
use super::super::reader::Value;
use super::super::refused::{Need, Why};
use super::super::tables::{DEVICE, DEVICE_REQUEST};
use super::{demand, text_of};

/// A device of the host.
pub(in super::super) fn device(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    walk.object(value, &[DEVICE]);
    demand(walk, value, "PathOnHost");
}

/// The path of a device, or a name of the container device interface.
pub(in super::super) fn device_on_host(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    match value.text() {
        Some(name) => device_name(walk, &name),
        None => walk.refuse(Why::Takes("a string")),
    }
}

fn device_name(walk: &mut Walk<'_>, name: &str) {
    if !is_device(name) || name == GPU {
        walk.refuse(Why::Takes("a clean path, or a name such as vendor.com/class=name"));
    } else if !walk.allow().has_device(name) {
        walk.refuse(Why::Needs(Need::Device(name.to_owned())));
    }
}

/// Whether these are rights to a device.
pub(in super::super) fn are_permissions(text: &str) -> bool {
    text.bytes().all(|byte| b"rwm".contains(&byte))
}

/// What `--gpus` asks for, or devices by their names.
pub(in super::super) fn device_request(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    const OF_GPU: [&str; 8] =
        [GPU, "nvidia", "compute", "utility", "video", "graphics", "display", "compat32"];
    walk.object(value, &[DEVICE_REQUEST]);
    if text_of(value, "Driver") == "cdi" {
        return;
    }
    let of_gpu = |words: Value<'_>| {
        let words: Option<Vec<_>> = words.items().map(Value::text).collect();
        words.is_some_and(|words| {
            words.iter().any(|word| word == GPU) && words.iter().all(|word| OF_GPU.contains(&&**word))
        })
    };
    let mut capabilities = value.member("Capabilities").into_iter().flat_map(Value::items).peekable();
    if capabilities.peek().is_none() || !capabilities.all(of_gpu) {
        walk.refuse(Why::Takes("the capability gpu, or the driver cdi"));
    } else if !walk.allow().devices.iter().any(|name| name == GPU) {
        walk.refuse(Why::Needs(Need::Device(GPU.to_owned())));
    }
}

/// Names of the container device interface, or numbers and IDs of GPUs.
pub(in super::super) fn device_ids(walk: &mut Walk<'_>, value: Value<'_>, request: Value<'_>) {
    let is_cdi = text_of(request, "Driver") == "cdi";
    let is_plain = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    walk.each(value, |walk, id| match id.text() {
        Some(id) if is_cdi => device_name(walk, &id),
        Some(id) if is_plain(&id) => {}
        _ => walk.refuse(Why::Takes("IDs of devices")),
    });
}
