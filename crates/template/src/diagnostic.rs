//! Mistakes in a template, told so that they can be mended: where, what is wrong, what would be right.
//!
//! All of a template's mistakes are collected; nothing stops at the first.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::node::At;

/// At most so many are told; a template that is not one at all would otherwise fill the screen. Our own number.
pub const DIAGNOSTICS_MAX: usize = 100;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The template, as the caller named it.
    pub file: PathBuf,
    /// Where; zeros when the whole file is meant.
    pub at: At,
    /// The place in the document: `Resources.Agent.Properties.ActionGroups[0]`; may be empty.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.at.line > 0 {
            write!(f, ":{}:{}", self.at.line, self.at.column)?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Diagnostic {}

/// Collects mistakes while a template is read.
pub(crate) struct Report {
    file: PathBuf,
    found: Vec<Diagnostic>,
}

impl Report {
    pub(crate) fn new(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            found: Vec::new(),
        }
    }

    /// Notes a mistake.
    pub(crate) fn add(&mut self, at: At, path: &str, message: impl Into<String>) {
        let diagnostic = Diagnostic {
            file: self.file.clone(),
            at,
            path: path.to_owned(),
            message: message.into(),
        };
        if !self.is_full() && !self.found.contains(&diagnostic) {
            self.found.push(diagnostic);
        }
    }

    /// Whether no more is noted: then there is no sense in looking further.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= DIAGNOSTICS_MAX
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All of them, in the order of the file.
    pub(crate) fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|diagnostic| diagnostic.at);
        if self.is_full() {
            let message = format!("these are {DIAGNOSTICS_MAX} mistakes; there may be more");
            self.found.push(Diagnostic {
                file: self.file,
                at: At::default(),
                path: String::new(),
                message,
            });
        }
        self.found
    }
}

/// `; did you mean X?` when one of `known` is near to `word`, else nothing.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let word = word.to_ascii_lowercase();
    // A third of the letters may be wrong: "Handlr" is near "Handler", "Foo" is near nothing.
    let allowed = (word.len() / 3).min(4);
    known
        .into_iter()
        .filter(|known| known.len().abs_diff(word.len()) <= allowed)
        .map(|known| (distance(&word, &known.to_ascii_lowercase()), known))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| format!("; did you mean {known}?"))
        .unwrap_or_default()
}

/// How to go on after a name that is not known: the one that was meant, or else all there are.
pub(crate) fn instead<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match did_you_mean(word, known.clone()) {
        near if near.is_empty() => format!("; known are {}", sentence(known)),
        near => near,
    }
}

/// Names of a list for a sentence: `A, B and C`.
pub(crate) fn sentence<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    match names.as_slice() {
        [] => "none".into(),
        [one] => (*one).into(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Edits between two words, byte by byte: put in, left out, changed. Long words are near to nothing: names are short.
fn distance(a: &str, b: &str) -> usize {
    const BYTES_MAX: usize = 64;
    if a.len().max(b.len()) > BYTES_MAX {
        return usize::MAX;
    }
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let change = corner + usize::from(left != right);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
