//! What to do where the daemon cannot be reached: a sentence for whoever set SOCKET_PATH.
//!
//! The system's reason alone does not say: it is the same for a directory as for a socket that nobody listens behind, and the
//! same for the file's mode as for SELinux (connect(2), path_resolution(7)).

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// What to do about a connect to this path that failed for this reason; empty where that is not known. Looks at the file.
#[must_use]
pub fn advise(path: &Path, reason: io::ErrorKind) -> String {
    if let Some((scheme, rest)) = split_url(path) {
        let path = format!("/{}", rest.trim_start_matches('/'));
        return match scheme {
            "unix" => format!("SOCKET_PATH takes a path, not a URL: set SOCKET_PATH={path}"),
            _ => String::from(
                "SOCKET_PATH takes the path of a Unix socket, such as /var/run/docker.sock, not a URL",
            ),
        };
    }
    let file = fs::metadata(path).ok();
    let advice = match (&file, reason) {
        (Some(file), _) if file.is_dir() => {
            "this is a directory, and Docker makes an empty one where the file to mount is missing on the host: is the \
             daemon running there, and is the left side of the mount its socket? Remove the empty directory, and start \
             again; or, if the socket is in the directory, add its name to SOCKET_PATH"
        }
        (Some(file), _) if file.is_file() => {
            "this is a plain file and no socket: is SOCKET_PATH right, and the left side of the mount?"
        }
        (Some(file), _) if !file.file_type().is_socket() => {
            "this is a device or a pipe and no socket: is SOCKET_PATH right, and the left side of the mount?"
        }
        (_, io::ErrorKind::ConnectionRefused) => {
            "nothing listens behind this socket file: either the daemon is down, or it made a new file and a bind mount \
             still shows the old one, which mounting the file's directory avoids"
        }
        (_, io::ErrorKind::NotFound) if path.is_relative() => {
            "a relative path is looked for from the folder that the program runs in: write SOCKET_PATH from the root, \
             such as /var/run/docker.sock"
        }
        (_, io::ErrorKind::NotFound) => "is the socket mounted here, and SOCKET_PATH right?",
        (_, io::ErrorKind::PermissionDenied) => {
            return advise_denied(file.as_ref().map(Permissions::of), &Process::of_this());
        }
        _ => "",
    };
    String::from(advice)
}

/// The scheme of what was meant to be a URL, and what follows its colon.
fn split_url(path: &Path) -> Option<(&str, &str)> {
    let (scheme, rest) = path.to_str()?.split_once(':')?;
    // One letter is a drive of Windows.
    (scheme.len() > 1 && scheme.bytes().all(|byte| byte.is_ascii_alphabetic())).then_some((scheme, rest))
}

/// Whom a file lets in.
struct Permissions {
    uid: u32,
    gid: u32,
    mode: u32,
}

impl Permissions {
    fn of(file: &fs::Metadata) -> Self {
        Self { uid: file.uid(), gid: file.gid(), mode: file.mode() & 0o777 }
    }

    /// Whether owner and mode let a process connect, for which it must be able to write (unix(7)). Capabilities aside.
    fn lets_in(&self, process: &Process) -> bool {
        let class = match process.uid == Some(self.uid) {
            true => 0o200,
            false if process.groups.contains(&self.gid) => 0o020,
            false => 0o002,
        };
        self.mode & class != 0
    }
}

/// Whom the kernel takes this process for. Nobody, where /proc is not there.
#[derive(Default)]
struct Process {
    uid: Option<u32>,
    groups: Vec<u32>,
}

impl Process {
    fn of_this() -> Self {
        fs::read_to_string("/proc/self/status").map(|status| Self::parse(&status)).unwrap_or_default()
    }

    /// Reads /proc/PID/status (proc_pid_status(5)): of its user and group, the second number is the effective one.
    fn parse(status: &str) -> Self {
        let numbers = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default()
                .split_whitespace()
                .filter_map(|number| number.parse().ok())
                .collect::<Vec<u32>>()
        };
        let effective = |name: &str| numbers(name).get(1).copied();
        let groups = effective("Gid:").into_iter().chain(numbers("Groups:")).collect();
        Self { uid: effective("Uid:"), groups }
    }
}

/// What to do where the system denies access to a socket, or even a look at it.
fn advise_denied(socket: Option<Permissions>, process: &Process) -> String {
    const LABEL: &str = "in a container, security_opt: [\"label=disable\"] lifts that of SELinux";
    let Some(socket) = socket else {
        return format!(
            "a folder on the way to it is closed to this user, or SELinux or AppArmor denies it; {LABEL}"
        );
    };
    if socket.lets_in(process) {
        return format!(
            "the socket's owner and mode let this user in, so that it is SELinux or AppArmor that denies it; {LABEL}"
        );
    }
    let Permissions { uid, gid, mode } = socket;
    let group = mode & 0o020 != 0;
    let user = if group { format!("65534:{gid}") } else { format!("{uid}:{gid}") };
    match process.uid {
        Some(0) => format!(
            "the socket is of {uid}:{gid} with mode {mode:04o}, past which root gets by the capability DAC_OVERRIDE alone, \
             which cap_drop takes away: say user: \"{user}\"; where root has it, SELinux or AppArmor denies it; {LABEL}"
        ),
        _ if group => format!(
            "this user needs the group of the socket, {gid}: in a container, user: \"{user}\" or group_add: [\"{gid}\"]"
        ),
        _ => format!(
            "the socket is of {uid}:{gid} with mode {mode:04o}, which does not let this user in: in a container, \
             user: \"{user}\""
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCKER: Permissions = Permissions { uid: 0, gid: 998, mode: 0o660 };
    const ROOTLESS: Permissions = Permissions { uid: 1000, gid: 1000, mode: 0o600 };

    fn process(uid: u32, groups: &[u32]) -> Process {
        Process { uid: Some(uid), groups: groups.to_vec() }
    }

    #[test]
    fn who_is_denied_is_told_what_lets_them_in() {
        let label = "it is SELinux or AppArmor that denies it";
        for (socket, process, expected) in [
            // What owner or mode allow, they cannot have denied.
            (Some(DOCKER), process(0, &[0]), label),
            (Some(DOCKER), process(65_534, &[998]), label),
            (Some(DOCKER), process(65_534, &[65_534, 998]), label),
            (Some(ROOTLESS), process(1000, &[1000]), label),
            (Some(Permissions { mode: 0o666, ..ROOTLESS }), process(65_534, &[]), label),
            (
                Some(DOCKER),
                process(65_534, &[65_534]),
                "this user needs the group of the socket, 998: in a container, user: \"65534:998\" or group_add: [\"998\"]",
            ),
            (Some(DOCKER), Process::default(), "this user needs the group of the socket, 998: "),
            // The owner's bits are the owner's alone, and the group's the group's.
            (
                Some(Permissions { mode: 0o066, ..DOCKER }),
                process(0, &[0, 998]),
                "with mode 0066, past which root gets by ",
            ),
            (
                Some(Permissions { mode: 0o606, ..DOCKER }),
                process(1, &[998]),
                "with mode 0606, which does not let this user in",
            ),
            (
                Some(ROOTLESS),
                process(65_534, &[1000]),
                "the socket is of 1000:1000 with mode 0600, which does not let this user in: in a container, user: \"1000:1000\"",
            ),
            (
                Some(ROOTLESS),
                process(0, &[0]),
                "by the capability DAC_OVERRIDE alone, which cap_drop takes away: say user: \"1000:1000\"; where root has it, \
                 SELinux or AppArmor denies it",
            ),
            (
                None,
                process(0, &[0]),
                "a folder on the way to it is closed to this user, or SELinux or AppArmor denies it",
            ),
        ] {
            let advice = advise_denied(socket, &process);
            assert!(advice.contains(expected), "{advice}");
            let may_be_labelled = advice.contains("SELinux");
            assert_eq!(advice.contains("security_opt: [\"label=disable\"]"), may_be_labelled, "{advice}");
        }
    }

    #[test]
    fn a_process_is_read_with_all_its_groups() {
        let status = "Name:\tdocker-socket-p\nUid:\t0\t65534\t1\t65534\nGid:\t0\t998\t1\t998\nGroups:\t27 1000 \nNgid:\t0\n";
        let process = Process::parse(status);
        assert_eq!((process.uid, process.groups), (Some(65_534), vec![998, 27, 1000]));
        let owner = fs::metadata("/proc/self").map(|file| file.uid()).ok();
        assert_eq!(Process::of_this().uid, owner);
    }
}
