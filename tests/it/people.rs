//! What people see and do: a daemon, an alert, and the commands against its socket.

use crate::waiting::{PATIENCE, wait};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::spawn;

struct Site {
    heald: Child,
    port: u16,
    url: String,
    /// Repairs that the service was asked for.
    repairs: Arc<AtomicUsize>,
    repaired: mpsc::Receiver<()>,
    dir: tempfile::TempDir,
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.heald.kill();
        let _ = self.heald.wait();
    }
}

/// Down until it is asked for a repair.
fn service() -> (u16, Arc<AtomicUsize>, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let repairs = Arc::new(AtomicUsize::new(0));
    let (said, repaired) = mpsc::channel();
    let count = Arc::clone(&repairs);
    spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let mut head = [0; 1_024];
            let length = socket.read(&mut head).unwrap_or(0);
            if head[..length].starts_with(b"PUT") {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = said.send(());
            }
            let status = if count.load(Ordering::SeqCst) > 0 { "200 OK" } else { "500 Internal Server Error" };
            let _ = write!(socket, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    (port, repairs, repaired)
}

fn user() -> String {
    String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap().trim().to_owned()
}

impl Site {
    /// `down` needs consent; `noisy` wants another `reason`.
    fn open(approvers: &str) -> Self {
        let (service, repairs, repaired) = service();
        let url = format!("http://127.0.0.1:{service}/");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        let book = |name: &str, matchers: &str| {
            let text = format!(
                "---\nplaybook: {name}\nmatch: [{matchers}]\ntarget: {{ url: \"{url}\" }}\nmode: approve\n---\n# Down\n\n\
                 ## Auto-recovery\n\n```yaml\n- try: call it\n  do:\n    - http: {{ put: \"{url}fix\" }}\n```\n\n\
                 ## Verify\n\n```yaml\nwithin: 5s\nall:\n  - http: {{ get: \"{url}\" }}\n```\n"
            );
            fs::write(dir.path().join(format!("{name}.md")), text).unwrap();
        };
        book("down", r#"'alertname="Down"', 'reason=""'"#);
        book("noisy", r#"'alertname="Down"', 'reason="noise"'"#);
        let filled = format!(
            "---\nplaybook: filled\nmatch: ['alertname=\"Filled\"']\ntarget: {{ url: \"{url}\" }}\nmode: auto\n---\n# Filled\n\n\
             ## Auto-recovery\n\n```yaml\n- try: ask nicely\n  times: 2\n  do:\n    - http: {{ put: \"{{{{ annotations.fix }}}}\", headers: {{ x-token: secret }} }}\n      optional: true\n      \
             retry: 3\n      register: answer\n    - wait: 1s\n      when: labels.tier == 'gold'\n- try: insist\n  do:\n    - http: {{ put: \"{url}{{{{ labels.tier }}}}\" }}\n```\n\n\
             ## Verify\n\n```yaml\nwithin: 5s\nall:\n  - http: {{ get: \"{url}\" }}\n```\n"
        );
        fs::write(dir.path().join("filled.md"), filled).unwrap();
        let settings = format!(
            "web: {{ listen: \"127.0.0.1:{port}\" }}\nhost: h\nstate: state\nplaybooks: [.]\ntargets: {{ urls: [\"{url}\"] }}\n\
             guards: {{ approve: {{ by: [{approvers}] }} }}\n"
        );
        fs::write(dir.path().join("heald.yaml"), settings).unwrap();
        let heald = Command::new(env!("CARGO_BIN_EXE_heald"))
            .args(["serve", "--config.file", "heald.yaml"])
            .current_dir(dir.path())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let site = Self { heald, port, url, repairs, repaired, dir };
        site.until("heald answers", || site.run("status").0);
        site
    }

    fn run(&self, line: &str) -> (bool, String) {
        heald(self.dir.path(), line)
    }

    fn yes(&self, line: &str) -> String {
        let (good, said) = self.run(line);
        assert!(good, "{line}: {said}");
        said
    }

    fn no(&self, line: &str) -> String {
        let (good, said) = self.run(line);
        assert!(!good, "{line}: {said}");
        said
    }

    fn fire(&self) {
        let alert = r#"{"status":"firing","labels":{"alertname":"Down"},"startsAt":"2026-11-22T01:00:00Z"}"#;
        let body = format!(r#"{{"version":"4","alerts":[{alert}]}}"#);
        let head =
            format!("POST /api/v1/alerts HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        let answer = self.http(&format!("{head}{body}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    fn metrics(&self) -> String {
        self.http("GET /metrics HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
    }

    fn http(&self, request: &str) -> String {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }

    fn until(&self, what: &str, is: impl Fn() -> bool) {
        wait(what, || is().then_some(()).ok_or_else(|| self.run("incidents 1").1));
    }

    fn shows(&self, line: &str, text: &str) {
        self.until(&format!("{line} shows {text:?}"), || self.run(line).1.contains(text));
    }
}

fn heald(dir: &Path, line: &str) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_heald"));
    let output = command.args(line.split(' ')).args(["--config.file", "heald.yaml"]).current_dir(dir).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_person_consents_and_heald_goes_on() {
    let site = Site::open(&format!("ann, {}", user()));
    let nobody = site.no("approve 1");
    assert!(nobody.contains("there is no open incident 1"), "{nobody}");
    site.fire();
    site.until("consent is asked for", || site.run("incidents").1.contains("a person's consent is asked for"));
    let id = site.run("incidents -o json").1.split("\"id\":").nth(1).unwrap().split(',').next().unwrap().to_owned();

    let page = site.yes(&format!("incidents {id}"));
    let asked = format!("Consent   of ann or {} asked for until ", user());
    assert!(page.contains(&asked) && page.contains(&format!("(heald approve {id}, heald deny {id})")), "{page}");
    site.until("the metric counts it", || site.metrics().contains("heald_approvals_pending 1"));

    let told = site.yes(&format!("explain --incident {id}"));
    for part in [
        "Playbook  down",
        "Attempt   1 of 3: call it",
        "\napprove ",
        "REFUSES    did a person consent, where one must? a person's consent is asked for, until ",
        "rate             not asked",
    ] {
        assert!(told.contains(part), "{part:?} is missing:\n{told}");
    }
    assert_eq!(site.repairs.load(Ordering::SeqCst), 0, "to explain is not to do");

    let approved = site.yes(&format!("approve {id}"));
    assert!(approved.contains(&format!("approved by {}", user())), "{approved}");
    site.repaired.recv_timeout(PATIENCE).unwrap();
    site.shows(&format!("incidents {id}"), "ended healed");
    let page = site.yes(&format!("incidents {id}"));
    assert!(page.contains(&format!("attempt 1 approved by {}", user())) && !page.contains("Consent "), "{page}");
    site.until("the metric forgets it", || site.metrics().contains("heald_approvals_pending 0"));
    let twice = site.no(&format!("approve {id}"));
    assert!(twice.contains("nobody's consent is asked for"), "{twice}");
}

#[test]
fn who_is_not_on_the_list_can_neither_consent_nor_deny() {
    let site = Site::open("ann");
    site.fire();
    site.until("consent is asked for", || site.run("incidents").1.contains("a person's consent is asked for"));
    let id = site.run("incidents -o json").1.split("\"id\":").nth(1).unwrap().split(',').next().unwrap().to_owned();
    for order in [format!("approve {id}"), format!("deny {id} --why no")] {
        let refused = site.no(&order);
        assert!(refused.contains(&format!("{} is not among those who may consent: ann", user())), "{refused}");
    }
    // There is no flag to be somebody else.
    assert!(site.no(&format!("approve {id} --by ann")).contains("unexpected argument"));
    assert_eq!(site.repairs.load(Ordering::SeqCst), 0);
}

#[test]
fn a_breaker_is_opened_shown_and_closed_by_a_person() {
    let site = Site::open(&user());
    let url = site.url.clone();
    for (line, why) in [
        (format!("breaker open dwon url {url} --why odd"), "there is no playbook dwon"),
        ("breaker open down web.service --why odd".to_owned(), "not named under `targets:`"),
        (format!("breaker close down url {url}"), "is not open"),
        (format!("breaker close dwon url {url}"), "there is no playbook dwon"),
    ] {
        let refused = site.no(&line);
        assert!(refused.contains(why), "{line}: {refused}");
    }
    let opened = site.yes(&format!("breaker open down url {url} --why odd"));
    assert!(opened.contains(&format!("breaker of down for url {url} opened by {} until lifted: odd", user())), "{opened}");
    let status = site.yes("status");
    assert!(
        status.contains(&format!("Breaker          down for url {url}: open until a person closes it; opened by")),
        "{status}"
    );
    let series = format!("heald_breaker_open{{playbook=\"down\",target=\"url {url}\"}}");
    site.until("the gauge shows it", || site.metrics().contains(&format!("{series} 1")));
    site.fire();
    site.shows("incidents", "the breaker for url");

    site.yes(&format!("breaker close down url {url}"));
    site.shows("incidents", "a person's consent is asked for");
    assert!(!site.yes("status").contains("Breaker "));
    site.until("the gauge forgets it", || site.metrics().contains(&format!("{series} 0")));
}

#[test]
fn an_alert_that_has_not_come_yet_is_explained() {
    let site = Site::open(&user());
    let told = site.yes("explain alertname=Down");
    for part in [
        "Playbook  down: it matches\n",
        "Not       noisy: reason=\"noise\" does not hold: there is no such label\n",
        "Incident  a new one would be opened\n",
        "Step 1    http put",
        "What would follow now:\n  consent of ",
        "\n  people are told: approval_needed\n",
    ] {
        assert!(told.contains(part), "{part:?} is missing:\n{told}");
    }
    for guard in heald::domain::guard::Guard::ALL {
        assert!(told.contains(&format!("\n{} ", guard.label())) && told.contains(guard.question()), "{guard:?}:\n{told}");
    }
    let told = site.yes("explain alertname=Down reason=other");
    assert!(told.contains("Not  down: reason=\"\" does not hold: it is \"other\""), "{told}");
    assert!(told.contains("no playbook matches: it is counted, and nothing is done"), "{told}");
    let told = site.yes("explain alertname=Down host=elsewhere");
    assert!(told.contains("its host is \"elsewhere\", this is \"h\""), "{told}");
    let json: serde_json::Value = serde_json::from_str(&site.yes("explain alertname=Down -o json")).unwrap();
    assert_eq!(json["guards"].as_array().unwrap().len(), 17);
    assert_eq!(json["guards"][16]["verdict"], "not_asked", "{json}");
    assert!(json["incident"].is_null());
    assert_eq!(site.yes("incidents"), "No incidents.\n", "nothing of it is recorded");
    assert_eq!(site.repairs.load(Ordering::SeqCst), 0);
    assert!(site.no("explain --incident 9").contains("there is no open incident 9"));
}

#[test]
fn an_alert_in_a_file_is_explained_with_every_step_filled_in() {
    let site = Site::open(&user());
    let alert = |tier: &str, fix: &str| {
        format!(r#"{{"labels": {{"alertname": "Filled", "tier": "{tier}"}}, "annotations": {{"fix": "{fix}"}}}}"#)
    };
    let fix = format!("{}fix?now", site.url);
    fs::write(site.dir.path().join("alert.json"), alert("silver", &fix)).unwrap();
    let told = site.yes("explain --alert-json alert.json");
    for part in [
        "Playbook  filled: it matches\n".to_owned(),
        "  rung \"ask nicely\", up to 2 times\n".to_owned(),
        // A query may hold a key.
        format!("    1. http put {}fix?… (optional; ", site.url),
        "; up to 3 tries, 1s × 2 up to 1m apart; result kept as steps.answer)\n".to_owned(),
        "    2. wait 1s (left out: its condition does not hold: labels.tier == 'gold')\n".to_owned(),
        format!("  rung \"insist\"\n    1. http put {}silver (at most ", site.url),
        format!("  proof: http get {}\n", site.url),
    ] {
        assert!(told.contains(&part), "{part:?} is missing:\n{told}");
    }
    let body = format!(r#"{{"version": "4", "alerts": [{}, {}]}}"#, alert("gold", &fix), alert("x", "http://elsewhere/"));
    fs::write(site.dir.path().join("body.json"), body).unwrap();
    let both = site.yes("explain --alert-json body.json -o json");
    let answers: Vec<serde_json::Value> = both.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 2, "{both}");
    let first = &answers[0]["lists"][0]["steps"];
    assert_eq!(
        (&first[0]["args"]["put"], &first[0]["args"]["headers"]["x-token"]),
        (&fix.as_str().into(), &"…".into()),
        "{first:#}"
    );
    assert!(first[1]["skipped"].is_null() && first[1]["text"] == "wait 1s", "{first:#}");
    let refused = &answers[1]["lists"][0]["steps"][0];
    assert!(refused["problem"].as_str().is_some_and(|why| why.contains("elsewhere")), "{refused:#}");
    let json = site.dir.path().join("body.json");
    let piped = Command::new(env!("CARGO_BIN_EXE_heald"))
        .args(["explain", "--alert-json", "-", "--config.file", "heald.yaml"])
        .current_dir(site.dir.path())
        .stdin(fs::File::open(json).unwrap())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&piped.stdout).matches("Playbook  filled").count(), 2);
    assert!(site.no("explain --alert-json nowhere.json").contains("nowhere.json"));
    assert_eq!(site.yes("incidents"), "No incidents.\n", "nothing of it is recorded");
    assert_eq!(site.repairs.load(Ordering::SeqCst), 0);
}

#[test]
fn a_dry_run_shows_what_a_run_would_do_and_records_nothing() {
    let site = Site::open(&user());
    let told = site.yes("run noisy reason=other --dry-run");
    for part in [
        "Playbook  noisy: it is named; its matchers are not asked\n",
        "  rung \"call it\"",
        "Step 1    http put",
        "\napprove ",
        "What would follow now:\n  consent of ",
    ] {
        assert!(told.contains(part), "{part:?} is missing:\n{told}");
    }
    for guard in heald::domain::guard::Guard::ALL {
        assert!(told.contains(&format!("\n{} ", guard.label())), "{guard:?}:\n{told}");
    }
    assert!(site.no("run nosiy reason=x --dry-run").contains("there is no playbook nosiy"));
    assert_eq!(site.yes("incidents"), "No incidents.\n", "nothing of it is recorded");
    assert_eq!(site.repairs.load(Ordering::SeqCst), 0);

    let begun = site.yes("run noisy reason=other");
    let id = begun.split(' ').nth(1).unwrap();
    site.shows("incidents", "a person's consent is asked for");
    let known = site.yes("run noisy reason=other --dry-run");
    assert!(known.contains(&format!("Incident  {id}, ")), "{known}");
    let open = site.yes(&format!("explain {id}"));
    assert!(open.contains(&format!("Incident  {id}, held")) && open.contains("  rung \"call it\""), "{open}");
    assert_eq!(open, site.yes(&format!("explain --incident {id}")));
}

#[test]
fn without_a_daemon_nothing_can_be_explained() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("heald.yaml"), "state: state\n").unwrap();
    let (good, said) = heald(dir.path(), "explain alertname=Down");
    assert!(!good && said.contains("no heald answers at") && said.contains("is it running?"), "{said}");
}
