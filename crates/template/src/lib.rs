//! Reads a CloudFormation or SAM template into plain values that can be applied.
//!
//! Why it exists: a user's own template is the manifest of a Bedplate project. This crate turns `template.yaml` (or `.json`) into a [`Stack`]:
//! agents, aliases and functions with every `Ref`, `Fn::GetAtt` and `Fn::Sub` worked out, in the order of their dependencies. Mistakes
//! come back all at once as [`Diagnostic`]s with file, line, column and the words that would be right.
//!
//! What it refuses to know: what is deployed already, how anything is applied, and any AWS call. It reads the template, looks whether the
//! folders of `CodeUri` are there, and does nothing else. Types, sections and functions beyond those that it knows are mistakes, never
//! silently left out; roles, policies and permissions are known and have no effect.
//!
//! Ids of agents and aliases follow from stack and logical id, so a snippet that names one works again after everything was thrown away.

mod bedrock;
mod diagnostic;
mod document;
mod frame;
mod node;
mod order;
mod outputs;
mod parameters;
mod read;
mod resource;
mod scope;
mod serverless;
mod shape;
mod stack;

pub use diagnostic::{DIAGNOSTICS_MAX, Diagnostic};
pub use document::{DEPTH_MAX, NODES_MAX, TEMPLATE_BYTES_MAX};
pub use frame::RESOURCES_MAX;
pub use node::At;
pub use outputs::OUTPUTS_MAX;
pub use parameters::PARAMETERS_MAX;
pub use read::{Options, find, read};
pub use stack::{Agent, AgentAlias, Code, Function, Output, Resource, Stack};
