//! Files of Unix sockets that are listened on: how they appear, what they replace, who may use them, and how they go.

mod support;

use docker_socket_proxy::config::Config;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use socket2::SockRef;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;
use support::{FakeDaemon, PATIENCE, Program, SetAtEnd, TempDir};

/// The program on a socket file, and on nothing else.
fn listening(daemon: &FakeDaemon, path: &Path, vars: &[(&str, &str)]) -> Program {
    let program = Program::spawn(command(daemon, path, vars));
    program.wait_for_log(" on ");
    program
}

fn command(daemon: &FakeDaemon, path: &Path, vars: &[(&str, &str)]) -> Command {
    let (listen, socket) = (format!("unix:{}", text(path)), daemon.socket());
    let mut all = vec![("LISTEN", &listen[..]), ("SOCKET_PATH", text(&socket))];
    all.extend(vars);
    Program::command(&[], &all)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// The exit status of a program that does not start, and what it says.
fn failure(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().expect("the program runs");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(said.lines().count(), 1, "{said}");
    (output.status.code(), said.trim_end().to_owned())
}

/// The status of an answer to `GET /_ping`.
fn ping(path: &Path) -> std::io::Result<String> {
    let mut client = UnixStream::connect(path)?;
    client.write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")?;
    let mut status = [0; "HTTP/1.1 200".len()];
    client.read_exact(&mut status)?;
    Ok(String::from_utf8_lossy(&status[9..]).into_owned())
}

/// The names of what is in a folder.
fn names(dir: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(dir.join("")).expect("a folder");
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

fn identity(path: &Path) -> (u64, u64) {
    let file = fs::symlink_metadata(path).expect("a file");
    (file.dev(), file.ino())
}

/// Whether this test runs as root, as in CI: who may give files away and become another user.
fn is_root() -> bool {
    fs::metadata("/proc/self").expect("a process").uid() == 0
}

// === How it appears ===

#[test]
fn it_has_its_mode_whatever_the_umask_and_answers() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    for (mode, expected) in
        [(None, 0o660), (Some("0600"), 0o600), (Some("666"), 0o666), (Some("0642"), 0o642)]
    {
        let path = dir.join("docker.sock");
        let vars: Vec<_> = mode.map(|mode| ("LISTEN_MODE", mode)).into_iter().collect();
        let _program = listening(&daemon, &path, &vars);
        let file = fs::symlink_metadata(&path).expect("a file");
        assert!(file.file_type().is_socket());
        assert_eq!(file.mode() & 0o7777, expected, "{mode:?}");
        assert_eq!(ping(&path).expect("an answer"), "200");
    }
}

#[test]
fn whoever_sees_it_can_connect_at_once_and_sees_its_last_mode_and_owner() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let path = dir.join("docker.sock");
    let this = fs::metadata("/proc/self").expect("a process");
    let (uid, gid) = if is_root() { (4711, 4712) } else { (this.uid(), this.gid()) };
    for _ in 0..20 {
        let watched = path.clone();
        let watcher = std::thread::spawn(move || {
            let deadline = Instant::now() + PATIENCE;
            while Instant::now() < deadline {
                if let Ok(file) = fs::symlink_metadata(&watched) {
                    let connected = UnixStream::connect(&watched).map(drop).map_err(|error| error.kind());
                    return Some(((file.uid(), file.gid(), file.mode() & 0o7777), connected));
                }
            }
            None
        });
        let owner = format!("{uid}:{gid}");
        let mut program = listening(&daemon, &path, &[("LISTEN_OWNER", &owner), ("LISTEN_MODE", "0622")]);
        let (seen, connected) = watcher.join().expect("no panic").expect("a file");
        assert_eq!(seen, (uid, gid, 0o622));
        assert_eq!(connected, Ok(()), "nobody finds a file that nobody listens on");
        program.signal("TERM");
        assert!(program.wait().success());
        let left: Vec<_> = fs::read_dir(dir.join("")).expect("a folder").collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn it_is_given_to_its_owner_or_the_start_says_why_not() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let path = dir.join("docker.sock");
    if is_root() {
        for (owner, expected) in [("1234:5678", (1234, 5678)), ("1234", (1234, 0)), (":5678", (0, 5678))] {
            let _program = listening(&daemon, &path, &[("LISTEN_OWNER", owner)]);
            let file = fs::symlink_metadata(&path).expect("a file");
            assert_eq!((file.uid(), file.gid()), expected, "{owner}");
        }
        // Without the right to give files away.
        let mut unprivileged = Command::new("setpriv");
        unprivileged.args(["--bounding-set=-chown", "--inh-caps=-chown"]);
        let (status, said) =
            failure(through(unprivileged, &command(&daemon, &path, &[("LISTEN_OWNER", "1234")])));
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("it cannot be given to LISTEN_OWNER"), "{said}");
        assert!(!names(&dir).iter().any(|name| name.starts_with(".docker.sock.")), "nothing is left");
    }
    for bad in ["root", ":", "-1", "1000:docker", "4294967295", "1:2:3"] {
        let (status, said) = failure(command(&daemon, &path, &[("LISTEN_OWNER", bad)]));
        assert_eq!(status, Some(64), "{bad}: {said}");
        assert!(said.contains("UID:GID, UID or :GID"), "{said}");
    }
}

/// YAML takes 0660 without quotes for a number, and compose passes it on in decimal.
#[test]
fn a_mode_that_no_socket_needs_is_refused_as_is_what_yaml_makes_of_each_that_one_needs() {
    let of_yaml = (0o600..=0o677).map(|mode: u32| mode.to_string());
    let written = ["1777", "0777", "0661", "0466", "0260", "0060", "0", "rw", "0o660", "888", "-1", "+660"];
    for bad in of_yaml.chain(written.map(str::to_owned)) {
        let refused = config(&[("LISTEN_MODE", &bad)]).expect_err(&bad);
        let expected = "it takes permissions in octal with rw for the owner and without x, such as 0660; in YAML in quotes: \"0660\"";
        assert_eq!(refused, format!("LISTEN_MODE=\"{bad}\" cannot be used: {expected}"));
    }
    for (good, mode) in [("0660", 0o660), ("600", 0o600), ("0666", 0o666), ("0604", 0o604), ("00640", 0o640)]
    {
        let config = config(&[("LISTEN_MODE", good)]).expect(good);
        assert_eq!(config.frontends[0].access.mode, mode);
    }
    let mut command =
        Program::command(&[], &[("LISTEN", "unix:/nowhere/docker.sock"), ("LISTEN_MODE", "432")]);
    assert_eq!(command.output().expect("it runs").status.code(), Some(64));
}

fn config(variables: &[(&str, &str)]) -> Result<Config, String> {
    Config::of(&variables.iter().copied().collect()).map_err(|error| error.to_string())
}

#[test]
fn root_with_the_capability_chown_alone_gives_it_away_and_takes_its_place_again() {
    if !is_root() {
        eprintln!("skipped: only root has capabilities to leave away");
        return;
    }
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let path = dir.join("docker.sock");
    let command = |owner: &str| {
        let mut chown_alone = Command::new("setpriv");
        chown_alone.args(["--bounding-set=-all,+chown", "--inh-caps=-all", "--no-new-privs"]);
        through(chown_alone, &command(&daemon, &path, &[("LISTEN_OWNER", owner), ("LISTEN_MODE", "0620")]))
    };
    let start = |owner: &str| {
        let program = Program::spawn(command(owner));
        program.wait_for_log(", granted: ");
        program
    };
    for (owner, expected) in [("4711:4712", (4711, 4712)), ("4711", (4711, 0)), (":4712", (0, 4712))] {
        let mut program = start(owner);
        let file = fs::symlink_metadata(&path).expect("a file");
        assert_eq!(
            (file.uid(), file.gid(), file.mode() & 0o7777),
            (expected.0, expected.1, 0o620),
            "{owner}"
        );
        assert_eq!(ping(&path).expect("an answer"), "200");
        program.signal("TERM");
        assert!(program.wait().success());
        assert_eq!(names(&dir), [""; 0], "{owner}");
    }
    // After a crash: what root or its group may open is replaced, and of the rest it cannot know whether it is stale.
    for owner in [":4712", "4711", "4711:4712"] {
        let mut program = start(owner);
        program.signal("KILL");
        program.wait();
    }
    let (status, said) = failure(command("4711:4712"));
    assert_eq!(status, Some(1), "{said}");
    let why = "is a socket that this user may not open, so that it is not known whether another program listens on it: another user made it, or \
               it was given to one. Remove it, and where LISTEN_OWNER is set, give it only the group, as :GID";
    assert!(said.contains(why), "{said}");
    assert_eq!(names(&dir), ["docker.sock"]);
}

/// A command run by another one.
fn through(mut outer: Command, inner: &Command) -> Command {
    outer.arg(inner.get_program()).args(inner.get_args()).env_clear();
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outer.env("PATH", std::env::var_os("PATH").expect("a PATH"));
    outer
}

// === What it replaces ===

#[test]
fn a_socket_that_nobody_listens_on_is_replaced() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let path = dir.join("docker.sock");
    drop(UnixListener::bind(&path).expect("a file"));
    let stale = identity(&path);
    let mut program = listening(&daemon, &path, &[]);
    assert_ne!(identity(&path), stale);
    assert_eq!(ping(&path).expect("an answer"), "200");
    // What a crash leaves is such a file, and the next start takes its place.
    program.signal("KILL");
    program.wait();
    assert!(path.exists());
    let _program = listening(&daemon, &path, &[]);
    assert_eq!(ping(&path).expect("an answer"), "200");
}

#[test]
fn a_socket_that_somebody_listens_on_stays() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let path = dir.join("docker.sock");
    let live = UnixListener::bind(&path).expect("a file");
    let before = identity(&path);
    let refused = |why: &str| {
        let (status, said) = failure(command(&daemon, &path, &[]));
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains(&format!("cannot listen on unix:{0}: {0} {why}", text(&path))), "{said}");
        assert_eq!(identity(&path), before, "it is the same file");
    };
    refused("is in use: another program listens on it, or may do so, or another LISTEN of this one");
    // Its backlog is full, of what the first try left there.
    SockRef::from(&live).listen(0).expect("a narrow backlog");
    refused("is in use: another program listens on it, or may do so, or another LISTEN of this one");
    drop(live);
    fs::remove_file(&path).expect("a file");

    // Another kind of socket.
    let _datagrams = UnixDatagram::bind(&path).expect("a file");
    let (status, said) = failure(command(&daemon, &path, &[]));
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("another program listens on it, or may do so"), "{said}");
}

#[test]
fn of_two_proxies_that_start_at_once_one_listens() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let path = dir.join("docker.sock");
    for _ in 0..20 {
        // A stale file, which both may replace.
        drop(UnixListener::bind(&path).expect("a file"));
        let mut both = [(); 2].map(|()| Program::spawn(command(&daemon, &path, &[])));
        let deadline = Instant::now() + PATIENCE;
        let loser = loop {
            assert!(Instant::now() < deadline, "both listen, or none ends");
            let ended = |program: &mut Program| program.child.try_wait().expect("a child").is_some();
            if let Some(loser) = both.iter_mut().position(ended) {
                break loser;
            }
        };
        both[1 - loser].wait_for_log(" on ");
        assert_eq!(ping(&path).expect("an answer"), "200");
        assert_eq!(both[loser].wait().code(), Some(1));
        both[1 - loser].signal("TERM");
        assert!(both[1 - loser].wait().success());
        assert!(!path.exists());
    }
}

#[test]
fn a_file_of_any_other_kind_stays_and_no_link_is_followed() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let path = dir.join("docker.sock");
    let target = dir.join("target");
    fs::write(&target, "kept").expect("a file");
    fs::set_permissions(&target, Permissions::from_mode(0o604)).expect("a mode");
    let stale = dir.join("stale.sock");
    drop(UnixListener::bind(&stale).expect("a file"));
    let before = fs::metadata(&target).expect("a file");
    let kinds: [&dyn Fn(); 5] = [
        &|| fs::write(&path, "kept").expect("a file"),
        &|| fs::create_dir(&path).expect("a folder"),
        &|| symlink(&target, &path).expect("a link"),
        &|| symlink(&stale, &path).expect("a link"),
        &|| symlink(dir.join("nowhere"), &path).expect("a link"),
    ];
    for (kind, make) in kinds.iter().enumerate() {
        make();
        let was = identity(&path);
        let (status, said) = failure(command(&daemon, &path, &[("LISTEN_OWNER", "1:1")]));
        assert_eq!(status, Some(1), "kind {kind}: {said}");
        let expected = match kind {
            1 => {
                "is a folder, as there is where a file was mounted that was not there: remove it, and mount the folder around it"
            }
            _ => "is a file, and no socket: move it away, or take another name",
        };
        assert!(said.ends_with(&format!("{} {expected}", text(&path))), "{said}");
        assert_eq!(identity(&path), was);
        let removed = if kind == 1 { fs::remove_dir(&path) } else { fs::remove_file(&path) };
        removed.expect("it was kept");
    }
    let after = fs::metadata(&target).expect("a file");
    assert_eq!((after.uid(), after.mode()), (before.uid(), before.mode()));
    assert_eq!(fs::read_to_string(&target).expect("a file"), "kept");
}

#[test]
fn the_daemon_s_own_file_is_never_taken_be_it_there_or_not() {
    let dir = TempDir::new();
    fs::create_dir(dir.join("run")).expect("a folder");
    symlink(dir.join("run"), dir.join("link")).expect("a link");
    let socket = dir.join("run/docker.sock");
    for listen in [dir.join("run/docker.sock"), dir.join("link/docker.sock")] {
        let start = || {
            let listen = format!("unix:{}", text(&listen));
            failure(Program::command(&[], &[("LISTEN", &listen), ("SOCKET_PATH", text(&socket))]))
        };
        for is_there in [false, true] {
            if is_there {
                // As after a crash of the daemon.
                drop(UnixListener::bind(&socket).expect("a file"));
            }
            let (status, said) = start();
            assert_eq!(status, Some(1), "{said}");
            assert!(said.contains("SOCKET_PATH is the same file"), "{said}");
            assert_eq!(socket.exists(), is_there);
        }
        fs::remove_file(&socket).expect("it was kept");
    }
    // A link that leads nowhere yet, and a path from the folder that it runs in.
    symlink(&socket, dir.join("docker.sock")).expect("a link");
    let listen = format!("unix:{}", text(&socket));
    for daemon in [text(&dir.join("docker.sock")), "run/docker.sock"] {
        let mut program = Program::command(&[], &[("LISTEN", &listen), ("SOCKET_PATH", daemon)]);
        program.current_dir(dir.join(""));
        let (status, said) = failure(program);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("SOCKET_PATH is the same file"), "{said}");
        assert!(!socket.exists());
    }
}

// === How it goes ===

#[test]
fn it_is_removed_at_the_end_if_it_is_still_the_same() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let path = dir.join("docker.sock");
    let mut program = listening(&daemon, &path, &[]);
    program.signal("TERM");
    assert!(program.wait().success());
    assert!(!path.exists());

    for other in ["socket", "file", "nothing"] {
        let mut program = listening(&daemon, &path, &[]);
        fs::remove_file(&path).expect("it is there");
        let _listener = (other == "socket").then(|| UnixListener::bind(&path).expect("a file"));
        if other == "file" {
            fs::write(&path, "kept").expect("a file");
        }
        program.signal("TERM");
        assert!(program.wait().success());
        assert_eq!(path.exists(), other != "nothing", "{other}");
        let _ = fs::remove_file(&path);
    }
}

#[test]
fn it_is_removed_from_its_folder_whatever_has_that_one_s_name_by_then() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let (folder, moved) = (dir.join("run"), dir.join("moved"));
    fs::create_dir(&folder).expect("a folder");
    let mut program = listening(&daemon, &folder.join("docker.sock"), &[]);
    fs::rename(&folder, &moved).expect("another name");
    // The same file by another way, which is not the proxy's to remove.
    fs::create_dir(&folder).expect("a folder");
    fs::hard_link(moved.join("docker.sock"), folder.join("docker.sock")).expect("a link");
    program.signal("TERM");
    assert!(program.wait().success());
    assert!(!moved.join("docker.sock").exists());
    assert!(folder.join("docker.sock").exists());
}

#[test]
fn it_goes_at_the_start_of_the_grace_period_and_requests_in_flight_end() {
    let (answer, answers) = std::sync::mpsc::channel::<()>();
    let answers = std::sync::Mutex::new(answers);
    let daemon = FakeDaemon::serving(move |session| {
        while session.read_request().is_some() {
            let _ = answers.lock().expect("no panic").recv_timeout(PATIENCE);
            session.send(support::daemon::response("200 OK", "late"));
        }
    });
    let dir = TempDir::new();
    let path = dir.join("docker.sock");
    let mut program = listening(&daemon, &path, &[("SHUTDOWN_GRACE", "1m")]);
    let mut client = UnixStream::connect(&path).expect("it listens");
    client.write_all(b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n").expect("room");
    daemon.wait_for(b"/_ping");
    program.signal("TERM");
    program.wait_for_log("no more clients are taken");
    let deadline = Instant::now() + PATIENCE;
    while path.exists() {
        assert!(Instant::now() < deadline, "the file is still there");
    }
    // The next one may take the place at once.
    let _next = listening(&daemon, &path, &[]);
    let file = identity(&path);
    answer.send(()).expect("the daemon waits");
    let mut answered = String::new();
    client.read_to_string(&mut answered).expect("an answer");
    assert!(answered.ends_with("late"), "{answered}");
    assert!(program.wait().success());
    assert_eq!(identity(&path), file, "the next one's file stays");
}

// === Folders ===

#[test]
fn a_folder_that_cannot_be_used_stops_the_start_with_a_sentence() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let (status, said) = failure(command(&daemon, &dir.join("none/docker.sock"), &[]));
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("none is not there: make it, or mount it"), "{said}");

    let (status, said) = failure(command(&daemon, Path::new("/proc/docker.sock"), &[]));
    assert_eq!(status, Some(1), "{said}");

    fs::write(dir.join("file"), "").expect("a file");
    let (status, said) = failure(command(&daemon, &dir.join("file/docker.sock"), &[]));
    assert_eq!(status, Some(1), "{said}");

    if is_root() {
        // A volume that is mounted read-only.
        let read_only = dir.join("read-only");
        fs::create_dir(&read_only).expect("a folder");
        let script = "mount -t tmpfs -o ro none \"$1\" && shift && exec \"$@\"";
        let mut mounting = Command::new("unshare");
        mounting.args(["--mount", "sh", "-c", script, "sh", text(&read_only)]);
        let (status, said) =
            failure(through(mounting, &command(&daemon, &read_only.join("docker.sock"), &[])));
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("/read-only is read-only: mount a volume there"), "{said}");

        // Another user's folder.
        let mut other_user = Command::new("setpriv");
        other_user.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        let (status, said) = failure(through(other_user, &command(&daemon, &dir.join("docker.sock"), &[])));
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains(" cannot be written by this user"), "{said}");
    }
}

#[test]
fn a_lock_of_somebody_else_keeps_no_proxy_from_starting() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let path = dir.join("docker.sock");
    // Whoever can read the folder can lock it. It says nothing to us.
    let folder = fs::File::open(dir.join("")).expect("a folder");
    rustix::fs::flock(&folder, rustix::fs::FlockOperation::LockExclusive).expect("a lock");
    drop(listening(&daemon, &path, &[]));
}

/// Starts the program 40 times, while somebody who can write the folder does `harm` to each folder of that name in which a socket is
/// made, as often as they can. Returns how often that was done.
fn start_against(dir: &TempDir, vars: &[(&str, &str)], harm: impl Fn(&Path) -> bool + Sync) -> usize {
    let daemon = FakeDaemon::echoing();
    let path = dir.join("docker.sock");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let harming = scope.spawn(|| {
            let mut done = 0;
            while !stop.load(Relaxed) {
                let made = names(dir).into_iter().filter(|name| name.starts_with(".docker.sock."));
                done += made.filter(|name| harm(&dir.join(name))).count();
            }
            done
        });
        let stopped = SetAtEnd(&stop);
        for _ in 0..40 {
            let mut program = Program::spawn(command(&daemon, &path, vars));
            let deadline = Instant::now() + PATIENCE;
            while program.log().is_empty() {
                assert!(Instant::now() < deadline, "it neither starts nor ends");
                std::thread::yield_now();
            }
            // It may have ended by itself, but nobody has waited for it yet: its number is still its own.
            program.signal("TERM");
            program.wait();
            let _ = fs::remove_file(&path);
        }
        drop(stopped);
        harming.join().expect("no panic")
    })
}

#[test]
fn who_can_write_the_folder_gets_nothing_else_given_away_published_or_removed() {
    let dir = TempDir::new();
    let (secret, locked) = (dir.join("secret"), dir.join("locked"));
    fs::write(&secret, "kept").expect("a file");
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).expect("a mode");
    fs::create_dir(&locked).expect("a folder");
    fs::set_permissions(&locked, Permissions::from_mode(0o700)).expect("a mode");
    let owner = if is_root() { "4711:4712" } else { "" };
    let swaps = start_against(&dir, &[("LISTEN_OWNER", owner)], |made| {
        let exchange = |victim: &Path| renameat_with(CWD, made, CWD, victim, RenameFlags::EXCHANGE).is_ok();
        // And back, so that the next start finds the same.
        [&secret, &locked].into_iter().any(|victim| exchange(victim) && exchange(victim))
    });
    eprintln!("{swaps} swaps");
    // Whichever of the names they have now, nobody else owns them.
    let this = fs::metadata("/proc/self").expect("a process").uid();
    let mut kept = 0;
    for name in names(&dir) {
        let file = fs::symlink_metadata(dir.join(&name)).expect("a file");
        assert!(file.file_type().is_socket() || (file.uid(), file.mode() & 0o077) == (this, 0), "{name}");
        kept += usize::from(fs::read_to_string(dir.join(&name)).is_ok_and(|text| text == "kept"));
    }
    assert_eq!(kept, 1, "the secret is there");
}

/// Root in a container is the same user. It can enter the folder in which the socket is made.
#[test]
fn who_is_the_same_user_gets_nothing_else_opened_by_a_link_in_its_place() {
    let dir = TempDir::new();
    let (secret, other) = (dir.join("secret"), dir.join("other.sock"));
    fs::write(&secret, "kept").expect("a file");
    let _other = UnixListener::bind(&other).expect("a file");
    let mode = |file: &Path| fs::metadata(file).expect("a file").mode() & 0o777;
    for file in [&secret, &other] {
        fs::set_permissions(file, Permissions::from_mode(0o600)).expect("a mode");
    }
    let swaps = start_against(&dir, &[("LISTEN_MODE", "0666")], |made| {
        [&secret, &other].into_iter().any(|target| {
            let _ = symlink(target, made.join("evil"));
            made.join("s").exists() && fs::rename(made.join("evil"), made.join("s")).is_ok()
        })
    });
    eprintln!("{swaps} swaps");
    assert_eq!((mode(&secret), mode(&other)), (0o600, 0o600));
}

#[test]
fn the_group_is_the_proxy_s_own_whatever_the_folder_hands_on() {
    if !is_root() {
        eprintln!("skipped: only root can give a folder away");
        return;
    }
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    std::os::unix::fs::chown(dir.join(""), None, Some(4712)).expect("root may");
    fs::set_permissions(dir.join(""), Permissions::from_mode(0o2775)).expect("a mode");
    let path = dir.join("docker.sock");
    let _program = listening(&daemon, &path, &[]);
    let this = fs::metadata("/proc/self").expect("a process");
    let file = fs::symlink_metadata(&path).expect("a file");
    assert_eq!((file.uid(), file.gid(), file.mode() & 0o7777), (this.uid(), this.gid(), 0o660));
}

/// Has a folder hand this list on to what is made in it: each entry is a tag, permissions and an id, as the kernel keeps it (acl(5)).
fn hand_on(dir: &TempDir, entries: &[(u16, u16, u32)]) {
    let entry = |&(tag, permissions, id): &(u16, u16, u32)| {
        [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    let list = [2_u32.to_le_bytes().to_vec(), entries.iter().flat_map(entry).collect()].concat();
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(dir.join(""), "system.posix_acl_default", &list, flags)
        .expect("a file system with lists");
}

#[test]
fn an_access_list_of_the_folder_that_keeps_the_owner_out_is_named_and_nothing_is_left() {
    let daemon = FakeDaemon::echoing();
    for of_owner in [6, 5, 0] {
        let dir = TempDir::new();
        hand_on(&dir, &[(1, of_owner, u32::MAX), (4, 5, u32::MAX), (32, 5, u32::MAX)]);
        let (status, said) = failure(command(&daemon, &dir.join("docker.sock"), &[]));
        assert_eq!(status, Some(1), "{said}");
        assert!(said.ends_with("take the folder's default access list away, with setfacl -k"), "{said}");
        assert_eq!(names(&dir), [""; 0]);
    }
}

#[test]
fn an_access_list_of_the_folder_does_not_let_others_in() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    // The second entry is for the user 65534.
    let entries = [(1, 7, u32::MAX), (2, 7, 65_534), (4, 5, u32::MAX), (16, 7, u32::MAX), (32, 5, u32::MAX)];
    hand_on(&dir, &entries);
    let path = dir.join("docker.sock");
    let _program = listening(&daemon, &path, &[]);
    let inherited = rustix::fs::lgetxattr(&path, "system.posix_acl_access", &mut [0; 256][..]);
    assert_eq!(inherited.err(), Some(rustix::io::Errno::NODATA));
    assert_eq!(fs::symlink_metadata(&path).expect("a file").mode() & 0o777, 0o660);
}

#[test]
fn a_pipe_in_place_of_the_folder_is_not_waited_for() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let made = Command::new("mkfifo").arg(dir.join("pipe")).status().expect("mkfifo");
    assert!(made.success());
    let (status, said) = failure(command(&daemon, &dir.join("pipe/docker.sock"), &[]));
    assert_eq!(status, Some(1), "{said}");
}

#[test]
fn a_path_is_absolute_and_no_longer_than_the_kernel_takes() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let longest = dir.join(&"a".repeat(107 - text(&dir.join("")).len()));
    assert_eq!(text(&longest).len(), 107);
    let _program = listening(&daemon, &longest, &[]);
    assert_eq!(ping(&longest).expect("an answer"), "200");
    let longer = format!("unix:{}a", text(&longest));
    for (listen, expected) in [
        (&longer[..], "a path of at most 107 bytes"),
        ("unix:run/docker.sock", "a path from the root"),
        ("unix:", "a path from the root"),
        ("unix:/", "the path of a file"),
        ("unix:/run/..", "a path without .."),
        ("unix:/run/x,unix:/run/../run/x", "a path without .."),
        ("unix:/run/a unix:/run/b", "no space and no line end in a place, and commas between several"),
        (":2375\n:2376", "commas between several"),
        ("systemd:a b", "commas between several"),
        ("\":2375\"", "; take the quotes away that are part of it"),
        ("fd://", "ADDRESS:PORT"),
        (",", "ADDRESS:PORT"),
        ("systemd:", "ADDRESS:PORT"),
    ] {
        let (status, said) = failure(Program::command(&[], &[("LISTEN", listen)]));
        assert_eq!(status, Some(64), "{listen}: {said}");
        assert!(said.contains(expected), "{listen}: {said}");
    }
    // As DOCKER_HOST has it.
    let path = dir.join("docker.sock");
    let listen = format!("unix://{}", text(&path));
    let socket = daemon.socket();
    let program =
        Program::spawn(Program::command(&[], &[("LISTEN", &listen), ("SOCKET_PATH", text(&socket))]));
    program.wait_for_log(&format!(" on unix:{}, ", text(&path)));
    assert_eq!(ping(&path).expect("an answer"), "200");
}

/// Two folders that are one.
#[test]
fn of_two_names_of_one_file_the_second_is_in_use_by_this_program_too() {
    let dir = TempDir::new();
    fs::create_dir(dir.join("run")).expect("a folder");
    symlink(dir.join("run"), dir.join("link")).expect("a link");
    let both =
        ["run", "link"].map(|folder| format!("unix:{}", text(&dir.join(folder).join("x.sock")))).join(",");
    let (status, said) = failure(Program::command(&[], &[("LISTEN", &both)]));
    assert_eq!(status, Some(1), "{said}");
    assert!(said.ends_with("or another LISTEN of this one"), "{said}");
    assert!(!dir.join("run/x.sock").exists());
}

#[test]
fn what_systemd_hands_over_is_named_where_no_listen_has_such_a_name() {
    let dir = TempDir::new();
    let script = "$^F = 9; socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un(shift)) or die; listen(S, 1); \
                  $ENV{LISTEN_PID} = $$; fileno(S) == 3 or die; exec @ARGV";
    let mut systemd = Command::new("perl");
    systemd.args(["-MSocket", "-e", script, text(&dir.join("handed.sock"))]);
    let listen = [("LISTEN", "systemd:web"), ("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "ci")];
    let (status, said) = failure(through(systemd, &Program::command(&[], &listen)));
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("systemd:web: systemd hands over no such socket, but ci: "), "{said}");
}

// === Who may use it ===

#[test]
fn its_mode_and_owner_say_who_may_connect() {
    if !is_root() {
        eprintln!("skipped: only root can be other users");
        return;
    }
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    fs::set_permissions(dir.join(""), Permissions::from_mode(0o755)).expect("a mode");
    let path = dir.join("docker.sock");
    let may_connect = |uid: u32, gid: u32| {
        let script = "socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un($ARGV[0])) or die qq($!\\n)";
        let user = [format!("--reuid={uid}"), format!("--regid={gid}"), String::from("--clear-groups")];
        let connect = ["perl", "-MSocket", "-e", script, text(&path)];
        let output = Command::new("setpriv").args(user).args(connect).output().expect("setpriv");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() || said.contains("Permission denied"), "{said}");
        output.status.success()
    };
    for (mode, owner, group, others) in
        [("0660", true, true, false), ("0600", true, false, false), ("0606", true, false, true)]
    {
        let _program = listening(&daemon, &path, &[("LISTEN_MODE", mode), ("LISTEN_OWNER", "1234:5678")]);
        let allowed = [may_connect(1234, 1), may_connect(1, 5678), may_connect(1, 1)];
        assert_eq!(allowed, [owner, group, others], "{mode}");
    }
}

#[test]
fn the_log_says_which_user_and_which_process_asked() {
    let daemon = FakeDaemon::echoing();
    let dir = TempDir::new();
    let path = dir.join("docker.sock");
    let program = listening(&daemon, &path, &[("LOG_FORMAT", "json"), ("LOG_REQUESTS", "1")]);
    let deny = || {
        let mut client = UnixStream::connect(&path).expect("it listens");
        client.write_all(b"GET /info HTTP/1.1\r\nHost: docker\r\n\r\n").expect("room");
        client.read_to_end(&mut Vec::new()).expect("an end");
    };
    deny();
    let who = format!(
        "\"listener\":\"unix:{}\",\"uid\":{},\"pid\":{}",
        text(&path),
        fs::metadata("/proc/self").expect("a process").uid(),
        std::process::id()
    );
    let denied = program.wait_for_log("\"denied\"");
    assert!(denied.contains(&who), "{denied} has no {who}");
    assert!(!denied.contains("\"client\""), "{denied}");
    ping(&path).expect("an answer");
    let allowed = program.wait_for_log("\"allowed\"");
    assert!(allowed.contains(&who), "{allowed} has no {who}");
    // One that comes again is counted for the user, whichever process it is.
    deny();
    program.signal("TERM");
    let sum = program.wait_for_log("\"repeats\"");
    assert!(sum.contains("\"uid\":") && !sum.contains("\"pid\"") && sum.contains("\"count\":1"), "{sum}");

    // As text.
    drop(program);
    let program = listening(&daemon, &path, &[]);
    deny();
    let line = program.wait_for_log("/info is denied");
    let process = format!(" pid {}: GET /info", std::process::id());
    assert!(line.starts_with("WARN  uid ") && line.contains(&process), "{line}");
}
