//! What the users of repaired services ask: how often, how fast against the target, whom it spared a call, who is chronic.
//!
//! Per playbook there are sums and counts and no histogram: with sixty playbooks one would be two thousand lines of page.
//! The mean of a stage is its sum divided by `heald_recoveries_total`.

use super::Telemetry;
use super::metrics::{Word, add, plain, seconds};
use super::words::Stage;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

type Seconds = Gauge<f64, AtomicU64>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Book {
    playbook: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BookStage {
    playbook: String,
    stage: Word,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Level {
    level: u8,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct On {
    target: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Service {
    service: String,
}

#[derive(Debug)]
pub(super) struct Recoveries {
    recoveries: Family<Book, Counter>,
    over_target: Family<Book, Counter>,
    stages: Family<BookStage, Counter<f64, AtomicU64>>,
    targets: Family<Book, Seconds>,
    observed: Family<Book, Counter>,
    avoided: Counter,
    called: Family<Level, Counter>,
    on: Family<On, Counter>,
    rto: Family<Service, Seconds>,
    rpo: Family<Service, Seconds>,
    outage: Family<Service, Seconds>,
    running: Family<Service, Seconds>,
    outages: Family<Service, Counter>,
    over_rto: Family<Service, Counter>,
}

/// The parts of one recovery; together they are its length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    pub received_to_decided: Duration,
    pub decided_to_sent: Duration,
    pub sent_to_verified: Duration,
    /// The playbook's `recovery_time`.
    pub target: Option<Duration>,
}

/// The highest level of an escalation chain that has a series from the beginning.
const LEVELS: u8 = 3;

// === impl Recoveries ===

impl Recoveries {
    pub fn registered(page: &mut Registry) -> Self {
        let sum = "Sum of the time that recoveries spent in a stage";
        let called = Family::<Level, Counter>::default();
        for level in 1..=LEVELS {
            let _ = called.get_or_create(&Level { level });
        }
        Self {
            recoveries: plain(page, "recoveries", "Incidents healed by a repair"),
            over_target: plain(page, "recoveries_over_target", "Of those, slower than the playbook's recovery_time"),
            stages: seconds(page, "recovery_stage", sum, Family::default()),
            targets: seconds(page, "recovery_target", "The playbook's recovery_time", Family::default()),
            observed: plain(page, "observed", "Repairs that observe mode only reported"),
            avoided: plain(page, "pages_avoided", "Incidents healed by a repair before anybody was called"),
            called: add(page, "people_called", "Messages that ask people to act, by the level of the escalation chain", called),
            on: plain(page, "target_incidents", "Incidents by the target that the allow-list names"),
            rto: seconds(page, "objective_rto", "How long an outage of the service may last", Family::default()),
            rpo: seconds(page, "objective_rpo", "How much of the service's data may be lost", Family::default()),
            outage: seconds(page, "outage", "How long the service's last outage lasted", Family::default()),
            running: seconds(
                page,
                "outage_running",
                "How long the service has been out by now; 0 where it is not",
                Family::default(),
            ),
            outages: plain(page, "outages", "Outages of services with a recovery objective that are over"),
            over_rto: plain(page, "outages_over_rto", "Of those, longer than the objective"),
        }
    }
}

impl Telemetry {
    /// Begins the series of a playbook at 0, and says its `recovery_time`.
    pub fn recovery_target(&self, playbook: &str, target: Option<Duration>) {
        let (all, book) = (&self.recoveries(), Book { playbook: playbook.to_owned() });
        let _ = (all.recoveries.get_or_create(&book), all.over_target.get_or_create(&book), all.observed.get_or_create(&book));
        for stage in Stage::OF_RECOVERY {
            let _ = all.stages.get_or_create(&BookStage { playbook: playbook.to_owned(), stage: stage.label() });
        }
        match target {
            Some(target) => drop(all.targets.get_or_create(&book).set(target.as_secs_f64())),
            None => drop(all.targets.remove(&book)),
        }
    }

    /// An incident was healed by a repair.
    pub fn recovered(&self, playbook: &str, how: Recovered) {
        let (all, book) = (self.recoveries(), Book { playbook: playbook.to_owned() });
        all.recoveries.get_or_create(&book).inc();
        let parts = [how.received_to_decided, how.decided_to_sent, how.sent_to_verified];
        for (stage, part) in Stage::OF_RECOVERY.into_iter().zip(parts) {
            all.stages
                .get_or_create(&BookStage { playbook: playbook.to_owned(), stage: stage.label() })
                .inc_by(part.as_secs_f64());
        }
        if how.target.is_some_and(|target| parts.iter().sum::<Duration>() > target) {
            all.over_target.get_or_create(&book).inc();
        }
    }

    /// Healed, and nobody was called.
    pub fn page_avoided(&self) {
        self.recoveries().avoided.inc();
    }

    /// Somebody was asked to act, at this level of the escalation chain; from 1.
    pub fn people_called(&self, level: u8) {
        self.recoveries().called.get_or_create(&Level { level }).inc();
    }

    /// Observe mode said what it would have done.
    pub fn observed(&self, playbook: &str) {
        self.recoveries().observed.get_or_create(&Book { playbook: playbook.to_owned() }).inc();
    }

    /// Begins the series of a target of the allow-list at 0.
    pub fn target(&self, target: &str) {
        let _ = self.recoveries().on.get_or_create(&On { target: target.to_owned() });
    }

    /// An incident began. `target`: a name of the allow-list.
    pub fn incident_on(&self, target: &str) {
        self.recoveries().on.get_or_create(&On { target: target.to_owned() }).inc();
    }

    /// What was promised of a service, and the birth of its series.
    pub fn objective(&self, service: &str, rto: Option<Duration>, rpo: Option<Duration>) {
        let (all, service) = (self.recoveries(), Service { service: service.to_owned() });
        for (family, value) in [(&all.rto, rto), (&all.rpo, rpo)] {
            match value {
                Some(value) => drop(family.get_or_create(&service).set(value.as_secs_f64())),
                None => drop(family.remove(&service)),
            }
        }
        let _ = (all.outages.get_or_create(&service), all.over_rto.get_or_create(&service));
    }

    /// How long a service with an objective has been out by now; 0 where it is not.
    pub fn outage_running(&self, service: &str, lasts: Duration) {
        self.recoveries().running.get_or_create(&Service { service: service.to_owned() }).set(lasts.as_secs_f64());
    }

    /// An outage of a service with an objective is over.
    pub fn outage(&self, service: &str, lasted: Duration, rto: Option<Duration>) {
        let (all, service) = (self.recoveries(), Service { service: service.to_owned() });
        all.outage.get_or_create(&service).set(lasted.as_secs_f64());
        all.outages.get_or_create(&service).inc();
        if rto.is_some_and(|rto| lasted > rto) {
            all.over_rto.get_or_create(&service).inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_of_a_recovery_are_its_length() {
        let telemetry = Telemetry::new("0");
        let secs = Duration::from_secs;
        telemetry.recovery_target("unit", Some(secs(60)));
        let how = Recovered {
            received_to_decided: secs(10),
            decided_to_sent: secs(1),
            sent_to_verified: secs(50),
            target: Some(secs(60)),
        };
        telemetry.recovered("unit", how);
        telemetry.recovered("unit", Recovered { sent_to_verified: secs(49), ..how });
        let page = telemetry.page();
        for line in [
            "heald_recoveries_total{playbook=\"unit\"} 2",
            "heald_recoveries_over_target_total{playbook=\"unit\"} 1",
            "heald_recovery_stage_seconds_total{playbook=\"unit\",stage=\"received_to_decided\"} 20.0",
            "heald_recovery_stage_seconds_total{playbook=\"unit\",stage=\"sent_to_verified\"} 99.0",
            "heald_recovery_target_seconds{playbook=\"unit\"} 60.0",
            "heald_people_called_total{level=\"2\"} 0",
        ] {
            assert!(page.contains(line), "no {line:?} in\n{page}");
        }
    }

    #[test]
    fn an_outage_is_measured_against_what_was_promised() {
        let telemetry = Telemetry::new("0");
        let secs = Duration::from_secs;
        telemetry.objective("shop", Some(secs(900)), None);
        assert!(telemetry.page().contains("heald_outages_over_rto_total{service=\"shop\"} 0"));
        telemetry.outage("shop", secs(901), Some(secs(900)));
        telemetry.outage("shop", secs(30), Some(secs(900)));
        telemetry.outage_running("shop", secs(61));
        let page = telemetry.page();
        for line in [
            "heald_outages_total{service=\"shop\"} 2",
            "heald_outages_over_rto_total{service=\"shop\"} 1",
            "heald_outage_seconds{service=\"shop\"} 30.0",
            "heald_outage_running_seconds{service=\"shop\"} 61.0",
            "heald_objective_rto_seconds{service=\"shop\"} 900.0",
        ] {
            assert!(page.contains(line), "no {line:?} in\n{page}");
        }
        assert!(!page.contains("heald_objective_rpo_seconds{"), "nothing was promised of its data\n{page}");
    }
}
