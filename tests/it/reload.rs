//! The real daemon: its configuration is read again on SIGHUP and on `heald reload`, and a file in its folder pauses it.

use crate::waiting::wait;
use serde_json::Value;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const BASE: &str = "host: h\nstate: state\nplaybooks: [books]\ntargets: { urls: [\"http://127.0.0.1:1/\"] }\n";

struct Daemon {
    child: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Daemon {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::create_dir(dir.path().join("books")).unwrap();
        book(dir.path(), "One");
        configure(dir.path(), &format!("web: {{ listen: \"127.0.0.1:{port}\" }}\n{BASE}"));
        let daemon = Self { child: run(dir.path()), port, dir };
        daemon.until("ready", || daemon.get("/-/ready").is_some_and(|answer| answer.contains("heald is ready")));
        daemon
    }

    /// As after a crash.
    fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = run(self.dir.path());
        self.until("ready", || self.get("/-/ready").is_some_and(|answer| answer.contains("heald is ready")));
    }

    fn until(&self, what: &str, so: impl Fn() -> bool) {
        wait(what, || so().then_some(()).ok_or_else(|| fs::read_to_string(self.dir.path().join("log")).unwrap()));
    }

    fn hangup(&self) {
        let told = Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    fn heald(&self, arguments: &[&str]) -> Output {
        let socket = self.dir.path().join("state/control.sock");
        let mut command = Command::new(env!("CARGO_BIN_EXE_heald"));
        command.args(arguments).arg("--socket").arg(socket).output().unwrap()
    }

    fn get(&self, path: &str) -> Option<String> {
        self.ask(&format!("GET {path}"), "")
    }

    fn ask(&self, what: &str, body: &str) -> Option<String> {
        self.ask_with(what, "", body)
    }

    /// `headers`: each with its line's end.
    fn ask_with(&self, what: &str, headers: &str, body: &str) -> Option<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let length = body.len();
        write!(socket, "{what} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}")
            .ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Whether the alert opened an incident.
    fn opens(&self, name: &str) -> bool {
        let alert = format!(r#"{{"status":"firing","labels":{{"alertname":"{name}"}},"startsAt":"2026-11-22T01:00:00Z"}}"#);
        let answer = self.ask("POST /api/v1/alerts", &format!(r#"{{"version":"4","alerts":[{alert}]}}"#)).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer.contains("\"opened\":1")
    }

    fn metric(&self, name: &str) -> f64 {
        let page = self.get("/metrics").unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
        line.parse().unwrap()
    }

    fn taken(&self) -> f64 {
        self.metric("heald_config_last_reload_successful")
    }

    fn paused(&self) -> Option<String> {
        let status: Value = serde_json::from_slice(&self.heald(&["status", "-o", "json"]).stdout).unwrap();
        status["paused"].as_str().map(str::to_owned)
    }
}

fn run(dir: &Path) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(dir.join("log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_heald"));
    command.args(["serve", "--config.file", "heald.yaml"]).current_dir(dir).stdout(log.try_clone().unwrap());
    command.stderr(Stdio::from(log)).spawn().unwrap()
}

fn configure(dir: &Path, text: &str) {
    fs::write(dir.join("heald.yaml"), text).unwrap();
}

fn book(dir: &Path, alert: &str) {
    let name = alert.to_lowercase();
    let url = "http://127.0.0.1:1/";
    let text = format!(
        "---\nplaybook: {name}\nmatch: ['alertname=\"{alert}\"']\ntarget: {{ url: \"{url}\" }}\nmode: observe\n---\n\
         # {alert}\n\n## Auto-recovery\n\n```yaml\n- try: call it\n  do:\n    - http: {{ put: \"{url}\" }}\n```\n\n\
         ## Verify\n\n```yaml\nwithin: 1s\nall:\n  - http: {{ get: \"{url}\" }}\n```\n"
    );
    fs::write(dir.join(format!("books/{name}.md")), text).unwrap();
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_bad_configuration_keeps_the_old_one_and_a_good_one_replaces_it() {
    let daemon = Daemon::start();
    let dir = daemon.dir.path();
    let good = fs::read_to_string(dir.join("heald.yaml")).unwrap();
    let started = daemon.metric("heald_config_last_reload_success_timestamp_seconds");
    assert_eq!((daemon.taken(), started > 1.7e9), (1.0, true), "a start counts as one");

    // A mistake in the configuration, and one in a playbook that would be new: both are named, and nothing changes.
    book(dir, "Two");
    configure(dir, &format!("{good}frobnicate: 1\n"));
    daemon.hangup();
    daemon.until("refused", || daemon.taken() == 0.0);
    let log = fs::read_to_string(dir.join("log")).unwrap();
    assert!(log.contains("heald.yaml:6:1") && log.contains("frobnicate"), "{log}");
    assert!(!daemon.opens("Two"));
    configure(dir, &good);
    fs::write(dir.join("books/three.md"), "no front matter\n").unwrap();
    let refused = daemon.heald(&["reload"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("books/three.md:1"), "{}", text(&refused.stderr));
    assert!(daemon.opens("One") && !daemon.opens("Two"), "what was in force stays so");
    assert_eq!(daemon.metric("heald_config_last_reload_success_timestamp_seconds"), started);

    fs::remove_file(dir.join("books/three.md")).unwrap();
    configure(dir, &format!("{}log: {{ level: debug }}\n", good.replace("state: state", "state: other")));
    let taken = daemon.heald(&["reload"]);
    assert_eq!(taken.status.code(), Some(0), "{}", text(&taken.stderr));
    let said = text(&taken.stdout);
    assert!(said.contains("2 playbooks") && said.contains("only a restart takes it: `state`, `log`"), "{said}");
    assert_eq!(daemon.taken(), 1.0);
    assert!(daemon.metric("heald_config_last_reload_success_timestamp_seconds") > started);
    assert!(daemon.opens("Two"));
    let attempts = daemon.get("/metrics").unwrap();
    assert!(attempts.contains("heald_attempts_total{playbook=\"two\",outcome=\"healed\"} 0"), "{attempts}");

    book(dir, "Four");
    daemon.hangup();
    daemon.until("a third playbook", || daemon.opens("Four"));
    let log = fs::read_to_string(dir.join("log")).unwrap();
    assert_eq!(log.matches("only a restart takes it: `state`, `log`").count(), 2, "said each time: {log}");
}

#[test]
fn a_broken_playbook_keeps_the_old_book_and_an_open_incident_its_text() {
    let mut daemon = Daemon::start();
    assert!(daemon.opens("One"));
    let file = daemon.dir.path().join("books/one.md");
    let good = fs::read_to_string(&file).unwrap();
    let explained = |daemon: &Daemon, what: &str| {
        let told = daemon.heald(&["explain", what]);
        assert!(told.status.success(), "{}", text(&told.stderr));
        text(&told.stdout)
    };
    let listed: Value = serde_json::from_slice(&daemon.heald(&["incidents", "-o", "json"]).stdout).unwrap();
    let id = listed[0]["id"].to_string();

    // A mistake in the one playbook that is in force.
    fs::write(&file, good.replace("http: { put", "htpp: { put")).unwrap();
    daemon.hangup();
    daemon.until("the metric shows it", || daemon.taken() == 0.0);
    let log = fs::read_to_string(daemon.dir.path().join("log")).unwrap();
    assert!(log.contains("one.md:14:7") && log.contains("did you mean `http`?"), "{log}");
    assert!(explained(&daemon, "alertname=One").contains("rung \"call it\""), "the old one answers");

    // Mended, and changed: what comes goes by the new text, what is open by the one that it was opened with.
    fs::write(&file, good.replace("try: call it", "try: call it louder")).unwrap();
    assert_eq!(daemon.heald(&["reload"]).status.code(), Some(0));
    assert_eq!(daemon.taken(), 1.0);
    for _ in 0..2 {
        let told = explained(&daemon, &id);
        assert!(told.contains("rung \"call it\"") && told.contains("the playbook has changed since"), "{told}");
        // Its text is in the journal.
        daemon.restart();
    }
}

#[test]
fn a_file_in_the_state_folder_pauses_heald_until_it_is_removed() {
    let mut daemon = Daemon::start();
    let file = daemon.dir.path().join("state/paused");
    assert_eq!(daemon.paused(), None);
    fs::write(&file, "release 1.4\n").unwrap();
    daemon.until("paused", || daemon.paused().is_some_and(|why| why.ends_with("paused until lifted: release 1.4")));
    daemon.until("counted", || daemon.metric("heald_paused") == 1.0);
    let refused = daemon.heald(&["resume"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("state/paused first"), "{}", text(&refused.stderr));
    daemon.restart();
    assert!(daemon.paused().is_some(), "from the first moment of the next life");
    fs::remove_file(&file).unwrap();
    daemon.until("lifted", || daemon.paused().is_none());
    daemon.until("counted", || daemon.metric("heald_paused") == 0.0);
}

#[test]
fn whoever_knows_the_token_controls_heald_over_http() {
    let mut daemon = Daemon::start();
    let dir = daemon.dir.path();
    fs::write(dir.join("admin-token"), "canary\n").unwrap();
    let web = format!("web: {{ listen: \"127.0.0.1:{}\", admin: {{ bearer_file: admin-token }} }}\n", daemon.port);
    configure(dir, &format!("{web}{BASE}"));
    daemon.restart();
    let ask = |what: &str, token: &str, body: &str| {
        let answer = daemon.ask_with(what, &format!("authorization: Bearer {token}\r\n"), body).unwrap();
        assert!(!answer.contains("canary"), "{answer}");
        answer
    };
    let pause = r#"{"verb":"pause","why":"storm"}"#;
    for token in ["", "canar", "canary2"] {
        for path in ["POST /-/reload", "GET /api/v1/incidents", "POST /api/v1/orders"] {
            let answer = ask(path, token, pause);
            assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("www-authenticate: Bearer"), "{path}: {answer}");
        }
    }
    assert_eq!(daemon.paused(), None);
    assert!(ask("POST /api/v1/orders", "canary", pause).starts_with("HTTP/1.1 200"));
    assert_eq!(daemon.paused().as_deref(), Some("by http admin until lifted: storm"));
    assert!(ask("GET /api/v1/status", "canary", "").contains("by http admin until lifted: storm"));
    assert!(ask("POST /-/reload", "canary", "").contains("in force, with 1 playbook"));
    configure(daemon.dir.path(), "frobnicate: 1\n");
    let refused = ask("PUT /-/reload", "canary", "");
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("heald.yaml:1:1"), "{refused}");
    assert!(ask("GET /nowhere", "", "").starts_with("HTTP/1.1 404"));
    // The webhook and the pages ask for what they asked for before.
    assert!(daemon.opens("One") && daemon.get("/-/healthy").unwrap().contains("healthy"));
    let page = daemon.get("/metrics").unwrap();
    let line = |code: u16, count: u32| format!("heald_control_requests_total{{code=\"{code}\"}} {count}\n");
    assert!(page.contains(&line(401, 9)) && page.contains(&line(400, 1)) && page.contains(&line(200, 3)), "{page}");
}

#[test]
fn without_an_admin_nobody_controls_heald_over_http() {
    let daemon = Daemon::start();
    for path in ["POST /-/reload", "PUT /-/reload", "GET /api/v1/incidents", "GET /api/v1/status", "POST /api/v1/orders"] {
        let answer = daemon.ask(path, "").unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
}
