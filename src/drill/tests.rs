//! Drills as they are read, run against a scripted daemon, measured and told.

use super::fault::Undo;
use super::run::refusals;
use super::under_way::UnderWay;
use super::*;
use crate::domain::playbook::Playbook;
use crate::domain::target::AllowList;
use crate::link::{Allowed, Tools, docker, http, systemd};
use crate::run::view::{IncidentView, Status};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

mod told;

const BOOK: &str = "---\nplaybook: flag-missing\nmatch: ['alertname=\"FlagMissing\"']\ntarget: { path: \"{{ labels.target }}\" }\nmode: \
                    auto\nrecovery_time: 20s\n---\n# Flag\n\n## Auto-recovery\n\n```yaml\n- try: set it\n  do:\n    - files.touch: { \
                    path: \"{{ labels.target }}\" }\n```\n\n## Verify\n\n```yaml\nwithin: 5s\nall:\n  - file: { path: \"{{ \
                    labels.target }}\" }\n```\n\n## Manual fix\n\nTouch it.\n";

fn books(folder: &Path) -> Vec<Arc<Playbook>> {
    fs::write(folder.join("flag.md"), BOOK).unwrap();
    let found = crate::book::load(&[folder.join("flag.md")], &BTreeMap::new(), &BTreeMap::new());
    found.unwrap_or_else(|problems| panic!("{}", problems[0])).into_iter().map(|(_, book)| book).collect()
}

fn one(text: &str) -> Result<Drill, Vec<String>> {
    let vars = BTreeMap::from([("given".to_owned(), BTreeMap::from([("path".to_owned(), json!("/srv/given"))]))]);
    let read = read(Path::new("x.drill.yml"), text, &vars);
    read.map(|mut drills| drills.remove(0))
        .map_err(|found| found.iter().map(|problem| format!("{}: {}", problem.place(), problem.what)).collect())
}

#[test]
fn a_drill_is_read_with_its_variables() {
    let text = "drills:\n  - drill: given\n    playbook: flag-missing\n    covers: [A1, B2]\n    schedule: weekly\n    vars: { path: /srv/x, \
                age: 3d, n: 2 }\n    target: '{{ vars.path }}'\n    alert: { labels: { alertname: FlagMissing, target: '{{ vars.path }}' \
                } }\n    fault:\n      - files.hide: { path: '{{ vars.path }}' }\n      - files.age: { path: '{{ vars.path }}', by: '{{ \
                vars.age }}' }\n    attempts: '{{ vars.n }}'\n    steps: [files.touch]\n    within: 10s\n";
    let drill = one(text).unwrap();
    assert_eq!((drill.target.as_deref(), drill.every, drill.expect), (Some("/srv/given"), Some(Every::Weekly), Expect::Healed));
    assert_eq!(drill.faults[1].text, "files.age { by: 3d, path: /srv/given }");
    assert_eq!(drill.alert.unwrap().labels["target"], "/srv/given");
    assert_eq!((drill.attempts, drill.within, drill.detect_within.as_secs()), (Some(2), Some(Duration::from_secs(10)), 300));
}

#[test]
fn mistakes_of_a_drill_have_their_place() {
    let with =
        |more: &str| format!("drills:\n  - drill: a-b\n    playbook: p\n    fault: [{{ files.hide: {{ path: /x }} }}]\n{more}");
    for (text, expected) in [
        ("drills: []".to_owned(), "x.drill.yml:1:9: `drills` is empty"),
        ("drill: x".to_owned(), "x.drill.yml:1:1: key `drills` is missing"),
        (with("    expcet: healed\n"), "x.drill.yml:5:5: unknown key `expcet`; did you mean `expect`?"),
        (with("    expect: fixed\n"), "x.drill.yml:5:13: \"fixed\" is none of healed, escalated, refused"),
        (with("    schedule: dayly\n"), "x.drill.yml:5:15: \"dayly\" is none of weekly, monthly, quarterly"),
        (with("    within: soon\n"), "x.drill.yml:5:13: \"soon\" is no duration"),
        (with("    target: '{{ vars.unit }}'\n"), "x.drill.yml:5:13: \"{{ vars.unit }}\" can't be filled in"),
        (with("    attempts: 0\n"), "x.drill.yml:2:5: healed by no attempt"),
        (with("    expect: refused\n    steps: [wait]\n"), "x.drill.yml:2:5: `refused` means"),
        (with("    alert: { labels: { target: x } }\n"), "x.drill.yml:5:12: the alert has no `alertname`"),
        (with("").replace("a-b", "A_b"), "x.drill.yml:2:12: \"A_b\" is no name of a drill"),
        (
            with("").replace("files.hide", "files.hied"),
            "x.drill.yml:4:15: \"files.hied\" is no kind of fault; did you mean `files.hide`?",
        ),
        (with("").replace("path: /x", "paht: /x"), "x.drill.yml:4:29: unknown key `paht`; did you mean `path`?"),
        (with("").replace("/x", "'{{ labels.x }}'"), "x.drill.yml:4:35: \"{{ labels.x }}\" can't be filled in"),
        (with("").replace("/x", "x y"), "x.drill.yml:4:15: files.hide: \"x y\" is no path"),
        (
            with("  - { drill: a-b, playbook: p, fault: { files.hide: { path: /x } } }\n"),
            "x.drill.yml:5:5: there is a drill \"a-b\" already",
        ),
    ] {
        let found = one(&text).map(drop).unwrap_err();
        assert!(found[0].starts_with(expected), "{text}\n{found:?}");
    }
}

#[test]
fn the_files_beside_the_playbooks_are_found_and_held_against_them() {
    let dir = tempfile::tempdir().unwrap();
    let books = books(dir.path());
    let ids = vec!["flag-missing".to_owned()];
    let file = |more: &str| {
        format!("drills:\n  - {{ drill: one, playbook: flag-missing, fault: {{ files.hide: {{ path: /x }} }}{more} }}\n")
    };
    fs::write(dir.path().join("flag.drill.yml"), file("")).unwrap();
    let load = || load(&[dir.path().to_owned()], &Settings::default(), &ids, &books);
    assert_eq!((load().drills.len(), load().problems.len()), (1, 0));
    assert_eq!(super::load(&[dir.path().join("flag.md")], &Settings::default(), &ids, &books).drills.len(), 1);
    fs::write(dir.path().join("flag.drill.yml"), file(", steps: [docker.restart]")).unwrap();
    assert!(load().problems[0].what.contains("has no step \"docker.restart\""), "{:?}", load().problems);
    fs::write(dir.path().join("flag.drill.yml"), file("").replace("flag-missing", "flag-mising")).unwrap();
    assert!(load().problems[0].what.contains("did you mean `flag-missing`?"), "{:?}", load().problems);
    fs::write(dir.path().join("flag.drill.yml"), file("")).unwrap();
    fs::write(dir.path().join("other.drill.yml"), file("")).unwrap();
    assert!(load().problems[0].what.contains("also stands in"), "{:?}", load().problems);
    let loaded = load();
    assert!(not_marked(&loaded.drills[0], &Settings::default())[0].what.contains("`drills: allowed: paths:`"));
    // The reader of playbooks sees none of it.
    fs::remove_file(dir.path().join("other.drill.yml")).unwrap();
    assert_eq!(crate::book::load_all(&[dir.path().to_owned()], &BTreeMap::new(), &BTreeMap::new()).problems, []);
}

fn status() -> Value {
    json!({
        "version": "1", "host": "h", "state": "ok", "paused": null, "holds": [], "open": {}, "records": 0, "unmatched": [],
        "playbooks": [{ "id": "flag-missing", "title": "t", "mode": "auto" }], "dependencies": {},
    })
}

fn incident(id: u64, target: &str, state: &str, events: &[(&str, &str)]) -> IncidentView {
    let events: Vec<Value> = events
        .iter()
        .enumerate()
        .map(|(at, (kind, text))| {
            json!({ "seq": at, "incident": id, "at": format!("2026-11-22T21:00:{:02}Z", at + 1), "kind": kind, "text": text })
        })
        .collect();
    let healed = events.iter().find(|event| event["kind"] == "healed").map(|event| event["at"].clone());
    serde_json::from_value(json!({
        "id": id, "playbook": "flag-missing", "host": "h", "target": { "kind": "path", "name": target }, "state": state,
        "outcome": null, "opened_at": "2026-11-22T21:00:01Z", "healed_at": healed, "closed_at": null, "attempts": 1,
        "alerts": [], "next": null, "events": events,
    }))
    .unwrap()
}

#[test]
fn nothing_is_broken_where_nothing_could_be_learned() {
    let dir = tempfile::tempdir().unwrap();
    let books = books(dir.path());
    let drill =
        one("drills: [{ drill: a, playbook: flag-missing, target: /srv/x, fault: { files.hide: { path: /srv/x } } }]").unwrap();
    let marked =
        Settings { allowed: AllowList { paths: ["/srv".to_owned()].into(), ..AllowList::default() }, ..Settings::default() };
    let no = |change: &dyn Fn(&mut Value), settings: &Settings, open: &[IncidentView]| {
        let mut status = status();
        change(&mut status);
        let status: Status = serde_json::from_value(status).unwrap();
        refusals(&drill, settings, &books, &status, open).map(drop).unwrap_err().join("; ")
    };
    let nothing = |_: &mut Value| {};
    assert!(no(&nothing, &Settings::default(), &[]).contains("`drills: allowed: paths:`"));
    assert!(no(&|status| status["paused"] = json!("by ann: holidays"), &marked, &[]).contains("heald is paused by ann"));
    assert!(no(&|status| status["state"] = json!("escalate-only: x"), &marked, &[]).contains("not in order"));
    let words = no(&|status| status["playbooks"][0]["mode"] = json!("observe"), &marked, &[]);
    assert!(words.contains("`overrides: { flag-missing: { mode: auto } }`"), "{words}");
    let earn = |status: &mut Value| {
        status["playbooks"][0]["mode"] = json!("earn");
        status["playbooks"][0]["trust"] = json!("observe (1 good, 0 bad)");
    };
    assert!(no(&earn, &marked, &[]).contains("only observes here"));
    assert!(no(&|status| status["playbooks"] = json!([]), &marked, &[]).contains("`heald reload`"));
    assert!(
        no(&nothing, &marked, &[incident(3, "/srv/x", "healed", &[])]).contains("incident 3 of this playbook is still healed")
    );
    let status: Status = serde_json::from_value(status()).unwrap();
    let other = [incident(3, "/srv/y", "healed", &[]), incident(2, "/srv/x", "closed", &[])];
    assert!(refusals(&drill, &marked, &books, &status, &other).is_ok());
}

/// Says in turn what the test tells it to.
struct Scripted {
    asked: AtomicUsize,
    incidents: Mutex<Vec<IncidentView>>,
    /// When the drill first looks, with the number of the look.
    on_look: Box<dyn Fn(usize) -> Option<IncidentView>>,
}

impl Ask for Scripted {
    async fn status(&self) -> Result<Status, String> {
        Ok(serde_json::from_value(status()).unwrap())
    }

    async fn incidents(&self) -> Result<Vec<IncidentView>, String> {
        let look = self.asked.fetch_add(1, Ordering::SeqCst);
        if look > 0
            && let Some(view) = (self.on_look)(look)
        {
            let mut all = self.incidents.lock().unwrap();
            all.retain(|other| other.id != view.id);
            all.push(view);
        }
        Ok(self.incidents.lock().unwrap().clone())
    }

    async fn incident(&self, id: u64) -> Result<IncidentView, String> {
        self.incidents().await?.into_iter().find(|view| view.id.0 == id).ok_or_else(|| "there is none".to_owned())
    }
}

struct Ground {
    _dir: tempfile::TempDir,
    folder: PathBuf,
    tools: Tools,
    settings: Settings,
    books: Vec<Arc<Playbook>>,
    drill: Drill,
}

impl Ground {
    /// Two files, each hidden by a fault.
    fn new(more: &str) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().canonicalize().unwrap();
        for name in ["a", "b"] {
            fs::write(folder.join(name), name).unwrap();
        }
        let books = books(&folder);
        let (a, b) = (folder.join("a"), folder.join("b"));
        let (a, b) = (a.display(), b.display());
        let drill = one(&format!(
            "drills: [{{ drill: both, playbook: flag-missing, fault: [{{ files.hide: {{ path: {a} }} }}, {{ files.hide: {{ path: {b} }} }}]{more} }}]"
        ))
        .unwrap();
        let allowed = AllowList { paths: [folder.to_string_lossy().into_owned()].into(), ..AllowList::default() };
        let tools = Tools {
            systemd: Arc::new(systemd::Systemd::new("unix:path=/nowhere")),
            docker: Arc::new(docker::Docker::new("unix:///nowhere")),
            http: http::client().unwrap(),
            alertmanager: None,
            prometheus: None,
            supervisor: None,
            allow: Allowed::new(allowed.clone()),
        };
        Self { _dir: dir, folder, tools, settings: Settings { allowed, ..Settings::default() }, books, drill }
    }

    fn state(&self) -> PathBuf {
        self.folder.join("state")
    }

    fn broken(&self) -> Vec<bool> {
        ["a", "b"].iter().map(|name| !self.folder.join(name).exists()).collect()
    }

    async fn run(&self, on_look: impl Fn(usize) -> Option<IncidentView> + 'static, stop: watch::Receiver<bool>) -> Drilled {
        let daemon = Scripted { asked: AtomicUsize::new(0), incidents: Mutex::default(), on_look: Box::new(on_look) };
        let setting = Setting {
            tools: &self.tools,
            settings: &self.settings,
            books: &self.books,
            daemon: &daemon,
            host: "h",
            host_label: "host",
            patience: Duration::ZERO,
            stop,
            say: &|_| {},
        };
        let mut under_way = UnderWay::open(&self.state()).unwrap();
        run(&self.drill, &setting, &mut under_way).await.unwrap()
    }
}

const HEALED: [(&str, &str); 4] = [
    ("opened", "FlagMissing fires"),
    ("step_started", "step 1: process.list_top"),
    ("step_started", "step 2: files.touch /x"),
    ("healed", "healed"),
];

#[tokio::test]
async fn a_drill_breaks_waits_for_heald_and_mends() {
    let ground = Ground::new(", steps: [files.touch]");
    let record = ground.state().join("under-way.json");
    let (seen, file) = (Arc::new(Mutex::new(None)), ground.folder.join("b"));
    let saw = Arc::clone(&seen);
    let look = move |look| {
        // Both are broken by now, and how they are mended is on the disk.
        saw.lock().unwrap().get_or_insert_with(|| (file.exists(), fs::read_to_string(&record).unwrap()));
        (look > 2).then(|| incident(1, "/x", "healed", &HEALED))
    };
    let (_stop, stopped) = watch::channel(false);
    let Drilled::Ran(entry) = ground.run(look, stopped).await else { panic!("not run") };
    assert!(entry.passed, "{:?}", entry.why);
    assert_eq!((entry.incident, entry.attempts, entry.within_ms, entry.recovery_ms), (Some(1), 1, Some(20_000), Some(3_000)));
    assert_eq!((entry.act_ms, entry.verify_ms), (Some(2_000), Some(1_000)), "a step that only reads is no effect");
    let (was_there, record) = seen.lock().unwrap().take().unwrap();
    assert!(!was_there && record.matches("rename_back").count() == 2, "{record}");
    // The last fault is undone first.
    assert!(entry.undone[0].contains("/b is there again") && entry.undone[1].contains("/a is there again"), "{:?}", entry.undone);
    assert_eq!(ground.broken(), [false, false]);
    assert!(!ground.state().join("under-way.json").exists());
}

#[tokio::test]
async fn whoever_ends_a_drill_leaves_nothing_broken() {
    let ground = Ground::new("");
    let (stop, stopped) = watch::channel(false);
    let look = move |_| {
        stop.send_replace(true);
        None
    };
    let Drilled::Stopped { left } = ground.run(look, stopped).await else { panic!("not stopped") };
    assert_eq!((left, ground.broken()), (Vec::new(), vec![false, false]));
}

#[tokio::test]
async fn a_mistake_of_healds_own_leaves_nothing_broken() {
    let ground = Ground::new("");
    let (_stop, stopped) = watch::channel(false);
    let Drilled::Ran(entry) = ground.run(|_| panic!("of the test's own making"), stopped).await else { panic!("not run") };
    assert!(!entry.passed && entry.why[0].contains("broke off"), "{:?}", entry.why);
    assert_eq!(ground.broken(), [false, false]);
}

#[tokio::test]
async fn a_fault_that_can_not_be_injected_undoes_those_before_it() {
    let ground = Ground::new("");
    fs::remove_file(ground.folder.join("b")).unwrap();
    let (_stop, stopped) = watch::channel(false);
    let Drilled::Ran(entry) = ground.run(|_| None, stopped).await else { panic!("not run") };
    assert!(!entry.passed && entry.why[0].contains("files.hide: "), "{:?}", entry.why);
    assert_eq!(ground.broken(), [false, true], "b was never there");
    assert_eq!(entry.incident, None);
}

#[tokio::test]
async fn what_a_killed_drill_left_is_mended_by_the_next() {
    let ground = Ground::new("");
    let undo = |name: &str| Undo::RenameBack {
        path: ground.folder.join(name).display().to_string(),
        aside: ground.folder.join(format!(".heald-drill-hidden.{name}")).display().to_string(),
    };
    let mut under_way = UnderWay::open(&ground.state()).unwrap();
    assert!(UnderWay::open(&ground.state()).unwrap_err().contains("one at a time"));
    under_way.note("both", "files.hide a", &undo("a")).unwrap();
    fs::rename(ground.folder.join("a"), ground.folder.join(".heald-drill-hidden.a")).unwrap();
    // Written down and never injected.
    under_way.note("both", "files.hide b", &undo("b")).unwrap();
    drop(under_way);
    assert!(is_left(&ground.state()));
    let mut under_way = UnderWay::open(&ground.state()).unwrap();
    let (drill, done, left) = undo_all(&mut under_way, &ground.tools).await.unwrap();
    assert_eq!((drill.as_str(), done.len(), left.len()), ("both", 2, 0));
    assert_eq!(ground.broken(), [false, false]);
    assert!(undo_all(&mut under_way, &ground.tools).await.is_none() && !is_left(&ground.state()));
}

#[tokio::test]
async fn what_can_not_be_undone_is_kept_and_told() {
    let ground = Ground::new("");
    let mut under_way = UnderWay::open(&ground.state()).unwrap();
    under_way.note("both", "docker.pause", &Undo::Unpause { container: "shop".to_owned() }).unwrap();
    let (done, left) = under_way.undo(&ground.tools).await;
    assert!(done.is_empty() && left[0].contains("docker.pause: "), "{left:?}");
    drop(under_way);
    assert_eq!(UnderWay::open(&ground.state()).unwrap().left(), Some("both"));
}

#[test]
fn a_drill_is_due_its_interval_after_its_last_run() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let planned = [("a", Every::Weekly), ("b", Every::Quarterly)].map(|(name, every)| Planned {
        name: name.to_owned(),
        every,
        since: at("2026-11-01T00:00:00Z"),
    });
    let ran = told::entry("a", "2026-11-10T00:00:00Z", true, Some(2_000));
    let found = due(&planned, &[told::entry("a", "2026-11-03T00:00:00Z", false, None), ran]);
    assert_eq!((found[0].by, found[0].last), (at("2026-11-17T00:00:00Z"), Some((at("2026-11-10T00:00:00Z"), true))));
    assert!(!found[0].is_due(at("2026-11-16T23:59:59Z")) && found[0].is_due(at("2026-11-17T00:00:00Z")));
    assert!(found[1].is_due(at("2026-11-02T00:00:00Z")), "one that was never run may be run");
    assert_eq!(found[1].by, at("2027-01-31T00:00:00Z"), "and is not late before its interval is over");
}
