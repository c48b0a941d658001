//! One function with its versions, aliases and reserved concurrency; and which of them a caller means.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use bedplate_base::{Arn, Error, Result};

use crate::function::{Function, LATEST};
use crate::pool::{Reserved, Slot};
use crate::reference::Reference;

/// Where an alias leads.
#[derive(Clone, Debug, PartialEq)]
pub struct Alias {
    /// The version that gets what the others do not.
    pub version: String,
    /// Other versions with their share of invokes, more than 0 and together at most 1.
    pub others: Vec<(String, f64)>,
}

/// Versions by number or `$LATEST`; aliases by name.
#[derive(Default)]
pub(crate) struct Family {
    slots: BTreeMap<String, Arc<Slot>>,
    aliases: BTreeMap<String, Alias>,
    reserved: Arc<Reserved>,
}

/// All functions by their unqualified ARN.
#[derive(Default)]
pub(crate) struct Families {
    by_arn: BTreeMap<String, Family>,
    /// Retired slots: processes at work may still run their code.
    retired: Vec<Weak<Slot>>,
}

/// What an invoke runs on.
pub(crate) struct Meant {
    /// The version's processes.
    pub(crate) slot: Arc<Slot>,
    /// The function's reserved concurrency.
    pub(crate) reserved: Arc<Reserved>,
    /// The ARN as the handler sees it: with the qualifier that the caller named.
    pub(crate) arn: String,
}

impl Families {
    /// Whether this version of this function is there.
    pub(crate) fn has(&self, function: &Function) -> bool {
        let family = self.by_arn.get(function.arn.as_str());
        family.is_some_and(|family| family.slots.contains_key(&function.version))
    }

    /// Puts a version in its place.
    pub(crate) fn put(&mut self, function: Function) {
        let family = self.by_arn.entry(function.arn.to_string()).or_default();
        let before = family.slots.insert(function.version.clone(), Slot::new(function));
        before.into_iter().for_each(|slot| self.retire(slot));
    }

    /// Forgets a function, or one version when the caller names one.
    pub(crate) fn delete(&mut self, function: &str) -> Result<()> {
        let reference = Reference::parse(function)?;
        let arn = self.family(function, &reference)?.to_owned();
        let gone: Vec<Arc<Slot>> = match &reference.qualifier {
            None => self
                .by_arn
                .remove(&arn)
                .into_iter()
                .flat_map(|family| family.slots.into_values())
                .collect(),
            Some(version) => {
                let slots = self.by_arn.get_mut(&arn).map(|family| &mut family.slots);
                let slot = slots.and_then(|slots| slots.remove(version));
                vec![slot.ok_or_else(|| no_such(function, version))?]
            }
        };
        gone.into_iter().for_each(|slot| self.retire(slot));
        Ok(())
    }

    /// All aliases of a function from now on.
    pub(crate) fn set_aliases(&mut self, arn: &Arn, aliases: BTreeMap<String, Alias>) {
        self.by_arn.entry(arn.to_string()).or_default().aliases = aliases;
    }

    /// The reserved concurrency of a function from now on.
    pub(crate) fn set_concurrency(&mut self, arn: &Arn, limit: Option<u32>) {
        self.by_arn.entry(arn.to_string()).or_default().reserved.set(limit);
    }

    /// All versions of all functions.
    pub(crate) fn slots(&self) -> impl Iterator<Item = &Arc<Slot>> {
        self.by_arn.values().flat_map(|family| family.slots.values())
    }

    /// Every slot that may still run code: also those that have been replaced under invokes.
    pub(crate) fn alive(&mut self) -> Vec<Arc<Slot>> {
        self.retired.retain(|slot| slot.strong_count() > 0);
        self.slots().cloned().chain(self.retired.iter().filter_map(Weak::upgrade)).collect()
    }

    /// What a name, partial ARN or ARN means. An alias that is shared out leads to a version by `dice`, in 0..1.
    pub(crate) fn resolve(&self, function: &str, dice: impl FnOnce() -> f64) -> Result<Meant> {
        if let Some(family) = self.by_arn.get(function)
            && let Some(slot) = family.slots.get(LATEST)
        {
            return Ok(family.meant(slot, function.to_owned())); // an ARN as we give it out: the usual case
        }
        let reference = Reference::parse(function)?;
        let arn = self.family(function, &reference)?;
        let family = &self.by_arn[arn];
        let Some(qualifier) = &reference.qualifier else {
            let slot = family.slots.get(LATEST).ok_or_else(|| self.unknown(function))?;
            return Ok(family.meant(slot, arn.to_owned()));
        };
        let version = match family.aliases.get(qualifier) {
            Some(alias) => alias.choose(dice),
            None => qualifier,
        };
        let slot = family.slots.get(version).ok_or_else(|| no_such(function, qualifier))?;
        Ok(family.meant(slot, format!("{arn}:{qualifier}")))
    }

    /// The ARN of the one function that is meant.
    fn family(&self, function: &str, reference: &Reference) -> Result<&str> {
        let arns = || self.by_arn.keys().filter_map(|arn| Some((arn.as_str(), Arn::parse(arn)?)));
        let named = |arn: &Arn| arn.resource().strip_prefix("function:") == Some(&reference.name);
        let place = |arn: &Arn| {
            reference.region.as_deref().is_none_or(|region| region == arn.region())
                && reference.account.as_deref().is_none_or(|account| account == arn.account())
        };
        let exact: Vec<&str> = arns().filter(|(_, arn)| named(arn) && place(arn)).map(|(text, _)| text).collect();
        // An ARN of another account or region (an agent moved here from AWS) means the function of that name.
        let meant = match exact.as_slice() {
            [] => arns().filter(|(_, arn)| named(arn)).map(|(text, _)| text).collect(),
            _ => exact,
        };
        match meant.as_slice() {
            [arn] => Ok(arn),
            [] => Err(self.unknown(function)),
            several => Err(Error::validation(format!(
                "`{function}` may be several functions; use an ARN: {}",
                several.join(", ")
            ))),
        }
    }

    fn unknown(&self, function: &str) -> Error {
        let known: Vec<&str> = self.slots().map(|slot| slot.function.name.as_str()).collect();
        let mut known: Vec<&str> = known.into_iter().take(10).collect();
        known.dedup();
        let known = match known.as_slice() {
            [] => "there are none yet".into(),
            known => format!("there are: {}", known.join(", ")),
        };
        Error::not_found(format!("Function not found: {function} ({known})"))
    }

    fn retire(&mut self, slot: Arc<Slot>) {
        slot.retire();
        self.retired.retain(|slot| slot.strong_count() > 0);
        self.retired.push(Arc::downgrade(&slot));
    }
}

impl Family {
    fn meant(&self, slot: &Arc<Slot>, arn: String) -> Meant {
        Meant {
            slot: Arc::clone(slot),
            reserved: Arc::clone(&self.reserved),
            arn,
        }
    }
}

impl Alias {
    fn choose(&self, dice: impl FnOnce() -> f64) -> &str {
        if self.others.is_empty() {
            return &self.version;
        }
        let mut left = dice();
        for (version, share) in &self.others {
            left -= share;
            if left < 0.0 {
                return version;
            }
        }
        &self.version
    }
}

fn no_such(function: &str, qualifier: &str) -> Error {
    Error::not_found(format!(
        "Function not found: {function}: there is no version or alias `{qualifier}` here"
    ))
}

#[cfg(test)]
mod tests {
    use super::Alias;

    #[test]
    fn shares_of_an_alias() {
        let alias = Alias {
            version: "1".into(),
            others: vec![("2".into(), 0.25), ("3".into(), 0.5)],
        };
        for (dice, version) in [(0.0, "2"), (0.249, "2"), (0.25, "3"), (0.749, "3"), (0.75, "1"), (0.999, "1")] {
            assert_eq!(alias.choose(|| dice), version, "{dice}");
        }
    }
}
