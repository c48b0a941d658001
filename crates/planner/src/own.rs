//! What belongs to a tool itself when another one is asked first: its own nouns; and items told in prose.

use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::name_words;
use serde_json::Value;

use crate::schema::ToolFacts;

/// Whether a text only names what the tool itself is about: "pass" for `extend_pass` is nobody's name.
pub(crate) fn names_only(value: &Value, tool: &ToolFacts) -> bool {
    let Some(text) = value.as_str() else { return false };
    let words = name_words(text);
    !words.is_empty()
        && text.chars().all(|c| c.is_lowercase() || c == ' ')
        && words.iter().all(|word| {
            let stem = bedplate_language::stem::stem(word);
            tool.nouns().iter().any(|noun| thesaurus().similarity(noun, &stem) >= 0.8)
        })
}

/// "FLD-1 North (apple), FLD-2 South (cherry)": every part of a prose with one id in it, as an item.
pub(crate) fn told_items(text: &str, name: &str) -> Vec<Value> {
    let split = |marks: &[char]| {
        text.split(marks)
            .filter_map(|part| {
                let found = bedplate_language::tokens::tokens(part);
                let mut ids = found.iter().filter(|token| token.shape == bedplate_language::tokens::Shape::Id);
                let id = ids.next()?;
                ids.next()
                    .is_none()
                    .then(|| serde_json::json!({name: id.text, "told": part.trim()}))
            })
            .collect::<Vec<Value>>()
    };
    let lines = split(&['\n', ';']);
    if lines.len() > 1 { lines } else { split(&['\n', ';', ',']) }
}
