//! The program as its user meets it: arguments, variables, exit status, the addresses it listens on, its first lines.

mod support;

use docker_socket_proxy::config::{SETTINGS, frontends};
use std::ffi::OsStr;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Output, Stdio};
use support::{Client, FakeDaemon, Program, program};

const PING: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";

fn output(arguments: &[&str], vars: &[(&str, &str)]) -> Output {
    Program::command(arguments, vars).stdin(Stdio::null()).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Runs what must not start: exit status, and the one line on standard error.
fn failure(arguments: &[&str], vars: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = output(arguments, vars);
    assert_eq!(text(&output.stdout), "", "{arguments:?} {vars:?}");
    let sentence = text(&output.stderr).strip_suffix('\n').expect("a line");
    assert!(!sentence.contains('\n'), "one sentence: {sentence}");
    (output.status.code(), sentence.to_owned())
}

#[test]
fn help_and_version_are_on_standard_output() {
    for (arguments, start) in [
        (["--help"], "docker-socket-proxy: a filter in front of the Docker socket\n\nUsage: "),
        (["-h"], "docker-socket-proxy: a filter in front of the Docker socket\n\nUsage: "),
        (["--version"], concat!("docker-socket-proxy ", env!("CARGO_PKG_VERSION"), "\n")),
        (["-V"], concat!("docker-socket-proxy ", env!("CARGO_PKG_VERSION"), "\n")),
    ] {
        // Whatever the environment holds.
        let output = output(&arguments, &[("LISTEN", "nonsense")]);
        assert!(output.status.success(), "{arguments:?}");
        assert!(text(&output.stdout).starts_with(start), "{arguments:?}");
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn an_unknown_argument_exits_with_64_and_one_line() {
    for (arguments, unknown) in [
        (&["--listen"][..], "--listen"),
        (&["serve"], "serve"),
        (&[""], ""),
        (&["--help", "--version"], "--help"),
        (&["healthcheck", "now"], "now"),
        (&["--bell\x07"], "--bell\\u{7}"),
    ] {
        let sentence = format!("docker-socket-proxy: unknown argument \"{unknown}\"; see --help");
        assert_eq!(failure(arguments, &[]), (Some(64), sentence));
    }
}

#[test]
fn a_value_that_cannot_be_used_exits_with_64_and_names_the_variable_and_the_value() {
    let switch = "0 or 1 (also true, false, yes, no, on, off)";
    let time = "a time above 0 and up to 1000 hours: seconds, or a number with ms, s, m or h";
    let address = "ADDRESS:PORT, such as 127.0.0.1:2375 or [::1]:2375, or :PORT for all addresses, or unix:/PATH for a socket \
                   file, or systemd; or several of these with commas between";
    let level = "emerg, alert, crit, err, warning, notice, info or debug (also off, error, warn, trace)";
    let count = "a number from 1 to 1000000";
    let directives = "off, error, warn, info, debug or trace, or TARGET=LEVEL, with commas between";
    for (variable, value, expected) in [
        ("CONTAINERS", "2", switch),
        ("POST", "enabled", switch),
        ("PING", "1 0", switch),
        ("ALLOW_START", "y", switch),
        ("DISABLE_IPV6", "-1", switch),
        ("LISTEN", "2375", address),
        ("LISTEN", "localhost:2375", address),
        ("LISTEN", ":65536", address),
        ("LISTEN", "::1:2375", address),
        ("LISTEN", "127.0.0.1", address),
        ("LISTEN", ":", address),
        ("LOG_LEVEL", "loud", level),
        ("LOG_FORMAT", "xml", "text or json"),
        ("LOG_REQUESTS", "all", switch),
        ("RUST_LOG", "debgu", directives),
        ("RUST_LOG", "info,docker_socket_proxy=loud", directives),
        ("RUST_LOG", "=debug", directives),
        ("RUST_LOG", "debug/a/b", directives),
        ("HEAD_TIMEOUT", "0", time),
        ("HEAD_TIMEOUT", "-1", time),
        ("IDLE_TIMEOUT", "1d", time),
        ("CONNECT_TIMEOUT", "inf", time),
        ("SHUTDOWN_GRACE", "1e3", time),
        ("SHUTDOWN_GRACE", "1001h", time),
        ("MAX_CONNECTIONS", "0", count),
        ("MAX_CONNECTIONS", "1000001", count),
        ("MAX_CONNECTIONS", "many", count),
    ] {
        let sentence =
            format!("docker-socket-proxy: {variable}={value:?} cannot be used: it takes {expected}");
        assert_eq!(failure(&[], &[(variable, value)]), (Some(64), sentence));
    }
}

/// As `docker run --env-file` passes them on.
#[test]
fn quotes_that_are_part_of_a_value_are_named() {
    for (variable, value) in [("CONTAINERS", "\"1\""), ("LISTEN_OWNER", "'1:2'"), ("IDLE_TIMEOUT", "\"5\"")] {
        let (status, sentence) = failure(&[], &[(variable, value)]);
        assert_eq!(status, Some(64), "{sentence}");
        assert!(sentence.ends_with("; take the quotes away that are part of it"), "{sentence}");
    }
}

#[test]
fn a_value_that_is_no_text_is_refused_whatever_takes_it() {
    let own = SETTINGS.iter().map(|setting| setting.name).chain(frontends::variables());
    let of_client = frontends::variables().map(|name| format!("A__{name}"));
    for name in own.map(str::to_owned).chain(of_client) {
        let mut command = Program::command(&[], &[("A__LISTEN", "unix:/nowhere/to/listen")]);
        let output = command.env(&name, OsStr::from_bytes(b"/data/\xff")).output().expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{name}: {said}");
        assert!(said.contains(&format!("{name}=\"/data/\u{fffd}\" cannot be used")), "{name}: {said}");
    }
}

#[test]
fn a_value_with_line_ends_and_escapes_stays_one_harmless_line() {
    let (status, sentence) = failure(&[], &[("CONTAINERS", "1\nroot: \x1b[31m")]);
    assert_eq!(status, Some(64));
    assert!(
        sentence.starts_with("docker-socket-proxy: CONTAINERS=\"1\\nroot: \\u{1b}[31m\" cannot"),
        "{sentence}"
    );
}

#[test]
fn an_address_that_is_taken_exits_with_1_and_one_line() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = taken.local_addr().expect("an address");
    // Where all addresses are meant, some of them are not enough.
    for listen in [address.to_string(), format!(":{}", address.port())] {
        let (status, sentence) = failure(&[], &[("LISTEN", &listen)]);
        assert_eq!(status, Some(1));
        let reason = sentence.strip_prefix(&format!("docker-socket-proxy: cannot listen on {listen}: "));
        // The words between are the C library's: musl has others than glibc.
        let of_system = |reason: &str| reason.starts_with("Address ") && reason.ends_with(" (os error 98)");
        assert!(reason.is_some_and(of_system), "{sentence}");
    }
}

/// Whether the program answers at this address.
fn answers(address: impl Into<SocketAddr>) -> bool {
    let address = address.into();
    TcpStream::connect(address).is_ok() && Client::connect(address).ask(PING).status == 200
}

fn has_ipv6() -> bool {
    let bound = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !bound {
        eprintln!("SKIPPED in part: this host has no IPv6");
    }
    bound
}

#[test]
fn all_addresses_are_one_socket_for_both_protocols() {
    let daemon = FakeDaemon::echoing();
    for listen in [":0", "[::]:0"] {
        let program = Program::start(&daemon.socket(), &[("LISTEN", listen)]);
        let port = program.address().tcp().port();
        assert!(answers((Ipv4Addr::LOCALHOST, port)), "{listen}");
        if has_ipv6() {
            assert_eq!(program.address().tcp(), (Ipv6Addr::UNSPECIFIED, port).into());
            assert!(answers((Ipv6Addr::LOCALHOST, port)), "{listen}");
        }
    }
}

#[test]
fn clients_of_both_protocols_are_named_in_their_own_form() {
    let daemon = FakeDaemon::echoing();
    let program = Program::start(&daemon.socket(), &[("LISTEN", ":0")]);
    let port = program.address().tcp().port();
    let mut client = Client::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let address = client.stream.local_addr().expect("an address").as_socket().expect("TCP");
    assert_eq!(client.ask("GET /info HTTP/1.1\r\nHost: d\r\n\r\n").status, 403);
    program.wait_for_log(&format!(" {address}: "));
}

#[test]
fn ipv4_alone_is_listened_on_where_that_is_asked_for() {
    let daemon = FakeDaemon::echoing();
    for vars in [&[("LISTEN", ":0"), ("DISABLE_IPV6", "1")][..], &[("LISTEN", "0.0.0.0:0")]] {
        let program = Program::start(&daemon.socket(), vars);
        let port = program.address().tcp().port();
        assert_eq!(program.address().tcp(), (Ipv4Addr::UNSPECIFIED, port).into());
        assert!(answers((Ipv4Addr::LOCALHOST, port)));
        assert!(!answers((Ipv6Addr::LOCALHOST, port)));
    }
}

#[test]
fn one_address_is_listened_on_alone() {
    let daemon = FakeDaemon::echoing();
    let program = Program::start(&daemon.socket(), &[("LISTEN", " 127.0.0.1:0 ")]);
    let port = program.address().tcp().port();
    assert!(answers((Ipv4Addr::LOCALHOST, port)));
    assert!(!answers((Ipv4Addr::new(127, 0, 0, 2), port)));
    if has_ipv6() {
        let program = Program::start(&daemon.socket(), &[("LISTEN", "[::1]:0")]);
        let port = program.address().tcp().port();
        assert!(answers((Ipv6Addr::LOCALHOST, port)));
        assert!(!answers((Ipv4Addr::LOCALHOST, port)));
    }
}

/// Runs a program for which `socket(AF_INET6, ...)` fails with EAFNOSUPPORT, as on a host without IPv6, by a seccomp filter:
/// load the call's number, compare, load its first argument, compare, refuse or allow.
const WITHOUT_IPV6: &str = "
import ctypes, os, platform, struct, sys
socket = {'x86_64': 41, 'aarch64': 198}[platform.machine()]
code = [(0x20, 0, 0, 0), (0x15, 0, 3, socket), (0x20, 0, 0, 16), (0x15, 0, 1, 10), (0x06, 0, 0, 0x00050000 | 97),
        (0x06, 0, 0, 0x7fff0000)]
code = b''.join(struct.pack('HBBI', *one) for one in code)
buffer = ctypes.create_string_buffer(code)
program = struct.pack('HxxxxxxQ', len(code) // 8, ctypes.addressof(buffer))
prctl = ctypes.CDLL(None, use_errno=True).prctl
if prctl(38, 1, 0, 0, 0) or prctl(22, 2, ctypes.c_char_p(program), 0, 0):
    sys.exit(os.strerror(ctypes.get_errno()))
os.execvp(sys.argv[1], sys.argv[1:])
";

#[test]
fn ipv4_alone_is_listened_on_where_the_host_has_no_ipv6() {
    let python = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    if !python.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: python3, which takes IPv6 away, is not here");
        return;
    }
    let daemon = FakeDaemon::echoing();
    let mut command = Command::new("python3");
    command.args(["-c", WITHOUT_IPV6]).args(program::words());
    command.env("LISTEN", ":0").env("SOCKET_PATH", daemon.socket());
    let program = Program::spawn(command);
    let line = program.wait_for_log(" on ");
    let address = line.split([' ', ',']).find_map(|word| word.parse::<SocketAddr>().ok());
    let address = address.unwrap_or_else(|| panic!("no address in {line:?}"));
    assert_eq!(address.ip(), Ipv4Addr::UNSPECIFIED);
    assert!(answers((Ipv4Addr::LOCALHOST, address.port())));
}

#[test]
fn the_first_line_says_version_address_socket_and_what_is_granted() {
    let daemon = FakeDaemon::echoing();
    let vars = [("CONTAINERS", " TRUE "), ("IMAGES", "On"), ("VERSION", "no"), ("EVENTS", "")];
    let program = Program::start(&daemon.socket(), &vars);
    let line = program.wait_for_log(" on ");
    let expected = format!(
        "docker-socket-proxy {} on {}, daemon at {}, granted: ",
        env!("CARGO_PKG_VERSION"),
        program.address(),
        daemon.socket().display()
    );
    let (_, granted) = line.split_once(&expected).unwrap_or_else(|| panic!("{line:?} is not {expected:?}"));
    for (name, is_granted) in [
        ("CONTAINERS", true),
        ("IMAGES", true),
        ("PING", true),
        ("VERSION", false),
        ("EVENTS", false),
        ("POST", false),
    ] {
        assert_eq!(granted.split(' ').any(|one| one == name), is_granted, "{name} in {granted}");
    }
}

#[test]
fn a_daemon_that_is_not_there_yet_is_a_warning_and_no_reason_to_end() {
    let dir = support::TempDir::new();
    let missing = dir.join("missing.sock");
    let program = Program::start(&missing, &[]);
    let line = program.wait_for_log("cannot reach the daemon at ");
    assert!(line.starts_with("WARN "), "{line}");
    assert!(line.contains(missing.to_str().expect("UTF-8")), "{line}");
    assert_eq!(program.client().ask(PING).status, 502);
}

#[test]
fn sigint_and_sigterm_end_an_idle_program_in_order() {
    let daemon = FakeDaemon::echoing();
    for signal in ["INT", "TERM"] {
        let mut program = Program::start(&daemon.socket(), &[]);
        let mut client = program.client();
        assert_eq!(client.ask(PING).status, 200);
        program.signal(signal);
        assert!(program.wait().success());
        assert_eq!(client.read_to_end(), b"");
    }
}

#[test]
fn too_few_threads_are_a_sentence_and_not_a_panic_or_a_wait() {
    let is_root = std::fs::metadata("/proc/self").expect("a process").uid() == 0;
    if !is_root || program::other().is_some() {
        eprintln!(
            "skipped: only root can be another user, and root itself has no such limit; an emulator needs threads too"
        );
        return;
    }
    let names: Vec<_> = (0..20).map(|number| format!("C{number}__LISTEN")).collect();
    let vars: Vec<_> = names.iter().map(|name| (&**name, "127.0.0.1:0")).collect();
    let limited = |threads: u32| {
        let mut limited = Command::new("setpriv");
        limited.args([
            "--reuid=64217",
            "--regid=64217",
            "--clear-groups",
            "prlimit",
            &format!("--nproc={threads}"),
        ]);
        let path = std::env::var_os("PATH").map(|path| ("PATH", path));
        limited.args(program::words()).env_clear().envs(vars.clone()).envs(path);
        limited
    };
    // Where nobody has GUARD, none is needed beside one for each name, the main one, the log's and the clock's.
    let enough = Program::spawn(limited(24));
    enough.wait_for_log(" for C9 on ");
    drop(enough);
    let output = limited(12).stdin(Stdio::null()).output().expect("setpriv runs");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("docker-socket-proxy: cannot start: ") && said.contains(" threads cannot be had: "),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}
