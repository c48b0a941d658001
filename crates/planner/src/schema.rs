//! Tools as the planner sees them: what each is called, does and needs, read once from its name, description and schema.

use std::sync::Arc;

use bedplate_converse::Tool;
use serde_json::Value;

use crate::language::stem::stem;
use crate::language::thesaurus::{READ, thesaurus};
use crate::language::tokens::name_words;
use crate::language::words::{is_auxiliary, is_determiner, is_question_word, is_stop};

/// Most tools and parameters that are looked at.
const TOOLS_MAX: usize = 128;
const PARAMS_MAX: usize = 40;

/// The JSON type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Text,
    Number,
    Integer,
    Boolean,
    List,
    Object,
}

/// What a parameter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Date,
    Time,
    DateTime,
    Length,
    Money,
    Percent,
    Count,
    Flag,
    Option,
    Email,
    Phone,
    Url,
    Id,
    Person,
    Place,
    Text,
    Query,
    Thing,
    Currency,
}

/// Which end of a pair a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    None,
    From,
    To,
}

/// One parameter.
#[derive(Clone, Debug)]
pub(crate) struct Param {
    pub(crate) name: String,
    /// Stems of the name.
    pub(crate) words: Vec<String>,
    /// Words of the name as written.
    pub(crate) plain: Vec<String>,
    /// Stems of the content words of the description.
    pub(crate) about: Vec<String>,
    pub(crate) description: String,
    pub(crate) ty: Type,
    /// Type of the items of a list.
    pub(crate) items: Type,
    pub(crate) required: bool,
    /// Allowed values.
    pub(crate) options: Vec<Value>,
    /// The options are examples: other values are allowed.
    pub(crate) open: bool,
    pub(crate) role: Role,
    pub(crate) end: End,
}

/// One tool.
#[derive(Clone, Debug)]
pub(crate) struct ToolFacts {
    /// As it must be called.
    pub(crate) name: String,
    /// Stems of the name without the group.
    pub(crate) words: Vec<String>,
    /// The same, as written.
    pub(crate) plain: Vec<String>,
    /// Stems of the group's name.
    pub(crate) group: Vec<String>,
    /// Stems of the content words of the description.
    pub(crate) about: Vec<String>,
    pub(crate) description: String,
    /// Stems of its verbs: of the name, of the description.
    pub(crate) verbs: Vec<String>,
    pub(crate) params: Vec<Param>,
    /// Changes nothing.
    pub(crate) reads: bool,
    /// Nouns of the ids of all tools on offer: `order` where one takes an `order_id`.
    pub(crate) id_nouns: Arc<[String]>,
    /// Asks the user.
    pub(crate) asks: bool,
}

/// Reads all tools.
pub(crate) fn tools(tools: &[Tool]) -> Vec<ToolFacts> {
    let mut out: Vec<ToolFacts> = tools.iter().take(TOOLS_MAX).map(tool).collect();
    let id_nouns: Arc<[String]> = out
        .iter()
        .flat_map(|tool| {
            tool.params
                .iter()
                .filter(|param| param.role == Role::Id)
                .flat_map(|param| param.nouns().into_iter().map(str::to_owned))
        })
        .collect();
    for tool in &mut out {
        tool.id_nouns = id_nouns.clone();
    }
    out
}

fn tool(tool: &Tool) -> ToolFacts {
    let (group, function) = tool.name.split_once("__").unwrap_or(("", &tool.name));
    let plain = name_words(function);
    let words: Vec<String> = plain.iter().map(|word| stem(word)).collect();
    let description: String = tool.description.chars().take(1_000).collect();
    let about_words = content(&description);
    let first_words: Vec<String> = description
        .split(|c: char| !c.is_alphanumeric() && c != '-')
        .filter(|word| !word.is_empty())
        .take(4)
        .map(|word| stem(&word.to_lowercase()))
        .collect();
    let mut verbs: Vec<String> = Vec::new();
    let known = thesaurus();
    let phrase = |words: &[String]| {
        known
            .phrase(|index| words.get(index).map(String::as_str))
            .map(|(phrase, _)| phrase)
            .filter(|phrase| known.is_verb(phrase))
            .or_else(|| words.first().filter(|word| known.is_verb(word)).cloned())
    };
    let asking = |words: &[String]| {
        words
            .first()
            .is_some_and(|word| is_question_word(word) || is_auxiliary(word) || word == "can")
    };
    let question = || Some("get".to_owned());
    let named = if asking(&words) { question() } else { phrase(&words) };
    let told = if asking(&first_words) { question() } else { phrase(&first_words) };
    let noun_like = [
        "status", "info", "detail", "balance", "histor", "list", "search", "lookup", "availabl", "price", "forecast", "summary", "history",
    ];
    let name_is_noun = named.as_ref().is_some_and(|verb| known.is_noun(verb))
        && words.len() > 1
        && words.last().is_some_and(|last| noun_like.contains(&last.as_str()));
    if let Some(verb) = named.clone().filter(|_| !name_is_noun) {
        verbs.push(verb);
    } else if let Some(first) = words
        .first()
        .filter(|first| words.len() > 1 && !known.knows(first) && !asking(&first_words))
    {
        verbs.push(first.clone());
    }
    if let Some(verb) = told.filter(|verb| !verbs.contains(verb)) {
        let agrees = verbs.is_empty()
            || known
                .classes(&verb)
                .iter()
                .any(|class| verbs.iter().any(|other| known.has_class(other, class)))
            || !known.has_class(&verb, READ);
        if agrees {
            verbs.push(verb);
        }
    }
    if verbs.is_empty() {
        let last = words.iter().rev().find(|word| known.is_verb(word));
        verbs.push(last.filter(|_| !name_is_noun).cloned().unwrap_or_else(|| "get".into()));
    }
    // in the name of a tool, `get` never orders anything
    for verb in verbs.iter_mut().filter(|verb| *verb == "get") {
        *verb = "fetch".into();
    }
    // "get_refund: Request a refund" asks for something to be done
    let acts = [
        "request", "order", "appl", "claim", "buy", "book", "file", "fil", "submit", "creat", "make", "mak", "purchas",
    ];
    let acts = verbs.first().is_some_and(|verb| verb == "fetch") && verbs.get(1).is_some_and(|verb| acts.contains(&verb.as_str()));
    let reads = !acts
        && verbs
            .first()
            .is_none_or(|verb| known.has_class(verb, READ) && !verbs[0].contains('_') || known.has_class(verb, READ))
        && !words
            .iter()
            .any(|word| ["creat", "delet", "cancel", "updat", "book", "send"].contains(&word.as_str()) && words.first() == Some(word));
    let properties = tool.schema.get("properties").and_then(Value::as_object);
    let required: Vec<&str> = tool
        .schema
        .get("required")
        .and_then(Value::as_array)
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let mut params: Vec<Param> = properties
        .map(|known| {
            known
                .iter()
                .take(PARAMS_MAX)
                .map(|(name, schema)| param(name, schema, required.contains(&name.as_str())))
                .collect()
        })
        .unwrap_or_default();
    // of a stay, the arrival comes first
    let stay = |word: &str| params.iter().position(|param| param.role == Role::Date && param.is_any(&[word]));
    if let (Some(arrival), Some(departure)) = (stay("arrival"), stay("departure")) {
        params[arrival].end = End::From;
        params[departure].end = End::To;
    }
    if reads {
        // what a search is told is what it looks for
        for param in params.iter_mut().filter(|param| param.role == Role::Text) {
            param.role = Role::Query;
        }
    }
    ToolFacts {
        id_nouns: Arc::from([]),
        asks: tool.name.to_lowercase().replace(['_', '-'], "").ends_with("askuser"),
        name: tool.name.clone(),
        words,
        plain,
        group: name_words(group).iter().map(|word| stem(word)).collect(),
        about: about_words,
        description,
        verbs,
        params,
        reads,
    }
}

/// Stems of the content words of a text.
pub(crate) fn content(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in text
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| word.len() > 1)
        .take(120)
    {
        if !is_stop(word) && !is_determiner(word) {
            let stem = stem(word);
            if !out.contains(&stem) {
                out.push(stem);
            }
        }
    }
    out
}

fn type_of(schema: &Value) -> Type {
    let name = match &schema["type"] {
        Value::String(name) => name.as_str(),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null")
            .unwrap_or("string"),
        _ => "string",
    };
    match name {
        "number" => Type::Number,
        "integer" => Type::Integer,
        "boolean" => Type::Boolean,
        "array" => Type::List,
        "object" => Type::Object,
        _ => Type::Text,
    }
}

fn param(name: &str, schema: &Value, required: bool) -> Param {
    let description: String = schema["description"].as_str().unwrap_or_default().chars().take(500).collect();
    let plain = name_words(name);
    let words: Vec<String> = plain.iter().map(|word| stem(word)).collect();
    let ty = type_of(schema);
    let mut options = schema["enum"]
        .as_array()
        .or_else(|| schema["items"]["enum"].as_array())
        .cloned()
        .unwrap_or_default();
    options.truncate(60);
    let mut open = false;
    if options.is_empty() && matches!(ty, Type::Text) {
        (options, open) = told_options(&description);
    }
    let items = if ty == Type::List { type_of(&schema["items"]) } else { ty };
    let format = schema["format"].as_str().unwrap_or_default();
    let lower = description.to_lowercase();
    let mut role = role(&plain, &lower, items, format);
    if !options.is_empty() && ty != Type::Boolean && (!open || matches!(role, Role::Thing | Role::Text | Role::Query | Role::Count)) {
        role = Role::Option;
    }
    Param {
        name: name.to_owned(),
        end: end(&plain, &lower),
        about: content(&description),
        description,
        words,
        plain,
        ty,
        items,
        required,
        options,
        open,
        role,
    }
}

/// "one of low, medium or high", "(economy, business, first)", "open|closed": values told in words. The flag says that they are only examples.
fn told_options(description: &str) -> (Vec<Value>, bool) {
    let lower = description.to_lowercase();
    let markers = [
        "one of:",
        "one of",
        "either ",
        "possible values:",
        "allowed values:",
        "valid values:",
        "values:",
        "options:",
        "must be ",
        "can be ",
        "allowed:",
    ];
    let examples = ["e.g.", "for example", "such as", "like ", "example:"];
    let (text, open) = if let Some((at, marker)) = markers
        .iter()
        .find_map(|marker| lower.find(marker).map(|at| (at + marker.len(), *marker)))
    {
        let _ = marker;
        (description.get(at..).unwrap_or_default(), false)
    } else if let Some(at) = examples.iter().find_map(|marker| lower.find(marker).map(|at| at + marker.len())) {
        (description.get(at..).unwrap_or_default(), true)
    } else if let Some(open) = description.find('(') {
        (&description[open + 1..], false)
    } else if description.contains('|') || description.matches('/').count() >= 1 || description.contains(':') {
        (description.split_once(':').map_or(description, |(_, rest)| rest), false)
    } else {
        return (Vec::new(), false);
    };
    let text = text.split([')', '.', ';']).next().unwrap_or_default();
    let text = text.replace(" or ", ",").replace(" and ", ",").replace(['|', '/'], ",");
    let values: Vec<&str> = text
        .split(',')
        .map(|value| value.trim().trim_matches(['\'', '"', '`', '“', '”', '(', ':']))
        .filter(|value| !value.is_empty())
        .collect();
    let short = |value: &&str| {
        value.split_whitespace().count() <= if open { 3 } else { 2 }
            && value.len() <= 30
            && !value.contains(|c: char| c.is_ascii_digit() || c == ':')
            && !value.starts_with("e.g")
    };
    let patterns = ["yyyy", "hh", "iso", "optional", "required", "the ", "a ", "in ", "if ", "dd", "mm"];
    let fine = values.len() >= if open { 1 } else { 2 }
        && values.len() <= 12
        && values.iter().all(short)
        && !values
            .iter()
            .any(|value| patterns.iter().any(|bad| value.to_lowercase().starts_with(bad)));
    if fine {
        (values.into_iter().map(|value| Value::String(value.to_owned())).collect(), open)
    } else {
        (Vec::new(), false)
    }
}

fn role(words: &[String], about: &str, ty: Type, format: &str) -> Role {
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
        if ends(&["id", "number", "no", "code", "reference", "ref"]) && !said(&["count", "many"]) && !about.starts_with("number of") {
            return Role::Id;
        }
        if has(&["percent", "percentage", "brightness", "volume", "humidity"])
            || about.contains("percent")
            || about.contains("0-100")
            || about.contains("0 to 100")
        {
            return Role::Percent;
        }
        if ends(&["year", "age"]) && !about.contains("number of years") && !about.starts_with("how many") {
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
        if said(&["minutes", "hours", "nights", "duration"]) {
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
        || (said(&["email"]) && about.contains("address") && !has(&["name", "subject", "body", "message", "id"]))
    {
        return Role::Email;
    }
    if has(&["phone", "mobile", "telephone", "cell"]) || about.contains("phone number") {
        return Role::Phone;
    }
    if ends(&["url", "link", "website", "uri"]) {
        return Role::Url;
    }
    if ends(&["currency"]) || has(&["currency"]) || about.contains("currency code") {
        return Role::Currency;
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
    if ends(&["duration", "length"]) {
        return Role::Length;
    }
    if ends(&[
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
    ]) {
        return Role::Text;
    }
    if ends(&["query", "question", "keyword", "search", "topic", "term", "phrase"]) {
        return Role::Query;
    }
    if has(&[
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
    ]) && !has(&["name"])
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
    by_synonym(words.last().map_or("", String::as_str), about)
}

/// The role of a name that no list has: by its synonyms, then by what the description says.
fn by_synonym(last: &str, about: &str) -> Role {
    let known = thesaurus();
    let last = stem(last);
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
        "what happened",
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
    Role::Thing
}

fn end(words: &[String], about: &str) -> End {
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

impl Param {
    /// The noun of an id: `order` for `order_id`; empty for a bare `id`.
    pub(crate) fn nouns(&self) -> Vec<&str> {
        let tail = [
            "id",
            "number",
            "no",
            "code",
            "reference",
            "ref",
            "key",
            "uuid",
            "identifi",
            "num",
            "name",
            "numb",
            "sku",
        ];
        self.words
            .iter()
            .map(String::as_str)
            .filter(|word| !tail.contains(word) && !["new", "old", "from", "to", "the", "of"].contains(word))
            .collect()
    }

    /// Whether the name has one of the words, in singular or plural.
    pub(crate) fn is_any(&self, words: &[&str]) -> bool {
        self.plain
            .iter()
            .any(|word| words.contains(&word.as_str()) || word.strip_suffix('s').is_some_and(|one| words.contains(&one)))
    }

    /// The name in words: `customer id`.
    pub(crate) fn label(&self) -> String {
        name_words(&self.name).join(" ")
    }

    /// Whether the value is text of any kind.
    pub(crate) fn textual(&self) -> bool {
        self.items == Type::Text
    }
}

impl ToolFacts {
    /// The noun words of the name.
    pub(crate) fn nouns(&self) -> Vec<&str> {
        self.words
            .iter()
            .map(String::as_str)
            .filter(|word| *word != "get")
            .filter(|word| {
                !self
                    .verbs
                    .iter()
                    .any(|verb| verb == word || verb.split('_').any(|part| part == *word))
            })
            .collect()
    }

    /// The purpose in a few words: the first sentence of the description, or the name.
    pub(crate) fn purpose(&self) -> String {
        let first = self.description.split(['.', '\n', ';']).next().unwrap_or_default().trim();
        if first.is_empty() || first.len() > 120 {
            self.plain.join(" ")
        } else {
            lower_first(first)
        }
    }
}

/// The text with a small first letter, unless it begins with an abbreviation.
pub(crate) fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}
