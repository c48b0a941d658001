//! Which executions live in memory: those that are worked on, each with one actor, and folded ones that wait, oldest first out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bedplate_base::Timestamp;
use bedplate_journal::ExecId;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::limits::BROKEN_MAX;
use crate::live::Live;
use crate::mailbox::{Input, Mailbox};
use crate::{Counts, Limits, SignalError};

pub(crate) struct Registry {
    slots: Mutex<Slots>,
    /// Somebody became idle.
    pub(crate) rested: Notify,
    closing: AtomicBool,
    active_max: usize,
    signals_max: usize,
    idle_max: usize,
    idle_bytes_max: usize,
    idle_time: Duration,
}

#[derive(Default)]
struct Slots {
    active: HashMap<ExecId, Active>,
    idle: HashMap<ExecId, (u64, Box<Live>)>,
    /// Bytes of the events behind the idle executions, about.
    idle_bytes: usize,
    /// Idle executions in the order in which they became so.
    order: BTreeMap<u64, (Timestamp, ExecId)>,
    stamp: u64,
    broken: HashSet<ExecId>,
}

struct Active {
    mailbox: Arc<Mailbox>,
    task: Option<AbortHandle>,
}

/// What wakes an execution.
pub(crate) enum Post {
    /// A signal of a client: may be throttled.
    Signal(Input),
    /// Something of our own: always taken.
    Own(Input),
    /// Look into the inbox, go on with what is open.
    Nudge,
}

impl Registry {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            slots: Mutex::default(),
            rested: Notify::new(),
            closing: AtomicBool::new(false),
            active_max: limits.active_executions_max,
            signals_max: limits.waiting_signals_max,
            idle_max: limits.idle_executions_max,
            idle_bytes_max: limits.idle_bytes_max,
            idle_time: limits.idle_time,
        }
    }

    /// Puts something into the mailbox of `exec`; `spawn` starts its actor when none works on it.
    pub(crate) fn post(
        &self,
        exec: &ExecId,
        post: Post,
        spawn: impl FnOnce(Arc<Mailbox>, Option<Box<Live>>) -> AbortHandle,
    ) -> Result<(), SignalError> {
        if self.closing() {
            return Err(SignalError::Unavailable("it is stopping".into()));
        }
        let mut slots = self.slots();
        if slots.broken.contains(exec) {
            return Err(SignalError::Broken("its decider panicked earlier; see the server's log".into()));
        }
        let is_active = slots.active.contains_key(exec);
        if !is_active && matches!(post, Post::Signal(_)) && slots.active.len() >= self.active_max {
            return Err(SignalError::Throttled("too many executions are worked on"));
        }
        let mailbox = match slots.active.get(exec) {
            Some(active) => active.mailbox.clone(),
            None => Arc::default(),
        };
        let taken = match post {
            Post::Signal(input) => mailbox.push(input, self.signals_max),
            Post::Own(input) => mailbox.push(input, usize::MAX),
            Post::Nudge => {
                mailbox.nudge();
                true
            }
        };
        if !taken {
            return Err(SignalError::Throttled("too many signals wait for this execution"));
        }
        if !is_active {
            let live = slots.take_idle(exec);
            let active = Active {
                mailbox: mailbox.clone(),
                task: None,
            };
            slots.active.insert(exec.clone(), active);
            // The actor's first act may be to lock the slots; it runs as a task of its own, so it waits for us.
            let task = spawn(mailbox, live);
            if let Some(active) = slots.active.get_mut(exec) {
                active.task = Some(task);
            }
        }
        Ok(())
    }

    /// The actor has nothing to do: keeps what it folded, or gives it back when something arrived meanwhile.
    pub(crate) fn park(&self, exec: &ExecId, live: Option<Box<Live>>, now: Timestamp) -> Result<(), Option<Box<Live>>> {
        let mut slots = self.slots();
        if slots.active.get(exec).is_some_and(|active| !active.mailbox.is_empty()) {
            return Err(live);
        }
        slots.active.remove(exec);
        if let Some(live) = live {
            slots.stamp += 1;
            let stamp = slots.stamp;
            slots.order.insert(stamp, (now, exec.clone()));
            slots.idle_bytes += live.standing.bytes;
            slots.idle.insert(exec.clone(), (stamp, live));
        }
        while slots.idle.len() > self.idle_max || (slots.idle_bytes > self.idle_bytes_max && !slots.order.is_empty()) {
            slots.drop_oldest();
        }
        drop(slots);
        self.rested.notify_waiters();
        Ok(())
    }

    /// The actor gave up: whatever waits is told why. A broken execution takes nothing more until the restart.
    pub(crate) fn remove(&self, exec: &ExecId, why: &SignalError) {
        let mut slots = self.slots();
        if matches!(why, SignalError::Broken(_)) && slots.broken.len() < BROKEN_MAX {
            slots.broken.insert(exec.clone());
        }
        let active = slots.active.remove(exec);
        drop(slots);
        let mut left = Vec::new();
        if let Some(active) = active {
            active.mailbox.take(usize::MAX, &mut left);
        }
        left.into_iter().for_each(|input| input.finish(Err(why.clone())));
        self.rested.notify_waiters();
    }

    /// Forgets executions that were idle for too long; tells when to look again.
    pub(crate) fn evict(&self, now: Timestamp) -> Option<Timestamp> {
        let mut slots = self.slots();
        loop {
            let (_, (since, _)) = slots.order.first_key_value()?;
            let due = *since + self.idle_time;
            if due > now {
                return Some(due);
            }
            slots.drop_oldest();
        }
    }

    pub(crate) fn closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Takes nothing more; actors go when their running calls are done.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        for active in self.slots().active.values() {
            active.mailbox.wake();
        }
    }

    pub(crate) fn active(&self) -> usize {
        self.slots().active.len()
    }

    pub(crate) fn counts(&self) -> Counts {
        let slots = self.slots();
        Counts {
            active: slots.active.len(),
            idle: slots.idle.len(),
            idle_bytes: slots.idle_bytes,
            broken: slots.broken.len(),
        }
    }

    /// Ends all actors where they stand.
    pub(crate) fn abort(&self) {
        let active: Vec<_> = self.slots().active.drain().collect();
        for (_, active) in active {
            if let Some(task) = active.task {
                task.abort();
            }
        }
        let mut slots = self.slots();
        slots.idle.clear();
        slots.order.clear();
        slots.idle_bytes = 0;
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().expect("invariant: nothing panics while it holds the slots")
    }
}

impl Slots {
    fn take_idle(&mut self, exec: &ExecId) -> Option<Box<Live>> {
        let (stamp, live) = self.idle.remove(exec)?;
        self.order.remove(&stamp);
        self.idle_bytes -= live.standing.bytes;
        Some(live)
    }

    fn drop_oldest(&mut self) {
        if let Some((_, (_, exec))) = self.order.pop_first()
            && let Some((_, live)) = self.idle.remove(&exec)
        {
            self.idle_bytes -= live.standing.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use bedplate_journal::{CallId, Commands, Decider, Event, Now, Payload, Raw, Reader};

    use super::*;

    struct Nothing;

    impl Decider for Nothing {
        fn apply(&mut self, _: &Event) {}

        fn decide(&self, _: &Now, _: &mut Commands) {}

        fn render(&self, _: CallId) -> Payload {
            Payload::Raw(Raw::new("null"))
        }

        fn reader(&self, _: CallId) -> Option<Box<dyn Reader>> {
            None
        }
    }

    #[test]
    fn idle_executions_are_bounded_by_bytes() {
        let limits = Limits {
            idle_bytes_max: 250,
            ..Limits::default()
        };
        let registry = Registry::new(&limits);
        let park = |name: &str, bytes: usize| {
            let exec = ExecId::new(name);
            let mut live = Box::new(Live::new(&exec, "k".into(), Box::new(Nothing)));
            live.standing.bytes = bytes;
            assert!(registry.park(&exec, Some(live), Timestamp::default()).is_ok());
        };
        let idle = || {
            let slots = registry.slots();
            let mut names: Vec<String> = slots.idle.keys().map(|exec| exec.as_str().to_owned()).collect();
            names.sort();
            (names.concat(), slots.idle_bytes)
        };
        ["a", "b", "c"].into_iter().for_each(|name| park(name, 100));
        assert_eq!(idle(), ("bc".into(), 200));
        registry.slots().take_idle(&ExecId::new("b"));
        assert_eq!(idle(), ("c".into(), 100));
        park("d", 1_000);
        assert_eq!(idle(), (String::new(), 0));
    }
}
