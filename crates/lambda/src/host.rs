//! The host: definitions by ARN, and the way of one invoke from request to answer.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use bedplate_base::{Arn, Clock, Error, Result};
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::callback::{Callback, HandlerKey};
use crate::compiled;
use crate::family::{Alias, Families};
use crate::function::{Function, Runtime};
use crate::interpreter::Interpreters;
use crate::invocation::{FunctionError, Invocation, Kind, Options};
use crate::isolation::Isolation;
use crate::layers;
use crate::limits;
use crate::package::{InUse, Packages};
use crate::pool::Slot;
use crate::process::{Ended, Groups, Loaded, Process};
use crate::remote::{Remote, Remotes};
use crate::request::Request;
use crate::spawn::{self, Surroundings};

/// What a host needs to know; it reads nothing from the server's environment.
#[derive(Clone)]
pub struct Config {
    /// Where unpacked packages and the bootstrap are kept: `STATE/functions`, absolute.
    pub folder: PathBuf,
    /// The machine's clock: processes run in real time.
    pub clock: Arc<dyn Clock>,
    /// `PATH` of the functions' processes.
    pub path: OsString,
}

/// Runs functions. A clone is another handle to the same host; processes end with the last one.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    config: Config,
    packages: Packages,
    callback: Mutex<Callback>,
    isolation: Mutex<Option<Arc<Isolation>>>,
    functions: Mutex<Families>,
    remotes: Mutex<Remotes>,
    running: Arc<Semaphore>,
    interpreters: Interpreters,
    groups: Arc<Groups>,
    bootstraps_written: AtomicBool,
    seeded: tokio::sync::OnceCell<()>,
    sweeper: Mutex<JoinSet<()>>,
}

impl Host {
    /// A host without functions.
    pub fn new(config: Config) -> Self {
        Self(Arc::new(Inner {
            packages: Packages::new(config.folder.clone()),
            config,
            callback: Mutex::default(),
            isolation: Mutex::default(),
            functions: Mutex::default(),
            remotes: Mutex::default(),
            running: Arc::new(Semaphore::new(limits::RUNNING_MAX)),
            interpreters: Interpreters::default(),
            groups: Arc::default(),
            bootstraps_written: AtomicBool::new(false),
            seeded: tokio::sync::OnceCell::new(),
            sweeper: Mutex::default(),
        }))
    }

    /// Where unpacked deployment packages are.
    pub fn packages(&self) -> &Packages {
        &self.0.packages
    }

    /// Where it keeps what it has on disk: `STATE/functions`.
    pub fn folder(&self) -> &Path {
        &self.0.config.folder
    }

    /// The server's own address for the handlers' AWS SDKs (`AWS_ENDPOINT_URL`), for processes started from now on.
    pub fn set_endpoint(&self, url: impl Into<String>) {
        lock(&self.0.callback).endpoint = Some(url.into());
    }

    /// Credentials for the handlers' AWS SDKs, by the account of the function, for processes started from now on. Functions
    /// of other accounts get some that are good only where any are.
    pub fn set_keys(&self, keys: BTreeMap<String, HandlerKey>) {
        lock(&self.0.callback).keys = keys;
    }

    /// Hides folders and files (the state folder, files with keys) and all other processes from functions that start from
    /// now on; each still sees its own code and temporary files. It needs bubblewrap: the error says why it does not work
    /// here, and functions then run without.
    pub async fn isolate(&self, hidden: &[PathBuf]) -> Result<()> {
        let isolation = Isolation::find(&self.0.config.path, hidden, &*self.0.config.clock).await?;
        *lock(&self.0.isolation) = Some(Arc::new(isolation));
        Ok(())
    }

    /// Adds a function; a conflict when its ARN (with this version) is taken.
    pub fn create(&self, function: Function) -> Result<()> {
        function.check()?;
        let mut functions = self.0.functions();
        if functions.has(&function) {
            return Err(Error::conflict(format!("Function already exist: {}", function.name)));
        }
        functions.put(function);
        Ok(())
    }

    /// Adds a function or puts it in the place of the one with its ARN and version. New invokes use new processes, also
    /// when the definition is the same: its files may have changed. Invokes under way end on the old ones.
    pub fn replace(&self, function: Function) -> Result<()> {
        function.check()?;
        self.0.functions().put(function);
        Ok(())
    }

    /// Forgets a function with all its versions, or the one version that is named; invokes under way end.
    pub fn delete(&self, function: &str) -> Result<()> {
        self.0.functions().delete(function)
    }

    /// Says where each alias of the function with this unqualified ARN leads; aliases that are not named are gone.
    pub fn set_aliases(&self, arn: &Arn, aliases: BTreeMap<String, Alias>) {
        self.0.functions().set_aliases(arn, aliases);
    }

    /// Limits how many invokes of all versions of a function run at a time; more are refused, not kept waiting. Without a
    /// limit up to [`limits::PROCESSES_PER_FUNCTION`] run and more wait.
    pub fn set_concurrency(&self, arn: &Arn, limit: Option<u32>) {
        self.0.functions().set_concurrency(arn, limit);
    }

    /// Sends invokes of a function somewhere else: `function` is a name or an unqualified ARN. It wins over a function of
    /// that name here.
    pub fn map(&self, function: &str, remote: Remote) -> Result<()> {
        lock(&self.0.remotes).add(function, remote)
    }

    /// Whether invokes of this function (name, partial ARN or ARN) go somewhere else.
    pub fn is_mapped(&self, function: &str) -> bool {
        lock(&self.0.remotes).find(function).is_some()
    }

    /// The definition that a name, partial ARN or ARN means. Of an alias that is shared out: one that it may lead to.
    pub fn get(&self, function: &str) -> Result<Arc<Function>> {
        Ok(Arc::clone(&self.0.functions().resolve(function, dice)?.slot.function))
    }

    /// All definitions by ARN, versions included.
    pub fn list(&self) -> Vec<Arc<Function>> {
        self.0.functions().slots().map(|slot| Arc::clone(&slot.function)).collect()
    }

    /// What processes run or may yet run.
    pub fn in_use(&self) -> InUse {
        let alive = self.0.functions().alive();
        let folders = |slot: &Arc<Slot>| {
            let function = &slot.function;
            let merged = layers::folder(&self.0.config.folder, &function.layers);
            [vec![function.code.clone()], function.layers.clone(), merged.into_iter().collect()].concat()
        };
        InUse {
            folders: alive.iter().flat_map(folders).collect(),
            names: alive.iter().map(|slot| slot.function.name.clone()).collect(),
        }
    }

    /// Invokes a function (name, partial ARN or ARN) with a JSON document; nothing at all counts as `{}`.
    ///
    /// How the function fails is a value inside [`Invocation`]. An error says that it could not be called: it is not
    /// there, the request is too long, too many wait, no interpreter. Dropping the future kills the process at work.
    pub async fn invoke(&self, function: &str, payload: Bytes, options: Options) -> Result<Invocation> {
        let inner = &self.0;
        let mut request = Request::new(payload, options)?;
        let remote = lock(&inner.remotes).find(function);
        if let Some((remote, qualifier)) = remote {
            let closed = |_| {
                Error::new(
                    bedplate_base::Kind::Unavailable,
                    "The server is shutting down and takes no more invokes",
                )
            };
            let _turn = inner.running.acquire().await.map_err(closed)?;
            return remote.invoke(&request, qualifier.as_deref(), &*inner.config.clock).await;
        }
        let meant = inner.functions().resolve(function, dice)?;
        request.arn = meant.arn;
        let slot = meant.slot;
        let _turn = slot.admit(&inner.running, &meant.reserved, request.options.patient).await?;
        loop {
            let (mut process, init_ms) = match slot.take() {
                Some(process) => {
                    process.output.begin(&request.id, request.options.logs.clone());
                    (process, None)
                }
                None => match inner.start(&slot.function, &request).await? {
                    Ok((process, init_ms)) => (process, Some(init_ms)),
                    Err(failed) => return Ok(*failed),
                },
            };
            let timeout = request
                .options
                .timeout
                .map_or(slot.function.timeout, |shorter| shorter.min(slot.function.timeout));
            let began = inner.config.clock.now();
            let deadline = began + timeout;
            let ended = process
                .run(request.work(deadline.millis()), inner.config.clock.sleep_until(deadline))
                .await;
            let (result, reusable) = match ended {
                // A warm process that ended before it saw the event is nobody's failure.
                Ended::Exited { taken: false, .. } if init_ms.is_none() => continue,
                Ended::Answered(body) => (Ok(body), true),
                Ended::Failed { declared, body } => (Err(FunctionError::reported(Kind::Unhandled, declared.as_deref(), body)), true),
                Ended::TooLarge => {
                    let limit = match request.options.stream {
                        Some(_) => limits::STREAM_BYTES_MAX,
                        None => limits::RESPONSE_BYTES_MAX,
                    };
                    let message = format!("Response payload size exceeded maximum allowed payload size ({limit} bytes).");
                    (
                        Err(FunctionError::stated(Kind::TooLarge, "Function.ResponseSizeTooLarge", message)),
                        true,
                    )
                }
                Ended::Exited { status, .. } => (Err(FunctionError::exited(Kind::Crashed, &request.id, status)), false),
                Ended::TimedOut => (Err(inner.timed_out(Kind::TimedOut, &request.id, timeout)), false),
            };
            let now = inner.config.clock.now();
            let logs = process.output.finish();
            if reusable {
                slot.give(process, now);
            }
            let duration_ms = now.since(began).as_secs_f64() * 1e3;
            return Ok(Invocation {
                request_id: request.id,
                version: slot.function.version.clone(),
                result,
                logs,
                init_ms,
                duration_ms,
            });
        }
    }

    /// Whether [`Self::shutdown`] was called.
    pub fn is_shut_down(&self) -> bool {
        self.0.running.is_closed()
    }

    /// Takes no more invokes and kills every process with all that it started.
    pub fn shutdown(&self) {
        self.0.running.close();
        self.0.functions().slots().for_each(|slot| slot.retire());
        self.0.groups.kill_all();
    }
}

impl Inner {
    /// Starts and loads a process. The inner error is a function that cannot be loaded: its invoke is over.
    async fn start(self: &Arc<Self>, function: &Function, request: &Request) -> Result<Result<(Process, u64), Box<Invocation>>> {
        let interpreter = self.interpreters.find(function.runtime, &*self.config.clock).await?;
        if interpreter.is_some() {
            self.write_bootstraps()?;
        }
        let isolation = lock(&self.isolation).clone();
        if let (Some(_), Some(python), Runtime::Python { .. }) = (&isolation, &interpreter, function.runtime) {
            self.plant(python, &function.name).await?;
        }
        let layers = layers::prepare(self.config.folder.clone(), function.layers.clone()).await?;
        let began = self.config.clock.now();
        let around = Surroundings {
            path: self.config.path.clone(),
            callback: lock(&self.callback).clone(),
            interpreter,
            layers,
            folder: self.config.folder.clone(),
            isolation,
            now: began,
        };
        let mut process = Process::start(function, &around, &self.groups, &request.id, request.options.logs.clone()).await?;
        self.make_room();
        let limit = function.timeout.max(limits::INIT_MIN);
        let error = match process.load(self.config.clock.sleep_until(began + limit)).await {
            Loaded::Ready => {
                let init_ms = self.config.clock.now().since(began).as_millis();
                return Ok(Ok((process, u64::try_from(init_ms).unwrap_or(u64::MAX))));
            }
            Loaded::Failed { declared, body } => FunctionError::reported(Kind::InitFailed, declared.as_deref(), body),
            Loaded::Exited(status) => FunctionError::exited(Kind::InitFailed, &request.id, status),
            Loaded::TimedOut => self.timed_out(Kind::InitFailed, &request.id, limit),
        };
        let init_ms = u64::try_from(self.config.clock.now().since(began).as_millis()).ok();
        let logs = process.output.finish();
        Ok(Err(Box::new(Invocation {
            request_id: request.id.clone(),
            version: function.version.clone(),
            result: Err(error),
            logs,
            init_ms,
            duration_ms: 0.0,
        })))
    }

    /// The message that clients and log readers know from AWS.
    fn timed_out(&self, kind: Kind, request_id: &str, limit: std::time::Duration) -> FunctionError {
        let now = bedplate_base::Timestamp::from_millis(self.config.clock.now().millis()).iso();
        let message = format!("{now} {request_id} Task timed out after {:.2} seconds", limit.as_secs_f64());
        FunctionError::stated(kind, "Sandbox.Timedout", message)
    }

    /// Sees that an isolated function has a cache of compiled modules.
    async fn plant(&self, python: &Path, name: &str) -> Result<()> {
        let folder = self.config.folder.clone();
        if compiled::cache(&folder, name).is_dir() {
            return Ok(());
        }
        let seeded = self
            .seeded
            .get_or_init(|| compiled::fill_seed(&folder, python, &*self.config.clock));
        seeded.await;
        let name = name.to_owned();
        let failed = |error: std::io::Error| Error::internal("A function's cache of compiled modules cannot be made").with_source(error);
        match tokio::task::spawn_blocking(move || compiled::plant(&folder, &name)).await {
            Ok(planted) => planted.map_err(failed),
            Err(error) => Err(failed(std::io::Error::other(error))),
        }
    }

    fn write_bootstraps(&self) -> Result<()> {
        if !self.bootstraps_written.load(Ordering::Acquire) {
            let failed = |error| Error::internal("The bootstraps cannot be written to the state folder").with_source(error);
            spawn::write_bootstraps(&self.config.folder).map_err(failed)?;
            self.bootstraps_written.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// After a cold start: ends the oldest warm processes beyond the limit, and sees that idle ones will end.
    fn make_room(self: &Arc<Self>) {
        let slots: Vec<Arc<Slot>> = self.functions().slots().cloned().collect();
        let warm: usize = slots.iter().map(|slot| slot.warm().0).sum();
        for _ in limits::IDLE_MAX..warm {
            let oldest = slots
                .iter()
                .filter_map(|slot| Some((slot.warm().1?, slot)))
                .min_by_key(|(since, _)| *since);
            if let Some((_, slot)) = oldest {
                slot.end_oldest();
            }
        }
        let mut sweeper = lock(&self.sweeper);
        if sweeper.is_empty() {
            sweeper.spawn(sweep(Arc::downgrade(self), Arc::clone(&self.config.clock)));
        }
    }

    fn functions(&self) -> std::sync::MutexGuard<'_, Families> {
        lock(&self.functions)
    }
}

/// Ends processes that nobody used for long, until the host is gone.
async fn sweep(host: Weak<Inner>, clock: Arc<dyn Clock>) {
    loop {
        clock.sleep_until(clock.now() + limits::SWEEP_EVERY).await;
        let Some(host) = host.upgrade() else { return };
        let idle_ns = i64::try_from(limits::IDLE_TIME_MAX.as_nanos()).unwrap_or(i64::MAX);
        let before = bedplate_base::Timestamp(clock.now().nanos().saturating_sub(idle_ns));
        let slots: Vec<Arc<Slot>> = host.functions().slots().cloned().collect();
        slots.iter().for_each(|slot| slot.sweep(before));
    }
}

/// A number in 0..1.
fn dice() -> f64 {
    let digits = bedplate_base::random_uuid();
    f64::from(u32::from_str_radix(&digits[..8], 16).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
