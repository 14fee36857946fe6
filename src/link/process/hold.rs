//! Who listens on a TCP port of this network namespace.

use super::{Id, blocking, group::Group, is_kernel, unreadable};
use crate::link::LinkError;
use procfs::ProcError;
use procfs::net::{TcpNetEntry, TcpState};
use procfs::process::{FDTarget, Process, all_processes};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What is known of a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Port {
    /// Nobody listens.
    Free,
    /// More than one: a server and its workers.
    Held(Vec<Holder>),
    /// Somebody does, and heald may not see who.
    Unseen,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub id: Id,
    pub name: String,
    pub parent: i32,
    pub kernel: bool,
    /// What it runs; `None` where that may not be read.
    pub program: Option<PathBuf>,
    /// Its arguments, its own name first.
    pub command: Vec<String>,
    pub group: Group,
}

/// A server with thousands of workers is one finding all the same.
const HOLDERS_MAX: usize = 64;

/// # Errors
/// `/proc` can't be read.
pub async fn holders(port: u16) -> Result<Port, LinkError> {
    blocking(move || look(port)).await
}

fn look(port: u16) -> Result<Port, LinkError> {
    let sockets = listening(procfs::net::tcp(), procfs::net::tcp6(), port)?;
    if sockets.is_empty() {
        return Ok(Port::Free);
    }
    let all = all_processes().map_err(|error| unreadable(&error))?;
    let found = all.filter_map(Result::ok).filter(|process| holds(process, &sockets)).filter_map(|process| holder(&process));
    let found: Vec<Holder> = found.take(HOLDERS_MAX).collect();
    Ok(if found.is_empty() { Port::Unseen } else { Port::Held(found) })
}

/// The sockets' inodes.
fn listening(
    v4: Result<Vec<TcpNetEntry>, ProcError>,
    v6: Result<Vec<TcpNetEntry>, ProcError>,
    port: u16,
) -> Result<BTreeSet<u64>, LinkError> {
    let v4 = v4.map_err(|error| unreadable(&error))?;
    let v6 = match v6 {
        // A kernel without IPv6.
        Err(ProcError::NotFound(_)) => Vec::new(),
        other => other.map_err(|error| unreadable(&error))?,
    };
    let ours = |entry: &TcpNetEntry| entry.state == TcpState::Listen && entry.local_address.port() == port;
    Ok(v4.iter().chain(&v6).filter(|entry| ours(entry)).map(|entry| entry.inode).collect())
}

fn holds(process: &Process, sockets: &BTreeSet<u64>) -> bool {
    let Ok(files) = process.fd() else { return false };
    files.filter_map(Result::ok).any(|file| matches!(file.target, FDTarget::Socket(inode) if sockets.contains(&inode)))
}

fn holder(process: &Process) -> Option<Holder> {
    let stat = process.stat().ok()?;
    Some(Holder {
        id: Id { pid: stat.pid, started: stat.starttime },
        name: crate::domain::target::cut(&stat.comm),
        parent: stat.ppid,
        kernel: is_kernel(&stat),
        program: process.exe().ok(),
        command: process.cmdline().unwrap_or_default(),
        group: super::group(process),
    })
}

// === impl Holder ===

impl Holder {
    /// `perl (pid 4242, unit web.service)`
    pub fn words(&self) -> String {
        let owner = self.group.words().map_or_else(String::new, |owner| format!(", {owner}"));
        format!("{} (pid {}{owner})", self.name, self.id.pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_holder_of_a_port_is_found_and_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let Port::Held(found) = holders(port).await.unwrap() else { panic!("nobody holds it") };
        let own = found.iter().find(|holder| holder.id.pid == std::process::id().cast_signed()).unwrap();
        assert_eq!(own.program, std::env::current_exe().ok());
        assert!(!own.kernel && !own.command.is_empty() && own.words().contains("pid "), "{own:?}");
        drop(listener);
        // Another test's child may hold a copy of the socket for the moment between fork and exec.
        let mut now = holders(port).await.unwrap();
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
        while now != Port::Free && tokio::time::Instant::now() < deadline {
            tokio::task::yield_now().await;
            now = holders(port).await.unwrap();
        }
        assert_eq!(now, Port::Free);
    }

    #[tokio::test]
    async fn a_connection_is_not_a_listener() {
        // Where there is IPv6, its table counts too.
        let bind = std::net::TcpListener::bind;
        let listener = bind("[::1]:0").or_else(|_| bind("127.0.0.1:0")).unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert_eq!(holders(client.local_addr().unwrap().port()).await.unwrap(), Port::Free);
        assert!(matches!(holders(listener.local_addr().unwrap().port()).await.unwrap(), Port::Held(_)));
    }
}
