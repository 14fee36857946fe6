//! Costly probes while heald only watches: asked once a minute, and again at once when one is bad.

use super::{Look, Verdict};
use crate::domain::look::ProbeVerdict;
use crate::link::Tools;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What costly probes passed with, and when, by their place in the list.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<BTreeMap<usize, (Instant, Verdict)>>);

const COSTLY_EVERY: Duration = Duration::from_secs(60);

// === impl Kept ===

impl Kept {
    /// A bad verdict is not kept: the next look is to confirm it.
    pub(super) async fn ask(&self, index: usize, look: &dyn Look, tools: &Tools) -> Verdict {
        let fresh = |known: &&(Instant, Verdict)| known.0.elapsed() < COSTLY_EVERY;
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&index).filter(fresh).cloned();
        if let Some((_, verdict)) = known {
            return verdict;
        }
        let verdict = look.ask(tools).await;
        if verdict.0 == ProbeVerdict::Pass {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(index, (Instant::now(), verdict.clone()));
        }
        verdict
    }
}
