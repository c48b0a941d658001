//! awsQuery: every input survives the way through a form, every output through XML, and no form whatever makes reading panic.

use bedplate_wire::{Body, Bound, Call, Context, Fault, Json, Protocol, Reply, Request, Router, Service, Value, is_form, validate};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::all::{Dice, sample};
use crate::{SERVICES, cases, request, router};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

fn form(body: String) -> Request {
    request("POST /", &[(FORM.0.into(), FORM.1.into())], body.into())
}

/// `Name.member.1=…` of a value, as SDKs write it.
fn flatten(name: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                flatten(&if name.is_empty() { key.clone() } else { format!("{name}.{key}") }, value, out);
            }
        }
        Value::Array(items) if items.is_empty() => out.push((name.to_owned(), String::new())),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                flatten(&format!("{name}.member.{}", index + 1), item, out);
            }
        }
        Value::String(text) => out.push((name.to_owned(), text.clone())),
        other => out.push((name.to_owned(), other.to_string())),
    }
}

fn encode(pairs: &[(String, String)]) -> String {
    let escape = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{}={}", escape(key), escape(value)))
        .collect();
    pairs.join("&")
}

fn spoken() -> impl Iterator<Item = &'static &'static Service> {
    SERVICES.iter().filter(|service| service.protocol == Protocol::AwsQuery)
}

#[test]
fn inputs_go_through_forms() {
    let router = router();
    for operation in spoken().flat_map(|service| service.operations) {
        let full = sample(operation.input, 0);
        let mut pairs = vec![("Action".to_owned(), operation.name.to_owned())];
        flatten("", &full, &mut pairs);
        let request = form(encode(&pairs));
        let routed = router
            .route_request(&request, Some(operation.service))
            .unwrap_or_else(|error| panic!("{}: {}", operation.name, error.message));
        assert_eq!(routed.operation.name, operation.name);
        match validate(&routed, &request) {
            Ok((value, _)) => assert_eq!(value, full, "{}", operation.name),
            // A sample is not valid; that it was read at all shows in the kind of the refusal.
            Err(fault) => assert_eq!(fault.code, "ValidationException", "{}: {}", operation.name, fault.message),
        }
    }
}

#[test]
fn no_form_makes_reading_panic() {
    let (router, mut dice) = (router(), Dice(7));
    let words = [
        "Tags",
        "member",
        "1",
        "0",
        "-1",
        "99999999999",
        "Key",
        "",
        "entry",
        "RoleName",
        "PolicyArns",
        "arn",
        "x",
    ];
    for operation in spoken().flat_map(|service| service.operations) {
        for _ in 0..50 {
            let mut pairs = vec![("Action".to_owned(), operation.name.to_owned())];
            for _ in 0..dice.roll(6) {
                let parts: Vec<&str> = (0..=dice.roll(5)).map(|_| words[dice.roll(words.len() as u64) as usize]).collect();
                pairs.push((
                    parts.join("."),
                    words[dice.roll(words.len() as u64) as usize].repeat(dice.roll(3) as usize),
                ));
            }
            let request = form(encode(&pairs));
            let routed = router.route_request(&request, Some(operation.service)).expect("a known operation");
            if let Err(fault) = validate(&routed, &request) {
                assert!(
                    ["ValidationException", "SerializationException"].contains(&&*fault.code),
                    "{}",
                    fault.code
                );
            }
        }
    }
}

#[derive(Deserialize)]
struct Case {
    name: String,
    #[serde(default)]
    query: String,
    #[serde(default)]
    body: String,
    signed: Option<String>,
    /// `service Operation`
    to: Option<String>,
    /// The input, as JSON.
    input: Option<String>,
    code: Option<String>,
    says: Option<String>,
    #[serde(default)]
    repeat: usize,
}

#[test]
fn forms() {
    let router = router();
    for case in cases::<Case>("forms") {
        let body = case
            .body
            .replace("REPEAT", &"x".repeat(case.repeat))
            .replace("DEEP", &"a.".repeat(case.repeat));
        let request = Request {
            query: case.query.clone(),
            ..form(body.replace("PAIRS", &"a=1&".repeat(case.repeat)))
        };
        let outcome = match router.route_request(&request, case.signed.as_deref()) {
            Err(error) => Err((error.code.to_owned(), error.message)),
            Ok(routed) => {
                let to = format!("{} {}", routed.service.name, routed.operation.name);
                assert_eq!(Some(to), case.to, "{}", case.name);
                validate(&routed, &request)
                    .map(|(value, _)| value)
                    .map_err(|fault| (fault.code.to_string(), fault.message))
            }
        };
        match outcome {
            Ok(value) => {
                let wanted: Value = serde_json::from_str(case.input.as_deref().expect(&case.name)).expect("JSON");
                assert_eq!(value, wanted, "{}", case.name);
            }
            Err((code, message)) => {
                assert_eq!(Some(code), case.code, "{}: {message}", case.name);
                assert!(
                    message.contains(case.says.as_deref().unwrap_or_default()),
                    "{}: {message}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn what_is_a_form() {
    let typed = form(String::new()).headers;
    let mut target = typed.clone();
    target.insert("x-amz-target", http::HeaderValue::from_static("A.B"));
    let bare = http::HeaderMap::new();
    assert!(is_form("POST", "/", "", &typed));
    assert!(is_form("GET", "/", "Version=1&Action=GetRole", &bare));
    assert!(!is_form("POST", "/", "", &bare) && !is_form("POST", "/agents/", "Action=x", &typed));
    assert!(!is_form("POST", "/", "", &target) && !is_form("PUT", "/", "", &typed));
}

fn text(response: bedplate_wire::Response) -> (u16, String) {
    let Body::Full(bytes) = response.body else {
        panic!("no answer of these streams")
    };
    (response.status, String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn answers_are_xml() {
    use bedplate_wire_iam::{SERVICE, ops, types::*};
    let context = Context {
        request_id: "request-1".into(),
        ..Context::default()
    };
    let operation = SERVICE.operation(ops::ListRoleTags::NAME).expect("known");
    let output = ListRoleTagsResponse {
        tags: vec![Tag {
            key: "a<b>&\"'".into(),
            value: "\u{1}\r\né".into(),
        }],
        is_truncated: Some(false),
        marker: None,
    };
    let wanted = "<ListRoleTagsResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><ListRoleTagsResult><Tags><member>\
        <Key>a&lt;b&gt;&amp;&quot;'</Key><Value>?&#xD;\né</Value></member></Tags><IsTruncated>false</IsTruncated></ListRoleTagsResult>\
        <ResponseMetadata><RequestId>request-1</RequestId></ResponseMetadata></ListRoleTagsResponse>";
    assert_eq!(
        text(output.reply(Protocol::AwsQuery, operation, &context)),
        (200, wanted.to_owned())
    );

    let fault = Fault::new("NoSuchEntity", "no <role>");
    let wanted = "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type><Code>NoSuchEntity</Code>\
        <Message>no &lt;role&gt;</Message></Error><RequestId>request-1</RequestId></ErrorResponse>";
    assert_eq!(text(fault.into_response(&SERVICE, &context)), (404, wanted.to_owned()));
    let unknown = Router::new(&[&SERVICE])
        .route_form("", b"Action=Nothing", None)
        .expect_err("unknown");
    let (status, body) = text(unknown.into_response(&context));
    assert_eq!(status, 400);
    assert!(
        body.starts_with("<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code>"),
        "{body}"
    );
    assert!(GetRoleRequest::schema().members().len() == 1 && GetRoleRequest::default().to_json()["RoleName"] == "");
}
