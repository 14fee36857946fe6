//! What is taken for granted of an alert that is only imagined.

use super::*;
use crate::domain::alert::ListedAlert;
use crate::domain::look::TargetState;
use crate::domain::notice::{Delivery, Post};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::{PlannedProbe, PlannedStep};
use crate::run::world::ActOrder;
use std::sync::Mutex;

/// Lists what it was given; says "silenced" of every alert that it is asked for.
struct Alertmanager {
    lists: Option<Result<Vec<ListedAlert>, String>>,
    asked: Mutex<Option<AlertQuery>>,
}

impl World for Alertmanager {
    async fn look(&self, order: LookOrder) -> Observation {
        let alert = match &order.alerts {
            Some(_) => AlertSight::Suppressed { by: "silence 1".to_owned() },
            None => AlertSight::NotAsked,
        };
        *self.asked.lock().unwrap() = order.alerts;
        Observation { alert, ..Observation::new(Vec::new(), TargetState::Stateless, None) }
    }

    async fn act(&self, _: ActOrder) -> Acted {
        Acted::new(ActOutcome::Failed, "to explain is not to do")
    }

    async fn tell(&self, post: Post) -> Delivery {
        Delivery::taken(post.channel)
    }

    async fn alerts(&self) -> Option<Result<Vec<ListedAlert>, String>> {
        self.lists.clone()
    }

    fn admit(&self, _: &PlannedStep) -> Result<(), String> {
        Ok(())
    }

    fn admit_probe(&self, _: &PlannedProbe) -> Result<(), String> {
        Ok(())
    }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn seen(lists: Option<Result<Vec<ListedAlert>, String>>, asked: Option<Labels>) -> (AlertSight, usize, Vec<Fingerprint>) {
    let world = Alertmanager { lists, asked: Mutex::new(None) };
    let query =
        AlertQuery { alertname: "Down".to_owned(), fingerprints: vec![Fingerprint::from("known")], own_silence: String::new() };
    let order = LookOrder { target: None, probes: Vec::new(), alerts: Some(query), how: LookHow::Once };
    let Seen { seen, notes } = look(&world, order, asked).await;
    let asked = world.asked.lock().unwrap().take().map_or_else(Vec::new, |query| query.fingerprints);
    (seen.alert, notes.len(), asked)
}

#[tokio::test]
async fn an_imagined_alert_is_looked_up_by_its_labels_or_taken_as_firing() {
    let listed = |name: &str, extra: &str| ListedAlert {
        fingerprint: Fingerprint::from(name),
        starts_at: jiff::Timestamp::UNIX_EPOCH,
        labels: labels(&[("alertname", "Down"), ("zone", extra)]),
        annotations: Labels::new(),
    };
    let down = labels(&[("alertname", "Down")]);
    let silenced = || AlertSight::Suppressed { by: "silence 1".to_owned() };
    let both = || Some(Ok(vec![listed("a", "x"), listed("b", "y")]));
    let known = seen(both(), None).await;
    assert_eq!(known, (silenced(), 0, vec![Fingerprint::from("known")]), "an open incident's own alerts are asked for");
    let found = seen(both(), Some(down.clone())).await;
    assert_eq!(found, (silenced(), 0, vec![Fingerprint::from("a"), Fingerprint::from("b")]));
    let other = seen(both(), Some(labels(&[("alertname", "Down"), ("zone", "z")]))).await;
    assert_eq!(other, (AlertSight::Firing, 1, Vec::new()), "taken for granted, and said so");
    let blind = seen(Some(Err("status 500".to_owned())), Some(down.clone())).await;
    assert_eq!(blind, (AlertSight::Unreadable { detail: "status 500".to_owned() }, 0, Vec::new()));
    let none = seen(None, Some(down)).await;
    assert_eq!(none.1, 0, "no Alertmanager is configured: nothing is taken for granted");
}
