//! Stretches of words that may be a value.

use serde_json::json;

use super::{Candidate, Kind, Scene};
use crate::schema::{Param, Role};
use crate::values;
use bedplate_language::entities::Utterance;
use bedplate_language::tokens::Shape;
use bedplate_language::words::is_determiner;

/// Longest phrase, in tokens: a story, a name, and an id that was said in words ("bay 4 b"). All phrases are weighed, so longer ones cost time.
const TEXT_MAX: usize = 24;
const NAME_MAX: usize = 9;
const ID_MAX: usize = 3;
/// Tokens of a message beyond which phrases are half as long.
const LONG: usize = 150;

/// Whether a phrase may begin or end with the token.
pub(super) fn edge(u: &Utterance, at: usize, last: bool) -> bool {
    let token = &u.tokens[at];
    match token.shape {
        Shape::Punct => false,
        Shape::Word if last => {
            !(is_determiner(&token.lower) && !matches!(token.lower.as_str(), "his" | "her" | "this" | "that"))
                && !matches!(
                    token.lower.as_str(),
                    "and" | "or" | "but" | "because" | "i" | "we" | "the" | "a" | "an" | "my" | "our" | "your"
                )
        }
        Shape::Word => !matches!(token.lower.as_str(), "and" | "or" | "but" | "please"),
        _ => true,
    }
}

/// Every stretch of words that may be a text, a name or an id. A story may run over everything that was said.
pub(super) fn phrases(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    let u = scene.u;
    let longest = match param.role {
        Role::Id => ID_MAX,
        Role::Text | Role::Query => TEXT_MAX,
        _ => NAME_MAX,
    };
    let longest = if u.tokens.len() > LONG { longest.div_ceil(2) } else { longest };
    let everything = [(0, u.tokens.len())];
    let regions = if matches!(param.role, Role::Text) {
        &everything[..]
    } else {
        scene.spans
    };
    for (begin, end) in regions {
        for from in *begin..*end {
            let begins = edge(u, from, false) || matches!(param.role, Role::Text | Role::Query) && u.word(from) == "please";
            if scene.region(from).is_none() || !begins || scene.entity_at(from).is_some_and(|entity| entity.from < from) {
                continue;
            }
            for to in from + 1..=(from + longest).min(*end) {
                if scene.blocked[to - 1] {
                    break;
                }
                if scene.region(to - 1).is_none() {
                    continue;
                }
                let cut = scene.entity_at(to - 1).is_some_and(|entity| entity.to > to);
                let whole = scene.entity_at(from).is_some_and(|entity| {
                    entity.from == from && entity.to == to && values::value(&entity.what, "", param, scene.now).is_some()
                });
                if cut || whole || !edge(u, to - 1, true) {
                    continue;
                }
                let text = u.slice(from, to);
                let owned = text.strip_suffix("'s").or_else(|| text.strip_suffix("’s"));
                let how = if owned.is_some() { "owner" } else { "" };
                out.push(Candidate::new((from, to), Kind::Phrase, how, json!(owned.unwrap_or(text))));
            }
        }
    }
}
