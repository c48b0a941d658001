//! From goals to the next calls: what is missing is taken from results, fetched by another tool first, or asked for.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use serde_json::{Map, Value};

use crate::arguments::assign;
use crate::clause::{Condition, analyse};
use crate::condition::holds;
use crate::dialogue::Call;
use crate::goals::{Goal, Memory};
use crate::own::{names_only, told_items};
use crate::pick::{Pick, pick};
use crate::recall::{alike, claim, field, same};
use crate::results::{Outcome, items, plain};
use crate::schema::{Param, Role, ToolFacts, Type};
use crate::supply::{pair, producers, sources};
use crate::wish::matches;
use bedplate_language::entities::{Utterance, What};
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::name_words;

/// Most calls of one turn.
pub(crate) const CALLS_MAX: usize = 10;
/// How many tools may stand before one another.
const DEPTH_MAX: usize = 3;

/// A call to make, and why.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Next {
    pub(crate) tool: usize,
    pub(crate) input: Map<String, Value>,
    pub(crate) why: String,
}

/// Something the answer must say.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    /// The goal's own call has been made: its index.
    Done { call: usize },
    /// Parameters of the tool that only the user knows.
    Ask { wish: usize, tool: usize, params: Vec<usize> },
    /// Several items fit: which one?
    Choose { items: Vec<Value> },
    /// Nothing fits what was asked for; what there is instead.
    NoneFits { items: Vec<Value> },
    /// A call that was needed first did not help.
    Blocked { tool: usize, call: usize },
    /// The condition does not hold.
    Unmet { tool: usize, condition: String },
    /// Nobody can tell whether the condition holds.
    Unknown { tool: usize, condition: String },
}

/// What to do next.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) next: Vec<Next>,
    pub(crate) notes: Vec<Note>,
}

enum State {
    Ready(Map<String, Value>),
    First(Next),
    Waits,
    Stop(Note),
}

/// The turn as it stands.
pub(crate) struct Situation<'a> {
    pub(crate) tools: &'a [ToolFacts],
    pub(crate) memory: &'a Memory,
    /// Calls of this turn.
    pub(crate) calls: &'a [Call],
    /// Attributes that the system prompt tells: name in words and value.
    pub(crate) attributes: &'a BTreeMap<String, String>,
    pub(crate) now: DateTime,
}

/// Looks at every goal in order and collects the calls that can be made now.
pub(crate) fn advance(situation: &Situation, goals: &[Goal]) -> Plan {
    let mut plan = Plan::default();
    let mut claimed = vec![false; situation.calls.len()];
    let mut waiting = false;
    let tools = situation.tools;
    for goal in goals {
        if goal.condition.is_none()
            && let Some(call) = claim(goal, situation.calls, &mut claimed, tools)
        {
            plan.notes.push(Note::Done { call });
            continue;
        }
        let reads = tools[goal.tool].reads;
        if waiting && (!reads || goal.condition.is_some()) {
            continue;
        }
        if let Some((u, condition)) = &goal.condition {
            if let Some(call) = claim(goal, situation.calls, &mut claimed, tools) {
                plan.notes.push(Note::Done { call });
                continue;
            }
            let text = u.slice(condition.from, condition.to).to_owned();
            match situation.condition(goal, u, condition) {
                Checked::Holds => {}
                Checked::Fails => {
                    plan.notes.push(Note::Unmet {
                        tool: goal.tool,
                        condition: text,
                    });
                    continue;
                }
                Checked::Ask(next) => {
                    waiting = true;
                    if !plan.next.contains(&next) {
                        plan.next.push(next);
                    }
                    continue;
                }
                Checked::Unknown => {
                    plan.notes.push(Note::Unknown {
                        tool: goal.tool,
                        condition: text,
                    });
                    continue;
                }
                Checked::Waits => {
                    waiting = true;
                    continue;
                }
            }
        }
        match situation.resolve(goal, DEPTH_MAX) {
            State::Ready(input) => {
                let next = Next {
                    why: situation.why(goal.tool, &input, goals.len() > 1),
                    tool: goal.tool,
                    input,
                };
                // the very same call has been answered already
                let made = situation
                    .calls
                    .iter()
                    .position(|call| call.tool == Some(next.tool) && call.input == next.input);
                match made {
                    Some(call) => plan.notes.push(Note::Done { call }),
                    None if !plan.next.contains(&next) => plan.next.push(next),
                    None => {}
                }
                waiting = true;
            }
            State::First(next) => {
                if !plan.next.contains(&next) {
                    plan.next.push(next);
                }
                waiting = true;
            }
            State::Waits => waiting = true,
            State::Stop(note) => plan.notes.push(note),
        }
    }
    plan.next.truncate(CALLS_MAX.saturating_sub(situation.calls.len()));
    plan
}

enum Checked {
    Holds,
    Fails,
    Ask(Next),
    Waits,
    Unknown,
}

impl Situation<'_> {
    /// Fills what is missing, or says what stands in the way.
    fn resolve(&self, goal: &Goal, depth: usize) -> State {
        let tool = &self.tools[goal.tool];
        let mut values = goal.values.clone();
        let mut asks: Vec<usize> = Vec::new();
        let mut first: Option<State> = None;
        for p in 0..tool.params.len() {
            let param = &tool.params[p];
            if values[p].is_some() {
                continue;
            }
            if let Some(value) = self.attribute(param) {
                values[p] = Some(value);
                continue;
            }
            if !param.required {
                continue;
            }
            if goal.refers
                || self.definite(goal, param, tool)
                || param.role == Role::Id && self.possessive(goal)
                || param.role != Role::Id && self.listed(goal)
            {
                let picked = self.referred(goal, p);
                if let Some(value) = picked {
                    values[p] = Some(value);
                    continue;
                }
            }
            if let Some(value) = self.mentioned(goal, p) {
                values[p] = Some(value);
                continue;
            }
            if let Some(value) = self.carried(goal, p, &values) {
                values[p] = Some(value);
                continue;
            }
            match self.produced(goal, p, &values, depth) {
                Some(Produced::Value(item)) => {
                    let found = match &item {
                        Value::Object(map) => field(map, param, tool),
                        scalar => Some(scalar.clone()),
                    };
                    match found {
                        Some(value) => {
                            values[p] = Some(typed(value, param));
                            // what else the item tells that this tool needs
                            if let Value::Object(map) = &item {
                                for (other, known) in tool.params.iter().enumerate() {
                                    if values[other].is_none() && known.required && known.role != Role::Text {
                                        values[other] = field(map, known, tool).map(|value| typed(value, known));
                                    }
                                }
                            }
                        }
                        None => asks.push(p),
                    }
                }
                Some(Produced::State(state)) => {
                    first = Some(state);
                    break;
                }
                None => asks.push(p),
            }
        }
        asks.retain(|p| values[*p].is_none());
        match first {
            Some(State::First(next)) => return State::First(next),
            Some(state) => return state,
            None => {}
        }
        if !asks.is_empty() {
            return State::Stop(Note::Ask {
                wish: goal.tool,
                tool: goal.tool,
                params: asks,
            });
        }
        let input = tool
            .params
            .iter()
            .zip(values)
            .filter_map(|(param, value)| value.map(|value| (param.name.clone(), value)))
            .collect();
        State::Ready(input)
    }

    /// What the system prompt tells by the parameter's name.
    fn attribute(&self, param: &Param) -> Option<Value> {
        if matches!(param.role, Role::Date | Role::Time | Role::DateTime) {
            return None;
        }
        self.attributes
            .get(&name_words(&param.name).join(" "))
            .map(|text| typed(Value::String(text.clone()), param))
    }

    /// Another tool that yields the parameter: what it has yielded, or its call.
    fn produced(&self, goal: &Goal, p: usize, values: &[Option<Value>], depth: usize) -> Option<Produced> {
        let tool = &self.tools[goal.tool];
        let param = &tool.params[p];
        if depth == 0 {
            return None;
        }
        let creates = tool.verbs.iter().any(|verb| thesaurus().has_class(verb, "create"));
        // a search that says nothing of the id is tried for the wish itself alone
        let (producers, blind) = sources(self.tools, goal.tool, p);
        if blind && depth < DEPTH_MAX {
            return None;
        }
        for producer in producers {
            let source = &self.tools[producer];
            let mut sub = Goal {
                tool: producer,
                values: vec![None; source.params.len()],
                said: goal.said.clone(),
                condition: None,
                refers: false,
            };
            for (u, from, to) in &goal.said {
                let clause = analyse(u, *from, *to);
                let given = assign(u, &clause, &[], &pair(tool, source, p), self.now);
                for (q, value) in given.values.into_iter().skip(tool.params.len() - 1).enumerate() {
                    // "close the ticket" does not look for closed ones
                    let by_verb = source.params[q].role == Role::Option
                        && clause.verb.as_deref().is_some_and(|verb| {
                            value
                                .as_ref()
                                .and_then(Value::as_str)
                                .is_some_and(|text| bedplate_language::stem::stem(&text.to_lowercase()) == verb)
                        });
                    if by_verb {
                        continue;
                    }
                    if source.params[q].role != Role::Option && value.as_ref().is_some_and(|value| names_only(value, tool)) {
                        continue;
                    }
                    if value.is_some() {
                        sub.values[q] = value;
                    }
                }
            }
            for (q, other) in source.params.iter().enumerate() {
                if sub.values[q].is_none()
                    && let Some((_, value)) = tool
                        .params
                        .iter()
                        .zip(values)
                        .find(|(known, value)| value.is_some() && alike(known, tool, other, source))
                {
                    sub.values[q].clone_from(value);
                }
            }
            if blind && !source.params.is_empty() && sub.values.iter().all(Option::is_none) {
                continue;
            }
            let known = self
                .calls
                .iter()
                .map(|call| (true, call))
                .rev()
                .chain(self.memory.calls.iter().rev().take(6).map(|call| (false, call)));
            let mut answered = None;
            for (current, call) in known {
                let fits = call.tool == Some(producer)
                    && call.outcome.is_some()
                    && source
                        .params
                        .iter()
                        .zip(&sub.values)
                        .all(|(param, value)| match (value, call.input.get(&param.name)) {
                            (Some(value), Some(given)) => same(value, given),
                            (Some(_), None) => true,
                            (None, _) => true,
                        });
                if fits && (current || !goal_is_fresh(goal)) {
                    answered = Some((current, call));
                    break;
                }
            }
            // what the user wanted of that tool in this turn is what the next wish is about
            if answered.is_none()
                && let Some(call) = self
                    .calls
                    .iter()
                    .rev()
                    .find(|call| call.tool == Some(producer) && call.outcome.is_some())
                && !sub.values.iter().zip(&source.params).any(|(value, param)| {
                    value.as_ref().is_some_and(|value| {
                        matches!(param.role, Role::Id | Role::Email | Role::Phone | Role::Person)
                            && call.input.get(&param.name).is_some_and(|given| !same(given, value))
                    })
                })
            {
                answered = Some((true, call));
            }
            if let Some((current, call)) = answered {
                let index = if current {
                    self.calls.iter().position(|other| std::ptr::eq(other, call))
                } else {
                    None
                };
                match call.outcome.as_ref()? {
                    Outcome::Data(_) => {
                        let list = items(call.outcome.as_ref()?);
                        let scalar_list = list.iter().all(|item| !item.is_object());
                        let usable = scalar_list
                            || list
                                .iter()
                                .any(|item| item.as_object().is_some_and(|map| yields(map, param, tool, blind)));
                        if !usable {
                            // it answered, but not with what is needed: its words are the answer
                            match index {
                                Some(call) => return Some(Produced::State(State::Stop(Note::Blocked { tool: goal.tool, call }))),
                                None => continue,
                            }
                        }
                        let mut picked = pick(&list, &goal.said, creates || list.len() == 1);
                        if matches!(picked, Pick::Many) {
                            // the rest of what was said may tell which one
                            let whole: Vec<(Utterance, usize, usize)> =
                                goal.said.iter().map(|(u, ..)| (u.clone(), 0, u.tokens.len())).collect();
                            picked = pick(&list, &whole, false);
                        }
                        return Some(match picked {
                            Pick::One(item) => Produced::Value(item),
                            Pick::Many => Produced::State(State::Stop(Note::Choose { items: list })),
                            Pick::None => Produced::State(State::Stop(Note::NoneFits { items: list })),
                        });
                    }
                    Outcome::Prose(text) if !blind => {
                        // an id in prose, when there is exactly one
                        let u = Utterance::read(text, self.now, &std::sync::Arc::from([]));
                        let ids: Vec<&String> = u.ids().collect();
                        if let [id] = ids[..] {
                            return Some(Produced::Value(Value::String(id.clone())));
                        }
                        let told = told_items(text, &param.name);
                        if told.len() > 1
                            && let Pick::One(item) = pick(&told, &goal.said, false)
                        {
                            return Some(Produced::Value(item));
                        }
                        return Some(Produced::State(State::Stop(Note::Ask {
                            wish: goal.tool,
                            tool: goal.tool,
                            params: vec![p],
                        })));
                    }
                    _ => {
                        return Some(Produced::State(State::Stop(match index {
                            Some(call) => Note::Blocked { tool: goal.tool, call },
                            None => Note::Ask {
                                wish: goal.tool,
                                tool: goal.tool,
                                params: vec![p],
                            },
                        })));
                    }
                }
            }
            if self.calls.iter().any(|call| call.tool == Some(producer) && call.outcome.is_none()) {
                return Some(Produced::State(State::Waits));
            }
            match self.resolve(&sub, depth - 1) {
                State::Ready(input) => {
                    if self.calls.iter().any(|call| call.tool == Some(producer) && call.input == input) {
                        continue;
                    }
                    let why = format!("need the {} for {}", param.label(), tool.plain.join(" "));
                    let why = match self.wish(goal) {
                        Some(wish) => format!("{why} ({wish})"),
                        None => why,
                    };
                    return Some(Produced::State(State::First(Next {
                        tool: producer,
                        input,
                        why,
                    })));
                }
                State::First(next) => return Some(Produced::State(State::First(next))),
                State::Waits => return Some(Produced::State(State::Waits)),
                State::Stop(note @ (Note::Choose { .. } | Note::NoneFits { .. } | Note::Blocked { .. })) => {
                    return Some(Produced::State(State::Stop(note)));
                }
                State::Stop(Note::Ask { tool: asked, params, .. }) if creates && asked == producer => {
                    return Some(Produced::State(State::Stop(Note::Ask {
                        wish: goal.tool,
                        tool: asked,
                        params,
                    })));
                }
                State::Stop(_) => {}
            }
        }
        None
    }

    /// The date and time that were asked for, for the rationale.
    fn wish(&self, goal: &Goal) -> Option<String> {
        let (u, from, to) = goal.said.last()?;
        let parts: Vec<&str> = u
            .entities
            .iter()
            .filter(|entity| {
                *from <= entity.from && entity.to <= *to && matches!(entity.what, What::When(_) | What::Proper(_) | What::Id(_))
            })
            .map(|entity| u.slice(entity.from, entity.to))
            .take(3)
            .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Whether the condition of a goal holds, as far as results tell.
    fn condition(&self, goal: &Goal, u: &Utterance, condition: &Condition) -> Checked {
        let verdict = |outcome: &Outcome| holds(u, condition, &self.tools[goal.tool], outcome).map(|holds| holds != condition.negated);
        let mut answered = false;
        for call in self.calls.iter().rev() {
            let Some(outcome) = &call.outcome else { return Checked::Waits };
            if call.tool.is_some_and(|tool| !self.tools[tool].reads) {
                continue;
            }
            answered = true;
            if let Some(holds) = verdict(outcome) {
                return if holds { Checked::Holds } else { Checked::Fails };
            }
        }
        // who can tell?
        let clause = analyse(u, condition.from, condition.to);
        let mut best: Option<(f64, usize, Map<String, Value>)> = None;
        let found = matches(u, &clause, &[(condition.from, condition.to)], self.tools, self.now);
        for (index, tool) in self.tools.iter().enumerate() {
            if !tool.reads || tool.asks || index == goal.tool {
                continue;
            }
            let mut sub = Goal {
                tool: index,
                values: vec![None; tool.params.len()],
                said: goal.said.clone(),
                condition: None,
                refers: goal.refers,
            };
            let mut shared = 0.0;
            for (q, other) in tool.params.iter().enumerate() {
                let source = &self.tools[goal.tool];
                if let Some((known, value)) = source
                    .params
                    .iter()
                    .zip(&goal.values)
                    .find(|(known, value)| value.is_some() && alike(known, source, other, tool))
                {
                    shared += if known.role == Role::Id { 2.0 } else { 1.0 };
                    sub.values[q].clone_from(value);
                }
            }
            let scored = found.iter().find(|found| found.tool == index);
            let about = scored.map_or(0.0, |found| f64::from(found.score.max(0.0)) * 0.5);
            if scored.is_some() {
                let given = assign(u, &clause, &[], tool, self.now);
                for (q, value) in given.values.iter().enumerate() {
                    if sub.values[q].is_none() && tool.params[q].role != Role::Query && tool.params[q].role != Role::Text {
                        sub.values[q].clone_from(value);
                    }
                }
            }
            if shared + about < 1.5 {
                continue;
            }
            if let State::Ready(input) = self.resolve(&sub, 1)
                && best.as_ref().is_none_or(|(score, ..)| shared + about > *score)
                && !self.calls.iter().any(|call| call.tool == Some(index) && call.input == input)
            {
                best = Some((shared + about, index, input));
            }
        }
        match best {
            Some((_, tool, input)) => Checked::Ask(Next {
                why: format!("need to know whether {}", u.slice(condition.from, condition.to)),
                tool,
                input,
            }),
            None if answered => Checked::Unknown,
            // a tool that is asked first settles "if it is free" by itself
            None if (0..self.tools[goal.tool].params.len())
                .any(|p| goal.values[p].is_none() && !producers(self.tools, goal.tool, p).is_empty()) =>
            {
                Checked::Holds
            }
            None => Checked::Unknown,
        }
    }

    fn why(&self, tool: usize, input: &Map<String, Value>, several: bool) -> String {
        let tool = &self.tools[tool];
        let facts: Vec<String> = input.values().take(3).map(plain).filter(|text| text.len() < 60).collect();
        let name = tool.plain.join(" ");
        let lead = if several {
            "next"
        } else if tool.reads {
            "need"
        } else {
            "can"
        };
        if facts.is_empty() {
            format!("{lead} {name}")
        } else {
            format!("{lead} {name}: {}", facts.join(", "))
        }
    }
}

enum Produced {
    Value(Value),
    State(State),
}

/// A goal of this turn alone: lists of earlier turns do not serve it.
fn goal_is_fresh(goal: &Goal) -> bool {
    goal.said.len() == 1 && !goal.refers
}

/// The value in the type of the parameter.
/// Whether an item tells the parameter. Of a tool that says nothing of it, only a field of its very name counts.
fn yields(item: &Map<String, Value>, param: &Param, tool: &ToolFacts, blind: bool) -> bool {
    let named = || item.keys().any(|key| name_words(key) == name_words(&param.name));
    (!blind || named()) && field(item, param, tool).is_some()
}

pub(crate) fn typed(value: Value, param: &Param) -> Value {
    match (param.ty, &value) {
        (Type::Text, Value::Number(number)) => Value::String(number.to_string()),
        (Type::Integer | Type::Number, Value::String(text)) => {
            serde_json::from_str::<Value>(text).ok().filter(Value::is_number).unwrap_or(value)
        }
        (Type::List, Value::Array(_)) => value,
        (Type::List, _) => Value::Array(vec![value]),
        _ => value,
    }
}
