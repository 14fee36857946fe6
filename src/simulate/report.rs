//! What came of a scenario, as figures: without heald, with two naive watchdogs, with heald.

use super::alerting;
use super::history::{Call, Who};
use super::life::{self, START, Setup};
use super::scenario::Scenario;
use super::scene::{Healer, Scene};
use super::timeline::{self, Timeline};
use crate::domain::playbook::Playbook;
use crate::domain::target::Target;
use crate::domain::time::Time;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub scenario: String,
    pub hours: u32,
    pub no_heald: Column,
    pub watchdogs: Column,
    pub heald: Column,
    /// Messages of heald's by kind.
    pub told: BTreeMap<&'static str, u64>,
    /// That heald wrote into its journal.
    pub records: u64,
    /// What the figures don't show: targets without a playbook, playbooks without a target.
    pub notes: Vec<String>,
}

/// Times in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Column {
    /// Starts and restarts by the healer, not by people.
    pub restarts: u64,
    pub restarts_per_hour_max: u64,
    /// In any ten minutes, whenever they begin, of the service that had the most. Promise E04: at most 5 by heald.
    pub restarts_per_10min_max: u64,
    pub restarts_per_hour_mean: f64,
    /// By why they should not have been.
    pub needless: BTreeMap<&'static str, u64>,
    /// Times that a service stopped answering, but for those that a person stopped.
    pub failures: u64,
    pub healed_by_healer: u64,
    pub healed_by_itself: u64,
    pub healed_by_people: u64,
    /// At the end.
    pub still_down: u64,
    pub time_to_heal_median: f64,
    pub time_to_heal_p95: f64,
    pub time_to_heal_max: f64,
    pub people_called: u64,
    pub messages: u64,
    /// Of all services together.
    pub downtime: f64,
    /// 0 to 1: the services' mean share of the time in which they answered, or a person wanted them down.
    pub availability: f64,
    pub timeline: Timeline,
}

/// All three columns. Blocks; `dir` is an empty folder for the journal.
///
/// # Errors
/// As [`life::heald`].
pub fn simulate(scenario: &Scenario, setup: &Setup, dir: &Path) -> Result<Report, String> {
    let end = START + Duration::from_secs(3_600 * u64::from(setup.hours));
    let books: Vec<Arc<Playbook>> = setup.books.iter().map(|(book, _)| Arc::clone(book)).collect();
    let targets: Vec<Target> = scenario.services.iter().map(|service| service.target.clone()).collect();
    let (rules, notes) = alerting::rules(&books, &targets, &setup.allow, &setup.host_label, &setup.host);
    let alone = |healer| {
        let mut scene = Scene::new(scenario, Vec::new(), healer, START, setup.seed);
        scene.run(end);
        Column::new(&scene, setup.hours, end)
    };
    let lived = life::heald(scenario, setup, rules, dir)?;
    Ok(Report {
        scenario: scenario.name.clone(),
        hours: setup.hours,
        no_heald: alone(Healer::Nobody),
        watchdogs: alone(Healer::Watchdogs),
        heald: Column::new(&lived.scene, setup.hours, end),
        told: lived.told,
        records: lived.records,
        notes,
    })
}

// === impl Column ===

impl Column {
    fn new(scene: &Scene, hours: u32, end: Time) -> Self {
        let (history, people, services) = (&scene.host.history, &scene.people, scene.host.services.len());
        let restarts: Vec<_> = history.restarts_by_healers().collect();
        let mut needless = BTreeMap::new();
        for why in restarts.iter().filter_map(|call| call.needless) {
            *needless.entry(why.label()).or_default() += 1;
        }
        let healed =
            |by: Option<Who>| count(history.outages.iter().filter(|one| one.to.is_some() && one.healed_by == by).count());
        let mut times: Vec<f64> =
            history.outages.iter().filter(|one| one.to.is_some()).map(|one| one.length(end).as_secs_f64()).collect();
        times.sort_by(f64::total_cmp);
        let starts: Vec<Time> = restarts.iter().map(|call| call.at).collect();
        let of_one = |service| starts_of(&restarts, service);
        let downtime: f64 = history.outages.iter().map(|one| one.length(end).as_secs_f64()).sum();
        Self {
            restarts: count(restarts.len()),
            restarts_per_hour_max: within_max(&starts, HOUR),
            restarts_per_10min_max: (0..services).map(|one| within_max(&of_one(one), TEN_MINUTES)).max().unwrap_or(0),
            restarts_per_hour_mean: f64::from(u32::try_from(restarts.len()).unwrap_or(u32::MAX)) / f64::from(hours.max(1)),
            needless,
            failures: count(history.outages.len()),
            healed_by_healer: healed(Some(Who::Heald)) + healed(Some(Who::Watchdog)),
            healed_by_itself: healed(None),
            healed_by_people: healed(Some(Who::Person)),
            still_down: count(history.outages.iter().filter(|one| one.to.is_none()).count()),
            time_to_heal_median: share(&times, 50),
            time_to_heal_p95: share(&times, 95),
            time_to_heal_max: share(&times, 100),
            people_called: people.calls,
            messages: people.messages,
            downtime,
            availability: timeline::share_up(downtime, services, end.since(START)),
            timeline: Timeline::new(history, services, START, end),
        }
    }

    pub fn needless_total(&self) -> u64 {
        self.needless.values().sum()
    }
}

const TEN_MINUTES: Duration = Duration::from_secs(600);
const HOUR: Duration = Duration::from_secs(3_600);

fn starts_of(restarts: &[&Call], service: usize) -> Vec<Time> {
    restarts.iter().filter(|call| call.service == service).map(|call| call.at).collect()
}

/// In any stretch of that length, whenever it begins.
fn within_max(starts: &[Time], length: Duration) -> u64 {
    let within = |(first, at): (usize, &Time)| starts[first..].iter().take_while(|other| other.since(*at) < length).count();
    count(starts.iter().enumerate().map(within).max().unwrap_or(0))
}

fn share(sorted: &[f64], percent: usize) -> f64 {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or(0.0)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
