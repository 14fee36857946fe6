//! What a message's buttons carry: a verb, what it is about, until when, and a seal that only heald can make.
//!
//! The sealed text is at most 64 bytes, Telegram's limit for callback data. It holds no secret and needs no memory: after
//! a restart heald still knows its own. That each is used once is the journal's matter, by [`Press::tag`].

use crate::domain::id::IncidentId;
use crate::domain::notice::{Notice, Question, Standing};
use crate::domain::time::Time;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use std::time::Duration;

/// What a button asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    Ack,
    Approve,
    Deny,
    /// One hour, in Alertmanager.
    Silence,
    PausePlaybook,
    Details,
    Review,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    pub verb: Verb,
    pub label: &'static str,
    /// For the channel's callback data.
    pub token: String,
}

/// A button that was pressed, by heald's own seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Press {
    pub verb: Verb,
    pub incident: IncidentId,
    /// Of the question that it answers; 0 where it answers none.
    pub attempt: u32,
    /// Begin of the plan's digest; zero where it answers no question.
    pub plan: [u8; 8],
    /// Whether it is over is asked where the loop's time is known.
    pub expires: Time,
    /// The same for repetitions of the same press, and for no other button.
    pub tag: String,
}

/// Not made by heald, or changed on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the button is not one of heald's, or was changed on its way")]
pub struct Forged;

/// Makes and checks buttons.
#[derive(Clone)]
pub struct Seal(Hmac<Sha256>);

/// Those that answer no question.
pub const BUTTON_LIFE: Duration = Duration::from_secs(24 * 3_600);

const BODY: usize = 1 + 8 + 4 + 8 + 6;
const TAG: usize = 12;

// === impl Seal ===

impl Seal {
    /// `secret`: the channel's own token, so that nothing else must be kept; `channel`: a button of one is none of another.
    pub fn new(secret: &str, channel: &str) -> Self {
        let key = Sha256::digest(format!("heald buttons v1\0{channel}\0{secret}"));
        // HMAC takes keys of any length.
        #[expect(clippy::expect_used, reason = "see above")]
        Self(Hmac::new_from_slice(&key).expect("HMAC takes keys of any length"))
    }

    /// What fits the incident's standing, in the order of a keyboard.
    pub fn buttons(&self, notice: &Notice) -> Vec<Button> {
        offered(notice).into_iter().map(|verb| Button { verb, label: verb.label(), token: self.token(verb, notice) }).collect()
    }

    pub fn token(&self, verb: Verb, notice: &Notice) -> String {
        let question = notice.question.as_ref().filter(|_| matches!(verb, Verb::Approve | Verb::Deny));
        let mut body = Vec::with_capacity(BODY + TAG);
        body.push(verb as u8);
        body.extend(notice.incident.0.to_be_bytes());
        body.extend(question.map_or(0, |question| question.attempt).to_be_bytes());
        body.extend(question.map_or([0; 8], Question::digest));
        let expires = question.map_or(notice.at + BUTTON_LIFE, |question| question.expires);
        body.extend(&expires.0.to_be_bytes()[2..]);
        let tag = self.tag(&body);
        body.extend(&tag);
        URL_SAFE_NO_PAD.encode(body)
    }

    /// # Errors
    /// It is not one that this seal made.
    pub fn open(&self, token: &str) -> Result<Press, Forged> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Forged)?;
        let (body, tag) = bytes.split_at_checked(BODY).filter(|(_, tag)| tag.len() == TAG).ok_or(Forged)?;
        let mut mac = self.0.clone();
        mac.update(body);
        mac.verify_truncated_left(tag).map_err(|_| Forged)?;
        let verb = Verb::ALL.into_iter().find(|verb| *verb as u8 == body[0]).ok_or(Forged)?;
        let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Ok(Press {
            verb,
            incident: IncidentId(number(&body[1..9])),
            attempt: u32::try_from(number(&body[9..13])).map_err(|_| Forged)?,
            plan: body[13..21].try_into().map_err(|_| Forged)?,
            expires: Time(i64::try_from(number(&body[21..])).map_err(|_| Forged)?),
            tag: URL_SAFE_NO_PAD.encode(tag),
        })
    }

    fn tag(&self, body: &[u8]) -> [u8; TAG] {
        let mut mac = self.0.clone();
        mac.update(body);
        let full = mac.finalize().into_bytes();
        std::array::from_fn(|at| full[at])
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

fn offered(notice: &Notice) -> Vec<Verb> {
    if notice.kind.is_of_house() {
        return Vec::new();
    }
    let mut verbs = Vec::new();
    if notice.question.is_some() {
        verbs.extend([Verb::Approve, Verb::Deny]);
    }
    match notice.standing {
        Standing::Healed | Standing::Over => verbs.extend([Verb::Details, Verb::Review]),
        _ => {
            if notice.acknowledged.is_none() {
                verbs.push(Verb::Ack);
            }
            verbs.extend([Verb::Silence, Verb::PausePlaybook, Verb::Details]);
        }
    }
    verbs
}

// === impl Verb ===

impl Verb {
    pub const ALL: [Self; 7] =
        [Self::Ack, Self::Approve, Self::Deny, Self::Silence, Self::PausePlaybook, Self::Details, Self::Review];

    /// As on the button.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ack => "Acknowledge",
            Self::Approve => "Approve",
            Self::Deny => "Deny",
            Self::Silence => "Silence 1 h",
            Self::PausePlaybook => "Pause playbook",
            Self::Details => "Details",
            Self::Review => "Review",
        }
    }

    /// It changes what heald does, so a slip of the finger should be asked about where the channel can.
    pub fn is_weighty(self) -> bool {
        matches!(self, Self::Approve | Self::Deny | Self::PausePlaybook)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::domain::notice::NoticeKind;

    #[test]
    fn a_button_says_what_it_was_made_for_and_nothing_else_passes() {
        let seal = Seal::new("canary", "ops");
        let notice = sample::notice(NoticeKind::ApprovalNeeded);
        let question = notice.question.clone().unwrap();
        for button in seal.buttons(&notice) {
            assert!(button.token.len() <= 64, "{} bytes", button.token.len());
            assert!(!button.token.contains("canary"));
            let press = seal.open(&button.token).unwrap();
            assert_eq!((press.verb, press.incident), (button.verb, notice.incident));
            if button.verb == Verb::Approve {
                assert_eq!((press.attempt, press.plan, press.expires), (question.attempt, question.digest(), question.expires));
            }
            for at in 0..button.token.len() {
                let mut other = button.token.clone().into_bytes();
                other[at] = if other[at] == b'A' { b'B' } else { b'A' };
                let opened = seal.open(&String::from_utf8(other).unwrap());
                // The last characters hold bits that mean nothing; those are not even decoded.
                assert_eq!(opened, Err(Forged), "changed at {at}");
            }
            for other in [Seal::new("canary", "owner"), Seal::new("another", "ops")] {
                assert_eq!(other.open(&button.token), Err(Forged));
            }
        }
        for nonsense in ["", "A", "approve 17", &"A".repeat(64), &"A".repeat(65), "ä"] {
            assert_eq!(seal.open(nonsense), Err(Forged), "{nonsense}");
        }
    }

    #[test]
    fn what_is_offered_fits_the_moment() {
        let seal = Seal::new("canary", "ops");
        let verbs = |kind| seal.buttons(&sample::notice(kind)).into_iter().map(|button| button.verb).collect::<Vec<_>>();
        use Verb::*;
        assert_eq!(verbs(NoticeKind::ApprovalNeeded), [Approve, Deny, Ack, Silence, PausePlaybook, Details]);
        assert_eq!(verbs(NoticeKind::Escalated), [Ack, Silence, PausePlaybook, Details]);
        assert_eq!(verbs(NoticeKind::Over), [Details, Review]);
        assert_eq!(verbs(NoticeKind::Storm), []);
    }
}
