//! The tool of every wish, and when a match is good enough to act on; one tool several times, two tools in one clause.

use bedplate_language::entities::{Utterance, What};
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::Shape;
use bedplate_language::words::{is_preposition, is_stop};
use jiff::civil::DateTime;
use serde_json::{Value, json};

use crate::arguments::assign;
use crate::clause::{Clause, Condition, Mood, analyse};
use crate::goals::{Memory, refers};
use crate::intent::{Match, SCORE_MIN, matches};
use crate::part::Part;
use crate::recall::{alike, field, shared_noun};
use crate::schema::{Role, ToolFacts};

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
pub(crate) struct Wanted {
    pub(crate) wishes: Vec<(Clause, Match)>,
    pub(crate) conditions: Vec<Option<Condition>>,
    /// Clauses without a wish of their own.
    pub(crate) context: Vec<(usize, usize)>,
}

impl Wanted {
    fn push(&mut self, clause: &Clause, found: Match) {
        self.conditions.push(clause.condition.clone());
        self.wishes.push((clause.clone(), found));
    }
}

/// Finds the tool of every clause of `list` that `parts` calls a wish; the others are context.
pub(crate) fn wanted(u: &Utterance, list: &[Clause], parts: &[Part], memory: &Memory, tools: &[ToolFacts], now: DateTime) -> Wanted {
    let context = list
        .iter()
        .zip(parts)
        .filter(|(_, part)| **part == Part::Tells)
        .map(|(clause, _)| (clause.from, clause.to))
        .collect();
    let mut out = Wanted {
        context,
        ..Wanted::default()
    };
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
            for half in &[first, second] {
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

/// "Orders A-1 and A-2": one call for each id when the tool takes only one.
pub(crate) fn several(
    u: &Utterance,
    clause: &Clause,
    tool: usize,
    values: &[Option<Value>],
    tools: &[ToolFacts],
) -> Option<Vec<Vec<Option<Value>>>> {
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
pub(crate) fn halves(
    u: &Utterance,
    clause: &Clause,
    tool: &ToolFacts,
    whole: &[Option<Value>],
    now: DateTime,
) -> Option<Vec<Vec<Option<Value>>>> {
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

/// Whether a clause says itself what is to be done: by a verb that fits a tool, or by what a tool is about.
pub(crate) fn names_action(u: &Utterance, clause: &Clause, tools: &[ToolFacts], now: DateTime) -> bool {
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
