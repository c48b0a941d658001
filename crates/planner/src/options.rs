//! Words that name an allowed value, a currency or a yes-or-no.

use serde_json::{Value, json};

use crate::arguments::{Work, option_or};
use crate::schema::{End, Role, Type};
use bedplate_language::entities::currency;
use bedplate_language::stem::stem;
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::{Shape, name_words};
use bedplate_language::words::{is_determiner, is_negation, is_preposition, is_stop};

impl Work<'_> {
    /// Currencies that are named apart from an amount: "into euros".
    pub(crate) fn currencies(&mut self) {
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
    pub(crate) fn options(&mut self) {
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
                    // an example among others stands for itself only
                    // "rooms" names what the tool is about, not a suite
                    let names_tool = score <= 2.0 && used == 1 && {
                        let stem = &self.u.tokens[at].stem;
                        self.tool.words.contains(stem)
                            || self.tool.about.contains(stem)
                            || self.tool.params.iter().any(|other| other.words.contains(stem))
                    };
                    if names_tool || score == 0.0 || param.open && score < 2.5 || !self.free(at, at + used) {
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
            if derived(&words[0], &token.stem) {
                return (1.7, 1);
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
    pub(crate) fn flags(&mut self) {
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
                    let parts = self.u.tokens[at].lower.contains('-')
                        && words.len() > 1
                        && self.u.tokens[at].lower.split('-').any(|part| stem(part) == word);
                    if parts || word.len() > 5 && !is_stop(&self.u.tokens[at].lower) && derived(word, &self.u.tokens[at].stem) {
                        return 1.0;
                    }
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
                // "gluten-free" means without
                let denied = denied || self.u.tokens[at].lower.ends_with("-free") && !param.is_any(&["free"]);
                let turned = param.is_any(&["exclude", "exclud", "skip", "no", "without"]);
                self.set(p, json!(denied == turned), 0.6);
                self.take(at, at + 1);
            }
        }
    }
}

/// "moist" and "moisture", "expire" and "expiry": words of one root.
pub(crate) fn derived(a: &str, b: &str) -> bool {
    let common = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.len() - common, b.len() - common);
    common >= 4 && (a <= 1 && b <= 4 || b <= 1 && a <= 4) || common >= 6 && a <= 4 && b <= 4
}
