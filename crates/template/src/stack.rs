//! What a template comes to: resources with their values worked out, ready to be applied one by one.
//!
//! JSON in here has the API's own names and forms, so the applier hands it to `CreateAgent`, `CreateAgentActionGroup` and so on as it is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::node::At;

/// A template that was read without mistakes.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// Given, or the name of the template's folder.
    pub name: String,
    /// `Description` of the template.
    pub description: Option<String>,
    /// In the order of the template, as all lists here.
    pub agents: Vec<Agent>,
    /// Aliases of agents.
    pub aliases: Vec<AgentAlias>,
    /// Functions.
    pub functions: Vec<Function>,
    /// The `Outputs` section.
    pub outputs: Vec<Output>,
    /// Logical ids of agents, aliases and functions, each behind what it needs.
    pub order: Vec<String>,
    /// How many resources the template has, those without an effect here (roles) included.
    pub resources: usize,
    /// Absolute: the template and the code folders. A change in one of them is a reason to read again.
    pub files_to_watch: Vec<PathBuf>,
}

/// One of the resources to apply.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Resource<'a> {
    /// `AWS::Bedrock::Agent`.
    Agent(&'a Agent),
    /// `AWS::Bedrock::AgentAlias`.
    AgentAlias(&'a AgentAlias),
    /// `AWS::Serverless::Function`.
    Function(&'a Function),
}

impl Stack {
    /// The resources, each behind what it needs.
    pub fn in_order(&self) -> impl Iterator<Item = Resource<'_>> {
        self.order.iter().filter_map(|id| {
            let agent = || self.agents.iter().find(|agent| agent.logical_id == *id).map(Resource::Agent);
            let alias = || self.aliases.iter().find(|alias| alias.logical_id == *id).map(Resource::AgentAlias);
            let function = || {
                self.functions
                    .iter()
                    .find(|function| function.logical_id == *id)
                    .map(Resource::Function)
            };
            agent().or_else(alias).or_else(function)
        })
    }
}

/// `AWS::Bedrock::Agent`.
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    /// The name in the template.
    pub logical_id: String,
    /// Where it stands in the template.
    pub at: At,
    /// Agent id: 10 upper-case letters and digits that follow from stack and logical id.
    pub id: String,
    /// `arn:aws:bedrock:REGION:ACCOUNT:agent/ID`.
    pub arn: String,
    /// `agentName`.
    pub name: String,
    /// `CreateAgent`'s body (`agentName`, `foundationModel`, `instruction`, `tags`, …).
    pub create: Map<String, Value>,
    /// `CreateAgentActionGroup`'s bodies.
    pub action_groups: Vec<Map<String, Value>>,
    /// `AssociateAgentKnowledgeBase`'s bodies.
    pub knowledge_bases: Vec<Map<String, Value>>,
    /// `AssociateAgentCollaborator`'s bodies.
    pub collaborators: Vec<Map<String, Value>>,
    /// Whether to prepare DRAFT after each change (CloudFormation's default: no).
    pub auto_prepare: bool,
    /// Tags of the alias `TSTALIASID`.
    pub test_alias_tags: BTreeMap<String, String>,
    /// `skipResourceInUseCheck` of `DeleteAgent`.
    pub skip_in_use_check_on_delete: bool,
}

/// `AWS::Bedrock::AgentAlias`.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentAlias {
    /// The name in the template.
    pub logical_id: String,
    /// Where it stands in the template.
    pub at: At,
    /// Alias id: 10 upper-case letters and digits that follow from stack and logical id.
    pub id: String,
    /// `arn:aws:bedrock:REGION:ACCOUNT:agent-alias/AGENT/ID`.
    pub arn: String,
    /// `agentAliasName`.
    pub name: String,
    /// The agent's id; usually one of this stack's, but it may be any.
    pub agent_id: String,
    /// `CreateAgentAlias`'s body (`agentAliasName`, `description`, `routingConfiguration`, `tags`).
    pub create: Map<String, Value>,
}

/// `AWS::Serverless::Function`, globals worked in.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// The name in the template.
    pub logical_id: String,
    /// Where it stands in the template.
    pub at: At,
    /// `FunctionName`, or `STACK-LOGICALID`.
    pub name: String,
    /// `arn:aws:lambda:REGION:ACCOUNT:function:NAME`.
    pub arn: String,
    /// `python3.12`, …
    pub runtime: String,
    /// `module.function`.
    pub handler: String,
    /// Where its code is.
    pub code: Code,
    /// Its layers, in the template's order.
    pub layers: Vec<Layer>,
    /// Seconds, 1 to 900; 3 when the template names none.
    pub timeout_s: u32,
    /// MB, 128 to 10240; 128 when the template names none.
    pub memory_mb: u32,
    /// Variables of the process.
    pub environment: BTreeMap<String, String>,
    /// For people.
    pub description: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A layer of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// `arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION`.
    pub arn: String,
    /// What a layer of this template is; none for one that is published elsewhere.
    pub code: Option<Code>,
}

/// Where the files of a function or a layer are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// An absolute path to a folder that was there when the template was read.
    Folder(PathBuf),
    /// A zip in a bucket. Nobody looked whether it is there.
    Object {
        /// The bucket's name.
        bucket: String,
        /// The key in it.
        key: String,
    },
}

impl Code {
    /// The folder, if it is one.
    pub fn folder(&self) -> Option<&PathBuf> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Object { .. } => None,
        }
    }
}

/// One of the `Outputs`.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Worked out.
    pub value: String,
}
