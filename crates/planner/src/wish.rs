//! What a message wishes for: nothing, one tool, or two of them one after the other, whichever reading has most that speaks for it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use jiff::civil::DateTime;

use crate::arguments::{Assigned, assign};
use crate::clause::{Clause, Mood};
use crate::evidence::{Facts, Sheet};
use crate::schema::{Role, ToolFacts};
use crate::segment::{Kind, Scene, candidates};
use crate::weights::{Judge, Weights};
use bedplate_language::entities::Utterance;
use bedplate_language::kinds::kinds_of;
use bedplate_language::lexicon::classes;
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::Shape;
use bedplate_language::words::{is_filler, is_stop};

/// How many readings with two wishes are weighed for each border between clauses.
const PAIRS_MAX: usize = 3;

/// Readings and facts that an explanation tells.
const READINGS_SHOWN: usize = 3;
const VOTES_SHOWN: usize = 8;

/// One way to read a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    None,
    One(usize),
    /// The clauses before the border are for the first tool, the others for the second.
    Two(usize, usize, usize),
}

/// What the turn before left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pending {
    /// A question about a call of this tool.
    Open(usize),
    /// A call of this tool.
    Done(usize),
}

impl Pending {
    fn parts(self) -> (&'static str, usize) {
        match self {
            Self::Open(tool) => ("open", tool),
            Self::Done(tool) => ("done", tool),
        }
    }
}

/// A message as all readings see it.
pub(crate) struct Message<'a> {
    pub(crate) u: &'a Utterance,
    pub(crate) list: &'a [Clause],
    pub(crate) tools: &'a [ToolFacts],
    pub(crate) now: DateTime,
    pending: Option<Pending>,
    /// The clauses, cut at every "and" as well: where a second wish may begin.
    fine: Vec<Clause>,
    words: Vec<Word>,
    /// Fits that were computed before, by clauses and tool.
    known: RefCell<HashMap<(usize, usize, usize), Rc<Fits>>>,
}

/// How well mentions fit a tool.
#[derive(Default)]
struct Fits {
    /// For each parameter: how much more speaks for its best mention than for none, and what that is.
    params: Vec<(f32, Option<Kind>)>,
    /// The same for each token where a mention begins: for its best parameter.
    placed: BTreeMap<usize, f32>,
}

/// A word that says what is wanted, with its nearness to every tool.
struct Word {
    at: usize,
    levels: Vec<&'static str>,
    ranks: Vec<u8>,
    class: &'static str,
}

fn rank(level: &str) -> u8 {
    match level {
        "name" => 9,
        "verb" => 8,
        "name~" => 7,
        "verb~" => 6,
        "option" | "param" => 5,
        "about" | "option~" => 4,
        "param~" | "kind" => 3,
        "about~" => 2,
        "paramabout" => 2,
        "name-" => 2,
        _ => 0,
    }
}

fn level(word: &str, tool: &ToolFacts, verbal: bool) -> &'static str {
    let known = thesaurus();
    let best = |words: &[String]| words.iter().map(|other| known.similarity(word, other)).fold(0.0, f64::max);
    let name = best(&tool.words);
    if name >= 0.99 {
        return "name";
    }
    let verb = tool.verbs.iter().map(|verb| known.verb_similarity(word, verb)).fold(0.0, f64::max);
    if verbal && verb >= 0.99 {
        return "verb";
    }
    if name >= 0.75 {
        return "name~";
    }
    if verbal && verb >= 0.8 {
        return "verb~";
    }
    let options = || {
        tool.params
            .iter()
            .flat_map(|param| &param.options)
            .filter_map(serde_json::Value::as_str)
            .flat_map(bedplate_language::tokens::name_words)
            .map(|part| bedplate_language::stem::stem(&part))
    };
    if options().any(|part| part == word) {
        return "option";
    }
    if options().any(|part| known.similarity(&part, word) >= 0.75 || verbal && known.verb_similarity(&part, word) >= 0.8) {
        return "option~";
    }
    let param = tool.params.iter().map(|param| best(&param.words)).fold(0.0, f64::max);
    if param >= 0.99 {
        return "param";
    }
    let about = best(&tool.about);
    if about >= 0.99 {
        return "about";
    }
    if param >= 0.75 {
        return "param~";
    }
    if about >= 0.75 || verbal && tool.about.iter().any(|other| known.verb_similarity(word, other) >= 0.8) {
        return "about~";
    }
    if tool.params.iter().any(|param| param.about.iter().any(|other| other == word)) {
        return "paramabout";
    }
    if name >= 0.5 {
        return "name-";
    }
    ""
}

fn size(count: usize) -> &'static str {
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

fn mood(clause: &Clause) -> &'static str {
    match clause.mood {
        Mood::Command => "command",
        Mood::Question => "question",
        Mood::Statement if clause.desire => "desire",
        Mood::Statement => "statement",
    }
}

fn tool_class(tool: &ToolFacts) -> String {
    let known = thesaurus();
    let class = tool
        .verbs
        .iter()
        .find_map(|verb| known.classes(verb).first().map(|class| (*class).to_owned()))
        .unwrap_or_else(|| "?".into());
    if tool.reads { "read".into() } else { class }
}

impl<'a> Message<'a> {
    pub(crate) fn new(u: &'a Utterance, list: &'a [Clause], tools: &'a [ToolFacts], pending: Option<Pending>, now: DateTime) -> Self {
        let known = thesaurus();
        let mut words = Vec::new();
        for (at, token) in u.tokens.iter().enumerate() {
            if token.shape != Shape::Word {
                continue;
            }
            let hidden = u.entities.iter().any(|entity| {
                entity.from <= at && at < entity.to && !matches!(Kind::of(&entity.what), Kind::Proper | Kind::Ordinal | Kind::Length)
            });
            if hidden {
                continue;
            }
            let mut stems = Vec::new();
            let phrase = known.phrase(|index| u.tokens.get(at + index).map(|token| token.stem.as_str()));
            if let Some((phrase, used)) = phrase
                && used > 1
            {
                stems.push(phrase);
            }
            let verbal = classes(&token.lower).verb() || known.is_verb(&token.stem);
            // "switch the lamp off"
            if verbal {
                let particle = (at + 1..(at + 6).min(u.tokens.len()))
                    .find(|index| matches!(u.word(*index), "on" | "off" | "up" | "down" | "out" | "back" | "over" | "away"));
                if let Some(particle) = particle {
                    let joined = format!("{}_{}", token.stem, u.word(particle));
                    if known.is_verb(&joined) {
                        stems.push(joined);
                    }
                }
            }
            if !is_stop(&token.lower) && !is_filler(&token.lower) {
                stems.push(token.stem.clone());
            }
            if stems.is_empty() {
                continue;
            }
            let kind = kinds_of(&[token.lower.as_str()]);
            let levels: Vec<&'static str> = tools
                .iter()
                .map(|tool| {
                    let level = stems
                        .iter()
                        .map(|stem| level(stem, tool, verbal))
                        .max_by_key(|level| rank(level))
                        .unwrap_or("");
                    // "peonies" where a tool has flowers
                    let of = |words: &[String]| kind.is_some_and(|kind| words.iter().any(|word| kind.has(word)));
                    if rank(level) < rank("kind") && (of(&tool.words) || tool.params.iter().any(|param| of(&param.words))) {
                        "kind"
                    } else {
                        level
                    }
                })
                .collect();
            let ranks = levels.iter().map(|level| rank(level)).collect();
            let verb_at = list.iter().any(|clause| clause.verb_at.contains(&at));
            let of = classes(&token.lower);
            let class = if verb_at {
                "VERB"
            } else if u.entities.iter().any(|entity| entity.from <= at && at < entity.to) {
                "entity"
            } else if of.verb() && !of.noun() {
                "verb"
            } else if of.noun() {
                "noun"
            } else {
                "other"
            };
            words.push(Word { at, levels, ranks, class });
        }
        Self {
            u,
            list,
            tools,
            now,
            pending,
            fine: fine(u, list),
            words,
            known: RefCell::default(),
        }
    }

    /// The tokens of some clauses, conditions included.
    pub(crate) fn spans(&self, from: usize, to: usize) -> Vec<(usize, usize)> {
        self.fine[from..to]
            .iter()
            .flat_map(|clause| {
                std::iter::once((clause.from, clause.to)).chain(clause.condition.iter().map(|condition| (condition.from, condition.to)))
            })
            .filter(|(from, to)| from < to)
            .collect()
    }

    /// How well the parameters of `tool` are met by clauses `from..to`.
    fn fits(&self, from: usize, to: usize, tool: usize, arguments: &dyn Judge) -> Rc<Fits> {
        if let Some(known) = self.known.borrow().get(&(from, to, tool)) {
            return known.clone();
        }
        let spans = self.spans(from, to);
        let blocked: Vec<bool> = (0..self.u.tokens.len())
            .map(|at| self.u.dropped.iter().any(|(from, to)| (*from..*to).contains(&at)))
            .collect();
        let verb_at: Vec<usize> = self.fine[from..to]
            .iter()
            .flat_map(|clause| clause.verb_at.iter().copied())
            .collect();
        let scene = Scene {
            u: self.u,
            spans: &spans,
            verb_at: &verb_at,
            tool: &self.tools[tool],
            blocked: &blocked,
            now: self.now,
        };
        let sheet = Sheet::new(&scene);
        let mut facts = Facts::default();
        let mut out = Fits::default();
        for (p, param) in scene.tool.params.iter().enumerate() {
            let mut best: Option<(f32, Kind)> = None;
            let mut absent = 0.0;
            for candidate in candidates(&scene, p) {
                // loose words fit everywhere
                let loose = candidate.kind == Kind::List && matches!(param.role, Role::Text | Role::Thing | Role::Query);
                if candidate.kind == Kind::Phrase || loose {
                    continue;
                }
                sheet.facts(p, &candidate, &mut facts);
                let score = arguments.score(&facts.ids);
                if candidate.kind == Kind::Null {
                    absent = score;
                    continue;
                }
                if best.is_none_or(|(known, _)| score > known) {
                    best = Some((score, candidate.kind));
                }
                let slot = out.placed.entry(candidate.from).or_insert(f32::MIN);
                *slot = slot.max(score - absent);
            }
            out.params
                .push((best.map_or(f32::MIN, |(score, _)| score - absent), best.map(|(_, kind)| kind)));
        }
        let out = Rc::new(out);
        self.known.borrow_mut().insert((from, to, tool), out.clone());
        out
    }

    /// What speaks for `tool` as the wish of clauses `from..to`.
    pub(crate) fn facts(&self, from: usize, to: usize, tool: usize, arguments: &dyn Judge, facts: &mut Facts) {
        let known = thesaurus();
        let spans = self.spans(from, to);
        let inside = |at: usize| spans.iter().any(|(from, to)| (*from..*to).contains(&at));
        let the = &self.tools[tool];
        let class = tool_class(the);
        facts.add(&["class", &class]);
        let reads = if the.reads { "reads" } else { "writes" };
        for word in self.words.iter().filter(|word| inside(word.at)) {
            let own = word.ranks[tool];
            let level = word.levels[tool];
            let spread = word.ranks.iter().filter(|rank| **rank >= own.max(1)).count();
            let best = word.ranks.iter().copied().max().unwrap_or(0);
            let before = the.supplier.map_or(0, |before| word.ranks[before]);
            let share = if own == 0 {
                if before >= 5 {
                    "before"
                } else if best >= 5 {
                    "less"
                } else {
                    "none"
                }
            } else if spread == 1 {
                "only"
            } else if own == best {
                if spread == self.tools.len() { "all" } else { "best" }
            } else {
                "less"
            };
            facts.add(&["word", level, share, word.class]);
            facts.add(&["word", level, share]);
            facts.add(&["word", share, word.class]);
        }
        let best_of = |class: Option<&str>| {
            self.words
                .iter()
                .filter(|word| inside(word.at) && class.is_none_or(|class| word.class == class))
                .max_by_key(|word| word.ranks[tool])
                .map_or("", |word| word.levels[tool])
        };
        facts.add(&["top", best_of(None)]);
        facts.add(&["top", best_of(Some("noun")), best_of(Some("VERB"))]);
        for clause in &self.fine[from..to] {
            let mood = mood(clause);
            facts.add(&["mood", mood, &class]);
            facts.add(&["mood", mood, reads]);
            if clause.forbidden {
                facts.add(&["forbidden", &class]);
            }
            let first = self.u.word(clause.from);
            facts.add(&["first", first, reads]);
            facts.add(&["first", first, self.u.word(clause.from + 1), reads]);
            match &clause.verb {
                Some(verb) => {
                    let near = the.verbs.iter().map(|other| known.verb_similarity(verb, other)).fold(0.0, f64::max);
                    let near = if near >= 0.99 {
                        "=="
                    } else if near >= 0.8 {
                        "~"
                    } else if near > 0.0 {
                        "class"
                    } else if known.is_verb(verb) {
                        "other"
                    } else {
                        "unknown"
                    };
                    let better = self.tools.iter().any(|other| {
                        other
                            .verbs
                            .iter()
                            .map(|other| known.verb_similarity(verb, other))
                            .fold(0.0, f64::max)
                            >= 0.8
                    });
                    facts.add(&["verb", near, mood]);
                    facts.add(&["verb", near, if better { "better" } else { "" }]);
                    facts.add(&["verb", near, &class]);
                    for own in known.classes(verb) {
                        facts.add(&["classes", own, &class]);
                    }
                    facts.add(&["lex", verb, &class]);
                }
                None => facts.add(&["noverb", mood, &class]),
            }
        }
        let nouns = the.nouns();
        let covered = nouns
            .iter()
            .filter(|noun| {
                self.words
                    .iter()
                    .any(|word| inside(word.at) && known.similarity(&self.u.tokens[word.at].stem, noun) >= 0.75)
            })
            .count();
        facts.add(&["covered", size(covered), size(nouns.len())]);
        // what finds a place in the tool
        let fits = self.fits(from, to, tool, arguments);
        for (param, (margin, kind)) in the.params.iter().zip(&fits.params) {
            let need = if param.required { "req" } else { "opt" };
            let role = format!("{:?}", param.role);
            let grade = match grade(*margin) {
                // the tool before this one finds it
                "none" | "bad" | "weak" if param.required && param.role == Role::Id && the.supplier.is_some() => "supplied",
                grade => grade,
            };
            facts.add(&["fit", grade, need, &role]);
            facts.add(&["fit", grade, need]);
            if let Some(kind) = kind.filter(|_| grade != "supplied") {
                facts.add(&["fit+kind", grade, kind.name(), need]);
            }
        }
        let before: Vec<Rc<Fits>> = the.suppliers.iter().map(|before| self.fits(from, to, *before, arguments)).collect();
        let place = |fits: &Fits, at: usize| grade(fits.placed.get(&at).copied().unwrap_or(f32::MIN));
        for entity in self.u.entities.iter().filter(|entity| inside(entity.from)) {
            let kind = Kind::of(&entity.what).name();
            let grade = match place(&fits, entity.from) {
                // "a court at 3pm": what the tool before this one asks for
                "none" | "bad" | "weak"
                    if before
                        .iter()
                        .any(|fits| matches!(place(fits, entity.from), "fair" | "good" | "sure")) =>
                {
                    "supplied"
                }
                grade => grade,
            };
            facts.add(&["mention", kind, grade]);
        }
        if let Some(pending) = self.pending {
            let (state, before) = pending.parts();
            let near = if before == tool {
                "same"
            } else if crate::recall::shared_noun(the, &self.tools[before]) {
                "near"
            } else {
                "other"
            };
            let verb = self.fine[from..to].iter().any(|clause| clause.verb.is_some());
            facts.add(&["pending", state, near]);
            facts.add(&["pending", state, near, if verb { "verb" } else { "" }]);
            facts.add(&["pending", state, near, &class]);
            let refers = spans.iter().any(|(from, to)| crate::goals::refers(self.u, *from, *to));
            facts.add(&["pending+refers", state, near, if refers { "refers" } else { "" }]);
        }
        if the.params.iter().all(|param| !param.required) {
            facts.add(&["undemanding", reads]);
        }
    }

    /// What speaks for two wishes with a border before clause `border`.
    pub(crate) fn border(&self, border: usize, first: usize, second: usize, facts: &mut Facts) {
        facts.add(&["two"]);
        let (before, after) = (&self.fine[border - 1], &self.fine[border]);
        let between: Vec<&str> = (before.to..after.from).map(|at| self.u.word(at)).collect();
        facts.add(&["two+between", &between.join(" ")]);
        facts.add(&["two+mood", mood(before), mood(after)]);
        facts.add(&["two+after", mood(after), if after.verb.is_some() { "verb" } else { "" }]);
        facts.add(&[
            "two+same",
            if first == second { "same" } else { "" },
            if after.verb.is_some() { "verb" } else { "" },
        ]);
        facts.add(&["two+first", self.u.word(after.from)]);
        facts.add(&["two+size", size(self.fine.len()), size(border)]);
        let inner = self.list.iter().any(|clause| clause.from < after.from && after.from < clause.to);
        facts.add(&[
            "two+inner",
            if inner { "inner" } else { "" },
            if first == second { "same" } else { "" },
        ]);
        facts.add(&[
            "two+inner",
            if inner { "inner" } else { "" },
            if after.verb.is_some() { "verb" } else { "" },
        ]);
        let kinds = |clause: &Clause| -> Vec<&str> {
            self.u
                .entities
                .iter()
                .filter(|e| clause.from <= e.from && e.to <= clause.to)
                .map(|e| Kind::of(&e.what).name())
                .collect()
        };
        facts.add(&[
            "two+kinds",
            if inner { "inner" } else { "" },
            if kinds(before).iter().any(|kind| kinds(after).contains(kind)) {
                "alike"
            } else {
                ""
            },
            if first == second { "same" } else { "" },
        ]);
        let classes = (tool_class(&self.tools[first]), tool_class(&self.tools[second]));
        facts.add(&["two+class", &classes.0, &classes.1]);
        if after.forbidden {
            facts.add(&["two+forbidden"]);
        }
        if before.forbidden {
            facts.add(&["two+forbidden<"]);
        }
    }

    /// What speaks for no wish at all.
    pub(crate) fn nothing(&self, facts: &mut Facts) {
        facts.add(&["none"]);
        let top = self.words.iter().flat_map(|word| word.ranks.iter().copied()).max().unwrap_or(0);
        facts.add(&["none+top", size(usize::from(top))]);
        let two = self.words.iter().filter(|word| word.ranks.iter().any(|rank| *rank >= 7)).count();
        facts.add(&["none+near", size(two)]);
        facts.add(&["none+words", size(self.words.len())]);
        facts.add(&["none+entities", size(self.u.entities.len())]);
        let unknown = self
            .words
            .iter()
            .filter(|word| word.class != "entity" && word.ranks.iter().all(|rank| *rank == 0))
            .count();
        facts.add(&["none+unknown", size(unknown)]);
        if let Some(pending) = self.pending {
            let (state, _) = pending.parts();
            let verb = self.list.iter().any(|clause| clause.verb.is_some());
            facts.add(&["none+pending", state]);
            facts.add(&["none+pending", state, size(self.words.len())]);
            facts.add(&["none+pending", state, if verb { "verb" } else { "" }]);
            facts.add(&["none+pending", state, self.u.word(0)]);
            facts.add(&["none+pending+tokens", state, size(self.u.tokens.len())]);
        }
        for clause in self.list {
            facts.add(&["none+mood", mood(clause), if clause.verb.is_some() { "verb" } else { "" }]);
            facts.add(&["none+first", self.u.word(clause.from)]);
        }
    }

    /// All readings with the facts of each.
    pub(crate) fn readings(
        &self,
        arguments: &dyn Judge,
        wishes: Option<&dyn Judge>,
        names: &mut Option<HashMap<u64, String>>,
    ) -> Vec<(Reading, Vec<u64>)> {
        let mut out = Vec::new();
        let mut facts = Facts {
            ids: Vec::new(),
            names: names.take(),
        };
        self.nothing(&mut facts);
        out.push((Reading::None, std::mem::take(&mut facts.ids)));
        let count = self.fine.len();
        let usable: Vec<usize> = (0..self.tools.len()).filter(|tool| !self.tools[*tool].asks).collect();
        let of = |from: usize, to: usize, facts: &mut Facts| -> Vec<(usize, Vec<u64>)> {
            usable
                .iter()
                .map(|tool| {
                    self.facts(from, to, *tool, arguments, facts);
                    (*tool, std::mem::take(&mut facts.ids))
                })
                .collect()
        };
        for (tool, ids) in of(0, count, &mut facts) {
            out.push((Reading::One(tool), ids));
        }
        for border in 1..count {
            let mut halves = [of(0, border, &mut facts), of(border, count, &mut facts)];
            if let Some(judge) = wishes {
                for half in &mut halves {
                    half.sort_by(|a, b| judge.score(&b.1).total_cmp(&judge.score(&a.1)));
                    half.truncate(PAIRS_MAX);
                }
            }
            for (first, one) in &halves[0] {
                for (second, two) in &halves[1] {
                    self.border(border, *first, *second, &mut facts);
                    let mut ids = std::mem::take(&mut facts.ids);
                    ids.extend(one.iter().chain(two));
                    out.push((Reading::Two(border, *first, *second), ids));
                }
            }
        }
        *names = facts.names.take();
        out
    }
}

fn grade(margin: f32) -> &'static str {
    if margin == f32::MIN {
        "none"
    } else if margin < -3.0 {
        "bad"
    } else if margin < 0.0 {
        "weak"
    } else if margin < 2.0 {
        "fair"
    } else if margin < 5.0 {
        "good"
    } else {
        "sure"
    }
}

/// A tool with what speaks for it.
#[derive(Clone, Debug)]
pub(crate) struct Match {
    pub(crate) tool: usize,
    /// How much more speaks for it than for no wish at all.
    pub(crate) score: f32,
    /// The words that name it: 0 to 9.
    pub(crate) words: u8,
    /// How near the verb is: 0 to 1; none without a verb.
    pub(crate) verb: Option<f64>,
}

/// The clause that says what is wanted, among `list[from..to]`.
pub(crate) fn main_clause(list: &[Clause], from: usize, to: usize) -> usize {
    let good = |test: &dyn Fn(&Clause) -> bool| (from..to).find(|at| test(&list[*at]));
    good(&|clause| !clause.forbidden && clause.verb.is_some() && (clause.mood != Mood::Statement || clause.desire))
        .or_else(|| good(&|clause| !clause.forbidden && (clause.mood == Mood::Question || clause.desire)))
        .or_else(|| good(&|clause| !clause.forbidden && clause.verb.is_some()))
        .or_else(|| (from..to).max_by_key(|at| (list[*at].to - list[*at].from, usize::MAX - at)))
        .unwrap_or(from)
}

/// A wish that was found.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub(crate) clause: Clause,
    /// What else was said with it.
    pub(crate) context: Vec<(usize, usize)>,
    pub(crate) found: Match,
    pub(crate) assigned: Assigned,
}

impl Message<'_> {
    fn wish(&self, from: usize, to: usize, tool: usize, score: f32) -> Wish {
        let part = self.part(from, to);
        let clause = &part[main_clause(&part, 0, part.len())];
        let context: Vec<(usize, usize)> = part
            .iter()
            .flat_map(|clause| {
                std::iter::once((clause.from, clause.to)).chain(clause.condition.iter().map(|condition| (condition.from, condition.to)))
            })
            .filter(|span| *span != (clause.from, clause.to))
            .collect();
        Wish {
            found: self.found(from, to, tool, score),
            assigned: assign(self.u, clause, &context, &self.tools[tool], self.now),
            clause: clause.clone(),
            context,
        }
    }

    /// The clauses of `fine[from..to]`, whole where nothing is cut off.
    fn part(&self, from: usize, to: usize) -> Vec<Clause> {
        let (begin, end) = (self.fine[from].from, self.fine[to - 1].to);
        self.list
            .iter()
            .filter(|clause| {
                clause.from < end && begin < clause.to || clause.from == clause.to && begin <= clause.from && clause.from <= end
            })
            .map(|clause| {
                if begin <= clause.from && clause.to <= end {
                    return clause.clone();
                }
                let cut = crate::clause::analyse(self.u, clause.from.max(begin), clause.to.min(end));
                Clause {
                    condition: clause.condition.clone(),
                    forbidden: clause.forbidden,
                    ..cut
                }
            })
            .collect()
    }

    fn found(&self, from: usize, to: usize, tool: usize, score: f32) -> Match {
        let part = self.part(from, to);
        let clause = &part[main_clause(&part, 0, part.len())];
        let inside = |at: usize| part.iter().any(|clause| (clause.from..clause.to).contains(&at));
        let words = self
            .words
            .iter()
            .filter(|word| inside(word.at))
            .map(|word| word.ranks[tool])
            .max()
            .unwrap_or(0);
        let near = |verb: &String| {
            self.tools[tool]
                .verbs
                .iter()
                .map(|other| thesaurus().verb_similarity(verb, other))
                .fold(0.0, f64::max)
        };
        Match {
            tool,
            score,
            words,
            verb: clause.verb.as_ref().map(near),
        }
    }

    /// Tells the best readings with what speaks most for and against each, and the arguments of tools.
    pub(crate) fn explain(&self, out: &mut String) {
        use std::fmt::Write as _;
        let judge = Weights::wishes();
        let mut names = Some(HashMap::new());
        let mut all = self.readings(Weights::arguments(), None, &mut names);
        all.sort_by(|a, b| judge.score(&b.1).total_cmp(&judge.score(&a.1)));
        for (reading, facts) in all.iter().take(READINGS_SHOWN) {
            let tools = match reading {
                Reading::None => Vec::new(),
                Reading::One(tool) => vec![(0, self.fine.len(), *tool)],
                Reading::Two(border, first, second) => vec![(0, *border, *first), (*border, self.fine.len(), *second)],
            };
            let _ = writeln!(out, "      {:.2} for {} wishes", judge.score(facts), tools.len());
            for (from, to, tool) in tools {
                let given = self.wish(from, to, tool, 0.0).assigned;
                let values: Vec<String> = self.tools[tool]
                    .params
                    .iter()
                    .zip(&given.values)
                    .filter_map(|(param, value)| value.as_ref().map(|value| format!("{}={value}", param.name)))
                    .collect();
                let _ = writeln!(out, "        {} {}", self.tools[tool].name, values.join(" "));
            }
            let mut votes: Vec<(f32, &str)> = facts
                .iter()
                .map(|fact| {
                    (
                        judge.score(&[*fact]),
                        names.as_ref().and_then(|names| names.get(fact)).map_or("", String::as_str),
                    )
                })
                .collect();
            votes.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
            let votes: Vec<String> = votes
                .iter()
                .take(VOTES_SHOWN)
                .map(|(vote, fact)| format!("{vote:+.2} {fact}"))
                .collect();
            let _ = writeln!(out, "        {}", votes.join(", "));
        }
    }

    /// The wishes of the message in its best reading; `bonus` is what else speaks for each tool.
    pub(crate) fn wishes(&self, bonus: &[f32]) -> Vec<Wish> {
        let judge = Weights::wishes();
        let all = self.readings(Weights::arguments(), Some(judge), &mut None);
        let more = |tool: &usize| bonus.get(*tool).copied().unwrap_or(0.0);
        let total = |(reading, facts): &(Reading, Vec<u64>)| {
            judge.score(facts)
                + match reading {
                    Reading::None => 0.0,
                    Reading::One(tool) => more(tool),
                    Reading::Two(_, first, second) => more(first).max(more(second)),
                }
        };
        let scores: Vec<f32> = all.iter().map(total).collect();
        let none = scores.first().copied().unwrap_or(0.0);
        let best = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        let count = self.fine.len();
        match best.map(|at| (&all[at].0, scores[at] - none)) {
            Some((Reading::One(tool), score)) => vec![self.wish(0, count, *tool, score)],
            Some((Reading::Two(border, first, second), score)) => {
                vec![self.wish(0, *border, *first, score), self.wish(*border, count, *second, score)]
            }
            _ => Vec::new(),
        }
    }
}

/// All tools for one clause of `u`, the best first.
pub(crate) fn matches(u: &Utterance, clause: &Clause, context: &[(usize, usize)], tools: &[ToolFacts], now: DateTime) -> Vec<Match> {
    let list: Vec<Clause> = std::iter::once(Clause {
        condition: None,
        ..clause.clone()
    })
    .chain(
        context
            .iter()
            .filter(|(from, to)| from < to)
            .map(|(from, to)| crate::clause::analyse(u, *from, *to)),
    )
    .collect();
    let message = Message::new(u, &list, tools, None, now);
    let judge = Weights::wishes();
    let mut facts = Facts::default();
    message.nothing(&mut facts);
    let none = judge.score(&std::mem::take(&mut facts.ids));
    let mut out: Vec<Match> = (0..tools.len())
        .filter(|tool| !tools[*tool].asks)
        .map(|tool| {
            message.facts(0, message.fine.len(), tool, Weights::arguments(), &mut facts);
            let score = judge.score(&std::mem::take(&mut facts.ids)) - none;
            message.found(0, message.fine.len(), tool, score)
        })
        .collect();
    out.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.tool.cmp(&b.tool)));
    out
}

/// The clauses cut at every "and" between words: "the abstract of A and the papers that cite B".
fn fine(u: &Utterance, list: &[Clause]) -> Vec<Clause> {
    let mut out: Vec<Clause> = Vec::new();
    for clause in list {
        let mut from = clause.from;
        let inside = |at: usize| u.entities.iter().any(|entity| entity.from < at + 1 && at < entity.to);
        for at in clause.from + 1..clause.to.saturating_sub(1) {
            if u.word(at) == "and" && !inside(at) && at > from && out.len() < FINE_MAX {
                out.push(crate::clause::analyse(u, from, at));
                from = at + 1;
            }
        }
        if from == clause.from {
            out.push(clause.clone());
            continue;
        }
        let first = out.iter().position(|part| part.from == clause.from);
        if let Some(first) = first {
            out[first].condition.clone_from(&clause.condition);
            out[first].forbidden = clause.forbidden;
        }
        out.push(crate::clause::analyse(u, from, clause.to));
    }
    out
}

/// Most clauses that a message is cut into.
const FINE_MAX: usize = 10;
