//! Words that may say yes or no.

use serde_json::json;

use super::options::{cue_names, derived};
use super::{Candidate, Kind, Scene};
use crate::schema::Param;
use bedplate_language::cues::flag_cue;
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::Token;

/// Words that say nothing in the name of a yes-or-no.
const EMPTY: &[&str] = &[
    "is", "has", "include", "includ", "with", "want", "need", "enabl", "allow", "use", "flag", "requir", "send", "only", "add", "apply",
    "true", "if", "when", "whether", "should", "fals", "be", "the", "or", "and", "not",
];

/// Words of parameters that say whether something is on.
const SWITCHES: &[&str] = &["enabl", "enabled", "on", "activ", "active", "power", "run", "live"];

/// How near a word is that only shares its stem with another.
const DERIVED: f64 = 0.5;
/// Nearness of the same word and of a synonym in the thesaurus.
const SAME: f64 = 1.0;
const SYNONYM: f64 = 0.8;

/// Every word that has to do with a yes-or-no, once as a yes and once as a no.
pub(super) fn flags(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    let words: Vec<String> = param.words.iter().filter(|word| !EMPTY.contains(&word.as_str())).cloned().collect();
    for at in scene.open_tokens() {
        if let Some((yes, cue)) = flag_cue(&scene.u.cues[at], &words)
            && scene.open(at, at + cue.tokens)
        {
            let (said, other) = cue_names(&cue);
            let (first, second) = if yes { (said, other) } else { (other, said) };
            out.push(Candidate::new((at, at + cue.tokens), Kind::True, first, json!(true)));
            out.push(Candidate::new((at, at + cue.tokens), Kind::False, second, json!(false)));
        }
        let Some(how) = named(&scene.u.tokens[at], param) else { continue };
        for (kind, value) in [(Kind::True, true), (Kind::False, false)] {
            out.push(Candidate::new((at, at + 1), kind, how, json!(value)));
        }
    }
}

/// How a word names a yes-or-no, if it does.
fn named(token: &Token, param: &Param) -> Option<&'static str> {
    let known = thesaurus();
    let near = |word: &String| {
        let derived = if derived(word, &token.stem) { DERIVED } else { 0.0 };
        known.similarity(word, &token.stem).max(derived)
    };
    let best = |words: &[String]| {
        words
            .iter()
            .filter(|word| !EMPTY.contains(&word.as_str()))
            .map(near)
            .fold(0.0, f64::max)
    };
    let said = token.lower.as_str();
    let turned = match said {
        "on" | "enable" | "enabled" | "activate" | "activated" => Some("on"),
        "off" | "disable" | "disabled" | "deactivate" | "deactivated" => Some("off"),
        _ if known.has_class(&token.stem, "stop") => Some("stop"),
        _ if known.has_class(&token.stem, "start") => Some("start"),
        _ => None,
    };
    if turned.is_some() && param.words.iter().any(|word| SWITCHES.contains(&word.as_str())) {
        return turned;
    }
    let (name, about) = (best(&param.words), best(&param.about));
    if name >= SAME {
        Some("name")
    } else if name >= SYNONYM {
        Some("name~")
    } else if about >= SAME {
        Some("about")
    } else if name >= DERIVED {
        Some("name-")
    } else if about >= SYNONYM {
        Some("about~")
    } else {
        turned.filter(|_| matches!(said, "on" | "off"))
    }
}
