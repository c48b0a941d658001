//! What a text mentions that has a value of its own: dates, numbers, ids, names, quotations.

use crate::cues::{Hit, cues};
use std::sync::Arc;

use jiff::civil::DateTime;

use crate::lexicon::classes;
use crate::numbers::{in_digits, in_words, ordinal};
use crate::thesaurus::thesaurus;
use crate::tokens::{Shape, Token, tokens};
use crate::when::{self, When};
use crate::words::{is_auxiliary, is_determiner, is_filler, is_modal, is_question_word, is_stop};

/// What is mentioned.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A date, a time, a part of the day, a length.
    When(When),
    /// A number without a unit.
    Number(f64),
    /// An amount, with the ISO code of its currency when that was said.
    Money(f64, Option<&'static str>),
    /// A percentage.
    Percent(f64),
    /// A position; negative ones count from the end.
    Ordinal(i64),
    /// An address of mail.
    Email(String),
    /// A telephone number, as written.
    Phone(String),
    /// An address of the web.
    Url(String),
    /// A code with digits, without a leading `#`.
    Id(String),
    /// What stood in quotation marks.
    Quoted(String),
    /// A name with capitals.
    Proper(String),
}

/// One mention: tokens `from..to`.
#[derive(Clone, Debug)]
pub struct Entity {
    /// The same day in the other year, when the year was left open: gone by instead of to come, or the other way round.
    pub other: Option<When>,
    /// What it is.
    pub what: What,
    /// First token.
    pub from: usize,
    /// Token behind the last.
    pub to: usize,
}

/// A text with its tokens and mentions.
#[derive(Clone, Debug)]
pub struct Utterance {
    /// As it was written, cut at the limit.
    pub text: String,
    /// Its tokens.
    pub tokens: Vec<Token>,
    /// Its mentions, in order.
    pub entities: Vec<Entity>,
    /// Stems that are verbs in the names of tools.
    pub verbs: Arc<[String]>,
    /// Tokens of mentions that were taken back.
    pub dropped: Vec<(usize, usize)>,
    /// Whether it tells of what has happened.
    pub past: bool,
    /// What people say who mean a value, for each token where such words begin.
    pub cues: Vec<Vec<Hit>>,
}

/// Most bytes of a text that are read.
pub const TEXT_BYTES_MAX: usize = 4_000;

impl Utterance {
    /// Reads `text` as said at `now`, to somebody whose tools are called by `verbs` (stems).
    pub fn read(text: &str, now: DateTime, verbs: &Arc<[String]>) -> Self {
        let mut cut = text.len().min(TEXT_BYTES_MAX);
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        let text = text[..cut].to_owned();
        let tokens = tokens(&text);
        let past = tokens.iter().enumerate().any(|(at, token)| {
            let of_clock = token.lower == "past"
                && at > 0
                && (matches!(tokens[at - 1].lower.as_str(), "half" | "quarter" | "minutes")
                    || in_words(&[tokens[at - 1].lower.as_str()]).is_some()
                    || tokens[at - 1].shape == Shape::Number);
            !of_clock
                && (matches!(
                    token.lower.as_str(),
                    "was"
                        | "were"
                        | "did"
                        | "last"
                        | "since"
                        | "spent"
                        | "spend"
                        | "happened"
                        | "history"
                        | "past"
                        | "previous"
                        | "yesterday"
                        | "ago"
                        | "born"
                        | "transactions"
                        | "expenses"
                        | "sold"
                        | "worked"
                ) || told_as_past(&tokens, at))
        });
        let mut entities = entities(&tokens, now, past, verbs);
        order_ranges(&tokens, &mut entities);
        let dropped = drop_corrected(&tokens, &mut entities);
        Self {
            cues: cues(&tokens),
            text,
            tokens,
            entities,
            verbs: verbs.clone(),
            dropped,
            past,
        }
    }

    /// The text of tokens `from..to`, as it was written.
    pub fn slice(&self, from: usize, to: usize) -> &str {
        if from >= to || to > self.tokens.len() {
            return "";
        }
        &self.text[self.tokens[from].start..self.tokens[to - 1].end]
    }

    /// The ids that are mentioned.
    pub fn ids(&self) -> impl Iterator<Item = &String> {
        self.entities
            .iter()
            .filter_map(|entity| if let What::Id(id) = &entity.what { Some(id) } else { None })
    }

    /// Lower-case word of a token, empty beyond the ends.
    pub fn word(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.lower.as_str())
    }
}

/// "I drove", "we missed", "he paid": a verb in the past behind somebody.
fn told_as_past(tokens: &[Token], at: usize) -> bool {
    let who = at.checked_sub(1).map_or("", |before| tokens[before].lower.as_str());
    let word = tokens[at].lower.as_str();
    let past = crate::stem::past_form(word) || word.ends_with("ed") && classes(word).verb() && !classes(word).adjective();
    matches!(who, "i" | "we" | "he" | "she" | "they" | "it" | "which" | "who") && past
}

fn entities(tokens: &[Token], now: DateTime, past: bool, verbs: &[String]) -> Vec<Entity> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let called =
            tokens[at].shape == Shape::Word && (at == 0 || tokens[at - 1].shape == Shape::Punct) && verbs.contains(&tokens[at].stem);
        // "Excuse Ben": a verb of the tools before a name is no part of it
        let orders = called
            && tokens[at].lower != "will"
            && tokens
                .get(at + 1)
                .is_some_and(|next| next.shape == Shape::Word && next.text.starts_with(char::is_uppercase) && next.start > tokens[at].end);
        // "Perfect. Then …": a word that is a sentence of its own
        let alone = at == 0
            && tokens[at].shape == Shape::Word
            && tokens.get(at + 1).is_some_and(|next| matches!(next.text.as_str(), "." | "!"))
            && tokens.len() > at + 3;
        let (what, used) = match one(tokens, at, now, past)
            .filter(|(what, used)| !((orders || alone || called && *used == 1) && matches!(what, What::Proper(_))))
        {
            Some(found) => found,
            None => {
                at += 1;
                continue;
            }
        };
        let other = match &what {
            What::When(found @ (When::Date(_) | When::Range(..))) => when::read(tokens, at, now, !past)
                .map(|(other, _)| other)
                .filter(|other| other != found)
                .or_else(|| when::weekday_before(tokens, at, found, used)),
            _ => None,
        };
        out.push(Entity {
            other,
            what,
            from: at,
            to: at + used,
        });
        at += used;
    }
    out
}

fn one(tokens: &[Token], at: usize, now: DateTime, past: bool) -> Option<(What, usize)> {
    let token = &tokens[at];
    let text = || token.text.clone();
    // "1-5 December", "28/11", "1h30" look like codes
    if token.shape == Shape::Id
        && let Some((found, used)) = crate::spans::read(tokens, at, now, past)
    {
        return Some((What::When(found), used));
    }
    match token.shape {
        Shape::Quoted => return Some((What::Quoted(quotation(&token.text)), 1)),
        Shape::Url => return Some((What::Url(text()), 1)),
        Shape::Email => return Some((What::Email(text()), 1)),
        Shape::Uuid | Shape::Id => return Some((What::Id(text()), 1)),
        Shape::Phone => return Some((What::Phone(text()), 1)),
        Shape::Percent => return in_digits(token.text.trim_end_matches('%').trim()).map(|value| (What::Percent(value), 1)),
        Shape::Money => return money(&token.text).map(|found| (found, 1)),
        Shape::Punct => {
            return number(tokens, at)
                .map(|(value, used)| (What::Number(value), used))
                .filter(|_| token.text == "-");
        }
        _ => {}
    }
    if let Some((found, used)) = when::read(tokens, at, now, past) {
        return Some((What::When(found), used));
    }
    if token.shape == Shape::Ordinal {
        return ordinal(&token.lower).map(|value| (What::Ordinal(value), 1));
    }
    if token.shape == Shape::Number
        && let Some(found) = address(tokens, at)
    {
        return Some(found);
    }
    if let Some((value, used)) = number(tokens, at) {
        let next = tokens.get(at + used).map_or("", |token| token.lower.as_str());
        if let Some(code) = currency(next) {
            // "27 euros 40", "12 pounds fifty"
            let cents = tokens
                .get(at + used + 1)
                .filter(|token| matches!(token.shape, Shape::Number | Shape::Word))
                .and_then(|_| number(tokens, at + used + 1))
                .filter(|(cents, _)| *cents >= 1.0 && *cents < 100.0 && cents.fract() == 0.0 && value.fract() == 0.0)
                .filter(|(_, more)| {
                    let behind = tokens.get(at + used + 1 + more);
                    behind.is_none_or(|behind| {
                        behind.shape == Shape::Punct || matches!(behind.lower.as_str(), "for" | "on" | "to" | "cents" | "pence")
                    })
                });
            if let Some((cents, more)) = cents {
                let named = tokens
                    .get(at + used + 1 + more)
                    .is_some_and(|token| matches!(token.lower.as_str(), "cents" | "pence"));
                return Some((What::Money(value + cents / 100.0, Some(code)), used + 1 + more + usize::from(named)));
            }
            return Some((What::Money(value, Some(code)), used + 1));
        }
        if matches!(next, "percent" | "pct") {
            return Some((What::Percent(value), used + 1));
        }
        if next == "per" && tokens.get(at + used + 1).is_some_and(|token| token.lower == "cent") {
            return Some((What::Percent(value), used + 2));
        }
        let before = at.checked_sub(1).map_or("", |index| tokens[index].lower.as_str());
        if currency(before).is_some() && before.len() == 3 && token.shape == Shape::Number {
            return Some((What::Money(value, currency(before)), used));
        }
        return Some((What::Number(value), used));
    }
    if let Some(value) = ordinal(&token.lower).filter(|_| token.shape == Shape::Word) {
        let next = tokens.get(at + 1).map_or("", |token| token.lower.as_str());
        let begins = at == 0 || tokens[at - 1].shape == Shape::Punct;
        if next != "name"
            && !matches!(next, "week" | "month" | "year" | "," | "night")
            && (!begins || next == "one")
            && !matches!(token.lower.as_str(), "last" | "final" | "second")
        {
            return Some((What::Ordinal(value), 1));
        }
        if matches!(next, "one" | "option")
            || (begins || tokens[at - 1].lower == "the") && tokens.get(at + 1).is_none_or(|next| next.shape == Shape::Punct)
        {
            return Some((What::Ordinal(value), 1));
        }
        return None;
    }
    // "KLM 482", "XT 551": a code in two parts
    let letters = (2..=4).contains(&token.text.len()) && token.text.chars().all(|c| c.is_ascii_uppercase());
    if letters
        && currency(&token.lower).is_none()
        && !matches!(
            token.lower.as_str(),
            "am" | "pm" | "id" | "no" | "ok" | "in" | "on" | "at" | "nr" | "usd" | "eur" | "iban"
        )
        && !is_stop(&token.lower)
        && let Some(next) = tokens.get(at + 1).filter(|next| {
            next.shape == Shape::Number
                && next.start == token.end + 1
                && next.text.len() <= 4
                && next.text.chars().all(|c| c.is_ascii_digit())
        })
        && tokens.get(at + 2).is_none_or(|behind| {
            behind.shape != Shape::Word
                || is_stop(&behind.lower)
                || crate::words::is_preposition(&behind.lower)
                || is_filler(&behind.lower)
                || thesaurus().is_imperative(&behind.lower)
        })
    {
        return Some((What::Id(format!("{} {}", token.text, next.text)), 2));
    }
    // "flight LH 400": a code in two parts behind its noun
    let numbered = at > 0
        && matches!(
            tokens[at - 1].lower.as_str(),
            "flight" | "train" | "bus" | "course" | "form" | "route" | "line" | "number"
        );
    if numbered
        && token.text.len() <= 4
        && token.text.chars().all(|c| c.is_ascii_uppercase())
        && let Some(next) = tokens
            .get(at + 1)
            .filter(|next| next.shape == Shape::Number && next.start == token.end + 1)
    {
        return Some((What::Id(format!("{} {}", token.text, next.text)), 2));
    }
    // "TEE-BLK-M": a code without digits
    let coded = token.shape == Shape::Word
        && token.text.len() >= 5
        && token.text.contains('-')
        && token.text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-');
    if coded {
        return Some((What::Id(token.text.clone()), 1));
    }
    proper(tokens, at)
}

/// What is quoted, without the comma or full stop of the sentence around it: a text of sentences keeps its own.
fn quotation(text: &str) -> String {
    let text = text.trim_end_matches(',');
    let sentence =
        text.ends_with('.') && (text.contains(". ") || text.contains("! ") || text.contains("? ") || text.split(' ').count() > 4);
    if sentence { text } else { text.trim_end_matches('.') }.to_owned()
}

/// "12 Elm Street", "5 Rue de Lyon, Paris": a number, a name with the word for a street, perhaps a town.
fn address(tokens: &[Token], at: usize) -> Option<(What, usize)> {
    const STREETS: &str = " street st avenue ave road rd lane ln drive dr boulevard blvd way square court place terrace parkway highway crescent close row alley quay ";
    tokens.get(at + 1)?;
    let (_, used) = proper(tokens, at + 1)?;
    let mut end = at + 1 + used;
    if !tokens[at + 1..end]
        .iter()
        .any(|token| STREETS.contains(&format!(" {} ", token.lower)))
    {
        return None;
    }
    while tokens.get(end).is_some_and(|token| token.text == ",")
        && end + 1 < tokens.len()
        && let Some((_, more)) = proper(tokens, end + 1)
    {
        end += 1 + more;
        if tokens
            .get(end)
            .is_some_and(|token| token.shape == Shape::Number && token.text.len() >= 4)
        {
            end += 1;
        }
    }
    let mut text = String::new();
    for (index, token) in tokens[at..end].iter().enumerate() {
        if index > 0 && token.start > tokens[at + index - 1].end {
            text.push(' ');
        }
        text.push_str(&token.text);
    }
    Some((What::Proper(text), end - at))
}

fn number(tokens: &[Token], at: usize) -> Option<(f64, usize)> {
    let token = &tokens[at];
    let word = |offset: usize| tokens.get(at + offset).map_or("", |token| token.lower.as_str());
    // "half a dozen", "half a kilo", "minus five", "-4"
    if word(0) == "half" && matches!(word(1), "a" | "an") {
        if word(2) == "dozen" {
            return Some((6.0, 3));
        }
        return counted(word(2)).then_some((0.5, 2));
    }
    if matches!(word(0), "minus" | "negative")
        && tokens
            .get(at + 1)
            .is_some_and(|next| matches!(next.shape, Shape::Number | Shape::Word))
    {
        return number(tokens, at + 1).map(|(value, used)| (-value, used + 1));
    }
    if token.text == "-"
        && (at == 0 || tokens[at - 1].end < token.start)
        && tokens
            .get(at + 1)
            .is_some_and(|next| next.shape == Shape::Number && next.start == token.end)
    {
        return number(tokens, at + 1).map(|(value, used)| (-value, used + 1));
    }
    let (value, used) = plain_number(tokens, at)?;
    // "two and a half kilos"
    if (word(used), word(used + 1), word(used + 2)) == ("and", "a", "half") && value.fract() == 0.0 {
        return Some((value + 0.5, used + 3));
    }
    Some((value, used))
}

/// Whether a word is a measure of which there can be a half.
fn counted(word: &str) -> bool {
    matches!(
        word,
        "kilo"
            | "kilogram"
            | "kilometre"
            | "kilometer"
            | "mile"
            | "litre"
            | "liter"
            | "ton"
            | "tonne"
            | "pound"
            | "metre"
            | "meter"
            | "cup"
            | "million"
    )
}

fn plain_number(tokens: &[Token], at: usize) -> Option<(f64, usize)> {
    let token = &tokens[at];
    if token.shape == Shape::Number {
        let value = in_digits(&token.text)?;
        let next = tokens.get(at + 1).map_or("", |token| token.lower.as_str());
        return Some(match next {
            "thousand" => (value * 1e3, 2),
            "million" => (value * 1e6, 2),
            "hundred" => (value * 100.0, 2),
            "dozen" => (value * 12.0, 2),
            _ => (value, 1),
        });
    }
    if token.shape != Shape::Word {
        return None;
    }
    let words: Vec<&str> = tokens.iter().skip(at).take(8).map(|token| token.lower.as_str()).collect();
    let (value, used) = if token.lower == "a" && words.get(1) == Some(&"couple") && words.get(2) == Some(&"of") {
        (2.0, 3)
    } else {
        in_words(&words)?
    };
    if used == 1 && token.lower == "one" {
        let before = at.checked_sub(1).map_or("", |index| tokens[index].lower.as_str());
        let next = tokens.get(at + 1);
        // "the second one"
        if at > 0
            && (ordinal(&tokens[at - 1].lower).is_some()
                || matches!(tokens[at - 1].lower.as_str(), "this" | "that" | "which" | "each" | "another"))
        {
            return None;
        }
        let more = next.is_some_and(|next| matches!(next.lower.as_str(), "more" | "extra" | "additional" | "further"));
        let counts = more || next.is_some_and(|next| next.shape == Shape::Word && (!is_stop(&next.lower)) && next.lower != "way");
        let begins = before.is_empty()
            || matches!(
                before,
                "for" | "add" | "order" | "buy" | "and" | "get" | "book" | "only" | "just" | ","
            );
        if !counts
            || !begins
                && !more
                && is_stop(before)
                && !matches!(before, "me" | "like" | "want" | "need" | "with" | "to" | "of" | "is" | "are")
        {
            return None;
        }
    }
    Some((value, used))
}

fn money(text: &str) -> Option<What> {
    let code = match text.chars().next()? {
        '$' => "USD",
        '€' => "EUR",
        '£' => "GBP",
        _ => "JPY",
    };
    let rest = text.trim_start_matches(['$', '€', '£', '¥']).trim().to_lowercase();
    let digits: String = rest.chars().take_while(|c| c.is_ascii_digit() || matches!(c, ',' | '.')).collect();
    let value = in_digits(digits.trim_end_matches(['.', ',']))?;
    let factor = match rest[digits.len()..].trim() {
        "k" | "thousand" => 1e3,
        "million" => 1e6,
        "hundred" => 100.0,
        _ => 1.0,
    };
    Some(What::Money(value * factor, Some(code)))
}

/// The ISO code of a currency's word.
pub fn currency(word: &str) -> Option<&'static str> {
    Some(match word {
        "dollar" | "dollars" | "usd" | "bucks" | "$" => "USD",
        "euro" | "euros" | "eur" | "€" => "EUR",
        "pound" | "pounds" | "gbp" | "quid" | "£" => "GBP",
        "yen" | "jpy" | "¥" => "JPY",
        "francs" | "chf" => "CHF",
        "rupees" | "inr" => "INR",
        "kronor" | "sek" => "SEK",
        "kroner" | "dkk" => "DKK",
        "nok" => "NOK",
        "zloty" | "zlotys" | "pln" => "PLN",
        "koruna" | "czk" => "CZK",
        "forint" | "huf" => "HUF",
        "yuan" | "renminbi" | "cny" => "CNY",
        "cad" => "CAD",
        "aud" => "AUD",
        _ => return None,
    })
}

/// Common words that names of places begin with.
const LEADS: &[&str] = &[
    "new", "north", "south", "east", "west", "great", "little", "old", "upper", "lower", "lake", "mount", "port", "fort", "saint", "royal",
    "cape", "bay", "castle", "park", "river", "central", "grand",
];

fn proper(tokens: &[Token], at: usize) -> Option<(What, usize)> {
    let capital = |token: &Token| {
        token.shape == Shape::Word
            && token.text.chars().any(char::is_uppercase)
            && token.text != "I"
            && !token.text.starts_with("I'")
            && !when::is_calendar_word(&token.lower)
    };
    let token = &tokens[at];
    // "18230 kWh": a unit
    let unit = at > 0 && tokens[at - 1].shape == Shape::Number && token.text.starts_with(char::is_lowercase);
    // "IBAN DE89…", "The PIN is 4711": a label
    let behind = |offset: usize| tokens.get(at + offset);
    let value =
        |token: Option<&Token>| token.is_some_and(|token| matches!(token.shape, Shape::Id | Shape::Number) && token.text.len() >= 4);
    let label = (3..=5).contains(&token.text.len())
        && token.text.chars().all(|c| c.is_ascii_uppercase())
        && (value(behind(1)) || behind(1).is_some_and(|next| matches!(next.lower.as_str(), "is" | ":" | "=")) && value(behind(2)));
    if !capital(token) || unit || label {
        return None;
    }
    let initial = at == 0 || matches!(tokens[at - 1].text.as_str(), "." | "!" | "?" | ":" | ";") && !is_title(tokens, at.wrapping_sub(2));
    let known = |token: &Token| {
        is_stop(&token.lower)
            || is_filler(&token.lower)
            || is_question_word(&token.lower)
            || is_auxiliary(&token.lower)
            || is_modal(&token.lower)
            || thesaurus().knows(&token.stem)
            || classes(&token.lower).known()
            || token.lower.contains('-') && token.lower.split('-').all(|part| classes(part).known())
    };
    let plain = |token: &Token| token.text.chars().skip(1).all(|c| !c.is_uppercase());
    // "New York", "Lake Como": words that names begin with
    let leads = LEADS.contains(&token.lower.as_str()) && tokens.get(at + 1).is_some_and(&capital);
    if initial && plain(token) && !leads {
        let next = tokens.get(at + 1);
        let verb_first = thesaurus().is_verb(&token.stem)
            || thesaurus()
                .phrase(|index| tokens.get(at + index).map(|token| token.stem.as_str()))
                .is_some_and(|(phrase, _)| thesaurus().is_verb(&phrase))
            || is_stop(&token.lower)
            || is_filler(&token.lower)
            || is_question_word(&token.lower)
            || is_auxiliary(&token.lower)
            || is_modal(&token.lower);
        // "Heat Otter", "Silence Report Builder": a word that we know before a name that we do not know
        let before_name = known(token) && next.is_some_and(|next| capital(next) && !known(next));
        // "Better make it …", "Silence the …": an order or an exclamation, not a name
        let plain_verb = next.is_some_and(|next| {
            next.shape == Shape::Word
                && !capital(next)
                && (thesaurus().is_imperative(&next.lower) && !thesaurus().is_noun(&next.stem)
                    || is_determiner(&next.lower)
                    || matches!(next.lower.as_str(), "him" | "her" | "them" | "me" | "us" | "it"))
        });
        if verb_first
            || before_name
            || plain_verb
            || known(token) && !next.is_some_and(&capital)
            || crate::words::is_preposition(&token.lower)
        {
            return None;
        }
    }
    if !initial
        && !leads
        && plain(token)
        && (is_stop(&token.lower) || is_question_word(&token.lower))
        && !tokens.get(at + 1).is_some_and(&capital)
    {
        return None;
    }
    let mut end = at;
    let mut title = false;
    while let Some(next) = tokens.get(end) {
        let link = matches!(
            next.lower.as_str(),
            "of" | "de" | "van" | "von" | "der" | "da" | "la" | "al" | "&" | "bin" | "del" | "du"
        ) && end > at
            && tokens.get(end + 1).is_some_and(&capital)
            && (next.lower != "of" || !known(&tokens[end - 1]));
        let dot = next.text == "." && title && tokens.get(end + 1).is_some_and(&capital);
        let dash = next.text == "-" && end > at && tokens.get(end + 1).is_some_and(&capital) && tokens[end - 1].end == next.start;
        let digits = next.shape == Shape::Number
            && end > at
            && next.text.len() < 4
            && tokens.get(end + 1).is_some_and(&capital)
            && tokens[end + 1].start == next.end + 1;
        if !(capital(next) || link || dot || dash || digits) || end - at > 8 {
            break;
        }
        title = is_title(tokens, end);
        end += 1;
        // "St Mary's Square", "Weaver's Yard": a place; "Anna's Toyota" is not
        let saint = end > at + 1 && tokens[at].lower == "st";
        let place = tokens.get(end).is_some_and(|next| capital(next) && known(next));
        if (next.text.ends_with("'s") || next.text.ends_with("’s")) && !(saint && tokens.get(end).is_some_and(&capital) || place) {
            break;
        }
    }
    let from = token.start;
    let mut text = String::new();
    for token in &tokens[at..end] {
        if !text.is_empty()
            && token.start > tokens[at].start
            && !text.ends_with(' ')
            && !(token.text == "." || token.text == "-")
            && !text.ends_with('-')
        {
            text.push(' ');
        }
        text.push_str(&token.text);
    }
    let _ = from;
    let text = text.trim_end_matches("'s").trim_end_matches("’s").to_owned();
    Some((What::Proper(text), end - at))
}

fn is_title(tokens: &[Token], at: usize) -> bool {
    tokens
        .get(at)
        .is_some_and(|token| matches!(token.lower.as_str(), "dr" | "mr" | "mrs" | "ms" | "prof" | "st"))
}

/// "From Friday to Sunday": the end of a range comes after its beginning.
fn order_ranges(tokens: &[Token], entities: &mut [Entity]) {
    for index in 1..entities.len() {
        let (What::When(When::Date(first)), What::When(When::Date(last))) = (&entities[index - 1].what, &entities[index].what) else {
            continue;
        };
        let between = &tokens[entities[index - 1].to..entities[index].from];
        let linked = between.len() <= 3
            && between
                .iter()
                .any(|token| matches!(token.lower.as_str(), "to" | "until" | "till" | "through" | "and" | "-" | "–"));
        let weekday = when::weekday(&tokens[entities[index].to - 1].lower).is_some();
        if linked && weekday && last < first {
            let mut last = *last;
            while last < *first {
                match last.checked_add(jiff::ToSpan::days(7)) {
                    Ok(later) => last = later,
                    Err(_) => break,
                }
            }
            entities[index].what = What::When(When::Date(last));
        }
    }
}

/// "Tuesday, no, Wednesday": the first one was a mistake. "Not Tuesday but Wednesday", "instead of Tuesday" too.
fn drop_corrected(tokens: &[Token], entities: &mut Vec<Entity>) -> Vec<(usize, usize)> {
    let kind = |what: &What| match what {
        What::When(When::Date(_) | When::Range(..)) => 1,
        What::When(When::Time(_)) => 2,
        What::When(_) => 3,
        What::Number(_) | What::Money(..) => 4,
        What::Percent(_) => 5,
        What::Proper(_) => 6,
        What::Id(_) => 7,
        What::Email(_) => 8,
        _ => 0,
    };
    let mut drop = vec![false; entities.len()];
    for index in 0..entities.len() {
        let first = &entities[index];
        let before = |offset: usize| first.from.checked_sub(offset).map_or("", |at| tokens[at].lower.as_str());
        let denied = before(1) == "not"
            || before(2) == "instead" && before(1) == "of"
            || before(2) == "rather" && before(1) == "than"
            || (before(2) == "not" && matches!(before(1), "at" | "on" | "for" | "to" | "the"));
        let replaced = entities.iter().skip(index + 1).any(|second| {
            kind(&second.what) == kind(&first.what)
                && kind(&first.what) > 0
                && second.from - first.to <= 6
                && tokens[first.to..second.from].iter().enumerate().any(|(offset, token)| {
                    matches!(
                        token.lower.as_str(),
                        "no" | "sorry" | "actually" | "rather" | "wait" | "scratch" | "correction" | "oops" | "mean" | "meant"
                    ) || token.lower == "make"
                        && tokens
                            .get(first.to + offset + 1)
                            .is_some_and(|next| matches!(next.lower.as_str(), "that" | "it"))
                })
        });
        let other = entities
            .iter()
            .enumerate()
            .any(|(other, entity)| other != index && kind(&entity.what) == kind(&first.what));
        drop[index] = replaced || denied && other && kind(&first.what) > 0;
    }
    let dropped = entities
        .iter()
        .zip(&drop)
        .filter(|(_, drop)| **drop)
        .map(|(entity, _)| (entity.from, entity.to))
        .collect();
    let mut index = 0;
    entities.retain(|_| {
        index += 1;
        !drop[index - 1]
    });
    dropped
}
