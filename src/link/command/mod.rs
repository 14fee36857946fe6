//! A program of this host, run without a shell: checked, alone, for a while, and gone with all that it started.
//!
//! The caller has asked the allow-list. Here it is made sure that nobody but root or heald's own user could have changed
//! what is run, that it gets nothing of heald's, and that nothing of it is left at the deadline.

use crate::domain::target::cut;
use output::Output;
use rustix::process::geteuid;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Command as Process;
use tokio::time::{Instant, timeout, timeout_at};

mod argv;
mod family;
mod output;
mod passwd;
mod trust;

pub use argv::{Argv, Exits, check_no_code, check_user};
pub use family::Family;
pub use passwd::User;

/// What is run. No shell ever sees it.
#[derive(Clone, Debug)]
pub struct Command {
    /// The first is an absolute path.
    pub argv: Vec<String>,
    /// Whose rights it gets; heald's own where it is left out. Another one's needs heald to be root.
    pub user: Option<String>,
    /// Beside `PATH` and `LANG`, which are all that it gets otherwise.
    pub env: BTreeMap<String, String>,
    /// Of its output so many bytes are kept: the first and the last.
    pub output_max: usize,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub how: End,
    /// What it wrote to its standard output and its standard error, as it came, without control characters.
    pub output: String,
    /// How many bytes it wrote.
    pub written: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Exit(i32),
    Signal(i32),
    /// Its time was over: so many processes were killed.
    Late {
        killed: usize,
    },
}

/// Why it was not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRun {
    #[error("{0}")]
    Missing(String),
    /// Somebody could have changed it, or it would get more rights than its user has.
    #[error("{0}")]
    Unsafe(String),
    /// heald may not.
    #[error("{0}")]
    Denied(String),
    /// No process could be made; or the user can't be looked up.
    #[error("{0}")]
    Failed(String),
}

/// What a root's login has on Debian.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Every process that it starts inherits this name, by which it is found again.
const MARK: &str = "HEALD_RUN";
/// What was written before the end is in the pipe already; a daemon that it left behind may hold that open for ever.
const DRAIN: Duration = Duration::from_millis(300);

// === impl Command ===

impl Command {
    /// Runs it to its end or to the deadline. Dropping the future kills its process group.
    ///
    /// # Errors
    /// Why no process was made.
    pub async fn run(&self, deadline: Instant) -> Result<Ended, NotRun> {
        let program = self.argv.first().ok_or_else(|| NotRun::Missing("no program is named".to_owned()))?;
        let (file, user) = self.checked(program, deadline).await?;
        let (reader, writer) = std::io::pipe().map_err(|error| failed(program, &error))?;
        let mark = format!("{:016x}", RandomState::new().hash_one((program, std::process::id())));
        let mut process = self.process(&file, user.as_ref(), &mark);
        let second = writer.try_clone().map_err(|error| failed(program, &error))?;
        process.stdout(Stdio::from(writer)).stderr(Stdio::from(second));
        let mut child = process.spawn().map_err(|error| failed(program, &error))?;
        // It holds the pipe's other end, which would never close.
        drop(process);
        let mut family = Family::of(child.id(), MARK, &mark);
        let mut pipe = Receiver::from_owned_fd(reader.into()).map_err(|error| failed(program, &error))?;
        let mut output = Output::new(self.output_max);
        let how = loop {
            let mut buffer = [0; 4_096];
            tokio::select! {
                biased;
                read = pipe.read(&mut buffer), if output.is_open() => match read {
                    Ok(size) if size > 0 => output.take(buffer.get(..size).unwrap_or_default()),
                    _ => output.close(),
                },
                ended = child.wait() => break ended.map_or(End::Signal(0), End::of),
                () = tokio::time::sleep_until(deadline) => break End::Late { killed: family.kill().await },
            }
        };
        if let End::Late { .. } = how {
            // Killed processes are gone at once, unless they hang in the kernel.
            drop(timeout(DRAIN, child.wait()).await);
        }
        family.forget();
        let drained = Instant::now() + DRAIN;
        while output.is_open() {
            let mut buffer = [0; 4_096];
            match timeout_at(drained, pipe.read(&mut buffer)).await {
                Ok(Ok(size)) if size > 0 => output.take(buffer.get(..size).unwrap_or_default()),
                _ => output.close(),
            }
        }
        Ok(Ended { how, written: output.written(), output: output.text() })
    }

    /// Where its path leads, and whose rights it gets. A file system may hang: not on the runtime.
    async fn checked(&self, program: &str, deadline: Instant) -> Result<(PathBuf, Option<User>), NotRun> {
        let (path, user) = (PathBuf::from(program), self.user.clone());
        let check = tokio::task::spawn_blocking(move || -> Result<_, NotRun> {
            let file = trust::check(&path)?;
            Ok((file, user.as_deref().map(rights_of).transpose()?.flatten()))
        });
        let failed = |why: String| NotRun::Failed(format!("{} can't be looked at: {why}", cut(program)));
        match timeout_at(deadline, check).await {
            Ok(checked) => checked.map_err(|error| failed(error.to_string()))?,
            Err(_) => Err(failed("the file system did not answer in time".to_owned())),
        }
    }

    fn process(&self, file: &Path, user: Option<&User>, mark: &str) -> Process {
        let mut process = Process::new(file);
        process
            .args(self.argv.iter().skip(1))
            .arg0(self.argv.first().map_or(OsStr::new(""), OsStr::new))
            .env_clear()
            .envs([("PATH", PATH), ("LANG", "C.UTF-8"), ("LC_ALL", "C.UTF-8"), (MARK, mark)])
            .envs(&self.env)
            .current_dir("/")
            .stdin(Stdio::null())
            // A group of its own: it can be killed as a whole, and no terminal of heald's reaches it.
            .process_group(0)
            .kill_on_drop(true);
        if let Some(user) = user {
            // The standard library empties the supplementary groups first, then sets the group, then the user.
            process.gid(user.gid).uid(user.uid).envs([("HOME", &user.home), ("USER", &user.name), ("LOGNAME", &user.name)]);
        }
        process
    }
}

/// None: it is the user that heald runs as already.
fn rights_of(name: &str) -> Result<Option<User>, NotRun> {
    let own = geteuid().as_raw();
    let user = User::named(name).map_err(NotRun::Failed)?;
    let user = user.ok_or_else(|| NotRun::Missing(format!("there is no user {:?} in /etc/passwd", cut(name))))?;
    match own {
        _ if user.uid == own => Ok(None),
        0 => Ok(Some(user)),
        _ => Err(NotRun::Denied(format!("only a heald that is root can run something as {}", cut(name)))),
    }
}

fn failed(program: &str, error: &std::io::Error) -> NotRun {
    let text = format!("{} can't be run: {error}", cut(program));
    match error.kind() {
        std::io::ErrorKind::NotFound => NotRun::Missing(text),
        std::io::ErrorKind::PermissionDenied => NotRun::Denied(text),
        _ => NotRun::Failed(text),
    }
}

/// An absolute path without anything that could lead elsewhere.
///
/// # Errors
/// What is wrong with it.
pub fn check_program(program: &str) -> Result<PathBuf, String> {
    let plain = program.starts_with('/')
        && !program.ends_with('/')
        && !program.chars().any(char::is_control)
        && program.split('/').skip(1).all(|piece| !matches!(piece, "" | "." | ".."));
    match plain {
        true => Ok(PathBuf::from(program)),
        false => Err(format!("{:?} is no absolute path of a program: write it as in /usr/local/bin/refresh-token", cut(program))),
    }
}

// === impl End ===

impl End {
    fn of(status: ExitStatus) -> Self {
        status.code().map_or_else(|| Self::Signal(status.signal().unwrap_or_default()), Self::Exit)
    }

    pub fn text(self) -> String {
        match self {
            Self::Exit(code) => format!("exit {code}"),
            Self::Signal(signal) => format!("killed by signal {signal}"),
            Self::Late { killed: 1 } => "killed at its deadline".to_owned(),
            Self::Late { killed } => format!("killed at its deadline, {killed} processes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn shell(script: &str) -> Command {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned).into();
        Command { argv, user: None, env: BTreeMap::from([("HEALD_TARGET".to_owned(), "web".to_owned())]), output_max: 200 }
    }

    fn soon(ms: u64) -> Instant {
        Instant::now() + Duration::from_millis(ms)
    }

    #[tokio::test]
    async fn it_runs_with_nothing_of_ours() {
        let ended =
            shell("echo out; echo err >&2; pwd; env | sort | cut -d= -f1 | tr '\\n' ' '; read x || echo no input; exit 3");
        let ended = ended.run(soon(10_000)).await.unwrap();
        assert_eq!(ended.how, End::Exit(3));
        assert_eq!(ended.output, "out\nerr\n/\nHEALD_RUN HEALD_TARGET LANG LC_ALL PATH PWD no input\n");
        let ended = shell("kill -9 $$").run(soon(10_000)).await.unwrap();
        assert_eq!(ended.how, End::Signal(9));
    }

    #[tokio::test]
    async fn nothing_of_it_is_left_at_the_deadline() {
        let dir = tempfile::tempdir().unwrap();
        let note = dir.path().join("pids");
        // One in its group, and one that left it, its session and its parent behind.
        let script = format!("sleep 60 & echo $! > {0}; setsid sh -c 'sleep 61 & echo $! >> {0}' & sleep 62", note.display());
        let ended = shell(&script).run(soon(1_000)).await.unwrap();
        let pids = fs::read_to_string(&note).unwrap();
        assert!(matches!(ended.how, End::Late { killed: 3.. }), "{ended:?}");
        assert_eq!(pids.lines().count(), 2, "{pids}");
        for pid in pids.lines() {
            // Who was killed may take a moment to end.
            let end = Instant::now() + Duration::from_secs(10);
            loop {
                let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                if state.is_empty() || state.contains(") Z") || state.contains(") X") {
                    break;
                }
                assert!(Instant::now() < end, "{state}");
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn a_daemon_left_behind_does_not_hold_the_answer() {
        let started = Instant::now();
        let ended = shell("sleep 3 & echo started").run(soon(30_000)).await.unwrap();
        assert_eq!((ended.how, ended.output.as_str()), (End::Exit(0), "started\n"));
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }

    #[tokio::test]
    async fn long_output_keeps_its_ends() {
        let ended = shell("i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done").run(soon(10_000)).await.unwrap();
        assert!(ended.output.starts_with("line 0\n") && ended.output.ends_with("line 299\n"), "{}", ended.output);
        assert!(ended.output.contains("bytes left out") && ended.output.len() < 300, "{}", ended.output);
        assert_eq!(ended.written, 2_590);
    }

    #[tokio::test]
    async fn what_others_could_change_is_not_run() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tool");
        fs::write(&file, "#!/bin/sh\necho \"$0 $1\"\n").unwrap();
        let command = Command { argv: vec![file.display().to_string(), "a b".to_owned()], ..shell("") };
        let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        for (bits, part) in [(0o757, "writable by others"), (0o4755, "setuid"), (0o644, "not executable")] {
            mode(bits);
            let error = command.run(soon(10_000)).await.unwrap_err();
            assert!(error.to_string().contains(part), "{bits:o}: {error}");
        }
        mode(0o755);
        let ended = command.run(soon(10_000)).await.unwrap();
        assert_eq!(ended.output, format!("{} a b\n", file.canonicalize().unwrap().display()));
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let error = command.run(soon(10_000)).await.unwrap_err();
        assert!(error.to_string().contains("writable by others"), "{error}");
        let gone = Command { argv: vec!["/nonexistent/tool".to_owned()], ..shell("") };
        assert!(matches!(gone.run(soon(10_000)).await, Err(NotRun::Missing(_))));
        let nobody = Command { user: Some("no-such-user".to_owned()), ..shell("true") };
        assert!(matches!(nobody.run(soon(10_000)).await, Err(NotRun::Missing(_))));
    }

    #[tokio::test]
    async fn another_user_is_for_root() {
        let nobody = Command { user: Some("nobody".to_owned()), ..shell("id -u; id -G; echo $HOME") };
        match (geteuid().is_root(), nobody.run(soon(10_000)).await) {
            (true, Ok(ended)) => assert_eq!(ended.output, "65534\n65534\n/nonexistent\n"),
            (false, Err(error)) => assert!(matches!(error, NotRun::Denied(_)), "{error}"),
            (_, other) => panic!("{other:?}"),
        }
    }
}
