//! What speaks for and against a candidate: short facts that the weights turn into votes.

use std::collections::HashMap;

use crate::schema::{End, Param, Role, Type};
use crate::segment::{Candidate, Kind, Scene};
use crate::told::{foreign, id_examples, is_file, of_kind, shows_any_ending, shows_ending};
use bedplate_language::kinds::{Kinds, is_kind_name, kinds_of, kinds_of_head};
use bedplate_language::lexicon::classes;
use bedplate_language::stem::stem;
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::Shape;
use bedplate_language::words::{is_determiner, is_filler, is_modal, is_negation, is_preposition, is_pronoun, is_question_word};

/// The facts about one candidate, as hashes of their names.
#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) ids: Vec<u64>,
    /// Names of all facts that were ever seen, when somebody wants them.
    pub(crate) names: Option<HashMap<u64, String>>,
}

const SEED: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// The number of a fact.
pub(crate) fn fact(parts: &[&str]) -> u64 {
    let mut out = SEED;
    for part in parts {
        for byte in part.bytes() {
            out = (out ^ u64::from(byte)).wrapping_mul(PRIME);
        }
        out = (out ^ 0x1f).wrapping_mul(PRIME);
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
    tags: Vec<String>,
    /// For each parameter and token: nearness to the name, and to the description.
    name: Vec<Vec<f64>>,
    about: Vec<Vec<f64>>,
    /// Nearness of each token to the words of the tool.
    tool: Vec<f64>,
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Date => "Date",
        Role::Time => "Time",
        Role::DateTime => "DateTime",
        Role::Length => "Length",
        Role::Money => "Money",
        Role::Percent => "Percent",
        Role::Count => "Count",
        Role::Flag => "Flag",
        Role::Option => "Option",
        Role::Email => "Email",
        Role::Phone => "Phone",
        Role::Url => "Url",
        Role::Id => "Id",
        Role::Person => "Person",
        Role::Place => "Place",
        Role::Text => "Text",
        Role::Query => "Query",
        Role::Thing => "Thing",
        Role::Currency => "Currency",
    }
}

fn type_name(ty: Type) -> &'static str {
    match ty {
        Type::Text => "text",
        Type::Number => "number",
        Type::Integer => "integer",
        Type::Boolean => "boolean",
        Type::List => "list",
        Type::Object => "object",
    }
}

fn bucket(near: f64) -> &'static str {
    if near >= 0.99 {
        "=="
    } else if near >= 0.75 {
        "~"
    } else if near >= 0.45 {
        "-"
    } else {
        "0"
    }
}

fn size(count: usize) -> &'static str {
    match count {
        0 => "0",
        1 => "1",
        2 => "2",
        3 => "3",
        4 => "4",
        5 | 6 => "5",
        7..=9 => "7",
        10..=14 => "10",
        _ => "15",
    }
}

fn tag(scene: &Scene, at: usize) -> String {
    let u = scene.u;
    let token = &u.tokens[at];
    if let Some(entity) = scene.entity_at(at) {
        return format!("e:{}", Kind::of(&entity.what).name());
    }
    if token.shape == Shape::Punct {
        return token.text.clone();
    }
    let word = token.lower.as_str();
    let known = classes(word);
    if token.text == "A" && at > 0 && !matches!(u.word(at - 1), "." | "!" | "?") {
        return "U".into();
    }
    let closed = is_preposition(word)
        || is_determiner(word)
        || is_pronoun(word)
        || is_modal(word)
        || is_question_word(word)
        || is_negation(word)
        || known.function()
        || matches!(
            word,
            "called"
                | "named"
                | "saying"
                | "says"
                | "say"
                | "reason"
                | "note"
                | "subject"
                | "title"
                | "message"
                | "is"
                | "tell"
                | "please"
                | "because"
                | "due"
        );
    if closed {
        return word.to_owned();
    }
    if scene.verb_at.contains(&at) {
        return "VERB".into();
    }
    if is_filler(word) {
        return "filler".into();
    }
    let mut out = String::new();
    if !known.known() {
        out.push(if token.text.starts_with(char::is_uppercase) { 'U' } else { 'u' });
    }
    if known.noun() {
        out.push('n');
    }
    if known.verb() {
        out.push(if word.ends_with("ing") {
            'g'
        } else if word.ends_with("ed") {
            'd'
        } else {
            'v'
        });
    }
    if known.adjective() {
        out.push('j');
    }
    if known.adverb() {
        out.push('r');
    }
    out
}

/// The names that the kind of a parameter's values may go under: the words of its name, and all of them as one.
fn kind_names(param: &Param) -> impl Iterator<Item = String> {
    let whole = param.words.join("_");
    let last = param.words.last().cloned();
    let first = (param.words.len() > 1 && !matches!(last.as_deref(), Some("id" | "number" | "code" | "date" | "time" | "count")))
        .then(|| param.words[0].clone());
    let about = param.about.first().cloned();
    std::iter::once(whole).chain(last).chain(first).chain(about)
}

fn names_kind(param: &Param, kinds: Kinds) -> bool {
    kind_names(param).any(|name| kinds.has(&name))
}

/// What a description gives as examples: what is behind "e.g.", "such as" and the like, and what is quoted.
fn examples(description: &str) -> Vec<String> {
    let mut out = Vec::new();
    let lower = description.to_lowercase();
    for cue in ["e.g.", "for example", "for instance", "such as", "example:", "like ", "eg "] {
        let Some(at) = lower.find(cue) else { continue };
        let Some(rest) = description.get(at + cue.len()..) else { continue };
        let rest = rest.trim_start_matches([',', ':', ' ']);
        let end = rest.find([';', ')', '(']).unwrap_or(rest.len());
        for part in rest[..end].split(", ").flat_map(|part| part.split(" or ")).take(5) {
            let part = part
                .trim()
                .trim_matches(['"', '\'', '“', '”', '‘', '’'])
                .trim_end_matches('.')
                .trim();
            if !part.is_empty() && part.len() <= 60 {
                out.push(part.to_owned());
            }
        }
        break;
    }
    out
}

/// The form of a text: `A-9` for `PT-1187`, `Aa Aa` for `Oslo Central`.
fn form(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(60) {
        let kind = if c.is_ascii_digit() {
            '9'
        } else if c.is_uppercase() {
            'A'
        } else if c.is_alphabetic() {
            'a'
        } else {
            c
        };
        if !out.ends_with(kind) {
            out.push(kind);
        }
    }
    out
}

fn coarse_form(text: &str) -> String {
    let digits = text.chars().any(|c| c.is_ascii_digit());
    let upper = text.chars().next().is_some_and(char::is_uppercase);
    let words = text.split(' ').count();
    format!(
        "{}{}{}",
        if digits { '9' } else { 'a' },
        if upper { 'A' } else { 'a' },
        words.min(4)
    )
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
            name: scene.tool.params.iter().map(|param| row(&param.words)).collect(),
            about: scene.tool.params.iter().map(|param| row(&param.about)).collect(),
            tool: row(&scene.tool.words),
            scene,
        }
    }

    fn tag(&self, at: usize, region: (usize, usize)) -> &str {
        if at >= region.1 {
            let text = self.tags.get(at).map_or("END", String::as_str);
            return if matches!(text, "." | "!" | "?" | "," | ";" | "and" | "then" | "but") {
                text
            } else {
                "END"
            };
        }
        &self.tags[at]
    }

    fn tag_before(&self, at: usize, region: (usize, usize)) -> &str {
        match at.checked_sub(1) {
            Some(before) if before >= region.0 => &self.tags[before],
            _ => "BEGIN",
        }
    }

    /// The preposition that a place in the text hangs on, and how far before it stands.
    fn preposition(&self, from: usize, region: (usize, usize)) -> &str {
        let u = self.scene.u;
        let mut at = from;
        for _ in 0..5 {
            let Some(before) = at.checked_sub(1).filter(|before| *before >= region.0) else {
                return "BEGIN";
            };
            at = before;
            let word = u.word(at);
            if is_preposition(word) {
                return word;
            }
            if self.tags[at] == "VERB" {
                return "VERB";
            }
            if u.tokens[at].shape == Shape::Punct && !matches!(word, "#" | "(" | "-") || matches!(word, "and" | "or" | "but") {
                return "CUT";
            }
        }
        "FAR"
    }

    /// All that can be said of candidate `c` for parameter `p`; `all` are the candidates of the parameter.
    pub(crate) fn facts(&self, p: usize, c: &Candidate, facts: &mut Facts) {
        facts.ids.clear();
        let param = &self.scene.tool.params[p];
        let role = role_name(param.role);
        let ty = type_name(param.ty);
        let items = type_name(param.items);
        let kind = c.kind.name();
        let need = if param.required { "req" } else { "opt" };
        let head = param.plain.last().map_or("", String::as_str);
        let first = param.plain.first().map_or("", String::as_str);
        let end = match param.end {
            End::None => "",
            End::From => "From",
            End::To => "To",
        };
        if c.kind == Kind::Null {
            self.absent(p, facts);
            return;
        }
        facts.add(&["kind", kind, c.how, role, ty]);
        facts.add(&["kind+need", kind, role, need]);
        facts.add(&["kind+items", kind, c.how, items, need]);
        facts.add(&["kind+head", kind, head]);
        facts.add(&["kind+end", kind, role, end]);
        let region = self.scene.region(c.from).unwrap_or((0, self.tags.len()));
        let main = if self.scene.spans.first() == Some(&region) {
            "main"
        } else {
            "context"
        };
        facts.add(&["region", main, kind, role]);
        let before = self.tag_before(c.from, region);
        let before2 = c.from.checked_sub(1).map_or("BEGIN", |at| self.tag_before(at, region));
        let after = self.tag(c.to, region);
        let after2 = if c.to < region.1 { self.tag(c.to + 1, region) } else { "END" };
        let prep = self.preposition(c.from, region);
        let coarse = match c.kind {
            Kind::Phrase => "phrase",
            Kind::List => "list",
            Kind::Option | Kind::True | Kind::False => kind,
            Kind::Date | Kind::DateTime | Kind::Time | Kind::Range | Kind::Joined | Kind::Ends | Kind::Part => "when",
            Kind::Length | Kind::Number | Kind::Money | Kind::Percent | Kind::Ordinal => "amount",
            _ => "name",
        };
        facts.add(&["prep", prep, coarse, role]);
        facts.add(&["prep+end", prep, coarse, role, end]);
        facts.add(&["prep+head", prep, coarse, head]);
        facts.add(&["prep+first", prep, coarse, first]);
        facts.add(&["before", before, coarse, role]);
        facts.add(&["before+head", before, coarse, head]);
        facts.add(&["before2", before2, before, coarse]);
        facts.add(&["after", after, coarse, role]);
        facts.add(&["after2", after, after2, coarse]);
        facts.add(&["around", before, after, coarse]);
        // what the name and the description of the parameter say, near and in the candidate
        let at = |row: &[f64], at: Option<usize>| at.and_then(|at| row.get(at).copied()).unwrap_or(0.0);
        let within = |row: &[f64]| row[c.from..c.to].iter().copied().fold(0.0, f64::max);
        let left = |row: &[f64]| {
            (1..=3)
                .filter_map(|gap| c.from.checked_sub(gap))
                .filter(|at| *at >= region.0)
                .map(|at| row[at])
                .fold(0.0, f64::max)
        };
        let right = |row: &[f64]| (c.to..(c.to + 2).min(region.1)).map(|at| row[at]).fold(0.0, f64::max);
        let (name, about) = (&self.name[p], &self.about[p]);
        let b1 = bucket(at(name, c.from.checked_sub(1)));
        let near_left = bucket(left(name));
        let near_right = bucket(right(name));
        let inside = bucket(within(name));
        facts.add(&["name<1", b1, coarse, role]);
        facts.add(&["name<", near_left, coarse, role]);
        facts.add(&["name<", near_left, coarse, ty]);
        facts.add(&["name>", near_right, coarse, role]);
        facts.add(&["name>", near_right, coarse]);
        facts.add(&["name.", inside, coarse, role]);
        facts.add(&["name.", inside, coarse]);
        facts.add(&["about<", bucket(left(about)), coarse, role]);
        facts.add(&["about<", bucket(left(about)), coarse]);
        facts.add(&["about>", bucket(right(about)), coarse, role]);
        facts.add(&["about>", bucket(right(about)), coarse]);
        facts.add(&["about.", bucket(within(about)), coarse, role]);
        facts.add(&["tool.", bucket(within(&self.tool)), coarse, role]);
        facts.add(&["tool<", bucket(at(&self.tool, c.from.checked_sub(1))), coarse]);
        // whether another parameter has a better right to it
        let rival = |of: &dyn Fn(&[f64]) -> f64| {
            (0..self.name.len())
                .filter(|other| *other != p)
                .map(|other| of(&self.name[other]).max(0.6 * of(&self.about[other])))
                .fold(0.0, f64::max)
        };
        let own_left = left(name).max(0.6 * left(about));
        let own_right = right(name).max(0.6 * right(about));
        let compare = |own: f64, other: f64| {
            if own > other + 0.1 {
                "own"
            } else if other > own + 0.1 {
                "other"
            } else if own > 0.3 {
                "both"
            } else {
                "none"
            }
        };
        let (rl, rr) = (compare(own_left, rival(&left)), compare(own_right, rival(&right)));
        facts.add(&["rival<", rl, coarse]);
        facts.add(&["rival>", rr, coarse]);
        facts.add(&["rival<>", rl, rr, coarse, role]);
        facts.add(&["rival.", compare(within(name), rival(&within)), coarse, role]);
        if param.textual() && c.to - c.from <= 6 && !matches!(c.kind, Kind::True | Kind::False) {
            let words: Vec<&str> = (c.from..c.to).map(|at| self.scene.u.word(at)).collect();
            let of = |found: Option<Kinds>| match found {
                None => "unknown",
                Some(kinds) if names_kind(param, kinds) => "own",
                Some(kinds) if (0..self.name.len()).any(|other| other != p && names_kind(&self.scene.tool.params[other], kinds)) => "other",
                Some(_) => "some",
            };
            let head = of(kinds_of_head(&words));
            let whole = of(kinds_of(&words));
            let wanted = if kind_names(param).any(|name| is_kind_name(&name)) {
                "kind"
            } else {
                ""
            };
            facts.add(&["kindof", head, wanted, coarse]);
            facts.add(&["kindof", head, wanted, coarse, role]);
            facts.add(&["kindof+whole", whole, wanted, coarse]);
            facts.add(&["kindof+first", of(kinds_of(&words[..1])), head, wanted]);
            if let Some(before) = c.from.checked_sub(1).filter(|at| *at >= region.0) {
                facts.add(&["kindof<", of(kinds_of(&[self.scene.u.word(before)])), head, wanted]);
            }
            if c.to < region.1 {
                facts.add(&["kindof>", of(kinds_of(&[self.scene.u.word(c.to)])), head, wanted]);
            }
        }
        facts.add(&["how+end", kind, c.how, end]);
        let same_role = self.scene.tool.params.iter().filter(|other| other.role == param.role).count();
        let earlier = self.scene.tool.params[..p].iter().filter(|other| other.role == param.role).count();
        if param.textual()
            && let Some(serde_json::Value::String(text)) = &c.value
            && !matches!(
                c.kind,
                Kind::Date | Kind::Time | Kind::DateTime | Kind::Range | Kind::Joined | Kind::Ends
            )
        {
            let shown = examples(&param.shows);
            let fit = if shown.is_empty() {
                "none"
            } else if shown.iter().any(|example| form(example) == form(text)) {
                "same"
            } else if shown.iter().any(|example| coarse_form(example) == coarse_form(text)) {
                "alike"
            } else {
                "other"
            };
            facts.add(&["example", fit, coarse]);
            facts.add(&["example", fit, coarse, role]);
            facts.add(&["example", fit, kind]);
            let own = coarse_form(text);
            facts.add(&["form", &own, role]);
            facts.add(&["form", &own, head]);
        }
        if matches!(c.kind, Kind::Date | Kind::DateTime | Kind::Range | Kind::Joined)
            && let Some(serde_json::Value::String(text)) = &c.value
        {
            let today = self.scene.now.date().to_string();
            let iso = text.as_bytes().get(4) == Some(&b'-');
            let day = if !iso {
                "?"
            } else if text.as_str().get(..text.len().min(10)).unwrap_or("") < &today[..text.len().min(10)] {
                "past"
            } else {
                "coming"
            };
            let tense = match crate::values::tense(param, &self.scene.tool.verbs) {
                Some(true) => "past",
                Some(false) => "coming",
                None => "?",
            };
            let reads = if self.scene.tool.reads { "reads" } else { "writes" };
            facts.add(&["day", day, tense, c.how]);
            facts.add(&["day", day, reads, c.how]);
            facts.add(&["day", day, tense, reads]);
            facts.add(&[
                "day+month",
                day,
                reads,
                if crate::values::is_month(param) { "month" } else { "" },
                c.how,
            ]);
            facts.add(&["day+head", day, head]);
        }
        if matches!(c.kind, Kind::Range | Kind::Number)
            && let Some(year) = c.value.as_ref().and_then(serde_json::Value::as_f64)
        {
            let like = (1900.0..2100.0).contains(&year) && year.fract() == 0.0;
            facts.add(&[
                "year",
                if like { "like" } else { "" },
                if param.is_any(&["year", "vintage"]) || param.about.iter().any(|word| word == "year") {
                    "wanted"
                } else {
                    ""
                },
            ]);
        }
        facts.add(&["how+place", kind, c.how, size(same_role), size(earlier)]);
        match c.kind {
            Kind::Phrase => self.phrase(p, c, region, facts),
            Kind::List => {
                facts.add(&["list", c.how, items, role]);
                facts.add(&["list+head", c.how, head]);
                let u = self.scene.u;
                let more = |at: usize| matches!(u.word(at), "," | "and" | "&" | "or" | "plus");
                let left = c.from > region.0 && more(c.from - 1);
                let right = c.to < region.1 && more(c.to);
                facts.add(&["list+more", if left { "<" } else { "" }, if right { ">" } else { "" }, c.how]);
                let inside: Vec<&str> = self.tags[c.from..c.to]
                    .iter()
                    .map(String::as_str)
                    .filter(|tag| !matches!(*tag, "," | "and" | "&" | "or" | "plus"))
                    .collect();
                let entity = inside.iter().filter(|tag| tag.starts_with("e:")).count();
                let mix = if entity == inside.len() {
                    "entities"
                } else if entity == 0 {
                    "words"
                } else {
                    "mixed"
                };
                facts.add(&["list+mix", mix, items, role]);
                facts.add(&["list+mix", mix, c.how]);
                if let Some(first) = inside.first().filter(|tag| tag.starts_with("e:")) {
                    facts.add(&["list+kind", first, mix]);
                    facts.add(&["list+kind", first, mix, need]);
                    facts.add(&["list+kind", first, mix, role]);
                    facts.add(&["list+kind", first, mix, head]);
                }
                facts.add(&["list+options", if param.options.is_empty() { "" } else { "options" }, c.how]);
                self.phrase(p, c, region, facts);
            }
            Kind::Option => {
                facts.add(&["option", c.how, need]);
                facts.add(&["option", c.how, before]);
                facts.add(&["option", c.how, after]);
                facts.add(&[
                    "option+verb",
                    c.how,
                    if self.scene.verb_at.contains(&c.from) { "verb" } else { "" },
                    need,
                ]);
                facts.add(&["option+tool", c.how, bucket(self.tool[c.from])]);
                facts.add(&["option+near", c.how, near_left, near_right]);
                facts.add(&["option+tag", c.how, &self.tags[c.from]]);
                facts.add(&["option+open", c.how, if param.open { "open" } else { "closed" }]);
                let denied = (1..=3)
                    .filter_map(|gap| c.from.checked_sub(gap))
                    .any(|at| is_negation(self.scene.u.word(at)));
                facts.add(&["option+not", if denied { "not" } else { "" }, c.how]);
                let others = self
                    .scene
                    .tool
                    .params
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != p)
                    .any(|(_, other)| {
                        other.options.iter().any(|option| {
                            crate::segment::option_at(self.scene.u, c.from, option).is_some_and(|(how, _)| how.starts_with("exact"))
                        })
                    });
                facts.add(&["option+other", c.how, if others { "other" } else { "" }]);
                let label = param
                    .options
                    .iter()
                    .filter(|option| crate::segment::option_at(self.scene.u, c.from, option).is_some())
                    .count();
                facts.add(&["option+shared", c.how, size(label)]);
            }
            Kind::True | Kind::False => {
                let u = self.scene.u;
                let denied = (1..=4)
                    .filter_map(|gap| c.from.checked_sub(gap))
                    .filter(|at| *at >= region.0)
                    .any(|at| {
                        is_negation(u.word(at)) || matches!(u.word(at), "off" | "skip" | "drop" | "remove" | "cancel" | "disable" | "stop")
                    });
                let later = (c.to..(c.to + 4).min(region.1)).any(|at| is_negation(u.word(at)) || u.word(at) == "off");
                let negative = param
                    .words
                    .iter()
                    .any(|word| matches!(word.as_str(), "no" | "without" | "skip" | "exclud" | "disabl" | "un"));
                let sign = match (denied, later) {
                    (true, _) => "not<",
                    (_, true) => "not>",
                    _ => "",
                };
                facts.add(&["flag", kind, sign, c.how]);
                facts.add(&["flag", kind, sign, if negative { "neg" } else { "" }]);
                facts.add(&["flag", kind, sign, need]);
                facts.add(&["flag", c.how, need]);
                facts.add(&["flag+tool", kind, bucket(self.tool[c.from]), c.how]);
                facts.add(&["flag+tag", c.how, &self.tags[c.from]]);
                facts.add(&["flag+first", kind, sign, first]);
                let whole = param
                    .words
                    .iter()
                    .filter(|word| word.len() > 2)
                    .all(|word| (0..self.tags.len()).any(|at| thesaurus().similarity(word, &u.tokens[at].stem) >= 0.75));
                facts.add(&["flag+whole", if whole { "whole" } else { "part" }, c.how]);
            }
            Kind::Id | Kind::Phone => {
                if let Some(crate::segment::Kind::Id) = Some(c.kind)
                    && let Some(serde_json::Value::String(text)) = &c.value
                {
                    let shown = !id_examples(&param.shows).is_empty();
                    let alike = alike_example(text, &param.shows);
                    let other = foreign(text, &param.shows, &self.scene.tool.prefixes);
                    let of = of_kind(text, &param.shows, &self.scene.tool.prefixes);
                    facts.add(&["id", if shown { "shown" } else { "" }, if alike { "alike" } else { "" }, role]);
                    facts.add(&["id", if other { "foreign" } else { "" }, if of { "kind" } else { "" }, role]);
                    let ending = match (is_file(text), shows_ending(&param.description, text)) {
                        (true, true) => "shown",
                        (true, false) => "file",
                        _ => "",
                    };
                    facts.add(&["file", ending, role]);
                    let letters: String = text
                        .chars()
                        .take_while(char::is_ascii_alphabetic)
                        .collect::<String>()
                        .to_lowercase();
                    let begins = letters.len() >= 2
                        && param
                            .words
                            .iter()
                            .any(|word| word.starts_with(&letters) || letters.starts_with(word.as_str()));
                    facts.add(&["id+prefix", if begins { "fits" } else { "" }, role]);
                }
                self.order(c, same_role, earlier, end, role, facts);
            }
            _ => {
                self.order(c, same_role, earlier, end, role, facts);
                self.counted(p, c, region, facts);
                if c.kind == Kind::Proper
                    && let Some(serde_json::Value::String(text)) = &c.value
                {
                    let words = text.split(' ').count();
                    let code = text.len() <= 6 && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
                    facts.add(&["proper", size(words), if code { "code" } else { "" }, role]);
                    let noun = stem(&text.to_lowercase());
                    let own = self.scene.tool.words.contains(&noun) || param.words.contains(&noun);
                    facts.add(&["proper+own", if own { "own" } else { "" }, role]);
                    facts.add(&[
                        "proper+known",
                        if classes(&text.to_lowercase()).known() { "word" } else { "" },
                        role,
                    ]);
                    facts.add(&["proper+file", if shows_any_ending(&param.description) { "file" } else { "" }]);
                    facts.add(&["proper+shown", if id_examples(&param.shows).is_empty() { "" } else { "id" }, role]);
                }
            }
        }
    }

    /// Which of several of its kind a mention is, for a parameter that is one of several of its role.
    fn order(&self, c: &Candidate, same_role: usize, earlier: usize, end: &str, role: &str, facts: &mut Facts) {
        let of_kind: Vec<usize> = self
            .scene
            .entities()
            .filter(|entity| Kind::of(&entity.what) == c.kind)
            .map(|entity| entity.from)
            .collect();
        let place = of_kind.iter().filter(|from| **from < c.from).count();
        facts.add(&["order", size(of_kind.len()), size(place), size(same_role), size(earlier)]);
        facts.add(&["order+end", size(of_kind.len()), size(place), end, role]);
        facts.add(&["order+kind", size(of_kind.len()), size(place), c.kind.name(), role]);
    }

    /// What a number counts.
    fn counted(&self, p: usize, c: &Candidate, region: (usize, usize), facts: &mut Facts) {
        if !matches!(c.kind, Kind::Number | Kind::Length | Kind::Money | Kind::Percent) {
            return;
        }
        let param = &self.scene.tool.params[p];
        let role = role_name(param.role);
        let next = (c.to..(c.to + 3).min(region.1)).find(|at| self.tags[*at].contains('n') || self.tags[*at].starts_with('u'));
        let near = |row: &[f64]| next.map_or(0.0, |at| row[at]);
        let own = near(&self.name[p]).max(0.7 * near(&self.about[p]));
        let other = (0..self.name.len())
            .filter(|other| *other != p && matches!(self.scene.tool.params[*other].items, Type::Integer | Type::Number))
            .map(|other| near(&self.name[other]).max(0.7 * near(&self.about[other])))
            .fold(0.0, f64::max);
        facts.add(&["counts", bucket(own), c.kind.name(), role]);
        facts.add(&["counts+rival", bucket(own), bucket(other)]);
        facts.add(&["counts+tool", bucket(near(&self.tool)), c.kind.name(), role]);
        let fraction = c
            .value
            .as_ref()
            .and_then(serde_json::Value::as_f64)
            .is_some_and(|value| value.fract() != 0.0);
        facts.add(&["fraction", if fraction { "yes" } else { "" }, role, type_name(param.items)]);
        let words: Vec<&str> = std::iter::once(self.preposition(c.from, region))
            .chain((1..=3).filter_map(|gap| c.from.checked_sub(gap)).map(|at| self.scene.u.word(at)))
            .collect();
        facts.add(&["comparison", comparison(&words, param)]);
        let money = self.scene.entities().filter(|entity| Kind::of(&entity.what) == Kind::Money).count();
        facts.add(&["money", size(money), c.kind.name(), role]);
    }

    /// The shape of a phrase.
    fn phrase(&self, p: usize, c: &Candidate, region: (usize, usize), facts: &mut Facts) {
        let param = &self.scene.tool.params[p];
        let role = role_name(param.role);
        let head = param.plain.last().map_or("", String::as_str);
        let coarse = c.kind.name();
        let tags = &self.tags[c.from..c.to];
        let (a, z) = (tags[0].as_str(), tags[tags.len() - 1].as_str());
        let before = self.tag_before(c.from, region);
        let after = self.tag(c.to, region);
        let length = size(tags.len());
        facts.add(&["length", length, role, coarse]);
        facts.add(&["length+head", length, head, coarse]);
        facts.add(&["first", a, role, coarse]);
        facts.add(&["last", z, role, coarse]);
        facts.add(&["edge<", before, a, coarse]);
        facts.add(&["edge>", z, after, coarse]);
        facts.add(&["edge<", before, a, role, coarse]);
        facts.add(&["edge>", z, after, role, coarse]);
        facts.add(&["ends", a, z, coarse]);
        facts.add(&["first+length", a, length, coarse]);
        let crossed = (c.from..c.to).filter(|at| self.scene.region(*at) != Some(region)).count();
        facts.add(&["crossed", size(crossed.min(1)), role]);
        facts.add(&[
            "sentences",
            size(tags.iter().filter(|tag| matches!(tag.as_str(), "." | "!" | "?")).count()),
            role,
        ]);
        let begins = c.from == region.0;
        let ends =
            c.to >= region.1 || (c.to..region.1).all(|at| matches!(self.tags[at].as_str(), "." | "!" | "?" | "please" | "thanks" | ","));
        let touch = match (begins, ends) {
            (true, true) => "whole",
            (true, _) => "begin",
            (_, true) => "end",
            _ => "mid",
        };
        facts.add(&["touch", touch, role, coarse]);
        facts.add(&["touch+length", touch, length, role]);
        let verb = tags.iter().any(|tag| tag == "VERB");
        facts.add(&["verb.", if verb { "verb" } else { "" }, role, coarse]);
        let count = |of: &dyn Fn(&str) -> bool| tags.iter().filter(|tag| of(tag)).count();
        let preps = tags.iter().skip(1).filter(|tag| is_preposition(tag)).count();
        facts.add(&["preps", size(preps), role]);
        facts.add(&["of", size(count(&|tag| tag == "of")), size(preps), role]);
        facts.add(&["and", size(count(&|tag| tag == "and")), role]);
        facts.add(&["puncts", size(count(&|tag| matches!(tag, "," | ":" | ";" | "-" | "."))), role]);
        let who = count(&|tag| matches!(tag, "i" | "we" | "he" | "she" | "they" | "it" | "you"));
        let finite = count(&|tag| {
            matches!(
                tag,
                "is" | "are" | "was" | "were" | "has" | "have" | "had" | "will" | "can" | "can't" | "won't" | "doesn't" | "isn't"
            )
        });
        facts.add(&["clause", size(who.min(1)), size(finite.min(1)), role]);
        for kind in [
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
        ] {
            if tags.iter().any(|tag| tag == kind) {
                facts.add(&["holds", kind, role]);
            }
        }
        let words = tags.iter().filter(|tag| !tag.starts_with("e:")).count();
        facts.add(&["plain", if words == 0 { "none" } else { "some" }, role]);
        // a noun phrase as long as it goes
        let nominal = |tag: &str| {
            tag.contains('n') || tag.contains('j') || tag.starts_with(['u', 'U']) || tag == "e:proper" || tag == "e:quoted" || tag == "e:id"
        };
        let pure = tags.iter().all(|tag| nominal(tag) && tag.len() <= 4 || tag.starts_with("e:"));
        let open_left = nominal(before) && before.len() <= 4;
        let open_right = c.to < region.1 && nominal(after) && after.len() <= 4;
        let np = match (pure, open_left, open_right) {
            (true, false, false) => "full",
            (true, true, _) => "cut<",
            (true, _, true) => "cut>",
            (false, ..) => "mixed",
        };
        let label = match c.from.checked_sub(1).filter(|at| *at >= region.0) {
            Some(at) if self.name[p][at] >= 0.75 => "name",
            Some(at) if self.tool[at] >= 0.75 => "tool",
            Some(at) if (0..self.name.len()).any(|other| other != p && self.name[other][at] >= 0.99) => "other",
            Some(at) if self.about[p][at] >= 0.75 => "about",
            Some(at) if self.tags[at].starts_with("e:") => "entity",
            Some(at) if self.tags[at] == "VERB" => "verb",
            Some(_) => "plain",
            None => "begin",
        };
        facts.add(&["np+label", np, label, role]);
        facts.add(&["np+label", np, label, coarse]);
        let tail = match Some(c.to).filter(|at| *at < region.1) {
            Some(at) if self.name[p][at] >= 0.75 => "name",
            Some(at) if self.tool[at] >= 0.75 => "tool",
            Some(at) if (0..self.name.len()).any(|other| other != p && self.name[other][at] >= 0.99) => "other",
            Some(at) if self.about[p][at] >= 0.75 => "about",
            Some(at) if self.tags[at].starts_with("e:") => "entity",
            Some(at) if self.tags[at] == "VERB" => "verb",
            Some(_) => "plain",
            None => "end",
        };
        facts.add(&["np+tail", np, tail, role]);
        facts.add(&["np+tail", np, tail, after]);
        facts.add(&["np", np, role, coarse]);
        facts.add(&["np", np, before]);
        facts.add(&["np+head", np, head]);
        let after_verb = before == "VERB" || is_determiner(before) && c.from >= 2 && self.tags[c.from - 2] == "VERB";
        facts.add(&["object", if after_verb { "yes" } else { "" }, np, role]);
        let tool = self.tool[c.from..c.to].iter().filter(|near| **near >= 0.75).count();
        facts.add(&["toolwords", size(tool), length]);
        let named = self.name[p][c.from..c.to].iter().filter(|near| **near >= 0.75).count();
        facts.add(&["namewords", size(named), length]);
        // words of other parameters and of options belong to those
        let others = (0..self.name.len())
            .filter(|other| *other != p)
            .map(|other| self.name[other][c.from..c.to].iter().filter(|near| **near >= 0.99).count())
            .max()
            .unwrap_or(0);
        facts.add(&["otherwords", size(others), role]);
        let option = self
            .scene
            .tool
            .params
            .iter()
            .enumerate()
            .filter(|(other, other_param)| *other != p && !other_param.options.is_empty())
            .any(|(_, other)| {
                other.options.iter().any(|option| {
                    (c.from..c.to)
                        .any(|at| crate::segment::option_at(self.scene.u, at, option).is_some_and(|(how, _)| how.starts_with("exact")))
                })
            });
        facts.add(&["optionwords", if option { "yes" } else { "" }, role]);
        let upper = self.scene.u.tokens[c.from..c.to]
            .iter()
            .filter(|token| token.text.starts_with(char::is_uppercase))
            .count();
        facts.add(&[
            "upper",
            if upper == tags.len() {
                "all"
            } else if upper > 0 {
                "some"
            } else {
                "none"
            },
            role,
        ]);
        let first_upper = self.scene.u.tokens[c.from].text.starts_with(char::is_uppercase)
            && c.from > region.0
            && !matches!(self.scene.u.word(c.from), "i" | "i'm" | "i've" | "i'd" | "i'll");
        facts.add(&["upper+first", if first_upper { "yes" } else { "" }, before, role]);
        let upper_before = c.from > region.0 + 1
            && self.scene.u.tokens[c.from - 1].text.starts_with(char::is_uppercase)
            && self.scene.u.tokens[c.from - 1].shape == Shape::Word;
        facts.add(&[
            "upper+before",
            if upper_before { "yes" } else { "" },
            if first_upper { "yes" } else { "" },
            role,
        ]);
        let entities: Vec<_> = self
            .scene
            .entities()
            .filter(|entity| entity.from < c.to && c.from < entity.to)
            .collect();
        facts.add(&["entities", size(entities.len()), role]);
        if c.how == "owner" {
            facts.add(&["owner", role]);
        }
        if id_examples(&param.shows).is_empty() {
            facts.add(&["unshown", role]);
        } else {
            facts.add(&["shown", role]);
        }
    }

    /// What speaks for a parameter that was not mentioned.
    fn absent(&self, p: usize, facts: &mut Facts) {
        let param = &self.scene.tool.params[p];
        let role = role_name(param.role);
        let ty = type_name(param.ty);
        let need = if param.required { "req" } else { "opt" };
        let head = param.plain.last().map_or("", String::as_str);
        facts.add(&["null", role, need]);
        facts.add(&["null", ty, need]);
        facts.add(&["null", need]);
        facts.add(&["null+head", head, need]);
        let inside = |row: &[f64]| {
            (0..row.len())
                .filter(|at| self.scene.region(*at).is_some())
                .map(|at| row[at])
                .fold(0.0, f64::max)
        };
        let named = bucket(inside(&self.name[p]));
        facts.add(&["null+named", named, role, need]);
        facts.add(&["null+named", named, ty]);
        facts.add(&["null+about", bucket(inside(&self.about[p])), role]);
        facts.add(&[
            "null+options",
            if param.options.is_empty() { "" } else { "options" },
            if param.open { "open" } else { "" },
            need,
        ]);
        let kinds: std::collections::BTreeSet<&str> = self.scene.entities().map(|entity| Kind::of(&entity.what).name()).collect();
        for kind in [
            "date", "time", "datetime", "number", "money", "id", "proper", "quoted", "length", "email",
        ] {
            facts.add(&["null+kinds", kind, if kinds.contains(kind) { "there" } else { "" }, role]);
        }
        let words = (0..self.tags.len()).filter(|at| self.scene.region(*at).is_some()).count();
        facts.add(&["null+words", size(words), role, need]);
    }
}

/// Whether an id looks like the one that the description gives as an example: "such as INC0012345".
pub(crate) fn alike_example(id: &str, description: &str) -> bool {
    let shape = |text: &str| -> String {
        let mut out = String::new();
        for c in text.chars().filter(|c| !matches!(c, '-' | '_' | '/')) {
            let kind = if c.is_ascii_digit() {
                '9'
            } else if c.is_ascii_alphabetic() {
                'a'
            } else {
                c
            };
            if !out.ends_with(kind) {
                out.push(kind);
            }
        }
        out
    };
    let letters = |text: &str| {
        text.chars()
            .take_while(char::is_ascii_alphabetic)
            .collect::<String>()
            .to_uppercase()
    };
    description
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | '"' | '\''))
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| word.chars().any(|c| c.is_ascii_digit()))
        .any(|example| shape(example) == shape(id) || !letters(id).is_empty() && letters(id) == letters(example))
}

/// Whether a number is said to be the least or the most there may be, as the parameter wants it.
fn comparison(words: &[&str], param: &Param) -> &'static str {
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    let low = has(&[
        "over", "above", "least", "minimum", "more", "min", "exceed", "beyond", "greater", "from", "after", "since",
    ]);
    let high = has(&[
        "under", "below", "most", "maximum", "less", "max", "up", "within", "cheaper", "budget", "fewer", "until", "before",
    ]);
    let is_low = param.is_any(&["min", "minimum", "lower", "least", "from", "after"]);
    let is_high = param.is_any(&["max", "maximum", "upper", "budget", "limit", "ceil", "until", "before", "to"]);
    match (low, high) {
        (true, _) if is_low => "fits",
        (true, _) if is_high => "against",
        (_, true) if is_high => "fits",
        (_, true) if is_low => "against",
        (false, false) if is_low || is_high => "wanted",
        (false, false) => "",
        _ => "said",
    }
}
