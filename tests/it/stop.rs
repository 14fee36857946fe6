//! SIGTERM in the middle of a step: the step ends, and until then alerts are answered 503.

use crate::waiting::{PATIENCE, until, wait};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::spawn;

/// Answers a GET with 500; a PUT is reported, and answered when `finish` says so.
fn service(called: mpsc::Sender<()>, finish: mpsc::Receiver<()>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let finish = Arc::new(Mutex::new(finish));
    spawn(move || {
        for socket in listener.incoming() {
            let (mut socket, called, finish) = (socket.unwrap(), called.clone(), Arc::clone(&finish));
            spawn(move || {
                let mut head = [0; 1_024];
                let length = socket.read(&mut head).unwrap();
                let status = if head[..length].starts_with(b"PUT") {
                    called.send(()).unwrap();
                    finish.lock().unwrap().recv_timeout(PATIENCE).unwrap();
                    "200 OK"
                } else {
                    "500 Internal Server Error"
                };
                let _ = write!(socket, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            });
        }
    });
    port
}

fn deliver(port: u16, name: &str) -> Option<String> {
    let alert = format!(r#"{{"status":"firing","labels":{{"alertname":"{name}"}},"startsAt":"2026-11-22T01:00:00Z"}}"#);
    let body = format!(r#"{{"version":"4","alerts":[{alert}]}}"#);
    let mut socket = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let length = body.len();
    write!(socket, "POST /api/v1/alerts HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
        .ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    answer.lines().next().map(str::to_owned)
}

struct Heald(Child);

impl Drop for Heald {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn while_a_step_ends_alerts_are_answered_503() {
    let (called, calls) = mpsc::channel();
    let (finish, finished) = mpsc::channel();
    let service = service(called, finished);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let book = format!(
        "---\nplaybook: slow\nmatch: ['alertname=\"Slow\"']\ntarget: {{ url: \"http://127.0.0.1:{service}/\" }}\nmode: auto\n---\n\
         # Slow\n\n## Auto-recovery\n\n```yaml\n- try: call it\n  do:\n    - http: {{ put: \"http://127.0.0.1:{service}/fix\" }}\n```\n\n\
         ## Verify\n\n```yaml\nwithin: 1s\nall:\n  - http: {{ get: \"http://127.0.0.1:{service}/\" }}\n```\n"
    );
    fs::write(dir.path().join("slow.md"), book).unwrap();
    let settings = format!(
        "web: {{ listen: \"127.0.0.1:{port}\" }}\nhost: h\nstate: state\nplaybooks: [slow.md]\ntargets: {{ urls: [\"http://127.0.0.1:{service}/\"] }}\n"
    );
    fs::write(dir.path().join("heald.yaml"), settings).unwrap();
    let heald = Command::new(env!("CARGO_BIN_EXE_heald"))
        .args(["serve", "--config.file", "heald.yaml"])
        .current_dir(dir.path())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut heald = Heald(heald);

    until("heald takes alerts", || deliver(port, "Slow").is_some_and(|status| status.contains("200")));
    calls.recv_timeout(PATIENCE).unwrap();
    let told = Command::new("kill").arg(heald.0.id().to_string()).status().unwrap();
    assert!(told.success());
    // No playbook matches it: 200 until heald has heard the signal, 503 from then on, and never a closed door.
    wait("alerts are refused", || {
        let answer = deliver(port, "Other").unwrap_or_else(|| "no answer".to_owned());
        assert!(answer.contains("503") || answer.contains("200"), "{answer}");
        if answer.contains("503") { Ok(()) } else { Err(answer) }
    });
    assert!(heald.0.try_wait().unwrap().is_none(), "the step has not ended yet");
    finish.send(()).unwrap();

    let status = wait("heald stops", || heald.0.try_wait().unwrap().ok_or_else(|| "it runs".to_owned()));
    assert!(status.success(), "{status}");
}
