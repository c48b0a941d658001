//! The one function: a request in, a reply out.

use std::collections::BTreeMap;

use bedplate_converse::{Block, Message, Reply, Request, ResultPart, Role, StopReason, ToolChoice, Usage};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::answer;
use crate::arguments::assign;
use crate::chain::{Note, Situation, advance};
use crate::clause::analyse;
use crate::dialogue::{Turn, turns};
use crate::goals::{Reading, understand};
use crate::schema::{self, ToolFacts};
use crate::wish::matches;
use bedplate_language::tokens::{Shape, name_words, tokens};
use bedplate_language::when::{self, When};

/// The name of the model in replies.
pub const MODEL: &str = "builtin/planner";

/// Longest system prompt that is searched for attributes.
const SYSTEM_BYTES_MAX: usize = 64 * 1024;
/// Most steps (replies with calls) of one turn.
const STEPS_MAX: usize = 8;

/// When a request is answered: the local date and time, and the zone they are in.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// The wall clock where the user is.
    pub local: DateTime,
    /// The zone of that clock.
    pub zone: TimeZone,
}

impl Moment {
    /// A moment in UTC, from nanoseconds since 1970; 1970 itself when they are out of range.
    pub fn utc(nanos: i64) -> Self {
        let zoned = jiff::Timestamp::from_nanosecond(i128::from(nanos))
            .unwrap_or_default()
            .to_zoned(TimeZone::UTC);
        Self {
            local: zoned.datetime(),
            zone: TimeZone::UTC,
        }
    }

    /// The same moment by the clocks of `zone`.
    pub fn in_zone(nanos: i64, zone: TimeZone) -> Self {
        let zoned = jiff::Timestamp::from_nanosecond(i128::from(nanos))
            .unwrap_or_default()
            .to_zoned(zone.clone());
        Self {
            local: zoned.datetime(),
            zone,
        }
    }
}

/// Answers `request` at `now`: the next tool calls, or a final text. A system prompt that asks for `<answer>` tags, as an agent's does, gets the
/// text in them, and a short reason before the calls. Pure: the same request at the same moment gives the same reply. Never panics and reads at most a
/// bounded part of what it is given.
pub fn plan(request: &Request, now: Moment) -> Reply {
    let system = request.system_text();
    let (attributes, now) = attributes(&system, now.local);
    // tools know each other by number, so one that must be used is read alone
    let facts = match &request.tool_choice {
        ToolChoice::Tool(name) => schema::tools(&request.tools.iter().filter(|tool| tool.name == *name).cloned().collect::<Vec<_>>()),
        _ => schema::tools(&request.tools),
    };
    let turns = turns(&request.messages, &facts, now);
    let reply = decide(request, &facts, &turns, &attributes, now);
    let free = request.tool_choice == ToolChoice::Auto || reply.stop == StopReason::ToolUse;
    match turns.last().filter(|turn| !free && turn.calls.is_empty()) {
        Some(turn) => forced(request, turn, &facts, now).unwrap_or(reply),
        None => reply,
    }
}

/// The call of the tool that fits best, with what is known of its parameters: for a request that leaves no choice.
fn forced(request: &Request, turn: &Turn, facts: &[ToolFacts], now: DateTime) -> Option<Reply> {
    let u = &turn.said;
    let clause = analyse(u, 0, u.tokens.len());
    let best = matches(u, &clause, &[], facts, now).into_iter().next()?;
    let tool = &facts[best.tool];
    let values = assign(u, &clause, &[], tool, now).values;
    let input = tool
        .params
        .iter()
        .zip(values)
        .filter_map(|(param, value)| Some((param.name.clone(), value?)))
        .collect();
    Some(call(
        request,
        "some tool must be used".into(),
        vec![(tool.name.clone(), Value::Object(input))],
    ))
}

/// The next calls or the answer, as the conversation has it.
fn decide(request: &Request, facts: &[ToolFacts], turns: &[Turn], attributes: &BTreeMap<String, String>, now: DateTime) -> Reply {
    let Some(current) = turns.last() else {
        return text(request, answer::without_goal(&Reading::Greeting, facts));
    };
    let (reading, memory) = understand(turns, facts, now);
    let Reading::Goals(goals) = &reading else {
        return text(request, answer::without_goal(&reading, facts));
    };
    let situation = Situation {
        tools: facts,
        memory: &memory,
        calls: &current.calls,
        attributes,
        now,
    };
    let plan = advance(&situation, goals);
    if !plan.next.is_empty() && current.steps < STEPS_MAX {
        let calls = plan
            .next
            .iter()
            .map(|next| (facts[next.tool].name.clone(), Value::Object(next.input.clone())))
            .collect();
        let why = plan.next.iter().map(|next| next.why.as_str()).collect::<Vec<_>>().join("; ");
        return call(request, why, calls);
    }
    if !plan.next.is_empty() {
        return text(request, answer::exhausted(&situation));
    }
    let said = answer::compose(&situation, &plan);
    // a question goes through the tool for it, when there is one
    let asks = facts.iter().find(|tool| tool.asks);
    let open = plan.notes.iter().any(|note| matches!(note, Note::Ask { .. } | Note::Choose { .. }));
    if let (Some(tool), true) = (asks, open) {
        let name = tool.params.first().map_or("question", |param| param.name.as_str()).to_owned();
        return call(
            request,
            "need an answer of the user".into(),
            vec![(tool.name.clone(), json!({ name: said }))],
        );
    }
    if said.is_empty() {
        return text(request, answer::without_goal(&Reading::Nothing, facts));
    }
    text(request, said)
}

fn text(request: &Request, said: String) -> Reply {
    let said = if is_agent(request) {
        format!("<answer>{said}</answer>")
    } else {
        said
    };
    reply(request, vec![Block::Text(said)], StopReason::EndTurn)
}

/// Whether the prompt is of the kind that agents have: who calls a model without one wants the bare answer.
fn is_agent(request: &Request) -> bool {
    request.system_text().contains("<answer>")
}

fn call(request: &Request, why: String, calls: Vec<(String, Value)>) -> Reply {
    let made = request
        .messages
        .iter()
        .flat_map(|message| &message.content)
        .filter(|block| matches!(block, Block::ToolUse { .. }))
        .count();
    let mut content = Vec::new();
    if is_agent(request) {
        content.push(Block::Text(why));
    }
    for (index, (name, input)) in calls.into_iter().enumerate() {
        content.push(Block::ToolUse {
            id: format!("tooluse_{}_{}", request.messages.len(), made + index + 1),
            name,
            input,
        });
    }
    reply(request, content, StopReason::ToolUse)
}

fn reply(request: &Request, content: Vec<Block>, stop: StopReason) -> Reply {
    let tools: usize = request
        .tools
        .iter()
        .map(|tool| tool.name.len() + tool.description.len() + 40 * tool.schema["properties"].as_object().map_or(0, serde_json::Map::len))
        .sum();
    let input: usize = request.system_text().len()
        + tools
        + request
            .messages
            .iter()
            .flat_map(|message| &message.content)
            .map(size)
            .sum::<usize>();
    let output: usize = content.iter().map(size).sum();
    Reply {
        message: Message {
            role: Role::Assistant,
            content,
        },
        stop,
        usage: Usage {
            input_tokens: input.div_ceil(4) as u64,
            output_tokens: output.div_ceil(4) as u64,
            ..Usage::default()
        },
        model: MODEL.to_owned(),
        ..Reply::default()
    }
}

fn size(block: &Block) -> usize {
    match block {
        Block::Text(text) | Block::Cited { text, .. } | Block::Reasoning { text, .. } => text.len(),
        Block::ToolResult { content, .. } => ResultPart::join(content).len(),
        Block::ToolUse { name, input, .. } => {
            name.len()
                + input.as_object().map_or(2, |map| {
                    map.iter().map(|(key, value)| key.len() + value.as_str().map_or(8, str::len)).sum()
                })
        }
        _ => 0,
    }
}

/// Attributes told by the system prompt, as lines `name: value`, `name=value` or as `<name>value</name>`; and the
/// moment, moved to the current date (and time) when one of them is that.
fn attributes(system: &str, now: DateTime) -> (BTreeMap<String, String>, DateTime) {
    let mut cut = system.len().min(SYSTEM_BYTES_MAX);
    while !system.is_char_boundary(cut) {
        cut -= 1;
    }
    let mut out = BTreeMap::new();
    let mut at = now;
    for line in system[..cut].lines() {
        let line = line.trim().trim_start_matches(['-', '*', '•']).trim();
        let pair = if let Some(rest) = line.strip_prefix('<') {
            rest.split_once('>')
                .and_then(|(name, rest)| rest.split_once("</").map(|(value, _)| (name, value)))
        } else {
            line.split_once(':').or_else(|| line.split_once('='))
        };
        let Some((name, value)) = pair else { continue };
        let (name, value) = (
            name.trim().trim_matches(['"', '\'', '`', '*', '{']),
            value.trim().trim_matches(['"', '\'', '`', ',', '}', '*']).trim(),
        );
        if name.is_empty() || name.len() > 64 || value.is_empty() || value.len() > 256 || name.split_whitespace().count() > 5 {
            continue;
        }
        let words = name_words(name).join(" ");
        let is_now = matches!(
            words.as_str(),
            "current date"
                | "today"
                | "date"
                | "now"
                | "current datetime"
                | "current date time"
                | "current date and time"
                | "today s date"
                | "todays date"
                | "current day"
        );
        let is_time = matches!(words.as_str(), "current time" | "time now" | "local time");
        if is_now || is_time {
            let tokens = tokens(value);
            for index in 0..tokens.len() {
                match when::read(&tokens, index, now, false) {
                    Some((When::DateTime(found), _)) => at = found,
                    Some((When::Date(date), _))
                        if is_now && (tokens[index].shape != Shape::Word || when::month(&tokens[index].lower).is_some()) =>
                    {
                        at = date.to_datetime(at.time())
                    }
                    Some((When::Time(time), _)) => at = at.date().to_datetime(time),
                    _ => continue,
                }
                if matches!(tokens[index].shape, Shape::DateTime) {
                    break;
                }
            }
            continue;
        }
        out.entry(words).or_insert_with(|| value.to_owned());
    }
    (out, at)
}

/// What the rules see in the last thing that the user said: mentions, clauses, and the tools that come first for each. For tests and for
/// people who wonder about a reply; the form may change.
pub fn explain(request: &Request, now: Moment) -> String {
    use std::fmt::Write as _;
    let (_, now) = attributes(&request.system_text(), now.local);
    let facts = schema::tools(&request.tools);
    let turns = turns(&request.messages, &facts, now);
    let mut out = String::new();
    let Some(turn) = turns.last() else { return out };
    let u = &turn.said;
    for tool in &facts {
        let params: Vec<String> = tool
            .params
            .iter()
            .map(|param| {
                format!(
                    "{}{}:{:?}/{:?}",
                    param.name,
                    if param.required { "*" } else { "" },
                    param.role,
                    param.end
                )
            })
            .collect();
        let _ = writeln!(
            out,
            "    tool {} verbs={:?} reads={} suppliers={:?} {}",
            tool.name,
            tool.verbs,
            tool.reads,
            tool.suppliers,
            params.join(" ")
        );
    }
    for entity in &u.entities {
        let _ = writeln!(out, "    mention {:?} = {:?}", u.slice(entity.from, entity.to), entity.what);
    }
    let clauses = crate::clause::clauses(u);
    for clause in &clauses {
        let _ = writeln!(
            out,
            "    clause {:?} {:?} verb={:?} desire={} forbidden={} condition={:?}",
            u.slice(clause.from, clause.to),
            clause.mood,
            clause.verb,
            clause.desire,
            clause.forbidden,
            clause.condition
        );
    }
    if !clauses.is_empty() {
        crate::wish::Message::new(u, &clauses, &facts, None, now).explain(&mut out);
    }
    out
}
