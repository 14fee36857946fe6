//! Against recorded answers of a real engine.

use super::super::page::page;
use super::*;
use crate::fake::engine::Engine;
use serde_json::json;

async fn open(engine: &Engine) -> (Containers, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("docker.sock");
    engine.clone().serve(&socket).await;
    let docker = Docker::new(&format!("unix://{}", socket.display()));
    (Containers::new(Arc::new(docker)), dir)
}

#[track_caller]
fn shows(text: &str, line: &str) {
    assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
}

#[tokio::test]
async fn recorded_answers_become_series() {
    let engine = Engine::recorded();
    // `docker kill` of a container with a restart policy `no`, and one that the kernel killed.
    engine.change("shop-api-1", |listed, inspection| {
        listed["Status"] = json!("Exited (137) 4 minutes ago");
        (inspection["State"]["ExitCode"], inspection["State"]["OOMKilled"]) = (json!(137), json!(true));
    });
    let (containers, _dir) = open(&engine).await;
    let seen = containers.collect().await;
    assert_eq!(seen.failed, None);
    let text = page(seen.families);
    for line in [
        "heald_container_engine_up 1",
        "heald_container_state{container=\"shop-db-1\",service=\"db\",state=\"running\"} 1",
        "heald_container_state{container=\"shop-db-1\",service=\"db\",state=\"exited\"} 0",
        "heald_container_state{container=\"shop-loop-1\",service=\"\",state=\"restarting\"} 1",
        "heald_container_state{container=\"unborn\",service=\"\",state=\"created\"} 1",
        "heald_container_health_ok{container=\"shop-db-1\",service=\"db\"} 1",
        "heald_container_health_ok{container=\"sick\",service=\"\"} 0",
        "heald_container_health_failing_streak{container=\"sick\",service=\"\"} 4",
        "heald_container_network_info{container=\"shop-db-1\",service=\"db\",network=\"none\"} 1",
        "heald_container_info{container=\"shop-db-1\",service=\"db\",image=\"shop:1\",error=\"\"} 1",
        "heald_container_exit_code{container=\"shop-loop-1\",service=\"\"} 3",
        "heald_container_exit_code{container=\"shop-api-1\",service=\"\"} 137",
        "heald_container_oom_killed{container=\"shop-api-1\",service=\"\"} 1",
        "heald_container_oom_killed{container=\"shop-db-1\",service=\"db\"} 0",
        "heald_container_restarts_total{container=\"shop-loop-1\",service=\"\"} 6",
        "heald_container_started_timestamp_seconds{container=\"shop-db-1\",service=\"db\"} 1795357952.193",
        "heald_container_memory_limit_bytes{container=\"shop-db-1\",service=\"db\"} 67108864",
        "heald_container_memory_limit_bytes{container=\"sick\",service=\"\"} 0",
    ] {
        shows(&text, line);
    }
    assert_eq!(text.lines().filter(|line| line.starts_with("heald_container_state{")).count(), 5 * 7, "{text}");
    let absent = ["exit_code{container=\"shop-db-1\"", "health_ok{container=\"shop-loop-1\"", "seconds{container=\"unborn\""];
    assert!(!absent.iter().any(|series| text.contains(series)), "{text}");
    assert!(text.contains("error=\"failed to create shim task: OCI runtime create failed"), "{text}");
    assert!(text.contains("exec: \\\"/nope\\\": "), "quotes are escaped: {text}");
    // The young, the looping, the unhealthy and the unborn are asked each time; what ended long ago is not.
    assert_eq!(engine.inspected().len(), 5);
    containers.collect().await;
    assert_eq!(engine.inspected(), ["shop-db-1", "shop-loop-1", "sick", "unborn"]);
}

#[tokio::test]
async fn a_restart_is_seen_at_the_next_look() {
    let engine = Engine::of(3, "Up 3 hours (healthy)");
    let (containers, _dir) = open(&engine).await;
    assert_eq!(engine.inspected().len(), 0);
    containers.collect().await;
    assert_eq!(engine.inspected(), ["shop-db-0", "shop-db-1", "shop-db-2"]);
    let seen = containers.collect().await;
    assert_eq!(engine.inspected(), Vec::<String>::new());
    shows(&page(seen.families), "heald_container_restarts_total{container=\"shop-db-1\",service=\"db\"} 0");
    for restarts in 1..4 {
        // It loops in step with the looks: the text is the same each time.
        engine.change("shop-db-1", |listed, inspection| {
            (listed["Status"], inspection["RestartCount"]) = (json!("Up 2 seconds"), json!(restarts));
        });
        let seen = containers.collect().await;
        assert_eq!(engine.inspected(), ["shop-db-1"]);
        let line = format!("heald_container_restarts_total{{container=\"shop-db-1\",service=\"db\"}} {restarts}");
        shows(&page(seen.families), &line);
    }
}

#[tokio::test]
async fn an_inspection_that_fails_takes_the_details_but_not_the_state() {
    let engine = Engine::of(2, "Up 5 seconds");
    engine.fail_inspections(true);
    let (containers, _dir) = open(&engine).await;
    let seen = containers.collect().await;
    assert_eq!(seen.failed.as_deref(), Some("2 containers could not be inspected"));
    let text = page(seen.families);
    shows(&text, "heald_container_state{container=\"shop-db-1\",service=\"db\",state=\"running\"} 1");
    assert!(!text.contains("heald_container_restarts_total"), "{text}");
    engine.fail_inspections(false);
    assert_eq!(containers.collect().await.failed, None);
}

#[tokio::test]
async fn an_engine_out_of_reach_is_no_list_of_dead_containers() {
    let containers = Containers::new(Arc::new(Docker::new("/nonexistent")));
    let seen = containers.collect().await;
    assert!(seen.failed.is_some());
    let text = page(seen.families);
    shows(&text, "heald_container_engine_up 0");
    assert!(!text.contains('{'), "{text}");
}
