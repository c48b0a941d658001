//! The floor: a turn with nothing around it. The history is one row of messages a turn, written in one transaction
//! (synchronous=FULL) when the answer is known; a crash in between loses the turn.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bedplate_wire::frame;
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::Outcome;
use crate::client::Client;
use crate::server::{Body, serve};
use crate::tool::result;

/// A question to the thread that owns the database.
enum Ask {
    Read(String, oneshot::Sender<Vec<String>>),
    Write(String, String, oneshot::Sender<()>),
}

struct Floor {
    model: Client,
    database: std::sync::mpsc::Sender<Ask>,
}

/// Serves turns; prints its address.
pub(crate) async fn run(folder: &str, model: &str) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    std::fs::write(
        Path::new(folder).join("server.json"),
        json!({"url": format!("http://{}", listener.local_addr()?)}).to_string(),
    )?;
    let floor = Arc::new(Floor {
        model: Client::new(model),
        database: open(folder)?,
    });
    serve(listener, move |request| turn(floor.clone(), request)).await;
    Ok(())
}

/// The database and its thread. Waiting writes share a transaction.
fn open(folder: &str) -> Outcome<std::sync::mpsc::Sender<Ask>> {
    let connection = Connection::open(Path::new(folder).join("floor.db"))?;
    connection.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS turn(session TEXT, messages TEXT); \
         CREATE INDEX IF NOT EXISTS by_session ON turn(session);",
    )?;
    let (send, asks) = std::sync::mpsc::channel::<Ask>();
    std::thread::spawn(move || {
        while let Ok(first) = asks.recv() {
            let mut writes = Vec::new();
            for ask in std::iter::once(first).chain(asks.try_iter()) {
                match ask {
                    Ask::Read(session, answer) => {
                        let mut rows = connection
                            .prepare_cached("SELECT messages FROM turn WHERE session = ?1")
                            .expect("the query is fine");
                        let rows = rows.query_map([session], |row| row.get(0)).expect("the query is fine");
                        let _ = answer.send(rows.flatten().collect());
                    }
                    Ask::Write(session, messages, done) => writes.push((session, messages, done)),
                }
            }
            if writes.is_empty() {
                continue;
            }
            connection.execute_batch("BEGIN").expect("a transaction can begin");
            for (session, messages, _) in &writes {
                let mut insert = connection
                    .prepare_cached("INSERT INTO turn VALUES (?1, ?2)")
                    .expect("the statement is fine");
                insert.execute((session, messages)).expect("a row can be written");
            }
            connection.execute_batch("COMMIT").expect("a transaction can be committed");
            for (_, _, done) in writes {
                let _ = done.send(());
            }
        }
    });
    Ok(send)
}

async fn turn(floor: Arc<Floor>, request: Request<Incoming>) -> Response<Body> {
    let session = request.uri().path().to_owned();
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let (frames, stream) = mpsc::channel::<Bytes>(64);
    tokio::spawn(async move {
        if let Err(error) = work(&floor, session, &body, &frames).await {
            let _ = frames
                .send(frame::exception("internalServerException", &json!({"message": error.to_string()})))
                .await;
        }
    });
    let stream = futures(stream);
    Response::builder()
        .header("content-type", "application/vnd.amazon.eventstream")
        .body(BodyExt::boxed(StreamBody::new(stream)))
        .expect("invariant: the headers are fine")
}

fn futures(mut frames: mpsc::Receiver<Bytes>) -> impl futures_util::Stream<Item = Result<Frame<Bytes>, std::convert::Infallible>> {
    futures_util::stream::poll_fn(move |context| frames.poll_recv(context).map(|frame| frame.map(|bytes| Ok(Frame::data(bytes)))))
}

async fn work(floor: &Floor, session: String, body: &[u8], frames: &mpsc::Sender<Bytes>) -> Outcome {
    let input: Value = serde_json::from_slice(body)?;
    let (answer, history) = oneshot::channel();
    floor.database.send(Ask::Read(session.clone(), answer))?;
    let mut messages: Vec<Value> = Vec::new();
    for row in history.await? {
        messages.extend(serde_json::from_str::<Vec<Value>>(&row)?);
    }
    let before = messages.len();
    messages.push(json!({"role": "user", "content": input["inputText"]}));
    for step in 0.. {
        let request = json!({"model": "fake", "messages": messages, "tools": tools(), "temperature": 0.0});
        trace(
            frames,
            json!({"modelInvocationInput": {"text": json!({"messages": messages}).to_string(), "traceId": step.to_string()}}),
        )
        .await;
        let reply = floor
            .model
            .send(Method::POST, "bedrock", "/v1/chat/completions", request.to_string())
            .await?;
        let reply: Value = serde_json::from_slice(&reply)?;
        let message = reply["choices"][0]["message"].clone();
        trace(
            frames,
            json!({"modelInvocationOutput": {"rawResponse": {"content": reply.to_string()}, "metadata": {"usage": reply["usage"]}}}),
        )
        .await;
        messages.push(message.clone());
        let Some(calls) = message["tool_calls"].as_array() else {
            let text = message["content"]
                .as_str()
                .unwrap_or_default()
                .replace("<answer>", "")
                .replace("</answer>", "");
            let (done, written) = oneshot::channel();
            floor
                .database
                .send(Ask::Write(session, serde_json::to_string(&messages[before..])?, done))?;
            written.await?;
            trace(frames, json!({"observation": {"finalResponse": {"text": text}, "type": "FINISH"}})).await;
            frames.send(frame::event("chunk", &json!({"bytes": STANDARD.encode(text)}))).await?;
            return Ok(());
        };
        for call in calls {
            let name = call["function"]["name"].as_str().unwrap_or_default();
            let text = result(name.rsplit("__").next().unwrap_or_default());
            trace(
                frames,
                json!({"invocationInput": {"function": name, "parameters": call["function"]["arguments"]}}),
            )
            .await;
            trace(frames, json!({"observation": {"actionGroupInvocationOutput": {"text": text}}})).await;
            messages.push(json!({"role": "tool", "tool_call_id": call["id"], "content": text}));
        }
    }
    Ok(())
}

async fn trace(frames: &mpsc::Sender<Bytes>, body: Value) {
    let part = json!({"agentId": "AAAAAAAAAA", "sessionId": "s", "trace": {"orchestrationTrace": body}});
    let _ = frames.send(frame::event("trace", &part)).await;
}

fn tools() -> Value {
    let parameters = json!({"type": "object", "properties": {"order_id": {"type": "string", "description": "The order's id, such as A-482"}}, "required": ["order_id"]});
    let tool = |name: &str, description: &str| json!({"type": "function", "function": {"name": name, "description": description, "parameters": parameters}});
    json!([
        tool("shop__find_order", "Finds an order."),
        tool("shop__order_status", "Tells where an order is.")
    ])
}
