//! A reply as it comes block by block, as Anthropic and Bedrock send it: pieces by the index of their block, in; parts for whoever watches
//! and Converse blocks, out. Whole replies go the same way, so that both forms mean the same.

use bedplate_converse::{Block, Request};
use bedplate_journal::{Part, Raw};
use serde_json::Value;

use crate::calls::{Ids, TOOL_CALLS_MAX, arguments};
use crate::{Failure, Fault};

/// Most blocks of one reply. Ours.
const BLOCKS_MAX: usize = 1_000;

type Report<'r> = dyn FnMut(Part) + 'r;

/// The blocks so far.
#[derive(Debug)]
pub(crate) struct Blocks<'a> {
    request: &'a Request,
    ids: Option<Ids>,
    calls: usize,
    list: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    index: u64,
    kind: Kind,
    is_over: bool,
}

/// What a block is, with what is known of it.
#[derive(Debug)]
pub(crate) enum Kind {
    Text {
        text: String,
        citations: Vec<Value>,
    },
    Thoughts {
        text: String,
        signature: String,
    },
    Redacted(String),
    Tool {
        id: String,
        name: String,
        json: String,
    },
    Whole(Block),
    /// Of a sort that nobody here knows.
    Unknown,
}

impl<'a> Blocks<'a> {
    pub(crate) fn new(request: &'a Request) -> Self {
        Self {
            request,
            ids: None,
            calls: 0,
            list: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn has_calls(&self) -> bool {
        self.calls > 0
    }

    /// A block begins that comes in pieces.
    pub(crate) fn begin(&mut self, index: u64, kind: Kind) -> Result<(), Failure> {
        if self.list.len() >= BLOCKS_MAX {
            return Err(Failure::raw(
                Fault::Malformed,
                format!("the reply has more than {BLOCKS_MAX} content blocks"),
            ));
        }
        let is_over = matches!(kind, Kind::Whole(_) | Kind::Unknown);
        self.list.push(Open { index, kind, is_over });
        Ok(())
    }

    /// A tool call begins.
    pub(crate) fn begin_call(&mut self, index: u64, id: &str, name: &str, report: &mut Report<'_>) -> Result<(), Failure> {
        if name.is_empty() {
            return Err(Failure::raw(Fault::Malformed, "the reply has a tool call without a name"));
        }
        if self.calls >= TOOL_CALLS_MAX {
            return Err(Failure::raw(
                Fault::Malformed,
                format!("the reply has more than {TOOL_CALLS_MAX} tool calls"),
            ));
        }
        self.calls += 1;
        let request = self.request;
        let id = self.ids.get_or_insert_with(|| Ids::of(request)).take(id);
        self.begin(
            index,
            Kind::Tool {
                id: id.clone(),
                name: name.to_owned(),
                json: String::new(),
            },
        )?;
        report(Part::Tool { id, name: name.to_owned() });
        Ok(())
    }

    pub(crate) fn text(&mut self, index: u64, piece: &str, report: &mut Report<'_>) -> Result<(), Failure> {
        if let Kind::Text { text, .. } = self.words(index)? {
            text.push_str(piece);
        }
        if !piece.is_empty() {
            report(Part::Text(piece.to_owned()));
        }
        Ok(())
    }

    /// Where the text of a block comes from, in Converse's form.
    pub(crate) fn cite(&mut self, index: u64, citation: Value, report: &mut Report<'_>) -> Result<(), Failure> {
        report(Part::Citation(Raw::json(&citation)));
        if let Kind::Text { citations, .. } = self.words(index)? {
            citations.push(citation);
        }
        Ok(())
    }

    pub(crate) fn think(&mut self, index: u64, piece: &str, report: &mut Report<'_>) -> Result<(), Failure> {
        if let Kind::Thoughts { text, .. } = self.thoughts(index)? {
            text.push_str(piece);
        }
        if !piece.is_empty() {
            report(Part::Thinking(piece.to_owned()));
        }
        Ok(())
    }

    pub(crate) fn sign(&mut self, index: u64, piece: &str, report: &mut Report<'_>) -> Result<(), Failure> {
        if let Kind::Thoughts { signature, .. } = self.thoughts(index)? {
            signature.push_str(piece);
        }
        if !piece.is_empty() {
            report(Part::Signature(piece.to_owned()));
        }
        Ok(())
    }

    fn words(&mut self, index: u64) -> Result<&mut Kind, Failure> {
        self.of(
            index,
            |kind| matches!(kind, Kind::Text { .. }),
            || Kind::Text {
                text: String::new(),
                citations: Vec::new(),
            },
        )
    }

    fn thoughts(&mut self, index: u64) -> Result<&mut Kind, Failure> {
        self.of(
            index,
            |kind| matches!(kind, Kind::Thoughts { .. }),
            || Kind::Thoughts {
                text: String::new(),
                signature: String::new(),
            },
        )
    }

    /// Thoughts in base64 that nobody is shown, whole.
    pub(crate) fn redact(&mut self, index: u64, base64: String, report: &mut Report<'_>) -> Result<(), Failure> {
        report(Part::Redacted(base64.clone()));
        self.begin(index, Kind::Redacted(base64))
    }

    /// A piece of a call's arguments; one that belongs to no call is garbage.
    pub(crate) fn input(&mut self, index: u64, piece: &str, report: &mut Report<'_>) -> Result<(), Failure> {
        let found = self.list.iter_mut().rev().find(|open| open.index == index && !open.is_over);
        match found.map(|open| &mut open.kind) {
            Some(Kind::Tool { id, json, .. }) => {
                json.push_str(piece);
                if !piece.is_empty() {
                    report(Part::ToolInput {
                        id: id.clone(),
                        json: piece.to_owned(),
                    });
                }
                Ok(())
            }
            _ => Err(Failure::raw(
                Fault::Malformed,
                format!("the reply has arguments in block {index}, where no tool call has begun"),
            )),
        }
    }

    /// Whether the block is of a sort that nobody here knows.
    pub(crate) fn is_unknown(&self, index: u64) -> bool {
        let last = self.list.iter().rev().find(|open| open.index == index);
        last.is_some_and(|open| matches!(open.kind, Kind::Unknown))
    }

    /// A block is over. One that never began is none.
    pub(crate) fn end(&mut self, index: u64, report: &mut Report<'_>) {
        if let Some(open) = self.list.iter_mut().rev().find(|open| open.index == index && !open.is_over) {
            open.is_over = true;
            report(Part::BlockEnd);
        }
    }

    /// The open block of this index and sort; a new one when there is none: text has no beginning of its own on Bedrock.
    fn of(&mut self, index: u64, is: impl Fn(&Kind) -> bool, new: impl FnOnce() -> Kind) -> Result<&mut Kind, Failure> {
        let known = self
            .list
            .iter()
            .rposition(|open| open.index == index && !open.is_over && is(&open.kind));
        let at = match known {
            Some(at) => at,
            None => {
                self.begin(index, new())?;
                self.list.len() - 1
            }
        };
        Ok(&mut self.list[at].kind)
    }

    /// The blocks of the message; one empty text when there is nothing else.
    pub(crate) fn finish(self) -> Vec<Block> {
        let mut content: Vec<Block> = self.list.into_iter().filter_map(|open| block(open.kind)).collect();
        if content.is_empty() {
            content.push(Block::Text(String::new()));
        }
        content
    }
}

fn block(kind: Kind) -> Option<Block> {
    match kind {
        Kind::Text { text, citations } if citations.is_empty() => (!text.is_empty()).then_some(Block::Text(text)),
        Kind::Text { text, citations } => Some(Block::Cited { text, citations }),
        Kind::Thoughts { text, signature } if signature.is_empty() => {
            (!text.is_empty()).then_some(Block::Reasoning { text, signature: None })
        }
        Kind::Thoughts { text, signature } => Some(Block::Reasoning {
            text,
            signature: Some(signature),
        }),
        Kind::Redacted(base64) => Some(Block::Redacted(base64)),
        Kind::Tool { id, name, json } => Some(Block::ToolUse {
            id,
            name,
            input: arguments(&json),
        }),
        Kind::Whole(block) => Some(block),
        Kind::Unknown => None,
    }
}
