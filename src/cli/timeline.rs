//! The journal as people read it: a line per record, the date where it changes.

use super::print::{clean, day, time_of_day};
use crate::domain::id::IncidentId;
use crate::run::view::EventView;
use jiff::tz::TimeZone;
use std::collections::HashMap;

#[derive(Debug)]
pub struct Timeline {
    zone: TimeZone,
    day: String,
    /// What each incident is about; records name only its number.
    targets: HashMap<IncidentId, String>,
}

impl Timeline {
    pub fn new(zone: TimeZone) -> Self {
        Self { zone, day: String::new(), targets: HashMap::new() }
    }

    /// `12:03:01.123  attempt 1 started: restart the unit`, for one incident's own list.
    pub fn own(&mut self, event: &EventView) -> String {
        self.line(event, "")
    }

    /// `12:03:01.123  #17 unit web.service  attempt 1 started: restart the unit`
    pub fn mixed(&mut self, event: &EventView) -> String {
        let about = match event.incident {
            None => "heald  ".to_owned(),
            Some(id) => match self.targets.get(&id).filter(|target| !target.is_empty()) {
                Some(target) => format!("#{id} {target}  "),
                None => format!("#{id}  "),
            },
        };
        self.line(event, &about)
    }

    /// Whether an incident's target is still to be asked for.
    pub fn knows(&self, id: IncidentId) -> bool {
        self.targets.contains_key(&id)
    }

    pub fn learn(&mut self, id: IncidentId, target: String) {
        self.targets.insert(id, target);
    }

    fn line(&mut self, event: &EventView, about: &str) -> String {
        let day = day(event.at, &self.zone);
        let mut text = String::new();
        if day != self.day {
            text = format!("{day}\n");
            self.day = day;
        }
        text + &format!("{}  {about}{}\n", time_of_day(event.at, &self.zone), clean(&event.text))
    }
}
