//! Alertmanager's list of alerts beside heald's own: a resolve that was lost must not keep an incident open for ever.
//!
//! Read at a start and every minute. What is not listed at several readings in a row is resolved. What is listed and
//! not known is left alone: Alertmanager notifies again by itself, and only it knows whether heald is a receiver.

use super::handle::Request;
use super::world::World;
use super::{Driver, Round};
use crate::domain::alert::ListedAlert;
use crate::domain::decide::Signal;
use crate::domain::id::{Fingerprint, IncidentId};
use crate::domain::time::Time;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(60);
/// An Alertmanager that lost its memory hears of each alert again within this time (as in the guard `freshness`).
const GONE_FOR: Duration = Duration::from_secs(90);

#[derive(Debug, Default)]
pub struct Reconciler {
    next: Time,
    /// Since when an answer is waited for; one that never comes is not waited for for ever.
    asked: Option<Time>,
    /// Since when an alert that heald believes to fire has not been listed.
    missing: HashMap<(IncidentId, Fingerprint), Time>,
}

impl<W: World> Driver<W> {
    /// Asks, when it is time to.
    pub(super) fn ask_for_alerts(&mut self, now: Time) {
        if !self.config.asks_alertmanager
            || self.reconciler.asked.is_some_and(|asked| now.since(asked) < EVERY * 5)
            || now < self.reconciler.next
        {
            return;
        }
        self.reconciler.asked = Some(now);
        self.reconciler.next = now + EVERY;
        let (world, own) = (Arc::clone(&self.world), self.own.clone());
        tokio::spawn(async move {
            let answer = world.alerts().await.unwrap_or_else(|| Err("no Alertmanager is configured".to_owned()));
            // The loop is gone: heald is stopping.
            drop(own.send(Request::Listed { answer }).await);
        });
    }

    pub(super) fn listed(&mut self, answer: Result<Vec<ListedAlert>, String>, round: &mut Round) {
        let now = self.clock.now();
        self.reconciler.asked = None;
        let alerts = match answer {
            Ok(alerts) => alerts,
            Err(why) => {
                // Nothing is known, so nothing counts as missing.
                self.reconciler.missing.clear();
                return tracing::debug!(reason = %why, "Alertmanager's alerts can't be read");
            }
        };
        let listed: HashSet<&Fingerprint> = alerts.iter().map(|alert| &alert.fingerprint).collect();
        let open = self.state.incidents.values().filter(|incident| incident.is_open());
        let firing = open.flat_map(|incident| {
            let firing = incident.alerts.iter().filter(|(_, alert)| alert.firing && !incident.by_hand());
            firing.map(move |(fingerprint, _)| (incident.id, fingerprint))
        });
        let unlisted = firing.filter(|(_, fingerprint)| !listed.contains(fingerprint));
        let known = std::mem::take(&mut self.reconciler.missing);
        let missing: HashMap<_, Time> = unlisted
            .map(|(id, fingerprint)| {
                let key = (id, fingerprint.clone());
                let since = known.get(&key).copied().unwrap_or(now);
                (key, since)
            })
            .collect();
        let mut gone: Vec<_> =
            missing.iter().filter(|(_, since)| now.since(**since) >= GONE_FOR).map(|(key, _)| key.clone()).collect();
        self.reconciler.missing = missing;
        gone.sort();
        for (id, fingerprint) in gone {
            tracing::info!(incident = id.0, %fingerprint, "Alertmanager has not listed the alert for a while: taken as resolved");
            self.signal(id, Signal::Resolved { fingerprint }, now, round);
        }
    }
}
