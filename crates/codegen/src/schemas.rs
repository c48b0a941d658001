//! Static tables of the shapes that requests are checked against, and of where members of outputs travel.

use std::collections::BTreeMap;

use crate::File;
use crate::exceptions::{Change, Exceptions};
use crate::model::{Member, Model, Reference, Shape};
use crate::names::{quoted, table};
use crate::types::time_format;

const USES: &str =
    "#![allow(unused_imports)]\n\nuse bedplate_wire::{Kind, Member, Pattern, Place, Schema, TimeFormat};\n\nuse super::*;\n\n";

/// The files of `schemas`, split by first letter.
pub(crate) fn files(model: &Model, exceptions: &Exceptions) -> Result<Vec<File>, String> {
    let mut tables = Tables {
        model,
        exceptions,
        done: BTreeMap::new(),
        open: Vec::new(),
        patterns: Vec::new(),
    };
    let inputs = model.inputs();
    tables.open.extend(inputs.iter().map(|name| (*name).to_owned()));
    if model.is_query() {
        // XML is written by walking the output's schema.
        tables.open.extend(model.outputs().iter().map(|name| (*name).to_owned()));
    }
    while let Some(name) = tables.open.pop() {
        if !tables.done.contains_key(&table(&name)) {
            tables.done.insert(table(&name), String::new());
            let text = tables.shape(&name).map_err(|error| format!("{} {name}: {error}", model.name))?;
            tables.done.insert(table(&name), text);
        }
    }
    for name in model.outputs().difference(&inputs).filter(|_| !model.is_query()) {
        let text = tables.output(name)?;
        tables.done.insert(table(name), text);
    }
    let mut letters: BTreeMap<char, String> = BTreeMap::new();
    for (name, text) in &tables.done {
        let letter = name.chars().next().unwrap_or('x').to_ascii_lowercase();
        letters.entry(letter).or_default().push_str(text);
    }
    let mut index = format!("//! Constraints of {}: what `check` walks. No code.\n\n", model.name);
    index.extend(letters.keys().map(|letter| format!("mod {letter};\n")));
    index.push('\n');
    index.extend(letters.keys().map(|letter| format!("pub(crate) use {letter}::*;\n")));
    tables.patterns.sort();
    index.push_str("\n/// Schemas with a pattern.\n#[cfg(test)]\nstatic PATTERNS: &[&bedplate_wire::Schema] = &[\n");
    index.extend(tables.patterns.iter().map(|name| format!("&{name},\n")));
    index.push_str("];\n\n#[cfg(test)]\nmod tests {\n#[test]\nfn every_pattern_compiles() {\nfor schema in super::PATTERNS {\n");
    index.push_str("if let bedplate_wire::Kind::String { pattern: Some(pattern), .. } = &schema.kind {\n");
    index.push_str("assert!(pattern.is_valid(), \"{}: {}\", schema.name, pattern.matches);\n}\n}\n}\n}\n");
    let mut files = vec![File {
        path: "schemas/mod.rs".into(),
        text: index,
    }];
    files.extend(letters.into_iter().map(|(letter, text)| File {
        path: format!("schemas/{letter}.rs"),
        text: format!("{USES}{text}"),
    }));
    Ok(files)
}

struct Tables<'a> {
    model: &'a Model,
    exceptions: &'a Exceptions,
    done: BTreeMap<String, String>,
    open: Vec<String>,
    patterns: Vec<String>,
}

impl Tables<'_> {
    fn shape(&mut self, name: &str) -> Result<String, String> {
        let shape = self.exceptions.apply(&self.model.name, name, self.model.shape(name)?);
        let always = self.exceptions.of_shape(&self.model.name, name, false);
        let lenient = self.exceptions.of_shape(&self.model.name, name, true);
        self.table(&table(name), name, &shape, &always, &lenient)
    }

    fn table(&mut self, id: &str, name: &str, shape: &Shape, always: &[&Change], lenient: &[&Change]) -> Result<String, String> {
        let mut text = String::new();
        let reference = if lenient.is_empty() {
            "None".to_owned()
        } else {
            let relaxed = lenient.iter().fold(shape.clone(), |shape, change| change.apply(shape));
            let id = format!("{id}_LENIENT");
            text = self.table(&id, name, &relaxed, &[always, lenient].concat(), &[])?;
            format!("Some(&{id})")
        };
        let kind = self.kind(id, name, shape, always)?;
        let sensitive = shape.sensitive;
        text += &format!(
            "pub(crate) static {id}: Schema = Schema {{ name: {}, sensitive: {sensitive}, kind: {kind}, lenient: {reference} }};\n\n",
            quoted(name)
        );
        Ok(text)
    }

    fn kind(&mut self, id: &str, name: &str, shape: &Shape, changes: &[&Change]) -> Result<String, String> {
        let size = |value: Option<f64>, fallback: &str| value.map_or(fallback.to_owned(), |value| format!("{}", value.max(0.0) as u64));
        let sizes = format!("min: {}, max: {}", size(shape.min, "0"), size(shape.max, "usize::MAX"));
        let whole = |value: Option<f64>, fallback: &str| value.map_or(fallback.to_owned(), |value| format!("{}", value as i64));
        let bounds = format!("min: {}, max: {}", whole(shape.min, "i64::MIN"), whole(shape.max, "i64::MAX"));
        if let Some(words) = &shape.words {
            let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
            return Ok(format!("Kind::Enum(&[{}])", words.join(", ")));
        }
        Ok(match shape.kind.as_str() {
            "structure" if shape.document => "Kind::Document".into(),
            "structure" if shape.eventstream => "Kind::EventStream".into(),
            "structure" => {
                let members = shape
                    .members()?
                    .iter()
                    .map(|member| self.member(name, member))
                    .collect::<Result<Vec<_>, _>>()?;
                format!("Kind::{}(&[{}])", if shape.union { "Union" } else { "Structure" }, members.concat())
            }
            "list" => format!("Kind::List {{ member: {}, {sizes} }}", self.refer(&shape.member)?),
            "map" => format!(
                "Kind::Map {{ key: {}, value: {}, {sizes} }}",
                self.refer(&shape.key)?,
                self.refer(&shape.value)?
            ),
            "string" => format!("Kind::String {{ {sizes}, pattern: {} }}", self.pattern(id, shape, changes)),
            "integer" => format!("Kind::Integer {{ {bounds} }}"),
            "long" => format!("Kind::Long {{ {bounds} }}"),
            "float" | "double" => {
                let float = |value: Option<f64>, fallback: &str| value.map_or(fallback.to_owned(), |value| format!("{value:?}"));
                format!(
                    "Kind::Float {{ min: {}, max: {} }}",
                    float(shape.min, "f64::NEG_INFINITY"),
                    float(shape.max, "f64::INFINITY")
                )
            }
            "boolean" => "Kind::Boolean".into(),
            "blob" => format!("Kind::Blob {{ {sizes} }}"),
            "timestamp" => format!(
                "Kind::Timestamp(TimeFormat::{})",
                match shape.timestamp_format.as_deref() {
                    Some("iso8601") => "Iso",
                    None if self.model.is_query() => "Iso",
                    _ => "Epoch",
                }
            ),
            other => return Err(format!("unknown type {other}")),
        })
    }

    fn pattern(&mut self, id: &str, shape: &Shape, changes: &[&Change]) -> String {
        let Some(text) = &shape.pattern else { return "None".into() };
        self.patterns.push(id.to_owned());
        let rewritten = changes
            .iter()
            .rev()
            .find(|change| change.matches.is_some() || change.pattern.is_some());
        let (matches, never) = match rewritten {
            Some(Change {
                matches: Some(matches),
                never,
                ..
            }) => (matches.clone(), never.as_deref()),
            _ => (ascii_classes(text), None),
        };
        let never = never.map_or("None".to_owned(), |never| format!("Some({})", quoted(&ascii_classes(never))));
        format!("Some(Pattern::new({}, {}, {never}))", quoted(text), quoted(&matches))
    }

    fn refer(&mut self, reference: &Option<Reference>) -> Result<String, String> {
        let reference = reference.as_ref().ok_or("it does not say what it holds")?;
        self.open.push(reference.shape.clone());
        Ok(format!("&{}", table(&reference.shape)))
    }

    fn member(&mut self, structure: &str, member: &Member) -> Result<String, String> {
        let (always, lenient) = self.exceptions.of_member(&self.model.name, structure, &member.name);
        let schema = if always.is_empty() && lenient.is_empty() {
            self.refer(&Some(member.reference.clone()))?
        } else {
            let name = &member.reference.shape;
            let id = format!("{}__{}", table(structure), table(&member.name));
            let shape = always
                .iter()
                .fold(self.model.shape(name)?.clone(), |shape, change| change.apply(shape));
            let text = self.table(&id, name, &shape, &always, &lenient)?;
            self.done.insert(id.clone(), text);
            format!("&{id}")
        };
        let place = place(member)?;
        Ok(format!(
            "Member {{ name: {}, schema: {schema}, required: {}, place: {place} }}, ",
            quoted(&member.name),
            member.required
        ))
    }

    /// Of an output only the members outside the body matter.
    fn output(&mut self, name: &str) -> Result<String, String> {
        let shape = self.model.shape(name)?;
        let mut members = String::new();
        for member in shape.members()? {
            let place = place(&member)?;
            if place == "Place::Body" {
                continue;
            }
            let target = self.model.shape(&member.reference.shape)?;
            let kind = match target.kind.as_str() {
                "structure" if target.eventstream => "Kind::EventStream".to_owned(),
                "blob" => "Kind::Blob { min: 0, max: usize::MAX }".to_owned(),
                "timestamp" => format!("Kind::Timestamp(TimeFormat::{})", time_format(self.model, &member, target, false)),
                _ => "Kind::Document".to_owned(),
            };
            let schema = format!(
                "&Schema {{ name: {}, sensitive: {}, kind: {kind}, lenient: None }}",
                quoted(&member.reference.shape),
                target.sensitive
            );
            members += &format!(
                "Member {{ name: {}, schema: {schema}, required: {}, place: {place} }}, ",
                quoted(&member.name),
                member.required
            );
        }
        Ok(format!(
            "pub(crate) static {}: Schema = Schema {{ name: {}, sensitive: {}, kind: Kind::Structure(&[{members}]), lenient: None }};\n\n",
            table(name),
            quoted(name),
            shape.sensitive
        ))
    }
}

fn place(member: &Member) -> Result<String, String> {
    let name = quoted(member.reference.location_name.as_deref().unwrap_or(&member.name));
    Ok(match member.reference.location.as_deref() {
        _ if member.payload => "Place::Payload".into(),
        None => "Place::Body".into(),
        Some("uri") => format!("Place::Label({name})"),
        Some("querystring") => format!("Place::Query({name})"),
        Some("header") => format!("Place::Header({})", name.to_lowercase()),
        Some("statusCode") => "Place::Status".into(),
        Some(other) => return Err(format!("{}: location {other} is not supported", member.name)),
    })
}

/// Java's `\d`, `\w` and `\s` mean ASCII; Rust's mean Unicode, which also makes big automata.
fn ascii_classes(pattern: &str) -> String {
    let mut out = String::new();
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        match chars.next() {
            Some('d') => out.push_str("[0-9]"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('s') => out.push_str(r"[ \t\n\x0B\f\r]"),
            Some('S') => out.push_str(r"[^ \t\n\x0B\f\r]"),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}
