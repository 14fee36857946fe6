//! Logs: asked for before the first step or when heald gives up, kept without secrets, put where people look for them.

use super::Bench;

const TWO: &str = "book two-rungs; fire; look failed";

#[track_caller]
fn gathers(script: &str, expected: &[&str]) -> Bench {
    let bench = Bench::ran(script);
    let lines = bench.out.lines().filter_map(|line| line.split_once(char::is_whitespace)).map(|(_, text)| text.trim());
    let found: Vec<&str> = lines.filter(|line| line.contains("logs") || line.contains("lines of")).collect();
    assert_eq!(found, expected, "{}", bench.out);
    bench
}

#[test]
fn once_before_the_first_attempt_and_once_more_after_a_retry() {
    let first = "the last 50 lines of unit web.service gathered";
    let told =
        format!("{TWO}; logs disk full; act done; look failed/2; +20s; look failed/2; no-logs-asked; act done; look failed/2");
    let bench = gathers(&told, &[first]);
    assert_eq!(bench.incident.as_ref().unwrap().logs.as_deref(), Some("disk full"));
    // Its answer is late: nobody waited for it.
    gathers(&format!("{TWO}; act done; logs late; look up/3"), &[first]);
    let again = format!("{told}; no-logs-asked; retry; look failed/2; +10m; look failed/2; logs missing journalctl can't be run");
    let bench = gathers(&again, &[first, "no logs of unit web.service: journalctl can't be run"]);
    assert_eq!(bench.incident.unwrap().logs.as_deref(), Some("disk full"), "the old ones are better than none");
}

#[test]
fn who_gave_up_without_an_attempt_has_logs_too() {
    gathers("label never; fire; look failed; logs a", &["the last 50 lines of unit web.service gathered"]);
    // What keeps no logs is not asked twice.
    let bench = gathers(&format!("{TWO}; logs none; act denied; no-logs-asked"), &[]);
    assert!(!bench.gathering);
    gathers("no-target; fire; no-logs-asked", &[]);
}

#[test]
fn what_is_kept_is_clean_short_and_without_secrets() {
    let long = format!("start password=hunter2 {}\\nlast \u{1b}[31mline", "x".repeat(5_000));
    let bench = Bench::ran(&format!("{TWO}; logs {long}"));
    let kept = bench.incident.unwrap().logs.unwrap();
    assert_eq!(&*kept, "last line", "half a line is left out");
    let bench = Bench::ran(&format!("{TWO}; logs token=abc123\\nb"));
    assert_eq!(bench.incident.unwrap().logs.as_deref(), Some("token=[redacted]\nb"));
}

#[test]
fn a_persons_prompt_holds_logs_and_what_happened() {
    let script = format!("{TWO}; logs one\\ntwo\\nthree; act done; look failed/2; +20s; look failed/2; act done; look failed/2");
    let bench = Bench::ran(&format!("book helpful; {script}"));
    let prompt = bench.prompt.unwrap();
    let (logs, timeline) = prompt.split_once("\n--\n").unwrap();
    assert_eq!(logs, "Why is web.service down?\ntwo\nthree");
    assert!(timeline.starts_with("1970-01-01T00:00:00.000Z  attempt 1 permitted: restart"), "{timeline}");
    assert!(timeline.lines().last().unwrap().contains("escalated (not_healed)"), "{timeline}");
    assert!(timeline.lines().count() <= crate::domain::incident::TRAIL_MAX);
    let bench = Bench::ran("book helpful; label never; fire; look failed");
    assert!(bench.prompt.unwrap().contains("(no logs are known)"), "told before they came");
}
