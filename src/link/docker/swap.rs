//! A container is made anew, and the old one kept until the new one has proved itself.
//!
//! The engine is the record: the old container's name ends in `-heald-old`, and the new one's labels say whose like it is
//! which restart policy the old one had, and whether it ran. Whoever finds a half-done change goes on where it stopped, so that a kill at
//! any point leaves the old one running, or the new one, or one start from it; never both. In this order:
//!
//! 1. rename the old one; 2. make the new one under the old name; 3. connect its other networks; 4. compare the two;
//! 5. the old one's restart policy becomes `no`, so that an engine that is restarted starts one only; 6. stop the old one;
//! 7. start the new one.
//!
//! Until 5 the old one runs and nothing is lost; a new one that was never started is made again if it is not whole.

use super::blueprint::{self, Before, Blueprint, Moved, aside, differences, is_running, made_from, runs_for, was_started};
use super::calls::{MAKE_MAX, SMALL_MAX};
use super::raw::{Ask, id, name_of};
use super::{Docker, LinkError, clock};
use crate::domain::target::AllowList;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// What a change of containers came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swapped {
    /// Of the container that bears the name now.
    pub id: String,
    /// Of the one that was put aside, or was to be put back.
    pub old: String,
    /// It had been done already, by a run that was cut short or before.
    pub already: bool,
    /// Names of those that live in its namespaces and were made anew or put back after it.
    pub dependants: Vec<String>,
    /// Those that are down and were left as they are.
    pub left: Vec<String>,
}

/// Why it came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hindrance {
    #[error("{0}")]
    Link(LinkError),
    /// The world is not as it must be; nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// It failed on the way; what was is back.
    #[error("{0}")]
    Undone(String),
}

/// What one change needs to know.
#[derive(Clone, Debug)]
pub struct Change {
    pub container: String,
    /// How long a container may take to end by itself.
    pub grace: Duration,
    pub allow: Arc<AllowList>,
    /// heald's own containers, by id.
    pub own: BTreeSet<String>,
}

/// So many may live in a container's network; the deadline has room for no more.
pub const DEPENDANTS_MAX: u32 = 4;
/// Between two tries while the engine is away.
const AGAIN: Duration = Duration::from_secs(1);
/// A new one that has run for so long has proved itself: the old one is of an earlier repair.
const OUTLIVED: Duration = Duration::from_secs(3600);
/// Shown of what differs.
const SHOWN: usize = 6;

// === impl Docker ===

impl Docker {
    /// Makes the container anew, and those that live in its network namespace after it.
    ///
    /// It goes on when this future is dropped: half of it is worse than none. Called again, it goes on where it stopped;
    /// when all is done already, it only starts the new one if that is down.
    ///
    /// # Errors
    /// [`Hindrance`]
    pub async fn recreate(self: &Arc<Self>, change: Change, deadline: Instant) -> Result<Swapped, Hindrance> {
        let docker = Arc::clone(self);
        whole(deadline, async move { docker.recreate_all(&change, deadline).await }).await
    }

    /// Puts the old container back in the new one's place. Called again, it goes on where it stopped.
    ///
    /// # Errors
    /// [`Hindrance`]
    pub async fn restore(self: &Arc<Self>, change: Change, deadline: Instant) -> Result<Option<Swapped>, Hindrance> {
        let docker = Arc::clone(self);
        whole(deadline, async move { docker.restore_all(&change).await }).await
    }

    /// Removes the old container, now that the new one runs. Its volumes stay.
    ///
    /// # Errors
    /// [`Hindrance::Refused`] while the new one does not run.
    pub async fn discard(self: &Arc<Self>, change: Change, deadline: Instant) -> Result<Option<Swapped>, Hindrance> {
        let docker = Arc::clone(self);
        whole(deadline, async move { docker.discard_all(&change).await }).await
    }

    async fn recreate_all(&self, change: &Change, deadline: Instant) -> Result<Swapped, Hindrance> {
        let _alone = self.swaps.lock().await;
        let name = change.container.as_str();
        self.discard_outlived(name).await?;
        let source = match self.find(&aside(name)).await? {
            Some(old) => old,
            None => self.find(name).await?.ok_or_else(|| missing(name))?,
        };
        let from = id(&source).to_owned();
        let (dependants, left) = self.dependants(name, &from).await?;
        if dependants.len() > DEPENDANTS_MAX as usize {
            return Err(Hindrance::Refused(format!(
                "{name}: {} containers live in its network and would have to be made anew too: at most {DEPENDANTS_MAX}",
                dependants.len()
            )));
        }
        // All that could be in the way is found before anything is changed.
        for who in std::iter::once(name).chain(dependants.iter().map(String::as_str)) {
            self.may_touch(who, name, change).await?;
        }
        let mut swapped = self.swap_through(name, change.grace, None, deadline).await?;
        let to = swapped.id.clone();
        for dependant in &dependants {
            let moved = Moved { from: &from, to: &to };
            let done = self.swap_through(dependant, change.grace, Some(moved), deadline).await;
            done.map_err(|why| why.of_dependant(dependant))?;
        }
        (swapped.dependants, swapped.left) = (dependants, left);
        Ok(swapped)
    }

    /// An old one that was kept beyond its repair goes, so that this one is a real one. Where it can't go, the earlier repair
    /// goes on.
    async fn discard_outlived(&self, name: &str) -> Result<(), Hindrance> {
        let (Some(old), Some(new)) = (self.find(&aside(name)).await?, self.find(name).await?) else { return Ok(()) };
        if made_from(&new) != Some(id(&old)) || !runs_for(&new, OUTLIVED, clock::wall()) {
            return Ok(());
        }
        match self.discard_kept(name).await {
            Err(Hindrance::Link(error)) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// An engine that is restarted in the middle of it comes back, and the change goes on.
    async fn swap_through(
        &self,
        name: &str,
        grace: Duration,
        moved: Option<Moved<'_>>,
        deadline: Instant,
    ) -> Result<Swapped, Hindrance> {
        loop {
            match self.swap(name, grace, moved).await {
                Err(Hindrance::Link(error)) if error.is_blind() && Instant::now() + AGAIN < deadline => sleep(AGAIN).await,
                answer => return answer,
            }
        }
    }

    /// One container. What it finds says how far an earlier run came.
    async fn swap(&self, name: &str, grace: Duration, moved: Option<Moved<'_>>) -> Result<Swapped, Hindrance> {
        let (old, new) = match (self.find(&aside(name)).await?, self.find(name).await?) {
            (None, None) => return Err(missing(name)),
            (None, Some(old)) => {
                if let Some(why) = blueprint::obstacle(&old) {
                    return Err(Hindrance::Refused(format!("{name}: {why}")));
                }
                self.image_of(&old).await?;
                fail::fail_point!("recreate-begun");
                self.rename(id(&old), &aside(name)).await?;
                (old, None)
            }
            (Some(old), Some(new)) if made_from(&new) != Some(id(&old)) => {
                return Err(Hindrance::Refused(format!(
                    "{name}: somebody made it anew while {} is kept; remove one of the two",
                    name_of(&old)
                )));
            }
            (Some(old), Some(new)) if was_started(&new) => return self.keep(&old, &new, grace).await,
            (Some(old), new) => (old, new),
        };
        fail::fail_point!("recreate-renamed");
        let id_of_old = id(&old).to_owned();
        let before = Before::of(&old, new.as_ref());
        match self.take_over(name, &old, new, &before, grace, moved).await {
            Ok(id) => Ok(Swapped { id, old: id_of_old, ..Swapped::default() }),
            // Nothing is known: whoever comes next sees what there is.
            Err(Hindrance::Link(error)) if error.is_blind() => Err(Hindrance::Link(error)),
            Err(why) => {
                let back = self.put_back(name, grace, before.running, Some(&before.policy)).await;
                Err(Hindrance::Undone(match back {
                    Ok(_) => format!("{why}; the old one is back"),
                    Err(error) => format!("{why}; and the old one could not be put back: {error}"),
                }))
            }
        }
    }

    /// From 2 to 7 of the order. Gives the new one's id.
    async fn take_over(
        &self,
        name: &str,
        old: &Value,
        new: Option<Value>,
        before: &Before,
        grace: Duration,
        moved: Option<Moved<'_>>,
    ) -> Result<String, Hindrance> {
        let to = match new {
            Some(whole) if differences(old, &whole, moved).is_empty() => id(&whole).to_owned(),
            Some(unfinished) => {
                self.remove(id(&unfinished)).await?;
                self.build(name, old, before, moved).await?
            }
            None => self.build(name, old, before, moved).await?,
        };
        fail::fail_point!("recreate-connected");
        self.set_policy(id(old), "no").await?;
        self.stop(id(old), grace).await?;
        fail::fail_point!("recreate-stopped");
        self.start(&to).await?;
        fail::fail_point!("recreate-started");
        Ok(to)
    }

    /// Made, connected, and compared.
    async fn build(&self, name: &str, old: &Value, before: &Before, moved: Option<Moved<'_>>) -> Result<String, Hindrance> {
        let image = self.image_of(old).await?;
        let plan = Blueprint::of(old, before, &image, moved);
        let query = [("name", name)];
        let made = self.send(Ask::post(&["containers", "create"], MAKE_MAX).with(&query).json(&plan.body)).await?;
        let to = made["Id"].as_str().unwrap_or_default().to_owned();
        fail::fail_point!("recreate-created");
        for (network, endpoint) in &plan.networks {
            let body = json!({ "Container": to, "EndpointConfig": endpoint });
            self.send(Ask::post(&["networks", network, "connect"], SMALL_MAX).json(&body)).await?;
        }
        let new = self.find(&to).await?.ok_or_else(|| missing(name))?;
        let wanted: BTreeSet<String> = blueprint::endpoints(old).into_iter().map(|(network, _)| network).collect();
        // Its mode puts it into a network that somebody took the old one out of.
        for (network, _) in blueprint::endpoints(&new).iter().filter(|(network, _)| !wanted.contains(network)) {
            let body = json!({ "Container": to, "Force": true });
            self.send(Ask::post(&["networks", network, "disconnect"], SMALL_MAX).json(&body)).await?;
        }
        let new = self.find(&to).await?.ok_or_else(|| missing(name))?;
        let mut found = differences(old, &new, moved);
        if found.is_empty() {
            return Ok(to);
        }
        found.truncate(SHOWN);
        Err(Hindrance::Refused(format!("{name}: the new one would differ in {}", found.join(", "))))
    }

    /// An earlier run came to the end; only one of the two may run, and it is the new one.
    async fn keep(&self, old: &Value, new: &Value, grace: Duration) -> Result<Swapped, Hindrance> {
        if is_running(old) {
            self.set_policy(id(old), "no").await?;
            self.stop(id(old), grace).await?;
        }
        if !is_running(new) {
            self.start(id(new)).await?;
        }
        Ok(Swapped { id: id(new).to_owned(), old: id(old).to_owned(), already: true, ..Swapped::default() })
    }

    /// Those in its network namespace, which ends with it: what is to be made anew, and what is down already. Also those
    /// that an earlier run has begun with.
    pub(super) async fn dependants(&self, name: &str, old: &str) -> Result<(Vec<String>, Vec<String>), LinkError> {
        let all = self.send(Ask::get(&["containers", "json"]).with(&[("all", "true")])).await?;
        let (mut now, mut left) = (BTreeSet::new(), BTreeSet::new());
        for listed in all.as_array().into_iter().flatten() {
            let lender = listed["HostConfig"]["NetworkMode"].as_str().and_then(|mode| mode.strip_prefix("container:"));
            let Some(own) = listed["Names"][0].as_str().map(|own| own.trim_start_matches('/')) else { continue };
            if !lender.is_some_and(|lender| lender == old || lender == name) {
                continue;
            }
            let base = own.strip_suffix(blueprint::ASIDE).unwrap_or(own).to_owned();
            let runs = matches!(listed["State"].as_str(), Some("running" | "restarting"));
            // One under its kept name is half of a change, whatever its state.
            if runs || base != own {
                now.insert(base)
            } else {
                left.insert(base)
            };
        }
        left.retain(|name| !now.contains(name));
        Ok((now.into_iter().collect(), left.into_iter().collect()))
    }

    async fn may_touch(&self, who: &str, target: &str, change: &Change) -> Result<(), Hindrance> {
        if who != target && !change.allow.containers.contains(who) {
            return Err(Hindrance::Refused(format!(
                "{target}: {who} lives in its network and would have to be made anew too, and it is not on the allow-list"
            )));
        }
        let found = match self.find(who).await? {
            Some(found) => Some(found),
            None => self.find(&aside(who)).await?,
        };
        let Some(found) = found else { return Ok(()) };
        if change.own.contains(id(&found)) {
            return Err(Hindrance::Refused(format!("{target}: heald itself runs in {who}")));
        }
        // One that is put aside already was judged before.
        match blueprint::obstacle(&found).filter(|_| name_of(&found) == who) {
            Some(why) => Err(Hindrance::Refused(format!("{who}: {why}"))),
            None => Ok(()),
        }
    }

    /// The name that it was made from, if that still means the same image; else the image's id.
    async fn image_of(&self, old: &Value) -> Result<String, Hindrance> {
        let used = old["Image"].as_str().unwrap_or_default();
        let named = old["Config"]["Image"].as_str().unwrap_or_default();
        for image in [named, used] {
            match self.send(Ask::get(&["images", image, "json"])).await {
                Ok(found) if found["Id"] == used => return Ok(image.to_owned()),
                Ok(_) | Err(LinkError::Missing(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let name = name_of(old);
        Err(Hindrance::Refused(format!("{name}: its image {named} ({used}) is no longer on this host; pull it first")))
    }
}

/// Runs to its end whatever becomes of the caller.
async fn whole<T: Send + 'static>(
    deadline: Instant,
    work: impl Future<Output = Result<T, Hindrance>> + Send + 'static,
) -> Result<T, Hindrance> {
    match timeout_at(deadline, tokio::spawn(work)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Err(Hindrance::Link(LinkError::Unknown(format!("it broke off: {error}")))),
        Err(_) => Err(Hindrance::Link(LinkError::Unknown("not done by the deadline; it goes on".to_owned()))),
    }
}

pub(super) fn missing(name: &str) -> Hindrance {
    Hindrance::Link(LinkError::Missing(format!("{name}: no container of that name")))
}

// === impl Hindrance ===

impl Hindrance {
    pub(super) fn of_dependant(self, name: &str) -> Self {
        let say = |why: String| format!("the container itself is done, but {name}, which lives in its network: {why}");
        match self {
            Self::Link(error) if error.is_blind() => Self::Link(error),
            other => Self::Undone(say(other.to_string())),
        }
    }
}

impl From<LinkError> for Hindrance {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}
