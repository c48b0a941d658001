//! Quotas: the service's with `--strict`, ten times as many without.

use bedplate_api_agents::control::quotas::{ACTION_GROUPS, AGENTS, ALIASES, FUNCTIONS, PARAMETERS, Quota};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::house::House;

/// Adds as many as the quota allows, then one more.
async fn fill(house: &House, quota: &Quota, target: &str, body: impl Fn(usize) -> Value) {
    let max = quota.max(house.state.settings.strict);
    for number in 0..max {
        let told = house.told("PUT", target, body(number).to_string().into()).await;
        assert!(told.status < 300, "{number} of {quota:?}: {told:?}");
    }
    beyond(house, quota, target, &body(max)).await;
}

async fn beyond(house: &House, quota: &Quota, target: &str, body: &Value) {
    let max = quota.max(house.state.settings.strict);
    let told = house.told("PUT", target, body.to_string().into()).await;
    assert_eq!(
        (told.status, told.error.as_deref()),
        (402, Some("ServiceQuotaExceededException")),
        "{told:?}"
    );
    let message = told.body["message"].as_str().unwrap();
    let words = format!("would have {}, but the quota is {max} {}.", max + 1, quota.what);
    assert!(message.contains(&words), "{message}");
}

fn schema(functions: usize, parameters: usize) -> Value {
    let parameter = |number| (format!("p{number}"), json!({"type": "string"}));
    let parameters: Map<String, Value> = (0..parameters).map(parameter).collect();
    let function = |number| json!({"name": format!("f{number}"), "parameters": parameters});
    json!({"functions": (0..functions).map(function).collect::<Vec<_>>()})
}

async fn check(strict: bool) {
    let house = House::new(strict);
    let agent = |number| json!({"agentName": format!("a{number}"), "foundationModel": "m", "instruction": "You answer people, one at a time, politely."});
    let made = house.told("PUT", "/agents/", agent(0).to_string().into()).await;
    let target = format!("/agents/{}/", made.body["agent"]["agentId"].as_str().unwrap());
    let groups = format!("{target}agentversions/DRAFT/actiongroups/");
    let group = |number| json!({"actionGroupName": format!("g{number}"), "actionGroupState": "DISABLED"});
    let full = json!({"actionGroupName": "full", "functionSchema": schema(FUNCTIONS.max(strict), PARAMETERS.max(strict))});
    let told = house.told("PUT", &groups, full.to_string().into()).await;
    assert_eq!(told.status, 200, "{told:?}");
    let place = format!("{groups}{}/", told.body["agentActionGroup"]["actionGroupId"].as_str().unwrap());
    for target in [&groups, &place] {
        let many = json!({"actionGroupName": "many", "functionSchema": schema(FUNCTIONS.max(strict) + 1, 0)});
        beyond(&house, &FUNCTIONS, target, &many).await;
        let wide = json!({"actionGroupName": "wide", "functionSchema": schema(1, PARAMETERS.max(strict) + 1)});
        beyond(&house, &PARAMETERS, target, &wide).await;
    }
    let deleted = house
        .told("DELETE", &format!("{place}?skipResourceInUseCheck=true"), Bytes::new())
        .await;
    assert_eq!(deleted.status, 204);
    fill(&house, &ACTION_GROUPS, &groups, group).await;
    assert_eq!(house.told("POST", &target, Bytes::new()).await.status, 202);
    fill(
        &house,
        &ALIASES,
        &format!("{target}agentaliases/"),
        |number| json!({"agentAliasName": format!("v{number}")}),
    )
    .await;
    if strict {
        let told = house
            .told("DELETE", &format!("{target}?skipResourceInUseCheck=true"), Bytes::new())
            .await;
        assert_eq!(told.status, 202);
        fill(&house, &AGENTS, "/agents/", agent).await;
    }
    // A page is shorter than its quota.
    let page = house
        .told("POST", if strict { "/agents/" } else { &groups }, Bytes::from_static(b"{}"))
        .await;
    let (summaries, length) = if strict {
        ("agentSummaries", 10)
    } else {
        ("actionGroupSummaries", 100)
    };
    assert_eq!(page.body[summaries].as_array().map(Vec::len), Some(length), "{page:?}");
}

#[tokio::test]
async fn strict() {
    check(true).await;
}

#[tokio::test]
async fn relaxed() {
    check(false).await;
}

/// The page for people has these numbers.
#[test]
fn the_table_of_what_is_relaxed_has_the_numbers() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("strict.toml");
    let table: toml::Table = toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let rules = table["rule"].as_array().unwrap();
    for quota in bedplate_api_agents::control::quotas::ALL {
        let rule = rules.iter().find(|rule| rule["what"].as_str() == Some(quota.what)).unwrap();
        assert_eq!(rule["proof"].as_str(), Some("crates/api-agents/tests/api/quotas.rs::strict"));
        let numbers = [rule["default"].as_str().unwrap(), rule["strict"].as_str().unwrap()];
        assert_eq!(numbers, [quota.relaxed.to_string(), quota.strict.to_string()], "{}", quota.what);
    }
}
