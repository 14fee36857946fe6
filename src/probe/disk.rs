//! `disk`: how much room a file system has.

use super::{Look, ProbeKind, Verdict};
use crate::domain::look::ProbeVerdict;
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::StepObject;
use crate::domain::size::{Amount, Size};
use crate::domain::target::cut;
use crate::domain::template::is_template;
use crate::link::Tools;
use crate::link::beneath::check_path;
use crate::link::until::off_runtime;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Passes while the file system that a path lies on has room.
///
/// Room is what a program that is not root may still write, as `df` shows it under *Avail*; used is `df`'s *Use%*. Nothing on the
/// disk is read, so the path needs no entry in the allow-list. A file system that does not answer within 5 s is unknown.
///
/// ```yaml
/// - disk: { path: /var/lib/worker, free_min: 10% }
/// - disk: { path: "{{ labels.mountpoint }}", used_max: 90% }
/// ```
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// A path on the file system, absolute; `/` is taken.
    path: String,
    /// At least so much room: a size as in `500MB`, or a share of the whole as in `10%`. Exactly one of this and `used_max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    free_min: Option<Amount>,
    /// At most so much used: a size, or a share of what is used and free as in `90%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_max: Option<Amount>,
}

#[derive(Clone, Debug)]
struct Disk {
    path: String,
    limit: Limit,
    /// A disk that hangs keeps one thread, not one for each look.
    asking: Arc<AtomicBool>,
}

#[derive(Clone, Copy, Debug)]
enum Limit {
    FreeMin(Amount),
    UsedMax(Amount),
}

/// In bytes.
#[derive(Clone, Copy, Debug)]
struct Room {
    whole: u64,
    /// For root.
    left: u64,
    /// For everybody else.
    free: u64,
}

const TIMEOUT: Duration = Duration::from_secs(5);

// === impl ProbeKind for Params ===

impl ProbeKind for Params {
    const KIND: &'static str = "disk";

    fn form(&self) -> Result<StepObject, String> {
        self.limit()?;
        if !is_template(&self.path) && self.path != "/" {
            check_path(&self.path)?;
        }
        Ok(StepObject::Nothing)
    }

    fn ready(self, _: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        self.form()?;
        Ok(Box::new(Disk { limit: self.limit()?, path: self.path, asking: Arc::default() }))
    }
}

impl Params {
    fn limit(&self) -> Result<Limit, String> {
        match (self.free_min, self.used_max) {
            (Some(free), None) => Ok(Limit::FreeMin(free)),
            (None, Some(used)) => Ok(Limit::UsedMax(used)),
            _ => Err("write one of `free_min:` and `used_max:`".to_owned()),
        }
    }
}

// === impl Look for Disk ===

impl Look for Disk {
    fn ask<'a>(&'a self, _: &'a Tools) -> BoxFuture<'a, Verdict> {
        async move {
            if self.asking.swap(true, Ordering::AcqRel) {
                return (ProbeVerdict::Unknown, format!("{} still does not answer", cut(&self.path)));
            }
            let (path, asking) = (self.path.clone(), Arc::clone(&self.asking));
            let asked = off_runtime(Instant::now() + TIMEOUT, move |_| {
                let room = Room::of(&path);
                asking.store(false, Ordering::Release);
                room
            });
            match asked.await {
                Ok(Some(Ok(room))) => room.judge(self.limit),
                Ok(Some(Err(why))) | Err(why) => (ProbeVerdict::Unknown, format!("{}: {why}", cut(&self.path))),
                Ok(None) => (ProbeVerdict::Unknown, format!("{} does not answer", cut(&self.path))),
            }
        }
        .boxed()
    }
}

// === impl Room ===

impl Room {
    fn of(path: &str) -> Result<Self, String> {
        let found = rustix::fs::statvfs(path).map_err(|errno| errno.to_string())?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Self { whole: bytes(found.f_blocks), left: bytes(found.f_bfree), free: bytes(found.f_bavail) })
    }

    fn judge(self, limit: Limit) -> Verdict {
        let Self { whole, left, free } = self;
        if whole == 0 {
            // /proc and the like.
            return (ProbeVerdict::Unknown, "it is no file system that could be full".to_owned());
        }
        let used = whole.saturating_sub(left);
        let share = |part: u64, of: u64| u64::try_from(u128::from(part) * 1_000 / u128::from(of.max(1))).unwrap_or(u64::MAX);
        let (good, wanted) = match limit {
            Limit::FreeMin(amount) => (free >= amount.of(whole), format!("at least {amount} is wanted")),
            Limit::UsedMax(amount) => (used <= amount.of(used.saturating_add(free)), format!("at most {amount} may be used")),
        };
        let used_share = share(used, used.saturating_add(free));
        let detail = format!("{} free, {}.{}% used", Size(free), used_share / 10, used_share % 10);
        match good {
            true => (ProbeVerdict::Pass, detail),
            false => (ProbeVerdict::Fail, format!("{detail}; {wanted}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_counted_as_df_does() {
        // 1000 in all, 100 of them for root only, 850 used.
        let room = Room { whole: 1_000, left: 150, free: 50 };
        let judged = |limit: Limit| room.judge(limit).0;
        let amount = |text: &str| text.parse::<Amount>().unwrap();
        assert_eq!(judged(Limit::FreeMin(amount("50B"))), ProbeVerdict::Pass);
        assert_eq!(judged(Limit::FreeMin(amount("51B"))), ProbeVerdict::Fail);
        assert_eq!(judged(Limit::FreeMin(amount("5%"))), ProbeVerdict::Pass);
        assert_eq!(judged(Limit::FreeMin(amount("5.1%"))), ProbeVerdict::Fail);
        // 850 of 900.
        assert_eq!(judged(Limit::UsedMax(amount("94%"))), ProbeVerdict::Fail);
        assert_eq!(judged(Limit::UsedMax(amount("95%"))), ProbeVerdict::Pass);
        assert_eq!(room.judge(Limit::UsedMax(amount("90%"))).1, "50B free, 94.4% used; at most 90% may be used");
        assert_eq!(Room { whole: 0, left: 0, free: 0 }.judge(Limit::FreeMin(amount("1%"))).0, ProbeVerdict::Unknown);
    }
}
