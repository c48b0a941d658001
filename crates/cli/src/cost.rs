//! `cost`: what model calls used and cost, and what they would.

use serde_json::Value;

use crate::args::{Cost, CostVerb, Estimate, Format};
use crate::client::{Client, escape};
use crate::failure::{Exit, Failure};
use crate::style::one_line;
use crate::terminal::Terminal;

/// Runs the verb.
pub(crate) async fn run(args: Cost, terminal: &mut Terminal) -> Result<Exit, Failure> {
    if let Some(CostVerb::Estimate(estimate)) = args.verb {
        return self::estimate(&estimate, terminal);
    }
    let client = Client::of(terminal, &args.server)?;
    let mut path = format!("/_bedplate/cost?by={}", args.by.as_str());
    for (name, value) in [("since", &args.since), ("until", &args.until)] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", escape(value)));
        }
    }
    let text = client.get(&path).await?;
    if args.output == Format::Json {
        terminal.line(&text)?;
        return Ok(Exit::OK);
    }
    let answer: Value = serde_json::from_str(&text).map_err(|error| Failure::new(format!("the server's sums cannot be read: {error}")))?;
    table(args.by.as_str(), &answer, terminal)?;
    Ok(Exit::OK)
}

fn table(by: &str, answer: &Value, terminal: &mut Terminal) -> Result<(), Failure> {
    let rows = answer["rows"].as_array().cloned().unwrap_or_default();
    if rows.is_empty() {
        terminal.tell("no model calls\n");
        return Ok(());
    }
    let cells = |key: &str, row: &Value| {
        let number = |name: &str| row[name].as_u64().unwrap_or(0);
        let cached = number("cacheReadTokens") + number("cacheWriteTokens");
        let texts = [number("calls"), number("inputTokens"), number("outputTokens"), cached].map(|number| number.to_string());
        let [calls, input, output, cached] = texts;
        [one_line(key), calls, input, output, cached, dollars(row)]
    };
    let head = [&by.to_uppercase(), "CALLS", "IN", "OUT", "CACHED", "USD"].map(str::to_owned);
    let mut lines = vec![head];
    lines.extend(rows.iter().map(|row| cells(row["key"].as_str().unwrap_or("-"), row)));
    lines.push(cells("total", &answer["total"]));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    for line in &lines {
        let mut text = format!("{:<width$}", line[0], width = widths[0]);
        for column in 1..6 {
            text.push_str(&format!("  {:>width$}", line[column], width = widths[column]));
        }
        terminal.line(text.trim_end())?;
    }
    if answer["total"]["unpricedCalls"].as_u64().unwrap_or(0) > 0 {
        terminal.tell("some calls have no known price and are not in the sums (marked +?); write it into bedplate.toml under [[price]]\n");
    }
    Ok(())
}

/// What a session cost so far, by its execution id; none where that cannot be told.
pub(crate) async fn of_session(client: &Client, exec: &str) -> Option<String> {
    let answer = client.json(&format!("/_bedplate/cost?id={}", escape(exec))).await.ok()?;
    let usd = dollars(&answer["total"]);
    (usd != "-").then(|| format!("{usd} in this session"))
}

/// The money of a row: `-` without any price, `+?` where some calls have none.
pub(crate) fn dollars(row: &Value) -> String {
    let more = if row["unpricedCalls"].as_u64().unwrap_or(0) > 0 { "+?" } else { "" };
    row["usd"]
        .as_f64()
        .map_or_else(|| "-".to_owned(), |usd| format!("{}{more}", money(usd)))
}

/// Dollars, with as many digits as small sums need.
pub(crate) fn money(usd: f64) -> String {
    if usd >= 1.0 { format!("${usd:.2}") } else { format!("${usd:.4}") }
}

/// What tasks would cost, by arithmetic that is shown.
fn estimate(given: &Estimate, terminal: &mut Terminal) -> Result<Exit, Failure> {
    let prices = bedplate_cost::Prices::new(&[]).map_err(|(_, problem)| Failure::new(problem))?;
    let price = match (&given.model, given.price_in, given.price_out) {
        (_, Some(input), Some(output)) => (input, output, "as given".to_owned()),
        (model, ..) => {
            let (provider, name) = model.split_once('/').unwrap_or(("anthropic", model.as_str()));
            let price = prices.find(provider, name, prices.date()).ok_or_else(|| {
                Failure::new(format!(
                    "there is no price of {model:?} in the file of {}; give --price-in and --price-out",
                    prices.date()
                ))
            })?;
            (price.input, price.output, format!("{model}, {} of {}", price.source, prices.date()))
        }
    };
    let (input_price, output_price, source) = price;
    let (tasks, steps, input, output) = (given.tasks, given.steps, given.input, given.output_tokens);
    let a_step = (input as f64 * input_price + output as f64 * output_price) / 1e6;
    let a_task = a_step * steps as f64;
    let all = a_task * tasks as f64;
    let mut lines = vec![
        format!("price     ${input_price} in, ${output_price} out for a million tokens ({source})"),
        format!("a step    {input} x ${input_price} / 1000000 + {output} x ${output_price} / 1000000 = ${a_step:.6}"),
        format!("a task    {steps} steps x ${a_step:.6} = ${a_task:.4}"),
        format!("all       {tasks} tasks x ${a_task:.4} = ${all:.2}"),
    ];
    let mut json = serde_json::json!({"stepUsd": a_step, "taskUsd": a_task, "totalUsd": all, "tasks": tasks, "steps": steps,
        "inputTokens": input, "outputTokens": output, "inputPrice": input_price, "outputPrice": output_price});
    if let Some(transitions) = given.versus {
        let million = prices.transitions_million();
        let other_task = transitions as f64 * million / 1e6;
        let other = other_task * tasks as f64;
        lines.push(String::new());
        lines.push(format!(
            "sfn       {tasks} tasks x {transitions} transitions x ${million} / 1000000 = ${other:.2} (a state machine without a model)"
        ));
        if other > 0.0 {
            lines.push(format!(
                "ratio     ${all:.2} / ${other:.2} = {:.0}: what deciding at run time costs over a fixed path",
                all / other
            ));
        }
        json["sfn"] = serde_json::json!({"transitions": transitions, "taskUsd": other_task, "totalUsd": other});
    }
    match given.output {
        Format::Json => terminal.line(&json.to_string())?,
        Format::Text => {
            for line in lines {
                terminal.line(&line)?;
            }
        }
    }
    Ok(Exit::OK)
}
