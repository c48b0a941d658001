//! What follows from a session's state. Only reads it.

use bedplate_base::uuid_from;
use bedplate_journal::{Callee, Command, Commands, Input, Limits, Now, Outcome, Raw, Sender, Step, Value};
use serde_json::json;

use crate::defaults::{ASKED_MAX, LAMBDA_MS_MAX, MODEL_MS_MAX};
use crate::program::{Action, Executor};
use crate::session::{Act, ActState, Next, Phase, Session, Turn};
use crate::turn::{Asked, AskedKind, Question, failure};
use crate::{LAMBDA, MODEL, arguments, lambda};

pub(crate) fn decide(session: &Session, _now: &Now, out: &mut Commands) {
    for (from, code, cause) in &session.refused {
        out.push(Command::Reply(from.clone(), Outcome::failure(*code, cause)));
    }
    let Some(turn) = &session.turn else { return };
    if !turn.announced {
        let Sender::Client(request) = &turn.from;
        out.push(Command::Note(Raw::json(
            &json!({"turn": {"number": turn.number, "request": &**request}}),
        )));
        return;
    }
    match &turn.phase {
        Phase::Model if turn.model_calls >= turn.program.steps_max => {
            let cause = format!(
                "The agent stopped after {} model calls without an answer, the limit of one turn.\nThe last steps are in the trace.",
                turn.model_calls
            );
            out.push(Command::Reply(turn.from.clone(), Outcome::failure(failure::DEPENDENCY, cause)));
        }
        Phase::Model => {
            out.push(Command::Call {
                step: Step::new(format!("turn.{}/model.{}", turn.number, turn.model_calls)),
                callee: Callee::Target(MODEL.into()),
                input: Input::Rendered,
                limits: Limits {
                    total_ms: Some(MODEL_MS_MAX),
                    heartbeat_ms: None,
                },
            });
        }
        Phase::Thinking(_) => {}
        Phase::Acting(acts) if turn.failed.is_none() => act(session, turn, acts, out),
        Phase::Acting(_) => {}
        Phase::Asking {
            call,
            next: Some(Next::Answered(answer)),
            ..
        } => {
            let answer = serde_json::to_string(answer).expect("invariant: an answer is plain data");
            out.push(Command::Answer(*call, Outcome::Success(Value::inline(Raw::new(answer)))));
        }
        Phase::Asking {
            call,
            next: Some(Next::Abandoned),
            ..
        } => {
            out.push(Command::Cancel(*call));
        }
        Phase::Asking { next: None, .. } => {}
        Phase::Answering(text) => {
            out.push(Command::Reply(
                turn.from.clone(),
                Outcome::Success(Value::inline(Raw::json(&json!({"text": text})))),
            ));
        }
        Phase::Failing(code, cause) => {
            out.push(Command::Reply(turn.from.clone(), Outcome::failure(*code, cause)));
        }
    }
}

/// Calls what can be called; when nothing runs any more, asks the client for the rest.
fn act(session: &Session, turn: &Turn, acts: &[Act], out: &mut Commands) {
    let mut running = acts.iter().any(|act| matches!(act.state, ActState::Calling(_)));
    let mut asked = Vec::new();
    let mut questions = Vec::new();
    for (index, act) in acts.iter().enumerate() {
        if !matches!(act.state, ActState::New | ActState::Confirmed) {
            continue;
        }
        if turn.program.is_question(&act.tool_use.name) {
            match act.tool_use.input["question"]
                .as_str()
                .map(str::trim)
                .filter(|question| !question.is_empty())
            {
                Some(question) => questions.push(question),
                None => {
                    running = true;
                    out.push(rejected(index, "The question to the user is missing: give it as 'question'."));
                }
            }
            continue;
        }
        let checked = match turn.program.action(&act.tool_use.name) {
            None => Err(unknown(turn, &act.tool_use.name)),
            Some(action) => arguments::check(action, &act.tool_use.input).map(|arguments| (action, arguments)),
        };
        match checked {
            Err(message) => {
                running = true;
                out.push(rejected(index, &message));
            }
            Ok((action, arguments)) => match &action.executor {
                Executor::Lambda(arn) if !act.asks(action) => {
                    running = true;
                    let input = lambda::input(arn, action, &arguments, turn, &session.attributes);
                    out.push(Command::Call {
                        step: Step::new(format!("turn.{}/model.{}/act.{index}", turn.number, turn.model_calls)),
                        callee: Callee::Target(LAMBDA.into()),
                        input: Input::Value(Value::inline(input)),
                        limits: Limits {
                            total_ms: Some(LAMBDA_MS_MAX),
                            heartbeat_ms: None,
                        },
                    });
                }
                _ => asked.push(Asked {
                    act: index,
                    action_group: action.group.clone(),
                    function: action.function.clone(),
                    parameters: arguments,
                    kind: kind(action),
                }),
            },
        }
    }
    if !running && asked.is_empty() && !questions.is_empty() {
        let answer = json!({"text": questions.join("\n"), "asks": true});
        out.push(Command::Reply(
            turn.from.clone(),
            Outcome::Success(Value::inline(Raw::json(&answer))),
        ));
    }
    if !running && !asked.is_empty() {
        asked.truncate(ASKED_MAX);
        let first = asked[0].act.to_string();
        let parts = [turn.request.session_id.as_str(), turn.request.agent.alias_arn.as_str()];
        let place = [turn.number.to_string(), turn.model_calls.to_string()];
        let invocation_id = uuid_from(&["question", parts[0], parts[1], &place[0], &place[1], &first]);
        let question = Question {
            invocation_id,
            inputs: asked,
        };
        let question = serde_json::to_string(&question).expect("invariant: a question is plain data");
        out.push(Command::Call {
            step: Step::new(format!("turn.{}/model.{}/ask.{first}", turn.number, turn.model_calls)),
            callee: Callee::Asker,
            input: Input::Value(Value::inline(Raw::new(question))),
            limits: Limits::default(),
        });
    }
}

/// The note that a tool use is not run.
fn rejected(act: usize, message: &str) -> Command {
    Command::Note(Raw::json(&json!({"rejected": {"act": act, "message": message}})))
}

fn kind(action: &Action) -> AskedKind {
    match (&action.executor, action.confirm) {
        (Executor::ReturnControl, false) => AskedKind::Result,
        (Executor::ReturnControl, true) => AskedKind::UserConfirmationAndResult,
        (Executor::Lambda(_), _) => AskedKind::UserConfirmation,
    }
}

fn unknown(turn: &Turn, name: &str) -> String {
    let names: Vec<&str> = turn.program.actions.iter().map(|action| action.tool.as_str()).collect();
    format!(
        "There is no tool named {name:?}. The tools are: {}.",
        if names.is_empty() { "none".into() } else { names.join(", ") }
    )
}
