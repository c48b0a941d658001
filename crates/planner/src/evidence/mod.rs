//! What speaks for and against a candidate: short facts that the weights turn into votes.
//!
//! A fact is a name of a few parts, such as `prep|on|when|Date`. The tables of weights are keyed by these names, so a name that changes
//! loses its weight, and the facts of a candidate are always added in the same order, so that sums of weights come out the same.
//! `Sheet` looks at the words of a scene once; `Weighed` is one candidate in its place, and each file below answers one kind of question
//! about it.

mod absent;
mod choice;
mod forms;
mod grades;
mod mention;
mod names;
mod nearness;
mod phrase;
mod place;
mod tags;
mod value;
mod whole;

use std::collections::HashMap;

use crate::segment::{Candidate, Kind, Scene};
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::Shape;
use bedplate_language::words::is_determiner;

pub(crate) use forms::form;
use grades::ALIKE;
pub(crate) use grades::{NEAR, SAME, need, role_name, when};
use names::name_letter;
use place::Weighed;
use tags::tag;
pub(crate) use whole::Ground;

/// The facts about one candidate, as hashes of their names.
#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) ids: Vec<u64>,
    /// Names of all facts that were ever seen, when somebody wants them.
    pub(crate) names: Option<HashMap<u64, String>>,
}

/// Where FNV-1a begins, and what it multiplies with: a hash that is the same on every machine and in every build.
const SEED: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;
/// What the hash takes in behind each part, so that `a|bc` is not `ab|c`: the unit separator, which no word contains.
const PART_END: u64 = 0x1f;

/// The number of a fact.
pub(crate) fn fact(parts: &[&str]) -> u64 {
    let mut out = SEED;
    for part in parts {
        for byte in part.bytes() {
            out = (out ^ u64::from(byte)).wrapping_mul(PRIME);
        }
        out = (out ^ PART_END).wrapping_mul(PRIME);
    }
    out
}

impl Facts {
    pub(crate) fn add(&mut self, parts: &[&str]) {
        let id = fact(parts);
        if let Some(names) = &mut self.names {
            names.entry(id).or_insert_with(|| parts.join("|"));
        }
        self.ids.push(id);
    }
}

/// What the words of a scene are, and how near each is to each parameter.
pub(crate) struct Sheet<'a> {
    scene: &'a Scene<'a>,
    /// What each token is, in a few letters: see `tags`.
    tags: Vec<String>,
    /// What each token names, a letter each: see `names`.
    letters: Vec<char>,
    /// For each parameter and token: nearness to the name, and to the description.
    name: Vec<Vec<f64>>,
    about: Vec<Vec<f64>>,
    /// Nearness of each token to the words of the tool.
    tool: Vec<f64>,
}

impl<'a> Sheet<'a> {
    pub(crate) fn new(scene: &'a Scene<'a>) -> Self {
        let known = thesaurus();
        let u = scene.u;
        let near = |words: &[String], at: usize| {
            let token = &u.tokens[at];
            if token.shape != Shape::Word || token.lower.len() < 2 || is_determiner(&token.lower) {
                return 0.0;
            }
            words.iter().map(|word| known.similarity(word, &token.stem)).fold(0.0, f64::max)
        };
        let count = u.tokens.len();
        let row = |words: &[String]| (0..count).map(|at| near(words, at)).collect::<Vec<f64>>();
        Self {
            tags: (0..count).map(|at| tag(scene, at)).collect(),
            letters: (0..count).map(|at| name_letter(u.word(at))).collect(),
            name: scene.tool.params.iter().map(|param| row(&param.words)).collect(),
            about: scene.tool.params.iter().map(|param| row(&param.about)).collect(),
            tool: row(&scene.tool.words),
            scene,
        }
    }

    /// All that can be said of candidate `c` for parameter `p`.
    pub(crate) fn facts(&self, p: usize, c: &Candidate, facts: &mut Facts) {
        facts.ids.clear();
        if c.kind == Kind::Null {
            self.absent(p, facts);
            return;
        }
        let weighed = Weighed::new(self, p, c);
        weighed.reading(facts);
        weighed.neighbours(facts);
        weighed.nearness(facts);
        weighed.rivals(facts);
        weighed.kinds(facts);
        weighed.names(facts);
        weighed.end(facts);
        weighed.example(facts);
        weighed.day(facts);
        weighed.year(facts);
        weighed.turn(facts);
        match c.kind {
            Kind::Phrase => weighed.phrase(facts),
            Kind::List => {
                weighed.list(facts);
                weighed.phrase(facts);
            }
            Kind::Option => weighed.option(facts),
            Kind::True | Kind::False => weighed.flag(facts),
            Kind::Id => {
                weighed.id(facts);
                weighed.order(facts);
            }
            Kind::Phone => weighed.order(facts),
            _ => {
                weighed.order(facts);
                weighed.counted(facts);
                weighed.proper(facts);
            }
        }
    }
}
