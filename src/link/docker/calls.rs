//! The small calls that making a container anew consists of. By id: names change on the way.

use super::blueprint::{self, is_running};
use super::raw::{Ask, name_of};
use super::swap::Hindrance;
use super::{Docker, LinkError};
use serde_json::json;
use std::time::Duration;

/// Making or removing a container takes the engine a moment; on a slow disk, many.
pub(super) const MAKE_MAX: Duration = Duration::from_secs(60);
pub(super) const SMALL_MAX: Duration = Duration::from_secs(15);
const START_MAX: Duration = Duration::from_secs(60);
/// Beyond the grace: the kill, and the engine's own work.
const STOP_MARGIN: Duration = Duration::from_secs(20);

// === impl Docker ===

impl Docker {
    pub(super) async fn rename(&self, id: &str, to: &str) -> Result<(), LinkError> {
        self.send(Ask::post(&["containers", id, "rename"], SMALL_MAX).with(&[("name", to)])).await.map(drop)
    }

    pub(super) async fn set_policy(&self, id: &str, policy: &str) -> Result<(), LinkError> {
        let body = json!({ "RestartPolicy": blueprint::policy_of(policy) });
        self.send(Ask::post(&["containers", id, "update"], SMALL_MAX).json(&body)).await.map(drop)
    }

    /// It is down when this says so. 304: it was.
    pub(super) async fn stop(&self, id: &str, grace: Duration) -> Result<(), Hindrance> {
        let seconds = grace.as_secs().to_string();
        let path = ["containers", id, "stop"];
        let answer = self.send(Ask::post(&path, grace + STOP_MARGIN).with(&[("t", &seconds)])).await;
        match self.find(id).await? {
            Some(found) if is_running(&found) => match answer {
                Err(error) => Err(error.into()),
                Ok(_) => Err(Hindrance::Undone(format!("{}: it does not stop", name_of(&found)))),
            },
            _ => Ok(()),
        }
    }

    pub(super) async fn start(&self, id: &str) -> Result<(), LinkError> {
        self.send(Ask::post(&["containers", id, "start"], START_MAX)).await.map(drop)
    }

    /// Never one that runs, never a volume.
    pub(super) async fn remove(&self, id: &str) -> Result<(), LinkError> {
        match self.send(Ask::delete(&["containers", id], MAKE_MAX)).await {
            Ok(_) | Err(LinkError::Missing(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
