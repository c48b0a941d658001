//! Structs, unions and enums with their JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::exceptions::Exceptions;
use crate::model::{Member, Model, Shape};
use crate::names::{field, quoted, type_name, variant};
use crate::{File, names};

const USES: &str = "use std::collections::BTreeMap;\n\nuse bedplate_base::Timestamp;\nuse bedplate_wire::{self as wire, Json as _};\n\
    use bytes::Bytes;\nuse serde_json::Value;\n\nuse super::*;\nuse crate::schemas;\n\n";

/// The files of `types`, split by first letter.
pub(crate) fn files(model: &Model, exceptions: &Exceptions) -> Result<Vec<File>, String> {
    let context = Types {
        model,
        exceptions,
        inputs: model.inputs(),
        outputs: model.outputs(),
    };
    let mut texts: BTreeMap<char, String> = BTreeMap::new();
    for (name, shape) in &model.shapes {
        let shape = exceptions.apply(&model.name, name, shape);
        let text = context
            .shape(name, &shape)
            .map_err(|error| format!("{} {name}: {error}", model.name))?;
        if !text.is_empty() {
            let letter = name.chars().next().unwrap_or('x').to_ascii_lowercase();
            texts.entry(letter).or_default().push_str(&text);
        }
    }
    let mut index = format!(
        "//! Types of {}: the model's names exactly; members in snake case, absent ones `None`, required ones bare.\n\n\
         #![allow(missing_docs, clippy::all, unused_imports)]\n\n",
        model.name
    );
    for letter in texts.keys() {
        writeln!(index, "mod {letter};").map_err(|error| error.to_string())?;
    }
    index.push('\n');
    for letter in texts.keys() {
        writeln!(index, "pub use {letter}::*;").map_err(|error| error.to_string())?;
    }
    let mut files = vec![File {
        path: "types/mod.rs".into(),
        text: index,
    }];
    files.extend(texts.into_iter().map(|(letter, text)| File {
        path: format!("types/{letter}.rs"),
        text: format!("{USES}{text}"),
    }));
    Ok(files)
}

struct Types<'a> {
    model: &'a Model,
    exceptions: &'a Exceptions,
    inputs: BTreeSet<&'a str>,
    outputs: BTreeSet<&'a str>,
}

impl Types<'_> {
    fn shape(&self, name: &str, shape: &Shape) -> Result<String, String> {
        if let Some(words) = &shape.words {
            return string_enum(&self.model.name, name, words);
        }
        if !shape.is_structure() {
            return Ok(String::new());
        }
        let members: Vec<Member> = shape.members()?;
        if shape.eventstream {
            return self.event_stream(name, &members);
        }
        if shape.union {
            self.union(name, &members)
        } else {
            self.structure(name, &members)
        }
    }

    fn structure(&self, name: &str, members: &[Member]) -> Result<String, String> {
        let ty = type_name(name);
        let (mut fields, mut reads) = (String::new(), String::new());
        let mut writes: Vec<(String, String)> = Vec::new();
        let mut blob = None;
        for member in members {
            let shape = self.model.shape(&member.reference.shape)?;
            if shape.eventstream {
                continue;
            }
            let (id, key) = (field(&member.name), quoted(&member.name));
            let mut rust = self.rust(&member.reference.shape)?;
            if self.reaches(&member.reference.shape, name, &mut BTreeSet::new()) {
                rust = format!("Box<{rust}>");
            }
            let rust = if member.required { rust } else { format!("Option<{rust}>") };
            fields += &format!("    pub {id}: {rust},\n");
            let is_payload = (member.payload || member.reference.eventpayload) && shape.kind == "blob";
            if is_payload {
                blob = Some((id.clone(), member.required));
                reads += &format!("{id}: Default::default(), ");
                continue;
            }
            let verb = if member.required { "need" } else { "get" };
            reads += &format!("{id}: fields.{verb}({key})?, ");
            let write = if shape.kind == "timestamp" {
                let format = self.time_format(member, shape);
                let value = if member.required {
                    format!("Some(self.{id})")
                } else {
                    format!("self.{id}")
                };
                format!("out.time({key}, {value}, wire::TimeFormat::{format});\n")
            } else {
                format!("out.{}({key}, &self.{id});\n", if member.required { "put" } else { "opt" })
            };
            writes.push((member.name.clone(), write));
        }
        writes.sort();
        let writes: String = writes.into_iter().map(|(_, write)| write).collect();
        let read = if reads.contains("fields.") {
            "let fields = wire::Fields::of(value)?;"
        } else {
            "wire::Fields::of(value)?;"
        };
        let mutable = if writes.is_empty() { "" } else { "mut " };
        let mut text = format!(
            "/// Shape `{name}` of {}.\n#[derive(Clone, Debug, Default, PartialEq)]\npub struct {ty} {{\n{fields}}}\n\n\
             impl wire::Json for {ty} {{\n    fn to_json(&self) -> Value {{ let {mutable}out = wire::Object::default(); {writes} out.done() }}\n\n\
             fn from_json(value: &Value) -> Result<Self, wire::ReadError> {{ {read} Ok(Self {{ {reads} }}) }}\n}}\n\n",
            self.model.name
        );
        if self.inputs.contains(name) || self.outputs.contains(name) {
            text += &self.bound(&ty, name, blob);
        } else if let Some((id, required)) = blob {
            text += &payload_event(&ty, &id, required);
        }
        Ok(text)
    }

    fn bound(&self, ty: &str, name: &str, blob: Option<(String, bool)>) -> String {
        let table = names::table(name);
        let payload = blob.map(|(id, required)| {
            let (get, set) = match required {
                true => (format!("Some(self.{id}.clone())"), "payload"),
                false => (format!("self.{id}.clone()"), "Some(payload)"),
            };
            format!(
                "fn payload(&self) -> Option<Bytes> {{ {get} }}\n\nfn set_payload(&mut self, payload: Bytes) {{ self.{id} = {set}; }}\n"
            )
        });
        format!(
            "impl wire::Bound for {ty} {{\n    fn schema() -> &'static wire::Schema {{ &schemas::{table} }}\n{}}}\n\n",
            payload.map(|text| format!("\n{text}")).unwrap_or_default()
        )
    }

    fn union(&self, name: &str, members: &[Member]) -> Result<String, String> {
        let ty = type_name(name);
        let service = &self.model.name;
        let (mut variants, mut writes, mut reads, mut keys) = (String::new(), String::new(), String::new(), Vec::new());
        let mut first = None;
        for member in members {
            let id = type_name(&member.name);
            let key = quoted(&member.name);
            let mut rust = self.rust(&member.reference.shape)?;
            if self.reaches(&member.reference.shape, name, &mut BTreeSet::new()) {
                rust = format!("Box<{rust}>");
            }
            variants += &format!("    {id}({rust}),\n");
            writes += &format!("Self::{id}(value) => out.put({key}, value),\n");
            reads += &format!("{key} => wire::Json::from_json(value).map(Self::{id}).map_err(|error| error.at({key})),\n");
            keys.push(key);
            first.get_or_insert(id);
        }
        let first = first.ok_or("a union without members")?;
        Ok(format!(
            "/// Union `{name}` of {service}.\n#[derive(Clone, Debug, PartialEq)]\npub enum {ty} {{\n{variants}}}\n\n\
             impl Default for {ty} {{\n    fn default() -> Self {{ Self::{first}(Default::default()) }}\n}}\n\n\
             impl wire::Json for {ty} {{\n    fn to_json(&self) -> Value {{ let mut out = wire::Object::default(); match self {{ {writes} }} out.done() }}\n\n\
             fn from_json(value: &Value) -> Result<Self, wire::ReadError> {{\n\
             let (name, value) = wire::Fields::of(value)?.only(&[{}])?; match name {{ {reads} _ => Err(wire::ReadError::new(\"unknown member of a union\")) }} }}\n}}\n\n",
            keys.join(", ")
        ))
    }

    fn event_stream(&self, name: &str, members: &[Member]) -> Result<String, String> {
        let (mut variants, mut frames) = (String::new(), String::new());
        for member in members {
            let shape = self.model.shape(&member.reference.shape)?;
            let (id, key) = (type_name(&member.name), quoted(&member.name));
            variants += &format!("    {id}({}),\n", type_name(&member.reference.shape));
            let bytes = shape.members()?.into_iter().find(|member| member.reference.eventpayload);
            frames += &match (shape.exception, bytes) {
                (true, _) => format!("Self::{id}(value) => wire::frame::exception({key}, &value.to_json()),\n"),
                (false, Some(_)) => format!("Self::{id}(value) => wire::frame::event_bytes({key}, value.payload()),\n"),
                (false, None) => format!("Self::{id}(value) => wire::frame::event({key}, &value.to_json()),\n"),
            };
        }
        let ty = type_name(name);
        Ok(format!(
            "/// Event stream `{name}` of {}: each member is a frame.\n#[derive(Clone, Debug, PartialEq)]\npub enum {ty} {{\n{variants}}}\n\n\
             impl wire::Event for {ty} {{\n    fn frame(&self) -> Bytes {{ match self {{ {frames} }} }}\n}}\n\n",
            self.model.name
        ))
    }

    fn rust(&self, name: &str) -> Result<String, String> {
        let shape = self.model.shape(name)?;
        let inner = |reference: &Option<crate::model::Reference>| {
            let reference = reference.as_ref().ok_or_else(|| format!("{name} does not say what it holds"))?;
            self.rust(&reference.shape)
        };
        Ok(match shape.kind.as_str() {
            _ if shape.words.is_some() => type_name(name),
            "structure" if shape.document => "Value".into(),
            "structure" => type_name(name),
            "list" => format!("Vec<{}>", inner(&shape.member)?),
            "map" => format!("BTreeMap<String, {}>", inner(&shape.value)?),
            "string" => "String".into(),
            "integer" => "i32".into(),
            "long" => "i64".into(),
            "float" => "f32".into(),
            "double" => "f64".into(),
            "boolean" => "bool".into(),
            "blob" => "Bytes".into(),
            "timestamp" => "Timestamp".into(),
            other => return Err(format!("{name}: unknown type {other}")),
        })
    }

    /// Whether `from` holds `target` directly, with no list or map in between.
    fn reaches(&self, from: &str, target: &str, seen: &mut BTreeSet<String>) -> bool {
        let Some(shape) = self.model.shapes.get(from).filter(|shape| shape.is_structure()) else {
            return false;
        };
        if from == target {
            return true;
        }
        let members = shape.members().unwrap_or_default();
        seen.insert(from.to_owned()) && members.iter().any(|member| self.reaches(&member.reference.shape, target, seen))
    }

    fn time_format(&self, member: &Member, shape: &Shape) -> &'static str {
        let nanos = self
            .exceptions
            .of_shape(&self.model.name, &member.reference.shape, false)
            .iter()
            .any(|change| change.nanos);
        time_format(self.model, member, shape, nanos)
    }
}

pub(crate) fn time_format(model: &Model, member: &Member, shape: &Shape, nanos: bool) -> &'static str {
    let format = member.reference.timestamp_format.as_deref().or(shape.timestamp_format.as_deref());
    let format = format.or(model.is_query().then_some("iso8601"));
    match (format, member.reference.location.as_deref()) {
        (Some("iso8601"), _) if nanos => "IsoNanos",
        (Some("iso8601"), _) | (None, Some("querystring" | "uri")) => "Iso",
        (Some("rfc822"), _) | (None, Some("header")) => "Http",
        _ => "Epoch",
    }
}

fn payload_event(ty: &str, id: &str, required: bool) -> String {
    let get = if required {
        format!("self.{id}.clone()")
    } else {
        format!("self.{id}.clone().unwrap_or_default()")
    };
    format!("impl {ty} {{\n    /// The bytes of the event.\n    pub fn payload(&self) -> Bytes {{ {get} }}\n}}\n\n")
}

fn string_enum(service: &str, name: &str, words: &[String]) -> Result<String, String> {
    let mut seen = BTreeSet::new();
    let mut variants = String::new();
    for word in words {
        let mut id = variant(word);
        while !seen.insert(id.clone()) {
            id.push('_');
        }
        variants += &format!("    {id} = {},\n", quoted(word));
    }
    Ok(format!(
        "wire::string_enum! {{\n    /// Enum `{name}` of {service}.\n    {} {{\n{variants}    }}\n}}\n\n",
        type_name(name)
    ))
}
