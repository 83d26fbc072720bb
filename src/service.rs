//! The life of the program once it is configured: it serves, says what it grants, heeds signals, and stops.
//!
//! Nothing in here waits for standard output or standard error ([`Output`]): a stop takes SHUTDOWN_GRACE and less than a
//! second more, whether somebody reads them or not.

use crate::config::{Config, Frontend};
use crate::logging::{self, Logger, Output};
use crate::policy;
use crate::policy::learn::Learner;
use crate::proxy::bind::{self, Entrance, bind};
use crate::proxy::daemon::Daemon;
use crate::proxy::limits;
use crate::proxy::listener::{self, boxed};
use crate::signals::{self, Stop};
use log::{error, info, warn};
use sd_notify::NotifyState;
use std::io;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::signal::unix::SignalKind;

/// How often the log is asked for repeats to sum up.
const SUM_UP_INTERVAL: Duration = Duration::from_secs(5);

/// More threads than this gain nothing: one moves some 70,000 requests a second.
const MAX_WORKERS: usize = 4;

/// How long a thread of which there is one to spare stays: longer than any program runs.
const FOR_EVER: Duration = Duration::from_secs(3600 * 24 * 365 * 100);

/// How often it is said that everything is allowed.
const LEARN_REMINDER: Duration = Duration::from_secs(3600);

/// How long connections that are cut have to say so.
const CUT_PATIENCE: Duration = Duration::from_millis(300);

/// How long whoever reads the log, and LEARN's report, has for the last lines.
const READER_PATIENCE: Duration = Duration::from_millis(500);

/// Serves until a signal says to stop. `lookalikes` are the sentences about variables that look like this program's.
pub fn run(config: Config, lookalikes: Vec<String>) -> ExitCode {
    let (logger, report) = match outputs(&config) {
        Ok(outputs) => outputs,
        Err(error) => {
            eprintln!("docker-socket-proxy: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let served = serve(config, lookalikes, logger, report.clone());
    logger.sum_up_all();
    let status = match served {
        Ok(()) => {
            info!(event = "stop"; "stopped");
            ExitCode::SUCCESS
        }
        Err(sentence) => {
            // Whatever LOG_LEVEL is: it is the reason for the exit status.
            logger.output().put(format!("docker-socket-proxy: {sentence}\n").as_bytes());
            ExitCode::FAILURE
        }
    };
    drain(logger, report.as_deref(), READER_PATIENCE);
    status
}

/// The log, and LEARN's report where there is to be one.
fn outputs(config: &Config) -> io::Result<(&'static Logger, Option<Arc<Report>>)> {
    let logger = logging::start(config.log_level, config.log_directives.as_deref(), config.log_format)?;
    let learning: Vec<_> =
        config.frontends.iter().filter(|frontend| frontend.learner.is_some()).map(Arc::clone).collect();
    let report = if learning.is_empty() { None } else { Some(Arc::new(Report::new(learning)?)) };
    Ok((logger, report))
}

/// Lets what was said reach its readers.
fn drain(logger: &Logger, report: Option<&Report>, patience: Duration) {
    let deadline = Instant::now() + patience;
    logger.output().drain(deadline);
    if let Some(report) = report {
        report.stdout.drain(deadline);
    }
}

fn serve(
    mut config: Config,
    lookalikes: Vec<String>,
    logger: &'static Logger,
    report: Option<Arc<Report>>,
) -> Result<(), String> {
    let (listening, frontends) = (bind::descriptors(&config), config.frontends.len());
    config.max_connections = limits::make_room(config.max_connections, listening, frontends);
    let runtimes = runtimes(&config).map_err(|error| format!("cannot start: {error}"))?;
    let served = Arc::new(OnceLock::new());
    let ending = Ending { served: Arc::clone(&served), waits: thread::current() };
    let handles: Vec<_> = runtimes.iter().map(|runtime| runtime.handle().clone()).collect();
    runtimes[0].spawn(boxed(async move {
        let _ = ending.served.set(serve_until_told(config, &handles, lookalikes, logger, report).await);
    }));
    // Without a timer of the runtime's, for the reason that clock gives.
    let served = loop {
        thread::park_timeout(SUM_UP_INTERVAL);
        match served.get() {
            Some(served) => break Result::clone(served),
            None => logger.sum_up(),
        }
    };
    let deadline = Instant::now() + CUT_PATIENCE;
    for runtime in runtimes {
        runtime.shutdown_timeout(deadline.saturating_duration_since(Instant::now()));
    }
    served
}

/// A runtime for each frontend, so that no client takes the time of another one's threads: the kernel shares it out among them. The threads
/// are shared out too, each frontend has at least one. What is for all of them is done by the first.
///
/// # Errors
/// The system has not enough threads or descriptors.
fn runtimes(config: &Config) -> io::Result<Vec<Runtime>> {
    let frontends = config.frontends.len();
    let workers = thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS).div_ceil(frontends);
    let guarded = config.frontends.iter().filter(|frontend| frontend.policy.guard().is_some()).count();
    // The last one is the clock's.
    let threads = workers * frontends + guarded + 1;
    try_threads(threads).map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("{threads} threads cannot be had: {error}; raise the limit, such as pids_limit"),
        )
    })?;
    let runtime = |frontend: &Arc<Frontend>| {
        // One more thread, which stays once it is there: it takes over from a thread that judges a large body.
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(workers).max_blocking_threads(1).thread_keep_alive(FOR_EVER);
        let runtime = builder.enable_all().build()?;
        if frontend.policy.guard().is_some() {
            runtime.spawn_blocking(|| ());
        }
        Ok(runtime)
    };
    config.frontends.iter().map(runtime).collect()
}

/// Whether so many threads can be had. tokio panics where they cannot, or waits for ever.
fn try_threads(count: usize) -> io::Result<()> {
    let gate = Mutex::new(());
    thread::scope(|scope| {
        let _closed = gate.lock();
        let pass = || drop(gate.lock());
        (0..count).try_for_each(|_| thread::Builder::new().spawn_scoped(scope, pass).map(drop))
    })
}

/// Tells the thread that waits how serving ended, once this is dropped: a panic drops it, too.
struct Ending {
    served: Arc<OnceLock<Result<(), String>>>,
    waits: Thread,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.served.get_or_init(|| Err(String::from("a bug ended the accept loop")));
        self.waits.unpark();
    }
}

async fn serve_until_told(
    config: Config,
    runtimes: &[Handle],
    lookalikes: Vec<String>,
    logger: &'static Logger,
    report: Option<Arc<Report>>,
) -> Result<(), String> {
    let entrances = bind(&config, runtimes).map_err(|error| error.to_string())?;
    let stop = heed_signals(report.clone()).map_err(|error| format!("cannot wait for signals: {error}"))?;
    for entrance in &entrances {
        say_what_is_granted(&config, entrance);
    }
    for lookalike in lookalikes {
        warn!(event = "grants"; "{lookalike}");
    }
    if let Some(report) = &report {
        tokio::spawn(boxed(remind_of_learning(Arc::clone(report))));
    }
    // Where nobody reads it, this waits.
    if std::env::var_os("NOTIFY_SOCKET").is_some() {
        tokio::task::spawn_blocking(|| {
            if let Err(error) = sd_notify::notify(&[NotifyState::Ready]) {
                warn!(event = "systemd"; "cannot tell systemd that it is ready: {error}");
            }
        });
    }
    let config = Arc::new(config);
    tokio::spawn(boxed(warn_of_missing_daemon(Arc::clone(&config))));
    let stopped = stopped(stop, config.shutdown_grace, logger, report.clone());
    listener::run(entrances, config, stopped).await.map_err(|error| format!("cannot start: {error}"))?;
    if let Some(report) = report.filter(|report| report.has_news()) {
        report.print();
    }
    Ok(())
}

/// Says where somebody is served, with which grants, and what to beware of.
fn say_what_is_granted(config: &Config, Entrance { frontend, listeners, .. }: &Entrance) {
    let name = frontend.name.as_deref();
    let listener =
        listeners.iter().map(|listener| &*listener.door.listener).collect::<Vec<_>>().join(" and ");
    let who = name.map_or_else(String::new, |name| format!(" for {name}"));
    info!(
        event = "start", name, listener;
        "docker-socket-proxy {}{who} on {listener}, daemon at {}, granted: {}",
        env!("CARGO_PKG_VERSION"), config.socket_path.display(), frontend.policy.granted(),
    );
    for warning in frontend.warnings() {
        warn!(event = "grants", name; "{}", about(frontend, &warning));
    }
}

/// A sentence about a client that has a name.
fn about(frontend: &Frontend, sentence: &str) -> String {
    frontend.name.as_ref().map_or_else(|| sentence.to_owned(), |name| format!("{name}: {sentence}"))
}

/// Takes the signals that do not stop the program, and returns those that do.
fn heed_signals(report: Option<Arc<Report>>) -> io::Result<Stop> {
    let ignored = signals::ignore(
        SignalKind::hangup(),
        "SIGHUP is ignored: the environment is read at the start; start the proxy again to change it",
    )?;
    tokio::spawn(boxed(ignored));
    tokio::spawn(match report {
        Some(report) => {
            let mut asked = signals::user_defined1()?;
            boxed(async move {
                while asked.recv().await.is_some() {
                    report.print();
                }
            })
        }
        None => boxed(signals::ignore(
            SignalKind::user_defined1(),
            "SIGUSR1 is ignored: it asks what LEARN=1 has seen, and LEARN is not set",
        )?),
    });
    Stop::new()
}

/// Ready when the program is told to stop. A second signal ends it at once.
async fn stopped(mut stop: Stop, grace: Duration, logger: &'static Logger, report: Option<Arc<Report>>) {
    let name = stop.next().await;
    info!(event = "stop"; "{name}: no more clients are taken, and requests in flight have {grace:?} to end");
    // At once, as whoever stops a container may not wait for the grace period's end.
    if let Some(report) = &report {
        report.print();
    }
    tokio::spawn(boxed(async move {
        let name = stop.next_but_same().await;
        info!(event = "stop"; "{name} again: stopped at once");
        drain(logger, report.as_deref(), READER_PATIENCE);
        std::process::exit(1);
    }));
}

async fn remind_of_learning(report: Arc<Report>) {
    loop {
        for frontend in &report.learning {
            // An error's level, so that it is seen whatever LOG_LEVEL is.
            error!(event = "learn", name = frontend.name; "{}", about(frontend, policy::LEARN_WARNING));
        }
        tokio::time::sleep(LEARN_REMINDER).await;
    }
}

async fn warn_of_missing_daemon(config: Arc<Config>) {
    if let Err(error) = Daemon::new(&config).connect().await {
        let path = config.socket_path.display();
        warn!(event = "daemon"; "cannot reach the daemon at {path} yet: {error}");
    }
}

/// LEARN's report, on standard output.
struct Report {
    /// Those that learn.
    learning: Vec<Arc<Frontend>>,
    stdout: Output,
}

impl Report {
    fn new(learning: Vec<Arc<Frontend>>) -> io::Result<Self> {
        let dropped =
            |count| format!("# {count} reports of LEARN=1 were dropped here, as nobody read them\n");
        Ok(Self { learning, stdout: Output::to(io::stdout(), dropped)? })
    }

    fn learners(&self) -> impl Iterator<Item = &Learner> {
        self.learning.iter().filter_map(|frontend| frontend.learner.as_ref())
    }

    fn has_news(&self) -> bool {
        self.learners().any(Learner::has_news)
    }

    fn print(&self) {
        let reports: String = self.learners().map(Learner::report).collect();
        self.stdout.put(reports.as_bytes());
    }
}
