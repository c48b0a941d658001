//! What functions cannot see where bubblewrap works. Where it does not these tests only say so.

use std::path::Path;

use bedplate_base::Kind;
use bedplate_lambda::Options;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::{House, write};

const LOOK: &str = "
import os, signal, subprocess, tempfile, time

def attempt(look):
    try:
        return look()
    except Exception as error:
        return type(error).__name__

def handler(event, context):
    if event.get('die'):
        os.kill(os.getpid(), signal.SIGKILL)
    if event.get('leave'):
        subprocess.Popen(['sleep', event['leave']], start_new_session=True)
        time.sleep(60)
    with tempfile.TemporaryFile() as file:
        file.write(b'mine')
    return {
        'state': attempt(lambda: sorted(os.listdir(event['state']))),
        'key': attempt(lambda: open(event['key']).read()),
        'other': attempt(lambda: open(event['other']).read()),
        'server': attempt(lambda: open('/proc/%d/environ' % event['pid'], 'rb').read() and 'read'),
        'own': attempt(lambda: open('app.py').read() != ''),
        'change': attempt(lambda: open('app.py', 'a').write('x')),
        'here': os.getcwd() == os.environ['LAMBDA_TASK_ROOT'],
    }
";

#[tokio::test]
async fn functions_see_nothing_of_the_server() {
    let house = House::new();
    let state = house.folder.path().join("code");
    let key = house.folder.path().join("key.txt");
    write(&key, "secret");
    house.host.create(house.python("look", LOOK)).unwrap();
    house.host.create(house.python("other", LOOK)).unwrap();
    let event = json!({"state": state, "key": key, "other": state.join("other/app.py"), "pid": std::process::id()});
    let ask = async |event: &Value, timeout: u64| {
        let options = Options {
            timeout: Some(std::time::Duration::from_millis(timeout)),
            ..Options::default()
        };
        house
            .host
            .invoke("look", Bytes::from(event.to_string()), options)
            .await
            .unwrap()
            .result
    };
    let functions = house.folder.path().join("functions");
    std::fs::create_dir_all(&functions).unwrap();
    if let Err(error) = house.host.isolate(&[state.clone(), functions, key.clone()]).await {
        assert_eq!(error.kind, Kind::Dependency);
        println!("not tested: {error}");
        return;
    }
    let seen: Value = serde_json::from_slice(&ask(&event, 20_000).await.unwrap()).unwrap();
    let wanted = json!({"state": ["look"], "key": "PermissionError", "other": "FileNotFoundError", "server": "FileNotFoundError",
        "own": true, "change": "OSError", "here": true});
    assert_eq!(seen, wanted);

    let compiled = house.folder.path().join("functions/.compiled/look");
    assert!(
        has(&compiled, "csv."),
        "it began as a copy of the seed: nothing has imported csv here"
    );

    let error = ask(&json!({"die": true}), 20_000).await.unwrap_err();
    assert!(error.message.ends_with("signal: killed"), "{}", error.message);

    // A number that nobody else sleeps for, and a session of its own.
    let seconds = format!("6{}.5", std::process::id());
    let error = ask(&json!({"leave": seconds}), 1_500).await.unwrap_err();
    assert_eq!(error.kind, bedplate_lambda::Kind::TimedOut);
    for _ in 0..2_000 {
        if !sleeps(&seconds) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("what the function left behind lives on");
}

/// Whether a file below `folder` has a name that begins so.
fn has(folder: &Path, start: &str) -> bool {
    std::fs::read_dir(folder).unwrap().flatten().any(|entry| {
        entry.file_name().to_str().unwrap().starts_with(start) || entry.file_type().unwrap().is_dir() && has(&entry.path(), start)
    })
}

fn sleeps(seconds: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| std::fs::read_to_string(process.path().join("cmdline")).ok())
        .any(|command| command.split('\0').eq(["sleep", seconds, ""]))
}

#[tokio::test]
async fn what_cannot_be_hidden_is_said() {
    let house = House::new();
    let error = house.host.isolate(&[house.folder.path().join("nowhere")]).await.unwrap_err();
    assert_eq!(error.kind, Kind::Dependency);
    assert!(error.message.starts_with("functions are not isolated: "), "{error}");
}
