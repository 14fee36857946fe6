//! Watches the kill switch's file, `STATE/paused`: while it exists nothing new starts.

use crate::run::Switch;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;

const NAME: &str = "paused";
/// A person who creates it wants to see it heeded at once; a look costs microseconds.
const EVERY: Duration = Duration::from_millis(250);
/// More of the file is no reason.
const REASON_MAX: usize = 200;
/// Enough bytes for that.
const READ_MAX: u64 = 4 * 200;

/// The file is looked at before this returns, and from then on until the last receiver is gone.
pub(super) fn watch(state: &Path) -> Switch {
    let path = state.join(NAME);
    let first = look(&path).unwrap_or_else(|error| {
        tracing::error!(file = %path.display(), %error, "the kill switch can't be looked at, so it counts as pulled");
        Some(format!("it can't be looked at: {error}"))
    });
    let (sender, seen) = watch::channel(first);
    // As a person would type it from anywhere.
    let shown = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
    let switch = Switch { file: shown.display().to_string(), seen };
    tokio::spawn(async move {
        let mut trouble = None;
        while !sender.is_closed() {
            tokio::time::sleep(EVERY).await;
            let file = path.clone();
            let answer = tokio::task::spawn_blocking(move || look(&file).map_err(|error| error.to_string())).await;
            match answer.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(now) => {
                    trouble = None;
                    sender.send_if_modified(|known| std::mem::replace(known, now.clone()) != now);
                }
                // What was seen last counts on.
                Err(why) if trouble.as_ref() != Some(&why) => {
                    tracing::error!(file = %path.display(), reason = %why, "the kill switch can't be looked at");
                    trouble = Some(why);
                }
                Err(_) => {}
            }
        }
    });
    switch
}

/// Whatever lies there pulls the switch; only a plain file is asked for its first line.
fn look(path: &Path) -> std::io::Result<Option<String>> {
    let kind = match fs::symlink_metadata(path) {
        Ok(found) => found.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    if kind.is_file()
        && let Ok(file) = File::open(path)
    {
        // A file that can't be read is there all the same.
        drop(file.take(READ_MAX).read_to_end(&mut text));
    }
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next().unwrap_or_default().trim();
    // It goes into the log and onto terminals.
    Ok(Some(line.chars().take(REASON_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn whatever_lies_there_pulls_the_switch() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        assert_eq!(look(&path).unwrap(), None);
        assert_eq!(look(&folder.path().join("no/paused")).unwrap(), None);
        fs::write(&path, " release\u{1b}[2J 1.4 \nsecond line\n").unwrap();
        assert_eq!(look(&path).unwrap().unwrap(), "release [2J 1.4");
        fs::write(&path, "ä".repeat(1_000)).unwrap();
        assert_eq!(look(&path).unwrap().unwrap().chars().count(), REASON_MAX);
        fs::remove_file(&path).unwrap();
        symlink("nowhere", &path).unwrap();
        assert_eq!(look(&path).unwrap().unwrap(), "");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(look(&path).unwrap().unwrap(), "");
        assert!(look(&path.join("a\0b")).is_err(), "an answer that is none is no answer");
    }

    #[tokio::test]
    async fn the_file_is_seen_at_the_start_and_as_it_comes_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        fs::write(&path, "storm").unwrap();
        let mut switch = watch(folder.path());
        assert_eq!(switch.seen.borrow_and_update().as_deref(), Some("storm"));
        for (there, wanted) in [(false, None), (true, Some("storm")), (false, None)] {
            if there {
                fs::write(&path, "storm").unwrap()
            } else {
                fs::remove_file(&path).unwrap()
            }
            let seen = switch.seen.wait_for(|seen| seen.as_deref() == wanted);
            tokio::time::timeout(Duration::from_secs(20), seen).await.unwrap().unwrap();
        }
    }
}
