//! From `FunctionName` and `Qualifier` of a request to the function that is meant.

use bedplate_base::{Arn, Place};
use bedplate_lambda::{LATEST, Reference};
use bedplate_wire::{Context, Fault};

use crate::fault::{exception, invalid, not_found};

/// A function by its place and name, and which version of it.
#[derive(Debug)]
pub(crate) struct Name {
    /// Its bare name.
    pub(crate) name: String,
    /// Its ARN without a qualifier.
    pub(crate) arn: Arn,
    /// Its document's key.
    pub(crate) key: String,
    /// A version or an alias; `$LATEST` counts as none.
    pub(crate) qualifier: Option<String>,
    /// The segments of its keys: account, region, name.
    segments: [String; 3],
}

impl Name {
    /// A function in `place`.
    pub(crate) fn new(place: &Place, name: &str) -> Self {
        let segments = [place.account.clone(), place.region.clone(), name.to_owned()];
        Self {
            name: name.to_owned(),
            arn: place.arn("lambda", format_args!("function:{name}")),
            key: key_of("function", &segments),
            qualifier: None,
            segments,
        }
    }

    /// Reads `FunctionName` (name, partial or full ARN) and `Qualifier` of a request. Functions of other places are not found.
    pub(crate) fn read(context: &Context, function_name: &str, qualifier: Option<&str>) -> Result<Self, Fault> {
        let reference = Reference::parse(function_name).map_err(exception)?;
        let place = &context.place;
        let elsewhere = reference.region.is_some_and(|region| region != place.region)
            || reference.account.is_some_and(|account| account != place.account);
        if elsewhere {
            return Err(not_found(function_name));
        }
        let qualifier = qualifier.filter(|qualifier| *qualifier != LATEST);
        let mut name = Self::new(place, &reference.name);
        name.qualifier = match (reference.qualifier, qualifier) {
            (Some(one), Some(other)) if one != other => {
                let message = "The derived qualifier from the function name does not match the specified qualifier.";
                return Err(invalid(message));
            }
            (one, other) => one.or(other.map(str::to_owned)),
        };
        Ok(name)
    }

    /// As `read`, for operations on the function itself.
    pub(crate) fn unqualified(context: &Context, function_name: &str) -> Result<Self, Fault> {
        let name = Self::read(context, function_name, None)?;
        match &name.qualifier {
            None => Ok(name),
            Some(qualifier) => Err(invalid(format!(
                "This operation is on the function itself: leave `:{qualifier}` out of FunctionName"
            ))),
        }
    }

    /// Reads the ARN of a tagging request.
    pub(crate) fn of_resource(context: &Context, resource: &str) -> Result<Self, Fault> {
        if !resource.starts_with("arn:") {
            return Err(invalid(format!("{resource} is not the ARN of a function")));
        }
        Self::unqualified(context, resource)
    }

    /// The ARN with the qualifier, when there is one.
    pub(crate) fn qualified(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => self.arn_of(qualifier),
            None => self.arn.to_string(),
        }
    }

    /// The ARN with `qualifier`.
    pub(crate) fn arn_of(&self, qualifier: &str) -> String {
        format!("{}:{qualifier}", self.arn)
    }

    /// The key of a published version. Digits sort as numbers do.
    pub(crate) fn version_key(&self, number: u64) -> String {
        format!("{}{number:018}", self.versions())
    }

    /// What the keys of its versions begin with.
    pub(crate) fn versions(&self) -> String {
        format!("{}/", key_of("version", &self.segments))
    }

    /// The key of an alias.
    pub(crate) fn alias_key(&self, alias: &str) -> String {
        format!("{}{}", self.aliases(), bedplate_catalog::key(&[alias]))
    }

    /// What the keys of its aliases begin with.
    pub(crate) fn aliases(&self) -> String {
        format!("{}/", key_of("alias", &self.segments))
    }

    /// The key of the configuration of its asynchronous invokes: of the version or alias that is named, else of `$LATEST`.
    pub(crate) fn event_config_key(&self) -> String {
        self.event_config_key_of(self.qualifier.as_deref().unwrap_or(LATEST))
    }

    /// The key of the configuration of a version or alias.
    pub(crate) fn event_config_key_of(&self, qualifier: &str) -> String {
        format!("{}{}", self.event_configs(), bedplate_catalog::key(&[qualifier]))
    }

    /// What the keys of those configurations begin with.
    pub(crate) fn event_configs(&self) -> String {
        format!("{}/", key_of("event-config", &self.segments))
    }

    /// The key of the number of the version that was published last. It outlives the function: numbers are never used again.
    pub(crate) fn counter_key(&self) -> String {
        key_of("counter", &self.segments)
    }
}

fn key_of(kind: &str, [account, region, name]: &[String; 3]) -> String {
    bedplate_catalog::key(&["lambda", kind, account, region, name])
}

/// What the keys of all documents of a kind begin with: `function`, `version`, `alias`, `event`.
pub(crate) fn prefix(kind: &str) -> String {
    format!("lambda/{kind}/")
}

/// What the keys of the functions of `place` begin with.
pub(crate) fn prefix_of(place: &Place) -> String {
    format!("{}/", bedplate_catalog::key(&["lambda", "function", &place.account, &place.region]))
}
