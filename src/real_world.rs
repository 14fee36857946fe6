//! The World as it is: systemd, Docker and HTTP services of this host, and the channels to people.

use crate::action::{Action, Progress};
use crate::domain::alert::ListedAlert;
use crate::domain::decide::SilenceOrder;
use crate::domain::look::{AlertSight, Observation, ProbeResult, ProbeVerdict, TargetState};
use crate::domain::notice::{Delivery, Notice, Post};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::{PlannedProbe, PlannedStep};
use crate::domain::target::{AllowList, Target};
use crate::link::Tools;
use crate::notify::{self, Notifier};
use crate::probe::{self, Probe};
use crate::run::world::{ActOrder, LookOrder, World};
use std::time::Duration;
use tokio::time::Instant;

const OWN_WORD: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub struct RealWorld {
    tools: Tools,
    notifier: Notifier,
}

// === impl RealWorld ===

impl RealWorld {
    pub fn new(tools: Tools, notifier: Notifier) -> Self {
        Self { tools, notifier }
    }

    pub fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    /// For what else reads from systemd and Docker: the status page, the collectors.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }
}

impl World for RealWorld {
    async fn look(&self, order: LookOrder) -> Observation {
        let LookOrder { target, probes, alerts, how } = order;
        let look = async {
            match probes.iter().map(Probe::parse).collect::<Result<Vec<_>, _>>() {
                Ok(probes) => probe::look(target.as_ref(), &probes, how, &self.tools).await,
                Err(why) => unasked(&probes, &why),
            }
        };
        let sight = async {
            match (&self.tools.alertmanager, &alerts) {
                (Some(alertmanager), Some(query)) => alertmanager.sight(query).await,
                _ => AlertSight::NotAsked,
            }
        };
        let (seen, alert) = tokio::join!(look, sight);
        Observation { alert, ..seen }
    }

    fn reloaded(&self, allow: &AllowList) {
        self.tools.allow.replace(allow.clone());
    }

    async fn logs(&self, target: Target, lines: u32) -> Option<Result<String, String>> {
        self.tools.logs(&target, lines).await
    }

    async fn act(&self, order: ActOrder) -> Acted {
        let ActOrder { step, permit, progress } = order;
        // The permit names whom it allows to touch; a step that touches somebody else is a fault of ours.
        if let Some(object) = &step.object
            && step.risk != crate::domain::playbook::Risk::Read
            && !permit.targets().contains(object)
        {
            let why = format!("the permit does not name {object}");
            return Acted::new(ActOutcome::Impossible(Impossible::BadParameters), why);
        }
        match Action::parse(&step) {
            // A little before the loop gives it up: what a step says itself of its deadline is worth more than silence.
            Ok(action) => {
                let deadline = Instant::now() + step.deadline.saturating_sub(OWN_WORD);
                action.run(&self.tools, deadline, &Progress::new(progress)).await
            }
            Err(why) => Acted::new(ActOutcome::Impossible(Impossible::BadParameters), why),
        }
    }

    async fn tell(&self, post: Post) -> Delivery {
        self.notifier.post(post).await
    }

    fn note(&self, notice: &Notice) {
        notify::note(notice);
    }

    async fn silence(&self, order: SilenceOrder) -> Result<String, String> {
        let alertmanager = self.tools.alertmanager.as_ref().ok_or("no Alertmanager is configured")?;
        alertmanager.silence(&order.labels, order.for_, &order.by, &order.comment).await
    }

    async fn unsilence(&self, comment: String) -> Result<usize, String> {
        let alertmanager = self.tools.alertmanager.as_ref().ok_or("no Alertmanager is configured")?;
        alertmanager.unsilence(&comment).await
    }

    async fn alerts(&self) -> Option<Result<Vec<ListedAlert>, String>> {
        Some(self.tools.alertmanager.as_ref()?.all().await)
    }

    fn admit(&self, step: &PlannedStep) -> Result<(), String> {
        Action::parse(step)?.admit(&self.tools.allow.now())
    }

    fn admit_probe(&self, probe: &PlannedProbe) -> Result<(), String> {
        Probe::parse(probe)?.admit(&self.tools.allow.now())
    }
}

/// Probes that don't fit were refused by `admit_probe`; should one get here all the same, nothing is known.
fn unasked(probes: &[PlannedProbe], why: &str) -> Observation {
    let unknown =
        |probe: &PlannedProbe| ProbeResult { probe: probe.text(), verdict: ProbeVerdict::Unknown, detail: why.to_owned() };
    Observation::new(probes.iter().map(unknown).collect(), TargetState::Unreachable { detail: why.to_owned() }, None)
}
