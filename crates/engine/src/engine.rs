//! The engine as the rest of the program sees it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bedplate_base::{BoxFuture, Clock, Result, random_uuid, sha256};
use bedplate_journal::{Body, CallId, Decider, Event, ExecId, Outcome, Payload, Signal, Target};
use bedplate_store::{Head, Letter, Owner, Page, ReadError, Store};
use futures_util::future::{Either, select};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::AbortHandle;

use crate::blobs::Blobs;
use crate::feed::{Feed, Hub};
use crate::limits::{EVENTS_PER_READ, FOLDS_AT_ONCE};
use crate::live::{Factory, is_rendered};
use crate::mailbox::Input;
use crate::registry::{Post, Registry};
use crate::timers::{self, Timers};
use crate::{Counts, Limits, Observer, Sabotage, SignalError, actor, retention, tokens};

/// Runs executions over one store. Clones share it; when the last one goes, its tasks go.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

/// What an engine is made of.
pub struct Builder {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    kinds: HashMap<Arc<str>, Factory>,
    targets: HashMap<Arc<str>, Arc<dyn Target>>,
    limits: Limits,
    owner: Option<Owner>,
    chores: Vec<Chore>,
    observer: Option<Arc<dyn Observer>>,
    sabotage: Option<Sabotage>,
}

/// Something that others want done at each look of retention.
pub(crate) type Chore = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    kinds: HashMap<Arc<str>, Factory>,
    pub(crate) targets: HashMap<Arc<str>, Arc<dyn Target>>,
    pub(crate) limits: Limits,
    pub(crate) chores: Vec<Chore>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) owner: Owner,
    sabotage: Option<Sabotage>,
    pub(crate) registry: Registry,
    pub(crate) hub: Arc<Hub>,
    pub(crate) blobs: Blobs,
    pub(crate) timers: Arc<Timers>,
    pub(crate) folds: Semaphore,
    tasks: Mutex<Vec<AbortHandle>>,
    started: AtomicBool,
}

impl Builder {
    /// Names a kind of execution and what makes its deciders.
    pub fn kind(mut self, name: &str, factory: impl Fn(&ExecId) -> Box<dyn Decider> + Send + Sync + 'static) -> Self {
        self.kinds.insert(name.into(), Arc::new(factory));
        self
    }

    /// Names a target that deciders may call. A call of a name that nobody has is answered with the failure `Engine.NoTarget`.
    pub fn target(mut self, name: &str, target: Arc<dyn Target>) -> Self {
        self.targets.insert(name.into(), target);
        self
    }

    /// Sets bounds other than the default ones.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Does this, too, whenever the engine looks for what its time is over: at the start and every hour.
    pub fn chore(mut self, chore: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Self {
        self.chores.push(Box::new(chore));
        self
    }

    /// Tells `observer` of every commit.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Sets the name under which leases are held, so that tests repeat; random otherwise.
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Breaks a rule, so that tests can see it found.
    #[doc(hidden)]
    pub fn sabotage(mut self, sabotage: Sabotage) -> Self {
        self.sabotage = Some(sabotage);
        self
    }

    /// The engine. It starts nothing before [`Engine::recover`] or the first signal.
    pub fn build(self) -> Engine {
        let owner = self.owner.unwrap_or_else(|| {
            let hash = sha256(random_uuid().as_bytes());
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&hash.0[..8]);
            // The sign bit stays clear: stores keep owners as signed integers.
            Owner(u64::from_be_bytes(bytes) >> 1)
        });
        Engine {
            inner: Arc::new(Inner {
                registry: Registry::new(&self.limits),
                hub: Arc::new(Hub::new(self.limits.feed_items_max, self.limits.feed_bytes_max)),
                blobs: Blobs::new(self.limits.blob_cache_bytes_max),
                timers: Arc::new(Timers::new()),
                folds: Semaphore::new(FOLDS_AT_ONCE),
                tasks: Mutex::default(),
                started: AtomicBool::new(false),
                sabotage: self.sabotage,
                store: self.store,
                clock: self.clock,
                kinds: self.kinds,
                targets: self.targets,
                limits: self.limits,
                chores: self.chores,
                observer: self.observer,
                owner,
            }),
        }
    }
}

impl Engine {
    /// Begins an engine over `store`.
    pub fn builder(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Builder {
        Builder {
            store,
            clock,
            kinds: HashMap::new(),
            targets: HashMap::new(),
            limits: Limits::default(),
            owner: None,
            chores: Vec::new(),
            observer: None,
            sabotage: None,
        }
    }

    /// Takes up what the last process left: folds executions with open calls or waiting letters, performs the calls again under
    /// their keys, sets the timers. Tells how many executions have work; does not wait until it is done.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn recover(&self) -> Result<usize> {
        timers::read(&self.inner).await?;
        self.inner.start_tasks();
        let mut count = 0;
        let mut last: Option<ExecId> = None;
        loop {
            let page = self.inner.store.work(last.as_ref(), EVENTS_PER_READ).await?;
            for exec in &page {
                self.inner.post(exec, Post::Nudge)?;
            }
            count += page.len();
            if page.len() < EVENTS_PER_READ {
                return Ok(count);
            }
            last = page.last().cloned();
        }
    }

    /// Sends a signal. It is durable when this returns.
    ///
    /// # Errors
    /// Nothing of the signal is journaled; see [`SignalError`]. A signal to a process that dies may be journaled without an answer.
    pub async fn send(&self, exec: &ExecId, letter: Letter) -> Result<(), SignalError> {
        if exec.as_str().len() > ExecId::BYTES_MAX {
            let what = format!(
                "the execution's id has {} bytes, at most {} are taken",
                exec.as_str().len(),
                ExecId::BYTES_MAX
            );
            return Err(SignalError::TooLarge(what));
        }
        let (done, stored) = oneshot::channel();
        let input = Input::Letter {
            id: None,
            letter,
            done: Some(done),
        };
        self.inner.post(exec, Post::Signal(input))?;
        let gone = || SignalError::Unavailable("it stopped before the signal was stored".into());
        stored.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Sends a signal and follows what becomes of it: the feed begins before the signal. The signal is journaled when this returns.
    ///
    /// # Errors
    /// As [`Engine::send`].
    pub async fn request(&self, exec: &ExecId, letter: Letter) -> Result<Feed, SignalError> {
        let feed = self.subscribe(exec);
        self.send(exec, letter).await?;
        Ok(feed)
    }

    /// Follows an execution from now on; it need not exist yet.
    pub fn subscribe(&self, exec: &ExecId) -> Feed {
        self.inner.hub.subscribe(exec)
    }

    /// Stops an execution: closes what is open and ends it as aborted. Does nothing to one that has ended.
    ///
    /// # Errors
    /// As [`Engine::send`].
    pub async fn stop(&self, exec: &ExecId) -> Result<(), SignalError> {
        let signal = Signal::Stop;
        self.send(exec, Letter { start: None, signal }).await
    }

    /// The token with which outsiders settle a callback. It can be made before the call is.
    pub fn token(&self, exec: &ExecId, call: CallId) -> String {
        tokens::token(&self.inner.store.server_key(), exec, call)
    }

    /// Settles the callback of a token; one that is closed already stays as it is.
    ///
    /// # Errors
    /// `InvalidToken` when this server did not make it, otherwise as [`Engine::send`].
    pub async fn settle(&self, token: &str, outcome: Outcome) -> Result<(), SignalError> {
        let key = self.inner.store.server_key();
        let (exec, call) = tokens::call_of(&key, token).ok_or(SignalError::InvalidToken)?;
        let signal = Signal::Settled { call, outcome };
        self.send(&exec, Letter { start: None, signal }).await
    }

    /// Says that letters for `exec` were put into the store by somebody else. Only a hint: they are also found by the next
    /// signal and by the next start.
    ///
    /// # Errors
    /// The engine stops or the execution is broken.
    pub fn nudge(&self, exec: &ExecId) -> Result<(), SignalError> {
        self.inner.post(exec, Post::Nudge)
    }

    /// Deletes executions whose time is over and values that nobody needs any more, as the engine does by itself from time to time; tells how many they were.
    ///
    /// # Errors
    /// The store cannot be read or written; what was deleted before stays so.
    pub async fn retain(&self) -> Result<u64, SignalError> {
        retention::pass(&self.inner, Duration::ZERO).await
    }

    /// How many executions are in memory.
    pub fn counts(&self) -> Counts {
        self.inner.registry.counts()
    }

    /// Heads of executions whose id begins with `prefix`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn heads(&self, prefix: &str, page: Page) -> Result<Vec<Head>> {
        Ok(self.inner.store.executions(prefix, page).await?)
    }

    /// The head of one execution.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn head(&self, exec: &ExecId) -> Result<Option<Head>> {
        Ok(self.inner.store.head(exec).await?)
    }

    /// Events after `after`, at most `limit`, their values loaded.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn events(&self, exec: &ExecId, after: u64, limit: usize) -> Result<Vec<Event>> {
        let mut events = self.inner.store.events(exec, after, limit).await?;
        for event in &mut events {
            self.inner.blobs.hydrate(&*self.inner.store, event).await?;
        }
        Ok(events)
    }

    /// Folds the journal again with a fresh decider and shows each event after it was applied, with the payload of rendered
    /// calls: exactly what the live feed carried. False when the execution does not exist.
    ///
    /// # Errors
    /// The store cannot be read, or no decider of this kind is known.
    pub async fn replay(&self, exec: &ExecId, see: &mut (dyn FnMut(&Event, Option<&Payload>) + Send)) -> Result<bool> {
        let Some(head) = self.inner.store.head(exec).await? else {
            return Ok(false);
        };
        let mut decider = self.inner.decider(&head.kind, exec)?;
        let mut version = 0;
        while version < head.version {
            let page = self.events(exec, version, EVENTS_PER_READ).await?;
            let Some(last) = page.last() else {
                return Err(ReadError(format!("event {} of {exec} is missing", version + 1)).into());
            };
            version = last.seq;
            for event in page.iter().take_while(|event| event.seq <= head.version) {
                decider.apply(event);
                let rendered = is_rendered(event).then(|| decider.render(CallId(event.seq)));
                see(event, rendered.as_ref());
            }
        }
        Ok(true)
    }

    /// Takes no more signals, lets running calls finish for at most `grace` and commits their outcomes, then drops the rest:
    /// it is performed again after the next start. Subscribers are told.
    pub async fn shutdown(&self, grace: Duration) {
        let inner = &self.inner;
        inner.registry.close();
        let mut deadline = inner.clock.sleep_until(inner.clock.now() + grace);
        loop {
            let mut rested = std::pin::pin!(inner.registry.rested.notified());
            rested.as_mut().enable();
            if inner.registry.active() == 0 {
                break;
            }
            match select(rested, deadline).await {
                Either::Left((_, later)) => deadline = later,
                Either::Right(_) => break,
            }
        }
        inner.registry.abort();
        inner.stop_tasks();
        inner.hub.lose_all("the server is stopping");
    }
}

impl Inner {
    pub(crate) fn post(self: &Arc<Self>, exec: &ExecId, post: Post) -> Result<(), SignalError> {
        self.start_tasks();
        self.registry.post(exec, post, |mailbox, live| {
            tokio::spawn(actor::run(self.clone(), exec.clone(), mailbox, live)).abort_handle()
        })
    }

    pub(crate) fn decider(&self, kind: &str, exec: &ExecId) -> Result<Box<dyn Decider>, SignalError> {
        let factory = self.kinds.get(kind).ok_or_else(|| SignalError::UnknownKind(kind.to_owned()))?;
        Ok(factory(exec))
    }

    /// Loads the values of a letter that waited in the store.
    pub(crate) async fn hydrate(&self, letter: &mut Letter) -> Result<(), SignalError> {
        let mut event = Event {
            seq: 0,
            at: bedplate_base::Timestamp::default(),
            body: Body::Signaled(letter.signal.clone()),
        };
        self.blobs.hydrate(&*self.store, &mut event).await?;
        if let Body::Signaled(signal) = event.body {
            letter.signal = signal;
        }
        Ok(())
    }

    /// Whether this rule is broken on purpose.
    pub(crate) fn breaks(&self, rule: Sabotage) -> bool {
        self.sabotage == Some(rule)
    }

    fn start_tasks(self: &Arc<Self>) {
        if self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        let tasks = vec![
            tokio::spawn(timers::run(Arc::downgrade(self))).abort_handle(),
            tokio::spawn(retention::run(Arc::downgrade(self))).abort_handle(),
        ];
        *self.tasks.lock().expect("invariant: nothing panics while it holds the tasks") = tasks;
    }

    fn stop_tasks(&self) {
        if let Ok(tasks) = self.tasks.lock() {
            tasks.iter().for_each(AbortHandle::abort);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop_tasks();
    }
}
