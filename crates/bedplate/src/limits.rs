//! `[limits]`: how much one turn, one client and all of them together may do.

use std::time::Duration;

use bedplate_agent::defaults::STEPS_MAX;
use bedplate_base::parse_duration;
use serde::{Deserialize, Deserializer, de};

/// What a limit can be set to at most. Ours: far beyond what one process can do.
const COUNT_MAX: u64 = 1_000_000;
/// Model calls of one turn at most, whatever is configured.
const STEPS_CEILING: u64 = 1_000;
/// A wait can be set to at most. Ours: no client waits longer.
const WAIT_MAX: Duration = Duration::from_secs(3_600);
/// Memory for bodies: at least one of each kind has to fit; at most what a large machine has.
const BODIES_MIN: usize = 128 << 20;
const BODIES_MAX: usize = 1 << 40;

/// `[limits]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitsConfig {
    /// Model calls of one turn at most, for agents that are prepared from now on: 1 to 1,000; 25 by default.
    #[serde(deserialize_with = "steps")]
    pub(crate) steps: u32,
    /// Connections at a time; beyond it the one that has been silent or idle longest is closed for a new one. 4,096 by default.
    #[serde(deserialize_with = "count")]
    connections: Option<usize>,
    /// Connections of one address. Three quarters of `connections` by default.
    #[serde(deserialize_with = "count")]
    connections_per_address: Option<usize>,
    /// Requests that are worked on at a time; beyond it `ThrottlingException`. 4,096 by default.
    #[serde(deserialize_with = "count")]
    requests: Option<usize>,
    /// The same for `/_bedplate/*`. 64 by default.
    #[serde(deserialize_with = "count")]
    admin_requests: Option<usize>,
    /// Turns of agents at a time, and as many model calls of `bedrock-runtime`. 1,024 by default.
    #[serde(deserialize_with = "count")]
    turns: Option<usize>,
    /// Turns that wait for one of those, and as many model calls; beyond it `ThrottlingException`. 1,024 by default, 0 lets none wait.
    #[serde(deserialize_with = "count_or_none")]
    turns_waiting: Option<usize>,
    /// How long they wait at most: `"10s"` by default.
    #[serde(deserialize_with = "duration")]
    turn_wait: Option<Duration>,
    /// Memory for the bodies of all requests together: `"512MiB"` by default, at least `"128MiB"`.
    #[serde(deserialize_with = "size")]
    bodies: Option<usize>,
    /// How long a client may take for the headers of a request, and how long a connection may lie idle: `"30s"` by default.
    #[serde(deserialize_with = "duration")]
    header_time: Option<Duration>,
    /// How long a whole body may take: `"300s"` by default.
    #[serde(deserialize_with = "duration")]
    body_time: Option<Duration>,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            steps: STEPS_MAX,
            connections: None,
            connections_per_address: None,
            requests: None,
            admin_requests: None,
            turns: None,
            turns_waiting: None,
            turn_wait: None,
            bodies: None,
            header_time: None,
            body_time: None,
        }
    }
}

impl LimitsConfig {
    /// What the listener enforces.
    pub(crate) fn listener(&self) -> bedplate_http::Limits {
        let standard = bedplate_http::Limits::default();
        let connections_max = self.connections.unwrap_or(standard.connections_max);
        bedplate_http::Limits {
            connections_max,
            connections_per_peer_max: self
                .connections_per_address
                .unwrap_or((connections_max - connections_max / 4).max(1)),
            requests_max: self.requests.unwrap_or(standard.requests_max),
            admin_max: self.admin_requests.unwrap_or(standard.admin_max),
            turns_max: self.turns.unwrap_or(standard.turns_max),
            turns_waiting_max: self.turns_waiting.unwrap_or(standard.turns_waiting_max),
            turn_wait: self.turn_wait.unwrap_or(standard.turn_wait),
            bodies_bytes_max: self.bodies.unwrap_or(standard.bodies_bytes_max),
            header_time: self.header_time.unwrap_or(standard.header_time),
            body_time: self.body_time.unwrap_or(standard.body_time),
            ..standard
        }
    }
}

fn number<'de, D: Deserializer<'de>>(from: D, least: u64, most: u64) -> Result<u64, D::Error> {
    // As signed, so that a negative number is told in the same words.
    let number = i64::deserialize(from)?;
    u64::try_from(number)
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| de::Error::custom(format!("{number} is not a number from {least} to {most}")))
}

fn steps<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let number = number(from, 1, STEPS_CEILING)?;
    Ok(u32::try_from(number).unwrap_or(STEPS_MAX))
}

fn count<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    Ok(usize::try_from(number(from, 1, COUNT_MAX)?).ok())
}

fn count_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    Ok(usize::try_from(number(from, 0, COUNT_MAX)?).ok())
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    match parse_duration(&text, &["ms", "s", "m", "h"]) {
        Some(duration) if duration <= WAIT_MAX => Ok(Some(duration)),
        _ => Err(de::Error::custom(format!(
            "{text:?} is not a duration up to an hour: write a whole number from 1 and a unit of ms, s, m, h, such as \"30s\""
        ))),
    }
}

fn size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    let text = String::deserialize(from)?;
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1_usize)];
    let bytes = units.iter().find_map(|(unit, bytes)| {
        let digits = text.strip_suffix(unit)?;
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<usize>().ok().filter(|_| plain)?.checked_mul(*bytes)
    });
    match bytes {
        Some(bytes) if (BODIES_MIN..=BODIES_MAX).contains(&bytes) => Ok(Some(bytes)),
        _ => Err(de::Error::custom(format!(
            "{text:?} is not a size of \"128MiB\" or more: write a whole number and a unit of MiB or GiB"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_limits() {
        let text = "connections = 100\nturns = 5\nturns_waiting = 0\nturn_wait = \"2s\"\nbodies = \"1GiB\"\nheader_time = \"500ms\"";
        let limits = toml::from_str::<LimitsConfig>(text).unwrap().listener();
        assert_eq!((limits.connections_max, limits.connections_per_peer_max), (100, 75));
        assert_eq!(
            (limits.turns_max, limits.turns_waiting_max, limits.turn_wait),
            (5, 0, Duration::from_secs(2))
        );
        assert_eq!((limits.bodies_bytes_max, limits.header_time), (1 << 30, Duration::from_millis(500)));
        let standard = LimitsConfig::default().listener();
        assert_eq!(standard.connections_per_peer_max, bedplate_http::limits::CONNECTIONS_PER_PEER_MAX);
    }

    #[test]
    fn wrong_values_say_what_would_be_right() {
        for (text, told) in [
            ("connections = 0", "0 is not a number from 1 to 1000000"),
            ("connections = -1", "-1 is not a number from 1"),
            ("steps = 1001", "1001 is not a number from 1 to 1000"),
            ("turn_wait = \"2d\"", "is not a duration up to an hour"),
            ("turn_wait = 2", "expected a string"),
            ("bodies = \"1KiB\"", "is not a size of \"128MiB\" or more"),
            ("bodies = \"99999999999999999999GiB\"", "is not a size"),
            ("connection = 1", "expected one of"),
        ] {
            let error = toml::from_str::<LimitsConfig>(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
