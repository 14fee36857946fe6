//! Against a server that answers as Alertmanager 0.25 does, and as a broken one would.

use super::*;
use crate::domain::id::Fingerprint;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Mutex;

/// What it answers, and what it was asked.
#[derive(Default)]
struct Fake {
    status: Option<u16>,
    body: String,
    delay: Duration,
    silence: Option<&'static str>,
    asked: Mutex<Vec<String>>,
}

/// One alert of its list.
fn listed(fingerprint: &str, state: &str, silences: &str, inhibitors: &str) -> String {
    format!(
        r#"{{"annotations":{{"summary":"x"}},"endsAt":"2999-11-22T08:13:46.654Z","fingerprint":"{fingerprint}",
            "receivers":[{{"name":"none"}}],"startsAt":"2026-11-22T08:08:46.654Z","updatedAt":"2026-11-22T08:08:46.654Z",
            "status":{{"inhibitedBy":[{inhibitors}],"silencedBy":[{silences}],"state":"{state}","new":1}},
            "labels":{{"alertname":"Web","host":"a"}}}}"#
    )
}

async fn serve(fake: Fake) -> (Alertmanager, Arc<Fake>) {
    async fn answer(State(fake): State<Arc<Fake>>, RawQuery(query): RawQuery) -> Response {
        fake.asked.lock().unwrap().push(query.unwrap_or_default());
        tokio::time::sleep(fake.delay).await;
        let status = StatusCode::from_u16(fake.status.unwrap_or(200)).unwrap();
        (status, fake.body.clone()).into_response()
    }
    async fn silence(State(fake): State<Arc<Fake>>, Path(id): Path<String>) -> Response {
        fake.asked.lock().unwrap().push(id);
        fake.silence.map_or_else(|| StatusCode::NOT_FOUND.into_response(), IntoResponse::into_response)
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let fake = Arc::new(fake);
    let pages = Router::new()
        .route("/am/api/v2/alerts", get(answer))
        .route("/am/api/v2/silences", get(answer))
        .route("/am/api/v2/silence/{id}", get(silence).delete(silence))
        .route("/am/-/healthy", get(async || "OK"))
        .with_state(Arc::clone(&fake));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/am", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, pages).await });
    let mut alertmanager = Alertmanager::new(crate::link::http::client().unwrap(), &url).unwrap();
    alertmanager.patience = Duration::from_secs(if fake.delay.is_zero() { 30 } else { 1 });
    (alertmanager, fake)
}

fn query(fingerprints: &[&str]) -> AlertQuery {
    AlertQuery {
        alertname: "Web".to_owned(),
        fingerprints: fingerprints.iter().map(|text| Fingerprint::from(*text)).collect(),
        own_silence: "heald on h is repairing this: incident 7".to_owned(),
    }
}

/// What is seen of the alerts `a` and `b`.
async fn sight(fake: Fake) -> AlertSight {
    serve(fake).await.0.sight(&query(&["a", "b"])).await
}

fn list(alerts: &[String]) -> Fake {
    Fake { body: format!("[{}]", alerts.join(",")), ..Fake::default() }
}

fn by(text: &str) -> AlertSight {
    AlertSight::Suppressed { by: text.to_owned() }
}

#[tokio::test]
async fn one_that_fires_is_enough() {
    let silenced = listed("a", "suppressed", r#""s1""#, "");
    assert_eq!(sight(list(&[silenced.clone(), listed("b", "active", "", "")])).await, AlertSight::Firing);
    assert_eq!(sight(list(&[silenced, listed("b", "unprocessed", "", "")])).await, AlertSight::Firing);
    let zero = listed("a", "active", "", "").replace("2999-11-22T08:13:46.654Z", "0001-01-01T00:00:00Z");
    assert_eq!(sight(list(&[zero])).await, AlertSight::Firing, "an end that is not known");
}

#[tokio::test]
async fn all_suppressed_and_by_what() {
    let fake = || list(&[listed("a", "suppressed", r#""s1","s2""#, ""), listed("c", "active", "", "")]);
    let told = Fake { silence: Some(r#"{"comment":"disk\nswap","createdBy":"ops","id":"s1"}"#), ..fake() };
    assert_eq!(sight(told).await, by("silence s1 (ops: disk swap) and 1 more"));
    assert_eq!(sight(fake()).await, by("silence s1 and 1 more"), "its comment can't be read");
    assert_eq!(sight(list(&[listed("b", "suppressed", "", r#""fc42""#)])).await, by("inhibited by alert fc42"));
    let unsaid = by("suppressed, and Alertmanager does not say by what");
    assert_eq!(sight(list(&[listed("b", "suppressed", "", "")])).await, unsaid);
}

const OWN: &str =
    r#"{"id":"s1","createdBy":"heald","comment":"heald on h is repairing this: incident 7","status":{"state":"active"}}"#;

/// Whatever heald remembers: by its maker and its comment.
#[tokio::test]
async fn a_silence_of_heald_s_own_does_not_count() {
    let ask = async |silences: &str, inhibitors: &str, silence: Option<&'static str>| {
        sight(Fake { silence, ..list(&[listed("a", "suppressed", silences, inhibitors)]) }).await
    };
    assert_eq!(ask(r#""s1""#, "", Some(OWN)).await, AlertSight::Firing);
    assert!(matches!(ask(r#""s1""#, r#""fc42""#, Some(OWN)).await, AlertSight::Suppressed { .. }), "what inhibits counts");
    assert_eq!(ask(r#""s1""#, "", None).await, by("silence s1"), "nobody knows whose it is");
    for other in [
        r#"{"createdBy":"ann","comment":"heald on h is repairing this: incident 7"}"#,
        r#"{"createdBy":"heald","comment":"heald on h is repairing this: incident 8"}"#,
        r#"{"createdBy":"heald","comment":"heald incident 7, asked for by ann"}"#,
    ] {
        assert!(matches!(ask(r#""s1""#, "", Some(other)).await, AlertSight::Suppressed { .. }), "{other}");
    }
}

#[tokio::test]
async fn only_heald_s_own_silences_of_the_incident_are_ended() {
    let others = r#"{"id":"s2","createdBy":"ann","comment":"deploy","status":{"state":"active"}}"#;
    let over = OWN.replace("s1", "s3").replace("active", "expired");
    let fake = Fake { body: format!("[{OWN},{others},{over}]"), silence: Some(OWN), ..Fake::default() };
    let (alertmanager, fake) = serve(fake).await;
    assert_eq!(alertmanager.unsilence("heald on h is repairing this: incident 7").await, Ok(1));
    assert_eq!(fake.asked.lock().unwrap().last().unwrap(), "s1");
    assert_eq!(alertmanager.unsilence("heald on h is repairing this: incident 8").await, Ok(0));
}

#[tokio::test]
async fn gone_is_what_no_list_holds() {
    assert_eq!(sight(list(&[])).await, AlertSight::Gone);
    assert_eq!(sight(list(&[listed("c", "active", "", "")])).await, AlertSight::Gone);
    let over = listed("a", "active", "", "").replace("2999-", "2001-");
    let (alertmanager, fake) = serve(list(&[over])).await;
    assert_eq!(alertmanager.sight(&query(&["a"])).await, AlertSight::Gone);
    let asked = fake.asked.lock().unwrap().clone();
    let all = "active=true&silenced=true&inhibited=true";
    assert_eq!(asked, [format!("{all}&filter=alertname%3D%22Web%22"), all.to_owned()], "also under any other name");
    assert_eq!(alertmanager.sight(&query(&[])).await, AlertSight::NotAsked);
}

#[tokio::test]
async fn what_is_no_answer_says_nothing() {
    let huge = Fake { body: format!("[{}", " ".repeat(BODY_MAX)), ..Fake::default() };
    for (fake, part) in [
        (Fake { status: Some(500), ..list(&[]) }, "it answered 500"),
        (Fake { status: Some(302), ..list(&[]) }, "it answered 302"),
        (Fake { body: "<html>".to_owned(), ..Fake::default() }, "can't be read: expected value at line 1"),
        (list(&[listed("a", "asleep", "", "")]), "the state \"asleep\""),
        (list(&["{}".to_owned()]), "missing field"),
        (Fake { delay: Duration::from_secs(60), ..list(&[]) }, "no answer within 1s"),
        (huge, "larger than 16 MiB"),
    ] {
        let seen = sight(fake).await;
        assert!(matches!(&seen, AlertSight::Unreadable { detail } if detail.contains(part)), "{part}: {seen:?}");
    }
    let (dead, _) = serve(Fake::default()).await;
    let dead = Alertmanager { base: Url::parse("http://127.0.0.1:1/?token=s3cret").unwrap(), ..dead };
    let seen = dead.sight(&query(&["a"])).await;
    assert!(matches!(&seen, AlertSight::Unreadable { detail } if detail.starts_with("no connection")), "{seen:?}");
    assert!(!format!("{seen:?}").contains("s3cret"));
    assert!(matches!(dead.reach().await, Err(LinkError::NotSent(_))));
}

#[tokio::test]
async fn a_storm_of_looks_asks_once() {
    let fake = Fake { delay: Duration::from_millis(100), ..list(&[listed("a", "active", "", "")]) };
    let (alertmanager, fake) = serve(fake).await;
    let question = query(&["a"]);
    let seen = futures_util::future::join_all((0..200).map(|_| alertmanager.sight(&question))).await;
    assert!(seen.iter().all(|seen| *seen == AlertSight::Firing));
    assert_eq!(fake.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn everything_that_fires_with_its_labels() {
    let (alertmanager, _) = serve(list(&[listed("b", "suppressed", r#""s1""#, ""), listed("a", "active", "", "")])).await;
    let all = alertmanager.all().await.unwrap();
    assert_eq!(all.iter().map(|alert| alert.fingerprint.to_string()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(all[0].starts_at, "2026-11-22T08:08:46.654Z".parse().unwrap());
    assert_eq!((&*all[0].labels["host"], &*all[0].annotations["summary"]), ("a", "x"));
    assert!(alertmanager.reach().await.is_ok());
    let (garbage, _) = serve(Fake { body: "[1]".to_owned(), ..Fake::default() }).await;
    assert!(garbage.all().await.unwrap_err().contains("can't be read"));
}

#[test]
fn names_are_quoted_as_its_parser_undoes_it() {
    assert_eq!(wire::quoted("q\"u\\o\nt é"), r#""q\"u\\o\nt é""#);
    assert_eq!(wire::date("Sun, 22 Nov 2026 08:09:04 GMT"), "2026-11-22T08:09:04Z".parse().ok());
}
