//! The offline rule engine behind `builtin/planner`: a model without weights.
//!
//! It gets what any model gets (system prompt, messages, tools with their schemas) and answers as any model answers:
//! with tool calls or with text. It is a pure function, and it is always labelled rule-based. Nothing in it knows an
//! example: English is in the crate `language`, what a tool is about is read from the tool.
//!
//! The main path: `schema` and `role` (what the tools are) → `dialogue` (turns) → `goals` (what is wanted, with `clause`,
//! `part`, `wishes`, `intent`, `talk`; its arguments with `arguments`, `score`, `options`, `lists`, `free_text`, `phrases`) → `chain` (which calls
//! come next, with `supply`, `pick`, `condition`, `recall`, `results`) → `answer`.

// rules are written as they are spoken: "not this, and not that"
#![allow(clippy::nonminimal_bool, clippy::collapsible_match)]

mod answer;
mod arguments;
mod chain;
mod clause;
mod condition;
mod dialogue;
mod free_text;
mod goals;
mod intent;
mod lists;

mod options;
mod own;
mod part;
mod phrases;
mod pick;
mod plan;
mod recall;
mod results;
mod role;
mod schema;
mod score;
mod statement;
mod supply;
mod talk;
mod told;
mod values;
mod wishes;

pub use plan::{MODEL, Moment, explain, plan};
