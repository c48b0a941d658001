//! Things in a row: "rice, two lemons and salt".

use serde_json::{Value, json};

use super::options::option_at;
use super::phrases::edge;
use super::{Candidate, Kind, Scene};
use crate::schema::Param;
use crate::values;
use bedplate_language::entities::{Entity, Utterance};
use bedplate_language::tokens::Shape;
use bedplate_language::words::{is_determiner, is_negation};

/// Most tokens of one item of a list.
const ITEM_MAX: usize = 5;
/// Most items of a list.
const ITEMS_MAX: usize = 8;

/// All lists: of the mentions of one kind, and of what stands in a row.
pub(super) fn lists(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    alike(scene, param, out);
    for span in scene.spans {
        for from in span.0..span.1 {
            if scene.entity_at(from).is_none_or(|entity| entity.from == from) {
                row(scene, param, from, span.1, out);
            }
        }
    }
}

/// Whether the token stands between two items.
fn separator(u: &Utterance, at: usize) -> bool {
    matches!(u.word(at), "," | "and" | "&" | "plus" | "or" | ";")
}

/// The value of a mention as an item.
fn mentioned(scene: &Scene, param: &Param, entity: &Entity) -> Option<Value> {
    let said = scene.u.slice(entity.from, entity.to).trim_start_matches('#');
    values::value(&entity.what, said, param, scene.now)
}

/// Mentions of one kind, wherever they stand.
fn alike(scene: &Scene, param: &Param, out: &mut Vec<Candidate>) {
    let mut kinds: Vec<Kind> = scene.entities().map(|entity| Kind::of(&entity.what)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for kind in kinds {
        let of: Vec<&Entity> = scene.entities().filter(|entity| Kind::of(&entity.what) == kind).collect();
        let values: Option<Vec<Value>> = of.iter().map(|entity| mentioned(scene, param, entity)).collect();
        if let Some(values) = values {
            let how = if of.len() == 1 { "all1" } else { "all" };
            out.push(Candidate::new(
                (of[0].from, of[of.len() - 1].to),
                Kind::List,
                how,
                Value::Array(values),
            ));
        }
    }
}

/// The lists that begin at `from`, one for each place where they may end.
fn row(scene: &Scene, param: &Param, from: usize, end: usize, out: &mut Vec<Candidate>) {
    let u = scene.u;
    // those that have another behind them
    let mut items: Vec<Value> = Vec::new();
    let mut at = from;
    while items.len() < ITEMS_MAX {
        for to in at + 1..=(at + ITEM_MAX).min(end) {
            if scene.blocked[to - 1] || separator(u, to - 1) || u.tokens[to - 1].shape == Shape::Punct {
                break;
            }
            if let Some(value) = item(scene, param, at, to) {
                let how = match items.len() {
                    0 => "1",
                    1 => "2",
                    _ => "3",
                };
                let all = items.iter().cloned().chain([value]).collect();
                out.push(Candidate::new((from, to), Kind::List, how, Value::Array(all)));
            }
        }
        let Some(to) = (at + 1..(at + ITEM_MAX + 1).min(end)).find(|to| separator(u, *to)) else {
            return;
        };
        let Some(value) = item(scene, param, at, to) else { return };
        items.push(value);
        at = to;
        while at < end && separator(u, at) {
            at += 1;
        }
    }
}

/// The item that tokens `from..to` are.
fn item(scene: &Scene, param: &Param, from: usize, to: usize) -> Option<Value> {
    let u = scene.u;
    if !param.options.is_empty() {
        let found = param
            .options
            .iter()
            .find(|option| (from..to).any(|at| option_at(u, at, option, param).is_some_and(|(how, _)| !how.starts_with("part"))));
        if found.is_some() || !param.open {
            return found.cloned();
        }
    }
    if let Some(entity) = scene.entity_at(from)
        && entity.from == from
        && entity.to == to
    {
        return mentioned(scene, param, entity);
    }
    let from = if is_determiner(u.word(from)) && to > from + 1 {
        from + 1
    } else {
        from
    };
    let whole = edge(u, from, false) && edge(u, to - 1, true) && !is_negation(u.word(from));
    let cut = scene.entity_at(to - 1).is_some_and(|entity| entity.to > to);
    (param.textual() && whole && !cut).then(|| json!(u.slice(from, to)))
}
