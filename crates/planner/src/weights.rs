//! How much each fact counts: three tables of numbers, fitted to the conversations in `fit/` (see `fit.rs`), that anybody can read.
//!
//! A line is a weight in hundredths and the name of a fact, its parts divided by `|`.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use crate::evidence::fact;

/// The facts are hashed already.
#[derive(Default)]
pub(crate) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("only whole numbers are hashed")
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// What turns facts into a score.
pub(crate) trait Judge {
    fn score(&self, facts: &[u64]) -> f32;
}

/// One table.
pub(crate) struct Weights(HashMap<u64, f32, BuildHasherDefault<Same>>);

impl Weights {
    pub(crate) fn read(text: &str) -> Self {
        let line = |line: &str| {
            let (weight, name) = line.split_once(' ')?;
            let parts: Vec<&str> = name.split('|').collect();
            Some((fact(&parts), weight.parse::<f32>().ok()? / 100.0))
        };
        Self(text.lines().filter_map(line).collect())
    }

    /// For the arguments of a tool.
    pub(crate) fn arguments() -> &'static Self {
        static TABLE: LazyLock<Weights> = LazyLock::new(|| Weights::read(include_str!("weights/arguments.txt")));
        &TABLE
    }

    /// For all arguments of a call together.
    pub(crate) fn calls() -> &'static Self {
        static TABLE: LazyLock<Weights> = LazyLock::new(|| Weights::read(include_str!("weights/calls.txt")));
        &TABLE
    }

    /// For the tools of a message.
    pub(crate) fn wishes() -> &'static Self {
        static TABLE: LazyLock<Weights> = LazyLock::new(|| Weights::read(include_str!("weights/wishes.txt")));
        &TABLE
    }
}

impl Judge for Weights {
    fn score(&self, facts: &[u64]) -> f32 {
        facts.iter().filter_map(|fact| self.0.get(fact)).sum()
    }
}
