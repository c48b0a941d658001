//! What the user wants: goals, from one utterance and from what is still open of the turns before.

use jiff::civil::DateTime;
use serde_json::Value;

use crate::arguments::assign;
use crate::clause::{Clause, Condition, Mood, analyse, clauses};
use crate::dialogue::{Call, Turn};
use crate::intent::{Match, SCORE_MIN, content, matches};
use crate::part::{Part, only_tells, part, unneeded};
use crate::recall::{alike, claim};
use crate::results::Outcome;
use crate::schema::{Role, ToolFacts};
use crate::talk::{about_us, answered, corrects, declines, follow_up, small_talk, smalltalk_only};
use crate::wishes::{Wanted, halves, names_action, several, wanted};
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
pub(crate) fn understand(turns: &[Turn], tools: &[ToolFacts], domain: &[String], now: DateTime) -> (Reading, Memory) {
    let mut memory = Memory::default();
    let mut reading = Reading::Nothing;
    for (index, turn) in turns.iter().enumerate() {
        reading = read(&turn.said, &memory, tools, domain, now);
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

fn read(u: &Utterance, memory: &Memory, tools: &[ToolFacts], domain: &[String], now: DateTime) -> Reading {
    let mut list = clauses(u);
    let about_us = about_us(u);
    let mut parts: Vec<Part> = list.iter().map(|clause| part(u, clause)).collect();
    let refused = parts.contains(&Part::Forbidden);
    // "no, make it four": the last wish again, with something else in it
    if memory.open.is_empty()
        && corrects(u)
        && !list.iter().any(|clause| names_action(u, clause, tools, now))
        && let Some(goals) = follow_up(u, memory, tools, now)
    {
        return Reading::Goals(goals);
    }
    if !parts.contains(&Part::Wish) {
        for (clause, part) in list.iter_mut().zip(&mut parts) {
            if *part == Part::Tells && !only_tells(u, clause) {
                *part = Part::Wish;
                // "no need to come for BP-2 any more"
                if unneeded(u, clause) && clause.verb.is_none() {
                    clause.verb = Some("cancel".into());
                    clause.mood = Mood::Command;
                    clause.desire = false;
                }
            }
        }
    }
    let mut found = wanted(u, &list, &parts, memory, tools, now);
    if found.wishes.is_empty() && parts.contains(&Part::Wish) && parts.contains(&Part::Tells) {
        // what sounded like a wish was none: perhaps the circumstance is
        let turned: Vec<Part> = list
            .iter()
            .zip(&parts)
            .map(|(clause, part)| match part {
                Part::Tells if !only_tells(u, clause) => Part::Wish,
                other => *other,
            })
            .collect();
        let again = wanted(u, &list, &turned, memory, tools, now);
        if !again.wishes.is_empty() {
            found = again;
        }
    }
    let Wanted {
        wishes: mut wanted,
        mut conditions,
        mut context,
    } = found;
    // an answer to what was asked
    if !memory.open.is_empty() {
        let declines = wanted.is_empty() && declines(u);
        if declines {
            return Reading::Refusal;
        }
        let answers = wanted.is_empty()
            || wanted.iter().all(|(clause, best)| {
                clause.mood == Mood::Statement
                    && clause.verb.is_none()
                    && !clause.desire
                    && (best.score < 6.0 || memory.open.iter().any(|goal| goal.tool == best.tool))
            })
            || wanted
                .iter()
                .all(|(clause, best)| memory.open.iter().any(|goal| goal.tool == best.tool) && clause.mood != Mood::Question);
        let fresh = wanted.iter().any(|(clause, best)| {
            let other = !memory.open.iter().any(|goal| goal.tool == best.tool);
            other
                && (clause.verb.is_some() && best.verb >= 2.6 && (best.words >= 0.9 || best.assigned.left == 0)
                    || clause.mood == Mood::Question && best.words >= 1.2)
        });
        if !fresh && !smalltalk_only(u) {
            let goals: Vec<Goal> = memory.open.iter().map(|goal| answered(goal, u, memory, tools, now)).collect();
            if goals.iter().zip(&memory.open).any(|(goal, open)| goal.values != open.values) {
                return Reading::Goals(goals);
            }
        }
        let agreed = matches!(small_talk(u), Reading::Agreement) && memory.open.iter().any(|goal| goal.condition.is_some());
        if answers && (agreed || !smalltalk_only(u) || !u.entities.is_empty()) {
            let goals: Vec<Goal> = memory.open.iter().map(|goal| answered(goal, u, memory, tools, now)).collect();
            return Reading::Goals(goals);
        }
    }
    // "And a compact?": the same again
    if wanted.len() == 1
        && matches!(u.word(0), "and" | "or" | "what" | "how")
        && (matches!(u.word(0), "and" | "or") || u.word(1) == "about")
        && wanted[0].0.verb.is_none()
        && memory.last.last().is_some_and(|last| last.tool == wanted[0].1.tool)
        && let Some(goals) = follow_up(u, memory, tools, now)
    {
        return Reading::Goals(goals);
    }
    if wanted.is_empty() && about_us {
        return Reading::About;
    }
    if wanted.is_empty()
        && !refused
        && let Some(goals) = follow_up(u, memory, tools, now)
    {
        return Reading::Goals(goals);
    }
    if wanted.is_empty() {
        // perhaps the whole is more than its parts
        let whole = analyse(u, 0, u.tokens.len());
        if list.len() > 1
            && !refused
            && let Some(best) = matches(u, &whole, &[], tools, now)
                .into_iter()
                .next()
                .filter(|best| best.score >= SCORE_MIN && best.words >= 1.2)
        {
            conditions.push(None);
            wanted.push((whole, best));
            context.clear();
        }
    }
    if wanted.is_empty() && !refused && memory.open.is_empty() {
        for clause in list.iter().filter(|clause| clause.mood == Mood::Question && clause.has_content(u)) {
            let fits: Vec<Match> = matches(u, clause, &[], tools, now)
                .into_iter()
                .filter(|found| {
                    let tool = &tools[found.tool];
                    tool.reads
                        && found.assigned.left == 0
                        && tool.params.iter().any(|param| param.required && param.role == Role::Id)
                        && tool
                            .params
                            .iter()
                            .zip(&found.assigned.values)
                            .all(|(param, value)| !param.required || value.is_some() && param.role == Role::Id)
                })
                .collect();
            if let [only] = &fits[..] {
                conditions.push(None);
                context.retain(|span| *span != (clause.from, clause.to));
                wanted.push((clause.clone(), only.clone()));
                break;
            }
        }
    }
    if wanted.is_empty() && !refused && memory.open.is_empty() {
        // a statement whose facts fill exactly one tool: "I worked 90 minutes on T-7"
        for clause in list
            .iter()
            .filter(|clause| clause.mood == Mood::Statement && clause.condition.is_none() && clause.verb.is_none())
        {
            let fits: Vec<Match> = matches(u, clause, &[], tools, now)
                .into_iter()
                .filter(|found| {
                    let tool = &tools[found.tool];
                    let hard = |role: Role| {
                        !matches!(
                            role,
                            Role::Text | Role::Query | Role::Thing | Role::Option | Role::Flag | Role::Place | Role::Person
                        )
                    };
                    found.assigned.left == 0
                        && tool.params.iter().filter(|param| param.required && hard(param.role)).count() >= 2
                        && tool.params.iter().any(|param| param.required && param.role == Role::Id)
                        && tool
                            .params
                            .iter()
                            .zip(&found.assigned.values)
                            .all(|(param, value)| !param.required || value.is_some() && hard(param.role))
                })
                .collect();
            if let [only] = &fits[..] {
                conditions.push(None);
                context.retain(|span| *span != (clause.from, clause.to));
                wanted.push((clause.clone(), only.clone()));
                break;
            }
        }
    }
    if wanted.is_empty() && !refused {
        // what only the instructions of the agent speak of: the tool that has a place for what is mentioned
        for clause in list.iter().filter(|clause| !clause.forbidden) {
            let known = content(u, clause).iter().any(|word| domain.contains(word))
                || clause.verb.as_ref().is_some_and(|verb| domain.contains(verb));
            let bare = Clause {
                verb: None,
                mood: Mood::Statement,
                ..clause.clone()
            };
            let best = matches(u, &bare, &[], tools, now).into_iter().next().filter(|best| {
                let hard = tools[best.tool].params.iter().zip(&best.assigned.values).any(|(param, value)| {
                    value.is_some()
                        && !matches!(
                            param.role,
                            Role::Text | Role::Query | Role::Thing | Role::Option | Role::Flag | Role::Person
                        )
                });
                known && best.score >= 0.8 && hard
            });
            if let Some(best) = best {
                conditions.push(None);
                wanted.push((clause.clone(), best));
                context.retain(|span| *span != (clause.from, clause.to));
                break;
            }
        }
    }
    if wanted.is_empty() {
        if refused || declines(u) {
            return Reading::Refusal;
        }
        return small_talk(u);
    }
    let mut goals: Vec<Goal> = Vec::new();
    for (index, (clause, best)) in wanted.iter().enumerate().take(GOALS_MAX) {
        let mut assigned = if context.is_empty() {
            best.assigned.clone()
        } else {
            let held = clause.condition.iter().map(|condition| (condition.from, condition.to));
            let spans: Vec<(usize, usize)> = context.iter().copied().chain(held).collect();
            assign(u, clause, &spans, &tools[best.tool], now)
        };
        // a later wish about the same thing: "… and cancel it"
        let reference = refers(u, clause.from, clause.to);
        if index > 0 {
            for (p, param) in tools[best.tool].params.iter().enumerate() {
                if assigned.values[p].is_some() {
                    continue;
                }
                let before = goals.iter().rev().find_map(|goal| {
                    tools[goal.tool]
                        .params
                        .iter()
                        .zip(&goal.values)
                        .find(|(other, value)| value.is_some() && alike(param, &tools[best.tool], other, &tools[goal.tool]))
                        .and_then(|(_, value)| value.clone())
                });
                if before.is_some() && (reference || param.required) {
                    assigned.values[p] = before;
                }
            }
        } else if wanted.len() > 1 {
            // the first wish may be completed by the second: "check the weather and book a court in Berlin"
            for (p, param) in tools[best.tool].params.iter().enumerate() {
                if assigned.values[p].is_none() && param.required && param.role != Role::Text {
                    let later = wanted.iter().skip(1).find_map(|(_, other)| {
                        tools[other.tool]
                            .params
                            .iter()
                            .zip(&other.assigned.values)
                            .find(|(known, value)| value.is_some() && known.name == param.name)
                            .and_then(|(_, value)| value.clone())
                    });
                    assigned.values[p] = later;
                }
            }
        }
        let condition = conditions[index].clone().map(|condition| (u.clone(), condition));
        let multiples =
            several(u, clause, best.tool, &assigned.values, tools).or_else(|| halves(u, clause, &tools[best.tool], &assigned.values, now));
        let duplicate = goals.iter().any(|goal| goal.tool == best.tool && goal.values == assigned.values);
        if duplicate {
            continue;
        }
        // the story first, then the wish: both are about the same call
        if index > 0
            && let Some(last) = goals.last_mut()
            && last.tool == best.tool
            && condition.is_none()
            && wanted[index - 1].0.verb.is_none()
            && wanted[index - 1].0.mood == Mood::Statement
            && tools[best.tool]
                .params
                .iter()
                .zip(last.values.iter().zip(&assigned.values))
                .all(|(param, (a, b))| a.is_none() || b.is_none() || a == b || matches!(param.role, Role::Text | Role::Query))
        {
            for (a, b) in last.values.iter_mut().zip(assigned.values) {
                *a = b.or(a.take());
            }
            last.said.push((u.clone(), clause.from, clause.to));
            continue;
        }
        // a second clause of the same tool that adds nothing of its own completes the first
        if let Some(last) = goals.last_mut()
            && last.tool == best.tool
            && condition.is_none()
            && last
                .values
                .iter()
                .zip(&assigned.values)
                .all(|(a, b)| a.is_none() || b.is_none() || a == b)
        {
            for (a, b) in last.values.iter_mut().zip(assigned.values) {
                *a = a.take().or(b);
            }
            last.said.push((u.clone(), clause.from, clause.to));
            continue;
        }
        for values in multiples.unwrap_or_else(|| vec![assigned.values.clone()]) {
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
    Reading::Goals(goals)
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
