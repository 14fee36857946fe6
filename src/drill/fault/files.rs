//! `files.spoil`, `files.hide`, `files.place`, `files.age`.
//!
//! All of it is done at once and not on another thread: an order to stop is heard when it is done, and never in the middle.

use super::keep::{Spoilt, aside, beside, keeping, own, place, spoil, stamped};
use super::{FaultKind, Held, Mark, Undo, said};
use crate::domain::size::Size;
use crate::domain::target::TargetKind;
use crate::domain::time::Span;
use crate::link::Tools;
use crate::link::beneath::grow;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fs::FileTimes;

/// Writes something else into a file. The original is kept beside it and put back, unless somebody has repaired it meanwhile;
/// then it stays as `.heald-drill-original.NAME`, unless the repair made the same of it.
///
/// ```yaml
/// - files.spoil: { path: /etc/shop/shop.json, content: "{" }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spoil {
    path: String,
    /// Empty where it is left out.
    #[serde(default)]
    content: String,
}

/// Renames a file away. Undone by renaming it back, unless there is one again; then that stays, and the
/// original as `.heald-drill-original.NAME`, unless both are the same.
///
/// ```yaml
/// - files.hide: { path: /var/lib/shop/flag }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hide {
    path: String,
}

/// Makes files that nobody needs, such as old logs. Undone by removing those that are left.
///
/// `path` names the first; with a `count`, a number is put before its ending: `drill.log` becomes `drill-1.log`, `drill-2.log` …
///
/// ```yaml
/// - files.place: { path: /var/log/shop/drill.log, size: 10MB, age: 30d, count: 5 }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Put {
    path: String,
    /// Of each; 1kB where it is left out, 10GB at most.
    #[serde(default = "size")]
    size: Size,
    /// How long ago they were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    age: Option<Span>,
    /// 1 to 1000.
    #[serde(default = "one")]
    count: u32,
}

/// Lets a file seem older than it is. Undone by the time that it had, unless it was written to meanwhile.
///
/// ```yaml
/// - files.age: { path: /var/backups/shop/last.ok, by: 3d }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Age {
    path: String,
    by: Span,
}

const SIZE_MAX: u64 = 10_000_000_000;
const COUNT_MAX: u32 = 1_000;
fn size() -> Size {
    Size(1_000)
}

fn one() -> u32 {
    1
}

fn mark(path: &str) -> Result<Mark, String> {
    Mark::of(TargetKind::Path, path)
}

impl FaultKind for Spoil {
    const KIND: &'static str = "files.spoil";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        Ok(vec![mark(&self.path)?])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move { keeping(tools, &self.path, Spoilt::Content(self.content.clone())) }.boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, undo: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move { spoil(tools, undo).map(|()| None) }.boxed()
    }
}

impl FaultKind for Hide {
    const KIND: &'static str = "files.hide";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        Ok(vec![mark(&self.path)?])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move {
            place(tools, &self.path)?.present().map_err(said)?;
            Ok(Undo::RenameBack { path: self.path.clone(), aside: aside(&self.path, "hidden") })
        }
        .boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, _: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move {
            let hidden = beside(tools, &self.path, &aside(&self.path, "hidden"))?;
            place(tools, &self.path)?.rename(&hidden).map(|()| None).map_err(said)
        }
        .boxed()
    }
}

impl Put {
    fn paths(&self) -> Vec<String> {
        let (folder, name) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let (stem, ending) = name.rfind('.').filter(|at| *at > 0).map_or((name, ""), |at| name.split_at(at));
        match self.count {
            1 => vec![self.path.clone()],
            count => (1..=count).map(|number| format!("{folder}/{stem}-{number}{ending}")).collect(),
        }
    }
}

impl FaultKind for Put {
    const KIND: &'static str = "files.place";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        if !(1..=COUNT_MAX).contains(&self.count) {
            return Err(format!("count {} is out of range: 1 to {COUNT_MAX}", self.count));
        }
        if self.size.0.saturating_mul(self.count.into()) > SIZE_MAX {
            return Err("size is out of range: 10GB at most, all together".to_owned());
        }
        Ok(vec![mark(&self.path)?])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move {
            // What is there is somebody's: the undo would remove it.
            for path in self.paths() {
                if place(tools, &path)?.file().map_err(said)?.is_some() {
                    return Err(format!("{path} is there already"));
                }
            }
            Ok(Undo::Remove { paths: self.paths() })
        }
        .boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, _: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move {
            let now = crate::link::clock::wall();
            let age = i64::try_from(self.age.map_or(0, |age| age.0.as_secs())).unwrap_or(0);
            for path in self.paths() {
                let here = place(tools, &path)?;
                let mut file = here.make().map_err(said)?;
                if self.size.0 > 0 {
                    grow(&mut file, self.size.0).map_err(said)?;
                }
                let like = here.folder.stamp().map_err(said)?;
                own(&file, 0o644, like.user, like.group)?;
                file.set_times(FileTimes::new().set_modified(stamped(now.as_second() - age, 0))).map_err(said)?;
            }
            Ok(None)
        }
        .boxed()
    }
}

impl FaultKind for Age {
    const KIND: &'static str = "files.age";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        if self.by.0.is_zero() {
            return Err("by: 0s changes nothing".to_owned());
        }
        Ok(vec![mark(&self.path)?])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move {
            let (seconds, nanos) = place(tools, &self.path)?.present().map_err(said)?.modified;
            let to = seconds - i64::try_from(self.by.0.as_secs()).unwrap_or(0);
            Ok(Undo::Modified { path: self.path.clone(), seconds, nanos, to })
        }
        .boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, undo: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move {
            let Undo::Modified { to, .. } = undo else { return Err("another kind of undo".to_owned()) };
            let (file, _) = place(tools, &self.path)?.open_to_spoil().map_err(said)?.ok_or("it is gone")?;
            file.set_times(FileTimes::new().set_modified(stamped(*to, 0))).map_err(said)?;
            Ok(None)
        }
        .boxed()
    }
}
