//! Event-stream frames, whole, in pieces and damaged.

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bedplate_cli::{Event, Frames};

/// A frame as the server writes it.
pub(crate) fn frame(kind: &str, payload: &str) -> Vec<u8> {
    let exception = kind.ends_with("Exception");
    let (name, of) = if exception {
        (":exception-type", "exception")
    } else {
        (":event-type", "event")
    };
    let mut message = Message::new(payload.to_owned());
    for (name, value) in [(name, kind), (":content-type", "application/json"), (":message-type", of)] {
        message = message.add_header(Header::new(name.to_owned(), HeaderValue::String(value.to_owned().into())));
    }
    let mut out = Vec::new();
    write_message_to(&message, &mut out).unwrap();
    out
}

#[test]
fn frames_come_out_whole_however_the_bytes_come_in() {
    let mut bytes = frame("chunk", r#"{"bytes":"SGVsbG8="}"#);
    bytes.extend(frame("dependencyFailedException", r#"{"message":"no"}"#));
    for step in [1, 7, 16, bytes.len()] {
        let mut frames = Frames::default();
        let mut found = Vec::new();
        for piece in bytes.chunks(step) {
            frames.push(piece);
            while let Some(frame) = frames.pop().unwrap() {
                found.push(frame);
            }
        }
        frames.finish().unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(Event::of(&found[0]).unwrap().chunk().unwrap(), "Hello");
        assert!(found[1].exception && found[1].kind == "dependencyFailedException");
    }
}

#[test]
fn what_is_no_stream_of_frames_is_told() {
    let check = |bytes: &[u8], why: &str| {
        let mut frames = Frames::default();
        frames.push(bytes);
        let told = match frames.pop() {
            Err(told) => told,
            Ok(found) => {
                assert_eq!(found, None);
                frames.finish().unwrap_err()
            }
        };
        assert!(told.contains(why), "{told}");
    };
    let good = frame("trace", "{}");
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    check(&flipped, "a frame is damaged");
    check(&good[..good.len() - 1], "ended inside a frame");
    check(&good[..3], "ended inside a frame");
    check(b"HTTP/1.1 200 OK\r\n\r\n", "a frame of 1213486160 bytes");
    check(&[0, 0, 0, 3, 0, 0, 0, 0], "a frame of 3 bytes");
    let mut bare = Vec::new();
    write_message_to(&Message::new("{}"), &mut bare).unwrap();
    check(&bare, ":message-type \"(none)\"");
}
