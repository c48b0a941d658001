//! `[keys]`: the cases of `keys.toml`.

use std::fs;

use bedplate_http::{KEYS_MAX, Key, KeyConfig, KeysConfig, SECRET_MAX};
use serde::Deserialize;

const SECRET: &str = "made-up-secret/of+forty=characters000001";

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    config: String,
    #[serde(default)]
    keys: Vec<String>,
    refused: Option<String>,
}

fn env(name: &str) -> Option<String> {
    let value = match name {
        "SECRET" => SECRET,
        "TOKEN" => "made-up/session+token==",
        "SHORT" => "fifteen-letters",
        "SPACED" => "a secret of several words",
        "EMPTY" => "",
        _ => return None,
    };
    Some(value.to_owned())
}

fn shown(key: &Key) -> String {
    let Key {
        name,
        access_key,
        session_token,
        account,
        regions,
        admin,
        ..
    } = key;
    let (token, account) = (session_token.is_some(), account.as_deref().unwrap_or("-"));
    format!("{name} {access_key} token={token} account={account} regions={regions:?} admin={admin}")
}

#[test]
fn cases() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret.txt"), format!("{SECRET}\r\n")).unwrap();
    fs::write(folder.path().join("long.txt"), "x".repeat(SECRET_MAX + 1)).unwrap();
    fs::write(folder.path().join("bytes.bin"), [0xff, 0xfe]).unwrap();
    let cases: Cases = toml::from_str(include_str!("keys.toml")).unwrap();
    for case in cases.case {
        let resolved = toml::from_str::<KeysConfig>(&case.config)
            .map_err(|error| error.message().to_owned())
            .and_then(|config| config.resolve(folder.path(), &env));
        let expected = case
            .refused
            .as_ref()
            .map(|text| text.replace("DIR", &folder.path().display().to_string()));
        assert!(!format!("{resolved:?}").contains(SECRET), "{}", case.name);
        match (resolved, expected) {
            (Ok(keys), None) => assert_eq!(keys.iter().map(shown).collect::<Vec<_>>(), case.keys, "{}", case.name),
            (Err(refused), Some(expected)) => assert_eq!(refused, expected, "{}", case.name),
            (other, _) => panic!("{}: {other:?}", case.name),
        }
    }
}

#[test]
fn too_many() {
    let one = |number: usize| {
        let config = KeyConfig {
            access_key: format!("A{number}"),
            secret_env: Some("SECRET".to_owned()),
            ..KeyConfig::default()
        };
        (number.to_string(), config)
    };
    let resolve = |count: usize| KeysConfig((0..count).map(one).collect()).resolve("/".as_ref(), &env);
    assert_eq!(resolve(KEYS_MAX).unwrap().len(), KEYS_MAX);
    assert_eq!(resolve(KEYS_MAX + 1).unwrap_err(), "keys: there are more than 256");
}
