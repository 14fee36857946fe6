//! The last lines of a unit's journal, and fewer old ones. There is no D-Bus API for either, so `journalctl` is asked,
//! without a shell.

use crate::domain::logs;
use crate::link::LinkError;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;

/// It reads files of this machine; a rotation may hold it up for a moment.
const READ_MAX: Duration = Duration::from_secs(3);
/// A single line may be longer than all that is kept of them.
const BYTES_MAX: u64 = 256 * 1_024;
/// Of its errors, which are a line or two, and of the files that it removed, a line each.
const WORDS_MAX: u64 = 256 * 1_024;
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
    let arguments = ["--quiet", "--output=short-iso", &format!("--lines={lines}"), &format!("--unit={unit}")];
    let Some((out, err, ended)) = ask(program, path, &arguments, READ_MAX).await? else {
        return Err(format!("journalctl has not answered within {} s", READ_MAX.as_secs()));
    };
    let shown = logs::clean(&out);
    match ended {
        // Cut off in the middle of its answer, it ends by a signal; what it has said is true all the same.
        _ if !shown.is_empty() => Ok(logs::end(&shown, SHOWN_MAX).to_owned()),
        true => Err("its journal holds no lines, or heald may not read them (group systemd-journal)".to_owned()),
        false => Err(why(&err)),
    }
}

/// What is to go: files of the journal that are full or were closed, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vacuum {
    OlderThan(Duration),
    /// Until no more bytes than these are left.
    LargerThan(u64),
}

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vacuumed {
    pub files: usize,
    /// As journalctl adds them up, rounded.
    pub bytes: u64,
}

/// Removes old files of this machine's journal. `rotate`: also of the lines that are written to now, as far as they are old.
/// `None`: it did not end within `limit`, and was ended.
///
/// # Errors
/// [`LinkError::Denied`] where heald may not remove them, [`LinkError::NotSent`] where journalctl can't be run, else what it says.
pub async fn vacuum(what: Vacuum, rotate: bool, limit: Duration) -> Result<Option<Vacuumed>, LinkError> {
    vacuum_by("journalctl", PATH, what, rotate, limit).await
}

async fn vacuum_by(
    program: &str,
    path: &str,
    what: Vacuum,
    rotate: bool,
    limit: Duration,
) -> Result<Option<Vacuumed>, LinkError> {
    let what = match what {
        Vacuum::OlderThan(age) => format!("--vacuum-time={}s", age.as_secs()),
        Vacuum::LargerThan(bytes) => format!("--vacuum-size={bytes}"),
    };
    let mut arguments = vec![what.as_str()];
    arguments.extend(rotate.then_some("--rotate"));
    let asked = ask(program, path, &arguments, limit).await.map_err(LinkError::NotSent)?;
    let Some((_, said, ended)) = asked else { return Ok(None) };
    let said = logs::clean(&said);
    // A file that it may not remove is no failure to journalctl.
    let kept = said.lines().find(|line| line.starts_with("Failed to delete"));
    match kept.or(if ended { None } else { said.lines().next().or(Some("it failed")) }) {
        Some(line) => Err(refused(line)),
        None => Ok(Some(freed(&said))),
    }
}

/// The reason comes last, after a long path.
fn refused(line: &str) -> LinkError {
    let reason = line.rsplit(": ").next().unwrap_or(line);
    match ["Permission denied", "Operation not permitted", "Read-only file system", "Access denied"].contains(&reason) {
        true => LinkError::Denied(format!("journalctl: {reason} (docs/least-privilege.md says what it needs)")),
        false => LinkError::Refused(why(line)),
    }
}

/// From its words; they have been the same since systemd 218.
fn freed(said: &str) -> Vacuumed {
    let mut vacuumed = Vacuumed::default();
    for line in said.lines() {
        if line.starts_with("Deleted ") {
            vacuumed.files += 1;
        }
        if let Some((amount, _)) = line.split_once("freed ").and_then(|(_, rest)| rest.split_once(" of ")) {
            vacuumed.bytes = vacuumed.bytes.saturating_add(bytes(amount));
        }
    }
    vacuumed
}

/// `8.0M`, in powers of 1024.
fn bytes(text: &str) -> u64 {
    const UNITS: &str = "BKMGTPE";
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let power = unit.chars().next().and_then(|unit| UNITS.find(unit)).unwrap_or(0);
    // What is rounded to a tenth loses nothing here.
    (number.parse::<f64>().unwrap_or(0.0) * 1_024_f64.powi(i32::try_from(power).unwrap_or(0))) as u64
}

fn why(err: &str) -> String {
    let why = logs::clean(err).lines().next().map_or_else(|| "it failed".to_owned(), str::to_owned);
    format!("journalctl: {}", crate::domain::target::cut(&why))
}

/// Both of its outputs, cut, and whether it ended well; `None`: not within `limit`.
async fn ask(program: &str, path: &str, arguments: &[&str], limit: Duration) -> Result<Option<(String, String, bool)>, String> {
    let mut command = Command::new(program);
    command
        .arg("--no-pager")
        .args(arguments)
        .env_clear()
        .env("PATH", path)
        .env("LC_ALL", "C.UTF-8")
        .env("SYSTEMD_COLORS", "0")
        // Else what it says may go to the journal.
        .env("SYSTEMD_LOG_TARGET", "console")
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
    let Ok((out, err, status)) = timeout(limit, read).await else { return Ok(None) };
    Ok(Some((out, err, status.is_ok_and(|status| status.success()))))
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
    fn program(dir: &std::path::Path, script: &str) -> String {
        let path = dir.join("journalctl");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    async fn asked(script: &str) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = program(dir.path(), script);
        // Another test's fork may still hold the file open for writing (ETXTBSY): asked again then.
        loop {
            let answer = last_by(&path, "/usr/bin:/bin", "web.service", 20).await;
            if !matches!(&answer, Err(why) if why.contains("busy")) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn its_last_lines_come_clean_and_nothing_of_the_surroundings_goes_there() {
        let said = asked(r#"printf '%s\n' "$@" "$(env | grep -c -v -E '^(PATH|LC_ALL|SYSTEMD_COLORS|SYSTEMD_LOG_TARGET|PWD|SHLVL|_|OLDPWD)=')"; printf '\033[31mred\007\n'"#).await;
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

    #[test]
    fn what_went_is_added_up() {
        let said = "Deleted archived journal /var/log/journal/a/system@1.journal (8.0M).\n\
            Deleted archived journal /var/log/journal/a/system@2.journal (16.5M).\n\
            Vacuuming done, freed 24.5M of archived journals from /var/log/journal/a.\n\
            Vacuuming done, freed 0B of archived journals from /run/log/journal.\n";
        assert_eq!(freed(said), Vacuumed { files: 2, bytes: 24 * (1 << 20) + (1 << 19) });
        assert_eq!(freed("odd words"), Vacuumed::default());
        assert_eq!(["0B", "512B", "1.5K", "2.0G", "x"].map(bytes), [0, 512, 1_536, 2 << 30, 0]);
    }

    async fn vacuumed(script: &str) -> Result<Option<Vacuumed>, LinkError> {
        let dir = tempfile::tempdir().unwrap();
        let path = program(dir.path(), script);
        loop {
            let what = Vacuum::OlderThan(Duration::from_secs(259_200));
            let answer = vacuum_by(&path, "/usr/bin:/bin", what, true, Duration::from_millis(500)).await;
            if !matches!(&answer, Err(LinkError::NotSent(why)) if why.contains("busy")) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn old_files_go_and_what_stays_is_no_success() {
        let script = r#"[ "$*" = "--no-pager --vacuum-time=259200s --rotate" ] || exit 1
            echo 'Deleted archived journal /x (8.0M).' >&2; echo 'Vacuuming done, freed 8.0M of archived journals from /x.' >&2"#;
        assert_eq!(vacuumed(script).await, Ok(Some(Vacuumed { files: 1, bytes: 8 << 20 })));
        let denied = "echo 'Failed to delete archived journal /x: Read-only file system' >&2";
        let Err(LinkError::Denied(why)) = vacuumed(denied).await else { panic!("it may not remove it") };
        assert!(why.starts_with("journalctl: Read-only file system"), "{why}");
        assert_eq!(vacuumed("echo no >&2; exit 1").await, Err(LinkError::Refused("journalctl: no".to_owned())));
        assert_eq!(vacuumed("exit 1").await, Err(LinkError::Refused("journalctl: it failed".to_owned())));
        assert_eq!(vacuumed("exec sleep 60").await, Ok(None));
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
