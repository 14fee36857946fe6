//! Many incidents together: what a week was like, by playbook, and what it took.

use super::Review;
use crate::domain::id::{IncidentId, PlaybookId};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// What of an incident goes into a digest.
#[derive(Clone, Debug, PartialEq)]
pub struct Brief {
    pub incident: IncidentId,
    pub playbook: PlaybookId,
    pub target: String,
    pub state: &'static str,
    pub outcome: Option<&'static str>,
    /// How long the symptom lasted; `None`: there was none, or it lasts.
    pub restored_ms: Option<u64>,
    pub called: bool,
    pub escalated: bool,
    pub measures: Vec<super::Measure>,
    /// The guards that said no, once each.
    pub refused_by: Vec<String>,
}

/// Incidents that were opened within a span of time. Durations are in milliseconds; fields are only ever added.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Digest {
    pub host: String,
    pub from: Timestamp,
    pub until: Timestamp,
    /// There were more: only the newest are counted.
    pub cut: bool,
    pub incidents: u32,
    pub open: u32,
    /// Repaired by heald and verified.
    pub healed: u32,
    /// Repaired without telling anybody to act.
    pub pages_avoided: u32,
    /// A person was called since heald stopped trying.
    pub escalated: u32,
    /// Good again without a repair, and repeats of what was over.
    pub by_itself: u32,
    /// Most incidents first.
    pub by_playbook: Vec<ByPlaybook>,
    /// The same playbook and target at least [`CHRONIC`] times, most often first.
    pub chronic: Vec<Chronic>,
    /// In how many incidents a guard said no.
    pub refusals: BTreeMap<String, u32>,
    pub times: Vec<Times>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ByPlaybook {
    pub playbook: PlaybookId,
    pub incidents: u32,
    pub healed: u32,
    pub escalated: u32,
    pub pages_avoided: u32,
    /// From the alert's start to the end of the symptom, of those that had one and in which it ended.
    pub mttr_mean_ms: Option<u64>,
    pub mttr_median_ms: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chronic {
    pub playbook: PlaybookId,
    pub target: String,
    pub times: u32,
    pub last: IncidentId,
}

/// One kind of time over all incidents that came to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Times {
    /// detect act verify restore
    pub name: &'static str,
    pub count: u32,
    pub median_ms: Option<u64>,
    pub worst_ms: Option<u64>,
    /// Of those with a target that is decided.
    pub met: u32,
    pub missed: u32,
}

/// So often is chronic.
pub const CHRONIC: u32 = 3;

// === impl Brief ===

impl From<&Review> for Brief {
    fn from(review: &Review) -> Self {
        let mut refused_by: Vec<String> = review.verdicts.iter().map(|verdict| verdict.guard.clone()).collect();
        refused_by.sort();
        refused_by.dedup();
        let restored = review.impact.until.is_some() && review.impact.seen;
        Self {
            incident: review.incident,
            playbook: review.playbook.clone(),
            target: review.target.clone(),
            state: review.state,
            outcome: review.outcome,
            restored_ms: restored.then_some(review.impact.ms),
            called: review.called,
            escalated: review.timeline.iter().any(|moment| moment.kind == "escalated"),
            measures: review.measures.clone(),
            refused_by,
        }
    }
}

impl Brief {
    fn healed(&self) -> bool {
        self.state == "healed" || matches!(self.outcome, Some("healed" | "resolve_never_seen"))
    }

    fn avoided(&self) -> bool {
        self.healed() && !self.called
    }
}

// === impl Digest ===

impl Digest {
    /// `briefs` in any order.
    pub fn of(host: &str, from: Timestamp, until: Timestamp, cut: bool, briefs: &[Brief]) -> Self {
        let all: Vec<&Brief> = briefs.iter().collect();
        let mut refusals = BTreeMap::new();
        for guard in briefs.iter().flat_map(|brief| &brief.refused_by) {
            *refusals.entry(guard.clone()).or_insert(0) += 1;
        }
        let itself = |brief: &Brief| matches!(brief.outcome, Some("resolved_by_itself" | "stale"));
        Self {
            host: host.to_owned(),
            from,
            until,
            cut,
            incidents: size(briefs.len()),
            open: number(&all, |brief| brief.outcome.is_none()),
            healed: number(&all, Brief::healed),
            pages_avoided: number(&all, Brief::avoided),
            escalated: number(&all, |brief| brief.escalated),
            by_itself: number(&all, itself),
            by_playbook: by_playbook(&all),
            chronic: chronic(&all),
            refusals,
            times: ["detect", "act", "verify", "restore"].map(|name| times(name, &all)).to_vec(),
        }
    }
}

fn by_playbook(all: &[&Brief]) -> Vec<ByPlaybook> {
    let mut sorted: BTreeMap<&PlaybookId, Vec<&Brief>> = BTreeMap::new();
    all.iter().for_each(|brief| sorted.entry(&brief.playbook).or_default().push(brief));
    let row = |(playbook, group): (&PlaybookId, Vec<&Brief>)| {
        let took = ordered(group.iter().filter_map(|brief| brief.restored_ms));
        ByPlaybook {
            playbook: playbook.clone(),
            incidents: size(group.len()),
            healed: number(&group, Brief::healed),
            escalated: number(&group, |brief| brief.escalated),
            pages_avoided: number(&group, Brief::avoided),
            mttr_mean_ms: mean(&took),
            mttr_median_ms: median(&took),
        }
    };
    let mut rows: Vec<ByPlaybook> = sorted.into_iter().map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.incidents));
    rows
}

fn chronic(all: &[&Brief]) -> Vec<Chronic> {
    let mut times: BTreeMap<(&PlaybookId, &str), (u32, IncidentId)> = BTreeMap::new();
    for brief in all {
        let entry = times.entry((&brief.playbook, &brief.target)).or_insert((0, brief.incident));
        *entry = (entry.0 + 1, entry.1.max(brief.incident));
    }
    let often = times.into_iter().filter(|(_, (times, _))| *times >= CHRONIC);
    let mut found: Vec<Chronic> = often
        .map(|((playbook, target), (times, last))| Chronic { playbook: playbook.clone(), target: target.to_owned(), times, last })
        .collect();
    found.sort_by_key(|chronic| std::cmp::Reverse(chronic.times));
    found
}

fn times(name: &'static str, all: &[&Brief]) -> Times {
    let of_it = || all.iter().flat_map(|brief| &brief.measures).filter(|measure| measure.name == name);
    let took = ordered(of_it().filter_map(|measure| measure.ms));
    Times {
        name,
        count: size(took.len()),
        median_ms: median(&took),
        worst_ms: took.last().copied(),
        met: size(of_it().filter(|measure| measure.met == Some(true)).count()),
        missed: size(of_it().filter(|measure| measure.met == Some(false)).count()),
    }
}

fn number(all: &[&Brief], wanted: impl Fn(&Brief) -> bool) -> u32 {
    size(all.iter().filter(|brief| wanted(brief)).count())
}

fn size(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn ordered(values: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values
}

fn mean(values: &[u64]) -> Option<u64> {
    let sum: u128 = values.iter().map(|value| u128::from(*value)).sum();
    u64::try_from(sum.checked_div(values.len() as u128)?).ok()
}

/// Of an even number, halfway between the two in the middle.
fn median(sorted: &[u64]) -> Option<u64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    match sorted.len() % 2 {
        1 => Some(upper),
        _ => sorted.get(sorted.len() / 2 - 1).map(|lower| lower.midpoint(upper)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_mean_are_what_they_are_called() {
        assert_eq!((median(&[]), mean(&[])), (None, None));
        assert_eq!((median(&[5]), mean(&[5])), (Some(5), Some(5)));
        assert_eq!((median(&[1, 2, 9]), mean(&[1, 2, 9])), (Some(2), Some(4)));
        assert_eq!((median(&[1, 2, 4, 9]), mean(&[1, 2, 4, 9])), (Some(3), Some(4)));
    }
}
