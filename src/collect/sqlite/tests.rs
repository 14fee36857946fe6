//! On real files, with real writers beside them.

use super::super::page::page;
use super::*;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::AtomicU32;

/// A thousand rows, in many pages; `mode`: SQLite's journal.
fn make(path: &Path, mode: &str) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", mode).unwrap();
    connection
        .execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY, what TEXT); CREATE INDEX by_what ON orders (what);")
        .unwrap();
    insert(&connection, 1_000);
    connection
}

fn insert(connection: &Connection, rows: u32) {
    let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
        INSERT INTO orders (what) SELECT printf('%0200d', i) FROM n";
    connection.execute(fill, [rows]).unwrap();
}

fn database(path: &Path) -> Database {
    let (name, service) = ("shop".to_owned(), "shop".to_owned());
    let (every, deadline) = (Duration::from_secs(3_600), Duration::from_secs(60));
    Database { name, path: path.to_owned(), service, every, depth: Depth::Quick, deadline, expect: None }
}

fn checked(path: &Path) -> Result<Verdict, String> {
    check(&database(path), &Arc::default())
}

#[track_caller]
fn is_bad(path: &Path, words: &str) {
    match checked(path) {
        Ok(Verdict::Bad(why)) => assert!(why.contains(words), "{why}"),
        other => panic!("{other:?}"),
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn damage_is_found_and_what_is_no_damage_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop 100%?#.db");
    drop(make(&path, "delete"));
    assert_eq!(checked(&path), Ok(Verdict::Sound));
    // SQLite ignores what lies behind the last page.
    fs::File::options().append(true).open(&path).unwrap().write_all(&[0; 1024]).unwrap();
    assert_eq!(checked(&path), Ok(Verdict::Sound));
    let middle = fs::metadata(&path).unwrap().len() / 2 / 4096 * 4096;
    overwrite(&path, middle, &[0xff; 4096]);
    is_bad(&path, "");
    overwrite(&path, 0, &[0x41; 100]);
    is_bad(&path, "not a database");
    assert_eq!(names(dir.path()).len(), 1, "nothing was left behind");
}

#[test]
fn missing_and_empty_are_bad_and_a_folder_is_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    is_bad(&dir.path().join("gone.db"), "no such file");
    fs::write(dir.path().join("empty.db"), "").unwrap();
    is_bad(&dir.path().join("empty.db"), "is empty");
    assert!(checked(dir.path()).unwrap_err().contains("no regular file"));
}

#[test]
fn a_closed_wal_database_is_read_without_a_trace() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.db");
    drop(make(&path, "wal"));
    assert_eq!(names(dir.path()), BTreeSet::from(["shop.db".to_owned()]), "the last one to close takes the log away");
    assert_eq!(checked(&path), Ok(Verdict::Sound));
    assert_eq!(names(dir.path()), BTreeSet::from(["shop.db".to_owned()]));
}

#[test]
fn a_wal_database_in_use_is_read_with_its_log_and_its_writer_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.db");
    let writer = make(&path, "wal");
    let before = names(dir.path());
    // In the middle of a transaction.
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    insert(&writer, 100);
    assert_eq!(checked(&path), Ok(Verdict::Sound));
    writer.execute_batch("COMMIT").unwrap();
    assert_eq!(names(dir.path()), before);
    // What counts is the database with its log: all rows are in the log only.
    let expect = |min| Some(Expect { query: "SELECT count(*) FROM orders".to_owned(), min });
    let with = |min| check(&Database { expect: expect(min), ..database(&path) }, &Arc::default());
    assert_eq!(with(1_100.0), Ok(Verdict::Sound));
    assert!(matches!(with(1_101.0), Ok(Verdict::Bad(why)) if why.contains("gives 1100")));
}

#[test]
fn a_lock_is_no_damage_and_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.db");
    let writer = make(&path, "delete");
    writer.execute_batch("PRAGMA cache_size=1; BEGIN EXCLUSIVE").unwrap();
    assert_eq!(checked(&path), Ok(Verdict::Sound));
    // More than its cache holds: half of the transaction is in the file, and the journal can undo it.
    insert(&writer, 5_000);
    assert!(checked(&path).unwrap_err().contains("locked"));
    writer.execute_batch("COMMIT").unwrap();
    assert_eq!(checked(&path), Ok(Verdict::Sound));
}

/// Locks between processes are others than those within one.
struct Writer(std::process::Child);

const WRITER: &str = "HEALD_TEST_WRITES";

impl Writer {
    /// In the middle of a transaction on a database in WAL mode.
    fn start(path: &Path) -> Self {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "collect::sqlite::tests::be_the_writer", "--ignored", "--nocapture"])
            .env(WRITER, path)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line.ends_with("writing")), "the writer has ended");
        Self(child)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
#[ignore = "not a test: the other process of one"]
fn be_the_writer() {
    let Some(path) = std::env::var_os(WRITER) else { return };
    let writer = make(Path::new(&path), "wal");
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    insert(&writer, 100);
    println!("\nwriting");
    // Until it is killed.
    drop(std::io::stdin().read_line(&mut String::new()));
}

#[test]
fn another_process_keeps_its_log_alive_or_dead() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.db");
    let writer = Writer::start(&path);
    let before = names(dir.path());
    assert_eq!(before.len(), 3, "{before:?}");
    let sizes = || ["", "-wal", "-shm"].map(|ending| fs::metadata(beside(&path, ending)).unwrap().len());
    let as_it_was = sizes();
    assert_eq!(checked(&path), Ok(Verdict::Sound));
    drop(writer);
    assert_eq!(checked(&path), Ok(Verdict::Sound), "its log lies there, and nobody has it open");
    assert_eq!((names(dir.path()), sizes()), (before, as_it_was));
    assert_eq!(Connection::open(&path).unwrap().query_row("SELECT count(*) FROM orders", [], |row| row.get(0)), Ok(1_000));
}

#[test]
fn a_database_that_is_open_here_keeps_its_locks() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.db");
    let writer = make(&path, "delete");
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(checked(&path), Ok(Verdict::Sound));
    // The kernel's list of locks: one of this process on this file.
    let inode = format!(":{} ", fs::metadata(&path).unwrap().ino());
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let pid = format!(" {} ", std::process::id());
    assert!(locks.lines().any(|line| line.contains(&inode) && line.contains(&pid)), "{inode}{pid}\n{locks}");
}

#[test]
fn a_dead_writers_journal_is_left_to_the_next_writer() {
    let dir = tempfile::tempdir().unwrap();
    let (path, crashed) = (dir.path().join("shop.db"), dir.path().join("crashed.db"));
    let writer = make(&path, "delete");
    writer.execute_batch("PRAGMA cache_size=1; BEGIN IMMEDIATE").unwrap();
    insert(&writer, 5_000);
    for ending in ["", "-journal"] {
        fs::copy(beside(&path, ending), beside(&crashed, ending)).unwrap();
    }
    drop(writer);
    let before = names(dir.path());
    let answer = checked(&crashed);
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(names(dir.path()), before, "nothing was rolled back");
    assert_eq!(Connection::open(&crashed).unwrap().query_row("SELECT count(*) FROM orders", [], |row| row.get(0)), Ok(1_000));
    assert_eq!(checked(&crashed), Ok(Verdict::Sound));
}

#[test]
fn a_writer_at_work_is_neither_held_up_nor_called_damage() {
    for mode in ["delete", "truncate", "persist", "wal"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shop.db");
        let writer = make(&path, mode);
        let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (ends, counted) = (Arc::clone(&stop), Arc::clone(&rounds));
        let working = std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                // Fails where it is kept from writing for longer than five seconds.
                insert(&writer, 50);
                let round = counted.fetch_add(1, Ordering::Relaxed);
                writer.execute("DELETE FROM orders WHERE id % 7 = ?1", [round % 7]).unwrap();
            }
        });
        while rounds.load(Ordering::Relaxed) < 10 {
            // Of a busy one it may know nothing; damage it never is.
            let answer = checked(&path);
            assert!(!matches!(answer, Ok(Verdict::Bad(_))), "{mode}: {answer:?}");
        }
        stop.store(true, Ordering::Relaxed);
        working.join().unwrap();
        assert_eq!(checked(&path), Ok(Verdict::Sound), "{mode}");
    }
}

#[test]
fn what_is_expected_in_it_counts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.db");
    drop(make(&path, "delete"));
    for (query, verdict) in [
        ("SELECT count(*) FROM orders", Ok("")),
        ("SELECT count(*) FROM customers", Ok("no such table")),
        ("SELECT what FROM orders LIMIT 1", Ok("a number is expected")),
        ("SELECT id FROM orders WHERE id < 0", Ok("no rows")),
        ("DELETE FROM orders RETURNING id", Err("readonly")),
    ] {
        let expect = Some(Expect { query: query.to_owned(), min: 1.0 });
        match (check(&Database { expect, ..database(&path) }, &Arc::default()), verdict) {
            (Ok(Verdict::Sound), Ok("")) => {}
            (Ok(Verdict::Bad(why)), Ok(words)) => assert!(!words.is_empty() && why.contains(words), "{query}: {why}"),
            (Err(why), Err(words)) => assert!(why.contains(words), "{query}: {why}"),
            (other, _) => panic!("{query}: {other:?}"),
        }
    }
}

#[test]
fn a_check_ends_at_its_deadline_and_with_heald() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.db");
    let connection = make(&path, "delete");
    insert(&connection, 100_000);
    let at_once = Database { deadline: Duration::ZERO, ..database(&path) };
    assert!(check(&at_once, &Arc::default()).unwrap_err().contains("not done within"));
    assert!(check(&database(&path), &Arc::new(AtomicBool::new(true))).unwrap_err().contains("heald is ending"));
}

#[tokio::test(start_paused = true)]
async fn a_result_is_kept_for_as_long_as_it_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.db");
    drop(make(&path, "delete"));
    let databases = Databases::new(vec![database(&path)]);
    let (shared, stop) = (Arc::clone(&databases.shared), Arc::default());
    shared.check_due(&stop);
    overwrite(&path, 0, &[0x41; 100]);
    tokio::time::advance(Duration::from_secs(3_599)).await;
    shared.check_due(&stop);
    let text = page(databases.collect().await.families);
    let labels = "{database=\"shop\",service=\"shop\"}";
    assert!(text.contains(&format!("heald_sqlite_ok{labels} 1\n")), "{text}");
    assert!(text.contains(&format!("heald_sqlite_size_bytes{labels} {}\n", fs::metadata(&path).unwrap().len())), "{text}");
    assert!(text.contains(&format!("heald_sqlite_wal_bytes{labels} 0\n")), "{text}");
    assert!(text.contains("heald_sqlite_checked_timestamp_seconds{"), "{text}");
    tokio::time::advance(Duration::from_secs(1)).await;
    shared.check_due(&stop);
    assert!(page(databases.collect().await.families).contains(&format!("heald_sqlite_ok{labels} 0\n")));
}

#[tokio::test]
async fn a_scrape_starts_the_check_and_the_next_one_shows_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.db");
    drop(make(&path, "delete"));
    let databases = Databases::new(vec![database(&path)]);
    let first = databases.collect().await;
    assert_eq!(first.failed, None);
    let shown = async {
        while !page(databases.collect().await.families).contains("heald_sqlite_ok{database=\"shop\",service=\"shop\"} 1") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), shown).await.unwrap();
}
