//! The program's command: that of this build, or of PROXY_PROGRAM.

use std::process::Command;

/// PROXY_PROGRAM: the command of another program, in words with spaces between, such as
/// `qemu-arm-static /tmp/docker-socket-proxy`. No proxy is in this process then.
pub fn other() -> Option<Vec<String>> {
    let command = std::env::var("PROXY_PROGRAM").ok()?;
    let words: Vec<_> = command.split_whitespace().map(str::to_owned).collect();
    (!words.is_empty()).then_some(words)
}

/// Its words.
pub fn words() -> Vec<String> {
    other().unwrap_or_else(|| vec![env!("CARGO_BIN_EXE_docker-socket-proxy").to_owned()])
}

/// The command.
pub fn command() -> Command {
    let words = words();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}
