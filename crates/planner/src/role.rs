//! What a parameter is about, from its name, its type and its description.

use crate::schema::{End, Role, Type};
use crate::told::id_examples;
use bedplate_language::kinds::kinds_of;
use bedplate_language::lexicon::classes;
use bedplate_language::stem::stem;
use bedplate_language::thesaurus::thesaurus;

pub(crate) fn role(words: &[String], about: &str, ty: Type, format: &str) -> Role {
    let has = |known: &[&str]| {
        words
            .iter()
            .any(|word| known.contains(&word.as_str()) || word.strip_suffix('s').is_some_and(|one| known.contains(&one)))
    };
    let last = words.last().map(String::as_str).unwrap_or_default();
    let last = last
        .strip_suffix('s')
        .filter(|one| one.len() > 2 && !last.ends_with("ss") && !last.ends_with("us"))
        .unwrap_or(last);
    let ends = |known: &[&str]| known.contains(&last);
    let numeric = matches!(ty, Type::Number | Type::Integer);
    match format {
        "date" => return Role::Date,
        "date-time" => return Role::DateTime,
        "time" => return Role::Time,
        "email" => return Role::Email,
        "uri" | "url" => return Role::Url,
        "uuid" => return Role::Id,
        _ => {}
    }
    if ty == Type::Boolean {
        return Role::Flag;
    }
    let said = |known: &[&str]| {
        known.iter().any(|word| {
            about
                .split(|c: char| !c.is_alphanumeric() && c != '-' && c != ':')
                .any(|token| token == *word)
        })
    };
    if numeric {
        if ends(&["id"])
            || ends(&["number", "no", "code", "reference", "ref"]) && !said(&["count", "many"]) && !about.starts_with("number of")
        {
            return Role::Id;
        }
        let measured = words
            .iter()
            .any(|word| matches!(word.as_str(), "ml" | "l" | "litre" | "liter" | "litres" | "liters" | "kg" | "m3"))
            || about.contains("lit");
        if has(&["percent", "percentage", "brightness", "volume", "humidity"]) && !measured
            || about.contains("percent")
            || about.contains("0-100")
            || about.contains("0 to 100")
        {
            return Role::Percent;
        }
        if ends(&["year", "age"]) && !about.contains("number of years") && !about.starts_with("how many") {
            return Role::Count;
        }
        let counted = about.starts_with("how many") || about.starts_with("number of");
        let lasting = ["minutes", "hours", "days", "nights", "weeks", "months"]
            .iter()
            .any(|unit| said(&[unit]));
        if counted && lasting {
            return Role::Length;
        }
        if counted {
            return Role::Count;
        }
        if has(&[
            "minute", "hour", "day", "night", "week", "month", "year", "duration", "second", "mins", "length",
        ]) && !has(&["rate", "per"])
        {
            return Role::Length;
        }
        if has(&[
            "amount",
            "price",
            "cost",
            "budget",
            "fee",
            "salary",
            "sum",
            "total",
            "payment",
            "balance",
            "refund",
            "tip",
            "income",
            "principal",
            "value",
            "money",
            "fare",
            "rent",
            "spend",
            "expense",
        ]) || (about.contains("price")
            || about.contains("dollar")
            || about.contains("usd")
            || about.contains("amount")
            || about.contains("money"))
        {
            return Role::Money;
        }
        if said(&["minutes", "hours", "nights", "duration", "seconds", "weeks"]) || about.contains("in days") || about.contains("how long")
        {
            return Role::Length;
        }
        return Role::Count;
    }
    if has(&["datetime", "timestamp"])
        || said(&["datetime", "iso-8601", "timestamp"])
        || about.contains("date and time")
        || about.contains("date-time")
        || about.contains("date/time")
        || about.contains("iso 8601") && !about.contains("date ") && !ends(&["date"])
        || about.contains("thh:mm")
    {
        return Role::DateTime;
    }
    if about.contains("hh:mm") && !about.contains("yyyy") && !about.contains("date") {
        return Role::Time;
    }
    if ends(&[
        "date",
        "day",
        "birthday",
        "dob",
        "deadline",
        "checkin",
        "checkout",
        "due",
        "departure",
        "arrival",
    ]) && !(ends(&["departure", "arrival"]) && !about.contains("date") && !about.contains("day"))
        || about.contains("yyyy") && !about.contains("hh:mm")
        || has(&["date"]) && !has(&["time", "range"])
    {
        return Role::Date;
    }
    // "watered_on", "neededOn"
    if last == "on" && words.len() > 1 {
        return Role::Date;
    }
    if (has(&["in", "out"]) && has(&["check"])) && (about.contains("date") || about.is_empty() || about.contains("day")) {
        return Role::Date;
    }
    if ends(&["time", "hour"]) && !about.contains("zone") || about.contains("hh:mm") || said(&["time"]) && about.contains("24") {
        if about.contains("date") && has(&["time"]) && about.contains("and time") {
            return Role::DateTime;
        }
        return Role::Time;
    }
    if ends(&["when"]) {
        return if about.contains("time") && !about.contains("date") {
            Role::Time
        } else if about.contains("time") || about.is_empty() {
            Role::DateTime
        } else {
            Role::Date
        };
    }
    if (ends(&[
        "start", "end", "finish", "stop", "from", "to", "until", "since", "after", "before", "begin", "starting", "ending", "by",
    ]) || about.starts_with("start")
        || about.starts_with("end"))
        && (said(&["date", "day"]) || said(&["time"]))
    {
        return match (said(&["date", "day"]), said(&["time"])) {
            (true, true) => Role::DateTime,
            (true, false) => Role::Date,
            _ => Role::Time,
        };
    }
    if ends(&["zip", "zipcode", "postcode"]) {
        return Role::Id;
    }
    if ends(&["query", "question", "keyword", "search", "topic", "term", "phrase"]) {
        return Role::Query;
    }
    if has(&["email", "mail"]) && !ends(&["body", "subject", "text", "content", "message", "id"])
        || (about.contains("mail address") && has(&["address", "recipient", "to", "receiver"])
            || said(&["email"]) && about.contains("address") && !has(&["name", "subject", "body", "message", "id"]))
    {
        return Role::Email;
    }
    if has(&["phone", "mobile", "telephone", "cell", "msisdn"]) || about.contains("phone number") {
        return Role::Phone;
    }
    if ends(&["url", "link", "website", "uri"]) {
        return Role::Url;
    }
    if ends(&["currency"]) || has(&["currency"]) || about.contains("currency code") {
        return Role::Currency;
    }
    if ends(&["reference", "ref"])
        && ["text", "shown", "message", "note", "words", "statement"]
            .iter()
            .any(|word| about.contains(word))
    {
        return Role::Text;
    }
    if ends(&[
        "id",
        "number",
        "no",
        "code",
        "reference",
        "ref",
        "sku",
        "iban",
        "key",
        "uuid",
        "identifier",
        "num",
        "pnr",
        "confirmation",
        "tracking",
        "barcode",
        "vin",
        "plate",
        "serial",
        "handle",
    ]) && !said(&["keyword"])
    {
        return Role::Id;
    }
    if (about.starts_with("id of") || about.starts_with("identifier") || about.starts_with("number of the") || shows_only_id(about))
        && !has(&["query", "search", "text", "message", "note", "name", "term", "keyword"])
    {
        return Role::Id;
    }
    if ends(&["duration", "length"]) {
        return Role::Length;
    }
    let celestial = ends(&["body"]) && words.len() > 1 && !has(&["mail", "email", "message", "letter", "text", "newsletter", "note"]);
    if !celestial
        && ends(&[
            "message",
            "text",
            "body",
            "content",
            "note",
            "comment",
            "description",
            "reason",
            "subject",
            "title",
            "summary",
            "detail",
            "instruction",
            "feedback",
            "remark",
            "problem",
            "issue",
            "symptom",
            "complaint",
            "justification",
            "cause",
            "caption",
            "headline",
            "memo",
            "purpose",
            "explanation",
            "request",
            "announcement",
        ])
    {
        return Role::Text;
    }
    if ends(&["query", "question", "keyword", "search", "topic", "term", "phrase"]) {
        return Role::Query;
    }
    let placed = [
        "city", "town", "port", "harbour", "harbor", "station", "airport", "place", "location", "address", "country", "where", "street",
        "stop",
    ]
    .iter()
    .any(|word| about.contains(word));
    let vague = words.len() > 1 && !placed && has(&["source", "origin", "departure", "arrival", "state", "destination"]);
    if !vague
        && has(&[
            "city",
            "location",
            "place",
            "address",
            "origin",
            "destination",
            "country",
            "station",
            "airport",
            "venue",
            "region",
            "state",
            "town",
            "street",
            "area",
            "neighborhood",
            "port",
            "departure",
            "arrival",
            "source",
        ])
        && !has(&["name"])
        || has(&["city", "country", "venue"])
        || (ends(&["from", "to"])
            && (about.contains("city")
                || about.contains("airport")
                || about.contains("location")
                || about.contains("station")
                || about.contains("place")))
        || about.starts_with("city")
        || about.contains("city name")
    {
        return Role::Place;
    }
    let people = [
        "customer",
        "employee",
        "person",
        "guest",
        "patient",
        "recipient",
        "assignee",
        "attendee",
        "contact",
        "doctor",
        "manager",
        "user",
        "passenger",
        "member",
        "owner",
        "participant",
        "invitee",
        "author",
        "student",
        "teacher",
        "driver",
        "client",
        "payee",
        "beneficiary",
        "candidate",
        "colleague",
        "technician",
        "artist",
        "instructor",
        "physician",
        "approver",
        "provider",
        "staff",
        "host",
        "tenant",
        "sender",
        "organizer",
        "reviewer",
        "worker",
        "traveler",
        "applicant",
        "buyer",
        "holder",
        "agent",
        "who",
        "whom",
        "dentist",
        "stylist",
        "barber",
        "engineer",
        "interviewer",
        "interviewee",
        "mechanic",
        "nurse",
        "colleague",
        "coworker",
        "volunteer",
        "donor",
        "visitor",
        "musician",
        "soloist",
        "conductor",
        "player",
        "translator",
        "giver",
        "taker",
        "operator",
        "inspector",
        "guide",
        "speaker",
        "mentor",
        "trainee",
        "borrower",
        "lender",
        "courier",
        "resident",
        "neighbour",
        "neighbor",
        "companion",
        "spouse",
        "child",
        "keeper",
        "groomer",
        "walker",
        "sitter",
        "observer",
        "astronomer",
        "editor",
        "reporter",
        "officer",
    ];
    let product = [
        "product",
        "item",
        "file",
        "device",
        "project",
        "company",
        "hotel",
        "restaurant",
        "room",
        "service",
        "playlist",
        "song",
        "scene",
        "list",
        "event",
        "course",
        "drug",
        "medication",
        "medicine",
        "category",
        "brand",
        "dish",
        "plan",
        "team",
        "department",
    ];
    if words.len() == 1 && has(&["to", "for"])
        || has(&people) && !has(&product)
        || ends(&["name"])
            && !has(&product)
            && (words.len() == 1 || has(&["first", "last", "full", "guest"]))
            && (about.is_empty()
                || people.iter().any(|word| about.contains(word))
                || about.contains("full name")
                || about.contains("your")
                || about.contains("booking")
                || about.contains("reservation"))
    {
        if said(&["username", "id", "identifier"]) && !said(&["name"]) {
            return Role::Id;
        }
        return Role::Person;
    }
    if celestial {
        return Role::Thing;
    }
    by_synonym(words.last().map_or("", String::as_str), about)
}

/// Whether the description gives an id as its example: "e.g. rm-17". A short one behind words for something else ("Object to observe, e.g.
/// M31") shows a name that happens to have digits.
fn shows_only_id(about: &str) -> bool {
    let Some(lead) = ["e.g.", "for example", "such as", "like ", "example"]
        .iter()
        .filter_map(|lead| about.find(lead))
        .min()
    else {
        return false;
    };
    let bare = about[..lead].split_whitespace().count() <= 1;
    id_examples(about)
        .iter()
        .any(|example| example.len() >= 3 && (bare || example.contains('-') || example.len() >= 5))
}

/// The role of a name that no list has: by its synonyms, then by what the description says.
pub(crate) fn by_synonym(said: &str, about: &str) -> Role {
    let known = thesaurus();
    let last = stem(said);
    let table = [
        (Role::Date, "date"),
        (Role::Time, "hour"),
        (Role::Email, "email"),
        (Role::Phone, "telephone"),
        (Role::Place, "city"),
        (Role::Person, "customer"),
        (Role::Person, "patient"),
        (Role::Person, "guest"),
        (Role::Text, "reason"),
        (Role::Text, "message"),
        (Role::Text, "remark"),
        (Role::Text, "headline"),
        (Role::Query, "keyword"),
    ];
    if let Some((role, _)) = table.iter().find(|(_, word)| {
        let word = stem(word);
        known.groups_shared(&last, &word)
    }) {
        return *role;
    }
    let starts = |words: &[&str]| words.iter().any(|word| about.starts_with(word));
    if starts(&[
        "why",
        "reason",
        "text",
        "message",
        "description",
        "details",
        "what is broken",
        "what is wrong",
        "what went wrong",
        "what the problem",
        "describe",
        "explanation",
        "what happen",
        "what fix",
        "what to say",
        "what to tell",
        "what was ",
        "what has ",
        "what should ",
        "what must ",
        "how it ",
        "words ",
        "short description",
        "free text",
        "any ",
        "anything ",
        "extra ",
        "further ",
        "what should be said",
        "note",
    ]) {
        return Role::Text;
    }
    if starts(&["what to look for", "search", "what to search", "words to"]) {
        return Role::Query;
    }
    if starts(&[
        "who ",
        "person",
        "full name",
        "name of the person",
        "name of the customer",
        "name of the patient",
        "name of the guest",
    ]) {
        return Role::Person;
    }
    if starts(&["where ", "city", "town", "address", "location", "place"]) {
        return Role::Place;
    }
    if about.contains("identifier") || starts(&["id of", "number of the", "reference of", "code of", "unique"]) {
        return Role::Id;
    }
    let profession = stem("profession");
    if kinds_of(&[said]).map_or(acts(said), |kinds| kinds.has(&profession)) {
        return Role::Person;
    }
    Role::Thing
}

/// "giver", "borrower", "player": who does it. Machines that do it are kinds of things.
fn acts(word: &str) -> bool {
    ["er", "or"]
        .iter()
        .filter_map(|ending| word.strip_suffix(ending))
        .any(|base| base.len() >= 3 && (classes(base).verb() || classes(&format!("{base}e")).verb()))
}

pub(crate) fn end(words: &[String], about: &str, role: Role) -> End {
    // "last name", "target of an observation": only what has a beginning and an end has ends
    let ranged = matches!(
        role,
        Role::Date | Role::Time | Role::DateTime | Role::Place | Role::Money | Role::Count | Role::Currency | Role::Percent | Role::Length
    );
    if !ranged {
        let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
        return if has(&["from", "origin", "source", "sender", "old", "giver", "current"]) {
            End::From
        } else if has(&[
            "to",
            "destination",
            "recipient",
            "payee",
            "beneficiary",
            "new",
            "target",
            "receiver",
            "taker",
        ]) || about.contains("takes it over")
            || about.contains("who receives")
            || about.contains("who gets")
        {
            End::To
        } else if about.contains("has it now") || about.contains("who gives") || about.contains("who has the") {
            End::From
        } else {
            End::None
        };
    }
    let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    if has(&[
        "from",
        "start",
        "origin",
        "source",
        "begin",
        "beginning",
        "starting",
        "min",
        "minimum",
        "departure",
        "checkin",
        "pickup",
        "outbound",
        "first",
        "since",
        "sender",
        "lower",
        "after",
        "old",
        "current",
    ]) || has(&["check"]) && has(&["in"])
    {
        return End::From;
    }
    if has(&[
        "to",
        "end",
        "destination",
        "target",
        "until",
        "ending",
        "max",
        "maximum",
        "arrival",
        "checkout",
        "return",
        "dropoff",
        "recipient",
        "payee",
        "beneficiary",
        "upper",
        "before",
        "new",
        "last",
        "finish",
        "stop",
    ]) || has(&["check"]) && has(&["out"])
    {
        return End::To;
    }
    if about.starts_with("start")
        || about.starts_with("first day")
        || about.starts_with("beginning")
        || about.starts_with("arrival")
        || about.starts_with("departure")
    {
        return End::From;
    }
    if about.starts_with("end") || about.starts_with("last day") || about.starts_with("return") {
        return End::To;
    }
    End::None
}
