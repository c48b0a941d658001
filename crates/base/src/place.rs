//! Where something lives: account and region, part of every key; and ARNs.

use std::fmt;

/// Account and region of a request. The region comes from the signature's scope, the account from the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Twelve digits.
    pub account: String,
    /// `us-east-1`, …
    pub region: String,
}

impl Place {
    /// The account when the configuration names none.
    pub const ACCOUNT: &'static str = "000000000000";
    /// The region when a request's signature names none.
    pub const REGION: &'static str = "us-east-1";

    /// An ARN of this place.
    pub fn arn(&self, service: &str, resource: impl fmt::Display) -> Arn {
        Arn(format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account))
    }
}

impl Default for Place {
    fn default() -> Self {
        Self {
            account: Self::ACCOUNT.into(),
            region: Self::REGION.into(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

/// An Amazon resource name: `arn:aws:bedrock:us-east-1:000000000000:agent/ABCDEFGHIJ`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Arn(String);

impl Arn {
    /// Reads an ARN: six parts, the first `arn`. Any partition, account and region are accepted.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        (parts.len() == 6 && parts[0] == "arn" && !parts[5].is_empty()).then(|| Self(text.to_owned()))
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `bedrock`, `lambda`, …
    pub fn service(&self) -> &str {
        self.part(2)
    }

    /// `us-east-1`; empty for global services.
    pub fn region(&self) -> &str {
        self.part(3)
    }

    /// Twelve digits; may be empty.
    pub fn account(&self) -> &str {
        self.part(4)
    }

    /// Everything behind the account: `agent-alias/AAAAAAAAAA/BBBBBBBBBB`, `function:name`.
    pub fn resource(&self) -> &str {
        self.part(5)
    }

    fn part(&self, index: usize) -> &str {
        self.0.splitn(6, ':').nth(index).unwrap_or_default()
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
