//! Is the target on its way already, or is it a person's wish that it is down?
//!
//! Hands off while systemd, Docker or a person is at it (group E of the failure
//! modes: two watchdogs made 12 restarts an hour out of one slow start).

use super::{Facts, Guard, Proposal, RELOOK_MAX, Refusal, Then};
use crate::domain::incident::Escalation;
use crate::domain::look::TargetState as S;
use crate::domain::time::Time;
use std::time::Duration;

/// How soon to look again at what changes by itself.
const RELOOK_MOVING: Duration = Duration::from_secs(2);
/// How soon to ask again for what can't be seen.
const RELOOK_BLIND: Duration = Duration::from_secs(5);

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    let seen = proposal.seen;
    let wait = |after: Duration, reason: String| Refusal::wait(Guard::Settling, now + after, reason);
    let escalate = |reason: &str| {
        Some(Refusal { guard: Guard::Settling, reason: reason.to_owned(), then: Then::Escalate(Escalation::Refused) })
    };
    match &seen.state {
        S::Unreachable { detail } => wait(RELOOK_BLIND, format!("the target can't be seen: {detail}")),
        S::HostBusy { detail } => wait(RELOOK_BLIND, format!("the host is busy: {detail}")),
        S::Starting { detail } => wait(RELOOK_MOVING, format!("it is starting: {detail}")),
        S::Restarting { detail } => wait(RELOOK_MOVING, format!("its own manager restarts it: {detail}")),
        S::JobPending { detail } => wait(RELOOK_MOVING, format!("somebody's job is pending: {detail}")),
        S::StoppedByPerson { detail } => wait(RELOOK_MAX, format!("stopped by a person ({detail}): left alone")),
        S::Masked => wait(RELOOK_MAX, "masked by a person: left alone".to_owned()),
        S::StartLimitHit => escalate("systemd's start limit was hit: only a person resets it, after finding the cause"),
        S::StoppedUnclear { detail } => escalate(&format!("it may have been stopped on purpose ({detail}): a person must say")),
        S::Missing => escalate("it does not exist: nothing to repair"),
        S::Up { .. } | S::Failed { .. } | S::Stateless if seen.is_unknown() => {
            wait(RELOOK_BLIND, format!("the probes can't be asked: {}", seen.summary()))
        }
        S::Up { for_ms } => {
            let up_for = Duration::from_millis(*for_ms);
            let rest = facts.playbook.limits.grace.saturating_sub(up_for);
            if rest.is_zero() {
                return None;
            }
            wait(rest.min(RELOOK_MOVING), format!("it started {:.1} s ago and may still be starting", up_for.as_secs_f32()))
        }
        S::Failed { .. } | S::Stateless => None,
    }
}
