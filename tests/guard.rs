//! GUARD without a connection: which requests it closes and judges, which spellings pass, what its lists take, and its words.

use docker_socket_proxy::config::{Config, Frontend};
use docker_socket_proxy::guard::{Body, Fault, Guard, Need, Why};
use docker_socket_proxy::policy::{Need as Needed, Policy, VARIABLES, explain};
use docker_socket_proxy::proxy::admit::{Admission, Refusal, admit};
use docker_socket_proxy::vars::Environment;

/// An environment of `NAME=value` with blanks between.
fn config(environment: &str) -> Result<Config, String> {
    let pairs = environment.split_whitespace().map(|pair| pair.split_once('=').expect("NAME=value"));
    Config::of(&pairs.collect::<Environment>()).map_err(|error| error.to_string())
}

fn policy(environment: &str) -> Policy {
    let Frontend { policy, .. } = &*config(environment).expect("variables that can be used").frontends[0];
    policy.clone()
}

/// Every section and POST.
fn everything(more: &str) -> Policy {
    let grants = VARIABLES.iter().map(|variable| variable.name).filter(|name| !name.starts_with("ALLOW_"));
    policy(&(grants.map(|name| format!("{name}=1 ")).collect::<String>() + more))
}

/// With every name listed, so that the fields alone are judged.
fn guard(lists: &str) -> Guard {
    policy(&format!("GUARD=baseline {ALL_NAMES} {lists}")).guard().expect("it is on").clone()
}

/// What is said of a request without a body: nothing where it is let through.
fn said(policy: &Policy, request: &str) -> Option<String> {
    let head = format!("{request} HTTP/1.1\r\nHost: docker\r\n\r\n");
    admit(head.as_bytes(), policy).1.err().map(|refusal| refusal.to_string())
}

/// What is refused of a body, in words.
fn refused(guard: &Guard, body: Body, text: &str) -> Vec<String> {
    match guard.judge(body, text.as_bytes()) {
        Ok(()) => Vec::new(),
        Err(Fault::Refused(refused)) => refused.iter().map(ToString::to_string).collect(),
        Err(Fault::Unreadable(error)) => vec![format!("unreadable: {error}")],
    }
}

// === Which requests ===

/// What each request that does more than read takes of GUARD: the thing that must be the client's own or listed, what is judged besides, or
/// the list that must have all. What is not here is closed.
const RULES: &[(&str, &str)] = &[
    ("DELETE /containers/{name}", "the container"),
    ("DELETE /images/{name}", "the image"),
    ("DELETE /libpod/artifacts/remove", "ALLOW_TAGS=*"),
    ("DELETE /libpod/artifacts/{name}", "ALLOW_TAGS=*"),
    ("DELETE /libpod/containers/{name}", "the container"),
    ("DELETE /libpod/images/{name}", "the image"),
    ("DELETE /libpod/networks/{name}", "the network"),
    ("DELETE /libpod/pods/{name}", "the pod"),
    ("DELETE /libpod/volumes/{name}", "the volume"),
    ("DELETE /networks/{id}", "the network"),
    ("DELETE /volumes/{name}", "the volume"),
    ("GET /containers/{name}/attach/ws", "the container"),
    ("POST /auth", "open"),
    ("POST /build", "open"),
    ("POST /build/cancel", "open"),
    ("POST /build/prune", "ALLOW_TAGS=*"),
    ("POST /commit", "held"),
    ("POST /containers/create", "held"),
    ("POST /containers/prune", "ALLOW_CONTAINERS=*"),
    ("POST /containers/{name}/attach", "the container"),
    ("POST /containers/{name}/exec", "the container, held"),
    ("POST /containers/{name}/kill", "the container"),
    ("POST /containers/{name}/pause", "the container"),
    ("POST /containers/{name}/rename", "the container"),
    ("POST /containers/{name}/resize", "the container"),
    ("POST /containers/{name}/restart", "the container"),
    ("POST /containers/{name}/start", "the container"),
    ("POST /containers/{name}/stop", "the container"),
    ("POST /containers/{name}/unpause", "the container"),
    ("POST /containers/{name}/update", "the container, held"),
    ("POST /containers/{name}/wait", "the container"),
    ("POST /exec/{id}/resize", "the exec"),
    ("POST /exec/{id}/start", "the exec"),
    ("POST /images/create", "a query of its own"),
    ("POST /images/prune", "ALLOW_TAGS=*"),
    ("POST /images/{name}/push", "open"),
    ("POST /images/{name}/tag", "open"),
    ("POST /libpod/containers/{name}/attach", "the container"),
    ("POST /libpod/containers/{name}/kill", "the container"),
    ("POST /libpod/containers/{name}/pause", "the container"),
    ("POST /libpod/containers/{name}/resize", "the container"),
    ("POST /libpod/containers/{name}/restart", "the container"),
    ("POST /libpod/containers/{name}/start", "the container"),
    ("POST /libpod/containers/{name}/stop", "the container"),
    ("POST /libpod/containers/{name}/unpause", "the container"),
    ("POST /libpod/containers/{name}/wait", "the container"),
    ("POST /libpod/pods/{name}/kill", "the pod"),
    ("POST /libpod/pods/{name}/pause", "the pod"),
    ("POST /libpod/pods/{name}/restart", "the pod"),
    ("POST /libpod/pods/{name}/start", "the pod"),
    ("POST /libpod/pods/{name}/stop", "the pod"),
    ("POST /libpod/pods/{name}/unpause", "the pod"),
    ("POST /networks/create", "held"),
    ("POST /networks/prune", "ALLOW_NETWORKS=*"),
    ("POST /networks/{id}/connect", "the network, held"),
    ("POST /networks/{id}/disconnect", "held"),
    ("POST /volumes/create", "held"),
    ("POST /volumes/prune", "ALLOW_VOLUMES=*"),
    ("PUT /containers/{name}/archive", "the container"),
    ("PUT /libpod/containers/{name}/archive", "closed"),
];

/// Every list has every name.
const ALL_NAMES: &str = "ALLOW_CONTAINERS=* ALLOW_NETWORKS=* ALLOW_VOLUMES=* ALLOW_TAGS=*";

/// What GUARD makes of a row with this name, in the words of [`RULES`]; `None` where it is closed.
fn rule_of(method: &str, path: &str, name: &str) -> Option<String> {
    let path = path.split('/').map(|word| if word.starts_with('{') { name } else { word });
    let request = format!("{method} {}", path.collect::<Vec<_>>().join("/"));
    let head = format!("{request} HTTP/1.1\r\nHost: docker\r\n\r\n");
    let listed = everything(&format!("GUARD=baseline {ALL_NAMES}"));
    let held = match admit(head.as_bytes(), &listed).1 {
        Ok(Admission::Pending(_)) => "held",
        Ok(Admission::Admitted(_)) => "open",
        Err(_) if request.ends_with("/start") || request.ends_with("/resize") => "open",
        Err(refusal) if refusal.to_string().contains("fromImage") => {
            return Some("a query of its own".into());
        }
        Err(_) => return None,
    };
    let Some(said) = said(&everything("GUARD=baseline"), &request) else { return Some(held.to_owned()) };
    let list = said.split_once("; set ").and_then(|(_, set)| set.strip_suffix(" to allow it"));
    let thing = said.strip_prefix("GUARD refuses ").and_then(|said| said.split(':').next());
    Some(match (list, thing, held) {
        (Some(list), ..) => list.to_owned(),
        (_, Some(thing), "held") => format!("{thing}, held"),
        (_, Some(thing), _) => thing.to_owned(),
        _ => return None,
    })
}

#[test]
fn every_route_has_its_rule_and_what_has_none_is_closed() {
    let mut closed = Vec::new();
    for (route, method, _) in Needed::of_routes() {
        let row = format!("{} {}", method.as_str(), route.path);
        let reads = matches!(method.as_str(), "GET" | "HEAD");
        let rule = rule_of(method.as_str(), route.path, "a.b").unwrap_or_else(|| String::from("closed"));
        let expected = RULES.iter().find(|(of, _)| *of == row).map(|(_, rule)| *rule);
        match expected {
            Some(expected) => assert_eq!(rule, expected, "{row}"),
            // What is read is open, but for GETs that act.
            None if reads && rule == "closed" => closed.push(row),
            None if reads => assert_eq!(rule, "open", "{row}"),
            None => assert_eq!(rule, "closed", "{row}"),
        }
    }
    closed.retain(|row| !row.contains("/debug") && !row.contains("swagger"));
    let acting = ["GET /containers/{name}/checkpoints", "GET /libpod/containers/{name}/healthcheck"];
    assert_eq!(closed.iter().filter(|row| row.starts_with("GET")).collect::<Vec<_>>(), acting);
    for (row, _) in RULES {
        let mut rows =
            Needed::of_routes().map(|(route, method, _)| format!("{} {}", method.as_str(), route.path));
        assert!(rows.any(|of| of == *row), "{row}");
    }
}

/// A name with a slash is that of a link, or of nothing: it is nobody's own. Images have such names.
#[test]
fn a_name_with_a_slash_is_never_the_clients_own() {
    for (row, rule) in RULES.iter().filter(|(row, _)| row.contains('{')) {
        let (method, path) = row.split_once(' ').expect("a method and a path");
        let of_slash = rule_of(method, path, "a/b").unwrap_or_else(|| String::from("closed"));
        let of_escape = rule_of(method, path, "a%2Fb").unwrap_or_else(|| String::from("closed"));
        for of in [of_slash, of_escape] {
            assert!(of == *rule || of == "closed" || rule.contains(&of), "{row}: {of}");
            assert!(of != "open" || *rule == "open", "{row}");
        }
    }
}

#[test]
fn what_is_no_known_route_is_closed_and_reading_is_not() {
    let policy = everything("GUARD=baseline");
    for (request, says) in [
        ("POST /containers/a/new", "GUARD closes what is no known route"),
        ("POST /containers/create/", "GUARD closes what is no known route"),
        ("PATCH /containers/a", "GUARD closes what is no known route"),
        ("OPTIONS /containers/create", "GUARD closes what is no known route"),
        ("PUT /containers/create", "GUARD closes what is no known route"),
        ("DELETE /containers/create/a", "GUARD refuses the container"),
        ("GET /containers/a/new", ""),
        ("POST /libpod/containers/a/new", "GUARD covers Docker's API; below /libpod/"),
        ("POST /v5.0.0/libpod/containers/create", "GUARD covers Docker's API; below /libpod/"),
        ("POST /images/load", "GUARD closes it, as nobody can judge what it does to the host"),
        ("POST /images/a/tag?repo=b", "query.repo: it can be what others use; add its name to ALLOW_TAGS"),
        ("PUT /volumes/a", "GUARD closes it"),
        ("POST /swarm/init", "GUARD closes it"),
        ("POST /plugins/pull", "GUARD closes it"),
        ("POST /services/create", "GUARD closes it"),
        ("GET /services", ""),
        (
            "POST /exec/a.b/start",
            "GUARD refuses the exec: it was not made through this proxy since it started",
        ),
        (
            "DELETE /images/sha256:0123",
            "the image: by an ID it is taken from all who use it; set ALLOW_TAGS=* to allow it",
        ),
        ("DELETE /images/cafe", "the image: by an ID it is taken from all who use it"),
        ("POST /grpc", "set ALLOW_HOST_NETWORK=1 to allow it"),
        ("POST /session", "set ALLOW_HOST_NETWORK=1 to allow it"),
        (
            "PUT /containers/a.b/archive?path=/",
            "GUARD refuses the container: it was not made through this proxy since it started; add its name to ALLOW_CONTAINERS",
        ),
        (
            "POST /containers/a/kill",
            "the container: a name of hexadecimal digits and _ alone is taken for an ID",
        ),
        ("GET /containers/a/archive?path=/", ""),
        ("POST /networks/host/connect", "GUARD refuses the network: set ALLOW_HOST_NETWORK=1"),
        ("POST /networks/%68ost/connect", "GUARD refuses the network: set ALLOW_HOST_NETWORK=1"),
    ] {
        match said(&policy, request) {
            Some(said) => assert!(!says.is_empty() && said.contains(says), "{request}: {said}"),
            None => assert_eq!(says, "", "{request}"),
        }
    }
    let open = everything("GUARD=baseline ALLOW_HOST_NETWORK=1");
    for request in ["POST /grpc", "POST /session", "POST /networks/host/connect"] {
        assert_eq!(said(&open, request), None, "{request}");
    }
}

#[test]
fn builds_and_pulls_go_by_their_query() {
    let policy = everything(&format!("GUARD=baseline {ALL_NAMES}"));
    for (request, says) in [
        ("/build?t=a&q=False&rm=True&networkmode=default&cachefrom=%5B%22a%3A1%22%5D&version=1", ""),
        (
            "/build?cgroupparent=&cpuperiod=0&securityopt=null&networkmode=none&shmsize=0&outputs=%5B%5D&cachefrom=null",
            "",
        ),
        ("/build?networkmode=host", "query.networkmode: set ALLOW_HOST_NETWORK=1"),
        ("/build?networkmode=none&networkmode=h%6fst", "query.networkmode"),
        ("/build?networkmode=container:a", ""),
        ("/build?networkmode=pasta", "query.networkmode: set ALLOW_HOST_NETWORK=1"),
        ("/build?version=2", "query.version: set ALLOW_HOST_NETWORK=1"),
        ("/build?remote=https://a/b", "query.remote: nothing opens it"),
        ("/build?volume=/:/a", "query.volume: nothing opens it"),
        ("/build?NetworkMode=host", "query.NetworkMode: nothing opens it"),
        ("/build?cgroupparent=/", "query.cgroupparent"),
        ("/build?cachefrom=%5B%22oci%3Aa%22%5D", "query.cachefrom"),
        ("/build?t=a;networkmode=host", "query: it takes plain parameters"),
        ("/build?t=%zz", "query: it takes plain parameters"),
        ("/build?t=docker-archive:/etc/a", "query.t: it takes the name of an image"),
        ("/build?t=a/b:1&t=oci:c", "query.t"),
        ("/build?dockerfile=./a/Dockerfile", ""),
        ("/build?dockerfile=../../etc/a", "query.dockerfile"),
        ("/build?dockerfile=/etc/a", "query.dockerfile"),
        ("/build?dockerfile=https://a/b", "query.dockerfile"),
        ("/images/a/push?tag=1", ""),
        ("/images/localhost:5000/a/b/push", ""),
        ("/images/a/push?destination=dir:/etc/a", "query.destination"),
        ("/images/dir:%2Fetc/push", "the image: it takes the name of an image"),
        ("/commit?container=a&repo=oci&tag=1", "query.repo"),
        ("/images/create?fromImage=a&tag=1&platform=", ""),
        ("/images/create?fromImage=localhost:5000/a/b@sha256:00", ""),
        ("/images/create?fromSrc=-&repo=a", "query.fromSrc: nothing opens it"),
        ("/images/create?fromImage=a&fromSrc=http://b", "query.fromSrc"),
        ("/images/create", "query: it takes one fromImage"),
        // An import to Docker: of http://[], which is the host itself.
        ("/images/create?fromImage=&fromImage=a&fromSrc=%5B%5D", "query.fromSrc"),
        ("/images/create?fromImage=&fromImage=a", "query: it takes one fromImage"),
        ("/images/create?fromImage=a&fromImage=b", "query: it takes one fromImage"),
        ("/images/create?fromImage=a&fromSrc=0", "query.fromSrc"),
        ("/images/create?fromImage=a&repo=null", "query.repo"),
        ("/build?cgroupparent=0", "query.cgroupparent"),
        ("/build?identitylabel=false", "query.identitylabel"),
        ("/images/create?fromImage=docker-archive:/etc/a", "query.fromImage"),
    ] {
        match said(&policy, &format!("POST {request}")) {
            Some(said) => assert!(!says.is_empty() && said.contains(says), "{request}: {said}"),
            None => assert_eq!(says, "", "{request}"),
        }
    }
    let open = everything(&format!("GUARD=baseline ALLOW_HOST_NETWORK=1 {ALL_NAMES}"));
    for query in ["networkmode=host", "version=2&session=a&remote=client-session"] {
        assert_eq!(said(&open, &format!("POST /build?{query}")), None, "{query}");
    }
}

#[test]
fn without_guard_no_body_is_held_and_nothing_is_closed_by_it() {
    let policy = everything("");
    assert!(policy.guard().is_none());
    for (route, method, _) in Needed::of_routes() {
        let path = route.path.replace(['{', '}'], "");
        let head = format!("{} {path} HTTP/1.1\r\nHost: docker\r\n\r\n", method.as_str());
        match admit(head.as_bytes(), &policy).1 {
            Ok(Admission::Admitted(_)) => {}
            Ok(Admission::Pending(_)) => panic!("{head} is held"),
            Err(Refusal::Denied(denial)) => {
                assert!(!denial.to_string().contains("GUARD"), "{head}: {denial}")
            }
            Err(refusal) => panic!("{head}: {refusal}"),
        }
    }
}

/// The same head may come again with another body.
#[test]
fn a_verdict_on_a_body_is_for_that_body_alone() {
    let policy = everything(&format!("GUARD=baseline {ALL_NAMES}"));
    let mut judged = Vec::new();
    for (route, method, _) in Needed::of_routes() {
        let path = route.path.replace(['{', '}'], "");
        let head = format!("{} {path} HTTP/1.1\r\nHost: docker\r\n\r\n", method.as_str());
        let Ok(Admission::Pending(pending)) = admit(head.as_bytes(), &policy).1 else { continue };
        if let Ok(admitted) = pending.judge(b"{}") {
            assert!(!admitted.is_lasting(), "{head}");
            judged.push(path);
        }
    }
    assert!(judged.iter().any(|path| path.ends_with("/update")), "{judged:?}");
    let Ok(Admission::Admitted(admitted)) = admit(b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n", &policy).1
    else {
        panic!("it is allowed, and has no body");
    };
    assert!(admitted.is_lasting());
}

#[test]
fn a_line_of_allow_routes_does_not_open_what_guard_closes() {
    let lines =
        "POST /exec/{id}/start,POST /swarm/init,POST /containers/create,PUT /containers/{name}/archive";
    let environment: Environment = [("GUARD", "baseline"), ("ALLOW_ROUTES", lines)].into_iter().collect();
    let config = Config::of(&environment).expect("it can be used");
    let policy = &config.frontends[0].policy;
    for (request, says) in [
        ("POST /exec/x/start", "GUARD refuses the exec"),
        ("POST /swarm/init", "GUARD closes it"),
        ("PUT /containers/x/archive", "GUARD refuses the container"),
    ] {
        assert!(said(policy, request).is_some_and(|said| said.contains(says)), "{request}");
    }
    let create = b"POST /containers/create HTTP/1.1\r\nHost: docker\r\n\r\n";
    assert!(matches!(admit(create, policy).1, Ok(Admission::Pending(_))));
    let warnings = policy.warnings().join("\n");
    assert!(
        warnings.contains("ALLOW_ROUTES opens nothing with POST /swarm/init, as GUARD closes it"),
        "{warnings}"
    );
    assert!(!warnings.contains("is root"), "{warnings}");
}

// === Fields ===

/// A key in other spellings, each of which some reader takes for it.
fn spellings(key: &str) -> Vec<String> {
    let swapped = |from: &str, to: &str| {
        key.to_lowercase().contains(from).then(|| {
            let at = key.to_lowercase().find(from).expect("it is there");
            format!("{}{to}{}", &key[..at], &key[at + from.len()..])
        })
    };
    [
        Some(key.to_lowercase()),
        Some(key.to_uppercase()),
        Some(format!("{}{}", key[..1].to_lowercase(), &key[1..])),
        swapped("s", "\u{17f}"),
        swapped("k", "\u{212a}"),
        swapped("i", "\u{130}"),
        Some(format!("{}_{}", &key[..1], &key[1..])),
        Some(format!("{}-{}", &key[..1], &key[1..])),
    ]
    .into_iter()
    .flatten()
    .filter(|spelling| spelling != key)
    .collect()
}

/// What is judged of the entries of lists, and of networks, beside what `Body::judged` names.
const OF_PARTS: [&str; 24] = [
    "HostConfig.Mounts.Type",
    "HostConfig.Mounts.Source",
    "HostConfig.Mounts.Consistency",
    "HostConfig.Mounts.BindOptions",
    "HostConfig.Mounts.BindOptions.Propagation",
    "HostConfig.Mounts.BindOptions.ReadOnlyNonRecursive",
    "HostConfig.Mounts.VolumeOptions",
    "HostConfig.Mounts.VolumeOptions.DriverConfig",
    "HostConfig.Mounts.VolumeOptions.DriverConfig.Name",
    "HostConfig.Mounts.VolumeOptions.DriverConfig.Options",
    "HostConfig.Mounts.TmpfsOptions",
    "HostConfig.Mounts.TmpfsOptions.Options",
    "HostConfig.Mounts.ClusterOptions",
    "HostConfig.Devices.PathOnHost",
    "HostConfig.DeviceRequests.Driver",
    "HostConfig.DeviceRequests.DeviceIDs",
    "HostConfig.DeviceRequests.Options",
    "HostConfig.LogConfig",
    "HostConfig",
    "NetworkingConfig",
    "NetworkingConfig.EndpointsConfig.a.NetworkID",
    "NetworkingConfig.EndpointsConfig.a.DriverOpts",
    "Mounts.Source",
    "Devices.PathOnHost",
];

#[test]
fn every_judged_key_is_refused_in_other_spellings_whatever_its_value() {
    let guard = guard("");
    let mut tried = 0;
    let parts = OF_PARTS.map(|path| (Body::Create, path.to_owned()));
    let of_tables =
        Body::ALL.into_iter().flat_map(|body| body.judged().into_iter().map(move |path| (body, path)));
    for (body, path) in of_tables.chain(parts) {
        let (start, key) = path.rsplit_once('.').map_or(("", &*path), |(start, key)| (start, key));
        for spelling in spellings(key) {
            for value in ["null", "true", "\"x\"", "[\"x\"]", "{\"x\":\"x\"}", "1"] {
                let member = format!("{{{}:{value}}}", quoted(&spelling));
                // What is around it is an object or a list of objects.
                let wrap = |text: String, name: &str| match name {
                    "Mounts" | "Devices" | "DeviceRequests" | "Config" => format!("{{\"{name}\":[{text}]}}"),
                    _ => format!("{{\"{name}\":{text}}}"),
                };
                let text = start.split('.').rev().filter(|name| !name.is_empty()).fold(member, wrap);
                let refused = refused(&guard, body, &text).join("; ");
                assert!(refused.contains(&format!("it is spelled {key}")), "{body:?} {text}: {refused}");
                tried += 1;
            }
        }
    }
    assert!(tried > 2000, "{tried}");
}

fn quoted(key: &str) -> String {
    format!("\"{key}\"")
}

#[test]
fn unknown_keys_pass_with_zero_values_alone() {
    let guard = guard("");
    for (text, path) in [
        (r#"{"New":null,"HostConfig":{"Newer":{},"A1":0,"B":"","C":[],"D":false,"E":-0.0e5}}"#, ""),
        (r#"{"HostConfig":{"New":1}}"#, "HostConfig.New: this version does not know it"),
        (r#"{"HostConfig":{"Healthcheck":{"Test":["x"]}}}"#, "HostConfig.Healthcheck"),
        (r#"{"Healthcheck":{"New":"x"}}"#, "Healthcheck.New"),
        (r#"{"Healthcheck":{"new one":null}}"#, "Healthcheck.(another name)"),
        (r#"{"HostConfig":{"Ulimits":[{"Name":"a","Soft":1,"Hard":2},{"X":1}]}}"#, "HostConfig.Ulimits[1].X"),
        (r#"{"HostConfig":{"Mounts":[{"Type":"tmpfs","New":"x"}]}}"#, "HostConfig.Mounts[0].New"),
        (r#"{"Dns":["1.1.1.1"],"DNS":null}"#, "DNS: it is there twice"),
        (r#"{"NewThing":null,"newthing":null}"#, "newthing: it is there twice"),
        (r#"{"image":"a","DNS":["1.1.1.1"],"healthcheck":{"test":["x"]}}"#, ""),
    ] {
        let refused = refused(&guard, Body::Create, text).join("; ");
        match path {
            "" => assert_eq!(refused, "", "{text}"),
            path => assert!(refused.contains(path), "{text}: {refused}"),
        }
    }
}

#[test]
fn values_are_held_as_a_whole_against_what_may_be_there() {
    let lists = "ALLOW_BIND_MOUNTS=/srv/ci/,/etc/localtime:ro,/data ALLOW_CAPABILITIES=NET_ADMIN,cap_sys_ptrace \
                 ALLOW_DEVICES=/dev/dri,gpu,vendor.com/class=one";
    let guard = guard(lists);
    let host = |member: &str| format!("{{\"HostConfig\":{{{member}}}}}");
    let passes = [
        r#""Binds":["/srv/ci:/a","/srv/ci/:/a/","/srv/ci/x/y:/a:rw","/data:/a:z","named:/a:ro,nocopy","/etc/localtime:/a:ro","/only"]"#,
        r#""Mounts":[{"Type":"bind","Source":"/srv/ci/x","Target":"/a","BindOptions":{"Propagation":"rprivate"}}]"#,
        r#""Mounts":[{"Type":"volume","Source":"v","Target":"/a","VolumeOptions":{"Subpath":"a/b","DriverConfig":{"Name":"local"}}}]"#,
        r#""Mounts":[{"Type":"volume","Target":"/a","VolumeOptions":{"DriverConfig":{"Options":{"type":"none","o":"bind","device":"/srv/ci/x"}}}}]"#,
        r#""Mounts":[{"Type":"tmpfs","Target":"/a","TmpfsOptions":{"SizeBytes":1,"Options":[["exec"],["uid","5"]]}},{"Type":"image","Source":"a:1","Target":"/i"}]"#,
        r#""CapAdd":["CHOWN","cap_net_raw","NET_ADMIN","SYS_PTRACE"],"CapDrop":["ALL"]"#,
        r#""Devices":[{"PathOnHost":"/dev/dri","PathInContainer":"/dev/dri","CgroupPermissions":"rwm"},{"PathOnHost":"/dev/dri/card0"},{"PathOnHost":"vendor.com/class=one"}]"#,
        r#""DeviceRequests":[{"Count":-1,"Capabilities":[["gpu"]]},{"Driver":"nvidia","DeviceIDs":["GPU-1"],"Capabilities":[["gpu","utility"]]},{"Driver":"cdi","DeviceIDs":["vendor.com/class=one"]}]"#,
        r#""NetworkMode":"net_1.a","IpcMode":"shareable","CgroupnsMode":"host","PidMode":"private","UTSMode":"","UsernsMode":"""#,
        r#""PidMode":"container:x.1","IpcMode":"container:0123456789ab","NetworkMode":"container:x""#,
        r#""VolumesFrom":["x","x:ro"],"Links":["x","x:y","/x:/z/y"]"#,
        r#""SecurityOpt":["no-new-privileges:true","apparmor=docker-default"],"Runtime":"runc","Isolation":"default""#,
        r#""LogConfig":{"Type":"json-file","Config":{"max-size":"1m","tag":"x"}},"StorageOpt":{"size":"1G"}"#,
        r#""Tmpfs":{"/tmp":"rw,noexec,nosuid,size=64m","/run":""},"Sysctls":{"net.ipv4.ip_forward":"1","kernel.shmmax":"1"}"#,
        r#""MaskedPaths":null,"OomScoreAdj":1000,"OomKillDisable":false,"PortBindings":{"80/tcp":[{"HostPort":"80"}]}"#,
        r#""Ulimits":[{"Name":"nofile","Soft":1,"Hard":1}],"BlkioWeightDevice":[{"Path":"/dev/sda","Weight":1}]"#,
    ];
    for member in passes {
        assert_eq!(refused(&guard, Body::Create, &host(member)), [""; 0], "{member}");
        // And so at the top, where old engines look for it.
        assert_eq!(refused(&guard, Body::Create, &format!("{{{member}}}")), [""; 0], "{member}");
    }
    let fails = [
        (r#""Binds":["/srv/cix:/a"]"#, "add the folder to ALLOW_BIND_MOUNTS"),
        (r#""Binds":["/srv:/a"]"#, "add the folder"),
        (r#""Binds":["/:/a"]"#, "add the folder"),
        (r#""Binds":["/data/x:/a"]"#, "add the folder"),
        (r#""Binds":["/srv/ci/../x:/a"]"#, "a clean path of the host"),
        (r#""Binds":["/srv/ci/./x:/a"]"#, "a clean path of the host"),
        (r#""Binds":["/srv//ci:/a"]"#, "a clean path of the host"),
        (r#""Binds":["/srv/ci//:/a"]"#, "a clean path of the host"),
        (r#""Binds":["/etc/localtime:/a"]"#, "ALLOW_BIND_MOUNTS has it read-only"),
        (r#""Binds":["/etc/localtime:/a:ro,z"]"#, "ALLOW_BIND_MOUNTS has it read-only"),
        (r#""Binds":["/etc/localtime:/a:ro,rw"]"#, "ALLOW_BIND_MOUNTS has it read-only"),
        (r#""Binds":["/srv/ci:/a:shared"]"#, "other modes"),
        (r#""Binds":["/srv/ci:/a:ro:x"]"#, "SOURCE:TARGET"),
        (r#""Binds":["./x:/a"]"#, "the name of a volume"),
        (r#""Binds":["a/b:/a"]"#, "the name of a volume"),
        (r#""Binds":["v:a"]"#, "a clean path as its target"),
        (r#""Binds":[1]"#, "SOURCE:TARGET"),
        (r#""Binds":"/:/a""#, "a list"),
        (r#""Mounts":[{"Source":"/srv/ci","Target":"/a"}]"#, "Mounts[0].Type"),
        (r#""Mounts":[{}]"#, "Mounts[0].Type"),
        (r#""Mounts":[null]"#, "Mounts.Type"),
        (r#""Devices":[{}]"#, "Devices[0].PathOnHost"),
        // podman takes the target for the source then.
        (r#""Mounts":[{"Type":"bind","Target":"/etc"}]"#, "Mounts[0].Source"),
        (r#""Mounts":[{"Type":"bind","Source":"","Target":"/etc"}]"#, "Mounts[0].Source"),
        (r#""Mounts":[{"Type":"bind","Source":null,"Target":"/etc","ReadOnly":true}]"#, "Mounts[0].Source"),
        (r#""Mounts":[{"Type":"image","Target":"/etc"}]"#, "Mounts[0].Source"),
        (r#""Devices":[{"PathInContainer":"/dev/sda"}]"#, "Devices[0].PathOnHost"),
        (r#""Mounts":[{"Type":"bind","Source":"/etc/localtime","Target":"/a"}]"#, "read-only"),
        (
            r#""Mounts":[{"Type":"bind","Source":"/etc/localtime","Target":"/a","ReadOnly":true,"BindOptions":{"ReadOnlyNonRecursive":true}}]"#,
            "ReadOnlyNonRecursive",
        ),
        (
            r#""Mounts":[{"Type":"bind","Source":"/srv/ci","Target":"/a","BindOptions":{"Propagation":"rshared"}}]"#,
            "Propagation",
        ),
        (r#""Mounts":[{"Type":"volume","Source":"/srv/ci","Target":"/a"}]"#, "Mounts[0].Source"),
        (r#""Mounts":[{"Type":"glob","Source":"/srv/ci","Target":"/a"}]"#, "Mounts[0].Type"),
        (r#""Mounts":[{"Type":"tmpfs","Target":"/a,suid"}]"#, "Mounts[0].Target"),
        (
            r#""Mounts":[{"Type":"tmpfs","Target":"/a","TmpfsOptions":{"Options":[["suid"]]}}]"#,
            "TmpfsOptions.Options",
        ),
        (r#""Mounts":[{"Type":"volume","Target":"/a","VolumeOptions":{"Subpath":"../x"}}]"#, "Subpath"),
        (
            r#""Mounts":[{"Type":"volume","Target":"/a","VolumeOptions":{"DriverConfig":{"Options":{"type":"tmpfs","o":"bind","device":"/etc"}}}}]"#,
            "DriverConfig.Options.type",
        ),
        (
            r#""Mounts":[{"Type":"volume","Target":"/a","VolumeOptions":{"DriverConfig":{"Options":{"type":"overlay","o":"lowerdir=/etc:/usr","device":"overlay"}}}}]"#,
            "Options.type",
        ),
        (
            r#""Mounts":[{"Type":"volume","Target":"/a","VolumeOptions":{"DriverConfig":{"Options":{"o":"rbind","device":"/etc"}}}}]"#,
            "Options.device: add the folder",
        ),
        (
            r#""Mounts":[{"Type":"volume","Target":"/a","VolumeOptions":{"DriverConfig":{"Options":{"device":"/etc"}}}}]"#,
            "Options.type",
        ),
        (r#""CapAdd":["SYS_ADMIN"]"#, "add the capability to ALLOW_CAPABILITIES"),
        (r#""CapAdd":["ALL"]"#, "add the capability"),
        (r#""CapAdd":["\u017fYS_ADMIN"]"#, "names of capabilities"),
        (r#""Devices":[{"PathOnHost":"/dev/sda"}]"#, "add the device to ALLOW_DEVICES"),
        (r#""Devices":[{"PathOnHost":"/dev/dri/../sda"}]"#, "a clean path"),
        (r#""Devices":[{"PathOnHost":"gpu"}]"#, "PathOnHost"),
        (r#""DeviceRequests":[{"Driver":"cdi","DeviceIDs":["vendor.com/class=all"]}]"#, "add the device"),
        (r#""DeviceRequests":[{"Capabilities":[["gpu"],["cdi"]]}]"#, "the capability gpu"),
        (r#""DeviceRequests":[{"Count":1}]"#, "the capability gpu"),
        (r#""DeviceCgroupRules":["a *:* rwm"]"#, "nothing opens it"),
        (r#""NetworkMode":"host""#, "set ALLOW_HOST_NETWORK=1"),
        (r#""NetworkMode":"pasta""#, "set ALLOW_HOST_NETWORK=1"),
        (r#""NetworkMode":"container:""#, "GUARD refuses"),
        (r#""NetworkMode":"container:a,b""#, "GUARD refuses"),
        (r#""NetworkMode":"pasta:-T,1""#, "the name of a network"),
        (r#""NetworkMode":"a,b""#, "the name of a network"),
        (r#""PidMode":"host""#, "PidMode: it takes private, or container:NAME"),
        (r#""PidMode":"ns:/proc/1/ns/pid""#, "PidMode"),
        (r#""PidMode":["container:a"]"#, "PidMode"),
        (r#""IpcMode":"host""#, "IpcMode"),
        (r#""VolumesFrom":["a:rw"]"#, "VolumesFrom: it takes NAME or NAME:ro"),
        (r#""VolumesFrom":["a:z"]"#, "VolumesFrom"),
        (r#""VolumesFrom":["a:ro,z"]"#, "VolumesFrom"),
        (r#""VolumesFrom":[["a"]]"#, "VolumesFrom"),
        (r#""VolumesFrom":"a""#, "VolumesFrom: it takes a list"),
        (r#""Links":["a:../b"]"#, "Links: it takes NAME or NAME:ALIAS"),
        (r#""Links":["a:b/c"]"#, "Links"),
        (r#""Links":["a:"]"#, "Links"),
        (r#""Links":["a:b:c"]"#, "Links"),
        (r#""Links":["/a:b"]"#, "Links"),
        (r#""Links":["/a:/b/.."]"#, "Links"),
        (r#""Links":[1]"#, "Links"),
        (r#""UTSMode":"host""#, "UTSMode"),
        (r#""SecurityOpt":["seccomp=unconfined"]"#, "SecurityOpt"),
        (r#""SecurityOpt":["no-new-privileges:false"]"#, "SecurityOpt"),
        (r#""LogConfig":{"Type":"json-file","Config":{"path":"/etc/x"}}"#, "LogConfig.Config.path"),
        (r#""LogConfig":{"Type":"journald","Config":{"env":"X"}}"#, "LogConfig.Config.env"),
        (r#""LogConfig":{"Config":{"syslog-address":"udp://x"}}"#, "LogConfig.Config.syslog-address"),
        (r#""MaskedPaths":[]"#, "MaskedPaths"),
        (r#""MaskedPaths":["/proc/kcore"]"#, "MaskedPaths"),
        (r#""ReadonlyPaths":{}"#, "ReadonlyPaths"),
        (r#""Tmpfs":{"/a":"suid"}"#, "Tmpfs./a"),
        (r#""Tmpfs":{"/a:/b":""}"#, "another key"),
        (r#""Sysctls":{"kernel.core_pattern":"|x"}"#, "Sysctls.kernel.core_pattern"),
        (r#""Sysctls":{"net/../kernel/x":"1"}"#, "Sysctls"),
        (r#""OomScoreAdj":-1"#, "OomScoreAdj"),
        (r#""OomScoreAdj":1e9"#, "OomScoreAdj"),
        (r#""Runtime":"io.containerd.wasm.v1""#, "Runtime"),
        (r#""Cgroup":"container:a""#, "Cgroup"),
    ];
    for (member, says) in fails {
        for text in [host(member), format!("{{{member}}}")] {
            let refused = refused(&guard, Body::Create, &text).join("; ");
            assert!(refused.contains(says), "{text}: {refused}");
        }
    }
}

#[test]
fn other_bodies_have_tables_of_their_own() {
    let guard = guard("ALLOW_BIND_MOUNTS=/srv/ci,/usr/share/zoneinfo:ro");
    for (body, text, says) in [
        (Body::Create, "", "unreadable: is empty"),
        (Body::Create, "null", "the body: it takes an object"),
        (Body::Create, "[]", "the body: it takes an object"),
        (Body::Create, r#"{"Volumes":{"/a":{},"/b/":{}},"Env":["A=1","B"],"Image":"sha256:00"}"#, ""),
        (Body::Create, r#"{"Volumes":{"/:/host":{}}}"#, "another key"),
        (Body::Create, r#"{"Env":["PATH*"]}"#, "Env: it takes NAME=value"),
        (Body::Create, r#"{"Image":"containers-storage:[overlay@/a+/b]x"}"#, "Image"),
        (Body::Create, r#"{"Image":"oci-archive:x"}"#, "Image"),
        (
            Body::Create,
            r#"{"NetworkingConfig":{"EndpointsConfig":{"a":{"Aliases":["b"]},"default":null}}}"#,
            "",
        ),
        (
            Body::Create,
            r#"{"NetworkingConfig":{"EndpointsConfig":{"host":{}}}}"#,
            "EndpointsConfig.host: set ALLOW_HOST",
        ),
        (
            Body::Create,
            r#"{"NetworkingConfig":{"EndpointsConfig":{"a":{"NetworkID":"host"}}}}"#,
            "NetworkID: set ALLOW_HOST",
        ),
        (
            Body::Create,
            r#"{"NetworkingConfig":{"EndpointsConfig":{"a":{"DriverOpts":{"x":"y"}}}}}"#,
            "DriverOpts.x",
        ),
        (Body::Update, r#"{"Memory":1,"RestartPolicy":{"Name":"always"},"CgroupParent":""}"#, ""),
        (Body::Update, r#"{"CgroupParent":"/"}"#, "CgroupParent"),
        (Body::Update, r#"{"Binds":["/srv/ci:/a"]}"#, "Binds: this version does not know it"),
        (Body::Update, "", ""),
        (Body::Exec, r#"{"Cmd":["sh"],"Env":["A=1"],"Privileged":false,"Container":"a"}"#, ""),
        (Body::Exec, r#"{"Cmd":["sh"],"Privileged":true}"#, "Privileged"),
        (Body::Commit, "null", ""),
        (Body::Commit, r#"{"Cmd":["sh"],"Volumes":{"/a":{}}}"#, ""),
        (Body::Commit, r#"{"HostConfig":{"Memory":1}}"#, "HostConfig"),
        (
            Body::Volume,
            r#"{"Name":"a","Driver":"local","DriverOpts":{"type":"tmpfs","device":"tmpfs","o":"size=1m"}}"#,
            "",
        ),
        (Body::Volume, r#"{"DriverOpts":{"type":"none","device":"/srv/ci","o":"bind"}}"#, ""),
        (
            Body::Volume,
            r#"{"DriverOpts":{"type":"none","device":"/etc","o":"bind"}}"#,
            "DriverOpts.device: add the folder",
        ),
        (
            Body::Volume,
            r#"{"DriverOpts":{"type":"nfs","device":":/a","o":"addr=1.1.1.1"}}"#,
            "DriverOpts.type",
        ),
        (Body::Volume, r#"{"DriverOpts":{"image":"x"}}"#, "DriverOpts.image"),
        (Body::Volume, r#"{"Driver":"image"}"#, "Driver: it takes local"),
        (
            Body::Network,
            r#"{"Name":"a","Driver":"bridge","IPAM":{"Config":[{"Subnet":"10.9.0.0/24","Gateway":"10.9.0.1"},{"Subnet":"fd00::/64"}]}}"#,
            "",
        ),
        (
            Body::Network,
            r#"{"Name":"a","IPAM":{"Config":[{"Subnet":"8.8.8.0/24"}]}}"#,
            "IPAM.Config[0].Subnet",
        ),
        (Body::Network, r#"{"Name":"a","IPAM":{"Config":[{"Subnet":"10.0.0.0/7"}]}}"#, "Subnet"),
        (Body::Network, r#"{"Name":"a","IPAM":{"Config":[{"Subnet":"::ffff:10.0.0.0/100"}]}}"#, "Subnet"),
        (Body::Network, r#"{"Name":"a","IPAM":{"Config":[{"Subnet":"10.9.0.0"}]}}"#, "Subnet"),
        (Body::Network, r#"{"Name":"a","IPAM":{"Config":[{"Subnet":"10.9.0.0/+16"}]}}"#, "Subnet"),
        (Body::Network, r#"{"Name":"a","IPAM":{"Config":[{"Subnet":"10.9.0.0/33"}]}}"#, "Subnet"),
        (Body::Network, r#"{"Name":"a","IPAM":{"Config":[{"Gateway":"10.9.0.1/24"}]}}"#, "Gateway"),
        (Body::Network, r#"{"Name":"a","IPAM":{"Config":[{"Gateway":"8.8.8.8"}]}}"#, "Gateway"),
        (Body::Network, r#"{"Name":"a","Driver":"macvlan"}"#, "Driver: it takes bridge"),
        (Body::Network, r#"{"Name":"a","Options":{"parent":"eth0"}}"#, "Options.parent"),
        (Body::Network, r#"{"Name":"a","ConfigFrom":{"Network":"b"}}"#, "ConfigFrom.Network"),
        (
            Body::Connect,
            r#"{"Container":"a","EndpointConfig":{"IPAMConfig":{"IPv4Address":"10.9.0.9"}}}"#,
            "",
        ),
        (Body::Connect, r#"{"Container":"a","EndpointConfig":{"NetworkID":"host"}}"#, "NetworkID"),
        (Body::Disconnect, r#"{"Container":"a","Force":true}"#, ""),
        (Body::Disconnect, r#"{"Force":true}"#, "Container: it takes a text, and none is there"),
    ] {
        let refused = refused(&guard, body, text).join("; ");
        match says {
            "" => assert_eq!(refused, "", "{body:?} {text}"),
            says => assert!(refused.contains(says), "{body:?} {text}: {refused}"),
        }
    }
}

#[test]
fn with_the_host_s_network_settings_of_it_stay_closed() {
    let guard = guard("ALLOW_HOST_NETWORK=1");
    let of = |network: &str| {
        format!(r#"{{"HostConfig":{{"NetworkMode":"{network}","Sysctls":{{"net.ipv4.ip_forward":"1"}}}}}}"#)
    };
    assert_eq!(refused(&guard, Body::Create, &of("bridge")), [""; 0]);
    for network in ["host", "container:a"] {
        assert_eq!(
            refused(&guard, Body::Create, &of(network)),
            ["GUARD refuses HostConfig.Sysctls.net.ipv4.ip_forward: nothing opens it"]
        );
    }
}

// === Lists ===

#[test]
fn a_list_that_cannot_be_used_stops_the_start() {
    for (environment, says) in [
        ("GUARD=1", "GUARD=\"1\" cannot be used: it takes 0 or baseline"),
        ("GUARD=restricted", "it takes 0 or baseline"),
        ("GUARD=baseline EXEC=1 LIBPOD_EXEC=1", ""),
        ("ALLOW_CONTAINERS=a", "ALLOW_CONTAINERS cannot be used: it opens what GUARD closes"),
        ("ALLOW_TAGS=*", "ALLOW_TAGS cannot be used"),
        ("ALLOW_CONTAINERS= ALLOW_NETWORKS= ALLOW_VOLUMES= ALLOW_TAGS=", ""),
        (
            "GUARD=baseline ALLOW_CONTAINERS=ci-*,db,x.y ALLOW_NETWORKS=* ALLOW_VOLUMES=v ALLOW_TAGS=ci/*,a:1,h:5/b",
            "",
        ),
        (
            "GUARD=baseline ALLOW_CONTAINERS=*-ci",
            "ALLOW_CONTAINERS=\"*-ci\" cannot be used: it takes names, with * at the end",
        ),
        ("GUARD=baseline ALLOW_CONTAINERS=/a", "cannot be used"),
        ("GUARD=baseline ALLOW_NETWORKS=a/b", "cannot be used"),
        ("GUARD=baseline ALLOW_VOLUMES=/srv", "cannot be used"),
        ("GUARD=baseline ALLOW_TAGS=docker.io/*", "cannot be used"),
        ("GUARD=baseline ALLOW_TAGS=library/*", "cannot be used"),
        ("GUARD=baseline ALLOW_TAGS=a@sha256:00", "cannot be used"),
        (
            "ALLOW_BIND_MOUNTS=/srv",
            "ALLOW_BIND_MOUNTS cannot be used: it opens what GUARD closes, and GUARD is not set",
        ),
        ("GUARD=0 ALLOW_CAPABILITIES=NET_ADMIN", "ALLOW_CAPABILITIES cannot be used"),
        ("ALLOW_DEVICES=gpu", "ALLOW_DEVICES cannot be used"),
        ("ALLOW_HOST_NETWORK=1", "ALLOW_HOST_NETWORK cannot be used"),
        ("GUARD=baseline ALLOW_BIND_MOUNTS=srv", "ALLOW_BIND_MOUNTS=\"srv\" cannot be used"),
        ("GUARD=baseline ALLOW_BIND_MOUNTS=/srv/../etc", "cannot be used"),
        ("GUARD=baseline ALLOW_BIND_MOUNTS=/srv//ci", "cannot be used"),
        ("GUARD=baseline ALLOW_BIND_MOUNTS=/srv:rw", "cannot be used"),
        ("GUARD=baseline ALLOW_BIND_MOUNTS=/srv/ci*", ""),
        ("GUARD=baseline ALLOW_BIND_MOUNTS=,", "cannot be used"),
        ("GUARD=baseline ALLOW_CAPABILITIES=NET_ADMINS", "cannot be used"),
        ("GUARD=baseline ALLOW_DEVICES=dri", "cannot be used"),
        ("GUARD=baseline ALLOW_DEVICES=/dev/dri/", "cannot be used"),
        ("GUARD=baseline ALLOW_HOST_NETWORK=yes,", "cannot be used"),
        (
            "GUARD=baseline ALLOW_BIND_MOUNTS=/srv/ci/,/etc/localtime:ro,/a/:ro ALLOW_DEVICES=gpu,/dev/dri,a.b/c=d",
            "",
        ),
        ("GUARD=Baseline ALLOW_HOST_NETWORK=0", ""),
        ("GUARD=off", ""),
        ("GUARD=baseline CI__GUARD=0 CI__LISTEN=:1", ""),
        (
            "CI__LISTEN=:1 CI__GUARD=baseline CI__ALLOW_BIND_MOUNTS=srv",
            "CI__ALLOW_BIND_MOUNTS=\"srv\" cannot be used",
        ),
        ("CI__LISTEN=:1 CI__GUARD=1", "CI__GUARD=\"1\" cannot be used"),
        // One with a prefix is for its client alone, who needs GUARD.
        (
            "A__LISTEN=:1 A__ALLOW_BIND_MOUNTS=/srv/",
            "A__ALLOW_BIND_MOUNTS cannot be used: it opens what GUARD closes, and A__GUARD is not set",
        ),
        (
            "A__LISTEN=:1 A__ALLOW_DEVICES=gpu B__LISTEN=:2 B__GUARD=baseline",
            "A__ALLOW_DEVICES cannot be used",
        ),
        ("GUARD=baseline A__LISTEN=:1 A__GUARD=0 A__ALLOW_TAGS=a", "A__ALLOW_TAGS cannot be used"),
        (
            "A__LISTEN=:1 A__GUARD=baseline B__LISTEN=:2 ALLOW_TAGS=x B__ALLOW_DEVICES=gpu",
            "B__ALLOW_DEVICES cannot be used",
        ),
        ("A__LISTEN=:1 A__ALLOW_HOST_NETWORK=0 A__ALLOW_TAGS=", ""),
        // One without is the default of all, and somebody has to have GUARD.
        ("ALLOW_BIND_MOUNTS=/srv/ A__GUARD=baseline A__LISTEN=:1", ""),
        ("ALLOW_BIND_MOUNTS=/srv/ A__GUARD=baseline A__LISTEN=:1 B__LISTEN=:2 LISTEN=:3", ""),
        ("ALLOW_BIND_MOUNTS=srv A__GUARD=baseline A__LISTEN=:1", "ALLOW_BIND_MOUNTS=\"srv\" cannot be used"),
        (
            "ALLOW_BIND_MOUNTS=/srv/ A__LISTEN=:1 B__LISTEN=:2",
            "ALLOW_BIND_MOUNTS cannot be used: it opens what GUARD closes, and GUARD is not set",
        ),
    ] {
        match config(environment) {
            Ok(_) => assert_eq!(says, "", "{environment}"),
            Err(said) => assert!(!says.is_empty() && said.contains(says), "{environment}: {said}"),
        }
    }
}

#[test]
fn a_list_of_all_clients_opens_for_those_with_guard_and_the_others_are_told_that_it_does_nothing() {
    let config =
        config("ALLOW_BIND_MOUNTS=/srv/ A__GUARD=baseline A__LISTEN=:1 B__LISTEN=:2").expect("usable");
    let warnings: Vec<_> = config.frontends.iter().map(|frontend| frontend.warnings().join("\n")).collect();
    let of_a = config.frontends[0].policy.guard().expect("A has GUARD").allow();
    assert_eq!(of_a.bind_mounts.len(), 1);
    assert!(config.frontends[1].policy.guard().is_none());
    let vain = "ALLOW_BIND_MOUNTS does nothing here, as GUARD is off";
    assert_eq!(
        warnings.iter().map(|said| said.contains(vain)).collect::<Vec<_>>(),
        [false, true],
        "{warnings:?}"
    );
}

/// Whether a request, or a body, passes with these lists.
fn opened_by(lists: &str, request: &str, body: Option<(Body, &str)>) -> bool {
    let policy = everything(&format!("GUARD=baseline {lists}"));
    match body {
        None => said(&policy, request).is_none(),
        Some((body, text)) => policy.guard().expect("it is on").judge(body, text.as_bytes()).is_ok(),
    }
}

#[test]
fn lists_have_names_and_how_names_begin() {
    for (lists, request, expected) in [
        ("ALLOW_CONTAINERS=x", "POST /containers/x/kill", true),
        ("ALLOW_CONTAINERS=x", "POST /containers/xy/kill", false),
        ("ALLOW_CONTAINERS=x*", "POST /containers/xy/kill", true),
        ("ALLOW_CONTAINERS=w,x*", "POST /containers/w/kill", true),
        ("ALLOW_CONTAINERS=x*", "POST /containers/x/y/kill", false),
        ("ALLOW_CONTAINERS=*", "POST /containers/x/y/kill", true),
        ("ALLOW_CONTAINERS=x", "POST /libpod/pods/x/kill", true),
        ("ALLOW_CONTAINERS=x", "DELETE /containers/x?force=1&v=1", true),
        // podman removes what depends on it, too.
        ("ALLOW_CONTAINERS=x", "DELETE /libpod/containers/x?depend=true", false),
        ("ALLOW_CONTAINERS=x", "DELETE /libpod/containers/x?depend=false&force=true", true),
        ("ALLOW_CONTAINERS=x", "DELETE /libpod/containers/x?Depend=true", false),
        ("ALLOW_CONTAINERS=x", "POST /containers/x/restart?t=0&all=true", false),
        ("ALLOW_CONTAINERS=x", "POST /libpod/containers/x/stop?All", false),
        ("ALLOW_CONTAINERS=x", "POST /containers/x/stop?al%6c=1", false),
        ("ALLOW_CONTAINERS=x", "POST /containers/x/stop?t=1;all=1", false),
        ("ALLOW_CONTAINERS=x", "POST /libpod/pods/x/kill?all=1", false),
        ("ALLOW_CONTAINERS=x", "POST /containers/x/stop?all=false&t=1", true),
        ("ALLOW_NETWORKS=x", "DELETE /networks/x?force=true", false),
        ("ALLOW_NETWORKS=x", "DELETE /networks/x?force=0", true),
        ("ALLOW_VOLUMES=x", "DELETE /volumes/x?force=1", true),
        ("ALLOW_VOLUMES=x", "DELETE /libpod/volumes/x?force=1", false),
        ("ALLOW_TAGS=x", "DELETE /images/x?force=1", true),
        ("ALLOW_TAGS=x", "DELETE /libpod/images/x?force=1", false),
        // A daemon takes these for the start of an ID.
        ("ALLOW_CONTAINERS=db", "POST /containers/db/kill", false),
        ("ALLOW_CONTAINERS=d*", "POST /containers/db/kill", false),
        ("ALLOW_CONTAINERS=d_b", "POST /containers/d_b/kill", false),
        ("ALLOW_CONTAINERS=0*", "POST /containers/0123456789ab/kill", false),
        ("ALLOW_CONTAINERS=0123456789ab", "POST /containers/0123456789ab/kill", true),
        ("ALLOW_CONTAINERS=0123456789ab", "POST /containers/0123456789a/kill", false),
        ("ALLOW_CONTAINERS=*", "POST /containers/db/kill", true),
        ("ALLOW_NETWORKS=x", "DELETE /networks/x", true),
        ("ALLOW_NETWORKS=x", "DELETE /networks/y", false),
        ("ALLOW_VOLUMES=db", "DELETE /volumes/db", true),
        ("ALLOW_VOLUMES=db", "DELETE /volumes/dbx", false),
        ("ALLOW_CONTAINERS=*", "POST /exec/x/start", false),
        ("ALLOW_CONTAINERS=x*", "POST /containers/prune", false),
        ("ALLOW_CONTAINERS=*", "POST /containers/prune", true),
        ("ALLOW_CONTAINERS=*", "POST /networks/prune", false),
        ("ALLOW_TAGS=ci/*", "POST /build/prune", false),
        ("ALLOW_TAGS=*", "POST /images/prune", true),
    ] {
        assert_eq!(opened_by(lists, request, None), expected, "{lists} {request}");
    }
}

#[test]
fn names_of_images_are_as_docker_shows_them() {
    for (list, name, expected) in [
        ("ci/app", "ci/app", true),
        ("ci/app", "ci/app:1", true),
        ("ci/app", "docker.io/ci/app:1", true),
        ("ci/app", "index.docker.io/ci/app", true),
        ("ci/app", "ci/apple", false),
        ("ci/app", "ci/app/x", false),
        ("ci/app:1", "ci/app:1", true),
        ("ci/app:1", "ci/app", false),
        ("ci/app:1", "ci/app:12", false),
        ("ci/*", "ci/app:1", true),
        ("app", "library/app", true),
        ("docker.io/library/app", "app", true),
        ("app", "app:5000/x", false),
        // What stands before the name where nothing is said is no name.
        ("d*", "docker.io/library/traefik", false),
        ("l*", "library/traefik", false),
        ("localhost:5000/ci/*", "localhost:5000/ci/app:1", true),
        ("localhost:5000/ci/*", "localhost:5000/traefik", false),
        ("ci/*", "ci/app@sha256:0000", false),
        ("db", "db:1", true),
        ("*", "traefik", true),
    ] {
        let list = format!("ALLOW_TAGS={list}");
        for request in [
            format!("POST /build?t={name}"),
            format!("POST /images/x/tag?repo={name}"),
            format!("DELETE /images/{name}"),
        ] {
            // A digest is nothing to be given.
            assert_eq!(opened_by(&list, &request, None), expected, "{list} {request}");
        }
    }
    for (list, request, expected) in [
        ("ci/app:1", "POST /images/x/tag?repo=ci/app&tag=1", true),
        ("ci/app:1", "POST /images/x/tag?repo=ci/app&tag=2", false),
        ("ci/*", "POST /images/x/tag?repo=ci/app&repo=traefik", false),
        ("ci/*", "POST /images/x/tag?repo=&repo=traefik", false),
        ("ci/*", "POST /images/x/tag?repo=ci/app&tag=1&tag=2", false),
        // Docker puts the tag in place of the other one.
        ("ci/app:1", "POST /images/x/tag?repo=ci/app:1&tag=2", false),
        ("h:5/*", "POST /images/x/tag?repo=h:5/app&tag=2", true),
        ("ci/*", "POST /images/x/tag?repo=ci/app&Repo=traefik", false),
        ("ci/*", "POST /build?t=ci/app&t=traefik", false),
        ("ci/*", "POST /build", true),
        // By what may be an ID, an image goes with all of its names.
        ("db", "POST /build?t=db", true),
        ("db", "DELETE /images/db", false),
        ("s*", "DELETE /images/sha256:0123", false),
        ("*", "DELETE /images/sha256:0123", true),
        ("0*", "DELETE /images/0123456789ab", false),
        ("*", "DELETE /images/0123456789ab", true),
    ] {
        assert_eq!(opened_by(&format!("ALLOW_TAGS={list}"), request, None), expected, "{list} {request}");
    }
    let commit = |lists: &str, query: &str| {
        let policy = everything(&format!("GUARD=baseline {lists}"));
        said(&policy, &format!("POST /commit?{query}")).is_none()
    };
    assert!(commit("ALLOW_CONTAINERS=x", "container=x"));
    assert!(commit("ALLOW_CONTAINERS=x ALLOW_TAGS=ci/*", "container=x&repo=ci/app&tag=1"));
    assert!(!commit("ALLOW_CONTAINERS=x ALLOW_TAGS=ci/*", "container=x&repo=app"));
    assert!(!commit("ALLOW_CONTAINERS=x", "container=x&container=y"));
    assert!(!commit("ALLOW_CONTAINERS=x", "container=x&Container=y"));
    assert!(!commit("", "container=x"));
}

#[test]
fn what_a_body_names_must_be_the_clients_own_or_listed() {
    let host = |member: &str| format!("{{\"HostConfig\":{{{member}}}}}");
    for (lists, body, text, expected) in [
        ("", Body::Create, host(r#""NetworkMode":"bridge""#), true),
        ("", Body::Create, host(r#""NetworkMode":"none""#), true),
        ("", Body::Create, host(r#""NetworkMode":"default""#), true),
        ("", Body::Create, host(r#""NetworkMode":"x""#), false),
        ("ALLOW_NETWORKS=x", Body::Create, host(r#""NetworkMode":"x""#), true),
        ("ALLOW_NETWORKS=*", Body::Create, host(r#""NetworkMode":"host""#), false),
        ("ALLOW_NETWORKS=p*", Body::Create, host(r#""NetworkMode":"pasta""#), false),
        ("ALLOW_HOST_NETWORK=1", Body::Create, host(r#""NetworkMode":"container:x""#), false),
        ("ALLOW_CONTAINERS=x", Body::Create, host(r#""NetworkMode":"container:x""#), true),
        ("ALLOW_CONTAINERS=x", Body::Create, host(r#""PidMode":"container:y""#), false),
        ("", Body::Create, host(r#""PidMode":"container:x""#), false),
        ("ALLOW_CONTAINERS=x", Body::Create, host(r#""IpcMode":"container:x""#), true),
        ("", Body::Create, host(r#""VolumesFrom":["x:ro"]"#), false),
        ("ALLOW_CONTAINERS=x", Body::Create, host(r#""VolumesFrom":["x","x:ro","x:rw"]"#), true),
        // podman writes then what the other one only reads.
        (
            "ALLOW_CONTAINERS=x ALLOW_BIND_MOUNTS=/a:ro",
            Body::Create,
            host(r#""VolumesFrom":["x:rw"]"#),
            false,
        ),
        ("", Body::Create, host(r#""Links":["x:y"]"#), false),
        ("ALLOW_CONTAINERS=x", Body::Create, host(r#""Links":["x:y","/x:/z/y"]"#), true),
        ("ALLOW_CONTAINERS=y", Body::Create, host(r#""Links":["/x:/z/y"]"#), false),
        ("", Body::Create, host(r#""Binds":["x:/a"]"#), false),
        ("", Body::Create, host(r#""Binds":["/a"]"#), true),
        ("ALLOW_VOLUMES=x", Body::Create, host(r#""Binds":["x:/a:ro"]"#), true),
        ("", Body::Create, host(r#""Mounts":[{"Type":"volume","Source":"x","Target":"/a"}]"#), false),
        ("", Body::Create, host(r#""Mounts":[{"Type":"volume","Target":"/a"}]"#), true),
        (
            "ALLOW_VOLUMES=x",
            Body::Create,
            host(r#""Mounts":[{"Type":"volume","Source":"x","Target":"/a"}]"#),
            true,
        ),
        ("", Body::Create, String::from(r#"{"NetworkingConfig":{"EndpointsConfig":{"x":{}}}}"#), false),
        (
            "ALLOW_NETWORKS=x",
            Body::Create,
            String::from(r#"{"NetworkingConfig":{"EndpointsConfig":{"x":{}}}}"#),
            true,
        ),
        (
            "ALLOW_NETWORKS=x",
            Body::Create,
            String::from(r#"{"NetworkingConfig":{"EndpointsConfig":{"x":{"NetworkID":"y"}}}}"#),
            false,
        ),
        (
            "ALLOW_NETWORKS=x",
            Body::Create,
            String::from(r#"{"NetworkingConfig":{"EndpointsConfig":{"x":{"Links":["y"]}}}}"#),
            false,
        ),
        ("", Body::Volume, String::from("{}"), true),
        ("", Body::Volume, String::from(r#"{"Name":""}"#), true),
        ("", Body::Volume, String::from(r#"{"Name":"x"}"#), false),
        ("ALLOW_VOLUMES=x", Body::Volume, String::from(r#"{"Name":"x"}"#), true),
        ("", Body::Connect, String::from(r#"{"Container":"x"}"#), false),
        ("ALLOW_CONTAINERS=x", Body::Connect, String::from(r#"{"Container":"x"}"#), true),
        ("ALLOW_CONTAINERS=*", Body::Connect, String::from("{}"), false),
        ("ALLOW_CONTAINERS=*", Body::Connect, String::new(), false),
        ("ALLOW_CONTAINERS=*", Body::Connect, String::from("null"), false),
        ("", Body::Disconnect, String::from(r#"{"Container":"x"}"#), false),
        ("ALLOW_CONTAINERS=*", Body::Disconnect, String::from(r#"{"Container":""}"#), false),
    ] {
        assert_eq!(opened_by(lists, "", Some((body, &text))), expected, "{lists} {text}");
    }
}

#[test]
fn each_client_has_a_guard_of_its_own() {
    let config = config(
        "GUARD=baseline ALLOW_BIND_MOUNTS=/srv POST=1 CONTAINERS=1 A__LISTEN=:1 B__LISTEN=:2 B__GUARD=0 B__ALLOW_BIND_MOUNTS= \
         C__LISTEN=:3 C__ALLOW_BIND_MOUNTS=/data",
    );
    let config = config.expect("it can be used");
    let of = |name: &str| {
        let frontend = config.frontends.iter().find(|frontend| frontend.name.as_deref() == Some(name));
        frontend.expect("a client").policy.clone()
    };
    let bind = |path: &str| format!(r#"{{"HostConfig":{{"Binds":["{path}:/a"]}}}}"#);
    let passes = |name: &str, path: &str| {
        of(name).guard().is_none_or(|guard| guard.judge(Body::Create, bind(path).as_bytes()).is_ok())
    };
    assert_eq!(
        ["A", "B", "C"].map(|name| (passes(name, "/srv"), passes(name, "/data"))),
        [(true, false), (true, true), (false, true)]
    );
}

#[test]
fn dangerous_entries_are_told() {
    let warnings = |lists: &str| policy(&format!("GUARD=baseline {lists}")).warnings().join("\n");
    for (lists, says) in [
        ("ALLOW_BIND_MOUNTS=/", "ALLOW_BIND_MOUNTS with / is root on this host: it is all of its files"),
        ("ALLOW_BIND_MOUNTS=/:ro", "ALLOW_BIND_MOUNTS with /:ro is root on this host"),
        ("ALLOW_BIND_MOUNTS=/sys:ro", "what is mounted below it can be written"),
        ("ALLOW_BIND_MOUNTS=/proc/:ro", "what is mounted below it can be written"),
        ("BUILD=1 POST=1", "with podman it is root on this host"),
        ("ALLOW_BIND_MOUNTS=/etc", "ALLOW_BIND_MOUNTS with /etc is root on this host"),
        ("ALLOW_BIND_MOUNTS=/etc/cron.d/", "is root on this host"),
        ("ALLOW_BIND_MOUNTS=/etc:ro", "shows the passwords"),
        ("ALLOW_BIND_MOUNTS=/proc", "is root on this host: the kernel"),
        ("ALLOW_BIND_MOUNTS=/var/run/docker.sock:ro", "is root on this host: the sockets"),
        ("ALLOW_BIND_MOUNTS=/var:ro", "is root on this host: the sockets"),
        ("ALLOW_BIND_MOUNTS=/run/", "is root on this host: the sockets"),
        ("ALLOW_BIND_MOUNTS=/srv/x.sock", "is root on this host, unless it is a socket of this proxy's own"),
        ("ALLOW_BIND_MOUNTS=/run/docker.sock", "is root on this host: the sockets of the daemon are there"),
        ("ALLOW_BIND_MOUNTS=/etc/x.sock", "is root on this host: it is part of how the host starts"),
        ("ALLOW_CAPABILITIES=SYS_ADMIN", "ALLOW_CAPABILITIES with SYS_ADMIN is root on this host"),
        ("ALLOW_DEVICES=/dev/sda", "ALLOW_DEVICES with /dev/sda is root on this host"),
        ("ALLOW_DEVICES=/dev", "ALLOW_DEVICES with /dev is root on this host"),
        ("ALLOW_HOST_NETWORK=1", "ALLOW_HOST_NETWORK=1 reaches every service"),
        ("ALLOW_CONTAINERS=*", "ALLOW_CONTAINERS with * is root on this host"),
        ("ALLOW_CONTAINERS=db", "ALLOW_CONTAINERS with db opens nothing"),
        ("ALLOW_NETWORKS=*", "ALLOW_NETWORKS with * reaches every network"),
        ("ALLOW_VOLUMES=*", "ALLOW_VOLUMES with * shows, changes and removes"),
        ("ALLOW_TAGS=*", "ALLOW_TAGS with * puts an image in place of any other"),
        ("GRPC=1 POST=1", "GRPC=1 opens nothing, as GUARD closes it"),
    ] {
        assert!(warnings(lists).contains(says), "{lists}: {}", warnings(lists));
    }
    for lists in [
        "ALLOW_BIND_MOUNTS=/srv/ci/,/etc/localtime:ro,/etc/ssl/certs:ro",
        "ALLOW_CAPABILITIES=CHOWN ALLOW_DEVICES=/dev/dri,gpu",
        "ALLOW_CONTAINERS=ci-*,0123456789ab ALLOW_NETWORKS=x ALLOW_VOLUMES=db ALLOW_TAGS=ci/*",
    ] {
        assert_eq!(warnings(lists), "", "{lists}");
    }
    assert!(!warnings("CONTAINERS=1 POST=1 VOLUMES=1 SWARM=1 PLUGINS=1").contains("is root"));
}

// === Words ===

#[test]
fn explain_judges_a_body() {
    let policy = policy("GUARD=baseline POST=1 CONTAINERS=1 IMAGES=1");
    let explain = |target: &str, body: Option<&str>| {
        let explained = explain::request(&policy, "CI__", "POST", target, body.map(str::as_bytes));
        let explained = explained.expect("a request");
        (explained.allowed, explained.sentence)
    };
    for (target, body, expected) in [
        (
            "/containers/create",
            None,
            (true, "allowed: POST /containers/create: CONTAINERS=1 allows it, if GUARD allows its body"),
        ),
        (
            "/containers/create",
            Some("{}"),
            (true, "allowed: POST /containers/create: CONTAINERS=1 allows it, and GUARD its body"),
        ),
        (
            "/containers/create",
            Some(r#"{"HostConfig":{"Privileged":true,"Binds":["/a:/b","/c:/d"]}}"#),
            (
                false,
                "denied: POST /containers/create: GUARD refuses HostConfig.Privileged: nothing opens it; GUARD refuses \
                 HostConfig.Binds: add the folder to CI__ALLOW_BIND_MOUNTS",
            ),
        ),
        (
            "/containers/create",
            Some("{"),
            (false, "denied: POST /containers/create: GUARD cannot judge a body that is no JSON at byte 1"),
        ),
        (
            "/containers/a/start",
            Some("{\"a\":0} "),
            (
                false,
                "denied: POST /containers/a/start: GUARD closes a start with a body or a checkpoint, which could change the container",
            ),
        ),
        (
            "/images/load",
            None,
            (
                false,
                "denied: POST /images/load: GUARD closes it, as nobody can judge what it does to the host",
            ),
        ),
        (
            "/images/create?fromImage=a",
            None,
            (true, "allowed: POST /images/create?fromImage=a: IMAGES=1 allows it, and GUARD its query"),
        ),
        (
            "/containers/x/kill",
            None,
            (
                true,
                "allowed: POST /containers/x/kill: CONTAINERS=1 allows it, if this was made through this proxy: the container",
            ),
        ),
        (
            "/containers/create",
            Some(r#"{"HostConfig":{"PidMode":"container:x","VolumesFrom":["y"]}}"#),
            (
                true,
                "allowed: POST /containers/create: CONTAINERS=1 allows it, and GUARD its body, if this was made through this \
                 proxy: HostConfig.PidMode and HostConfig.VolumesFrom",
            ),
        ),
        (
            "/containers/create",
            Some(r#"{"HostConfig":{"Binds":["x:/a"]}}"#),
            (
                false,
                "denied: POST /containers/create: GUARD refuses HostConfig.Binds: it can be what others use; add its name to \
                 CI__ALLOW_VOLUMES",
            ),
        ),
        (
            "/containers/a/stop",
            Some("{}"),
            (
                false,
                "denied: POST /containers/a/stop: GUARD refuses the container: a name of hexadecimal digits and _ alone is taken for an \
                 ID; ask for it by its ID, of 12 digits or more",
            ),
        ),
    ] {
        let (allowed, sentence) = explain(target, body);
        assert_eq!((allowed, &*sentence), expected);
    }
}

#[test]
fn a_difference_shows_what_guard_and_its_lists_open() {
    let old = policy("GUARD=baseline POST=1 CONTAINERS=1 ALLOW_BIND_MOUNTS=/a,/b");
    let new =
        policy("GUARD=baseline POST=1 CONTAINERS=1 ALLOW_BIND_MOUNTS=/b,/c ALLOW_CAPABILITIES=NET_ADMIN");
    let difference = explain::difference(&old, &new);
    assert!(difference.opens);
    assert_eq!(
        difference.text,
        "opens   ALLOW_BIND_MOUNTS=/c\ncloses  ALLOW_BIND_MOUNTS=/a\nopens   ALLOW_CAPABILITIES=NET_ADMIN\n"
    );
    let names = |names: &str| policy(&format!("GUARD=baseline ALLOW_CONTAINERS={names}"));
    for (old, new, opens) in [
        ("ci-*", "ci-1", false),
        ("ci-1", "ci-*", true),
        ("*", "ci-*,db", false),
        ("ca*", "cat", false),
        // What could be an ID does not begin so.
        ("ca*", "cafe12345678", true),
    ] {
        assert_eq!(names(old).covers(&names(new)), !opens, "{old} {new}");
    }
    let off = policy("POST=1 CONTAINERS=1");
    let difference = explain::difference(&new, &off);
    assert!(
        difference.opens && difference.text.contains("opens   POST     /containers/create"),
        "{}",
        difference.text
    );
    assert!(!explain::difference(&off, &new).opens);
}

#[test]
fn what_a_list_would_need_is_known() {
    let guard = guard("");
    let text =
        r#"{"HostConfig":{"Binds":["/a:/b:ro"],"Devices":[{"PathOnHost":"/dev/x"}],"NetworkMode":"host"}}"#;
    let Err(Fault::Refused(refused)) = guard.judge(Body::Create, text.as_bytes()) else {
        panic!("it passes")
    };
    let needs: Vec<_> = refused.into_iter().map(|refused| refused.why).collect();
    assert_eq!(
        needs,
        [
            Why::Needs(Need::BindMount(String::from("/a"), false)),
            Why::Needs(Need::Device(String::from("/dev/x"))),
            Why::Needs(Need::HostNetwork),
        ]
    );
}
