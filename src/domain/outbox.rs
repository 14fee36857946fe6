//! What people are still to be told: in the journal with the decision that caused it, and tried until a channel took it.
//!
//! At least once, in order for each channel, and never for ever in vain: a channel that fails hands over to others
//! ([`Outbox::after`]) while it is tried on.

use super::notice::{Again, Delivery, NoticeKind};
use super::time::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Of one incident, or of heald itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outbox {
    /// The number of the last notice, and what kind of news the last one was.
    pub last: u32,
    pub news: Option<NoticeKind>,
    /// The oldest first.
    pub owed: Vec<Owed>,
    /// Channels that were told, with what they call the message.
    pub threads: BTreeMap<String, Option<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    pub number: u32,
    pub kind: NoticeKind,
    pub reason: String,
    pub since: Time,
    /// A channel took it.
    pub answered: bool,
    /// It was handed over to other channels.
    pub passed_on: bool,
    /// Channels that have not taken it yet.
    pub to: BTreeMap<String, Tries>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    pub failed: u32,
    /// Not before that.
    pub next: Time,
    /// It can't be mended by trying.
    pub broken: bool,
}

/// What follows a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct After {
    /// When to try this channel again; None: not again.
    pub next: Option<Time>,
    /// Other channels are to be told too.
    pub pass_on: bool,
}

/// Where what can wait is gathered: no channel of its own.
pub const DIGEST: &str = "digest";
/// Seconds before the second try, the third …; the last one is repeated.
const WAITS: [u64; 8] = [1, 2, 5, 10, 30, 60, 120, 300];
/// Failures, or the time since it is owed, after which others are told too.
const PASS_ON_AFTER: u32 = 3;
const PASS_ON_AGE: Duration = Duration::from_secs(60);
/// A channel that is broken for good is asked so seldom, and only while nobody else took the notice.
const BROKEN_WAIT: Duration = Duration::from_secs(300);
/// What a channel may ask for.
const ASKED_MAX: Duration = Duration::from_secs(3_600);
/// What somebody took elsewhere is not brought to the others for longer.
const LATE_MAX: Duration = Duration::from_secs(24 * 3_600);

// === impl Outbox ===

impl Outbox {
    /// `number` 0: of a journal from before notices were numbered. Nobody is told before `next`.
    pub fn due(&mut self, number: u32, kind: NoticeKind, reason: &str, to: &[String], at: Time, next: Time) {
        let number = if number == 0 { self.last + 1 } else { number };
        self.last = self.last.max(number);
        if kind != NoticeKind::Progress {
            self.news = Some(kind);
        }
        let to = to.iter().map(|channel| (channel.clone(), Tries { next, ..Tries::default() })).collect();
        let reason = reason.to_owned();
        self.owed.push(Owed { number, kind, reason, since: at, answered: false, passed_on: false, to });
    }

    /// `number` 0: the oldest of its kind. `next`: when the channel is tried again.
    pub fn told(&mut self, number: u32, kind: NoticeKind, delivery: Option<&Delivery>, next: Option<Time>) {
        let wanted = |owed: &&mut Owed| if number == 0 { owed.kind == kind } else { owed.number == number };
        let Some(owed) = self.owed.iter_mut().find(wanted) else { return };
        let number = owed.number;
        let nameless = owed.to.is_empty();
        match delivery {
            // Of an older journal: nobody but the log was to be told.
            None => owed.to.clear(),
            Some(Delivery { channel, error: None, thread, .. }) => {
                owed.answered = true;
                owed.to.remove(channel);
                // Who can't be told is not tried on behalf of those who were.
                owed.to.retain(|_, tries| !tries.broken);
                if channel != DIGEST {
                    self.threads.insert(channel.clone(), thread.clone());
                }
            }
            // A failure of an older journal says nothing of channels.
            Some(_) if nameless => return,
            Some(Delivery { channel, again, .. }) => match (owed.to.get_mut(channel), next) {
                (Some(tries), Some(next)) => {
                    *tries = Tries { failed: tries.failed + 1, next, broken: *again == Again::Never };
                }
                (Some(_), None) => drop(owed.to.remove(channel)),
                (None, _) => {}
            },
        }
        if owed.to.is_empty() {
            self.owed.retain(|owed| owed.number != number);
        }
    }

    pub fn pass_on(&mut self, number: u32, to: &[String], at: Time) {
        if let Some(owed) = self.owed.iter_mut().find(|owed| owed.number == number) {
            owed.passed_on = true;
            for channel in to {
                owed.to.entry(channel.clone()).or_insert(Tries { next: at, ..Tries::default() });
            }
        }
    }

    /// What waited for something that is there now goes out.
    pub fn hurry(&mut self, at: Time) {
        for tries in self.owed.iter_mut().flat_map(|owed| owed.to.values_mut()).filter(|tries| tries.failed == 0) {
            tries.next = tries.next.min(at);
        }
    }

    pub fn get(&self, number: u32) -> Option<&Owed> {
        self.owed.iter().find(|owed| owed.number == number)
    }

    pub fn owes(&self, number: u32, channel: &str) -> bool {
        self.get(number).is_some_and(|owed| owed.to.contains_key(channel))
    }

    /// Which notice goes to which channel now: the oldest of each channel, where its time has come.
    pub fn sendable(&self, now: Time) -> Vec<(&Owed, &str)> {
        let heads = self.heads();
        heads
            .filter(|(_, channel, tries)| *channel != DIGEST && tries.next <= now)
            .map(|(owed, channel, _)| (owed, channel))
            .collect()
    }

    /// Deadlines of its own: tries that failed, and the hand-over of what is owed for long.
    pub fn deadlines(&self) -> impl Iterator<Item = Time> {
        let waits = |owed: &Owed, tries: &Tries| tries.failed > 0 || tries.next > owed.since;
        let tries = self.heads().filter(move |(owed, _, tries)| waits(owed, tries)).map(|(_, _, tries)| tries.next);
        let failing = self.failing();
        let stuck = move |owed: &&Owed| owed.is_stuck(&failing);
        tries.chain(self.owed.iter().filter(stuck).map(|owed| owed.since + PASS_ON_AGE))
    }

    /// Whether others are to be told, for the time alone.
    pub fn late(&self, now: Time) -> Vec<u32> {
        let failing = self.failing();
        let late = |owed: &&Owed| owed.is_stuck(&failing) && now.since(owed.since) >= PASS_ON_AGE;
        self.owed.iter().filter(late).map(|owed| owed.number).collect()
    }

    /// `salt` spreads notices that failed together.
    pub fn after(&self, number: u32, delivery: &Delivery, now: Time, salt: u64) -> After {
        let Some(owed) = self.get(number) else { return After { next: None, pass_on: false } };
        if delivery.error.is_none() {
            return After { next: None, pass_on: false };
        }
        let failed = owed.to.get(&delivery.channel).map_or(1, |tries| tries.failed + 1);
        let age = now.since(owed.since);
        let mut failing = self.failing();
        failing.insert(delivery.channel.as_str());
        let alone = owed.is_stuck(&failing);
        match delivery.again {
            Again::Never if owed.answered => After { next: None, pass_on: false },
            Again::Never => After { next: Some(now + BROKEN_WAIT), pass_on: alone },
            _ if owed.answered && age >= LATE_MAX => After { next: None, pass_on: false },
            Again::Soon | Again::After(_) => {
                let asked = if let Again::After(asked) = delivery.again { asked.min(ASKED_MAX) } else { Duration::ZERO };
                let wait = wait(failed, salt).max(asked);
                // Who says when is not down; only the time counts then.
                let often = failed >= PASS_ON_AFTER && delivery.again == Again::Soon;
                After { next: Some(now + wait), pass_on: alone && (often || age >= PASS_ON_AGE) }
            }
        }
    }

    /// Channels whose oldest notice failed: what stands behind it is not even tried.
    fn failing(&self) -> BTreeSet<&str> {
        self.heads().filter(|(_, _, tries)| tries.failed > 0).map(|(_, channel, _)| channel).collect()
    }

    fn heads(&self) -> impl Iterator<Item = (&Owed, &str, &Tries)> {
        let mut seen: Vec<&str> = Vec::new();
        let each = self.owed.iter().flat_map(|owed| owed.to.iter().map(move |(channel, tries)| (owed, channel.as_str(), tries)));
        each.filter(move |(_, channel, _)| {
            let first = !seen.contains(channel);
            seen.push(channel);
            first
        })
    }
}

// === impl Owed ===

impl Owed {
    /// Nobody took it, and none of those that are to take it works. How it proceeds is for those who know of it already;
    /// what waits for the digest is in nobody's way.
    fn is_stuck(&self, failing: &BTreeSet<&str>) -> bool {
        let down = self.to.keys().all(|channel| channel != DIGEST && failing.contains(channel.as_str()));
        down && !self.to.is_empty() && !self.answered && !self.passed_on && self.kind != NoticeKind::Progress
    }
}

/// Before the next try, after so many failures: up to a tenth more than the schedule says.
fn wait(failed: u32, salt: u64) -> Duration {
    let at = usize::try_from(failed).unwrap_or(usize::MAX).clamp(1, WAITS.len()) - 1;
    let millis = WAITS[at] * 1_000;
    // Fibonacci hashing; the top bits are the well mixed ones.
    let share = salt.wrapping_add(u64::from(failed)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54;
    Duration::from_millis(millis + millis / 10 * share / 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: NoticeKind = NoticeKind::Escalated;

    fn outbox(to: &[&str]) -> Outbox {
        let mut outbox = Outbox::default();
        outbox.due(1, KIND, "why", &to.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), Time(0), Time(0));
        outbox
    }

    /// One try, and the seconds until the next one.
    fn fails(outbox: &mut Outbox, channel: &str, again: Again, now: Time) -> (Option<u64>, bool) {
        let delivery = Delivery::failed(channel, "no connection", again);
        let after = outbox.after(1, &delivery, now, 7);
        outbox.told(1, KIND, Some(&delivery), after.next);
        (after.next.map(|next| next.since(now).as_secs()), after.pass_on)
    }

    #[test]
    fn tries_grow_rarer_and_others_are_told_after_the_third() {
        let mut outbox = outbox(&["ops"]);
        let mut now = Time(0);
        let mut seen = Vec::new();
        for _ in 0..10 {
            let (wait, pass_on) = fails(&mut outbox, "ops", Again::Soon, now);
            seen.push((wait.unwrap(), pass_on));
            now = now + Duration::from_secs(wait.unwrap() + 1);
            assert!(outbox.owes(1, "ops"), "it is never given up while nobody took it");
        }
        let plan: Vec<u64> = seen.iter().map(|(wait, _)| *wait).collect();
        for (wait, least) in plan.iter().zip([1, 2, 5, 10, 30, 60, 120, 300, 300, 300]) {
            assert!((least..=least + least / 10).contains(wait), "{plan:?}");
        }
        assert_eq!(seen.iter().position(|(_, pass_on)| *pass_on), Some(2));
    }

    #[test]
    fn a_channel_that_says_when_is_not_asked_before() {
        let mut outbox = outbox(&["ops"]);
        assert_eq!(fails(&mut outbox, "ops", Again::After(Duration::from_secs(35)), Time(0)), (Some(35), false));
        assert_eq!(outbox.sendable(Time(34_000)).len(), 0);
        assert_eq!(outbox.sendable(Time(35_000)).len(), 1);
        // A minute is enough to look for somebody else.
        fails(&mut outbox, "ops", Again::After(Duration::from_secs(600)), Time(35_000));
        assert_eq!(outbox.late(Time(59_000)), [0; 0]);
        assert_eq!(outbox.late(Time(60_000)), [1]);
        assert!(outbox.deadlines().any(|at| at == Time(60_000)));
    }

    #[test]
    fn a_broken_channel_hands_over_at_once_and_is_left_when_somebody_else_took_it() {
        let mut outbox = outbox(&["ops"]);
        assert_eq!(fails(&mut outbox, "ops", Again::Never, Time(0)), (Some(300), true));
        outbox.pass_on(1, &["mail".to_owned()], Time(0));
        assert_eq!(outbox.sendable(Time(0)).iter().map(|(_, channel)| *channel).collect::<Vec<_>>(), ["mail"]);
        outbox.told(1, KIND, Some(&Delivery::taken("mail")), None);
        assert!(outbox.owed.is_empty() && outbox.threads.contains_key("mail"));
    }

    #[test]
    fn each_channel_hears_things_in_their_order() {
        let mut outbox = outbox(&["ops", "mail"]);
        outbox.due(2, NoticeKind::Over, "over", &["ops".to_owned()], Time(1), Time(1));
        let now = |outbox: &Outbox| {
            outbox.sendable(Time(1)).iter().map(|(owed, channel)| format!("{} {channel}", owed.number)).collect::<Vec<_>>()
        };
        assert_eq!(now(&outbox), ["1 mail", "1 ops"]);
        outbox.told(1, KIND, Some(&Delivery { thread: Some("42".to_owned()), ..Delivery::taken("ops") }), None);
        assert_eq!(now(&outbox), ["1 mail", "2 ops"]);
        assert_eq!(outbox.threads["ops"].as_deref(), Some("42"));
    }

    #[test]
    fn what_stands_behind_a_failing_notice_is_handed_over_too() {
        let mut outbox = outbox(&["ops"]);
        fails(&mut outbox, "ops", Again::Soon, Time(0));
        outbox.pass_on(1, &["mail".to_owned()], Time(0));
        outbox.told(1, KIND, Some(&Delivery::taken("mail")), None);
        outbox.due(2, NoticeKind::ApprovalNeeded, "may I?", &["ops".to_owned()], Time(1_000), Time(1_000));
        assert!(outbox.sendable(Time(1_000)).is_empty(), "the first one is still tried");
        assert!(outbox.deadlines().any(|at| at == Time(61_000)), "nobody need come by for it");
        assert_eq!((outbox.late(Time(60_999)), outbox.late(Time(61_000))), (vec![], vec![2]));
    }

    #[test]
    fn one_that_works_or_waits_for_the_digest_is_enough() {
        for (other, kind) in [("board", KIND), (DIGEST, KIND), ("ops", NoticeKind::Progress)] {
            let mut outbox = Outbox::default();
            outbox.due(1, kind, "why", &["ops".to_owned(), other.to_owned()], Time(0), Time(0));
            for second in 0..5 {
                assert!(!fails(&mut outbox, "ops", Again::Soon, Time(second * 1_000)).1, "{other}");
            }
            assert!(outbox.late(Time(600_000)).is_empty(), "{other}");
        }
    }

    #[test]
    fn an_older_journal_is_understood() {
        let mut outbox = Outbox::default();
        outbox.due(0, KIND, "first", &[], Time(0), Time(0));
        outbox.due(0, NoticeKind::Over, "second", &[], Time(0), Time(0));
        outbox.told(0, KIND, Some(&Delivery::taken("webhook")), None);
        assert_eq!(outbox.owed.iter().map(|owed| owed.number).collect::<Vec<_>>(), [2]);
        outbox.told(0, NoticeKind::Over, None, None);
        assert_eq!(outbox.owed, []);
    }
}
