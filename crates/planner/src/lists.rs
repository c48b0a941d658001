//! Items in a row for a parameter that takes a list: "chlorine, copper and iron".

use bedplate_language::entities::What;
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::Shape;
use bedplate_language::when::is_calendar_word;
use bedplate_language::words::{is_auxiliary, is_determiner, is_filler, is_modal, is_preposition, is_pronoun, is_question_word, is_stop};
use serde_json::{Value, json};

use crate::arguments::Work;
use crate::schema::{Role, Type};

/// Longest item in words, and most items.
const WORDS_MAX: usize = 4;
const ITEMS_MAX: usize = 20;

/// Whether a token can be part of an item.
fn plain(work: &Work, at: usize) -> bool {
    let Some(token) = work.u.tokens.get(at) else { return false };
    let word = token.lower.as_str();
    let mention = work.u.entities.iter().find(|entity| entity.from <= at && at < entity.to);
    let named = mention.is_some_and(|entity| matches!(entity.what, What::Proper(_) | What::Quoted(_) | What::Id(_)));
    work.within(at)
        && !work.out.taken[at]
        && !work.verb_at.contains(&at)
        && (named
            || mention.is_none()
                && token.shape == Shape::Word
                && !is_stop(word)
                && !is_filler(word)
                && !is_preposition(word)
                && !is_determiner(word)
                && !is_pronoun(word)
                && !is_auxiliary(word)
                && !is_modal(word)
                && !is_question_word(word)
                && !is_calendar_word(word)
                && !matches!(word, "needs" | "wants" | "needed" | "too" | "well" | "both"))
}

/// Fills every list of texts whose items stand in a row with commas or `and`.
pub(crate) fn lists(work: &mut Work) {
    for p in 0..work.tool.params.len() {
        let param = &work.tool.params[p];
        let open = param.options.is_empty() || param.open;
        let texts = param.ty == Type::List && param.items == Type::Text && open;
        if !texts || matches!(param.role, Role::Date | Role::Email | Role::Time) {
            continue;
        }
        let known = work.out.values[p].clone();
        if known.as_ref().and_then(Value::as_array).is_some_and(|list| list.len() > 1) {
            continue;
        }
        let mut best: Option<(usize, Vec<(usize, usize)>)> = None;
        let mut at = 0;
        while at < work.u.tokens.len() {
            let Some(row) = row(work, at) else {
                at += 1;
                continue;
            };
            let end = row.last().map_or(at + 1, |(_, to)| *to);
            if row.len() > 1 && best.as_ref().is_none_or(|(_, known)| row.len() > known.len()) {
                best = Some((at, row));
            }
            at = end;
        }
        let Some((_, row)) = best else { continue };
        let items: Vec<Value> = row.iter().map(|(from, to)| json!(text(work, *from, *to))).collect();
        let (from, to) = (row[0].0, row[row.len() - 1].1);
        work.out.values[p] = None;
        work.set(p, Value::Array(items), 0.8);
        work.take(from, to);
    }
}

fn text(work: &Work, from: usize, to: usize) -> String {
    match work
        .u
        .entities
        .iter()
        .find(|entity| entity.from == from && entity.to == to)
        .map(|entity| &entity.what)
    {
        Some(What::Quoted(text) | What::Proper(text) | What::Id(text)) => text.clone(),
        _ => work.u.slice(from, to).to_owned(),
    }
}

/// The items that begin at `at`; the words that only name the list are left out.
fn row(work: &Work, at: usize) -> Option<Vec<(usize, usize)>> {
    let mut out: Vec<(usize, usize)> = Vec::new();
    let mut from = at;
    while out.len() < ITEMS_MAX {
        while is_determiner(work.u.word(from)) {
            from += 1;
        }
        let mut to = from;
        while to - from < WORDS_MAX && plain(work, to) {
            to += 1;
        }
        if to == from {
            break;
        }
        out.push((from, to));
        let mut next = to;
        while matches!(work.u.word(next), "," | "and" | "&" | "or" | "plus") && next < to + 2 {
            next += 1;
        }
        if next == to {
            break;
        }
        from = next;
    }
    // "the north and south zones": the last noun names what all of them are
    if let Some((from, to)) = out.last_mut()
        && *to - *from > 1
    {
        let stem = &work.u.tokens[*to - 1].stem;
        let names = work
            .tool
            .params
            .iter()
            .flat_map(|param| &param.words)
            .chain(&work.tool.words)
            .any(|word| thesaurus().similarity(word, stem) >= 0.8);
        if names {
            *to -= 1;
        }
    }
    (!out.is_empty()).then_some(out)
}
