//! Does the alert still fire? Alertmanager is asked again before each effect.
//!
//! It delivers firing messages seconds after the alert has resolved, and repeats old ones after a crash of its own.
//! What heald saw break in after-care with its own eyes needs no alert.

use super::{Ask, Facts, Guard, Proposal, Refusal, Then};
use crate::domain::incident::Phase;
use crate::domain::look::AlertSight;
use crate::domain::policy::Unreadable;
use crate::domain::time::Time;
use std::time::Duration;

const RELOOK: Duration = Duration::from_secs(5);
/// Prometheus repeats each firing alert within a minute (`--rules.alert.resend-delay`): an Alertmanager that lost its
/// memory has it again by then.
const GONE_FOR: Duration = Duration::from_secs(90);

pub(super) fn check(proposal: &Proposal<'_>, facts: &Facts<'_>, now: Time) -> Option<Refusal> {
    let refuse = |then: Then, reason: String| Some(Refusal { guard: Guard::Freshness, reason, then });
    let relapsed = proposal.incident.relapsed;
    match &proposal.seen.alert {
        AlertSight::NotAsked if facts.asks_alertmanager && proposal.incident.is_firing() && !proposal.incident.by_hand() => {
            refuse(Then::Look, "Alertmanager has not been asked yet".to_owned())
        }
        AlertSight::NotAsked | AlertSight::Firing | AlertSight::Suppressed { .. } => None,
        AlertSight::Gone | AlertSight::Unreadable { .. } if relapsed => None,
        AlertSight::Gone if proposal.ask == Ask::Step => refuse(Then::Resolved, GONE.to_owned()),
        AlertSight::Gone => match &proposal.incident.phase {
            Phase::Held { guard: Guard::Freshness, reason, since, .. } if reason == GONE && now.since(*since) >= GONE_FOR => {
                refuse(Then::Resolved, GONE.to_owned())
            }
            _ => refuse(Then::Wait(now + RELOOK), GONE.to_owned()),
        },
        // Permitted a moment ago; to stop in the middle would leave it worse than it was.
        AlertSight::Unreadable { .. } if proposal.ask == Ask::Step || facts.policy.freshness == Unreadable::Act => None,
        AlertSight::Unreadable { detail } => {
            refuse(Then::Wait(now + RELOOK), format!("Alertmanager can't be asked whether it still fires: {detail}"))
        }
    }
}

const GONE: &str = "Alertmanager does not list the alert as firing";
