//! What somebody tells without a cue, as the text that a tool asks for: "My laptop won't turn on."

use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::Shape;
use bedplate_language::words::{is_filler, is_preposition, is_stop};
use serde_json::json;

use crate::arguments::Work;
use crate::schema::{Role, Type};
use crate::told::foreign;

/// A required description that nothing introduced is the statement itself: "My laptop won't turn on."
pub(crate) fn statement(work: &mut Work) {
    let missing = (0..work.tool.params.len()).find(|p| {
        let param = &work.tool.params[*p];
        work.out.values[*p].is_none()
            && param.required
            && matches!(param.role, Role::Text | Role::Query)
            && param.textual()
            && param.ty == Type::Text
    });
    let Some(p) = missing else { return };
    // a context sentence tells the story best
    // "The lockers are jammed": the whole clause tells what is wrong
    if !work.tool.reads && work.verb_at.is_empty() && work.spans.len() == 1 && work.tool.params[p].role == Role::Text {
        let (from, to) = work.spans[0];
        let state = (from..to).any(|at| {
            matches!(
                work.u.word(at),
                "is" | "are" | "isn't" | "aren't" | "won't" | "doesn't" | "don't" | "has" | "keeps"
            )
        });
        if state && to - from >= 3 {
            let value = json!(work.u.slice(from, to).trim());
            work.set(p, value, 0.3);
            work.take(from, to);
            return;
        }
    }
    let context = work
        .spans
        .iter()
        .skip(1)
        .copied()
        .filter(|(from, to)| to - from >= 3 && (*from..*to).filter(|at| !work.out.taken[*at]).count() >= 2)
        .max_by_key(|(from, to)| to - from);
    let question = work.tool.params[p].role == Role::Query;
    // a search for words is not one for the ids of other things
    let foreign_id = (work.spans[0].0..work.spans[0].1)
        .any(|at| work.u.tokens[at].shape == Shape::Id && !work.out.taken[at] && foreign(&work.u.tokens[at].text, "", &work.tool.prefixes));
    if question && foreign_id {
        return;
    }
    let (from, to) = match context {
        Some(span) => span,
        None => {
            let (from, to) = work.spans[0];
            let verb_end = work.verb_at.iter().max().map_or(from, |last| last + 1);
            if question && work.verb_at.is_empty() {
                (from, to)
            } else {
                let mut begin = verb_end;
                // "open a ticket for …", "report that …": what stands behind the tool's own noun
                if let Some(at) = (begin..to)
                    .find(|at| matches!(work.u.word(*at), "that" | "for" | "about" | "because" | "as" | "with") && *at < begin + 5)
                {
                    begin = at + 1;
                }
                let rest = (begin..to)
                    .filter(|at| {
                        !work.out.taken[*at]
                            && work.u.tokens[*at].shape == Shape::Word
                            && !is_stop(&work.u.tokens[*at].lower)
                            && !is_preposition(&work.u.tokens[*at].lower)
                            && !is_filler(&work.u.tokens[*at].lower)
                            && !work.tool.words.contains(&work.u.tokens[*at].stem)
                            && !work.tool.about.contains(&work.u.tokens[*at].stem)
                            && !work
                                .tool
                                .words
                                .iter()
                                .any(|word| thesaurus().similarity(word, &work.u.tokens[*at].stem) >= 0.8)
                    })
                    .count();
                if rest == 0 {
                    return;
                }
                (begin, to)
            }
        }
    };
    let (mut begin, mut end) = (from, to);
    while begin < end
        && (matches!(
            work.u.word(begin),
            "," | "that" | "hi" | "hello" | "hey" | "and" | ":" | "." | "because" | "please"
        ) || work.u.tokens[begin].shape == Shape::Punct)
    {
        begin += 1;
    }
    while end > begin && matches!(work.u.word(end - 1), "," | "please" | "and" | ".") {
        end -= 1;
    }
    let text = work.u.slice(begin, end).trim();
    if !text.is_empty() {
        let value = json!(text);
        work.set(p, value, 0.3);
        work.take(begin, end);
    }
}
