//! From a file to a tree: size, encoding and syntax, nothing of what the template means.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::diagnostic::Report;
use crate::node::{At, Kind, Node, Raw};

/// Bytes of a template: CloudFormation takes 1 MB from S3 (its quota table).
pub const TEMPLATE_BYTES_MAX: usize = 1_000_000;
/// How deep lists and maps may be nested; CloudFormation names no number, real templates stay under 20.
pub const DEPTH_MAX: usize = 64;
/// Values in a template: a tree of 1 MB in single letters would not help anybody. Our own number.
pub const NODES_MAX: usize = 200_000;

/// Reads and parses; mistakes go to the report.
pub(crate) fn load(path: &Path, report: &mut Report) -> Option<Node> {
    let text = match read(path) {
        Ok(text) => text,
        Err(message) => {
            report.add(At::default(), "", message);
            return None;
        }
    };
    let options = serde_saphyr::options! {
        strict_booleans: true,
        // Account numbers are strings, not octal numbers.
        leading_zero_numbers_as_strings: true,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX, max_nodes: NODES_MAX },
    };
    match serde_saphyr::from_str_with_options::<Raw>(&text, options) {
        Ok(raw) => {
            let node = raw.into_node(&text);
            match node.kind {
                Kind::Map(_) => Some(node),
                Kind::Null => {
                    report.add(At::default(), "", "the template is empty; it needs at least a `Resources` section");
                    None
                }
                _ => {
                    report.add(
                        node.at,
                        "",
                        format!("a template is a map with a `Resources` section, this is {}", node.noun()),
                    );
                    None
                }
            }
        }
        Err(error) => {
            report.add(error.location().map(Into::into).unwrap_or_default(), "", syntax(&error));
            None
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells "just fits" from "too long", however long it is.
    file.take(TEMPLATE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() > TEMPLATE_BYTES_MAX {
        return Err(format!("is larger than {TEMPLATE_BYTES_MAX} bytes, the most a template may have"));
    }
    String::from_utf8(bytes).map_err(|error| format!("is not UTF-8: byte {} is wrong", error.utf8_error().valid_up_to()))
}

/// The parser's own words, without the place that stands in front of them anyway.
fn syntax(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    if let Some((_, rest)) = text.split_once("duplicate mapping key: ") {
        let key = rest.split(',').next().unwrap_or(rest);
        return format!("`{key}` stands twice in this map; keep one of them");
    }
    if text.starts_with("multiple YAML documents") {
        return "a second document begins here; a template is one document".into();
    }
    format!("not valid YAML or JSON: {text}")
}
