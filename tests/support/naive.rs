//! Slow and obvious readings of what `src` reads fast, to compare with.
//!
//! Written on their own, from the RFCs and from what the variables mean, and sharing nothing with `src`: no table, no
//! type, no byte class. Whole messages only, copies everywhere. The routes are those of `tests/routes`.

#![allow(dead_code, missing_docs, reason = "every test binary uses its own part of this")]

use std::sync::LazyLock;

/// 64 KiB.
pub const MAX_HEAD: usize = 65_536;

const TOKEN: &str = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PATH: &str = "/%-._~!$&'()*+,;=:@0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HOST: &str = ".-:[]_~%!$&'()*+,;=0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn all_of(bytes: &[u8], set: &str) -> bool {
    bytes.iter().all(|byte| set.as_bytes().contains(byte))
}

/// Why a reading came to no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The bytes end before it does.
    Partial,
    /// It cannot be right, whatever follows; this is the first byte that shows it.
    Broken(usize),
}

// Heads

/// How long the head at the start of a stream is: up to CRLFCRLF, in which no LF stands without CR.
pub fn head_length(stream: &[u8]) -> Result<usize, Stop> {
    if !stream.is_empty() && !stream[0].is_ascii_uppercase() {
        return Err(Stop::Broken(0));
    }
    for at in 0..stream.len() {
        if at == MAX_HEAD {
            break;
        }
        if stream[at] == b'\n' && stream[at - 1] != b'\r' {
            return Err(Stop::Broken(at));
        }
        if stream[..=at].ends_with(b"\r\n\r\n") {
            return Ok(at + 1);
        }
    }
    if stream.len() >= MAX_HEAD { Err(Stop::Broken(MAX_HEAD - 1)) } else { Err(Stop::Partial) }
}

/// A head of a request or response, cut at its blanks and colons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The start line's words.
    pub start: Vec<Vec<u8>>,
    /// Names in lower case, values without white space around them.
    pub fields: Vec<(String, Vec<u8>)>,
}

impl Head {
    /// Reads a head that ends in its blank line.
    pub fn read(head: &[u8]) -> Option<Self> {
        let text = head.strip_suffix(b"\r\n\r\n")?;
        if text.iter().any(|&byte| matches!(byte, 0..=8 | 11 | 12 | 14..=31 | 127)) {
            return None;
        }
        let text: Vec<char> = text.iter().map(|&byte| char::from(byte)).collect();
        let text: String = text.into_iter().collect();
        let mut lines = text.split("\r\n");
        let start = lines.next()?;
        if start.contains(['\r', '\n']) {
            return None;
        }
        let mut fields = Vec::new();
        for line in lines {
            if line.contains(['\r', '\n']) {
                return None;
            }
            let (name, value) = line.split_once(':')?;
            if name.is_empty() || !name.chars().all(|letter| TOKEN.contains(letter)) {
                return None;
            }
            let value = value.trim_matches([' ', '\t']);
            fields.push((name.to_ascii_lowercase(), latin1(value)));
        }
        if fields.len() > 100 {
            return None;
        }
        Some(Self { start: start.split(' ').map(latin1).collect(), fields })
    }

    /// All values of a field.
    pub fn values(&self, name: &str) -> Vec<&[u8]> {
        self.fields.iter().filter(|(other, _)| other == name).map(|(_, value)| &value[..]).collect()
    }

    /// Whether Connection lists this option.
    pub fn connection_lists(&self, option: &str) -> bool {
        self.values("connection").iter().any(|value| {
            String::from_utf8_lossy(value).split(',').any(|each| each.trim().eq_ignore_ascii_case(option))
        })
    }
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(u32::from(letter)).expect("a byte")).collect()
}

/// A request's head that has one reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub target: Vec<u8>,
    /// 0 or 1.
    pub minor: u8,
    pub head: Head,
}

impl Request {
    /// Reads a whole head; `None` where it is to be refused.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let head = Head::read(bytes)?;
        let [method, target, version] = &head.start[..] else { return None };
        let method = String::from_utf8(method.clone()).ok()?;
        if method.is_empty() || !method.chars().all(|letter| letter.is_ascii_uppercase()) {
            return None;
        }
        if target.is_empty() || target.iter().any(|&byte| byte <= b' ' || byte >= 0x7f) {
            return None;
        }
        let minor = match &version[..] {
            b"HTTP/1.0" => 0,
            b"HTTP/1.1" => 1,
            _ => return None,
        };
        match &head.values("host")[..] {
            [] if minor == 0 => {}
            [host] if all_of(host, HOST) => {}
            _ => return None,
        }
        match &head.values("expect")[..] {
            [] | [b""] => {}
            [expect] if expect.eq_ignore_ascii_case(b"100-continue") => {}
            _ => return None,
        }
        match &head.values("upgrade")[..] {
            [] => {}
            [protocol] if !protocol.is_empty() => {}
            _ => return None,
        }
        Some(Self { method, target: target.clone(), minor, head })
    }

    /// Whether the client goes on with the connection.
    pub fn persistent(&self) -> bool {
        !self.head.connection_lists("close") && (self.minor == 1 || self.head.connection_lists("keep-alive"))
    }

    /// How its body is framed; `None` where it is to be refused.
    pub fn framing(&self) -> Option<Framing> {
        match (&self.head.values("content-length")[..], &self.head.values("transfer-encoding")[..]) {
            ([], []) => Some(Framing::Length(0)),
            ([digits], []) => {
                let is_number = (1..=16).contains(&digits.len()) && all_of(digits, "0123456789");
                let number: u128 = String::from_utf8_lossy(digits).parse().ok().filter(|_| is_number)?;
                // In HTTP/1.0 with a body, keep-alive stands alone or nowhere.
                let connection: Vec<_> =
                    self.head.values("connection").iter().map(|value| value.to_ascii_lowercase()).collect();
                let plain = match &connection[..] {
                    [] => true,
                    [one] => one == b"keep-alive" || !String::from_utf8_lossy(one).contains("keep-alive"),
                    _ => false,
                };
                let readable = plain || self.minor == 1 || number == 0;
                (readable && number <= 1_125_899_906_842_624).then_some(Framing::Length(number as u64))
            }
            ([], [coding]) if self.minor == 1 && coding.eq_ignore_ascii_case(b"chunked") => {
                Some(Framing::Chunked)
            }
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Length(u64),
    Chunked,
}

impl Framing {
    /// Where a body that starts a stream ends, and the body without its framing.
    pub fn body(self, stream: &[u8]) -> Result<(usize, Vec<u8>), Stop> {
        match self {
            Self::Length(length) if length <= stream.len() as u64 => {
                Ok((length as usize, stream[..length as usize].to_vec()))
            }
            Self::Length(_) => Err(Stop::Partial),
            Self::Chunked => chunked(stream),
        }
    }
}

// Chunks (RFC 9112 7.1)

/// Where a chunked body that starts a stream ends, and its data.
pub fn chunked(stream: &[u8]) -> Result<(usize, Vec<u8>), Stop> {
    let mut data = Vec::new();
    let mut extensions = 0;
    let mut at = 0;
    loop {
        let (size, behind) = chunk_size_line(stream, at, &mut extensions)?;
        if size == 0 {
            return Ok((trailers(stream, behind)?, data));
        }
        if (stream.len() - behind) as u64 <= size {
            return Err(Stop::Partial);
        }
        let end = behind + size as usize;
        data.extend_from_slice(&stream[behind..end]);
        at = crlf(stream, end)?;
    }
}

fn byte_at(stream: &[u8], at: usize) -> Result<u8, Stop> {
    stream.get(at).copied().ok_or(Stop::Partial)
}

fn crlf(stream: &[u8], at: usize) -> Result<usize, Stop> {
    for (offset, expected) in [(0, b'\r'), (1, b'\n')] {
        if byte_at(stream, at + offset)? != expected {
            return Err(Stop::Broken(at + offset));
        }
    }
    Ok(at + 2)
}

/// Reads a line; `extensions` counts their bytes over all lines.
fn chunk_size_line(stream: &[u8], start: usize, extensions: &mut usize) -> Result<(u64, usize), Stop> {
    let mut size: u128 = 0;
    let mut at = start;
    loop {
        let digit = match byte_at(stream, at)? {
            digit @ b'0'..=b'9' => digit - b'0',
            digit @ b'a'..=b'f' => digit - b'a' + 10,
            digit @ b'A'..=b'F' => digit - b'A' + 10,
            b'\r' | b';' if at > start => break,
            _ => return Err(Stop::Broken(at)),
        };
        size = size * 16 + u128::from(digit);
        if at - start == 8 {
            return Err(Stop::Broken(at));
        }
        at += 1;
    }
    let extension = at;
    while byte_at(stream, at)? != b'\r' {
        let byte = stream[at];
        if at - extension == 1024 || *extensions == 8192 || byte == 127 || (byte < 32 && byte != 9) {
            return Err(Stop::Broken(at));
        }
        *extensions += 1;
        at += 1;
    }
    Ok((size as u64, crlf(stream, at)?))
}

fn trailers(stream: &[u8], start: usize) -> Result<usize, Stop> {
    let mut at = start;
    let bounded = |at: usize| if at - start < 1024 { Ok(()) } else { Err(Stop::Broken(at)) };
    while byte_at(stream, at)? != b'\r' {
        let name = at;
        while byte_at(stream, at)? != b':' {
            if !all_of(&stream[at..=at], TOKEN) {
                return Err(Stop::Broken(at));
            }
            bounded(at)?;
            at += 1;
        }
        if at == name {
            return Err(Stop::Broken(at));
        }
        while byte_at(stream, at)? != b'\r' {
            let byte = stream[at];
            if byte == 127 || (byte < 32 && byte != 9) {
                return Err(Stop::Broken(at));
            }
            bounded(at)?;
            at += 1;
        }
        bounded(at)?;
        if byte_at(stream, at + 1)? != b'\n' {
            return Err(Stop::Broken(at + 1));
        }
        bounded(at + 1)?;
        at += 2;
    }
    crlf(stream, at)
}

// Targets

/// A clean target's two readings and its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// As podman reads it.
    pub sent: String,
    /// As Docker reads it.
    pub decoded: String,
    pub query: Option<String>,
}

impl Target {
    /// Reads a target; `None` where it is to be refused.
    pub fn read(method: &str, raw: &[u8]) -> Option<Self> {
        if raw.iter().any(|&byte| byte <= b' ' || byte >= 0x7f || byte == b'#') {
            return None;
        }
        let raw = String::from_utf8(raw.to_vec()).ok()?;
        let (sent, query) = match raw.split_once('?') {
            Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
            None => (raw, None),
        };
        if !sent.starts_with('/') || !all_of(sent.as_bytes(), PATH) {
            return None;
        }
        let decoded = decode(&sent)?;
        // podman's push to docker://HOST/NAME, whose two slashes are one segment's.
        let push = (method == "POST").then(|| sent.rsplit_once("/registry/")).flatten();
        let push = push.filter(|(list, to)| {
            let list: Vec<&str> = without_version(list).collect();
            list.len() > 2
                && !list[2].is_empty()
                && list[..2] == ["libpod", "manifests"]
                && !to.contains('/')
                && to.starts_with("docker:")
                && to[7..].to_ascii_lowercase().starts_with("%2f%2f")
        });
        let seen: String =
            decoded.chars().filter(|letter| !IGNORED.iter().any(|range| range.contains(letter))).collect();
        let decoded_once = match push {
            Some(_) => decoded.replacen("/registry/docker://", "/registry/docker:/", 1),
            None => decoded.clone(),
        };
        let seen = if seen == decoded { decoded_once.clone() } else { seen };
        for reading in [&sent, &decoded_once, &seen] {
            if reading.contains("//") || reading.contains('\\') {
                return None;
            }
            for segment in reading.split('/') {
                if matches!(segment.split(';').next(), Some("." | "..")) {
                    return None;
                }
            }
        }
        if decoded.chars().any(|letter| PUNCTUATION.contains(letter) || letter.is_control()) {
            return None;
        }
        // Whatever comes up to the section is ASCII.
        for reading in [&sent, &decoded] {
            let segments: Vec<&str> = without_version(reading).collect();
            let section = if segments[0] == "libpod" { 2 } else { 1 };
            let version = reading.split('/').nth(1)?;
            let mut named = segments.iter().take(section).copied().chain([version]);
            if !named.all(|segment| decode(segment).is_some_and(|segment| segment.is_ascii())) {
                return None;
            }
        }
        Some(Self { sent, decoded, query })
    }
}

/// What is a slash, a dot, a backslash or a percent sign to somebody.
const PUNCTUATION: &str =
    "¼½¾․‥…⁄℀℁℅℆⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅟↉∕∖⒈⒉⒊⒋⒌⒍⒎⒏⒐⒑⒒⒓⒔⒕⒖⒗⒘⒙⒚⒛╱╲⟋⟍⧵⧸⧹。㎧㎨㎮㎯㏂㏆㏇㏘㏞㏟︒︙︰﹒﹨﹪％．／＼｡🄀";

/// Unicode's `Default_Ignorable_Code_Point`.
const IGNORED: [std::ops::RangeInclusive<char>; 18] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fff8}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e007f}',
    '\u{e0080}'..='\u{e0fff}',
];

/// The segments of a path behind its version.
fn without_version(path: &str) -> impl Iterator<Item = &str> {
    let segments = path.split('/').skip(1);
    let version = path.split('/').nth(1).is_some_and(is_version) && path.split('/').count() > 2;
    segments.skip(usize::from(version))
}

/// Decodes escapes once; `None` where one is bad, or hides what no route has.
pub fn decode(path: &str) -> Option<String> {
    let mut parts = path.split('%');
    let mut decoded = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|digits| all_of(digits.as_bytes(), "0123456789abcdefABCDEF"))?;
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if byte < b' ' || byte == 0x7f || byte == b'%' || byte == b'\\' {
            return None;
        }
        decoded.push(byte);
        decoded.extend(part[2..].bytes());
    }
    String::from_utf8(decoded).ok()
}

// The policy

/// The name of a variable, the first segment that it opens, and whether anything can be below that.
const DOCKER: &[(&str, &str, bool)] = &[
    ("AUTH", "auth", false),
    ("BUILD", "build", true),
    ("COMMIT", "commit", false),
    ("CONFIGS", "configs", true),
    ("CONTAINERS", "containers", true),
    ("DISTRIBUTION", "distribution", true),
    ("EVENTS", "events", false),
    ("EXEC", "exec", true),
    ("GRPC", "grpc", false),
    ("IMAGES", "images", true),
    ("INFO", "info", false),
    ("NETWORKS", "networks", true),
    ("NODES", "nodes", true),
    ("PING", "_ping", false),
    ("PLUGINS", "plugins", true),
    ("SECRETS", "secrets", true),
    ("SERVICES", "services", true),
    ("SESSION", "session", false),
    ("SWARM", "swarm", true),
    ("SYSTEM", "system", true),
    ("TASKS", "tasks", true),
    ("VERSION", "version", false),
    ("VOLUMES", "volumes", true),
];

const LIBPOD: &[(&str, &str, bool)] = &[
    ("LIBPOD_ARTIFACTS", "artifacts", true),
    ("LIBPOD_BUILD", "build", false),
    ("LIBPOD_COMMIT", "commit", false),
    ("LIBPOD_CONTAINERS", "containers", true),
    ("LIBPOD_EVENTS", "events", false),
    ("LIBPOD_EXEC", "exec", true),
    ("LIBPOD_GENERATE", "generate", true),
    ("LIBPOD_IMAGES", "images", true),
    ("LIBPOD_INFO", "info", false),
    ("LIBPOD_KUBE", "kube", true),
    ("LIBPOD_MANIFESTS", "manifests", true),
    ("LIBPOD_NETWORKS", "networks", true),
    ("LIBPOD_PING", "_ping", false),
    ("LIBPOD_PLAY", "play", true),
    ("LIBPOD_PODS", "pods", true),
    ("LIBPOD_QUADLETS", "quadlets", true),
    ("LIBPOD_SECRETS", "secrets", true),
    ("LIBPOD_SYSTEM", "system", true),
    ("LIBPOD_VERSION", "version", false),
    ("LIBPOD_VOLUMES", "volumes", true),
];

const ACTIONS: &[(&str, &[&str])] = &[
    ("start", &["ALLOW_START"]),
    ("stop", &["ALLOW_STOP", "ALLOW_RESTARTS"]),
    ("restart", &["ALLOW_RESTARTS"]),
    ("kill", &["ALLOW_RESTARTS"]),
    ("pause", &["ALLOW_PAUSE"]),
    ("unpause", &["ALLOW_UNPAUSE"]),
];

/// What is closed below a container or a pod, by the ends of its path.
const GATES: &[(&str, &[&str])] = &[
    ("ALLOW_ARCHIVE", &["archive", "copy"]),
    ("ALLOW_ATTACH", &["attach", "attach/ws"]),
    ("ALLOW_CHANGES", &["changes"]),
    ("ALLOW_EXEC", &["exec"]),
    ("ALLOW_EXPORT", &["export"]),
    ("ALLOW_INSPECT", &["json"]),
    ("ALLOW_KILL", &["kill"]),
    ("ALLOW_LOGS", &["logs"]),
    ("ALLOW_TOP", &["top"]),
];

/// Every variable that grants something.
pub fn variables() -> Vec<&'static str> {
    let sections = DOCKER.iter().chain(LIBPOD).map(|(variable, ..)| *variable);
    let actions = ["ALLOW_START", "ALLOW_STOP", "ALLOW_RESTARTS", "ALLOW_PAUSE", "ALLOW_UNPAUSE"];
    let gates = GATES.iter().map(|(variable, _)| *variable);
    ["POST", "DELETE", "PUT", "PATCH"].into_iter().chain(sections).chain(actions).chain(gates).collect()
}

/// What an environment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The variables that are on.
    pub on: Vec<&'static str>,
    /// Whether POST opens OPTIONS.
    options: bool,
    allow: Vec<Line>,
    deny: Vec<Line>,
}

impl Environment {
    /// Reads an environment; `None` where a value cannot be used.
    pub fn read(variables_set: &[(String, String)]) -> Option<Self> {
        let value = |name: &str| {
            variables_set.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
        };
        let word = |name: &str| value(name).map(|value| value.trim().to_ascii_lowercase());
        let dialect = match word("DIALECT").as_deref() {
            None | Some("" | "tecnativa") => "tecnativa",
            Some("tecnativa-next") => "next",
            Some("linuxserver") => "linuxserver",
            Some(_) => return None,
        };
        let mut on = Vec::new();
        for variable in variables() {
            let is_on = match word(variable).as_deref() {
                Some("1" | "true" | "yes" | "on") => true,
                Some("" | "0" | "false" | "no" | "off") => false,
                Some(_) => return None,
                None => match variable {
                    "PING" | "VERSION" | "EVENTS" => true,
                    "LIBPOD_PING" | "LIBPOD_VERSION" => dialect == "linuxserver",
                    // POST is the first.
                    "DELETE" | "PUT" | "PATCH" => on.contains(&"POST") && dialect != "next",
                    "ALLOW_ARCHIVE" | "ALLOW_EXPORT" | "ALLOW_LOGS" => dialect == "tecnativa",
                    "ALLOW_CHANGES" | "ALLOW_TOP" => dialect != "linuxserver",
                    "ALLOW_ATTACH" | "ALLOW_EXEC" | "ALLOW_KILL" => dialect != "next",
                    "ALLOW_INSPECT" => true,
                    _ => false,
                },
            };
            if is_on {
                on.push(variable);
            }
        }
        let allow = Line::read_all(value("ALLOW_ROUTES").unwrap_or_default(), true)?;
        let deny = Line::read_all(value("DENY_ROUTES").unwrap_or_default(), false)?;
        Some(Self { on, options: dialect != "next", allow, deny })
    }

    fn is_on(&self, variable: &str) -> bool {
        self.on.contains(&variable)
    }

    /// Whether its method is open in the sections that are.
    fn opens_method(&self, method: &str) -> bool {
        match method {
            "GET" | "HEAD" => true,
            "OPTIONS" => self.options && self.is_on("POST"),
            other => self.is_on(other),
        }
    }

    /// Whether a line of DENY_ROUTES closes a path.
    fn closes(&self, method: &str, path: &str) -> bool {
        let is_listed = |route: &&Route| self.deny.iter().any(|line| line.is_for(method, route));
        match path.strip_suffix('/') {
            None => routes_taken(method, path).iter().any(is_listed),
            // It is the same path, and the slash may keep it from the route that would take it from another.
            Some(slashless) => {
                let serving = [path, slashless].map(|path| routes_serving(method, path)).concat();
                // A name of no letters is one to some.
                let path: String = without_version(path).flat_map(|segment| ["/", segment]).collect();
                let nameless = |route: &&Route| {
                    route.has(method)
                        && route.path.split('{').next() == Some(&path)
                        && route.segments.last().is_some_and(|last| is_placeholder(last))
                        && !ROUTES.iter().any(|other| other.has(method) && other.path == path)
                };
                serving.iter().any(is_listed) || ROUTES.iter().filter(nameless).any(|route| is_listed(&route))
            }
        }
    }

    /// Whether lines of ALLOW_ROUTES open a path, whichever route the daemon takes it for.
    fn opens(&self, method: &str, path: &str, query: &str) -> bool {
        // These have podman do to others what a name was given for.
        let of_section = without_version(path).find(|segment| *segment != "libpod").unwrap_or_default();
        let force = (!["containers", "pods"].contains(&of_section)).then_some("force");
        let words = ["all", "depend", "parent"].into_iter().chain(force);
        let to_others = words.into_iter().any(|word| may_be_on(query, word));
        let routes = routes_taken(method, path);
        let segments: Vec<&str> = without_version(path).collect();
        let is_named = |route: &Route| {
            let mut lines = self.allow.iter().filter(|line| line.is_for(method, route));
            lines.any(|line| {
                let has_names = line
                    .names()
                    .iter()
                    .zip(&route.segments)
                    .any(|(name, segment)| is_placeholder(segment) && !is_placeholder(name));
                serves(&route.segments, &line.names(), &segments) && !(has_names && to_others)
            })
        };
        !routes.is_empty() && routes.into_iter().all(is_named)
    }
}

// Routes one by one

/// A route that a daemon has.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Route {
    method: &'static str,
    /// A placeholder may be written `{name:.*}`.
    path: &'static str,
    segments: Vec<&'static str>,
}

/// `OPTIONS` is answered on every path alike, and `PRI` is HTTP/2.
static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let apis = [include_str!("../routes/docker-api.tsv"), include_str!("../routes/libpod-api.tsv")];
    let mut routes = Vec::new();
    for line in apis.iter().flat_map(|api| api.lines().skip(1)) {
        let [method, path, _] = line.split('\t').collect::<Vec<_>>()[..] else { continue };
        if !["OPTIONS", "PRI"].contains(&method) {
            routes.push(Route { method, path, segments: path.split('/').skip(1).collect() });
        }
    }
    routes
});

impl Route {
    /// How many of its segments are no placeholders.
    fn words(&self) -> usize {
        self.segments.iter().filter(|segment| !is_placeholder(segment)).count()
    }

    fn has(&self, method: &str) -> bool {
        self.method == method || (method == "HEAD" && self.method == "GET")
    }

    /// Whether a line's path is its own, with names for placeholders or not.
    fn is_named(&self, path: &str, with_names: bool) -> bool {
        let names: Vec<&str> = path.split('/').skip(1).collect();
        let pairs = || self.segments.iter().copied().zip(names.clone());
        self.segments.len() == names.len()
            && pairs().all(|(segment, name)| match is_placeholder(segment) {
                true => {
                    ["{name}", "{id}"].contains(&name)
                        || is_own(segment, name)
                        || (with_names && is_name(name))
                }
                false => name == segment,
            })
    }
}

/// Whether a line spells the placeholder of a route, which may be written `{name:.*}`.
fn is_own(segment: &str, name: &str) -> bool {
    segment.replace(":.*", "") == name
}

fn is_placeholder(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with('}')
}

/// Whether a text may stand for a placeholder: a name, or the start of one and `*`.
fn is_name(text: &str) -> bool {
    let name = text.strip_suffix('*').unwrap_or(text);
    let listed = |letter: char| "_.-~:@+=!$&'();".contains(letter);
    let beyond = |letter: char| !letter.is_ascii() && !letter.is_control();
    let good = |letter: char| beyond(letter) || letter.is_ascii_alphanumeric() || listed(letter);
    !name.is_empty() && name.chars().all(good) && ![".", ".."].contains(&name)
}

/// A line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    method: String,
    path: String,
    /// The path of the route that it names.
    route: &'static str,
}

impl Line {
    /// Reads a list; `None` where a line names no route.
    fn read_all(text: &str, with_names: bool) -> Option<Vec<Self>> {
        let mut lines = Vec::new();
        for line in text.trim().split('\n').map(|line| line.trim_matches([' ', '\t', '\r'])) {
            // What ends a line to somebody else than YAML.
            if line.contains(|letter: char| {
                letter != '\t' && letter.is_control() || "\u{2028}\u{2029}".contains(letter)
            }) {
                return None;
            }
            if let Some(comment) = line.strip_prefix('#') {
                let words: Vec<&str> = comment.split_whitespace().collect();
                let behind = words.iter().zip(words.iter().skip(1)).enumerate();
                let mut routes = behind.filter(|(at, (method, path))| {
                    let starts = ["GET", "HEAD", "POST", "PUT", "DELETE"]
                        .iter()
                        .any(|name| method.ends_with(name) && (*at > 0 || method != &name));
                    starts && path.starts_with('/')
                });
                if routes.next().is_some() {
                    return None;
                }
                continue;
            }
            for entry in line.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
                let words: Vec<&str> = entry.split_whitespace().collect();
                let [method, path] = words[..] else { return None };
                if !path.starts_with('/') {
                    return None;
                }
                let named =
                    ROUTES.iter().filter(|route| route.has(method) && route.is_named(path, with_names));
                // A word is read as one where it can be; of two such routes the last is named.
                let route = named.max_by_key(|route| route.words())?.path;
                lines.push(Self { method: method.to_owned(), path: path.to_owned(), route });
            }
        }
        (!lines.is_empty() || text.trim().is_empty()).then_some(lines)
    }

    fn names(&self) -> Vec<&str> {
        self.path.split('/').skip(1).collect()
    }

    /// Whether a request with this method that is for this route is the line's, names aside.
    fn is_for(&self, method: &str, route: &Route) -> bool {
        (self.method == method || (self.method == "GET" && method == "HEAD")) && self.route == route.path
    }
}

/// Whether a route's segments serve those of a path. A placeholder takes one or more, and just one where a name stands for it.
fn serves(route: &[&str], names: &[&str], path: &[&str]) -> bool {
    let [segment, route @ ..] = route else { return path.is_empty() };
    let most = match is_placeholder(segment) && is_placeholder(names[0]) {
        true => path.len(),
        false => path.len().min(1),
    };
    (1..=most).any(|taken| {
        let (taken, path) = path.split_at(taken);
        let good = match (is_placeholder(segment), names[0].strip_suffix('*')) {
            (false, _) => taken[0] == *segment,
            (true, _) if is_placeholder(names[0]) => taken.iter().all(|segment| !segment.is_empty()),
            (true, start) => decode(taken[0]).is_some_and(|name| match start {
                Some(start) => {
                    let transport = name.split_once(':').map_or("", |(transport, _)| transport);
                    let listed = "sha256 atomic containers-storage dir docker docker-archive docker-daemon oci oci-archive sif tarball";
                    name.strip_prefix(start).is_some_and(|rest| !rest.contains(['/', '@']))
                        && !listed.split(' ').any(|one| one == transport)
                }
                None => name == names[0],
            }),
        };
        good && serves(route, &names[1..], path)
    })
}

/// The routes whose pattern a path has.
fn routes_serving(method: &str, path: &str) -> Vec<&'static Route> {
    let segments: Vec<&str> = without_version(path).collect();
    let of_method = ROUTES.iter().filter(|route| route.has(method));
    of_method.filter(|route| serves(&route.segments, &route.segments, &segments)).collect()
}

/// The routes that some daemon takes a path for: those that serve it, without those that another route takes it from.
fn routes_taken(method: &str, path: &str) -> Vec<&'static Route> {
    let segments: Vec<&str> = without_version(path).collect();
    let version = path.split('/').nth(1).filter(|_| path.split('/').count() > segments.len() + 1);
    let serving = routes_serving(method, path);
    // Each placeholder takes one segment.
    let exactly = |route: &Route| route.segments.len() == segments.len();
    let is_out = |route: &Route| {
        // podman from 4 on takes all that is below for the name of a list.
        let podman = version.is_some_and(|version| "456789".contains(version.chars().nth(1).unwrap_or('0')));
        let takes_all = podman && route.method == "POST" && route.path == "/libpod/manifests/{name:.*}";
        !takes_all && serving.iter().any(|other| exactly(other) && other.words() > route.words())
    };
    serving.iter().copied().filter(|route| !is_out(route)).collect()
}

// The judgement

/// What an allowed request may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// The protocol that the daemon may turn the connection to.
    pub hijack: Option<&'static str>,
    /// A body could ask for more than is allowed: new settings of a start, the signal of a stop.
    pub bare: bool,
    /// Of these it is a start.
    pub is_start: bool,
    /// Or a tag.
    pub is_tag: bool,
    /// A line of ALLOW_ROUTES allows it, and no variable.
    pub by_line: bool,
}

/// Whether an environment allows a request, in both readings of its target.
pub fn judge(environment: &Environment, method: &str, target: &Target) -> Option<Allowed> {
    let query = target.query.as_deref().unwrap_or_default();
    let podman = judge_path(environment, method, &target.sent, query)?;
    let docker = judge_path(environment, method, &target.decoded, query)?;
    let is_start = podman.is_start || docker.is_start;
    let is_tag = podman.is_tag || docker.is_tag;
    Some(Allowed { bare: podman.bare || docker.bare, is_start, is_tag, ..docker })
}

fn judge_path(environment: &Environment, method: &str, path: &str, query: &str) -> Option<Allowed> {
    if environment.closes(method, path) {
        return None;
    }
    let by_variables = judge_by_variables(environment, method, path, query)?;
    if by_variables.verdict.is_some_and(|allowed| !allowed.bare) {
        return by_variables.verdict;
    }
    if by_variables.is_plain && environment.opens(method, path, query) {
        let Judgement { hijack, is_start, is_stop, is_tag, .. } = by_variables;
        return Some(Allowed {
            hijack,
            bare: is_start || is_stop || is_tag,
            is_start,
            is_tag,
            by_line: true,
        });
    }
    by_variables.verdict
}

/// What variables make of a request, and what a line would.
struct Judgement {
    verdict: Option<Allowed>,
    hijack: Option<&'static str>,
    /// Whether its query asks for nothing more than its path does.
    is_plain: bool,
    is_start: bool,
    /// Or a restart.
    is_stop: bool,
    is_tag: bool,
}

/// `None` where nothing allows it, whatever the environment.
fn judge_by_variables(environment: &Environment, method: &str, path: &str, query: &str) -> Option<Judgement> {
    let [path_text, query_text] = [path, query].map(|text| unescape(text.as_bytes()));
    if names_store(&path_text) || names_store(&query_text) {
        return None;
    }
    // A name that starts with a bracket becomes that of a store.
    let path_text = String::from_utf8_lossy(&path_text).replace(':', "/");
    let mut values =
        query.split(['&', ';']).map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value));
    if path_text.split('/').any(starts_a_store)
        || values.any(|value| {
            let value = String::from_utf8_lossy(&unescape(value.as_bytes())).into_owned();
            starts_a_store(&value) && !["[[", "[{", "[\"", "[]"].iter().any(|json| value.starts_with(json))
        })
    {
        return None;
    }
    if !["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"].contains(&method) {
        return None;
    }
    let post = method == "POST";
    let mut segments: Vec<&str> = without_version(path).collect();
    let libpod = segments[0] == "libpod" && segments.len() > 1;
    if libpod {
        segments.remove(0);
        // With files of the host instead of the client's.
        if segments == ["local", "build"] || segments == ["local", "images", "load"] {
            segments.remove(0);
        }
    }
    let table = if libpod { LIBPOD } else { DOCKER };
    let section = table.iter().find(|(_, section, _)| *section == segments[0]);
    let Some((variable, section, _)) = section.filter(|(.., below)| segments.len() == 1 || *below) else {
        return Some(Judgement {
            verdict: None,
            hijack: None,
            is_plain: true,
            is_start: false,
            is_stop: false,
            is_tag: false,
        });
    };
    let on = |variable: &str| environment.is_on(variable);
    segments.remove(0);
    // With a slash at the end it is no such route: that opens nothing, and closes as much.
    let slash = segments.last() == Some(&"");
    if slash {
        segments.pop();
    }
    // The name is at least one segment, so that the sub-resource is a later one.
    let last = if segments.len() > 1 { segments[segments.len() - 1] } else { "" };
    let containers = ["containers", "pods"].contains(section);
    let websocket = containers && last == "ws" && segments[segments.len() - 2] == "attach";

    let end = if websocket { "attach/ws" } else { last };
    let gates = || GATES.iter().filter(|(_, ends)| containers && ends.contains(&end));
    let mut gates_on = gates().all(|(gate, _)| on(gate));

    let mut hijack = None;
    let mut is_plain = true;
    let mut allowed = on(variable) && environment.opens_method(method);
    match (*section, last) {
        ("containers" | "pods", "attach") | ("exec", "start") if post && !slash => hijack = Some("tcp"),
        ("containers" | "pods", _) if websocket => {
            allowed &= on("POST");
            hijack = (method == "GET" && !slash && segments.len() > 2).then_some("websocket");
        }
        ("session" | "grpc", _) if post => hijack = Some("h2c"),
        ("containers" | "pods", "healthcheck" | "checkpoints") => allowed &= on("POST"),
        ("images", _)
            if libpod && post && segments.first() == Some(&"scp") && (segments.len() > 1 || slash) =>
        {
            let name = segments[1..].join("/");
            let texts = [&name[..], query].map(|text| unescape(text.as_bytes()));
            let dash = |text: &[u8]| text.starts_with(b"-");
            let mut values = query.split('=').skip(1);
            if texts.iter().any(|text| text.contains(&b' '))
                || query.contains('+')
                || dash(&texts[0])
                || values.any(|value| dash(&unescape(value.as_bytes())))
            {
                return None;
            }
        }
        ("images", "changes") if libpod => allowed &= on("ALLOW_CHANGES") && on("LIBPOD_CONTAINERS"),
        ("secrets", _) if ["GET", "HEAD"].contains(&method) && may_show_secret(query) => {
            allowed &= on("POST");
            is_plain = false;
        }
        _ => {}
    }
    let action = ACTIONS.iter().find(|(action, _)| containers && post && !slash && *action == last);
    let is_start = action.is_some_and(|(action, _)| *action == "start");
    let mut by_action = action.is_some_and(|(_, variables)| variables.iter().any(|one| on(one)));
    by_action &= !(is_start && may_name_checkpoint(query));
    is_plain &= !(is_start && may_name_checkpoint(query));
    let is_stop = action.is_some_and(|(action, _)| ["stop", "restart"].contains(action));
    if is_stop && may_hold(query, "signal") {
        // It is a kill then.
        is_plain = false;
        gates_on &= on("ALLOW_KILL");
        by_action &= on("ALLOW_RESTARTS");
    }
    if containers && method == "GET" && last == "top" && !slash && may_hold(query, "ps_args") {
        gates_on &= on("ALLOW_INSPECT");
        is_plain &= on("ALLOW_INSPECT");
    }
    if *section == "containers" && !libpod && method == "DELETE" && may_hold(query, "dir") {
        allowed &= on("POST");
        is_plain = false;
    }
    let is_kill = on("ALLOW_KILL") && (allowed || on("ALLOW_RESTARTS"));
    // podman reads the form.
    let is_tag = *section == "images" && post && !slash && (last == "tag" || (libpod && last == "untag"));
    let bare = (is_start && !allowed) || (is_stop && !is_kill) || is_tag;
    let verdict = (gates_on && (allowed || by_action)).then_some(Allowed {
        hijack,
        bare,
        is_start,
        is_tag,
        by_line: false,
    });
    Some(Judgement { verdict, hijack, is_plain, is_start, is_stop, is_tag })
}

/// Percent escapes read once; what is no escape stays.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let digits = text.get(at + 1..at + 3).filter(|_| text[at] == b'%');
        let digits = digits.filter(|digits| all_of(digits, "0123456789abcdefABCDEF"));
        let value = digits.and_then(|digits| u8::from_str_radix(&String::from_utf8_lossy(digits), 16).ok());
        read.push(value.unwrap_or(text[at]));
        at += if value.is_some() { 3 } else { 1 };
    }
    read
}

/// Whether a text names a store of images of one's own, as podman reads it: as it is, or in JSON.
fn names_store(text: &[u8]) -> bool {
    let mut read = String::new();
    let mut at = 0;
    while at < text.len() {
        let digits = text.get(at + 2..at + 6).filter(|_| text[at..].starts_with(b"\\u"));
        let digits = digits.filter(|digits| all_of(digits, "0123456789abcdefABCDEF"));
        let value = digits.and_then(|digits| u8::from_str_radix(&String::from_utf8_lossy(digits), 16).ok());
        read.push(char::from(value.unwrap_or(text[at])));
        at += if value.is_some() { 6 } else { 1 };
    }
    let behind = read.to_ascii_lowercase();
    let mut behind = behind.split("containers-storage").skip(1).peekable();
    // What follows it in this piece: a bracket, or nothing, as another piece may follow.
    std::iter::from_fn(|| behind.next().map(|text| (text.to_owned(), behind.peek().is_none()))).any(
        |(text, last)| {
            text.starts_with(":[") || text.starts_with(['/', '&', ';']) || (text.is_empty() && last)
        },
    )
}

/// Whether a text starts with a bracket, and with no IPv6 address in brackets.
fn starts_a_store(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('[') else { return false };
    let address = rest.split_once(']').map_or("", |(address, _)| address);
    address.is_empty() || !address.chars().all(|letter| letter.is_ascii_hexdigit() || ":.".contains(letter))
}

/// A version as Docker (`v[0-9.]+`) or podman (`v[0-9][0-9A-Za-z.-]*`) takes it.
fn is_version(segment: &str) -> bool {
    let Some(number) = segment.strip_prefix('v').filter(|number| !number.is_empty()) else { return false };
    let docker = number.chars().all(|letter| "0123456789.".contains(letter));
    let podman = number.starts_with(|letter: char| letter.is_ascii_digit())
        && number.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-".contains(letter));
    docker || podman
}

/// Whether podman may read `showsecret` out of a query: its key in any spelling, and not plainly switched off.
fn may_show_secret(query: &str) -> bool {
    may_be_on(query, "showsecret")
}

/// Whether a query may have this key, in any spelling, and not plainly off.
fn may_be_on(query: &str, word: &str) -> bool {
    query.split(['&', ';']).any(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        may_be(key, word) && !["false", "0"].contains(&value)
    })
}

/// Whether dockerd may read a checkpoint out of a query: its key in any spelling, with any value or none.
fn may_name_checkpoint(query: &str) -> bool {
    may_hold(query, "checkpoint") || may_hold(query, "checkpoint-dir")
}

/// Whether a query has this key, in any spelling.
fn may_hold(query: &str, word: &str) -> bool {
    query.split(['&', ';']).any(|pair| may_be(pair.split('=').next().unwrap_or_default(), word))
}

/// What is spelled with escapes may be anything.
fn may_be(key: &str, word: &str) -> bool {
    key.contains(['%', '+']) || key.to_ascii_lowercase() == word
}

// The whole

/// A request that starts a stream and may reach the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    pub request: Request,
    pub decoded_path: String,
    pub hijack: Option<&'static str>,
    /// Where its head ends.
    pub head: usize,
    /// Where it ends, and its body without framing; the offset of [`Stop::Broken`] is in the stream.
    pub body: Result<(usize, Vec<u8>), Stop>,
}

/// Reads and judges the request that starts a stream. `Err(Partial)` where its head is incomplete.
pub fn admit(stream: &[u8], environment: &Environment) -> Result<Admitted, Stop> {
    let head = head_length(stream)?;
    let refused = Stop::Broken(head);
    let request = Request::read(&stream[..head]).ok_or(refused)?;
    let target = Target::read(&request.method, &request.target).ok_or(refused)?;
    let allowed = judge(environment, &request.method, &target).ok_or(refused)?;
    let framing = request.framing().ok_or(refused)?;
    let is_form = String::from_utf8_lossy(&stream[..head]).to_ascii_lowercase().contains("form-urlencoded");
    let most = if allowed.is_tag { 0 } else { 7 };
    let fits = matches!(framing, Framing::Length(length) if length <= most);
    if allowed.bare && !fits && (allowed.is_start || is_form) {
        return Err(refused);
    }
    if ["tcp", "websocket"].iter().any(|protocol| allowed.hijack == Some(*protocol)) {
        let asked = request.head.values("upgrade");
        if asked.iter().any(|name| !name.eq_ignore_ascii_case(allowed.hijack.unwrap_or_default().as_bytes()))
        {
            return Err(refused);
        }
    }
    let body = match framing.body(&stream[head..]) {
        Ok((length, body)) => Ok((head + length, body)),
        Err(Stop::Broken(at)) => Err(Stop::Broken(head + at)),
        Err(Stop::Partial) => Err(Stop::Partial),
    };
    Ok(Admitted { decoded_path: target.decoded, hijack: allowed.hijack, request, head, body })
}

/// How many bytes at the start of a stream are line ends that nobody sends on: up to four, behind a POST.
pub fn blanks(before: &Request, stream: &[u8]) -> usize {
    let most = if before.method == "POST" { 4 } else { 0 };
    (0..most).take_while(|at| matches!(stream.get(*at), Some(b'\r' | b'\n'))).count()
}

/// Whether an answer of the daemon turns the connection into a raw stream: interim heads, then a 101 to the protocol of
/// the route that was asked for, or a 200 without framing on a route of raw streams. Returns where the raw bytes start.
pub fn grants_hijack(answer: &[u8], admitted: &Admitted) -> Option<usize> {
    let route = admitted.hijack?;
    let asked = match &admitted.request.head.values("upgrade")[..] {
        [protocol] => protocol.eq_ignore_ascii_case(route.as_bytes()),
        _ => false,
    };
    let mut at = 0;
    loop {
        let length = head_length(&answer[at..]).ok()?;
        let head = Head::read(&answer[at..at + length])?;
        at += length;
        let unframed =
            head.values("content-length").is_empty() && head.values("transfer-encoding").is_empty();
        let upgrade = head.values("upgrade");
        let same =
            upgrade.is_empty() || (upgrade.len() == 1 && upgrade[0].eq_ignore_ascii_case(route.as_bytes()));
        match head.start.get(1).map(Vec::as_slice)? {
            b"101" => return (asked && same).then_some(at),
            b"200" => return (route == "tcp" && unframed).then_some(at),
            [b'1', b'0'..=b'9', b'0'..=b'9'] => {}
            _ => return None,
        }
    }
}
