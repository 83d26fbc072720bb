//! The tests of `both/` over a TCP listener, and what TCP alone has.

mod both;
mod support;

use docker_socket_proxy::config::Config;
use docker_socket_proxy::proxy::bind::{Address, bind};
use docker_socket_proxy::proxy::client::Client;
use docker_socket_proxy::proxy::listener;
use std::sync::{Arc, mpsc};
use std::time::Duration;

#[test]
fn every_client_is_asked_by_tcp_whether_it_is_there_and_gets_small_writes_at_once() {
    let config = Config::of(&[("LISTEN", "127.0.0.1:0")].into_iter().collect()).expect("a configuration");
    let (seen, options) = mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let entrances = bind(&config, &[tokio::runtime::Handle::current()]).expect("a free port");
        let Address::Tcp(address) = entrances[0].listeners[0].address else {
            panic!("no port: {entrances:?}")
        };
        let _client = std::net::TcpStream::connect(address);
        let served = Arc::new(tokio::sync::Notify::new());
        let done = Arc::clone(&served);
        let serve = move |client: Client, _| {
            let socket = socket2::SockRef::from(&client);
            let time = socket.tcp_keepalive_time().expect("a time");
            let interval = socket.tcp_keepalive_interval().expect("an interval");
            let retries = socket.tcp_keepalive_retries().expect("a number");
            let on = (socket.tcp_nodelay().expect("a flag"), socket.keepalive().expect("a flag"));
            seen.send((on, time + interval * retries)).expect("the test waits");
            served.notify_one();
            std::future::ready(())
        };
        listener::serve_each(entrances, &config, done.notified(), |_| serve.clone()).await.expect("a thread");
    });
    assert_eq!(options.recv(), Ok(((true, true), Duration::from_secs(120))));
}

mod docker {
    use crate::both::docker::{Engine, client};

    /// It asks for a websocket by a URL with a port, whatever DOCKER_HOST is.
    #[test]
    #[ignore = "needs a Docker Engine, see tests/both/docker.rs"]
    fn docker_py_attaches_by_websocket() {
        let attach = client("python3", ["tests/docker/docker_py.py", "attach_websocket", "none"]);
        Engine::take_turn().check("CONTAINERS POST", &attach);
    }
}

mod hijack {
    use crate::both::hijack::both_sides;
    use crate::support::{PATIENCE, pattern};
    use docker_socket_proxy::proxy::pump::Pump;
    use docker_socket_proxy::proxy::splice::splice;
    use socket2::SockRef;
    use std::time::Duration;
    use tokio::io::AsyncWriteExt;
    use tokio::time::{sleep, timeout};

    #[tokio::test]
    async fn a_client_that_vanishes_after_both_ends_with_output_on_its_way_is_noticed() {
        let (mut client, mut accepted, mut daemon, mut socket) = both_sides().await;
        SockRef::from(&client).set_recv_buffer_size(4096).expect("a small buffer");
        let splicing = tokio::spawn(async move {
            splice(&mut accepted, &mut socket, &mut Pump::default(), &mut Pump::default()).await
        });
        // More than a daemon's socket takes that is not read, so that the copy does not end.
        client.write_all(&pattern(300_000)).await.expect("input");
        client.shutdown().await.expect("an end");
        daemon.write_all(&pattern(60_000)).await.expect("output");
        daemon.shutdown().await.expect("an end");
        sleep(Duration::from_millis(100)).await;
        SockRef::from(&client).set_linger(Some(Duration::ZERO)).expect("linger");
        drop(client);
        let copied = timeout(PATIENCE, splicing).await.expect("it is noticed");
        copied.expect("no panic").expect_err("the stream was cut");
    }
}
