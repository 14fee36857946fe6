//! When a file was last touched: the sign of life of a program that has no other.

use super::blocking::Turn;
use super::page::Family;
use super::{Collect, Seen};
use futures_util::future::BoxFuture;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// `{ name, file, service, max_age }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    pub name: String,
    /// Absolute. Its last component may not be a symbolic link.
    pub file: PathBuf,
    /// May be empty.
    pub service: String,
    /// What is expected; a rule compares with it.
    pub max_age: Duration,
}

pub struct Heartbeats {
    expected: Arc<[Heartbeat]>,
    turn: Turn,
}

// === impl Heartbeats ===

impl Heartbeats {
    pub fn new(expected: Vec<Heartbeat>) -> Self {
        Self { expected: expected.into(), turn: Turn::new() }
    }

    fn max_age(&self) -> Family {
        let mut family = Family::gauge("heald_heartbeat_max_age_seconds", "How old the sign of life may become");
        for one in &*self.expected {
            family.add(one.labels(), one.max_age.as_secs_f64());
        }
        family
    }
}

impl Collect for Heartbeats {
    fn name(&self) -> &'static str {
        "heartbeat"
    }

    fn collect(&self) -> BoxFuture<'_, Seen> {
        Box::pin(async move {
            let expected = Arc::clone(&self.expected);
            let looked = self.turn.run(move || expected.iter().map(|one| touched(&one.file)).collect::<Vec<_>>()).await;
            let (seen, mut failed) = match looked {
                Ok(seen) => (seen, None),
                Err(why) => (Vec::new(), Some(why)),
            };
            let mut family = Family::gauge(
                "heald_heartbeat_timestamp_seconds",
                "When the file was last written or touched; none without a file",
            );
            for (one, seen) in self.expected.iter().zip(seen) {
                match seen {
                    Ok(Some(at)) => family.add(one.labels(), at),
                    Ok(None) => {}
                    Err(why) => failed = Some(format!("{}: {why}", one.name)),
                }
            }
            Seen { families: vec![family, self.max_age()], failed }
        })
    }

    fn blind(&self) -> Vec<Family> {
        vec![self.max_age()]
    }
}

// === impl Heartbeat ===

impl Heartbeat {
    fn labels(&self) -> super::page::Labels {
        vec![("heartbeat", self.name.clone()), ("service", self.service.clone())]
    }
}

/// Seconds since 1970; None where there is no such file.
fn touched(file: &Path) -> Result<Option<f64>, String> {
    match fs::symlink_metadata(file) {
        Ok(found) if found.is_file() => Ok(Some(modified(&found))),
        Ok(_) => Err(format!("{} is no regular file", file.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

/// The time of the last change, in seconds since 1970.
pub(super) fn modified(found: &fs::Metadata) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "to a fraction of a microsecond")]
    let seconds = found.mtime() as f64 + found.mtime_nsec() as f64 / 1e9;
    seconds
}

#[cfg(test)]
mod tests {
    use super::super::page::page;
    use super::*;
    use std::time::SystemTime;

    #[tokio::test]
    async fn a_missing_file_has_no_time_and_a_link_is_no_heartbeat() {
        let dir = tempfile::tempdir().unwrap();
        let beat = |name: &str| Heartbeat {
            name: name.to_owned(),
            file: dir.path().join(name),
            service: "agent".to_owned(),
            max_age: Duration::from_secs(1_800),
        };
        let file = fs::File::create(dir.path().join("agent")).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_357_948_500)).unwrap();
        let heartbeats = Heartbeats::new(vec![beat("agent"), beat("gone")]);
        let seen = heartbeats.collect().await;
        assert_eq!(seen.failed, None);
        let text = page(seen.families);
        for line in [
            "heald_heartbeat_timestamp_seconds{heartbeat=\"agent\",service=\"agent\"} 1795357948.5",
            "heald_heartbeat_max_age_seconds{heartbeat=\"agent\",service=\"agent\"} 1800",
            "heald_heartbeat_max_age_seconds{heartbeat=\"gone\",service=\"agent\"} 1800",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
        }
        assert!(!text.contains("timestamp_seconds{heartbeat=\"gone\""), "{text}");

        std::os::unix::fs::symlink("agent", dir.path().join("link")).unwrap();
        let seen = Heartbeats::new(vec![beat("link"), beat("agent")]).collect().await;
        assert!(seen.failed.as_ref().is_some_and(|why| why.contains("is no regular file")), "{:?}", seen.failed);
        assert!(page(seen.families).contains("timestamp_seconds{heartbeat=\"agent\""), "the other one is still seen");
    }
}
