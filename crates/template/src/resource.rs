//! One file for what the types of resources come to: properties in, a resource of the stack and its attributes out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bedplate_base::id_from;
use serde_json::{Map, Value};

use crate::diagnostic::Report;
use crate::node::{At, Entry, Kind, Node};
use crate::scope::{Attributes, Scope};
use crate::serverless::overlay;
use crate::shape::{Property, object};
use crate::stack::{Agent, AgentAlias, Code, Function, Layer};
use crate::{bedrock, serverless};

/// Letters of agent and alias ids (the API's pattern).
const ID_LEN: usize = 10;
/// Seconds of a function: default and most (Lambda's quotas).
const TIMEOUT_S: (u32, u32) = (3, 900);
/// MB of a function: default, which is also the least, and most (Lambda's quotas).
const MEMORY_MB: (u32, u32) = (128, 10_240);
/// Letters of a function's name (Lambda's API).
const FUNCTION_NAME_MAX: usize = 64;

/// The types that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Agent,
    AgentAlias,
    Function,
    Layer,
    LambdaLayer,
    Role,
    Policy,
    ManagedPolicy,
    Permission,
}

const TYPES: &[(&str, Type)] = &[
    ("AWS::Bedrock::Agent", Type::Agent),
    ("AWS::Bedrock::AgentAlias", Type::AgentAlias),
    ("AWS::Serverless::Function", Type::Function),
    ("AWS::Serverless::LayerVersion", Type::Layer),
    ("AWS::Lambda::LayerVersion", Type::LambdaLayer),
    ("AWS::IAM::Role", Type::Role),
    ("AWS::IAM::Policy", Type::Policy),
    ("AWS::IAM::ManagedPolicy", Type::ManagedPolicy),
    ("AWS::Lambda::Permission", Type::Permission),
    ("AWS::Lambda::LayerVersionPermission", Type::Permission),
];

impl Type {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        TYPES.iter().find(|(known, _)| *known == name).map(|(_, found)| *found)
    }

    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        TYPES.iter().map(|(name, _)| *name)
    }

    /// Layers are applied with the functions that have them.
    pub(crate) fn is_layer(self) -> bool {
        matches!(self, Self::Layer | Self::LambdaLayer)
    }

    /// Rights are AWS's to grant: such resources give their names to others and are nothing else here.
    pub(crate) fn is_ignored(self) -> bool {
        matches!(self, Self::Role | Self::Policy | Self::ManagedPolicy | Self::Permission)
    }
}

/// The resources read so far.
#[derive(Default)]
pub(crate) struct Build {
    pub(crate) agents: Vec<Agent>,
    pub(crate) aliases: Vec<AgentAlias>,
    pub(crate) functions: Vec<Function>,
    /// Of both types.
    pub(crate) layers: Vec<Layer>,
}

/// Where a resource is read.
pub(crate) struct Context<'a> {
    pub(crate) scope: &'a Scope,
    /// The template's; `CodeUri` begins there.
    pub(crate) folder: &'a Path,
    /// `Globals.Function`.
    pub(crate) globals: Option<&'a Node>,
    /// Logical id.
    pub(crate) id: &'a str,
    pub(crate) at: At,
}

/// Reads one resource. `None` when mistakes kept it from being read.
pub(crate) fn read(kind: Type, entry: &Entry, context: &Context<'_>, build: &mut Build, report: &mut Report) -> Option<Attributes> {
    let empty = Node {
        at: entry.at,
        kind: Kind::Map(Vec::new()),
    };
    let node = entry.value.get("Properties").map_or(&empty, |properties| &properties.value);
    let path = format!("Resources.{}.Properties", entry.key);
    match kind {
        Type::Agent => agent(context.properties(node, bedrock::AGENT, &path, report)?, context, build),
        Type::AgentAlias => alias(context.properties(node, bedrock::AGENT_ALIAS, &path, report)?, context, build),
        Type::Function => {
            let node = match context.globals {
                Some(globals) => &overlay(globals.clone(), node.clone()),
                None => node,
            };
            let node = context.scope.resolve(node, &path, report)?;
            function(&node, &path, context, build, report)
        }
        Type::Layer | Type::LambdaLayer => {
            let node = context.scope.resolve(node, &path, report)?;
            layer(kind, &node, &path, context, build, report)
        }
        Type::Role | Type::Policy | Type::ManagedPolicy | Type::Permission => Some(rights(kind, node, context)),
    }
}

impl Context<'_> {
    fn properties(&self, node: &Node, shape: &[Property], path: &str, report: &mut Report) -> Option<Map<String, Value>> {
        let node = self.scope.resolve(node, path, report)?;
        object(&node, shape, false, path, report)
    }

    /// The id that a resource keeps for as long as stack and logical id keep their names.
    fn physical_id(&self, noun: &str) -> String {
        id_from(&[noun, &self.scope.stack, self.id], ID_LEN)
    }
}

fn agent(mut create: Map<String, Value>, context: &Context<'_>, build: &mut Build) -> Option<Attributes> {
    let id = context.physical_id("agent");
    let arn = context.scope.place.arn("bedrock", format_args!("agent/{id}")).to_string();
    let mut action_groups = objects(create.shift_remove("actionGroups"));
    for group in &mut action_groups {
        // A matter of deletion, no member of CreateAgentActionGroup.
        group.shift_remove("skipResourceInUseCheckOnDelete");
    }
    let agent = Agent {
        logical_id: context.id.to_owned(),
        at: context.at,
        id: id.clone(),
        arn: arn.clone(),
        name: text(&create, "agentName"),
        action_groups,
        knowledge_bases: objects(create.shift_remove("knowledgeBases")),
        collaborators: objects(create.shift_remove("agentCollaborators")),
        auto_prepare: create.shift_remove("autoPrepare") == Some(Value::Bool(true)),
        test_alias_tags: strings(create.shift_remove("testAliasTags")),
        skip_in_use_check_on_delete: create.shift_remove("skipResourceInUseCheckOnDelete") == Some(Value::Bool(true)),
        create,
    };
    build.agents.push(agent);
    Some(Attributes {
        reference: id.clone(),
        values: BTreeMap::from([("AgentId", id), ("AgentArn", arn), ("AgentVersion", "DRAFT".into())]),
        at_run_time: &[
            "AgentStatus",
            "CreatedAt",
            "UpdatedAt",
            "PreparedAt",
            "FailureReasons",
            "RecommendedActions",
        ],
    })
}

fn alias(mut create: Map<String, Value>, context: &Context<'_>, build: &mut Build) -> Option<Attributes> {
    let id = context.physical_id("alias");
    let agent_id = text(&create, "agentId");
    create.shift_remove("agentId");
    let arn = context
        .scope
        .place
        .arn("bedrock", format_args!("agent-alias/{agent_id}/{id}"))
        .to_string();
    let attributes = Attributes {
        reference: format!("{agent_id}|{id}"),
        values: BTreeMap::from([("AgentAliasId", id.clone()), ("AgentAliasArn", arn.clone())]),
        at_run_time: &["AgentAliasStatus", "AgentAliasHistoryEvents", "CreatedAt", "UpdatedAt"],
    };
    let name = text(&create, "agentAliasName");
    build.aliases.push(AgentAlias {
        logical_id: context.id.to_owned(),
        at: context.at,
        id,
        arn,
        name,
        agent_id,
        create,
    });
    Some(attributes)
}

fn function(node: &Node, path: &str, context: &Context<'_>, build: &mut Build, report: &mut Report) -> Option<Attributes> {
    let mut properties = object(node, serverless::FUNCTION, false, path, report)?;
    let place = |name: &str| node.get(name).map_or(context.at, |entry| entry.value.at);
    let mut good = true;
    let mut complain = |name: &str, message: String| {
        report.add(place(name), &format!("{path}.{name}"), message);
        good = false;
    };
    let mut word = |name: &str, member: &str, example: &str| match properties.get(member) {
        Some(Value::String(text)) if !text.is_empty() => text.clone(),
        _ => {
            complain(
                name,
                format!("is missing; write it here or in Globals.Function, for example `{name}: {example}`"),
            );
            String::new()
        }
    };
    let runtime = word("Runtime", "runtime", "python3.12");
    let handler = word("Handler", "handler", "app.handler");
    if properties.get("codeUri").is_none_or(|code| code.as_str() == Some("")) {
        word("CodeUri", "codeUri", "tools/");
    }

    let name = match properties.get("functionName") {
        Some(Value::String(name)) => name.clone(),
        _ => format!("{}-{}", context.scope.stack, context.id)
            .chars()
            .take(FUNCTION_NAME_MAX)
            .collect(),
    };
    let good_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if name.is_empty() || name.len() > FUNCTION_NAME_MAX || !name.bytes().all(good_letter) {
        complain(
            "FunctionName",
            format!("\"{name}\" is no function name; wanted are 1 to {FUNCTION_NAME_MAX} letters, digits, - and _"),
        );
    }
    let mut number = |name: &str, member: &str, default: u32, (least, most): (u32, u32)| match properties.get(member) {
        None => default,
        Some(value) => match value
            .as_u64()
            .and_then(|value| u32::try_from(value).ok())
            .filter(|value| (least..=most).contains(value))
        {
            Some(value) => value,
            None => {
                complain(name, format!("{value} is out of bounds; from {least} to {most} is possible"));
                default
            }
        },
    };
    let timeout_s = number("Timeout", "timeout", TIMEOUT_S.0, (1, TIMEOUT_S.1));
    let memory_mb = number("MemorySize", "memorySize", MEMORY_MB.0, MEMORY_MB);
    let code = properties.get("codeUri").map(|code| code_of(context.folder, code));
    if let Some(Err(message)) = &code {
        complain("CodeUri", message.clone());
    }
    let arns = properties.get("layers").and_then(Value::as_array).cloned().unwrap_or_default();
    let layers = arns.iter().filter_map(Value::as_str).map(|arn| {
        let own = build.layers.iter().find(|layer| layer.arn == arn).cloned();
        own.unwrap_or_else(|| Layer {
            arn: arn.to_owned(),
            code: None,
        })
    });
    let layers = layers.collect();
    let environment = properties
        .shift_remove("environment")
        .and_then(|mut value| value.as_object_mut()?.shift_remove("variables"));
    let description = properties
        .shift_remove("description")
        .and_then(|value| value.as_str().map(str::to_owned));

    let arn = context.scope.place.arn("lambda", format_args!("function:{name}")).to_string();
    let attributes = Attributes {
        reference: name.clone(),
        values: BTreeMap::from([("Arn", arn.clone())]),
        at_run_time: &["SnapStartResponse"],
    };
    if let (Some(Ok(code)), true) = (code, good) {
        build.functions.push(Function {
            logical_id: context.id.to_owned(),
            at: context.at,
            name,
            arn,
            runtime,
            handler,
            code,
            layers,
            timeout_s,
            memory_mb,
            environment: strings(environment),
            description,
            tags: strings(properties.shift_remove("tags")),
        });
    }
    Some(attributes)
}

/// Every application of a template has the same version: the folder itself, or what is in the bucket then, is the layer.
fn layer(kind: Type, node: &Node, path: &str, context: &Context<'_>, build: &mut Build, report: &mut Report) -> Option<Attributes> {
    let (shape, name, member) = match kind {
        Type::LambdaLayer => (serverless::LAMBDA_LAYER, "Content", "content"),
        _ => (serverless::LAYER, "ContentUri", "contentUri"),
    };
    let properties = object(node, shape, false, path, report)?;
    let place = |name: &str| node.get(name).map_or(context.at, |entry| entry.value.at);
    let code = match code_of(context.folder, properties.get(member).unwrap_or(&Value::Null)) {
        Ok(code) => code,
        Err(message) => {
            report.add(place(name), &format!("{path}.{name}"), message);
            return None;
        }
    };
    let name = match text(&properties, "layerName") {
        name if name.is_empty() => context.id.to_owned(),
        name => name,
    };
    let arn = context.scope.place.arn("lambda", format_args!("layer:{name}:1")).to_string();
    build.layers.push(Layer {
        arn: arn.clone(),
        code: Some(code),
    });
    Some(Attributes {
        reference: arn.clone(),
        values: BTreeMap::from([("LayerVersionArn", arn)]),
        at_run_time: &[],
    })
}

/// What a `CodeUri`, a `ContentUri` or a `Content` names: a folder, seen from the template's, or an object in a bucket.
fn code_of(folder: &Path, named: &Value) -> Result<Code, String> {
    let object = |bucket: &str, key: &str| match bucket.is_empty() || key.is_empty() {
        true => Err("bucket and key of an object are wanted, such as \"s3://BUCKET/KEY\"".to_owned()),
        false => Ok(Code::Object {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        }),
    };
    let member = |names: [&str; 2]| names.iter().find_map(|name| named.get(name)?.as_str()).unwrap_or_default();
    match named.as_str() {
        None => object(member(["bucket", "s3Bucket"]), member(["key", "s3Key"])),
        Some(text) => match text.strip_prefix("s3://") {
            Some(rest) => {
                let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
                object(bucket, key)
            }
            None => code_folder(folder, text).map(Code::Folder),
        },
    }
}

/// A folder, seen from the template's.
fn code_folder(folder: &Path, code: &str) -> Result<PathBuf, String> {
    let path = folder.join(code);
    match path.canonicalize() {
        Ok(path) if path.is_dir() => Ok(path),
        Ok(_) => Err(format!("\"{code}\" is a file; name the folder that holds the code")),
        Err(error) => Err(format!("there is no folder \"{code}\" beside the template ({error})")),
    }
}

/// Names of roles and policies. Their properties are not worked out, except those that make the name; when these need what is not
/// supported, a made-up name does.
fn rights(kind: Type, node: &Node, context: &Context<'_>) -> Attributes {
    let scope = context.scope;
    let known = |name: &str| {
        let mut quiet = Report::new(Path::new(""));
        scope.resolve(&node.get(name)?.value, "", &mut quiet)?.scalar()
    };
    let name = |property: &str| known(property).unwrap_or_else(|| format!("{}-{}", scope.stack, context.id));
    let path = known("Path")
        .filter(|path| path.starts_with('/') && path.ends_with('/'))
        .unwrap_or_else(|| "/".into());
    let account = &scope.place.account;
    let id = context.physical_id("rights");
    match kind {
        Type::ManagedPolicy => {
            let arn = format!("arn:aws:iam::{account}:policy{path}{}", name("ManagedPolicyName"));
            Attributes {
                reference: arn.clone(),
                values: BTreeMap::from([("PolicyArn", arn)]),
                at_run_time: &["PolicyId", "CreateDate"],
            }
        }
        Type::Policy => Attributes {
            reference: name("PolicyName"),
            values: BTreeMap::from([("Id", id)]),
            at_run_time: &[],
        },
        Type::Permission => Attributes {
            reference: id.clone(),
            values: BTreeMap::from([("Id", id)]),
            at_run_time: &[],
        },
        _ => {
            let name = name("RoleName");
            let values = BTreeMap::from([
                ("Arn", format!("arn:aws:iam::{account}:role{path}{name}")),
                ("RoleId", format!("AROA{id}")),
            ]);
            Attributes {
                reference: name,
                values,
                at_run_time: &[],
            }
        }
    }
}

fn text(map: &Map<String, Value>, key: &str) -> String {
    map.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn objects(value: Option<Value>) -> Vec<Map<String, Value>> {
    let Some(Value::Array(items)) = value else { return Vec::new() };
    items
        .into_iter()
        .filter_map(|item| if let Value::Object(map) = item { Some(map) } else { None })
        .collect()
}

fn strings(value: Option<Value>) -> BTreeMap<String, String> {
    let Some(Value::Object(map)) = value else { return BTreeMap::new() };
    map.into_iter()
        .filter_map(|(key, value)| Some((key, value.as_str()?.to_owned())))
        .collect()
}
