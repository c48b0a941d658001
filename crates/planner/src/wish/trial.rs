//! What speaks for one tool as the wish of some clauses.

use std::rc::Rc;

use super::Message;
use super::fits::{Fits, fails};
use super::message::Pending;
use super::words::{NAMES_PART, VERB_NEAR, Word, verb_nearness};
use crate::clause::{Clause, Mood};
use crate::evidence::{Facts, NEAR, SAME, need, role_name, when};
use crate::goals::refers;
use crate::recall::shared_noun;
use crate::schema::{Role, ToolFacts};
use crate::segment::Kind;
use crate::weights::Judge;
use bedplate_language::thesaurus::thesaurus;

/// How many, exactly for few and roughly for many.
pub(super) fn size(count: usize) -> &'static str {
    match count {
        0 => "0",
        1 => "1",
        2 => "2",
        3 => "3",
        4 | 5 => "4",
        6..=9 => "6",
        _ => "10",
    }
}

/// How facts name what a clause is.
pub(super) fn mood(clause: &Clause) -> &'static str {
    match clause.mood {
        Mood::Command => "command",
        Mood::Question => "question",
        Mood::Statement if clause.desire => "desire",
        Mood::Statement => "statement",
    }
}

/// What a tool does: the class of its first verb that we know.
pub(super) fn tool_class(tool: &ToolFacts) -> &'static str {
    if tool.reads {
        return "read";
    }
    let known = thesaurus();
    tool.verbs
        .iter()
        .find_map(|verb| known.classes(verb).first().copied())
        .unwrap_or("?")
}

/// A tool that is tried as the wish of clauses `from..to`.
struct Trial<'m> {
    message: &'m Message<'m>,
    number: usize,
    tool: &'m ToolFacts,
    clauses: &'m [Clause],
    spans: Vec<(usize, usize)>,
    class: &'static str,
    reads: &'static str,
}

impl Message<'_> {
    /// What speaks for `tool` as the wish of clauses `from..to`.
    pub(super) fn facts(&self, from: usize, to: usize, tool: usize, arguments: &dyn Judge, facts: &mut Facts) {
        let the = &self.tools[tool];
        let trial = Trial {
            message: self,
            number: tool,
            tool: the,
            clauses: &self.fine[from..to],
            spans: self.spans(from, to),
            class: tool_class(the),
            reads: if the.reads { "reads" } else { "writes" },
        };
        facts.add(&["class", trial.class]);
        trial.words(facts);
        trial.clauses.iter().for_each(|clause| trial.clause(clause, facts));
        trial.covered(facts);
        let fits = self.fits(from, to, tool, arguments);
        trial.params(&fits, facts);
        let before: Vec<Rc<Fits>> = the.suppliers.iter().map(|before| self.fits(from, to, *before, arguments)).collect();
        trial.mentions(&fits, &before, facts);
        if let Some(pending) = self.pending {
            trial.pending(pending, facts);
        }
        if the.params.iter().all(|param| !param.required) {
            facts.add(&["undemanding", trial.reads]);
        }
    }
}

impl Trial<'_> {
    /// Whether a token is of these clauses.
    fn inside(&self, at: usize) -> bool {
        self.spans.iter().any(|(from, to)| (*from..*to).contains(&at))
    }

    /// The words of these clauses.
    fn own_words(&self) -> impl Iterator<Item = &Word> {
        self.message.words.iter().filter(|word| self.inside(word.at))
    }

    /// Do the words name this tool, and no other?
    fn words(&self, facts: &mut Facts) {
        for word in self.own_words() {
            let (level, share) = (word.levels[self.number], self.share(word));
            facts.add(&["word", level, share, word.class]);
            facts.add(&["word", level, share]);
            facts.add(&["word", share, word.class]);
        }
        let best_of = |class: Option<&str>| {
            self.own_words()
                .filter(|word| class.is_none_or(|class| word.class == class))
                .max_by_key(|word| word.ranks[self.number])
                .map_or("", |word| word.levels[self.number])
        };
        facts.add(&["top", best_of(None)]);
        facts.add(&["top", best_of(Some("noun")), best_of(Some("VERB"))]);
    }

    /// Whose word it is: this tool's, that of others, or that of the tool that this one needs before it.
    fn share(&self, word: &Word) -> &'static str {
        let own = word.ranks[self.number];
        let best = word.ranks.iter().copied().max().unwrap_or(0);
        if own == 0 {
            let before = self.tool.supplier.map_or(0, |before| word.ranks[before]);
            return if before >= NAMES_PART {
                "before"
            } else if best >= NAMES_PART {
                "less"
            } else {
                "none"
            };
        }
        match word.ranks.iter().filter(|rank| **rank >= own).count() {
            1 => "only",
            _ if own < best => "less",
            all if all == word.ranks.len() => "all",
            _ => "best",
        }
    }

    /// Is it said as one asks for such a tool, and with its verb?
    fn clause(&self, clause: &Clause, facts: &mut Facts) {
        let (class, reads, mood) = (self.class, self.reads, mood(clause));
        facts.add(&["mood", mood, class]);
        facts.add(&["mood", mood, reads]);
        if clause.forbidden {
            facts.add(&["forbidden", class]);
        }
        let u = self.message.u;
        let first = u.word(clause.from);
        facts.add(&["first", first, reads]);
        facts.add(&["first", first, u.word(clause.from + 1), reads]);
        let Some(verb) = &clause.verb else {
            facts.add(&["noverb", mood, class]);
            return;
        };
        let known = thesaurus();
        let near = verb_nearness(verb, self.tool);
        let near = if near >= SAME {
            "=="
        } else if near >= VERB_NEAR {
            "~"
        } else if near > 0.0 {
            "class"
        } else if known.is_verb(verb) {
            "other"
        } else {
            "unknown"
        };
        let better = self.message.tools.iter().any(|other| verb_nearness(verb, other) >= VERB_NEAR);
        facts.add(&["verb", near, mood]);
        facts.add(&["verb", near, when(better, "better")]);
        facts.add(&["verb", near, class]);
        for own in known.classes(verb) {
            facts.add(&["classes", own, class]);
        }
        facts.add(&["lex", verb, class]);
    }

    /// How many of the nouns that the tool is about are said?
    fn covered(&self, facts: &mut Facts) {
        let known = thesaurus();
        let nouns = self.tool.nouns();
        let said = |noun: &str| {
            self.own_words()
                .any(|word| known.similarity(&self.message.u.tokens[word.at].stem, noun) >= NEAR)
        };
        let covered = nouns.iter().filter(|noun| said(noun)).count();
        facts.add(&["covered", size(covered), size(nouns.len())]);
    }

    /// Do the parameters find what they want?
    fn params(&self, fits: &Fits, facts: &mut Facts) {
        for (param, (grade, kind)) in self.tool.params.iter().zip(fits.params()) {
            let need = need(param);
            // the tool before this one finds it
            let supplied = fails(grade) && param.required && param.role == Role::Id && self.tool.supplier.is_some();
            let grade = if supplied { "supplied" } else { grade };
            facts.add(&["fit", grade, need, role_name(param.role)]);
            facts.add(&["fit", grade, need]);
            if let Some(kind) = kind.filter(|_| !supplied) {
                facts.add(&["fit+kind", grade, kind.name(), need]);
            }
        }
    }

    /// Do the mentions find a place, here or in the tool before?
    fn mentions(&self, fits: &Fits, before: &[Rc<Fits>], facts: &mut Facts) {
        for entity in self.message.u.entities.iter().filter(|entity| self.inside(entity.from)) {
            let grade = fits.place(entity.from);
            // "a court at 3pm": what the tool before this one asks for
            let supplied = fails(grade) && before.iter().any(|fits| !fails(fits.place(entity.from)));
            let grade = if supplied { "supplied" } else { grade };
            facts.add(&["mention", Kind::of(&entity.what).name(), grade]);
        }
    }

    /// Is it about the tool of the turn before?
    fn pending(&self, pending: Pending, facts: &mut Facts) {
        let (state, before) = pending.parts();
        let near = if before == self.number {
            "same"
        } else if shared_noun(self.tool, &self.message.tools[before]) {
            "near"
        } else {
            "other"
        };
        let verb = self.clauses.iter().any(|clause| clause.verb.is_some());
        facts.add(&["pending", state, near]);
        facts.add(&["pending", state, near, when(verb, "verb")]);
        facts.add(&["pending", state, near, self.class]);
        let refers = self.spans.iter().any(|(from, to)| refers(self.message.u, *from, *to));
        facts.add(&["pending+refers", state, near, when(refers, "refers")]);
    }
}
