//! English as far as a rule can take it: tokens, stems, synonyms, dates, numbers, names.
//!
//! Knows nothing about tools or conversations: those are the planner's. What is vocabulary stands in `thesaurus.txt`; everything
//! else is grammar. Pure and bounded: texts are cut at limits, and nothing here reads a clock.

// rules are written as they are spoken: "not this, and not that"
#![allow(clippy::nonminimal_bool, clippy::collapsible_match)]

pub mod codes;
pub mod cues;
pub mod entities;
pub mod kinds;
pub mod lexicon;
pub mod measures;
pub mod names;
pub mod numbers;
mod spans;
pub mod stem;
pub mod thesaurus;
pub mod tokens;
pub mod when;
pub mod words;
