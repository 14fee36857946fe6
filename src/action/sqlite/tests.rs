//! On real databases, with real writers beside them.

use super::super::{Action, Progress, read};
use super::backup::is_backup;
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::target::{AllowList, Target, TargetKind};
use crate::link::beneath::Ground;
use crate::link::until::Until;
use crate::link::{Allowed, Tools};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("backups")).unwrap();
        Self { dir }
    }

    fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.dir.path().canonicalize().unwrap().display())
    }

    fn allow(&self) -> AllowList {
        AllowList { paths: [self.at("backups")].into(), databases: [self.at("shop.db")].into(), ..AllowList::default() }
    }

    async fn run(&self, kind: &str, args: Value) -> Acted {
        self.run_on("shop.db", kind, args).await
    }

    async fn run_on(&self, name: &str, kind: &str, args: Value) -> Acted {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tools = Tools {
            systemd: Arc::new(crate::link::systemd::Systemd::new("unix:path=/nonexistent/bus")),
            docker: Arc::new(crate::link::docker::Docker::new("unix:///nonexistent/docker.sock")),
            http: crate::link::http::client().unwrap(),
            alertmanager: None,
            allow: Allowed::new(self.allow()),
        };
        let step = read(kind, args).unwrap().unwrap();
        let target = Target::new(TargetKind::Database, &self.at(name)).unwrap();
        let action = Action::parse(&PlannedStep::new(&step, step.args.clone(), Some(target))).unwrap();
        action.run(&tools, Instant::now() + Duration::from_secs(30), &Progress::none()).await
    }

    /// As [`super::restore`] does it once its unit is known to be stopped.
    fn restore(&self, args: Value) -> Result<Acted, Acted> {
        let params: super::Restore = serde_json::from_value(args).unwrap();
        let until = Until::new(Instant::now() + Duration::from_secs(30));
        let ground = Ground::with_databases(Arc::new(self.allow()));
        params.restored(&self.at("shop.db"), &ground, &until).map_err(|trouble| trouble.into_acted())
    }
}

fn make(path: &str, mode: &str, rows: u32) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", mode).unwrap();
    connection.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT)").unwrap();
    insert(&connection, rows);
    connection
}

fn insert(connection: &Connection, rows: u32) {
    let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
        INSERT INTO orders (what) SELECT printf('%0200d', i) FROM n";
    connection.execute(fill, [rows]).unwrap();
}

fn rows(path: &str) -> i64 {
    Connection::open(path).unwrap().query_row("SELECT count(*) FROM orders", [], |row| row.get(0)).unwrap()
}

fn damage(path: &str) {
    let mut file = fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(file.metadata().unwrap().len() / 2 / 4_096 * 4_096)).unwrap();
    file.write_all(&[0xff; 4_096]).unwrap();
}

fn exists(path: &str) -> bool {
    Path::new(path).exists()
}

#[test]
fn what_does_not_fit_is_refused_when_read() {
    for (kind, args, part) in [
        ("sqlite.backup", json!({}), "to"),
        ("sqlite.backup", json!({ "to": "/b", "keep": 0 }), "1 to 1000"),
        ("sqlite.backup", json!({ "to": "b" }), "absolute"),
        ("sqlite.check", json!({ "database": "/a/../b" }), ".."),
        ("sqlite.check", json!({ "expect": [{ "query": "DELETE FROM t", "is": 1 }] }), "only SELECT"),
        ("sqlite.check", json!({ "expect": [{ "query": "SELECT '{{ labels.x }}'", "is": 1 }] }), "must not become SQL"),
        ("sqlite.check", json!({ "expect": [{ "query": "SELECT 1" }] }), "at_least"),
        ("sqlite.check", json!({ "expect": [{ "query": "SELECT 1", "is": [1] }] }), "one value"),
        ("sqlite.restore", json!({ "from": "/b" }), "must be stopped"),
        ("sqlite.restore", json!({ "from": "/b", "unit": "a.service", "container": "b" }), "must be stopped"),
        ("sqlite.restore", json!({ "from": "/b", "unit": "--now" }), "hyphen"),
    ] {
        let error = match read(kind, args.clone()) {
            Ok(read) => read.unwrap_err(),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(part), "{kind} {args}: {error}");
    }
    assert!(is_backup("shop.db-20261122T180000.123Z.bak", "shop.db"));
    for name in
        ["shop.db-2026.bak", "shop.db-20261122T180000.123Z", "shop.db2-20261122T180000.123Z.bak", "shop.db-mine-xxxxxxxxxx.bak"]
    {
        assert!(!is_backup(name, "shop.db"), "{name}");
    }
}

#[tokio::test]
async fn a_backup_of_a_database_in_use_has_what_is_only_in_its_log() {
    let world = World::new();
    let writer = make(&world.at("shop.db"), "wal", 1_000);
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    insert(&writer, 5);
    // Somebody else's file of nearly such a name.
    fs::write(world.at("backups/shop.db-by-hand.bak"), "mine").unwrap();
    let backup = json!({ "to": world.at("backups"), "keep": 2 });
    for _ in 0..3 {
        let acted = world.run("sqlite.backup", backup.clone()).await;
        assert_eq!(acted.outcome, ActOutcome::Done, "{acted:?}");
        let copy = acted.facts.unwrap()["path"].as_str().unwrap().to_owned();
        assert_eq!(rows(&copy), 1_000, "what is committed, all of it in the log");
        assert!(!exists(&format!("{copy}-wal")));
    }
    let names: Vec<_> = fs::read_dir(world.at("backups")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 3, "two backups and a stranger: {names:?}");
    assert!(exists(&world.at("backups/shop.db-by-hand.bak")));
    writer.execute_batch("COMMIT").unwrap();

    drop(writer);
    damage(&world.at("shop.db"));
    let acted = world.run("sqlite.backup", backup).await;
    assert_eq!(acted.outcome, ActOutcome::Failed, "{acted:?}");
    assert_eq!(fs::read_dir(world.at("backups")).unwrap().count(), 3, "what is damaged makes no backup");
    let other = world.run_on("other.db", "sqlite.backup", json!({ "to": world.at("backups") })).await;
    assert_eq!(other.outcome, ActOutcome::Impossible(Impossible::BadParameters), "{other:?}");
    assert!(other.detail.contains("targets: databases:"), "{other:?}");
}

#[tokio::test]
async fn a_check_sees_damage_and_what_is_missing() {
    let world = World::new();
    let path = world.at("shop.db");
    drop(make(&path, "delete", 1_000));
    let expect = |wanted: Value| json!({ "expect": [wanted] });
    for (args, sound) in [
        (json!({}), true),
        (expect(json!({ "query": "SELECT count(*) FROM orders", "at_least": 1_000 })), true),
        (expect(json!({ "query": "SELECT count(*) FROM orders", "is": 1_000 })), true),
        (expect(json!({ "query": "SELECT what FROM orders WHERE id = 1", "is": format!("{:0200}", 1) })), true),
        (expect(json!({ "query": "SELECT max(what) FROM orders WHERE id < 0", "is": null })), true),
        (expect(json!({ "query": "SELECT count(*) FROM orders", "at_least": 1_001 })), false),
        (expect(json!({ "query": "SELECT count(*) FROM customers", "at_least": 0 })), false),
    ] {
        let acted = world.run("sqlite.check", args.clone()).await;
        assert_eq!(acted.outcome == ActOutcome::Done, sound, "{args}: {acted:?}");
        assert_eq!(acted.facts.unwrap()["sound"], sound, "{args}");
    }
    damage(&path);
    assert_eq!(world.run("sqlite.check", json!({})).await.outcome, ActOutcome::Failed);
    fs::remove_file(&path).unwrap();
    let gone = world.run("sqlite.check", json!({})).await;
    assert!(gone.outcome == ActOutcome::Failed && gone.detail.contains("no such file"), "{gone:?}");
    std::os::unix::fs::symlink(world.at("backups"), &path).unwrap();
    assert_eq!(world.run("sqlite.check", json!({})).await.outcome, ActOutcome::Impossible(Impossible::Refused));
}

#[tokio::test]
async fn a_checkpoint_empties_the_log_unless_a_reader_is_in_the_way() {
    let world = World::new();
    let path = world.at("shop.db");
    let writer = make(&path, "wal", 1_000);
    let acted = world.run("sqlite.checkpoint", json!({})).await;
    assert_eq!(acted.outcome, ActOutcome::Done, "{acted:?}");
    assert_eq!(fs::metadata(world.at("shop.db-wal")).unwrap().len(), 0);
    assert!(acted.facts.unwrap()["wal_bytes"].as_u64().unwrap() > 100_000);

    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM orders").unwrap();
    insert(&writer, 10);
    let step = read("sqlite.checkpoint", json!({})).unwrap().unwrap();
    let target = Target::new(TargetKind::Database, &path).unwrap();
    let action = Action::parse(&PlannedStep::new(&step, step.args.clone(), Some(target))).unwrap();
    let tools = Tools {
        systemd: Arc::new(crate::link::systemd::Systemd::new("unix:path=/nonexistent/bus")),
        docker: Arc::new(crate::link::docker::Docker::new("unix:///nonexistent/docker.sock")),
        http: crate::link::http::client().unwrap(),
        alertmanager: None,
        allow: Allowed::new(world.allow()),
    };
    let acted = action.run(&tools, Instant::now() + Duration::from_secs(2), &Progress::none()).await;
    assert!(acted.outcome == ActOutcome::Failed && acted.detail.contains("busy"), "{acted:?}");
    drop((reader, writer));
    fs::remove_file(&path).unwrap();
    drop(make(&path, "delete", 1));
    let acted = world.run("sqlite.checkpoint", json!({})).await;
    assert!(acted.outcome == ActOutcome::Done && acted.detail.contains("no write-ahead log"), "{acted:?}");
}

#[tokio::test]
async fn nothing_is_restored_while_it_is_not_known_to_be_stopped() {
    let world = World::new();
    drop(make(&world.at("shop.db"), "delete", 1));
    drop(make(&world.at("backups/good.db"), "delete", 2));
    let args = json!({ "from": world.at("backups/good.db"), "unit": "shop.service" });
    assert_eq!(world.run("sqlite.restore", args).await.outcome, ActOutcome::NotSent, "systemd can't be asked");
    assert_eq!(rows(&world.at("shop.db")), 1);
    let args = json!({ "from": "/elsewhere/good.db", "unit": "shop.service" });
    assert_eq!(world.run("sqlite.restore", args).await.outcome, ActOutcome::NotSent);
}

/// The trap: the log of the old database lies beside the new file, and brings the old rows back.
#[tokio::test]
async fn an_old_log_does_not_survive_a_restore() {
    let world = World::new();
    let path = world.at("shop.db");
    drop(make(&world.at("backups/a.db"), "wal", 7));
    // As a killed writer leaves it: all rows in the log only.
    let writer = make(&path, "wal", 1_000);
    let log = fs::read(world.at("shop.db-wal")).unwrap();
    let main = fs::read(&path).unwrap();
    drop(writer);
    fs::write(&path, main).unwrap();
    fs::write(world.at("shop.db-wal"), log).unwrap();

    let args = json!({ "from": world.at("backups/*.db"), "unit": "shop.service" });
    let acted = world.restore(args).unwrap();
    let facts = acted.facts.unwrap();
    assert_eq!(facts["removed"], json!(["-wal"]));
    assert_eq!(rows(&path), 7);
    assert_eq!(rows(facts["aside"].as_str().unwrap()), 1_000, "what was there is kept with its log");

    // And back, as a rollback does it; sound or not.
    let aside = facts["aside"].as_str().unwrap();
    damage(aside);
    let strict = world.restore(json!({ "from": aside, "unit": "shop.service" })).unwrap_err();
    assert_eq!(strict.outcome, ActOutcome::Failed, "{strict:?}");
    assert_eq!(rows(&path), 7, "a backup that is not sound touches nothing");
    world.restore(json!({ "from": aside, "unit": "shop.service", "as_it_is": true })).unwrap();
    assert_eq!(fs::read(&path).unwrap(), fs::read(aside).unwrap());
}

#[tokio::test]
async fn a_restore_looks_for_open_files_and_for_what_is_expected() {
    let world = World::new();
    let path = world.at("shop.db");
    drop(make(&world.at("backups/a.db"), "delete", 7));
    let writer = make(&path, "delete", 1);
    let args = json!({ "from": world.at("backups/a.db"), "unit": "shop.service" });
    let held = world.restore(args.clone()).unwrap_err();
    assert_eq!(held.outcome, ActOutcome::Impossible(Impossible::Refused), "{held:?}");
    drop(writer);
    let mut more = args.clone();
    more["expect"] = json!([{ "query": "SELECT count(*) FROM orders", "at_least": 8 }]);
    assert_eq!(world.restore(more).unwrap_err().outcome, ActOutcome::Failed);
    assert_eq!(rows(&path), 1);
    world.restore(args).unwrap();
    assert_eq!(rows(&path), 7);
    fs::remove_file(&path).unwrap();
    let acted = world.restore(json!({ "from": world.at("backups/a.db"), "container": "shop" })).unwrap();
    assert!(acted.facts.unwrap()["aside"].is_null());
    assert_eq!(rows(&path), 7);
}
