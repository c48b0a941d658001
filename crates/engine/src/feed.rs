//! The live feed: what was committed, and text that may be shown before it is.
//!
//! Nobody waits for a subscriber: each has a bounded queue of its own; one that falls behind is told so once and ends, the
//! execution goes on. Where nobody listens, nothing is copied.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bedplate_journal::{Body, CallId, Event, ExecId, Input, Outcome, Payload, Raw, Signal, Value};
use futures_util::Stream;
use futures_util::task::AtomicWaker;

/// What a subscriber gets.
#[derive(Clone, Debug)]
pub enum Item {
    /// All events of one commit, in order.
    Committed(Arc<[Committed]>),
    /// Text that may be shown while a call runs. All text of a call comes before the commit that holds its answer.
    Text {
        /// Which call.
        call: CallId,
        /// What to show next.
        text: String,
    },
    /// The subscriber missed something, for this reason; the last item. The journal has it all.
    Lost(String),
}

/// A committed event.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The event, its values loaded.
    pub event: Arc<Event>,
    /// What the target of a call with `Input::Rendered` is given.
    pub rendered: Option<Payload>,
}

/// What happens to one execution from now on. Dropping it ends the subscription.
pub struct Feed {
    exec: ExecId,
    channel: Arc<Channel>,
    hub: Arc<Hub>,
}

/// Who listens to what.
pub(crate) struct Hub {
    topics: Mutex<HashMap<ExecId, Vec<Arc<Channel>>>>,
    items_max: usize,
    bytes_max: usize,
}

/// Those who listened to an execution at some moment.
#[derive(Clone)]
pub(crate) struct Listeners(Vec<Arc<Channel>>);

struct Channel {
    queue: Mutex<Queue>,
    waker: AtomicWaker,
    items_max: usize,
    bytes_max: usize,
}

#[derive(Default)]
struct Queue {
    items: VecDeque<(usize, Item)>,
    bytes: usize,
    closed: bool,
}

impl Feed {
    /// The next item; none after `Lost`.
    pub async fn next(&mut self) -> Option<Item> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&self, context: &Context<'_>) -> Poll<Option<Item>> {
        if let Some(ready) = self.channel.pop() {
            return Poll::Ready(ready);
        }
        self.channel.waker.register(context.waker());
        self.channel.pop().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Stream for Feed {
    type Item = Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>> {
        self.poll(context)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let mut topics = self.hub.topics();
        if let Some(channels) = topics.get_mut(&self.exec) {
            channels.retain(|channel| !Arc::ptr_eq(channel, &self.channel));
            if channels.is_empty() {
                topics.remove(&self.exec);
            }
        }
    }
}

impl Hub {
    pub(crate) fn new(items_max: usize, bytes_max: usize) -> Self {
        Self {
            topics: Mutex::default(),
            items_max,
            bytes_max,
        }
    }

    pub(crate) fn subscribe(self: &Arc<Self>, exec: &ExecId) -> Feed {
        let channel = Arc::new(Channel {
            queue: Mutex::default(),
            waker: AtomicWaker::new(),
            items_max: self.items_max,
            bytes_max: self.bytes_max,
        });
        self.topics().entry(exec.clone()).or_default().push(channel.clone());
        Feed {
            exec: exec.clone(),
            channel,
            hub: self.clone(),
        }
    }

    /// Who listens now; none when nobody does.
    pub(crate) fn listeners(&self, exec: &ExecId) -> Option<Listeners> {
        self.topics().get(exec).map(|channels| Listeners(channels.clone()))
    }

    /// Ends every subscription with a reason.
    pub(crate) fn lose_all(&self, why: &str) {
        let all: Vec<_> = self.topics().values().flatten().cloned().collect();
        Listeners(all).lose(why);
    }

    fn topics(&self) -> MutexGuard<'_, HashMap<ExecId, Vec<Arc<Channel>>>> {
        self.topics.lock().expect("invariant: nothing panics while it holds the topics")
    }
}

impl Listeners {
    pub(crate) fn committed(&self, events: Vec<Committed>) {
        let bytes = events.iter().map(|committed| size(&committed.event)).sum();
        let item = Item::Committed(events.into());
        for channel in &self.0 {
            channel.push(bytes, item.clone());
        }
    }

    pub(crate) fn text(&self, call: CallId, text: &str) {
        for channel in &self.0 {
            let text = text.to_owned();
            channel.push(text.len() + OVERHEAD, Item::Text { call, text });
        }
    }

    pub(crate) fn lose(&self, why: &str) {
        for channel in &self.0 {
            channel.lose(why.to_owned());
        }
    }
}

impl Channel {
    fn push(&self, bytes: usize, item: Item) {
        let mut queue = self.queue();
        if queue.closed {
            return;
        }
        if queue.items.len() >= self.items_max || queue.bytes + bytes > self.bytes_max {
            drop(queue);
            return self.lose("the subscriber fell too far behind".into());
        }
        queue.bytes += bytes;
        queue.items.push_back((bytes, item));
        drop(queue);
        self.waker.wake();
    }

    fn lose(&self, why: String) {
        let mut queue = self.queue();
        if !queue.closed {
            queue.closed = true;
            queue.items.push_back((0, Item::Lost(why)));
        }
        drop(queue);
        self.waker.wake();
    }

    /// The next item if there is one, or the end.
    fn pop(&self) -> Option<Option<Item>> {
        let mut queue = self.queue();
        match queue.items.pop_front() {
            Some((bytes, item)) => {
                queue.bytes -= bytes;
                Some(Some(item))
            }
            None => queue.closed.then_some(None),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("invariant: nothing panics while it holds a queue")
    }
}

/// What an item costs beside its texts, about.
const OVERHEAD: usize = 128;

/// Bytes of an event in memory, about.
pub(crate) fn size(event: &Event) -> usize {
    let raw = |raw: &Raw| raw.as_str().len();
    let value = |value: &Value| match value {
        Value::Inline(text) => raw(text),
        Value::Blob(blob) => blob.raw.as_ref().map_or(0, raw),
    };
    let outcome = |outcome: &Outcome| match outcome {
        Outcome::Success(success) => value(success),
        Outcome::Failure { error, cause } => error.len() + cause.len(),
        Outcome::Aborted | Outcome::TimedOut(_) => 0,
    };
    OVERHEAD
        + match &event.body {
            Body::Started { input, .. } => value(input),
            Body::Signaled(Signal::Message { program, payload, .. }) => value(payload) + program.as_ref().map_or(0, value),
            Body::Signaled(Signal::Settled { outcome: settled, .. }) => outcome(settled),
            Body::Called {
                input: Input::Value(input),
                ..
            } => value(input),
            Body::Answered { outcome: end, .. } | Body::Replied { outcome: end, .. } | Body::Ended(end) => outcome(end),
            Body::Noted(note) => raw(note),
            _ => 0,
        }
}
