//! Which resource needs which, and the order that follows; circles are mistakes.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Report;
use crate::node::{At, Kind, Node};
use crate::scope::{Piece, pieces};

/// Something in a value that names a resource or a parameter.
#[derive(Clone, Debug)]
pub(crate) struct Mention {
    pub(crate) name: String,
    pub(crate) at: At,
    pub(crate) path: String,
}

/// Everything that a value names through `Ref`, `Fn::GetAtt` and `Fn::Sub`; pseudo parameters are left out.
pub(crate) fn mentions(node: &Node, path: &str, out: &mut Vec<Mention>) {
    let mut add = |name: &str, at: At| {
        if !name.starts_with("AWS::") {
            out.push(Mention {
                name: name.to_owned(),
                at,
                path: path.to_owned(),
            });
        }
    };
    match &node.kind {
        Kind::List(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, item)| mentions(item, &format!("{path}[{index}]"), out)),
        Kind::Map(entries) => entries
            .iter()
            .for_each(|entry| mentions(&entry.value, &format!("{path}.{}", entry.key), out)),
        Kind::Call(name, argument) => match (name.as_str(), &argument.kind) {
            ("Ref", Kind::Text(name)) => add(name, argument.at),
            ("Fn::GetAtt", Kind::Text(text)) => add(text.split('.').next().unwrap_or(text), argument.at),
            ("Fn::GetAtt", Kind::List(items)) => {
                if let Some(Node {
                    kind: Kind::Text(name),
                    at,
                }) = items.first()
                {
                    add(name, *at);
                }
            }
            ("Fn::Sub", Kind::Text(text)) => names(text).for_each(|name| add(name, argument.at)),
            ("Fn::Sub", Kind::List(items)) => {
                let variables = items.get(1);
                if let Some(Node {
                    kind: Kind::Text(text),
                    at,
                }) = items.first()
                {
                    names(text)
                        .filter(|name| variables.is_none_or(|variables| variables.get(name).is_none()))
                        .for_each(|name| add(name, *at));
                }
                if let Some(variables) = variables {
                    mentions(variables, path, out);
                }
            }
            _ => mentions(argument, path, out),
        },
        _ => {}
    }
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    pieces(text).into_iter().filter_map(|piece| match piece {
        Piece::Name(name) => Some(name.split('.').next().unwrap_or(name)),
        _ => None,
    })
}

/// Sorts logical ids so that each comes behind what it needs, otherwise as they stand in the template. `None` when there is a circle;
/// the report then shows it.
pub(crate) fn sort(ids: &[String], needs: &BTreeMap<String, Vec<Mention>>, report: &mut Report) -> Option<Vec<String>> {
    let mut walk = Walk {
        needs,
        report,
        done: BTreeSet::new(),
        trail: Vec::new(),
        order: Vec::new(),
        circles: 0,
    };
    for id in ids {
        walk.visit(id);
    }
    (walk.circles == 0).then_some(walk.order)
}

struct Walk<'a> {
    needs: &'a BTreeMap<String, Vec<Mention>>,
    report: &'a mut Report,
    done: BTreeSet<&'a str>,
    trail: Vec<&'a str>,
    order: Vec<String>,
    circles: usize,
}

impl<'a> Walk<'a> {
    /// As deep as there are resources at most, and those are limited.
    fn visit(&mut self, id: &'a str) {
        let Some(needs) = self.needs.get(id) else { return };
        if self.done.contains(id) {
            return;
        }
        self.trail.push(id);
        for need in needs {
            if let Some(start) = self.trail.iter().position(|on_trail| *on_trail == need.name) {
                let circle: Vec<&str> = self.trail[start..].iter().copied().chain([need.name.as_str()]).collect();
                let message = format!(
                    "resources need each other in a circle: {}; take one of these references out",
                    circle.join(" → ")
                );
                self.report.add(need.at, &need.path, message);
                self.circles += 1;
            } else {
                self.visit(&need.name);
            }
        }
        self.trail.pop();
        self.done.insert(id);
        self.order.push(id.to_owned());
    }
}
