//! One log line and the metrics for each recorded event, from one place, so that log and journal agree.

use super::Driver;
use super::world::World;
use crate::domain::house::HouseEvent;
use crate::domain::id::IncidentId;
use crate::domain::incident::{AttemptOutcome, IncidentEvent as E};
use crate::domain::plan::Section;
use crate::store::{Record, Row};
use crate::telemetry::Stage;

impl<W: World> Driver<W> {
    pub(super) fn observe(&mut self, rows: &[Row]) {
        for row in rows {
            match &row.record {
                Record::House(event) => {
                    tracing::info!(seq = row.seq.0, kind = event.label(), "{}", event.text());
                    if matches!(event, HouseEvent::BreakerOpened { .. } | HouseEvent::BreakerClosed { .. }) {
                        self.shown.changed();
                    }
                }
                Record::Incident { id, event } => {
                    tracing::info!(seq = row.seq.0, incident = id.0, kind = event.label(), "{}", event.text());
                    self.measure(*id, event, row);
                }
            }
        }
        self.telemetry.open_incidents(&self.state.by_phase());
        self.telemetry.paused(self.state.house.paused(self.clock.now()).is_some());
    }

    fn measure(&mut self, id: IncidentId, event: &E, row: &Row) {
        let incident = self.state.incidents.get(&id);
        let since_opened = incident.map(|incident| row.at.since(incident.opened));
        match event {
            E::AttemptStarted { attempt: 1, .. } => {
                if let Some(age) = since_opened {
                    self.telemetry.stage(Stage::ReceivedToDecided, age);
                }
            }
            E::StepStarted { section: Section::Rung(_), step: 0, .. } => {
                self.sent.insert(id, row.at);
            }
            E::AttemptEnded { outcome, .. } => {
                self.shown.changed();
                if let (Some(sent), AttemptOutcome::Healed) = (self.sent.remove(&id), outcome) {
                    self.telemetry.stage(Stage::SentToVerified, row.at.since(sent));
                }
            }
            E::Healed { .. } => {
                if let Some(age) = since_opened {
                    self.telemetry.stage(Stage::Recovery, age);
                }
            }
            E::Closed { outcome, .. } => self.telemetry.incident_closed(outcome.label()),
            _ => {}
        }
    }
}
