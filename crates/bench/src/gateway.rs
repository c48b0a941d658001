//! The gateway bench: one chat completion asked directly, and through Converse, in the same run.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::turn::{CORES, Kind, cpu_ms, start};
use crate::{Outcome, model};

/// Callers at once.
const CALLERS: [usize; 2] = [1, 16];
/// Calls of one round.
const CALLS: usize = 2_000;
/// Rounds of each kind, one after the other in turns; the medians count.
const ROUNDS: usize = 5;

/// `gateway [SERVER_BINARY]`: the release binary beside this one when none is named.
pub(crate) async fn run(args: &[&str]) -> Outcome {
    let me = std::env::current_exe()?;
    let server = args.first().map_or_else(|| me.with_file_name("bedplate"), PathBuf::from);
    let _ = Command::new("taskset")
        .args(["-pc", CORES.1, &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status();
    let url = model::start(Duration::ZERO).await?;
    let direct = Client::new(&url);
    let ours = start(&Kind::Bedplate(&server, &me), &url).await?;
    let relay = start(&Kind::Relay(&me), &url).await?;
    let chat = chat().to_string();
    let converse = converse().to_string();
    println!("| callers | CPU ms a call, relay | through | ratio | p50 ms direct | relay | through | added p50 ms |");
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for callers in CALLERS {
        let (mut alone, mut relayed, mut through) = (Vec::new(), Vec::new(), Vec::new());
        let (mut relay_cpu, mut cpu) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let there = drive(&direct, "/v1/chat/completions", &chat, callers).await?;
            let before = cpu_ms(relay.pid())?;
            let between = drive(&relay.client, "/v1/chat/completions", &chat, callers).await?;
            let bare = (cpu_ms(relay.pid())? - before) / CALLS as f64;
            let before = cpu_ms(ours.pid())?;
            let here = drive(&ours.client, "/model/any.model/converse", &converse, callers).await?;
            let spent = (cpu_ms(ours.pid())? - before) / CALLS as f64;
            // The first round warms connections and caches.
            if round > 0 {
                relay_cpu.push(bare);
                cpu.push(spent);
                alone.push(there);
                relayed.push(between);
                through.push(here);
            }
        }
        let (relay_cpu, cpu) = (median(relay_cpu), median(cpu));
        let (alone, relayed, through) = (median(alone), median(relayed), median(through));
        println!(
            "| {callers} | {relay_cpu:.3} | {cpu:.3} | {:.1} | {alone:.3} | {relayed:.3} | {through:.3} | {:.3} |",
            cpu / relay_cpu,
            through - alone
        );
    }
    Ok(())
}

/// The median time of a call, in milliseconds.
async fn drive(client: &Client, path: &'static str, body: &str, callers: usize) -> Outcome<f64> {
    let mut workers = Vec::new();
    for _ in 0..callers {
        let (client, body) = (client.clone(), bytes::Bytes::from(body.to_owned()));
        workers.push(tokio::spawn(async move {
            let mut took = Vec::with_capacity(CALLS / callers);
            for _ in 0..CALLS / callers {
                let started = Instant::now();
                client.send(Method::POST, "bedrock", path, body.clone()).await?;
                took.push(started.elapsed().as_secs_f64() * 1e3);
            }
            Outcome::Ok(took)
        }));
    }
    let mut took = Vec::with_capacity(CALLS);
    for worker in workers {
        took.extend(worker.await??);
    }
    Ok(median(took))
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

const SYSTEM: &str = "You help customers of a shop with their orders. Look up what you need, never guess, and answer in one sentence. If a customer is \
    angry, stay kind and offer to connect them to a person.";
const SAID: [&str; 5] = [
    "Hello, I ordered a lamp last week.",
    "Thank you for your order! What may I do for you?",
    "I would like to know where it is. The number is A-482, I think, or A-483.",
    "Let me look. Order A-482 is a lamp that was sent on Monday.",
    "And when will it be here? I am at home on Thursday only.",
];

fn schema() -> Value {
    json!({"type": "object", "properties": {"order_id": {"type": "string", "description": "The order's id, such as A-482"}}, "required": ["order_id"]})
}

fn role(index: usize) -> &'static str {
    if index.is_multiple_of(2) { "user" } else { "assistant" }
}

/// What Converse becomes on its way, asked directly.
fn chat() -> Value {
    let said = SAID
        .iter()
        .enumerate()
        .map(|(index, text)| json!({"role": role(index), "content": text}));
    let messages: Vec<Value> = std::iter::once(json!({"role": "system", "content": SYSTEM})).chain(said).collect();
    let tool = json!({"type": "function", "function": {"name": "order_status", "description": "Tells where an order is.", "parameters": schema()}});
    json!({"model": "fake", "messages": messages, "tools": [tool], "temperature": 0.2, "max_tokens": 500})
}

fn converse() -> Value {
    let said = SAID.iter().enumerate();
    let messages: Vec<Value> = said
        .map(|(index, text)| json!({"role": role(index), "content": [{"text": text}]}))
        .collect();
    let tool = json!({"toolSpec": {"name": "order_status", "description": "Tells where an order is.", "inputSchema": {"json": schema()}}});
    json!({
        "messages": messages,
        "system": [{"text": SYSTEM}],
        "toolConfig": {"tools": [tool]},
        "inferenceConfig": {"temperature": 0.2, "maxTokens": 500},
    })
}
