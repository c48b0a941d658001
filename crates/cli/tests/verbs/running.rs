//! Whole verbs against a scripted server. A case is a command line, what is typed, what the server is asked and answers, and what
//! the person sees.

use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};

use bedplate_cli::{Terminal, Verb, run};
use clap::Parser;
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[tokio::test]
async fn every_case_runs_as_it_says() {
    for path in super::cases("verbs", "json") {
        let mut case: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let seen = check(&case).await;
        let update = std::env::var_os("UPDATE").is_some();
        for (name, got) in seen.as_object().unwrap() {
            if update {
                case[name] = got.clone();
            }
            assert_eq!(got, &case[name], "{name} of {}", path.display());
        }
        if update {
            std::fs::write(&path, serde_json::to_string_pretty(&case).unwrap() + "\n").unwrap();
        }
    }
}

async fn check(case: &Value) -> Value {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (out, err) = (Paper::default(), Paper::default());
    let typed = case["typed"].as_str().unwrap_or_default().to_owned();
    let mut terminal = Terminal::detached(Cursor::new(typed), out.clone(), err.clone(), folder.path());
    terminal.width = 80;
    terminal.interactive = case["interactive"].as_bool().unwrap_or(false);
    let exchanges = case["server"].as_array().cloned().unwrap_or_default();
    terminal.variables.insert("BEDPLATE_URL".into(), url.clone());
    for (name, value) in case["variables"].as_object().into_iter().flatten() {
        terminal.variables.insert(name.clone(), value.as_str().unwrap().to_owned());
    }
    let words = case["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
    let line = Line::parse_from(std::iter::once("bedplate").chain(words));
    let (exit, ()) = tokio::join!(run(line.verb, &mut terminal), super::server::answer(listener, exchanges));
    let text = |paper: &Paper| paper.text().replace(&url, "URL");
    // Lines, so that a diff shows the one that changed.
    let lines = |text: String| text.split_inclusive('\n').map(str::to_owned).collect::<Vec<_>>();
    json!({"exit": exit.0, "out": lines(text(&out)), "err": lines(text(&err))})
}
