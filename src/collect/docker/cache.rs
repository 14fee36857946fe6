//! What inspections said, for as long as it must still be true.
//!
//! An inspection costs the engine more than the whole list costs per container. Its answer changes with a
//! start or an end, and a start is never missed: whatever started since the last look is younger than the
//! time since then, the list's text says so ([`settled`]), and the young are always asked. So an answer is
//! used again when the text is settled, says the same as when it was given, and the last look was not long
//! ago. The engine's stream of events would tell it at once, but it is one more connection to hold, to
//! resume and to distrust, for an answer that is wanted four times a minute.
//!
//! Little else changes: the memory limit (`docker update`), an out-of-memory kill of a child process, a few
//! failed health checks of one that still counts as healthy. For these each answer is asked for anew every
//! few minutes, a small part of them at each look.

use super::text::settled;
use crate::link::docker::{Detail, Listed};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// A look this long ago says nothing about starts in between. Below the two minutes of [`settled`], for the
/// engine's clock and the time that a look takes.
const LOOK_MAX: Duration = Duration::from_secs(110);
/// How old an answer may become.
const AGE_MAX: Duration = Duration::from_secs(300);
/// Of old answers, at each look: 500 containers, looked at every 15 s, come round in five minutes.
const RENEWED_MAX: usize = 25;
/// Containers whose details are kept. Of more, the last by name have none.
pub(super) const DETAILS_MAX: usize = 5_000;

#[derive(Debug, Default)]
pub(super) struct Cache {
    last_look: Option<Instant>,
    /// By id; only of containers that were in the last list.
    known: HashMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    /// The list's text when it was asked, without the age. None: it is to be asked again at once.
    text: Option<String>,
    asked: Instant,
    detail: Detail,
}

// === impl Cache ===

impl Cache {
    /// The ids to inspect. Forgets what is not in the list, and remembers the look.
    pub fn plan(&mut self, containers: &[Listed], now: Instant) -> Vec<String> {
        let listed: HashMap<&str, &Listed> = containers.iter().map(|one| (one.id.as_str(), one)).collect();
        let is_near = self.last_look.is_some_and(|last| now.duration_since(last) < LOOK_MAX);
        self.last_look = Some(now);
        self.known.retain(|id, _| listed.contains_key(id.as_str()));
        for (id, known) in &mut self.known {
            let text = listed.get(id.as_str()).and_then(|one| settled(&one.text));
            if !is_near || text.is_none() || text != known.text {
                known.text = None;
            }
        }
        let mut old: Vec<(&String, Instant)> = self
            .known
            .iter()
            .filter(|(_, known)| known.text.is_some() && now.duration_since(known.asked) >= AGE_MAX)
            .map(|(id, known)| (id, known.asked))
            .collect();
        old.sort_unstable_by_key(|(_, asked)| *asked);
        let renewed = old.into_iter().take(RENEWED_MAX).map(|(id, _)| id.clone()).collect::<Vec<_>>();
        let is_wanted = |one: &&Listed| self.known.get(&one.id).is_none_or(|known| known.text.is_none());
        // Those that need it first: there may not be time for all.
        containers.iter().take(DETAILS_MAX).filter(is_wanted).map(|one| one.id.clone()).chain(renewed).collect()
    }

    /// `at`: before it was asked.
    pub fn learn(&mut self, listed: &Listed, detail: Detail, at: Instant) {
        self.known.insert(listed.id.clone(), Known { text: settled(&listed.text), asked: at, detail });
    }

    /// What the last answer said, while it must still be true.
    pub fn settled(&self, listed: &Listed) -> Option<&Detail> {
        self.known.get(&listed.id).filter(|known| known.text.is_some()).map(|known| &known.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::docker::Status;

    fn listed(id: &str, text: &str) -> Listed {
        let (id, text) = (id.to_owned(), text.to_owned());
        let (service, image) = (String::new(), "shop:1".to_owned());
        Listed { name: id.clone(), id, service, status: Status::Running, text, image, networks: Vec::new() }
    }

    /// A look at `second`: the ids that are asked, which all answer.
    fn look(cache: &mut Cache, start: Instant, second: u64, containers: &[Listed]) -> Vec<String> {
        let now = start + Duration::from_secs(second);
        let asked = cache.plan(containers, now);
        for one in containers.iter().filter(|one| asked.contains(&one.id)) {
            cache.learn(one, Detail { restarts: second, ..Detail::default() }, now);
        }
        asked
    }

    #[test]
    fn the_settled_are_asked_once_and_the_young_each_time() {
        let (mut cache, start) = (Cache::default(), Instant::now());
        let mut at = |second, texts: [&str; 2]| {
            let containers = [listed("old", texts[0]), listed("new", texts[1])];
            look(&mut cache, start, second, &containers)
        };
        assert_eq!(at(0, ["Up 3 hours", "Up 5 seconds"]), ["old", "new"]);
        assert_eq!(at(15, ["Up 3 hours", "Up 20 seconds"]), ["new"]);
        assert_eq!(at(75, ["Up 4 hours", "Up About a minute"]), ["new"]);
        assert_eq!(at(135, ["Up 4 hours", "Up 2 minutes"]), ["new"]);
        assert_eq!(at(150, ["Up 4 hours", "Up 2 minutes"]), Vec::<String>::new());
        // Started anew, and back in its old text before anybody looked again.
        assert_eq!(at(165, ["Up 1 second", "Up 2 minutes"]), ["old"]);
        assert_eq!(at(180, ["Up 4 hours (unhealthy)", "Up 3 minutes"]), ["old"]);
        assert_eq!(at(195, ["Up 4 hours", "Exited (137) 2 minutes ago"]), ["old", "new"]);
    }

    #[test]
    fn a_long_silence_could_hide_a_start() {
        let (mut cache, start) = (Cache::default(), Instant::now());
        let containers = [listed("a", "Up 5 minutes")];
        assert_eq!(look(&mut cache, start, 0, &containers), ["a"]);
        assert_eq!(look(&mut cache, start, 109, &containers), Vec::<String>::new());
        assert_eq!(look(&mut cache, start, 219, &containers), ["a"]);
    }

    #[test]
    fn old_answers_are_renewed_a_few_at_a_time() {
        let (mut cache, start) = (Cache::default(), Instant::now());
        let containers: Vec<Listed> = (0..60).map(|number| listed(&format!("c{number}"), "Up 2 days")).collect();
        let asked: Vec<usize> = (0..25).map(|nth| look(&mut cache, start, nth * 15, &containers).len()).collect();
        assert_eq!(asked[..20], [&[60][..], &[0; 19]].concat());
        assert_eq!(asked[20..], [25, 25, 10, 0, 0]);
    }

    #[test]
    fn what_was_not_answered_is_not_shown() {
        let (mut cache, start) = (Cache::default(), Instant::now());
        let old = listed("a", "Up 3 hours");
        look(&mut cache, start, 0, std::slice::from_ref(&old));
        assert!(cache.settled(&old).is_some());
        let anew = listed("a", "Up 3 seconds");
        assert_eq!(cache.plan(std::slice::from_ref(&anew), start + Duration::from_secs(15)), ["a"]);
        assert_eq!(cache.settled(&anew), None, "the engine has not said how often it was restarted");
        cache.plan(&[], start + Duration::from_secs(30));
        assert!(cache.known.is_empty(), "what is gone is forgotten");
    }
}
