//! The offline rule engine behind `builtin/planner`: a model without a network and without downloads.
//!
//! It gets what any model gets (system prompt, messages, tools with their schemas) and answers as any model answers:
//! with tool calls or with text. It is a pure function, and it is always labelled rule-based. Nothing in it knows an
//! example: English is in the crate `language`, what a tool is about is read from the tool.
//!
//! The main path: `schema` and `role` (what the tools are) → `dialogue` (turns) → `goals` (what is wanted, with `clause`, `wish`, `wishes`,
//! `talk`, `denied`; its arguments with `segment`, `evidence`, `arguments`) → `chain` (which calls come next, with `supply`, `pick`, `condition`,
//! `recall`, `results`) → `answer`.
//!
//! Two questions are decided by votes: which tools a message wishes for (`wish`), and which words are the arguments (`arguments`). For each
//! possible answer short facts are collected ("a number behind `for`, counted by the parameter's noun"), and each fact has a weight in
//! `weights/`, three tables that can be read. The weights are fitted to conversations by `fit`.

// rules are written as they are spoken: "not this, and not that"
#![allow(clippy::nonminimal_bool, clippy::collapsible_match)]

mod answer;
mod arguments;
mod before;
mod chain;
mod clause;
mod condition;
mod denied;
mod dialogue;
mod evidence;
#[cfg(test)]
mod fit;
mod goals;
mod own;
mod pick;
mod plan;
mod recall;
mod results;
mod role;
mod schema;
mod segment;
#[cfg(test)]
#[path = "../tests/sets/mod.rs"]
mod sets;
mod supply;
mod talk;
mod told;
mod values;
mod weights;
mod wish;
mod wishes;

pub use plan::{MODEL, Moment, explain, plan};
