//! How often to look. Knows nothing of what is looked at, so that its timelines are tested on a paused clock.

use crate::domain::look::{Evidence, LookHow, Observation, ProbeVerdict};
use crate::domain::time::Span;
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// After an action most targets are back within a second: look soon, then more seldom.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// All probes passed since then, and the target was not started anew.
struct Streak {
    since: Instant,
    evidence: Option<Evidence>,
}

pub(super) async fn poll<G, F>(how: LookHow, glance: G) -> Observation
where
    G: Fn() -> F,
    F: Future<Output = Observation>,
{
    match how {
        LookHow::Once => glance().await,
        LookHow::UntilPass { within, stable } => until_pass(within, stable, glance).await,
        LookHow::UntilFail { every, confirm } => until_fail(every, confirm, glance).await,
    }
}

/// A start in the middle of the stable period begins it anew: what restarts every two seconds
/// passes at nearly every look.
async fn until_pass<G, F>(within: Duration, stable: Duration, glance: G) -> Observation
where
    G: Fn() -> F,
    F: Future<Output = Observation>,
{
    let deadline = Instant::now() + within;
    let mut pause = PAUSE_MIN;
    let mut streak: Option<Streak> = None;
    loop {
        // When the look began: what it saw is at least that old.
        let at = Instant::now();
        let seen = glance().await;
        streak = match streak {
            _ if !seen.passed() => None,
            Some(streak) if streak.evidence == seen.evidence => Some(streak),
            _ => Some(Streak { since: at, evidence: seen.evidence.clone() }),
        };
        let held = streak.as_ref().map(|streak| at.duration_since(streak.since));
        if held.is_some_and(|held| held >= stable) {
            return seen;
        }
        let now = Instant::now();
        if now >= deadline {
            return match held {
                Some(held) => not_stable(seen, held, stable),
                None => seen,
            };
        }
        // Never past the deadline, and not past the end of the stable period.
        let next = (now + pause).min(deadline);
        let next = streak.as_ref().map_or(next, |streak| next.min((streak.since + stable).max(now)));
        sleep_until(next).await;
        pause = if streak.is_some() { PAUSE_MIN } else { (pause * 3 / 2).min(PAUSE_MAX) };
    }
}

/// It passes, but not for long enough, and the time is up: that is not proof.
fn not_stable(mut seen: Observation, held: Duration, stable: Duration) -> Observation {
    let held = Span(Duration::from_millis(u64::try_from(held.as_millis()).unwrap_or(u64::MAX)));
    for result in &mut seen.probes {
        result.verdict = ProbeVerdict::Fail;
        result.detail += &format!(", but only for {held} of the {} that it must last", Span(stable));
    }
    seen
}

/// One bad look may be an accident of the look. What can't be asked counts as neither good nor bad.
async fn until_fail<G, F>(every: Duration, confirm: Duration, glance: G) -> Observation
where
    G: Fn() -> F,
    F: Future<Output = Observation>,
{
    let mut suspected = false;
    loop {
        let seen = glance().await;
        let failed = seen.probes.iter().any(|result| result.verdict == ProbeVerdict::Fail);
        if failed && suspected {
            return seen;
        }
        suspected = failed;
        sleep(if failed { confirm } else { every }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::look::{ProbeResult, TargetState};

    /// What is seen from a second on: `+` passes, `-` fails, `?` can't be asked; then the number of starts.
    type Script = &'static [(f64, char, u32)];

    fn at(script: Script, began: Instant) -> Observation {
        let now = began.elapsed().as_secs_f64();
        let (_, sign, starts) = *script.iter().rev().find(|(from, ..)| *from <= now).unwrap();
        let verdict = match sign {
            '+' => ProbeVerdict::Pass,
            '-' => ProbeVerdict::Fail,
            _ => ProbeVerdict::Unknown,
        };
        Observation::new(
            vec![ProbeResult { probe: "p".to_owned(), verdict, detail: "d".to_owned() }],
            TargetState::Stateless,
            Some(Evidence(starts.to_string().into())),
        )
    }

    /// The last look's sign and when it was.
    async fn run(how: LookHow, script: Script) -> (ProbeVerdict, f64) {
        let began = Instant::now();
        let seen = poll(how, || async { at(script, began) }).await;
        (seen.probes[0].verdict, began.elapsed().as_secs_f64())
    }

    const VERIFY: LookHow = LookHow::UntilPass { within: Duration::from_secs(10), stable: Duration::from_secs(3) };
    const WATCH: LookHow = LookHow::UntilFail { every: Duration::from_secs(2), confirm: Duration::from_millis(500) };

    #[tokio::test(start_paused = true)]
    async fn verification_wants_the_whole_stable_period() {
        use ProbeVerdict::{Fail, Pass, Unknown};
        for (script, verdict, from, to) in [
            (&[(0.0, '+', 1)][..], Pass, 3.0, 3.1),
            (&[(0.0, '-', 1), (2.0, '+', 2)][..], Pass, 5.0, 5.6),
            // A break begins the period anew.
            (&[(0.0, '+', 1), (2.0, '-', 1), (2.5, '+', 1)][..], Pass, 5.5, 6.2),
            // So does something that could not be asked.
            (&[(0.0, '+', 1), (2.0, '?', 1), (2.5, '+', 1)][..], Pass, 5.5, 6.2),
            // And a start that no probe noticed.
            (&[(0.0, '+', 1), (2.0, '+', 2)][..], Pass, 5.0, 5.2),
            // A crash loop never gets there.
            (&[(0.0, '+', 1), (2.0, '+', 2), (4.0, '+', 3), (6.0, '+', 4), (8.0, '+', 5)][..], Fail, 10.0, 10.1),
            (&[(0.0, '-', 1)][..], Fail, 10.0, 10.1),
            (&[(0.0, '?', 1)][..], Unknown, 10.0, 10.1),
            // Good at the very end, and not for long enough.
            (&[(0.0, '-', 1), (8.0, '+', 1)][..], Fail, 10.0, 10.1),
        ] {
            let (seen, after) = run(VERIFY, script).await;
            assert_eq!(seen, verdict, "{script:?}");
            assert!((from..to).contains(&after), "{script:?}: {after}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn watching_ends_after_two_bad_looks_in_a_row() {
        for (script, from, to) in [
            (&[(0.0, '-', 1)][..], 0.5, 0.6),
            (&[(0.0, '+', 1), (7.0, '-', 1)][..], 8.5, 8.6),
            // One bad look is none, and neither is one with a blind one after it.
            (&[(0.0, '-', 1), (0.4, '+', 1), (20.0, '-', 1)][..], 20.9, 23.1),
            (&[(0.0, '-', 1), (0.4, '?', 1), (2.5, '-', 1), (2.9, '?', 1), (30.0, '-', 1)][..], 30.5, 32.6),
        ] {
            let (seen, after) = run(WATCH, script).await;
            assert_eq!(seen, ProbeVerdict::Fail);
            assert!((from..to).contains(&after), "{script:?}: {after}");
        }
        let blind = tokio::time::timeout(Duration::from_secs(86_400), run(WATCH, &[(0.0, '?', 1)])).await;
        assert!(blind.is_err(), "what can't be asked never counts as failed");
    }

    #[tokio::test(start_paused = true)]
    async fn one_look_is_one_look() {
        assert_eq!(run(LookHow::Once, &[(0.0, '-', 1)]).await, (ProbeVerdict::Fail, 0.0));
    }
}
