//! Tables of operations and exceptions, and one empty type for each operation that has types.

use crate::exceptions::Exceptions;
use crate::model::{Model, Operation};
use crate::names::{quoted, table, type_name};
use crate::query;

/// `ops.rs`.
pub(crate) fn types(model: &Model) -> String {
    let mut text = format!(
        "//! The operations of {} as types, each with its input and output.\n\nuse bedplate_wire::{{Call, Empty}};\n\nuse crate::types;\n\n\
         /// The service.\npub const NAME: &str = {};\n\n",
        model.name,
        quoted(&model.name)
    );
    if model
        .operations
        .values()
        .all(|operation| operation.output.is_some() || operation.input.is_none())
    {
        text = text.replace("{Call, Empty}", "Call");
    }
    let full: Vec<&str> = model
        .operations
        .iter()
        .filter(|(_, operation)| operation.input.is_some())
        .map(|(name, _)| name.as_str())
        .collect();
    text += &format!(
        "/// Calls `$callback!` with the names of all operations that have types: for tests that go through all of them.\n#[macro_export]\n\
         macro_rules! for_each_operation {{ ($callback:ident) => {{ $callback! {{ {} }} }}; }}\n\n",
        full.join(", ")
    );
    for (name, operation) in model.operations.iter().filter(|(_, operation)| operation.input.is_some()) {
        let ty = |reference: &Option<crate::model::Reference>| {
            reference
                .as_ref()
                .map_or("Empty".to_owned(), |reference| format!("types::{}", type_name(&reference.shape)))
        };
        text += &format!(
            "/// Operation `{name}`.\n#[derive(Clone, Copy, Debug)]\npub struct {name};\n\nimpl Call for {name} {{\n    type Input = {};\n    type Output = {};\n    const NAME: &'static str = {};\n}}\n\n",
            ty(&operation.input),
            ty(&operation.output),
            quoted(name)
        );
    }
    text
}

/// `service.rs`.
pub(crate) fn tables(model: &Model, exceptions: &Exceptions) -> Result<String, String> {
    let meta = &model.metadata;
    let protocol = match (meta.protocol.as_str(), meta.json_version.as_deref()) {
        ("rest-json", _) => "RestJson1",
        ("json", Some("1.0")) => "AwsJson1_0",
        ("json", _) => "AwsJson1_1",
        ("query", _) => "AwsQuery",
        (other, _) => return Err(format!("{}: unknown protocol {other}", model.name)),
    };
    if model.is_query() {
        query::check(model)?;
    }
    let operations = model
        .operations
        .iter()
        .map(|(name, operation)| self::operation(model, exceptions, name, operation));
    let operations: String = operations.collect::<Result<Vec<_>, _>>()?.concat();
    let signing = meta.signing_name.as_deref().unwrap_or(&meta.endpoint_prefix);
    let target = meta
        .target_prefix
        .as_ref()
        .map_or("None".to_owned(), |prefix| format!("Some({})", quoted(prefix)));
    Ok(format!(
        "//! What {} serves: operations, routes, exceptions.\n\nuse bedplate_wire::{{{empty}ErrorShape, Operation, Protocol, {segments}Service}};\n\n\
         use crate::schemas;\n\n\
         /// The service.\npub static SERVICE: Service = Service {{ name: {name}, title: {}, signing_name: {}, protocol: Protocol::{protocol}, \
         target_prefix: {target}, operations: OPERATIONS, errors: ERRORS }};\n\n\
         /// All operations, by name.\npub static OPERATIONS: &[Operation] = &[{operations}];\n\n\
         /// All exceptions, by name.\npub static ERRORS: &[ErrorShape] = &[{}];\n",
        model.name,
        quoted(&meta.service_full_name),
        quoted(signing),
        errors(model)?,
        name = quoted(&model.name),
        segments = if operations.contains("Label(") {
            "Segment::{Label, Literal}, "
        } else {
            ""
        },
        empty = if operations.contains("&EMPTY") { "EMPTY, " } else { "" },
    ))
}

fn errors(model: &Model) -> Result<String, String> {
    let mut text = String::new();
    for (name, shape) in model.shapes.iter().filter(|(_, shape)| shape.exception) {
        let declared = shape.error.as_ref().and_then(|error| error.http_status_code);
        let status = declared.unwrap_or(if shape.fault { 500 } else { 400 });
        let members = shape.members()?;
        let message = if members.iter().any(|member| member.name == "Message") {
            "Message"
        } else {
            "message"
        };
        let others = members
            .iter()
            .filter(|member| member.name != message && member.reference.location.is_none());
        let others: Vec<String> = others.map(|member| quoted(&member.name)).collect();
        text += &format!(
            "ErrorShape {{ name: {}, status: {status}, message: {}, members: &[{}] }}, ",
            quoted(model.code(name)),
            quoted(message),
            others.join(", ")
        );
    }
    Ok(text)
}

fn operation(model: &Model, exceptions: &Exceptions, name: &str, operation: &Operation) -> Result<String, String> {
    let (path, query) = operation
        .http
        .request_uri
        .split_once('?')
        .unwrap_or((&operation.http.request_uri, ""));
    let trimmed = path.strip_prefix('/').unwrap_or(path);
    let slash = trimmed.is_empty() || trimmed.ends_with('/');
    let trimmed = trimmed.strip_suffix('/').unwrap_or(trimmed);
    let mut segments = Vec::new();
    for part in trimmed.split('/').filter(|part| !part.is_empty()) {
        segments.push(match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(label) if label.ends_with('+') => return Err(format!("{name}: greedy label {label} is not supported")),
            Some(label) => format!("Label({})", quoted(label)),
            None => format!("Literal({})", quoted(part)),
        });
    }
    let selectors = query::selectors(model, name);
    let query: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .chain(selectors.iter().map(|(key, value)| (*key, value.as_str())))
        .map(|(key, value)| format!("({}, {})", quoted(key), quoted(value)))
        .collect();
    let schema = |reference: &Option<crate::model::Reference>| {
        reference
            .as_ref()
            .map_or("&EMPTY".to_owned(), |reference| format!("&schemas::{}", table(&reference.shape)))
    };
    let errors: Vec<String> = operation.errors.iter().map(|error| quoted(model.code(&error.shape))).collect();
    let arn = exceptions
        .arn(&model.name, name)
        .map_or("None".to_owned(), |prefix| format!("Some({})", quoted(prefix)));
    Ok(format!(
        "Operation {{ name: {}, service: {}, method: {}, uri: {}, path: &[{}], slash: {slash}, query: &[{}], status: {}, input: {}, output: {}, errors: &[{}], arn: {arn} }}, ",
        quoted(name),
        quoted(&model.name),
        quoted(&operation.http.method),
        quoted(&operation.http.request_uri),
        segments.join(", "),
        query.join(", "),
        operation.http.response_code.unwrap_or(200),
        schema(&operation.input),
        schema(&operation.output),
        errors.join(", "),
    ))
}
