//! Is the target on its way already, or is it a person's wish that it is down?
//!
//! Hands off while systemd, Docker or a person is at it (group E of the failure
//! modes: two watchdogs made 12 restarts an hour out of one slow start).

use super::{Ask, Facts, Guard, Proposal, RELOOK_MAX, Refusal, Then};
use crate::domain::incident::Escalation;
use crate::domain::look::TargetState as S;
use crate::domain::playbook::ActOn;
use crate::domain::time::{Span, Time};
use std::time::Duration;

/// How soon to look again at what changes by itself.
const RELOOK_MOVING: Duration = Duration::from_secs(2);
/// How soon to ask again for what can't be seen.
const RELOOK_BLIND: Duration = Duration::from_secs(5);

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    match proposal.ask {
        Ask::Step => changed(proposal, now),
        _ => moving(proposal, facts, now).or_else(|| start_limit(proposal, facts, now)),
    }
}

/// In the middle of an attempt: has anybody but heald touched it since the last step?
fn changed(proposal: &Proposal<'_>, now: Time) -> Option<Refusal> {
    let wait = |reason: String| Refusal::wait(Guard::Settling, now + RELOOK_MOVING, reason);
    match (&proposal.seen.state, &proposal.incident.before, &proposal.seen.evidence) {
        (S::JobPending { detail }, ..) => wait(format!("somebody's job is pending: {detail}")),
        (S::Unreachable { detail }, ..) => wait(format!("the target can't be seen: {detail}")),
        (S::Masked, ..) => wait("masked by a person meanwhile".to_owned()),
        (_, Some(before), Some(seen)) if before != seen => wait("somebody started it since heald's last step".to_owned()),
        _ => None,
    }
}

/// systemd counts starts by hand too, and one too many leaves the unit down until a person resets it. The last start of
/// each interval is left to people.
fn start_limit(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    let limit = proposal.seen.around.start_limit?;
    let interval = Duration::from_millis(limit.interval_ms);
    let own = proposal.incident.target()?;
    let recent: Vec<Time> = facts.ledger.past(own).iter().map(|past| past.at).filter(|at| now.since(*at) < interval).collect();
    // A burst of 1 allows no headroom; then one start is all there is.
    let most = limit.burst.saturating_sub(1).max(1) as usize;
    let until = *recent.get(recent.len().checked_sub(most)?)? + interval;
    let reason = format!("systemd allows {} starts in {}, and heald leaves one to people", limit.burst, Span(interval));
    Refusal::wait(Guard::Settling, until, reason)
}

fn moving(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    let seen = proposal.seen;
    let wait = |after: Duration, reason: String| Refusal::wait(Guard::Settling, now + after, reason);
    let for_people =
        |reason: String| Some(Refusal { guard: Guard::Settling, reason, then: Then::WaitForPeople(now + RELOOK_MAX) });
    let escalate = |reason: &str| Refusal::escalate(Guard::Settling, Escalation::Refused, reason);
    match &seen.state {
        S::Unreachable { detail } => wait(RELOOK_BLIND, format!("the target can't be seen: {detail}")),
        S::HostBusy { detail } => wait(RELOOK_BLIND, format!("the host is busy: {detail}")),
        S::Starting { detail } => wait(RELOOK_MOVING, format!("it is starting: {detail}")),
        S::Restarting { detail } => wait(RELOOK_MOVING, format!("its own manager restarts it: {detail}")),
        S::JobPending { detail } => wait(RELOOK_MOVING, format!("somebody's job is pending: {detail}")),
        S::StoppedByPerson { detail } => for_people(format!("stopped by a person ({detail}): left alone")),
        S::Masked => for_people("masked by a person: left alone".to_owned()),
        S::StartLimitHit => escalate("systemd's start limit was hit: only a person resets it, after finding the cause"),
        S::StoppedUnclear { detail } => escalate(&format!("it may have been stopped on purpose ({detail}): a person must say")),
        S::Missing => escalate("it does not exist: nothing to repair"),
        S::Up { .. } | S::Failed { .. } | S::Stateless if seen.is_unknown() => {
            wait(RELOOK_BLIND, format!("the probes can't be asked: {}", seen.summary()))
        }
        S::Up { for_ms } => young(Duration::from_millis(*for_ms), proposal, facts, now),
        S::Failed { .. } | S::Stateless => None,
    }
}

/// It runs and does not pass: it may still be starting, or the alert may be about the run before.
fn young(up_for: Duration, proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    let own = proposal.incident.target();
    let grace = own.and_then(|own| facts.policy.grace.get(own)).copied().unwrap_or(facts.playbook.limits.grace);
    let wait = |rest: Duration, reason: String| Refusal::wait(Guard::Settling, now + rest.min(RELOOK_MOVING), reason);
    let rest = grace.saturating_sub(up_for);
    if !rest.is_zero() {
        return wait(rest, format!("it started {:.1} s ago and may still be starting", up_for.as_secs_f32()));
    }
    // No probe sees the symptom, so only the alert speaks; and that was raised about an earlier run.
    let started = jiff::SignedDuration::try_from(up_for).ok().and_then(|up_for| facts.wall.checked_sub(up_for).ok())?;
    let stale = proposal.incident.alerts.values().filter(|alert| alert.firing).all(|alert| alert.starts_at < started);
    let rest = facts.group_interval.saturating_sub(up_for);
    if facts.playbook.act_on == ActOn::Alert && stale && !rest.is_zero() {
        return wait(rest, "it was started after the alert began, whose resolve may be on its way".to_owned());
    }
    None
}
