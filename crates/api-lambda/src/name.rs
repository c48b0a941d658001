//! From `FunctionName` and `Qualifier` of a request to the function that is meant.

use bedplate_base::{Arn, Place};
use bedplate_lambda::Reference;
use bedplate_wire::{Context, Fault};

use crate::fault::{exception, invalid, not_found};

/// A function by its place and name.
#[derive(Debug)]
pub(crate) struct Name {
    /// Its bare name.
    pub(crate) name: String,
    /// Its ARN without a qualifier.
    pub(crate) arn: Arn,
    /// Its document's key.
    pub(crate) key: String,
}

impl Name {
    /// A function in `place`.
    pub(crate) fn new(place: &Place, name: &str) -> Self {
        let key = bedplate_catalog::key(&["lambda", "function", &place.account, &place.region, name]);
        Self {
            name: name.to_owned(),
            arn: place.arn("lambda", format_args!("function:{name}")),
            key,
        }
    }

    /// Reads `FunctionName` (name, partial or full ARN) of a request. Functions of other places and qualifiers other than
    /// `$LATEST` are not found.
    pub(crate) fn read(context: &Context, function_name: &str, qualifier: Option<&str>) -> Result<Self, Fault> {
        let reference = Reference::parse(function_name).map_err(exception)?;
        let place = &context.place;
        let elsewhere = reference.region.is_some_and(|region| region != place.region)
            || reference.account.is_some_and(|account| account != place.account);
        if elsewhere {
            return Err(not_found(function_name));
        }
        let qualifier = qualifier.filter(|qualifier| *qualifier != "$LATEST");
        let name = Self::new(place, &reference.name);
        match (reference.qualifier.as_deref(), qualifier) {
            (None, None) => Ok(name),
            (Some(one), Some(other)) if one != other => Err(invalid(
                "The derived qualifier from the function name does not match the specified qualifier.",
            )),
            (Some(qualifier), _) | (None, Some(qualifier)) => Err(not_found(&format!("{}:{qualifier}", name.arn))),
        }
    }

    /// Reads the ARN of a tagging request.
    pub(crate) fn of_resource(context: &Context, resource: &str) -> Result<Self, Fault> {
        if !resource.starts_with("arn:") {
            return Err(invalid(format!("{resource} is not the ARN of a function")));
        }
        Self::read(context, resource, None)
    }
}

/// What the keys of all functions begin with.
pub(crate) fn prefix() -> String {
    "lambda/function/".to_owned()
}

/// What the keys of the functions of `place` begin with.
pub(crate) fn prefix_of(place: &Place) -> String {
    format!("{}/", bedplate_catalog::key(&["lambda", "function", &place.account, &place.region]))
}
