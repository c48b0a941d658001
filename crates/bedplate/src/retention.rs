//! `[retention]`: how long sessions are kept.

use std::time::Duration;

use bedplate_engine::Retention;
use serde::{Deserialize, Deserializer};

/// The shortest time. A session that is kept for less would forget while its agent still remembers: an agent's idle time-out is 5,400 seconds
/// at most (the API model's `SessionTTL`).
const SHORTEST: Duration = Duration::from_secs(2 * 3_600);

/// `[retention]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RetentionConfig {
    /// How long a session is kept after its last turn: `"30d"`. For ever by default.
    #[serde(deserialize_with = "duration")]
    sessions: Option<Duration>,
}

impl RetentionConfig {
    /// What the engine is told. Sessions do not end, they stay idle; should an execution end, it is kept as long.
    pub(crate) fn engine(self) -> Retention {
        Retention {
            ended: self.sessions,
            idle: self.sessions,
        }
    }
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    match bedplate_base::parse_duration(&text, &["h", "d"]) {
        Some(time) if time >= SHORTEST => Ok(Some(time)),
        Some(_) => Err(serde::de::Error::custom(format!(
            "{text:?} is too short: sessions are kept for at least 2h, so that none goes while its agent remembers it"
        ))),
        None => Err(serde::de::Error::custom(format!(
            "{text:?} is not a time: write a whole number of hours or days, such as \"12h\" or \"30d\""
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let day = Some(Duration::from_secs(86_400));
        let cases = [
            ("", Ok(None)),
            ("sessions = \"1d\"", Ok(day)),
            ("sessions = \"2h\"", Ok(Some(SHORTEST))),
            ("sessions = \"1h\"", Err("at least 2h")),
            ("sessions = \"0d\"", Err("\"30d\"")),
            ("sessions = \"30\"", Err("\"30d\"")),
            ("sessions = \"30 days\"", Err("\"30d\"")),
            ("sessions = 30", Err("string")),
            ("session = \"30d\"", Err("`sessions`")),
        ];
        for (text, wanted) in cases {
            match (toml::from_str::<RetentionConfig>(text), wanted) {
                (Ok(read), Ok(wanted)) => assert_eq!((read.engine().idle, read.engine().ended), (wanted, wanted), "{text}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{text}: {error}"),
                (read, _) => panic!("{text}: {read:?}"),
            }
        }
    }
}
