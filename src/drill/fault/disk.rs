//! `disk.fill`: a file system that is nearly full.

use super::{FaultKind, Held, Mark, Undo, said};
use crate::domain::size::{Amount, words};
use crate::domain::target::TargetKind;
use crate::link::Tools;
use crate::link::beneath::{Ground, grow};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Fills the file system of a folder by one file in it, `.heald-drill-fill`. Undone by removing that.
///
/// Mark a folder of a small file system of its own, such as a tmpfs: everybody on the same one is hit.
///
/// ```yaml
/// - disk.fill: { path: /srv/scratch, used: "95%" }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fill {
    path: String,
    /// How much of it is to be used then, as `df` has it: a share, or a size. 99% at most, `95%` where it is left out.
    #[serde(default = "used")]
    used: Amount,
}

pub(super) const NAME: &str = ".heald-drill-fill";

fn used() -> Amount {
    Amount::PerMille(950)
}

impl Fill {
    fn file(&self) -> String {
        format!("{}/{NAME}", self.path)
    }
}

impl FaultKind for Fill {
    const KIND: &'static str = "disk.fill";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        if matches!(self.used, Amount::PerMille(share) if share > 990) {
            return Err(format!("used {} is out of range: 99% at most", self.used));
        }
        Ok(vec![Mark::of(TargetKind::Path, &self.path)?])
    }

    fn prepare<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        async move {
            let folder = Ground::new(tools.allow.now()).folder(&self.path).map_err(said)?;
            let (used, whole) = folder.used().map_err(said)?;
            let wanted = self.used.of(whole);
            if wanted <= used {
                return Err(format!("{} of {} are used already", words(used), words(whole)));
            }
            Ok(Undo::Remove { paths: vec![self.file()] })
        }
        .boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, _: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move {
            let folder = Ground::new(tools.allow.now()).folder(&self.path).map_err(said)?;
            let (used, whole) = folder.used().map_err(said)?;
            let mut file = folder.place(NAME).make().map_err(said)?;
            grow(&mut file, self.used.of(whole).saturating_sub(used)).map_err(said)?;
            Ok(None)
        }
        .boxed()
    }
}
