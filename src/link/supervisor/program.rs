//! One program of supervisord: its state in the words that decisions need, its restart.

use super::xml::{self, Fault, Param};
use super::{LinkError, Program, State, Supervisor};
use crate::domain::look::{Evidence, TargetState};
use crate::domain::target::cut;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// How often a program is looked at while it starts: a start takes `startsecs`, one second by default.
const POLL: Duration = Duration::from_millis(200);

/// `Faults` of supervisor/xmlrpc.py.
const BAD_NAME: i32 = 10;
const NO_FILE: i32 = 20;
const NOT_EXECUTABLE: i32 = 21;
const ALREADY_STARTED: i32 = 60;
const NOT_RUNNING: i32 = 70;

/// How a restart ended that supervisord carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restarted {
    pub program: Program,
    /// It stayed up for its `startsecs`.
    pub running: bool,
}

// === impl Supervisor ===

impl Supervisor {
    /// `name`: as [`Program::full_name`] has it.
    ///
    /// # Errors
    /// [`LinkError::Missing`] when supervisord knows no such program; else as [`Supervisor::programs`].
    pub async fn program(&self, name: &str) -> Result<Program, LinkError> {
        let answer = self.read(xml::request("supervisor.getProcessInfo", &[Param::Text(name)])).await?;
        xml::one_program(&answer).map_err(|fault| self.fault(name, &fault))
    }

    /// Stops and starts it, as `supervisorctl restart` does, and waits until it runs or has failed.
    ///
    /// Between the two calls the program is down: a heald that dies there leaves it stopped.
    ///
    /// # Errors
    /// [`LinkError::NotSent`] before anything was sent, [`LinkError::Unknown`] at the deadline, also where supervisord went
    /// away after the stop.
    pub async fn restart(&self, name: &str, deadline: Instant) -> Result<Restarted, LinkError> {
        self.program(name).await?;
        // It answers when the program is down: after `stopwaitsecs` at the latest, ten seconds by default.
        self.order("supervisor.stopProcess", name, NOT_RUNNING, deadline).await?;
        fail::fail_point!("supervisor-stopped");
        let mut is_ordered = false;
        loop {
            let seen = match self.start(name, &mut is_ordered, deadline).await {
                Ok(program) => match program.state {
                    State::Running => return Ok(Restarted { program, running: true }),
                    State::Stopped | State::Exited | State::Fatal => return Ok(Restarted { program, running: false }),
                    State::Starting | State::Backoff | State::Stopping | State::Unknown => {
                        format!("{name}: still {} at the deadline", program.state.label())
                    }
                },
                // The program is down by our hand: nobody may be told that nothing was sent.
                Err(LinkError::NotSent(why) | LinkError::Unknown(why)) => {
                    format!("{name}: stopped, and whether it was started is unknown: {why}")
                }
                Err(other) => return Err(other),
            };
            if Instant::now() + POLL >= deadline {
                return Err(LinkError::Unknown(seen));
            }
            sleep(POLL).await;
        }
    }

    /// Orders the start unless supervisord has the order, and looks at what became of it.
    async fn start(&self, name: &str, is_ordered: &mut bool, deadline: Instant) -> Result<Program, LinkError> {
        if !*is_ordered {
            // It is not waited for in the call: supervisord answers nobody in time who has many programs to start.
            match self.order("supervisor.startProcess", name, ALREADY_STARTED, deadline).await {
                // Refused: its process was not even made. What it is then says more.
                Ok(()) | Err(LinkError::Refused(_)) => *is_ordered = true,
                Err(other) => return Err(other),
            }
        }
        let late = |_| LinkError::Unknown(format!("{name}: supervisord did not tell its state in time"));
        timeout_at(deadline, self.program(name)).await.map_err(late)?
    }

    /// Stops it, and waits until it is down.
    ///
    /// # Errors
    /// As [`Supervisor::restart`].
    pub async fn stop(&self, name: &str, deadline: Instant) -> Result<(), LinkError> {
        self.order("supervisor.stopProcess", name, NOT_RUNNING, deadline).await
    }

    /// Orders its start, and does not wait for what becomes of it.
    ///
    /// # Errors
    /// As [`Supervisor::restart`].
    pub async fn begin(&self, name: &str, deadline: Instant) -> Result<(), LinkError> {
        self.order("supervisor.startProcess", name, ALREADY_STARTED, deadline).await
    }

    /// `fine`: the fault that says that it was so already.
    async fn order(&self, method: &str, name: &str, fine: i32, deadline: Instant) -> Result<(), LinkError> {
        let wait = method == "supervisor.stopProcess";
        let call = self.call(xml::request(method, &[Param::Text(name), Param::Bool(wait)]));
        let late = |_| LinkError::Unknown(format!("{name}: supervisord did not answer {method} in time"));
        let answer = timeout_at(deadline, call).await.map_err(late)??;
        match xml::nothing(&answer) {
            Err(fault) if fault.code == Some(fine) => Ok(()),
            Err(fault) => Err(self.fault(name, &fault)),
            Ok(()) => Ok(()),
        }
    }

    fn fault(&self, name: &str, fault: &Fault) -> LinkError {
        match fault.code {
            Some(BAD_NAME) => LinkError::Missing(format!("{name}: supervisord knows no such program")),
            Some(NO_FILE | NOT_EXECUTABLE) => LinkError::Refused(format!("{name}: {}", cut(&fault.text))),
            _ => self.refused(fault),
        }
    }
}

// === impl Program ===

impl Program {
    /// `RUNNING, pid 4711`
    pub fn words(&self) -> String {
        let word = self.state.label();
        match self.state {
            State::Running | State::Starting | State::Stopping if self.pid > 0 => format!("{word}, pid {}", self.pid),
            State::Exited => format!("{word} with {}", self.exit_status),
            State::Backoff | State::Fatal if !self.spawn_error.is_empty() => format!("{word}: {}", cut(&self.spawn_error)),
            _ => word.to_owned(),
        }
    }

    pub fn target_state(&self) -> TargetState {
        let detail = self.words();
        match self.state {
            State::Running => {
                let since = self.now.zip(self.start).map_or(0, |(now, start)| now.saturating_sub(start));
                TargetState::up(Duration::from_secs(since.into()))
            }
            State::Starting => TargetState::Starting { detail },
            // It tries again by itself, until `startretries`.
            State::Backoff => TargetState::Restarting { detail },
            State::Stopping => TargetState::JobPending { detail },
            State::Exited | State::Fatal => TargetState::Failed { detail },
            // A person's `supervisorctl stop` looks like any other stop, and like one that was never started; also like a
            // restart that a crash of heald cut in two.
            State::Stopped => TargetState::StoppedUnclear { detail },
            State::Unknown => TargetState::Unreachable { detail: "supervisord does not know its state".to_owned() },
        }
    }

    /// Of the last start, to the second: supervisord knows it no better. The process id is no part of it, because a stop
    /// changes that too, and a restart that a crash of heald cut in two would look as if it had taken effect.
    pub fn evidence(&self) -> Option<Evidence> {
        Some(Evidence(format!("supervisor:{}", self.start?).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixListener;

    const DONE: &str = "<methodResponse><params><param><value><boolean>1</boolean></value></param></params></methodResponse>";

    /// Answers so many calls, and is away with the last.
    async fn serve(socket: &Path, answers: &[&str]) {
        drop(std::fs::remove_file(socket));
        let mut listener = Some(UnixListener::bind(socket).unwrap());
        for (index, answer) in answers.iter().enumerate() {
            let (mut stream, _) = listener.as_ref().unwrap().accept().await.unwrap();
            if index + 1 == answers.len() {
                drop(listener.take());
            }
            let mut request = Vec::new();
            while !request.ends_with(b"</methodCall>") {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
            }
            let length = answer.len();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_start_that_does_not_get_through_is_tried_again_and_else_unknown() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("supervisor.sock");
        let supervisor = Supervisor::new(&socket).unwrap();
        let member =
            |name: &str, text: &str| format!("<member><name>{name}</name><value><string>{text}</string></value></member>");
        let web = format!("<struct>{}{}</struct>", member("name", "web"), member("statename", "RUNNING"));
        let up = DONE.replace("<boolean>1</boolean>", &web);

        let lost = supervisor.restart("web", Instant::now() + Duration::from_secs(1));
        let first = [up.as_str(), DONE];
        let ((), lost) = tokio::join!(serve(&socket, &first), lost);
        assert!(matches!(&lost, Err(LinkError::Unknown(why)) if why.contains("whether it was started is unknown")), "{lost:?}");

        let back = async {
            serve(&socket, &first).await;
            sleep(Duration::from_millis(300)).await;
            serve(&socket, &[DONE, up.as_str()]).await;
        };
        let ((), found) = tokio::join!(back, supervisor.restart("web", Instant::now() + Duration::from_secs(10)));
        assert!(found.unwrap().running);
    }

    #[test]
    fn each_state_says_what_may_be_done() {
        let one = |state| Program { state, start: Some(100), now: Some(160), exit_status: 3, ..Program::default() };
        for (state, text) in [
            (State::Running, "up"),
            (State::Starting, "starting (STARTING)"),
            (State::Backoff, "being restarted by its own manager (BACKOFF)"),
            (State::Stopping, "a job is pending (STOPPING)"),
            (State::Exited, "failed (EXITED with 3)"),
            (State::Fatal, "failed (FATAL)"),
            (State::Stopped, "stopped, by whom is unclear (STOPPED)"),
            (State::Unknown, "out of sight (supervisord does not know its state)"),
        ] {
            assert_eq!(one(state).target_state().text(), text);
        }
        assert_eq!(one(State::Running).target_state(), TargetState::Up { for_ms: 60_000 });
        let fatal = Program { state: State::Fatal, spawn_error: "can't find command '/x'".to_owned(), ..Program::default() };
        assert_eq!(fatal.words(), "FATAL: can't find command '/x'");
    }

    #[test]
    fn evidence_changes_with_a_start() {
        let one = |start, pid| Program { start, pid, ..Program::default() }.evidence();
        assert_ne!(one(Some(1), 4), one(Some(2), 5));
        assert_eq!(one(Some(1), 4), one(Some(1), 0), "a stop is no start");
        assert_eq!(one(None, 0), None);
    }
}
