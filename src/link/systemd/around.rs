//! What stands around a unit: its other names, what it is part of, what it needs and lacks, its start limit.
//!
//! Asked only before a decision, and what it needs only where it is down; the looks of after-care never come here.

use super::Line;
use super::proxy::SdError;
use crate::domain::look::{StartLimit, Surroundings};
use crate::domain::target::{Target, TargetKind};
use std::collections::BTreeSet;

/// More are not looked at: a unit with so many needs is rare, and the first that is down holds a repair as well as all.
const NEEDS_MAX: usize = 16;
/// Every service needs one of these, and without them nobody would answer.
const ALWAYS_UP: [&str; 3] = ["-.mount", "dbus.socket", "systemd-journald.socket"];

/// All but `needs_down`: four properties, in one round trip.
pub(super) async fn read(unit: &zbus::Proxy<'_>, asked: &str) -> zbus::Result<Surroundings> {
    let (names, part_of, burst, interval_us) = tokio::try_join!(
        unit.get_property::<Vec<String>>("Names"),
        unit.get_property::<Vec<String>>("PartOf"),
        unit.get_property::<u32>("StartLimitBurst"),
        unit.get_property::<u64>("StartLimitIntervalUSec"),
    )?;
    let mut also = targets(names);
    also.retain(|target| target.name() != asked);
    Ok(Surroundings { also, within: targets(part_of), needs_down: Vec::new(), start_limit: start_limit(burst, interval_us) })
}

/// What the unit requires and starts after, and that is down: two round trips, and a third where one is inactive.
pub(super) async fn needs_down(line: &Line, unit: &zbus::Proxy<'_>) -> zbus::Result<Vec<Target>> {
    let (requires, requisite, binds_to, after) = tokio::try_join!(
        unit.get_property::<Vec<String>>("Requires"),
        unit.get_property::<Vec<String>>("Requisite"),
        unit.get_property::<Vec<String>>("BindsTo"),
        unit.get_property::<Vec<String>>("After"),
    )?;
    let needs = needs([requires, requisite, binds_to].concat(), &after);
    if needs.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = needs.iter().map(Target::name).collect();
    let listed = line.manager.list_units_by_names(&names).await.map_err(|error| match error {
        SdError::ZBus(error) => error,
        other => zbus::Error::Failure(other.to_string()),
    })?;
    let mut down = Vec::new();
    for unit in listed.into_iter().filter(|unit| is_down(&unit.active)) {
        let Ok(target) = Target::new(TargetKind::Unit, &unit.name) else { continue };
        if unit.active == "inactive" && unit.name.ends_with(".service") && is_oneshot(line, &unit.path).await? {
            // That is how it looks after it has done its work.
            continue;
        }
        down.push(target);
    }
    down.sort();
    Ok(down)
}

async fn is_oneshot(line: &Line, path: &zbus::OwnedObjectPath) -> zbus::Result<bool> {
    let service = super::read::proxy(line, path, "Service").await?;
    Ok(service.get_property::<String>("Type").await? == "oneshot")
}

/// Only units that a target can name: a slice, a device or a `.target` is never what a repair waits for.
fn needs(required: Vec<String>, after: &[String]) -> Vec<Target> {
    let after: BTreeSet<&String> = after.iter().collect();
    let ordered = required.into_iter().filter(|name| after.contains(name) && !ALWAYS_UP.contains(&name.as_str()));
    let mut needs = targets(ordered.collect());
    needs.truncate(NEEDS_MAX);
    needs
}

fn is_down(active: &str) -> bool {
    !matches!(active, "active" | "reloading" | "refreshing" | "activating")
}

fn start_limit(burst: u32, interval_us: u64) -> Option<StartLimit> {
    let interval_ms = interval_us / 1_000;
    // systemd's word for infinity is the largest number.
    (burst > 0 && interval_ms > 0 && interval_us < u64::MAX).then_some(StartLimit { burst, interval_ms })
}

/// Sorted, each once; a name that no target may have is left out.
fn targets(names: Vec<String>) -> Vec<Target> {
    let valid: BTreeSet<Target> = names.iter().filter_map(|name| Target::new(TargetKind::Unit, name).ok()).collect();
    valid.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn shown(targets: &[Target]) -> Vec<&str> {
        targets.iter().map(Target::name).collect()
    }

    #[test]
    fn needs_are_what_is_required_and_comes_first() {
        // As a service with a database, a mount and a socket of its own has them.
        let required = names(&[
            "system.slice",
            "sysinit.target",
            "-.mount",
            "srv-data.mount",
            "db.service",
            "web.socket",
            "side.service",
            "dev-sda1.device",
            "db.service",
        ]);
        let after =
            names(&["sysinit.target", "system.slice", "-.mount", "srv-data.mount", "db.service", "web.socket", "net.target"]);
        assert_eq!(shown(&needs(required, &after)), ["db.service", "srv-data.mount", "web.socket"]);
        let many: Vec<String> = (0..100).map(|number| format!("n{number}.service")).collect();
        assert_eq!(needs(many.clone(), &many).len(), NEEDS_MAX);
    }

    #[test]
    fn what_is_on_its_way_up_is_not_down() {
        let down = ["active", "activating", "reloading", "refreshing", "deactivating", "inactive", "failed", "maintenance"];
        assert_eq!(down.into_iter().filter(|active| is_down(active)).count(), 4);
    }

    #[test]
    fn no_limit_is_no_limit() {
        assert_eq!(start_limit(5, 10_000_000), Some(StartLimit { burst: 5, interval_ms: 10_000 }));
        for (burst, interval_us) in [(0, 10_000_000), (5, 0), (5, u64::MAX)] {
            assert_eq!(start_limit(burst, interval_us), None, "{burst} {interval_us}");
        }
    }

    #[test]
    fn names_that_no_target_has_are_left_out() {
        assert_eq!(
            shown(&targets(names(&["b.service", "a.service", "x.target", "b.service", "--now"]))),
            ["a.service", "b.service"]
        );
    }
}
