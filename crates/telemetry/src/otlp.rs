//! Spans in OTLP's protobuf encoding (`opentelemetry/proto/trace/v1/trace.proto`, version 1), written by hand: three messages deep, and the
//! generated crates would cost more to build than all of this crate. The tests by real clients decode it with the official classes.

use crate::span::{Attribute, Span, SpanId, TraceId};

/// What all spans have in common.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) version: &'static str,
}

/// The version of the conventions that names of attributes follow.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.38.0";
const SCOPE: &str = "bedplate";

/// Wire types of protobuf.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

/// An `ExportTraceServiceRequest`.
pub(crate) fn encode(resource: &Resource, spans: &[Span]) -> Vec<u8> {
    let mut request = Message::default();
    request.message(1, |resource_spans| {
        resource_spans.message(1, |out| {
            for (key, value) in &resource.attributes {
                out.message(1, |pair| pair.pair(key, &Attribute::Text(value.clone())));
            }
        });
        resource_spans.message(2, |scope_spans| {
            scope_spans.message(1, |scope| {
                scope.text(1, SCOPE);
                scope.text(2, resource.version);
            });
            for span in spans {
                scope_spans.message(2, |out| out.span(span));
            }
            scope_spans.text(3, SCHEMA);
        });
        resource_spans.text(3, SCHEMA);
    });
    request.0
}

#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn span(&mut self, span: &Span) {
        let (trace, id): (&TraceId, &SpanId) = (&span.trace, &span.id);
        self.bytes(1, trace);
        self.bytes(2, id);
        if let Some(parent) = &span.parent {
            self.bytes(4, parent);
        }
        self.text(5, &span.name);
        self.number(6, span.kind as u64);
        self.fixed(7, u64::try_from(span.start.nanos()).unwrap_or(0));
        self.fixed(8, u64::try_from(span.end.nanos()).unwrap_or(0));
        for (key, value) in &span.attributes {
            self.message(9, |pair| pair.pair(key, value));
        }
        if let Some(error) = &span.error {
            self.message(15, |status| {
                status.text(2, error);
                status.number(3, 2);
            });
        }
        // W3C flags: sampled; and that it is known whether the parent is remote is left unsaid.
        self.key(16, FIXED32);
        self.0.extend(1_u32.to_le_bytes());
    }

    fn pair(&mut self, key: &str, value: &Attribute) {
        self.text(1, key);
        self.message(2, |out| out.value(value));
    }

    fn value(&mut self, value: &Attribute) {
        match value {
            Attribute::Text(text) => self.bytes(1, text.as_bytes()),
            Attribute::Flag(flag) => self.number(2, u64::from(*flag)),
            // Two's complement, as `int64` wants it.
            Attribute::Number(number) => self.number(3, number.cast_unsigned()),
            Attribute::Real(number) => self.fixed(4, number.to_bits()),
            Attribute::Texts(texts) => self.message(5, |array| {
                for text in texts {
                    array.message(1, |out| out.bytes(1, text.as_bytes()));
                }
            }),
        }
    }

    fn text(&mut self, field: u32, text: &str) {
        if !text.is_empty() {
            self.bytes(field, text.as_bytes());
        }
    }

    fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.key(field, BYTES);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u32, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        fill(&mut inner);
        self.bytes(field, &inner.0);
    }

    fn number(&mut self, field: u32, number: u64) {
        self.key(field, VARINT);
        self.varint(number);
    }

    fn fixed(&mut self, field: u32, number: u64) {
        self.key(field, FIXED64);
        self.0.extend(number.to_le_bytes());
    }

    fn key(&mut self, field: u32, wire: u32) {
        self.varint(u64::from(field << 3 | wire));
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_protobufs() {
        let mut message = Message::default();
        message.number(1, 150);
        message.text(2, "testing");
        message.value(&Attribute::Number(-2));
        message.fixed(16, 1);
        let negative = [0x18, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        let expected = [
            &[0x08, 0x96, 0x01, 0x12, 7][..],
            b"testing",
            &negative,
            &[0x81, 0x01, 1, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        assert_eq!(message.0, expected);
    }
}
