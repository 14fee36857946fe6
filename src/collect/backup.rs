//! The newest backup: how old the newest is that is big enough to be one, and how big the newest of all.
//!
//! What is in it is not looked at. A file that is still being written counts once it is big enough; whoever
//! makes backups writes under another name and renames.

use super::blocking::Turn;
use super::heartbeat::modified;
use super::page::{Family, Labels};
use super::{Collect, Seen};
use futures_util::future::BoxFuture;
use regex::Regex;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// `{ name, path | glob, service, max_age, min_size }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    pub name: String,
    pub files: Files,
    /// May be empty.
    pub service: String,
    /// What is expected; a rule compares with it.
    pub max_age: Duration,
    /// Bytes. Smaller files are no backups.
    pub min_size: u64,
}

/// Which files are meant. Symbolic links never are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Files {
    /// Absolute.
    One(PathBuf),
    /// `*` and `?` in the name, none in the folder, which is absolute.
    Like { folder: PathBuf, name: String },
}

pub struct Backups {
    expected: Arc<[Backup]>,
    turn: Turn,
}

/// What is left of a folder.
#[derive(Default)]
struct Found {
    newest: Option<File>,
    /// That is big enough.
    newest_good: Option<File>,
}

#[derive(Clone, Copy)]
struct File {
    /// Seconds since 1970.
    modified: f64,
    size: u64,
}

/// Names read of one folder. More of them cost more than a scrape may, and the newest might be among the rest.
const NAMES_MAX: usize = 10_000;

// === impl Backups ===

impl Backups {
    pub fn new(expected: Vec<Backup>) -> Self {
        Self { expected: expected.into(), turn: Turn::new() }
    }

    #[expect(clippy::cast_precision_loss, reason = "exact up to 9 PB")]
    fn expectations(&self) -> Vec<Family> {
        let mut age = Family::gauge("heald_backup_max_age_seconds", "How old the newest backup may become");
        let mut size = Family::gauge("heald_backup_min_bytes", "How big a file must be to count as a backup");
        for one in &*self.expected {
            age.add(one.labels(), one.max_age.as_secs_f64());
            size.add(one.labels(), one.min_size as f64);
        }
        vec![age, size]
    }
}

impl Collect for Backups {
    fn name(&self) -> &'static str {
        "backup"
    }

    fn collect(&self) -> BoxFuture<'_, Seen> {
        Box::pin(async move {
            let expected = Arc::clone(&self.expected);
            let looked = self.turn.run(move || expected.iter().map(Backup::newest).collect::<Vec<_>>()).await;
            let (seen, mut failed) = match looked {
                Ok(seen) => (seen, None),
                Err(why) => (Vec::new(), Some(why)),
            };
            let mut made = Family::gauge(
                "heald_backup_last_success_timestamp_seconds",
                "When the newest backup that is big enough was written; none without one",
            );
            let mut size = Family::gauge("heald_backup_size_bytes", "How big the newest file is, big enough or not");
            for (one, seen) in self.expected.iter().zip(seen) {
                match seen {
                    Ok(found) => {
                        found.newest_good.into_iter().for_each(|file| made.add(one.labels(), file.modified));
                        #[expect(clippy::cast_precision_loss, reason = "exact up to 9 PB")]
                        found.newest.into_iter().for_each(|file| size.add(one.labels(), file.size as f64));
                    }
                    Err(why) => failed = Some(format!("{}: {why}", one.name)),
                }
            }
            let mut families = vec![made, size];
            families.extend(self.expectations());
            Seen { families, failed }
        })
    }

    fn blind(&self) -> Vec<Family> {
        self.expectations()
    }
}

// === impl Backup ===

impl Backup {
    fn labels(&self) -> Labels {
        vec![("backup", self.name.clone()), ("service", self.service.clone())]
    }

    fn newest(&self) -> Result<Found, String> {
        let mut all = Found::default();
        match &self.files {
            Files::One(path) => all.add(look(path)?, self.min_size),
            Files::Like { folder, name } => {
                let shown = |error: std::io::Error| format!("{}: {error}", folder.display());
                let entries = match fs::read_dir(folder) {
                    Err(error) if error.kind() == ErrorKind::NotFound => return Ok(all),
                    other => other.map_err(shown)?,
                };
                let matches = pattern(name)?;
                for (count, entry) in entries.enumerate() {
                    if count == NAMES_MAX {
                        return Err(format!(
                            "{}: more than {NAMES_MAX} files; give backups a folder of their own",
                            folder.display()
                        ));
                    }
                    let entry = entry.map_err(shown)?;
                    let found = entry.file_name();
                    // As for a shell: a leading dot is matched by a dot only.
                    let is_meant = |found: &str| matches.is_match(found) && (!found.starts_with('.') || name.starts_with('.'));
                    if !found.to_str().is_some_and(is_meant) {
                        continue;
                    }
                    all.add(look(&entry.path())?, self.min_size);
                }
            }
        }
        Ok(all)
    }
}

// === impl Found ===

impl Found {
    fn add(&mut self, file: Option<File>, min_size: u64) {
        let Some(file) = file else { return };
        let keep = |newest: &mut Option<File>| {
            if newest.is_none_or(|newest| file.modified > newest.modified) {
                *newest = Some(file);
            }
        };
        keep(&mut self.newest);
        if file.size >= min_size {
            keep(&mut self.newest_good);
        }
    }
}

fn look(path: &Path) -> Result<Option<File>, String> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(Some(File { modified: modified(&found), size: found.len() })),
        Ok(_) => Ok(None),
        // Deleted since the folder was read, or never made.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// As a shell means it.
fn pattern(name: &str) -> Result<Regex, String> {
    let translate = |c| match c {
        '*' => ".*".to_owned(),
        '?' => ".".to_owned(),
        other => regex::escape(&other.to_string()),
    };
    let text: String = name.chars().map(translate).collect();
    Regex::new(&format!("(?s)^{text}$")).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::page::page;
    use super::*;
    use std::time::SystemTime;

    fn write(folder: &Path, name: &str, size: usize, at: u64) {
        fs::write(folder.join(name), vec![b'x'; size]).unwrap();
        let file = fs::File::options().write(true).open(folder.join(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(at)).unwrap();
    }

    fn nightly(files: Files) -> Backup {
        let max_age = Duration::from_secs(26 * 3_600);
        Backup { name: "nightly".to_owned(), files, service: "shop".to_owned(), max_age, min_size: 10 }
    }

    fn like(folder: &Path, name: &str) -> Files {
        Files::Like { folder: folder.to_owned(), name: name.to_owned() }
    }

    async fn seen(backup: Backup) -> (String, Option<String>) {
        let seen = Backups::new(vec![backup]).collect().await;
        (page(seen.families), seen.failed)
    }

    #[tokio::test]
    async fn the_newest_that_is_big_enough_counts() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path();
        write(folder, "shop-1.tar.zst", 10, 1_000);
        write(folder, "shop-2.tar.zst", 12, 2_000);
        write(folder, "shop-3.tar.zst", 9, 3_000);
        write(folder, "other-4.tar.zst", 20, 4_000);
        write(folder, "shop-5.tar.zst.part", 20, 5_000);
        write(folder, ".shop-6.tar.zst", 20, 6_000);
        std::os::unix::fs::symlink("other-4.tar.zst", folder.join("shop-7.tar.zst")).unwrap();
        fs::create_dir(folder.join("shop-8.tar.zst")).unwrap();
        for (name, newest, size) in
            [("shop-*.tar.zst", 2_000, 9), ("shop-?.tar.zst", 2_000, 9), ("*", 5_000, 20), (".shop-*", 6_000, 20), ("s+*", 0, 0)]
        {
            let (text, failed) = seen(nightly(like(folder, name))).await;
            assert_eq!(failed, None);
            let labels = "{backup=\"nightly\",service=\"shop\"}";
            let shows = |line: &str| text.lines().any(|other| other == line);
            let made = format!("heald_backup_last_success_timestamp_seconds{labels} {newest}");
            assert_eq!(shows(&made), newest > 0, "{name}: {made} in\n{text}");
            assert_eq!(shows(&format!("heald_backup_size_bytes{labels} {size}")), size > 0, "{name}\n{text}");
            assert!(shows(&format!("heald_backup_max_age_seconds{labels} 93600")), "{name}\n{text}");
            assert!(shows(&format!("heald_backup_min_bytes{labels} 10")), "{name}\n{text}");
        }
    }

    #[tokio::test]
    async fn no_backup_is_an_answer_and_an_unreadable_folder_is_none() {
        let dir = tempfile::tempdir().unwrap();
        for files in [Files::One(dir.path().join("gone")), like(&dir.path().join("gone"), "*")] {
            let (text, failed) = seen(nightly(files)).await;
            assert_eq!(failed, None);
            assert!(!text.contains("last_success") && text.contains("heald_backup_max_age_seconds{"), "{text}");
        }
        write(dir.path(), "file", 10, 1_000);
        let (text, failed) = seen(nightly(Files::One(dir.path().join("file")))).await;
        assert!(
            failed.is_none() && text.contains("last_success_timestamp_seconds{backup=\"nightly\",service=\"shop\"} 1000\n"),
            "{text}"
        );
        let (text, failed) = seen(nightly(like(&dir.path().join("file"), "*"))).await;
        assert!(failed.is_some() && !text.contains("last_success"), "{failed:?}\n{text}");
    }
}
