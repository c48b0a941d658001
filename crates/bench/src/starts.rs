//! The start bench: what a start after `kill -9` costs when there are many sessions.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::session::{many, turn};
use crate::turn::{CORES, Kind, set_up, start};
use crate::{Outcome, model};

/// Sessions of a small and of a large state.
const SESSIONS: [usize; 2] = [500, 50_000];
/// Starts of each, of which the median counts.
const STARTS: usize = 5;

/// `start [SERVER_BINARY [SESSIONS]]`: the release binary beside this one when none is named.
pub(crate) async fn run(args: &[&str]) -> Outcome {
    let me = std::env::current_exe()?;
    let server = args.first().map_or_else(|| me.with_file_name("bedplate"), PathBuf::from);
    let large = args.get(1).map_or(Ok(SESSIONS[1]), |sessions| sessions.parse())?;
    let _ = Command::new("taskset")
        .args(["-pc", CORES.1, &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status();
    let url = model::start(Duration::ZERO).await?;
    let kind = Kind::Bedplate(&server, &me);
    let mut house = start(&kind, &url).await?;
    let path = set_up(&house.client, &me).await?;
    println!("| sessions | after a kill under load: ready, ms | first answer, ms | after a kill at rest: ready, ms | first answer, ms |");
    println!("| ---: | ---: | ---: | ---: | ---: |");
    let mut made = 0;
    for sessions in [SESSIONS[0], large] {
        many(&house, &path, &format!("upto-{sessions}"), sessions - made).await?;
        made = sessions;
        let mut starts = Vec::new();
        for number in 0..=STARTS {
            house.stop();
            let begun = Instant::now();
            house.start_again(&kind, &url).await?;
            let ready = begun.elapsed().as_secs_f64() * 1e3;
            turn(&house, &path, &format!("start-{sessions}-{number}")).await?;
            starts.push((ready, begun.elapsed().as_secs_f64() * 1e3));
            // The mark follows: whoever rests longer than its window has nothing to catch up.
            if number == 0 {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
        }
        let (loaded, rested) = (starts.remove(0), &mut starts);
        rested.sort_by(|one, other| one.1.total_cmp(&other.1));
        let rested = rested[STARTS / 2];
        println!(
            "| {sessions} | {:.0} | {:.0} | {:.0} | {:.0} |",
            loaded.0, loaded.1, rested.0, rested.1
        );
    }
    Ok(())
}
