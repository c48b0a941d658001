//! The main path: file → tree → parameters → order → resources → stack.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bedplate_base::Place;

use crate::diagnostic::{Diagnostic, Report, did_you_mean, instead, sentence};
use crate::node::{At, Entry, Kind, Node};
use crate::order::{Mention, mentions, sort};
use crate::resource::{Build, Context, Type};
use crate::scope::Scope;
use crate::stack::{Output, Stack};
use crate::{document, parameters, resource, serverless};

/// Resources of a template (CloudFormation's quota).
pub const RESOURCES_MAX: usize = 500;
/// Outputs of a template (CloudFormation's quota).
pub const OUTPUTS_MAX: usize = 200;

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

/// How to read a template.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Account and region of everything in it.
    pub place: Place,
    /// The stack's name; the name of the template's folder when there is none.
    pub stack: Option<String>,
    /// Values for `Parameters`; defaults hold for the rest.
    pub parameters: BTreeMap<String, String>,
}

/// The template of a folder: `template.yaml`, `template.yml` or `template.json`, whichever is there first.
pub fn find(folder: &Path) -> Option<PathBuf> {
    ["template.yaml", "template.yml", "template.json"]
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

/// Reads a template. Looks at the file system for the template itself and for the folders that `CodeUri` names, at nothing else.
///
/// # Errors
/// All mistakes of the template, in its own order; never an empty list.
pub fn read(path: &Path, options: &Options) -> Result<Stack, Vec<Diagnostic>> {
    let mut report = Report::new(path);
    let stack = document::load(path, &mut report).and_then(|document| Reader::new(path, options, &document, &mut report).read());
    match stack {
        Some(stack) if report.is_empty() => Ok(stack),
        _ => Err(report.into_diagnostics()),
    }
}

struct Reader<'a> {
    path: &'a Path,
    folder: PathBuf,
    options: &'a Options,
    document: &'a Node,
    report: &'a mut Report,
    stack: String,
}

impl<'a> Reader<'a> {
    fn new(path: &'a Path, options: &'a Options, document: &'a Node, report: &'a mut Report) -> Self {
        let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let folder = whole.parent().map(Path::to_owned).unwrap_or_default();
        let stack = options.stack.clone().unwrap_or_else(|| stack_name(&folder));
        Self {
            path,
            folder,
            options,
            document,
            report,
            stack,
        }
    }

    fn read(mut self) -> Option<Stack> {
        self.sections();
        let parameters = parameters::read(self.document.get("Parameters"), &self.options.parameters, self.report);
        let globals = self.globals();
        let resources = self.resources()?;
        let mut scope = Scope {
            place: self.options.place.clone(),
            stack: self.stack.clone(),
            parameters,
            resources: resources.iter().map(|entry| (entry.key.clone(), None)).collect(),
        };
        for entry in resources.iter().filter(|entry| scope.parameters.contains_key(&entry.key)) {
            self.report.add(
                entry.at,
                &path_of(entry),
                "a parameter has this name already; choose another logical id",
            );
        }
        let types: BTreeMap<&str, Type> = resources
            .iter()
            .filter_map(|entry| Some((entry.key.as_str(), self.resource_type(entry)?)))
            .collect();
        let order = self.order(resources, &types, globals.as_ref(), &scope);

        let mut build = Build::default();
        for id in &order {
            let Some(entry) = resources.iter().find(|entry| entry.key == *id) else {
                continue;
            };
            let Some(kind) = types.get(id.as_str()) else { continue };
            let context = Context {
                scope: &scope,
                folder: &self.folder,
                globals: globals.as_ref(),
                id,
                at: entry.at,
            };
            let attributes = resource::read(*kind, entry, &context, &mut build, self.report);
            scope.resources.insert(id.clone(), attributes);
        }
        let outputs = self.outputs(&scope);
        self.same_names(&build);

        let position = |id: &str| resources.iter().position(|entry| entry.key == id);
        build.agents.sort_by_key(|agent| position(&agent.logical_id));
        build.aliases.sort_by_key(|alias| position(&alias.logical_id));
        build.functions.sort_by_key(|function| position(&function.logical_id));
        let description = self.document.get("Description").and_then(|entry| entry.value.scalar());
        let order = order
            .into_iter()
            .filter(|id| types.get(id.as_str()).is_some_and(|kind| !kind.is_ignored()))
            .collect();
        let mut files_to_watch = vec![self.path.canonicalize().unwrap_or_else(|_| self.path.to_owned())];
        for function in &build.functions {
            if !files_to_watch.contains(&function.code_uri) {
                files_to_watch.push(function.code_uri.clone());
            }
        }
        let Build {
            agents,
            aliases,
            functions,
        } = build;
        Some(Stack {
            name: self.stack,
            description,
            agents,
            aliases,
            functions,
            outputs,
            order,
            resources: resources.len(),
            files_to_watch,
        })
    }

    /// The top of the document.
    fn sections(&mut self) {
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
    fn globals(&mut self) -> Option<Node> {
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
    fn resources(&mut self) -> Option<&'a [Entry]> {
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
    fn resource_type(&mut self, entry: &Entry) -> Option<Type> {
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
        if found == Type::Function && self.document.get("Transform").is_none() {
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

    /// Logical ids in the order of their needs; in the template's own order when there is a circle.
    fn order(&mut self, resources: &[Entry], types: &BTreeMap<&str, Type>, globals: Option<&Node>, scope: &Scope) -> Vec<String> {
        let mut needs = BTreeMap::new();
        for entry in resources {
            let path = path_of(entry);
            let kind = types.get(entry.key.as_str()).copied();
            let mut mentioned = Vec::new();
            if let Some(properties) = entry.value.get("Properties") {
                mentions(&properties.value, &format!("{path}.Properties"), &mut mentioned);
            }
            // What is read is checked when it is worked out; what is left out is checked here, so that a slip shows.
            if kind.is_some_and(Type::is_ignored) {
                for mention in mentioned.iter().filter(|mention| !known(scope, &mention.name)) {
                    self.report.add(mention.at, &mention.path, scope.unknown(&mention.name));
                }
            }
            mentioned.extend(self.depends_on(entry, scope));
            if let (Some(Type::Function), Some(globals)) = (kind, globals) {
                mentions(globals, "Globals.Function", &mut mentioned);
            }
            mentioned.retain(|mention| scope.resources.contains_key(&mention.name));
            needs.insert(entry.key.clone(), mentioned);
        }
        let ids: Vec<String> = resources.iter().map(|entry| entry.key.clone()).collect();
        sort(&ids, &needs, self.report).unwrap_or(ids)
    }

    fn depends_on(&mut self, entry: &Entry, scope: &Scope) -> Vec<Mention> {
        let Some(member) = entry.value.get("DependsOn") else {
            return Vec::new();
        };
        let path = format!("{}.DependsOn", path_of(entry));
        let items = match &member.value.kind {
            Kind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(&member.value),
        };
        let mut out = Vec::new();
        for item in items {
            match &item.kind {
                Kind::Text(name) if scope.resources.contains_key(name) => {
                    out.push(Mention {
                        name: name.clone(),
                        at: item.at,
                        path: path.clone(),
                    });
                }
                Kind::Text(name) => {
                    let near = did_you_mean(name, scope.resources.keys().map(String::as_str));
                    self.report
                        .add(item.at, &path, format!("there is no resource {name} in this template{near}"));
                }
                _ => self.report.add(
                    item.at,
                    &path,
                    format!("the logical id of a resource is wanted here, this is {}", item.noun()),
                ),
            }
        }
        out
    }

    fn outputs(&mut self, scope: &Scope) -> Vec<Output> {
        let Some(section) = self.document.get("Outputs") else {
            return Vec::new();
        };
        let Some(entries) = section.value.entries() else {
            self.report.add(
                section.value.at,
                "Outputs",
                format!("a map of outputs is wanted here, this is {}", section.value.noun()),
            );
            return Vec::new();
        };
        if entries.len() > OUTPUTS_MAX {
            self.report.add(
                entries[OUTPUTS_MAX].at,
                "Outputs",
                format!("a template has at most {OUTPUTS_MAX} outputs"),
            );
        }
        entries
            .iter()
            .take(OUTPUTS_MAX)
            .filter_map(|entry| self.output(entry, scope))
            .collect()
    }

    fn output(&mut self, entry: &Entry, scope: &Scope) -> Option<Output> {
        let path = format!("Outputs.{}", entry.key);
        for member in entry.value.entries().unwrap_or_default() {
            let path = format!("{path}.{}", member.key);
            match member.key.as_str() {
                "Value" | "Description" | "Export" => {}
                "Condition" => self.report.add(member.at, &path, "this is not supported yet; leave it out"),
                other => {
                    let instead = instead(other, ["Value", "Description", "Export"]);
                    self.report.add(member.at, &path, format!("an output has no such member{instead}"));
                }
            }
        }
        let Some(value) = entry.value.get("Value") else {
            self.report.add(entry.at, &path, "Value is missing");
            return None;
        };
        let path = format!("{path}.Value");
        let node = scope.resolve(&value.value, &path, self.report)?;
        match (&node.kind, node.scalar()) {
            (Kind::Failed, _) => None,
            (_, Some(value)) => {
                let description = entry.value.get("Description").and_then(|entry| entry.value.scalar());
                Some(Output {
                    name: entry.key.clone(),
                    description,
                    value,
                })
            }
            _ => {
                self.report
                    .add(node.at, &path, format!("a string is wanted here, this is {}", node.noun()));
                None
            }
        }
    }

    /// Names that may exist once only.
    fn same_names(&mut self, build: &Build) {
        let agents = build
            .agents
            .iter()
            .map(|agent| ("agent", agent.name.clone(), &agent.logical_id, agent.at));
        let functions = build
            .functions
            .iter()
            .map(|function| ("function", function.name.clone(), &function.logical_id, function.at));
        let aliases = build
            .aliases
            .iter()
            .map(|alias| ("alias", format!("{}/{}", alias.agent_id, alias.name), &alias.logical_id, alias.at));
        let mut seen: BTreeMap<(&str, String), (&String, At)> = BTreeMap::new();
        for (noun, name, id, at) in agents.chain(functions).chain(aliases) {
            let short = name.rsplit('/').next().unwrap_or(&name).to_owned();
            match seen.get(&(noun, name.clone())) {
                Some((first, _)) => {
                    let message = format!("the {noun} {first} has the name \"{short}\" already; names exist once only");
                    self.report.add(at, &format!("Resources.{id}"), message);
                }
                None => drop(seen.insert((noun, name), (id, at))),
            }
        }
    }
}

fn path_of(entry: &Entry) -> String {
    format!("Resources.{}", entry.key)
}

fn known(scope: &Scope, name: &str) -> bool {
    scope.parameters.contains_key(name) || scope.resources.contains_key(name)
}

/// A stack's name out of a folder's: letters, digits and hyphens, a letter first (CloudFormation's rule), at most 128.
fn stack_name(folder: &Path) -> String {
    let name = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let name: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(100)
        .collect();
    let name = name.trim_matches('-');
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.to_owned()
    } else {
        format!("stack-{name}").trim_matches('-').to_owned()
    }
}
