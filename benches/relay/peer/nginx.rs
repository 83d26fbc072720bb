//! nginx as a relay: its stream module.

use crate::address::Address;
use crate::relay::{Flow, threads};
use std::path::Path;

/// Where Debian's libnginx-mod-stream has it.
pub const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// As many processes as the bare relay has threads, and buffers as large as the relay's where those of nginx are smaller.
pub fn configuration(address: &Address, socket: &Path, scratch: &Path, flow: Flow) -> String {
    let buffer_bytes = flow.buffer_bytes().max(16 * 1024);
    let nodelay = if let Address::Tcp(_) = address { "tcp_nodelay on; " } else { "" };
    format!(
        "load_module {STREAM_MODULE};\nuser root;\ndaemon off;\npid {}/nginx.pid;\nerror_log /dev/null;\nworker_processes {};\n\
         events {{ worker_connections 20000; }}\n\
         stream {{ server {{ listen {address} backlog=1024; {nodelay}proxy_buffer_size {buffer_bytes}; proxy_timeout 1h; proxy_half_close on; \
         proxy_pass unix:{}; }} }}\n",
        scratch.display(),
        threads(),
        socket.display(),
    )
}
