//! The `Outputs` section.

use crate::diagnostic::instead;
use crate::node::{Entry, Kind};
use crate::read::Reader;
use crate::scope::Scope;
use crate::stack::Output;

/// Outputs of a template (CloudFormation's quota).
pub const OUTPUTS_MAX: usize = 200;

impl Reader<'_> {
    /// Works all outputs out.
    pub(crate) fn outputs(&mut self, scope: &Scope) -> Vec<Output> {
        let Some(section) = self.document.get("Outputs") else {
            return Vec::new();
        };
        let Some(entries) = section.value.entries() else {
            self.report.add(
                section.value.at,
                "Outputs",
                format!("a map of outputs is wanted here, this is {}", section.value.noun()),
            );
            return Vec::new();
        };
        if entries.len() > OUTPUTS_MAX {
            self.report.add(
                entries[OUTPUTS_MAX].at,
                "Outputs",
                format!("a template has at most {OUTPUTS_MAX} outputs"),
            );
        }
        entries
            .iter()
            .take(OUTPUTS_MAX)
            .filter_map(|entry| self.output(entry, scope))
            .collect()
    }

    fn output(&mut self, entry: &Entry, scope: &Scope) -> Option<Output> {
        let path = format!("Outputs.{}", entry.key);
        for member in entry.value.entries().unwrap_or_default() {
            let path = format!("{path}.{}", member.key);
            match member.key.as_str() {
                "Value" | "Description" | "Export" => {}
                "Condition" => self.report.add(member.at, &path, "this is not supported yet; leave it out"),
                other => {
                    let instead = instead(other, ["Value", "Description", "Export"]);
                    self.report.add(member.at, &path, format!("an output has no such member{instead}"));
                }
            }
        }
        let Some(value) = entry.value.get("Value") else {
            self.report.add(entry.at, &path, "Value is missing");
            return None;
        };
        let path = format!("{path}.Value");
        let node = scope.resolve(&value.value, &path, self.report)?;
        match (&node.kind, node.scalar()) {
            (Kind::Failed, _) => None,
            (_, Some(value)) => {
                let description = entry.value.get("Description").and_then(|entry| entry.value.scalar());
                Some(Output {
                    name: entry.key.clone(),
                    description,
                    value,
                })
            }
            _ => {
                self.report
                    .add(node.at, &path, format!("a string is wanted here, this is {}", node.noun()));
                None
            }
        }
    }
}
