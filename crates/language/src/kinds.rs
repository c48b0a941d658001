//! What kind of thing a common word or short phrase names: the lists of `kinds.txt`, read once.
//!
//! The thesaurus knows that "car" and "automobile" are one thing; this knows that "navy blue" is a colour and "boiler" an appliance, which
//! tells where a word belongs that nobody labelled. What is not listed is simply not known: the lists prove that something is of a
//! kind, never that it is not.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use crate::stem::stem;

/// Most words of a phrase that are looked at together; the longest listed have seven.
pub const PHRASE_WORDS_MAX: usize = 8;
/// Longest word that can be listed, in bytes; with [`PHRASE_WORDS_MAX`] this bounds what is copied.
const WORD_BYTES_MAX: usize = 40;

struct Lists {
    /// Kinds of a member, ascending.
    members: HashMap<&'static str, Vec<u16>>,
    /// Kinds that go under a name, ascending.
    by_name: HashMap<String, Vec<u16>>,
    /// Names of a kind, the first its own.
    names: Vec<Vec<String>>,
}

static LISTS: LazyLock<Lists> = LazyLock::new(|| Lists::read(include_str!("kinds.txt")));

/// The kinds that a phrase belongs to: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(&'static [u16]);

impl Kinds {
    /// Stems of the names of the kinds, those of a phrase joined by `_` ("credit_card_typ"); a name may come twice.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.0
            .iter()
            .flat_map(|kind| LISTS.names[usize::from(*kind)].iter().map(String::as_str))
    }

    /// Whether one of them goes under this name, a stem as [`Kinds::names`] gives them.
    pub fn has(self, name: &str) -> bool {
        LISTS
            .by_name
            .get(name)
            .is_some_and(|kinds| kinds.iter().any(|kind| self.0.contains(kind)))
    }

    /// Whether two things have a kind in common.
    pub fn meet(self, other: Kinds) -> bool {
        self.0.iter().any(|kind| other.0.contains(kind))
    }
}

/// The kinds of the longest phrase known at the beginning of lower-case `words`, and how many words it has.
pub fn kinds(words: &[&str]) -> Option<(Kinds, usize)> {
    let words = &words[..words.len().min(PHRASE_WORDS_MAX)];
    (1..=words.len()).rev().find_map(|count| Some((kinds_of(&words[..count])?, count)))
}

/// The kinds of lower-case `words` as one phrase, singular or plural.
pub fn kinds_of(words: &[&str]) -> Option<Kinds> {
    let (last, before) = words.split_last()?;
    if words.len() > PHRASE_WORDS_MAX || words.iter().any(|word| word.len() > WORD_BYTES_MAX) {
        return None;
    }
    let mut key = String::new();
    for word in before {
        key.push_str(&plain(word));
        key.push(' ');
    }
    key.push_str(&plain(last));
    let found = LISTS.members.get(key.as_str()).or_else(|| {
        singulars(&key)
            .into_iter()
            .flatten()
            .find_map(|one| LISTS.members.get(one.as_ref()))
    })?;
    Some(Kinds(found))
}

/// The kinds of the thing that lower-case `words` describe: of the longest phrase known at their end. "Broken kitchen tap" is a tap.
pub fn kinds_of_head(words: &[&str]) -> Option<Kinds> {
    let from = words.len().saturating_sub(PHRASE_WORDS_MAX);
    (from..words.len()).find_map(|start| kinds_of(&words[start..]))
}

/// Whether lower-case `words` as one phrase name a thing of the kind, a stem as [`Kinds::names`] gives them.
pub fn is_kind(words: &[&str], kind: &str) -> bool {
    kinds_of(words).is_some_and(|found| found.has(kind))
}

/// Whether anything is listed under the kind, a stem as [`Kinds::names`] gives them.
pub fn is_kind_name(kind: &str) -> bool {
    LISTS.by_name.contains_key(kind)
}

impl Lists {
    fn read(text: &'static str) -> Self {
        let mut members: HashMap<&'static str, Vec<u16>> = HashMap::new();
        let mut by_name: HashMap<String, Vec<u16>> = HashMap::new();
        let mut names: Vec<Vec<String>> = Vec::new();
        let mut lines: HashMap<&'static str, Vec<&'static str>> = HashMap::new();
        for line in text.lines() {
            let Some((heads, body)) = line.split_once(": ").filter(|_| !line.starts_with('#')) else {
                continue;
            };
            let kind = names.len() as u16;
            let mut all: Vec<&'static str> = Vec::new();
            for member in body.split(", ") {
                match member.strip_prefix('@') {
                    Some(other) => all.extend(lines.get(other).map(Vec::as_slice).unwrap_or_default()),
                    None => all.push(member),
                }
            }
            for member in &all {
                add(members.entry(member).or_default(), kind);
            }
            let mut own: Vec<String> = Vec::new();
            for head in heads.split(", ") {
                let name = head.split(' ').map(stem).collect::<Vec<_>>().join("_");
                if !own.contains(&name) {
                    add(by_name.entry(name.clone()).or_default(), kind);
                    own.push(name);
                }
            }
            names.push(own);
            lines.insert(heads.split(", ").next().unwrap_or(heads), all);
        }
        both_numbers(&mut members);
        Self { members, by_name, names }
    }
}

/// A plural is of the kinds of its singular too ("books": categories of goods as well as publications). A singular is of those of its
/// plural only when it is not listed itself: "sneaker", but "glass" is nothing to see through.
fn both_numbers(members: &mut HashMap<&'static str, Vec<u16>>) {
    let plurals: Vec<&'static str> = members.keys().copied().filter(|member| member.ends_with('s')).collect();
    let mut more: Vec<(&'static str, Vec<u16>)> = Vec::new();
    for plural in plurals {
        let ones = singulars(plural);
        if let Some(kinds) = ones.iter().flatten().find_map(|one| members.get(one.as_ref())) {
            more.push((plural, kinds.clone()));
        } else if let Some(one) = plural
            .strip_suffix('s')
            .filter(|one| one.len() >= 3 && !one.ends_with(['s', 'u', 'i']))
        {
            more.push((one, members[plural].clone()));
        }
    }
    for (member, kinds) in more {
        let known = members.entry(member).or_default();
        kinds.into_iter().for_each(|kind| add(known, kind));
    }
}

fn add(kinds: &mut Vec<u16>, kind: u16) {
    if let Err(at) = kinds.binary_search(&kind) {
        kinds.insert(at, kind);
    }
}

/// The word as the lists write it: without apostrophes and accents, a blank for a hyphen.
fn plain(word: &str) -> Cow<'_, str> {
    if word == "&" {
        return "and".into();
    }
    if word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return word.into();
    }
    let mut out = String::with_capacity(word.len());
    let mut letters = word.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' | '’' => {}
            '_' => out.push(' '),
            '-' if !out.is_empty() && letters.peek().is_some() => out.push(' '),
            'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' => out.push('a'),
            'ç' => out.push('c'),
            'è' | 'é' | 'ê' | 'ë' => out.push('e'),
            'ì' | 'í' | 'î' | 'ï' => out.push('i'),
            'ñ' => out.push('n'),
            'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' => out.push('o'),
            'ù' | 'ú' | 'û' | 'ü' => out.push('u'),
            _ => out.push(letter),
        }
    }
    out.into()
}

/// What a phrase may be the plural of, the likeliest first.
fn singulars(phrase: &str) -> [Option<Cow<'_, str>>; 4] {
    let mut out = [None, None, None, None];
    if let Some(root) = phrase.strip_suffix("men") {
        out[0] = Some(format!("{root}man").into());
        return out;
    }
    for (many, one) in [
        ("feet", "foot"),
        ("teeth", "tooth"),
        ("mice", "mouse"),
        ("geese", "goose"),
        ("children", "child"),
        ("people", "person"),
    ] {
        if let Some(root) = phrase.strip_suffix(many) {
            out[0] = Some(format!("{root}{one}").into());
            return out;
        }
    }
    let Some(root) = phrase.strip_suffix('s').filter(|root| root.len() >= 3 && !root.ends_with('s')) else {
        return out;
    };
    out[0] = Some(root.into());
    if let Some(root) = phrase.strip_suffix("es") {
        out[1] = Some(root.into());
        if let Some(root) = root.strip_suffix('i') {
            out[2] = Some(format!("{root}y").into());
        } else if let Some(root) = root.strip_suffix('v') {
            out[2] = Some(format!("{root}f").into());
            out[3] = Some(format!("{root}fe").into());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(phrase: &str) -> Option<Kinds> {
        kinds_of(&phrase.split(' ').collect::<Vec<_>>())
    }

    fn name(words: &str) -> String {
        words.split(' ').map(stem).collect::<Vec<_>>().join("_")
    }

    #[test]
    fn things_have_their_kinds() {
        for (phrase, kind) in [
            ("navy blue", "colour"),
            ("navy", "color"),
            ("light-blue", "shade"),
            ("medium", "size"),
            ("walnut", "wood"),
            ("oak", "material"),
            ("cashmere", "fabric"),
            ("german", "language"),
            ("german", "nationality"),
            ("python", "programming language"),
            ("python", "language"),
            ("new zealand", "country"),
            ("texas", "state"),
            ("são paulo", "city"),
            ("swiss francs", "currency"),
            ("golden retrievers", "breed"),
            ("wolves", "animal"),
            ("geese", "bird"),
            ("strawberries", "fruit"),
            ("tomatoes", "vegetable"),
            ("peaches", "food"),
            ("crème brûlée", "dessert"),
            ("gin & tonic", "cocktail"),
            ("latte", "drink"),
            ("nut-free", "diet"),
            ("tree nuts", "allergen"),
            ("left knee", "body part"),
            ("wisdom teeth", "tooth"),
            ("runny nose", "symptom"),
            ("migraine", "condition"),
            ("ibuprofen", "medication"),
            ("valentine's day", "holiday"),
            ("salesmen", "profession"),
            ("policemen", "occupation"),
            ("mother-in-law", "relative"),
            ("hr", "department"),
            ("t-shirts", "garment"),
            ("sneakers", "footwear"),
            ("jeans", "clothing"),
            ("knives", "kitchenware"),
            ("leaking tap", "fault"),
            ("tap", "fixture"),
            ("washing machines", "appliance"),
            ("prod", "environment"),
            ("staging", "env"),
            ("csv", "file format"),
            ("p1", "priority"),
            ("in progress", "status"),
            ("premium economy", "cabin class"),
            ("window seat", "seat"),
            ("deluxe", "room type"),
            ("invoices", "document"),
            ("amex", "card brand"),
            ("click and collect", "delivery method"),
            ("libra", "zodiac sign"),
            ("books", "publication"),
            ("books", "product category"),
            ("saturn", "planet"),
        ] {
            let found = of(phrase).unwrap_or_else(|| panic!("{phrase} is unknown"));
            assert!(
                found.has(&name(kind)),
                "{phrase} is no {kind}: {:?}",
                found.names().collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn and_no_others() {
        for (phrase, kind) in [
            ("german", "country"),
            ("monday", "month"),
            ("glass", "vision aid"),
            ("boiler", "garment"),
            ("texas", "country"),
            ("headache", "medication"),
            ("python", "nationality"),
        ] {
            assert!(!of(phrase).is_some_and(|found| found.has(&name(kind))), "{phrase} is a {kind}");
        }
        for unknown in ["lchen", "okoro", "the", "", "'", "-", "please", "us", "it"] {
            assert_eq!(of(unknown), None, "{unknown}");
        }
        assert_eq!(kinds_of(&[]), None);
        assert_eq!(kinds(&[]), None);
        assert!(!is_kind(&["red"], "no_such_kind") && !is_kind_name("no_such_kind") && is_kind_name("colour"));
    }

    #[test]
    fn the_longest_phrase_counts() {
        let (found, count) = kinds(&["new", "york", "city", "hotel"]).expect("known");
        assert!(found.has("city") && count == 3);
        let (found, count) = kinds(&["navy", "blue", "jacket"]).expect("known");
        assert!(found.has("colour") && count == 2);
        assert!(kinds_of_head(&["broken", "kitchen", "taps"]).is_some_and(|found| found.has(&name("fixture"))));
        assert!(
            kinds_of_head(&["old", "leather", "jacket"]).is_some_and(|found| found.has(&name("garment")) && !found.has(&name("material")))
        );
        assert!(of("red").zip(of("navy blue")).is_some_and(|(a, b)| a.meet(b)));
        assert!(of("red").zip(of("germany")).is_some_and(|(a, b)| !a.meet(b)));
    }

    #[test]
    fn endless_input_is_cut() {
        let long = "x".repeat(1 << 20);
        let words = vec![long.as_str(); 10_000];
        assert_eq!((kinds(&words), kinds_of(&words), kinds_of_head(&words)), (None, None, None));
        let words = vec!["red"; 10_000];
        assert_eq!(kinds(&words).map(|(_, count)| count), Some(1));
        assert!(kinds_of_head(&words).is_some());
    }

    /// The lists themselves: written as they are looked up, nothing twice, every reference to a kind above.
    #[test]
    fn the_lists_are_well_formed() {
        let mut seen: Vec<&str> = Vec::new();
        for line in include_str!("kinds.txt")
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let (heads, body) = line.split_once(": ").unwrap_or_else(|| panic!("no kind: {line}"));
            let members: Vec<&str> = body.split(", ").collect();
            assert!(members.len() >= 4, "{heads} has few members");
            for (at, member) in members.iter().enumerate() {
                assert!(!members[..at].contains(member), "{member} twice in {heads}");
                if let Some(other) = member.strip_prefix('@') {
                    assert!(seen.contains(&other), "{other} is no kind above {heads}");
                    continue;
                }
                assert!(
                    !member.is_empty() && *member == member.trim() && *member == member.to_lowercase(),
                    "{member:?}"
                );
                assert!(member.split(' ').count() < PHRASE_WORDS_MAX, "{member} is long");
                assert!(of(member).is_some(), "{member} of {heads} is not found");
            }
            let first = heads.split(", ").next().expect("a name");
            assert!(!seen.contains(&first), "{first} twice");
            seen.push(first);
        }
        assert!(seen.len() > 250);
    }
}
