//! `docker.prune`: what nobody uses goes.

use crate::action::{Act, Call, Form, StepKind};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::target::cut;
use crate::domain::template::is_template;
use crate::domain::time::Span;
use crate::link::LinkError;
use crate::link::docker::{Docker, Kept, Pruned};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// Removes what no container uses, on the whole engine: stopped containers, images, build cache, and volumes if the
/// playbook says so.
///
/// Each part needs a filter. Never removed: a container that is on the allow-list (its repair is what heald is for), what
/// `docker.recreate` keeps, a volume or image that any container names, running or not. Containers count from when they
/// ended and volumes from when they were made; images and build cache by the engine's own reckoning (`until`), which takes
/// the day an image was built, on newer engines the day it was pulled. Nothing is forced and nothing comes back. The result
/// has `bytes`, `count`, of each part the names that went, and `left`: how many there was no time for. It fails when there
/// was no time for any.
///
/// ```yaml
/// - docker.prune:
///     containers: { older_than: 7d }
///     images: { older_than: 30d, all: true }
///     build_cache: { older_than: 7d }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prune {
    /// Those that have ended, or were made and never started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    containers: Option<Filter>,
    /// Those that no container uses; without `all` only those without a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    images: Option<Images>,
    /// What builds keep; without `all` only what no image refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    build_cache: Option<Cache>,
    /// Those that no container uses. Data is lost for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    volumes: Option<Filter>,
}

/// At least one of the two; what is removed fits both.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// 1s to 366d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    older_than: Option<Span>,
    /// `key` or `key=value`, all of them: at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    labels: Vec<String>,
}

/// At least one of `older_than` and `labels`; what is removed fits both.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Images {
    /// 1s to 366d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    older_than: Option<Span>,
    /// `key` or `key=value`, all of them: at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    labels: Vec<String>,
    /// Named ones too; they must be pulled or built again when they are needed.
    #[serde(default)]
    all: bool,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// Since it was last used: 1s to 366d.
    older_than: Span,
    /// Also what an image refers to.
    #[serde(default)]
    all: bool,
}

const DEADLINE: Duration = Duration::from_secs(600);
const LABELS_MAX: usize = 8;
/// Of each part; the facts have room for no more.
const NAMES_MAX: usize = 20;

// === impl StepKind for Prune ===

impl StepKind for Prune {
    const KIND: &'static str = "docker.prune";

    fn form(&self) -> Result<Form, String> {
        self.check(is_template)?;
        // It is no target's: it counts on the account of the playbook's own.
        Ok(Form::new(StepObject::Nothing, Risk::Idempotent, DEADLINE).for_good())
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        self.check(|_| false)?;
        Ok(Box::new(self))
    }
}

impl Prune {
    fn check(&self, later: impl Fn(&str) -> bool) -> Result<(), String> {
        let Self { containers, images, build_cache, volumes } = self;
        if containers.is_none() && images.is_none() && build_cache.is_none() && volumes.is_none() {
            return Err("it does not say what to prune: containers, images, build_cache or volumes".to_owned());
        }
        let filters = [("containers", containers), ("volumes", volumes)];
        let filters = filters.iter().filter_map(|(part, filter)| Some((*part, filter.as_ref()?)));
        let mut parts: Vec<(&str, Option<Span>, &[String])> =
            filters.map(|(part, filter)| (part, filter.older_than, filter.labels.as_slice())).collect();
        parts.extend(images.iter().map(|images| ("images", images.older_than, images.labels.as_slice())));
        parts.extend(build_cache.iter().map(|cache| ("build_cache", Some(cache.older_than), &[][..])));
        for (part, older_than, labels) in parts {
            check_part(older_than, labels, &later).map_err(|why| format!("{part}: {why}"))?;
        }
        Ok(())
    }

    async fn act(&self, call: &Call<'_>) -> Acted {
        let docker = &*call.tools.docker;
        // An answer must be there before the deadline.
        let deadline = call.deadline - Duration::from_secs(5);
        let own = &call.tools.allow.now().containers;
        let mut facts = Map::new();
        let (mut bytes, mut count, mut left, mut refused) = (0, 0, 0, Vec::new());
        for part in ["containers", "images", "build_cache", "volumes"] {
            let pruned = match self.part(docker, part, own, deadline).await {
                None => continue,
                Some(Ok(pruned)) => pruned,
                Some(Err(error)) => {
                    let mut acted = error.into_acted();
                    acted.detail = format!("{part}: {}; {count} removed before it", acted.detail);
                    return acted.knowing(Value::Object(facts));
                }
            };
            bytes += pruned.bytes;
            count += pruned.removed.len();
            left += pruned.left;
            facts.insert(part.to_owned(), json!(pruned.removed.iter().take(NAMES_MAX).collect::<Vec<_>>()));
            refused.extend(pruned.refused);
        }
        facts.extend(
            [("bytes", json!(bytes)), ("count", json!(count)), ("left", json!(left))].map(|(key, n)| (key.to_owned(), n)),
        );
        let more = refused.first().map(|why| format!("; {} the engine would not, as {}", refused.len(), cut(why)));
        let late = if left > 0 { format!("; {left} left, as there was no time for them") } else { String::new() };
        let detail = format!("{count} removed, {bytes} bytes freed{}{late}", more.unwrap_or_default());
        Acted::new(outcome(count, left), detail).knowing(Value::Object(facts))
    }

    async fn part(
        &self,
        docker: &Docker,
        part: &str,
        own: &BTreeSet<String>,
        deadline: Instant,
    ) -> Option<Result<Pruned, LinkError>> {
        let kept = |older_than: Option<Span>, labels: &[String]| Kept {
            older_than: older_than.map(|span| span.0),
            labels: labels.to_vec(),
            containers: own.clone(),
        };
        Some(match part {
            "containers" => {
                let filter = self.containers.as_ref()?;
                docker.prune_containers(&kept(filter.older_than, &filter.labels), deadline).await
            }
            "images" => {
                let filter = self.images.as_ref()?;
                docker.prune_images(&kept(filter.older_than, &filter.labels), filter.all, deadline).await
            }
            "build_cache" => {
                let filter = self.build_cache.as_ref()?;
                docker.prune_build_cache(&kept(Some(filter.older_than), &[]), filter.all, deadline).await
            }
            _ => {
                let filter = self.volumes.as_ref()?;
                docker.prune_volumes(&kept(filter.older_than, &filter.labels), deadline).await
            }
        })
    }
}

fn outcome(count: usize, left: usize) -> ActOutcome {
    if count == 0 && left > 0 { ActOutcome::Failed } else { ActOutcome::Done }
}

fn check_part(older_than: Option<Span>, labels: &[String], later: &impl Fn(&str) -> bool) -> Result<(), String> {
    if older_than.is_none() && labels.is_empty() {
        return Err("a filter is missing: older_than, labels, or both".to_owned());
    }
    if older_than.is_some_and(|Span(age)| age < Duration::from_secs(1)) {
        return Err("older_than is out of range: 1s to 366d".to_owned());
    }
    if labels.len() > LABELS_MAX {
        return Err(format!("{} labels are too many: at most {LABELS_MAX}", labels.len()));
    }
    let fits = |label: &String| {
        let key = label.split('=').next().unwrap_or_default();
        !key.is_empty() && !label.chars().any(char::is_control) && !key.contains(char::is_whitespace) && !key.starts_with('!')
    };
    match labels.iter().find(|label| !later(label) && !fits(label)) {
        Some(label) => Err(format!("{:?} is no label: write key or key=value", cut(label))),
        None => Ok(()),
    }
}

// === impl Act for Prune ===

impl Act for Prune {
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        self.act(call).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_fails_only_when_there_was_no_time_for_any() {
        assert!(matches!(outcome(0, 3), ActOutcome::Failed));
        assert!(matches!(outcome(1, 3), ActOutcome::Done));
        assert!(matches!(outcome(0, 0), ActOutcome::Done));
    }
}
