//! A process that is measured, and those that it forks.

use std::fs;
use std::io;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What times in `/proc/PID/stat` are counted in: Linux's USER_HZ, the same on all that this runs on.
const TICK: Duration = Duration::from_millis(10);

/// Where `/proc/PID/stat` has the parent, and the user and system time of children that have ended, counted behind the name.
const PARENT: usize = 1;
const ENDED_USER: usize = 13;
const ENDED_SYSTEM: usize = 14;

/// A process that ends with this value, and with it what it has forked.
pub struct Process(Child);

impl Process {
    /// Starts it silent. It may read its standard input to learn of our end.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(Self)
    }

    /// Whether it is gone.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        self.0.try_wait().map(|status| status.is_some())
    }

    /// CPU time so far, user and kernel: of all its threads, of what it has forked, and of those that have ended among these.
    pub fn cpu(&self) -> io::Result<Duration> {
        let pid = self.0.id();
        let forked: Duration = forked(pid).into_iter().filter_map(|forked| cpu_of_threads(forked).ok()).sum();
        Ok(cpu_of_threads(pid)? + forked + cpu_of_ended(pid)?)
    }

    /// Resident memory, in bytes; of what it has forked only that which is not shared.
    pub fn memory(&self) -> io::Result<u64> {
        let own = memory_of(self.0.id(), &["Rss:"])?;
        // One that has just ended holds nothing.
        let forked = forked(self.0.id())
            .into_iter()
            .map(|pid| memory_of(pid, &["Private_Clean:", "Private_Dirty:"]).unwrap_or(0));
        Ok(own + forked.sum::<u64>())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let forked = forked(self.0.id());
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
        for pid in forked.into_iter().filter_map(|pid| rustix::process::Pid::from_raw(pid as i32)) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// What a process has forked and is alive. None of the programs here forks twice.
fn forked(pid: u32) -> Vec<u32> {
    // Not every kernel has a list of children.
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|child| stat(*child, PARENT).is_ok_and(|parent| parent == u64::from(pid))).collect()
}

/// A number of `/proc/PID/stat`, counted behind the program's name.
fn stat(pid: u32, place: usize) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    number(stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(place)))
}

fn cpu_of_threads(pid: u32) -> io::Result<Duration> {
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // The first number is the time spent on a CPU.
        let stat = fs::read_to_string(task?.path().join("schedstat"))?;
        nanoseconds += number(stat.split(' ').next())?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// CPU time of children that have ended and were waited for.
fn cpu_of_ended(pid: u32) -> io::Result<Duration> {
    let ticks = stat(pid, ENDED_USER)? + stat(pid, ENDED_SYSTEM)?;
    Ok(TICK * ticks as u32)
}

fn memory_of(pid: u32, names: &[&str]) -> io::Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let mut kib = 0;
    for name in names {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name));
        kib += number(line.and_then(|line| line.split_whitespace().next()))?;
    }
    Ok(kib * 1024)
}

fn number(word: Option<&str>) -> io::Result<u64> {
    word.and_then(|word| word.parse().ok()).ok_or_else(|| io::Error::other("/proc shows no number"))
}
