//! Reduces a published service model to facts: no prose, only the operations and shapes that are served.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Keys whose values are prose or serve SDKs only.
const DROPPED: &[&str] = &["documentation", "deprecatedMessage", "deprecatedSince", "box", "wrapper"];

/// Which operations of a service get types.
pub enum Selection<'a> {
    /// All.
    All,
    /// These; the others by name and route only.
    Only(&'a [String]),
}

/// The facts of `model` (a `service-2.json`), one operation or shape a line, sorted by name.
pub fn reduce(model: &Value, selection: &Selection<'_>) -> Result<String, String> {
    let object = |key: &str| model[key].as_object().ok_or_else(|| format!("the model has no `{key}`"));
    let (metadata, all_operations, all_shapes) = (object("metadata")?, object("operations")?, object("shapes")?);
    if let Selection::Only(names) = selection
        && let Some(name) = names.iter().find(|name| !all_operations.contains_key(*name))
    {
        return Err(format!("the model has no operation {name}"));
    }
    let mut operations = Map::new();
    let mut wanted = Vec::new();
    for (name, operation) in all_operations {
        let full = match selection {
            Selection::All => true,
            Selection::Only(names) => names.contains(name),
        };
        let mut facts = strip(operation);
        let entry = facts.as_object_mut().ok_or("an operation is no object")?;
        entry.shift_remove("name");
        if full {
            references(&facts, &mut wanted);
        } else {
            entry.retain(|key, _| key == "http");
        }
        operations.insert(name.clone(), facts);
    }
    let mut kept = BTreeSet::new();
    while let Some(name) = wanted.pop() {
        let shape = all_shapes.get(&name).ok_or_else(|| format!("the model has no shape {name}"))?;
        if kept.insert(name) {
            references(shape, &mut wanted);
        }
    }
    let shapes: Map<String, Value> = kept.into_iter().map(|name| (name.clone(), strip(&all_shapes[&name]))).collect();
    operations.sort_keys();
    let metadata = strip(&Value::Object(metadata.clone()));
    Ok(format!(
        "{{\"metadata\":{metadata},\n\"operations\":{{\n{}\n}},\n\"shapes\":{{\n{}\n}}}}\n",
        lines(&operations),
        lines(&shapes)
    ))
}

fn lines(entries: &Map<String, Value>) -> String {
    let lines: Vec<String> = entries
        .iter()
        .map(|(name, value)| format!("{}:{value}", Value::from(name.as_str())))
        .collect();
    lines.join(",\n")
}

/// `value` without prose. A member may itself be called `documentation`: only texts go.
fn strip(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let kept = entries
                .iter()
                .filter(|(key, value)| !DROPPED.contains(&key.as_str()) || value.is_object());
            Value::Object(kept.map(|(key, value)| (key.clone(), strip(value))).collect())
        }
        Value::Array(items) => items.iter().map(strip).collect(),
        other => other.clone(),
    }
}

fn references(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                match value.as_str() {
                    Some(name) if key == "shape" => out.push(name.to_owned()),
                    _ => references(value, out),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, out)),
        _ => {}
    }
}
