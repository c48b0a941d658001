//! `serve`, and what `dev` shares with it: opens the state, listens, ends in good order.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bedplate_http::{Credentials, Drained, Key, Secret, Server, Upstream};
use bedplate_lambda::HandlerKey;
use bedplate_providers::{Announce, Mode};
use bedplate_store::{MemoryStore, Store};
use bedplate_store_sqlite::{OpenError, SqliteStore};
use bedplate_telemetry::Board;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::app::{App, Parts};
use crate::args::{LogFormat, Serve};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::supervisor;

/// How long the last words of streams may take at a shutdown.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long the last spans may take at a shutdown.
const LAST_SPANS: Duration = Duration::from_secs(2);
/// How often a state folder is looked at that something holds which a dead server had started, and the pause between two looks: two seconds in
/// all. Seen: some milliseconds, once in a hundred kills.
const LOOKS: usize = 400;
const PAUSE: Duration = Duration::from_millis(5);

/// A server that listens but says that it is not ready yet.
pub(crate) struct House {
    /// What runs.
    pub(crate) app: App,
    /// Its address: `http://127.0.0.1:7780`.
    pub(crate) url: String,
    /// The configuration.
    pub(crate) config: Config,
    /// The state folder; a temporary one with `--ephemeral`.
    pub(crate) folder: PathBuf,
    listener: TcpListener,
    ready: watch::Sender<bool>,
    strict: bool,
    credentials: Credentials,
    /// A key of the server's own, where requests must be signed; for its account.
    pub(crate) key: Option<HandlerKey>,
    /// Where requests to other AWS services go.
    pub(crate) upstream: Option<Arc<Upstream>>,
    /// Removed at the end: the state of `--ephemeral`, and the note by which clients find the server.
    leftovers: Leftovers,
}

#[derive(Default)]
struct Leftovers {
    folder: Option<PathBuf>,
    note: Option<PathBuf>,
}

/// `bedplate serve`.
pub(crate) async fn run(args: Serve) -> Result<(), String> {
    log("info", args.log_format != Some(LogFormat::Human));
    // Functions of the same user must not read the variables that hold keys.
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        tracing::debug!(target: "bedplate", %error, "the process stays readable for others of its user");
    }
    let announce: Announce = Arc::new(|_, _| {});
    let house = House::open(&args, Mode::Serve, announce).await?;
    tracing::info!(target: "bedplate", url = house.url, state = %house.folder.display(), "listening");
    house.serve(async {}).await
}

impl House {
    /// Opens the state and the port, and takes up what the last process left.
    ///
    /// # Errors
    /// One text for people.
    pub(crate) async fn open(args: &Serve, mode: Mode, announce: Announce) -> Result<Self, String> {
        raise_open_files();
        let config = Config::read(args.config.as_deref(), Path::new("."))?;
        let (credentials, handler_keys) = credentials(&config)?;
        let upstream = config
            .upstream
            .resolve(args.upstream.as_deref(), &config.folder(Path::new(".")), &|name| {
                std::env::var(name).ok()
            });
        let upstream = upstream.map_err(|problem| config.at(&problem))?.map(Arc::new);
        if !args.without_keys {
            credentials
                .suit(args.host)
                .map_err(|why| format!("{why}. Name keys in bedplate.toml ([keys.NAME]), or say --without-keys."))?;
        }
        let address = SocketAddr::new(args.host, args.port);
        let mut leftovers = Leftovers::default();
        let board: Arc<Board> = Arc::default();
        let (store, folder) = open_store(args, &mut leftovers, &board).await?;
        let listener = TcpListener::bind(address).await.map_err(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!(
                    "{address} is in use: another server listens there. End it, or choose another port with --port (0 picks a free one)."
                )
            }
            _ => format!("{address}: {error}"),
        })?;
        let bound = listener.local_addr().map_err(|error| format!("{address}: {error}"))?;
        let url = format!("http://{}", reachable(bound));
        let clock = SystemClock::default();
        let key = handler_keys.get(&config.place.account).cloned();
        let parts = Parts {
            store,
            clock,
            folder: &folder,
            config: &config,
            mode,
            strict: args.strict,
            announce,
            handler_keys,
            upstream: upstream.clone(),
            board,
        };
        let app = App::start(parts, &url).await.map_err(|error| chain(&error))?;
        leftovers.note = Some(leave_note(&args.state, &url)?);
        let (ready, _) = watch::channel(false);
        Ok(Self {
            app,
            url,
            config,
            folder,
            listener,
            ready,
            strict: args.strict,
            credentials,
            key,
            upstream,
            leftovers,
        })
    }

    /// Whether requests must be signed with a key of the configuration.
    pub(crate) fn asks_for_keys(&self) -> bool {
        matches!(self.credentials, Credentials::Keys(_))
    }

    /// Serves until SIGTERM or SIGINT, doing `work` beside it; then finishes running steps for 25 s and stores the rest.
    pub(crate) async fn serve(self, work: impl Future<Output = ()>) -> Result<(), String> {
        let Self {
            app,
            config,
            listener,
            ready,
            strict,
            leftovers,
            credentials,
            upstream,
            ..
        } = self;
        let _leftovers = leftovers;
        ready.send_replace(true);
        let keys = matches!(credentials, Credentials::Keys(_));
        let doors = app.doors(config.place.clone(), (strict, keys), upstream, ready.subscribe());
        let limits = config.limits.listener();
        let grace = limits.grace_time;
        let server = Server {
            doors,
            limits,
            credentials,
            observer: Some(app.observer()),
            telemetry: crate::telemetry::of_listener(&app.board, &config),
        };
        let (stop, stopped) = watch::channel(false);
        let listening = async {
            let mut stopped = stopped.clone();
            let drained = bedplate_http::serve(listener, server, async move {
                let _ = stopped.wait_for(|stopped| *stopped).await;
            })
            .await;
            if drained == Drained::Cut {
                tracing::warn!(target: "bedplate", "some requests were still running after {grace:?} and were cut off; their turns go on at the next start");
            }
        };
        let ending = async {
            terminated().await;
            supervisor::tell(supervisor::STOPPING);
            ready.send_replace(false);
            stop.send_replace(true);
            // A little earlier than connections are cut off: streams say why they end.
            app.engine.shutdown(grace.saturating_sub(LAST_WORDS)).await;
        };
        supervisor::tell(supervisor::READY);
        let working = async {
            work.await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ((), ()) = async { tokio::join!(listening, ending) } => {}
            () = working => {}
            () = Arc::clone(&app.paid).keep() => {}
        }
        app.host.shutdown();
        app.paid.flush().await;
        if let Some(exporter) = &app.exporter {
            exporter.flush(LAST_SPANS).await;
        }
        Ok(())
    }
}

/// Connections, model sockets and functions' processes each need a file: the usual soft limit of 1,024 is too few for them.
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(target: "bedplate", %error, "the limit of open files could not be raised");
        }
    }
}

/// Whose signatures are taken: anybody's when the configuration names no keys. And the keys that functions call back with: as
/// long as this process lives they are accepted too, for the account of each configured key, and nowhere as an administrator's.
fn credentials(config: &Config) -> Result<(Credentials, BTreeMap<String, HandlerKey>), String> {
    let keys = config
        .keys
        .resolve(&config.folder(Path::new(".")), &|name| std::env::var(name).ok());
    let mut keys = keys.map_err(|error| config.at(&error))?;
    if keys.is_empty() {
        return Ok((Credentials::Any, BTreeMap::new()));
    }
    let mut own = BTreeMap::new();
    let accounts: BTreeSet<String> = keys
        .iter()
        .map(|key| key.account.clone().unwrap_or_else(|| config.place.account.clone()))
        .collect();
    for account in accounts {
        let key = HandlerKey {
            access_key: format!("ASIA{}", bedplate_base::random_id(16)),
            secret: bedplate_base::random_id(40),
            session_token: bedplate_base::random_id(64),
        };
        keys.push(Key {
            name: "functions".into(),
            access_key: key.access_key.clone(),
            secret: Secret::new(&key.secret),
            bearer: None,
            session_token: Some(Secret::new(&key.session_token)),
            account: Some(account.clone()),
            regions: Vec::new(),
            admin: false,
        });
        own.insert(account, key);
    }
    Ok((Credentials::Keys(keys), own))
}

async fn open_store(args: &Serve, leftovers: &mut Leftovers, board: &Arc<Board>) -> Result<(Arc<dyn Store>, PathBuf), String> {
    if args.ephemeral {
        let folder = std::env::temp_dir().join(format!("bedplate-{}-{}", std::process::id(), bedplate_base::random_id(6)));
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        leftovers.folder = Some(folder.clone());
        return Ok((Arc::new(MemoryStore::default()), folder));
    }
    let folder = std::path::absolute(&args.state).map_err(|error| format!("{}: {error}", args.state.display()))?;
    if crate::backup::is_half_restored(&folder) {
        let folder = folder.display();
        return Err(format!("a restore into {folder} was cut off: empty the folder and restore again"));
    }
    let store = take_over(&folder).await.map_err(|error| chain(&error))?;
    let board = Arc::clone(board);
    store.watch(Box::new(move |commits, time| board.committed(commits, time)));
    Ok((Arc::new(store), folder))
}

/// Opens the state folder. One that a dead process seems to hold is tried again: what that process had started holds the lock too, until it
/// has become another program.
async fn take_over(folder: &Path) -> Result<SqliteStore, OpenError> {
    for _ in 1..LOOKS {
        match SqliteStore::open(folder) {
            Err(OpenError::Held { pid: Some(pid), .. }) if is_dead(pid) => tokio::time::sleep(PAUSE).await,
            opened => return opened,
        }
    }
    SqliteStore::open(folder)
}

fn is_dead(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
}

/// Writes where the server is, so that the other verbs find it.
fn leave_note(state: &Path, url: &str) -> Result<PathBuf, String> {
    let note = state.join("server.json");
    let text = serde_json::json!({"url": url, "pid": std::process::id()}).to_string();
    let written = std::fs::create_dir_all(state).and_then(|()| std::fs::write(&note, text));
    written.map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; free some space on its disk",
            _ => "",
        };
        format!("{}: {error}{advice}", note.display())
    })?;
    Ok(note)
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        if let Some(note) = &self.note {
            let ours = std::fs::read_to_string(note).is_ok_and(|text| text.contains(&format!("\"pid\":{}", std::process::id())));
            if ours {
                let _ = std::fs::remove_file(note);
            }
        }
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// The address by which a client on this machine reaches a listener on all interfaces.
fn reachable(bound: SocketAddr) -> SocketAddr {
    if bound.ip().is_unspecified() {
        let host = if bound.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        };
        return SocketAddr::new(host, bound.port());
    }
    bound
}

/// Resolves at SIGTERM or SIGINT; a second one ends the process at once.
async fn terminated() {
    let wait = || async {
        let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    };
    wait().await;
    tokio::spawn(async move {
        wait().await;
        std::process::exit(130);
    });
}

/// An error with its causes, for people.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Sends the log to standard error; `BEDPLATE_LOG` says what of it.
pub(crate) fn log(default: &str, json: bool) {
    use tracing_subscriber::EnvFilter;
    let filter = std::env::var("BEDPLATE_LOG")
        .ok()
        .and_then(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| EnvFilter::new(default));
    // s3s calls every refused request an error; what is one stands in our own log.
    let filter = filter.add_directive("s3s=off".parse().expect("invariant: this is a directive"));
    // A log that cannot be written must not fail what it tells of: the report of such an error would go to the same place, and panic there.
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    if json {
        let _ = log.json().try_init();
    } else {
        let _ = log
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .without_time()
            .try_init();
    }
}
