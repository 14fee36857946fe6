//! What was put aside comes back, or goes for good.

use super::Docker;
use super::blueprint::{self, aside, is_running, made_from};
use super::raw::{id, name_of};
use super::swap::{Change, Hindrance, Swapped};
use serde_json::Value;
use std::time::Duration;

// === impl Docker ===

impl Docker {
    pub(super) async fn restore_all(&self, change: &Change) -> Result<Option<Swapped>, Hindrance> {
        let _alone = self.swaps.lock().await;
        let name = change.container.as_str();
        let Some(old) = self.find(&aside(name)).await? else { return Ok(None) };
        // Without a new one it is half done; beside somebody else's the old one is of no repair that is still open.
        if self.find(name).await?.is_some_and(|new| made_from(&new) != Some(id(&old))) {
            return Ok(None);
        }
        let (dependants, _) = self.dependants(name, id(&old)).await?;
        let mut back = self.put_back(name, change.grace, true, None).await?;
        for dependant in dependants {
            let put = self.put_back(&dependant, change.grace, true, None).await;
            if put.map_err(|why| why.of_dependant(&dependant))?.is_some() {
                back.as_mut().into_iter().for_each(|back| back.dependants.push(dependant.clone()));
            }
        }
        Ok(back)
    }

    /// The new one is stopped and removed, the old one started under its own name again. Its name comes last: until then
    /// whoever finds the two knows what is to be done.
    ///
    /// `policy`: the old one's, where no new one is left to tell it.
    pub(super) async fn put_back(
        &self,
        name: &str,
        grace: Duration,
        start: bool,
        policy: Option<&str>,
    ) -> Result<Option<Swapped>, Hindrance> {
        let Some(old) = self.find(&aside(name)).await? else { return Ok(None) };
        let new = self.find(name).await?;
        if let Some(new) = &new {
            if made_from(new) != Some(id(&old)) {
                let why = format!("{name}: somebody made it anew while {} is kept; remove one of the two", name_of(&old));
                return Err(Hindrance::Refused(why));
            }
            self.set_policy(id(new), "no").await?;
            self.stop(id(new), grace).await?;
            fail::fail_point!("restore-stopped");
        }
        let known = new.as_ref().and_then(|new| new["Config"]["Labels"][blueprint::POLICY].as_str()).or(policy);
        if let Some(policy) = known.filter(|known| *known != blueprint::policy_text(&old["HostConfig"]["RestartPolicy"])) {
            self.set_policy(id(&old), policy).await?;
        }
        if let Some(new) = &new {
            self.remove(id(new)).await?;
        }
        fail::fail_point!("restore-removed");
        let started = if start && !is_running(&old) { self.start(id(&old)).await } else { Ok(()) };
        fail::fail_point!("restore-started");
        self.rename(id(&old), name).await?;
        started?;
        Ok(Some(Swapped { id: id(&old).to_owned(), old: id(&old).to_owned(), ..Swapped::default() }))
    }

    pub(super) async fn discard_all(&self, change: &Change) -> Result<Option<Swapped>, Hindrance> {
        let _alone = self.swaps.lock().await;
        self.discard_kept(change.container.as_str()).await
    }

    /// Under the lock.
    pub(super) async fn discard_kept(&self, name: &str) -> Result<Option<Swapped>, Hindrance> {
        let Some(old) = self.find(&aside(name)).await? else { return Ok(None) };
        let (dependants, _) = self.dependants(name, id(&old)).await?;
        let mut done = Swapped { old: id(&old).to_owned(), ..Swapped::default() };
        for dependant in dependants {
            if let Some(kept) = self.find(&aside(&dependant)).await? {
                self.discard_one(&dependant, &kept).await.map_err(|why| why.of_dependant(&dependant))?;
                done.dependants.push(dependant);
            }
        }
        done.id = self.discard_one(name, &old).await?;
        Ok(Some(done))
    }

    async fn discard_one(&self, name: &str, old: &Value) -> Result<String, Hindrance> {
        let refuse = |why: &str| Err(Hindrance::Refused(format!("{name}: {why}: {} is kept", name_of(old))));
        match self.find(name).await? {
            None => refuse("there is no such container"),
            Some(new) if made_from(&new) != Some(id(old)) => refuse("it was not made from the old one"),
            Some(new) if !is_running(&new) => refuse("the new one does not run"),
            Some(_) if is_running(old) => refuse("the old one runs"),
            Some(new) => {
                self.remove(id(old)).await?;
                Ok(id(&new).to_owned())
            }
        }
    }
}
