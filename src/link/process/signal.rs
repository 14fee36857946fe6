//! The signals that a playbook may send, by name. Those with which a program reports its own faults are not among them.

use rustix::process::Signal;

const NAMED: [(&str, Signal); 13] = [
    ("SIGHUP", Signal::HUP),
    ("SIGINT", Signal::INT),
    ("SIGQUIT", Signal::QUIT),
    ("SIGABRT", Signal::ABORT),
    ("SIGKILL", Signal::KILL),
    ("SIGUSR1", Signal::USR1),
    ("SIGUSR2", Signal::USR2),
    ("SIGALRM", Signal::ALARM),
    ("SIGTERM", Signal::TERM),
    ("SIGCHLD", Signal::CHILD),
    ("SIGCONT", Signal::CONT),
    ("SIGSTOP", Signal::STOP),
    ("SIGWINCH", Signal::WINCH),
];

/// # Errors
/// What is known instead.
pub fn signal(name: &str) -> Result<Signal, String> {
    let known = NAMED.iter().find(|(known, _)| *known == name || known.strip_prefix("SIG") == Some(name));
    known.map(|(_, signal)| *signal).ok_or_else(|| {
        let names = NAMED.map(|(name, _)| name).join(", ");
        format!("{:?} is no signal that a playbook may send; known are {names}", crate::domain::target::cut(name))
    })
}

/// `SIGTERM`; the way back of [`signal`].
pub fn name(signal: Signal) -> &'static str {
    NAMED.iter().find(|(_, known)| *known == signal).map_or("a signal", |(name, _)| name)
}

/// A process that is not made to stand it ends.
pub fn is_deadly(signal: Signal) -> bool {
    !matches!(signal, Signal::CHILD | Signal::CONT | Signal::STOP | Signal::WINCH)
}

/// Whoever sends it wants the process to end, as against telling it something.
pub fn asks_to_end(signal: Signal) -> bool {
    matches!(signal, Signal::INT | Signal::QUIT | Signal::ABORT | Signal::KILL | Signal::TERM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        for (text, number) in [("SIGTERM", 15), ("TERM", 15), ("SIGKILL", 9), ("CHLD", 17), ("SIGHUP", 1)] {
            let signal = signal(text).unwrap();
            assert_eq!(signal.as_raw(), number, "{text}");
            assert!(name(signal).ends_with(text), "{text}");
        }
        for text in ["", "9", "-9", "sigterm", "SIGSEGV", "SIGTERM ", "SIG", "0"] {
            assert!(signal(text).unwrap_err().contains("SIGTERM, SIGCHLD"), "{text:?}");
        }
        assert!(is_deadly(Signal::USR1) && !is_deadly(Signal::CHILD));
        assert!(asks_to_end(Signal::TERM) && !asks_to_end(Signal::HUP));
    }
}
