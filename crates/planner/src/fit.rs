//! Fitting the weights: softmax regression over the candidates of every argument and over the readings of every message.
//!
//! `cargo test --release -p bedplate-planner --lib fit -- --ignored --nocapture` fits the three tables of `weights/` to the conversations in `fit/`,
//! `tests/known` and `tests/cases`, and tells first how well that does on sets that were left out. `FIT=a,b` names other folders, `FIT_ONLY=cross` writes
//! nothing, `FIT_ONLY=all` only writes, `FIT_SHOW=1` prints what was wrong.

#![allow(clippy::unwrap_used, reason = "a malformed file shall stop the fitting")]
#![allow(clippy::disallowed_methods, reason = "the environment says what is fitted to what")]
#![allow(clippy::cast_precision_loss, reason = "counts of a few thousand")]

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bedplate_converse::Message as Said;
use jiff::civil::DateTime;
use serde_json::Value;

use crate::arguments::{Choice, picked, together};
use crate::clause::{Clause, clauses};
use crate::evidence::{Facts, Ground, Sheet};
use crate::schema::ToolFacts;
use crate::segment::{Candidate, Scene, candidates};
use crate::sets::{Set, equal, files, function, read, read_cases, rename};
use crate::supply::{pair, producers};
use crate::weights::Judge;
use crate::wish::{Message, Pending, Reading, main_clause};
use bedplate_language::entities::Utterance;

/// Parts that the sets are divided into for the honest figure.
const FOLDS: usize = 5;
/// Rounds over all samples, and how far the first step goes.
const EPOCHS: usize = 12;
const RATE: f32 = 0.05;
/// How strongly weights are pulled to zero.
const ARGUMENTS_PULL: f32 = 0.0005;
const WISHES_PULL: f32 = 0.001;
/// Facts of fewer decisions than this are left out of the tables.
const DECISIONS_MIN: u32 = 80;

/// The same for the second round, in which whole calls are learned: rounds, how far a step goes for facts about calls and about arguments, what the
/// latter count as having learned, and facts of fewer calls than this are left out.
const CALLS_EPOCHS: usize = 2;
const CALLS_RATE: f32 = 0.05;
const SECOND_RATE: f32 = 0.02;
const SECOND_SUMS: f32 = 1.0;
const CALLS_MIN: u32 = 40;

/// Smaller weights, in hundredths, are left out of the tables.
const WEIGHT_MIN: i32 = 3;

/// One choice to learn from: the facts of each candidate, and which candidates are right.
struct Decision {
    facts: Vec<Vec<u32>>,
    good: Vec<bool>,
}

/// The arguments of one call.
struct Sample {
    set: usize,
    text: String,
    kept: bool,
    kind: &'static str,
    tool: ToolFacts,
    wanted: Vec<Option<Value>>,
    candidates: Vec<Vec<Candidate>>,
    decisions: Vec<Decision>,
    ground: Ground,
}

/// The first message of a conversation with the tools that it is right to call.
struct Wished {
    set: usize,
    text: String,
    kind: &'static str,
    kept: bool,
    u: Utterance,
    list: Vec<Clause>,
    tools: Arc<Vec<ToolFacts>>,
    now: DateTime,
    pending: Option<Pending>,
    /// No wish, one tool, or two.
    right: Vec<Vec<String>>,
}

/// Numbers for facts, with their names.
#[derive(Default)]
struct Index {
    at: HashMap<u64, u32>,
    facts: Vec<u64>,
}

impl Index {
    fn rows(&mut self, facts: &[u64]) -> Vec<u32> {
        facts
            .iter()
            .map(|fact| {
                *self.at.entry(*fact).or_insert_with(|| {
                    self.facts.push(*fact);
                    u32::try_from(self.facts.len() - 1).unwrap()
                })
            })
            .collect()
    }

    /// The same for facts that are in it already.
    fn known(&self, facts: &[u64]) -> Vec<u32> {
        facts.iter().filter_map(|fact| self.at.get(fact)).copied().collect()
    }
}

/// The same disorder on every run.
struct Shuffle(u64);

impl Shuffle {
    fn mix<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            list.swap(at, (self.0 >> 33) as usize % (at + 1));
        }
    }
}

/// Weights in the making: AdaGrad.
#[derive(Default)]
struct Model {
    weights: Vec<f32>,
    sums: Vec<f32>,
    pull: f32,
}

impl Model {
    fn scores(&self, decision: &Decision) -> Vec<f32> {
        decision
            .facts
            .iter()
            .map(|row| row.iter().map(|fact| self.weights[*fact as usize]).sum())
            .collect()
    }

    fn learn(&mut self, decision: &Decision, rate: f32) {
        let scores = self.scores(decision);
        let top = scores.iter().copied().fold(f32::MIN, f32::max);
        let exps: Vec<f32> = scores.iter().map(|score| (score - top).exp()).collect();
        let all: f32 = exps.iter().sum();
        let good: f32 = exps.iter().zip(&decision.good).filter(|(_, good)| **good).map(|(exp, _)| exp).sum();
        for ((row, exp), good_one) in decision.facts.iter().zip(&exps).zip(&decision.good) {
            let target = if *good_one { exp / good.max(1e-20) } else { 0.0 };
            let step = target - exp / all;
            if step.abs() < 1e-4 {
                continue;
            }
            self.step(row, step, rate);
        }
    }

    fn step(&mut self, row: &[u32], step: f32, rate: f32) {
        for fact in row {
            let fact = *fact as usize;
            let gradient = step - self.pull * self.weights[fact];
            self.sums[fact] += gradient * gradient;
            self.weights[fact] += rate * gradient / (self.sums[fact].sqrt() + 1e-3);
        }
    }

    /// Fits to `decisions`; those without a right candidate teach nothing.
    fn fit(decisions: &[&Decision], facts: usize, pull: f32) -> Self {
        let mut model = Self {
            weights: vec![0.0; facts],
            sums: vec![0.0; facts],
            pull,
        };
        let mut order: Vec<&&Decision> = decisions.iter().filter(|decision| decision.good.contains(&true)).collect();
        let mut shuffle = Shuffle(12_345);
        for epoch in 0..EPOCHS {
            shuffle.mix(&mut order);
            let rate = RATE * (1.0 - 0.8 * epoch as f32 / EPOCHS as f32);
            order.iter().for_each(|decision| model.learn(decision, rate));
        }
        model
    }

    fn table(&self, index: &Index, names: &HashMap<u64, String>) -> String {
        let mut lines: Vec<(String, i32)> = index
            .facts
            .iter()
            .zip(&self.weights)
            .filter_map(|(fact, weight)| {
                let name = names.get(fact)?;
                let weight = (weight * 100.0).round() as i32;
                (weight.abs() >= WEIGHT_MIN && !name.contains('\n')).then(|| (name.clone(), weight))
            })
            .collect();
        lines.sort();
        lines.iter().fold(String::new(), |mut out, (name, weight)| {
            let _ = writeln!(out, "{weight} {name}");
            out
        })
    }
}

/// The two tables that fill calls: of single arguments and of all together.
struct Tables {
    single: Model,
    whole: Model,
    /// Facts about whole calls, with their names.
    index: Index,
    facts: Facts,
}

/// One way to fill a call: what speaks for it, the candidates, its facts.
type Way = (f32, Vec<usize>, Vec<u32>);

impl Tables {
    /// Fits the single arguments first, and then both to the calls as they come out.
    fn fit(samples: &[&Sample], facts: usize) -> Self {
        let decisions: Vec<&Decision> = samples.iter().flat_map(|sample| &sample.decisions).collect();
        let mut out = Self {
            single: Model::fit(&decisions, facts, ARGUMENTS_PULL),
            whole: Model::default(),
            index: Index::default(),
            facts: Facts {
                names: Some(HashMap::new()),
                ..Facts::default()
            },
        };
        out.single.sums.fill(SECOND_SUMS);
        out.whole.pull = ARGUMENTS_PULL;
        let mut seen: Vec<u32> = Vec::new();
        for sample in samples {
            let mut own: Vec<u32> = out.ways(sample, true).1.into_iter().flat_map(|way| way.2).collect();
            own.sort_unstable();
            own.dedup();
            seen.resize(out.index.facts.len(), 0);
            own.iter().for_each(|fact| seen[*fact as usize] += 1);
        }
        let kept: Vec<u64> = out
            .index
            .facts
            .iter()
            .zip(&seen)
            .filter(|(_, seen)| **seen >= CALLS_MIN)
            .map(|(fact, _)| *fact)
            .collect();
        out.index = Index::default();
        out.index.rows(&kept);
        out.whole.weights = vec![0.0; kept.len()];
        out.whole.sums = vec![0.0; kept.len()];
        let names = out.facts.names.take();
        let mut order: Vec<&&Sample> = samples.iter().collect();
        let mut shuffle = Shuffle(12_345);
        for epoch in 0..CALLS_EPOCHS {
            shuffle.mix(&mut order);
            let slower = 1.0 - 0.8 * epoch as f32 / CALLS_EPOCHS as f32;
            order.iter().for_each(|sample| out.learn(sample, slower));
        }
        out.facts.names = names;
        out
    }

    /// The choices of a call, and the best ways to fill it, the very best first.
    fn ways(&mut self, sample: &Sample, grow: bool) -> (Vec<Choice>, Vec<Way>) {
        let choices: Vec<Choice> = sample
            .decisions
            .iter()
            .zip(&sample.candidates)
            .zip(&sample.tool.params)
            .map(|((decision, list), param)| Choice::new(param, list.clone(), self.single.scores(decision)))
            .collect();
        let mut ways: Vec<Way> = Vec::new();
        for (score, chosen) in together(&choices) {
            sample
                .ground
                .facts(&sample.tool.params, &picked(&choices, &chosen), &mut self.facts);
            let row = if grow {
                self.index.rows(&self.facts.ids)
            } else {
                self.index.known(&self.facts.ids)
            };
            let whole: f32 = row.iter().filter_map(|fact| self.whole.weights.get(*fact as usize)).sum();
            ways.push((score + whole, chosen, row));
        }
        ways.sort_by(|a, b| b.0.total_cmp(&a.0));
        (choices, ways)
    }

    fn learn(&mut self, sample: &Sample, slower: f32) {
        let (choices, ways) = self.ways(sample, false);
        // which row of the decision a choice came from
        let at: Vec<Vec<usize>> = choices
            .iter()
            .enumerate()
            .map(|(p, choice)| choice.list.iter().map(|(_, c)| row_of(sample, p, c)).collect())
            .collect();
        let right = |chosen: &[usize]| (0..chosen.len()).filter(|p| sample.decisions[*p].good[at[*p][chosen[*p]]]).count();
        let rights: Vec<usize> = ways.iter().map(|way| right(&way.1)).collect();
        let most = rights.iter().copied().max().unwrap_or(0);
        let exps: Vec<f32> = ways.iter().map(|way| (way.0 - ways[0].0).exp()).collect();
        let all: f32 = exps.iter().sum();
        let good: f32 = exps
            .iter()
            .zip(&rights)
            .filter(|(_, right)| **right == most)
            .map(|(exp, _)| exp)
            .sum();
        let mut steps: BTreeMap<(usize, usize), f32> = BTreeMap::new();
        for (((_, chosen, row), exp), right) in ways.iter().zip(&exps).zip(&rights) {
            let target = if *right == most { exp / good.max(1e-20) } else { 0.0 };
            let step = target - exp / all;
            if step.abs() < 1e-4 {
                continue;
            }
            self.whole.step(row, step, CALLS_RATE * slower);
            for (p, c) in chosen.iter().enumerate() {
                *steps.entry((p, at[p][*c])).or_default() += step;
            }
        }
        for ((p, c), step) in steps.into_iter().filter(|(_, step)| step.abs() > 1e-4) {
            self.single.step(&sample.decisions[p].facts[c], step, SECOND_RATE * slower);
        }
    }
}

/// Which candidate of a parameter one is.
fn row_of(sample: &Sample, p: usize, candidate: &Candidate) -> usize {
    let key = |c: &Candidate| (c.from, c.to, c.kind, c.how);
    let same = |other: &Candidate| key(other) == key(candidate) && other.value == candidate.value;
    sample.candidates[p].iter().position(same).unwrap()
}

struct Fitted<'a> {
    index: &'a Index,
    model: &'a Model,
}

impl Judge for Fitted<'_> {
    fn score(&self, facts: &[u64]) -> f32 {
        facts
            .iter()
            .filter_map(|fact| self.index.at.get(fact))
            .map(|at| self.model.weights[*at as usize])
            .sum()
    }
}

fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Its kind, the readings that are right, the calls whose arguments can be learned.
type Asked<'a> = (&'static str, Vec<Vec<String>>, Vec<&'a Value>);

/// What a turn asks for.
fn asked(turns: &[Value], at: usize) -> Option<Asked<'_>> {
    let steps = |turn: &'_ Value| -> Vec<Vec<String>> {
        let step = |step: &Value| {
            step.as_array()
                .unwrap()
                .iter()
                .map(|call| call["tool"].as_str().unwrap().to_owned())
                .collect()
        };
        turn["expect"].as_array().unwrap().iter().map(step).collect()
    };
    let own = steps(&turns[at]);
    let call = |turn: usize, step: usize| &turns[turn]["expect"][step][0];
    let (kind, mut right, calls) = match &own[..] {
        [] if at + 1 == turns.len() && at == 0 => ("none", vec![vec![]], vec![]),
        [] => match turns.get(at + 1).map(steps).as_deref() {
            Some([one]) if one.len() == 1 && at == 0 => ("asks", vec![one.clone()], vec![call(at + 1, 0)]),
            _ => return None,
        },
        [one] if one.len() == 1 => ("one", vec![one.clone()], vec![call(at, 0)]),
        [two] if two.len() == 2 => ("two", vec![two.clone()], vec![]),
        [first, second] if first.len() == 1 && second.len() == 1 => (
            "chain",
            vec![second.clone(), vec![first[0].clone(), second[0].clone()]],
            vec![call(at, 0), call(at, 1)],
        ),
        _ => return None,
    };
    if at > 0 {
        let before = steps(&turns[at - 1]);
        let same = before.last().and_then(|step| step.last()) == right[0].last();
        // an answer, or the last wish with a change
        if before.is_empty() || same {
            right.push(vec![]);
        }
        return Some((if before.is_empty() { "answer" } else { "later" }, right, calls));
    }
    Some((kind, right, calls))
}

fn load(set: &Set, number: usize, kept: bool, index: &mut Index, facts: &mut Facts, samples: &mut Vec<Sample>, wished: &mut Vec<Wished>) {
    let tools = Arc::new(crate::schema::tools(&set.tools));
    for turns in set.cases.iter().map(|case| case["turns"].as_array().unwrap()) {
        for at in 0..turns.len() {
            let Some((kind, right, calls)) = asked(turns, at) else { continue };
            let text = turns[at]["user"].as_str().unwrap();
            let said = crate::dialogue::turns(&[Arc::new(Said::user(text))], &tools, set.now);
            let u = said.last().unwrap().said.clone();
            let list = clauses(&u);
            if list.is_empty() {
                continue;
            }
            let find = |call: &Value| tools.iter().position(|tool| call["tool"] == function(&tool.name));
            for call in &calls {
                let tool = &tools[find(call).unwrap()];
                samples.push(sample(number, kept, text, kind, &u, &list, tool, call, set.now, index, facts));
            }
            if let [source, call] = calls[..]
                && let Some((tool, call)) = both(&tools, find(call).unwrap(), find(source).unwrap(), call, source)
            {
                samples.push(sample(number, kept, text, "both", &u, &list, &tool, &call, set.now, index, facts));
            }
            let before = at.checked_sub(1).map(|before| turns[before]["expect"].as_array().unwrap());
            let pending = before.and_then(|before| match before.last().and_then(|step| step.as_array()?.last()) {
                Some(call) => Some(Pending::Done(find(call)?)),
                None => Some(Pending::Open(find(calls.last()?)?)),
            });
            wished.push(Wished {
                set: number,
                text: text.to_owned(),
                kind,
                kept,
                u,
                list,
                tools: tools.clone(),
                now: set.now,
                pending,
                right,
            });
        }
    }
}

/// A tool and the one that is asked first as one, and the call of both; their parameters are told apart by name.
fn both(tools: &[ToolFacts], tool: usize, source: usize, call: &Value, first: &Value) -> Option<(ToolFacts, Value)> {
    let the = &tools[tool];
    let p = (0..the.params.len()).find(|p| {
        !call["input"][&the.params[*p].name].is_null() && the.params[*p].required && producers(tools, tool, *p).contains(&source)
    })?;
    let mut out = pair(the, &tools[source], p);
    let mut parts = serde_json::json!({"input": {}, "optional": {}});
    for (at, param) in out.params.iter_mut().enumerate() {
        let from = if at < the.params.len() - 1 { call } else { first };
        let name = format!("{} {at}", param.name);
        for part in ["input", "optional"] {
            if let Some(value) = from[part].get(&param.name) {
                parts[part][&name] = value.clone();
            }
        }
        param.name = name;
    }
    Some((out, parts))
}

#[expect(clippy::too_many_arguments, reason = "one place calls it")]
fn sample(
    set: usize,
    kept: bool,
    text: &str,
    kind: &'static str,
    u: &Utterance,
    list: &[Clause],
    tool: &ToolFacts,
    call: &Value,
    now: DateTime,
    index: &mut Index,
    facts: &mut Facts,
) -> Sample {
    let main = &list[main_clause(list, 0, list.len())];
    let all = list
        .iter()
        .flat_map(|clause| std::iter::once((clause.from, clause.to)).chain(clause.condition.iter().map(|held| (held.from, held.to))));
    let spans: Vec<(usize, usize)> = std::iter::once((main.from, main.to))
        .chain(all.filter(|(from, to)| from < to && (*to <= main.from || *from >= main.to)))
        .collect();
    let blocked: Vec<bool> = (0..u.tokens.len())
        .map(|at| u.dropped.iter().any(|(from, to)| (*from..*to).contains(&at)))
        .collect();
    let scene = Scene {
        u,
        spans: &spans,
        verb_at: &main.verb_at,
        tool,
        blocked: &blocked,
        now,
    };
    let sheet = Sheet::new(&scene);
    let mut out = Sample {
        set,
        text: text.to_owned(),
        kept,
        kind,
        tool: tool.clone(),
        wanted: Vec::new(),
        candidates: Vec::new(),
        decisions: Vec::new(),
        ground: sheet.ground(),
    };
    for (p, param) in tool.params.iter().enumerate() {
        let list = candidates(&scene, p);
        let mut wanted = call["input"].get(&param.name);
        // what is only said in the answer to the question was not said yet
        if !matches!(kind, "one" | "both")
            && wanted.is_some_and(|wanted| !list.iter().any(|c| c.value.as_ref().is_some_and(|value| equal(wanted, value))))
        {
            wanted = None;
        }
        let optional = call["optional"].get(&param.name);
        let good = |candidate: &Candidate| match (wanted, &candidate.value) {
            (Some(wanted), Some(value)) => equal(wanted, value),
            (None, None) => true,
            (None, Some(value)) => optional.is_some_and(|optional| equal(optional, value)),
            (Some(_), None) => false,
        };
        out.decisions.push(Decision {
            facts: list
                .iter()
                .map(|candidate| {
                    sheet.facts(p, candidate, facts);
                    index.rows(&facts.ids)
                })
                .collect(),
            good: list.iter().map(good).collect(),
        });
        out.wanted.push(wanted.cloned());
        out.candidates.push(list);
    }
    out
}

/// Leaves out facts that few decisions have.
fn prune<'a>(decisions: impl Iterator<Item = &'a mut Decision>, count: usize) {
    let mut decisions: Vec<&mut Decision> = decisions.collect();
    let mut seen = vec![0_u32; count];
    for decision in &decisions {
        let mut own: Vec<u32> = decision.facts.iter().flatten().copied().collect();
        own.sort_unstable();
        own.dedup();
        own.iter().for_each(|fact| seen[*fact as usize] += 1);
    }
    for row in decisions.iter_mut().flat_map(|decision| &mut decision.facts) {
        row.retain(|fact| seen[*fact as usize] >= DECISIONS_MIN);
    }
}

fn readings(case: &Wished, judge: &dyn Judge, names: &mut Option<HashMap<u64, String>>) -> (Vec<Reading>, Vec<Vec<u64>>, Vec<bool>) {
    let message = Message::new(&case.u, &case.list, &case.tools, case.pending, case.now);
    let name = |tool: usize| function(&case.tools[tool].name).to_owned();
    let all = message.readings(judge, None, names);
    let good = all
        .iter()
        .map(|(reading, _)| {
            let calls = match reading {
                Reading::None => vec![],
                Reading::One(tool) => vec![name(*tool)],
                Reading::Two(_, first, second) => vec![name(*first), name(*second)],
            };
            case.right.contains(&calls)
        })
        .collect();
    let (readings, facts) = all.into_iter().unzip();
    (readings, facts, good)
}

/// Right and all, by kind.
type Totals = BTreeMap<&'static str, [usize; 2]>;

fn count(totals: &mut Totals, kind: &'static str, right: bool) {
    let row = totals.entry(kind).or_default();
    row[0] += usize::from(right);
    row[1] += 1;
}

#[test]
#[ignore = "writes the tables of weights"]
fn fit() {
    let folders: Vec<PathBuf> = told("FIT").map_or_else(
        || {
            ["fit", "tests/known"]
                .iter()
                .map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
                .collect()
        },
        |folders| folders.split(',').map(PathBuf::from).collect(),
    );
    let (mut index, mut samples, mut wished) = (Index::default(), Vec::new(), Vec::new());
    let mut facts = Facts {
        names: Some(HashMap::new()),
        ..Facts::default()
    };
    let mut sets = 0;
    for file in folders.iter().flat_map(|folder| files(folder)) {
        let set = read(&file);
        for (kept, set) in [(true, &set), (false, &rename(&set))] {
            load(set, sets, kept, &mut index, &mut facts, &mut samples, &mut wished);
        }
        sets += 1;
    }
    if told("FIT").is_none() {
        for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")) {
            load(&read_cases(&file), sets, true, &mut index, &mut facts, &mut samples, &mut wished);
            sets += 1;
        }
    }
    let all = index.facts.len();
    prune(samples.iter_mut().flat_map(|sample| &mut sample.decisions), all);
    println!(
        "{sets} sets, {} calls, {} messages, {all} facts of arguments",
        samples.len(),
        wished.len()
    );
    let show = told("FIT_SHOW").is_some();
    let mut totals = Totals::new();
    for fold in 0..if told("FIT_ONLY").as_deref() == Some("all") { 0 } else { FOLDS } {
        let learned: Vec<&Sample> = samples.iter().filter(|sample| sample.set % FOLDS != fold).collect();
        let mut tables = Tables::fit(&learned, all);
        tables.facts.names = None;
        for sample in samples.iter().filter(|sample| sample.set % FOLDS == fold) {
            let (choices, ways) = tables.ways(sample, false);
            let chosen = &ways[0].1;
            let mut right = true;
            let mut notes = String::new();
            for (p, c) in chosen.iter().enumerate() {
                let candidate = &choices[p].list[*c].1;
                if !sample.decisions[p].good[row_of(sample, p, candidate)] {
                    right = false;
                    let reach = sample.decisions[p].good.contains(&true);
                    let _ = writeln!(
                        notes,
                        "    {}: {} instead of {}{}",
                        sample.tool.params[p].name,
                        candidate.value.as_ref().map_or("-".to_owned(), Value::to_string),
                        sample.wanted[p].as_ref().map_or("-".to_owned(), Value::to_string),
                        if reach { "" } else { " (no candidate)" }
                    );
                }
            }
            count(
                &mut totals,
                if !sample.kept {
                    "arguments~"
                } else if sample.kind == "both" {
                    "arguments++"
                } else if sample.kind == "one" {
                    "arguments"
                } else {
                    "arguments+"
                },
                right,
            );
            if show && !right && sample.kept {
                print!("ARGS {}\n{notes}", sample.text);
            }
        }
        let judge = Fitted {
            index: &index,
            model: &tables.single,
        };
        let mut own = Index::default();
        let mut decisions: Vec<(Vec<Reading>, Decision)> = wished
            .iter()
            .map(|case| {
                let (readings, facts, good) = readings(case, &judge, &mut None);
                let facts = facts.iter().map(|row| own.rows(row)).collect();
                (readings, Decision { facts, good })
            })
            .collect();
        let many = own.facts.len();
        prune(decisions.iter_mut().map(|(_, decision)| decision), many);
        let learned: Vec<&Decision> = wished
            .iter()
            .zip(&decisions)
            .filter(|(case, _)| case.set % FOLDS != fold)
            .map(|(_, (_, decision))| decision)
            .collect();
        let model = Model::fit(&learned, many, WISHES_PULL);
        for (case, (readings, decision)) in wished.iter().zip(&decisions).filter(|(case, _)| case.set % FOLDS == fold) {
            let scores = model.scores(decision);
            let best = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap();
            let kind = if case.kept { case.kind } else { "renamed" };
            count(&mut totals, kind, decision.good[best]);
            if show && case.kept && !decision.good[best] {
                let name = |tool: &usize| case.tools[*tool].name.as_str();
                let found = match &readings[best] {
                    Reading::None => "nothing".to_owned(),
                    Reading::One(tool) => name(tool).to_owned(),
                    Reading::Two(_, first, second) => format!("{} and {}", name(first), name(second)),
                };
                println!("WISH {}\n    {found} instead of {:?}", case.text, case.right);
            }
        }
    }
    for (kind, [right, all]) in &totals {
        println!("{kind:<11} {right:>5} of {all:>5}  {:.3}", *right as f32 / *all as f32);
    }
    if told("FIT_ONLY").as_deref() == Some("cross") {
        return;
    }
    let tables = Tables::fit(&samples.iter().collect::<Vec<_>>(), all);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/weights");
    let write = |name: &str, table: String| std::fs::write(folder.join(name), table).unwrap();
    write("arguments.txt", tables.single.table(&index, facts.names.as_ref().unwrap()));
    write("calls.txt", tables.whole.table(&tables.index, tables.facts.names.as_ref().unwrap()));
    let judge = Fitted {
        index: &index,
        model: &tables.single,
    };
    let (mut own, mut names) = (Index::default(), Some(HashMap::new()));
    let mut decisions: Vec<Decision> = wished
        .iter()
        .map(|case| {
            let (_, facts, good) = readings(case, &judge, &mut names);
            let facts = facts.iter().map(|row| own.rows(row)).collect();
            Decision { facts, good }
        })
        .collect();
    let many = own.facts.len();
    prune(decisions.iter_mut(), many);
    let model = Model::fit(&decisions.iter().collect::<Vec<_>>(), many, WISHES_PULL);
    write("wishes.txt", model.table(&own, names.as_ref().unwrap()));
}
