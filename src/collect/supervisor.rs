//! supervisord's programs, by its XML-RPC interface.
//!
//! When supervisord does not answer there is no program series at all: one out of reach is not a list of
//! dead programs.

use super::page::{Family, Labels, value};
use super::{Collect, Seen};
use crate::link::supervisor::{Program, State, Supervisor};
use futures_util::future::BoxFuture;
use std::path::Path;

pub struct Programs {
    supervisor: Supervisor,
}

// === impl Programs ===

impl Programs {
    /// # Errors
    /// The HTTP client's own reason why it can't be made.
    pub fn new(socket: &Path) -> Result<Self, String> {
        Ok(Self { supervisor: Supervisor::new(socket)? })
    }
}

impl Collect for Programs {
    fn name(&self) -> &'static str {
        "supervisor"
    }

    fn collect(&self) -> BoxFuture<'_, Seen> {
        Box::pin(async move {
            match self.supervisor.programs().await {
                Ok(programs) => Seen { families: families(&programs), failed: None },
                Err(error) => Seen { families: self.blind(), failed: Some(error.to_string()) },
            }
        })
    }

    fn blind(&self) -> Vec<Family> {
        vec![up(false)]
    }
}

fn up(answers: bool) -> Family {
    Family::single("heald_supervisor_up", "Whether supervisord answers", f64::from(u8::from(answers)))
}

fn families(programs: &[Program]) -> Vec<Family> {
    let mut states = Family::gauge("heald_supervisor_program_state", "1 for the state that the program is in, 0 for the others");
    let mut starts =
        Family::gauge("heald_supervisor_program_start_timestamp_seconds", "When the program was last started; none if never");
    let mut exits = Family::gauge("heald_supervisor_program_exit_status", "Exit status of a program that has ended by itself");
    for program in programs {
        let name = value(&program.full_name());
        let labels = || -> Labels { vec![("program", name.clone())] };
        for state in State::ALL {
            let mut labels = labels();
            labels.push(("state", state.label().to_owned()));
            states.add(labels, f64::from(u8::from(program.state == state)));
        }
        if let Some(start) = program.start {
            starts.add(labels(), f64::from(start));
        }
        // supervisord says 0 of one that never stayed up long enough (BACKOFF, FATAL).
        if program.state == State::Exited {
            exits.add(labels(), f64::from(program.exit_status));
        }
    }
    vec![up(true), states, starts, exits]
}

#[cfg(test)]
mod tests {
    use super::super::page::page;
    use super::*;

    #[test]
    fn each_program_has_all_its_states() {
        let program = |name: &str, group: &str, state, start, exit_status| Program {
            name: name.to_owned(),
            group: group.to_owned(),
            state,
            start,
            exit_status,
            ..Program::default()
        };
        let text = page(families(&[
            program("web", "web", State::Running, Some(1_795_357_946), 0),
            program("many_00", "many", State::Exited, Some(1_795_357_947), 3),
            program("idle", "idle", State::Stopped, None, 0),
        ]));
        for line in [
            "heald_supervisor_up 1",
            "heald_supervisor_program_state{program=\"web\",state=\"RUNNING\"} 1",
            "heald_supervisor_program_state{program=\"web\",state=\"FATAL\"} 0",
            "heald_supervisor_program_state{program=\"many:many_00\",state=\"EXITED\"} 1",
            "heald_supervisor_program_start_timestamp_seconds{program=\"web\"} 1795357946",
            "heald_supervisor_program_exit_status{program=\"many:many_00\"} 3",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
        }
        assert_eq!(text.lines().filter(|line| line.starts_with("heald_supervisor_program_state{")).count(), 3 * 8, "{text}");
        assert!(!text.contains("exit_status{program=\"web\"") && !text.contains("seconds{program=\"idle\""), "{text}");
    }

    #[tokio::test]
    async fn a_supervisord_out_of_reach_is_no_list_of_dead_programs() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let programs = Programs::new(Path::new("/nonexistent/supervisor.sock")).unwrap();
        let seen = programs.collect().await;
        assert!(seen.failed.is_some());
        assert_eq!(
            page(seen.families).lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>(),
            ["heald_supervisor_up 0"]
        );
    }
}
