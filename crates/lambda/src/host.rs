//! The host: definitions by ARN, and the way of one invoke from request to answer.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use bedplate_base::{Clock, Error, Result};
use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::function::{Function, Runtime};
use crate::invocation::{FunctionError, Invocation, Kind, Options};
use crate::limits;
use crate::package::Packages;
use crate::pool::Slot;
use crate::process::{Ended, Groups, Loaded, Process};
use crate::python::Interpreters;
use crate::reference::Reference;
use crate::runtime_api::Work;
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
    endpoint: Mutex<Option<String>>,
    functions: Mutex<BTreeMap<String, Arc<Slot>>>,
    running: Arc<Semaphore>,
    interpreters: Interpreters,
    groups: Arc<Groups>,
    bootstrap_written: AtomicBool,
    sweeper: Mutex<JoinSet<()>>,
}

impl Host {
    /// A host without functions.
    pub fn new(config: Config) -> Self {
        Self(Arc::new(Inner {
            packages: Packages::new(config.folder.clone()),
            config,
            endpoint: Mutex::default(),
            functions: Mutex::default(),
            running: Arc::new(Semaphore::new(limits::RUNNING_MAX)),
            interpreters: Interpreters::default(),
            groups: Arc::default(),
            bootstrap_written: AtomicBool::new(false),
            sweeper: Mutex::default(),
        }))
    }

    /// Where unpacked deployment packages are.
    pub fn packages(&self) -> &Packages {
        &self.0.packages
    }

    /// The server's own address for the handlers' AWS SDKs (`AWS_ENDPOINT_URL`), for processes started from now on.
    pub fn set_endpoint(&self, url: impl Into<String>) {
        *lock(&self.0.endpoint) = Some(url.into());
    }

    /// Adds a function; a conflict when its ARN is taken.
    pub fn create(&self, function: Function) -> Result<()> {
        function.check()?;
        let mut functions = self.0.functions();
        let key = function.arn.to_string();
        if functions.contains_key(&key) {
            return Err(Error::conflict(format!("Function already exist: {}", function.name)));
        }
        functions.insert(key, Slot::new(function));
        Ok(())
    }

    /// Adds a function or puts it in the place of the one with its ARN. New invokes use new processes, also when the
    /// definition is the same: its files may have changed. Invokes under way end on the old ones.
    pub fn replace(&self, function: Function) -> Result<()> {
        function.check()?;
        let before = self.0.functions().insert(function.arn.to_string(), Slot::new(function));
        if let Some(before) = before {
            before.retire();
        }
        Ok(())
    }

    /// Forgets a function; invokes under way end.
    pub fn delete(&self, function: &str) -> Result<()> {
        let slot = self.0.resolve(function)?;
        self.0.functions().remove(slot.function.arn.as_str());
        slot.retire();
        Ok(())
    }

    /// The definition that a name, partial ARN or ARN means.
    pub fn get(&self, function: &str) -> Result<Arc<Function>> {
        Ok(Arc::clone(&self.0.resolve(function)?.function))
    }

    /// All definitions by ARN.
    pub fn list(&self) -> Vec<Arc<Function>> {
        self.0.functions().values().map(|slot| Arc::clone(&slot.function)).collect()
    }

    /// Invokes a function (name, partial ARN or ARN) with a JSON document; nothing at all counts as `{}`.
    ///
    /// How the function fails is a value inside [`Invocation`]. An error says that it could not be called: it is not
    /// there, the request is too long, too many wait, no interpreter. Dropping the future kills the process at work.
    pub async fn invoke(&self, function: &str, payload: Bytes, options: Options) -> Result<Invocation> {
        let inner = &self.0;
        let slot = inner.resolve(function)?;
        let request = Request::new(payload, options)?;
        let _turn = slot.admit(&inner.running).await?;
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
                .run(
                    request.work(&slot.function, deadline.millis()),
                    inner.config.clock.sleep_until(deadline),
                )
                .await;
            let (result, reusable) = match ended {
                // A warm process that ended before it saw the event is nobody's failure.
                Ended::Exited { taken: false, .. } if init_ms.is_none() => continue,
                Ended::Answered(body) => (Ok(body), true),
                Ended::Failed { declared, body } => (Err(FunctionError::reported(Kind::Unhandled, declared.as_deref(), body)), true),
                Ended::TooLarge => {
                    let message = format!(
                        "Response payload size exceeded maximum allowed payload size ({} bytes).",
                        limits::RESPONSE_BYTES_MAX
                    );
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
        for slot in self.0.functions().values() {
            slot.retire();
        }
        self.0.groups.kill_all();
    }
}

impl Inner {
    /// Starts and loads a process. The inner error is a function that cannot be loaded: its invoke is over.
    async fn start(self: &Arc<Self>, function: &Function, request: &Request) -> Result<Result<(Process, u64), Box<Invocation>>> {
        let python = match function.runtime {
            Runtime::Python { minor } => {
                self.write_bootstrap()?;
                Some(self.interpreters.find(minor, &*self.config.clock).await?)
            }
            Runtime::Provided { .. } => None,
        };
        let began = self.config.clock.now();
        let around = Surroundings {
            path: self.config.path.clone(),
            endpoint: lock(&self.endpoint).clone(),
            python,
            folder: self.config.folder.clone(),
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

    fn resolve(&self, function: &str) -> Result<Arc<Slot>> {
        let functions = self.functions();
        if let Some(slot) = functions.get(function) {
            return Ok(Arc::clone(slot)); // an ARN as we give it out: the usual case
        }
        let reference = Reference::parse(function)?;
        let place = |slot: &Slot| {
            let arn = &slot.function.arn;
            reference.region.as_deref().is_none_or(|region| region == arn.region())
                && reference.account.as_deref().is_none_or(|account| account == arn.account())
        };
        let named: Vec<&Arc<Slot>> = functions.values().filter(|slot| slot.function.name == reference.name).collect();
        let exact: Vec<&Arc<Slot>> = named.iter().copied().filter(|slot| place(slot)).collect();
        // An ARN of another account or region (an agent moved here from AWS) means the function of that name.
        let meant = if exact.is_empty() { named } else { exact };
        if let Some(qualifier) = reference.qualifier {
            return Err(Error::not_found(format!(
                "Function not found: {function}: there is no version or alias `{qualifier}` here, only $LATEST"
            )));
        }
        match meant.as_slice() {
            [slot] => Ok(Arc::clone(slot)),
            [] => {
                let known = functions
                    .values()
                    .take(10)
                    .map(|slot| slot.function.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ");
                let known = if known.is_empty() {
                    "there are none yet".into()
                } else {
                    format!("there are: {known}")
                };
                Err(Error::not_found(format!("Function not found: {function} ({known})")))
            }
            several => {
                let places = several.iter().map(|slot| slot.function.arn.as_str()).collect::<Vec<_>>().join(", ");
                Err(Error::validation(format!(
                    "`{function}` may be several functions; use an ARN: {places}"
                )))
            }
        }
    }

    fn write_bootstrap(&self) -> Result<()> {
        if !self.bootstrap_written.load(Ordering::Acquire) {
            let failed = |error| Error::internal("The bootstrap cannot be written to the state folder").with_source(error);
            spawn::write_bootstrap(&self.config.folder).map_err(failed)?;
            self.bootstrap_written.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// After a cold start: ends the oldest warm processes beyond the limit, and sees that idle ones will end.
    fn make_room(self: &Arc<Self>) {
        let slots: Vec<Arc<Slot>> = self.functions().values().cloned().collect();
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

    fn functions(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Slot>>> {
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
        let slots: Vec<Arc<Slot>> = host.functions().values().cloned().collect();
        slots.iter().for_each(|slot| slot.sweep(before));
    }
}

/// A checked request: everything in it can be sent.
struct Request {
    id: String,
    trace_id: String,
    client_context: Option<String>,
    payload: Bytes,
    options: Options,
}

impl Request {
    fn new(payload: Bytes, mut options: Options) -> Result<Self> {
        if payload.len() > limits::REQUEST_BYTES_MAX {
            let message = format!(
                "Request must be smaller than {} bytes for the InvokeFunction operation",
                limits::REQUEST_BYTES_MAX
            );
            return Err(Error::validation(message).with_field("payload", "too long"));
        }
        let token = |text: &str, max: usize| {
            !text.is_empty() && text.len() <= max && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
        };
        let id = options.request_id.take().unwrap_or_else(bedplate_base::random_uuid);
        if !token(&id, 128) {
            return Err(Error::validation(
                "The request id must be 1 to 128 visible ASCII characters without `/`",
            ));
        }
        let trace_id = options.trace_id.take().unwrap_or_else(|| {
            let digits = bedplate_base::random_uuid().replace('-', "");
            format!("Root=1-{}-{};Parent={};Sampled=0", &digits[..8], &digits[8..], &digits[16..])
        });
        if !token(&trace_id, 512) {
            return Err(Error::validation("The trace id must be 1 to 512 visible ASCII characters"));
        }
        let client_context = options.client_context.take().map(|text| header_json(&text)).transpose()?;
        let payload = if payload.is_empty() { Bytes::from_static(b"{}") } else { payload };
        Ok(Self {
            id,
            trace_id,
            client_context,
            payload,
            options,
        })
    }

    fn work(&self, function: &Function, deadline_ms: i64) -> Work {
        Work {
            request_id: self.id.clone(),
            deadline_ms,
            arn: function.arn.to_string(),
            trace_id: self.trace_id.clone(),
            client_context: self.client_context.clone(),
            payload: self.payload.clone(),
        }
    }
}

/// A JSON document in a form that a header carries: ASCII on one line. Outside ASCII only strings have anything, so
/// escapes keep the meaning.
fn header_json(text: &str) -> Result<String> {
    if text.len() > limits::CLIENT_CONTEXT_BYTES_MAX {
        return Err(Error::validation(format!(
            "The client context must have at most {} bytes",
            limits::CLIENT_CONTEXT_BYTES_MAX
        )));
    }
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        return Err(Error::validation(format!("The client context must be JSON: {error}")));
    }
    let mut ascii = String::with_capacity(text.len());
    let mut units = [0; 2];
    for c in text.chars() {
        match c {
            ' '..='~' => ascii.push(c),
            '\u{0}'..='\u{1f}' => ascii.push(' '),
            _ => c
                .encode_utf16(&mut units)
                .iter()
                .for_each(|unit| ascii.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    Ok(ascii)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
