//! The main path: file → tree → parameters → order → resources → stack.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bedplate_base::Place;

use crate::diagnostic::{Diagnostic, Report, did_you_mean};
use crate::node::{At, Entry, Kind, Node};
use crate::order::{Mention, mentions, sort};
use crate::resource::{Build, Context, Type};
use crate::scope::Scope;
use crate::stack::Stack;
use crate::{document, parameters, resource};

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

/// A template that is being read.
pub(crate) struct Reader<'a> {
    path: &'a Path,
    folder: PathBuf,
    options: &'a Options,
    pub(crate) document: &'a Node,
    pub(crate) report: &'a mut Report,
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
            // Layers are applied with the functions that have them.
            .filter(|id| types.get(id.as_str()).is_some_and(|kind| !kind.is_ignored() && !kind.is_layer()))
            .collect();
        let mut files_to_watch = vec![self.path.canonicalize().unwrap_or_else(|_| self.path.to_owned())];
        let of_functions = build.functions.iter().filter_map(|function| function.code.folder());
        let of_layers = build.layers.iter().filter_map(|layer| layer.code.as_ref()?.folder());
        for folder in of_functions.chain(of_layers) {
            if !files_to_watch.contains(folder) {
                files_to_watch.push(folder.clone());
            }
        }
        let Build {
            agents,
            aliases,
            functions,
            layers: _, // the functions have them
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

/// Where a resource stands in the document.
pub(crate) fn path_of(entry: &Entry) -> String {
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
