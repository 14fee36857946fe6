//! When it was: restarts and availability in steps of equal length, for pictures of a simulated life.

use super::history::History;
use crate::domain::time::Time;
use serde::Serialize;
use std::time::Duration;

/// The life of one column. Step `n` begins `n × step` seconds after the beginning.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Timeline {
    /// In seconds: a minute, or an hour where the life is longer than a day.
    pub step: u32,
    /// Starts and restarts by the healer in each step.
    pub restarts: Vec<u32>,
    /// 0 to 1: the services' mean share of each step in which they answered, or a person wanted them down.
    pub available: Vec<f64>,
}

const MINUTE: u32 = 60;
const HOUR: u32 = 3_600;
const DAY: Duration = Duration::from_secs(86_400);

impl Timeline {
    pub(super) fn new(history: &History, services: usize, start: Time, end: Time) -> Self {
        let step = if end.since(start) <= DAY { MINUTE } else { HOUR };
        let length = Duration::from_secs(u64::from(step));
        let steps = usize::try_from(end.since(start).as_secs().div_ceil(u64::from(step))).unwrap_or_default();
        let number = |at: Time| usize::try_from(at.since(start).as_secs() / u64::from(step)).unwrap_or(usize::MAX);
        let mut restarts = vec![0; steps];
        for call in history.restarts_by_healers() {
            // A step holds its end: what a timer does on the last stroke of the hour belongs to the hour.
            let before = Time(call.at.0.saturating_sub(1));
            if let Some(count) = restarts.get_mut(number(before)) {
                *count += 1;
            }
        }
        let mut down = vec![0.0; steps];
        for outage in &history.outages {
            let until = outage.to.unwrap_or(end).min(end);
            let mut from = outage.from;
            // Each turn ends one step, or the outage.
            while from < until {
                let at = number(from);
                let Some(sum) = down.get_mut(at) else { break };
                let next = start + length * u32::try_from(at + 1).unwrap_or(u32::MAX);
                let to = next.min(until);
                *sum += to.since(from).as_secs_f64();
                from = to;
            }
        }
        let available = down.into_iter().map(|down| share_up(down, services, length)).collect();
        Self { step, restarts, available }
    }
}

/// The mean share of `length` in which services that were down for `down` seconds together were not; 1 without services.
pub(super) fn share_up(down: f64, services: usize, length: Duration) -> f64 {
    let services = f64::from(u32::try_from(services).unwrap_or(u32::MAX));
    let all = services * length.as_secs_f64();
    if all > 0.0 { (1.0 - down / all).clamp(0.0, 1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::super::history::{Before, Call, Outage, Verb, Who};
    use super::*;

    const START: Time = Time(1_000_000);

    fn at(seconds: u64) -> Time {
        START + Duration::from_secs(seconds)
    }

    fn restart(seconds: u64, by: Who) -> Call {
        let (service, verb, before) = (0, Verb::Restart, Before::Failed);
        Call { at: at(seconds), by, service, verb, before, starts: 1, landed: true, needless: None }
    }

    #[test]
    fn an_outage_is_spread_over_its_minutes_and_a_persons_restart_is_not_the_healers() {
        let history = History {
            calls: vec![restart(60, Who::Watchdog), restart(61, Who::Heald), restart(62, Who::Person), restart(240, Who::Heald)],
            outages: vec![
                Outage { service: 0, from: at(45), to: Some(at(150)), healed_by: None },
                Outage { service: 1, from: at(210), to: None, healed_by: None },
            ],
        };
        let line = Timeline::new(&history, 2, START, at(240));
        assert_eq!((line.step, &line.restarts[..]), (60, &[1, 1, 0, 1][..]));
        assert_eq!(line.available, [0.875, 0.5, 0.75, 0.75]);
    }

    #[test]
    fn a_life_of_days_is_told_by_the_hour() {
        let line = Timeline::new(&History::default(), 1, START, at(3 * 86_400));
        assert_eq!((line.step, line.restarts.len(), line.available.len()), (3_600, 72, 72));
        assert!(line.available.iter().all(|share| share.to_bits() == 1.0_f64.to_bits()));
    }
}
