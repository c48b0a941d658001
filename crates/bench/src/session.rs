//! The session bench: what one session costs over its life, beside the floor in the same run: the start, memory, the disk, turn 200.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::json;

use crate::turn::{CORES, Kind, Server, memory_mib, set_up, start};
use crate::{Outcome, model};

/// Sessions of one turn, whose disk and memory are measured after others that fill caches and files of fixed size: the largest of them hold 8,192
/// heads of sessions.
const SHORT: usize = 4_000;
const WARM: usize = 10_000;
/// Sessions of many turns, side by side.
const LONG: usize = 2;
/// Turns of a long session.
const TURNS: usize = 200;
/// Turns at its end that are averaged.
const LAST: usize = 10;
/// Starts; the median counts.
const STARTS: usize = 5;

/// `session [SERVER_BINARY]`: the release binary beside this one when none is named.
pub(crate) async fn run(args: &[&str]) -> Outcome {
    let me = std::env::current_exe()?;
    let server = args.first().map_or_else(|| me.with_file_name("bedplate"), PathBuf::from);
    let _ = Command::new("taskset")
        .args(["-pc", CORES.1, &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status();
    let url = model::start(Duration::ZERO).await?;
    let floor = measure(&Kind::Floor(&me), &url).await?;
    let ours = measure(&Kind::Bedplate(&server, &me), &url).await?;
    println!("| | floor | Bedplate |");
    println!("| --- | ---: | ---: |");
    for ((name, floor), (_, ours)) in floor.iter().zip(&ours) {
        println!("| {name} | {floor:.2} | {ours:.2} |");
    }
    Ok(())
}

type Figures = Vec<(&'static str, f64)>;

async fn measure(kind: &Kind<'_>, model: &str) -> Outcome<Figures> {
    let mut server = start(kind, model).await?;
    let path = match kind {
        Kind::Floor(_) | Kind::Relay(_) => "/agents/A/agentAliases/B".to_owned(),
        Kind::Bedplate(_, me) => set_up(&server.client, me).await?,
    };
    turn(&server, &path, "first").await?;
    let mut starts = Vec::new();
    for number in 0..STARTS {
        server.stop();
        let begun = Instant::now();
        server.start_again(kind, model).await?;
        turn(&server, &path, &format!("start-{number}")).await?;
        starts.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    starts.sort_by(f64::total_cmp);
    let memory_mib_once = memory_mib(server.pid());

    many(&server, &path, "warm", WARM).await?;
    let (memory, disk) = (memory_mib(server.pid()), bytes_of(server.folder()));
    many(&server, &path, "more", SHORT).await?;
    let idle = (memory_mib(server.pid()) - memory) * 1024.0 / SHORT as f64;
    let stored = bytes_of(server.folder()).saturating_sub(disk) as f64 / 1024.0 / SHORT as f64;

    let (mut cpu_first, mut cpu_last, mut written) = (0.0, 0.0, 0.0);
    for session in 0..LONG {
        for number in 0..TURNS {
            let (cpu, bytes) = (cpu_ms(server.pid()), written_bytes(server.pid()));
            turn(&server, &path, &format!("long-{session}")).await?;
            let (cpu, bytes) = (cpu_ms(server.pid()) - cpu, written_bytes(server.pid()) - bytes);
            if number < LAST {
                cpu_first += cpu;
            } else if number >= TURNS - LAST {
                cpu_last += cpu;
                written += bytes;
            }
        }
    }
    let averaged = (LONG * LAST) as f64;
    Ok(vec![
        ("start to first answer, ms", starts[STARTS / 2]),
        ("memory after one turn, MiB", memory_mib_once),
        ("memory of a session that ended its turn, KiB, beyond what caches hold", idle),
        ("disk of a session of one turn, KiB", stored),
        ("CPU of turns 1 to 10, ms each", cpu_first / averaged),
        ("CPU of turns 191 to 200, ms each", cpu_last / averaged),
        ("the same as a multiple", cpu_last / cpu_first),
        ("written by turn 200, KiB", written / 1024.0 / averaged),
    ])
}

pub(crate) async fn turn(server: &Server, path: &str, session: &str) -> Outcome {
    let body = json!({"inputText": "Where is my order A-482, and when will it be here?", "enableTrace": true}).to_string();
    let path = format!("{path}/sessions/{session}/text");
    server.client.send(Method::POST, "bedrock", &path, body).await.map(drop)
}

/// Sessions of one turn each, a few at once.
pub(crate) async fn many(server: &Server, path: &str, name: &str, count: usize) -> Outcome {
    for begin in (0..count).step_by(16) {
        let names = (begin..(begin + 16).min(count)).map(|number| format!("{name}-{number}"));
        let turns = names.map(|session| async move { turn(server, path, &session).await });
        for done in futures_util::future::join_all(turns).await {
            done?;
        }
    }
    Ok(())
}

/// CPU time of a process's threads, finer than the ticks of its `stat`.
fn cpu_ms(pid: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let spent = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    spent.sum::<f64>() / 1e6
}

/// What a process caused to be written to the device, with what is written ahead.
fn written_bytes(pid: u32) -> f64 {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or(0.0)
}

/// Bytes of all files below a folder.
fn bytes_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(facts) if facts.is_dir() => bytes_of(&entry.path()),
            Ok(facts) => facts.len(),
            Err(_) => 0,
        })
        .sum()
}
