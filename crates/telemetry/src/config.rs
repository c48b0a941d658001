//! `[telemetry]` of the configuration.

use serde::{Deserialize, Deserializer};

/// What is told to whom.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// Who may read `GET /metrics`: `"admin"` (this machine, or a key with `admin = true`; the default) or `"public"`.
    pub metrics: Readers,
    /// Where traces are sent: the address of an OTLP receiver that takes HTTP, such as `"http://127.0.0.1:4318"`; `/v1/traces` is added. None by
    /// default, unless `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` names one.
    pub otlp: Option<String>,
    /// Which turns are traced: `"all"` (the default), `"none"`, `"errors"` (those that fail, or in which a call fails), or a share such as `0.1`.
    pub sample: Sample,
    /// Whether traces hold what was said: prompts, answers, arguments and results of functions. False by default.
    pub content: bool,
}

/// Who may read the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Readers {
    /// Whoever may use the admin door.
    #[default]
    Admin,
    /// Everybody who reaches the port.
    Public,
}

/// Which turns are traced.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Sample {
    /// All, unless the client's own trace is not sampled.
    #[default]
    All,
    /// None.
    None,
    /// Those in which something fails, whatever the client's trace says.
    Errors,
    /// This share of those whose client does not say.
    Share(f64),
}

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Word(String),
            Share(f64),
        }
        const RIGHT: &str = "write \"all\", \"none\", \"errors\", or a share from 0 to 1 such as 0.1";
        let written = Written::deserialize(from).map_err(|_| serde::de::Error::custom(format!("this is not a way to sample: {RIGHT}")))?;
        match written {
            Written::Word(word) => match word.as_str() {
                "all" => Ok(Self::All),
                "none" => Ok(Self::None),
                "errors" => Ok(Self::Errors),
                _ => Err(serde::de::Error::custom(format!("{word:?} is not a way to sample: {RIGHT}"))),
            },
            Written::Share(share) if (0.0..=1.0).contains(&share) => Ok(Self::Share(share)),
            Written::Share(share) => Err(serde::de::Error::custom(format!("{share} is not a share: {RIGHT}"))),
        }
    }
}
