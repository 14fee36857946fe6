//! `files.*` and `sqlite.*` by a real heald: a disk that is really full, a database with a writer in WAL mode, a unit that is
//! really stopped; each kind once as it should be, once failing, once refused.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::journal::Record;
use crate::lab::{Context as _, Error, Heald, Result, wait_for};
use crate::scene::{REPAIR, Scene, check, equal, journal};
use crate::victims::Unit;

const DAY: Duration = Duration::from_secs(86_400);
const DISK_MB: usize = 8;

/// A folder of this test's own.
struct Ground {
    dir: PathBuf,
}

impl Ground {
    fn new(scene: &Scene) -> Result<Self> {
        // Not below the folder of heald's state.
        let dir = scene.stack().run().dir().join(format!("act-{}", scene.name));
        fs::create_dir_all(dir.join("books"))?;
        Ok(Self { dir: dir.canonicalize()? })
    }

    fn at(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    fn folder(&self, name: &str) -> Result<String> {
        fs::create_dir_all(self.dir.join(name))?;
        Ok(self.at(name))
    }

    fn old(&self, name: &str, bytes: &[u8], days: u32) -> Result<()> {
        fs::write(self.dir.join(name), bytes)?;
        let file = fs::File::options().append(true).open(self.dir.join(name))?;
        file.set_modified(SystemTime::now() - days * DAY).context("set a file's time")
    }

    /// `rungs`: of Auto-recovery, as YAML; `probes`: what must hold at the end.
    fn book(&self, name: &str, target: &str, front: &str, rungs: &str, probes: &str) -> Result<()> {
        let text = format!(
            "---\nplaybook: {name}\nmatch: ['alertname=\"{name}\"']\ntarget: {{ {target}: \"{{{{ labels.target }}}}\" }}\nmode: auto\n\
             {front}---\n# {name}\n\n## Auto-recovery\n\n```yaml\n{rungs}\n```\n\n## Verify\n\n```yaml\nwithin: 5s\nstable: 0s\n\
             all:\n{probes}\n```\n"
        );
        fs::write(self.dir.join(format!("books/{name}.md")), text).context("write a playbook")
    }

    async fn heald(&self, scene: &Scene, units: &[&str], targets: Value) -> Result<Arc<Heald>> {
        let books = self.dir.join("books");
        let heald = scene.heald(|options| {
            options.playbooks = vec![books];
            options.overrides = json!({});
            options.units = units.iter().map(|unit| (*unit).to_owned()).collect();
            let mut all = json!({ "units": units });
            for (key, value) in targets.as_object().into_iter().flatten() {
                all[key] = value.clone();
            }
            options.more = json!({ "targets": all });
            options.guards = json!({ "severity": { "several": { "attempts": 10, "within": "10m" } } });
        })?;
        heald.start("").await?;
        Ok(heald)
    }
}

/// Runs a playbook by hand until `steps` of its steps have ended: their records, in order.
async fn run(heald: &Heald, name: &str, target: &str, steps: usize) -> Result<Vec<Record>> {
    heald.command(&["run", name, &format!("target={target}")]).await?;
    let journal = journal(heald);
    let opened =
        journal.wait("the incident", REPAIR, |record| record.kind == "opened" && record.body.to_string().contains(name)).await?;
    wait_for(&format!("{steps} steps of {name}"), 2 * REPAIR, async || {
        let all = journal.records()?;
        let own: Vec<_> = all.into_iter().filter(|record| record.incident == opened.incident).collect();
        let ended: Vec<_> = own.iter().filter(|record| record.kind == "step_ended").cloned().collect();
        let last = own.last().map_or_else(String::new, Record::line);
        if ended.len() >= steps { Ok(ended) } else { Err(format!("{} ended; last: {last}", ended.len()).into()) }
    })
    .await
}

fn outcome(record: &Record) -> String {
    let outcome = &record.body["acted"]["outcome"];
    outcome.as_str().map_or_else(|| outcome["impossible"].as_str().unwrap_or("?").to_owned(), str::to_owned)
}

fn facts(record: &Record) -> &Value {
    &record.body["acted"]["facts"]
}

/// A ladder on a disk that is full: compressing has no room, moving helps a little, deleting enough.
pub async fn full_disk(scene: Arc<Scene>) -> Result<()> {
    let ground = Ground::new(&scene)?;
    let (disk, archive) = (ground.folder("disk")?, ground.folder("archive")?);
    let size = format!("size={DISK_MB}m");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "heald-lab"]).arg(&disk).status();
    check(mounted.context("mount a tmpfs")?.success(), || "a tmpfs can't be mounted: the live tests need root".into())?;
    let mount = Mount(disk.clone());
    let outside = ground.folder("outside")?;
    fs::write(format!("{outside}/precious"), "precious")?;

    // Not compressible, so that there is never room for the copy.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        // Marsaglia's xorshift.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.to_le_bytes()
    })
    .take(1 << 17)
    .flatten()
    .collect();
    for nth in 0..6 {
        ground.old(&format!("disk/{nth}.out"), &noise, 9)?;
    }
    ground.old("disk/big.tar", &noise, 9)?;
    std::os::unix::fs::symlink(format!("{outside}/precious"), format!("{disk}/link.out"))?;
    // What is left, to the last byte.
    let mut rest = fs::File::create(format!("{disk}/rest"))?;
    while rest.write(&[1; 4_096]).is_ok() {}
    drop(rest);

    let rungs = format!(
        "- try: compress\n  do:\n    - files.compress_older: {{ path: {disk}, glob: \"*.out\", older_than: 7d }}\n\
         - try: move\n  do:\n    - files.archive_larger: {{ path: {disk}, glob: \"*.tar\", larger_than: 100kB, to: {archive} }}\n      register: moved\n\
         - try: delete\n  irreversible: accepted\n  do:\n    - files.delete_older: {{ path: {disk}, glob: \"*.out\", older_than: 7d, keep: 2 }}"
    );
    let limits = "limits: { attempts: 5, cooldown: 1s, settle: 1s }\n";
    ground.book("disk-full", "path", limits, &rungs, &format!("  - disk: {{ path: {disk}, free_min: 50% }}"))?;
    let heald = ground.heald(&scene, &[], json!({ "paths": [disk, archive] })).await?;
    let ended = run(&heald, "disk-full", &disk, 3).await?;
    equal("compress", outcome(&ended[0]).as_str(), "failed")?;
    check(ended[0].text().contains("No space left"), || ended[0].line())?;
    equal("move", outcome(&ended[1]).as_str(), "done")?;
    equal("moved", facts(&ended[1])["names"].clone(), json!(["big.tar"]))?;
    equal("delete", outcome(&ended[2]).as_str(), "done")?;
    equal("deleted", facts(&ended[2])["files"].clone(), json!(4))?;
    equal("left alone", facts(&ended[2])["skipped"].clone(), json!({ "symlink": 1 }))?;
    let healed = journal(&heald).wait_kind("healed", REPAIR).await?;
    scene.say(&healed.text());
    equal("the archive", fs::read(format!("{archive}/big.tar"))? == noise, true)?;
    equal("what the link leads to", fs::read_to_string(format!("{outside}/precious"))?, "precious".to_owned())?;
    equal("files on the disk", fs::read_dir(&disk)?.count(), 2 + 1 + 1)?;
    drop(mount);
    Ok(())
}

/// Each kind as it should be, failing, and refused, as the steps of one rung.
pub async fn each_kind(scene: Arc<Scene>) -> Result<()> {
    let ground = Ground::new(&scene)?;
    let (dir, archive, outside) = (ground.folder("in")?, ground.folder("archive")?, ground.folder("outside")?);
    fs::write(format!("{outside}/precious"), "precious")?;
    std::os::unix::fs::symlink(&outside, format!("{dir}/way"))?;
    std::os::unix::fs::symlink(format!("{outside}/precious"), format!("{dir}/link"))?;
    fs::hard_link(format!("{outside}/precious"), format!("{dir}/second"))?;
    let pipe = Command::new("mkfifo").arg(format!("{dir}/pipe")).status();
    check(pipe.context("mkfifo")?.success(), || "no pipe".into())?;
    for (name, text) in
        [("a.log", "a".repeat(9_000)), ("b.tmp", "b".into()), ("c.tar", "c".repeat(9_000)), ("conf", "broken".into())]
    {
        ground.old(&format!("in/{name}"), text.as_bytes(), 9)?;
    }
    ground.old("in/conf.bak", b"good", 1)?;
    ground.old("in/default", b"default", 1)?;
    ground.old("in/empty.bak", b"", 1)?;
    ground.old("in/taken.tar", b"ours", 9)?;
    ground.old("archive/taken.tar", b"theirs", 9)?;

    // (step, its outcome)
    let steps = [
        (format!("files.copy_aside: {{ path: {dir}/conf }}"), "done"),
        (format!("files.copy_aside: {{ path: {dir}/gone }}"), "not_found"),
        (format!("files.copy_aside: {{ path: {dir}/link }}"), "refused"),
        (format!("files.restore_backup: {{ path: {dir}/conf }}"), "done"),
        (format!("files.restore_backup: {{ path: {dir}/empty }}"), "refused"),
        (format!("files.restore_backup: {{ path: {dir}/second, from: {dir}/conf }}"), "refused"),
        (format!("files.restore_backup: {{ path: {dir}/conf, from: \"{dir}/nothing-*\" }}"), "not_found"),
        (format!("files.write_default: {{ path: {dir}/new, from: {dir}/default }}"), "done"),
        (format!("files.write_default: {{ path: {dir}/new2, from: {dir}/gone }}"), "not_found"),
        (format!("files.write_default: {{ path: {dir}/pipe, from: {dir}/default, replace: true }}"), "refused"),
        (format!("files.touch: {{ path: {dir}/flag }}"), "done"),
        (format!("files.touch: {{ path: {dir}/gone/flag }}"), "not_found"),
        (format!("files.touch: {{ path: {dir}/way/flag }}"), "refused"),
        (format!("files.remove: {{ path: {dir}/flag }}"), "done"),
        (format!("files.remove: {{ path: {dir}/gone/flag }}"), "not_found"),
        (format!("files.remove: {{ path: {dir}/link }}"), "refused"),
        (format!("files.compress_older: {{ path: {dir}, glob: \"*.log\", older_than: 7d }}"), "done"),
        (format!("files.compress_older: {{ path: {dir}/gone, glob: \"*\", older_than: 7d }}"), "not_found"),
        (format!("files.compress_older: {{ path: {dir}/way, glob: \"*\", older_than: 7d }}"), "refused"),
        (format!("files.archive_larger: {{ path: {dir}, glob: \"c.*\", larger_than: 1kB, to: {archive} }}"), "done"),
        (format!("files.archive_larger: {{ path: {dir}, glob: \"taken.*\", larger_than: 1B, to: {archive} }}"), "failed"),
        (format!("files.archive_larger: {{ path: {dir}/way, glob: \"*\", larger_than: 1B, to: {archive} }}"), "refused"),
        (format!("files.move_back: {{ path: {dir}, from: {archive}, names: '[\"c.tar\"]' }}"), "done"),
        (format!("files.move_back: {{ path: {dir}, from: {archive}, names: '[\"gone\"]' }}"), "failed"),
        (format!("files.move_back: {{ path: {dir}/way, from: {archive}, names: '[\"taken.tar\"]' }}"), "refused"),
        (format!("files.delete_older: {{ path: {dir}, glob: \"*.tmp\", older_than: 7d, keep: 0 }}"), "done"),
        (format!("files.delete_older: {{ path: {dir}/gone, glob: \"*\", older_than: 7d }}"), "not_found"),
        (format!("files.delete_older: {{ path: {dir}/way, glob: \"*\", older_than: 7d, keep: 0 }}"), "refused"),
    ];
    let list: String = steps.iter().map(|(step, _)| format!("    - {step}\n      optional: true\n")).collect();
    let rungs = format!("- try: all of it\n  irreversible: accepted\n  do:\n{list}");
    ground.book("each-kind", "path", "act_on: alert\n", rungs.trim_end(), &format!("  - file: {{ path: {dir}/conf }}"))?;
    let not_ours = format!("- files.touch: {{ path: {outside}/flag }}");
    ground.book("not-ours", "path", "act_on: alert\n", &not_ours, &format!("  - file: {{ path: {dir}/conf }}"))?;
    let heald = ground.heald(&scene, &[], json!({ "paths": [dir, archive] })).await?;
    let ended = run(&heald, "each-kind", &dir, steps.len()).await?;
    let wrong: Vec<_> = steps.iter().zip(&ended).filter(|((_, wanted), record)| outcome(record) != *wanted).collect();
    let told = |((step, wanted), record): &(&(String, &str), &Record)| format!("\n{step}: not {wanted}: {}", record.line());
    check(wrong.is_empty(), || wrong.iter().map(told).collect())?;
    equal("conf", fs::read_to_string(format!("{dir}/conf"))?, "good".to_owned())?;
    equal("precious", fs::read_to_string(format!("{outside}/precious"))?, "precious".to_owned())?;
    equal("outside", fs::read_dir(&outside)?.count(), 1)?;
    let kinds: BTreeMap<&str, usize> = steps.iter().fold(BTreeMap::new(), |mut kinds, (step, _)| {
        *kinds.entry(step.split(':').next().unwrap_or_default()).or_default() += 1;
        kinds
    });
    scene.say(&format!("{} kinds, {} steps", kinds.len(), steps.len()));

    // What the allow-list does not name is not even begun.
    let refused = heald.command(&["run", "not-ours", &format!("target={archive}")]).await;
    let why = refused.map_or_else(|error| error.to_string(), |text| format!("it was taken: {text}"));
    check(why.contains("is not on the allow-list"), || why)?;
    check(!Path::new(&format!("{outside}/flag")).exists(), || "a file was made outside".into())
}

/// A writer in WAL mode: a backup and a checkpoint beside it, no restore under it, and one when it is gone.
pub async fn database(scene: Arc<Scene>) -> Result<()> {
    let host = scene.stack().host();
    let unit = Unit::start(host, scene.name).await?;
    let ground = Ground::new(&scene)?;
    let backups = ground.folder("backups")?;
    let database = ground.at("shop.db");
    let mut writer = Shell::open(&database)?;
    writer.say("PRAGMA journal_mode=wal; PRAGMA wal_autocheckpoint=0; CREATE TABLE orders (what TEXT); \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO orders SELECT printf('%0200d', i) FROM n;")?;
    wait_for("the rows", REPAIR, async || match rows(&database) {
        Ok(500) => Ok(()),
        other => Err(format!("{other:?}").into()),
    })
    .await?;
    fs::write(format!("{backups}/bad.db"), "no database at all, but long enough to be taken for one")?;

    let name = unit.name();
    let count = |wanted: u32| format!("expect: [{{ query: \"SELECT count(*) FROM orders\", at_least: {wanted} }}]");
    let steps = [
        (format!("sqlite.backup: {{ to: {backups}, keep: 3 }}"), "done"),
        (format!("sqlite.backup: {{ to: {backups}/gone }}"), "not_found"),
        (format!("sqlite.backup: {{ to: {backups}/bad.db }}"), "refused"),
        (format!("sqlite.check: {{ {} }}", count(500)), "done"),
        (format!("sqlite.check: {{ {} }}", count(501)), "failed"),
        ("sqlite.checkpoint: {}".to_owned(), "done"),
        (format!("sqlite.restore: {{ from: \"{backups}/shop.db-*.bak\", unit: {name} }}"), "refused"),
    ];
    let list: String = steps.iter().map(|(step, _)| format!("    - {step}\n      optional: true\n")).collect();
    let rungs = format!("- try: all of it\n  irreversible: accepted\n  do:\n{list}");
    ground.book("in-use", "database", "act_on: alert\n", rungs.trim_end(), "  - sqlite: {}")?;
    let busy = "- sqlite.checkpoint: {}\n  timeout: 3s";
    ground.book("busy", "database", "act_on: alert\n", busy, "  - sqlite: {}")?;
    let restore = format!(
        "- try: first a backup that is none, then the newest good one\n  do:\n    - systemd.stop: {{ unit: {name} }}\n\
         \x20   - sqlite.restore: {{ from: {backups}/bad.db, unit: {name} }}\n      optional: true\n\
         \x20   - sqlite.restore: {{ from: \"{backups}/shop.db-*.bak\", unit: {name} }}\n      register: restored\n\
         \x20   - systemd.start: {{ unit: {name} }}"
    );
    let front = "limits: { cooldown: 1s, settle: 1s }\n";
    let probes = format!(
        "  - sqlite: {{ expect: [{{ query: \"SELECT count(*) FROM orders\", is: 500 }}] }}\n  - systemd.active: {{ unit: {name} }}"
    );
    ground.book("restore", "database", front, &restore, &probes)?;
    let elsewhere = ground.at("other.db");
    drop(rusqlite::Connection::open(&elsewhere)?);
    let heald = ground.heald(&scene, &[name], json!({ "paths": [backups], "databases": [database] })).await?;

    let ended = run(&heald, "in-use", &database, steps.len()).await?;
    let wrong: Vec<_> = steps.iter().zip(&ended).filter(|((_, wanted), record)| outcome(record) != *wanted).collect();
    let told = |((step, wanted), record): &(&(String, &str), &Record)| format!("\n{step}: not {wanted}: {}", record.line());
    check(wrong.is_empty(), || wrong.iter().map(told).collect())?;
    let copy = facts(&ended[0])["path"].as_str().unwrap_or_default().to_owned();
    equal("rows of the backup", rows(&copy)?, 500)?;
    equal("bytes of the log after the checkpoint", fs::metadata(format!("{database}-wal"))?.len(), 0)?;
    let other = heald.command(&["run", "in-use", &format!("target={elsewhere}")]).await;
    check(other.is_err_and(|error| error.to_string().contains("allow-list")), || "another database was taken".into())?;

    // One who reads and does not end keeps the log.
    close(&heald, "in-use").await?;
    let mut reader = Shell::open(&database)?;
    reader.say("BEGIN; SELECT count(*) FROM orders;")?;
    writer.say("DELETE FROM orders; INSERT INTO orders VALUES ('wrong');")?;
    wait_for("the damage", REPAIR, async || match rows(&database) {
        Ok(1) => Ok(()),
        other => Err(format!("{other:?}").into()),
    })
    .await?;
    let ended = run(&heald, "busy", &database, 1).await?;
    equal("checkpoint beside a reader", outcome(&ended[0]).as_str(), "failed")?;
    close(&heald, "busy").await?;
    // SIGKILL: the log stays, with what must not come back.
    drop((reader, writer));
    check(fs::metadata(format!("{database}-wal"))?.len() > 0, || "no log was left behind".into())?;

    let ended = run(&heald, "restore", &database, 4).await?;
    equal("stop", outcome(&ended[0]).as_str(), "done")?;
    equal("a backup that is none", outcome(&ended[1]).as_str(), "failed")?;
    equal("restore", outcome(&ended[2]).as_str(), "done")?;
    journal(&heald).wait("the end", REPAIR, |record| record.kind == "healed").await?;
    equal("rows", rows(&database)?, 500)?;
    let aside = facts(&ended[2])["aside"].as_str().unwrap_or_default().to_owned();
    equal("rows of what was there, with its log", rows(&aside)?, 1)?;
    equal("state", unit.state().await?.as_str(), "active")?;
    scene.say(&ended[2].text());
    Ok(())
}

/// Another playbook on the same target waits for this incident's end.
async fn close(heald: &Heald, name: &str) -> Result<()> {
    let journal = journal(heald);
    let opened =
        journal.wait("the incident", REPAIR, |record| record.kind == "opened" && record.body.to_string().contains(name)).await?;
    let id = opened.incident.unwrap_or_default().to_string();
    wait_for("the end of an incident", REPAIR, async || {
        let done = |record: &Record| {
            record.incident == opened.incident && matches!(record.kind.as_str(), "healed" | "escalated" | "closed")
        };
        if journal.records()?.iter().any(done) { Ok(()) } else { Err("it still acts".into()) }
    })
    .await?;
    heald.command(&["close", &id, "--note", "the test goes on"]).await.map(drop)
}

fn rows(path: &str) -> Result<i64> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let open = rusqlite::Connection::open_with_flags(path, flags).context("open a database")?;
    open.query_row("SELECT count(*) FROM orders", [], |row| row.get(0)).context("count rows")
}

/// A `sqlite3` at its prompt; killed with it.
struct Shell(Child);

impl Shell {
    fn open(path: &str) -> Result<Self> {
        let child = Command::new("sqlite3").arg(path).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        Ok(Self(child.context("start sqlite3")?))
    }

    fn say(&mut self, text: &str) -> Result<()> {
        let input = self.0.stdin.as_mut().ok_or_else(|| Error::new("sqlite3 has no input"))?;
        writeln!(input, "{text}").context("tell sqlite3")
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Mount(String);

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
