//! `heald notify test`, and what the configuration says of channels.

use crate::fake::hook::{Answer, Hook};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

async fn heald(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heald"));
    command.args(arguments).args(["--config.file", "heald.yaml"]).current_dir(dir);
    // The servers of the test answer on this thread meanwhile.
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn configure(dir: &Path, channels: &str) {
    fs::write(dir.join("heald.yaml"), format!("host: web-7\nplaybooks: [.]\nnotify: {{ channels: {{ {channels} }} }}\n"))
        .unwrap();
}

#[tokio::test]
async fn a_test_message_goes_the_real_way() {
    let dir = tempfile::tempdir().unwrap();
    let (good, good_url) = Hook::open(&[]).await;
    let (bad, bad_url) = Hook::open(&[Answer::Status(403, ""), Answer::Limited(60), Answer::Status(500, "")]).await;
    configure(
        dir.path(),
        &format!("good: {{ webhook: {{ url: \"{good_url}\" }} }}, bad: {{ webhook: {{ url: \"{bad_url}\" }} }}"),
    );

    let one = heald(dir.path(), &["notify", "test", "good"]).await;
    assert_eq!((one.status.code(), text(&one.stdout)), (Some(0), "good  taken\n".to_owned()), "{}", text(&one.stderr));
    assert_eq!((good.got().len(), bad.got().len()), (1, 0));
    let json: serde_json::Value = serde_json::from_str(&good.got()[0].body).unwrap();
    assert_eq!((&json["kind"], &json["host"]), (&"test".into(), &"web-7".into()));

    let all = heald(dir.path(), &["notify", "test"]).await;
    assert_eq!(all.status.code(), Some(1));
    let said = "bad   failed: the receiver answered 403 Forbidden (until a person mends it)\ngood  taken\n";
    assert_eq!(text(&all.stdout), said);
    assert!(text(&all.stderr).contains("1 channel failed"), "{}", text(&all.stderr));
    let keys: Vec<_> = good.got().iter().map(|got| got.headers["idempotency-key"].clone()).collect();
    assert_ne!(keys[0], keys[1], "each test is a message of its own");

    let json = heald(dir.path(), &["notify", "test", "bad", "-o", "json"]).await;
    assert_eq!(json.status.code(), Some(1));
    let told: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let failed = serde_json::json!({
        "channel": "bad", "taken": false, "error": "the receiver answered 429 Too Many Requests", "again": "after",
    });
    assert_eq!(told["channels"][0], failed);
    assert_eq!(bad.got().len(), 2, "one try each");
}

#[tokio::test]
async fn what_is_not_configured_is_said() {
    let dir = tempfile::tempdir().unwrap();
    configure(dir.path(), "good: { webhook: { url: \"http://127.0.0.1:1\" } }");
    let unknown = heald(dir.path(), &["notify", "test", "goood"]).await;
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("there is no channel \"goood\"; known are good"), "{}", text(&unknown.stderr));
    fs::write(dir.path().join("heald.yaml"), "playbooks: [.]\n").unwrap();
    let none = heald(dir.path(), &["notify", "test"]).await;
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stderr).contains("names no channels"), "{}", text(&none.stderr));
}
