//! What in a folder is meant: found within bounds, and what was passed over is counted by its reason.

use super::{Folder, Glob, Ground, Place, Stamp, Trouble, check_name};
use crate::link::until::Until;
use rustix::fs::Dir;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Which files of a folder.
#[derive(Clone, Debug)]
pub struct Pick {
    pub glob: Glob,
    /// Folders below the first: 0 is the folder itself.
    pub depth: u32,
}

#[derive(Clone, Debug)]
pub struct Found {
    pub place: Place,
    pub stamp: Stamp,
}

#[derive(Debug, Default)]
pub struct Walk {
    /// Regular files with one name on the folder's device, whose name matches; the newest first.
    pub files: Vec<Found>,
    pub skipped: Skipped,
    /// Why there may be more than was seen.
    pub cut_short: Option<&'static str>,
}

/// Why a name was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Odd {
    Symlink,
    HardLinked,
    Folder,
    NoFolder,
    Pipe,
    Socket,
    Device,
    Mount,
    /// Not UTF-8, or with control characters.
    Name,
    Own,
    /// Gone or changed between two looks.
    Changed,
    Denied,
    /// Some process writes to it.
    Held,
    /// A file of the same name is there already.
    Taken,
    /// Empty, or larger than it may be.
    Unfit,
}

/// How many of each; never silently none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped(BTreeMap<Odd, u64>);

/// Names read in all, about 20 MB in memory. A folder with more is worked off in several runs.
const ENTRIES_MAX: usize = 100_000;
/// Between two looks at the clock.
const ENTRIES_EACH: usize = 256;

/// # Errors
/// The folder itself can't be read; what can't be read below it is counted.
pub fn walk(ground: &Ground, top: &Folder, pick: &Pick, until: &Until) -> Result<Walk, Trouble> {
    let own = ground.own_inodes();
    let mut walk = Walk::default();
    let mut seen = 0;
    let mut folders = vec![(top.clone(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let mut entries = match Dir::read_from(&*folder.fd) {
            Ok(entries) => entries,
            Err(errno) if depth == 0 => return Err(Trouble::of(folder.path(), &errno.into())),
            Err(_) => {
                walk.skipped.add(Odd::Denied);
                continue;
            }
        };
        while let Some(entry) = entries.read() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(errno) if depth == 0 => return Err(Trouble::of(folder.path(), &errno.into())),
                Err(_) => {
                    walk.skipped.add(Odd::Denied);
                    break;
                }
            };
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            seen += 1;
            if seen > ENTRIES_MAX {
                walk.cut_short = Some("there are more than 100000 names");
                folders.clear();
                break;
            }
            if seen % ENTRIES_EACH == 0 && until.is_over() {
                walk.cut_short = Some("its time was over");
                folders.clear();
                break;
            }
            let Some(name) = entry.file_name().to_str().ok().filter(|name| check_name(name).is_ok()) else {
                walk.skipped.add(Odd::Name);
                continue;
            };
            let matches = pick.glob.matches(name);
            if !matches && (depth == pick.depth || entry.file_type() == rustix::fs::FileType::RegularFile) {
                continue;
            }
            let place = folder.place(name);
            match place.glance() {
                // A mount that would have been walked into counts, whatever its name.
                Err(trouble) if !matches && Odd::of(&trouble) != Odd::Mount => {}
                Err(trouble) => walk.skipped.add(Odd::of(&trouble)),
                Ok(stamp) if own.contains(&(stamp.device, stamp.inode)) => walk.skipped.add(Odd::Own),
                Ok(stamp) => match stamp.odd(folder.device) {
                    None if matches => walk.files.push(Found { place, stamp }),
                    Some(Odd::Folder) if depth < pick.depth => match folder.below(name).and_then(|folder| {
                        folder.is_not_own()?;
                        Ok(folder)
                    }) {
                        Ok(below) => folders.push((below, depth + 1)),
                        Err(trouble) => walk.skipped.add(Odd::of(&trouble)),
                    },
                    Some(odd) if matches => walk.skipped.add(odd),
                    _ => {}
                },
            }
        }
    }
    walk.files.sort_by(|a, b| b.stamp.modified.cmp(&a.stamp.modified).then_with(|| a.place.name.cmp(&b.place.name)));
    Ok(walk)
}

// === impl Odd ===

impl Odd {
    pub fn label(self) -> &'static str {
        match self {
            Self::Symlink => "symlink",
            Self::HardLinked => "hard_linked",
            Self::Folder => "folder",
            Self::NoFolder => "no_folder",
            Self::Pipe => "pipe",
            Self::Socket => "socket",
            Self::Device => "device",
            Self::Mount => "mount",
            Self::Name => "name",
            Self::Own => "own",
            Self::Changed => "changed",
            Self::Denied => "denied",
            Self::Held => "held",
            Self::Taken => "taken",
            Self::Unfit => "unfit",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Symlink => "a symbolic link",
            Self::HardLinked => "a file with several names (hard links)",
            Self::Folder => "a folder",
            Self::NoFolder => "no folder",
            Self::Pipe => "a pipe",
            Self::Socket => "a socket",
            Self::Device => "a device",
            Self::Mount => "on another mount",
            Self::Name => "of a name that is not plain text",
            Self::Own => "heald's own",
            Self::Changed => "changed meanwhile",
            Self::Denied => "not permitted",
            Self::Held => "written to by a process",
            Self::Taken => "there already",
            Self::Unfit => "not what it must be",
        }
    }

    pub fn of(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Missing(_) | Trouble::Late(_) => Self::Changed,
            Trouble::Refused(odd, _) => *odd,
            Trouble::Denied(_) | Trouble::Failed(_) | Trouble::NotAllowed(_) => Self::Denied,
        }
    }
}

// === impl Skipped ===

impl Skipped {
    pub fn add(&mut self, odd: Odd) {
        *self.0.entry(odd).or_default() += 1;
    }

    pub fn count(&self, odd: Odd) -> u64 {
        self.0.get(&odd).copied().unwrap_or(0)
    }

    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// `{"symlink": 2, "pipe": 1}`
    pub fn facts(&self) -> Value {
        self.0.iter().map(|(odd, count)| (odd.label().to_owned(), json!(count))).collect::<serde_json::Map<_, _>>().into()
    }

    /// `; left alone: 2 symlink, 1 pipe`, or nothing.
    pub fn words(&self) -> String {
        let each: Vec<String> = self.0.iter().map(|(odd, count)| format!("{count} {}", odd.label())).collect();
        if each.is_empty() { String::new() } else { format!("; left alone: {}", each.join(", ")) }
    }
}
