//! One question at a time per key, and an answer that serves all who asked meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Bounded by those who ask: a key goes once nobody waits for it and its answer is old.
#[derive(Debug)]
pub(super) struct Shared<T> {
    slots: Mutex<HashMap<String, Slot<T>>>,
}

type Slot<T> = Arc<tokio::sync::Mutex<Option<Kept<T>>>>;

#[derive(Debug)]
struct Kept<T> {
    since: Instant,
    answer: T,
}

/// Counted from when it came: those who waited for a slow answer take it instead of asking again, one after the other.
const KEPT: Duration = Duration::from_secs(1);

// === impl Shared ===

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { slots: Mutex::default() }
    }
}

impl<T: Clone> Shared<T> {
    /// An answer at most a second old, or `ask`'s. When whoever asks is dropped, the next who waits asks.
    pub(super) async fn get(&self, key: &str, ask: impl Future<Output = T>) -> T {
        let slot = self.slot(key);
        let mut kept = slot.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.is_fresh()) {
            return kept.answer.clone();
        }
        let answer = ask.await;
        *kept = Some(Kept { since: Instant::now(), answer: answer.clone() });
        answer
    }

    fn slot(&self, key: &str) -> Slot<T> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |slot: &Slot<T>| slot.try_lock().is_ok_and(|kept| kept.as_ref().is_some_and(Kept::is_fresh));
        slots.retain(|other, slot| other == key || Arc::strong_count(slot) > 1 || fresh(slot));
        Arc::clone(slots.entry(key.to_owned()).or_default())
    }
}

// === impl Kept ===

impl<T> Kept<T> {
    fn is_fresh(&self) -> bool {
        self.since.elapsed() <= KEPT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(start_paused = true)]
    async fn an_answer_serves_all_who_wait_and_those_of_the_next_second() {
        let (shared, asked) = (Shared::default(), AtomicUsize::new(0));
        let slow = || async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            asked.fetch_add(1, Ordering::SeqCst)
        };
        let all = futures_util::future::join_all((0..200).map(|_| shared.get("a", slow()))).await;
        assert_eq!(all, [0; 200]);
        tokio::time::advance(Duration::from_millis(900)).await;
        assert_eq!(shared.get("a", slow()).await, 0);
        assert_eq!(shared.get("b", slow()).await, 1, "another key is another question");
        assert_eq!(shared.get("a", slow()).await, 2, "and it is old by now");
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_leaves_the_question_to_the_next() {
        let shared = Shared::default();
        let never = tokio::time::timeout(Duration::from_secs(1), shared.get("a", std::future::pending::<u8>()));
        let next = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            shared.get("a", async { 7 }).await
        };
        let (never, next) = tokio::join!(never, next);
        assert!(never.is_err() && next == 7);
    }

    #[tokio::test(start_paused = true)]
    async fn old_answers_are_forgotten() {
        let shared = Shared::default();
        for name in 0..1_000 {
            shared.get(&name.to_string(), async {}).await;
        }
        tokio::time::advance(Duration::from_secs(2)).await;
        shared.get("last", async {}).await;
        assert_eq!(shared.slots.lock().unwrap().len(), 1);
    }
}
