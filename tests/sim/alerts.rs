//! Prometheus and two Alertmanagers: they see late, repeat, lose a resolve, and send old news again.

use crate::books::TARGETS;
use crate::rng::Rng;
use crate::world::World;
use heald::domain::alert::{Alert, AlertStatus, Labels};
use heald::domain::id::Fingerprint;
use heald::domain::time::Time;
use heald::run::handle::{Handle, Receipt};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

const MONTH: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);
const RULES: [&str; 7] = ["Down", "Slow", "Stuck", "Trial", "Asked", "Runbook", "Unknown"];

#[derive(Default)]
pub struct Alerts {
    /// Firing alerts and since when.
    firing: BTreeMap<(&'static str, &'static str), Time>,
    outbox: BTreeMap<(Time, u64), Alert>,
    next: u64,
    /// Answered 2xx, and taken on as new.
    pub taken: Vec<Alert>,
}

impl Alerts {
    /// The rules are evaluated; `calm`: they tell the truth, and all of it arrives.
    pub fn evaluate(&mut self, now: Time, world: &World, rng: &mut Rng, calm: bool) {
        for target in TARGETS {
            for (n, rule) in RULES.into_iter().enumerate() {
                let good = world.is_good(target);
                let key = (rule, target);
                let likely = [60, 12, 4, 8, 8, 3, 3][n];
                match self.firing.get(&key).copied() {
                    None if !good && rng.percent(likely) || good && !calm && rng.below(4_000) == 0 => {
                        self.firing.insert(key, now);
                        self.send(now, key, now, AlertStatus::Firing, rng, calm);
                    }
                    Some(since) if good && (calm || rng.percent(80)) || !good && !calm && rng.below(300) == 0 => {
                        self.firing.remove(&key);
                        if calm || rng.percent(95) {
                            self.send(now, key, since, AlertStatus::Resolved, rng, calm);
                        }
                    }
                    Some(since) if rng.below(120) == 0 => self.send(now, key, since, AlertStatus::Firing, rng, calm),
                    _ => {}
                }
            }
        }
    }

    fn send(&mut self, now: Time, (rule, target): (&str, &str), since: Time, status: AlertStatus, rng: &mut Rng, calm: bool) {
        let labels: Labels =
            [("alertname", rule), ("target", target)].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let alert = Alert {
            fingerprint: Fingerprint::from(format!("{rule}/{target}").as_str()),
            status,
            starts_at: Timestamp::from_millisecond(since.0).unwrap(),
            labels,
            annotations: Labels::new(),
        };
        if !calm && rng.percent(1) {
            // From somebody's log, or out of a restored machine.
            let old = Alert { starts_at: alert.starts_at - MONTH, status: AlertStatus::Firing, ..alert.clone() };
            self.post(now + rng.millis(0, 600_000), old);
        }
        // Two Alertmanagers, each with delays of its own; mostly one of them has heard of it from the other.
        let copies = if calm { 1 } else { 1 + rng.below(2) };
        for _ in 0..copies {
            let delay = if !calm && rng.percent(4) { rng.millis(0, 600_000) } else { rng.millis(0, 20_000) };
            self.post(now + delay, alert.clone());
        }
    }

    fn post(&mut self, at: Time, alert: Alert) {
        self.next += 1;
        self.outbox.insert((at, self.next), alert);
    }

    /// Sends what is due; what was not taken comes again.
    pub async fn deliver(&mut self, now: Time, handle: &Handle) {
        while let Some(entry) = self.outbox.first_entry().filter(|entry| entry.key().0 <= now) {
            let alert = entry.remove();
            match handle.deliver(vec![alert.clone()]).await {
                Ok(receipt) => {
                    let Receipt { opened, attached, duplicate, resolved, unmatched, other_host } = receipt;
                    assert_eq!(opened + attached + duplicate + resolved + unmatched + other_host, 1, "each alert has one fate");
                    assert_eq!(unmatched == 1, alert.label("alertname") == "Unknown" && alert.status == AlertStatus::Firing);
                    if opened + attached > 0 {
                        self.taken.push(alert);
                    }
                }
                Err(_) => self.post(now + Duration::from_secs(10), alert),
            }
        }
    }
}
