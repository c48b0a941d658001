//! What a decider wants done.

use bedplate_base::Timestamp;

use crate::{Body, CallId, Callee, Input, Limits, Outcome, Raw, Sender, Step, TimerId};

/// One wish of a decider; becomes one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Call somebody.
    Call {
        /// Where in the program; with the execution's id this is the effect's key.
        step: Step,
        /// Who.
        callee: Callee,
        /// With what.
        input: Input,
        /// How long it may take.
        limits: Limits,
    },
    /// Close a call of a callee that the decider itself hears of: an `Asker`.
    Answer(CallId, Outcome),
    /// Give up a call.
    Cancel(CallId),
    /// Answer a message.
    Reply(Sender, Outcome),
    /// Be woken.
    SetTimer {
        /// Where in the program.
        step: Step,
        /// When.
        due: Timestamp,
    },
    /// Do not be woken.
    CancelTimer(TimerId),
    /// Write something down.
    Note(Raw),
    /// End the execution.
    End(Outcome),
}

/// The wishes of one `decide`, numbered at once.
#[derive(Debug)]
pub struct Commands {
    next: u64,
    list: Vec<Command>,
}

/// What a decider may know of the world when it decides.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The time; also the time of the events that follow.
    pub at: Timestamp,
}

impl Commands {
    /// After this many a decider stops between independent units of work and is asked again.
    pub const MANY: usize = 256;

    /// An empty list whose first command becomes event `next`.
    pub fn new(next: u64) -> Self {
        Self { next, list: Vec::new() }
    }

    /// Adds a command and tells the number of its event: the id of the call or timer, when it is one.
    pub fn push(&mut self, command: Command) -> u64 {
        self.list.push(command);
        self.next + self.list.len() as u64 - 1
    }

    /// Whether it is time to pause, if nothing depends on going on.
    pub fn full(&self) -> bool {
        self.list.len() >= Self::MANY
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The bodies of the events that follow, in order.
    pub fn into_bodies(self) -> impl Iterator<Item = Body> {
        self.list.into_iter().map(Command::into_body)
    }
}

impl Command {
    fn into_body(self) -> Body {
        match self {
            Self::Call {
                step,
                callee,
                input,
                limits,
            } => Body::Called {
                step,
                callee,
                input,
                limits,
            },
            Self::Answer(call, outcome) => Body::Answered { call, outcome },
            Self::Cancel(call) => Body::Cancelled(call),
            Self::Reply(to, outcome) => Body::Replied { to, outcome },
            Self::SetTimer { step, due } => Body::TimerSet { step, due },
            Self::CancelTimer(timer) => Body::TimerCancelled(timer),
            Self::Note(note) => Body::Noted(note),
            Self::End(outcome) => Body::Ended(outcome),
        }
    }
}
