//! A server on loopback that says byte for byte what a case tells it to, and notes what it was asked.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

/// One request and what is answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    /// The body that must arrive; not looked at when absent.
    #[serde(default)]
    pub(crate) expect: Option<Value>,
    /// Headers that must arrive; null means that it must be absent.
    #[serde(default)]
    pub(crate) expect_headers: BTreeMap<String, Option<String>>,
    #[serde(default = "ok")]
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// Sent piece by piece, each a chunk of the transfer encoding.
    #[serde(default)]
    pub(crate) pieces: Vec<Piece>,
    /// Cuts each piece into pieces of so many bytes.
    #[serde(default)]
    pub(crate) split: Option<usize>,
    /// Repeats the last piece so often in addition.
    #[serde(default)]
    pub(crate) repeat_last: usize,
    #[serde(default)]
    pub(crate) end: End,
}

fn ok() -> u16 {
    200
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Piece {
    Text(String),
    /// What is no text.
    Bytes(Vec<u8>),
    /// Goes on only after the client has reported so many parts.
    After {
        after_parts: usize,
    },
}

/// How the answer ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    /// As it should.
    #[default]
    Whole,
    /// The connection is closed before the end of the transfer encoding.
    Cut,
    /// Nothing more is sent until the client goes away.
    Stall,
    /// Not even a status line is sent until the client goes away.
    Mute,
    /// The connection is closed without an answer.
    Hangup,
}

/// A request as it arrived.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
}

/// The server's side of a case.
pub(crate) struct Server {
    pub(crate) base_url: String,
    /// What was asked, in order.
    pub(crate) asked: mpsc::UnboundedReceiver<Asked>,
    /// Says that a client went away from a stalled answer.
    pub(crate) gone: mpsc::UnboundedReceiver<()>,
    /// To be told how many parts the client has reported.
    pub(crate) parts: watch::Sender<usize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Plays `exchanges`, one per connection; then nothing listens any more.
    pub(crate) async fn start(exchanges: Vec<Exchange>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let (asked_in, asked) = mpsc::unbounded_channel();
        let (gone_in, gone) = mpsc::unbounded_channel();
        let (parts, reported) = watch::channel(0);
        #[expect(clippy::disallowed_methods, reason = "the test owns the task and aborts it")]
        let task = tokio::spawn(async move {
            for exchange in exchanges {
                let (stream, _) = listener.accept().await.unwrap();
                play(stream, exchange, &asked_in, &gone_in, reported.clone()).await;
            }
        });
        Self {
            base_url,
            asked,
            gone,
            parts,
            task,
        }
    }
}

async fn play(
    mut stream: TcpStream,
    exchange: Exchange,
    asked: &mpsc::UnboundedSender<Asked>,
    gone: &mpsc::UnboundedSender<()>,
    mut parts: watch::Receiver<usize>,
) {
    asked.send(read_request(&mut stream).await).unwrap();
    if exchange.end == End::Hangup {
        return;
    }
    if exchange.end != End::Mute {
        let mut head = format!(
            "HTTP/1.1 {} Scripted\r\ntransfer-encoding: chunked\r\nconnection: close\r\n",
            exchange.status
        );
        for (name, value) in &exchange.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        // The client may give up while we write: that is what some cases are about.
        let _ = stream.write_all(head.as_bytes()).await;
        let again = exchange.pieces.last().cloned().into_iter().cycle().take(exchange.repeat_last);
        for piece in exchange.pieces.iter().cloned().chain(again) {
            match piece {
                Piece::After { after_parts } => drop(parts.wait_for(|seen| *seen >= after_parts).await.unwrap()),
                Piece::Text(text) => send(&mut stream, text.as_bytes(), exchange.split).await,
                Piece::Bytes(bytes) => send(&mut stream, &bytes, exchange.split).await,
            }
        }
    }
    match exchange.end {
        End::Whole => drop(stream.write_all(b"0\r\n\r\n").await),
        End::Stall | End::Mute => {
            let mut rest = [0; 64];
            while matches!(stream.read(&mut rest).await, Ok(1..)) {}
            let _ = gone.send(());
        }
        End::Cut | End::Hangup => {}
    }
}

/// Sends a piece, each part of it a chunk of the transfer encoding.
async fn send(stream: &mut TcpStream, piece: &[u8], split: Option<usize>) {
    for bytes in piece.chunks(split.unwrap_or(usize::MAX)) {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        let _ = stream.write_all(&chunk).await;
    }
}

async fn read_request(stream: &mut TcpStream) -> Asked {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        assert!(
            stream.read_buf(&mut bytes).await.unwrap() > 0,
            "the client left before its request was whole"
        );
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let (line, rest) = text.split_once("\r\n").unwrap();
    let headers: BTreeMap<String, String> = rest
        .split("\r\n")
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        })
        .collect();
    let length: usize = headers["content-length"].parse().unwrap();
    while bytes.len() < head + 4 + length {
        assert!(
            stream.read_buf(&mut bytes).await.unwrap() > 0,
            "the client left before its body was whole"
        );
    }
    Asked {
        line: line.to_owned(),
        headers,
        body: serde_json::from_slice(&bytes[head + 4..]).unwrap(),
    }
}
