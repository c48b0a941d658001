//! Which server is meant.

use std::fs;
use std::path::Path;

use bedplate_cli::{Exit, SERVER_FILE, locate};

fn write(folder: &Path, text: &str) {
    let path = folder.join(SERVER_FILE);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn the_flag_wins_then_the_variable_then_the_nearest_folder() {
    let home = tempfile::tempdir().unwrap();
    let deep = home.path().join("a/b/c");
    fs::create_dir_all(&deep).unwrap();
    write(home.path(), r#"{"url": "http://127.0.0.1:1", "pid": 7}"#);
    let url = |flag, variable| locate(flag, variable, &deep).unwrap().url;
    assert_eq!(url(Some("http://host:3"), Some("http://host:4")), "http://host:3");
    assert_eq!(url(None, Some("http://[::1]:4/")), "http://[::1]:4");
    assert_eq!(url(None, None), "http://127.0.0.1:1");
    assert!(
        locate(None, None, &deep)
            .unwrap()
            .from
            .ends_with("server.json, written by process 7")
    );
    write(&home.path().join("a/b"), r#"{"url": "http://127.0.0.1:2"}"#);
    assert_eq!(url(None, None), "http://127.0.0.1:2");
}

#[test]
fn what_does_not_name_a_server_is_told() {
    let home = tempfile::tempdir().unwrap();
    let check = |flag, variable, exit, parts: &[&str]| {
        let failure = locate(flag, variable, home.path()).unwrap_err();
        for part in parts {
            assert!(failure.to_string().contains(part), "{failure} should tell {part}");
        }
        assert_eq!(failure.exit, exit);
    };
    check(None, None, Exit::FAILED, &["--url", "BEDPLATE_URL", SERVER_FILE, "bedplate dev"]);
    check(
        Some("localhost:7780"),
        None,
        Exit::USAGE,
        &["--url", "does not begin with http://", "http://HOST:PORT"],
    );
    check(Some("https://host"), None, Exit::USAGE, &["TLS"]);
    check(Some("http://a@host"), None, Exit::USAGE, &["no plain host"]);
    check(Some("http://host/path"), None, Exit::USAGE, &["has a path"]);
    check(None, Some("not a url"), Exit::FAILED, &["BEDPLATE_URL", "is not an address"]);
    write(home.path(), "{");
    check(None, None, Exit::FAILED, &["server.json cannot be used", "\"pid\": 123"]);
    write(home.path(), r#"{"url": "ftp://x"}"#);
    check(None, None, Exit::FAILED, &["server.json", "does not begin with http://"]);
}
