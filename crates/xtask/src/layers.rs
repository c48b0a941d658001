//! `cargo xtask layers`: the dependency graph is shallow, and that is a test.
//!
//! Reads `layers.toml` and every `crates/*/Cargo.toml`; names each edge that runs upward, or sideways without being listed, and each
//! external crate that would make a pure crate impure. Dev-dependencies are free.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

const PREFIX: &str = "bedplate-";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layers {
    floors: BTreeMap<String, Vec<String>>,
    aside: Vec<String>,
    #[serde(default)]
    edge: Vec<Edge>,
    pure: Pure,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edge {
    from: String,
    to: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pure {
    crates: Vec<String>,
    banned: Vec<String>,
    why: String,
}

/// Names of dependencies, by folder of the crate; ours without their prefix in the first set, strangers in the second.
type Graph = BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>;

/// What is wrong with the graph of the workspace at `root`.
pub(crate) fn problems(root: &Path) -> Result<Vec<String>, String> {
    let text = read(&root.join("layers.toml"))?;
    judge(&text, &graph(root)?)
}

fn judge(layers: &str, graph: &Graph) -> Result<Vec<String>, String> {
    let layers: Layers = toml::from_str(layers).map_err(|error| format!("layers.toml: {error}"))?;
    let mut problems = Vec::new();
    let floors = floors(&layers, graph, &mut problems);
    let aside: BTreeSet<&str> = layers.aside.iter().map(String::as_str).collect();
    let mut used = BTreeSet::new();
    for (from, (ours, strangers)) in graph {
        for to in ours {
            let (Some(low), Some(high)) = (floors.get(to.as_str()), floors.get(from.as_str())) else {
                if aside.contains(to.as_str()) && !aside.contains(from.as_str()) {
                    problems.push(format!(
                        "{from} depends on {to}, which stands aside: only dev-dependencies may lead there"
                    ));
                }
                continue;
            };
            let listed = layers.edge.iter().find(|edge| edge.from == *from && edge.to == *to);
            match (low.cmp(high), listed) {
                (std::cmp::Ordering::Less, _) => {}
                (std::cmp::Ordering::Equal, Some(edge)) => {
                    used.insert((edge.from.as_str(), edge.to.as_str()));
                }
                (std::cmp::Ordering::Equal, None) => problems.push(format!(
                    "{from} depends on its neighbour {to} (floor {low}): move what both need down, or list the edge in layers.toml with its reason"
                )),
                (std::cmp::Ordering::Greater, _) => {
                    problems.push(format!("{from} (floor {high}) depends upward on {to} (floor {low}): turn the edge around"));
                }
            }
        }
        if layers.pure.crates.contains(from) {
            for name in strangers.iter().filter(|name| layers.pure.banned.contains(name)) {
                problems.push(format!("{from} depends on {name}, but {}", layers.pure.why));
            }
        }
    }
    for edge in &layers.edge {
        let name = format!("layers.toml: the edge from {} to {}", edge.from, edge.to);
        if edge.why.trim().is_empty() {
            problems.push(format!("{name} has no reason"));
        }
        if !used.contains(&(edge.from.as_str(), edge.to.as_str())) {
            problems.push(format!("{name} is listed, but nobody needs it: take it out"));
        }
    }
    Ok(problems)
}

/// The floor of each crate; every crate stands in layers.toml once, and nothing else does.
fn floors<'a>(layers: &'a Layers, graph: &Graph, problems: &mut Vec<String>) -> BTreeMap<&'a str, u32> {
    let mut floors = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (floor, crates) in &layers.floors {
        let Ok(number) = floor.parse() else {
            problems.push(format!("layers.toml: floor {floor:?} is not a number"));
            continue;
        };
        for name in crates {
            floors.insert(name.as_str(), number);
        }
    }
    for name in layers.floors.values().flatten().chain(&layers.aside) {
        if !seen.insert(name.as_str()) {
            problems.push(format!("layers.toml: {name} stands there twice"));
        }
        if !graph.contains_key(name) {
            problems.push(format!("layers.toml: there is no crate {name}"));
        }
    }
    for name in graph.keys().filter(|name| !seen.contains(name.as_str())) {
        problems.push(format!("layers.toml: crate {name} has no floor"));
    }
    floors
}

fn graph(root: &Path) -> Result<Graph, String> {
    let crates = root.join("crates");
    let mut graph = Graph::new();
    for entry in fs::read_dir(&crates).map_err(|error| format!("{}: {error}", crates.display()))? {
        let folder = entry.map_err(|error| error.to_string())?.path();
        let manifest = folder.join("Cargo.toml");
        let (Some(name), true) = (folder.file_name().and_then(|name| name.to_str()), manifest.is_file()) else {
            continue;
        };
        let table: Table = toml::from_str(&read(&manifest)?).map_err(|error| format!("{}: {error}", manifest.display()))?;
        graph.insert(name.to_owned(), dependencies(&table));
    }
    Ok(graph)
}

/// All but the dev-dependencies, those of single platforms included.
fn dependencies(manifest: &Table) -> (BTreeSet<String>, BTreeSet<String>) {
    let targets = manifest.get("target").and_then(Value::as_table);
    let tables = targets.into_iter().flat_map(|targets| targets.values().filter_map(Value::as_table));
    std::iter::once(manifest)
        .chain(tables)
        .flat_map(|table| [table.get("dependencies"), table.get("build-dependencies")])
        .flatten()
        .filter_map(Value::as_table)
        .flat_map(Table::keys)
        .fold((BTreeSet::new(), BTreeSet::new()), |(mut ours, mut strangers), name| {
            match name.strip_prefix(PREFIX) {
                Some(name) => ours.insert(name.to_owned()),
                None => strangers.insert(name.to_owned()),
            };
            (ours, strangers)
        })
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYERS: &str = r#"
        aside = ["testkit"]
        [floors]
        0 = ["base"]
        1 = ["journal", "store"]
        2 = ["agent"]
        [[edge]]
        from = "store"
        to = "journal"
        why = "rows are events"
        [pure]
        crates = ["agent"]
        banned = ["tokio"]
        why = "it is pure"
    "#;

    /// Checks the workspace above with these dependencies besides the ones that are right.
    fn check(extra: &[(&str, &str)], expected: &[&str]) {
        let right = [
            ("journal", "base"),
            ("store", "base"),
            ("store", "journal"),
            ("agent", "journal"),
            ("testkit", "agent"),
        ];
        let mut graph = Graph::new();
        graph.insert("base".into(), Default::default());
        for (from, to) in right.iter().chain(extra) {
            let (ours, strangers) = graph.entry((*from).to_owned()).or_default();
            match to.strip_prefix('@') {
                Some(stranger) => strangers.insert(stranger.to_owned()),
                None => ours.insert((*to).to_owned()),
            };
        }
        let problems = judge(LAYERS, &graph).unwrap();
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.contains(expected), "{problem:?} does not say {expected:?}");
        }
    }

    #[test]
    fn cases() {
        check(&[], &[]);
        check(&[("journal", "agent")], &["journal (floor 1) depends upward on agent (floor 2)"]);
        check(&[("journal", "store")], &["journal depends on its neighbour store"]);
        check(&[("agent", "testkit")], &["agent depends on testkit, which stands aside"]);
        check(
            &[("agent", "@tokio"), ("store", "@tokio")],
            &["agent depends on tokio, but it is pure"],
        );
        check(&[("cellar", "base")], &["crate cellar has no floor"]);
    }

    #[test]
    fn this_workspace() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        assert_eq!(problems(&root).unwrap(), Vec::<String>::new());
    }
}
