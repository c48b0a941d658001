//! Routing: every operation reaches itself; the traps, as data.

use std::collections::BTreeMap;

use bedplate_wire::{Hints, Protocol, Segment};
use serde::Deserialize;

use crate::{SERVICES, cases, router};

#[derive(Deserialize)]
struct Case {
    request: String,
    target: Option<String>,
    signed: Option<String>,
    /// `service Operation`
    to: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    error: Option<String>,
}

#[test]
fn every_operation_routes_to_itself() {
    let router = router();
    let mut wrong = Vec::new();
    for service in SERVICES {
        for operation in service.operations {
            let label = match operation.arn {
                Some(prefix) => format!("arn%3Aaws%3Abedrock%3Aus-east-1%3A000000000000%3A{}x", prefix.replace('/', "%2F")),
                None => "Ab1".to_owned(),
            };
            let parts = operation.path.iter().map(|segment| match segment {
                Segment::Literal(text) => (*text).to_owned(),
                Segment::Label(_) | Segment::Greedy(_) => label.clone(),
            });
            let slash = if operation.slash && !operation.path.is_empty() { "/" } else { "" };
            let path = format!("/{}{slash}", parts.collect::<Vec<_>>().join("/"));
            let query: Vec<String> = operation.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let target = format!("{}.{}", service.target_prefix.unwrap_or_default(), operation.name);
            let target = (service.protocol != Protocol::RestJson1).then_some(target.as_str());
            for signing_name in [Some(service.signing_name), None] {
                let routed = match service.protocol {
                    Protocol::AwsQuery => router.route_form("", query.join("&").as_bytes(), signing_name),
                    _ => router.route(operation.method, &path, &query.join("&"), Hints { signing_name, target }),
                };
                let found = routed.map_or_else(
                    |error| error.message,
                    |routed| format!("{} {}", routed.service.name, routed.operation.name),
                );
                if found != format!("{} {}", service.name, operation.name) {
                    wrong.push(format!(
                        "{} {} ({} {path}) went to {found}",
                        service.name, operation.name, operation.method
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn traps() {
    let router = router();
    for case in cases::<Case>("routes") {
        let (method, uri) = case.request.split_once(' ').expect("a request line has a space");
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let hints = Hints {
            signing_name: case.signed.as_deref(),
            target: case.target.as_deref(),
        };
        match router.route(method, path, query, hints) {
            Ok(routed) => {
                let to = format!("{} {}", routed.service.name, routed.operation.name);
                assert_eq!(Some(&to), case.to.as_ref(), "{}", case.request);
                let labels: BTreeMap<String, String> = routed.labels.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
                if !case.labels.is_empty() {
                    assert_eq!(labels, case.labels, "{}", case.request);
                }
            }
            Err(error) => {
                let wanted = case.error.unwrap_or_else(|| panic!("{}: {}", case.request, error.message));
                assert!(error.message.contains(&wanted), "{}: {}", case.request, error.message);
            }
        }
    }
}
