//! A folded execution in memory: the decider and the engine's own fold, side by side.

use std::collections::BTreeMap;
use std::sync::Arc;

use bedplate_base::Hash;
use bedplate_journal::{Body, Call, CallId, Callee, Decider, Event, ExecId, Input, Payload};
use bedplate_store::{Head, ReadError, Store};

use crate::SignalError;
use crate::blobs::Blobs;
use crate::fold::Standing;
use crate::limits::EVENTS_PER_READ;

/// Makes deciders of one kind.
pub(crate) type Factory = Arc<dyn Fn(&ExecId) -> Box<dyn Decider> + Send + Sync>;

/// A folded execution.
pub(crate) struct Live {
    pub(crate) exec: ExecId,
    pub(crate) kind: Arc<str>,
    pub(crate) decider: Box<dyn Decider>,
    pub(crate) standing: Standing,
    /// Another owner stands in the head: the next commit takes the lease.
    pub(crate) steal: bool,
    /// The head names this engine.
    pub(crate) leased: bool,
    /// `decide` was not asked until it wanted nothing more.
    pub(crate) more: bool,
    /// Calls of targets that are open and not performed yet, with what they are given.
    pub(crate) to_perform: BTreeMap<CallId, Payload>,
    /// The blob that its events named last: the store has it, and keeps it as long as the execution. Messages name the same program again and
    /// again. When a commit fails, all of this is thrown away.
    pub(crate) stored: Option<Hash>,
}

impl Live {
    /// An execution that does not exist yet.
    pub(crate) fn new(exec: &ExecId, kind: Arc<str>, decider: Box<dyn Decider>) -> Self {
        Self {
            exec: exec.clone(),
            kind,
            decider,
            standing: Standing::default(),
            steal: false,
            leased: false,
            more: false,
            to_perform: BTreeMap::new(),
            stored: None,
        }
    }

    /// Folds events from the beginning; the payloads of calls that are still open are rendered as of their calls.
    pub(crate) fn fold(exec: &ExecId, kind: Arc<str>, decider: Box<dyn Decider>, events: &[Event]) -> Self {
        let mut live = Self::new(exec, kind, decider);
        events.iter().for_each(|event| live.standing.apply(event));
        for event in events {
            live.decider.apply(event);
            if live.standing.open.contains_key(&CallId(event.seq))
                && let Some(payload) = payload(&*live.decider, event)
            {
                live.to_perform.insert(CallId(event.seq), payload);
            }
        }
        live.more = true;
        live
    }

    /// The call as its target sees it; none when it is closed.
    pub(crate) fn call(&self, id: CallId) -> Option<(Arc<str>, Call)> {
        let open = self.standing.open.get(&id)?;
        let Callee::Target(name) = &open.callee else { return None };
        let call = Call {
            exec: self.exec.clone(),
            id,
            step: open.step.clone(),
            at: open.at,
            limits: open.limits,
            trace: None,
        };
        Some((name.clone(), call))
    }
}

/// What the target of the call that `event` begins is given, with the decider's state as of that event; none for all other events.
pub(crate) fn payload(decider: &dyn Decider, event: &Event) -> Option<Payload> {
    match &event.body {
        Body::Called {
            callee: Callee::Target(_),
            input,
            ..
        } => Some(match input {
            Input::Value(value) => Payload::Raw(value.raw().clone()),
            Input::Rendered => decider.render(CallId(event.seq)),
        }),
        _ => None,
    }
}

/// Whether the feed carries the payload of this event's call.
pub(crate) fn is_rendered(event: &Event) -> bool {
    matches!(
        event.body,
        Body::Called {
            callee: Callee::Target(_),
            input: Input::Rendered,
            ..
        }
    )
}

/// An execution's head and all its events, values loaded.
pub(crate) async fn read(store: &dyn Store, blobs: &Blobs, exec: &ExecId) -> Result<Option<(Head, Vec<Event>)>, SignalError> {
    let Some(head) = store.head(exec).await? else { return Ok(None) };
    let mut events: Vec<Event> = Vec::new();
    while (events.len() as u64) < head.version {
        let after = events.len() as u64;
        let mut page = store.events(exec, after, EVENTS_PER_READ).await?;
        if page.first().is_none_or(|event| event.seq != after + 1) {
            let gap = format!("event {} of {} is missing", after + 1, exec);
            return Err(ReadError(gap).into());
        }
        for event in &mut page {
            blobs.hydrate(store, event).await?;
        }
        events.append(&mut page);
    }
    Ok(Some((head, events)))
}
