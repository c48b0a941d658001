//! Words for the user, made from results by templates: every fact in them comes from a result or from the user.

use serde_json::{Map, Value};

use crate::chain::{Note, Plan, Situation};
use crate::dialogue::Call;
use crate::goals::Reading;
use crate::results::{Outcome, plain};
use crate::schema::{Param, Role, ToolFacts, lower_first};
use bedplate_language::stem::stem;
use bedplate_language::thesaurus::thesaurus;
use bedplate_language::tokens::{Shape, name_words, tokens};

/// Most items of a list and members of an item that are told.
const ITEMS_TOLD: usize = 12;
const MEMBERS_TOLD: usize = 12;
/// Longest text of a result that is passed on, in characters.
const PROSE_CHARS_MAX: usize = 4_000;

/// The answer of a turn whose calls are all made.
pub(crate) fn compose(situation: &Situation, plan: &Plan) -> String {
    let mut parts: Vec<String> = Vec::new();
    for note in &plan.notes {
        let text = tell(situation, note);
        if !text.is_empty() && !parts.contains(&text) {
            parts.push(text);
        }
    }
    parts.join("\n\n")
}

fn tell(situation: &Situation, note: &Note) -> String {
    let tools = situation.tools;
    match note {
        Note::Done { call } => told_call(&situation.calls[*call], tools),
        Note::Ask { wish, tool, params } => question(&tools[*wish], &tools[*tool], params),
        Note::Choose { items } => {
            let list = bullets(items);
            format!("There are several possibilities:\n{list}\nWhich one would you like?")
        }
        Note::NoneFits { items } => {
            let list = bullets(items);
            format!("I did not find what you asked for, so I have not gone on. This is what there is:\n{list}\nWould one of these do?")
        }
        Note::Blocked { tool, call } => {
            let wish = tools[*tool].plain.join(" ");
            match &situation.calls[*call].outcome {
                Some(Outcome::Error(message)) => format!("I could not {wish}: {} Could you check what you gave me?", sentence(message)),
                Some(Outcome::Empty(value)) => {
                    let detail = detail(value);
                    let detail = if detail.is_empty() { String::new() } else { format!(" {detail}") };
                    format!("I could not {wish}: nothing was found.{detail} Would you like to try something else?")
                }
                Some(Outcome::Declined) => declined(&situation.calls[*call]),
                Some(Outcome::Data(value)) => {
                    let told = data(value, false, None, "what I found");
                    format!(
                        "I could not {wish}. {}",
                        told.strip_prefix("Done: ")
                            .map_or_else(|| told.clone(), |rest| format!("What I found: {rest}"))
                    )
                }
                _ => format!("I could not {wish}."),
            }
        }
        Note::Unmet { tool, condition } => format!(
            "I did not {}, because the condition ({condition}) is not met.",
            tools[*tool].plain.join(" ")
        ),
        Note::Unknown { tool, condition } => format!(
            "I did not {}, because I could not find out whether {condition}. Shall I do it anyway?",
            tools[*tool].plain.join(" ")
        ),
    }
}

/// One question for all that is missing.
pub(crate) fn question(wish: &ToolFacts, tool: &ToolFacts, params: &[usize]) -> String {
    let wanted: Vec<String> = params.iter().map(|p| wanted(&tool.params[*p])).collect();
    let list = match &wanted[..] {
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
        [] => return String::new(),
    };
    let mut out = format!("To {}, I need {list}. Could you tell me?", wish.plain.join(" "));
    if let [p] = params
        && !tool.params[*p].options.is_empty()
        && !tool.params[*p].open
    {
        let options: Vec<String> = tool.params[*p].options.iter().map(plain).collect();
        out.push_str(&format!(" Possible: {}.", options.join(", ")));
    }
    out
}

fn wanted(param: &Param) -> String {
    let label = param.label();
    match param.role {
        Role::Flag => format!("to know about \"{label}\" (yes or no)"),
        _ => format!("the {label}"),
    }
}

fn declined(call: &Call) -> String {
    let name = name_words(call.name.rsplit("__").next().unwrap_or(&call.name)).join(" ");
    format!("All right, I have not carried out \"{name}\".")
}

fn told_call(call: &Call, tools: &[ToolFacts]) -> String {
    let tool = call.tool.map(|tool| &tools[tool]);
    let name = name_words(call.name.rsplit("__").next().unwrap_or(&call.name)).join(" ");
    match &call.outcome {
        None => format!("\"{name}\" has not answered."),
        Some(Outcome::Declined) => declined(call),
        Some(Outcome::Error(message)) => {
            let id = tool.and_then(|tool| {
                tool.params
                    .iter()
                    .find(|param| param.role == Role::Id && call.input.contains_key(&param.name))
            });
            let lower = message.to_lowercase();
            let missing = [
                "not found",
                "does not exist",
                "doesn't exist",
                "no such",
                "unknown",
                "invalid",
                "could not find",
                "couldn't find",
            ]
            .iter()
            .any(|word| lower.contains(word));
            let ask = match id {
                Some(param) if missing => format!(" Please check the {} and tell me the right one.", param.label()),
                _ => String::new(),
            };
            format!("That did not work ({name}): {}{ask}", sentence(message))
        }
        Some(Outcome::Empty(value)) => {
            let facts: Vec<String> = call.input.values().map(plain).filter(|text| text.len() < 60).take(4).collect();
            let about = if facts.is_empty() {
                String::new()
            } else {
                format!(" for {}", facts.join(", "))
            };
            let detail = detail(value);
            match (tool.is_some_and(|tool| !tool.reads), detail.is_empty()) {
                (true, true) => format!("{}.", lead(tool, &name)),
                (true, false) => detail,
                (false, true) => format!("Nothing was found{about}."),
                (false, false) => detail,
            }
        }
        Some(Outcome::Prose(text)) => sentence(&text.chars().take(PROSE_CHARS_MAX).collect::<String>()),
        Some(Outcome::Data(value)) => {
            let reads = tool.is_none_or(|tool| tool.reads);
            data(value, reads, tool, &name)
        }
    }
}

fn data(value: &Value, reads: bool, tool: Option<&ToolFacts>, name: &str) -> String {
    match value {
        Value::Array(list) => {
            let head = if reads { "I found:" } else { "The result:" };
            format!("{head}\n{}", bullets(list))
        }
        Value::Object(map) => {
            let lists: Vec<(&String, &Vec<Value>)> = map
                .iter()
                .filter_map(|(key, value)| value.as_array().map(|list| (key, list)))
                .filter(|(_, list)| list.iter().any(Value::is_object))
                .collect();
            if let [(key, list)] = lists[..] {
                let rest: Map<String, Value> = map
                    .iter()
                    .filter(|(other, _)| *other != key)
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                let head = if rest.is_empty() {
                    format!("{}:", capital(&name_words(key).join(" ")))
                } else {
                    format!("{}. {}:", capital(&facts(&rest)), capital(&name_words(key).join(" ")))
                };
                return format!("{head}\n{}", bullets(list));
            }
            if !reads && let Some(message) = map.get("message").and_then(Value::as_str).filter(|text| text.contains(' ')) {
                let rest: Map<String, Value> = map
                    .iter()
                    .filter(|(key, _)| !matches!(key.as_str(), "message" | "success" | "ok" | "status"))
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                let rest = facts(&rest);
                return if rest.is_empty() {
                    sentence(message)
                } else {
                    format!("{} ({rest})", sentence(message))
                };
            }
            let rest: Map<String, Value> = map
                .iter()
                .filter(|(key, value)| {
                    !(matches!(key.as_str(), "success" | "ok") && **value == Value::Bool(true))
                        && !(!reads
                            && key.as_str() == "status"
                            && value.as_str().is_some_and(|text| matches!(text, "ok" | "OK" | "success" | "done")))
                })
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            let told = if reads { facts(&rest) } else { facts(&confirmed(&rest, tool)) };
            if reads {
                if told.is_empty() {
                    "Done.".into()
                } else {
                    format!("{}.", capital(&told))
                }
            } else if told.is_empty() {
                format!("{}.", lead(tool, name))
            } else {
                format!("{}: {told}.", lead(tool, name))
            }
        }
        scalar => {
            let text = plain(scalar);
            if reads {
                format!("{}: {text}.", capital(name))
            } else {
                format!("{}: {text}.", lead(tool, name))
            }
        }
    }
}

/// "Booked", "Cancelled", "Sent": what has been done.
fn lead(tool: Option<&ToolFacts>, name: &str) -> String {
    let Some(tool) = tool else { return "Done".into() };
    let Some(verb) = tool.plain.first() else { return "Done".into() };
    let known = tool
        .verbs
        .iter()
        .any(|stem| stem.split('_').next() == tool.words.first().map(String::as_str));
    if !known {
        return format!("Done ({name})");
    }
    let past = match verb.as_str() {
        "send" => "sent".into(),
        "pay" => "paid".into(),
        "set" | "put" => "set".into(),
        "make" => "made".into(),
        "buy" => "bought".into(),
        "find" => "found".into(),
        "get" => "got".into(),
        "give" => "given".into(),
        "write" => "written".into(),
        "begin" => "begun".into(),
        "run" => "run".into(),
        "take" => "taken".into(),
        "tell" => "told".into(),
        "cancel" => "cancelled".into(),
        "submit" => "submitted".into(),
        "transfer" => "transferred".into(),
        "refer" => "referred".into(),
        "drop" => "dropped".into(),
        "ship" => "shipped".into(),
        "stop" => "stopped".into(),
        "hold" => "held".into(),
        "plan" => "planned".into(),
        "sell" => "sold".into(),
        "lend" => "lent".into(),
        "leave" => "left".into(),
        "withdraw" => "withdrawn".into(),
        "enrol" => "enrolled".into(),
        "swap" => "swapped".into(),
        "log" => "logged".into(),
        "shut" => "shut".into(),
        verb if verb.ends_with('e') => format!("{verb}d"),
        verb if verb.ends_with('y') && !verb.ends_with("ay") && !verb.ends_with("ey") => format!("{}ied", &verb[..verb.len() - 1]),
        verb => format!("{verb}ed"),
    };
    capital(&past)
}

/// What a confirmation tells beyond its verb: without "status booked" behind "Booked".
fn confirmed(map: &Map<String, Value>, tool: Option<&ToolFacts>) -> Map<String, Value> {
    let verbs: Vec<&str> = tool.iter().flat_map(|tool| &tool.verbs).flat_map(|verb| verb.split('_')).collect();
    let repeats = |text: &str| {
        let word = stem(&text.to_lowercase());
        verbs
            .iter()
            .any(|verb| *verb == word || thesaurus().verb_similarity(verb, &word) >= 0.8)
            || matches!(
                text.to_lowercase().as_str(),
                "ok" | "success" | "successful" | "done" | "confirmed" | "completed" | "complete" | "created" | "updated" | "accepted"
            )
    };
    map.iter()
        .filter(|(key, value)| match value {
            Value::String(text) => !(matches!(key.as_str(), "status" | "state" | "result" | "outcome") && repeats(text)),
            Value::Bool(true) => !repeats(key),
            _ => true,
        })
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Whether a member names the thing by a code: told last.
fn is_code(key: &str) -> bool {
    name_words(key).last().is_some_and(|last| {
        matches!(
            last.as_str(),
            "id" | "number" | "no" | "code" | "reference" | "ref" | "confirmation" | "uuid" | "key" | "tracking" | "pnr"
        )
    })
}

/// Whether the value says by itself what it is: "2026-11-22", "15:00", "anna@example.com".
fn speaks(key: &str, value: &Value) -> bool {
    let Some(text) = value.as_str() else { return false };
    let found = tokens(text);
    let alone = matches!(&found[..], [one] if matches!(one.shape, Shape::Date | Shape::DateTime | Shape::Clock | Shape::Email));
    alone
        && matches!(
            name_words(key).join(" ").as_str(),
            "date" | "day" | "time" | "at" | "when" | "email" | "datetime"
        )
}

/// "customer id" reads better as "customer".
fn spoken(key: &str) -> String {
    let mut words = name_words(key);
    if words.len() > 1 && words.last().is_some_and(|last| last == "id") {
        words.pop();
    }
    words.join(" ")
}

/// The members of an object: "court A, 15:00, confirmation C-1042"; codes last.
fn facts(map: &Map<String, Value>) -> String {
    let mut out: Vec<String> = Vec::new();
    let known = || map.iter().filter(|(_, value)| !value.is_null());
    let ordered = known()
        .filter(|(key, _)| !is_code(key))
        .chain(known().filter(|(key, _)| is_code(key)));
    for (key, value) in ordered.take(MEMBERS_TOLD) {
        if speaks(key, value) {
            out.push(plain(value));
            continue;
        }
        let label = spoken(key);
        let text = match value {
            Value::Object(inner) => format!("{label} ({})", facts(inner)),
            Value::Array(list) if list.is_empty() => continue,
            Value::Array(list) => format!("{label} {}", list.iter().take(ITEMS_TOLD).map(plain).collect::<Vec<_>>().join(", ")),
            Value::Bool(found) => format!("{label}: {}", if *found { "yes" } else { "no" }),
            other => format!("{label} {}", plain(other)),
        };
        out.push(text);
    }
    out.join(", ")
}

fn bullets(items: &[Value]) -> String {
    let mut lines: Vec<String> = items
        .iter()
        .take(ITEMS_TOLD)
        .map(|item| match item {
            Value::Object(map) => format!("- {}", facts(map)),
            other => format!("- {}", plain(other)),
        })
        .collect();
    if items.len() > ITEMS_TOLD {
        lines.push(format!("- and {} more", items.len() - ITEMS_TOLD));
    }
    lines.join("\n")
}

/// What an empty result says besides: alternatives, a message.
fn detail(value: &Value) -> String {
    match value {
        Value::String(text) => sentence(text),
        Value::Object(map) => {
            if let Some(text) = map.get("message").and_then(Value::as_str) {
                return sentence(text);
            }
            let rest: Map<String, Value> = map
                .iter()
                .filter(|(_, value)| value.as_array().is_none_or(|list| !list.is_empty()))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            let told = facts(&rest);
            if told.is_empty() {
                String::new()
            } else {
                format!("Nothing was found ({told}).")
            }
        }
        _ => String::new(),
    }
}

/// The text with a full stop.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let text = text
        .strip_prefix("Error:")
        .or_else(|| text.strip_prefix("error:"))
        .unwrap_or(text)
        .trim();
    if text.is_empty() || text.ends_with(['.', '!', '?', ':', '\n']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

/// The answer where nothing is to be called.
pub(crate) fn without_goal(reading: &Reading, tools: &[ToolFacts]) -> String {
    let able = abilities(tools);
    match reading {
        Reading::Greeting if able.is_empty() => "Hello! How can I help you?".into(),
        Reading::Greeting => format!("Hello! I can help you with this: {able}. What would you like?"),
        Reading::Thanks => "You're welcome! Is there anything else?".into(),
        Reading::Goodbye => "Goodbye!".into(),
        Reading::Refusal => "All right, I will not do that. Is there anything else?".into(),
        Reading::Agreement => "What would you like me to do?".into(),
        Reading::About if able.is_empty() => {
            "I am the built-in planner: rule-based, not a language model. No tools are set up for me, so I can only say this.".into()
        }
        Reading::About => format!("I am the built-in planner: rule-based, not a language model. With the tools that I have I can: {able}."),
        _ if able.is_empty() => {
            "I am the built-in planner, which is rule-based and not a language model, and I have no tools here; I cannot answer that."
                .into()
        }
        _ => format!("I am sorry, I have no tool for that. What I can do: {able}."),
    }
}

fn abilities(tools: &[ToolFacts]) -> String {
    let list: Vec<String> = tools
        .iter()
        .filter(|tool| !tool.asks)
        .take(ITEMS_TOLD)
        .map(|tool| lower_first(&tool.purpose()))
        .collect();
    list.join("; ")
}

/// Everything that was found so far, when no call may follow any more.
pub(crate) fn exhausted(situation: &Situation) -> String {
    let told: Vec<String> = situation
        .calls
        .iter()
        .filter(|call| matches!(call.outcome, Some(Outcome::Data(_) | Outcome::Prose(_))))
        .map(|call| told_call(call, situation.tools))
        .collect();
    format!(
        "I stop here: I have made {} calls and would need more.\n{}",
        situation.calls.len(),
        told.join("\n")
    )
}
