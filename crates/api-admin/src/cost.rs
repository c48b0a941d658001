//! What model calls used and cost: sums by agent, model, day or session.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bedplate_api_agents::browse;
use bedplate_base::{Error, Place, Result};
use bedplate_cost::{Ledger, Prices, Row, Tokens};
use bedplate_store::Page;
use serde_json::{Value, json};

use crate::State;
use crate::query::Query;
use crate::sessions::{self, Name, PREFIX};

/// Sessions whose journals are read for one answer. Ours: a journal is read whole.
const SESSIONS: usize = 100;
/// At most.
const SESSIONS_MAX: usize = 1_000;
/// Heads among which the latest sessions are looked for. Ours.
const HEADS_MAX: usize = 10_000;

/// Sums and prices.
#[derive(Clone)]
pub struct Cost {
    /// The sums.
    pub ledger: Arc<Ledger>,
    /// The prices.
    pub prices: Arc<Prices>,
}

/// What is told of some calls.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    tokens: Tokens,
    dollars: f64,
    unpriced: u64,
}

impl Sum {
    fn add(&mut self, prices: &Prices, row: &Row) {
        self.tokens.add(&row.tokens);
        match prices.cost(&row.provider, &row.model, &row.day, &row.tokens) {
            Some(dollars) => self.dollars += dollars,
            None => self.unpriced += row.tokens.calls,
        }
    }

    /// `usd` is null where no call has a price, and a part where some have none.
    fn to_json(self) -> Value {
        let tokens = self.tokens;
        let known = self.unpriced < tokens.calls || tokens.calls == 0;
        json!({
            "calls": tokens.calls,
            "inputTokens": tokens.input,
            "outputTokens": tokens.output,
            "cacheReadTokens": tokens.cache_read,
            "cacheWriteTokens": tokens.cache_write,
            "usd": known.then_some(self.dollars),
            "unpricedCalls": self.unpriced,
        })
    }
}

/// Sums by something.
pub(crate) async fn sums(state: &State, mut query: Query) -> Result<Value> {
    let by = query.take("by").unwrap_or_else(|| "agent".to_owned());
    let (since, until) = (query.take("since"), query.take("until"));
    let (id, session) = (query.take("id"), query.take("session"));
    let limit = query.count("limit", SESSIONS, SESSIONS_MAX)?;
    query.finish(&["by", "since", "until", "id", "session", "limit"])?;
    let Some(cost) = &state.cost else {
        return Err(Error::not_found("This server keeps no sums of model calls."));
    };
    if !matches!(by.as_str(), "agent" | "model" | "day" | "session") {
        let message = format!("The parameter by must be agent, model, day or session, but is {by:?}.");
        return Err(Error::validation(message));
    }
    for (name, day) in [("since", &since), ("until", &until)] {
        if let Some(day) = day
            && bedplate_base::Timestamp::parse_iso(&format!("{day}T00:00:00Z")).is_none()
        {
            return Err(Error::validation(format!(
                "The parameter {name} must be a day such as 2026-11-21, but is {day:?}."
            )));
        }
    }
    // By what is shown, and what tells equal names of sessions apart.
    let mut sums: BTreeMap<(String, String), Sum> = BTreeMap::new();
    let mut total = Sum::default();
    if by == "session" || session.is_some() || id.is_some() {
        for (name, exec, rows) in sessions(state, cost, id.as_deref(), session.as_deref(), limit).await? {
            for row in rows.iter().filter(|row| within(row, since.as_deref(), until.as_deref())) {
                sums.entry((name.clone(), exec.clone())).or_default().add(&cost.prices, row);
                total.add(&cost.prices, row);
            }
        }
    } else {
        let mut names = HashMap::new();
        for row in cost.ledger.rows(since.as_deref(), until.as_deref()) {
            let key = match by.as_str() {
                "agent" => agent_name(state, &mut names, &row).await,
                "model" => format!("{}/{}", row.provider, row.model.trim_start_matches("builtin/")),
                _ => row.day.clone(),
            };
            sums.entry((key, String::new())).or_default().add(&cost.prices, &row);
            total.add(&cost.prices, &row);
        }
    }
    let rows = sums.into_iter().map(|((key, _), sum)| {
        let mut row = json!({"key": key});
        if let (Some(row), Value::Object(sum)) = (row.as_object_mut(), sum.to_json()) {
            row.extend(sum);
        }
        row
    });
    let rows: Vec<Value> = rows.collect();
    Ok(json!({"by": by, "since": since, "until": until, "pricesOf": cost.prices.date(), "rows": rows, "total": total.to_json()}))
}

/// What one session cost, for those who show it.
pub(crate) async fn of_session(state: &State, exec: &bedplate_journal::ExecId) -> Result<Option<Value>> {
    let Some(cost) = &state.cost else { return Ok(None) };
    let mut sum = Sum::default();
    cost.ledger.session(exec).await?.iter().for_each(|row| sum.add(&cost.prices, row));
    Ok(Some(sum.to_json()))
}

/// The latest sessions, or the one of an execution id or a name: names, execution ids and what they used.
async fn sessions(
    state: &State,
    cost: &Cost,
    id: Option<&str>,
    session: Option<&str>,
    limit: usize,
) -> Result<Vec<(String, String, Vec<Row>)>> {
    let mut heads = match (id, session) {
        (Some(_), _) | (_, Some(_)) => vec![sessions::find(state, id, None, session).await?],
        (None, None) => {
            let page = Page {
                after: None,
                limit: HEADS_MAX,
                backwards: false,
            };
            state.agents.engine.heads(PREFIX, page).await?
        }
    };
    heads.sort_by_key(|head| std::cmp::Reverse(head.updated_at));
    heads.truncate(limit);
    let mut found = Vec::new();
    for head in heads {
        if let Some(name) = Name::of(&head.exec) {
            found.push((name.session, head.exec.to_string(), cost.ledger.session(&head.exec).await?));
        }
    }
    Ok(found)
}

fn within(row: &Row, since: Option<&str>, until: Option<&str>) -> bool {
    since.is_none_or(|since| row.day.as_str() >= since) && until.is_none_or(|until| row.day.as_str() <= until)
}

/// An agent's name where it still has one, and its id. There is a row for every day: `known` keeps each name from being read again.
async fn agent_name(state: &State, known: &mut HashMap<(Place, String), String>, row: &Row) -> String {
    let place = Place {
        account: row.account.clone(),
        region: row.region.clone(),
    };
    let key = (place, row.agent.clone());
    if let Some(name) = known.get(&key) {
        return name.clone();
    }
    let name = match browse::names(&state.agents, &key.0, &row.agent, "").await {
        Ok((Some(name), _)) => format!("{name} ({})", row.agent),
        _ => row.agent.clone(),
    };
    known.insert(key, name.clone());
    name
}
