//! Tools as the planner sees them: what each is called, does and needs, read once from its name, description and schema.

use std::sync::Arc;

use bedplate_converse::Tool;
use serde_json::Value;

use crate::role::{end, role};
use crate::supply::producers;
use crate::told::{id_examples, prefix, told_options};
use bedplate_language::stem::stem;
use bedplate_language::thesaurus::{READ, thesaurus};
use bedplate_language::tokens::name_words;
use bedplate_language::words::{is_auxiliary, is_determiner, is_question_word, is_stop};

/// Most tools and parameters that are looked at.
const TOOLS_MAX: usize = 128;
const PARAMS_MAX: usize = 40;
/// Most tools that are looked at as sources of the ids of one tool.
const SUPPLIERS_MAX: usize = 6;

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
    /// Its description, and that of its namesakes in other tools when it gives no example of an id itself.
    pub(crate) shows: String,
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
    /// What the examples of ids of all tools on offer begin with, in upper case.
    pub(crate) prefixes: Arc<[String]>,
    /// The tool that must be called before this one, when an id that it requires is another tool's to give.
    pub(crate) supplier: Option<usize>,
    /// All tools that may be called before this one.
    pub(crate) suppliers: Vec<usize>,
    /// Asks the user.
    pub(crate) asks: bool,
}

/// Reads all tools.
pub(crate) fn tools(tools: &[Tool]) -> Vec<ToolFacts> {
    let mut out: Vec<ToolFacts> = tools.iter().take(TOOLS_MAX).map(tool).collect();
    // what one tool shows of an id holds for the others that take it
    let shown: Vec<(String, String)> = out
        .iter()
        .flat_map(|tool| &tool.params)
        .filter(|param| !id_examples(&param.description).is_empty())
        .map(|param| (param.name.clone(), param.description.clone()))
        .collect();
    for param in out.iter_mut().flat_map(|tool| &mut tool.params) {
        if id_examples(&param.shows).is_empty()
            && let Some((_, description)) = shown.iter().find(|(name, _)| *name == param.name)
        {
            param.shows.clone_from(description);
        }
    }
    let id_nouns: Arc<[String]> = out
        .iter()
        .flat_map(|tool| {
            tool.params
                .iter()
                .filter(|param| param.role == Role::Id)
                .flat_map(|param| param.nouns().into_iter().map(str::to_owned))
        })
        .collect();
    let mut prefixes: Vec<String> = out
        .iter()
        .flat_map(|tool| tool.params.iter().filter(|param| param.role == Role::Id))
        .flat_map(|param| id_examples(&param.description).into_iter().map(prefix))
        .collect();
    prefixes.sort();
    prefixes.dedup();
    let prefixes: Arc<[String]> = Arc::from(prefixes);
    for tool in &mut out {
        tool.prefixes = prefixes.clone();
        tool.id_nouns = id_nouns.clone();
    }
    let suppliers: Vec<Vec<usize>> = (0..out.len())
        .map(|index| {
            let params = &out[index].params;
            (0..params.len())
                .filter(|p| params[*p].required && params[*p].role == Role::Id)
                .flat_map(|p| producers(&out, index, p))
                .take(SUPPLIERS_MAX)
                .collect()
        })
        .collect();
    for (tool, suppliers) in out.iter_mut().zip(suppliers) {
        tool.supplier = suppliers.first().copied();
        tool.suppliers = suppliers;
    }
    out
}

fn tool(tool: &Tool) -> ToolFacts {
    let function = tool.name.split_once("__").map_or(tool.name.as_str(), |(_, function)| function);
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
    // a verb at the beginning, in its plain form ("books", "book"); with its particle: "switch a lamp on"
    let phrase = |words: &[String], raw: &str| {
        let plain = [raw, raw.trim_end_matches('s'), raw.trim_end_matches("es")]
            .iter()
            .any(|form| known.is_imperative(form));
        let particle = words
            .iter()
            .skip(1)
            .find(|word| matches!(word.as_str(), "on" | "off" | "up" | "down" | "out"));
        let apart = particle
            .and_then(|particle| words.first().map(|first| format!("{first}_{particle}")))
            .filter(|verb| known.is_verb(verb));
        known
            .phrase(|index| words.get(index).map(String::as_str))
            .map(|(phrase, _)| phrase)
            .filter(|phrase| known.is_verb(phrase))
            .or(apart)
            .or_else(|| words.first().filter(|word| plain && known.is_verb(word)).cloned())
    };
    let first_raw = description
        .split(|c: char| !c.is_alphanumeric())
        .find(|word| !word.is_empty())
        .unwrap_or_default()
        .to_lowercase();
    let asking = |words: &[String]| {
        words
            .first()
            .is_some_and(|word| is_question_word(word) || is_auxiliary(word) || word == "can")
    };
    let question = || Some("get".to_owned());
    let named = if asking(&words) {
        question()
    } else {
        phrase(&words, plain.first().map_or("", String::as_str))
    };
    let told = if asking(&first_words) {
        question()
    } else {
        phrase(&first_words, &first_raw)
    };
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
        .filter(|first| {
            // what is described as doing something begins its name with a verb, even with one that is a noun elsewhere: "queue_job"
            let does = told.as_ref().is_some_and(|verb| !known.has_class(verb, READ));
            words.len() > 1 && (!known.knows(first) || does) && !asking(&first_words) && !is_stop(first) && !is_determiner(first)
        })
        // what is described as showing something has a noun for a name
        .filter(|first| {
            !told
                .as_ref()
                .is_some_and(|verb| known.has_class(verb, READ) || about_words.contains(first))
        })
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
        let last = plain
            .iter()
            .rev()
            .position(|word| known.is_imperative(word) && !known.is_noun(&stem(word)) && !word.ends_with('s'))
            .map(|back| words.len() - 1 - back);
        verbs.push(last.filter(|_| !name_is_noun).map_or_else(|| "get".into(), |at| words[at].clone()));
    }
    // "Returns the wallets of …" describes what is got, not what is given back
    let gives = |word: &str| ["return", "give", "giv"].contains(&word);
    if verbs.len() == 1 && gives(&verbs[0]) && !words.iter().any(|word| gives(word)) {
        verbs[0] = "get".into();
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
        prefixes: Arc::from([]),
        supplier: None,
        suppliers: Vec::new(),
        asks: tool.name.to_lowercase().replace(['_', '-'], "").ends_with("askuser"),
        name: tool.name.clone(),
        words,
        plain,
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
    if options.is_empty() && (ty == Type::Text || ty == Type::List && type_of(&schema["items"]) == Type::Text) {
        (options, open) = told_options(&description, &plain);
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
        end: end(&plain, &lower, role),
        about: content(&description),
        shows: description.clone(),
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
