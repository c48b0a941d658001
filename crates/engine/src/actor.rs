//! One execution at work: a task that takes its inputs, advances, commits, performs, and goes when there is nothing to do.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bedplate_journal::{ExecId, Progress, Signal};
use bedplate_store::{Batch, CommitError, Letter, LetterId, Turn};
use futures_util::FutureExt;

use crate::advance::Plan;
use crate::engine::Inner;
use crate::feed::Committed;
use crate::limits::{BACKOFF_LAST, CONFLICTS_MAX, INPUTS_PER_COMMIT, LETTERS_PER_READ};
use crate::live::{self, Live};
use crate::mailbox::{Input, Mailbox};
use crate::perform::{Performance, Running, progress, told};
use crate::timers::backoff;
use crate::{Sabotage, SignalError};

struct Actor {
    inner: Arc<Inner>,
    exec: ExecId,
    mailbox: Arc<Mailbox>,
    state: State,
    running: Running,
    /// Inputs that are not committed yet.
    hand: Vec<Input>,
    /// Letters of the inbox must be read.
    inbox: bool,
    /// A nudge was not followed yet: the store could not be read.
    owed: bool,
    conflicts: u32,
    pause: Option<Duration>,
    rounds: u32,
}

enum State {
    /// Must be folded.
    Unknown,
    /// Does not exist.
    Absent,
    Here(Box<Live>),
}

/// Whether the actor goes on.
enum Next {
    Again,
    Done,
}

/// Works on `exec` until there is nothing to do.
pub(crate) async fn run(inner: Arc<Inner>, exec: ExecId, mailbox: Arc<Mailbox>, live: Option<Box<Live>>) {
    let state = live.map_or(State::Unknown, State::Here);
    let inbox = matches!(state, State::Unknown);
    let mut actor = Actor {
        inner: inner.clone(),
        exec: exec.clone(),
        mailbox,
        state,
        running: Running::default(),
        hand: Vec::new(),
        inbox,
        owed: false,
        conflicts: 0,
        pause: None,
        rounds: 0,
    };
    let ended = AssertUnwindSafe(actor.work()).catch_unwind().await;
    let error = match ended {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error,
        Err(panic) => SignalError::Broken(told(&*panic)),
    };
    tracing::error!(%exec, "an execution stopped: {error}");
    let hand = std::mem::take(&mut actor.hand);
    drop(actor);
    inner.registry.remove(&exec, &error);
    hand.into_iter().for_each(|input| input.finish(Err(error.clone())));
    if let Some(listeners) = inner.hub.listeners(&exec) {
        listeners.lose(&error.to_string());
    }
}

impl Actor {
    async fn work(&mut self) -> Result<(), SignalError> {
        loop {
            match self.round().await {
                Ok(Next::Again) => {}
                Ok(Next::Done) => return Ok(()),
                Err(error @ SignalError::Unavailable(_)) => {
                    self.state = State::Unknown;
                    self.retry_later(&error).await;
                    if !self.owed && self.hand.is_empty() && self.running.is_empty() {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn round(&mut self) -> Result<Next, SignalError> {
        let room = INPUTS_PER_COMMIT.saturating_sub(self.hand.len());
        self.mailbox.take(room, &mut self.hand);
        if self.inner.breaks(Sabotage::LostSignal) {
            self.hand.iter_mut().for_each(Input::finish_early);
        }
        self.owed |= self.mailbox.take_nudge();
        self.inbox |= self.owed;
        if matches!(self.state, State::Unknown)
            && let Next::Done = self.load().await?
        {
            return self.leave();
        }
        if self.inbox {
            self.read_inbox().await?;
        }
        self.owed = false;
        if self.has_work() {
            self.step().await?;
        } else if self.running.is_empty() {
            return Ok(self.park());
        } else {
            self.mailbox.arrived().await;
        }
        Ok(Next::Again)
    }

    /// There is nothing to do: leaves what is folded to the next actor, unless something arrived meanwhile.
    fn park(&mut self) -> Next {
        let live = match std::mem::replace(&mut self.state, State::Unknown) {
            State::Here(live) => Some(live),
            State::Absent | State::Unknown => None,
        };
        match self.inner.registry.park(&self.exec, live, self.inner.clock.now()) {
            Ok(()) => {
                self.inner.timers.nudge();
                Next::Done
            }
            Err(live) => {
                self.state = live.map_or(State::Unknown, State::Here);
                Next::Again
            }
        }
    }

    fn has_work(&self) -> bool {
        let wanted = match &self.state {
            State::Here(live) => live.more || (!live.to_perform.is_empty() && !self.inner.registry.closing()),
            State::Absent | State::Unknown => false,
        };
        wanted || !self.hand.is_empty()
    }

    /// Folds the execution from the store.
    async fn load(&mut self) -> Result<Next, SignalError> {
        let inner = self.inner.clone();
        let _permit = inner.folds.acquire().await;
        let Some((head, events)) = live::read(&*inner.store, &inner.blobs, &self.exec).await? else {
            self.state = State::Absent;
            self.running.retain(|_| false);
            return Ok(Next::Again);
        };
        let foreign = head.owner.is_some_and(|owner| owner != inner.owner);
        if foreign && self.conflicts > 0 && !self.hand.iter().any(Input::claims) {
            // Somebody else took over and performs the open calls again: ours are not wanted any more.
            return Ok(Next::Done);
        }
        if let Some(observer) = &inner.observer {
            observer.folded(&self.exec, &events);
        }
        let decider = inner.decider(&head.kind, &self.exec)?;
        let mut live = Live::fold(&self.exec, head.kind.clone(), decider, &events);
        live.steal = foreign;
        live.leased = head.owner == Some(inner.owner);
        // They may have been set by a commit that we never heard of, or by another owner.
        let timers: Vec<_> = live.standing.timers.iter().map(|(timer, due)| (*timer, *due)).collect();
        inner.timers.change(&self.exec, &timers, &[]);
        self.running.retain(|call| live.standing.open.contains_key(&call));
        live.to_perform.retain(|call, _| !self.running.contains(*call));
        self.state = State::Here(Box::new(live));
        Ok(Next::Again)
    }

    /// The lease is somebody else's: goes.
    fn leave(&mut self) -> Result<Next, SignalError> {
        self.running.retain(|_| false);
        let gone = SignalError::Unavailable("another owner took the execution over".into());
        self.inner.registry.remove(&self.exec, &gone);
        Ok(Next::Done)
    }

    async fn read_inbox(&mut self) -> Result<(), SignalError> {
        let letters = self.inner.store.inbox(&self.exec, LETTERS_PER_READ).await?;
        self.inbox = letters.len() == LETTERS_PER_READ;
        self.hand.retain(|input| !matches!(input, Input::Letter { id: Some(_), .. }));
        let letters = letters.into_iter().map(|(id, letter)| Input::Letter {
            id: Some(id),
            letter,
            done: None,
        });
        self.hand.splice(0..0, letters);
        Ok(())
    }

    /// One round of the loop: advance, commit, perform.
    async fn step(&mut self) -> Result<(), SignalError> {
        self.rounds = if self.hand.is_empty() { self.rounds + 1 } else { 0 };
        if self.rounds > self.inner.limits.rounds_max {
            return Err(SignalError::Broken("its decider wants more for ever".into()));
        }
        for input in &mut self.hand {
            if let Input::Letter { id: Some(_), letter, .. } = input {
                self.inner.hydrate(letter).await?;
            }
        }
        let refused = self.make_if_absent();
        let State::Here(live) = &mut self.state else {
            return self.refuse_all(refused).await;
        };
        let mut plan = Plan::default();
        if live.standing.version == 0 {
            start(live, &self.hand, &*self.inner.clock, &mut plan);
        }
        let expected = live.standing.version - plan.events.len() as u64;
        live.advance(&self.hand, &*self.inner.clock, &mut plan);
        let consumed: Vec<_> = self.hand.iter().filter_map(letter_id).collect();
        let claim = !live.leased && !live.to_perform.is_empty();
        if plan.events.is_empty() && consumed.is_empty() && !claim {
            return self.succeed(plan, false);
        }
        let busy = live.more || live.standing.performing();
        let turn = Turn {
            exec: self.exec.clone(),
            kind: live.kind.clone(),
            expected,
            owner: self.inner.owner,
            steal: live.steal,
            events: plan.events.clone(),
            consumed,
            timers_set: plan.timers_set.clone(),
            timers_cleared: plan.timers_cleared.iter().map(|(timer, _)| *timer).collect(),
            busy,
            ended: live.standing.ended,
            release: !busy,
        };
        let batch = Batch {
            turn: Some(turn),
            blobs: std::mem::take(&mut plan.blobs),
            ..Batch::default()
        };
        if self.inner.breaks(Sabotage::AppliedBeforeCommit) {
            self.perform();
        }
        match self.inner.store.commit(batch).await {
            Ok(()) => {
                let State::Here(live) = &mut self.state else { return Ok(()) };
                live.leased = busy;
                live.steal = false;
                self.succeed(plan, true)
            }
            Err(error) => {
                self.state = State::Unknown;
                self.fail(error).await
            }
        }
    }

    /// A message may begin an execution that does not exist; anything else for it is refused.
    fn make_if_absent(&mut self) -> Option<SignalError> {
        if !matches!(self.state, State::Absent) {
            return None;
        }
        let Some((kind, _)) = self.hand.iter().find_map(beginning) else {
            return Some(SignalError::NotFound(self.exec.clone()));
        };
        match self.inner.decider(kind, &self.exec) {
            Ok(decider) => {
                self.state = State::Here(Box::new(Live::new(&self.exec, kind.clone(), decider)));
                None
            }
            Err(error) => Some(error),
        }
    }

    /// Nothing in hand can begin the execution: tells those who wait and consumes the letters.
    async fn refuse_all(&mut self, error: Option<SignalError>) -> Result<(), SignalError> {
        let error = error.unwrap_or_else(|| SignalError::NotFound(self.exec.clone()));
        let consumed: Vec<_> = self.hand.iter().filter_map(letter_id).collect();
        if !consumed.is_empty() {
            tracing::warn!(exec = %self.exec, letters = consumed.len(), "letters are dropped: {error}");
            let turn = Turn {
                exec: self.exec.clone(),
                kind: "".into(),
                expected: 0,
                owner: self.inner.owner,
                steal: false,
                events: Vec::new(),
                consumed,
                timers_set: Vec::new(),
                timers_cleared: Vec::new(),
                busy: false,
                ended: false,
                release: true,
            };
            let batch = Batch {
                turn: Some(turn),
                ..Batch::default()
            };
            if let Err(error) = self.inner.store.commit(batch).await {
                self.state = State::Unknown;
                return self.fail(error).await;
            }
        }
        self.hand.drain(..).for_each(|input| input.finish(Err(error.clone())));
        Ok(())
    }

    /// The commit is durable: tells the feed and those who wait, cancels what is closed, performs what is new.
    fn succeed(&mut self, mut plan: Plan, written: bool) -> Result<(), SignalError> {
        self.conflicts = 0;
        self.pause = None;
        if written && let Some(observer) = &self.inner.observer {
            observer.committed(&self.exec, &plan.events, &plan.rendered);
        }
        if written
            && !plan.events.is_empty()
            && let Some(listeners) = self.inner.hub.listeners(&self.exec)
        {
            let mut rendered = std::mem::take(&mut plan.rendered).into_iter().peekable();
            let committed = plan.events.iter().map(|event| Committed {
                event: event.clone(),
                rendered: rendered.next_if(|(seq, _)| *seq == event.seq).map(|(_, payload)| payload),
            });
            listeners.committed(committed.collect());
        }
        if !self.inner.breaks(Sabotage::DroppedTimer) {
            self.inner.timers.change(&self.exec, &plan.timers_set, &plan.timers_cleared);
        }
        plan.closed.iter().for_each(|call| self.running.close(*call));
        self.hand.drain(..).for_each(|input| input.finish(Ok(())));
        self.perform();
        Ok(())
    }

    fn perform(&mut self) {
        let State::Here(live) = &mut self.state else { return };
        if self.inner.registry.closing() {
            return;
        }
        for (id, payload) in std::mem::take(&mut live.to_perform) {
            let Some((name, mut call)) = live.call(id) else { continue };
            call.trace = self.inner.observer.as_ref().and_then(|observer| observer.trace(&call));
            let progress = self
                .inner
                .hub
                .listeners(&self.exec)
                .and_then(|listeners| Some((live.decider.reader(id)?, listeners)))
                .map_or_else(Progress::none, |(reader, listeners)| progress(id, reader, listeners));
            let performance = Performance {
                call,
                target: self.inner.targets.get(&name).cloned(),
                name,
                payload,
                progress,
                clock: self.inner.clock.clone(),
                outcome_bytes_max: self.inner.limits.outcome_bytes_max,
                mailbox: self.mailbox.clone(),
            };
            if self.inner.breaks(Sabotage::DoubleEffect) {
                Running::start_another(performance.clone());
            }
            self.running.start(performance);
        }
    }

    /// The commit changed nothing. What the decider folded is thrown away; inputs stay in hand as far as that makes sense.
    async fn fail(&mut self, error: CommitError) -> Result<(), SignalError> {
        match error {
            CommitError::Conflict(what) => {
                self.conflicts += 1;
                tracing::debug!(exec = %self.exec, "folds again: {what}");
                self.inbox |= self.hand.iter().any(|input| letter_id(input).is_some());
                self.hand.retain(|input| letter_id(input).is_none());
                if self.conflicts > CONFLICTS_MAX {
                    self.conflicts = 1;
                    let error = SignalError::Unavailable(format!("others write to the same execution all the time: {what}"));
                    self.retry_later(&error).await;
                }
            }
            CommitError::TooLarge(what) => {
                tracing::error!(exec = %self.exec, "a commit is too large for the store: {what}");
                for input in &mut self.hand {
                    if let Input::Outcome { outcome, .. } = input {
                        *outcome = bedplate_journal::Outcome::failure("Engine.TooLarge", "The answer is larger than can be stored.");
                    }
                }
                self.retry_later(&SignalError::TooLarge(what)).await;
            }
            CommitError::Full | CommitError::Unavailable(_) => {
                let error = SignalError::from(error);
                tracing::error!(exec = %self.exec, "a commit failed: {error}");
                self.retry_later(&error).await;
            }
        }
        Ok(())
    }

    /// Tells those who wait that their signal was not taken, keeps the rest, and pauses.
    async fn retry_later(&mut self, error: &SignalError) {
        let (waiting, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.hand)
            .into_iter()
            .partition(|input| matches!(input, Input::Letter { done: Some(_), .. }));
        waiting.into_iter().for_each(|input| input.finish(Err(error.clone())));
        self.hand = rest;
        let pause = backoff(self.pause);
        self.pause = Some(pause);
        if pause == BACKOFF_LAST
            && let Some(listeners) = self.inner.hub.listeners(&self.exec)
        {
            // The work goes on when the store does. Clients would wait without a word for as long as that takes.
            listeners.lose(&error.to_string());
        }
        let until = self.inner.clock.now() + pause;
        self.inner.clock.sleep_until(until).await;
    }
}

fn letter_id(input: &Input) -> Option<LetterId> {
    match input {
        Input::Letter { id, .. } => *id,
        Input::Outcome { .. } | Input::Timer { .. } => None,
    }
}

/// How a message says to begin its execution.
fn beginning(input: &Input) -> Option<&(Arc<str>, bedplate_journal::Raw)> {
    match input {
        Input::Letter {
            letter: Letter {
                start,
                signal: Signal::Message { .. },
            },
            ..
        } => start.as_ref(),
        _ => None,
    }
}

fn start(live: &mut Live, hand: &[Input], clock: &dyn bedplate_base::Clock, plan: &mut Plan) {
    if let Some((_, input)) = hand.iter().find_map(beginning) {
        live.start(input.clone(), clock, plan);
    }
}
