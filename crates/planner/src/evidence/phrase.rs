//! Phrases: where a stretch of words may begin and end, and what it may hold.

use super::Facts;
use super::grades::{NEAR, SAME, size, when};
use super::place::Weighed;
use crate::told::id_examples;
use bedplate_language::tokens::Shape;
use bedplate_language::words::{is_determiner, is_preposition};

/// Mentions that a phrase may hold.
const HELD: &[&str] = &[
    "e:date",
    "e:time",
    "e:id",
    "e:number",
    "e:money",
    "e:proper",
    "e:quoted",
    "e:email",
    "e:length",
    "e:datetime",
    "e:percent",
];

/// Longest tag of word classes; longer tags are words that stand for themselves.
const CLASSES_MAX: usize = 4;

/// Whether a word of this tag may be part of a noun phrase.
fn nominal(tag: &str) -> bool {
    tag.contains('n') || tag.contains('j') || tag.starts_with(['u', 'U']) || matches!(tag, "e:proper" | "e:quoted" | "e:id")
}

/// The same for a word that is no mention.
fn nominal_word(tag: &str) -> bool {
    nominal(tag) && tag.len() <= CLASSES_MAX
}

/// Whether a sentence may end with it, or may be polite behind its end.
fn closes(tag: &str) -> bool {
    matches!(tag, "." | "!" | "?" | "please" | "thanks" | ",")
}

impl Weighed<'_> {
    /// Is it a good phrase for the parameter?
    pub(super) fn phrase(&self, facts: &mut Facts) {
        self.edges(facts);
        self.reach(facts);
        self.contents(facts);
        self.held(facts);
        self.noun_phrase(facts);
        self.foreign_words(facts);
        self.capitals(facts);
        self.ownership(facts);
    }

    /// How many tokens it has.
    fn length(&self) -> &'static str {
        size(self.c.to - self.c.from)
    }

    /// How many of its tokens are such.
    fn count(&self, of: impl Fn(&str) -> bool) -> usize {
        self.tags().iter().filter(|tag| of(tag)).count()
    }

    /// How long is it, and with what does it begin and end?
    fn edges(&self, facts: &mut Facts) {
        let Self {
            kind, role, before, after, ..
        } = *self;
        let tags = self.tags();
        let (first, last) = (tags[0].as_str(), tags[tags.len() - 1].as_str());
        let length = self.length();
        facts.add(&["length", length, role, kind]);
        facts.add(&["length+head", length, self.head, kind]);
        facts.add(&["first", first, role, kind]);
        facts.add(&["last", last, role, kind]);
        facts.add(&["edge<", before, first, kind]);
        facts.add(&["edge>", last, after, kind]);
        facts.add(&["edge<", before, first, role, kind]);
        facts.add(&["edge>", last, after, role, kind]);
        facts.add(&["ends", first, last, kind]);
        facts.add(&["first+length", first, length, kind]);
    }

    /// How much of its clause and of the text does it take?
    fn reach(&self, facts: &mut Facts) {
        let (sheet, c, role, region) = (self.sheet, self.c, self.role, self.region);
        let crossed = (c.from..c.to).any(|at| sheet.scene.region(at) != Some(region));
        facts.add(&["crossed", size(usize::from(crossed)), role]);
        let sentences = self.count(|tag| matches!(tag, "." | "!" | "?"));
        facts.add(&["sentences", size(sentences), role]);
        let begins = c.from == region.0;
        let ends = c.to >= region.1 || sheet.tags[c.to..region.1].iter().all(|tag| closes(tag));
        let touch = match (begins, ends) {
            (true, true) => "whole",
            (true, _) => "begin",
            (_, true) => "end",
            _ => "mid",
        };
        facts.add(&["touch", touch, role, self.kind]);
        facts.add(&["touch+length", touch, self.length(), role]);
    }

    /// Is it a thing, or does it tell something?
    fn contents(&self, facts: &mut Facts) {
        let role = self.role;
        let verb = self.tags().iter().any(|tag| tag == "VERB");
        facts.add(&["verb.", when(verb, "verb"), role, self.kind]);
        let prepositions = self.tags().iter().skip(1).filter(|tag| is_preposition(tag)).count();
        facts.add(&["preps", size(prepositions), role]);
        facts.add(&["of", size(self.count(|tag| tag == "of")), size(prepositions), role]);
        facts.add(&["and", size(self.count(|tag| tag == "and")), role]);
        facts.add(&["puncts", size(self.count(|tag| matches!(tag, "," | ":" | ";" | "-" | "."))), role]);
        let who = self.count(|tag| matches!(tag, "i" | "we" | "he" | "she" | "they" | "it" | "you"));
        let finite = self.count(|tag| {
            matches!(
                tag,
                "is" | "are" | "was" | "were" | "has" | "have" | "had" | "will" | "can" | "can't" | "won't" | "doesn't" | "isn't"
            )
        });
        facts.add(&["clause", size(who.min(1)), size(finite.min(1)), role]);
    }

    /// Which mentions does it hold?
    fn held(&self, facts: &mut Facts) {
        for kind in HELD {
            if self.tags().iter().any(|tag| tag == kind) {
                facts.add(&["holds", kind, self.role]);
            }
        }
        let plain = self.tags().iter().any(|tag| !tag.starts_with("e:"));
        facts.add(&["plain", if plain { "some" } else { "none" }, self.role]);
    }

    /// Is it a noun phrase as long as it goes, and what stands beside it?
    fn noun_phrase(&self, facts: &mut Facts) {
        let Self {
            kind, role, before, after, ..
        } = *self;
        let pure = self.tags().iter().all(|tag| nominal_word(tag) || tag.starts_with("e:"));
        let open_left = nominal_word(before);
        let open_right = self.right().is_some() && nominal_word(after);
        let np = match (pure, open_left, open_right) {
            (true, false, false) => "full",
            (true, true, _) => "cut<",
            (true, _, true) => "cut>",
            (false, ..) => "mixed",
        };
        let label = self.left().map_or("begin", |at| self.neighbour(at));
        facts.add(&["np+label", np, label, role]);
        facts.add(&["np+label", np, label, kind]);
        let tail = self.right().map_or("end", |at| self.neighbour(at));
        facts.add(&["np+tail", np, tail, role]);
        facts.add(&["np+tail", np, tail, after]);
        facts.add(&["np", np, role, kind]);
        facts.add(&["np", np, before]);
        facts.add(&["np+head", np, self.head]);
        let verb_before = |at: usize| self.c.from.checked_sub(at).is_some_and(|at| self.sheet.tags[at] == "VERB");
        let object = before == "VERB" || is_determiner(before) && verb_before(2);
        facts.add(&["object", when(object, "yes"), np, role]);
    }

    /// What the word beside a phrase belongs to.
    fn neighbour(&self, at: usize) -> &'static str {
        let sheet = self.sheet;
        if sheet.name[self.p][at] >= NEAR {
            "name"
        } else if sheet.tool[at] >= NEAR {
            "tool"
        } else if self.others().any(|(other, _)| sheet.name[other][at] >= SAME) {
            "other"
        } else if sheet.about[self.p][at] >= NEAR {
            "about"
        } else if sheet.tags[at].starts_with("e:") {
            "entity"
        } else if sheet.tags[at] == "VERB" {
            "verb"
        } else {
            "plain"
        }
    }

    /// Does it hold words that belong to the tool, to the parameter's name, to other parameters and their allowed values?
    fn foreign_words(&self, facts: &mut Facts) {
        let (sheet, c, length) = (self.sheet, self.c, self.length());
        let words = |row: &[f64], least: f64| row[c.from..c.to].iter().filter(|near| **near >= least).count();
        let own = |at: usize| sheet.name[self.p][at] >= SAME;
        let ends = (when(own(c.from), "first"), when(own(c.to - 1), "last"));
        facts.add(&["own+ends", ends.0, ends.1, self.role, length]);
        facts.add(&["own+ends", ends.0, ends.1, self.before]);
        facts.add(&["toolwords", size(words(&sheet.tool, NEAR)), length]);
        facts.add(&["namewords", size(words(&sheet.name[self.p], NEAR)), length]);
        let others = self.others().map(|(other, _)| words(&sheet.name[other], SAME)).max().unwrap_or(0);
        facts.add(&["otherwords", size(others), self.role]);
        let option = self.others().any(|(_, other)| (c.from..c.to).any(|at| self.says_option(at, other)));
        facts.add(&["optionwords", when(option, "yes"), self.role]);
    }

    /// Do its capital letters make it a name, or part of one?
    fn capitals(&self, facts: &mut Facts) {
        let (c, role, region) = (self.c, self.role, self.region);
        let u = self.sheet.scene.u;
        let capital = |at: usize| u.tokens[at].text.starts_with(char::is_uppercase);
        let capitals = (c.from..c.to).filter(|at| capital(*at)).count();
        let upper = if capitals == c.to - c.from {
            "all"
        } else if capitals > 0 {
            "some"
        } else {
            "none"
        };
        facts.add(&["upper", upper, role]);
        let first = capital(c.from) && c.from > region.0 && !matches!(u.word(c.from), "i" | "i'm" | "i've" | "i'd" | "i'll");
        facts.add(&["upper+first", when(first, "yes"), self.before, role]);
        // "Hounds of Winter", "Ticket to Ride", "broad beans"
        let mut cases = String::new();
        for at in c.from..c.to {
            let token = &u.tokens[at];
            let case = match token.shape {
                _ if capital(at) => 'U',
                Shape::Word if is_preposition(&token.lower) || is_determiner(&token.lower) || token.lower == "and" => 'f',
                Shape::Word => 'l',
                Shape::Punct => '.',
                _ => '9',
            };
            if !cases.ends_with(case) {
                cases.push(case);
            }
        }
        let open = |at: Option<usize>| at.is_some_and(|at| u.tokens[at].shape == Shape::Word && capital(at));
        let beside = match (open(self.left()), open(self.right())) {
            (true, true) => "<>",
            (true, false) => "<",
            (false, true) => ">",
            _ => "",
        };
        facts.add(&["cases", &cases, beside, role]);
        facts.add(&["cases", &cases, beside, self.before]);
        // a sentence begins with a capital letter anyway
        let before = c.from > region.0 + 1 && capital(c.from - 1) && u.tokens[c.from - 1].shape == Shape::Word;
        facts.add(&["upper+before", when(before, "yes"), when(first, "yes"), role]);
    }

    /// Does it hold a mention at its beginning, was it said to own something, and does the parameter want an id?
    fn ownership(&self, facts: &mut Facts) {
        let (c, role) = (self.c, self.role);
        let entities = self
            .sheet
            .scene
            .entities()
            .filter(|entity| entity.from < c.to && c.from < entity.to)
            .count();
        facts.add(&["entities", size(entities), role]);
        if c.how == "owner" {
            facts.add(&["owner", role]);
        }
        let shown = !id_examples(&self.param.shows).is_empty();
        facts.add(&[if shown { "shown" } else { "unshown" }, role]);
    }
}
