//! The decider of sessions: `fold` applies events, `decide` says what follows, `prompt` renders model calls.

use std::sync::Arc;

use bedplate_journal::{CallId, Commands, Decider, Event, Now, Payload, Reader};

use crate::program::Programs;
use crate::reader::AnswerReader;
use crate::session::{Phase, Session};

/// Runs one session.
pub struct SessionDecider {
    pub(crate) session: Session,
    pub(crate) programs: Arc<Programs>,
}

impl SessionDecider {
    /// A session to which nothing has happened; `programs` is shared by all of them.
    pub fn new(programs: Arc<Programs>) -> Self {
        Self {
            session: Session::default(),
            programs,
        }
    }
}

impl Decider for SessionDecider {
    fn apply(&mut self, event: &Event) {
        self.fold(event);
    }

    fn decide(&self, now: &Now, out: &mut Commands) {
        crate::decide::decide(&self.session, now, out);
    }

    fn render(&self, _call: CallId) -> Payload {
        Payload::Typed(Arc::new(crate::prompt::request(&self.session)))
    }

    fn reader(&self, call: CallId) -> Option<Box<dyn Reader>> {
        let turn = self.session.turn.as_ref()?;
        let thinking = matches!(turn.phase, Phase::Thinking(open) if open == call);
        (thinking && turn.request.streaming).then(|| Box::new(AnswerReader::default()) as Box<dyn Reader>)
    }
}
