//! The `Parameters` section: what may be given, what was given, and what holds when nothing was.

use std::collections::BTreeMap;

use crate::diagnostic::{Report, did_you_mean, instead, sentence};
use crate::node::{Entry, Kind, Node};
use crate::scope::Parameter;

/// Parameters of a template (CloudFormation's quota).
pub const PARAMETERS_MAX: usize = 200;

/// `AllowedPattern` is accepted and not checked: it is a Java expression.
const ATTRIBUTES: &[&str] = &[
    "Type",
    "Default",
    "Description",
    "AllowedValues",
    "AllowedPattern",
    "ConstraintDescription",
    "MaxLength",
    "MinLength",
    "MaxValue",
    "MinValue",
    "NoEcho",
];

/// Reads the section and lays the `given` values over its defaults.
pub(crate) fn read(section: Option<&Entry>, given: &BTreeMap<String, String>, report: &mut Report) -> BTreeMap<String, Parameter> {
    let mut out = BTreeMap::new();
    let entries = match section {
        None => &[][..],
        Some(section) => section.value.entries().unwrap_or_else(|| {
            report.add(
                section.value.at,
                "Parameters",
                format!("a map of parameters is wanted here, this is {}", section.value.noun()),
            );
            &[]
        }),
    };
    if entries.len() > PARAMETERS_MAX {
        report.add(
            entries[PARAMETERS_MAX].at,
            "Parameters",
            format!("a template has at most {PARAMETERS_MAX} parameters"),
        );
    }
    for entry in entries.iter().take(PARAMETERS_MAX) {
        let path = format!("Parameters.{}", entry.key);
        let value = parameter(entry, given.get(&entry.key), &path, report).unwrap_or(Parameter::Failed);
        out.insert(entry.key.clone(), value);
    }
    for name in given.keys().filter(|name| !out.contains_key(*name)) {
        let near = did_you_mean(name, out.keys().map(String::as_str));
        let at = section.map(|section| section.at).unwrap_or_default();
        report.add(
            at,
            "Parameters",
            format!("a value was given for {name}, but the template has no such parameter{near}"),
        );
    }
    out
}

fn parameter(entry: &Entry, given: Option<&String>, path: &str, report: &mut Report) -> Option<Parameter> {
    let Some(attributes) = entry.value.entries() else {
        report.add(
            entry.value.at,
            path,
            format!("a parameter is a map with a Type, this is {}", entry.value.noun()),
        );
        return None;
    };
    for attribute in attributes.iter().filter(|attribute| !ATTRIBUTES.contains(&attribute.key.as_str())) {
        let instead = instead(&attribute.key, ATTRIBUTES.iter().copied());
        report.add(
            attribute.at,
            &format!("{path}.{}", attribute.key),
            format!("a parameter has no such attribute{instead}"),
        );
    }
    let Some(kind) = entry.value.get("Type") else {
        report.add(entry.at, path, "Type is missing, for example `Type: String`");
        return None;
    };
    let name = kind.value.scalar().unwrap_or_default();
    let number = matches!(name.as_str(), "Number" | "List<Number>");
    let list = matches!(name.as_str(), "CommaDelimitedList" | "List<Number>") || name.starts_with("List<AWS::");
    // Ids of VPCs, key pairs and the like are strings that AWS looks up; parameters of SSM would have to be fetched.
    let plain = matches!(name.as_str(), "String" | "Number");
    if !(plain || list || name.starts_with("AWS::") && !name.starts_with("AWS::SSM::")) {
        let near = did_you_mean(&name, ["String", "Number", "CommaDelimitedList", "List<Number>"]);
        let message = format!("the type {name} is not supported; supported are String, Number, CommaDelimitedList and List<Number>{near}");
        report.add(kind.value.at, &format!("{path}.Type"), message);
        return None;
    }
    let default = entry.value.get("Default");
    let at = default.map_or(entry.at, |default| default.value.at);
    let Some(text) = given.cloned().or_else(|| default.and_then(|default| default.value.scalar())) else {
        let message = match default {
            Some(_) => "Default wants a string or a number".to_owned(),
            None => format!(
                "no value was given and there is no Default; give one, for example `Default: …`, or pass {}=…",
                entry.key
            ),
        };
        report.add(at, path, message);
        return None;
    };
    let items: Vec<String> = if list {
        text.split(',').map(|item| item.trim().to_owned()).collect()
    } else {
        vec![text]
    };
    let mut good = true;
    for item in &items {
        if let Err(message) = check(&entry.value, item, number) {
            report.add(at, path, message);
            good = false;
        }
    }
    good.then(|| {
        if list {
            Parameter::List(items)
        } else {
            Parameter::Text(items.into_iter().next().unwrap_or_default())
        }
    })
}

fn check(attributes: &Node, text: &str, number: bool) -> Result<(), String> {
    let bound = |name: &str| {
        attributes
            .get(name)
            .and_then(|entry| entry.value.scalar())
            .and_then(|text| text.parse::<f64>().ok())
    };
    if let Some(Entry {
        value: Node {
            kind: Kind::List(allowed), ..
        },
        ..
    }) = attributes.get("AllowedValues")
    {
        let allowed: Vec<String> = allowed.iter().filter_map(Node::scalar).collect();
        if !allowed.iter().any(|allowed| allowed == text) {
            return Err(format!(
                "\"{text}\" is not among AllowedValues: {}",
                sentence(allowed.iter().map(String::as_str))
            ));
        }
    }
    let (size, least, most, what) = if number {
        let value: f64 = text.parse().map_err(|_| format!("\"{text}\" is not a number"))?;
        (value, bound("MinValue"), bound("MaxValue"), "value")
    } else {
        (text.chars().count() as f64, bound("MinLength"), bound("MaxLength"), "length")
    };
    if least.is_some_and(|least| size < least) {
        return Err(format!("\"{text}\": the {what} must be at least {}", least.unwrap_or_default()));
    }
    if most.is_some_and(|most| size > most) {
        return Err(format!("\"{text}\": the {what} must be at most {}", most.unwrap_or_default()));
    }
    Ok(())
}
