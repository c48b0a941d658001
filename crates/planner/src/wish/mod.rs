//! What a message wishes for: nothing, one tool, or two of them one after the other, whichever reading has most that speaks for it.
//!
//! `words` tells how near each word is to each tool, `fits` how well the mentions fit a tool's parameters; `message` holds both. `trial`
//! collects what speaks for one tool, `readings` what speaks for each way to read the whole message.

mod explain;
mod fits;
mod message;
mod readings;
mod trial;
mod words;

use jiff::civil::DateTime;

use crate::arguments::{Assigned, assign};
use crate::clause::{Clause, Mood, analyse};
use crate::evidence::Facts;
use crate::schema::ToolFacts;
use crate::supply::{pair, wanting};
use crate::weights::{Judge, Weights};
use bedplate_language::entities::Utterance;

use message::spans;
pub(crate) use message::{Message, Pending};
pub(crate) use readings::Reading;
pub(crate) use words::{VERB_NEAR, verb_nearness};

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
    /// The wish of clauses `from..to` for `tool`, with its arguments.
    fn wish(&self, from: usize, to: usize, tool: usize, score: f32) -> Wish {
        let part = self.part(from, to);
        let clause = &part[main_clause(&part, 0, part.len())];
        let context: Vec<(usize, usize)> = spans(&part).filter(|span| *span != (clause.from, clause.to)).collect();
        let the = &self.tools[tool];
        let mut assigned = assign(self.u, clause, &context, the, self.now);
        // what has to be looked up takes its own part of the sentence
        if self.pending.is_none()
            && let Some((p, source)) = wanting(self.tools, tool, &assigned.values)
        {
            let mut both = assign(self.u, clause, &context, &pair(the, &self.tools[source], p), self.now);
            both.values.truncate(the.params.len() - 1);
            both.values.insert(p, None);
            assigned = both;
        }
        Wish {
            found: self.found(from, to, tool, score),
            assigned,
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
                let cut = analyse(self.u, clause.from.max(begin), clause.to.min(end));
                Clause {
                    condition: clause.condition.clone(),
                    forbidden: clause.forbidden,
                    ..cut
                }
            })
            .collect()
    }

    /// How clauses `from..to` name `tool`.
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
        Match {
            tool,
            score,
            words,
            verb: clause.verb.as_ref().map(|verb| verb_nearness(verb, &self.tools[tool])),
        }
    }

    /// The wishes of the message in its best reading; `bonus` is what else speaks for each tool.
    pub(crate) fn wishes(&self, bonus: &[f32]) -> Vec<Wish> {
        // "hello": nothing in it has to do with any tool
        if self.u.entities.is_empty() && self.words.iter().all(|word| word.ranks.iter().all(|rank| *rank == 0)) {
            return Vec::new();
        }
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
            .map(|(from, to)| analyse(u, *from, *to)),
    )
    .collect();
    let message = Message::new(u, &list, tools, None, now);
    let judge = Weights::wishes();
    let mut facts = Facts::default();
    message.nothing(&mut facts);
    let none = judge.score(&std::mem::take(&mut facts.ids));
    let mut out: Vec<Match> = message
        .nearest()
        .into_iter()
        .map(|tool| {
            message.facts(0, message.fine.len(), tool, Weights::arguments(), &mut facts);
            let score = judge.score(&std::mem::take(&mut facts.ids)) - none;
            message.found(0, message.fine.len(), tool, score)
        })
        .collect();
    out.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.tool.cmp(&b.tool)));
    out
}
