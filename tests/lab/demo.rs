//! `make demo`: a real Prometheus, a real Alertmanager, heald, a unit and a container; both are killed, and heald
//! brings both back.
//!
//! `ONCE=1` ends it when both are healed or two minutes after the kill, and the exit status tells. Without it
//! everything stays up until Ctrl-C. The stack's session cleans up in every case.

#![allow(clippy::print_stdout, clippy::print_stderr, clippy::expect_used, reason = "a program for the terminal")]
#![allow(clippy::disallowed_methods, reason = "not the daemon: it may ask what time it is")]

#[path = "mod.rs"]
mod lab;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use lab::{Container, Error, Heald, HealdOptions, Pace, Process, Result, Stack, StackOptions, Victim, session};
use serde_json::{Value, json};

const UNIT: &str = "demo.service";
const CONTAINER: &str = "heald-demo";
/// From the kill on.
const PATIENCE: Duration = Duration::from_secs(120);
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

const INTRO: &str = "\
A unit and a container are about to be killed, and heald to repair both: with the shipped alert rules (only their
waiting times are shorter) and the shipped playbooks. It all runs in containers and on free ports; nothing of this
machine's own is touched.
";

fn main() -> ExitCode {
    let once = env::var("ONCE").is_ok_and(|value| !value.is_empty() && value != "0");
    match demo(once) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether both were healed in time.
fn demo(once: bool) -> Result<bool> {
    lab::can_run()?;
    let program = lab::beside_this_program()?;
    let rules = lab::shipped_rules(&Path::new(env!("CARGO_MANIFEST_DIR")).join("alert-rules"), &Pace::default())?;
    println!("{INTRO}");
    let options = StackOptions { rules, ..StackOptions::default() };
    session::run(options, move |handle, stack| handle.block_on(show(stack, program, once)))?
}

async fn show(stack: Arc<Stack>, program: PathBuf, once: bool) -> Result<bool> {
    let scene = Scene::set(stack, program).await?;
    scene.places();
    let mut timeline = Timeline::follow(&scene)?;
    let killed = scene.kill_both().await?;
    let healed = scene.healed(killed, &mut timeline).await?;
    scene.summary(killed, &healed);
    if once {
        return Ok(healed.iter().all(Option::is_some));
    }
    println!("\nIt all stays up until Ctrl-C, which leaves nothing behind. To break them again:");
    scene.faults().iter().for_each(|fault| println!("  {fault}"));
    println!();
    loop {
        timeline.pass_on()?;
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

struct Scene {
    stack: Arc<Stack>,
    heald: Heald,
    container: Container,
}

/// What `heald incidents --follow` prints, passed on.
struct Timeline {
    process: Process,
    passed: usize,
}

// === impl Scene ===

impl Scene {
    async fn set(stack: Arc<Stack>, program: PathBuf) -> Result<Self> {
        stack.host().write_unit(UNIT, "[Service]\nExecStart=/bin/sleep infinity\n").await?;
        stack.host().systemctl(&["start", UNIT]).await?;
        // Another demo may be running beside this one, on the same engine.
        let container = match Victim::default().start(stack.engine(), stack.image(), CONTAINER).await {
            Ok(container) => container,
            Err(_) => {
                let other = format!("{CONTAINER}-{}", std::process::id());
                Victim::default().start(stack.engine(), stack.image(), &other).await?
            }
        };

        let mut options = HealdOptions::new("heald", &program);
        options.units = vec![UNIT.into()];
        options.containers = vec![container.name().into()];
        options.bus = stack.host().bus_address();
        options.docker = stack.engine().socket().to_owned();
        options.alertmanager = stack.monitoring().alertmanager.url();
        // As shipped they only observe.
        options.overrides = json!({ "systemd-unit-failed": { "mode": "auto" }, "container-down": { "mode": "auto" } });
        let heald = Heald::prepare(stack.run(), options)?;
        heald.start("").await?;
        println!("demo: heald at {}, configured by {}", heald.url("/"), shown(&heald.config()));
        stack.monitoring().set_receiver(heald.receiver()).await?;
        stack.monitoring().set_scrape(heald.scrape()).await?;
        let name = container.name();
        println!("demo: {UNIT} and the container {name} run; Prometheus sees both, Alertmanager knows heald");
        Ok(Self { stack, heald, container })
    }

    /// What the faults look like as a person would type them, where the container's systemd is reached by `docker exec`.
    fn faults(&self) -> [String; 2] {
        let docker = format!("docker --host unix://{}", self.stack.engine().socket().display());
        let inside = format!("{docker} exec {}", self.stack.host().name());
        [format!("{inside} systemctl kill -s KILL {UNIT}"), format!("{docker} kill {}", self.container.name())]
    }

    async fn kill_both(&self) -> Result<Timestamp> {
        let container = self.container.name();
        println!("\nBoth are killed now.\n\n$ systemctl kill -s KILL {UNIT}\n$ docker kill {container}\n");
        let at = Timestamp::now();
        self.stack.host().systemctl(&["kill", "-s", "KILL", UNIT]).await?;
        self.container.kill("SIGKILL").await?;
        Ok(at)
    }

    /// The incidents of the unit and of the container, each once it is healed; what is missing in the end was not.
    async fn healed(&self, killed: Timestamp, timeline: &mut Timeline) -> Result<[Option<Value>; 2]> {
        loop {
            timeline.pass_on()?;
            if let Some(end) = self.heald.obituary() {
                return Err(Error::new(end));
            }
            let healed = [self.healed_incident(UNIT).await?, self.healed_incident(self.container.name()).await?];
            if healed.iter().all(Option::is_some) || Timestamp::now().duration_since(killed).unsigned_abs() > PATIENCE {
                // Its last lines are on their way.
                tokio::time::sleep(BETWEEN_LOOKS).await;
                timeline.pass_on()?;
                return Ok(healed);
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    async fn healed_incident(&self, name: &str) -> Result<Option<Value>> {
        let incidents = self.heald.ask("incidents").await?;
        let mut all = incidents.as_array().into_iter().flatten();
        match all.find(|one| one["target"]["name"] == name && !one["healed_at"].is_null()) {
            Some(one) => self.heald.ask(&format!("incidents/{}", one["id"])).await.map(Some),
            None => Ok(None),
        }
    }

    fn places(&self) {
        let monitoring = self.stack.monitoring();
        let socket = shown(&self.heald.socket());
        println!("\nWhere to look, while it runs");
        for (what, place) in [
            ("Prometheus", format!("{}/alerts", monitoring.prometheus.url())),
            ("Alertmanager", monitoring.alertmanager.url()),
            ("heald's metrics", self.heald.url("/metrics")),
            ("containers it sees", self.heald.url("/metrics/targets")),
            ("one incident", format!("{} incidents 1 --socket {socket}", shown(self.heald.program()))),
            ("the same, as JSON", format!("curl --unix-socket {socket} http://heald/api/v1/incidents/1")),
            ("heald's log", shown(&self.heald.log())),
        ] {
            println!("  {what:<20}{place}");
        }
    }

    fn summary(&self, killed: Timestamp, healed: &[Option<Value>; 2]) {
        println!();
        for (what, incident) in [format!("unit {UNIT}"), format!("container {}", self.container.name())].iter().zip(healed) {
            println!("{what:<24}{}", incident.as_ref().map_or_else(not_healed, |incident| outcome(killed, incident)));
        }
        if healed.iter().any(Option::is_none) {
            println!("\nheald's log ends:\n{}", lab::tail(&self.heald.log(), 15));
        }
    }
}

/// How long each stage took, by the journal's times.
fn outcome(killed: Timestamp, incident: &Value) -> String {
    let at = |kind: &str| -> Option<Timestamp> {
        let events = incident["events"].as_array()?;
        events.iter().find(|event| event["kind"] == kind)?["at"].as_str()?.parse().ok()
    };
    let (Some(seen), Some(restarted), Some(healed)) = (at("opened"), at("step_ended"), at("healed")) else {
        return "healed".to_owned();
    };
    let seconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64();
    format!(
        "healed {:.1} s after the kill: alert {:.1} s, restart {:.1} s, proof that it stays up {:.1} s",
        seconds(killed, healed),
        seconds(killed, seen),
        seconds(seen, restarted),
        seconds(restarted, healed)
    )
}

fn not_healed() -> String {
    format!("NOT healed within {} s", PATIENCE.as_secs())
}

/// Shorter where it lies below the current folder.
fn shown(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

// === impl Timeline ===

impl Timeline {
    /// As any other part it is ended by the lab, so that no Ctrl-C leaves it behind.
    fn follow(scene: &Scene) -> Result<Self> {
        let mut command = Command::new(scene.heald.program());
        command.args(["incidents", "--follow", "--socket"]).arg(scene.heald.socket());
        Ok(Self { process: Process::spawn(scene.stack.run(), "timeline", command)?, passed: 0 })
    }

    /// Prints the whole lines that are new.
    fn pass_on(&mut self) -> Result<()> {
        let text = fs::read_to_string(self.process.log())?;
        let end = text.rfind('\n').map_or(0, |at| at + 1);
        if end > self.passed {
            // Its own complaints come when heald ends, and who ended heald knows that.
            let lines = text[self.passed..end].lines().filter(|line| !line.starts_with("heald: "));
            lines.for_each(|line| println!("{line}"));
            self.passed = end;
        }
        Ok(())
    }
}
