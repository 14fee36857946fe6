//! The stage as the loop's [`World`]: nothing takes time but what the test says.

use super::look;
use super::stage::{Stage, keeps_state};
use crate::action::Action;
use crate::domain::alert::{Alert, ListedAlert};
use crate::domain::look::{AlertQuery, AlertSight, Evidence, LookHow, Observation, ProbeVerdict};
use crate::domain::notice::{Delivery, Notice, Post};
use crate::domain::outcome::Acted;
use crate::domain::plan::{PlannedProbe, PlannedStep};
use crate::domain::target::{AllowList, Target};
use crate::domain::time::Time;
use crate::probe::Probe;
use crate::run::clock::Clock;
use crate::run::world::{ActOrder, LookOrder, World};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

pub struct Rehearsal {
    stage: Mutex<Stage>,
    clock: Clock,
    /// With their beginnings and ends.
    alerts: Vec<(Alert, Option<Time>)>,
    /// Where the test names its targets; otherwise all that it names is allowed.
    strict: Option<AllowList>,
    /// Grows with every effect.
    changed: watch::Sender<u64>,
    notices: Mutex<Vec<Notice>>,
}

impl Rehearsal {
    pub fn new(stage: Stage, clock: Clock, alerts: Vec<(Alert, Option<Time>)>, strict: Option<AllowList>) -> Self {
        let (stage, notices) = (Mutex::new(stage), Mutex::default());
        Self { stage, clock, alerts, strict, changed: watch::channel(0).0, notices }
    }

    /// All that people were to be told of, in order.
    pub fn notices(&self) -> Vec<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the test says of something that heald never met.
    pub fn unmet(&self) -> Vec<String> {
        self.stage().unmet()
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see(&self, order: &LookOrder) -> Observation {
        let now = self.clock.now();
        let mut seen = look::see(&mut self.stage(), now, order);
        seen.alert = order.alerts.as_ref().map_or(AlertSight::NotAsked, |query| self.sight(query, now));
        seen
    }

    fn sight(&self, query: &AlertQuery, now: Time) -> AlertSight {
        if self.is_silent(now) {
            return AlertSight::Unreadable { detail: "connection refused, as the test has it".to_owned() };
        }
        let fires = self.firing(now).any(|alert| query.fingerprints.contains(&alert.fingerprint));
        if fires { AlertSight::Firing } else { AlertSight::Gone }
    }

    fn firing(&self, now: Time) -> impl Iterator<Item = &Alert> {
        let fires = move |(alert, resolves): &&(Alert, Option<Time>)| {
            alert.starts_at.as_millisecond() <= now.0 && resolves.is_none_or(|resolves| resolves > now)
        };
        self.alerts.iter().filter(fires).map(|(alert, _)| alert)
    }

    fn is_silent(&self, now: Time) -> bool {
        let stage = self.stage();
        stage.script.alertmanager_down.is_some_and(|(from, until)| stage.start + from <= now && now < stage.start + until)
    }

    /// Until something changes, by itself or by a step; at `deadline` at the latest.
    async fn change(&self, changes: &mut watch::Receiver<u64>, deadline: Option<Instant>) {
        let next = self.stage().next_change(self.clock.now());
        let next = next.map(|at| Instant::now() + self.clock.until(at)).into_iter().chain(deadline).min();
        let timer = async {
            match next {
                Some(next) => sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // The sender lives as long as the world.
            _ = changes.changed() => {}
            () = timer => {}
        }
    }

    async fn until_pass(&self, order: &LookOrder, within: Duration, stable: Duration) -> Observation {
        let deadline = Instant::now() + within;
        let mut changes = self.changed.subscribe();
        let mut streak: Option<(Instant, Option<Evidence>)> = None;
        loop {
            let at = Instant::now();
            changes.mark_unchanged();
            let mut seen = self.see(order);
            streak = match streak {
                _ if !seen.passed() => None,
                Some((since, evidence)) if evidence == seen.evidence => Some((since, evidence)),
                _ => Some((at, seen.evidence.clone())),
            };
            if streak.as_ref().is_some_and(|(since, _)| at.duration_since(*since) >= stable) {
                return seen;
            }
            if at >= deadline {
                // Good, but not for long enough: that is not proof.
                if streak.is_some() {
                    seen.probes.iter_mut().for_each(|result| result.verdict = ProbeVerdict::Fail);
                }
                return seen;
            }
            let next = streak.as_ref().map_or(deadline, |(since, _)| deadline.min(*since + stable));
            self.change(&mut changes, Some(next)).await;
        }
    }

    async fn until_fail(&self, order: &LookOrder, confirm: Duration) -> Observation {
        let mut changes = self.changed.subscribe();
        let mut suspected = false;
        loop {
            changes.mark_unchanged();
            let seen = self.see(order);
            let failed = seen.probes.iter().any(|result| result.verdict == ProbeVerdict::Fail);
            if failed && suspected {
                return seen;
            }
            suspected = failed;
            match failed {
                true => sleep(confirm).await,
                false => self.change(&mut changes, None).await,
            }
        }
    }
}

impl World for Rehearsal {
    async fn look(&self, order: LookOrder) -> Observation {
        match order.how {
            LookHow::Once => self.see(&order),
            LookHow::UntilPass { within, stable } => self.until_pass(&order, within, stable).await,
            LookHow::UntilFail { confirm, .. } => self.until_fail(&order, confirm).await,
        }
    }

    async fn act(&self, order: ActOrder) -> Acted {
        let (step, targets) = (order.step, order.permit.targets().to_vec());
        let call = self.stage().begin(&step);
        if call.hangs() {
            // Its deadline ends it.
            return std::future::pending().await;
        }
        let takes = call.takes(&step);
        if !takes.is_zero() {
            sleep(takes).await;
        }
        let acted = self.stage().end(&call, &step, &targets, self.clock.now());
        self.changed.send_modify(|version| *version += 1);
        acted
    }

    async fn logs(&self, target: Target, _: u32) -> Option<Result<String, String>> {
        keeps_state(&target).then(|| Ok("(a rehearsal has no logs)".to_owned()))
    }

    async fn tell(&self, post: Post) -> Delivery {
        Delivery::taken(post.channel)
    }

    fn note(&self, notice: &Notice) {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).push(notice.clone());
    }

    async fn alerts(&self) -> Option<Result<Vec<ListedAlert>, String>> {
        let now = self.clock.now();
        if self.is_silent(now) {
            return Some(Err("connection refused, as the test has it".to_owned()));
        }
        let listed = |alert: &Alert| ListedAlert {
            fingerprint: alert.fingerprint.clone(),
            starts_at: alert.starts_at,
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
        };
        Some(Ok(self.firing(now).map(listed).collect()))
    }

    fn admit(&self, step: &PlannedStep) -> Result<(), String> {
        let action = Action::parse(step)?;
        self.strict.as_ref().map_or(Ok(()), |allow| action.admit(allow))
    }

    fn admit_probe(&self, probe: &PlannedProbe) -> Result<(), String> {
        let probe = Probe::parse(probe)?;
        self.strict.as_ref().map_or(Ok(()), |allow| probe.admit(allow))
    }
}
