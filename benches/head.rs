//! What one request costs before a byte is passed on: finding the end of its head, reading it, judging it; and what a body
//! costs that is scanned. Results are asserted, so that nothing is timed that does not work.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use docker_socket_proxy::guard::{self, Guard, reader};
use docker_socket_proxy::http::body::Body;
use docker_socket_proxy::http::framing::BodyFraming;
use docker_socket_proxy::http::head::{Finder, RequestHead, ResponseHead};
use docker_socket_proxy::policy::{Policy, ROUTES};
use docker_socket_proxy::proxy::admit::{Admission, admit};
use std::hint::black_box;

const REQUESTS: [(&str, &[u8]); 3] = [
    ("docker-cli-ping", include_bytes!("../tests/corpus/request/accept/docker-cli-ping.http")),
    ("docker-py", include_bytes!("../tests/corpus/request/accept/docker-py.http")),
    ("hundred-headers", include_bytes!("../tests/corpus/request/accept/hundred-headers.http")),
];

/// A response and the two bytes of its body.
const RESPONSE: &[u8] = include_bytes!("../tests/corpus/response/accept/dockerd-ping.http");

fn find(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("find the end of a head");
    for (name, head) in REQUESTS {
        group.throughput(Throughput::Bytes(head.len() as u64));
        group.bench_with_input(BenchmarkId::new("whole", name), head, |bencher, head| {
            bencher.iter(|| assert_eq!(Finder::default().find(black_box(head)), Ok(Some(head.len()))));
        });
        group.bench_with_input(BenchmarkId::new("byte by byte", name), head, |bencher, head| {
            bencher.iter(|| {
                let mut finder = Finder::default();
                for length in 1..head.len() {
                    assert_eq!(finder.find(black_box(&head[..length])), Ok(None));
                }
                assert_eq!(finder.find(head), Ok(Some(head.len())));
            });
        });
    }
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read a head");
    for (name, head) in REQUESTS {
        group.throughput(Throughput::Bytes(head.len() as u64));
        group.bench_with_input(BenchmarkId::new("request", name), head, |bencher, head| {
            bencher.iter(|| assert!(RequestHead::parse(black_box(head)).is_ok_and(|head| head.persistent)));
        });
    }
    let head = &RESPONSE[..RESPONSE.len() - b"OK".len()];
    group.throughput(Throughput::Bytes(head.len() as u64));
    group.bench_function(BenchmarkId::new("response", "dockerd-ping"), |bencher| {
        bencher.iter(|| assert!(ResponseHead::parse(black_box(head)).is_ok_and(|head| head.status == 200)));
    });
    group.finish();
}

/// By the length of the target: of its path, without escapes and with one, and of its query. A path with escapes is judged in two readings.
fn judge(criterion: &mut Criterion) {
    let policy = Policy::from_vars(&|name| (name == "CONTAINERS").then(|| "1".to_owned())).ok();
    let mut group = criterion.benchmark_group("read and judge a request");
    for length in [32, 128, 512, 2048, 8192] {
        for (kind, start, end) in [
            ("plain", "/v1.51/containers/a", "/json"),
            ("escaped", "/v1.51/containers/%41", "/json"),
            ("query", "/v1.51/containers/json?a=", ""),
        ] {
            let path = format!("{start}{}{end}", "a".repeat(length - start.len() - end.len()));
            let head = format!(
                "GET {path} HTTP/1.1\r\nHost: docker\r\nUser-Agent: Docker-Client/28.5.1 (linux)\r\n\r\n"
            );
            group.throughput(Throughput::Bytes(head.len() as u64));
            group.bench_with_input(BenchmarkId::new(kind, length), head.as_bytes(), |bencher, head| {
                bencher.iter(|| {
                    let admitted = policy.as_ref().map(|policy| admit(black_box(head), policy).1);
                    assert!(
                        matches!(admitted, Some(Ok(Admission::Admitted(admitted))) if admitted.head_length() == head.len())
                    );
                });
            });
        }
    }
    group.finish();
}

/// With lists of 50 lines, of which the last that could be the request's is it, or none is: at most 2 us are to be lost.
fn judge_by_lists(criterion: &mut Criterion) {
    let routes = ROUTES.iter().filter(|route| !route.path.starts_with("/libpod/"));
    let lines = routes.flat_map(|route| {
        route.methods.iter().map(|method| format!("{} {}", method.as_str(), route.path)).collect::<Vec<_>>()
    });
    let lines: Vec<_> = lines.collect();
    // Behind those that the requests below are not.
    let others = lines.iter().filter(|line| !line.contains("/containers/{name}/json")).take(49);
    let others = others.fold(String::new(), |all, line| all + line + "\n");
    let list = |last: &str| format!("{others}{last}");
    let plain = list("GET /containers/{name}/json");
    let named = list("GET /containers/web-*/json").replace("{name}", "web-*");
    let mut group = criterion.benchmark_group("read and judge a request, by lists of 50 lines");
    for (kind, allow, deny, containers, path) in [
        ("no list", "", "", "1", "/v1.51/containers/web-1/json"),
        ("ALLOW_ROUTES", &*plain, "", "0", "/v1.51/containers/web-1/json"),
        ("ALLOW_ROUTES with names", &*named, "", "0", "/v1.51/containers/web-1/json"),
        ("DENY_ROUTES", "", &*list("DELETE /containers/{name}"), "1", "/v1.51/containers/web-1/json"),
        ("no list, escaped", "", "", "1", "/v1.51/containers/%77eb-1/json"),
        ("ALLOW_ROUTES, escaped", &*plain, "", "0", "/v1.51/containers/%77eb-1/json"),
    ] {
        let policy = Policy::from_vars(&|name| {
            let value = match name {
                "ALLOW_ROUTES" => allow,
                "DENY_ROUTES" => deny,
                "CONTAINERS" => containers,
                _ => return None,
            };
            Some(value.to_owned())
        });
        let policy = policy.expect("usable lists");
        let head = format!("GET {path} HTTP/1.1\r\nHost: docker\r\n\r\n");
        group.bench_function(kind, |bencher| {
            bencher.iter(|| assert!(admit(black_box(head.as_bytes()), &policy).1.is_ok()));
        });
    }
    group.finish();
}

/// By the size of the chunks, in reads as large as the proxy's; and with sizes that differ from one chunk to the next.
fn scan(criterion: &mut Criterion) {
    const DATA_BYTES: usize = 1024 * 1024;
    const READ_BYTES: usize = 64 * 1024;
    let mut group = criterion.benchmark_group("scan chunks");
    group.throughput(Throughput::Bytes(DATA_BYTES as u64));
    let same = [1, 64, 512, 4096, 32 * 1024, 1024 * 1024].map(|size| (size.to_string(), vec![size]));
    // 64 on average.
    let others = (String::from("33 to 95"), (33..96).map(|place| 33 + place * 29 % 63).collect());
    for (name, sizes) in same.into_iter().chain([others]) {
        let mut body = Vec::new();
        let mut left = DATA_BYTES;
        for size in sizes.into_iter().cycle() {
            let size = left.min(size);
            body.extend_from_slice(format!("{size:x}\r\n").as_bytes());
            body.extend_from_slice(&[vec![b'x'; size], b"\r\n".to_vec()].concat());
            left -= size;
            if size == 0 {
                break;
            }
        }
        group.bench_with_input(BenchmarkId::from_parameter(name), &body[..], |bencher, bytes| {
            bencher.iter(|| {
                let mut body = Body::from(BodyFraming::Chunked);
                for read in black_box(bytes).chunks(READ_BYTES) {
                    assert_eq!(body.advance(read), Ok(read.len()));
                }
                assert!(body.is_done());
            });
        });
    }
    group.finish();
}

/// The body of a create of 2 KiB, as the CLI 29 sends it with a long variable: read by the guard's own reader and by serde_json, and judged.
fn judge_a_body(criterion: &mut Criterion) {
    let cases = include_str!("../tests/guard/cases.txt");
    let case = cases.split("\n== ").find(|case| case.starts_with("b-cli29-run\n")).unwrap_or_default();
    let body = case.lines().find_map(|line| line.strip_prefix("body ")).unwrap_or_default();
    let value = "a".repeat(2048 - body.len() - "[\"A=\"]".len() + "null".len());
    let body = body.replacen("\"Env\":null", &format!("\"Env\":[\"A={value}\"]"), 1);
    let body = body.as_bytes();
    assert_eq!(body.len(), 2048);
    let mut group = criterion.benchmark_group("GUARD");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("read a body", |bencher| {
        bencher.iter(|| assert!(reader::read(black_box(body)).is_ok()));
    });
    group.bench_function("read a body with serde_json", |bencher| {
        bencher.iter(|| assert!(serde_json::from_slice::<serde_json::Value>(black_box(body)).is_ok()));
    });
    let vars = |name: &str| (name == "GUARD").then(|| "baseline".to_owned());
    if let Ok(Some(guard)) = Guard::from_vars(&vars) {
        group.bench_function("a create of 2 KiB judged by GUARD", |bencher| {
            bencher.iter(|| assert!(guard.judge(guard::Body::Create, black_box(body)).is_ok()));
        });
    }
    group.finish();
}

criterion_group!(benches, find, read, judge, judge_by_lists, judge_a_body, scan);
criterion_main!(benches);
