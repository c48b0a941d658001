//! Whether what a tool answered fulfils what the user made a condition: "if it has not shipped", "if it is under $50".

use serde_json::Value;

use crate::clause::Condition;
use crate::results::{Outcome, items};
use crate::schema::ToolFacts;
use bedplate_language::entities::{Utterance, What};
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::{Shape, name_words};
use bedplate_language::words::{is_negation, is_stop};

/// Whether a result says what the condition says; `None` when it is silent.
pub(crate) fn holds(u: &Utterance, condition: &Condition, tool: &ToolFacts, outcome: &Outcome) -> Option<bool> {
    let known = thesaurus();
    let range = condition.from..condition.to.min(u.tokens.len());
    let negated = u.tokens[range.clone()].iter().any(|token| {
        is_negation(&token.lower) && token.lower != "no" || matches!(token.lower.as_str(), "no" | "isn't" | "hasn't" | "unavailable")
    });
    let words: Vec<&str> = range
        .clone()
        .filter(|at| {
            let named = u
                .entities
                .iter()
                .any(|entity| entity.from <= *at && *at < entity.to || entity.from == at + 1 && matches!(entity.what, What::Id(_)));
            !named && !tool.nouns().contains(&u.tokens[*at].stem.as_str())
        })
        .map(|at| &u.tokens[at])
        .filter(|token| {
            token.shape == Shape::Word
                && !is_stop(&token.lower)
                && !is_negation(&token.lower)
                && !matches!(token.lower.as_str(), "been" | "already" | "yet" | "still" | "is" | "gets")
        })
        .map(|token| token.stem.as_str())
        .collect();
    let number = u
        .entities
        .iter()
        .filter(|entity| range.contains(&entity.from))
        .find_map(|entity| match entity.what {
            What::Number(value) | What::Money(value, _) | What::Percent(value) => Some((entity.from, value)),
            _ => None,
        });
    let flip = |found: bool| Some(found != negated);
    let list = items(outcome);
    if let Some((at, limit)) = number {
        let before: Vec<&str> = u.tokens[range.start..at].iter().map(|token| token.lower.as_str()).collect();
        let more = before.iter().any(|word| {
            matches!(
                *word,
                "over" | "above" | "more" | "exceeds" | "exceed" | "least" | "higher" | "greater" | "minimum"
            )
        });
        let less = before.iter().any(|word| {
            matches!(
                *word,
                "under" | "below" | "less" | "most" | "lower" | "cheaper" | "maximum" | "within" | "fewer"
            )
        });
        let map = list.first()?.as_object()?;
        let numbers: Vec<(&String, f64)> = map
            .iter()
            .filter_map(|(key, value)| number_in(value).map(|number| (key, number)))
            .collect();
        let (_, value) = numbers
            .iter()
            .find(|(key, _)| {
                name_words(key).iter().any(|part| {
                    words
                        .iter()
                        .any(|word| known.similarity(&bedplate_language::stem::stem(part), word) >= 0.8)
                })
            })
            .or(if numbers.len() == 1 { numbers.first() } else { None })?;
        let least = before.contains(&"least");
        let most = before.contains(&"most");
        return Some(match (more, less) {
            (true, _) => {
                if least {
                    *value >= limit
                } else {
                    *value > limit
                }
            }
            (_, true) => {
                if most || before.contains(&"within") {
                    *value <= limit
                } else {
                    *value < limit
                }
            }
            _ => (*value - limit).abs() < 1e-9,
        });
    }
    let presence = words.iter().any(|word| {
        known.similarity(word, "free") >= 0.8 || known.similarity(word, "stock") >= 0.8 || matches!(*word, "exist" | "any" | "possibl")
    }) || words.is_empty();
    match outcome {
        Outcome::Empty(_) => return if presence { flip(false) } else { None },
        Outcome::Error(_) => return if presence { flip(false) } else { None },
        Outcome::Declined => return Some(false),
        _ => {}
    }
    let says = |text: &str| -> Option<bool> {
        let said = bedplate_language::tokens::tokens(&text.chars().take(2_000).collect::<String>());
        let at = said.iter().position(|token| {
            words
                .iter()
                .any(|word| token.stem == *word || known.similarity(&token.stem, word) >= 0.8 && !token.lower.starts_with("un"))
        })?;
        let denied = said[at.saturating_sub(3)..at].iter().any(|token| is_negation(&token.lower));
        Some(!denied)
    };
    if let Outcome::Prose(text) = outcome {
        if let Some(found) = says(text) {
            return flip(found);
        }
        return flip(false).filter(|_| !words.is_empty() && text.len() < 200 && !presence);
    }
    for item in &list {
        match item {
            Value::Object(map) => {
                let mut state = false;
                for (key, value) in map {
                    let parts: Vec<String> = name_words(key).iter().map(|word| bedplate_language::stem::stem(word)).collect();
                    let about = parts
                        .iter()
                        .any(|part| words.iter().any(|word| known.similarity(part, word) >= 0.8));
                    match value {
                        Value::Bool(found) if about => return flip(*found),
                        Value::Number(number) if about && presence => return flip(number.as_f64().unwrap_or(0.0) > 0.0),
                        Value::String(text) => {
                            if let Some(found) = says(text) {
                                return flip(found);
                            }
                            state |= parts
                                .iter()
                                .any(|part| matches!(part.as_str(), "status" | "statu" | "state" | "stat" | "condition"));
                        }
                        _ => {}
                    }
                }
                if state && !presence {
                    return flip(false);
                }
                if presence && (list.len() > 1 || map.contains_key("id")) {
                    return flip(true);
                }
                if map.values().any(Value::is_string) && !presence {
                    return flip(false);
                }
            }
            Value::Bool(found) => return flip(*found),
            Value::String(text) => {
                if let Some(found) = says(text) {
                    return flip(found);
                }
            }
            _ => {}
        }
    }
    (presence && !list.is_empty()).then_some(!negated)
}

pub(crate) fn number_in(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let text = text.trim_start_matches(['$', '€', '£']).replace(',', "");
            let digits: String = text.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
            (digits.len() * 2 >= text.len()).then(|| digits.parse().ok()).flatten()
        }
        _ => None,
    }
}
