//! How often a stranger is answered: heald's words are few, and a flood of strangers must not use up what Telegram lets
//! the bot say to its own people.

use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

#[derive(Debug, Default)]
pub struct Manners {
    /// To whom, and when; oldest first.
    answered: VecDeque<(u64, Instant)>,
}

const WITHIN: Duration = Duration::from_secs(600);
/// To all strangers together.
const ANSWERS_MAX: usize = 5;

// === impl Manners ===

impl Manners {
    /// Whether this stranger hears why; each once in ten minutes.
    pub fn may_answer(&mut self, user: u64) -> bool {
        while self.answered.front().is_some_and(|(_, at)| at.elapsed() >= WITHIN) {
            self.answered.pop_front();
        }
        if self.answered.len() >= ANSWERS_MAX || self.answered.iter().any(|(known, _)| *known == user) {
            return false;
        }
        self.answered.push_back((user, Instant::now()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stranger_is_answered_once_and_a_crowd_five_times() {
        let mut manners = Manners::default();
        assert!(manners.may_answer(1));
        assert!(!manners.may_answer(1));
        assert_eq!((2..20).filter(|user| manners.may_answer(*user)).count(), 4);
        tokio::time::advance(WITHIN).await;
        assert!(manners.may_answer(1));
    }
}
