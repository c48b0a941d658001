//! English as far as a rule can take it: tokens, stems, synonyms, dates, numbers, names.
//!
//! Knows nothing about tools. What is domain vocabulary stands in `data/thesaurus.txt`; everything else is grammar.

pub(crate) mod entities;
pub(crate) mod numbers;
pub(crate) mod stem;
pub(crate) mod thesaurus;
pub(crate) mod tokens;
pub(crate) mod when;
pub(crate) mod words;
