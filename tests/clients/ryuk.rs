//! Stands in for Testcontainers' Ryuk, whose image is in no package: it takes filters on port 8080 until its client goes away, and
//! removes what they match, by the socket that was mounted into it. `prune` is the way of 0.8.1; newer ones list and delete. What
//! is refused is said, and the rest goes on.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;

/// The answer to a request. HTTP/1.0 has no chunks.
fn ask(request: &str) -> Result<String> {
    let mut daemon = UnixStream::connect("/var/run/docker.sock")?;
    write!(daemon, "{request} HTTP/1.0\r\nHost: docker\r\nContent-Length: 0\r\n\r\n")?;
    let mut answer = String::new();
    daemon.read_to_string(&mut answer)?;
    if !answer.starts_with("HTTP/1.0 2") {
        println!("{request}: {answer}");
    }
    Ok(answer)
}

/// The values of this key in what a list says.
fn values(list: &str, key: &str) -> Vec<String> {
    list.split(&format!("\"{key}\":\""))
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

fn main() -> Result<()> {
    let prunes = std::env::args().any(|argument| argument == "prune");
    ask("GET /_ping")?;
    let listener = TcpListener::bind("[::]:8080")?;
    println!("ryuk Started!");
    let (client, _) = listener.accept()?;
    // A client that is killed may reset the connection.
    let lines = BufReader::new(client).lines().map_while(Result::ok);
    let labels: Vec<_> = lines.filter_map(|line| line.strip_prefix("label=").map(str::to_owned)).collect();
    let own = std::fs::read_to_string("/etc/hostname")?;
    for label in labels {
        let filters = format!("filters=%7B%22label%22%3A%5B%22{label}%22%5D%7D");
        for id in values(&ask(&format!("GET /containers/json?all=1&{filters}"))?, "Id") {
            if !id.starts_with(own.trim()) {
                ask(&format!("DELETE /containers/{id}?force=1&v=1"))?;
            }
        }
        if prunes {
            ask(&format!("POST /networks/prune?{filters}"))?;
            ask(&format!("POST /volumes/prune?{filters}"))?;
            continue;
        }
        for id in values(&ask(&format!("GET /networks?{filters}"))?, "Id") {
            ask(&format!("DELETE /networks/{id}"))?;
        }
        for name in values(&ask(&format!("GET /volumes?{filters}"))?, "Name") {
            ask(&format!("DELETE /volumes/{name}?force=1"))?;
        }
        for id in values(&ask(&format!("GET /images/json?{filters}"))?, "Id") {
            ask(&format!("DELETE /images/{id}"))?;
        }
    }
    Ok(())
}
