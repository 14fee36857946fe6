//! Reviews through the real loop and the real store: of what is open, of what is over, and after a restart.

use crate::life::on_paused_clock;
use crate::liveness;
use crate::service::{begin, named};
use heald::domain::id::IncidentId;
use heald::domain::playbook::{Limits, Playbook};
use heald::domain::time::Span;
use heald::run::handle::PersonOrder;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// One attempt, then people.
fn once() -> Playbook {
    let book = named("Down");
    Playbook { limits: Limits { attempts: 1, ..book.limits.clone() }, ..book }
}

#[test]
fn an_incident_is_reviewed_while_it_lasts_and_when_it_is_over() {
    let dir = liveness::tempdir();
    let week = Span(Duration::from_secs(7 * 86_400));
    let id = on_paused_clock(async {
        let life = begin(dir.path(), &[once()], None, 10);
        assert_eq!(life.handle.review(IncidentId(99)).await.unwrap(), None);
        assert_eq!(life.handle.review_since(week).await.unwrap().incidents, 0);
        let id = life.fire("Down").await;
        life.until_state(id, "escalated").await;
        let review = life.handle.review(id).await.unwrap().unwrap();
        assert_eq!((review.state, review.outcome, review.impact.until), ("escalated", None, None));
        assert!(review.budget.charged > 0 && review.attempts.iter().any(|attempt| attempt.outcome == Some("not_healed")));
        assert!(review.messages.iter().any(|message| message.channel == "log" && message.error.is_none()), "{review:#?}");
        let close = PersonOrder::Close { incident: id, note: "the disk is dead".to_owned() };
        life.order(close).await.unwrap();
        // The same again, and this time a step helps.
        life.service.mends.store(true, Ordering::SeqCst);
        let second = life.fire("Down").await;
        life.until_state(second, "healed").await;
        life.end().await;
        id
    });
    on_paused_clock(async {
        let life = begin(dir.path(), &[once()], None, 10);
        let over = life.handle.review(id).await.unwrap().unwrap();
        assert_eq!((over.outcome, over.title.as_deref()), (Some("closed_by_person"), Some("Down")));
        assert!(over.markdown().contains("| ann | closed by ann: the disk is dead |"), "{}", over.markdown());
        let digest = life.handle.review_since(week).await.unwrap();
        assert_eq!((digest.incidents, digest.escalated, digest.healed, digest.open), (2, 1, 1, 1));
        assert_eq!(digest.by_playbook[0].incidents, 2);
        let second = life.handle.incidents().await.unwrap().last().unwrap().id;
        let review = life.handle.review(second).await.unwrap().unwrap();
        assert_eq!(
            review.earlier.iter().map(|earlier| (earlier.id, earlier.outcome)).collect::<Vec<_>>(),
            [(id, Some("closed_by_person"))]
        );
        let nothing = life.handle.review_since(Span(Duration::from_millis(1))).await.unwrap();
        assert_eq!(nothing.incidents, 0);
        life.end().await;
    });
}
