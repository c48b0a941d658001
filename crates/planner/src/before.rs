//! What the conversation told before: the customer who was spoken of, one item of a list that was shown, the id that a call was made with.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::chain::{Situation, typed};
use crate::dialogue::Call;
use crate::goals::Goal;
use crate::pick::{Pick, pick};
use crate::recall::{alike, field, recall, same};
use crate::results::{Outcome, items};
use crate::schema::{Param, Role, ToolFacts};
use crate::supply::producers;
use bedplate_language::entities::{Utterance, What};
use bedplate_language::lexicon::classes;
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::Shape;

/// Earlier results that are looked through for what is mentioned by name, their longest list, and the shortest word that names something.
const LISTS_MAX: usize = 3;
const LISTED_MAX: usize = 50;
const NAMED_CHARS_MIN: usize = 3;

impl Situation<'_> {
    /// What the turn before was about still holds where nothing else was said: the customer, the day.
    pub(crate) fn carried(&self, goal: &Goal, p: usize, values: &[Option<Value>]) -> Option<Value> {
        let tool = &self.tools[goal.tool];
        let param = &tool.params[p];
        if !matches!(
            param.role,
            Role::Id | Role::Date | Role::Place | Role::Person | Role::Thing | Role::Email | Role::Phone | Role::Option
        ) {
            return None;
        }
        // a name that has no place yet is to be looked up
        let named = goal.said.iter().any(|(u, from, to)| {
            u.entities.iter().any(|entity| {
                *from <= entity.from
                    && entity.to <= *to
                    && match &entity.what {
                        What::Proper(text) | What::Email(text) | What::Phone(text) | What::Quoted(text) | What::Id(text) => {
                            !values.iter().flatten().any(|value| value.as_str() == Some(text.as_str()))
                        }
                        _ => false,
                    }
            })
        });
        if named && param.role == Role::Id {
            return None;
        }
        // "… for tomorrow at 4": a time that only the search for this id takes means another one than before
        let timed = |param: &Param| matches!(param.role, Role::Date | Role::Time | Role::DateTime);
        let moment = goal.said.iter().any(|(u, from, to)| {
            u.entities
                .iter()
                .any(|entity| *from <= entity.from && entity.to <= *to && matches!(entity.what, What::When(_)))
        });
        if param.role == Role::Id
            && moment
            && !tool.params.iter().any(timed)
            && producers(self.tools, goal.tool, p)
                .into_iter()
                .any(|producer| self.tools[producer].params.iter().any(timed))
        {
            return None;
        }
        // what was made a moment ago: "add her, and send her 35 euros"
        for call in self
            .calls
            .iter()
            .rev()
            .filter(|call| call.tool.is_some_and(|tool| !self.tools[tool].reads))
        {
            if param.role == Role::Id
                && let Some(outcome) = &call.outcome
                && let [Value::Object(map)] = &items(outcome)[..]
                && let Some(value) = field(map, param, tool)
            {
                return Some(typed(value, param));
            }
        }
        let call = self.memory.calls.last()?;
        // many were listed: which of them is not known
        let several = call.outcome.as_ref().is_some_and(|outcome| items(outcome).len() > 1);
        for call in self.memory.calls.iter().rev().take(2) {
            let source = call.tool.map(|tool| &self.tools[tool])?;
            for (name, value) in &call.input {
                if let Some(other) = source.params.iter().find(|other| other.name == *name)
                    && (other.name == param.name || alike(param, tool, other, source))
                    && (matches!(param.role, Role::Id | Role::Date | Role::Place | Role::Email | Role::Phone) || other.name == param.name)
                {
                    return Some(typed(value.clone(), param));
                }
            }
            if !several
                && param.role == Role::Id
                && let Some(outcome) = &call.outcome
                && let [Value::Object(map)] = &items(outcome)[..]
                && let Some(value) = field(map, param, tool)
            {
                return Some(typed(value, param));
            }
        }
        None
    }

    /// "Put Zofia down": the id of the one item of an earlier list that is called so.
    pub(crate) fn mentioned(&self, goal: &Goal, p: usize) -> Option<Value> {
        let tool = &self.tools[goal.tool];
        let param = &tool.params[p];
        if param.role != Role::Id {
            return None;
        }
        let (u, from, to) = goal.said.last()?;
        if let Some(other) = self.other(u, (*from, *to), param, tool) {
            return Some(typed(other, param));
        }
        // a name, not "the court"
        let names_it = |at: usize| {
            let token = &u.tokens[at];
            token.text.starts_with(char::is_uppercase) && at > *from || !classes(&token.lower).known()
        };
        let said: HashSet<&str> = (*from..*to)
            .filter(|at| names_it(*at))
            .map(|at| u.word(at).trim_end_matches("'s").trim_end_matches("’s"))
            .filter(|word| word.chars().count() >= NAMED_CHARS_MIN)
            .collect();
        let sources = producers(self.tools, goal.tool, p);
        let asked = |call: &&Call| call.tool.is_some_and(|tool| sources.contains(&tool));
        for call in self.memory.calls.iter().rev().take(LISTS_MAX).filter(asked) {
            let Some(outcome) = call.outcome.as_ref().filter(|outcome| (2..=LISTED_MAX).contains(&listed(outcome))) else {
                continue;
            };
            let list = items(outcome);
            let words: Vec<HashSet<String>> = list.iter().map(|item| named_in(item, &said)).collect();
            let own = |at: usize| {
                let elsewhere = |word: &String| words.iter().enumerate().any(|(other, words)| other != at && words.contains(word));
                words[at].iter().any(|word| !elsewhere(word))
            };
            let called: Vec<usize> = (0..list.len()).filter(|at| own(*at)).collect();
            if let [only] = called[..]
                && let Value::Object(map) = &list[only]
                && !strangers(u, (*from, *to), map, &goal.values)
                && let Some(value) = field(map, param, tool)
            {
                return Some(typed(value, param));
            }
        }
        None
    }

    /// "And the other one": of two that were listed, the one that was not used.
    fn other(&self, u: &Utterance, (from, to): (usize, usize), param: &Param, tool: &ToolFacts) -> Option<Value> {
        // not "the other day"
        let ends = |at: usize| {
            at >= to || u.tokens[at].shape == Shape::Punct || matches!(u.word(at), "one" | "to" | "too" | "for" | "as") || {
                let nouns = if param.nouns().is_empty() { tool.nouns() } else { param.nouns() };
                nouns.contains(&u.tokens[at].stem.as_str())
            }
        };
        let asked = |at: usize| u.word(at) == "other" && matches!(u.word(at - 1), "the" | "his" | "her" | "their") && ends(at + 1);
        if !(from + 1..to).any(asked) {
            return None;
        }
        let calls = &self.memory.calls;
        let two = |call: &Call| call.outcome.as_ref().is_some_and(|outcome| listed(outcome) == 2);
        let at = calls.iter().rposition(two)?;
        let pair = items(calls[at].outcome.as_ref()?);
        let ids: Vec<Value> = pair.iter().filter_map(|item| field(item.as_object()?, param, tool)).collect();
        let is_id = |call: &Call, name: &str| {
            let tool = call.tool.map(|tool| &self.tools[tool]);
            tool.is_some_and(|tool| tool.params.iter().any(|param| param.name == name && param.role == Role::Id))
        };
        let used = |id: &Value| {
            let uses = |call: &Call| call.input.iter().any(|(name, value)| is_id(call, name) && same(value, id));
            calls[at + 1..].iter().any(uses)
        };
        match &ids[..] {
            [one, other] if used(one) && !used(other) => Some(other.clone()),
            [one, other] if used(other) && !used(one) => Some(one.clone()),
            _ => None,
        }
    }

    /// Whether an id of the goal comes from a list that was shown before: what else was said about that list still holds.
    pub(crate) fn listed(&self, goal: &Goal) -> bool {
        let tool = &self.tools[goal.tool];
        let mut ids = tool
            .params
            .iter()
            .zip(&goal.values)
            .filter(|(param, _)| param.role == Role::Id)
            .filter_map(|(_, value)| value.as_ref());
        ids.any(|id| {
            self.memory
                .calls
                .iter()
                .rev()
                .take(4)
                .filter_map(|call| call.outcome.as_ref())
                .any(|outcome| {
                    items(outcome).iter().any(|item| match item {
                        Value::Object(map) => map.values().any(|value| same(value, id)),
                        other => same(other, id),
                    })
                })
        })
    }

    /// "The order", "my booking": a definite noun that names the parameter, or the tool's own noun for a bare id.
    pub(crate) fn definite(&self, goal: &Goal, param: &Param, tool: &ToolFacts) -> bool {
        if self.memory.calls.is_empty() && self.calls.is_empty() || param.role != Role::Id {
            return false;
        }
        let nouns: Vec<&str> = if param.nouns().is_empty() { tool.nouns() } else { param.nouns() };
        goal.said.iter().any(|(u, from, to)| {
            let fresh = u
                .entities
                .iter()
                .any(|entity| *from <= entity.from && entity.to <= *to && matches!(entity.what, What::When(_)));
            !fresh
                && (from + 1..*to).any(|at| {
                    matches!(u.word(at - 1), "the" | "this" | "that" | "my")
                        && nouns.iter().any(|noun| thesaurus().similarity(noun, &u.tokens[at].stem) >= 0.8)
                })
        })
    }

    /// "Her pass": of the person that was spoken of before, when nobody is named now.
    pub(crate) fn possessive(&self, goal: &Goal) -> bool {
        !self.memory.calls.is_empty()
            && goal.said.iter().any(|(u, from, to)| {
                (*from..*to).any(|at| matches!(u.word(at), "her" | "his" | "their" | "him" | "she" | "he"))
                    && !u.entities.iter().any(|entity| {
                        *from <= entity.from && entity.to <= *to && matches!(entity.what, What::Proper(_) | What::Id(_) | What::Email(_))
                    })
            })
    }

    /// "It", "the blue one": from earlier arguments, or one item of an earlier list.
    pub(crate) fn referred(&self, goal: &Goal, p: usize) -> Option<Value> {
        let tool = &self.tools[goal.tool];
        let param = &tool.params[p];
        let all: Vec<Call> = self.memory.calls.iter().chain(self.calls).cloned().collect();
        for call in all.iter().rev() {
            let Some(outcome) = &call.outcome else { continue };
            let list = items(outcome);
            if list.len() > 1 {
                if let Pick::One(Value::Object(map)) = pick(&list, &goal.said, false)
                    && let Some(value) = field(&map, param, tool)
                {
                    return Some(typed(value, param));
                }
                let named = goal.said.iter().any(|(u, from, to)| {
                    u.entities
                        .iter()
                        .any(|entity| *from <= entity.from && entity.to <= *to && matches!(entity.what, What::Ordinal(_)))
                });
                if named {
                    return None;
                }
            }
            if let Some(value) = recall(tool, p, std::slice::from_ref(call), self.tools) {
                return Some(typed(value, param));
            }
        }
        None
    }
}

/// How many items a result lists, without a copy of them.
fn listed(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Data(Value::Array(list)) => list.len(),
        Outcome::Data(Value::Object(map)) => map.values().filter_map(Value::as_array).map(Vec::len).max().unwrap_or(1),
        _ => 0,
    }
}

/// The words of an item that were said.
fn named_in(item: &Value, said: &HashSet<&str>) -> HashSet<String> {
    let Value::Object(map) = item else { return HashSet::new() };
    let texts = map.values().filter_map(Value::as_str);
    texts
        .flat_map(|text| text.split_whitespace().map(str::to_lowercase))
        .filter(|word| said.contains(word.as_str()))
        .collect()
}

/// Whether somebody or something is named that is neither in the item nor among the values: then another one may be meant.
fn strangers(u: &Utterance, (from, to): (usize, usize), item: &Map<String, Value>, values: &[Option<Value>]) -> bool {
    let known = |text: &str| {
        let text = text.to_lowercase();
        let has = |value: &Value| value.as_str().is_some_and(|own| own.to_lowercase().contains(&text));
        item.values().any(has) || values.iter().flatten().any(has)
    };
    u.entities
        .iter()
        .filter(|entity| from <= entity.from && entity.to <= to)
        .any(|entity| match &entity.what {
            What::Proper(text) | What::Email(text) | What::Id(text) => !known(text),
            _ => false,
        })
}
