//! The turn bench: the same load against the floor and against Bedplate.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::client::Client;
use crate::{Outcome, model};

/// Clock ticks a second in /proc: fixed on Linux.
const TICKS: f64 = 100.0;
/// Where the server runs, and where everything else does.
pub(crate) const CORES: (&str, &str) = ("0", "1");

/// One load: sessions at once, turns in all, milliseconds that a model call takes.
struct Load {
    sessions: usize,
    turns: usize,
    latency_ms: u64,
}

const LOADS: [Load; 4] = [
    Load {
        sessions: 1,
        turns: 400,
        latency_ms: 0,
    },
    Load {
        sessions: 16,
        turns: 3_000,
        latency_ms: 0,
    },
    Load {
        sessions: 64,
        turns: 3_000,
        latency_ms: 0,
    },
    Load {
        sessions: 200,
        turns: 4_000,
        latency_ms: 50,
    },
];

struct Figures {
    cpu_ms: f64,
    turns_per_s: f64,
    p50_ms: f64,
    memory_mib: f64,
}

/// `turn [SERVER_BINARY [SESSIONS [ROUNDS]]]`: the release binary beside this one when none is named. With a number of sessions only that load is
/// measured, and with rounds it is measured so often, floor and server in turns: the medians of all ratios are shown at the end.
pub(crate) async fn run(args: &[&str]) -> Outcome {
    let me = std::env::current_exe()?;
    let server = args.first().map_or_else(|| me.with_file_name("bedplate"), PathBuf::from);
    let only: Option<usize> = args.get(1).map(|sessions| sessions.parse()).transpose()?;
    let rounds: usize = args.get(2).map_or(Ok(1), |rounds| rounds.parse())?;
    let _ = Command::new("taskset")
        .args(["-pc", CORES.1, &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status();
    println!("| sessions | model ms | | CPU ms a turn | turns/s | p50 ms | memory MiB |");
    println!("| ---: | ---: | --- | ---: | ---: | ---: | ---: |");
    for load in LOADS.iter().filter(|load| only.is_none_or(|only| load.sessions == only)) {
        let url = model::start(Duration::from_millis(load.latency_ms)).await?;
        let mut ratios: [Vec<f64>; 3] = Default::default();
        for _ in 0..rounds {
            let floor = measure(Kind::Floor(&me), &url, load).await?;
            let ours = measure(Kind::Bedplate(&server, &me), &url, load).await?;
            for (name, figures) in [("floor", &floor), ("Bedplate", &ours)] {
                println!(
                    "| {} | {} | {name} | {:.2} | {:.0} | {:.2} | {:.0} |",
                    load.sessions, load.latency_ms, figures.cpu_ms, figures.turns_per_s, figures.p50_ms, figures.memory_mib
                );
            }
            ratios[0].push(ours.cpu_ms / floor.cpu_ms);
            ratios[1].push(ours.turns_per_s / floor.turns_per_s);
            ratios[2].push(ours.p50_ms / floor.p50_ms);
        }
        let [cpu, speed, time] = ratios.map(|mut ratios| {
            ratios.sort_by(f64::total_cmp);
            ratios[ratios.len() / 2]
        });
        println!(
            "| {} | {} | **ratio** | {cpu:.2} | {speed:.2} | {time:.2} | |",
            load.sessions, load.latency_ms
        );
    }
    Ok(())
}

pub(crate) enum Kind<'a> {
    Floor(&'a Path),
    /// The floor of the gateway.
    Relay(&'a Path),
    Bedplate(&'a Path, &'a Path),
}

/// A server under test; ends with this value.
pub(crate) struct Server {
    child: Child,
    pub(crate) client: Client,
    folder: PathBuf,
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Kills it; its folder stays.
    pub(crate) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(self.folder.join("server.json"));
    }

    /// Starts it again on its folder.
    pub(crate) async fn start_again(&mut self, kind: &Kind<'_>, model: &str) -> Outcome {
        (self.child, self.client) = start_in(&self.folder, kind, model).await?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn measure(kind: Kind<'_>, model: &str, load: &Load) -> Outcome<Figures> {
    let server = start(&kind, model).await?;
    let path = match &kind {
        Kind::Floor(_) | Kind::Relay(_) => "/agents/A/agentAliases/B".to_owned(),
        Kind::Bedplate(_, me) => set_up(&server.client, me).await?,
    };
    // Warm: connections, caches, the tool's processes.
    drive(&server.client, &path, load.sessions, load.sessions * 2, "warm").await?;
    let pid = server.child.id();
    let (cpu, started) = (cpu_ms(pid)?, Instant::now());
    let mut took = drive(&server.client, &path, load.sessions, load.turns, "load").await?;
    let (cpu, wall) = (cpu_ms(pid)? - cpu, started.elapsed());
    took.sort_unstable();
    let turns = took.len() as f64;
    Ok(Figures {
        cpu_ms: cpu / turns,
        turns_per_s: turns / wall.as_secs_f64(),
        p50_ms: took[took.len() / 2].as_secs_f64() * 1e3,
        memory_mib: memory_mib(pid),
    })
}

/// Runs `turns` turns over `sessions` sessions at once; a session has ten turns, then a new one takes its place.
async fn drive(client: &Client, path: &str, sessions: usize, turns: usize, name: &str) -> Outcome<Vec<Duration>> {
    let mut workers = Vec::new();
    for worker in 0..sessions {
        let (client, path, name) = (client.clone(), path.to_owned(), name.to_owned());
        let share = turns / sessions;
        workers.push(tokio::spawn(async move {
            let mut took = Vec::with_capacity(share);
            for turn in 0..share {
                let path = format!("{path}/sessions/{name}-{worker}-{}/text", turn / 10);
                let body = json!({"inputText": "Where is my order A-482, and when will it be here?", "enableTrace": true}).to_string();
                let started = Instant::now();
                let answer = client.send(Method::POST, "bedrock", &path, body).await?;
                took.push(started.elapsed());
                if !contains(&answer, b"chunk") {
                    return Err(format!("a turn without an answer: {}", String::from_utf8_lossy(&answer)).into());
                }
            }
            Outcome::Ok(took)
        }));
    }
    let mut took = Vec::with_capacity(turns);
    for worker in workers {
        took.extend(worker.await??);
    }
    Ok(took)
}

fn contains(text: &Bytes, what: &[u8]) -> bool {
    text.windows(what.len()).any(|window| window == what)
}

pub(crate) async fn start(kind: &Kind<'_>, model: &str) -> Outcome<Server> {
    let folder = std::env::temp_dir().join(format!(
        "bedplate-bench-{}-{}",
        std::process::id(),
        Instant::now().elapsed().as_nanos()
    ));
    std::fs::create_dir_all(&folder)?;
    let (child, client) = start_in(&folder, kind, model).await?;
    Ok(Server { child, client, folder })
}

/// Starts a server on a folder and waits until it answers.
async fn start_in(folder: &Path, kind: &Kind<'_>, model: &str) -> Outcome<(Child, Client)> {
    let mut command = Command::new("taskset");
    command.args(["-c", CORES.0]);
    match kind {
        Kind::Floor(me) => command.arg(me).arg("floor").arg(folder).arg(model),
        Kind::Relay(me) => command.arg(me).arg("relay").arg(folder).arg(model),
        Kind::Bedplate(server, _) => {
            let config = folder.join("bench.toml");
            let text = format!(
                "[providers.fake]\nkind = \"openai\"\nbase_url = \"{model}/v1\"\n\n[[route]]\nmodel = \"*\"\nto = [\"fake/fake\"]\n"
            );
            std::fs::write(&config, text)?;
            command
                .arg(server)
                .arg("serve")
                .args(["--port", "0", "--state"])
                .arg(folder)
                .arg("--config")
                .arg(&config)
                .env("BEDPLATE_LOG", "error")
        }
    };
    let child = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn()?;
    let note = folder.join("server.json");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let url = std::fs::read_to_string(&note)
            .ok()
            .and_then(|text| serde_json::from_str::<Value>(&text).ok());
        if let Some(url) = url.as_ref().and_then(|note| note["url"].as_str()) {
            let client = Client::new(url);
            if !matches!(kind, Kind::Bedplate(..)) || client.send(Method::GET, "bedrock", "/healthz", "").await.is_ok() {
                return Ok((child, client));
            }
        }
        if Instant::now() > deadline {
            return Err("the server did not start".into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Creates the function, the agent and its action group; tells the path of its turns.
pub(crate) async fn set_up(client: &Client, me: &Path) -> Outcome<String> {
    let function = json!({
        "FunctionName": "shop", "Runtime": "provided.al2023", "Handler": "none", "Role": "arn:aws:iam::000000000000:role/bench",
        "Timeout": 30, "Code": {"ZipFile": STANDARD.encode(package(me)?)},
    });
    let made = client.json(Method::POST, "lambda", "/2015-03-31/functions", function).await?;
    let agent = json!({
        "agentName": "bench", "foundationModel": "anthropic.claude-3-haiku-20240307-v1:0",
        "agentResourceRoleArn": "arn:aws:iam::000000000000:role/bench",
        "instruction": "You help customers of a shop with their orders. Look up what you need and answer in one sentence.",
    });
    let agent = client.json(Method::PUT, "bedrock", "/agents/", agent).await?;
    let id = agent["agent"]["agentId"].as_str().unwrap_or_default();
    let function = |name: &str, description: &str| json!({"name": name, "description": description, "parameters": {"order_id": {"type": "string", "description": "The order's id, such as A-482", "required": true}}});
    let group = json!({
        "actionGroupName": "shop", "actionGroupExecutor": {"lambda": made["FunctionArn"]},
        "functionSchema": {"functions": [function("find_order", "Finds an order."), function("order_status", "Tells where an order is.")]},
    });
    client
        .json(
            Method::PUT,
            "bedrock",
            &format!("/agents/{id}/agentversions/DRAFT/actiongroups/"),
            group,
        )
        .await?;
    client.json(Method::POST, "bedrock", &format!("/agents/{id}/"), Value::Null).await?;
    Ok(format!("/agents/{id}/agentAliases/TSTALIASID"))
}

/// A deployment package whose bootstrap is this program, on the other core.
fn package(me: &Path) -> Outcome<Vec<u8>> {
    use std::io::Write as _;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("bootstrap", zip::write::SimpleFileOptions::default().unix_permissions(0o755))?;
    write!(zip, "#!/bin/sh\nexec taskset -c {} {} tool\n", CORES.1, me.display())?;
    Ok(zip.finish()?.into_inner())
}

/// User and system time of a process, without its children's.
pub(crate) fn cpu_ms(pid: u32) -> Outcome<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks * 1e3 / TICKS)
}

pub(crate) fn memory_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<f64>().ok())
        .unwrap_or(0.0)
        / 1024.0
}
