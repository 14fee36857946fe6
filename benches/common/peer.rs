//! adnanh/webhook, where it is installed: what people put behind Alertmanager so far.
//!
//! Its hook's rule never holds. So it reads the body as JSON and answers 200: it keeps nothing and starts nothing,
//! which is the fastest that it can be.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const HOOKS: &str = r#"[{"id": "alerts", "execute-command": "/bin/true", "response-message": "ok",
  "trigger-rule": {"match": {"type": "value", "value": "never", "parameter": {"source": "payload", "name": "status"}}}}]"#;

pub struct Peer {
    child: Child,
    pub address: SocketAddr,
}

impl Peer {
    /// `None`: it is not installed (Debian's package is called `webhook`).
    pub fn start(folder: &Path) -> Option<Self> {
        let (hooks, address) = (folder.join("hooks.json"), super::daemon::free_address());
        super::write(&hooks, HOOKS);
        let child = Command::new("webhook")
            .arg("-hooks")
            .arg(&hooks)
            .args(["-ip", "127.0.0.1", "-port", &address.port().to_string(), "-urlprefix", "api/v1"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let began = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "webhook does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(Self { child, address })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
