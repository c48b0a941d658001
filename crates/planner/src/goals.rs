//! What the user wants: goals, from one utterance and from what is still open of the turns before.

use jiff::civil::DateTime;
use serde_json::{Value, json};

use crate::arguments::assign;
use crate::clause::{Clause, Condition, Mood, analyse, clauses};
use crate::dialogue::{Call, Turn};
use crate::intent::{Match, SCORE_MIN, content, matches};
use crate::recall::{alike, claim, field, shared_noun};
use crate::results::Outcome;
use crate::schema::{Role, ToolFacts};
use crate::talk::{about_us, answered, corrects, declines, follow_up, small_talk, smalltalk_only};
use bedplate_language::entities::{Utterance, What};
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::Shape;
use bedplate_language::words::{is_auxiliary, is_determiner, is_filler, is_negation, is_preposition, is_pronoun, is_stop};

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

/// What a clause is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Politeness, an interjection.
    Empty,
    /// What must not be done.
    Forbidden,
    /// A circumstance: "it works again", "my number is 5".
    Tells,
    Wish,
}

fn part(u: &Utterance, clause: &Clause) -> Part {
    if clause.forbidden {
        return Part::Forbidden;
    }
    let mentions = u.entities.iter().any(|entity| clause.from <= entity.from && entity.to <= clause.to);
    if !clause.has_content(u) && clause.verb.is_none() && !refers(u, clause.from, clause.to) && !mentions {
        return Part::Empty;
    }
    if labels(u, clause)
        || only_tells(u, clause)
        || finite(u, clause)
        || clause.verb.is_none() && unneeded(u, clause)
        || only_mentions(u, clause)
    {
        return Part::Tells;
    }
    Part::Wish
}

/// "Donor number D-5", "My card: LC-2": a label and a value.
fn labels(u: &Utterance, clause: &Clause) -> bool {
    clause.mood == Mood::Statement
        && clause.verb.is_none()
        && !clause.desire
        && u.entities.iter().any(|entity| {
            entity.to == clause.to
                && entity.from > clause.from
                && entity.from - clause.from <= 4
                && matches!(entity.what, What::Id(_) | What::Email(_) | What::Phone(_))
                && (clause.from..entity.from).all(|at| {
                    let token = &u.tokens[at];
                    is_determiner(&token.lower)
                        || matches!(token.text.as_str(), ":" | "#")
                        || thesaurus().is_noun(&token.stem)
                        || token.lower == "is"
                })
        })
}

/// "I don't need it any longer", "no need to come".
fn unneeded(u: &Utterance, clause: &Clause) -> bool {
    (clause.from..clause.to).any(|at| {
        (is_negation(u.word(at)) || u.word(at) == "longer" && u.word(at.saturating_sub(1)) == "no")
            && matches!(u.word(at + 1), "need" | "needed" | "want" | "require" | "required")
    })
}

/// "Tomorrow at six, …": nothing but when.
fn only_mentions(u: &Utterance, clause: &Clause) -> bool {
    clause.verb.is_none()
        && clause.mood == Mood::Statement
        && (clause.from..clause.to).all(|at| {
            let token = &u.tokens[at];
            is_stop(&token.lower)
                || is_filler(&token.lower)
                || token.shape == Shape::Punct
                || u.entities
                    .iter()
                    .any(|entity| entity.from <= at && at < entity.to && matches!(entity.what, What::When(_)))
        })
}

/// A statement with a verb of its own that asks for nothing.
fn finite(u: &Utterance, clause: &Clause) -> bool {
    if clause.mood != Mood::Statement || clause.verb.is_some() || clause.desire || clause.condition.is_some() {
        return false;
    }
    (clause.from..clause.to).any(|at| {
        let token = &u.tokens[at];
        if token.shape != Shape::Word || is_auxiliary(&token.lower) && token.lower != "any" {
            return token.shape == Shape::Word && at > clause.from;
        }
        let short = ["'s", "'m", "'re", "'ve"].iter().any(|end| token.lower.ends_with(end)) && is_stop(&token.lower);
        let inflected = thesaurus().is_verb(&token.stem)
            && !thesaurus().is_imperative(&token.lower)
            && !token.lower.ends_with("ing")
            && at > clause.from
            && !is_determiner(u.word(at - 1))
            && !is_preposition(u.word(at - 1))
            && (!token.lower.ends_with('s') || !thesaurus().is_noun(&token.stem));
        let past = matches!(u.word(at.saturating_sub(1)), "i" | "we" | "he" | "she" | "they") && at > clause.from && !is_stop(&token.lower);
        // "INC-5 works again": what stands behind the subject
        let third = token.lower.ends_with('s')
            && !token.lower.ends_with("ss")
            && u.entities
                .iter()
                .any(|entity| entity.from == clause.from && entity.to == at && !matches!(entity.what, What::When(_) | What::Number(_)));
        short
            || third
            || inflected
            || past
            || matches!(token.lower.as_str(), "won't" | "can't" | "cannot" | "couldn't" | "wouldn't" | "got")
    })
}

/// Whether a wish fits one tool without a rest and every other much worse.
fn stands_out(u: &Utterance, clause: &Clause, best: &Match, second: Option<&Match>) -> bool {
    let wishes = clause.verb.is_some() && best.verb >= 2.2 || clause.desire && best.verb > 0.0;
    let facts = u
        .entities
        .iter()
        .any(|entity| clause.from <= entity.from && entity.to <= clause.to && best.assigned.taken[entity.from]);
    wishes && facts && best.assigned.left == 0 && best.score >= 1.2 && second.is_none_or(|second| best.score - second.score >= 1.5)
}

/// Whether what was said fills a tool entirely with facts, and no other tool nearly as well.
fn complete(u: &Utterance, clause: &Clause, best: &Match, second: Option<&Match>, tools: &[ToolFacts]) -> bool {
    let tool = &tools[best.tool];
    let facts = |found: &Match| {
        tools[found.tool]
            .params
            .iter()
            .zip(&found.assigned.values)
            .filter(|(param, value)| {
                param.required
                    && value.as_ref().is_some_and(|value| match param.role {
                        Role::Text | Role::Query | Role::Thing | Role::Person | Role::Place | Role::Option | Role::Flag => {
                            u.entities.iter().any(|entity| match &entity.what {
                                What::Proper(text) | What::Quoted(text) | What::Id(text) => value.as_str() == Some(text.as_str()),
                                _ => false,
                            })
                        }
                        _ => true,
                    })
            })
            .count()
    };
    let required = tool.params.iter().filter(|param| param.required).count();
    let filled = tool
        .params
        .iter()
        .zip(&best.assigned.values)
        .all(|(param, value)| !param.required || value.is_some());
    let own = facts(best);
    let alone =
        second.is_none_or(|second| best.score - second.score >= 0.4 || facts(second) < own && !tools[second.tool].params.is_empty());
    let agrees = if clause.mood == Mood::Question {
        tool.reads
    } else {
        best.verb > -1.0 || own >= 2
    };
    required > 0 && filled && best.assigned.left == 0 && own >= 1 && own + 1 >= required && alone && agrees && best.score >= 1.2
}

/// The items that were listed last, when the clause points at one of them.
fn shown(u: &Utterance, clause: &Clause, memory: &Memory) -> Vec<Value> {
    let points = (clause.from..clause.to)
        .any(|at| u.word(at) == "one" && at > clause.from && !is_preposition(u.word(at - 1)) || u.word(at) == "ones")
        || u.entities
            .iter()
            .any(|entity| clause.from <= entity.from && entity.to <= clause.to && matches!(entity.what, What::Ordinal(_)));
    if !points {
        return Vec::new();
    }
    memory
        .calls
        .iter()
        .rev()
        .filter_map(|call| call.outcome.as_ref())
        .map(crate::results::items)
        .next()
        .unwrap_or_default()
}

/// Whether an allowed value of the tool was named, and everything else that was said has its place too.
fn names_option(tool: &ToolFacts, best: &Match) -> bool {
    best.assigned.left == 0
        && best.score >= 2.0
        && tool
            .params
            .iter()
            .zip(&best.assigned.values)
            .any(|(param, value)| param.required && !param.open && param.role == Role::Option && value.is_some())
}

/// Wishes with the tools that they are matched with.
#[derive(Default)]
struct Wanted {
    wishes: Vec<(Clause, Match)>,
    conditions: Vec<Option<Condition>>,
    /// Clauses without a wish of their own.
    context: Vec<(usize, usize)>,
}

impl Wanted {
    fn push(&mut self, clause: &Clause, found: Match) {
        self.conditions.push(clause.condition.clone());
        self.wishes.push((clause.clone(), found));
    }
}

/// Finds the tool of every clause of `list` that `parts` calls a wish; the others are context.
fn wanted(u: &Utterance, list: &[Clause], parts: &[Part], memory: &Memory, tools: &[ToolFacts], now: DateTime) -> Wanted {
    let mut out = Wanted::default();
    out.context = list
        .iter()
        .zip(parts)
        .filter(|(_, part)| **part == Part::Tells)
        .map(|(clause, _)| (clause.from, clause.to))
        .collect();
    let told = out.context.clone();
    for (clause, _) in list.iter().zip(parts).filter(|(_, part)| **part == Part::Wish) {
        let pending = !memory.open.is_empty() || !memory.last.is_empty();
        let bare = clause.verb.is_none() && clause.mood == Mood::Statement && !clause.desire;
        let held: Vec<(usize, usize)> = clause
            .condition
            .iter()
            .map(|condition| (condition.from, condition.to))
            .chain(told.iter().copied())
            .collect();
        let mut found = matches(u, clause, &held, tools, now);
        // "the first one": of the list that was shown, for a tool that takes its ids
        let listed = shown(u, clause, memory);
        let mut picks = vec![false; tools.len()];
        for found in &mut found {
            let tool = &tools[found.tool];
            let open = tool.params.iter().zip(&found.assigned.values).any(|(param, value)| {
                param.required
                    && param.role == Role::Id
                    && value.is_none()
                    && listed
                        .iter()
                        .any(|item| item.as_object().is_some_and(|map| field(map, param, tool).is_some()))
            });
            if open {
                picks[found.tool] = true;
                found.score += 2.5;
            }
        }
        for found in &mut found {
            let before = out
                .wishes
                .last()
                .map(|(_, best): &(Clause, Match)| best.tool)
                .or(memory.last.last().map(|goal| goal.tool));
            found.score += reference_bonus(u, clause, &tools[found.tool], before, memory, tools);
        }
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.tool.cmp(&b.tool)));
        let found_all = found.clone();
        let good = found.into_iter().next().filter(|best| {
            let points = refers(u, clause.from, clause.to) && best.verb >= 2.2 && best.score >= 1.6;
            let enough = best.score >= if bare && pending { 4.5 } else { SCORE_MIN };
            let whole = best.verb >= 2.6
                && best.assigned.left == 0
                && best.score >= 2.4
                && tools[best.tool].params.iter().zip(&best.assigned.values).all(|(param, value)| {
                    !param.required || value.is_some() || param.role == Role::Id && tools[best.tool].supplier.is_some()
                });
            let by_id = clause.verb.is_some()
                && best.verb >= 2.2
                && best.score >= 2.4
                && tools[best.tool]
                    .params
                    .iter()
                    .zip(&best.assigned.values)
                    .any(|(param, value)| param.role == Role::Id && value.is_some());
            let pick = picks[best.tool] && best.score >= 2.5;
            pick || whole
                || by_id
                || enough && (best.words >= 0.9 || clause.verb.is_some() && best.score >= SCORE_MIN + 0.4)
                || points
                || names_option(&tools[best.tool], best)
                || complete(u, clause, best, found_all.get(1), tools)
                || stands_out(u, clause, best, found_all.get(1))
                || seeks(u, clause, best, &tools[best.tool])
        });
        if let Some(best) = &good
            && let Some((first, second)) = apart(u, clause, best, tools, now)
        {
            for (_, half) in [first, second].iter().enumerate() {
                out.conditions.push(clause.condition.clone());
                out.wishes.push(half.clone());
            }
            continue;
        }
        if let Some(best) = &good
            && let Some(other) = both(u, clause, best, &found_all, tools)
        {
            out.push(clause, best.clone());
            out.push(clause, other);
            continue;
        }
        match good {
            Some(best) => out.push(clause, best),
            None => out.context.push((clause.from, clause.to)),
        }
    }
    out
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

/// "Orders A-1 and A-2": one call for each id when the tool takes only one.
fn several(u: &Utterance, clause: &Clause, tool: usize, values: &[Option<Value>], tools: &[ToolFacts]) -> Option<Vec<Vec<Option<Value>>>> {
    let params = &tools[tool].params;
    let p = (0..params.len()).find(|p| {
        matches!(params[*p].role, Role::Id | Role::Place | Role::Thing)
            && params[*p].ty != crate::schema::Type::List
            && params[*p].required
            && values[*p].is_some()
            && params.iter().filter(|other| other.role == params[*p].role).count() == 1
    })?;
    let first = values[p].clone()?;
    let at = u.entities.iter().position(|entity| {
        clause.from <= entity.from
            && entity.to <= clause.to
            && matches!(&entity.what, What::Id(text) | What::Proper(text) if first == json!(text))
            || matches!(&entity.what, What::Number(_)) && first == json!(u.slice(entity.from, entity.to)) && params[p].role == Role::Id
    })?;
    let mut found = vec![values.to_vec()];
    let mut last = at;
    for next in at + 1..u.entities.len() {
        let between = u.entities[last].to..u.entities[next].from;
        let joined = between.len() <= 2
            && !between.is_empty()
            && u.tokens[between]
                .iter()
                .all(|token| matches!(token.lower.as_str(), "," | "and" | "&"));
        let alike = std::mem::discriminant(&u.entities[next].what) == std::mem::discriminant(&u.entities[at].what);
        if !joined || !alike || u.entities[next].to > clause.to {
            break;
        }
        let text = u
            .slice(u.entities[next].from, u.entities[next].to)
            .trim_start_matches('#')
            .to_owned();
        let mut more = values.to_vec();
        more[p] = Some(if first.is_number() {
            serde_json::from_str(&text).unwrap_or(json!(text))
        } else {
            json!(text)
        });
        found.push(more);
        last = next;
    }
    (found.len() > 1).then_some(found)
}

/// "Temperature and humidity of the nursery", "two for adults and three for children": one tool twice, with what the halves share.
fn halves(u: &Utterance, clause: &Clause, tool: &ToolFacts, whole: &[Option<Value>], now: DateTime) -> Option<Vec<Vec<Option<Value>>>> {
    let joints = (clause.from + 1..clause.to).filter(|at| {
        u.word(*at) == "and"
            && !u.entities.iter().any(|entity| entity.from <= *at && *at < entity.to)
            && !(clause.from..*at).any(|before| matches!(u.word(before), "between"))
    });
    for at in joints {
        let half = |from: usize, to: usize| {
            let part = Clause {
                from,
                to,
                ..clause.clone()
            };
            assign(u, &part, &[], tool, now).values
        };
        if analyse(u, at + 1, clause.to).verb.is_some() {
            continue;
        }
        let (first, second) = (half(clause.from, at), half(at + 1, clause.to));
        let contrast: Vec<usize> = (0..tool.params.len())
            .filter(|p| {
                let param = &tool.params[*p];
                param.ty != crate::schema::Type::List
                    && !matches!(param.role, Role::Text | Role::Query | Role::Flag)
                    && first[*p].is_some()
                    && second[*p].is_some()
                    && first[*p] != second[*p]
            })
            .collect();
        let mention = |value: &Option<Value>| {
            value.as_ref().and_then(Value::as_str).is_some_and(|value| {
                u.entities
                    .iter()
                    .any(|entity| matches!(&entity.what, What::Proper(text) | What::Id(text) | What::Quoted(text) if text == value))
            })
        };
        let contrast: Vec<usize> = contrast
            .into_iter()
            .filter(|p| {
                !matches!(tool.params[*p].role, Role::Thing | Role::Place | Role::Person | Role::Id)
                    || mention(&first[*p]) == mention(&second[*p])
            })
            .collect();
        let untold = |value: &Option<Value>| !whole.contains(value);
        let told_apart = contrast
            .iter()
            .any(|p| tool.params[*p].required && (untold(&first[*p]) || untold(&second[*p])));
        if !told_apart {
            continue;
        }
        let join = |own: &[Option<Value>], other: &[Option<Value>]| -> Vec<Option<Value>> {
            (0..own.len())
                .map(|p| {
                    own[p]
                        .clone()
                        .or_else(|| other[p].clone())
                        .or_else(|| whole[p].clone().filter(|_| !contrast.contains(&p)))
                })
                .collect()
        };
        let out = vec![join(&first, &second), join(&second, &first)];
        let whole_both = out.iter().all(|values| {
            tool.params
                .iter()
                .zip(values)
                .all(|(param, value)| !param.required || value.is_some())
        });
        if whole_both && out[0] != out[1] {
            return Some(out);
        }
    }
    None
}

/// "My card number is 5", "I am with LN-500": it tells something and wants nothing.
fn only_tells(u: &Utterance, clause: &Clause) -> bool {
    if clause.mood != Mood::Statement || clause.verb.is_some() || clause.desire || clause.condition.is_some() {
        return false;
    }
    let begin = (clause.from..clause.to).find(|at| !matches!(u.word(*at), "hi" | "hello" | "hey" | "," | "well" | "so" | "ok"));
    let Some(begin) = begin else { return false };
    let led = matches!(
        u.word(begin),
        "my" | "our" | "the" | "his" | "her" | "their" | "it" | "it's" | "this" | "i'm" | "i" | "we" | "we're"
    );
    let named = |at: usize| {
        u.entities.iter().any(|entity| {
            entity.from == at
                && entity.to >= clause.to
                && matches!(
                    entity.what,
                    What::Id(_) | What::Number(_) | What::Proper(_) | What::Email(_) | What::Phone(_)
                )
        })
    };
    let link = |at: usize| {
        matches!(
            u.word(at),
            "is" | "are" | "was" | "it's" | "called" | "named" | "with" | "have" | "has" | "number" | ":" | "i'm" | "="
        )
    };
    led && (begin..clause.to)
        .any(|at| link(at) && (named(at + 1) || matches!(u.word(at + 1), "number" | "called" | "id" | "user") && named(at + 2)))
}

/// Whether a clause says itself what is to be done: by a verb that fits a tool, or by what a tool is about.
fn names_action(u: &Utterance, clause: &Clause, tools: &[ToolFacts], now: DateTime) -> bool {
    let general = clause.verb.as_deref().is_none_or(|verb| {
        matches!(
            verb,
            "mak"
                | "make"
                | "chang"
                | "set"
                | "mean"
                | "say"
                | "want"
                | "tak"
                | "take"
                | "do"
                | "let"
                | "go"
                | "try"
                | "get"
                | "put"
                | "switch"
                | "bring"
                | "giv"
                | "need"
        )
    });
    let Some(best) = matches(u, clause, &[], tools, now).into_iter().next() else {
        return false;
    };
    if general {
        best.words >= 1.9 && clause.mood != Mood::Statement && best.score >= SCORE_MIN
    } else {
        best.verb >= 2.6 || best.words >= 1.9
    }
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

/// "The stock and the price of P-10": a second tool that only the words behind `and` are about.
fn both(u: &Utterance, clause: &Clause, best: &Match, found: &[Match], tools: &[ToolFacts]) -> Option<Match> {
    let at = (clause.from + 1..clause.to)
        .find(|at| u.word(*at) == "and" && !u.entities.iter().any(|entity| entity.from <= *at && *at < entity.to))?;
    let about = |from: usize, to: usize, tool: &ToolFacts| {
        (from..to).any(|at| {
            let token = &u.tokens[at];
            token.shape == Shape::Word
                && !is_stop(&token.lower)
                && !clause.verb_at.contains(&at)
                && tool.nouns().iter().any(|noun| thesaurus().similarity(noun, &token.stem) >= 0.8)
        })
    };
    let sides = |tool: &ToolFacts| (about(clause.from, at, tool), about(at + 1, clause.to, tool));
    if !tools[best.tool].reads {
        return None;
    }
    let wanted = match sides(&tools[best.tool]) {
        (true, false) => (false, true),
        (false, true) => (true, false),
        _ => return None,
    };
    found
        .iter()
        .filter(|other| other.tool != best.tool && tools[other.tool].reads && other.score >= SCORE_MIN && other.assigned.left == 0)
        .find(|other| {
            sides(&tools[other.tool]) == wanted
                && tools[other.tool]
                    .params
                    .iter()
                    .zip(&other.assigned.values)
                    .all(|(param, value)| !param.required || value.is_some())
        })
        .cloned()
}

/// "Bring paper to Oak and coffee to Elm", "the bills of LN-1 and the state of LN-2": two wishes that share a verb.
fn apart(u: &Utterance, clause: &Clause, best: &Match, tools: &[ToolFacts], now: DateTime) -> Option<((Clause, Match), (Clause, Match))> {
    if best.assigned.left == 0 || several(u, clause, best.tool, &best.assigned.values, tools).is_some() {
        return None;
    }
    let whole = |half: &Clause| -> Option<Match> {
        let has = u
            .entities
            .iter()
            .any(|entity| half.from <= entity.from && entity.to <= half.to && !matches!(entity.what, What::Number(_) | What::When(_)));
        let found = matches(u, half, &[], tools, now).into_iter().next()?;
        let filled = tools[found.tool]
            .params
            .iter()
            .zip(&found.assigned.values)
            .all(|(param, value)| !param.required || value.is_some());
        (has && filled && found.assigned.left == 0 && found.score >= 2.0).then_some(found)
    };
    (clause.from + 1..clause.to)
        .filter(|at| u.word(*at) == "and" && !u.entities.iter().any(|entity| entity.from <= *at && *at < entity.to))
        .find_map(|at| {
            let first = Clause { to: at, ..clause.clone() };
            let second = Clause {
                from: at + 1,
                ..clause.clone()
            };
            let (a, b) = (whole(&first)?, whole(&second)?);
            (a.tool != b.tool || a.assigned.values != b.assigned.values).then_some(((first, a), (second, b)))
        })
}

/// "Do you have …?", "I am looking for …" with a tool that searches for anything.
fn seeks(u: &Utterance, clause: &Clause, best: &Match, tool: &ToolFacts) -> bool {
    let searches = tool.reads && tool.verbs.iter().any(|verb| thesaurus().verb_similarity(verb, "find") >= 0.8);
    let filled = tool
        .params
        .iter()
        .zip(&best.assigned.values)
        .any(|(param, value)| (matches!(param.role, Role::Query | Role::Thing) || param.open) && value.is_some());
    let found = clause
        .verb
        .as_deref()
        .is_some_and(|verb| thesaurus().verb_similarity(verb, "find") >= 0.8);
    let text = u.slice(clause.from, clause.to).to_lowercase();
    let asked = [
        "do you have",
        "have you got",
        "have you any",
        "do we have",
        "do you stock",
        "do you rent",
        "do you sell",
        "is there",
        "are there",
        "looking for",
        "do you carry",
        "do you offer",
        "got any",
        "any ",
    ]
    .iter()
    .any(|lead| text.contains(lead));
    let orders = clause.desire
        && tool.verbs.iter().any(|verb| {
            ["order", "request", "buy"]
                .iter()
                .any(|known| thesaurus().verb_similarity(verb, known) >= 0.8)
        });
    searches && filled && (found || asked) && best.score >= 2.2 || orders && filled && best.assigned.left == 0 && best.score >= 1.5
}

/// A tool about what was spoken of last is likelier when the clause only points at it.
fn reference_bonus(u: &Utterance, clause: &Clause, tool: &ToolFacts, before: Option<usize>, memory: &Memory, tools: &[ToolFacts]) -> f64 {
    if !refers(u, clause.from, clause.to) {
        return 0.0;
    }
    // "assign it": a tool that takes the id which the last call gave
    let given = memory
        .calls
        .last()
        .and_then(|call| call.outcome.as_ref())
        .map(crate::results::items);
    if let Some([Value::Object(map)]) = given.as_deref()
        && tool
            .params
            .iter()
            .any(|param| param.required && param.role == Role::Id && field(map, param, tool).is_some())
    {
        return 1.8;
    }
    let Some(last) = before else { return 0.0 };
    let shared = shared_noun(tool, &tools[last]);
    let same_id = tool
        .params
        .iter()
        .any(|param| param.role == Role::Id && tools[last].params.iter().any(|other| alike(param, tool, other, &tools[last])));
    if same_id {
        1.6
    } else if shared {
        1.2
    } else {
        0.0
    }
}
