//! `docker.recreate`, `docker.restore`, `docker.discard`: a container is made anew, and the old one kept until that helped.

use super::{MARGIN, grace_of};
use crate::action::{Act, Call, Form, StepKind, object, object_of};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::target::{AllowList, TargetKind};
use crate::domain::time::Span;
use crate::link::docker::{Change, Composition, DEPENDANTS_MAX, Hindrance, Swapped};
use crate::link::own;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Makes a container anew and keeps the old one, stopped, as `NAME-heald-old` until the incident closes well; then
/// `docker.discard` removes it by itself. `docker.restore` under *Rollback* puts it back.
///
/// `from: inspect` copies all that the engine knows of it: image, command, environment, health check, labels, limits,
/// mounts, published ports, restart policy, networks with their aliases and fixed addresses. Both are compared before the
/// old one is stopped; if anything would be lost, nothing happens. Volumes without a name are handed over by the name that
/// the engine gave them. Containers that live in its network (`network_mode: container:`) and run are made anew after it;
/// they must be on the allow-list too, and at most 4. What the container wrote outside its volumes is in the old one only.
///
/// If heald or the engine is killed in the middle, heald goes on where it stopped: there is never none and never two.
/// If making or starting the new one fails, the old one is put back by the step itself. A second recreate while the old one
/// is still kept makes no third: it starts the new one if that is down. Where the new one has run for more than an hour, the
/// old one is removed first and the container made anew once more.
///
/// Refused: heald's own container, one that is removed when it stops (`--rm`), one that is paused, a swarm service's, one
/// whose image is no longer on the host.
///
/// `from: compose` runs `docker-compose up -d --no-deps --force-recreate SERVICE`, with the project, folder and files that
/// the container's labels name; `docker-compose` (or `docker` with its plugin) must be under `targets: { commands }`. It
/// runs with a clean environment, and only if the file still says of the service what it said when the container was made:
/// a changed file is a deployment, not a repair. Compose keeps no old container. docker-compose 1.x is refused with engines
/// from 26.0 on, where it breaks off in the middle.
///
/// ```yaml
/// - docker.recreate: { grace: 30s }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recreate {
    /// Another container than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    /// Where it is copied from: `inspect` (the default), or `compose`.
    #[serde(default)]
    from: Source,
    /// How long the old one may take to end by itself before it is killed: whole seconds, 0s to 10m; 10s where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grace: Option<Span>,
}

/// What a container is made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// What the engine knows of it.
    #[default]
    Inspect,
    /// The file of its Compose project.
    Compose,
}

/// Puts back what `docker.recreate` has put aside: the new container is stopped and removed, the old one gets its name
/// and restart policy back and is started; those that live in its network too.
///
/// Where nothing was put aside there is nothing to do, and it says so. If heald is killed in the middle it goes on where it
/// stopped. An old container that is kept beside one that was not made from it is left alone: it is of no repair any more.
///
/// ```yaml
/// - docker.restore: {}
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// Another container than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    /// How long the new one may take to end by itself: whole seconds, 0s to 10m; 10s where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grace: Option<Span>,
}

/// Removes the container that `docker.recreate` has put aside; its volumes stay. A recreate that helped is followed by this
/// when the incident closes, so that it need not be written.
///
/// Refused while the new one does not run. Nothing brings back what the old one wrote outside its volumes.
///
/// ```yaml
/// - docker.discard: {}
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Discard {
    /// Another container than the playbook's target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<String>,
}

#[derive(Debug)]
enum Verb {
    Recreate,
    Compose,
    Restore,
    Discard,
}

#[derive(Debug)]
struct Ready {
    verb: Verb,
    container: String,
    grace: Duration,
}

/// Beside the grace: image, two inspections, networks, the start; and the same for those that live in its network.
const WORK_MAX: Duration = Duration::from_secs(300);

/// Each of those that live in its network may take its own grace to end.
fn deadline(grace: Duration) -> Duration {
    grace + grace * DEPENDANTS_MAX + WORK_MAX
}

fn ready(verb: Verb, grace: Option<Span>, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
    Ok(Box::new(Ready { verb, container: object_of(step, TargetKind::Container)?, grace: grace_of(grace)? }))
}

// === impl StepKind for Recreate ===

impl StepKind for Recreate {
    const KIND: &'static str = "docker.recreate";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Container);

    fn form(&self) -> Result<Form, String> {
        let (object, grace) = (object(TargetKind::Container, self.container.as_ref())?, grace_of(self.grace)?);
        let form = |deadline| Form { in_flight: grace + MARGIN, ..Form::new(object, Risk::Whole, deadline) };
        Ok(if self.from == Source::Compose { form(grace + WORK_MAX).for_good() } else { form(deadline(grace)) })
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        let verb = if self.from == Source::Compose { Verb::Compose } else { Verb::Recreate };
        ready(verb, self.grace, step)
    }

    fn at_closing(&self) -> Option<(&'static str, Value)> {
        let discard = serde_json::to_value(Discard { container: self.container.clone() }).ok()?;
        (self.from == Source::Inspect).then_some((Discard::KIND, discard))
    }
}

// === impl StepKind for Restore ===

impl StepKind for Restore {
    const KIND: &'static str = "docker.restore";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Container);

    fn form(&self) -> Result<Form, String> {
        let (object, grace) = (object(TargetKind::Container, self.container.as_ref())?, grace_of(self.grace)?);
        Ok(Form { in_flight: grace + MARGIN, ..Form::new(object, Risk::Whole, deadline(grace)) })
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        ready(Verb::Restore, self.grace, step)
    }
}

// === impl StepKind for Discard ===

impl StepKind for Discard {
    const KIND: &'static str = "docker.discard";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Container);

    fn form(&self) -> Result<Form, String> {
        let object = object(TargetKind::Container, self.container.as_ref())?;
        Ok(Form::new(object, Risk::Idempotent, WORK_MAX).for_good())
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        ready(Verb::Discard, None, step)
    }
}

// === impl Ready ===

impl Ready {
    async fn act(&self, call: &Call<'_>) -> Acted {
        let (docker, name) = (&call.tools.docker, self.container.as_str());
        let change = self.change(call.tools.allow.now());
        let acted = match self.verb {
            Verb::Recreate => match docker.recreate(change, call.deadline).await {
                Ok(done) if done.already => done_as(format!("it was made anew already, and runs{}", after(&done)), name, &done),
                Ok(done) => {
                    let detail = format!("made anew{}; the old one is kept, stopped, as {name}-heald-old", after(&done));
                    done_as(detail, name, &done)
                }
                Err(why) => hindered(why),
            },
            Verb::Compose => match docker.recompose(change, call.deadline).await {
                Ok(done) => {
                    let Composition { project, service, output } = done;
                    let facts = json!({ "project": project, "service": service, "output": output });
                    Acted::new(ActOutcome::Done, format!("Compose made {service} of {project} anew")).knowing(facts)
                }
                Err(why) => hindered(why),
            },
            Verb::Restore => match docker.restore(change, call.deadline).await {
                Ok(Some(done)) => done_as(format!("the old one is back and started{}", after(&done)), name, &done),
                Ok(None) => nothing(format!("{name}: nothing of this repair is kept, so there is nothing to restore")),
                Err(why) => hindered(why),
            },
            Verb::Discard => match docker.discard(change, call.deadline).await {
                Ok(Some(done)) => done_as(format!("{name}-heald-old is removed{}", after(&done)), name, &done),
                Ok(None) => nothing(format!("{name}: nothing was put aside, so there is nothing to discard")),
                Err(why) => hindered(why),
            },
        };
        acted.with(docker.container(name).await.ok().and_then(|container| container.evidence()))
    }

    fn change(&self, allow: Arc<AllowList>) -> Change {
        Change { container: self.container.clone(), grace: self.grace, allow, own: own::containers() }
    }
}

fn after(done: &Swapped) -> String {
    let mut text = String::new();
    if !done.dependants.is_empty() {
        text = format!(", and after it {}", done.dependants.join(", "));
    }
    if !done.left.is_empty() {
        text += &format!("; {} lived in its network and is down: left as it is", done.left.join(", "));
    }
    text
}

fn done_as(detail: String, name: &str, done: &Swapped) -> Acted {
    let Swapped { id, old, already, dependants, left } = done;
    let facts = json!({
        "container": name, "id": id, "old": old, "already": already, "dependants": dependants, "left": left, "changed": true,
    });
    Acted::new(ActOutcome::Done, detail).knowing(facts)
}

fn nothing(detail: String) -> Acted {
    Acted::new(ActOutcome::Done, detail).knowing(json!({ "changed": false }))
}

fn hindered(why: Hindrance) -> Acted {
    match why {
        Hindrance::Link(error) => error.into_acted(),
        Hindrance::Refused(why) => Acted::new(ActOutcome::Impossible(Impossible::Refused), why),
        Hindrance::Undone(why) => Acted::new(ActOutcome::Failed, why),
    }
}

// === impl Act for Ready ===

impl Act for Ready {
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        self.act(call).boxed()
    }
}
