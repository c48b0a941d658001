//! The fold: what each event makes of a session. It decodes and keeps, and evaluates nothing that could fail.

use bedplate_base::Timestamp;
use bedplate_converse::{Message, Reply, StopReason, ToolStatus};
use bedplate_journal::{Body, CallId, Callee, Event, Outcome, Sender, Signal, Value};

use crate::decider::SessionDecider;
use crate::defaults::{ACTS_MAX, QUEUE_MAX};
use crate::lambda;
use crate::reply;
use crate::session::{Act, ActState, Next, Phase, Session, Turn, Waiting};
use crate::turn::{Answer, AskedKind, Request, failure};

/// AWS's words for a model that failed or took too long.
pub(crate) const MODEL_FAILED: &str = "Dependency resource: received model timeout/error exception from Bedrock. Try the request again.";
/// What the user is told when a provider's filter held back all that the model said: the service's words (assumed).
const HELD_BACK: &str = "Sorry, I am unable to assist you with this request.";
/// What the model is told when the user says no.
const DECLINED: &str = "The user declined this action; it was not run. Do not try it again unless the user asks for it.";
/// What the model is told of an action whose question was given up.
const UNANSWERED: &str = "The user did not answer and went on; the action was not run.";
/// What the model is told of an action that a failed turn did not come to.
const NOT_REACHED: &str = "The turn ended with an error before this action; it was not run.";
/// What the model is told of its question to the user.
const ASKED: &str = "The question was put to the user; the next message is the answer.";
/// What stands in the transcript for the answer of a failed turn.
const FAILED_TURN: &str = "(This turn ended with an error before an answer was given.)";

impl SessionDecider {
    pub(crate) fn fold(&mut self, event: &Event) {
        match &event.body {
            Body::Signaled(Signal::Message { from, program, payload }) => self.message(from, program.as_ref(), payload, event.at),
            Body::Called { step, callee, .. } => self.session.called(event, &step.0, callee),
            Body::Answered { call, outcome } => self.session.answered(*call, outcome),
            Body::Cancelled(_) => self.session.abandoned(),
            Body::Replied { to, outcome } => self.session.replied(to, outcome, event.at),
            Body::Noted(note) => self.session.noted(&note.parse()),
            _ => {}
        }
    }

    fn message(&mut self, from: &Sender, program: Option<&Value>, payload: &Value, at: Timestamp) {
        let refuse = |session: &mut Session, code, cause: &str| session.refused.push_back((from.clone(), code, cause.to_owned()));
        let Ok(request) = serde_json::from_str::<Request>(payload.raw().as_str()) else {
            return refuse(&mut self.session, failure::VALIDATION, "The turn's message cannot be read.");
        };
        let Some(program) = program.and_then(|program| self.programs.get(program)) else {
            return refuse(
                &mut self.session,
                failure::VALIDATION,
                "The agent's program cannot be read; prepare the agent again.",
            );
        };
        let session = &mut self.session;
        if let Some(Sender::Client(earlier)) = session.earlier_try(&request) {
            let cause = format!("The request came before; its turn is that of\n{earlier}");
            return refuse(session, failure::REPEATED, &cause);
        }
        if let Some(answer) = &request.answer {
            return match session.accept(answer, request.alone.then_some(at)) {
                Ok(()) => {
                    session.taken(from, &request);
                    let turn = session.turn.as_mut().expect("invariant: an accepted answer has a turn");
                    if let Phase::Asking { next, .. } = &mut turn.phase {
                        *next = Some(Next::Answered(answer.clone()));
                    }
                    turn.from = from.clone();
                    session.attributes.extend(request.session_attributes.clone().unwrap_or_default());
                    turn.prompt_attributes
                        .extend(request.prompt_session_attributes.clone().unwrap_or_default());
                    turn.request = request;
                }
                Err(cause) => refuse(session, failure::VALIDATION, &cause),
            };
        }
        let busy = session
            .turn
            .as_ref()
            .is_some_and(|turn| !matches!(turn.phase, Phase::Asking { .. }));
        if request.alone && busy {
            return refuse(
                session,
                failure::CONFLICT,
                "Another turn of this session is running. Wait for its answer, then send this one again.",
            );
        }
        if session.queue.len() >= QUEUE_MAX {
            return refuse(
                session,
                failure::QUEUE_FULL,
                "Too many turns wait for this session; wait for an answer before you send more.",
            );
        }
        session.taken(from, &request);
        session.queue.push_back(Waiting {
            from: from.clone(),
            request,
            program,
            at,
        });
        match &mut session.turn {
            None => session.begin(),
            Some(Turn {
                phase: Phase::Asking { next: next @ None, .. },
                ..
            }) => *next = Some(Next::Abandoned),
            Some(_) => {}
        }
    }
}

impl Session {
    /// Seconds without anything, until `at`.
    fn idle_s(&self, at: Timestamp) -> u64 {
        self.last_at.map_or(0, |last| at.since(last).as_secs())
    }

    /// Starts the next waiting turn.
    fn begin(&mut self) {
        let Some(Waiting {
            from,
            request,
            program,
            at,
        }) = self.queue.pop_front()
        else {
            return;
        };
        if self.idle_s(at) > program.idle_ttl_s {
            self.reset();
        }
        self.turns += 1;
        self.last_at = Some(at);
        self.attributes.extend(request.session_attributes.clone().unwrap_or_default());
        let input_text = request.text.clone().unwrap_or_default();
        let phase = if request.text.is_none() {
            Phase::Answering(String::new())
        } else {
            Phase::Model
        };
        for said in &request.history {
            let say = if said.by_agent { Message::assistant } else { Message::user };
            self.say(say(said.text.clone()));
        }
        if request.text.is_some() {
            // Providers refuse empty text, clients send it.
            self.say(Message::user(if input_text.is_empty() { " " } else { &input_text }));
        }
        let prompt_attributes = request.prompt_session_attributes.clone().unwrap_or_default();
        self.turn = Some(Turn {
            number: self.turns,
            from,
            request,
            input_text,
            prompt_attributes,
            program,
            announced: false,
            model_calls: 0,
            failed: None,
            phase,
        });
    }

    /// Whether an answer fits the open question. With a time, the session must not have expired by then.
    fn accept(&self, answer: &Answer, at: Option<Timestamp>) -> Result<(), String> {
        let Some(Turn {
            phase: Phase::Asking { question, next: None, .. },
            program,
            ..
        }) = &self.turn
        else {
            return Err("No return of control is waiting in this session: it was answered already, given up, or never asked for.".into());
        };
        if at.is_some_and(|at| self.idle_s(at) > program.idle_ttl_s) {
            return Err(format!(
                "No return of control is waiting in this session: the session expired, its idle time-out is {} seconds.",
                program.idle_ttl_s
            ));
        }
        if question.invocation_id != answer.invocation_id {
            return Err(format!(
                "The invocationId {} in the session state does not match the one that is waiting, {}.",
                answer.invocation_id, question.invocation_id
            ));
        }
        let mut results: Vec<_> = answer.results.iter().collect();
        for (index, asked) in question.inputs.iter().enumerate() {
            let path = format!("sessionState.returnControlInvocationResults.{}.member.functionResult", index + 1);
            let found = results
                .iter()
                .position(|one| one.action_group == asked.action_group && one.function == asked.function);
            let Some(found) = found.map(|at| results.remove(at)) else {
                return Err(format!(
                    "{path}: a result for {} of action group {} is missing.",
                    asked.function, asked.action_group
                ));
            };
            match (asked.kind, found.confirmation.as_deref()) {
                (AskedKind::Result, _) | (_, Some("DENY")) | (AskedKind::UserConfirmation, Some("CONFIRM")) => {}
                (AskedKind::UserConfirmationAndResult, Some("CONFIRM")) if found.body.is_some() => {}
                (AskedKind::UserConfirmationAndResult, Some("CONFIRM")) => {
                    return Err(format!(
                        "{path}.responseBody is missing: {} was confirmed, so its result is needed.",
                        asked.function
                    ));
                }
                (_, other) => {
                    return Err(format!(
                        "{path}.confirmationState must be CONFIRM or DENY, but is {}.",
                        other.unwrap_or("missing")
                    ));
                }
            }
            if asked.kind == AskedKind::Result && found.body.is_none() && found.response_state.is_none() {
                return Err(format!("{path}.responseBody is missing."));
            }
        }
        match results.first() {
            None => Ok(()),
            Some(extra) => Err(format!(
                "A result for {} of action group {} was not asked for.",
                extra.function, extra.action_group
            )),
        }
    }

    fn called(&mut self, event: &Event, step: &str, callee: &Callee) {
        let id = CallId(event.seq);
        // A message that came while the turn ran is worked on as if it came after its answer: it gives the question up.
        let next = (!self.queue.is_empty()).then_some(Next::Abandoned);
        let Some(turn) = &mut self.turn else { return };
        match (callee, &mut turn.phase) {
            (Callee::Asker, phase @ Phase::Acting(_)) => {
                let question = match &event.body {
                    Body::Called {
                        input: bedplate_journal::Input::Value(value),
                        ..
                    } => serde_json::from_str(value.raw().as_str()),
                    _ => return,
                };
                let Phase::Acting(acts) = std::mem::replace(phase, Phase::Model) else {
                    return;
                };
                *phase = Phase::Asking {
                    call: id,
                    question: question.unwrap_or_default(),
                    acts,
                    next,
                };
                self.last_at = Some(event.at);
            }
            (Callee::Target(_), phase @ Phase::Model) => {
                turn.model_calls += 1;
                *phase = Phase::Thinking(id);
            }
            (Callee::Target(_), Phase::Acting(acts)) => {
                let index = step.rsplit_once("act.").and_then(|(_, index)| index.parse::<usize>().ok());
                if let Some(act) = index.and_then(|index| acts.get_mut(index)) {
                    act.state = ActState::Calling(id);
                }
            }
            _ => {}
        }
    }

    fn answered(&mut self, call: CallId, outcome: &Outcome) {
        let Some(turn) = &mut self.turn else { return };
        match &mut turn.phase {
            Phase::Thinking(open) if *open == call => self.replied_by_model(outcome),
            Phase::Acting(acts) => {
                let Some(act) = acts.iter_mut().find(|act| act.state == ActState::Calling(call)) else {
                    return;
                };
                let function = turn
                    .program
                    .action(&act.tool_use.name)
                    .map_or("the function", |action| action.function.as_str());
                match lambda::read(function, outcome) {
                    lambda::Answer::Body {
                        text,
                        reprompt,
                        session,
                        prompt,
                    } => {
                        act.finish(text, if reprompt { ToolStatus::Error } else { ToolStatus::Success });
                        if let Some(session) = session {
                            self.attributes = session;
                        }
                        if let Some(prompt) = prompt {
                            turn.prompt_attributes = prompt;
                        }
                    }
                    lambda::Answer::Failed { message, detail } => {
                        act.finish(detail.clone(), ToolStatus::Error);
                        turn.failed.get_or_insert((message, detail));
                    }
                }
                self.settle_acts();
            }
            Phase::Asking { call: open, .. } if *open == call => self.client_answered(),
            _ => {}
        }
    }

    fn replied_by_model(&mut self, outcome: &Outcome) {
        let reply = match outcome {
            Outcome::Success(value) => Reply::from_text(value.raw().as_str()).map_err(|error| error.message),
            Outcome::Failure { error, cause } => return self.model_failed(error, cause),
            Outcome::Aborted => return self.model_failed("Model.Stopped", "the call was stopped"),
            Outcome::TimedOut(_) => return self.model_failed("Model.Timeout", "the model did not answer in time"),
        };
        let reply = match reply {
            Ok(reply) => reply,
            Err(cause) => return self.model_failed("Model.Malformed", &cause),
        };
        let reading = reply::read(&reply);
        self.say(reply::transcript(&reply.message));
        let Some(turn) = &mut self.turn else { return };
        if reading.uses.is_empty() && reading.answer.trim().is_empty() {
            return self.nothing_said(&reply);
        }
        if reading.uses.is_empty() {
            let text = if turn.request.streaming {
                reading.answer.trim_start_matches(['\n', '\r']).to_owned()
            } else {
                reading.answer.trim().to_owned()
            };
            turn.phase = Phase::Answering(text);
            return;
        }
        let mut acts: Vec<Act> = reading
            .uses
            .into_iter()
            .map(|tool_use| Act {
                tool_use,
                state: ActState::New,
            })
            .collect();
        for act in acts.iter_mut().skip(ACTS_MAX) {
            act.finish(format!("Not run: more than {ACTS_MAX} calls in one reply."), ToolStatus::Error);
        }
        turn.phase = Phase::Acting(acts);
    }

    /// A reply without a word for the user and without a call: no stream may end in silence.
    fn nothing_said(&mut self, reply: &Reply) {
        if matches!(reply.stop, StopReason::ContentFiltered | StopReason::GuardrailIntervened) {
            self.say(Message::assistant(HELD_BACK));
            if let Some(turn) = &mut self.turn {
                turn.phase = Phase::Answering(HELD_BACK.into());
            }
            return;
        }
        let written = reply.usage.output_tokens;
        let cause = match reply.stop {
            StopReason::MaxTokens => format!(
                "the model was cut off after {written} tokens, before the first word of its answer; let it write more (maximumLength), or choose a model that thinks less"
            ),
            stop => format!(
                "the model ended its reply ({}) with neither a text nor a tool call; try again, or choose another model",
                stop.as_str()
            ),
        };
        self.model_failed("Model.Empty", &cause);
    }

    fn model_failed(&mut self, error: &str, cause: &str) {
        let (code, message) = match error {
            "Model.Throttled" => (
                failure::THROTTLED,
                "Your request rate is too high. Reduce the frequency of requests. Check your Bedrock model invocation quotas to find the acceptable frequency.",
            ),
            "Model.AccessDenied" => (
                failure::ACCESS,
                "Access denied when calling Bedrock. Check your request permissions and retry the request.",
            ),
            "Model.NotReady" => (failure::NOT_READY, "The model is not ready to answer yet. Try again in a moment."),
            // What is wrong with the request or with the configuration is said by who found it.
            "Model.Validation" => return self.fail(failure::VALIDATION, cause, ""),
            _ => (failure::DEPENDENCY, MODEL_FAILED),
        };
        self.fail(code, message, &format!("{error}: {cause}"));
    }

    /// The turn fails: `message` in the service's words, `detail` on the lines below it.
    fn fail(&mut self, code: &'static str, message: &str, detail: &str) {
        if let Some(turn) = &mut self.turn {
            let cause = if detail.is_empty() {
                message.replace('\n', " ")
            } else {
                format!("{message}\n{detail}")
            };
            let phase = std::mem::replace(&mut turn.phase, Phase::Failing(code, cause));
            if let Phase::Acting(mut acts) | Phase::Asking { mut acts, .. } = phase {
                acts.iter_mut()
                    .filter(|act| !act.is_done())
                    .for_each(|act| act.finish(NOT_REACHED, ToolStatus::Error));
                self.tell_results(&acts);
            }
        }
    }

    /// When every tool use is done, the model is told and called again. When one failed, the turn fails as soon as nothing
    /// runs any more: what the others did is known then.
    fn settle_acts(&mut self) {
        let Some(turn) = &mut self.turn else { return };
        let Phase::Acting(acts) = &mut turn.phase else { return };
        if turn.failed.is_some() && !acts.iter().any(|act| matches!(act.state, ActState::Calling(_))) {
            if let Some((message, detail)) = turn.failed.take() {
                self.fail(failure::DEPENDENCY, message, &detail);
            }
        } else if acts.iter().all(Act::is_done) {
            let acts = std::mem::take(acts);
            turn.phase = Phase::Model;
            self.tell_results(&acts);
        }
    }

    /// The client's answer is taken over into the tool uses.
    fn client_answered(&mut self) {
        let Some(turn) = &mut self.turn else { return };
        let phase = std::mem::replace(&mut turn.phase, Phase::Model);
        let Phase::Asking {
            question,
            mut acts,
            next: Some(Next::Answered(answer)),
            ..
        } = phase
        else {
            return;
        };
        let mut results = answer.results;
        for asked in &question.inputs {
            let at = results
                .iter()
                .position(|one| one.action_group == asked.action_group && one.function == asked.function);
            let (Some(result), Some(act)) = (at.map(|at| results.remove(at)), acts.get_mut(asked.act)) else {
                continue;
            };
            let body = result.body.unwrap_or_default();
            match (asked.kind, result.confirmation.as_deref(), result.response_state.as_deref()) {
                (AskedKind::UserConfirmation | AskedKind::UserConfirmationAndResult, Some("DENY"), _) => {
                    act.finish(DECLINED, ToolStatus::Error);
                }
                (AskedKind::UserConfirmation, ..) => act.state = ActState::Confirmed,
                (_, _, Some("FAILURE")) => {
                    let detail = format!("the client reported FAILURE for {}: {body}", asked.function);
                    act.finish(detail.clone(), ToolStatus::Error);
                    turn.failed.get_or_insert((lambda::FAILED, detail));
                }
                (_, _, Some("REPROMPT")) => act.finish(body, ToolStatus::Error),
                _ => act.finish(body, ToolStatus::Success),
            }
        }
        turn.phase = Phase::Acting(acts);
        self.settle_acts();
    }

    /// The question was given up because the user said something else: the turn ends without an answer.
    fn abandoned(&mut self) {
        let Some(Turn {
            phase: Phase::Asking { .. },
            ..
        }) = &self.turn
        else {
            return;
        };
        if let Some(Turn {
            phase: Phase::Asking { mut acts, .. },
            ..
        }) = self.turn.take()
        {
            acts.iter_mut()
                .filter(|act| !act.is_done())
                .for_each(|act| act.finish(UNANSWERED, ToolStatus::Error));
            self.tell_results(&acts);
        }
        if !self.queue.front().is_some_and(|waiting| waiting.request.alone) {
            // The session was waiting, not idle. The service makes no such difference, and neither does who wants to be strict.
            self.last_at = None;
        }
        self.begin();
    }

    fn replied(&mut self, to: &Sender, outcome: &Outcome, at: Timestamp) {
        if let Some(index) = self.refused.iter().position(|(from, ..)| from == to) {
            self.refused.remove(index);
            return;
        }
        let Some(turn) = self.turn.take_if(|turn| turn.from == *to) else {
            return;
        };
        if !matches!(outcome, Outcome::Success(_)) {
            self.say(Message::assistant(FAILED_TURN));
        } else if let Phase::Acting(mut acts) = turn.phase {
            // The model asked the user: what he says next is the answer.
            for act in acts.iter_mut().filter(|act| !act.is_done()) {
                act.finish(ASKED, ToolStatus::Success);
            }
            self.tell_results(&acts);
        }
        self.last_at = Some(at);
        if turn.request.end_session {
            self.reset();
            self.last_at = None;
        }
        self.begin();
    }

    /// What `decide` wrote down: that a turn began, or that a tool use is not run because its arguments are wrong.
    fn noted(&mut self, note: &serde_json::Value) {
        if let (Some(number), Some(turn)) = (note["turn"]["number"].as_u64(), &mut self.turn) {
            turn.announced |= number == turn.number;
            return;
        }
        let (Some(index), Some(message)) = (note["rejected"]["act"].as_u64(), note["rejected"]["message"].as_str()) else {
            return;
        };
        if let Some(Turn {
            phase: Phase::Acting(acts),
            ..
        }) = &mut self.turn
            && let Some(act) = usize::try_from(index).ok().and_then(|index| acts.get_mut(index))
        {
            act.finish(message, ToolStatus::Error);
        }
        self.settle_acts();
    }
}
