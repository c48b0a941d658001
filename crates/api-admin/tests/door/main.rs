//! The admin door over a real engine: what it shows of a session is what was streamed.
#![allow(clippy::unwrap_used, reason = "a test")]

mod house;

use serde_json::{Value, json};

use house::House;

const AGENTS: &str = "/_bedplate/agents";
const SESSIONS: &str = "/_bedplate/sessions";
const SHOW: &str = "/_bedplate/sessions/show";
const WHY: &str = "/_bedplate/requests/show";

/// Runs a test's future on one thread.
fn run(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future);
}

/// The members of an object of an answer that are compared.
fn of<'a>(value: &'a Value, names: &[&'a str]) -> Value {
    names.iter().map(|name| ((*name).to_owned(), value[*name].clone())).collect()
}

#[test]
fn a_stored_session_carries_every_trace_byte_for_byte() {
    run(async {
        let house = House::new().await;
        let mut live = house.turn("s-1", json!({"inputText": "Book a court"})).await;
        live.extend(house.turn("s-1", json!({"inputText": "ask me first"})).await);
        let asked = live.last().unwrap().clone();
        assert!(asked.starts_with(r#"{"returnControl":"#), "{asked}");
        let id = serde_json::from_str::<Value>(&asked).unwrap()["returnControl"]["invocationId"].clone();
        let state = async |house: &House| house.json(SESSIONS, "").await["sessions"][0]["state"].clone();
        assert_eq!(state(&house).await, "waiting");
        assert_eq!(house.json(SHOW, "session=s-1").await["state"], "waiting");
        let result = json!({"functionResult": {"actionGroup": "courts", "function": "cancel", "confirmationState": "CONFIRM"}});
        let answer = json!({"sessionState": {"invocationId": id, "returnControlInvocationResults": [result]}});
        live.extend(house.turn("s-1", answer).await);
        assert_eq!(state(&house).await, "idle");
        live.extend(house.turn("s-1", json!({"inputText": "break"})).await);
        // Another process: nothing but the store is left.
        let house = house.restarted();
        let (status, text) = house.get(SHOW, "session=s-1").await;
        assert_eq!(status, 200, "{text}");
        let shown: Value = serde_json::from_str(&text).unwrap();
        let outcomes: Vec<&str> = shown["turns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|turn| turn["outcome"].as_str().unwrap())
            .collect();
        assert_eq!(outcomes, ["answered", "asked", "answered", "failed"]);
        let stored: Vec<String> = shown["turns"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|turn| turn["events"].as_array().unwrap())
            .map(Value::to_string)
            .collect();
        let stored: Vec<&String> = stored.iter().filter(|event| !event.starts_with(r#"{"chunk":"#)).collect();
        let live: Vec<&String> = live.iter().filter(|event| !event.starts_with(r#"{"chunk":"#)).collect();
        assert!(live.len() > 15, "{live:#?}");
        assert_eq!(stored, live);
        assert!(live.iter().all(|event| text.contains(*event)), "byte for byte in the answer, too");
    });
}

#[test]
fn only_the_last_requests_are_shown_when_asked() {
    run(async {
        let house = House::new().await;
        for text in ["one", "two", "three"] {
            house.turn("s-1", json!({"inputText": text})).await;
        }
        let shown = house.json(SHOW, "session=s-1&turns=2").await;
        assert_eq!(shown["earlier"], 1);
        let texts: Vec<&Value> = shown["turns"].as_array().unwrap().iter().map(|turn| &turn["text"]).collect();
        assert_eq!(texts, ["two", "three"]);
        let all = house.json(SHOW, "session=s-1").await;
        assert_eq!(all["turns"].as_array().unwrap()[1..], shown["turns"].as_array().unwrap()[..]);
    });
}

#[test]
fn agents_and_sessions_are_listed_page_by_page() {
    run(async {
        let house = House::new().await;
        for session in ["s-1", "s-2", "s-3"] {
            house.turn(session, json!({"inputText": "hello"})).await;
        }
        let agents = house.json(AGENTS, "").await;
        let agent = &agents["agents"][0];
        assert_eq!(
            of(agent, &["agentName", "region", "status"]),
            json!({"agentName": "tennis", "region": "us-east-1", "status": "PREPARED"})
        );
        let aliases: Vec<&Value> = agent["aliases"]
            .as_array()
            .unwrap()
            .iter()
            .map(|alias| &alias["agentAliasName"])
            .collect();
        assert_eq!(aliases, ["live", "AgentTestAlias"]);
        assert_eq!(house.json(AGENTS, "agent=tennis").await, agents);
        assert_eq!(house.json(AGENTS, "agent=golf").await["agents"], json!([]));

        let mut found = Vec::new();
        let mut query = "limit=2&agent=tennis".to_owned();
        loop {
            let page = house.json(SESSIONS, &query).await;
            found.extend(page["sessions"].as_array().unwrap().clone());
            let Some(next) = page["next"].as_str() else { break };
            query = format!("limit=2&agent=tennis&after={next}");
        }
        let names: Vec<&Value> = found.iter().map(|session| &session["sessionId"]).collect();
        assert_eq!(names, ["s-1", "s-2", "s-3"]);
        let first = of(&found[0], &["agentName", "aliasName", "state"]);
        assert_eq!(first, json!({"agentName": "tennis", "aliasName": "live", "state": "idle"}));
        let shown = house.json(SHOW, &format!("id={}", found[2]["id"].as_str().unwrap())).await;
        assert_eq!(shown["sessionId"], "s-3");
    });
}

#[test]
fn the_journal_is_readable_in_pages() {
    run(async {
        let house = House::new().await;
        house.turn("s-1", json!({"inputText": "Book a court"})).await;
        let all = house.json(SHOW, "session=s-1&raw=true").await;
        let events = all["events"].as_array().unwrap();
        assert_eq!(all["next"], Value::Null);
        assert!(
            events[0]["started"].is_object() && events[1]["message"]["payload"]["text"] == "Book a court",
            "{all:#}"
        );
        assert!(events[1]["message"]["program"]["blob"].is_string(), "programs are named by hash");
        let sequence: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
        assert_eq!(sequence, (1..=events.len() as u64).collect::<Vec<_>>());
        let mut paged = Vec::new();
        let mut after = json!(0);
        while !after.is_null() {
            let page = house.json(SHOW, &format!("session=s-1&raw=true&limit=2&after={after}")).await;
            paged.extend(page["events"].as_array().unwrap().clone());
            after = page["next"].clone();
        }
        assert_eq!(&paged, events);
    });
}

#[test]
fn what_makes_no_sense_is_told() {
    run(async {
        let house = House::new().await;
        house.turn("s-1", json!({"inputText": "hello"})).await;
        house.turn_on("TSTALIASID", "s-1", json!({"inputText": "hello"})).await;
        for (path, query, status, part) in [
            ("/_bedplate/nothing", "", 404, "/_bedplate/sessions/show"),
            (SESSIONS, "limit=0", 400, "limit must be a number from 1 to 1000"),
            (SESSIONS, "agent=golf", 404, "no agent golf"),
            (SESSIONS, "colour=red", 400, "\"colour\" is not known here"),
            (SESSIONS, "limit=1&limit=2", 400, "given twice"),
            (SHOW, "", 400, "session=SESSION_ID"),
            (SHOW, "session=s-9", 404, "There is no session s-9"),
            (SHOW, "id=agent/x", 404, "no session with the execution id agent/x"),
            (
                SHOW,
                "session=s-1",
                400,
                "2 sessions are called s-1; name one by its whole id: agent/",
            ),
            (SHOW, "session=s-1&raw=maybe", 400, "raw must be true or false"),
            (SHOW, "session=s-1&raw=true&after=x", 400, "after must be the number of an event"),
            (SHOW, "session=%ff", 400, "The query cannot be read"),
        ] {
            let (got, text) = house.get(path, query).await;
            let message = serde_json::from_str::<Value>(&text).unwrap()["message"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            assert!(got == status && message.contains(part), "{path}?{query}: {got} {text}");
        }
        let (status, text) = house.ask(http::Method::DELETE, SESSIONS, "").await;
        assert!(status == 405 && text.contains("use GET"), "{status} {text}");
        let (status, text) = house.ask(http::Method::POST, "/_bedplate/clock", "advanceMs=1000").await;
        assert!(status == 403 && text.contains("bedplate dev"), "{status} {text}");
        let version = house.json("/_bedplate/version", "").await;
        assert_eq!(
            of(&version, &["version", "region", "strict"]),
            json!({"version": "1.2.3", "region": "us-east-1", "strict": false})
        );
    });
}

#[test]
fn a_request_that_failed_says_why() {
    run(async {
        let house = House::new().await;
        house.turn("s-1", json!({"inputText": "Book a court"})).await;
        house.turn("s-1", json!({"inputText": "break"})).await;
        let turns = house.json(SHOW, "session=s-1").await["turns"].clone();
        let id = |index: usize| turns[index]["requestId"].as_str().unwrap().to_owned();
        let house = house.restarted();
        let failed = house.json(WHY, &format!("id={}", id(1))).await;
        assert_eq!(failed["request"], Value::Null);
        assert_eq!(
            of(&failed["turn"], &["sessionId", "agentName", "aliasName", "outcome"]),
            json!({"sessionId": "s-1", "agentName": "tennis", "aliasName": "live", "outcome": "failed"})
        );
        assert_eq!(failed["turn"]["failure"]["code"], "Turn.DependencyFailed", "{failed}");
        assert!(!failed["turn"]["failure"]["detail"].as_str().unwrap().is_empty(), "{failed}");
        let fine = house.json(WHY, &format!("id={}", id(0))).await;
        assert_eq!(fine["turn"]["outcome"], "answered", "{fine}");
        let (status, text) = house.get(WHY, "id=nobody").await;
        assert_eq!(status, 404, "{text}");
        assert!(text.contains("Nothing is known of the request nobody"), "{text}");
        let (status, text) = house.get(WHY, "").await;
        assert_eq!(status, 400, "{text}");
        house.keep("r-9");
        let kept = house.json(WHY, "id=r-9").await;
        assert_eq!(kept["turn"], Value::Null);
        assert_eq!(kept["request"]["causes"], json!(["the disk is full"]));
    });
}
