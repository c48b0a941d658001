//! Requests that come at the same time: nothing that was answered with success is lost, names stay unique.

use std::collections::BTreeSet;
use std::sync::Arc;

use bedplate_base::{BoxFuture, Hash};
use bedplate_journal::{Event, ExecId, Raw};
use bedplate_store::{Batch, CommitError, Head, Letter, LetterId, MemoryStore, Page, ReadError, Resource, Store, TimerRow};
use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::house::{House, Told};

/// Requests at the same time; fewer than the tries of one change.
const MANY: usize = 12;

/// A store where others come in between every read and every write.
struct Busy(MemoryStore);

impl Store for Busy {
    fn commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.0.commit(batch).await
        })
    }

    fn resource<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Resource>, ReadError>> {
        Box::pin(async move {
            let found = self.0.resource(key).await;
            tokio::task::yield_now().await;
            found
        })
    }

    fn resources<'a>(&'a self, prefix: &'a str, page: Page) -> BoxFuture<'a, Result<Vec<Resource>, ReadError>> {
        Box::pin(async move {
            let found = self.0.resources(prefix, page).await;
            tokio::task::yield_now().await;
            found
        })
    }

    fn server_key(&self) -> [u8; 32] {
        self.0.server_key()
    }

    fn head<'a>(&'a self, exec: &'a ExecId) -> BoxFuture<'a, Result<Option<Head>, ReadError>> {
        self.0.head(exec)
    }

    fn events<'a>(&'a self, exec: &'a ExecId, after: u64, limit: usize) -> BoxFuture<'a, Result<Vec<Event>, ReadError>> {
        self.0.events(exec, after, limit)
    }

    fn inbox<'a>(&'a self, exec: &'a ExecId, limit: usize) -> BoxFuture<'a, Result<Vec<(LetterId, Letter)>, ReadError>> {
        self.0.inbox(exec, limit)
    }

    fn timers(&self, limit: usize) -> BoxFuture<'_, Result<Vec<TimerRow>, ReadError>> {
        self.0.timers(limit)
    }

    fn work<'a>(&'a self, after: Option<&'a ExecId>, limit: usize) -> BoxFuture<'a, Result<Vec<ExecId>, ReadError>> {
        self.0.work(after, limit)
    }

    fn executions<'a>(&'a self, prefix: &'a str, page: Page) -> BoxFuture<'a, Result<Vec<Head>, ReadError>> {
        self.0.executions(prefix, page)
    }

    fn blob(&self, hash: Hash) -> BoxFuture<'_, Result<Option<Raw>, ReadError>> {
        self.0.blob(hash)
    }
}

fn house() -> House {
    House::with(Arc::new(Busy(MemoryStore::with_key([7; 32]))), false, |_| Vec::new())
}

/// Sends `body(number)` many times at once.
async fn at_once(house: &House, method: &str, target: &str, body: impl Fn(usize) -> Value) -> Vec<Told> {
    join_all((0..MANY).map(|number| house.told(method, target, body(number).to_string().into()))).await
}

async fn get(house: &House, method: &str, target: &str) -> Value {
    let told = house.told(method, target, Bytes::new()).await;
    assert_eq!(told.status, 200, "{target}: {told:?}");
    told.body
}

/// An agent that can be prepared.
async fn agent(house: &House) -> String {
    let body = json!({"agentName": "tennis", "foundationModel": "m", "instruction": "You book tennis courts for people who ask you."});
    let told = house.told("PUT", "/agents/", body.to_string().into()).await;
    told.body["agent"]["agentId"].as_str().unwrap().to_owned()
}

fn texts<'a>(values: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    values.into_iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn one_name_is_given_once() {
    let house = house();
    let all = at_once(&house, "PUT", "/agents/", |_| json!({"agentName": "tennis"})).await;
    let status = |wanted: u16| all.iter().filter(|told| told.status == wanted).count();
    assert_eq!((status(202), status(409)), (1, MANY - 1), "{all:?}");
    assert_eq!(get(&house, "POST", "/agents/").await["agentSummaries"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn one_token_makes_one_agent() {
    let house = house();
    let body = json!({"agentName": "tennis", "clientToken": "token-token-token-token-token-token-1"});
    let all = at_once(&house, "PUT", "/agents/", |_| body.clone()).await;
    assert!(all.iter().all(|told| told.status == 202), "{all:?}");
    assert_eq!(texts(all.iter().map(|told| &told.body["agent"]["agentId"])).len(), 1);
}

#[tokio::test]
async fn one_token_makes_one_thing_however_its_requests_meet() {
    for delay in 0..MANY {
        let house = house();
        let agent = agent(&house).await;
        house.told("POST", &format!("/agents/{agent}/"), Bytes::new()).await;
        let token = "token-token-token-token-token-token-1";
        for (target, body) in [
            ("/agents/".to_owned(), json!({"agentName": "golf", "clientToken": token})),
            (
                format!("/agents/{agent}/agentaliases/"),
                json!({"agentAliasName": "live", "clientToken": token}),
            ),
            (
                format!("/agents/{agent}/agentversions/DRAFT/actiongroups/"),
                json!({"actionGroupName": "g", "clientToken": token}),
            ),
        ] {
            let later = async {
                for _ in 0..delay {
                    tokio::task::yield_now().await;
                }
                house.told("PUT", &target, body.to_string().into()).await
            };
            let (first, second) = tokio::join!(house.told("PUT", &target, body.to_string().into()), later);
            let good = |status: u16| (200..300).contains(&status);
            assert!(good(first.status) && good(second.status), "{delay}: {first:?} {second:?}");
        }
    }
}

#[tokio::test]
async fn all_action_groups_are_kept() {
    let house = house();
    let prefix = format!("/agents/{}/agentversions/DRAFT/actiongroups/", agent(&house).await);
    let all = at_once(&house, "PUT", &prefix, |number| json!({"actionGroupName": format!("g{number}")})).await;
    assert!(all.iter().all(|told| told.status == 200), "{all:?}");
    let listed = get(&house, "POST", &prefix).await;
    let names = texts(
        listed["actionGroupSummaries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| &group["actionGroupName"]),
    );
    assert_eq!(names, (0..MANY).map(|number| format!("g{number}")).collect());
}

#[tokio::test]
async fn every_alias_gets_a_version_of_its_own() {
    let house = house();
    let agent = agent(&house).await;
    let told = house.told("POST", &format!("/agents/{agent}/"), Bytes::new()).await;
    assert_eq!(told.status, 202, "{told:?}");
    let all = at_once(
        &house,
        "PUT",
        &format!("/agents/{agent}/agentaliases/"),
        |number| json!({"agentAliasName": format!("a{number}")}),
    )
    .await;
    assert!(all.iter().all(|told| told.status == 202), "{all:?}");
    let versions = texts(
        all.iter()
            .map(|told| &told.body["agentAlias"]["routingConfiguration"][0]["agentVersion"]),
    );
    assert_eq!(versions, (1..=MANY).map(|number| number.to_string()).collect());
}

#[tokio::test]
async fn a_change_is_not_lost_beside_a_prepare() {
    let house = house();
    let agent = agent(&house).await;
    let prefix = format!("/agents/{agent}/agentversions/DRAFT/actiongroups/");
    let group = json!({"actionGroupName": "court", "actionGroupExecutor": {"customControl": "RETURN_CONTROL"},
        "functionSchema": {"functions": [{"name": "book"}]}});
    for round in 0..MANY {
        let mut group = group.clone();
        group["actionGroupName"] = json!(format!("g{round}"));
        let prepare = format!("/agents/{agent}/");
        let (prepared, changed) = tokio::join!(
            house.told("POST", &prepare, Bytes::new()),
            house.told("PUT", &prefix, group.to_string().into()),
        );
        assert_eq!((prepared.status, changed.status), (202, 200), "{prepared:?} {changed:?}");
        // Either order is right; a version that is cut now must agree with the status.
        let status = get(&house, "GET", &prepare).await["agent"]["agentStatus"].clone();
        let body = json!({"agentAliasName": format!("a{round}")});
        let alias = house
            .told("PUT", &format!("/agents/{agent}/agentaliases/"), body.to_string().into())
            .await;
        match status.as_str().unwrap() {
            "PREPARED" => {
                let version = alias.body["agentAlias"]["routingConfiguration"][0]["agentVersion"]
                    .as_str()
                    .unwrap();
                let groups = get(&house, "POST", &format!("/agents/{agent}/agentversions/{version}/actiongroups/")).await;
                assert_eq!(groups["actionGroupSummaries"].as_array().unwrap().len(), round + 1);
            }
            "NOT_PREPARED" => assert_eq!(alias.status, 400, "{alias:?}"),
            other => panic!("{other}"),
        }
    }
}
