//! The channels of a script: each takes what it is sent, unless the script says otherwise.

use super::Bench;
use crate::domain::decide::Signal;
use crate::domain::incident::Incident;
use crate::domain::notice::{Delivery, Post};
use crate::domain::outbox::DIGEST;

impl Bench {
    /// As the loop does with all that waits for the digest.
    pub(super) fn told_together(&mut self) {
        let waits =
            |incident: &Incident| incident.outbox.owed.iter().find(|owed| owed.to.contains_key(DIGEST)).map(|owed| owed.number);
        while let Some(number) = self.incident.as_ref().and_then(waits) {
            self.line(&format!("→ digest: notice {number}"));
            self.signal(Signal::Told { number, delivery: Delivery::taken(DIGEST) });
        }
    }

    /// A channel takes it, unless a script says otherwise. What was taken meanwhile is not sent twice.
    pub(super) fn tell(&mut self, post: Post) {
        let Post { channel, notice, .. } = post;
        self.prompt.clone_from(&notice.debug_prompt);
        let number = notice.number;
        let wanted = |incident: &Incident| {
            let now = incident.outbox.sendable(self.now);
            now.into_iter().any(|(owed, to)| owed.number == number && to == channel)
        };
        if !self.incident.as_ref().is_some_and(wanted) {
            return;
        }
        let place = if channel == "log" { String::new() } else { format!("{channel} ") };
        let thread = self.threads.contains(&channel).then(|| format!("{channel}-1"));
        let delivery = match self.broken.get(&channel) {
            Some(again) => Delivery::failed(&*channel, "says no", *again),
            None => Delivery { thread, ..Delivery::taken(&*channel) },
        };
        let arrow = if delivery.error.is_none() { "→" } else { "⇥" };
        self.line(&format!("{arrow} tell {place}{}: {}", notice.kind.label(), notice.reason));
        self.signal(Signal::Told { number, delivery });
    }
}
