//! Faults on real files of a scratch folder: what is broken, and that it is as it was afterwards.

use super::*;
use crate::link::{Allowed, docker, http, systemd};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;

fn tools(folder: &Path) -> Tools {
    let name = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let allow = AllowList {
        paths: [folder.to_string_lossy().into_owned()].into(),
        databases: [name("shop.db")].into(),
        units: ["victim.service".to_owned()].into(),
        commands: ["/usr/bin/true".to_owned()].into(),
        addresses: ["127.0.0.1:1".to_owned()].into(),
        urls: ["http://127.0.0.1:9700/".to_owned()].into(),
        ..AllowList::default()
    };
    drop(rustls::crypto::ring::default_provider().install_default());
    Tools {
        systemd: Arc::new(systemd::Systemd::new("unix:path=/nowhere")),
        docker: Arc::new(docker::Docker::new("unix:///nowhere")),
        http: http::client().unwrap(),
        alertmanager: None,
        prometheus: None,
        supervisor: None,
        allow: Allowed::new(allow),
    }
}

fn fault(kind: &str, args: Value) -> Result<Fault, String> {
    read(kind, args).map_err(|error| error.to_string())?
}

/// A scratch folder without a link on its way.
fn scratch() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap();
    (dir, path)
}

struct Done {
    tools: Tools,
    undo: Undo,
    _held: Held,
}

async fn inject(folder: &Path, kind: &str, args: Value) -> Result<Done, String> {
    let tools = tools(folder);
    let fault = fault(kind, args)?;
    let marked = Marked::new(&fault, &tools.allow.now())?;
    let undo = marked.prepare(&tools).await?;
    // As it is read again from the disk.
    let undo: Undo = serde_json::from_str(&serde_json::to_string(&undo).unwrap()).unwrap();
    let held = marked.inject(&tools, &undo).await?;
    Ok(Done { tools, undo, _held: held })
}

impl Done {
    async fn undo(self) -> String {
        drop(self._held);
        let words = self.undo.run(&self.tools).await.unwrap();
        // Twice is as good as once.
        self.undo.run(&self.tools).await.unwrap();
        words
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_is_not_marked_is_refused_with_the_key_to_add() {
    let (_dir, folder) = scratch();
    let tools = tools(&folder);
    for (kind, args, part) in [
        (
            "systemd.kill",
            json!({ "unit": "web.service" }),
            "web.service is not marked for drills; to let drills break it, add it under `drills: allowed: units:`",
        ),
        ("docker.kill", json!({ "container": "shop" }), "`drills: allowed: containers:`"),
        ("docker.detach", json!({ "container": "shop", "network": "back" }), "`drills: allowed: networks:`"),
        ("supervisor.stop", json!({ "program": "mail" }), "`drills: allowed: programs:`"),
        ("port.hold", json!({ "address": "127.0.0.1:8080" }), "`drills: allowed: addresses:`"),
        ("redis.fill", json!({ "address": "127.0.0.1:6379" }), "`drills: allowed: addresses:`"),
        ("disk.fill", json!({ "path": "/srv" }), "`drills: allowed: paths:`"),
        ("files.spoil", json!({ "path": "/etc/passwd" }), "`drills: allowed: paths:`"),
        ("sqlite.corrupt", json!({ "database": "/srv/x.db" }), "`drills: allowed: databases:`"),
        ("http", json!({ "post": "http://127.0.0.1:9701/" }), "`drills: allowed: urls:`"),
        (
            "http",
            json!({ "post": "http://127.0.0.1:9700/x", "undo": { "delete": "http://127.0.0.1:1/" } }),
            "http://127.0.0.1:1/ is",
        ),
        ("command", json!({ "argv": ["/usr/bin/false"] }), "`drills: allowed: commands:`"),
        ("command", json!({ "argv": ["/usr/bin/true"], "undo": ["/usr/bin/false"] }), "/usr/bin/false is not marked"),
    ] {
        let fault = fault(kind, args.clone()).unwrap();
        let why = Marked::new(&fault, &tools.allow.now()).unwrap_err();
        assert!(why.contains(part), "{kind} {args}: {why}");
    }
    let fault = fault("systemd.kill", json!({ "unit": "victim.service" })).unwrap();
    assert!(Marked::new(&fault, &tools.allow.now()).is_ok());
}

#[test]
fn what_does_not_fit_is_refused_when_read() {
    for (kind, args, part) in [
        ("systemd.kill", json!({ "unit": "x.service", "signal": "SIGSEGV" }), "no signal"),
        ("systemd.kill", json!({ "unit": "x" }), "must end in .service"),
        ("docker.memory", json!({ "container": "shop", "limit": "1MiB" }), "6MiB at least"),
        ("port.hold", json!({ "address": "localhost" }), "no address of this host"),
        ("disk.fill", json!({ "path": "/srv", "used": "100%" }), "99% at most"),
        ("files.place", json!({ "path": "/srv/x.log", "count": 0 }), "1 to 1000"),
        ("files.place", json!({ "path": "/srv/x.log", "size": "1TB" }), "10GB at most"),
        ("files.age", json!({ "path": "/srv/x", "by": "0s" }), "changes nothing"),
        ("http", json!({ "post": "http://a/", "put": "http://a/" }), "one method"),
        ("command", json!({ "argv": [] }), "name a program"),
        ("command", json!({ "argv": ["true"] }), "absolute"),
        ("dns.fail", json!({}), "no kind of fault"),
        ("files.hide", json!({ "paht": "/x" }), "paht"),
    ] {
        let why = fault(kind, args.clone()).unwrap_err();
        assert!(why.contains(part), "{kind} {args}: {why}");
    }
}

#[tokio::test]
async fn a_spoilt_file_is_put_back_unless_it_was_repaired() {
    let (_dir, folder) = scratch();
    let file = folder.join("shop.json");
    let args = json!({ "path": file, "content": "{" });
    fs::write(&file, "{\"a\":1}").unwrap();
    let done = inject(&folder, "files.spoil", args.clone()).await.unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "{");
    assert!(done.undo().await.contains("has its content again"));
    assert_eq!((fs::read_to_string(&file).unwrap().as_str(), names(&folder).len()), ("{\"a\":1}", 1));

    // heald wrote a default: it stays, and so does what was there.
    let done = inject(&folder, "files.spoil", args.clone()).await.unwrap();
    fs::write(&file, "{}").unwrap();
    let words = done.undo().await;
    assert!(words.contains("was repaired meanwhile") && words.contains(".heald-drill-original.shop.json"), "{words}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "{}");
    assert_eq!(fs::read_to_string(folder.join(".heald-drill-original.shop.json")).unwrap(), "{\"a\":1}");

    // Removed by somebody: it is there again.
    let done = inject(&folder, "files.spoil", args).await.unwrap();
    fs::remove_file(&file).unwrap();
    done.undo().await;
    assert_eq!(fs::read_to_string(&file).unwrap(), "{}");
}

#[tokio::test]
async fn a_hidden_file_comes_back_and_a_new_one_stays() {
    let (_dir, folder) = scratch();
    let file = folder.join("flag");
    fs::write(&file, "1").unwrap();
    let done = inject(&folder, "files.hide", json!({ "path": file })).await.unwrap();
    assert!(!file.exists());
    done.undo().await;
    assert_eq!((fs::read_to_string(&file).unwrap().as_str(), names(&folder).len()), ("1", 1));
    let done = inject(&folder, "files.hide", json!({ "path": file })).await.unwrap();
    fs::write(&file, "1").unwrap();
    done.undo().await;
    assert_eq!(names(&folder), ["flag"], "both were the same");
}

#[tokio::test]
async fn junk_is_placed_and_only_junk_is_removed() {
    let (_dir, folder) = scratch();
    fs::write(folder.join("mine.log"), "x").unwrap();
    let args = json!({ "path": folder.join("drill.log"), "size": "4kB", "age": "30d", "count": 3 });
    let done = inject(&folder, "files.place", args.clone()).await.unwrap();
    assert_eq!(names(&folder), ["drill-1.log", "drill-2.log", "drill-3.log", "mine.log"]);
    let found = fs::metadata(folder.join("drill-2.log")).unwrap();
    assert_eq!(found.len(), 4_000);
    assert!(found.modified().unwrap().elapsed().unwrap().as_secs() > 29 * 86_400);
    fs::remove_file(folder.join("drill-2.log")).unwrap();
    assert!(done.undo().await.contains("2 of 3 files"));
    assert_eq!(names(&folder), ["mine.log"]);
    fs::write(folder.join("drill-3.log"), "x").unwrap();
    let why = inject(&folder, "files.place", args).await.map(drop).unwrap_err();
    assert!(why.contains("is there already"), "{why}");
}

#[tokio::test]
async fn an_aged_file_gets_its_time_back() {
    let (_dir, folder) = scratch();
    let file = folder.join("stamp");
    fs::write(&file, "x").unwrap();
    let before = fs::metadata(&file).unwrap().modified().unwrap();
    let done = inject(&folder, "files.age", json!({ "path": file, "by": "3d" })).await.unwrap();
    assert!(fs::metadata(&file).unwrap().modified().unwrap() < before);
    done.undo().await;
    assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), before);
}

#[tokio::test]
async fn a_database_is_spoilt_in_its_middle_and_put_back() {
    let (_dir, folder) = scratch();
    let file = folder.join("shop.db");
    let base = rusqlite::Connection::open(&file).unwrap();
    base.execute_batch("CREATE TABLE t(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000) INSERT INTO t SELECT hex(randomblob(40)) FROM n;").unwrap();
    drop(base);
    let sound = |file: &Path| -> bool {
        let base = rusqlite::Connection::open(file).unwrap();
        base.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).is_ok_and(|said| said == "ok")
    };
    let before = fs::read(&file).unwrap();
    let done = inject(&folder, "sqlite.corrupt", json!({ "database": file })).await.unwrap();
    assert!(!sound(&file));
    done.undo().await;
    assert!(sound(&file) && fs::read(&file).unwrap() == before);
    let done = inject(&folder, "sqlite.lock", json!({ "database": file })).await.unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    assert!(other.execute_batch("INSERT INTO t VALUES (1)").is_err(), "somebody else can write");
    done.undo().await;
    other.execute_batch("INSERT INTO t VALUES (1)").unwrap();
}

#[tokio::test]
async fn links_and_foreign_ground_are_refused() {
    let (_dir, folder) = scratch();
    std::os::unix::fs::symlink("/etc/hostname", folder.join("link")).unwrap();
    for kind in ["files.spoil", "files.hide"] {
        assert!(inject(&folder, kind, json!({ "path": folder.join("link") })).await.is_err(), "{kind} went through a link");
    }
    assert!(inject(&folder, "files.hide", json!({ "path": folder.join("nothing") })).await.is_err());
}

#[tokio::test]
async fn a_port_is_held_until_it_is_let_go() {
    let (_dir, folder) = scratch();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let tools = tools(&folder);
    tools.allow.replace(AllowList { addresses: [address.clone()].into(), ..AllowList::default() });
    let fault = fault("port.hold", json!({ "address": address })).unwrap();
    let marked = Marked::new(&fault, &tools.allow.now()).unwrap();
    let held = marked.inject(&tools, &Undo::Nothing).await.unwrap();
    assert!(std::net::TcpListener::bind(&address).is_err());
    drop(held);
    assert!(std::net::TcpListener::bind(&address).is_ok());
}

#[tokio::test]
async fn a_command_and_its_undo_are_run() {
    let (_dir, folder) = scratch();
    let done = inject(&folder, "command", json!({ "argv": ["/usr/bin/true"], "undo": ["/usr/bin/true", "x"] })).await.unwrap();
    assert_eq!(done.undo, Undo::Run { argv: vec!["/usr/bin/true".into(), "x".into()], timeout: "30s".parse().unwrap() });
    assert!(done.undo().await.contains("ended well"));
}
