//! A model call as it happens: parts of the reply become blocks that start, grow and stop, whatever form they are sent in afterwards.
//!
//! Providers report parts as they come and the whole reply at the end. What the parts did not tell (a model that does not stream, a tool whose
//! arguments came at once) is taken from the reply, so that every client sees whole blocks in order. The call runs inside the stream: who
//! drops the stream cancels the call.

use std::collections::VecDeque;

use bedplate_base::BoxFuture;
use bedplate_converse::{Block, Reply, Request};
use bedplate_journal::{Part, Progress};
use bedplate_providers::Failure;
use bedplate_wire::{Context, Value};
use futures_util::Stream;
use tokio::sync::mpsc;

use crate::State;

/// What happens in a reply.
#[derive(Debug)]
pub(crate) enum Event {
    /// The model has begun.
    Started,
    /// A block has begun.
    BlockStarted(usize, Start),
    /// The block goes on.
    Delta(usize, Delta),
    /// The block is whole.
    BlockStopped(usize),
    /// The reply is whole; nothing follows.
    Ended(Box<Reply>),
    /// The call failed; nothing follows.
    Failed(Failure),
}

/// The sorts of blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Text,
    Reasoning,
    Tool { id: String, name: String },
}

/// How a block goes on.
#[derive(Debug)]
pub(crate) enum Delta {
    Text(String),
    Thinking(String),
    Signature(String),
    /// Base64.
    Redacted(String),
    Citation(Value),
    /// A piece of JSON text.
    Input(String),
}

/// The call of `request` as a stream that ends with `Ended` or `Failed`.
pub(crate) fn call(state: State, context: Context, request: Request) -> impl Stream<Item = Event> + Send + 'static {
    // Not bounded: a reply is, by the provider's limit on its bytes, and parts are sent from where nobody can wait.
    let (sender, parts) = mpsc::unbounded_channel();
    let progress = Progress::new(move |part| {
        let _ = sender.send(part); // nobody listens: the stream is gone, and the call with it
    });
    let call: BoxFuture<'static, Result<Reply, Failure>> = Box::pin(async move { state.ask(&context, &request, &progress).await });
    let live = Live {
        call,
        parts,
        blocks: Blocks::default(),
        ended: false,
    };
    futures_util::stream::unfold(live, |mut live| async move { live.next().await.map(|event| (event, live)) })
}

struct Live {
    call: BoxFuture<'static, Result<Reply, Failure>>,
    parts: mpsc::UnboundedReceiver<Part>,
    blocks: Blocks,
    ended: bool,
}

impl Live {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.blocks.out.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            let outcome = tokio::select! {
                biased;
                Some(part) = self.parts.recv() => {
                    self.blocks.part(part);
                    continue;
                }
                outcome = &mut self.call => outcome,
            };
            while let Ok(part) = self.parts.try_recv() {
                self.blocks.part(part);
            }
            self.ended = true;
            match outcome {
                Ok(reply) => self.blocks.finish(reply),
                Err(failure) => self.blocks.out.push_back(Event::Failed(failure)),
            }
        }
    }
}

/// Cuts parts into blocks.
#[derive(Default)]
pub(crate) struct Blocks {
    out: VecDeque<Event>,
    started: bool,
    /// Sorts of the blocks so far.
    known: Vec<Start>,
    /// Whether the last of them is not over.
    open: bool,
    /// Whether anything of the open block was told.
    told: bool,
    /// The arguments of a tool were not told: all that follows waits for the reply.
    waiting: bool,
}

impl Blocks {
    /// Takes a part.
    pub(crate) fn part(&mut self, part: Part) {
        if self.waiting {
            return;
        }
        match part {
            Part::Text(text) if text.is_empty() => {}
            Part::Thinking(text) if text.is_empty() => {}
            Part::Text(text) => self.tell(Start::Text, Delta::Text(text)),
            Part::Thinking(text) => self.tell(Start::Reasoning, Delta::Thinking(text)),
            Part::Signature(signature) => self.tell(Start::Reasoning, Delta::Signature(signature)),
            Part::Redacted(content) => self.tell(Start::Reasoning, Delta::Redacted(content)),
            Part::Citation(raw) => {
                if let Ok(citation) = serde_json::from_str(raw.as_str()) {
                    self.tell(Start::Text, Delta::Citation(citation));
                }
            }
            Part::Tool { id, name } => {
                if self.stop() {
                    self.start(Start::Tool { id, name });
                }
            }
            Part::ToolInput { id, json } => {
                let belongs = matches!(self.known.last(), Some(Start::Tool { id: open, .. }) if *open == id);
                if self.open && belongs {
                    self.delta(Delta::Input(json));
                } else {
                    // Tools side by side: blocks cannot grow in turns, so the rest is told in order at the end.
                    self.stop();
                    self.waiting = true;
                }
            }
            Part::BlockEnd => {
                self.stop();
            }
        }
    }

    /// Tells what the parts have not told, and the end.
    pub(crate) fn finish(&mut self, reply: Reply) {
        self.begin();
        let mut told: Vec<Start> = self.known.clone();
        for block in &reply.message.content {
            let Some(start) = start_of(block) else { continue };
            match told.iter().position(|known| *known == start) {
                Some(at) => {
                    told.remove(at);
                    let last = self.known.last() == Some(&start) && !told.contains(&start);
                    if last && self.open && !self.told {
                        deltas_of(block).into_iter().for_each(|delta| self.delta(delta));
                    }
                }
                None => {
                    self.close();
                    self.start(start);
                    deltas_of(block).into_iter().for_each(|delta| self.delta(delta));
                }
            }
        }
        self.close();
        self.out.push_back(Event::Ended(Box::new(reply)));
    }

    fn tell(&mut self, start: Start, delta: Delta) {
        if !(self.open && self.known.last() == Some(&start)) {
            if !self.stop() {
                return;
            }
            self.start(start);
        }
        self.delta(delta);
    }

    fn begin(&mut self) {
        if !self.started {
            self.started = true;
            self.out.push_back(Event::Started);
        }
    }

    fn start(&mut self, start: Start) {
        self.begin();
        self.out.push_back(Event::BlockStarted(self.known.len(), start.clone()));
        self.known.push(start);
        (self.open, self.told) = (true, false);
    }

    fn delta(&mut self, delta: Delta) {
        self.told = true;
        self.out.push_back(Event::Delta(self.known.len().saturating_sub(1), delta));
    }

    /// Ends the open block; `false` when that must wait for the reply.
    fn stop(&mut self) -> bool {
        if self.open && !self.told && matches!(self.known.last(), Some(Start::Tool { .. })) {
            self.waiting = true;
            return false;
        }
        self.close();
        true
    }

    fn close(&mut self) {
        if self.open {
            self.open = false;
            self.out.push_back(Event::BlockStopped(self.known.len().saturating_sub(1)));
        }
    }
}

/// The sort of a block of a reply; none for what models do not say.
fn start_of(block: &Block) -> Option<Start> {
    match block {
        Block::Text(_) | Block::Cited { .. } => Some(Start::Text),
        Block::Reasoning { .. } | Block::Redacted(_) => Some(Start::Reasoning),
        Block::ToolUse { id, name, .. } => Some(Start::Tool {
            id: id.clone(),
            name: name.clone(),
        }),
        _ => None,
    }
}

fn deltas_of(block: &Block) -> Vec<Delta> {
    match block {
        Block::Text(text) => vec![Delta::Text(text.clone())],
        Block::Cited { text, citations } => std::iter::once(Delta::Text(text.clone()))
            .chain(citations.iter().cloned().map(Delta::Citation))
            .collect(),
        Block::Reasoning { text, signature } => std::iter::once(Delta::Thinking(text.clone()))
            .chain(signature.clone().map(Delta::Signature))
            .collect(),
        Block::Redacted(content) => vec![Delta::Redacted(content.clone())],
        Block::ToolUse { input, .. } => vec![Delta::Input(input.to_string())],
        _ => Vec::new(),
    }
}
