//! What an utterance says about the parameters of one tool.
//!
//! In four passes, the surest first: free text behind a cue ("saying …"), mentions with a value of their own (dates,
//! ids, amounts), words that name an option or a flag, and what phrases are left.

use jiff::civil::DateTime;
use serde_json::{Value, json};

use crate::clause::Clause;
use crate::language::entities::{Entity, Utterance, What, currency};
use crate::language::stem::stem;
use crate::language::thesaurus::thesaurus;
use crate::language::tokens::{Shape, name_words};
use crate::language::when::When;
use crate::language::words::{is_determiner, is_filler, is_negation, is_preposition, is_stop};
use crate::phrases;
use crate::schema::{End, Param, Role, ToolFacts, Type};
use crate::values;

/// The parameters of a tool as far as an utterance gives them.
#[derive(Clone, Debug)]
pub(crate) struct Assigned {
    /// One for each parameter of the tool.
    pub(crate) values: Vec<Option<Value>>,
    /// How well the mentions fit the tool: parts of the score of the tool.
    pub(crate) fit: f64,
    /// Tokens that became values.
    pub(crate) taken: Vec<bool>,
    /// Mentions that found no place.
    pub(crate) left: usize,
}

/// The surroundings of a mention.
pub(crate) struct Around {
    pub(crate) prep: String,
    /// Stems between the preposition and the mention, nearest first.
    pub(crate) before: Vec<String>,
    /// Stems behind.
    pub(crate) after: Vec<String>,
}

/// Reads the arguments of `tool` from one clause of `u` (and from `context`, clauses without a wish of their own).
pub(crate) fn assign(u: &Utterance, clause: &Clause, context: &[(usize, usize)], tool: &ToolFacts, now: DateTime) -> Assigned {
    let mut work = Work {
        u,
        tool,
        now,
        spans: std::iter::once((clause.from, clause.to)).chain(context.iter().copied()).collect(),
        verb_at: &clause.verb_at,
        held: clause.condition.as_ref().map(|condition| (condition.from, condition.to)),
        out: Assigned {
            values: vec![None; tool.params.len()],
            fit: 0.0,
            taken: vec![false; u.tokens.len()],
            left: 0,
        },
    };
    for (from, to) in &u.dropped {
        work.take(*from, *to);
    }
    for (from, to) in &work.spans.clone() {
        phrases::free_text(&mut work, *from, *to);
    }
    work.mentions();
    work.pairs();
    work.currencies();
    work.options();
    work.flags();
    phrases::fill(&mut work);
    work.told();
    work.mentions_left();
    work.out
}

/// Assignment in progress.
pub(crate) struct Work<'a> {
    pub(crate) u: &'a Utterance,
    pub(crate) tool: &'a ToolFacts,
    pub(crate) now: DateTime,
    pub(crate) spans: Vec<(usize, usize)>,
    pub(crate) verb_at: &'a [usize],
    /// The condition of the wish: numbers in it are not its arguments.
    pub(crate) held: Option<(usize, usize)>,
    pub(crate) out: Assigned,
}

impl Work<'_> {
    /// Whether the token lies in what is being read.
    pub(crate) fn within(&self, at: usize) -> bool {
        self.spans.iter().any(|(from, to)| (*from..*to).contains(&at))
    }

    pub(crate) fn free(&self, from: usize, to: usize) -> bool {
        (from..to).all(|at| !self.out.taken[at])
    }

    pub(crate) fn take(&mut self, from: usize, to: usize) {
        for at in from..to.min(self.out.taken.len()) {
            self.out.taken[at] = true;
        }
    }

    pub(crate) fn set(&mut self, index: usize, value: Value, fit: f64) {
        let param = &self.tool.params[index];
        let value = if param.ty == Type::List && !value.is_array() {
            json!([value])
        } else {
            value
        };
        self.out.values[index] = Some(value);
        self.out.fit += fit;
    }

    fn open_entities(&self) -> Vec<Entity> {
        self.u
            .entities
            .iter()
            .filter(|entity| self.within(entity.from) && self.free(entity.from, entity.to))
            .filter(|entity| {
                let number = matches!(entity.what, What::Number(_) | What::Money(..) | What::Percent(_));
                !number || !self.held.is_some_and(|(from, to)| (from..to).contains(&entity.from))
            })
            .cloned()
            .collect()
    }

    /// Mentions with a value of their own go to the parameter that suits them best.
    fn mentions(&mut self) {
        let entities = self.open_entities();
        let arounds: Vec<Around> = entities.iter().map(|entity| around(self.u, entity, self.spans[0].0)).collect();
        let mut scored: Vec<(f64, usize, usize)> = Vec::new();
        for (e, entity) in entities.iter().enumerate() {
            for (p, param) in self.tool.params.iter().enumerate() {
                if self.out.values[p].is_none() {
                    let score = score(&entity.what, &arounds[e], param, self.tool);
                    let score = score + if param.required { 0.3 } else { 0.0 };
                    if score >= 3.5 {
                        scored.push((score, e, p));
                    }
                }
            }
        }
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        let mut used = vec![false; entities.len()];
        for (score, e, p) in scored {
            let param = &self.tool.params[p];
            let range = matches!(entities[e].what, What::When(When::Range(..)));
            let both = matches!(entities[e].what, What::When(When::DateTime(_)));
            let shared = (range || both) && matches!(param.role, Role::Date | Role::DateTime | Role::Time);
            let money = matches!(entities[e].what, What::Money(..)) && param.role == Role::Currency;
            if self.out.values[p].is_some() || (used[e] && !shared && !money) {
                continue;
            }
            if param.ty == Type::List
                && let Some((list, last)) = self.list(&entities, e, &used, param)
            {
                for index in e..=last {
                    used[index] = true;
                }
                self.take(entities[e].from, entities[last].to);
                self.set(p, Value::Array(list), 0.8);
                continue;
            }
            let said = self.u.slice(entities[e].from, entities[e].to).to_owned();
            let said = said.trim_start_matches('#');
            let value = if money {
                match entities[e].what {
                    What::Money(_, Some(code)) => Some(option_or(param, code)),
                    _ => None,
                }
            } else if matches!((&entities[e].what, param.role), (What::Ordinal(_), Role::Count)) && param.textual() {
                None
            } else if let What::Proper(text) | What::Id(text) | What::Quoted(text) = &entities[e].what
                && let Some(option) = param
                    .options
                    .iter()
                    .find(|option| option.as_str().is_some_and(|option| option.eq_ignore_ascii_case(text)))
            {
                Some(option.clone())
            } else {
                values::value(&entities[e].what, said, param, self.now)
            };
            // "the living room TV": a thing keeps what stands before it
            let begin = if param.role == Role::Thing && !param.is_any(&["name"]) && matches!(entities[e].what, What::Proper(_)) {
                self.modifiers(&entities[e], param)
            } else {
                entities[e].from
            };
            let value = if begin < entities[e].from {
                Some(json!(self.u.slice(begin, entities[e].to)))
            } else {
                value
            };
            if let Some(value) = value {
                used[e] = true;
                self.take(begin, entities[e].from);
                if !shared {
                    let counted = matches!(entities[e].what, What::Number(_))
                        && param.role != Role::Id
                        && arounds[e].after.first().is_some_and(|word| {
                            param.about.contains(word) || param.words.iter().any(|known| thesaurus().similarity(known, word) >= 0.8)
                        });
                    let unit = counted
                        && (!param.is_any(&["quantity", "amount", "count", "qty"])
                            || matches!(
                                arounds[e].after[0].as_str(),
                                "degre" | "unit" | "piec" | "copy" | "people" | "person"
                            ));
                    self.take(entities[e].from, entities[e].to + usize::from(unit));
                }
                self.set(p, value, (score / 10.0).min(1.0));
            }
        }
        for (e, entity) in entities.iter().enumerate() {
            if used[e] {
                self.take(entity.from, entity.to);
            }
        }
        self.join_date_and_time(&entities);
        self.span_by_length(&entities);
    }

    /// Where the lower-case words begin that belong to a name.
    fn modifiers(&self, entity: &Entity, param: &Param) -> usize {
        let mut begin = entity.from;
        while let Some(at) = begin.checked_sub(1) {
            let token = &self.u.tokens[at];
            let plain = token.shape == Shape::Word
                && self.within(at)
                && !self.out.taken[at]
                && !self.verb_at.contains(&at)
                && !is_stop(&token.lower)
                && !is_filler(&token.lower)
                && !is_preposition(&token.lower)
                && !is_determiner(&token.lower)
                && !self.u.entities.iter().any(|other| other.from <= at && at < other.to)
                && !self
                    .tool
                    .words
                    .iter()
                    .chain(&param.words)
                    .any(|word| thesaurus().similarity(word, &token.stem) >= 0.8)
                && !self.tool.params.iter().any(|other| {
                    other.words.contains(&token.stem)
                        || other
                            .options
                            .iter()
                            .any(|option| option.as_str().is_some_and(|text| text.eq_ignore_ascii_case(&token.lower)))
                });
            if !plain || entity.from - at > 3 {
                break;
            }
            begin = at;
        }
        let led = begin
            .checked_sub(1)
            .is_some_and(|at| is_determiner(self.u.word(at)) || is_preposition(self.u.word(at)));
        if led { begin } else { entity.from }
    }

    /// Neighbouring mentions of one kind, as the items of a list.
    fn list(&self, entities: &[Entity], first: usize, used: &[bool], param: &Param) -> Option<(Vec<Value>, usize)> {
        let mut list = Vec::new();
        let mut last = first;
        for (index, entity) in entities.iter().enumerate().skip(first) {
            let near = index == first || {
                let between = entities[last].to..entity.from;
                between.len() <= 2
                    && self.u.tokens[between]
                        .iter()
                        .all(|token| matches!(token.lower.as_str(), "," | "and" | "&" | "or"))
            };
            let same = std::mem::discriminant(&entity.what) == std::mem::discriminant(&entities[first].what);
            if !near || !same || used[index] {
                break;
            }
            let said = self.u.slice(entity.from, entity.to);
            list.push(values::value(&entity.what, said.trim_start_matches('#'), param, self.now)?);
            last = index;
        }
        (!list.is_empty()).then_some((list, last))
    }

    /// A parameter for a point in time takes a date and a time that were said apart.
    fn join_date_and_time(&mut self, entities: &[Entity]) {
        let dates: Vec<(usize, jiff::civil::Date)> = entities
            .iter()
            .filter_map(|entity| match entity.what {
                What::When(When::Date(date)) => Some((entity.from, date)),
                _ => None,
            })
            .collect();
        let mut times: Vec<(usize, usize, jiff::civil::Time)> = entities
            .iter()
            .filter_map(|entity| match entity.what {
                What::When(When::Time(time)) => Some((entity.from, entity.to, time)),
                _ => None,
            })
            .collect();
        let wanted: Vec<usize> = (0..self.tool.params.len())
            .filter(|p| self.tool.params[*p].role == Role::DateTime)
            .collect();
        if wanted.is_empty() || times.is_empty() {
            return;
        }
        let has_time = self.tool.params.iter().any(|param| param.role == Role::Time);
        if has_time && dates.is_empty() {
            return;
        }
        times.sort_by_key(|(from, ..)| *from);
        for (order, p) in wanted.iter().enumerate() {
            let index = if wanted.len() == 1 { 0 } else { order };
            let Some((at, end, time)) = times.get(index).copied() else { break };
            let date = dates
                .iter()
                .min_by_key(|(from, _)| from.abs_diff(at))
                .map_or(self.now.date(), |(_, date)| *date);
            self.take(at, end);
            for entity in entities.iter().filter(|entity| matches!(entity.what, What::When(When::Date(_)))) {
                self.take(entity.from, entity.to);
            }
            let value = values::datetime(date.to_datetime(time), &self.tool.params[*p]);
            self.set(*p, value, 0.5);
        }
        if let [start, end] = wanted[..]
            && times.len() == 1
            && let Some(What::When(When::Length(count, unit))) = entities
                .iter()
                .map(|entity| &entity.what)
                .find(|what| matches!(what, What::When(When::Length(..))))
        {
            let minutes = (count * if *unit == "hours" { 60.0 } else { 1.0 }) as i64;
            let date = dates.first().map_or(self.now.date(), |(_, date)| *date);
            let from = date.to_datetime(times[0].2);
            if let Ok(until) = from.checked_add(jiff::ToSpan::minutes(minutes)) {
                self.set(start, values::datetime(from, &self.tool.params[start]), 0.0);
                self.set(end, values::datetime(until, &self.tool.params[end]), 0.5);
            }
        }
    }

    /// "For three nights from Friday": the end follows from the beginning.
    fn span_by_length(&mut self, entities: &[Entity]) {
        let date = entities.iter().find_map(|entity| match entity.what {
            What::When(When::Date(date)) => Some(date),
            _ => None,
        });
        let length = entities.iter().find_map(|entity| match entity.what {
            What::When(When::Length(count, unit @ ("days" | "nights" | "weeks"))) => Some((count, unit, entity.clone())),
            _ => None,
        });
        let (Some(date), Some((count, unit, entity))) = (date, length) else {
            return;
        };
        let ends = (0..self.tool.params.len())
            .find(|p| self.tool.params[*p].role == Role::Date && self.tool.params[*p].end == End::To && self.out.values[*p].is_none());
        if let Some(p) = ends {
            let days = count as i32 * if unit == "weeks" { 7 } else { 1 }
                - i32::from(
                    unit == "days"
                        && !self
                            .tool
                            .params
                            .iter()
                            .any(|param| param.words.iter().any(|word| word == "checkout" || word == "check")),
                );
            if let Ok(end) = date.checked_add(jiff::ToSpan::days(days)) {
                self.set(p, values::date(end, &self.tool.params[p]), 0.5);
                self.take(entity.from, entity.to);
            }
        }
    }

    /// Parameters that come as a pair read "from … to …".
    fn pairs(&mut self) {
        for role in [Role::Date, Role::Time, Role::DateTime, Role::Place, Role::Person] {
            let of_role: Vec<usize> = (0..self.tool.params.len())
                .filter(|p| self.tool.params[*p].role == role && self.tool.params[*p].ty != Type::List)
                .collect();
            let filled: Vec<usize> = of_role.iter().copied().filter(|p| self.out.values[*p].is_some()).collect();
            let wanting: Vec<usize> = of_role
                .iter()
                .copied()
                .filter(|p| self.out.values[*p].is_none() && self.tool.params[*p].required)
                .collect();
            if let ([from], [to]) = (&filled[..], &wanting[..])
                && !self.tool.params[*from].required
            {
                self.out.values.swap(*from, *to);
            }
        }
        for role in [Role::Date, Role::Time, Role::Place, Role::Currency] {
            let find = |end: End| {
                (0..self.tool.params.len())
                    .find(|p| self.tool.params[*p].role == role && self.tool.params[*p].end == end && self.tool.params[*p].ty != Type::List)
            };
            let (Some(a), Some(b)) = (find(End::From), find(End::To)) else {
                continue;
            };
            if let (Role::Date | Role::Time, Some(Value::String(first)), Some(Value::String(last))) =
                (role, self.out.values[a].clone(), self.out.values[b].clone())
                && first > last
                && first.len() == last.len()
                && first.as_bytes().get(4) == last.as_bytes().get(4)
            {
                self.out.values.swap(a, b);
            }
        }
    }

    /// Currencies that are named apart from an amount: "into euros".
    fn currencies(&mut self) {
        for at in 0..self.u.tokens.len() {
            let Some(code) = currency(self.u.word(at)).filter(|_| self.within(at) && !self.out.taken[at] && !self.verb_at.contains(&at))
            else {
                continue;
            };
            let mut prep = self.preposition_before(at);
            if prep.is_empty() && self.u.word(at + 1) == "to" {
                prep = "from".into();
            }
            let fits = |end: End| match prep.as_str() {
                "to" | "in" | "into" => end != End::From,
                "from" => end != End::To,
                _ => true,
            };
            let found = (0..self.tool.params.len()).find(|p| {
                let param = &self.tool.params[*p];
                self.out.values[*p].is_none() && (param.role == Role::Currency || param.is_any(&["currency"])) && fits(param.end)
            });
            if let Some(p) = found {
                let value = option_or(&self.tool.params[p], code);
                self.set(p, value, 0.7);
                self.take(at, at + 1);
            }
        }
    }

    /// Words that name an allowed value.
    fn options(&mut self) {
        let known = thesaurus();
        let params: Vec<usize> = (0..self.tool.params.len())
            .filter(|p| self.out.values[*p].is_none() && !self.tool.params[*p].options.is_empty())
            .collect();
        let mut scored: Vec<(f64, usize, usize, usize, Value)> = Vec::new();
        for p in params {
            let param = &self.tool.params[p];
            for option in &param.options {
                let text = match option {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                let words: Vec<String> = name_words(&text).iter().map(|word| stem(word)).collect();
                if words.is_empty() {
                    continue;
                }
                for at in 0..self.u.tokens.len() {
                    if !self.within(at) || self.verb_at.contains(&at) && words.len() == 1 && self.u.tokens[at].stem != words[0] {
                        continue;
                    }
                    let (score, used) = self.option_at(at, &words, &text);
                    if score == 0.0 || !self.free(at, at + used) {
                        continue;
                    }
                    let prep = self.preposition_before(at);
                    let side = match (param.end, prep.as_str()) {
                        (End::From, "from") | (End::To, "to" | "into" | "in") => 2.0,
                        (End::From, "to" | "into") | (End::To, "from") => -2.0,
                        _ => 0.0,
                    };
                    let near = (1..=2).any(|gap| {
                        at >= gap
                            && param
                                .words
                                .iter()
                                .any(|word| known.similarity(word, &self.u.tokens[at - gap].stem) >= 0.8)
                            || self
                                .u
                                .tokens
                                .get(at + used - 1 + gap)
                                .is_some_and(|token| param.words.iter().any(|word| known.similarity(word, &token.stem) >= 0.8))
                    });
                    let denied = at > 0 && is_negation(self.u.word(at - 1));
                    let in_name = used == 1 && score < 3.0 && self.tool.words.contains(&self.u.tokens[at].stem);
                    let verb = if self.verb_at.contains(&at) { -0.5 } else { 0.0 };
                    let total = score + side + if near { 1.0 } else { 0.0 } + verb
                        - if denied { 3.0 } else { 0.0 }
                        - if in_name { 1.2 } else { 0.0 };
                    if total >= 1.5 {
                        scored.push((total, p, at, used, option.clone()));
                    }
                }
            }
        }
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.3.cmp(&a.3)).then(a.2.cmp(&b.2)));
        for (score, p, at, used, option) in scored {
            let param = &self.tool.params[p];
            if param.ty == Type::List {
                if self.free(at, at + used) {
                    self.take(at, at + used);
                    match &mut self.out.values[p] {
                        Some(Value::Array(list)) if !list.contains(&option) => list.push(option),
                        Some(_) => {}
                        None => self.set(p, json!([option]), 0.6),
                    }
                }
            } else if self.out.values[p].is_none() && self.free(at, at + used) {
                self.take(at, at + used);
                self.set(p, option, 0.4 + score / 10.0);
            }
        }
    }

    fn option_at(&self, at: usize, words: &[String], text: &str) -> (f64, usize) {
        let known = thesaurus();
        let token = &self.u.tokens[at];
        if words.iter().enumerate().all(|(index, word)| {
            self.u
                .tokens
                .get(at + index)
                .is_some_and(|token| token.stem == *word || token.lower == *word)
        }) {
            return (2.5 + words.len() as f64, words.len());
        }
        if token.lower == text.to_lowercase() || token.lower.replace('-', "") == text.to_lowercase().replace(['-', '_', ' '], "") {
            return (3.5, 1);
        }
        if words.len() == 2 && token.shape == Shape::Word && token.lower == words.concat() {
            return (3.0, 1);
        }
        if token.shape != Shape::Word {
            return (0.0, 0);
        }
        if words.len() == 1 {
            let near = known.similarity(&words[0], &token.stem);
            if near >= 0.8 {
                return (2.0, 1);
            }
            let phrase = known.phrase(|index| self.u.tokens.get(at + index).map(|token| token.stem.as_str()));
            if let Some((phrase, used)) = phrase
                && known.similarity(&words[0], &phrase) >= 0.8
            {
                return (2.6, used);
            }
            if near >= 0.6 && words[0].len() > 4 {
                return (1.6, 1);
            }
        } else if words.iter().filter(|word| word.len() > 2).all(|word| {
            (0..3).any(|offset| {
                self.u
                    .tokens
                    .get(at + offset)
                    .is_some_and(|token| known.similarity(word, &token.stem) >= 0.8)
            })
        }) {
            let phrase_first = words.iter().any(|word| known.similarity(word, &token.stem) >= 0.8);
            if phrase_first {
                return (2.4, 1);
            }
        } else if let Some((phrase, used)) = known.phrase(|index| self.u.tokens.get(at + index).map(|token| token.stem.as_str()))
            && known.similarity(&words.join("_"), &phrase) >= 0.8
        {
            return (2.6, used);
        } else if words.len() > 1
            && token.stem.len() > 3
            && words.contains(&token.stem)
            && !self.tool.words.contains(&token.stem)
            && !self.shared_word(&token.stem)
        {
            return (1.8, 1);
        }
        (0.0, 0)
    }

    /// Whether several options of one parameter have the word in them.
    fn shared_word(&self, word: &str) -> bool {
        self.tool.params.iter().any(|param| {
            param
                .options
                .iter()
                .filter_map(Value::as_str)
                .filter(|text| name_words(text).iter().any(|part| stem(part) == word))
                .count()
                > 1
        })
    }

    pub(crate) fn preposition_before(&self, at: usize) -> String {
        let mut index = at;
        for _ in 0..4 {
            let Some(before) = index.checked_sub(1) else { break };
            index = before;
            let word = self.u.word(index);
            if is_preposition(word) {
                return word.to_owned();
            }
            if !(is_determiner(word) || self.u.tokens[index].shape == Shape::Word) {
                break;
            }
        }
        String::new()
    }

    /// Yes-or-no parameters whose words are mentioned.
    fn flags(&mut self) {
        let known = thesaurus();
        let empty = [
            "is", "has", "include", "with", "want", "need", "enabl", "allow", "use", "flag", "requir", "send", "only", "add", "apply",
        ];
        for p in 0..self.tool.params.len() {
            let param = &self.tool.params[p];
            if param.role != Role::Flag || self.out.values[p].is_some() {
                continue;
            }
            let switch = ["on", "enabl", "activ", "active", "state", "power", "open", "lock", "on_off", "turn"]
                .iter()
                .any(|word| param.words.iter().any(|known| known == word));
            let verb = self
                .verb_at
                .iter()
                .map(|at| self.u.tokens[*at].stem.as_str())
                .collect::<Vec<_>>()
                .join("_");
            if switch && !verb.is_empty() {
                let lock = param.words.iter().any(|word| word == "lock");
                let on = [
                    "turn_on",
                    "switch_on",
                    "enabl",
                    "activ",
                    "start",
                    "open",
                    "power_on",
                    "put_on",
                    "set_on",
                    "lock",
                    "arm",
                    "unfreeze",
                    "resum",
                ];
                let off = [
                    "turn_off",
                    "switch_off",
                    "disabl",
                    "deactiv",
                    "stop",
                    "close",
                    "clos",
                    "shut",
                    "power_off",
                    "shut_off",
                    "put_off",
                    "unlock",
                    "disarm",
                    "freez",
                    "pause",
                    "paus",
                    "suspend",
                ];
                let value = if on.contains(&verb.as_str()) {
                    Some(true)
                } else if off.contains(&verb.as_str()) {
                    Some(false)
                } else {
                    None
                };
                if let Some(value) = value.map(|value| if lock && verb == "close" { true } else { value }) {
                    self.set(p, json!(value), 0.6);
                    continue;
                }
                if let Some(at) = (0..self.u.tokens.len()).find(|at| {
                    self.within(*at)
                        && matches!(self.u.word(*at), "on" | "off" | "enabled" | "disabled" | "locked" | "unlocked")
                        && (*at + 1 == self.u.tokens.len() || !is_determiner(self.u.word(at + 1)))
                }) {
                    let on = matches!(self.u.word(at), "on" | "enabled" | "locked");
                    self.set(p, json!(on), 0.5);
                    continue;
                }
            }
            let words: Vec<&String> = param.words.iter().filter(|word| !empty.contains(&word.as_str())).collect();
            let words: Vec<&String> = if words.is_empty() { param.words.iter().collect() } else { words };
            let mut hit = None;
            for at in 0..self.u.tokens.len() {
                if !self.within(at)
                    || self.out.taken[at]
                    || self.verb_at.contains(&at) && words.len() > 1
                    || self.u.tokens[at].shape != Shape::Word
                {
                    continue;
                }
                let near = |word: &str| {
                    let close = known.similarity(word, &self.u.tokens[at].stem);
                    let phrase = known
                        .phrase(|index| self.u.tokens.get(at + index).map(|token| token.stem.as_str()))
                        .map_or(0.0, |(phrase, _)| known.similarity(word, &phrase));
                    close.max(phrase)
                };
                let matched = words.iter().filter(|word| near(word) >= 0.8).count();
                let distinct = words
                    .iter()
                    .any(|word| near(word) >= 0.8 && !self.tool.words.contains(word) || near(word) >= 1.0 && words.len() == 1);
                let joined = known
                    .phrase(|index| self.u.tokens.get(at + index).map(|token| token.stem.as_str()))
                    .is_some_and(|(phrase, _)| phrase == words.iter().map(|word| word.as_str()).collect::<Vec<_>>().join("_"));
                if matched > 0 && distinct || joined {
                    hit = Some(at);
                    break;
                }
            }
            if let Some(at) = hit {
                let from = at.saturating_sub(3);
                let denied = self.u.tokens[from..at]
                    .iter()
                    .any(|token| is_negation(&token.lower) || matches!(token.lower.as_str(), "skip" | "exclude" | "disable"));
                let turned = param.is_any(&["exclude", "exclud", "skip", "no", "without"]);
                self.set(p, json!(denied == turned), 0.6);
                self.take(at, at + 1);
            }
        }
    }

    /// What is required and was said only inside a free text: "a tree fell on my car on Monday".
    fn told(&mut self) {
        for p in 0..self.tool.params.len() {
            let param = &self.tool.params[p];
            let sure = matches!(param.role, Role::Date | Role::DateTime | Role::Time | Role::Email | Role::Phone) && param.required
                || param.role == Role::Money;
            if !sure || self.out.values[p].is_some() {
                continue;
            }
            let found = self
                .u
                .entities
                .iter()
                .filter(|entity| self.within(entity.from) && self.out.taken[entity.from])
                .find_map(|entity| {
                    let used = matches!(entity.what, What::Number(_));
                    let near = around(self.u, entity, self.spans[0].0);
                    let said = self.u.slice(entity.from, entity.to);
                    (!used && score(&entity.what, &near, param, self.tool) >= 6.0)
                        .then(|| values::value(&entity.what, said, param, self.now))
                        .flatten()
                });
            if let Some(value) = found
                && !self.out.values.iter().any(|known| known.as_ref() == Some(&value))
            {
                self.set(p, value, 0.4);
            }
        }
    }

    fn mentions_left(&mut self) {
        let left = self
            .open_entities()
            .iter()
            .filter(|entity| {
                matches!(
                    entity.what,
                    What::Id(_)
                        | What::Email(_)
                        | What::Money(..)
                        | What::When(When::Date(_) | When::Time(_) | When::DateTime(_))
                        | What::Phone(_)
                        | What::Percent(_)
                        | What::Proper(_)
                )
            })
            .count();
        self.out.left = left;
    }
}

/// The allowed value that is `code`, or the code itself.
fn option_or(param: &Param, code: &str) -> Value {
    let found = param.options.iter().find(|option| {
        option
            .as_str()
            .is_some_and(|text| text.eq_ignore_ascii_case(code) || currency(&text.to_lowercase()) == Some(code))
    });
    found.cloned().unwrap_or_else(|| json!(code))
}

/// The words around a mention.
pub(crate) fn around(u: &Utterance, entity: &Entity, begin: usize) -> Around {
    let mut out = Around {
        prep: String::new(),
        before: Vec::new(),
        after: Vec::new(),
    };
    let mut at = entity.from;
    for _ in 0..6 {
        let Some(before) = at.checked_sub(1).filter(|before| *before >= begin || entity.from < begin) else {
            break;
        };
        at = before;
        let word = u.word(at);
        if is_preposition(word) {
            // "by the end of", "of" binds the nouns before it
            if word == "of" && !out.before.is_empty() || word == "of" {
                out.prep = word.to_owned();
                continue;
            }
            if out.prep.is_empty() || out.prep == "of" {
                out.prep = word.to_owned();
            }
            break;
        }
        if is_determiner(word)
            || matches!(
                word,
                "#" | ":"
                    | "is"
                    | "no"
                    | "-"
                    | "("
                    | "="
                    | "was"
                    | "be"
                    | "ending"
                    | "s"
                    | "about"
                    | "exactly"
                    | "least"
                    | "most"
                    | "whose"
                    | "'"
            )
        {
            if matches!(word, "least" | "most") {
                out.before.push(word.to_owned());
            }
            continue;
        }
        if u.tokens[at].shape != Shape::Word
            || out.before.len() >= 3
            || u.entities.iter().any(|other| other.from <= at && at < other.to)
            || matches!(word, "and" | "or" | "but")
        {
            break;
        }
        out.before.push(u.tokens[at].stem.clone());
    }
    for at in entity.to..(entity.to + 3).min(u.tokens.len()) {
        let token = &u.tokens[at];
        if token.shape != Shape::Word || is_preposition(&token.lower) || matches!(token.lower.as_str(), "and" | "or" | "please") {
            break;
        }
        out.after.push(token.stem.clone());
    }
    out
}

/// How well a mention suits a parameter; 3.5 is the least that counts.
fn score(what: &What, around: &Around, param: &Param, tool: &ToolFacts) -> f64 {
    let known = thesaurus();
    let near = |words: &[String], stems: &[String]| {
        words
            .iter()
            .any(|word| stems.iter().any(|stem| known.similarity(word, stem) >= 0.8))
    };
    let named = near(&around.before, &param.words);
    let prep = around.prep.as_str();
    let side = match (param.end, prep) {
        (End::From, "from" | "starting" | "since" | "after" | "leaving" | "departing" | "beginning" | "between" | "above" | "over") => 3.0,
        (
            End::To,
            "to" | "until" | "till" | "through" | "into" | "by" | "before" | "ending" | "returning" | "under" | "below" | "towards"
            | "reaching",
        ) => 3.0,
        (End::From, "to" | "until" | "till" | "through" | "into" | "returning" | "under" | "below" | "before") => -3.0,
        (End::To, "from" | "starting" | "since" | "leaving" | "departing" | "over" | "above" | "after") => -3.0,
        (End::From, "in") if param.role == Role::Currency => -3.0,
        (End::To, "in") if param.role == Role::Currency => 3.0,
        (End::From, "on" | "at") => 0.5,
        _ => 0.0,
    };
    let name = if named { 3.0 } else { 0.0 };
    let option_fits = !param.options.is_empty() && !param.open;
    match what {
        What::When(When::Date(_)) => match param.role {
            Role::Date => 9.0 + side + name,
            Role::DateTime => 7.0 + side + name,
            _ => 0.0,
        },
        What::When(When::Range(..)) => match param.role {
            Role::Date => 8.0 + name,
            Role::DateTime => 6.5 + name,
            Role::Option | Role::Thing if !option_fits && param.is_any(&["period", "month", "week", "range"]) => 0.0,
            _ => 0.0,
        },
        What::When(When::Time(_)) => match param.role {
            Role::Time => 9.0 + side + name,
            Role::DateTime => 6.0 + side,
            _ => 0.0,
        },
        What::When(When::DateTime(_)) => match param.role {
            Role::DateTime => 9.0 + side,
            Role::Date | Role::Time => 8.0 + side,
            _ => 0.0,
        },
        What::When(When::Part(..)) if param.role == Role::Option => 0.0,
        What::When(When::Part(..)) => match param.role {
            Role::Time if param.textual() && !param.description.to_lowercase().contains("hh") => 3.6,
            _ => 0.0,
        },
        What::When(When::Length(_, unit)) => match param.role {
            Role::Length => {
                let wanted = values::unit_of(param);
                let same = wanted == Some(*unit);
                let day = |unit: &str| matches!(unit, "days" | "nights" | "weeks" | "months" | "years");
                8.0 + if same { 3.0 } else { 0.0 }
                    - if wanted.is_some_and(|wanted| day(wanted) != day(unit)) {
                        3.0
                    } else {
                        0.0
                    }
            }
            Role::Count if *unit == "years" && param.is_any(&["age"]) => 9.0,
            Role::Count if param.items != Type::Text && near(&[stem(unit)], &param.words) => 8.0,
            Role::Thing | Role::Text if param.is_any(&["period", "term", "duration"]) => 6.0,
            _ => 0.0,
        },
        What::Number(value) if param.is_any(&["year"]) && param.role == Role::Count => {
            if (1_800.0..2_200.0).contains(value) && value.fract() == 0.0 {
                9.0
            } else {
                0.0
            }
        }
        What::Number(value) if param.is_any(&["age"]) && *value > 125.0 => 0.0,
        What::Number(value) if param.is_any(&["zip", "zipcode", "postcode", "postal"]) && *value >= 1_000.0 && *value < 100_000.0 => {
            5.0 + name + side
        }
        What::Number(value) => {
            let unit = around
                .after
                .first()
                .is_some_and(|word| param.words.iter().any(|known_word| known.similarity(word, known_word) >= 0.8));
            let unit_far = around
                .after
                .iter()
                .any(|word| param.words.iter().any(|known_word| known.similarity(word, known_word) >= 0.8));
            let told = around.after.first().is_some_and(|word| param.about.contains(word));
            let fits = if unit {
                5.0
            } else if unit_far {
                2.0
            } else if told {
                2.0
            } else {
                0.0
            };
            let whole = value.fract() == 0.0;
            let compare = comparison(around, param);
            match (param.role, param.items) {
                (Role::Id, _) => {
                    if !whole || *value < 0.0 {
                        return 0.0;
                    }
                    let noun = param.nouns().iter().any(|noun| {
                        around.before.first().is_some_and(|word| known.similarity(word, noun) >= 0.8)
                            || around.before.iter().any(|word| word == noun)
                    });
                    let label = around
                        .before
                        .first()
                        .is_some_and(|word| matches!(word.as_str(), "number" | "id" | "code" | "no" | "reference" | "ref" | "numb"));
                    let bare = param.nouns().is_empty()
                        && around
                            .before
                            .first()
                            .is_some_and(|word| tool.nouns().iter().any(|noun| known.similarity(word, noun) >= 0.8));
                    let big = *value >= 100.0 && around.after.is_empty();
                    (if noun { 7.0 } else { 0.0 })
                        + if label { 3.0 } else { 0.0 }
                        + if bare { 6.0 } else { 0.0 }
                        + if big { 2.0 } else { 0.0 }
                        + if big && !tool.params.iter().any(|other| matches!(other.items, Type::Number | Type::Integer)) {
                            2.0
                        } else {
                            0.0
                        }
                        + if param.ty != Type::Text { 1.0 } else { 0.5 }
                }
                (_, Type::Text) => {
                    if matches!(param.role, Role::Thing | Role::Option | Role::Phone)
                        && !option_fits
                        && (named || unit && param.role == Role::Thing)
                        && !matches!(param.role, Role::Phone if *value < 10_000.0)
                    {
                        6.0 + side
                    } else if param.role == Role::Length && unit {
                        5.0
                    } else {
                        0.0
                    }
                }
                (Role::Money, _) => 4.0 + fits + name + compare + side.min(1.0) - if !around.after.is_empty() && !unit { 1.0 } else { 0.0 },
                (Role::Percent, _) => 4.2 + fits + name + if matches!(prep, "to" | "at") { 1.0 } else { 0.0 },
                (Role::Length, _) => 2.5 + fits + name,
                (Role::Date, _) => 0.0,
                (Role::Time, _) => 0.0,
                (Role::Flag, _) => 0.0,
                (_, Type::Number | Type::Integer) => {
                    let people = param.words.iter().any(|word| known.similarity(word, "guest") >= 0.8);
                    let lonely_for = prep == "for" && people && around.after.is_empty();
                    let limit = param.is_any(&["limit", "count", "max", "top", "n", "result"]);
                    let listed = around
                        .before
                        .first()
                        .is_some_and(|word| matches!(word.as_str(), "top" | "last" | "first" | "latest" | "recent" | "best" | "next"));
                    let setting = matches!(prep, "to" | "at")
                        && param.is_any(&[
                            "temperatur",
                            "temperature",
                            "level",
                            "target",
                            "value",
                            "volum",
                            "speed",
                            "brightnes",
                            "brightness",
                            "quantity",
                            "setpoint",
                            "rating",
                            "score",
                        ]);
                    let counting = param.is_any(&["quantity", "count", "number", "qty", "unit", "copy"]);
                    let stars = around.after.first().is_some_and(|word| word == "star")
                        && param.words.iter().any(|word| known.similarity(word, "rating") >= 0.8);
                    4.0 + fits
                        + name
                        + compare
                        + if lonely_for { 4.0 } else { 0.0 }
                        + if limit && listed {
                            5.0
                        } else if limit {
                            -1.0
                        } else {
                            0.0
                        }
                        + if setting { 2.0 } else { 0.0 }
                        + if counting && !around.after.is_empty() && prep != "for" {
                            1.5
                        } else {
                            0.0
                        }
                        + if stars { 5.0 } else { 0.0 }
                        - if !whole && param.items == Type::Integer { 3.0 } else { 0.0 }
                        - if people && !unit && prep != "for" && !named { 1.0 } else { 0.0 }
                }
                _ => 0.0,
            }
        }
        What::Money(_, code) => match param.role {
            Role::Money => 9.0 + name + comparison(around, param) + side.min(1.0),
            Role::Currency if code.is_some() => {
                let symbol_only = !around.after.is_empty() && false;
                if symbol_only {
                    0.0
                } else {
                    4.0 + if param.end == End::To { -2.0 } else { 0.0 }
                }
            }
            Role::Count if param.is_any(&["quantity", "count", "qty", "people", "guest", "person", "year", "age"]) => 0.0,
            Role::Count | Role::Percent if param.items != Type::Text => 4.0 + name + comparison(around, param),
            _ if param.role == Role::Option && code.is_some() && param.words.iter().any(|word| word == "currency") => 4.0,
            _ => 0.0,
        },
        What::Percent(_) => match param.role {
            Role::Percent => 9.0 + name,
            Role::Count | Role::Money | Role::Length if param.items != Type::Text => 4.5 + name,
            _ => 0.0,
        },
        What::Ordinal(_) => match param.role {
            Role::Count if param.items == Type::Integer => {
                2.0 + name
                    + if around.after.first().is_some_and(|word| param.words.contains(word)) {
                        4.0
                    } else {
                        0.0
                    }
            }
            _ => 0.0,
        },
        What::Email(_) => match param.role {
            Role::Email => 10.0 + side,
            Role::Person if matches!(prep, "to" | "for" | "with") || param.about.iter().any(|word| word == "email") => 5.0,
            Role::Query if param.about.iter().any(|word| word == "email" || word == "mail") => 6.0,
            Role::Thing | Role::Id if named => 5.0,
            Role::Id if param.about.iter().any(|word| word == "email") => 5.0,
            _ => 0.0,
        },
        What::Phone(_) => match param.role {
            Role::Phone => 10.0,
            Role::Id if named => 6.0,
            Role::Thing | Role::Person if param.about.iter().any(|word| word == "phone") => 5.0,
            _ => 0.0,
        },
        What::Url(_) => match param.role {
            Role::Url => 10.0,
            Role::Thing | Role::Query | Role::Text => 4.0,
            _ => 0.0,
        },
        What::Id(text) => {
            if param.items != Type::Text && text.parse::<i64>().is_err() {
                return 0.0;
            }
            let nouns = param.nouns();
            let by_noun = nouns.iter().any(|noun| {
                around
                    .before
                    .iter()
                    .chain(&around.after)
                    .any(|word| known.similarity(word, noun) >= 0.8)
            });
            let first = around.before.first();
            let other = first.is_some_and(|word| {
                tool.params.iter().any(|other| {
                    other.name != param.name
                        && other.role == Role::Id
                        && other.nouns().iter().any(|noun| known.similarity(word, noun) >= 0.8)
                })
            });
            let letters: String = text
                .chars()
                .take_while(|c| c.is_ascii_alphabetic())
                .collect::<String>()
                .to_lowercase();
            let prefix = letters.len() >= 2 && nouns.iter().any(|noun| noun.starts_with(&letters) || letters.starts_with(noun));
            let stranger = !by_noun
                && first.is_some_and(|word| {
                    tool.id_nouns.iter().any(|noun| known.similarity(noun, word) >= 0.8)
                        && !tool.words.iter().any(|other| known.similarity(other, word) >= 0.8)
                        && !param.nouns().is_empty()
                });
            let bonus = if stranger { -4.0 } else { 0.0 } + if by_noun { 4.0 } else { 0.0 } + if prefix { 2.0 } else { 0.0 }
                - if other && !by_noun { 5.0 } else { 0.0 };
            let bonus = bonus + if alike_example(text, &param.description) { 2.0 } else { 0.0 };
            match param.role {
                Role::Id => 6.5 + bonus + side,
                Role::Thing if by_noun || named => 6.0,
                Role::Thing | Role::Place if param.required => 3.6,
                Role::Person if by_noun && param.about.iter().any(|word| word == "id") => 5.0,
                Role::Option if !option_fits && named => 5.0,
                _ => 0.0,
            }
        }
        What::Quoted(_) => match param.role {
            Role::Text => 7.0 + name + if near(&around.before, &param.words) { 3.0 } else { 0.0 },
            Role::Query => 7.0 + name,
            Role::Thing | Role::Person | Role::Place => 5.0 + name + if param.is_any(&["title", "name"]) { 2.5 } else { 0.0 },
            Role::Id => 4.0 + name,
            _ => 0.0,
        },
        What::Proper(text) => {
            let code = text.len() <= 6 && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
            if tool.nouns().iter().any(|noun| stem(&text.to_lowercase()) == *noun) && !named {
                return 0.0;
            }
            let option = param
                .options
                .iter()
                .filter_map(Value::as_str)
                .any(|option| option.eq_ignore_ascii_case(text));
            match param.role {
                _ if option_fits => {
                    if option {
                        9.0 + side
                    } else {
                        0.0
                    }
                }
                Role::Person => {
                    let role_prep = match prep {
                        "for" | "with" | "by" | "under" | "named" | "called" => 2.0,
                        "to" => {
                            if param.end == End::To
                                || ["recipient", "assignee", "attendee", "contact", "invite"]
                                    .iter()
                                    .any(|word| near(&[(*word).to_owned()], &param.words))
                            {
                                3.0
                            } else {
                                1.0
                            }
                        }
                        "from" => {
                            if param.end == End::From {
                                3.0
                            } else {
                                0.0
                            }
                        }
                        "in" | "near" | "around" => -4.0,
                        "at" => -2.0,
                        _ => 1.0,
                    };
                    let titled = ["Dr", "Prof"].iter().any(|title| text.starts_with(title));
                    let treats = param.is_any(&[
                        "doctor",
                        "physician",
                        "provider",
                        "dentist",
                        "specialist",
                        "practitioner",
                        "clinician",
                        "therapist",
                        "professor",
                        "instructor",
                    ]);
                    let attends = treats
                        || param.is_any(&[
                            "attendee",
                            "participant",
                            "contact",
                            "host",
                            "stylist",
                            "trainer",
                            "agent",
                            "employee",
                            "technician",
                        ]);
                    let bonus = if titled == treats {
                        if titled { 3.0 } else { 0.0 }
                    } else if titled {
                        -3.0
                    } else {
                        0.0
                    } + match prep {
                        "with" | "by" if attends => 1.5,
                        "for" | "under" if attends => -1.0,
                        "with" => -0.5,
                        _ => 0.0,
                    };
                    (5.0 + role_prep + name + bonus + side.clamp(-3.0, 1.0)) - if code { 2.5 } else { 0.0 }
                }
                Role::Place => {
                    let role_prep = match prep {
                        "in" | "near" | "around" | "at" | "within" => 3.0,
                        "from" => {
                            if param.end == End::From || param.end == End::None {
                                2.0
                            } else {
                                -4.0
                            }
                        }
                        "to" | "into" | "for" | "towards" | "reaching" => {
                            if param.end == End::To || param.end == End::None {
                                2.0
                            } else {
                                -4.0
                            }
                        }
                        "with" | "by" | "called" | "named" | "under" | "about" => -3.0,
                        _ => 1.0,
                    };
                    let street = text.starts_with(|c: char| c.is_ascii_digit());
                    let address = param.is_any(&["address", "street"]);
                    5.0 + role_prep
                        + name
                        + if street && address {
                            4.0
                        } else if street || address && prep.is_empty() {
                            -1.0
                        } else {
                            0.0
                        }
                }
                Role::Query => 4.2 + name + if matches!(prep, "for" | "about" | "on" | "") { 0.6 } else { 0.0 },
                Role::Currency => {
                    if text.len() == 3 && code {
                        7.0 + side
                    } else {
                        0.0
                    }
                }
                Role::Text if param.is_any(&["title", "name", "subject"]) => 5.0 + name,
                Role::Thing => {
                    let after = around
                        .after
                        .first()
                        .is_some_and(|word| param.words.iter().any(|known_word| known.similarity(word, known_word) >= 0.8));
                    let title = param.is_any(&["name", "title"]);
                    4.0 + name + if after { 4.0 } else { 0.0 } + if title { 0.5 } else { 0.0 } + side.clamp(-3.0, 2.0)
                        - if matches!(prep, "with") && !title { 0.6 } else { 0.0 }
                }
                Role::Id => {
                    if named && (code || text.len() <= 3) {
                        7.0
                    } else if code && text.len() >= 3 && param.required {
                        3.6
                    } else {
                        0.0
                    }
                }
                Role::Email if param.required => 0.0,
                Role::Option => 3.6 + name,
                _ => 0.0,
            }
        }
    }
}

/// Whether an id looks like the one that the description gives as an example: "such as INC0012345".
fn alike_example(id: &str, description: &str) -> bool {
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

/// "over", "at least" want a minimum; "under", "at most" a maximum.
fn comparison(around: &Around, param: &Param) -> f64 {
    let has = |words: &[&str]| words.contains(&around.prep.as_str()) || around.before.iter().any(|word| words.contains(&word.as_str()));
    let low = has(&["over", "above", "least", "minimum", "more", "min", "exceed", "beyond", "greater"]);
    let high = has(&[
        "under", "below", "most", "maximum", "less", "max", "up", "within", "cheaper", "budget", "fewer",
    ]);
    let is_low = param.is_any(&["min", "minimum", "lower", "least"]);
    let is_high = param.is_any(&["max", "maximum", "upper", "budget", "limit", "ceil"]);
    match (low, high) {
        (true, _) if is_low => 3.0,
        (true, _) if is_high => -4.0,
        (_, true) if is_high => 3.0,
        (_, true) if is_low => -4.0,
        _ => 0.0,
    }
}
