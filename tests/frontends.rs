//! Several clients of one proxy: whose variables hold where, what stops the start, and what one client can do to another.

mod support;

use docker_socket_proxy::config::{Config, Frontend};
use docker_socket_proxy::lookalike::lookalikes;
use docker_socket_proxy::policy::Policy;
use docker_socket_proxy::policy::learn::Learner;
use docker_socket_proxy::proxy::admit::admit;
use docker_socket_proxy::proxy::bind::bind;
use docker_socket_proxy::proxy::client::Client;
use docker_socket_proxy::proxy::clock::Clock;
use docker_socket_proxy::proxy::listener;
use docker_socket_proxy::vars::Environment;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};
use support::{FakeDaemon, PATIENCE, Program, SetAtEnd, TempDir};
use tokio::runtime::Builder;

const PING: &[u8] = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n";

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
    let environment: Environment = variables.iter().copied().collect();
    let config = Config::of(&environment).map_err(|error| error.to_string())?;
    lookalikes(&environment).map(|_| config)
}

/// The policy of a client; `None` stands for who has no name.
fn policy(variables: &[(&str, &str)], name: Option<&str>) -> Policy {
    let config = read(variables).unwrap_or_else(|sentence| panic!("{variables:?}: {sentence}"));
    let frontend = config.frontends.iter().find(|frontend| frontend.name.as_deref() == name);
    frontend.unwrap_or_else(|| panic!("{variables:?} have no {name:?}")).policy.clone()
}

fn is_open(policy: &Policy, request: &str) -> bool {
    admit(format!("{request} HTTP/1.1\r\nHost: docker\r\n\r\n").as_bytes(), policy).1.is_ok()
}

/// Sends one request over a socket file and returns what is answered until the end.
fn ask(path: &Path, request: &str) -> String {
    let mut client = UnixStream::connect(path).expect("it listens");
    client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    write!(client, "{request} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n").expect("room");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    answer
}

/// The program with socket files `a.sock` and `b.sock` of the clients A and B in this folder, and with these variables.
fn two_clients(daemon: &FakeDaemon, dir: &TempDir, vars: &[(&str, &str)]) -> (Program, [PathBuf; 2]) {
    let files = ["a.sock", "b.sock"].map(|name| dir.join(name));
    let listens = files.clone().map(|file| format!("unix:{}", text(&file)));
    let socket = daemon.socket();
    let mut all =
        vec![("A__LISTEN", &listens[0][..]), ("B__LISTEN", &listens[1]), ("SOCKET_PATH", text(&socket))];
    all.extend(vars);
    let program = Program::spawn(Program::command(&[], &all));
    for name in ["A", "B"] {
        program.wait_for_log(&format!(" for {name} on "));
    }
    (program, files)
}

// === Whose variables hold ===

#[test]
fn a_prefix_is_for_one_client_and_what_has_none_is_the_default_of_all() {
    let both = [("A__LISTEN", ":1"), ("B__LISTEN", ":2")];
    let with = |more: &[(&str, &str)]| -> Vec<(String, String)> {
        let all = both.iter().chain(more);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    for (more, request, [a, b]) in [
        (&[("CONTAINERS", "1")][..], "GET /containers/json", [true, true]),
        (&[("A__CONTAINERS", "1")], "GET /containers/json", [true, false]),
        (&[("CONTAINERS", "1"), ("B__CONTAINERS", "0")], "GET /containers/json", [true, false]),
        // Empty is off, as it is without a prefix.
        (&[("CONTAINERS", "1"), ("B__CONTAINERS", "")], "GET /containers/json", [true, false]),
        (&[("CONTAINERS", "1"), ("A__POST", "1")], "POST /containers/create", [true, false]),
        // What follows POST follows the client's.
        (&[("IMAGES", "1"), ("A__POST", "1")], "DELETE /images/x", [true, false]),
        (&[("IMAGES", "1"), ("POST", "1"), ("A__DELETE", "0")], "DELETE /images/x", [false, true]),
        (
            &[("IMAGES", "1"), ("DELETE", "0"), ("POST", "1"), ("B__DELETE", "1")],
            "DELETE /images/x",
            [false, true],
        ),
        (&[("A__ALLOW_ROUTES", "GET /info")], "GET /info", [true, false]),
        (&[("ALLOW_ROUTES", "GET /info"), ("A__ALLOW_ROUTES", "GET /swarm")], "GET /info", [false, true]),
        (&[("INFO", "1"), ("B__DENY_ROUTES", "GET /info")], "GET /info", [true, false]),
        (&[("INFO", "1"), ("DENY_ROUTES", "GET /info"), ("A__DENY_ROUTES", "")], "GET /info", [true, false]),
        (&[("CONTAINERS", "1"), ("B__DIALECT", "linuxserver")], "GET /containers/x/logs", [true, false]),
        (
            &[("CONTAINERS", "1"), ("DIALECT", "linuxserver"), ("B__DIALECT", "tecnativa")],
            "GET /containers/x/logs",
            [false, true],
        ),
        (&[("A__LEARN", "1")], "GET /swarm", [true, false]),
        (&[("PING", "0"), ("A__PING", "1")], "GET /_ping", [true, false]),
    ] {
        let all = with(more);
        let all: Vec<_> = all.iter().map(|(name, value)| (&**name, &**value)).collect();
        let open = ["A", "B"].map(|name| is_open(&policy(&all, Some(name)), request));
        assert_eq!(open, [a, b], "{more:?}: {request}");
    }
}

#[test]
fn who_has_no_name_is_served_where_listen_says_and_not_by_default() {
    let names = |variables: &[(&str, &str)]| -> Vec<Option<String>> {
        let config = read(variables).unwrap_or_else(|sentence| panic!("{variables:?}: {sentence}"));
        config.frontends.iter().map(|frontend| frontend.name.clone()).collect()
    };
    assert_eq!(names(&[]), [None]);
    assert_eq!(names(&[("A__LISTEN", ":1")]), [Some("A".into())]);
    // The image sets this one.
    assert_eq!(names(&[("LISTEN_DEFAULT", ":2375"), ("A__LISTEN", ":1")]), [Some("A".into())]);
    assert_eq!(names(&[("LISTEN", ":2375"), ("A__LISTEN", ":1")]), [None, Some("A".into())]);
    let without = policy(&[("LISTEN", ":2375"), ("A__LISTEN", ":1"), ("A__INFO", "1")], None);
    assert!(!is_open(&without, "GET /info"));
}

#[test]
fn what_is_wrong_with_a_prefix_stops_the_start_with_a_sentence() {
    for (variables, expected) in [
        (
            &[("TRAEFIK__CONTAINERS", "1")][..],
            "TRAEFIK__CONTAINERS cannot be used: the client TRAEFIK has no TRAEFIK__LISTEN",
        ),
        (&[("A__LISTEN", "")], "the client A has no A__LISTEN"),
        (&[("A__LISTEN", ":1"), ("B__INFO", "1")], "the client B has no B__LISTEN"),
        (
            &[("A__LISTEN", ":1"), ("A__CONTAINER", "1")],
            "clients have no variable CONTAINER: did you mean A__CONTAINERS?",
        ),
        (&[("A__LISTEN", ":1"), ("A__SOCKET_PATH", "/x")], "SOCKET_PATH is the same for all clients"),
        (&[("A__LISTEN", ":1"), ("A__MAX_CONNECTIONS", "5")], "MAX_CONNECTIONS is the same for all clients"),
        (&[("A__LISTEN", ":1"), ("A__LISTEN_DEFAULT", ":2")], "LISTEN_DEFAULT is the same for all clients"),
        (
            &[("DB__HOST", "db")],
            "clients have no variable HOST. If it is meant for another program, keep it from this one",
        ),
        (&[("ALLOW__START", "1")], "did you mean ALLOW_START?"),
        (
            &[("A__LISTEN", ":1"), ("A__gaurd", "baseline")],
            "A__gaurd cannot be used: what stands before two underscores is the name of a client, and clients have no variable gaurd. \
             If it is meant for another program, keep it from this one",
        ),
        (&[("A__LISTEN", ":1"), ("A__pots", "0")], "clients have no variable pots"),
        (&[("A__LISTEN", ":1"), ("A__DenyRoutez", "x")], "clients have no variable DenyRoutez"),
        (&[("A__LISTEN", ":1"), ("A__GU\u{410}RD", "baseline")], "A__GU\\u{410}RD cannot be used"),
        (&[("A__LISTEN", ":1"), ("A__database__HOST", "db")], "clients have no variable database__HOST"),
        (&[("A__LISTEN", ":1"), ("A__", "1")], "A__ cannot be used"),
        (&[("a__LISTEN", ":1")], "capitals and digits alone"),
        (&[("A__listen", ":1")], "capitals and digits alone"),
        (&[("A_B__CONTAINERS", "1")], "capitals and digits alone"),
        (&[("__CONTAINERS", "1")], "capitals and digits alone"),
        (&[("A__LISTEN", ":1"), ("A__CONTAINERS", "maybe")], "A__CONTAINERS=\"maybe\" cannot be used"),
        (&[("A__LISTEN", ":1"), ("CONTAINERS", "maybe")], "CONTAINERS=\"maybe\" cannot be used"),
        // Also where every client has a value of its own.
        (
            &[("A__LISTEN", ":1"), ("CONTAINERS", "maybe"), ("A__CONTAINERS", "1")],
            "CONTAINERS=\"maybe\" cannot be used",
        ),
        (&[("A__LISTEN", "2375")], "A__LISTEN=\"2375\" cannot be used"),
        (&[("A__LISTEN", ":1"), ("A__LISTEN_MODE", "rw")], "A__LISTEN_MODE=\"rw\" cannot be used"),
        (&[("A__LISTEN", ":1"), ("A__LISTEN_OWNER", "root")], "A__LISTEN_OWNER=\"root\" cannot be used"),
        (&[("A__LISTEN", ":1"), ("A__DIALECT", "none")], "A__DIALECT=\"none\" cannot be used"),
        (
            &[("A__LISTEN", ":1"), ("A__ALLOW_ROUTES", "GET /nothing")],
            "A__ALLOW_ROUTES cannot be used: line 1",
        ),
        (&[("A__LISTEN", ":1"), ("B__LISTEN", ":2"), ("MAX_CONNECTIONS", "1")], "there are 2 clients"),
    ] {
        let sentence = read(variables).expect_err(&format!("{variables:?} cannot be used"));
        assert!(sentence.contains(expected), "{variables:?}: {sentence}");
        let output = Program::command(&[], variables).output().expect("the program runs");
        assert_eq!(output.status.code(), Some(64), "{variables:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), format!("docker-socket-proxy: {sentence}\n"));
    }
    // Other programs' names are theirs.
    for (name, value) in [
        ("GITEA__database__HOST", "db"),
        ("Logging__LogLevel__Default", "Debug"),
        ("__CF_USER", "1"),
        ("A__", "1"),
    ] {
        assert!(read(&[(name, value)]).is_ok(), "{name}");
    }
}

#[test]
fn two_places_on_one_address_stop_the_start() {
    for (one, other, collide) in [
        (":2375", ":2375", true),
        (":2375", "127.0.0.1:2375", true),
        ("[::]:2375", "[::1]:2375", true),
        ("0.0.0.0:2375", "127.0.0.1:2375", true),
        ("127.0.0.1:2375", "0.0.0.0:2375", true),
        ("0.0.0.0:2375", "[::1]:2375", false),
        ("127.0.0.1:2375", "127.0.0.2:2375", false),
        (":2375", ":2376", false),
        // The system chooses another one each time.
        (":0", ":0", false),
        ("127.0.0.1:0", "127.0.0.1:0", false),
        ("unix:/run/x.sock", "unix:/run/x.sock", true),
        ("unix:/run/x.sock", "unix:///run//./x.sock", true),
        ("unix:/run/x.sock", "unix:/run/y.sock", false),
        ("systemd", "systemd", true),
        ("systemd", "systemd:web", true),
        ("systemd:web", "systemd:web", true),
        ("systemd:web", "systemd:ci", false),
        ("unix:/run/x.sock", ":2375", false),
    ] {
        let list = format!("{one},{other}");
        let cases = [
            vec![("LISTEN", &list[..])],
            vec![("A__LISTEN", one), ("B__LISTEN", other)],
            vec![("LISTEN", one), ("A__LISTEN", other)],
        ];
        for variables in cases {
            match read(&variables) {
                Ok(_) => assert!(!collide, "{variables:?}"),
                Err(sentence) => {
                    assert!(collide && sentence.contains("they are one address"), "{variables:?}: {sentence}")
                }
            }
        }
    }
}

#[test]
fn a_misspelt_name_is_judged_by_what_it_leaves_open_for_any_client() {
    let stops = |variables: &[(&str, &str)]| read(variables).err();
    let clients = [("A__LISTEN", ":1"), ("B__LISTEN", ":2")];
    let with = |more: &[(&'static str, &'static str)]| stops(&[&clients[..], more].concat());
    // It would close something for B.
    assert!(with(&[("INFO", "1"), ("A__INFO", "0"), ("INF0", "0")]).is_some());
    // Nobody has it open without a value of their own.
    assert_eq!(with(&[("A__INFO", "1"), ("B__INFO", "0"), ("INF0", "0")]), None);
    assert!(stops(&[("LISTEN", "unix:/x"), ("LISTEN_MOD", "0600")]).is_some());
    assert_eq!(stops(&[("LISTEN", "unix:/x"), ("LISTEN_MOD", "0666")]), None);
    assert_eq!(stops(&[("LISTEN", ":1"), ("LISTEN_MOD", "0600")]), None);
}

#[test]
fn a_prefix_that_is_written_in_another_way_stops_the_start_where_more_is_open_for_it() {
    let client = [("CONTAINERS", "1"), ("POST", "1"), ("DOZZLE__LISTEN", ":1")];
    for (name, value) in [
        ("DOZZLE_ALLOW_LOGS", "0"),
        ("DOZZLE_POST", "0"),
        ("DOZZLE.ALLOW_LOGS", "0"),
        ("DOZZLE-ALLOW-LOGS", "0"),
        ("dozzle_allow_logs", "0"),
        ("DOZZLE__ALLOW-LOGS", "0"),
        ("DOZZLE__allow_log", "0"),
        ("Dozzle__ALLOW_LOG", "0"),
        ("MY_APP__ALLOW_LOG", "0"),
        ("DOZZLE_DENY_ROUTES", "GET /info"),
        // What would not be understood there hides no name.
        ("DOZZLE_DENY_ROUTES", "GET /inf"),
        ("DOZZLE_GUARD", "strict"),
        ("DOZZLE_GUARD", "baseline"),
        ("DOZZLE_LISTEN_OWNER", "root:root"),
        ("DOZZLE_LISTEN_MODE", "u=rw"),
        ("DOZZLE_DIALECT", "linuxserver2"),
        ("DOZZLE_ALLOW_LOGS", "nope"),
        // Turned round, and with a slip that is one without a prefix too.
        ("GUARD_DOZZLE", "baseline"),
        ("GUARD__dozzle", "baseline"),
        ("POST_DOZZLE", "0"),
        ("ALLOW_EXEC_DOZZLE", "0"),
        ("DOZZLE_ALOW_EXEC", "0"),
        ("dozzle.alow_exec", "0"),
        ("DOZZLE_DENY_RUTES", "GET /info"),
    ] {
        let said = read(&[&client[..], &[(name, value)]].concat()).err();
        assert!(
            said.is_some_and(|said| said.contains("DOZZLE__") || said.contains("TRAEFIK__CONTAINERS")),
            "{name}"
        );
    }
    // What would open more is said, and closes nothing.
    let environment: Environment = client.into_iter().chain([("DOZZLE_IMAGES", "1")]).collect();
    let said = lookalikes(&environment).expect("nothing more is open than was meant");
    assert!(said.len() == 1 && said[0].contains("did you mean DOZZLE__IMAGES?"), "{said:?}");
    // So is a slip in a short word, and what is closed anyway.
    for (name, value, meant) in [
        ("DOZZLE_GAURD", "baseline", "DOZZLE__GUARD"),
        ("DOZZLE_POTS", "0", "DOZZLE__POST"),
        ("POTS_DOZZLE", "0", "DOZZLE__POST"),
        ("DOZZLE_EXEC", "0", "DOZZLE__EXEC"),
        ("INFO_DOZZLE", "0", "DOZZLE__INFO"),
    ] {
        let environment: Environment = client.into_iter().chain([(name, value)]).collect();
        let said = lookalikes(&environment).unwrap_or_else(|said| panic!("{name} is a warning: {said}"));
        let expected = format!("did you mean {meant}?");
        assert!(said.len() == 1 && said[0].contains(&expected), "{name}: {said:?}");
    }
    // Somebody else's, beside a client of the same name.
    for (name, value) in
        [("DOZZLE_VERSION", "20.1"), ("DOZZLE_HOST", "db"), ("DOZZLE_PORT", "8080"), ("DOZZLE_LEVEL", "info")]
    {
        let environment: Environment = client.into_iter().chain([(name, value)]).collect();
        assert_eq!(lookalikes(&environment), Ok(Vec::new()), "{name}");
    }
    // A variable is no misspelt one of a client, whatever its name begins with.
    let libpod: Environment = [("LIBPOD__LISTEN", ":1"), ("LIBPOD_IMAGES", "0")].into_iter().collect();
    assert_eq!(lookalikes(&libpod), Ok(Vec::new()));
    // The port of the image would be open in place of the file.
    let image = [("LISTEN_DEFAULT", ":2375"), ("CONTAINERS", "1")];
    for value in ["unix:/run/traefik.sock", "127.0.0.1:2375"] {
        let said = read(&[&image[..], &[("TRAEFIK_LISTEN", value)]].concat()).expect_err("it must not start");
        assert!(said.contains("did you mean TRAEFIK__LISTEN?"), "{said}");
    }
    // Somebody else's.
    for (name, value) in [
        ("GRPC_LISTEN", "yes please"),
        ("NODE_VERSION", "20.1"),
        ("TRAEFIK_LISTEN", "web"),
        ("HTTP_LISTEN", ":8080"),
        ("FOO_LISTEN", "true"),
        ("MY_POST", "1"),
    ] {
        assert_eq!(read(&[&image[..], &[(name, value)]].concat()).err(), None, "{name}");
    }
}

// === Who is served what ===

#[test]
fn each_client_has_its_own_grants_and_is_told_its_own_variables() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let vars = [("CONTAINERS", "1"), ("A__INFO", "1"), ("B__IMAGES", "1"), ("LOG_FORMAT", "json")];
    let (program, [a, b]) = two_clients(&daemon, &dir, &vars);
    for (file, request, expected) in [
        (&a, "GET /containers/json", "200"),
        (&b, "GET /containers/json", "200"),
        (&a, "GET /info", "200"),
        (&b, "GET /info", "GET /info is denied: set B__INFO=1 to allow it"),
        (&a, "GET /images/json", "GET /images/json is denied: set A__IMAGES=1 to allow it"),
        (&b, "GET /images/json", "200"),
        (&a, "DELETE /images/x", "set A__IMAGES=1 and A__DELETE=1 to allow it"),
    ] {
        let answer = ask(file, request);
        assert!(answer.contains(expected), "{request}: {answer}");
    }
    let denied = program.wait_for_log("\"path\":\"/info\"");
    assert!(denied.contains("\"name\":\"B\""), "{denied}");
    assert!(denied.contains(&format!("\"listener\":\"unix:{}\"", text(&b))), "{denied}");
}

#[test]
fn a_connection_that_one_client_left_is_never_another_ones() {
    // Daemon connections belong to one client's connection: what A has asked is never answered to B.
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let (_program, [a, b]) = two_clients(&daemon, &dir, &[("A__INFO", "1")]);
    assert!(ask(&a, "GET /info").contains("200"));
    let before = daemon.connections().len();
    assert!(ask(&b, "GET /info").contains("403"));
    assert_eq!(daemon.connections().len(), before, "a denied client reaches no daemon");
}

#[test]
fn one_client_may_have_several_places_and_of_both_kinds() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let (one, two) = (dir.join("one.sock"), dir.join("two.sock"));
    let listen = format!("127.0.0.1:0, unix:{},unix:{}", text(&one), text(&two));
    // One connection at once: none of the listeners may keep the place for itself.
    let program = Program::start(&daemon.socket(), &[("LISTEN", &listen), ("MAX_CONNECTIONS", "1")]);
    for _ in 0..3 {
        assert!(ask(&one, "GET /_ping").contains("200"));
        assert_eq!(program.client().ask(PING).status, 200);
        assert!(ask(&two, "GET /_ping").contains("200"));
    }
    let start = &program.log()[0];
    assert!(
        start.contains(&format!(" and unix:{} and unix:{}, daemon at ", text(&one), text(&two))),
        "{start}"
    );
}

#[test]
fn a_place_that_cannot_be_had_takes_back_the_others() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let (one, socket) = (dir.join("one.sock"), daemon.socket());
    let vars = [
        ("A__LISTEN", format!("unix:{}", text(&one))),
        ("B__LISTEN", format!("unix:{}", text(&dir.join("none/two.sock")))),
        ("SOCKET_PATH", text(&socket).to_owned()),
    ];
    let vars: Vec<_> = vars.iter().map(|(name, value)| (*name, &**value)).collect();
    let output = Program::command(&[], &vars).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("two.sock"));
    assert!(!one.exists());
}

// === HTTP/2 ===

#[test]
fn who_speaks_http_2_is_refused_and_the_connection_ends_at_once_wherever_it_came_in() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let file = dir.join("docker.sock");
    let listen = format!("127.0.0.1:0,unix:{}", text(&file));
    let program = Program::start(&daemon.socket(), &[("LISTEN", &listen)]);
    // RFC 9113 3.4: the preface, and a SETTINGS frame behind it, in one piece or cut anywhere.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    for cut in [preface.len(), 3, 16, 18, 20] {
        let mut tcp = program.client();
        let mut unix = UnixStream::connect(&file).expect("it listens");
        unix.set_read_timeout(Some(Duration::from_secs(4))).expect("a timeout");
        for part in [&preface[..cut], &preface[cut..]] {
            // The proxy may have ended it by then.
            let _ = tcp.try_send(part);
            let _ = unix.write_all(part);
        }
        let mut over_unix = Vec::new();
        // The end comes although this side has not closed, before the proxy gives up waiting for that.
        match unix.read_to_end(&mut over_unix) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "cut at {cut}"),
        }
        for answer in [tcp.read_to_end(), over_unix] {
            let answer = String::from_utf8(answer).expect("text");
            assert!(answer.starts_with("HTTP/1.1 400 "), "cut at {cut}: {answer}");
            assert!(answer.contains("HTTP/2"), "{answer}");
        }
    }
    assert!(daemon.received().is_empty());
}

// === One client against another ===

#[test]
fn no_client_can_take_all_places() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    // 16 places: 4 are A's own, 4 are B's, and 8 are for whoever comes first.
    let (program, [a, b]) = two_clients(&daemon, &dir, &[("MAX_CONNECTIONS", "16")]);
    let connect = |file: &Path| {
        let mut client = UnixStream::connect(file).expect("it listens");
        client.write_all(PING).expect("room");
        client
    };
    let is_served = |client: &mut UnixStream| {
        client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        client.read_exact(&mut [0; 10]).is_ok()
    };
    let mut hostile: Vec<_> = (0..40).map(|_| connect(&a)).collect();
    for client in &mut hostile[..12] {
        assert!(is_served(client));
    }
    program.wait_for_log(
        "all places of A are taken: its own 4 of MAX_CONNECTIONS, and all that are for everybody, and ",
    );
    // All that is B's own is still there.
    let mut clients: Vec<_> = (0..4).map(|_| connect(&b)).collect();
    assert!(clients.iter_mut().all(is_served));
    // What A gives back is for both.
    let mut fifth = connect(&b);
    drop(hostile.drain(..12));
    assert!(is_served(&mut fifth));
    // B has five of these, and one is kept for its next client.
    for client in &mut hostile[..10] {
        assert!(is_served(client));
    }
}

#[test]
fn no_client_is_served_by_another_one_s_threads() {
    let dir = TempDir::new();
    let listens = ["a.sock", "b.sock"].map(|name| format!("unix:{}", text(&dir.join(name))));
    let config = read(&[("A__LISTEN", &listens[0]), ("B__LISTEN", &listens[1])]).expect("a configuration");
    let runtimes = [(); 2].map(|()| {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("a thread")
    });
    let (served, waits) = mpsc::channel();
    let (ended, end) = tokio::sync::oneshot::channel();
    let (waits, ended) = (Mutex::new(waits), Mutex::new(Some(ended)));
    let (waits, ended) = (Arc::new(waits), Arc::new(ended));
    // The thread of A waits for nothing but a client of B.
    let server = |frontend: &Arc<Frontend>| {
        let (is_a, served) = (frontend.name.as_deref() == Some("A"), served.clone());
        let (waits, ended) = (Arc::clone(&waits), Arc::clone(&ended));
        move |_: Client, _: Clock| {
            if is_a {
                let waited = waits.lock().expect("no panic").recv_timeout(PATIENCE);
                let ended = ended.lock().expect("no panic").take().expect("one client");
                ended.send(waited.is_ok()).expect("the test waits");
            } else {
                served.send(()).expect("A waits");
            }
            std::future::ready(())
        }
    };
    let handles = runtimes.each_ref().map(|runtime| runtime.handle().clone());
    let (a, b) = (dir.join("a.sock"), dir.join("b.sock"));
    let was_served = tokio::runtime::Runtime::new().expect("threads").block_on(async {
        let entrances = bind(&config, &handles).expect("free places");
        let clients = std::thread::spawn(move || {
            let a = UnixStream::connect(a).expect("it listens");
            std::thread::sleep(Duration::from_millis(50));
            (a, UnixStream::connect(b).expect("it listens"))
        });
        let mut was_served = false;
        listener::serve_each(
            entrances,
            &config,
            async { was_served = end.await.expect("an answer") },
            server,
        )
        .await
        .expect("a thread");
        drop(clients.join().expect("both have come"));
        was_served
    });
    assert!(was_served, "B has waited for A's thread");
    for runtime in runtimes {
        runtime.shutdown_background();
    }
}

#[test]
fn no_client_waits_for_the_daemon_behind_all_that_another_one_sends() {
    let dir = TempDir::new();
    let path = dir.join("docker.sock");
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
    socket.bind(&SockAddr::unix(&path).expect("a path")).expect("bound");
    socket.listen(0).expect("listening");
    let listener = UnixListener::from(std::os::fd::OwnedFd::from(socket));
    let daemon = FakeDaemon::echoing();
    let (_program, [a, b]) = two_clients(&daemon, &dir, &[("SOCKET_PATH", text(&path))]);
    let send = |file: &Path, request: &[u8]| {
        let mut client = UnixStream::connect(file).expect("it listens");
        client.write_all(request).expect("room");
        client
    };
    let _of_a: Vec<_> = (0..40).map(|_| send(&a, PING)).collect();
    // All of them wait when this one is answered.
    assert!(ask(&a, "GET /denied").contains("403"));
    let _of_b = send(&b, b"GET /version HTTP/1.1\r\nHost: docker\r\n\r\n");
    assert!(ask(&b, "GET /denied").contains("403"));
    // The daemon takes them one by one.
    let mut before = 0;
    loop {
        std::thread::sleep(Duration::from_millis(5));
        let mut accepted = listener.accept().expect("somebody waits").0;
        accepted.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut request = [0; 6];
        match accepted.read(&mut request).expect("a request") {
            6 if &request == b"GET /v" => break,
            // The program itself looks whether the daemon is there.
            0 => {}
            _ => before += 1,
        }
    }
    assert!(before < 40, "B has waited for all of A");
}

#[test]
fn each_client_has_a_thread_at_least_and_those_without_a_name_have_as_many_as_there_are_cpus() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let workers = |program: &Program| {
        let tasks = fs::read_dir(format!("/proc/{}/task", program.child.id())).expect("a process");
        let name = |task: std::io::Result<fs::DirEntry>| {
            fs::read_to_string(task.expect("a thread").path().join("comm"))
        };
        tasks.filter_map(|task| name(task).ok()).filter(|name| name.starts_with("tokio")).count()
    };
    // A thread gives itself its name, and has that of the one that started it until then. One more tells systemd, for a while.
    let has = |program: &Program, count: usize| {
        let deadline = Instant::now() + PATIENCE;
        while !(count..=count + 1).contains(&workers(program)) {
            assert!(Instant::now() < deadline, "{} of {count}", workers(program));
            std::thread::yield_now();
        }
    };
    let cpus = std::thread::available_parallelism().expect("a number").get().min(4);
    has(&Program::start(&daemon.socket(), &[]), cpus);
    let names = ["A", "B", "C", "D", "E", "F"];
    let vars = names.map(|name| (format!("{name}__LISTEN"), format!("unix:{}", text(&dir.join(name)))));
    let socket = daemon.socket();
    let mut vars: Vec<_> = vars.iter().map(|(name, value)| (&**name, &**value)).collect();
    vars.push(("SOCKET_PATH", text(&socket)));
    let six = Program::spawn(Program::command(&[], &vars));
    six.wait_for_log(" for F on ");
    has(&six, 6);
}

#[test]
fn a_flood_of_one_client_s_connections_does_not_keep_another_ones_from_being_accepted() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let (_program, [a, b]) = two_clients(&daemon, &dir, &[]);
    let stop = std::sync::atomic::AtomicBool::new(false);
    // The flood goes on until the other client has been served, or has waited in vain.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    drop(UnixStream::connect(&a));
                }
            });
        }
        let _stopped = SetAtEnd(&stop);
        for _ in 0..10 {
            assert!(ask(&b, "GET /_ping").contains("200"));
        }
    });
}

#[test]
fn a_hostile_client_does_not_slow_another_one_down() {
    // What it does is bounded and loopback only: it connects, sends halves of heads, vanishes, and sends what is refused.
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let (program, [a, b]) = two_clients(&daemon, &dir, &[("MAX_CONNECTIONS", "64")]);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (asked, stormed) = std::thread::scope(|scope| {
        let storm = scope.spawn(|| {
            let mut held = Vec::new();
            let mut count = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let Ok(mut client) = UnixStream::connect(&a) else { continue };
                client.set_nonblocking(true).expect("a flag");
                let _ = client.write(match count % 3 {
                    0 => b"GET /_ping HT",
                    1 => b"GET /info HTTP/1.1\r\nHost: docker\r\n\r\n",
                    _ => PING,
                });
                count += 1;
                held.push(client);
                if held.len() > 200 {
                    held.drain(..100);
                }
            }
            count
        });
        let stopped = SetAtEnd(&stop);
        let mut client = UnixStream::connect(&b).expect("it listens");
        client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let answer = support::daemon::response("200 OK", "GET /_ping").len();
        let mut asked = 0;
        for _ in 0..500 {
            client.write_all(PING).expect("room");
            client.read_exact(&mut vec![0; answer]).expect("an answer");
            asked += 1;
            if asked % 100 == 0 {
                // New connections have places too.
                assert!(ask(&b, "GET /_ping").contains("200"));
            }
        }
        drop(stopped);
        (asked, storm.join().expect("no panic"))
    });
    assert_eq!(asked, 500);
    assert!(stormed > 10, "{stormed}");
    drop(program);
}

// === explain ===

/// Runs `explain` with these variables.
fn explain(vars: &[(&str, &str)], arguments: &[&str]) -> Output {
    let arguments: Vec<_> = ["explain"].iter().chain(arguments).copied().collect();
    Program::command(&arguments, vars).output().expect("the program runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

const TWO: &[(&str, &str)] =
    &[("A__LISTEN", ":1"), ("B__LISTEN", ":2"), ("A__INFO", "1"), ("CONTAINERS", "1")];

#[test]
fn explain_shows_each_client_or_one() {
    let all = stdout(&explain(TWO, &["--allowed"]));
    let (a, b) = all.split_once("\n\nclient B\n").expect("two parts");
    assert!(a.starts_with("client A\ngranted: CONTAINERS EVENTS INFO PING VERSION\n"), "{a}");
    assert!(a.contains("/info") && !b.contains("/info"), "{all}");
    let one = stdout(&explain(TWO, &["--client", "B", "--allowed"]));
    assert_eq!(one, format!("client B\n{b}"));

    let both = explain(TWO, &["GET", "/info"]);
    assert_eq!(
        stdout(&both),
        "client A: allowed: GET /info: INFO=1 allows it\nclient B: denied: GET /info: set B__INFO=1 to allow it\n"
    );
    assert_eq!(both.status.code(), Some(0), "a check that it is closed must not pass");
    assert_eq!(explain(TWO, &["GET", "/swarm"]).status.code(), Some(1));
    let one = explain(TWO, &["--client", "A", "GET", "/info"]);
    assert_eq!(
        (stdout(&one), one.status.code()),
        (String::from("allowed: GET /info: INFO=1 allows it\n"), Some(0))
    );
    assert_eq!(explain(TWO, &["--client", "B", "GET", "/info"]).status.code(), Some(1));
    assert_eq!(explain(TWO, &["GET", "/_ping"]).status.code(), Some(0));
    for bad in
        [&["--client"][..], &["--client", "C"], &["--client", "a", "GET", "/info"], &["--client", "A", "GET"]]
    {
        let output = explain(TWO, bad);
        assert_eq!(output.status.code(), Some(64), "{bad:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty());
    }
}

#[test]
fn explain_diff_goes_client_by_client() {
    let dir = TempDir::new();
    let file = |name: &str, lines: &str| {
        let path = dir.join(name);
        fs::write(&path, lines).expect("a file");
        path
    };
    let old = file("old.env", "A__LISTEN=:1\nB__LISTEN=:2\nINFO=1\n");
    let new = file("new.env", "A__LISTEN=:1\nB__LISTEN=:2\nINFO=1\nA__INFO=0\nB__SWARM=1\n");
    let three = file("three.env", "A__LISTEN=:1\nB__LISTEN=:2\nC__LISTEN=:3\nINFO=1\n");
    let diff = |more: &[&str], old: &Path, new: &Path| {
        let output = explain(&[], &[more, &["--diff", text(old), text(new)]].concat());
        (stdout(&output), output.status.code())
    };
    let (said, status) = diff(&[], &old, &new);
    let (a, b) = said.split_once("client B\n").expect("two parts");
    assert!(a.starts_with("client A\ncloses  GET") && a.contains("/info"), "{said}");
    assert!(b.starts_with("opens   GET") && b.contains("/swarm"), "{said}");
    assert_eq!(status, Some(1));
    assert_eq!(diff(&["--client", "A"], &old, &new).1, Some(0));
    assert_eq!(diff(&["--client", "C"], &old, &new), (String::new(), Some(64)), "neither has it");
    assert_eq!(diff(&["--client", "B"], &old, &new).1, Some(1));
    // A new client opens what it has, and one that goes closes it.
    let (said, status) = diff(&[], &old, &three);
    assert!(said.contains("client C\nopens   GET") && said.contains("/_ping"), "{said}");
    assert_eq!(status, Some(1));
    assert_eq!(diff(&[], &three, &old).1, Some(0));
}

// === LEARN ===

#[test]
fn each_learning_client_is_reported_by_itself_with_its_own_variables() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let (mut program, [a, b]) = two_clients(&daemon, &dir, &[("A__LEARN", "1"), ("INFO", "1")]);
    assert!(ask(&a, "GET /swarm").contains("200"));
    assert!(ask(&b, "GET /swarm").contains("403"), "only A learns");
    program.signal("TERM");
    assert!(program.wait().success());
    let report = program.stdout();
    assert!(report.starts_with("# the variables of a client: A__...\n"), "{report}");
    for expected in [
        "      A__SWARM: 1\n",
        "      A__INFO: 0\n",
        "      A__PING: 0\n",
        "      A__ALLOW_ROUTES: |\n        GET /swarm\n",
    ] {
        assert!(report.contains(expected), "{report} has no {expected}");
    }
    assert!(!report.contains("B__"), "{report}");
    let log = program.log();
    assert!(log.iter().any(|line| line.contains("A: LEARN=1: EVERYTHING IS ALLOWED")), "{log:#?}");
}

#[test]
fn what_is_learned_for_a_client_is_enough_and_no_more_whatever_the_defaults_of_all_are() {
    let requests = ["GET /info", "POST /containers/x/restart", "GET /containers/json"];
    for of_all in [
        &[][..],
        &[("INFO", "1"), ("SWARM", "1")],
        &[("POST", "1"), ("IMAGES", "1"), ("DELETE", "1")],
        &[("ALLOW_RESTARTS", "1"), ("ALLOW_START", "1"), ("CONTAINERS", "1"), ("ALLOW_INSPECT", "0")],
        &[("ALLOW_ROUTES", "GET /swarm"), ("DENY_ROUTES", "GET /info")],
        &[("DIALECT", "linuxserver")],
        &[("DIALECT", "linuxserver"), ("A__DIALECT", "tecnativa")],
        &[("EVENTS", "0"), ("ALLOW_KILL", "0"), ("PING", "0")],
    ] {
        let client = [("A__LISTEN", ":1")];
        let learning = [&client[..], of_all, &[("A__LEARN", "1")]].concat();
        let config = read(&learning).expect("variables that can be used");
        let learner: &Learner = config.frontends[0].learner.as_ref().expect("it learns");
        for request in requests {
            learner.note(format!("{request} HTTP/1.1\r\nHost: docker\r\n\r\n").as_bytes());
        }
        let report = learner.report();
        let (first, second) = report.split_once("    # or, in place").expect("two blocks");
        for block in [first, second] {
            let proposed = variables(block);
            let proposed = proposed.iter().map(|(name, value)| (&**name, &**value));
            // What the client had of its own is replaced.
            let all = client.iter().chain(of_all.iter().filter(|(name, _)| !name.contains("__"))).copied();
            let all: Vec<_> = all.chain(proposed).collect();
            let policy = policy(&all, Some("A"));
            for request in requests {
                assert!(is_open(&policy, request), "{of_all:?}: {request} is closed by\n{block}");
            }
            for other in [
                "GET /swarm",
                "GET /images/json",
                "POST /containers/create",
                "GET /_ping",
                "GET /events",
                "DELETE /images/x",
                "POST /containers/x/start",
                "GET /containers/x/json",
                "POST /containers/x/kill",
            ] {
                assert!(!is_open(&policy, other), "{of_all:?}: {other} is open by\n{block}");
            }
        }
    }
}

/// The variables of a block of a report.
fn variables(block: &str) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = Vec::new();
    for line in block.lines().filter(|line| !line.trim_start().starts_with('#')) {
        match (line.strip_prefix("        "), line.trim().split_once(": ")) {
            (Some(text), _) => {
                let (_, value) = variables.last_mut().expect("a variable");
                *value = format!("{}{text}\n", value.trim_start_matches('|'));
            }
            (None, Some((name, value))) => {
                variables.push((name.to_owned(), value.trim_matches('"').to_owned()))
            }
            (None, None) => {}
        }
    }
    variables
}

// === The health check ===

#[test]
fn the_health_check_asks_every_place_and_names_the_one_that_is_silent() {
    let daemon = FakeDaemon::answering(support::daemon::response("200 OK", "OK"));
    let dir = TempDir::new();
    let (program, [a, b]) = two_clients(&daemon, &dir, &[]);
    let check = |b: &Path| {
        let (a, b, socket) = (format!("unix:{}", text(&a)), format!("unix:{}", text(b)), daemon.socket());
        let vars = [("A__LISTEN", &a[..]), ("B__LISTEN", &b), ("SOCKET_PATH", text(&socket))];
        let output = Program::command(&["healthcheck"], &vars).output().expect("the program runs");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    };
    assert_eq!(check(&b), (Some(0), String::new()));
    let (status, said) = check(&dir.join("c.sock"));
    assert_eq!(status, Some(1));
    assert!(
        said.contains(&format!("B: the proxy does not answer on unix:{}: ", text(&dir.join("c.sock")))),
        "{said}"
    );
    assert!(said.ends_with("only a new start of the proxy makes it again\n"), "{said}");
    // Root may open all files, unless it has no such capability.
    let this = std::fs::metadata("/proc/self").expect("a process");
    if std::os::unix::fs::MetadataExt::uid(&this) == 0 {
        let vars =
            [("A__LISTEN", format!("unix:{}", text(&a))), ("SOCKET_PATH", text(&daemon.socket()).to_owned())];
        std::os::unix::fs::chown(&a, Some(1234), Some(1234)).expect("root may");
        let check = Program::command(&["healthcheck"], &[]);
        let mut confined = std::process::Command::new("setpriv");
        confined.args(["--bounding-set=-all", "--inh-caps=-all"]).arg(check.get_program()).arg("healthcheck");
        let output = confined.envs(vars).output().expect("setpriv");
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(
            said.contains("; LISTEN_MODE and LISTEN_OWNER say who may open it, and this user may not"),
            "{said}"
        );
    }
    // A file that is left behind by a program that has ended.
    drop(program);
    let (status, said) = check(&b);
    assert_eq!(status, Some(1));
    assert!(said.contains(&format!("the proxy does not answer on unix:{}: ", text(&a))), "{said}");
}
