//! The outside, as the loop sees it: look, act, tell. Simulated in `tests/sim`, real in `real_world.rs`.

use crate::domain::alert::ListedAlert;
use crate::domain::decide::SilenceOrder;
use crate::domain::guard::Permit;
use crate::domain::look::Observation;
use crate::domain::notice::{Delivery, Notice, Post};
use crate::domain::outcome::Acted;
use crate::domain::plan::{PlannedProbe, PlannedStep};
use crate::domain::target::{AllowList, Target};
use std::future::Future;
use std::sync::Arc;

pub use crate::domain::look::LookOrder;

pub trait World: Send + Sync + 'static {
    /// Looks at the target's state and asks the probes. Never fails: what can't be asked is `Unknown`.
    fn look(&self, order: LookOrder) -> impl Future<Output = Observation> + Send;

    /// The configuration was read again: what may be touched from now on.
    fn reloaded(&self, _allow: &AllowList) {}

    /// The last lines that the target logged, and where there are none, why; `None`: such a target keeps none.
    fn logs(&self, _target: Target, _lines: u32) -> impl Future<Output = Option<Result<String, String>>> + Send {
        std::future::ready(None)
    }

    /// Carries out one step. The permit is used up. Dropping the future must not undo anything.
    fn act(&self, order: ActOrder) -> impl Future<Output = Acted> + Send;

    /// One try on one channel.
    fn tell(&self, post: Post) -> impl Future<Output = Delivery> + Send;

    /// Once for each notice: for the log.
    fn note(&self, _notice: &Notice) {}

    /// Asks Alertmanager for a silence; the answer is its id.
    ///
    /// # Errors
    /// Why there is none.
    fn silence(&self, _order: SilenceOrder) -> impl Future<Output = Result<String, String>> + Send {
        async { Err("no Alertmanager is configured".to_owned()) }
    }

    /// Ends the silences of heald's own with that comment; how many there were.
    ///
    /// # Errors
    /// Why one may go on; it ends by its time.
    fn unsilence(&self, _comment: String) -> impl Future<Output = Result<usize, String>> + Send {
        async { Err("no Alertmanager is configured".to_owned()) }
    }

    /// Everything that fires in Alertmanager, silenced and inhibited ones too; `None` where none is configured.
    fn alerts(&self) -> impl Future<Output = Option<Result<Vec<ListedAlert>, String>>> + Send;

    /// Whether rendered parameters fit their types, before anything of the plan runs.
    ///
    /// # Errors
    /// What does not fit, and what would.
    fn admit(&self, step: &PlannedStep) -> Result<(), String>;

    /// As [`World::admit`], for a probe.
    ///
    /// # Errors
    /// What does not fit, and what would.
    fn admit_probe(&self, probe: &PlannedProbe) -> Result<(), String>;
}

pub struct ActOrder {
    pub step: PlannedStep,
    pub permit: Permit,
    /// Where a long step says how far it is.
    pub progress: Tell,
}

/// Takes a line for the timeline.
pub type Tell = Arc<dyn Fn(String) + Send + Sync>;
