//! A session's state: what the fold keeps and what `decide` reads.

use std::collections::VecDeque;
use std::sync::Arc;

use bedplate_base::Timestamp;
use bedplate_converse::{Block, Message, Role, ToolStatus};
use bedplate_journal::{CallId, Sender};

use crate::defaults::TRIES_MAX;
use crate::program::{Action, Program};
use crate::reply::ToolUse;
use crate::turn::{Answer, Attributes, Question, Request};

/// Everything that a session is.
#[derive(Default)]
pub(crate) struct Session {
    /// The conversation; alternates roles. Nothing else copies it.
    pub transcript: Vec<Arc<Message>>,
    /// For tools; live as long as the session.
    pub attributes: Attributes,
    /// Turns begun so far; part of every step's path.
    pub turns: u64,
    /// When the session last did something.
    pub last_at: Option<Timestamp>,
    /// The turn that runs.
    pub turn: Option<Turn>,
    /// Messages that wait for it to end.
    pub queue: VecDeque<Waiting>,
    /// The last requests that were taken and told their `try_id`, with that.
    pub tries: VecDeque<(String, Sender)>,
    /// Messages that get an error at once, with `failure` code and cause.
    pub refused: VecDeque<(Sender, &'static str, String)>,
}

/// A message that waits.
pub(crate) struct Waiting {
    pub from: Sender,
    pub request: Request,
    pub program: Arc<Program>,
    pub at: Timestamp,
}

/// The turn that runs.
pub(crate) struct Turn {
    pub number: u64,
    /// Who gets the answer: the latest request of the turn.
    pub from: Sender,
    /// The latest request of the turn.
    pub request: Request,
    /// What the user said at its start; tools are told.
    pub input_text: String,
    pub prompt_attributes: Attributes,
    pub program: Arc<Program>,
    /// Whether the journal says that it began.
    pub announced: bool,
    pub model_calls: u32,
    /// Why the turn fails once the functions that still run have returned: a message in the service's words, and the cause.
    pub failed: Option<(&'static str, String)>,
    pub phase: Phase,
}

/// Where a turn is.
pub(crate) enum Phase {
    /// The model is to be called.
    Model,
    /// The model is being called.
    Thinking(CallId),
    /// Tools of the model's last reply are being seen to.
    Acting(Vec<Act>),
    /// The client was asked to run or confirm some of them.
    Asking {
        call: CallId,
        question: Question,
        acts: Vec<Act>,
        next: Option<Next>,
    },
    /// The answer is to be sent.
    Answering(String),
    /// The turn failed: a `failure` code, and a cause.
    Failing(&'static str, String),
}

/// What came while the client was asked.
pub(crate) enum Next {
    /// Its answer.
    Answered(Answer),
    /// Something else: the question is given up.
    Abandoned,
}

/// One tool use and how far it is.
pub(crate) struct Act {
    pub tool_use: ToolUse,
    pub state: ActState,
}

/// How far a tool use is.
#[derive(Debug, PartialEq)]
pub(crate) enum ActState {
    /// Nothing was done yet.
    New,
    /// The user has confirmed it; it is to be run.
    Confirmed,
    /// It runs.
    Calling(CallId),
    /// The model is told this.
    Done(String, ToolStatus),
}

impl Act {
    pub(crate) fn finish(&mut self, text: impl Into<String>, status: ToolStatus) {
        self.state = ActState::Done(text.into(), status);
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, ActState::Done(..))
    }

    /// Whether the client has to be asked before or instead of running it.
    pub(crate) fn asks(&self, action: &Action) -> bool {
        self.state == ActState::New && (action.confirm || action.executor == crate::Executor::ReturnControl)
    }
}

impl Session {
    /// Appends a message; one of the same role as the last is joined with it, because providers want roles to alternate.
    pub(crate) fn say(&mut self, mut message: Message) {
        if message.content.is_empty() {
            return;
        }
        // It stays as long as the session is in memory, and a list that grew has room for four.
        message.content.shrink_to_fit();
        match self.transcript.last_mut() {
            Some(last) if last.role == message.role => Arc::make_mut(last).content.extend(message.content),
            _ => self.transcript.push(Arc::new(message)),
        }
    }

    /// Tells the model how its tool uses ended; all of them are done.
    pub(crate) fn tell_results(&mut self, acts: &[Act]) {
        let content = acts
            .iter()
            .filter_map(|act| match &act.state {
                ActState::Done(text, status) => Some(Block::tool_result(act.tool_use.id.clone(), text.clone(), *status)),
                _ => None,
            })
            .collect();
        self.say(Message { role: Role::User, content });
    }

    /// The request that was taken with this `try_id`.
    pub(crate) fn earlier_try(&self, request: &Request) -> Option<&Sender> {
        let id = request.try_id.as_ref()?;
        self.tries.iter().find(|(known, _)| known == id).map(|(_, from)| from)
    }

    /// A request was taken: another try of it is not.
    pub(crate) fn taken(&mut self, from: &Sender, request: &Request) {
        if let Some(id) = &request.try_id {
            self.tries.truncate(TRIES_MAX - 1);
            self.tries.push_front((id.clone(), from.clone()));
        }
    }

    /// Forgets the conversation and the attributes: the session begins afresh.
    pub(crate) fn reset(&mut self) {
        self.transcript.clear();
        self.attributes.clear();
    }
}
