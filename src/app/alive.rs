//! Tells somebody outside that heald works, for as long as its loop does.

use crate::notify::heartbeat::Heartbeat;
use crate::telemetry::Telemetry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// When the loop last did a round with all in order: its journal written, what is urgent heard by somebody.
#[derive(Clone, Debug, Default)]
pub struct Alive(Arc<Mutex<Option<Instant>>>);

/// The loop shows itself every two seconds; a slow disk may hold it up for a while.
const FRESH: Duration = Duration::from_secs(30);

impl Alive {
    pub fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn is_fresh(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|at| at.elapsed() < FRESH)
    }

    /// Until the process ends. Where all is not well it is silent, which is the message.
    pub async fn tell(self, heartbeat: Heartbeat, telemetry: Telemetry) {
        let mut turns = tokio::time::interval(heartbeat.every);
        turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut silent = false;
        loop {
            turns.tick().await;
            let trouble = match self.is_fresh() {
                false => Some("the loop does not work, or nobody hears what is urgent".to_owned()),
                true => heartbeat.send().await.err().map(|failure| failure.why),
            };
            telemetry.heartbeat(trouble.is_none());
            match &trouble {
                Some(why) if !silent => tracing::error!(reason = why.as_str(), "no sign of life was given"),
                None if silent => tracing::info!("signs of life are given again"),
                _ => {}
            }
            silent = trouble.is_some();
        }
    }
}
