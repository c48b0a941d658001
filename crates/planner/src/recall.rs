//! The same thing under two names: parameters of two tools, members of results, calls that serve a goal.

use serde_json::{Map, Value};

use crate::dialogue::Call;
use crate::goals::Goal;
use crate::results::Outcome;
use crate::schema::{Role, ToolFacts};
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::name_words;

/// The call of this turn that serves the goal: the same tool, nothing that contradicts.
pub(crate) fn claim(goal: &Goal, calls: &[Call], claimed: &mut [bool], tools: &[ToolFacts]) -> Option<usize> {
    let found = (0..calls.len()).find(|at| {
        !claimed[*at]
            && calls[*at].tool == Some(goal.tool)
            && tools[goal.tool].params.iter().zip(&goal.values).all(|(param, value)| {
                value
                    .as_ref()
                    .is_none_or(|value| calls[*at].input.get(&param.name).is_none_or(|given| same(given, value)))
            })
    })?;
    claimed[found] = true;
    Some(found)
}

/// Equal, whether written as text or as a number.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::String(text) => text.to_lowercase(),
        other => other.to_string(),
    };
    a == b || text(a) == text(b)
}

/// Whether two parameters of two tools mean the same thing.
pub(crate) fn alike(a: &crate::schema::Param, of_a: &ToolFacts, b: &crate::schema::Param, of_b: &ToolFacts) -> bool {
    if a.name == b.name {
        return a.role != Role::Id || !a.nouns().is_empty() || shared_noun(of_a, of_b);
    }
    if a.role != b.role || a.end != b.end {
        return false;
    }
    match a.role {
        Role::Id => {
            let a_nouns: Vec<&str> = if a.nouns().is_empty() { of_a.nouns() } else { a.nouns() };
            let b_nouns: Vec<&str> = if b.nouns().is_empty() { of_b.nouns() } else { b.nouns() };
            a_nouns.iter().any(|x| b_nouns.iter().any(|y| thesaurus().similarity(x, y) >= 0.8))
        }
        Role::Date | Role::Place | Role::Time | Role::Email | Role::DateTime => true,
        Role::Person | Role::Thing => {
            a.nouns()
                .iter()
                .any(|x| b.nouns().iter().any(|y| thesaurus().similarity(x, y) >= 0.8))
                && !a.nouns().is_empty()
        }
        _ => false,
    }
}

pub(crate) fn shared_noun(a: &ToolFacts, b: &ToolFacts) -> bool {
    a.nouns()
        .iter()
        .any(|x| b.nouns().iter().any(|y| thesaurus().similarity(x, y) >= 0.8))
}

/// A value for a parameter from earlier arguments and results, the latest first.
pub(crate) fn recall(goal_tool: &ToolFacts, p: usize, calls: &[Call], tools: &[ToolFacts]) -> Option<Value> {
    let param = &goal_tool.params[p];
    for call in calls.iter().rev() {
        if let Some(tool) = call.tool.map(|tool| &tools[tool]) {
            if let Some(Outcome::Data(value)) = &call.outcome
                && let items = crate::results::items(&Outcome::Data(value.clone()))
                && let [Value::Object(map)] = &items[..]
                && let Some(found) = field(map, param, goal_tool)
            {
                return Some(found);
            }
            for (name, value) in &call.input {
                if let Some(other) = tool.params.iter().find(|other| other.name == *name)
                    && alike(param, goal_tool, other, tool)
                {
                    return Some(value.clone());
                }
            }
        }
    }
    None
}

/// The member of a result that a parameter can take: the same name, or the same noun and an id.
pub(crate) fn field(map: &Map<String, Value>, param: &crate::schema::Param, tool: &ToolFacts) -> Option<Value> {
    let scalar = |value: &Value| (value.is_string() || value.is_number() || value.is_boolean()).then(|| value.clone());
    let wanted = name_words(&param.name);
    if let Some(found) = map
        .iter()
        .find(|(key, _)| name_words(key) == wanted)
        .and_then(|(_, value)| scalar(value))
    {
        return Some(found);
    }
    if param.role != Role::Id {
        let found = map.iter().find(|(key, _)| {
            let words: Vec<String> = name_words(key).iter().map(|word| bedplate_language::stem::stem(word)).collect();
            words.iter().any(|word| param.words.last() == Some(word)) && words.len() == 1 && param.words.len() <= 2
        });
        return found.and_then(|(_, value)| scalar(value));
    }
    let id_words = [
        "id",
        "number",
        "no",
        "code",
        "reference",
        "ref",
        "key",
        "sku",
        "identifier",
        "uuid",
        "num",
        "confirmation",
        "tracking",
        "iban",
    ];
    let nouns: Vec<&str> = if param.nouns().is_empty() { tool.nouns() } else { param.nouns() };
    let ids: Vec<(&String, &Value)> = map
        .iter()
        .filter(|(key, value)| name_words(key).last().is_some_and(|last| id_words.contains(&last.as_str())) && scalar(value).is_some())
        .collect();
    if let Some((_, value)) = ids.iter().find(|(key, _)| {
        name_words(key).iter().any(|word| {
            nouns
                .iter()
                .any(|noun| thesaurus().similarity(&bedplate_language::stem::stem(word), noun) >= 0.8)
        })
    }) {
        return scalar(value);
    }
    if let Some((_, value)) = ids.iter().find(|(key, _)| name_words(key).len() == 1) {
        return scalar(value);
    }
    map.iter()
        .find(|(key, _)| nouns.iter().any(|noun| bedplate_language::stem::stem(&key.to_lowercase()) == *noun))
        .and_then(|(_, value)| scalar(value))
}
