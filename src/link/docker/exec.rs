//! A command inside a running container: its exit code, its output, and its end at the deadline.

use super::{Docker, LinkError, READ_MAX, Status, from_engine};
use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use futures_util::StreamExt;
use procfs::process::{Process, all_processes};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// What a command came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// `None`: it had not ended by the deadline.
    pub exit_code: Option<i64>,
    /// Both streams in the order in which they came, cut; without control characters but line ends.
    pub output: String,
    /// Bytes that it wrote.
    pub written: u64,
    /// So many processes of it were killed at the deadline.
    pub killed: usize,
}

/// For the call itself and for the end of the killed.
const MARGIN: Duration = Duration::from_secs(2);

// === impl Docker ===

impl Docker {
    /// Runs `command`, an argument vector, as the container's own user. `output_max`: bytes that are kept.
    ///
    /// What runs at the deadline is killed with its children, which the engine itself does not do when its client hangs
    /// up. For that heald must see the container's processes: not from within another container.
    ///
    /// # Errors
    /// [`LinkError::Missing`]; [`LinkError::Refused`] where it does not run; [`LinkError::Unknown`] when the engine was
    /// lost on the way.
    pub async fn exec(
        &self,
        name: &str,
        command: &[String],
        output_max: usize,
        deadline: Instant,
    ) -> Result<Executed, LinkError> {
        let container = self.inspect(name).await.map_err(LinkError::before_sending)?.container;
        if container.status != Status::Running {
            return Err(LinkError::Refused(format!("{name}: it does not run ({})", container.words())));
        }
        let limit = deadline.saturating_duration_since(Instant::now()).saturating_sub(MARGIN);
        let client = self.client(limit + READ_MAX)?;
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            ..CreateExecOptions::default()
        };
        let id = self.read(name, client.create_exec(&container.id, options)).await?.id;
        let end = Instant::now() + limit;
        let mut executed = Executed::default();
        let mut kept = Vec::new();
        let run = async {
            let started = client.start_exec(&id, None).await.map_err(|error| from_engine(&error, name))?;
            let StartExecResults::Attached { mut output, .. } = started else { return Ok(()) };
            while let Some(part) = output.next().await {
                let part = part.map(LogOutput::into_bytes).map_err(|error| from_engine(&error, name))?;
                executed.written += part.len() as u64;
                let room = output_max.saturating_sub(kept.len());
                kept.extend_from_slice(&part[..part.len().min(room)]);
            }
            Ok(())
        };
        match timeout_at(end, run).await {
            Ok(Ok(())) => {
                // The stream may end a moment before the engine knows the exit code.
                executed.exit_code = self.exit_code(&client, &id, name, deadline).await?;
            }
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                let seen = self.read(name, client.inspect_exec(&id)).await.ok();
                let pid = seen.filter(|seen| seen.running == Some(true)).and_then(|seen| i32::try_from(seen.pid?).ok());
                executed.killed = pid.map_or(0, |pid| kill_all(pid, &container.id));
            }
        }
        executed.output = clean(&kept);
        Ok(executed)
    }

    async fn exit_code(
        &self,
        client: &bollard::Docker,
        id: &str,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<i64>, LinkError> {
        loop {
            let seen = self.read(name, client.inspect_exec(id)).await;
            let seen = seen.map_err(|error| LinkError::Unknown(format!("its end is not known: {error}")))?;
            if seen.running != Some(true) || Instant::now() >= deadline {
                return Ok(seen.exit_code);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// It and all that it started, each only where the kernel says that it belongs to this container.
fn kill_all(root: i32, container: &str) -> usize {
    let Ok(processes) = all_processes() else { return 0 };
    let stats = processes.filter_map(|process| process.ok()?.stat().ok());
    let parents: HashMap<i32, i32> = stats.map(|stat| (stat.pid, stat.ppid)).collect();
    let mut doomed = vec![root];
    let mut index = 0;
    while let Some(parent) = doomed.get(index).copied() {
        doomed.extend(parents.iter().filter(|(_, its)| **its == parent).map(|(pid, _)| *pid));
        index += 1;
    }
    doomed.into_iter().filter(|pid| kill(*pid, container)).count()
}

fn kill(pid: i32, container: &str) -> bool {
    let Some(process) = Pid::from_raw(pid) else { return false };
    // The handle is taken before the question, so that the answer is about the one that is killed.
    let Ok(handle) = pidfd_open(process, PidfdFlags::empty()) else { return false };
    let groups = Process::new(pid).and_then(|process| process.cgroups());
    let is_its = groups.is_ok_and(|groups| groups.into_iter().any(|group| group.pathname.contains(container)));
    is_its && pidfd_send_signal(handle, Signal::KILL).is_ok()
}

fn clean(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control() || *c == '\n').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_no_container_is_not_killed() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(!kill(own, "5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e5f2d9c0e"));
        assert_eq!(clean(b"a\x1b[2Jb\nc\0"), "a[2Jb\nc");
    }
}
