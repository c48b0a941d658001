//! Query parameters, each taken once, unknown ones refused.

use bedplate_base::{Error, Result};
use bedplate_wire::query_pairs;

/// The parameters that were not taken yet.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn read(text: &str) -> Result<Self> {
        let pairs = query_pairs(text).map_err(|error| Error::validation(format!("The query cannot be read: {error}")))?;
        Ok(Self(pairs))
    }

    /// A parameter's value; none when it is absent or empty.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(key, _)| key == name)?;
        let (_, value) = self.0.remove(at);
        (!value.is_empty()).then_some(value)
    }

    /// A number from 1 to `max`.
    pub(crate) fn count(&mut self, name: &str, otherwise: usize, max: usize) -> Result<usize> {
        let Some(text) = self.take(name) else { return Ok(otherwise) };
        let number = text.parse().ok().filter(|number| (1..=max).contains(number));
        number.ok_or_else(|| wrong(name, &text, &format!("a number from 1 to {max}")))
    }

    /// A number of an event.
    pub(crate) fn number(&mut self, name: &str) -> Result<u64> {
        let Some(text) = self.take(name) else { return Ok(0) };
        text.parse().map_err(|_| wrong(name, &text, "the number of an event"))
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool> {
        match self.take(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(wrong(name, other, "true or false")),
        }
    }

    /// What is left is not known here.
    pub(crate) fn finish(self, known: &[&str]) -> Result<()> {
        let Some((name, _)) = self.0.first() else { return Ok(()) };
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Err(Error::validation(format!(
            "The parameter {name:?} is not known here, or was given twice. Known are: {known}."
        )))
    }
}

fn wrong(name: &str, value: &str, right: &str) -> Error {
    let shown: String = value.chars().take(100).collect();
    Error::validation(format!("The parameter {name} must be {right}, but is {shown:?}."))
}
