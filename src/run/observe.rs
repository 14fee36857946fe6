//! One log line and the metrics for each recorded event, from one place, so that log and journal agree.

use super::Driver;
use super::world::World;
use crate::domain::house::HouseEvent;
use crate::store::{Record, Row};

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
                    self.measure(*id, event, row.at);
                }
            }
        }
        self.telemetry.open_incidents(&self.state.by_phase());
        self.telemetry.blind(self.state.house.blind.is_some());
        self.telemetry.paused(self.state.house.paused(self.clock.now()).is_some());
    }
}
