//! `mode: earn`: a playbook is observed first, then asks for consent, then acts; good outcomes raise it, one bad one
//! lowers it by one step.

use super::id::Revision;
use super::playbook::Mode;
use super::policy::TrustPolicy;
use serde::{Deserialize, Serialize};

/// Where a playbook stands, and by what record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// Of the playbook that earned it: a changed one starts anew.
    pub revision: Revision,
    pub level: Mode,
    /// Good outcomes in a row on this level.
    pub streak: u32,
    pub good: u32,
    pub bad: u32,
}

// === impl Trust ===

impl Trust {
    pub fn new(revision: Revision) -> Self {
        Self { revision, level: Mode::Observe, streak: 0, good: 0, bad: 0 }
    }

    /// The record after one more outcome.
    pub fn after(mut self, was_good: bool, policy: &TrustPolicy) -> Self {
        if !was_good {
            self.bad += 1;
            self.streak = 0;
            self.level = match self.level {
                Mode::Auto => Mode::Approve,
                Mode::Approve | Mode::Observe => Mode::Observe,
            };
            return self;
        }
        self.good += 1;
        self.streak += 1;
        let (next, needed) = match self.level {
            Mode::Observe => (Mode::Approve, policy.observed),
            Mode::Approve => (Mode::Auto, policy.approved),
            Mode::Auto => return self,
        };
        if self.streak >= needed {
            (self.level, self.streak) = (next, 0);
        }
        self
    }

    /// `observe, 3 of 5 good outcomes towards approve`
    pub fn text(&self, policy: &TrustPolicy) -> String {
        let towards = match self.level {
            Mode::Observe => format!(", {} of {} good outcomes towards approve", self.streak, policy.observed),
            Mode::Approve => format!(", {} of {} good outcomes towards auto", self.streak, policy.approved),
            Mode::Auto => String::new(),
        };
        format!("{}{towards}", self.words())
    }

    /// `observe (4 good, 1 bad)`
    pub fn words(&self) -> String {
        format!("{} ({} good, {} bad)", self.level.label(), self.good, self.bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_is_earned_step_by_step_and_lost_one_step_at_a_time() {
        let policy = TrustPolicy { observed: 2, approved: 3 };
        let mut trust = Trust::new(Revision("r".into()));
        let mut levels = String::new();
        for outcome in "++-+++++-+++--".chars() {
            trust = trust.after(outcome == '+', &policy);
            levels.push(match trust.level {
                Mode::Observe => 'o',
                Mode::Approve => 'p',
                Mode::Auto => 'a',
            });
        }
        assert_eq!(levels, "opoopppapppapo", "{trust:?}");
    }
}
