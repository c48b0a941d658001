//! Every operation of every service: a full input goes through its type unharmed, and no JSON whatever makes validation panic.

use bedplate_wire::{Bound, Call, Json, Kind, Place, Schema, Value, Violations, check};
use serde_json::Map;

use crate::SERVICES;

/// Levels of a sample; recursive shapes end there.
const DEPTH: usize = 12;

/// A value of `schema` with every member set, one of each union.
pub(crate) fn sample(schema: &'static Schema, depth: usize) -> Value {
    let text = "é \"\\ /";
    match schema.kind {
        Kind::Structure(members) => {
            let in_json =
                |kind: &Kind, place: Place| !matches!((kind, place), (Kind::EventStream, _) | (Kind::Blob { .. }, Place::Payload));
            let entry = |member: &bedplate_wire::Member| {
                let wanted = in_json(&member.schema.kind, member.place) && (depth < DEPTH || member.required);
                wanted.then(|| (member.name.to_owned(), sample(member.schema, depth + 1)))
            };
            let mut object: Map<String, Value> = members.iter().filter_map(entry).collect();
            object.sort_keys();
            Value::Object(object)
        }
        Kind::Union(members) => {
            let member = &members[depth % members.len()];
            Value::from_iter([(member.name, sample(member.schema, depth + 1))])
        }
        Kind::List { member, .. } if depth < DEPTH => Value::Array(vec![sample(member, depth + 1)]),
        Kind::List { .. } => Value::Array(Vec::new()),
        Kind::Map { value, .. } => Value::from_iter([(text, sample(value, depth + 1))]),
        Kind::String { .. } => Value::from(text),
        Kind::Enum(words) => Value::from(words[0]),
        Kind::Integer { .. } | Kind::Long { .. } => Value::from(7),
        Kind::Float { .. } => Value::from(0.5),
        Kind::Boolean => Value::Bool(true),
        Kind::Timestamp(bedplate_wire::TimeFormat::Epoch) => Value::from(1_763_737_445),
        Kind::Timestamp(_) => Value::from("2026-11-21T15:04:05Z"),
        Kind::Blob { .. } => Value::from("AAEC"),
        Kind::Document => Value::from_iter([("z", 1), ("a", 2)]),
        Kind::EventStream => Value::Null,
    }
}

fn through<C: Call>(service: &str) {
    let full = sample(C::Input::schema(), 0);
    let written = C::Input::from_json(&full).map(|input| input.to_json().to_string());
    assert_eq!(written, Ok(full.to_string()), "{service} {}", C::NAME);
    let least = C::Output::from_json(&Value::Object(Map::new())).map(|output| output.to_json());
    if let Ok(least) = least {
        assert_eq!(least, Value::Object(Map::new()), "{service} {}", C::NAME);
    }
}

#[test]
fn bedrock_inputs_go_through() {
    use bedplate_wire_bedrock::{for_each_operation, ops};
    macro_rules! each {
        ($($operation:ident),*) => { $(through::<ops::$operation>(ops::NAME);)* };
    }
    for_each_operation!(each);
}

#[test]
fn bedrock_agent_inputs_go_through() {
    use bedplate_wire_bedrock_agent::{for_each_operation, ops};
    macro_rules! each {
        ($($operation:ident),*) => { $(through::<ops::$operation>(ops::NAME);)* };
    }
    for_each_operation!(each);
}

#[test]
fn bedrock_agent_runtime_inputs_go_through() {
    use bedplate_wire_bedrock_agent_runtime::{for_each_operation, ops};
    macro_rules! each {
        ($($operation:ident),*) => { $(through::<ops::$operation>(ops::NAME);)* };
    }
    for_each_operation!(each);
}

#[test]
fn bedrock_runtime_inputs_go_through() {
    use bedplate_wire_bedrock_runtime::{for_each_operation, ops};
    macro_rules! each {
        ($($operation:ident),*) => { $(through::<ops::$operation>(ops::NAME);)* };
    }
    for_each_operation!(each);
}

#[test]
fn lambda_inputs_go_through() {
    use bedplate_wire_lambda::{for_each_operation, ops};
    macro_rules! each {
        ($($operation:ident),*) => { $(through::<ops::$operation>(ops::NAME);)* };
    }
    for_each_operation!(each);
}

#[test]
fn stepfunctions_inputs_go_through() {
    use bedplate_wire_stepfunctions::{for_each_operation, ops};
    macro_rules! each {
        ($($operation:ident),*) => { $(through::<ops::$operation>(ops::NAME);)* };
    }
    for_each_operation!(each);
}

#[test]
fn iam_inputs_go_through() {
    use bedplate_wire_iam::{for_each_operation, ops};
    macro_rules! each {
        ($($operation:ident),*) => { $(through::<ops::$operation>(ops::NAME);)* };
    }
    for_each_operation!(each);
}

#[test]
fn sts_inputs_go_through() {
    use bedplate_wire_sts::{for_each_operation, ops};
    macro_rules! each {
        ($($operation:ident),*) => { $(through::<ops::$operation>(ops::NAME);)* };
    }
    for_each_operation!(each);
}

/// Deterministic numbers below `bound`.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// `value` with parts replaced by something else, long, odd or of another type.
    fn spoil(&mut self, value: Value) -> Value {
        if self.roll(8) == 0 {
            let long = "é".repeat(self.roll(5_000) as usize);
            let odd = [
                Value::Null,
                Value::from(-1),
                Value::from(1e300),
                Value::from(""),
                Value::from(long),
                Value::Array(vec![Value::Null]),
            ];
            return odd[self.roll(odd.len() as u64) as usize].clone();
        }
        match value {
            Value::Array(items) => items.into_iter().map(|item| self.spoil(item)).collect(),
            Value::Object(entries) => Value::Object(entries.into_iter().map(|(key, item)| (key, self.spoil(item))).collect()),
            other => other,
        }
    }
}

#[test]
fn nothing_makes_validation_panic() {
    let mut dice = Dice(1);
    for operation in SERVICES.iter().flat_map(|service| service.operations) {
        for _ in 0..20 {
            let value = dice.spoil(sample(operation.input, 0));
            let mut violations = Violations::default();
            if check(operation.input, &value, dice.roll(2) == 0, &mut violations).is_ok()
                && let Some(error) = violations.into_error()
            {
                assert!(error.message.contains("validation error"), "{}", error.message);
            }
        }
    }
}
