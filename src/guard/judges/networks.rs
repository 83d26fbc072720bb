//! Networks.

use super::super::fields::Walk;
use super::super::path::is_name;
use super::super::reader::{Kind, Value};
use super::super::refused::Why;
use super::super::tables::ENDPOINT;
use super::super::thing::Thing;
use std::net::IpAddr;

/// The name or the ID of a network.
pub(in super::super) fn network(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    match value.text() {
        Some(name) => network_name(walk, &name),
        None => walk.refuse(Why::Takes("a string")),
    }
}

/// That of the host is `host`, which no list of names opens. One with a colon is that of a container, or podman's way to say more.
pub(in super::super) fn network_name(walk: &mut Walk<'_>, name: &str) {
    match (name, name.strip_prefix("container:")) {
        // Two of podman's ways to the host's network.
        ("host" | "pasta" | "slirp4netns", _) => walk.needs_host_network(),
        // Every container has one of these.
        ("bridge" | "default" | "none", _) => {}
        (_, Some(container)) => walk.names(Thing::Container, container),
        _ if is_name(name) => walk.names(Thing::Network, name),
        _ => walk.refuse(Why::Takes("the name of a network")),
    }
}

/// The networks that a container is in, by their names.
pub(in super::super) fn endpoints(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    walk.entries(value, |walk, name, endpoint| {
        network_name(walk, name);
        walk.object(endpoint, &[ENDPOINT]);
    });
}

/// What a network's driver is told of a container.
pub(in super::super) fn endpoint_options(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    let is_sysctl = |text: &str| {
        text.starts_with("net.")
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-= ".contains(&byte))
    };
    walk.entries(value, |walk, key, value| match (key, value.text()) {
        ("com.docker.network.endpoint.ifname", Some(name)) if is_name(&name) => {}
        ("com.docker.network.endpoint.sysctls", Some(list)) if list.split(',').all(is_sysctl) => {}
        _ => walk.refuse(Why::Never),
    });
}

/// What the driver bridge is told. A bridge that the host has is another one's.
pub(in super::super) fn network_options(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    const KNOWN: [&str; 10] = [
        "com.docker.network.bridge.enable_icc",
        "com.docker.network.bridge.enable_ip_masquerade",
        "com.docker.network.bridge.gateway_mode_ipv4",
        "com.docker.network.bridge.gateway_mode_ipv6",
        "com.docker.network.bridge.host_binding_ipv4",
        "com.docker.network.container_iface_prefix",
        "com.docker.network.driver.mtu",
        "com.docker.network.enable_ipv6",
        // podman.
        "isolate",
        "mtu",
    ];
    walk.entries(value, |walk, key, value| {
        if !KNOWN.contains(&key) || value.kind() != Kind::Text {
            walk.refuse(Why::Never);
        }
    });
}

/// A range of addresses that are for private use: the host sends what is in it to the bridge.
pub(in super::super) fn subnet(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    let text = value.text().unwrap_or_default();
    let is_number = |digits: &&str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let range = text
        .split_once('/')
        .and_then(|(address, length)| Some((address, Some(length).filter(is_number)?.parse().ok()?)));
    if !range.is_some_and(|(address, length)| is_private(address, length)) {
        walk.refuse(Why::Takes("a private range, such as 10.1.0.0/16"));
    }
}

/// The bridge's own address, which the host then has.
pub(in super::super) fn gateway(walk: &mut Walk<'_>, value: Value<'_>, _: Value<'_>) {
    if !value.text().is_some_and(|address| is_private(&address, 32)) {
        walk.refuse(Why::Takes("a private address, such as 10.1.0.1"));
    }
}

/// Whether a range, given by its first address and the length of what all of it have in common, is for private use (RFC 1918, RFC 6598,
/// RFC 4193).
fn is_private(address: &str, length: u8) -> bool {
    match address.parse() {
        Ok(IpAddr::V4(address)) if length <= 32 => match address.octets() {
            [10, ..] => length >= 8,
            [172, 16..=31, ..] => length >= 12,
            [192, 168, ..] => length >= 16,
            [100, 64..=127, ..] => length >= 10,
            _ => false,
        },
        Ok(IpAddr::V6(address)) if length <= 128 => address.segments()[0] & 0xfe00 == 0xfc00 && length >= 7,
        _ => false,
    }
}
