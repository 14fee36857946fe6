//! Over a real socket, with the client that the command line uses.

use super::*;
use crate::domain::id::{IncidentId, PlaybookId, Seq};
use crate::domain::target::{Target, TargetKind};
use crate::run::handle::fake::FakeLoop;
use crate::run::handle::{OrderError, PersonOrder, Unavailable};
use crate::run::view::{EventView, IncidentView};
use jiff::Timestamp;
use reqwest::{Client, Response};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

struct Site {
    heald: FakeLoop,
    client: Client,
    stop: tokio::sync::oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

const PATIENCE: Duration = Duration::from_secs(20);

impl Site {
    async fn open() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let listener = bind(&path).await.unwrap();
        let heald = FakeLoop::start();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let served = tokio::spawn(serve(listener, heald.handle.clone(), reload(), async {
            let _ = stopped.await;
        }));
        let client = Client::builder().unix_socket(path).no_proxy().build().unwrap();
        Self { heald, client, stop, served, _folder: folder }
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("http://heald/api/v1/{path}")).send().await.unwrap()
    }

    async fn order(&self, json: &str) -> (u16, String) {
        let answer = self.client.post("http://heald/api/v1/orders").body(json.to_owned()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

/// Says yes, and for whom.
fn reload() -> Reload {
    Arc::new(|by| {
        Box::pin(async move {
            match &*by {
                "somebody" => Err(ReloadError::Unavailable(Unavailable::Stopping)),
                by => Ok(format!("reloaded by {by}")),
            }
        })
    })
}

fn incident(id: u64) -> IncidentView {
    IncidentView {
        id: IncidentId(id),
        playbook: PlaybookId::from("systemd-unit-failed"),
        host: "web-1".to_owned(),
        target: Some(Target::new(TargetKind::Unit, "web.service").unwrap()),
        state: "held".to_owned(),
        outcome: None,
        opened_at: Timestamp::UNIX_EPOCH,
        healed_at: None,
        closed_at: None,
        attempts: 1,
        alerts: Vec::new(),
        trust: None,
        approval: None,
        next: None,
        events: Vec::new(),
    }
}

fn event(seq: u64, incident: u64) -> EventView {
    EventView {
        seq: Seq(seq),
        incident: Some(IncidentId(incident)),
        at: Timestamp::UNIX_EPOCH,
        kind: "opened".to_owned(),
        text: format!("event {seq}\nof {incident}"),
    }
}

/// Reads until `count` events are there.
async fn events(answer: &mut Response, count: usize) -> Vec<EventView> {
    let mut text = String::new();
    let read = async {
        while text.matches("\n\n").count() < count {
            text.push_str(std::str::from_utf8(&answer.chunk().await.unwrap().expect("the stream goes on")).unwrap());
        }
    };
    timeout(PATIENCE, read).await.expect("events come");
    text.lines().filter_map(|line| line.strip_prefix("data: ")).map(|json| serde_json::from_str(json).unwrap()).collect()
}

fn seqs(events: &[EventView]) -> Vec<u64> {
    events.iter().map(|event| event.seq.0).collect()
}

#[tokio::test]
async fn reviews_are_pages_and_json() {
    let site = Site::open().await;
    let page = site.get("review?since=7d").await;
    assert_eq!(page.headers()["content-type"], "text/markdown; charset=utf-8");
    assert!(page.text().await.unwrap().starts_with("# Incidents on"));
    let json = site.get("review?since=1h30m&format=json").await;
    assert_eq!(json.headers()["content-type"], "application/json");
    assert!(json.text().await.unwrap().starts_with("{\"host\":"));
    assert_eq!(site.heald.state().spans.iter().map(ToString::to_string).collect::<Vec<_>>(), ["7d", "1h30m"]);
    for (path, status, error) in [
        ("review", 400, "since=7d"),
        ("review?since=7", 400, "takes a duration"),
        ("review?since=7d&format=pdf", 400, "markdown or json"),
        ("incidents/17/review", 404, "there is no incident 17"),
        ("incidents/x/review", 404, "is no incident"),
        ("incidents/17/review?since=7d", 400, "without an incident"),
    ] {
        let answer = site.get(path).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
        let text = answer.text().await.unwrap();
        assert!(text.contains(error), "{path}: {text}");
    }
}

#[tokio::test]
async fn views_are_one_line_of_json_and_errors_too() {
    let site = Site::open().await;
    site.heald.state().incidents.push(incident(17));
    assert!(site.get("status").await.text().await.unwrap().starts_with("{\"version\":\"0\",\"host\":\"web-1\",\"state\":\"ok\""));
    let list: Vec<IncidentView> = site.get("incidents").await.json().await.unwrap();
    assert_eq!(list, [incident(17)]);
    let one = site.get("incidents/17").await.text().await.unwrap();
    assert!(one.ends_with("}\n") && one.contains("\"target\":{\"kind\":\"unit\",\"name\":\"web.service\"}"), "{one}");
    for (path, status, error) in [
        ("incidents/18", 404, "there is no incident 18"),
        ("incidents/x", 404, "\\\"x\\\" is no incident"),
        ("nope", 404, "no such path"),
        ("orders", 405, "does not take that method"),
        ("events?after=x", 400, "take numbers"),
    ] {
        let answer = site.get(path).await;
        assert_eq!(answer.status().as_u16(), status, "{path}");
        let text = answer.text().await.unwrap();
        assert!(text.starts_with("{\"error\":\"") && text.contains(error), "{path}: {text}");
    }
}

#[tokio::test]
async fn orders_name_who_gave_them() {
    let site = Site::open().await;
    let hold = r#"{"verb":"hold","target":{"kind":"unit","name":"web.service"},"for":"2h","why":"deploy"}"#;
    assert_eq!(site.order(hold).await, (200, "{\"message\":\"done\"}\n".to_owned()));
    let (order, by) = site.heald.state().orders.remove(0);
    assert!(matches!(order, PersonOrder::Hold { .. }));
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(by, if uid == 0 { "root".to_owned() } else { peer::user(uid).unwrap_or(format!("uid {uid}")) });
    for (error, status, text) in [
        (OrderError::Refused("it is closed".to_owned()), 409, "{\"error\":\"it is closed\"}"),
        (OrderError::NotFound(IncidentId(3)), 404, "{\"error\":\"there is no incident 3\"}"),
        (OrderError::Unavailable(Unavailable::Stopping), 503, "{\"error\":\"heald is stopping\"}"),
    ] {
        site.heald.state().order_error = Some(error);
        assert_eq!(site.order("{\"verb\":\"retry\",\"incident\":3}").await, (status, text.to_owned()));
    }
    for bad in ["", "{}", "{\"verb\":\"reboot\"}", r#"{"verb":"release","target":{"kind":"unit","name":"--now"}}"#] {
        let (status, text) = site.order(bad).await;
        assert_eq!(status, 400, "{text}");
        assert!(text.contains("the order can't be read"), "{text}");
    }
}

#[tokio::test]
async fn a_reload_is_asked_for_as_prometheus_has_it() {
    let site = Site::open().await;
    let uid = rustix::process::getuid().as_raw();
    let by = if uid == 0 { "root".to_owned() } else { format!("uid {uid}") };
    for method in [reqwest::Method::POST, reqwest::Method::PUT] {
        let answer = site.client.request(method, "http://heald/-/reload").send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), format!("{{\"message\":\"reloaded by {by}\"}}\n"));
    }
    assert_eq!(site.client.get("http://heald/-/reload").send().await.unwrap().status().as_u16(), 405);
}

#[tokio::test]
async fn elsewhere_the_paths_name_whom_they_were_told() {
    let heald = FakeLoop::start();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let routes = routes(heald.handle.clone(), reload(), stopped, "http admin");
    let served = tokio::spawn(async move { axum::serve(listener, routes).await });
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().no_proxy().build().unwrap();
    let resume = client.post(format!("{url}/api/v1/orders")).body("{\"verb\":\"resume\"}");
    assert_eq!(resume.send().await.unwrap().status().as_u16(), 200);
    assert_eq!(heald.state().orders.remove(0), (PersonOrder::Resume, "http admin".to_owned()));
    let reloaded = client.post(format!("{url}/-/reload")).send().await.unwrap().text().await.unwrap();
    assert!(reloaded.contains("reloaded by http admin"), "{reloaded}");
    served.abort();
}

#[tokio::test]
async fn events_come_as_they_are_written_and_go_on_where_the_client_was() {
    let site = Site::open().await;
    for seq in 1..=450 {
        site.heald.commit(event(seq, 1 + seq % 2));
    }
    let mut all = site.get("events?after=0").await;
    assert_eq!(all.headers()["content-type"], "text/event-stream");
    assert_eq!(seqs(&events(&mut all, 450).await), (1..=450).collect::<Vec<_>>());
    let mut one = site.get("events?after=440&incident=2").await;
    assert_eq!(seqs(&events(&mut one, 5).await), [441, 443, 445, 447, 449]);
    let mut new = site.get("events").await;
    site.heald.commit(event(451, 1));
    site.heald.commit(event(452, 2));
    site.heald.commit(event(453, 1));
    let got = events(&mut new, 3).await;
    assert_eq!((seqs(&got), got[0].text.as_str()), (vec![451, 452, 453], "event 451\nof 1"));
    assert_eq!(seqs(&events(&mut one, 1).await), [452]);
    let resumed = site.client.get("http://heald/api/v1/events?after=0").header("last-event-id", "451").send();
    assert_eq!(seqs(&events(&mut resumed.await.unwrap(), 2).await), [452, 453]);
}

#[tokio::test]
async fn open_streams_do_not_keep_heald_from_stopping() {
    let site = Site::open().await;
    let mut stream = site.get("events").await;
    let Site { stop, served, heald, .. } = site;
    stop.send(()).unwrap();
    timeout(PATIENCE, served).await.unwrap().unwrap();
    assert_eq!(timeout(PATIENCE, stream.chunk()).await.unwrap().unwrap(), None, "ended, not broken off");
    drop(heald);
}
