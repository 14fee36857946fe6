//! heald as it ships, started in a folder of its own.

use super::write;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Ended with its handle.
pub struct Daemon {
    child: Child,
    pub address: SocketAddr,
    pub state: PathBuf,
    /// From the start of the process to the first good answer of `/-/ready`.
    pub ready_after: Duration,
}

/// 100,000 open incidents take some seconds to read.
const READY_WITHIN: Duration = Duration::from_secs(60);

impl Daemon {
    /// `settings`: what stands in the configuration besides the state, the playbooks and the address.
    /// The log goes into a file, one line per event, as it goes to the journal of systemd elsewhere.
    pub fn start(folder: &Path, settings: &str, playbooks: &[(String, String)]) -> Self {
        let address = free_address();
        let config = folder.join("heald.yaml");
        let books = folder.join("playbooks");
        for (name, text) in playbooks {
            write(&books.join(format!("{name}.md")), text);
        }
        write(
            &config,
            &format!(
                "web: {{ listen: \"{address}\" }}\nstate: {0}/state\nplaybooks: [{0}/playbooks]\nhost: web-1\n{settings}\n",
                folder.display()
            ),
        );
        let log = File::create(folder.join("log")).expect("a log");
        let started = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_heald"))
            .arg("serve")
            .arg("--config.file")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("heald starts");
        let mut daemon = Self { child, address, state: folder.join("state"), ready_after: Duration::ZERO };
        while !is_ready(address) {
            if let Ok(Some(status)) = daemon.child.try_wait() {
                panic!("heald ended with {status}:\n{}", std::fs::read_to_string(folder.join("log")).unwrap_or_default());
            }
            assert!(started.elapsed() < READY_WITHIN, "heald is not ready after {READY_WITHIN:?}");
            std::thread::sleep(Duration::from_micros(500));
        }
        daemon.ready_after = started.elapsed();
        daemon
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// heald binds before it reads its journal, so one request waits exactly until it answers.
fn is_ready(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let mut answer = [0; 12];
    stream.write_all(b"GET /-/ready HTTP/1.1\r\nhost: heald\r\nconnection: close\r\n\r\n").is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && answer.ends_with(b"200")
}

/// Free a moment ago.
pub fn free_address() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port")
}
