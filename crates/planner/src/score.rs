//! How well a mention suits a parameter: by kind, by preposition, by the nouns around it.

use serde_json::Value;

use crate::schema::{End, Param, Role, ToolFacts, Type};
use crate::told::{foreign, id_examples, of_kind};
use crate::values;
use bedplate_language::entities::{Entity, Utterance, What};
use bedplate_language::stem::stem;
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::Shape;
use bedplate_language::when::When;
use bedplate_language::words::{is_determiner, is_preposition};

/// The surroundings of a mention.
pub(crate) struct Around {
    pub(crate) prep: String,
    /// Stems between the preposition and the mention, nearest first.
    pub(crate) before: Vec<String>,
    /// Stems behind.
    pub(crate) after: Vec<String>,
    /// "We are five", "six of us": a number of people.
    pub(crate) party: bool,
    /// "German to French": a mention behind `to` follows.
    pub(crate) begins: bool,
}

/// The words around a mention.
pub(crate) fn around(u: &Utterance, entity: &Entity, begin: usize) -> Around {
    let mut out = Around {
        prep: String::new(),
        before: Vec::new(),
        after: Vec::new(),
        begins: matches!(u.word(entity.to), "to" | "into" | "-" | "–" | "→")
            && u.entities
                .iter()
                .any(|other| other.from == entity.to + 1 && std::mem::discriminant(&other.what) == std::mem::discriminant(&entity.what)),
        party: u.word(entity.to) == "of" && matches!(u.word(entity.to + 1), "us" | "them")
            || entity.from > 0 && matches!(u.word(entity.from - 1), "we're" | "we’re")
            || entity.from > 1
                && matches!(u.word(entity.from - 2), "we" | "be" | "there" | "us")
                && matches!(u.word(entity.from - 1), "are" | "of" | "be"),
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
            if word == "of" {
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
pub(crate) fn score(what: &What, around: &Around, param: &Param, tool: &ToolFacts) -> f64 {
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
    let side = match param.end {
        End::From if around.begins && side <= 0.0 => 3.0,
        End::To if around.begins => -3.0,
        _ => side,
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
            Role::Count | Role::Length if param.items != Type::Text && param.is_any(&["year", "month"]) => 8.0 + name,
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
            Role::Count
                if param.items != Type::Text
                    && (near(&[stem(unit)], &param.words)
                        || param.about.contains(&stem(unit)) && !param.description.to_lowercase().contains("per ")) =>
            {
                8.0
            }
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
            } else if unit_far || told {
                2.0
            } else {
                0.0
            };
            let whole = value.fract() == 0.0;
            let compare = comparison(around, param);
            match (param.role, param.items) {
                (Role::Id, _) => {
                    let label = around
                        .before
                        .first()
                        .is_some_and(|word| matches!(word.as_str(), "number" | "id" | "code" | "no" | "reference" | "ref" | "numb"));
                    // where ids begin with letters, a number is one only when it is as long as theirs
                    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
                    let examples = id_examples(&param.shows);
                    let short = !examples.is_empty() && !examples.iter().any(|example| digits(example) == digits(&format!("{value}")));
                    if !whole || *value < 0.0 || short && !label || !examples.is_empty() && prep == "of" {
                        return 0.0;
                    }
                    let noun = param.nouns().iter().any(|noun| {
                        around.before.first().is_some_and(|word| known.similarity(word, noun) >= 0.8)
                            || around.before.iter().any(|word| word == noun)
                    }) || around
                        .before
                        .first()
                        .is_some_and(|word| param.about.contains(word) && !tool.words.contains(word));
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
                    let limit = param.is_any(&["count", "max", "top", "n", "result"])
                        || param.is_any(&["limit"])
                            && (tool.reads
                                || param
                                    .about
                                    .iter()
                                    .any(|word| matches!(word.as_str(), "result" | "item" | "entry" | "list")));
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
                        + if around.party && people { 6.0 } else { 0.0 }
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
            Role::Currency if code.is_some() => 4.0 + if param.end == End::To { -2.0 } else { 0.0 },
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
            _ if param.textual() && param.options.is_empty() && param.about.iter().any(|word| word == "email" || word == "mail") => 6.0,
            _ if param.textual()
                && param.options.is_empty()
                && param.is_any(&[
                    "address",
                    "contact",
                    "mailbox",
                    "inbox",
                    "mail",
                    "recipient",
                    "addressee",
                    "receiver",
                    "to",
                ])
                && !param.is_any(&["street", "delivery", "home", "postal"]) =>
            {
                7.0
            }
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
        // "on FIX12": what is allowed somewhere goes nowhere else
        What::Id(text) | What::Proper(text)
            if !param
                .options
                .iter()
                .any(|option| option.as_str().is_some_and(|option| option.eq_ignore_ascii_case(text)))
                && tool.params.iter().any(|other| {
                    other.name != param.name
                        && !other.open
                        && other
                            .options
                            .iter()
                            .any(|option| option.as_str().is_some_and(|option| option.eq_ignore_ascii_case(text)))
                }) =>
        {
            0.0
        }
        What::Id(text) if option_fits => {
            let fits = param
                .options
                .iter()
                .any(|option| option.as_str().is_some_and(|option| option.eq_ignore_ascii_case(text)));
            if fits { 9.5 } else { 0.0 }
        }
        What::Id(text) if crate::told::is_file(text) && matches!(param.role, Role::Id | Role::Thing | Role::Text | Role::Query) => {
            let files = param.is_any(&[
                "file",
                "filename",
                "document",
                "doc",
                "attachment",
                "upload",
                "path",
                "host",
                "domain",
                "website",
                "site",
                "server",
            ]) || crate::told::shows_ending(&param.description, text)
                || param
                    .about
                    .iter()
                    .any(|word| matches!(word.as_str(), "fil" | "file" | "document" | "attachment" | "domain"));
            if files {
                9.0
            } else if param.role == Role::Text || tool.params.iter().any(|other| crate::told::shows_ending(&other.description, text)) {
                0.0
            } else {
                4.0
            }
        }
        What::Id(text) => {
            if param.items != Type::Text && text.parse::<i64>().is_err() {
                return 0.0;
            }
            // an id with another prefix is the id of something else
            if !of_kind(text, &param.shows, &tool.prefixes) && matches!(param.role, Role::Id | Role::Thing | Role::Person | Role::Place) {
                return 0.0;
            }
            if param.role != Role::Id && foreign(text, &param.shows, &tool.prefixes) {
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
                        && other.textual()
                        && (other.role == Role::Id && other.nouns().iter().any(|noun| known.similarity(word, noun) >= 0.8)
                            || other.role != Role::Flag && other.words.contains(word))
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
            let bonus = bonus + if alike_example(text, &param.shows) { 2.0 } else { 0.0 };
            match param.role {
                Role::Id => 6.5 + bonus + side,
                Role::Thing if by_noun || named => 6.0,
                Role::Thing if alike_example(text, &param.shows) => 6.0,
                Role::Thing if text.len() >= 10 && param.is_any(&["account", "number", "code", "card", "iban"]) => 6.0,
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
            Role::Id if id_examples(&param.shows).is_empty() => 2.0 + name,
            _ => 0.0,
        },
        What::Proper(text) => {
            let code = text.len() <= 6 && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
            // a name is no file
            if crate::told::shows_any_ending(&param.description) {
                return 0.0;
            }
            // "IBAN DE89…": a label
            if tool
                .params
                .iter()
                .any(|other| other.plain.len() == 1 && other.plain[0] == text.to_lowercase())
            {
                return 0.0;
            }
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
                    let account = crate::phrases::login(param) && !param.is_any(&["assignee", "owner"]) && !text.contains(' ') && !named;
                    (5.0 + role_prep + name + bonus + side.clamp(-3.0, 1.0))
                        - if code { 2.5 } else { 0.0 }
                        - if account { 2.5 } else { 0.0 }
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
                        "" if !param.required && !named => -1.2,
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
                    if crate::phrases::login(param)
                        && !text.contains(' ')
                        && !named
                        && tool.params.iter().any(|other| other.ty == Type::List)
                    {
                        return 2.0;
                    }
                    4.0 + name + if after { 4.0 } else { 0.0 } + if title { 0.5 } else { 0.0 } + side.clamp(-3.0, 2.0)
                        - if matches!(prep, "with") && !title { 0.6 } else { 0.0 }
                }
                Role::Id if !id_examples(&param.shows).is_empty() => 0.0,
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
pub(crate) fn alike_example(id: &str, description: &str) -> bool {
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
pub(crate) fn comparison(around: &Around, param: &Param) -> f64 {
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
