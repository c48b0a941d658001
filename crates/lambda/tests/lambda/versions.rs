//! Versions, aliases and reserved concurrency of functions.

use std::collections::BTreeMap;

use bedplate_base::Kind;
use bedplate_lambda::{Alias, Options, limits};
use bytes::Bytes;
use futures_util::future::join_all;

use crate::House;

const WHO: &str = "
import os
def handler(event, context):
    return [WORD, context.function_version, os.environ['AWS_LAMBDA_FUNCTION_VERSION'], context.invoked_function_arn.split(':', 6)[6]]
";

impl House {
    fn publish(&self, version: &str, word: &str) {
        let mut function = self.python(&format!("book-{word}"), &format!("WORD = '{word}'\n{WHO}"));
        function.name = "book".into();
        function.arn = bedplate_base::Place::default().arn("lambda", "function:book");
        function.version = version.into();
        self.host.create(function).unwrap();
    }

    async fn who(&self, function: &str) -> String {
        let got = self.host.invoke(function, Bytes::new(), Options::default()).await.unwrap();
        let body: Vec<String> = serde_json::from_slice(&got.result.unwrap()).unwrap();
        assert_eq!((&body[1], &body[2]), (&got.version, &got.version), "{function}");
        format!("{} {} {}", body[0], body[1], body[3])
    }
}

fn alias(version: &str, others: &[(&str, f64)]) -> Alias {
    Alias {
        version: version.into(),
        others: others.iter().map(|(version, share)| ((*version).into(), *share)).collect(),
    }
}

#[tokio::test]
async fn a_qualifier_says_what_is_run() {
    let house = House::new();
    house.publish("$LATEST", "newest");
    house.publish("1", "first");
    let arn = house.host.get("book").unwrap().arn.clone();
    let aliases = BTreeMap::from([
        ("live".to_owned(), alias("1", &[])),
        ("all".to_owned(), alias("$LATEST", &[("1", 1.0)])),
    ]);
    house.host.set_aliases(&arn, aliases);
    for (function, wanted) in [
        ("book".to_owned(), "newest $LATEST book"),
        (format!("{arn}"), "newest $LATEST book"),
        (format!("{arn}:$LATEST"), "newest $LATEST book"),
        ("book:1".into(), "first 1 book:1"),
        (format!("{arn}:live"), "first 1 book:live"),
        (
            "arn:aws:lambda:eu-west-1:123456789012:function:book:live".into(),
            "first 1 book:live",
        ),
        (format!("{arn}:all"), "first 1 book:all"),
    ] {
        assert_eq!(house.who(&function).await, wanted, "{function}");
    }
    house.host.delete("book:1").unwrap();
    for function in ["book:1", "book:live", "book:2"] {
        let error = house.host.invoke(function, Bytes::new(), Options::default()).await.unwrap_err();
        assert_eq!(error.kind, Kind::NotFound, "{function}");
    }
    house.host.delete("book").unwrap();
    assert!(house.host.list().is_empty());
}

/// Each handler waits until `n` have begun.
const MEET: &str = "
import os, time
def handler(event, context):
    open(os.path.join(event['place'], str(os.getpid())), 'w').close()
    while len(os.listdir(event['place'])) < event['n']:
        time.sleep(0.01)
    return len(os.listdir(event['place']))
";

#[tokio::test]
async fn reserved_concurrency_refuses_what_is_over_it() {
    let house = House::new();
    house.host.create(house.python("meet", MEET)).unwrap();
    let arn = house.host.get("meet").unwrap().arn.clone();
    let more = limits::PROCESSES_PER_FUNCTION + 1;
    let place = house.folder.path().join("place");
    std::fs::create_dir(&place).unwrap();
    let event = |n: usize| Bytes::from(serde_json::json!({"place": place, "n": n}).to_string());
    house.host.set_concurrency(&arn, Some(u32::try_from(more).unwrap()));
    let together = join_all((0..=more).map(|_| house.host.invoke("meet", event(more), Options::default()))).await;
    let (done, refused): (Vec<_>, Vec<_>) = together.into_iter().partition(Result::is_ok);
    assert_eq!(
        (done.len(), refused.len()),
        (more, 1),
        "more than without, and not one more than it"
    );
    let error = refused.into_iter().next().unwrap().unwrap_err();
    assert_eq!(error.kind, Kind::Throttled);
    assert_eq!(error.fields[0].name, bedplate_lambda::RESERVED);

    house.host.set_concurrency(&arn, Some(0));
    let nothing = house.host.invoke("meet", event(1), Options::default()).await;
    assert_eq!(nothing.unwrap_err().kind, Kind::Throttled);
    house.host.set_concurrency(&arn, None);
    assert!(
        house
            .host
            .invoke("meet", event(1), Options::default())
            .await
            .unwrap()
            .result
            .is_ok()
    );
}
