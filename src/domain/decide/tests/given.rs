//! `given WHAT`: what the configuration, Alertmanager, the neighbours and the surroundings are like from now on.

use super::{Bench, OTHER, books};
use crate::domain::alert::Labels;
use crate::domain::calendar::{Interval, Intervals, TimeRange};
use crate::domain::escalation::{Chain, DigestPolicy, EscalationPolicy, Level, Recipient};
use crate::domain::guard::{GroupCount, Neighbour, Trouble};
use crate::domain::house::HouseEvent;
use crate::domain::look::{AlertSight, StartLimit};
use crate::domain::notice::Again;
use crate::domain::playbook::{Budget, EscalateWhen, FailureClass, Severity};
use crate::domain::policy::{AfterEscalated, BreakerPolicy, ContinuityMode, FlappingPolicy, Group, Unreadable};
use crate::domain::selector::Selector;
use crate::domain::target::{Target, TargetKind};
use crate::domain::time::Time;
use std::time::Duration;

pub(super) fn given(bench: &mut Bench, what: &str) {
    let (what, rest) = what.split_once(' ').unwrap_or((what, ""));
    let neighbour = |trouble| Some(Neighbour { trouble, incident: OTHER });
    match what {
        "alertmanager" => {
            bench.asks = true;
            bench.seen.alert = match rest {
                "firing" => AlertSight::Firing,
                "gone" => AlertSight::Gone,
                "silenced" => AlertSight::Suppressed { by: "silence 5e1f: deploy".to_owned() },
                "unreadable" => AlertSight::Unreadable { detail: "status 500".to_owned() },
                "mute" => AlertSight::NotAsked,
                other => panic!("{other:?} is nothing that Alertmanager says"),
            };
        }
        "chain" => {
            bench.policy.escalation = chain();
            bench.threads = rest.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        }
        "broken" => {
            let (channel, how) = rest.split_once(' ').unwrap_or((rest, "soon"));
            let again = match how {
                "soon" => Again::Soon,
                "never" => Again::Never,
                wait => Again::After(Duration::from_secs(wait.parse().unwrap())),
            };
            bench.broken.insert(channel.to_owned(), again);
        }
        "mended" => drop(bench.broken.remove(rest)),
        "flood" => bench.house.together = true,
        "blind" => bench.house.blind = Some(bench.now),
        "often" => {
            bench.ledger.opened = vec![bench.now; rest.parse().unwrap()];
            bench.book.escalate_when = Some(EscalateWhen { incidents: 4, within: Duration::from_secs(3_600) });
        }
        "by-hand" => bench.by_hand = true,
        "hush" => bench.policy.silence_while_repairing = Some(Duration::from_secs(600)),
        "unreadable-act" => bench.policy.freshness = Unreadable::Act,
        "maintenance" => {
            // From half past midnight for two hours, in UTC.
            let name = "nightly".to_owned();
            let night = Interval {
                times: vec![TimeRange { start: 30, end: 150 }],
                weekdays: Vec::new(),
                days_of_month: Vec::new(),
                months: Vec::new(),
                years: Vec::new(),
                zone: jiff::tz::TimeZone::UTC,
            };
            bench.policy.intervals.insert(name.clone(), Intervals(vec![night]));
            match rest {
                "muted" => bench.policy.maintenance = vec![name],
                "mute" => bench.book.windows.mute = vec![name],
                _ => bench.book.windows.active = vec![name],
            }
        }
        "between" => bench.between = Some(rest.to_owned()),
        "start-limit" => bench.seen.around.start_limit = Some(StartLimit { burst: rest.parse().unwrap(), interval_ms: 60_000 }),
        "grace" => drop(bench.policy.grace.insert(books::target("web.service"), Duration::from_secs(600))),
        "alias" => bench.seen.around.also = vec![books::target("www.service")],
        "within" => bench.seen.around.within = vec![books::target("site.service")],
        "inside-locked" => bench.ledger.inside = Some(OTHER),
        "needs-down" => bench.seen.around.needs_down = vec![books::target("db.service")],
        "after" => bench.book.after = vec!["db-down".into()],
        "neighbour" => {
            bench.ledger.neighbour = match rest {
                "at-work" => neighbour(Trouble::AtWork),
                "escalated" => neighbour(Trouble::Escalated),
                "healed" => neighbour(Trouble::Healed(bench.now)),
                _ => None,
            };
        }
        // `continuity SECS web.service`: the minimal set, and how long it comes first.
        "continuity" => {
            let (secs, members) = rest.split_once(' ').unwrap();
            let members = members.split(' ').map(books::target).collect();
            let (playbook, within) = ("continuity-minimal".into(), Duration::from_secs(secs.parse().unwrap()));
            bench.policy.order.modes = vec![ContinuityMode { name: "minimal", playbook, members, within }];
        }
        "release-escalated" => bench.policy.order.escalated = AfterEscalated::Release,
        "class" => {
            bench.book.class = FailureClass::ALL.into_iter().find(|class| class.label() == rest).unwrap();
        }
        "down" => bench.ledger.down = rest.parse().unwrap(),
        "breaker" => bench.policy.breaker = BreakerPolicy { failures: rest.parse().unwrap(), open: Duration::from_secs(120) },
        "breaker-opened" => {
            // `breaker-opened 600`: for so many seconds.
            let until = rest.parse::<u64>().ok().map(|secs| bench.now + Duration::from_secs(secs));
            let hold = crate::domain::house::Hold { until, why: "flaky disk".to_owned(), by: "ann".to_owned() };
            let (playbook, target) = (bench.book.id.clone(), books::target("web.service"));
            bench.house.apply(&HouseEvent::BreakerOpened { playbook, target, hold }, bench.now);
        }
        "breaker-closed" => {
            let (playbook, target) = (bench.book.id.clone(), books::target("web.service"));
            bench.house.apply(&HouseEvent::BreakerClosed { playbook, target, at: bench.now, by: "ann".to_owned() }, bench.now);
        }
        "patient" => {
            bench.book.limits.attempts = 100;
            bench.book.limits.within = Duration::from_secs(86_400);
            bench.book.limits.budget.clear();
            bench.book.rungs[0].times = 100;
        }
        "budget-for" => {
            let budget = vec![Budget { count: 2, window: Duration::from_secs(3_600) }];
            match rest {
                "playbook" => bench.policy.budgets.playbook = budget,
                "host" => bench.policy.budgets.host = budget,
                "all" => bench.policy.budgets.all = budget,
                _ => bench.policy.budgets.target = budget,
            }
        }
        "spent" => bench.ledger.spent = vec![bench.now; rest.parse().unwrap()],
        "group" => bench.policy.blast.groups = vec![twenty_nodes((rest == "by-label").then(|| "zone".to_owned()))],
        "group-down" => bench.ledger.group.down = rest.parse().unwrap(),
        "group-repairing" => bench.ledger.group = GroupCount { repairing: rest.parse().unwrap(), ..bench.ledger.group },
        "apart" => bench.house.apply(&HouseEvent::StoodBack { from: rest.to_owned(), why: String::new() }, bench.now),
        "calm" => {
            let until = bench.now + Duration::from_secs(30);
            bench.house.apply(&HouseEvent::CalmedDown { from: rest.to_owned(), until }, bench.now);
        }
        "flapping" => bench.policy.flapping = FlappingPolicy { times: rest.parse().unwrap(), within: Duration::from_secs(3_600) },
        "approvers" => bench.policy.approval.by = rest.split(' ').map(str::to_owned).collect(),
        "other-plan" => bench.book.rungs[0].steps[0].args = serde_json::json!({ "mode": "replace" }),
        "rate-until" => bench.pace.0.set(Some(Time(rest.parse::<i64>().unwrap() * 1_000))),
        "protected" => drop(bench.policy.protected.insert(books::target("web.service"))),
        "named-outright" => bench.book.target.name = "web.service".to_owned(),
        "earns" => bench.book.earns = true,
        other => panic!("{other:?} is no given"),
    }
}

/// P0 and P1 climb from the chat, or the board, over the mail to the owner; P2 waits for the digest.
fn chain() -> EscalationPolicy {
    let level = |after: Option<u64>, when_stuck, to: &[&str]| Level {
        after: after.map(|minutes| Duration::from_secs(60 * minutes)),
        when_stuck,
        to: to.iter().map(|name| Recipient::Channel((*name).to_owned())).collect(),
    };
    let urgent =
        vec![level(Some(0), false, &["chat"]), level(Some(5), true, &["chat", "mail"]), level(Some(10), false, &["owner"])];
    let soon = vec![level(None, false, &["board"]), level(Some(5), false, &["chat"]), level(Some(25), false, &["owner"])];
    let later = vec![Level { to: vec![Recipient::Digest], ..Level::default() }];
    let repeat = Some(Duration::from_secs(3_600));
    EscalationPolicy {
        channels: ["board", "chat", "mail", "owner"].map(str::to_owned).into(),
        chains: [
            (Severity::P0, Chain { levels: urgent, repeat }),
            (Severity::P1, Chain { levels: soon, repeat }),
            (Severity::P2, Chain { levels: later, repeat: None }),
        ]
        .into(),
        digest: DigestPolicy { every: Duration::from_secs(900), to: vec!["chat".to_owned()] },
        ..EscalationPolicy::default()
    }
}

/// The worked example: 20 nodes, of which 11 must be good.
fn twenty_nodes(by: Option<String>) -> Group {
    Group {
        name: "nodes".to_owned(),
        selector: Selector::parse(&["alertname=WebDown"]).unwrap(),
        by,
        size: 20,
        max: 5,
        min_healthy: 11,
        cool_down: Duration::from_secs(30),
    }
}

#[test]
fn the_fixtures_are_what_they_seem() {
    assert!(Target::new(TargetKind::Unit, "www.service").is_ok() && !twenty_nodes(None).selector.matches(&Labels::new()));
}
