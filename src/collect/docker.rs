//! Containers, for `alert-rules/container.yml`.
//!
//! When the engine does not answer there is no container series at all: an engine out of reach is
//! not a list of dead containers.

use crate::link::LinkError;
use crate::link::docker::{Docker, Listed, Status};
use futures_util::future::join_all;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, LabelValueEncoder};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug)]
pub struct Containers {
    docker: Arc<Docker>,
    /// Exit codes cost an inspection each. One entry per container that is down now.
    codes: Mutex<HashMap<Ended, i64>>,
}

/// One end of one container: `Exited (137)` of the engine's text tells two ends with different codes apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Ended {
    id: String,
    status: Status,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    container: String,
    /// Empty, which is the same as missing, outside Compose.
    service: String,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ContainerLabels {
    container: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State(Status);

// === impl Containers ===

impl Containers {
    pub fn new(docker: Arc<Docker>) -> Self {
        Self { docker, codes: Mutex::new(HashMap::new()) }
    }

    /// The whole page.
    ///
    /// # Errors
    /// The encoder's; it writes to memory, so that there is none in practice.
    pub async fn page(&self) -> Result<String, fmt::Error> {
        match self.docker.list().await {
            Ok(containers) => {
                let codes = self.codes(&containers).await;
                render(Some((&containers, &codes)))
            }
            Err(_) => render(None),
        }
    }

    /// By container name, of those that are down.
    async fn codes(&self, containers: &[Listed]) -> HashMap<String, i64> {
        let down: Vec<(&Listed, Ended)> = containers.iter().filter_map(|one| Some((one, Ended::of(one)?))).collect();
        let mut known = std::mem::take(&mut *self.codes.lock().unwrap_or_else(PoisonError::into_inner));
        known.retain(|ended, _| down.iter().any(|(_, now)| now == ended));
        let missing: Vec<&Ended> = down.iter().map(|(_, ended)| ended).filter(|ended| !known.contains_key(*ended)).collect();
        let asked = join_all(missing.iter().map(|ended| self.docker.exit_code(&ended.id))).await;
        let found: Vec<(Ended, i64)> =
            missing.into_iter().cloned().zip(asked).filter_map(|(ended, code)| Some((ended, readable(code)?))).collect();
        known.extend(found);
        let codes = down.iter().filter_map(|(one, ended)| Some((one.name.clone(), *known.get(ended)?))).collect();
        *self.codes.lock().unwrap_or_else(PoisonError::into_inner) = known;
        codes
    }
}

/// A container that went away between the two calls has no exit code, and that is no error.
fn readable(code: Result<i64, LinkError>) -> Option<i64> {
    code.ok()
}

fn render(seen: Option<(&[Listed], &HashMap<String, i64>)>) -> Result<String, fmt::Error> {
    let states = Family::<StateLabels, Gauge>::default();
    let codes = Family::<ContainerLabels, Gauge>::default();
    let engine = Gauge::<i64>::default();
    engine.set(i64::from(seen.is_some()));
    if let Some((containers, exit_codes)) = seen {
        for one in containers {
            for state in Status::ALL {
                let labels = StateLabels { container: one.name.clone(), service: one.service.clone(), state: State(state) };
                states.get_or_create(&labels).set(i64::from(one.status == state));
            }
        }
        for (container, code) in exit_codes {
            codes.get_or_create(&ContainerLabels { container: container.clone() }).set(*code);
        }
    }
    let mut registry = Registry::default();
    registry.register("heald_container_engine_up", "Whether the Docker engine answers", engine);
    registry.register("heald_container_state", "1 for the state that the container is in, 0 for the others", states);
    registry.register("heald_container_exit_code", "Exit code of a container that is down", codes);
    let mut page = String::new();
    encode(&mut page, &registry)?;
    Ok(page)
}

// === impl Ended ===

impl Ended {
    fn of(one: &Listed) -> Option<Self> {
        matches!(one.status, Status::Exited | Status::Dead | Status::Restarting).then(|| Self {
            id: one.id.clone(),
            status: one.status,
            // Without the age behind it, which changes all the time.
            text: one.text.split_inclusive(')').next().unwrap_or_default().to_owned(),
        })
    }
}

// === impl State ===

impl prometheus_client::encoding::EncodeLabelValue for State {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        prometheus_client::encoding::EncodeLabelValue::encode(&self.0.label(), encoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, service: &str, status: Status, text: &str) -> Listed {
        Listed { id: format!("id-{name}"), name: name.to_owned(), service: service.to_owned(), status, text: text.to_owned() }
    }

    #[test]
    fn all_seven_states_and_the_exit_code_of_what_is_down() {
        let containers =
            [listed("shop-api-1", "api", Status::Exited, "Exited (137) 4 minutes ago"), listed("db", "", Status::Running, "Up")];
        let page = render(Some((&containers, &HashMap::from([("shop-api-1".to_owned(), 137)])))).unwrap();
        for line in [
            "heald_container_engine_up 1",
            "heald_container_state{container=\"shop-api-1\",service=\"api\",state=\"exited\"} 1",
            "heald_container_state{container=\"shop-api-1\",service=\"api\",state=\"running\"} 0",
            "heald_container_state{container=\"db\",service=\"\",state=\"running\"} 1",
            "heald_container_exit_code{container=\"shop-api-1\"} 137",
            "# EOF",
        ] {
            assert!(page.lines().any(|other| other == line), "{line} is missing in\n{page}");
        }
        assert_eq!(page.lines().filter(|line| line.starts_with("heald_container_state{")).count(), 14, "{page}");
    }

    #[test]
    fn an_engine_out_of_reach_is_no_list_of_dead_containers() {
        let page = render(None).unwrap();
        assert!(page.contains("heald_container_engine_up 0\n"), "{page}");
        assert!(!page.contains('{'), "{page}");
    }

    #[test]
    fn an_exit_code_is_asked_for_once_per_end() {
        let ended = |text| Ended::of(&listed("a", "", Status::Exited, text));
        assert_eq!(ended("Exited (137) 4 minutes ago"), ended("Exited (137) 5 minutes ago"));
        assert_ne!(ended("Exited (137) 4 minutes ago"), ended("Exited (1) 1 second ago"));
        assert_eq!(Ended::of(&listed("a", "", Status::Running, "Up 4 minutes")), None);
    }
}
