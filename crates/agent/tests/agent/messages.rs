//! Messages that no turn can be made of: each gets an error, and the session goes on.

use std::sync::Arc;

use bedplate_agent::turn::Request;
use bedplate_agent::{Programs, SessionDecider};
use bedplate_base::Timestamp;
use bedplate_journal::{Body, Commands, Decider, Event, Now, Outcome, Raw, Sender, Signal, Value};

fn event(seq: u64, body: Body) -> Event {
    let at = Timestamp::from_millis(i64::try_from(seq).unwrap());
    Event { seq, at, body }
}

#[test]
fn odd_messages_are_refused() {
    let fine = serde_json::to_string(&Request {
        text: Some("hi".into()),
        ..Request::default()
    });
    let fine = fine.unwrap();
    let program = |text: &str| Some(Value::blob(Raw::new(text)));
    let cases = [
        ("not JSON", None, "The turn's message cannot be read."),
        ("[]", None, "The turn's message cannot be read."),
        (r#"{"sessionId": 5}"#, program("{}"), "The turn's message cannot be read."),
        (fine.as_str(), None, "The agent's program cannot be read; prepare the agent again."),
        (
            &fine,
            program("not JSON"),
            "The agent's program cannot be read; prepare the agent again.",
        ),
        (&fine, program("{}"), "The agent's program cannot be read; prepare the agent again."),
        (
            &fine,
            Some(Value::inline(Raw::new("null"))),
            "The agent's program cannot be read; prepare the agent again.",
        ),
    ];
    for (payload, program, cause) in cases {
        let mut decider = SessionDecider::new(Arc::new(Programs::default()));
        let from = Sender::Client("r1".into());
        decider.apply(&event(
            1,
            Body::Signaled(Signal::Message {
                from: from.clone(),
                program,
                payload: Value::inline(Raw::new(payload)),
            }),
        ));
        let mut commands = Commands::new(2);
        decider.decide(&Now { at: Timestamp::default() }, &mut commands);
        let bodies: Vec<Body> = commands.into_bodies().collect();
        let outcome = Outcome::failure("Turn.Validation", cause);
        assert_eq!(bodies, [Body::Replied { to: from, outcome }], "{payload}");
        // Once it is answered nothing is left to do.
        decider.apply(&event(2, bodies[0].clone()));
        let mut commands = Commands::new(3);
        decider.decide(&Now { at: Timestamp::default() }, &mut commands);
        assert!(commands.is_empty(), "{payload}");
    }
}
