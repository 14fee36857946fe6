//! Gauges that change with time alone, or with too much to count at each round: what is left of budgets, what waits to be
//! told; and how big the journal is.

use super::Driver;
use super::world::World;
use crate::domain::guard::PastAttempt;
use crate::domain::playbook::Budget;
use crate::domain::time::{Span, Time};
use crate::store::Space;
use crate::telemetry;
use std::collections::BTreeMap;
use std::time::Duration;

/// Prometheus asks as often.
const EVERY: Duration = Duration::from_secs(15);

impl<W: World> Driver<W> {
    pub(super) fn slow_gauges(&mut self, now: Time) {
        if now < self.shown.next {
            return;
        }
        self.shown.next = now + EVERY;
        let budgets = self.budgets(now);
        self.telemetry.budgets(&budgets, &self.shown.budgets);
        self.shown.budgets = budgets;
        let mut waiting: BTreeMap<&str, usize> =
            self.config.in_force.policy.escalation.channels.iter().map(|channel| (channel.as_str(), 0)).collect();
        let outboxes = self.state.owing().map(|incident| &incident.outbox).chain([&self.state.house.outbox]);
        for owed in outboxes.flat_map(|outbox| &outbox.owed).filter(|owed| !owed.answered) {
            for channel in owed.to.keys() {
                if let Some(count) = waiting.get_mut(channel.as_str()) {
                    *count += 1;
                }
            }
        }
        for (channel, notices) in waiting {
            self.telemetry.waiting(channel, notices);
        }
        for (service, lasts) in self.running_outages(now) {
            self.telemetry.outage_running(service, lasts);
        }
    }

    /// Measured where the journal is written: a disk that hangs must not hang the runtime.
    pub(super) fn show_space(&self, space: std::io::Result<Space>) {
        // What can't be read is told by the commits.
        if let Ok(Space { used, free }) = space {
            self.telemetry.store(used, free);
        }
    }

    /// Of this host, and of the target that has least left.
    fn budgets(&self, now: Time) -> Vec<telemetry::Budget> {
        let wide = &self.config.in_force.policy.budgets;
        let all = self.state.ledger.all();
        let host = wide.host.iter().chain(&wide.all).map(|budget| {
            let spent = all.len() - all.partition_point(|at| now.since(*at) >= budget.window);
            (budget.window, left(*budget, spent), budget.count)
        });
        let mut targets: BTreeMap<Duration, (u32, u32)> = BTreeMap::new();
        let books = self.library.books();
        // Of a budget of 0 nothing can be left, and it would hide the others of its window.
        for budget in books.iter().flat_map(|book| &book.limits.budget).chain(&wide.target).filter(|budget| budget.count > 0) {
            // What nothing was tried on has all of it left: the smallest of them.
            let least = targets.entry(budget.window).or_insert((budget.count, budget.count));
            *least = (least.0.min(budget.count), least.1.min(budget.count));
        }
        for past in self.state.ledger.by_target() {
            for (budget, spent) in self.spent_on(past, now) {
                let rest = left(budget, spent);
                targets.entry(budget.window).and_modify(|(least, limit)| {
                    if rest < *least {
                        (*least, *limit) = (rest, budget.count);
                    }
                });
            }
        }
        let targets = targets.into_iter().map(|(window, (left, limit))| ("target", window, left, limit));
        let mut hosts: BTreeMap<Duration, (u32, u32)> = BTreeMap::new();
        for (window, left, limit) in host {
            let least = hosts.entry(window).or_insert((left, limit));
            *least = (*least).min((left, limit));
        }
        let hosts = hosts.into_iter().map(|(window, (left, limit))| ("host", window, left, limit));
        let told = |(scope, window, left, limit)| telemetry::Budget { scope, window: Span(window).to_string(), left, limit };
        hosts.chain(targets).map(told).collect()
    }

    /// The budgets that hold for a target, by what was tried on it, and how much of each is spent.
    fn spent_on<'a>(&'a self, past: &'a [PastAttempt], now: Time) -> impl Iterator<Item = (Budget, usize)> + 'a {
        let mut books: Vec<_> = past.iter().map(|past| &past.playbook).collect();
        books.sort();
        books.dedup();
        let own = books.into_iter().filter_map(|book| self.library.get(book)).flat_map(|book| &book.limits.budget);
        own.chain(&self.config.in_force.policy.budgets.target).map(move |budget| {
            let spent = past.iter().filter(|past| now.since(past.at) < budget.window).count();
            (*budget, spent)
        })
    }
}

fn left(budget: Budget, spent: usize) -> u32 {
    budget.count.saturating_sub(u32::try_from(spent).unwrap_or(u32::MAX))
}
