//! What the user wants: goals, from one utterance and from what is still open of the turns before.

use jiff::civil::DateTime;
use serde_json::Value;

use crate::clause::{Condition, Mood, clauses};
use crate::denied::{Denial, denied, forbids};
use crate::dialogue::{Call, Turn};
use crate::recall::{alike, claim};
use crate::results::Outcome;
use crate::schema::{Role, ToolFacts};
use crate::talk::{about_us, again, answered, corrects, declines, follow_up, small_talk, smalltalk_only};
use crate::wish::{Message, Pending, Wish};
use crate::wishes::{bonuses, names_action, several};
use bedplate_language::entities::{Utterance, What};
use bedplate_language::tokens::Shape;
use bedplate_language::words::{is_pronoun, is_stop};

/// Most goals of a turn.
const GOALS_MAX: usize = 8;

/// One tool to be called, as far as is known.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    pub(crate) tool: usize,
    /// One for each parameter.
    pub(crate) values: Vec<Option<Value>>,
    /// What was said about it, oldest first, with the part that matters.
    pub(crate) said: Vec<(Utterance, usize, usize)>,
    /// The condition with its utterance.
    pub(crate) condition: Option<(Utterance, Condition)>,
    /// It refers to something said before: "it", "the second one".
    pub(crate) refers: bool,
}

/// What an utterance comes down to.
#[derive(Clone, Debug)]
pub(crate) enum Reading {
    Goals(Vec<Goal>),
    Greeting,
    Thanks,
    Goodbye,
    /// Something must not be done, or is not wanted any more.
    Refusal,
    /// "Yes" without anything open.
    Agreement,
    /// Who or what are you, what can you do.
    About,
    /// Nothing fits.
    Nothing,
}

/// What is known from the turns before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// All calls so far with their results, oldest first.
    pub(crate) calls: Vec<Call>,
    /// Goals that wait for an answer of the user.
    pub(crate) open: Vec<Goal>,
    /// Goals of the last turn that had any.
    pub(crate) last: Vec<Goal>,
}

/// Reads what the current turn wants, from the turns before it.
pub(crate) fn understand(turns: &[Turn], tools: &[ToolFacts], now: DateTime) -> (Reading, Memory) {
    let mut memory = Memory::default();
    let mut reading = Reading::Nothing;
    for (index, turn) in turns.iter().enumerate() {
        reading = read(&turn.said, &memory, tools, now);
        if index + 1 == turns.len() {
            break;
        }
        let goals = match &reading {
            Reading::Goals(goals) => goals.clone(),
            _ => Vec::new(),
        };
        let asked = turn
            .reply
            .as_deref()
            .is_some_and(|reply| reply.contains('?') || reply.to_lowercase().contains("please"));
        let mut claimed = vec![false; turn.calls.len()];
        memory.open.clear();
        for goal in &goals {
            match claim(goal, &turn.calls, &mut claimed, tools) {
                Some(at) => {
                    if matches!(turn.calls[at].outcome, Some(Outcome::Error(_))) {
                        let mut goal = goal.clone();
                        for (p, param) in tools[goal.tool].params.iter().enumerate() {
                            if param.role == Role::Id {
                                goal.values[p] = None;
                            }
                        }
                        memory.open.push(goal);
                    }
                }
                None if asked => memory.open.push(goal.clone()),
                None => {}
            }
        }
        memory.calls.extend(turn.calls.iter().cloned());
        if !goals.is_empty() {
            memory.last = goals;
        }
    }
    (reading, memory)
}

fn read(u: &Utterance, memory: &Memory, tools: &[ToolFacts], now: DateTime) -> Reading {
    let list = clauses(u);
    let mut refused = list.iter().any(|clause| clause.forbidden);
    // "no, make it four": the last wish again, with something else in it
    if memory.open.is_empty()
        && (corrects(u) || again(u) && !refused && !list.iter().any(|clause| clause.verb.is_some() && clause.mood == Mood::Statement))
        && !list.iter().any(|clause| names_action(u, clause, tools, now))
        && let Some(goals) = follow_up(u, memory, tools, now)
    {
        return Reading::Goals(goals);
    }
    let pending = match (memory.open.first(), memory.last.last()) {
        (Some(open), _) => Some(Pending::Open(open.tool)),
        (None, Some(last)) => Some(Pending::Done(last.tool)),
        (None, None) => None,
    };
    let mut wanted = match list.is_empty() {
        true => Vec::new(),
        false => Message::new(u, &list, tools, pending, now).wishes(&bonuses(u, &list, memory, tools)),
    };
    let mut told = false;
    wanted.retain(|wish| {
        let denial = denied(u, &list, wish, tools);
        refused |= denial == Some(Denial::Refused);
        told |= denial == Some(Denial::Told);
        denial.is_none() && !wish.clause.forbidden
    });
    if told && wanted.is_empty() {
        return Reading::Nothing;
    }
    // an answer to what was asked
    if !memory.open.is_empty() {
        // "no, don't cancel it"
        let stopped = refused && memory.open.iter().any(|goal| forbids(&list, &tools[goal.tool]));
        if wanted.is_empty() && (stopped || declines(u)) {
            return Reading::Refusal;
        }
        let fresh = wanted
            .iter()
            .any(|wish| !memory.open.iter().any(|goal| goal.tool == wish.found.tool));
        let agreed = matches!(small_talk(u), Reading::Agreement) && memory.open.iter().any(|goal| goal.condition.is_some());
        if !fresh && (agreed || !smalltalk_only(u) || !u.entities.is_empty()) {
            let goals: Vec<Goal> = memory.open.iter().map(|goal| answered(goal, u, memory, tools, now)).collect();
            return Reading::Goals(goals);
        }
    }
    // "And a compact?": the same again
    if let [wish] = &wanted[..]
        && wish.clause.verb.is_none()
        && !wish.clause.desire
        && memory.last.last().is_some_and(|last| last.tool == wish.found.tool)
        && let Some(goals) = follow_up(u, memory, tools, now)
    {
        return Reading::Goals(goals);
    }
    if wanted.is_empty() {
        if about_us(u) {
            return Reading::About;
        }
        if !refused && let Some(goals) = follow_up(u, memory, tools, now) {
            return Reading::Goals(goals);
        }
        return if refused || declines(u) { Reading::Refusal } else { small_talk(u) };
    }
    Reading::Goals(goals(u, &wanted, tools))
}

/// The goals that wishes come to: a wish completes another of the same tool, or becomes a goal of its own, or several.
fn goals(u: &Utterance, wanted: &[Wish], tools: &[ToolFacts]) -> Vec<Goal> {
    let mut goals: Vec<Goal> = Vec::new();
    for (index, wish) in wanted.iter().enumerate().take(GOALS_MAX) {
        let Wish {
            clause,
            context,
            found: best,
            ..
        } = wish;
        // a later wish about the same thing: "… and cancel it"
        let reference = refers(u, clause.from, clause.to);
        let values = if index > 0 {
            carried(&goals, wish, reference, tools)
        } else {
            completed(wanted, tools)
        };
        let condition = clause.condition.clone().map(|condition| (u.clone(), condition));
        let multiples = several(u, clause, best.tool, &values, tools);
        let duplicate = goals.iter().any(|goal| goal.tool == best.tool && goal.values == values);
        if duplicate {
            continue;
        }
        // the story first, then the wish: both are about the same call
        if index > 0
            && let Some(last) = goals.last_mut()
            && last.tool == best.tool
            && condition.is_none()
            && wanted[index - 1].clause.verb.is_none()
            && wanted[index - 1].clause.mood == Mood::Statement
            && tools[best.tool]
                .params
                .iter()
                .zip(last.values.iter().zip(&values))
                .all(|(param, (a, b))| a.is_none() || b.is_none() || a == b || matches!(param.role, Role::Text | Role::Query))
        {
            for (a, b) in last.values.iter_mut().zip(values) {
                *a = b.or(a.take());
            }
            last.said.push((u.clone(), clause.from, clause.to));
            continue;
        }
        // a second clause of the same tool that adds nothing of its own completes the first
        if let Some(last) = goals.last_mut()
            && last.tool == best.tool
            && condition.is_none()
            && last.values.iter().zip(&values).all(|(a, b)| a.is_none() || b.is_none() || a == b)
        {
            for (a, b) in last.values.iter_mut().zip(values) {
                *a = a.take().or(b);
            }
            last.said.push((u.clone(), clause.from, clause.to));
            continue;
        }
        for values in multiples.unwrap_or_else(|| vec![values]) {
            goals.push(Goal {
                tool: best.tool,
                values,
                said: std::iter::once((u.clone(), clause.from, clause.to))
                    .chain(context.iter().map(|(from, to)| (u.clone(), *from, *to)))
                    .collect(),
                condition: condition.clone(),
                refers: reference,
            });
        }
    }
    goals.truncate(GOALS_MAX);
    goals
}

/// The values of a later wish, with those of the goals before it where it points at them or needs them.
fn carried(goals: &[Goal], wish: &Wish, reference: bool, tools: &[ToolFacts]) -> Vec<Option<Value>> {
    let tool = &tools[wish.found.tool];
    let mut values = wish.assigned.values.clone();
    for (value, param) in values.iter_mut().zip(&tool.params) {
        if value.is_some() || !reference && !param.required {
            continue;
        }
        *value = goals.iter().rev().find_map(|goal| {
            let other = &tools[goal.tool];
            other
                .params
                .iter()
                .zip(&goal.values)
                .find(|(known, value)| value.is_some() && alike(param, tool, known, other))
                .and_then(|(_, value)| value.clone())
        });
    }
    values
}

/// The values of the first wish, completed by the others: "check the weather and book a court in Berlin".
fn completed(wanted: &[Wish], tools: &[ToolFacts]) -> Vec<Option<Value>> {
    let mut values = wanted[0].assigned.values.clone();
    for (value, param) in values.iter_mut().zip(&tools[wanted[0].found.tool].params) {
        if value.is_some() || !param.required || param.role == Role::Text {
            continue;
        }
        *value = wanted.iter().skip(1).find_map(|other| {
            tools[other.found.tool]
                .params
                .iter()
                .zip(&other.assigned.values)
                .find(|(known, value)| value.is_some() && known.name == param.name)
                .and_then(|(_, value)| value.clone())
        });
    }
    values
}

/// Whether the words point at something said before.
pub(crate) fn refers(u: &Utterance, from: usize, to: usize) -> bool {
    (from..to).any(|at| {
        let word = u.word(at);
        let points = is_pronoun(word)
            && !matches!(word, "there" | "one" | "her" | "his" | "their" | "its")
            && !(word == "that"
                && u.tokens
                    .get(at + 1)
                    .is_some_and(|next| next.shape == Shape::Word && is_stop(&next.lower)))
            && !(matches!(word, "this" | "that")
                && matches!(
                    u.word(at + 1),
                    "week"
                        | "month"
                        | "year"
                        | "weekend"
                        | "morning"
                        | "afternoon"
                        | "evening"
                        | "friday"
                        | "monday"
                        | "tuesday"
                        | "wednesday"
                        | "thursday"
                        | "saturday"
                        | "sunday"
                ))
            && !(word == "it" && at > 0 && matches!(u.word(at + 1), "possible" | "is" | "'s" | "will"));
        let one = matches!(word, "one" | "ones") && at > from && !is_stop(u.word(at - 1))
            || matches!(word, "one") && at > from && matches!(u.word(at - 1), "that" | "this" | "other");
        points || one
    }) || u
        .entities
        .iter()
        .any(|entity| from <= entity.from && entity.to <= to && matches!(entity.what, What::Ordinal(_)))
}
