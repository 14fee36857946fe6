//! The simulated host as the loop's [`World`]: looks sleep until something changes, calls begin at once.

use super::history::{Verb, Who};
use super::host::Is;
use super::look;
use super::scenario::{CallEffect, Misbehaviour};
use super::scene::Scene;
use crate::domain::alert::ListedAlert;
use crate::domain::look::{Evidence, LookHow, Observation, ProbeVerdict};
use crate::domain::notice::{Delivery, NoticeKind, Post};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::{PlannedProbe, PlannedStep};
use crate::domain::target::AllowList;
use crate::domain::time::{Span, Time};
use crate::run::clock::Clock;
use crate::run::world::{ActOrder, LookOrder, World};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

pub struct SimWorld {
    pub scene: Mutex<Scene>,
    pub clock: Clock,
    /// Where URLs and addresses must be named, as by the configuration.
    pub strict: Option<AllowList>,
    /// The version of the host that lookers know of.
    changed: watch::Sender<u64>,
    /// A call changed what happens next.
    pub poke: Notify,
    /// Messages of heald's by kind.
    pub told: Mutex<BTreeMap<&'static str, u64>>,
}

/// A read over the bus, a call to an engine.
const LOOK_TAKES: Duration = Duration::from_millis(2);
const CALL_TAKES: Duration = Duration::from_millis(50);

impl SimWorld {
    pub fn new(scene: Scene, clock: Clock, strict: Option<AllowList>) -> Self {
        let changed = watch::channel(0).0;
        Self { scene: Mutex::new(scene), clock, strict, changed, poke: Notify::new(), told: Mutex::default() }
    }

    pub fn scene(&self) -> MutexGuard<'_, Scene> {
        self.scene.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets what is due happen, and tells those who wait for a change.
    pub fn step(&self, now: Time) {
        let version = {
            let mut scene = self.scene();
            scene.step(now);
            scene.host.version
        };
        self.tell_version(version);
    }

    fn tell_version(&self, version: u64) {
        self.changed.send_if_modified(|known| std::mem::replace(known, version) != version);
    }

    fn see(&self, order: &LookOrder) -> Observation {
        let now = self.clock.now();
        self.step(now);
        look::see(&self.scene(), now, order)
    }

    /// Something that changes the host at once.
    fn change<T>(&self, work: impl FnOnce(&mut Scene, Time) -> T) -> T {
        let now = self.clock.now();
        let (result, version) = {
            let mut scene = self.scene();
            scene.step(now);
            let result = work(&mut scene, now);
            (result, scene.host.version)
        };
        self.tell_version(version);
        self.poke.notify_one();
        result
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
            tokio::select! {
                _ = changes.changed() => {}
                () = sleep_until(next) => {}
            }
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
            if failed {
                sleep(confirm).await;
            } else if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// A step on a unit or container.
    async fn managed(&self, service: usize, verb: Verb, waits: bool) -> Acted {
        let now = self.clock.now();
        let (how, hidden) = {
            let scene = self.scene();
            (scene.host.misbehaviour(service, now), scene.host.is_hidden(service, now))
        };
        if hidden {
            return Acted::new(ActOutcome::NotSent, "its manager does not answer");
        }
        let lands = matches!(how, None | Some(Misbehaviour::Late));
        let start = self.change(|scene, now| scene.host.call(now, Who::Heald, service, verb, lands));
        match how {
            Some(Misbehaviour::Hang | Misbehaviour::Late) => return std::future::pending().await,
            Some(Misbehaviour::Fail) => return Acted::new(ActOutcome::Failed, "the call failed"),
            Some(Misbehaviour::Lie) => return Acted::new(ActOutcome::Done, "done"),
            None => sleep(CALL_TAKES).await,
        }
        let impossible = |why| Acted::new(ActOutcome::Impossible(why), why.label());
        match self.scene().host.machines[service].is {
            Is::Masked => return impossible(Impossible::Masked),
            Is::StartLimit if start.is_some() || verb == Verb::Restart => return impossible(Impossible::StartLimitHit),
            _ => {}
        }
        // systemd's job ends when the start has; the engine answers at once.
        let mut changes = self.changed.subscribe();
        while let Some(start) = start.filter(|_| waits) {
            let machine = self.scene().host.machines[service].clone();
            if machine.starts != start {
                return Acted::new(ActOutcome::Conflict, "another job replaced it");
            }
            match machine.is {
                Is::Starting if changes.changed().await.is_ok() => {}
                Is::Up => break,
                _ => return Acted::new(ActOutcome::Failed, "the start failed").with(self.evidence(service)),
            }
        }
        Acted::new(ActOutcome::Done, "done").with(self.evidence(service))
    }

    fn evidence(&self, service: usize) -> Option<Evidence> {
        look::evidence(&self.scene().host, self.clock.now(), service)
    }

    async fn http(&self, step: &PlannedStep) -> Acted {
        let place = look::place(&step.args).unwrap_or_default().to_owned();
        sleep(CALL_TAKES).await;
        self.change(|scene, now| {
            let Some(service) = scene.host.behind(&place) else {
                return Acted::new(ActOutcome::Failed, "nothing in this world answers there");
            };
            let scripted = scene.host.services[service].calls.iter().find(|(url, _)| *url == place).map(|(_, effect)| *effect);
            let works = scripted.map_or_else(|| scene.host.answers(service), |effect| effect != CallEffect::Fail);
            if step.risk != crate::domain::playbook::Risk::Read {
                scene.host.call(now, Who::Heald, service, Verb::Other, works);
            }
            if scripted == Some(CallEffect::Mend) {
                scene.host.recover(now, service, Who::Heald);
            }
            if works { Acted::new(ActOutcome::Done, "answered") } else { Acted::new(ActOutcome::Failed, "no good answer") }
        })
    }

    fn admits(&self, kind: &str, args: &Value) -> Result<(), String> {
        let (Some(allow), Some(place)) = (&self.strict, look::place(args)) else { return Ok(()) };
        let allowed = if kind == "tcp" { allow.addresses.contains(place) } else { allow.allows_url(place) };
        if allowed { Ok(()) } else { Err(format!("{place} is not on the allow-list")) }
    }
}

impl World for SimWorld {
    async fn look(&self, order: LookOrder) -> Observation {
        sleep(LOOK_TAKES).await;
        match order.how {
            LookHow::Once => self.see(&order),
            LookHow::UntilPass { within, stable } => self.until_pass(&order, within, stable).await,
            LookHow::UntilFail { confirm, .. } => self.until_fail(&order, confirm).await,
        }
    }

    async fn act(&self, order: ActOrder) -> Acted {
        let step = order.step;
        let (family, verb) = step.kind.split_once('.').unwrap_or((step.kind, ""));
        if family == "wait" {
            let length = step.args.as_str().and_then(|text| text.parse::<Span>().ok());
            sleep(length.map_or(Duration::ZERO, |span| span.0)).await;
            return Acted::new(ActOutcome::Done, "waited");
        }
        if family == "http" {
            return self.http(&step).await;
        }
        let found = step.object.as_ref().and_then(|object| look::service(&self.scene().host, object));
        let Some(service) = found else {
            return Acted::new(ActOutcome::Impossible(Impossible::NotFound), "nothing in this world has that name");
        };
        let verb = match verb {
            "restart" => Verb::Restart,
            "start" => Verb::Start,
            "stop" => Verb::Stop,
            _ => Verb::Other,
        };
        let waits = family == "systemd" && self.scene().host.services[service].tells;
        self.managed(service, verb, waits).await
    }

    async fn tell(&self, post: Post) -> Delivery {
        let Post { channel, notice, .. } = post;
        {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            *told.entry(notice.kind.label()).or_default() += 1;
        }
        self.change(|scene, now| {
            scene.people.messages += 1;
            // The rest are news; these need somebody.
            let helps = matches!(
                notice.kind,
                NoticeKind::Escalated
                    | NoticeKind::FiresAnew
                    | NoticeKind::WouldAct
                    | NoticeKind::AlertWithoutSymptom
                    | NoticeKind::ApprovalNeeded
                    | NoticeKind::StandsBack
            );
            let about = scene.host.services.iter().position(|service| service.target.to_string() == notice.target);
            if let Some(service) = about.filter(|service| helps && !scene.host.is_stopped(*service)) {
                scene.people.call(now, service);
            }
        });
        Delivery::taken(channel)
    }

    async fn alerts(&self) -> Option<Result<Vec<ListedAlert>, String>> {
        sleep(LOOK_TAKES).await;
        Some(Ok(self.scene().alerting.listed()))
    }

    fn admit(&self, step: &PlannedStep) -> Result<(), String> {
        self.admits(step.kind, &step.args)
    }

    fn admit_probe(&self, probe: &PlannedProbe) -> Result<(), String> {
        self.admits(probe.kind, &probe.args)
    }
}
