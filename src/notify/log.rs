//! The channel that is always there: one structured line.

use super::card;
use crate::domain::notice::{Notice, NoticeKind};

pub const NAME: &str = "log";

/// Strings go into fields, which the log escapes, and not into the message: an alert's text can't forge a line.
pub fn tell(notice: &Notice) {
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                incident = notice.incident.0,
                kind = notice.kind.label(),
                playbook = &*notice.playbook.0,
                target = notice.target.as_str(),
                host = notice.host.as_str(),
                severity = card::severity(notice),
                reason = notice.reason.as_str(),
                attempts = notice.attempts,
                "{}",
                card::headline(notice)
            )
        };
    }
    match notice.kind {
        NoticeKind::Escalated
        | NoticeKind::EscalateOnly
        | NoticeKind::StandsBack
        | NoticeKind::Unacknowledged
        | NoticeKind::Storm
        | NoticeKind::ChannelBroken
        | NoticeKind::DetectionBlind => line!(error),
        NoticeKind::AlertsLost
        | NoticeKind::Fires
        | NoticeKind::FiresAnew
        | NoticeKind::StillFiring
        | NoticeKind::OutOfSight
        | NoticeKind::LeftAlone
        | NoticeKind::ApprovalNeeded
        | NoticeKind::AlertWithoutSymptom => {
            line!(warn)
        }
        NoticeKind::Healed
        | NoticeKind::WouldAct
        | NoticeKind::Over
        | NoticeKind::Progress
        | NoticeKind::Digest
        | NoticeKind::DetectionBack
        | NoticeKind::Test => line!(info),
    }
}
