//! `redis.info`, `redis.ping`, `redis.purge_expired`.

use super::{Act, Call, Form, StepKind};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::target::{AllowList, cut};
use crate::domain::template::is_template;
use crate::link::redis::{Login, Redis};
use crate::link::{LinkError, admit_address, secret};
use std::collections::BTreeMap;
use tokio::time::Instant;

mod info;
mod ping;
mod purge;

pub use info::Params as Info;
pub use ping::Params as Ping;
pub use purge::Params as Purge;

/// Which server, and who asks.
#[derive(Debug)]
struct Server {
    address: String,
    user: Option<String>,
    password_file: Option<String>,
}

/// What can be checked before the templates are filled in.
fn check(address: &str, password_file: Option<&String>) -> Result<(), String> {
    if !is_template(address)
        && address.rsplit_once(':').is_none_or(|(host, port)| host.is_empty() || port.parse::<u16>().is_err())
    {
        return Err(format!("{:?} is no host:port", cut(address)));
    }
    password_file.map_or(Ok(()), |path| secret::check(path))
}

// === impl Server ===

impl Server {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        admit_address(&self.address, allow)
    }

    /// Connects; or what the step reports.
    async fn connect(&self, call: &Call<'_>, deadline: Instant) -> Result<Redis, Acted> {
        let refused = |why| Acted::new(ActOutcome::Impossible(Impossible::BadParameters), why);
        self.admit(&call.tools.allow.now()).map_err(refused)?;
        let password = self.password_file.as_deref().map(secret::read).transpose();
        let password = password.map_err(|why| Acted::new(ActOutcome::Impossible(Impossible::AccessDenied), why))?;
        let login = password.as_deref().map(|password| Login { user: self.user.as_deref(), password });
        // Nothing was changed by a connection.
        Redis::connect(&self.address, login, deadline).await.map_err(|error| error.before_sending().into_acted())
    }
}

/// Of `INFO`, as a number.
fn number(info: &BTreeMap<String, String>, name: &str) -> Option<u64> {
    info.get(name)?.parse().ok()
}

/// `used_memory` of `maxmemory` in percent; None where it has no limit.
fn used_percent(info: &BTreeMap<String, String>) -> Option<u64> {
    let most = number(info, "maxmemory").filter(|most| *most > 0)?;
    Some(number(info, "used_memory")?.saturating_mul(100) / most)
}

fn failed(error: LinkError) -> Acted {
    error.before_sending().into_acted()
}
