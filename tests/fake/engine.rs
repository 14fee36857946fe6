//! A Docker engine's read side, by recorded answers of a real one (20.10, API 1.41) on a Unix socket.
//!
//! `list.json` and the inspections beside it were recorded at the same moment: a healthy container of Compose, one in
//! a restart loop, one that ended, one whose health check fails, one whose start failed. Tests change fields of them.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const LIST: &str = include_str!("engine/list.json");
const INSPECTED: [&str; 5] = [
    include_str!("engine/shop-db-1.json"),
    include_str!("engine/shop-loop-1.json"),
    include_str!("engine/shop-api-1.json"),
    include_str!("engine/sick.json"),
    include_str!("engine/unborn.json"),
];

#[derive(Clone)]
pub struct Engine(Arc<Mutex<World>>);

#[derive(Default)]
struct World {
    /// The list's entry and the inspection, by id.
    containers: BTreeMap<String, (Value, Value)>,
    inspected: Vec<String>,
    /// Answers 500 to inspections.
    sick: bool,
}

impl Engine {
    /// The recorded five.
    pub fn recorded() -> Self {
        let list: Vec<Value> = serde_json::from_str(LIST).unwrap();
        let inspected: Vec<Value> = INSPECTED.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        let of = |id: &Value| inspected.iter().find(|one| one["Id"] == *id).unwrap().clone();
        let all = list.into_iter().map(|one| (one["Id"].as_str().unwrap().to_owned(), (of(&one["Id"]), one)));
        let containers = all.map(|(id, (inspection, listed))| (id, (listed, inspection))).collect();
        Self(Arc::new(Mutex::new(World { containers, ..World::default() })))
    }

    /// So many containers, all copies of the healthy one, with the list's text `text`.
    pub fn of(count: usize, text: &str) -> Self {
        let recorded = Self::recorded();
        let (listed, inspection) = recorded.named("shop-db-1");
        let copy = |number: usize| {
            let id = format!("{number:064x}");
            let (mut listed, mut inspection) = (listed.clone(), inspection.clone());
            (listed["Id"], listed["Names"], listed["Status"]) = (json!(id), json!([format!("/shop-db-{number}")]), json!(text));
            (inspection["Id"], inspection["Name"]) = (json!(id), json!(format!("/shop-db-{number}")));
            (id, (listed, inspection))
        };
        Self(Arc::new(Mutex::new(World { containers: (0..count).map(copy).collect(), ..World::default() })))
    }

    fn named(&self, name: &str) -> (Value, Value) {
        let world = self.0.lock().unwrap();
        world.containers.values().find(|(listed, _)| listed["Names"][0] == format!("/{name}")).unwrap().clone()
    }

    /// Changes the entry of the list and the inspection of a container.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut Value, &mut Value)) {
        let mut world = self.0.lock().unwrap();
        let found = world.containers.values_mut().find(|(listed, _)| listed["Names"][0] == format!("/{name}"));
        let (listed, inspection) = found.unwrap();
        change(listed, inspection);
    }

    pub fn fail_inspections(&self, sick: bool) {
        self.0.lock().unwrap().sick = sick;
    }

    /// The names that were inspected since the last call, sorted.
    pub fn inspected(&self) -> Vec<String> {
        let mut names = std::mem::take(&mut self.0.lock().unwrap().inspected);
        names.sort_unstable();
        names
    }

    /// Serves until it is dropped with the runtime.
    pub async fn serve(self, socket: &std::path::Path) {
        let listener = tokio::net::UnixListener::bind(socket).unwrap();
        tokio::spawn(async move { axum::serve(listener, self.routes()).await });
    }

    pub fn routes(self) -> Router {
        let calls = Router::new().route("/containers/json", get(list)).route("/containers/{id}/json", get(inspect));
        // A client that has settled on a version puts it in front.
        Router::new().nest("/{version}", calls.clone()).merge(calls).with_state(self)
    }
}

async fn list(State(engine): State<Engine>) -> String {
    let world = engine.0.lock().unwrap();
    let all: Vec<&Value> = world.containers.values().map(|(listed, _)| listed).collect();
    serde_json::to_string(&all).unwrap()
}

async fn inspect(State(engine): State<Engine>, Path(parts): Path<BTreeMap<String, String>>) -> (StatusCode, String) {
    let mut world = engine.0.lock().unwrap();
    if world.sick {
        return (StatusCode::INTERNAL_SERVER_ERROR, json!({ "message": "out of order" }).to_string());
    }
    let Some((_, inspection)) = world.containers.get(&parts["id"]) else {
        return (StatusCode::NOT_FOUND, json!({ "message": format!("No such container: {}", parts["id"]) }).to_string());
    };
    let (answer, name) = (inspection.to_string(), inspection["Name"].as_str().unwrap().trim_start_matches('/').to_owned());
    world.inspected.push(name);
    (StatusCode::OK, answer)
}
