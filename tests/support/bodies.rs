//! Bodies as the guard gets them: the cases of `tests/guard`, a reader of JSON that refuses little, and whatever mutation makes of both.

#![allow(dead_code, missing_docs, reason = "every test binary uses its own part of this")]

use docker_socket_proxy::guard::{Body, Guard};

// === The cases ===

const CASES: &str = include_str!("../guard/cases.txt");

/// They have all names in a case that does not say otherwise, so that it is the rest that decides.
pub const LISTS_OF_NAMES: [&str; 4] = ["ALLOW_CONTAINERS", "ALLOW_NETWORKS", "ALLOW_VOLUMES", "ALLOW_TAGS"];

/// A request, and the verdict on it; `tests/guard/README.md` has the format.
#[derive(Debug, Clone, Default)]
pub struct Case {
    pub name: &'static str,
    pub allowed: bool,
    pub why: &'static str,
    pub method: &'static str,
    pub target: &'static str,
    pub vars: Vec<(&'static str, &'static str)>,
    pub headers: Vec<(&'static str, &'static str)>,
    pub engines: &'static str,
    /// Whether the target decides, and not the body.
    pub by_target: bool,
    pub body: Vec<u8>,
}

pub fn cases() -> Vec<Case> {
    CASES.split("\n\n").filter(|text| text.starts_with("== ")).map(Case::read).collect()
}

impl Case {
    fn read(text: &'static str) -> Self {
        let mut case = Self::default();
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').expect("a word and what belongs to it");
            match word {
                "==" => case.name = rest,
                "allowed" | "refused" => (case.allowed, case.why) = (word == "allowed", rest),
                "request" => (case.method, case.target) = rest.split_once(' ').expect("method and target"),
                "vars" => {
                    case.vars =
                        rest.split(' ').map(|pair| pair.split_once('=').expect("NAME=VALUE")).collect();
                }
                "header" => case.headers.push(rest.split_once(": ").expect("name and value")),
                "engines" => case.engines = rest,
                "decides" => case.by_target = rest == "target",
                "body" => case.body = rest.into(),
                "line" => case.body = format!("{rest}\n").into(),
                "base64" => case.body = from_base64(rest),
                _ => panic!("{}: what is {line:?}?", case.name),
            }
        }
        case
    }

    /// Whether the body decides.
    pub fn is_of_the_body(&self) -> bool {
        self.kind().is_some() && !self.by_target
    }

    /// Whose body this is, where the guard judges it.
    pub fn kind(&self) -> Option<Body> {
        let path = self.target.split('?').next().unwrap_or_default();
        let names: Vec<&str> =
            path.split('/').filter(|name| !name.is_empty() && !name.starts_with("v1.")).collect();
        Some(match (self.method, &names[..]) {
            ("POST", ["containers", "create"]) => Body::Create,
            ("POST", ["containers", _, "update"]) => Body::Update,
            ("POST", ["containers", _, "exec"]) => Body::Exec,
            ("POST", ["commit"]) => Body::Commit,
            ("POST", ["volumes", "create"]) => Body::Volume,
            ("POST", ["networks", "create"]) => Body::Network,
            ("POST", ["networks", _, "connect"]) => Body::Connect,
            ("POST", ["networks", _, "disconnect"]) => Body::Disconnect,
            _ => return None,
        })
    }

    pub fn open(&self) -> Open {
        let value = |name| self.vars.iter().find(|var| var.0 == name).map(|var| var.1);
        let [containers, networks, volumes, _] = LISTS_OF_NAMES.map(|name| value(name).unwrap_or("*"));
        let value = |name| value(name).unwrap_or_default();
        Open {
            bind_mounts: value("ALLOW_BIND_MOUNTS"),
            capabilities: value("ALLOW_CAPABILITIES"),
            devices: value("ALLOW_DEVICES"),
            host_network: value("ALLOW_HOST_NETWORK"),
            containers,
            networks,
            volumes,
        }
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    let value = |digit| match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let mut bytes = Vec::new();
    for four in text.trim_end_matches('=').as_bytes().chunks(4) {
        let bits = four.iter().fold(0_u32, |bits, &digit| bits << 6 | u32::from(value(digit)))
            << (6 * (4 - four.len()));
        bytes.extend(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
}

pub fn to_base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits =
            three.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize % 64];
            text.push(if place > three.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

/// What the ALLOW_ variables of a guard open, as their values. No body gives a name to an image.
#[derive(Debug, Clone, Copy)]
pub struct Open {
    pub bind_mounts: &'static str,
    pub capabilities: &'static str,
    pub devices: &'static str,
    pub host_network: &'static str,
    pub containers: &'static str,
    pub networks: &'static str,
    pub volumes: &'static str,
}

/// Nothing; single things; much.
pub const OPEN: [Open; 3] = [
    Open {
        bind_mounts: "",
        capabilities: "",
        devices: "",
        host_network: "",
        containers: "",
        networks: "",
        volumes: "",
    },
    Open {
        bind_mounts: "/srv/ci,/etc/localtime:ro",
        capabilities: "NET_ADMIN",
        devices: "/dev/dri,gpu",
        host_network: "0",
        containers: "ci-*,k1,0123456789ab",
        networks: "ci-*,tour_back",
        volumes: "ci-*,data",
    },
    Open {
        bind_mounts: "/srv/ci/,/srv/cache/:ro",
        capabilities: "NET_ADMIN,SYS_PTRACE",
        devices: "/dev/dri,vendor.com/class=name",
        host_network: "1",
        containers: "*",
        networks: "*",
        volumes: "*",
    },
];

impl Open {
    pub fn guard(&self) -> Box<Guard> {
        let var = |name: &str| {
            Some(match name {
                "GUARD" => "baseline",
                "ALLOW_BIND_MOUNTS" => self.bind_mounts,
                "ALLOW_CAPABILITIES" => self.capabilities,
                "ALLOW_DEVICES" => self.devices,
                "ALLOW_HOST_NETWORK" => self.host_network,
                "ALLOW_CONTAINERS" => self.containers,
                "ALLOW_NETWORKS" => self.networks,
                "ALLOW_VOLUMES" => self.volumes,
                _ => return None,
            })
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
        };
        Guard::from_vars(&var).expect("lists").expect("a guard")
    }
}

// === A reader of JSON that refuses little ===

/// A value as it was written: scalars and keys are raw, and keys may come twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    /// A number, a word, or a string with its quotes.
    Scalar(Vec<u8>),
    List(Vec<Tree>),
    /// The keys are strings with their quotes.
    Object(Vec<(Vec<u8>, Tree)>),
}

/// How deep it goes.
const MAX_DEPTH: usize = 200;

impl Tree {
    /// Reads the first value of a text as Go does, whatever stands behind it; where it ends comes with it.
    pub fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut at = skip_space(bytes, 0);
        Some((Self::read_at(bytes, &mut at, 0)?, at))
    }

    fn read_at(bytes: &[u8], at: &mut usize, depth: usize) -> Option<Self> {
        let start = *at;
        let open = *bytes.get(start)?;
        if depth > MAX_DEPTH {
            return None;
        }
        if !matches!(open, b'{' | b'[') {
            *at += scalar_length(&bytes[start..])?;
            return Some(Self::Scalar(bytes[start..*at].to_vec()));
        }
        let (mut items, mut members) = (Vec::new(), Vec::new());
        let end = if open == b'{' { b'}' } else { b']' };
        *at = skip_space(bytes, *at + 1);
        let mut first = true;
        while first || bytes.get(*at)? != &end {
            if first && bytes.get(*at)? == &end {
                break;
            }
            if !first {
                (bytes[*at] == b',').then_some(())?;
                *at = skip_space(bytes, *at + 1);
            }
            first = false;
            if open == b'{' {
                let key = *at;
                *at += string_length(bytes.get(key..)?)?;
                let name = bytes[key..*at].to_vec();
                *at = skip_space(bytes, *at);
                (bytes.get(*at)? == &b':').then_some(())?;
                *at = skip_space(bytes, *at + 1);
                members.push((name, Self::read_at(bytes, at, depth + 1)?));
            } else {
                items.push(Self::read_at(bytes, at, depth + 1)?);
            }
            *at = skip_space(bytes, *at);
        }
        *at += 1;
        Some(if open == b'{' { Self::Object(members) } else { Self::List(items) })
    }

    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_to(&mut out);
        out
    }

    fn write_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Scalar(raw) => out.extend(raw),
            Self::List(items) => {
                out.push(b'[');
                for (place, item) in items.iter().enumerate() {
                    out.extend((place > 0).then_some(b','));
                    item.write_to(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                for (place, (key, value)) in members.iter().enumerate() {
                    out.extend((place > 0).then_some(b','));
                    out.extend(key);
                    out.push(b':');
                    value.write_to(out);
                }
                out.push(b'}');
            }
        }
    }

    /// The characters of a string, with U+FFFD for whatever is none, as Go has it.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Scalar(raw) if raw.starts_with(b"\"") => Some(characters(raw).0),
            _ => None,
        }
    }

    pub fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// The members, with the characters of their keys.
    pub fn members(&self) -> Vec<(String, &Self)> {
        let Self::Object(members) = self else { return Vec::new() };
        members.iter().map(|(key, value)| (characters(key).0, value)).collect()
    }

    fn depth(&self) -> usize {
        match self {
            Self::Scalar(_) => 0,
            Self::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or_default(),
            Self::Object(members) => {
                1 + members.iter().map(|(_, value)| value.depth()).max().unwrap_or_default()
            }
        }
    }

    /// Why some readers could take it differently.
    fn flaw(&self) -> Option<&'static str> {
        let broken = |raw: &[u8]| raw.starts_with(b"\"") && !characters(raw).1;
        match self {
            Self::Scalar(raw) => broken(raw).then_some("half a surrogate pair"),
            Self::List(items) => items.iter().find_map(Self::flaw),
            Self::Object(members) => {
                let keys = self.members();
                if members.iter().any(|(key, _)| broken(key)) {
                    return Some("half a surrogate pair");
                }
                if (1..keys.len()).any(|place| keys[..place].iter().any(|(key, _)| *key == keys[place].0)) {
                    return Some("a key twice");
                }
                members.iter().find_map(|(_, value)| value.flaw())
            }
        }
    }
}

/// What `docker_socket_proxy::guard::reader` must say of a text: nothing where it has one reading, or why it has not.
pub fn flaw(bytes: &[u8]) -> Option<&'static str> {
    if str::from_utf8(bytes).is_err() {
        return Some("no UTF-8");
    }
    let Some((tree, end)) = Tree::read(bytes) else { return Some("no JSON") };
    if skip_space(bytes, end) < bytes.len() {
        return Some("something behind it");
    }
    if tree.depth() > 32 {
        return Some("too deep");
    }
    tree.flaw()
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|byte| b" \t\r\n".contains(byte)).count()
}

fn scalar_length(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"\"") {
        return string_length(bytes);
    }
    if let Some(word) = ["null", "true", "false"].into_iter().find(|word| bytes.starts_with(word.as_bytes()))
    {
        return Some(word.len());
    }
    let digits = |at: usize| {
        let count = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        (count > 0).then_some(at + count)
    };
    let mut at = usize::from(bytes.starts_with(b"-"));
    at = if bytes[at..].starts_with(b"0") { at + 1 } else { digits(at)? };
    if bytes[at..].starts_with(b".") {
        at = digits(at + 1)?;
    }
    if bytes[at..].starts_with(b"e") || bytes[at..].starts_with(b"E") {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at = digits(at)?;
    }
    Some(at)
}

fn string_length(bytes: &[u8]) -> Option<usize> {
    bytes.starts_with(b"\"").then_some(())?;
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            ..b' ' => return None,
            b'\\' if bytes.get(at + 1)? == &b'u' => {
                let hex = bytes.get(at + 2..at + 6)?;
                hex.iter().all(u8::is_ascii_hexdigit).then_some(())?;
                at += 6;
            }
            b'\\' => {
                b"\"\\/bfnrt".contains(bytes.get(at + 1)?).then_some(())?;
                at += 2;
            }
            _ => at += 1,
        }
    }
}

/// The characters of a string with its quotes, and whether all of them are characters.
fn characters(raw: &[u8]) -> (String, bool) {
    let mut units: Vec<u16> = Vec::new();
    let mut rest = &raw[1..raw.len() - 1];
    while let [first, tail @ ..] = rest {
        if *first == b'\\' {
            let (unit, length) = match tail[0] {
                b'u' => (
                    u16::from_str_radix(str::from_utf8(&tail[1..5]).expect("digits"), 16).expect("digits"),
                    6,
                ),
                b'b' => (8, 2),
                b'f' => (12, 2),
                b'n' => (10, 2),
                b'r' => (13, 2),
                b't' => (9, 2),
                other => (u16::from(other), 2),
            };
            units.push(unit);
            rest = &rest[length..];
        } else {
            let plain = rest.iter().take_while(|byte| **byte != b'\\').count();
            units.extend(String::from_utf8_lossy(&rest[..plain]).encode_utf16());
            rest = &rest[plain..];
        }
    }
    let whole = String::from_utf16(&units).is_ok() && str::from_utf8(raw).is_ok();
    (String::from_utf16_lossy(&units), whole)
}

// === Spellings ===

/// Each key of a tree in each of its spellings, one at a time; and each member once more in another spelling with another value, in
/// front of it and behind it.
pub fn in_other_spellings(tree: &Tree) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for place in 0.. {
        let mut tree = tree.clone();
        let Some((members, at)) = tree.member(&mut 0, place) else { break };
        let spellings = spellings(&characters(&members[at].0).0);
        let mut change = |change: &dyn Fn(&mut Members, usize)| {
            let mut tree = tree.clone();
            let (members, at) = tree.member(&mut 0, place).expect("the same");
            change(members, at);
            bodies.push(tree.write());
        };
        for spelling in &spellings {
            change(&|members, at| members[at].0 = quoted(spelling));
        }
        for spelling in &spellings[..spellings.len().min(2)] {
            for value in SECOND {
                let second = (quoted(spelling), read(value));
                change(&|members, at| members.insert(at, second.clone()));
                change(&|members, at| members.insert(at + 1, second.clone()));
            }
        }
    }
    bodies
}

/// One at least changes what was there.
const SECOND: [&str; 6] = ["null", "false", "true", "\"\"", "[]", "{}"];

/// What some reader takes for this name.
fn spellings(name: &str) -> Vec<String> {
    let other_case = |letter: char| {
        if letter.is_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
    };
    let first = name.chars().next().map(other_case).into_iter();
    let mut spellings = vec![
        name.to_ascii_lowercase(),
        name.to_ascii_uppercase(),
        name.chars().map(other_case).collect(),
        first.chain(name.chars().skip(1)).collect(),
        format!("_{name}"),
        format!("{name}-"),
        name.split_inclusive(char::is_lowercase).collect::<Vec<_>>().join("_"),
    ];
    for (letters, other) in [("sS", 'ſ'), ("kK", '\u{212a}'), ("iI", 'İ'), ("iI", 'ı')] {
        for (at, letter) in name.char_indices().filter(|(_, letter)| letters.contains(*letter)) {
            spellings.push(format!("{}{other}{}", &name[..at], &name[at + letter.len_utf8()..]));
        }
    }
    spellings.retain(|spelling| spelling != name);
    spellings
}

impl Tree {
    /// The object with the member at a place, counted through the whole tree, and where it stands there.
    fn member(&mut self, count: &mut usize, place: usize) -> Option<(&mut Members, usize)> {
        match self {
            Self::Scalar(_) => None,
            Self::List(items) => items.iter_mut().find_map(|item| item.member(count, place)),
            Self::Object(members) => {
                if let Some(at) = place.checked_sub(*count).filter(|at| *at < members.len()) {
                    return Some((members, at));
                }
                *count += members.len();
                members.iter_mut().find_map(|(_, value)| value.member(count, place))
            }
        }
    }
}

// === Mutation ===

/// Numbers that look random and are the same for each seed (xorshift64).
#[derive(Debug)]
pub struct Numbers(pub u64);

impl Numbers {
    pub fn from_seed(seed: u64) -> Self {
        // Neighbouring seeds must not begin alike, and zero stays zero.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, count: usize) -> usize {
        (self.next() >> 11) as usize % count.max(1)
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Values that some reader takes for nothing, or for more than it looks like.
const VALUES: [&str; 26] = [
    "null",
    "false",
    "true",
    "0",
    "-0",
    "0.0",
    "-0.0e+1",
    "1",
    "-1",
    "1e999",
    "\"\"",
    "[]",
    "{}",
    "[null]",
    "[[]]",
    "[{}]",
    "{\"\":null}",
    "\"host\"",
    "\"true\"",
    "\"\\u0000\"",
    "[\"ALL\"]",
    "[\"\"]",
    "[0]",
    "{\"Name\":\"x\"}",
    "{\"Type\":\"bind\"}",
    "\"\\ud800\"",
];

/// Texts that are near the border of what some field may hold.
const TEXTS: [&str; 86] = [
    "host",
    "Host",
    "container:x",
    "container:",
    "container:ci-a",
    "container:/ci-a",
    "container:ci-a/db",
    "container:db",
    "container:0123456789ab",
    "container:0123456789abcdef",
    "ci-a",
    "ci-a:ro",
    "ci-a:rw",
    "ci-a:z",
    "ci-a:db",
    "ci-a:../x",
    "ci-a/db:x",
    "/ci-a:/web/db",
    "/ci-a:/web/..",
    "ci-a:/x",
    "ci-a:/x:ro",
    "xci-a",
    "ci-a,x",
    "dead",
    "cafe_12",
    "0123456789ab",
    "0123456789AB",
    "pasta",
    "ns:/proc/1/ns/net",
    "slirp4netns:allow_host_loopback=true",
    "none",
    "default",
    "private",
    "shareable",
    "bridge",
    "/:/x",
    "//:/x",
    "/srv/ci:/x",
    "/srv/ci/:/x",
    "/srv/ci/a:/x",
    "/srv/ci/../..:/x",
    "/srv/cix:/x",
    "/srv/ci:/x:ro",
    "/srv/ci:/x:rshared",
    "/srv/ci:/x:U",
    "/srv/ci:/x:O,upperdir=/etc",
    "/srv/cache/a:/x:ro",
    "/srv/cache/a:/x",
    "/etc/localtime:/x:ro",
    "/etc/localtime:/x",
    "name:/x",
    "name:/x:nocopy",
    "./name:/x",
    "name",
    "/x",
    "/x:/y:z:ro",
    "/srv/ci",
    "/srv/ci/",
    "/srv/ci/a",
    "/etc",
    "/",
    "bind",
    "volume",
    "tmpfs",
    "image",
    "npipe",
    "glob",
    "NET_ADMIN",
    "cap_net_admin",
    "CAP_SYS_PTRACE",
    "SYS_ADMIN",
    "ALL",
    "NET_RAW",
    "no-new-privileges",
    "no-new-privileges:false",
    "seccomp=unconfined",
    "apparmor:unconfined",
    "label=disable",
    "disable",
    "local",
    "runc",
    "io.containerd.kata.v2",
    "/dev/dri",
    "/dev/sda",
    "size=1m,dev",
    "o=bind",
];

/// What is put behind a text or into it.
const PARTS: [&str; 16] = [
    ",dev",
    ":ro",
    ":rshared",
    "/..",
    "/",
    "//",
    ",bind",
    ":/etc",
    "\u{0}",
    "\\",
    " ",
    ",type=bind,src=/etc",
    "\u{202e}",
    "%",
    "=",
    "-",
];

/// A body made of one of these cases and of parts of the others. Half of them are of those that are allowed, or little would be.
pub fn mutate_case<'c>(numbers: &mut Numbers, cases: &'c [Case]) -> (&'c Case, Vec<u8>) {
    let wanted = numbers.one_in(4);
    let case = loop {
        let case = numbers.one_of(cases);
        if case.kind().is_some() && (wanted || case.allowed) {
            break case;
        }
    };
    (case, mutate(numbers, &case.body, cases))
}

/// Another body, made of this one and of parts of the cases'.
pub fn mutate(numbers: &mut Numbers, body: &[u8], cases: &[Case]) -> Vec<u8> {
    let mut bytes = match Tree::read(body) {
        Some((mut tree, _)) => {
            for _ in 0..=numbers.below(3) {
                mutate_tree(numbers, &mut tree, cases);
            }
            tree.write()
        }
        None => body.to_vec(),
    };
    if numbers.one_in(12) {
        mutate_around(numbers, &mut bytes, cases);
    }
    if numbers.one_in(16) {
        mutate_bytes(numbers, &mut bytes);
    }
    bytes
}

type Members = Vec<(Vec<u8>, Tree)>;

impl Tree {
    fn children(&self) -> Vec<&Self> {
        match self {
            Self::Scalar(_) => Vec::new(),
            Self::List(items) => items.iter().collect(),
            Self::Object(members) => members.iter().map(|(_, value)| value).collect(),
        }
    }

    fn child(&mut self, place: usize) -> &mut Self {
        match self {
            Self::List(items) => &mut items[place],
            Self::Object(members) => &mut members[place].1,
            Self::Scalar(_) => unreachable!("a scalar has no children"),
        }
    }

    /// Whether this or something in it is such.
    fn has(&self, is: fn(&Self) -> bool) -> bool {
        is(self) || self.children().iter().any(|child| child.has(is))
    }

    /// One that is such, this or in this. It has to be there.
    fn some(&mut self, numbers: &mut Numbers, is: fn(&Self) -> bool) -> &mut Self {
        let children = self.children();
        let fits = |place: &usize| children[*place].has(is);
        let mut places: Vec<usize> = (0..children.len()).filter(fits).collect();
        // What is in an object is one of many: objects first, or HostConfig would be rare.
        let deeper: Vec<usize> =
            places.iter().copied().filter(|place| !matches!(children[*place], Self::Scalar(_))).collect();
        if !deeper.is_empty() && !numbers.one_in(3) {
            places = deeper;
        }
        if places.is_empty() || (is(self) && numbers.one_in(3)) {
            return self;
        }
        let place = numbers.pick(&places);
        self.child(place).some(numbers, is)
    }

    /// The members of some object that has any.
    fn some_members(&mut self, numbers: &mut Numbers) -> Option<&mut Members> {
        let is = |tree: &Self| matches!(tree, Self::Object(members) if !members.is_empty());
        if !self.has(is) {
            return None;
        }
        if let Self::Object(members) = self.some(numbers, is) { Some(members) } else { None }
    }

    /// The value of some member of this name.
    fn named(&self, name: &[u8]) -> Option<&Self> {
        match self {
            Self::Scalar(_) => None,
            Self::List(items) => items.iter().find_map(|item| item.named(name)),
            Self::Object(members) => {
                let here = members.iter().find(|(key, _)| key == name).map(|(_, value)| value);
                here.or_else(|| members.iter().find_map(|(_, value)| value.named(name)))
            }
        }
    }

    fn some_string(&mut self, numbers: &mut Numbers) -> Option<&mut Vec<u8>> {
        let is = |tree: &Self| matches!(tree, Self::Scalar(raw) if raw.starts_with(b"\""));
        if !self.has(is) {
            return None;
        }
        if let Self::Scalar(raw) = self.some(numbers, is) { Some(raw) } else { None }
    }
}

fn quoted(text: &str) -> Vec<u8> {
    let mut raw = vec![b'"'];
    for character in text.chars() {
        match character {
            '"' | '\\' => raw.extend([b'\\', character as u8]),
            ..' ' => raw.extend(format!("\\u{:04x}", u32::from(character)).bytes()),
            _ => raw.extend(character.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    raw.push(b'"');
    raw
}

fn read(text: &str) -> Tree {
    Tree::read(text.as_bytes()).expect("JSON").0
}

/// The name that some reader could take for the same, or the same written otherwise.
fn respelt(numbers: &mut Numbers, raw: &[u8]) -> Vec<u8> {
    let mut name: Vec<char> = characters(raw).0.chars().collect();
    let place = numbers.below(name.len());
    let Some(letter) = name.get(place).copied() else { return raw.to_vec() };
    match numbers.below(7) {
        0 => {
            name[place] =
                if letter.is_lowercase() { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
        }
        1 => name = name.iter().map(char::to_ascii_lowercase).collect(),
        2 => name = name.iter().map(char::to_ascii_uppercase).collect(),
        3 => {
            for letter in &mut name {
                let others = match letter.to_ascii_lowercase() {
                    's' => &['\u{17f}'][..],
                    'k' => &['\u{212a}'],
                    'i' => &['\u{130}', '\u{131}'],
                    _ => continue,
                };
                *letter = numbers.pick(others);
                break;
            }
        }
        4 => name.insert(place, numbers.pick(&['_', '-', ' ', '\u{ad}', '\u{0}'])),
        // The same name.
        _ => return escaped(numbers, raw),
    }
    quoted(&name.into_iter().collect::<String>())
}

/// The same string with one character more in hexadecimal digits.
fn escaped(numbers: &mut Numbers, raw: &[u8]) -> Vec<u8> {
    let (text, whole) = characters(raw);
    let count = text.chars().count();
    if !whole || count == 0 {
        return raw.to_vec();
    }
    let chosen = numbers.below(count);
    let mut result = vec![b'"'];
    for (place, character) in text.chars().enumerate() {
        let letter = quoted(character.encode_utf8(&mut [0; 4]));
        match place == chosen {
            true => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    result.extend(format!("\\u{unit:04x}").bytes());
                }
            }
            false => result.extend(&letter[1..letter.len() - 1]),
        }
    }
    result.push(b'"');
    result
}

fn mutate_tree(numbers: &mut Numbers, tree: &mut Tree, cases: &[Case]) {
    let choice = numbers.below(20);
    match choice {
        0..13 => {
            let Some(members) = tree.some_members(numbers) else { return };
            let place = numbers.below(members.len());
            mutate_member(numbers, choice, members, place, cases);
        }
        13..17 => {
            let Some(raw) = tree.some_string(numbers) else { return };
            *raw = match choice {
                13 => escaped(numbers, raw),
                14 => quoted(numbers.pick(&TEXTS)),
                15 => {
                    let mut text: Vec<char> = characters(raw).0.chars().collect();
                    let place = if numbers.one_in(2) { text.len() } else { numbers.below(text.len()) };
                    text.splice(place..place, numbers.pick(&PARTS).chars());
                    quoted(&text.into_iter().collect::<String>())
                }
                _ => {
                    let broken =
                        numbers.pick(&[&b"\\ud800"[..], b"\xff", b"\\udc00", b"\xc3", b"\xed\xa0\x80"]);
                    [&raw[..raw.len() - 1], broken, b"\""].concat()
                }
            };
        }
        17 => {
            let as_list: fn(Tree) -> Tree = |tree| Tree::List(vec![tree]);
            let as_object: fn(Tree) -> Tree = |tree| Tree::Object(vec![(b"\"a\"".to_vec(), tree)]);
            let wrap = if numbers.one_in(2) { as_list } else { as_object };
            let Some(members) = tree.some_members(numbers) else { return };
            let place = numbers.below(members.len());
            for _ in 0..numbers.pick(&[1, 28, 29, 30, 31, 32, 33]) {
                let inner = std::mem::replace(&mut members[place].1, Tree::List(Vec::new()));
                members[place].1 = wrap(inner);
            }
        }
        _ => move_member(numbers, tree),
    }
}

fn mutate_member(numbers: &mut Numbers, choice: usize, members: &mut Members, place: usize, cases: &[Case]) {
    let anywhere = numbers.below(members.len() + 1);
    match choice {
        0 | 1 => members[place].0 = respelt(numbers, &members[place].0),
        2 => members[place].0 = escaped(numbers, &members[place].0),
        // The same twice, in the same spelling or in another, with the same value or with another.
        3 | 4 => {
            let mut copy = members[place].clone();
            if !numbers.one_in(4) {
                copy.0 = respelt(numbers, &copy.0);
            }
            if numbers.one_in(2) {
                copy.1 = read(numbers.pick(&VALUES));
            }
            members.insert(anywhere, copy);
        }
        5 | 6 => {
            let part = part(numbers, cases);
            let same = members.iter().position(|(key, _)| *key == part.0);
            match same {
                Some(same) if !numbers.one_in(3) => members[same].1 = part.1,
                _ => members.insert(anywhere, part),
            }
        }
        7 => members[place].1 = read(numbers.pick(&VALUES)),
        // What another case has there.
        8 => {
            let start = numbers.below(cases.len());
            let others = cases[start..].iter().chain(&cases[..start]);
            let same = others.filter_map(|case| Tree::read(&case.body)?.0.named(&members[place].0).cloned());
            if let Some(value) = same.take(2).last() {
                members[place].1 = value;
            }
        }
        9 => drop(members.remove(place)),
        10 => {
            let other = numbers.below(members.len());
            members.swap(place, other);
        }
        11 => {
            if let Tree::List(items) = &mut members[place].1 {
                let item = match items.first() {
                    Some(first) if numbers.one_in(2) => first.clone(),
                    _ => read(numbers.pick(&VALUES)),
                };
                items.push(item);
            }
        }
        _ => {
            let name = numbers.pick(&[
                "X",
                "HostConfig",
                "",
                "type",
                "o",
                "net.ipv4.ip_forward",
                "Options",
                "Config",
            ]);
            members.insert(anywhere, (quoted(name), read(numbers.pick(&VALUES))));
        }
    }
}

/// A member of a case, mostly one that is refused: of its HostConfig, or of its top level.
fn part(numbers: &mut Numbers, cases: &[Case]) -> (Vec<u8>, Tree) {
    loop {
        let case = numbers.one_of(cases);
        let Some((Tree::Object(members), _)) = Tree::read(&case.body) else { continue };
        let host = members.iter().find_map(|(key, value)| match value {
            Tree::Object(inner) if key == b"\"HostConfig\"" => Some(inner),
            _ => None,
        });
        let members = match host {
            Some(host) if !numbers.one_in(4) => host,
            _ => &members,
        };
        if !members.is_empty() && (!case.allowed || numbers.one_in(4)) {
            return numbers.one_of(members).clone();
        }
    }
}

/// From the top level into HostConfig, or from there to the top level: up to 25 both are read.
fn move_member(numbers: &mut Numbers, tree: &mut Tree) {
    let Tree::Object(top) = tree else { return };
    let host =
        top.iter().position(|(key, value)| key == b"\"HostConfig\"" && matches!(value, Tree::Object(_)));
    let Some(host) = host else { return };
    let inward = numbers.one_in(3);
    let from = match &mut top[host].1 {
        Tree::Object(inner) if !inward => inner,
        _ => &mut *top,
    };
    if from.is_empty() {
        return;
    }
    let place = numbers.below(from.len());
    if inward && place == host {
        // Or once more, which Go merges.
        let again = (
            b"\"HostConfig\"".to_vec(),
            read(numbers.pick(&["null", "{}", "{\"Privileged\":true}", "{\"Binds\":[\"/:/x\"]}"])),
        );
        top.push(again);
        return;
    }
    let member = from.remove(place);
    if inward {
        let host = if place < host { host - 1 } else { host };
        if let Tree::Object(inner) = &mut top[host].1 {
            inner.push(member);
        }
    } else {
        top.push(member);
    }
}

/// Before and behind the value, and white space in it.
fn mutate_around(numbers: &mut Numbers, bytes: &mut Vec<u8>, cases: &[Case]) {
    match numbers.below(5) {
        0 => {
            let before = numbers.pick(&[
                &b"\xef\xbb\xbf"[..],
                b" ",
                b"\r\n\t",
                b"\x0b",
                b"{}",
                b"null",
                b"//\n",
                b"\xff\xfe",
            ]);
            bytes.splice(..0, before.iter().copied());
        }
        1 => bytes.extend(numbers.pick(&[
            &b" \r\n\t"[..],
            b"}",
            b"]",
            b"{}",
            b"\0",
            b",",
            b"null",
            b"\x0c",
            b"#",
            b"\xc2\xa0",
        ])),
        2 => bytes.extend(&numbers.one_of(cases).body),
        _ => {
            // Not within a string, mostly.
            let structure = |place: &usize| b"{}[]:,".contains(&bytes[*place]);
            let places: Vec<usize> = (0..bytes.len()).filter(structure).collect();
            if !places.is_empty() {
                let place = numbers.pick(&places) + numbers.below(2);
                bytes.splice(place..place, numbers.pick(&[" ", "\n", "\t\r", "\u{a0}", "/**/", ","]).bytes());
            }
        }
    }
}

fn mutate_bytes(numbers: &mut Numbers, bytes: &mut Vec<u8>) {
    for _ in 0..=numbers.below(3) {
        let place = numbers.below(bytes.len());
        let byte = match numbers.one_in(3) {
            true => numbers.below(256) as u8,
            false => numbers.pick(b"{}[]:,\"\\ntfu0-eE. \0\xff/"),
        };
        match numbers.below(4) {
            0 => bytes.insert(place, byte),
            1 if place < bytes.len() => drop(bytes.remove(place)),
            2 if place < bytes.len() => {
                let end = (place + numbers.below(20)).min(bytes.len());
                let piece = bytes[place..end].to_vec();
                let to = numbers.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            _ if place < bytes.len() => bytes[place] = byte,
            _ => {}
        }
    }
}
