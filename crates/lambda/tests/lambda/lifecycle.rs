//! What happens between invokes: definitions change, processes run side by side, end, and take what they started along.

use std::sync::{Arc, Mutex};

use bedplate_base::Kind;
use bedplate_lambda::{Options, limits};
use bytes::Bytes;

use crate::House;

/// Answers its process id.
const PID: &str = "import os\ndef handler(event, context):\n    return os.getpid()\n";

impl House {
    async fn ask(&self, function: &str, payload: &str) -> String {
        let got = self
            .host
            .invoke(function, Bytes::copy_from_slice(payload.as_bytes()), Options::default())
            .await
            .unwrap();
        String::from_utf8(got.result.unwrap_or_else(|error| panic!("{error:?}")).to_vec()).unwrap()
    }
}

/// Waits for a process to be gone: it has been killed, but somebody has to notice.
async fn gone(pid: &str) {
    let stat = format!("/proc/{pid}/stat");
    for _ in 0..2_000 {
        match std::fs::read_to_string(&stat) {
            Err(_) => return,
            Ok(text) if text.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')) => return,
            Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
        }
    }
    panic!("process {pid} lives on");
}

#[tokio::test]
async fn definitions() {
    let house = House::new();
    let function = house.python("book", PID);
    house.host.create(function.clone()).unwrap();
    assert_eq!(house.host.create(function.clone()).unwrap_err().kind, Kind::Conflict);
    assert_eq!(
        *house.host.get("arn:aws:lambda:eu-west-1:123456789012:function:book").unwrap(),
        function
    );
    assert_eq!(house.host.get("book:$LATEST").unwrap().name, "book");
    assert_eq!(house.host.get("book:live").unwrap_err().kind, Kind::NotFound);
    assert_eq!(house.host.list().len(), 1);

    let mut elsewhere = function.clone();
    elsewhere.arn = bedplate_base::Arn::parse("arn:aws:lambda:eu-west-1:000000000000:function:book").unwrap();
    house.host.create(elsewhere).unwrap();
    assert!(house.host.get("book").unwrap_err().message.contains("may be several"));
    assert_eq!(
        house
            .host
            .get("arn:aws:lambda:eu-west-1:000000000000:function:book")
            .unwrap()
            .arn
            .region(),
        "eu-west-1"
    );

    house.host.delete("arn:aws:lambda:eu-west-1:000000000000:function:book").unwrap();
    house.host.delete("book").unwrap();
    let error = house.host.invoke("book", Bytes::new(), Options::default()).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    assert!(error.message.starts_with("Function not found: book"), "{error}");
}

#[tokio::test]
async fn a_changed_function_gets_new_processes() {
    let house = House::new();
    house.host.create(house.python("book", PID)).unwrap();
    let first = house.ask("book", "1").await;
    assert_eq!(house.ask("book", "1").await, first, "a warm process is used again");
    house
        .host
        .replace(house.python("book", "def handler(event, context):\n    return 'new'\n"))
        .unwrap();
    assert_eq!(house.ask("book", "1").await, "\"new\"");
    gone(&first).await;
}

#[tokio::test]
async fn invokes_run_side_by_side() {
    // Each handler waits until all of them have begun: only parallel processes get through.
    let house = House::new();
    let code = "
import os, time
def handler(event, context):
    open(os.path.join(event, str(os.getpid())), 'w').close()
    while len(os.listdir(event)) < 4:
        time.sleep(0.01)
    return 'met'
";
    house.host.create(house.python("meet", code)).unwrap();
    let meeting = house.folder.path().join("meeting");
    std::fs::create_dir(&meeting).unwrap();
    let event = serde_json::to_string(&meeting).unwrap();
    let ask = || house.ask("meet", &event);
    let all = tokio::join!(ask(), ask(), ask(), ask());
    assert_eq!(all, ("\"met\"".into(), "\"met\"".into(), "\"met\"".into(), "\"met\"".into()));
}

#[tokio::test]
async fn more_invokes_than_processes_wait() {
    let house = House::new();
    house.host.create(house.python("busy", PID)).unwrap();
    let asks = (0..3 * limits::PROCESSES_PER_FUNCTION).map(|_| house.ask("busy", "1"));
    let mut pids = futures_util::future::join_all(asks).await;
    pids.sort();
    pids.dedup();
    assert!(pids.len() <= limits::PROCESSES_PER_FUNCTION, "{} processes", pids.len());
}

#[tokio::test]
async fn a_time_out_kills_what_the_handler_started() {
    let house = House::new();
    let code = "
import subprocess, time
def handler(event, context):
    child = subprocess.Popen(['sleep', '600'])
    print('child', child.pid)
    time.sleep(600)
";
    house.host.create(house.python("fork", code)).unwrap();
    let options = Options {
        timeout: Some(std::time::Duration::from_millis(1_500)),
        ..Options::default()
    };
    let got = house.host.invoke("fork", Bytes::new(), options).await.unwrap();
    assert_eq!(got.result.unwrap_err().kind, bedplate_lambda::Kind::TimedOut);
    let text = got.logs.text();
    gone(text.trim().strip_prefix("child ").unwrap()).await;
}

#[tokio::test]
async fn a_dropped_invoke_and_a_shutdown_kill_the_process() {
    let house = House::new();
    let code = "
import os, time
def handler(event, context):
    print(os.getpid())
    if event:
        time.sleep(600)
";
    house.host.create(house.python("hang", code)).unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let tell = Mutex::new(tell);
    let options = Options {
        logs: Some(Arc::new(move |line: &str| tell.lock().unwrap().send(line.to_owned()).unwrap())),
        ..Options::default()
    };
    let pid = tokio::select! {
        _ = house.host.invoke("hang", Bytes::from_static(b"1"), options.clone()) => panic!("it hangs"),
        pid = told.recv() => pid.unwrap(),
    };
    gone(&pid).await;

    let mut warm = house.host.invoke("hang", Bytes::from_static(b"0"), options).await.unwrap();
    assert!(warm.init_ms.take().is_some(), "the dropped process is not used again");
    let warm = told.recv().await.unwrap();
    house.host.shutdown();
    gone(&warm).await;
    assert_eq!(
        house.host.invoke("hang", Bytes::new(), Options::default()).await.unwrap_err().kind,
        Kind::Unavailable
    );
}

#[tokio::test]
async fn the_bootstrap_ends_when_nobody_listens() {
    // As after `kill -9` of the server: no one kills the process, its connection breaks.
    let house = House::new();
    let function = house.python("left", PID);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bootstrap = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bootstrap.py");
    let mut child = std::process::Command::new("python3")
        .arg(bootstrap)
        .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr().unwrap().to_string())
        .env("LAMBDA_TASK_ROOT", &function.code)
        .env("_HANDLER", "app.handler")
        .spawn()
        .unwrap();
    let (connection, _) = listener.accept().unwrap();
    drop((connection, listener));
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn a_warm_invoke_is_quick() {
    let house = House::new();
    house.host.create(house.python("quick", PID)).unwrap();
    house.ask("quick", "1").await;
    let mut times = Vec::new();
    for _ in 0..200 {
        let got = house.host.invoke("quick", Bytes::new(), Options::default()).await.unwrap();
        assert_eq!(got.init_ms, None);
        times.push(got.duration_ms);
    }
    times.sort_by(f64::total_cmp);
    println!("warm invoke: median {:.3} ms, best {:.3} ms", times[100], times[0]);
    assert!(times[0] < 20.0, "even the best of 200 took {} ms", times[0]);
}

#[tokio::test]
async fn layers_that_are_edited() {
    let house = House::new();
    let layer = |name: &str| house.folder.path().join(name);
    crate::write(&layer("one").join("python/court.py"), "NAME = 'grass'\n");
    crate::write(&layer("two").join("python/other.py"), "NAME = 'other'\n");
    let mut function = house.python(
        "book",
        "def handler(event, context):\n    import court, other\n    return court.NAME + ' ' + other.NAME\n",
    );
    function.layers = vec![layer("one"), layer("two")];
    house.host.create(function.clone()).unwrap();
    assert_eq!(house.ask("book", "{}").await, "\"grass other\"");
    crate::write(&layer("one").join("python/court.py"), "NAME = 'sand court'\n");
    assert_eq!(
        house.ask("book", "{}").await,
        "\"grass other\"",
        "a process that runs keeps what it has"
    );
    house.host.replace(function).unwrap();
    assert_eq!(house.ask("book", "{}").await, "\"sand court other\"");
}
