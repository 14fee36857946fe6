//! `heald drill` as people meet it: what it refuses, that Ctrl-C and a kill leave nothing broken, and a drill from end to end.

#![expect(clippy::disallowed_methods, reason = "the outside has clocks of its own")]

use crate::waiting::until;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder with a playbook, its drill and a flag that the drill hides.
struct Site {
    _dir: tempfile::TempDir,
    folder: PathBuf,
    port: u16,
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

impl Site {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().canonicalize().unwrap();
        let site = Self { _dir: dir, port: TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port(), folder };
        fs::create_dir(site.folder.join("books")).unwrap();
        fs::create_dir(site.folder.join("ground")).unwrap();
        fs::write(site.flag(), "1").unwrap();
        let book = "---\nplaybook: flag-missing\nmatch: ['alertname=\"FlagMissing\"']\ntarget: { path: \"{{ labels.target }}\" }\nmode: \
                    observe\nrecovery_time: 20s\n---\n# Flag\n\n## Auto-recovery\n\n```yaml\n- try: set it\n  do:\n    - files.touch: { \
                    path: \"{{ labels.target }}\" }\n```\n\n## Verify\n\n```yaml\nwithin: 10s\nall:\n  - file: { path: \"{{ labels.target \
                    }}\" }\n```\n";
        fs::write(site.folder.join("books/flag.md"), book).unwrap();
        let drill = "drills:\n  - drill: flag-missing\n    playbook: flag-missing\n    vars: { path: /nowhere/flag }\n    target: '{{ \
                     vars.path }}'\n    fault: [{ files.hide: { path: '{{ vars.path }}' } }]\n    steps: [files.touch]\n    attempts: 1\n    \
                     detect_within: 30s\n";
        fs::write(site.folder.join("books/flag.drill.yml"), drill).unwrap();
        site
    }

    fn flag(&self) -> PathBuf {
        self.folder.join("ground/flag")
    }

    fn configure(&self, more: &str) {
        let ground = self.folder.join("ground");
        let text = format!(
            "web: {{ listen: \"127.0.0.1:{}\" }}\nhost: web-1\nstate: state\nplaybooks: [books]\ntargets: {{ paths: [{}] }}\n{}\n",
            self.port,
            ground.display(),
            more.replace("GROUND", &ground.display().to_string()),
        );
        fs::write(self.folder.join("heald.yaml"), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heald"));
        command.args(arguments).args(["--config.file", "heald.yaml"]).current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    fn heald(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn serve(&self) -> Running {
        let heald = Running(self.command(&["serve"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let ready = self.folder.join("state/control.sock");
        until("the daemon answers", || ready.exists() && self.heald(&["status"]).status.code() == Some(0));
        heald
    }

    fn alert(&self) {
        let flag = self.flag();
        let labels = format!(r#"{{"alertname":"FlagMissing","target":"{}"}}"#, flag.display());
        let body = format!(
            r#"{{"version":"4","alerts":[{{"status":"firing","labels":{labels},"startsAt":"{}"}}]}}"#,
            jiff::Timestamp::now()
        );
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = body.len();
        write!(socket, "POST /api/v1/alerts HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// A drill that has broken the flag and waits for an incident.
    fn waiting(&self) -> Running {
        let mut drill = self.command(&["drill", "run", "flag-missing"]);
        let drill = Running(drill.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        until("the fault is injected", || !self.flag().exists());
        drill
    }
}

const MARKED: &str = "overrides: { flag-missing: { mode: auto } }\ndrills: { lab: true, allowed: { paths: [GROUND] }, vars: { \
                      flag-missing: { path: GROUND/flag } } }";

#[test]
fn a_drill_is_refused_where_it_must_be() {
    let site = Site::new();
    let run = |site: &Site| site.heald(&["drill", "run", "flag-missing"]);
    site.configure(MARKED);
    let none = run(&site);
    assert_eq!(none.status.code(), Some(3), "{}", said(&none));
    assert!(said(&none).contains("no heald answers"), "{}", said(&none));
    let _daemon = site.serve();
    let unknown = site.heald(&["drill", "run", "flag-mising"]);
    assert!(unknown.status.code() == Some(2) && said(&unknown).contains("did you mean flag-missing?"), "{}", said(&unknown));
    for (more, part) in [
        ("drills: { lab: true }", "add it under `drills: allowed: paths:` of heald.yaml"),
        (
            &MARKED.replace("lab: true", "lab: false") as &str,
            "web-1 is no lab (`drills: { lab: true }`): a person must agree at a terminal, or give --yes",
        ),
        // The daemon still has its first configuration, in which the playbook may act.
        (&MARKED.replace("flag-missing: { path", "flag-mising: { path"), "add it under `drills: allowed: paths:`"),
    ] {
        site.configure(more);
        let refused = run(&site);
        assert!(refused.status.code() == Some(1) && said(&refused).contains(part), "{more}: {}", said(&refused));
        assert!(
            site.flag().exists() && !site.folder.join("state/drills/under-way.json").exists(),
            "{more}: something was broken"
        );
    }
    site.configure(MARKED);
    let check = site.heald(&["check"]);
    assert_eq!(check.status.code(), Some(0), "{}", said(&check));
    assert_eq!(site.heald(&["pause", "--why", "a test"]).status.code(), Some(0));
    let paused = run(&site);
    assert!(paused.status.code() == Some(1) && said(&paused).contains("heald is paused"), "{}", said(&paused));
    assert_eq!(site.heald(&["resume"]).status.code(), Some(0));
    site.configure(MARKED.split('\n').nth(1).unwrap());
    assert_eq!(site.heald(&["reload"]).status.code(), Some(0));
    let observes = run(&site);
    let words = "playbook flag-missing only observes here; write `overrides: { flag-missing: { mode: auto } }` into heald.yaml";
    assert!(observes.status.code() == Some(1) && said(&observes).contains(words), "{}", said(&observes));
    assert!(site.flag().exists());
}

#[test]
fn check_reads_drills_too() {
    let site = Site::new();
    site.configure(&MARKED.replace("flag-missing: { path", "flag-mising: { path"));
    let bad = site.heald(&["check"]);
    assert!(said(&bad).contains("`drills: vars:` names the drill `flag-mising`, and there is none"), "{}", said(&bad));
    site.configure(&MARKED.replace("paths: [GROUND]", ""));
    let warned = site.heald(&["check"]);
    assert!(
        warned.status.code() == Some(0) && said(&warned).contains("drill `flag-missing` can't be run here"),
        "{}",
        said(&warned)
    );
    site.configure(MARKED);
    fs::write(site.folder.join("books/x.drill.yml"), "drills: [{ drill: x, playbook: y, fault: { files.hied: { path: /x } } }]")
        .unwrap();
    let bad = site.heald(&["check"]);
    assert!(said(&bad).contains("books/x.drill.yml:1:44: \"files.hied\" is no kind of fault"), "{}", said(&bad));
    assert_eq!(bad.status.code(), Some(1));
}

#[test]
fn a_drill_passes_from_end_to_end_and_is_in_the_history() {
    let site = Site::new();
    site.configure(MARKED);
    let _daemon = site.serve();
    let drill =
        site.command(&["drill", "run", "flag-missing", "-o", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    until("the fault is injected", || !site.flag().exists());
    site.alert();
    let ended = drill.unwrap().wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", said(&ended));
    let entries: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    let entry = &entries[0];
    assert_eq!((&entry["passed"], &entry["state"], &entry["attempts"]), (&true.into(), &"healed".into(), &1.into()), "{entry}");
    let ms = |key: &str| entry[key].as_u64().unwrap();
    // Each is cut to milliseconds by itself.
    assert!(ms("act_ms") + ms("verify_ms") <= ms("recovery_ms") + 2 && ms("recovery_ms") <= 20_000, "{entry}");
    assert!(entry["undone"][0].as_str().unwrap().contains("was made anew meanwhile"), "{entry}");
    assert_eq!(fs::read_to_string(site.folder.join("ground/.heald-drill-original.flag")).unwrap(), "1");
    let report = site.heald(&["drill", "report"]);
    assert!(said(&report).starts_with("flag-missing: 1 of 1 passed"), "{}", said(&report));
    assert!(said(&site.heald(&["drill", "list"])).contains("flag-missing  flag-missing  by hand   healed within 20s"));
    let again = site.heald(&["drill", "run", "flag-missing"]);
    assert!(said(&again).contains("of this playbook is still healed"), "{}", said(&again));
}

#[test]
fn ctrl_c_undoes_and_exits_130() {
    let site = Site::new();
    site.configure(MARKED);
    let _daemon = site.serve();
    let mut drill = site.waiting();
    send(&drill.0, rustix::process::Signal::INT);
    let ended = drill.0.wait().unwrap();
    assert_eq!(ended.code(), Some(130));
    assert_eq!(fs::read_to_string(site.flag()).unwrap(), "1");
    assert!(!site.folder.join("state/drills/under-way.json").exists());
}

#[test]
fn what_a_killed_drill_left_is_mended_by_undo_and_by_the_daemons_next_start() {
    let site = Site::new();
    site.configure(MARKED);
    let daemon = site.serve();
    let kill = |site: &Site| {
        drop(site.waiting());
        assert!(!site.flag().exists(), "nobody could mend it yet");
        assert!(site.folder.join("state/drills/under-way.json").exists());
    };
    kill(&site);
    let undone = site.heald(&["drill", "undo"]);
    assert!(undone.status.code() == Some(0) && said(&undone).contains("flag is there again"), "{}", said(&undone));
    assert!(site.flag().exists());
    assert!(said(&site.heald(&["drill", "undo"])).contains("Nothing is left of any drill."));
    kill(&site);
    drop(daemon);
    let _daemon = site.serve();
    until("the daemon has mended it", || site.flag().exists());
}

fn send(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

#[test]
fn the_pages_example_of_a_drill_file_is_good() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/drills.md")).unwrap();
    let file = page.split("```yaml\ndrills:\n  - ").nth(1).unwrap().split("```").next().unwrap();
    let drills = heald::drill::read(Path::new("x"), &format!("drills:\n  - {file}"), &std::collections::BTreeMap::new()).unwrap();
    assert_eq!((drills[0].name.as_str(), drills[0].faults.len()), ("port-in-use-stale", 2));
}
