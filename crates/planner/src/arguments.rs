//! What an utterance says about the parameters of one tool.
//!
//! In four passes, the surest first: free text behind a cue ("saying …"), mentions with a value of their own (dates,
//! ids, amounts), words that name an option or a flag, and what phrases are left.

use jiff::civil::DateTime;
use serde_json::{Value, json};

use crate::clause::Clause;
use crate::phrases;
use crate::schema::{End, Param, Role, ToolFacts, Type};
use crate::score::{Around, around, score};
use crate::values;
use bedplate_language::entities::{Entity, Utterance, What, currency};
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::Shape;
use bedplate_language::when::When;
use bedplate_language::words::{is_determiner, is_filler, is_preposition, is_stop};

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

/// Reads the arguments of `tool` from one clause of `u` (and from `context`, clauses without a wish of their own).
pub(crate) fn assign(u: &Utterance, clause: &Clause, context: &[(usize, usize)], tool: &ToolFacts, now: DateTime) -> Assigned {
    assign_rest(u, clause, context, tool, now, &[])
}

/// The same without the tokens `spoken_for`, which are arguments of another tool.
pub(crate) fn assign_rest(
    u: &Utterance,
    clause: &Clause,
    context: &[(usize, usize)],
    tool: &ToolFacts,
    now: DateTime,
    spoken_for: &[(usize, usize)],
) -> Assigned {
    assign_open(u, clause, context, tool, now, spoken_for, &[])
}

/// The same for the parameters that are not `settled` (one for each parameter; none are when it is empty).
pub(crate) fn assign_open(
    u: &Utterance,
    clause: &Clause,
    context: &[(usize, usize)],
    tool: &ToolFacts,
    now: DateTime,
    spoken_for: &[(usize, usize)],
    settled: &[bool],
) -> Assigned {
    let is_settled = |p: usize| settled.get(p).copied().unwrap_or(false);
    let mut work = Work {
        u,
        tool,
        now,
        spans: std::iter::once((clause.from, clause.to)).chain(context.iter().copied()).collect(),
        verb_at: &clause.verb_at,
        held: clause.condition.as_ref().map(|condition| (condition.from, condition.to)),
        out: Assigned {
            values: (0..tool.params.len()).map(|p| is_settled(p).then_some(Value::Null)).collect(),
            fit: 0.0,
            taken: vec![false; u.tokens.len()],
            left: 0,
        },
    };
    for (from, to) in u.dropped.iter().chain(spoken_for) {
        work.take(*from, *to);
    }
    for (from, to) in &work.spans.clone() {
        crate::free_text::free_text(&mut work, *from, *to);
    }
    work.mentions();
    work.pairs();
    work.currencies();
    work.options();
    work.flags();
    crate::lists::lists(&mut work);
    work.remaining();
    phrases::fill(&mut work);
    work.told();
    work.mentions_left();
    for (p, value) in work.out.values.iter_mut().enumerate() {
        if is_settled(p) {
            *value = None;
        }
    }
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
        let mut entities = self.open_entities();
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
            // a day without a year lies where such days lie
            if let Some(other) = &entities[e].other
                && let Some(past) = values::tense(param, &self.tool.verbs)
                && let (What::When(found), today) = (&entities[e].what, self.now.date())
            {
                let gone = |when: &When| match when {
                    When::Date(date) | When::Range(date, _) => *date <= today,
                    _ => false,
                };
                if gone(found) != past && gone(other) == past {
                    entities[e].what = What::When(other.clone());
                }
            }
            let param = &self.tool.params[p];
            let range = matches!(entities[e].what, What::When(When::Range(..)));
            let both = matches!(entities[e].what, What::When(When::DateTime(_)));
            let shared = (range || both) && matches!(param.role, Role::Date | Role::DateTime | Role::Time)
                || matches!(entities[e].what, What::Proper(_))
                    && values::one_name(param) != 0
                    && self.tool.params.iter().filter(|other| values::one_name(other) != 0).count() > 1;
            let money = matches!(entities[e].what, What::Money(..)) && param.role == Role::Currency;
            if self.out.values[p].is_some() || (used[e] && !shared && !money) {
                continue;
            }
            let first = if param.ty == Type::List {
                self.list_start(&entities, e, &used)
            } else {
                e
            };
            if param.ty == Type::List
                && let Some((list, last)) = self.list(&entities, first, &used, param)
            {
                used[first..=last].fill(true);
                self.take(entities[first].from, entities[last].to);
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
            } else if let What::When(When::Range(first, last)) = entities[e].what
                && self.tool.reads
                && first > self.now.date()
                && values::is_month(param)
                && !self.u.tokens[entities[e].from..entities[e].to]
                    .iter()
                    .any(|token| token.shape == Shape::Number)
                && self.u.word(entities[e].from) != "next"
                && let (Ok(first), Ok(last)) = (first.checked_sub(jiff::ToSpan::years(1)), last.checked_sub(jiff::ToSpan::years(1)))
            {
                // a month that is looked up has been
                values::value(&What::When(When::Range(first, last)), said, param, self.now)
            } else if let What::When(When::Time(time)) = entities[e].what
                && time.hour() >= 12
                && time.hour() < 23
                && self.wakes(said)
            {
                let early = time.saturating_sub(jiff::ToSpan::hours(12));
                values::value(&What::When(When::Time(early)), said, param, self.now)
            } else {
                values::value(&entities[e].what, said, param, self.now)
            };
            // "the living room TV": a thing keeps what stands before it
            let begin = if param.role == Role::Thing && !param.is_any(&["name"]) && matches!(entities[e].what, What::Proper(_)) {
                self.modifiers(&entities[e], param)
            } else {
                entities[e].from
            };
            // "Roman history": what is searched for keeps all its words
            let end = if param.role == Role::Query && matches!(entities[e].what, What::Proper(_)) {
                self.query_end(entities[e].to)
            } else {
                entities[e].to
            };
            let value = if begin < entities[e].from || end > entities[e].to {
                Some(json!(self.u.slice(begin, end)))
            } else {
                value
            };
            if let Some(value) = value {
                used[e] = true;
                self.take(begin, entities[e].from);
                self.take(entities[e].to, end);
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

    /// Where the words end that belong to a search that begins with a name.
    fn query_end(&self, from: usize) -> usize {
        let mut end = from;
        while let Some(token) = self.u.tokens.get(end) {
            let plain = token.shape == Shape::Word
                && self.within(end)
                && !self.out.taken[end]
                && !is_stop(&token.lower)
                && !is_filler(&token.lower)
                && !is_preposition(&token.lower)
                && !is_determiner(&token.lower)
                && !self.u.entities.iter().any(|other| other.from <= end && end < other.to)
                && !self.tool.words.iter().any(|word| thesaurus().similarity(word, &token.stem) >= 0.8)
                && !self
                    .tool
                    .params
                    .iter()
                    .any(|other| other.role != Role::Query && other.words.contains(&token.stem));
            if !plain || end - from >= 3 {
                break;
            }
            end += 1;
        }
        end
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

    /// Where the list begins that mention `e` belongs to.
    fn list_start(&self, entities: &[Entity], e: usize, used: &[bool]) -> usize {
        let mut first = e;
        while let Some(before) = first.checked_sub(1) {
            let between = entities[before].to..entities[first].from;
            let joined = !between.is_empty()
                && between.len() <= 2
                && self.u.tokens[between]
                    .iter()
                    .all(|token| matches!(token.lower.as_str(), "," | "and" | "&" | "or"));
            let same = std::mem::discriminant(&entities[before].what) == std::mem::discriminant(&entities[e].what);
            if !joined || !same || used[before] {
                break;
            }
            first = before;
        }
        first
    }

    /// Whether a time without a half of the day is one of the morning: what wakes people up.
    fn wakes(&self, said: &str) -> bool {
        let told = self
            .tool
            .words
            .iter()
            .chain(&self.tool.about)
            .any(|word| matches!(word.as_str(), "wak" | "wake" | "wakeup" | "alarm" | "breakfast" | "sunris"));
        told && !said.contains("pm")
            && !said.contains("p.m")
            && !self
                .u
                .tokens
                .iter()
                .any(|token| matches!(token.lower.as_str(), "evening" | "afternoon" | "tonight" | "night" | "pm" | "noon"))
            && !said.starts_with("1")
            && !said.starts_with("2")
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

    /// What is required and was said only inside a free text: "a tree fell on my car on Monday".
    fn told(&mut self) {
        for p in 0..self.tool.params.len() {
            let param = &self.tool.params[p];
            let sure = matches!(
                param.role,
                Role::Date | Role::DateTime | Role::Time | Role::Email | Role::Phone | Role::Id | Role::Person | Role::Place | Role::Thing
            ) && param.required
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
                    let least = if matches!(param.role, Role::Person | Role::Place | Role::Thing) {
                        3.5
                    } else {
                        6.0
                    };
                    (!used && score(&entity.what, &near, param, self.tool) >= least)
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

    /// What is left over goes to what is still wanted, when there is only one of each: an address to `contact`, five days to `more_time`.
    fn remaining(&mut self) {
        let textual = |work: &Self, p: usize, what: &What| {
            let param = &work.tool.params[p];
            param.textual()
                && (param.options.is_empty() || param.open)
                && match what {
                    What::Email(_) => matches!(param.role, Role::Place | Role::Thing | Role::Person | Role::Text | Role::Option),

                    What::Phone(_) => matches!(param.role, Role::Thing | Role::Person),
                    What::Quoted(_) => !matches!(
                        param.role,
                        Role::Id | Role::Date | Role::Time | Role::DateTime | Role::Email | Role::Phone
                    ),
                    What::Id(text) => {
                        matches!(param.role, Role::Thing | Role::Place | Role::Person | Role::Option | Role::Query)
                            && crate::told::of_kind(text, &param.shows, &work.tool.prefixes)
                            && !crate::told::foreign(text, &param.shows, &work.tool.prefixes)
                    }
                    What::Proper(_) => {
                        matches!(param.role, Role::Thing | Role::Place | Role::Person | Role::Option | Role::Query)
                            && !crate::told::shows_any_ending(&param.description)
                    }
                    _ => false,
                }
        };
        let numeric = |work: &Self, p: usize| {
            let param = &work.tool.params[p];
            matches!(param.items, Type::Integer | Type::Number) && !matches!(param.role, Role::Id | Role::Date | Role::Time)
        };
        let paid: Vec<Entity> = self
            .u
            .entities
            .iter()
            .filter(|entity| self.within(entity.from) && matches!(entity.what, What::Money(_, Some(_))))
            .cloned()
            .collect();
        for entity in &paid {
            // the currency of an amount, whatever it is called
            if let What::Money(_, Some(code)) = &entity.what {
                let wanted = (0..self.tool.params.len()).find(|p| {
                    let param = &self.tool.params[*p];
                    let about = param.description.to_lowercase();
                    let told = ["currency", "iso", "euro", "dollar", "usd", "three letters", "three-letter"]
                        .iter()
                        .any(|word| about.contains(word));
                    param.required
                        && self.out.values[*p].is_none()
                        && param.textual()
                        && matches!(param.role, Role::Thing | Role::Place | Role::Option)
                        && told
                });
                if let Some(p) = wanted {
                    self.set(p, option_or(&self.tool.params[p], code), 0.5);
                }
            }
        }
        let entities = self.open_entities();
        for (e, entity) in entities.iter().enumerate() {
            let number = matches!(
                entity.what,
                What::Number(_) | What::Money(..) | What::When(When::Length(..)) | What::Percent(_)
            );
            let open: Vec<usize> = (0..self.tool.params.len())
                .filter(|p| self.tool.params[*p].required && self.out.values[*p].is_none())
                .filter(|p| {
                    if number {
                        numeric(self, *p)
                    } else {
                        textual(self, *p, &entity.what)
                    }
                })
                .collect();
            let rival = entities.iter().enumerate().any(|(other, rival)| {
                let same = std::mem::discriminant(&rival.what) == std::mem::discriminant(&entity.what)
                    || number && matches!(rival.what, What::Number(_) | What::Money(..) | What::Percent(_));
                other != e && same && self.free(rival.from, rival.to)
            });
            let [p] = open[..] else { continue };
            if rival || !self.free(entity.from, entity.to) {
                continue;
            }
            let said = self.u.slice(entity.from, entity.to).trim_start_matches('#');
            let value = match &entity.what {
                What::When(When::Length(count, unit)) => Some(values::length(*count, unit, said, &self.tool.params[p])),
                what => values::value(what, said, &self.tool.params[p], self.now),
            };
            if let Some(value) = value {
                self.take(entity.from, entity.to);
                self.set(p, value, 0.35);
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
pub(crate) fn option_or(param: &Param, code: &str) -> Value {
    let found = param.options.iter().find(|option| {
        option
            .as_str()
            .is_some_and(|text| text.eq_ignore_ascii_case(code) || currency(&text.to_lowercase()) == Some(code))
    });
    found.cloned().unwrap_or_else(|| json!(code))
}
