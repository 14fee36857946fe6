//! `network.dns_lookup`: what a name resolves to, for the timeline and for conditions.

use super::{Act, Call, Form, StepKind};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::target::AllowList;
use crate::domain::template::is_template;
use crate::link::admit_address;
use crate::link::dns::{self, DnsError};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// Looks a name up. It changes nothing.
///
/// Without `server` it is resolved as the host does it, with `/etc/hosts`, nsswitch and caches; then an unknown name and a dead
/// resolver look alike. A `server` must stand under `targets: addresses:`; it is asked over UDP, and over TCP where the answer
/// is large. A name without an address is a failure. `register:` keeps `addresses`, `found`, `why`.
///
/// ```yaml
/// - network.dns_lookup: { name: example.org, server: "127.0.0.53:53" }
///   register: resolved
///   optional: true
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// A host's name.
    name: String,
    /// `host:port`, as `targets: addresses:` has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server: Option<String>,
}

#[derive(Debug)]
struct Lookup(Params);

/// Resolvers ask again after 5 s by themselves (resolv.conf(5)).
const PATIENCE: Duration = Duration::from_secs(8);

// === impl StepKind for Params ===

impl StepKind for Params {
    const KIND: &'static str = "network.dns_lookup";

    fn form(&self) -> Result<Form, String> {
        if !is_template(&self.name) {
            dns::check_name(&self.name)?;
        }
        Ok(Form::reads(PATIENCE + Duration::from_secs(2)))
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        dns::check_name(&self.name)?;
        Ok(Box::new(Lookup(self)))
    }
}

// === impl Act for Lookup ===

impl Act for Lookup {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        self.0.server.as_ref().map_or(Ok(()), |server| admit_address(server, allow))
    }

    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        self.act(call).boxed()
    }
}

// === impl Lookup ===

impl Lookup {
    async fn act(&self, call: &Call<'_>) -> Acted {
        if let Err(why) = self.admit(&call.tools.allow.now()) {
            return Acted::new(ActOutcome::Impossible(Impossible::BadParameters), why);
        }
        let Params { name, server } = &self.0;
        match dns::lookup(name, server.as_deref(), PATIENCE).await {
            Ok(addresses) => {
                let shown: Vec<String> = addresses.iter().take(20).map(ToString::to_string).collect();
                let facts = json!({ "found": true, "addresses": shown });
                Acted::new(ActOutcome::Done, format!("{name} is {}", shown.join(", "))).knowing(facts)
            }
            Err(error) => {
                let outcome = if matches!(error, DnsError::NotAsked(_)) { ActOutcome::NotSent } else { ActOutcome::Failed };
                let facts = json!({ "found": false, "addresses": [], "why": error.to_string() });
                Acted::new(outcome, error.to_string()).knowing(facts)
            }
        }
    }
}
