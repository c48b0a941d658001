//! What an utterance says about the parameters of one tool: of all stretches of the text that could be a value, those that together have
//! most that speaks for them.

use jiff::civil::DateTime;
use serde_json::{Value, json};

use crate::clause::Clause;
use crate::evidence::{Facts, Ground, Sheet};
use crate::schema::{Param, Role, ToolFacts, Type};
use crate::segment::{Candidate, Kind, Scene, candidates};
use crate::weights::{Judge, Weights};
use bedplate_language::entities::{Utterance, What, currency};
use bedplate_language::when::When;

/// Candidates of one parameter that are weighed against those of the others.
const CANDIDATES_MAX: usize = 12;
/// Assignments that are followed at the same time.
const BEAM: usize = 48;
/// What it costs that two parameters share words: a long phrase with something in it, and anything else.
const SHARED_COST: f32 = 2.0;
const SAME_COST: f32 = 5.0;
/// The same for a story and what it tells.
const TOLD_COST: f32 = 0.7;
/// The same words for two parameters.
const ALIKE_COST: f32 = 12.0;
/// Phrases of more tokens than this are no names, and may have other values in them.
const NAME_MAX: usize = 3;
/// What a yes-or-no pays for words that are another value.
const FLAG_COST: f32 = 0.5;

/// The parameters of a tool as far as an utterance gives them.
#[derive(Clone, Debug)]
pub(crate) struct Assigned {
    /// One for each parameter of the tool.
    pub(crate) values: Vec<Option<Value>>,
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
    let spans: Vec<(usize, usize)> = std::iter::once((clause.from, clause.to))
        .chain(
            context
                .iter()
                .copied()
                .filter(|(from, to)| from < to && (*to <= clause.from || *from >= clause.to)),
        )
        .collect();
    let mut blocked = vec![false; u.tokens.len()];
    for (from, to) in u.dropped.iter().chain(spoken_for) {
        blocked[*from.min(&u.tokens.len())..(*to).min(u.tokens.len())].fill(true);
    }
    let scene = Scene {
        u,
        spans: &spans,
        verb_at: &clause.verb_at,
        tool,
        blocked: &blocked,
        now,
    };
    let sheet = Sheet::new(&scene);
    let mut facts = Facts::default();
    let choices: Vec<Choice> = (0..tool.params.len())
        .map(|p| {
            if settled.get(p).copied().unwrap_or(false) {
                return Choice::settled();
            }
            let list = candidates(&scene, p);
            let scores = list
                .iter()
                .map(|candidate| {
                    sheet.facts(p, candidate, &mut facts);
                    Weights::arguments().score(&facts.ids)
                })
                .collect();
            Choice::new(&tool.params[p], list, scores)
        })
        .collect();
    let chosen = best(&sheet.ground(), &tool.params, &choices, Weights::calls(), &mut facts);
    let mut out = Assigned {
        values: Vec::with_capacity(choices.len()),
        taken: vec![false; u.tokens.len()],
        left: 0,
    };
    for (mut choice, c) in choices.into_iter().zip(chosen) {
        let Candidate { from, to, value, .. } = choice.list.swap_remove(c).1;
        if value.is_some() {
            out.taken[from..to].fill(true);
        }
        out.values.push(value);
    }
    out.left = left(&scene, &out.taken);
    out
}

/// How many mentions that are rarely said for nothing have found no place.
fn left(scene: &Scene, taken: &[bool]) -> usize {
    let telling = |what: &What| {
        matches!(
            what,
            What::Id(_)
                | What::Email(_)
                | What::Money(..)
                | What::When(When::Date(_) | When::Time(_) | When::DateTime(_))
                | What::Phone(_)
                | What::Percent(_)
                | What::Proper(_)
        )
    };
    scene
        .entities()
        .filter(|entity| !taken[entity.from] && telling(&entity.what))
        .count()
}

/// The candidates of one parameter that have a chance, with their probabilities (logarithms), the best first; "not said" is among them.
pub(crate) struct Choice {
    pub(crate) list: Vec<(f32, Candidate)>,
    /// A story may tell what other parameters want as well.
    tells: bool,
    /// Whether the parameter has its value already.
    settled: bool,
}

impl Choice {
    fn settled() -> Self {
        Self {
            list: vec![(0.0, Candidate::absent())],
            tells: false,
            settled: true,
        }
    }

    pub(crate) fn new(param: &Param, list: Vec<Candidate>, scores: Vec<f32>) -> Self {
        let top = scores.iter().copied().fold(f32::MIN, f32::max);
        let all = top + scores.iter().map(|score| (score - top).exp()).sum::<f32>().ln();
        let mut list: Vec<(f32, Candidate)> = scores.into_iter().map(|score| score - all).zip(list).collect();
        list.sort_by(|a, b| b.0.total_cmp(&a.0));
        let absent = list.iter().position(|(_, candidate)| candidate.kind == Kind::Null);
        if let Some(at) = absent.filter(|at| *at >= CANDIDATES_MAX) {
            list.swap(at, CANDIDATES_MAX - 1);
        }
        list.truncate(CANDIDATES_MAX);
        Self {
            list,
            tells: param.role == Role::Text,
            settled: false,
        }
    }
}

/// The best candidate of every parameter, when all that speaks for them together counts as well.
fn best(ground: &Ground, params: &[Param], choices: &[Choice], judge: &dyn Judge, facts: &mut Facts) -> Vec<usize> {
    let mut best = (f32::MIN, Vec::new());
    for (score, chosen) in together(choices) {
        ground.facts(params, &picked(choices, &chosen), facts);
        let score = score + judge.score(&facts.ids);
        if score > best.0 || best.1.is_empty() {
            best = (score, chosen);
        }
    }
    best.1
}

/// The candidates that were chosen; those of settled parameters are none.
pub(crate) fn picked<'a>(choices: &'a [Choice], chosen: &[usize]) -> Vec<Option<&'a Candidate>> {
    let one = |(choice, c): (&'a Choice, &usize)| (!choice.settled).then(|| &choice.list[*c].1);
    choices.iter().zip(chosen).map(one).collect()
}

/// The best assignments of a candidate to every parameter, when words should not be used twice, and what speaks for each.
pub(crate) fn together(choices: &[Choice]) -> Vec<(f32, Vec<usize>)> {
    let mut beam: Vec<(f32, Vec<usize>)> = vec![(0.0, Vec::new())];
    for choice in choices {
        let mut next = Vec::with_capacity(beam.len() * choice.list.len());
        for (score, chosen) in &beam {
            for (c, (own, candidate)) in choice.list.iter().enumerate() {
                let cost: f32 = chosen
                    .iter()
                    .zip(choices)
                    .map(|(other, of)| overlap(candidate, &of.list[*other].1, choice.tells != of.tells))
                    .sum();
                let mut chosen = chosen.clone();
                chosen.push(c);
                next.push((score + own - cost, chosen));
            }
        }
        next.sort_by(|a, b| b.0.total_cmp(&a.0));
        next.truncate(BEAM);
        beam = next;
    }
    beam
}

/// What it costs that two values share words.
fn overlap(a: &Candidate, b: &Candidate, told: bool) -> f32 {
    let apart = a.to <= b.from || b.to <= a.from;
    if a.kind == Kind::Null || b.kind == Kind::Null || apart {
        return 0.0;
    }
    let shares = |kind: Kind| matches!(kind, Kind::Range | Kind::DateTime | Kind::Joined | Kind::Ends);
    // an amount and its currency, the first and the last day of a week
    let part = |candidate: &Candidate| matches!(candidate.how, "code" | "first" | "last");
    if part(a) || part(b) {
        return 0.0;
    }
    let flag = |kind: Kind| matches!(kind, Kind::True | Kind::False);
    let long = |candidate: &Candidate| candidate.kind == Kind::Phrase && candidate.to - candidate.from > NAME_MAX;
    if shares(a.kind) && shares(b.kind) || a.kind == Kind::Ends || b.kind == Kind::Ends {
        0.0
    } else if flag(a.kind) || flag(b.kind) {
        FLAG_COST
    } else if a.from == b.from && a.to == b.to {
        ALIKE_COST
    } else if told && (long(a) || long(b)) {
        TOLD_COST
    } else if long(a) || long(b) {
        SHARED_COST
    } else {
        SAME_COST
    }
}

/// The allowed value that is `code`, or the code itself.
pub(crate) fn option_or(param: &Param, code: &str) -> Value {
    let found = param.options.iter().find(|option| {
        option
            .as_str()
            .is_some_and(|text| text.eq_ignore_ascii_case(code) || currency(&text.to_lowercase()) == Some(code))
    });
    let value = found.cloned().unwrap_or_else(|| json!(code));
    if param.ty == Type::List { json!([value]) } else { value }
}
