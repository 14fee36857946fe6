//! Signals to one process, and to no other that has got its pid since.

use super::{Id, is_kernel};
use crate::link::LinkError;
use procfs::process::Process;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::sync::Arc;
use std::time::Duration;

/// A process that a signal was sent to.
#[derive(Debug)]
pub struct Sent(Arc<OwnedFd>);

/// `None`: it had ended before.
///
/// # Errors
/// [`LinkError::Refused`] for what is never signalled: pid 1, heald itself, threads of the kernel.
/// [`LinkError::Denied`] without the right to, [`LinkError::Refused`] on a kernel before 5.3.
pub fn send(id: Id, signal: Signal) -> Result<Option<Sent>, LinkError> {
    let Id { pid, started } = id;
    let never = |why: &str| Err(LinkError::Refused(format!("pid {pid} is {why}: it gets no signal")));
    if pid <= 1 {
        return never("the first process");
    }
    if pid.cast_unsigned() == std::process::id() {
        return never("heald itself");
    }
    let Some(target) = Pid::from_raw(pid) else { return Ok(None) };
    let fd = match pidfd_open(target, PidfdFlags::empty()) {
        Ok(fd) => fd,
        Err(Errno::SRCH) => return Ok(None),
        Err(error) => return Err(refused(pid, error)),
    };
    // The descriptor names one process for good. If this one began when the one that was meant did, it is that one.
    match Process::new(pid).and_then(|process| process.stat()) {
        Ok(stat) if stat.starttime != started => return Ok(None),
        Ok(stat) if is_kernel(&stat) => return never("a thread of the kernel"),
        Ok(_) => {}
        Err(_) => return Ok(None),
    }
    match pidfd_send_signal(&fd, signal) {
        Ok(()) => Ok(Some(Sent(Arc::new(fd)))),
        Err(Errno::SRCH) => Ok(None),
        Err(error) => Err(refused(pid, error)),
    }
}

fn refused(pid: i32, error: Errno) -> LinkError {
    match error {
        Errno::PERM | Errno::ACCESS => LinkError::Denied(format!("pid {pid}: {error} (it needs CAP_KILL)")),
        Errno::NOSYS => LinkError::Refused(format!("pid {pid}: this kernel has no pidfd (before Linux 5.3)")),
        other => LinkError::Refused(format!("pid {pid}: {other}")),
    }
}

// === impl Sent ===

impl Sent {
    /// Whether it has ended within `limit`. A zombie has: it holds nothing any more.
    pub async fn ended(&self, limit: Duration) -> bool {
        let fd = Arc::clone(&self.0);
        let wait = move || {
            let limit = Timespec::try_from(limit).ok();
            // It becomes readable when its process ends.
            matches!(poll(&mut [PollFd::new(&fd, PollFlags::IN)], limit.as_ref()), Ok(1..))
        };
        tokio::task::spawn_blocking(wait).await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Row;
    use super::*;
    use std::process::{Child, Command};

    const SOON: Duration = Duration::from_secs(10);

    fn child() -> (Child, Id) {
        let child = Command::new("sleep").arg("600").spawn().unwrap();
        let stat = Process::new(child.id().cast_signed()).unwrap().stat().unwrap();
        (child, Row::of(&stat).id)
    }

    #[tokio::test]
    async fn only_the_one_that_was_meant_is_hit() {
        let (mut child, id) = child();
        let other = Id { started: id.started.wrapping_add(1), ..id };
        assert!(send(other, Signal::KILL).unwrap().is_none(), "the same pid, and another process");
        assert!(child.try_wait().unwrap().is_none(), "it still runs");

        let sent = send(id, Signal::TERM).unwrap().unwrap();
        assert!(sent.ended(SOON).await);
        child.wait().unwrap();
        assert!(send(id, Signal::TERM).unwrap().is_none(), "it is gone");
    }

    #[tokio::test]
    async fn one_that_stands_it_has_not_ended() {
        let (mut child, id) = child();
        let sent = send(id, Signal::CHILD).unwrap().unwrap();
        assert!(!sent.ended(Duration::from_millis(50)).await);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(sent.ended(SOON).await);
    }

    #[tokio::test]
    async fn some_are_never_hit() {
        let own = std::process::id().cast_signed();
        for (pid, why) in [(1, "first process"), (0, "first process"), (-1, "first process"), (own, "heald itself")] {
            let error = send(Id { pid, started: 0 }, Signal::TERM).unwrap_err();
            assert!(matches!(&error, LinkError::Refused(said) if said.contains(why)), "{pid}: {error}");
        }
    }
}
