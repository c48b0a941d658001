//! What several things under one wish come to, and what was said before that speaks for a tool.

use bedplate_language::entities::{Utterance, What};
use bedplate_language::words::is_preposition;
use jiff::civil::DateTime;
use serde_json::{Value, json};

use crate::clause::{Clause, Mood};
use crate::goals::{Memory, refers};
use crate::recall::{alike, field, shared_noun};
use crate::schema::{Role, ToolFacts};
use crate::wish::matches;

/// How near a word has to be to a tool to name it.
const NEAR: u8 = 7;

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

/// What was said before and speaks for each tool now.
pub(crate) fn bonuses(u: &Utterance, list: &[Clause], memory: &Memory, tools: &[ToolFacts]) -> Vec<f32> {
    let before = memory.last.last().map(|goal| goal.tool);
    tools
        .iter()
        .map(|tool| {
            list.iter()
                .map(|clause| {
                    // "the first one": of the list that was shown, for a tool that takes its ids
                    let picks = shown(u, clause, memory).iter().any(|item| {
                        item.as_object().is_some_and(|map| {
                            tool.params
                                .iter()
                                .any(|param| param.required && param.role == Role::Id && field(map, param, tool).is_some())
                        })
                    });
                    reference_bonus(u, clause, tool, before, memory, tools) as f32 + if picks { 2.0 } else { 0.0 }
                })
                .fold(0.0, f32::max)
        })
        .collect()
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
        best.words >= NEAR && clause.mood != Mood::Statement && best.score >= 0.0
    } else {
        best.verb.is_some_and(|near| near >= 0.8) || best.words >= NEAR
    }
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
