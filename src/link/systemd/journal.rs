//! The last lines of a unit's journal. There is no D-Bus API to read them, so `journalctl` is asked, without a shell.

use crate::domain::logs;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

/// It reads files of this machine; a rotation may hold it up for a moment.
const READ_MAX: Duration = Duration::from_secs(3);
/// A single line may be longer than all that is kept of them.
const BYTES_MAX: u64 = 256 * 1_024;
/// Of its errors, which are a line or two.
const WORDS_MAX: u64 = 4 * 1_024;
/// Kept of the end.
pub(crate) const SHOWN_MAX: usize = 8 * 1_024;
/// Nothing of heald's own surroundings, least of all its credentials.
const PATH: &str = "/usr/bin:/bin:/usr/local/bin:/run/current-system/sw/bin";

/// Without control characters. `unit`: a checked name ([`crate::domain::target::Target`]), so that it can be no pattern.
///
/// # Errors
/// Why there are none, in words for people: no `journalctl`, no right to read the journal, no entries.
pub async fn last(unit: &str, lines: u32) -> Result<String, String> {
    last_by("journalctl", PATH, unit, lines).await
}

async fn last_by(program: &str, path: &str, unit: &str, lines: u32) -> Result<String, String> {
    let mut command = Command::new(program);
    command
        .args(["--no-pager", "--quiet", "--output=short-iso", &format!("--lines={lines}"), &format!("--unit={unit}")])
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C.UTF-8")
        .env("SYSTEMD_COLORS", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("journalctl can't be run: {error}"))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let read = async {
        // Both at once: a full pipe of the one would hold up the other.
        let (out, err) = tokio::join!(some(out, BYTES_MAX), some(err, WORDS_MAX));
        (out, err, child.wait().await)
    };
    let Ok((out, err, status)) = timeout(READ_MAX, read).await else {
        return Err(format!("journalctl has not answered within {} s", READ_MAX.as_secs()));
    };
    let shown = logs::clean(&out);
    match status {
        // Cut off in the middle of its answer, it ends by a signal; what it has said is true all the same.
        _ if !shown.is_empty() => Ok(logs::end(&shown, SHOWN_MAX).to_owned()),
        Ok(status) if status.success() => {
            Err("its journal holds no lines, or heald may not read them (group systemd-journal)".to_owned())
        }
        _ => {
            let why = logs::clean(&err).lines().next().map_or_else(|| "it failed".to_owned(), str::to_owned);
            Err(format!("journalctl: {}", crate::domain::target::cut(&why)))
        }
    }
}

async fn some(pipe: Option<impl AsyncRead + Unpin>, max: u64) -> String {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // What was read before an error counts.
        let _ = pipe.take(max).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// A `journalctl` that does what `script` says.
    async fn asked(script: &str) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journalctl");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        // Another test's fork may still hold the file open for writing (ETXTBSY): asked again then.
        loop {
            let answer = last_by(path.to_str().unwrap(), "/usr/bin:/bin", "web.service", 20).await;
            if !matches!(&answer, Err(why) if why.contains("busy")) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn its_last_lines_come_clean_and_nothing_of_the_surroundings_goes_there() {
        let said = asked(r#"printf '%s\n' "$@" "$(env | grep -c -v -E '^(PATH|LC_ALL|SYSTEMD_COLORS|PWD|SHLVL|_|OLDPWD)=')"; printf '\033[31mred\007\n'"#).await;
        let said = said.unwrap();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[..5], ["--no-pager", "--quiet", "--output=short-iso", "--lines=20", "--unit=web.service"]);
        assert_eq!(lines[5..], ["0", "red"]);
    }

    #[tokio::test]
    async fn much_is_cut_to_its_end() {
        let said = asked("i=0; while [ $i -lt 3000 ]; do echo \"line $i\"; i=$((i+1)); done").await.unwrap();
        assert!(said.len() <= SHOWN_MAX && said.ends_with("line 2999") && said.starts_with("line "), "{said}");
        // Endless: what was said so far.
        assert!(asked("yes").await.unwrap().len() <= SHOWN_MAX);
    }

    #[tokio::test]
    async fn why_there_are_none_is_said() {
        let none = asked("exit 0").await.unwrap_err();
        assert!(none.contains("may not read"), "{none}");
        let denied = asked("echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1").await.unwrap_err();
        assert_eq!(denied, "journalctl: No journal files were opened due to insufficient permissions.");
        let missing = last_by("/nonexistent/journalctl", "", "web.service", 20).await.unwrap_err();
        assert!(missing.starts_with("journalctl can't be run"), "{missing}");
        let late = asked("exec sleep 60").await.unwrap_err();
        assert_eq!(late, "journalctl has not answered within 3 s");
    }
}
