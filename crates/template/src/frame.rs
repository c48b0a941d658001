//! The frame of a template: its sections, the globals, and of each resource everything but the properties.

use crate::diagnostic::{did_you_mean, instead, sentence};
use crate::node::{Entry, Kind, Node};
use crate::read::{Reader, path_of};
use crate::resource::Type;
use crate::serverless;

/// Resources of a template (CloudFormation's quota).
pub const RESOURCES_MAX: usize = 500;

/// The macro that turns SAM's types into CloudFormation's.
const SERVERLESS: &str = "AWS::Serverless-2016-10-31";
const SECTIONS: &[&str] = &[
    "AWSTemplateFormatVersion",
    "Transform",
    "Description",
    "Metadata",
    "Parameters",
    "Globals",
    "Resources",
    "Outputs",
];
const SECTIONS_LATER: &[&str] = &["Conditions", "Mappings", "Rules", "Hooks"];
const MEMBERS: &[&str] = &[
    "Type",
    "Properties",
    "DependsOn",
    "Metadata",
    "DeletionPolicy",
    "UpdateReplacePolicy",
];
const MEMBERS_LATER: &[&str] = &["Condition", "CreationPolicy", "UpdatePolicy", "Connectors"];

impl<'a> Reader<'a> {
    /// The top of the document.
    pub(crate) fn sections(&mut self) {
        for entry in self.document.entries().unwrap_or_default() {
            let key = entry.key.as_str();
            if SECTIONS_LATER.contains(&key) {
                self.report.add(entry.at, key, "this section is not supported yet");
            } else if !SECTIONS.contains(&key) {
                self.report.add(
                    entry.at,
                    key,
                    format!("there is no such section{}", instead(key, SECTIONS.iter().copied())),
                );
            }
        }
        if let Some(transform) = self.document.get("Transform") {
            let names: Vec<&Node> = match &transform.value.kind {
                Kind::List(items) => items.iter().collect(),
                _ => vec![&transform.value],
            };
            for name in names.into_iter().filter(|name| name.scalar().as_deref() != Some(SERVERLESS)) {
                self.report
                    .add(name.at, "Transform", format!("only the transform {SERVERLESS} is supported"));
            }
        }
        if let Some(version) = self.document.get("AWSTemplateFormatVersion")
            && version.value.scalar().as_deref() != Some("2010-09-09")
        {
            self.report.add(
                version.value.at,
                "AWSTemplateFormatVersion",
                "the only version there is is 2010-09-09",
            );
        }
    }

    /// `Globals.Function`.
    pub(crate) fn globals(&mut self) -> Option<Node> {
        let globals = self.document.get("Globals")?;
        if globals.value.entries().is_none() {
            self.report.add(
                globals.value.at,
                "Globals",
                format!("a map is wanted here, this is {}", globals.value.noun()),
            );
        }
        for entry in globals
            .value
            .entries()
            .unwrap_or_default()
            .iter()
            .filter(|entry| entry.key != "Function")
        {
            let near = did_you_mean(&entry.key, ["Function"]);
            self.report.add(
                entry.at,
                &format!("Globals.{}", entry.key),
                format!("only Globals.Function is supported{near}"),
            );
        }
        let function = &globals.value.get("Function")?.value;
        if function.entries().is_none() {
            self.report.add(
                function.at,
                "Globals.Function",
                format!("a map is wanted here, this is {}", function.noun()),
            );
        }
        for entry in function
            .entries()?
            .iter()
            .filter(|entry| serverless::NOT_GLOBAL.contains(&entry.key.as_str()))
        {
            let path = format!("Globals.Function.{}", entry.key);
            self.report
                .add(entry.at, &path, "this property cannot be global; write it into the functions");
        }
        Some(function.clone())
    }

    /// The section's entries; `None` when there are too many to go on.
    pub(crate) fn resources(&mut self) -> Option<&'a [Entry]> {
        let Some(section) = self.document.get("Resources") else {
            self.report.add(self.document.at, "", "the section Resources is missing");
            return Some(&[]);
        };
        let Some(entries) = section.value.entries() else {
            self.report.add(
                section.value.at,
                "Resources",
                format!("a map of resources is wanted here, this is {}", section.value.noun()),
            );
            return Some(&[]);
        };
        if entries.len() > RESOURCES_MAX {
            let message = format!("a template has at most {RESOURCES_MAX} resources, this one has {}", entries.len());
            self.report.add(entries[RESOURCES_MAX].at, "Resources", message);
            return None;
        }
        Some(entries)
    }

    /// Checks the frame of a resource and finds its type.
    pub(crate) fn resource_type(&mut self, entry: &Entry) -> Option<Type> {
        let path = path_of(entry);
        if entry.key.is_empty() || !entry.key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            self.report.add(entry.at, &path, "a logical id consists of letters and digits only");
        }
        let Some(members) = entry.value.entries() else {
            self.report.add(
                entry.value.at,
                &path,
                format!("a resource is a map with a Type, this is {}", entry.value.noun()),
            );
            return None;
        };
        let Some(kind) = entry.value.get("Type") else {
            self.report
                .add(entry.at, &path, "Type is missing, for example `Type: AWS::Bedrock::Agent`");
            return None;
        };
        let name = kind.value.scalar().unwrap_or_default();
        let Some(found) = Type::from_name(&name) else {
            let near = did_you_mean(&name, Type::names());
            let message = format!("{name} is not supported yet; supported are {}{near}", sentence(Type::names()));
            self.report.add(kind.value.at, &path, message);
            return None;
        };
        if matches!(found, Type::Function | Type::Layer) && self.document.get("Transform").is_none() {
            self.report.add(
                kind.value.at,
                &path,
                format!("{name} needs the line `Transform: {SERVERLESS}` at the top of the template"),
            );
        }
        for member in members {
            let path = format!("{path}.{}", member.key);
            if MEMBERS_LATER.contains(&member.key.as_str()) {
                self.report.add(member.at, &path, "this is not supported yet; leave it out");
            } else if !MEMBERS.contains(&member.key.as_str()) {
                let instead = instead(&member.key, MEMBERS.iter().copied());
                self.report.add(member.at, &path, format!("a resource has no such member{instead}"));
            }
        }
        if let Some(properties) = entry.value.get("Properties")
            && properties.value.entries().is_none()
        {
            let message = format!("a map is wanted here, this is {}", properties.value.noun());
            self.report.add(properties.value.at, &format!("{path}.Properties"), message);
        }
        Some(found)
    }
}
