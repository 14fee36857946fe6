//! When the journal is lost or corrupt: nothing is taken on, nothing is done, people are told.
//!
//! A fresh, empty journal would refill every budget; so it takes a person to say that this is wanted.

use super::handle::{Handle, INBOX, OrderError, Request, Unavailable};
use super::view::Status;
use crate::domain::id::Seq;
use crate::domain::notice::Delivery;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// There is no journal that would remember what is still to be told.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Tells until a channel took it: at a boot the network may come later than heald.
pub async fn insist<F: Future<Output = Vec<Delivery>>>(tell: impl Fn() -> F) {
    loop {
        let deliveries = tell().await;
        if deliveries.is_empty() || deliveries.iter().any(|delivery| delivery.error.is_none()) {
            return;
        }
        tokio::time::sleep(TELL_AGAIN).await;
    }
}

/// A handle behind which every request is refused with the reason. Ends when `stop` says so.
pub fn escalate_only(reason: String, host: String, mut stop: watch::Receiver<bool>) -> Handle {
    let (inbox, mut requests) = mpsc::channel(INBOX);
    let (sender, committed) = watch::channel(Seq(0));
    tokio::spawn(async move {
        // Kept so that followers wait instead of ending.
        let _sender = sender;
        loop {
            tokio::select! {
                Some(request) = requests.recv() => refuse(request, &reason, &host),
                _ = stop.changed() => break,
                else => break,
            }
        }
    });
    Handle { inbox, committed }
}

/// Whoever asked may have hung up.
fn refuse(request: Request, reason: &str, host: &str) {
    let error = || Unavailable::EscalateOnly(reason.to_owned());
    match request {
        Request::AlertsLost { .. } | Request::Listed { .. } | Request::Seen { .. } => {}
        Request::Review(asked) => asked.refuse(error()),
        Request::Deliver { reply, .. } => drop(reply.send(Err(error()))),
        Request::Reload(reload) => drop(reload.reply.send(Err(error()))),
        Request::Order { reply, .. } => drop(reply.send(Err(OrderError::Unavailable(error())))),
        Request::Explain { reply, .. } => drop(reply.send(Err(OrderError::Unavailable(error())))),
        Request::RefusedInChat { reply, .. } => drop(reply.send(())),
        Request::Heard { reply, .. } => drop(reply.send(None)),
        Request::OnCall { reply } => drop(reply.send(Vec::new())),
        Request::Incidents { reply } => drop(reply.send(Vec::new())),
        Request::Incident { reply, .. } => drop(reply.send(None)),
        Request::Events { reply, .. } => drop(reply.send(Vec::new())),
        Request::Status { reply } => drop(reply.send(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: host.to_owned(),
            state: error().to_string(),
            paused: None,
            holds: Vec::new(),
            breakers: Vec::new(),
            standing_back: Vec::new(),
            open: std::collections::BTreeMap::new(),
            playbooks: Vec::new(),
            records: Seq(0),
            unmatched: Vec::new(),
            dependencies: std::collections::BTreeMap::new(),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test(start_paused = true)]
    async fn people_are_told_until_a_channel_took_it() {
        let tries = AtomicU32::new(0);
        let tell = || async {
            let failed = tries.fetch_add(1, Ordering::SeqCst) < 3;
            vec![Delivery { error: failed.then(|| "no connection".to_owned()), ..Delivery::taken("webhook") }]
        };
        insist(tell).await;
        assert_eq!(tries.load(Ordering::SeqCst), 4);
    }
}
