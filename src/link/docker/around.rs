//! What stands around a container: its other name, its Compose project, and what it depends on and lacks.
//!
//! Compose writes it all into labels, so that no Compose file has to be found. Asked only before a decision.

use super::{Health, Listed, Status};
use crate::domain::look::Surroundings;
use crate::domain::target::{Target, TargetKind};
use std::collections::{BTreeSet, HashMap};

pub(super) const PROJECT: &str = "com.docker.compose.project";
pub(super) const SERVICE: &str = "com.docker.compose.service";
const DEPENDS_ON: &str = "com.docker.compose.depends_on";
/// `True` for what `docker compose run` made.
pub(super) const ONEOFF: &str = "com.docker.compose.oneoff";

/// What Compose's file says of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Composed {
    pub project: Option<String>,
    pub needs: Vec<Need>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    service: String,
    condition: Condition,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Started,
    Healthy,
    Completed,
}

/// All but `needs_down`; of one inspection. `asked` is the name that the caller knows already.
pub(super) fn around(asked: &str, name: Option<&str>, id: &str, composed: &Composed) -> Surroundings {
    let name = name.map(|name| name.trim_start_matches('/'));
    let names = name.into_iter().chain([id]).filter(|other| *other != asked);
    let also: BTreeSet<Target> = names.filter_map(|name| Target::new(TargetKind::Container, name).ok()).collect();
    let within = composed.project.iter().filter_map(|project| Target::new(TargetKind::Compose, project).ok());
    Surroundings { also: also.into_iter().collect(), within: within.collect(), ..Surroundings::default() }
}

/// A service is there when one of its containers is. One without any container was removed or scaled to none by
/// somebody, and nobody can say that it is down.
pub(super) fn needs_down(needs: &[Need], project: &[Listed]) -> Vec<Target> {
    let mut down = BTreeSet::new();
    for need in needs {
        let of_it = || project.iter().filter(|container| container.service == need.service);
        if !of_it().any(|container| need.condition.holds(container)) {
            down.extend(of_it().filter_map(|container| Target::new(TargetKind::Container, &container.name).ok()));
        }
    }
    down.into_iter().collect()
}

// === impl Composed ===

impl Composed {
    pub(super) fn of(mut labels: HashMap<String, String>) -> Self {
        let needs = labels.get(DEPENDS_ON).map(|text| text.split(',').filter_map(Need::read).collect());
        Self { needs: needs.unwrap_or_default(), project: labels.remove(PROJECT).filter(|name| !name.is_empty()) }
    }
}

// === impl Need ===

impl Need {
    /// `db:service_healthy:false`; the last word is whether Compose restarts it along.
    fn read(text: &str) -> Option<Self> {
        let mut words = text.trim().split(':');
        let service = words.next().filter(|service| !service.is_empty())?.to_owned();
        let condition = match words.next() {
            Some("service_healthy") => Condition::Healthy,
            Some("service_completed_successfully") => Condition::Completed,
            _ => Condition::Started,
        };
        Some(Self { service, condition })
    }
}

// === impl Condition ===

impl Condition {
    fn holds(self, container: &Listed) -> bool {
        match self {
            Self::Started => container.status == Status::Running,
            Self::Healthy => container.status == Status::Running && matches!(container.health(), None | Some(Health::Healthy)),
            // While it runs it is on its way.
            Self::Completed => container.status == Status::Running || container.text.starts_with("Exited (0)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composed(depends_on: &str) -> Composed {
        let labels = [(PROJECT, "shop"), (SERVICE, "web"), (DEPENDS_ON, depends_on)];
        Composed::of(labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn listed(name: &str, service: &str, status: Status, text: &str) -> Listed {
        let (id, name) = (format!("id-{name}"), name.to_owned());
        let (service, text) = (service.to_owned(), text.to_owned());
        Listed { id, name, service, status, text, image: String::new(), networks: Vec::new() }
    }

    fn shown(targets: &[Target]) -> Vec<String> {
        targets.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn names_and_project() {
        let seen = around("shop-web-1", Some("/shop-web-1"), "5f2d", &composed(""));
        assert_eq!(shown(&seen.also), ["container 5f2d"]);
        assert_eq!(shown(&seen.within), ["compose shop"]);
        let by_id = around("5f2d", Some("/shop-web-1"), "5f2d", &Composed::default());
        assert_eq!((shown(&by_id.also), by_id.within), (vec!["container shop-web-1".to_owned()], Vec::new()));
    }

    #[test]
    fn a_need_is_down_by_its_own_condition() {
        let needs = |text: &str| composed(text).needs;
        for (depends_on, container, is_down) in [
            ("db:service_started:false", listed("db", "db", Status::Running, "Up 3 minutes (unhealthy)"), false),
            ("db:service_healthy:false", listed("db", "db", Status::Running, "Up 3 minutes (unhealthy)"), true),
            ("db:service_healthy:false", listed("db", "db", Status::Running, "Up 3 seconds (health: starting)"), true),
            ("db:service_healthy:true", listed("db", "db", Status::Running, "Up 3 minutes (healthy)"), false),
            ("db:service_healthy:true", listed("db", "db", Status::Running, "Up 3 minutes"), false),
            ("db:service_started:false", listed("db", "db", Status::Exited, "Exited (0) 4 minutes ago"), true),
            ("db:service_started:false", listed("db", "db", Status::Paused, "Up 3 minutes (Paused)"), true),
            ("db:service_completed_successfully:false", listed("db", "db", Status::Exited, "Exited (0) 4 minutes ago"), false),
            ("db:service_completed_successfully:false", listed("db", "db", Status::Exited, "Exited (1) 4 minutes ago"), true),
            ("db", listed("db", "db", Status::Restarting, "Restarting (1) 1 second ago"), true),
            (" db ", listed("db", "db", Status::Created, "Created"), true),
            ("", listed("db", "db", Status::Exited, "Exited (1) 4 minutes ago"), false),
            ("other:service_started:false", listed("db", "db", Status::Exited, "Exited (1) 4 minutes ago"), false),
        ] {
            let down = needs_down(&needs(depends_on), std::slice::from_ref(&container));
            assert_eq!(!down.is_empty(), is_down, "{depends_on}: {container:?}");
        }
    }

    #[test]
    fn one_of_several_containers_is_enough() {
        let up = listed("shop-db-2", "db", Status::Running, "Up 3 minutes");
        let down = |name| listed(name, "db", Status::Exited, "Exited (1) 4 minutes ago");
        let needs = composed("db:service_started:false,cache:service_started:false").needs;
        assert!(needs_down(&needs, &[down("shop-db-1"), up]).is_empty());
        let seen = needs_down(&needs, &[down("shop-db-2"), down("shop-db-1")]);
        assert_eq!(shown(&seen), ["container shop-db-1", "container shop-db-2"]);
    }
}
