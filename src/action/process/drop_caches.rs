//! `process.drop_caches`: the page cache of the whole machine.

use super::super::{Act, Call, Form, StepKind, object, object_of};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::Risk;
use crate::domain::size::words;
use crate::domain::target::{AllowList, TargetKind};
use crate::link::process::memory::drop_caches;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// Writes to the disk what waits for it, then has the kernel give its page cache back (1 to `/proc/sys/vm/drop_caches`).
///
/// Off unless `targets: { hosts: [...] }` names the host. It seldom helps: the kernel gives cached pages back by itself when a
/// program needs memory, and every program reads from the disk for a while afterwards. No data is lost. It is about the machine
/// that heald runs on, whatever the host is called, and charged to the host's budget. The shipped unit forbids it
/// (least-privilege.md).
///
/// Facts: `freed_bytes`, `available_bytes`.
///
/// ```yaml
/// - process.drop_caches: { host: "{{ labels.host }}" }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropCaches {
    /// This host, as the allow-list names it; the playbook's target where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
}

#[derive(Debug)]
struct Dropping {
    host: String,
}

/// A slow disk with much to write.
const DEADLINE: Duration = Duration::from_secs(120);

// === impl StepKind for DropCaches ===

impl StepKind for DropCaches {
    const KIND: &'static str = "process.drop_caches";
    const OBJECT: Option<TargetKind> = Some(TargetKind::Host);

    fn form(&self) -> Result<Form, String> {
        Ok(Form::new(object(TargetKind::Host, self.host.as_ref())?, Risk::Idempotent, DEADLINE))
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        Ok(Box::new(Dropping { host: object_of(step, TargetKind::Host)? }))
    }
}

// === impl Act for Dropping ===

impl Act for Dropping {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        if allow.hosts.contains(&self.host) {
            return Ok(());
        }
        Err(format!("host {} is not on the allow-list (targets: hosts)", self.host))
    }

    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        async {
            use crate::domain::outcome::Impossible::Refused;
            if let Err(why) = self.admit(&call.tools.allow.now()) {
                return Acted::new(ActOutcome::Impossible(Refused), why);
            }
            match tokio::time::timeout_at(call.deadline, drop_caches()).await {
                Ok(Ok((before, after))) => {
                    let freed = after.free.saturating_sub(before.free);
                    let detail = format!("{} of cache given back, {} available", words(freed), words(after.available));
                    let facts = json!({ "freed_bytes": freed, "available_bytes": after.available });
                    Acted::new(ActOutcome::Done, detail).knowing(facts)
                }
                Ok(Err(error)) => error.into_acted(),
                Err(_) => Acted::new(ActOutcome::Unknown, "writing to the disk goes on"),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{planned, step};
    use super::*;
    use crate::action::Action;
    use crate::domain::target::Target;

    #[test]
    fn only_a_host_of_the_allow_list() {
        let host = Target::new(TargetKind::Host, "alpha").unwrap();
        let action = Action::parse(&planned(step("process.drop_caches: {}").unwrap(), Some(host))).unwrap();
        assert!(action.admit(&AllowList::default()).unwrap_err().contains("targets: hosts"));
        assert_eq!(action.admit(&AllowList { hosts: ["alpha".to_owned()].into(), ..AllowList::default() }), Ok(()));
        let unit = Target::new(TargetKind::Unit, "web.service").unwrap();
        let error = Action::parse(&planned(step("process.drop_caches: {}").unwrap(), Some(unit))).unwrap_err();
        assert!(error.contains("works on a host"), "{error}");
    }
}
