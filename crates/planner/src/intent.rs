//! Which tool a clause is about.
//!
//! Words of the clause are weighed against name, description, parameters and options of every tool, rarer words
//! more; verbs are compared by synonym and class; and what the clause mentions must find a place in the tool.

use jiff::civil::DateTime;

use crate::arguments::{Assigned, assign};
use crate::clause::{Clause, Mood};
use crate::schema::{Role, ToolFacts};
use bedplate_language::entities::{Utterance, What};
use bedplate_language::stem::stem;
use bedplate_language::thesaurus::{READ, thesaurus};
use bedplate_language::tokens::{Shape, name_words};
use bedplate_language::when::When;
use bedplate_language::words::{is_filler, is_stop};

/// Tools whose arguments are tried after the comparison of words.
const CANDIDATES_MAX: usize = 8;
/// The least score of a tool that is used.
pub(crate) const SCORE_MIN: f64 = 3.0;

/// A tool with what speaks for it.
#[derive(Clone, Debug)]
pub(crate) struct Match {
    pub(crate) tool: usize,
    pub(crate) score: f64,
    /// The best match of a single word.
    pub(crate) words: f64,
    /// From the verb alone.
    pub(crate) verb: f64,
    pub(crate) assigned: Assigned,
}

/// The stems of a clause that say what it is about.
pub(crate) fn content(u: &Utterance, clause: &Clause) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let known = thesaurus();
    let mut at = clause.from;
    while at < clause.to {
        let token = &u.tokens[at];
        let hidden = u
            .entities
            .iter()
            .any(|entity| entity.from <= at && at < entity.to && !matches!(entity.what, What::Proper(_) | What::Ordinal(_)));
        if let Some((phrase, used)) = known.phrase(|index| (at + index < clause.to).then(|| u.tokens[at + index].stem.as_str()))
            && !hidden
        {
            out.push(phrase);
            if used > 1 && u.tokens[at..at + used].iter().all(|token| is_stop(&token.lower)) {
                at += used;
                continue;
            }
        }
        // "my internet is out"
        if matches!(token.lower.as_str(), "out" | "down")
            && at > clause.from
            && matches!(
                u.word(at - 1),
                "is" | "are" | "was" | "went" | "been" | "'s" | "still" | "keeps" | "it's"
            )
            && (at + 1 == clause.to || u.tokens[at + 1].shape == Shape::Punct || u.word(at + 1) == "again")
        {
            out.push("outag".into());
        }
        let told = at > clause.from + 2 && crate::clause::begins_free_text(u, at);
        if told {
            break;
        }
        // "my student number is 40021": a label, not what the clause is about
        let label = |offset: usize| matches!(u.word(at + offset), "number" | "id" | "code" | "name" | "email" | "is");
        if label(0) && u.word(at + 1) == "is" || label(1) && u.word(at + 2) == "is" && at > clause.from && u.word(at - 1) == "my" {
            at += 1;
            continue;
        }
        let question = matches!(
            token.lower.as_str(),
            "where" | "when" | "cancelled" | "where's" | "who" | "who's" | "whom"
        );
        if token.shape == Shape::Word
            && !hidden
            && (question || !is_stop(&token.lower))
            && !(is_filler(&token.lower) && token.lower != "back")
            && !clause.verb_at.contains(&at)
        {
            let stem = if token.lower == "where's" {
                "where".to_owned()
            } else if matches!(token.lower.as_str(), "who's" | "whom") {
                "who".to_owned()
            } else {
                token.stem.clone()
            };
            if !out.contains(&stem) {
                out.push(stem);
            }
        }
        for entity in u.entities.iter().filter(|entity| entity.from == at) {
            match &entity.what {
                What::Email(_) => out.push("email".into()),
                What::Money(_, Some(code)) => {
                    let other = (clause.from..clause.to)
                        .any(|at| bedplate_language::entities::currency(u.word(at)).is_some_and(|found| found != *code));
                    if other {
                        out.push("currency".into());
                    }
                }
                What::Id(text) => {
                    let letters: String = text.chars().take_while(char::is_ascii_alphabetic).collect();
                    if letters.len() >= 3 {
                        out.push(stem(&letters.to_lowercase()));
                    }
                }
                _ => {}
            }
        }
        at += 1;
    }
    out
}

/// All tools worth a thought for a clause, the best first.
pub(crate) fn matches(u: &Utterance, clause: &Clause, context: &[(usize, usize)], tools: &[ToolFacts], now: DateTime) -> Vec<Match> {
    let words = content(u, clause);
    let asks = clause.mood == Mood::Question;
    let table: Vec<Vec<f64>> = words
        .iter()
        .map(|word| tools.iter().map(|tool| relevance(word, tool, asks)).collect())
        .collect();
    let labels: Vec<String> = u
        .entities
        .iter()
        .filter(|entity| {
            clause.from < entity.from
                && entity.to <= clause.to
                && (matches!(entity.what, What::Id(_)) || matches!(entity.what, What::Number(value) if value >= 100.0))
        })
        .map(|entity| u.tokens[entity.from - 1].stem.clone())
        // "three passengers": what is counted
        .chain(
            u.entities
                .iter()
                .filter(|entity| clause.from <= entity.from && entity.to < clause.to && matches!(entity.what, What::Number(_)))
                .map(|entity| u.tokens[entity.to].stem.clone()),
        )
        .collect();
    let count = tools.len() as f64;
    let mut scored: Vec<(f64, f64, f64, usize)> = Vec::new();
    for (index, tool) in tools.iter().enumerate() {
        if tool.asks {
            continue;
        }
        let mut about = 0.0;
        for (word, row) in words.iter().zip(&table) {
            // "account 4471": the noun labels an id, it is not what is asked about
            let weight = if labels.contains(word) && words.len() > labels.len() {
                0.5
            } else {
                1.0
            };
            let spread = row.iter().filter(|weight| **weight >= 0.6 * row[index].max(0.5)).count() as f64;
            let rarity = ((1.0 + count) / (0.5 + spread)).ln().clamp(0.45, 1.8);
            about += weight * row[index] * rarity;
        }
        let nouns = tool.nouns();
        let covered = nouns
            .iter()
            .filter(|noun| words.iter().any(|word| thesaurus().similarity(word, noun) >= 0.8))
            .count();
        let coverage = if nouns.is_empty() {
            0.0
        } else {
            1.6 * covered as f64 / nouns.len() as f64 - 0.15 * (nouns.len() - covered) as f64
        };
        let verb = verb_fit(clause, tool, u);
        // what a tool before this one is about counts as well: the slot of a court
        let before = tool.supplier;
        let about = about
            + before.map_or(0.0, |before| {
                0.5 * table.iter().map(|row| (row[before] - row[index]).max(0.0)).sum::<f64>()
            });
        let plain = table
            .iter()
            .map(|row| row[index].max(before.map_or(0.0, |before| 0.8 * row[before])))
            .fold(0.0, f64::max);
        scored.push((about + coverage + verb, plain, verb, index));
    }
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.3.cmp(&b.3)));
    let best_raw = scored.first().map_or(0.0, |best| best.0);
    let mut out: Vec<Match> = Vec::new();
    for (raw, about, verb, index) in scored.into_iter().take(CANDIDATES_MAX) {
        if raw < -2.6 || raw < best_raw - 6.0 {
            continue;
        }
        let tool = &tools[index];
        let mut assigned = assign(u, clause, context, tool, now);
        let mut supplied = 0.0;
        if assigned.left > 0 && !tool.suppliers.is_empty() {
            // what has no place here may be what the tool before it needs
            let mut taken = assigned.taken.clone();
            for before in &tool.suppliers {
                let given = assign(u, clause, context, &tools[*before], now);
                for (own, other) in taken.iter_mut().zip(&given.taken) {
                    *own |= other;
                }
            }
            let left = u
                .entities
                .iter()
                .filter(|entity| clause.from <= entity.from && entity.to <= clause.to && !taken[entity.from])
                .filter(|entity| matches!(entity.what, What::Id(_) | What::Email(_) | What::Proper(_) | What::Phone(_)))
                .count();
            if left < assigned.left {
                supplied = 0.8;
                assigned.left = left;
            }
        }
        let required: Vec<usize> = (0..tool.params.len()).filter(|p| tool.params[*p].required).collect();
        let filled = required.iter().filter(|p| assigned.values[**p].is_some()).count() as f64;
        let open = required
            .iter()
            .filter(|p| assigned.values[**p].is_none())
            .map(|p| match tool.params[*p].role {
                Role::Id if tool.supplier.is_some() => 0.5,
                Role::Text | Role::Query | Role::Flag => 0.35,
                _ => 0.7,
            })
            .sum::<f64>();
        let optional = assigned
            .values
            .iter()
            .enumerate()
            .filter(|(p, value)| value.is_some() && !tool.params[*p].required)
            .count() as f64;
        let numbers = u
            .entities
            .iter()
            .filter(|entity| clause.from <= entity.from && entity.to <= clause.to && !assigned.taken[entity.from])
            .filter(|entity| matches!(entity.what, What::Number(_) | What::When(When::Length(..))))
            .count() as f64;
        let left = if tool.supplier.is_some() {
            0.3 * assigned.left as f64
        } else {
            assigned.left as f64
        } + 0.9 * numbers;
        let fit = supplied + 0.7 * filled + 0.45 * optional + 0.5 * assigned.fit - open - 1.0 * left;
        out.push(Match {
            tool: index,
            score: raw + fit,
            words: about,
            verb,
            assigned,
        });
    }
    out.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.tool.cmp(&b.tool)));
    // "book a double room": the search that comes before is not what is wanted
    if let Some(best) = out.first()
        && best.verb < 0.0
        && clause.mood != Mood::Question
        && let Some(act) = out.iter().position(|found| {
            found.verb >= 2.6 && found.score >= SCORE_MIN && found.assigned.left == 0 && tools[found.tool].suppliers.contains(&best.tool)
        })
    {
        let score = out[0].score;
        let mut found = out.remove(act);
        found.score = score + 0.01;
        out.insert(0, found);
    }
    out
}

fn relevance(word: &str, tool: &ToolFacts, asks: bool) -> f64 {
    let known = thesaurus();
    // in a question, the verb of a tool that changes something is only a word: "who is assigned"
    if asks
        && !tool.reads
        && tool
            .verbs
            .iter()
            .any(|verb| verb == word || known.verb_similarity(verb, word) >= 0.8)
        && !known.is_noun(word)
    {
        return 0.2;
    }
    let best = |words: &[String], weight: f64| words.iter().map(|other| known.similarity(word, other) * weight).fold(0.0, f64::max);
    let mut out = best(&tool.words, 2.4).max(best(&tool.about, 1.2)).max(best(&tool.group, 0.5));
    for param in &tool.params {
        out = out.max(best(&param.words, 1.1)).max(best(&param.about, 0.5));
        for option in param.options.iter().filter_map(serde_json::Value::as_str) {
            for part in name_words(option) {
                let part = stem(&part);
                if part == word || known.similarity(&part, word) >= 0.8 || crate::options::derived(&part, word) {
                    out = out.max(1.4);
                }
            }
        }
    }
    out
}

fn verb_fit(clause: &Clause, tool: &ToolFacts, u: &Utterance) -> f64 {
    let known = thesaurus();
    if clause.mood == Mood::Question {
        let word = u.word(clause.from);
        let how_many = word == "how" && matches!(u.word(clause.from + 1), "many" | "much");
        let _ = how_many;
        return if tool.reads { 2.2 } else { -2.0 };
    }
    let Some(verb) = &clause.verb else {
        if clause.desire {
            let creates = tool
                .verbs
                .iter()
                .any(|verb| known.has_class(verb, "create") || known.has_class(verb, "ship") || known.has_class(verb, "pay"));
            return if creates {
                1.3
            } else if tool.reads {
                0.3
            } else {
                -0.2
            };
        }
        let trouble = (clause.from..clause.to).any(|at| {
            matches!(
                u.word(at),
                "broken"
                    | "leaking"
                    | "leaks"
                    | "stuck"
                    | "won't"
                    | "doesn't"
                    | "isn't"
                    | "can't"
                    | "cannot"
                    | "damaged"
                    | "missing"
                    | "failed"
                    | "failing"
                    | "dirty"
                    | "smells"
                    | "flickering"
                    | "error"
                    | "crashes"
                    | "slow"
                    | "down"
            )
        });
        let hears = tool.words.iter().chain(&tool.about).any(|word| {
            matches!(
                word.as_str(),
                "issu"
                    | "issue"
                    | "problem"
                    | "report"
                    | "incident"
                    | "maintenance"
                    | "maintenanc"
                    | "complaint"
                    | "ticket"
                    | "fault"
                    | "repair"
                    | "defect"
            )
        });
        return match (trouble, hears, tool.reads) {
            (true, true, false) => 2.0,
            (true, _, false) => -1.5,
            (_, _, true) => 0.7,
            _ => -0.5,
        };
    };
    let first = verb.split('_').next().unwrap_or(verb);
    let mut best: f64 = 0.0;
    let mut conflict = true;
    for (rank, other) in tool.verbs.iter().enumerate() {
        let near = known.verb_similarity(verb, other).max(if verb.contains('_') {
            known.verb_similarity(first, other) * 0.8
        } else {
            0.0
        });
        best = best.max(near * if rank == 0 { 1.0 } else { 0.9 });
        conflict &= near == 0.0;
    }
    // "place_order", "make_booking": the second word is the verb; "cancel_order" is not about ordering
    let generic = [
        "mak", "plac", "set", "do", "creat", "put", "add", "submit", "send", "start", "request", "perform", "new", "issu", "file", "writ",
        "leav", "give", "giv", "schedul", "arrang", "book", "plan", "order", "log", "record", "report", "tak", "run", "get", "register",
        "rais", "queu",
    ];
    let leads = tool
        .verbs
        .first()
        .is_some_and(|first| first.split('_').any(|part| part == verb || generic.contains(&part)));
    let listed = leads
        && tool
            .words
            .iter()
            .skip(1)
            .any(|word| word == verb || !tool.reads && (known.verb_similarity(verb, word) >= 0.85 || known.groups_shared(verb, word)));
    if listed {
        best = best.max(0.9);
    }
    let reads = known.has_class(verb, READ);
    let told = tool
        .about
        .iter()
        .any(|word| word == verb || known.verb_similarity(verb, word) >= 1.0);
    let class: f64 = if best >= 0.99 {
        3.2
    } else if best >= 0.7 {
        2.6
    } else if best >= 0.3 {
        if reads { 1.8 } else { 0.9 }
    } else if told {
        1.0
    } else if !known.is_verb(verb) {
        0.0
    } else if conflict && known.classes(verb) != ["read"] && tool.reads {
        -1.6
    } else {
        -2.2
    };
    // "show", "give me" must not reach a tool that changes something through a second meaning
    if reads && known.classes(verb).len() == 1 && !tool.reads {
        class.min(-1.5)
    } else {
        class
    }
}
