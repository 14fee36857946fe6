//! What `guards:` says, and what of it can't be meant.

use super::reading;
use crate::domain::playbook::{Budget, FailureClass, Severity};
use crate::domain::policy::{AfterEscalated, Cap, Policy, Unreadable};
use crate::domain::target::{Target, TargetKind};
use std::time::Duration;

const HEAD: &str = "playbooks: [p]\n\
    targets: { units: [web.service, db.service], containers: [cache, both.service] }\n\
    time_intervals: [{ name: nightly, time_intervals: [{ times: [{ start_time: '22:00', end_time: '06:00' }], location: UTC }] }]\n";

fn policy(guards: &str) -> Result<Policy, Vec<String>> {
    reading(&format!("{HEAD}guards: {guards}\n")).map(|settings| settings.guards)
}

/// One mistake in line 4, at the first place of `mark`.
#[track_caller]
fn refused(guards: &str, mark: &str, expected: &str) {
    let column = "guards: ".len() + guards.find(mark).unwrap_or_else(|| panic!("{mark} is not in {guards}")) + 1;
    let found = policy(guards).map(|_| ()).unwrap_err();
    assert_eq!(found, [format!("heald.yaml:4:{column}: {expected}")], "for {guards:?}");
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn unit(name: &str) -> Target {
    Target::new(TargetKind::Unit, name).unwrap()
}

#[test]
fn what_is_not_written_keeps_its_default() {
    let settings = reading("playbooks: [p]\n").unwrap();
    assert_eq!(settings.guards, Policy::default());
    let policy = policy("{ breaker: { open: 1m }, severity: { rate_limit: { attempts: 1 } }, rate: { burst: 3 } }").unwrap();
    assert_eq!((policy.breaker.failures, policy.breaker.open), (5, secs(60)));
    assert_eq!((policy.rate.count, policy.rate.window, policy.rate.burst), (30, secs(60), 3));
    let upstream = policy.severity.by_class[&FailureClass::RateLimit];
    assert_eq!(upstream, Cap { attempts: Some(1), within: None, patience: Some(secs(300)) });
    assert_eq!(policy.severity.by_class[&FailureClass::Corruption].attempts, Some(0));
}

#[test]
fn each_guard_is_set_by_its_name() {
    let policy = policy(
        "\n  freshness: { unreadable: act }\n\
        \x20 window: { maintenance: nightly }\n\
        \x20 settling: { grace: { web.service: 2m, cache: 0s } }\n\
        \x20 order: { after: { web.service: [db.service, cache], db.service: cache }, escalated: release }\n\
        \x20 severity:\n\
        \x20   several: { attempts: 1 }\n\
        \x20   P0: { attempts: 1, within: 1m, patience: 0s }\n\
        \x20   playbooks: { web-is-down: { attempts: 5 } }\n\
        \x20 breaker: { failures: 2, open: 30s }\n\
        \x20 budget: { target: 5 per 10m, host: [20 per 1h, 50 per 1d], all: [0 per 1d] }\n\
        \x20 blast_radius:\n\
        \x20   groups:\n\
        \x20   - { name: web, match: ['service=\"web\"'], by: cluster, size: 20, max: 25%, min_healthy: 55% }\n\
        \x20   - { name: odd, match: 'service=\"odd\"', size: 7, max: 10%, min_healthy: 50%, cool_down: 0s }\n\
        \x20   - { name: few, match: 'service=\"few\"', size: 3, min_healthy: 2 }\n\
        \x20   storm: { targets: 5, attempts: 0 }\n\
        \x20 flapping: { times: 3, within: 30m }\n\
        \x20 approve: { expires: 10m, by: [ann, bob] }\n\
        \x20 trust: { observed: 10, approved: 2 }\n\
        \x20 rate: { limit: 6 per 1h, burst: 2 }\n\
        \x20 self_protection: { also: [{ unit: prometheus.service }, { container: grafana }] }\n\
        \x20 quarantine: { crashes: 2 }\n",
    )
    .unwrap();
    let cache = Target::new(TargetKind::Container, "cache").unwrap();
    assert_eq!((policy.freshness, policy.maintenance.as_slice()), (Unreadable::Act, &["nightly".to_owned()][..]));
    assert_eq!(policy.grace, [(unit("web.service"), secs(120)), (cache.clone(), Duration::ZERO)].into());
    assert_eq!(policy.order.after[&unit("web.service")], [unit("db.service"), cache.clone()]);
    assert_eq!((&policy.order.after[&unit("db.service")], policy.order.escalated), (&vec![cache], AfterEscalated::Release));
    assert_eq!(policy.severity.several, Cap { attempts: Some(1), within: Some(secs(180)), patience: None });
    let strict = Cap { attempts: Some(1), within: Some(secs(60)), patience: Some(Duration::ZERO) };
    assert_eq!(policy.severity.by_severity, [(Severity::P0, strict)].into());
    assert_eq!(policy.severity.by_playbook[&"web-is-down".into()].attempts, Some(5));
    assert_eq!((policy.breaker.failures, policy.breaker.open), (2, secs(30)));
    assert_eq!(policy.budgets.target, [Budget { count: 5, window: secs(600) }]);
    assert_eq!((policy.budgets.playbook.len(), policy.budgets.host.len(), policy.budgets.all[0].count), (0, 2, 0));
    let shares: Vec<_> = policy.blast.groups.iter().map(|group| (group.max, group.min_healthy, group.cool_down)).collect();
    // 25 % and 55 % of 20; 10 % and 50 % of 7 are a part of one and three and a half.
    assert_eq!(shares, [(5, 11, secs(30)), (1, 4, Duration::ZERO), (3, 2, secs(30))]);
    assert_eq!(policy.blast.groups[0].by.as_deref(), Some("cluster"));
    assert_eq!((policy.blast.storm.targets, policy.blast.storm.attempts, policy.blast.storm.within), (5, 0, secs(180)));
    assert_eq!((policy.flapping.times, policy.flapping.within), (3, secs(1_800)));
    assert_eq!((policy.approval.expires, policy.approval.by), (secs(600), ["ann".to_owned(), "bob".to_owned()].into()));
    assert_eq!((policy.trust.observed, policy.trust.approved), (10, 2));
    assert_eq!((policy.rate.count, policy.rate.window, policy.rate.burst), (6, secs(3_600), 2));
    let grafana = Target::new(TargetKind::Container, "grafana").unwrap();
    assert_eq!(policy.protected, [unit("prometheus.service"), grafana].into());
    assert_eq!(policy.quarantine_after, 2);
}

#[test]
fn names_must_be_known() {
    for (guards, mark, expected) in [
        ("{ braker: {} }", "braker", "unknown key `braker`; did you mean `breaker`?"),
        ("{ breaker: { failure: 1 } }", "failure", "unknown key `failure`; did you mean `failures`?"),
        (
            "{ window: { maintenance: [nihgtly] } }",
            "nihgtly",
            "\"nihgtly\" is no name in `time_intervals:`; did you mean `nightly`?",
        ),
        (
            "{ settling: { grace: { wbe.service: 2m } } }",
            "wbe",
            "\"wbe.service\" is no unit or container in `targets:`; did you mean `web.service`?",
        ),
        (
            "{ order: { after: { web.service: [x] } } }",
            "x]",
            "\"x\" is no unit or container in `targets:`; known are db.service, web.service, both.service, cache",
        ),
        ("{ freshness: { unreadable: ignore } }", "ignore", "\"ignore\" is none of hold, act"),
        ("{ order: { escalated: wait } }", "wait", "\"wait\" is none of hold, release"),
        ("{ severity: { P4: { attempts: 1 } } }", "P4", "unknown key `P4`; did you mean `P0`?"),
        ("{ self_protection: { also: [{ unti: a.service }] } }", "unti", "\"unti\" is none of unit, container"),
        (
            "{ self_protection: { also: [{ unit: a }] } }",
            "a }]",
            "\"a\" is no unit: it must end in .service, .timer, .socket, .path or .mount",
        ),
        ("{ self_protection: { also: [grafana] } }", "grafana", "a text where a map of keys is expected"),
        ("{ approve: { by: [ann, ann] } }", "ann]", "\"ann\" is named twice"),
    ] {
        refused(guards, mark, expected);
    }
    let both = "playbooks: [p]\ntargets: { units: [a.service], containers: [a.service] }\nguards: { settling: { grace: { a.service: 1m } } }\n";
    assert_eq!(reading(both).unwrap_err(), ["heald.yaml:3:32: \"a.service\" is both a unit and a container in `targets:`"]);
}

#[test]
fn an_order_has_no_circles() {
    let circle = "`after:` goes in a circle, so none of them would ever be repaired: ";
    refused(
        "{ order: { after: { db.service: cache, cache: web.service, web.service: [db.service] } } }",
        "db.service: cache",
        &format!("{circle}db.service → cache → web.service → db.service"),
    );
    refused(
        "{ order: { after: { web.service: web.service } } }",
        "web.service: web",
        &format!("{circle}web.service → web.service"),
    );
}

#[test]
fn numbers_and_durations_have_bounds() {
    for (guards, mark, expected) in [
        ("{ breaker: { failures: 0 } }", "0 }", "0 is out of range: a whole number from 1 to 100"),
        ("{ breaker: { open: 2d } }", "2d", "2d is out of range: from 1s to 1d"),
        ("{ settling: { grace: { cache: 2d } } }", "2d", "2d is out of range: from 0s to 1d"),
        ("{ severity: { device: { attempts: 101 } } }", "101", "101 is out of range: a whole number from 0 to 100"),
        ("{ severity: { several: { within: 0s } } }", "0s", "0s is out of range: from 1s to 366d"),
        ("{ severity: { playbooks: { x: { patience: 2d } } } }", "2d", "2d is out of range: from 0s to 1d"),
        ("{ severity: { playbooks: { x: 5 } } }", "5 }", "a number where a map of keys is expected"),
        ("{ budget: { host: [] } }", "[]", "an empty budget would be no limit at all"),
        ("{ budget: { all: many } }", "many", "\"many\" is no budget: write `5 per 10m`"),
        ("{ flapping: { times: 0 } }", "0 }", "0 is out of range: a whole number from 1 to 10000"),
        ("{ flapping: { within: 2y } }", "2y", "\"2y\" is no duration: at most 366 days (write 30s, 5m or 1h30m)"),
        ("{ approve: { expires: 0s } }", "0s", "0s is out of range: from 1s to 7d"),
        ("{ approve: { by: [] } }", "[]", "nobody may approve"),
        ("{ trust: { observed: 0 } }", "0 }", "0 is out of range: a whole number from 1 to 10000"),
        ("{ rate: { limit: 0 per 1m } }", "0 per", "\"0 per 1m\" is out of range"),
        ("{ rate: { limit: 5 per 2d } }", "5 per", "\"5 per 2d\" is out of range"),
        ("{ rate: { limit: fast } }", "fast", "\"fast\" is no rate: write `5 per 10m`"),
        ("{ rate: { burst: 0 } }", "0 }", "0 is out of range: a whole number from 1 to 10000"),
        ("{ quarantine: { crashes: 0 } }", "0 }", "0 is out of range: a whole number from 1 to 100"),
        ("{ blast_radius: { storm: { targets: 0 } } }", "0 }", "0 is out of range: a whole number from 1 to 10000"),
    ] {
        refused(guards, mark, expected);
    }
}

#[test]
fn groups_must_limit_something_that_exists() {
    for (group, mark, expected) in [
        ("match: ['a=\"b\"'], size: 3, max: 1", "{", "key `name` is missing"),
        ("name: x, size: 3, max: 1", "{", "key `match` is missing"),
        ("name: x, match: [], size: 3, max: 1", "[]", "no matcher: it would match every alert"),
        ("name: x, match: ['{}'], size: 3, max: 1", "'{}'", "no matcher: it would match every alert"),
        ("name: x, match: ['a=~\".*\"'], size: 3, max: 1", "['a", "a=~\".*\" also matches an alert without labels"),
        ("name: x, match: ['a=\"b\"'], size: 0, max: 1", "0,", "0 is out of range: a whole number from 1 to 100000"),
        ("name: x, match: ['a=\"b\"'], max: 1", "{", "key `size` is missing"),
        ("name: x, match: ['a=\"b\"'], max: 25%", "25%", "percent of what? key `size` is missing"),
        ("name: x, match: ['a=\"b\"'], size: 3", "{", "key `max` is missing"),
        ("name: x, match: ['a=\"b\"'], size: 3, max: 0", "0", "0 is out of range: a whole number from 1 to 100000"),
        ("name: x, match: ['a=\"b\"'], size: 3, max: 4", "4", "`max` 4 is more than `size` 3"),
        ("name: x, match: ['a=\"b\"'], size: 3, max: 0%", "0%", "\"0%\" is no share: write a number as in 3, or from 1% to 100%"),
        (
            "name: x, match: ['a=\"b\"'], size: 3, max: some",
            "some",
            "\"some\" is no share: write a number as in 3, or from 1% to 100%",
        ),
        (
            "name: x, match: ['a=\"b\"'], size: 3, min_healthy: 3",
            "3, min",
            "`min_healthy` 3 of 3: with one down there are fewer, so nothing would ever be repaired",
        ),
        (
            "name: x, match: ['a=\"b\"'], size: 3, min_healthy: 90%",
            "90%",
            "`min_healthy` 3 of 3: with one down there are fewer, so nothing would ever be repaired",
        ),
        ("name: x, match: ['a=\"b\"'], by: a-b, size: 3, max: 1", "a-b", "\"a-b\" is no label name: letters, digits and _"),
    ] {
        let guards = format!("{{ blast_radius: {{ groups: [{{ {group} }}] }} }}");
        let mark = match mark {
            "{" => format!("{{ {}", &group[..5]),
            "3, min" => "3 }]".to_owned(),
            mark => mark.to_owned(),
        };
        refused(&guards, &mark, expected);
    }
    let twice = "{ name: x, match: 'a=\"b\"', size: 3, max: 1 }";
    let guards = format!("{{ blast_radius: {{ groups: [{twice}, {twice}, ] }} }}");
    let column = "guards: { blast_radius: { groups: [".len() + twice.len() + 3;
    assert_eq!(policy(&guards).unwrap_err(), [format!("heald.yaml:4:{column}: group \"x\" is named twice")]);
    refused("{ blast_radius: { groups: {} } }", "{} }", "a map where a list of groups is expected");
}

#[test]
fn all_mistakes_of_the_guards_are_reported_at_once() {
    let found = policy("\n  breaker: { failures: 0 }\n  budget: { hots: 1 per 1h }\n  window: { maintenance: x }\n  rate: 5")
        .unwrap_err();
    let places: Vec<&str> = found.iter().filter_map(|problem| problem.split(": ").next()).collect();
    assert_eq!(places, ["heald.yaml:5:24", "heald.yaml:6:13", "heald.yaml:7:26", "heald.yaml:8:9"], "{found:#?}");
}

/// What the manual shows is read as it stands there.
#[test]
fn the_documented_example_is_taken() {
    let manual = include_str!("../../../docs/configuration.md");
    let block = |begin: &str| {
        let from = manual.find(&format!("```yaml\n{begin}:")).unwrap() + "```yaml\n".len();
        &manual[from..from + manual[from..].find("```").unwrap()]
    };
    let head = "playbooks: [p]\ntargets: { units: [web.service, db.service] }\n";
    let settings = reading(&format!("{head}{}{}", block("time_intervals"), block("guards"))).unwrap();
    let (policy, default) = (settings.guards, Policy::default());
    assert_eq!(policy.breaker, default.breaker);
    assert_eq!(policy.blast.storm, default.blast.storm);
    assert_eq!((policy.flapping, policy.trust, policy.rate), (default.flapping, default.trust, default.rate));
    assert_eq!((policy.severity.several, policy.severity.by_class), (default.severity.several, default.severity.by_class));
    assert_eq!((policy.approval.expires, policy.quarantine_after), (default.approval.expires, default.quarantine_after));
    assert_eq!((policy.freshness, policy.order.escalated), (default.freshness, default.order.escalated));
}
