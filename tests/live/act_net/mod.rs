//! Steps and probes that speak to services and programs: each one with a success, a failure and a refusal, in playbooks of the
//! test's own that a person runs by hand.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::journal::{Journal, Record};
use crate::lab::{Heald, Result};
use crate::scene::{REPAIR, Scene, check, equal, journal};

mod ollama;
mod programs;
mod services;

pub use ollama::model_pull;
pub use programs::programs;
pub use services::services;

/// A heald with playbooks of this test.
struct Runner {
    heald: Arc<Heald>,
    journal: Journal,
    /// Each run has a target of its own, so that none meets another's open incident.
    runs: AtomicUsize,
}

/// Runs of one playbook.
const RUNS_MAX: usize = 20;

/// What became of one run.
struct Ran {
    incident: i64,
    /// `healed` or `escalated`.
    end: Record,
    /// `acted` of each step that was carried out.
    steps: Vec<Value>,
    /// What the probes saw after them.
    seen: String,
}

// === impl Runner ===

impl Runner {
    /// `books`: name, steps, probes. Each works on a service of its own name.
    async fn start(scene: &Scene, books: &[(&str, Value, Value)], targets: Value, more: Value) -> Result<Self> {
        let folder = scene.stack().run().dir().join(format!("{}-books", scene.name));
        fs::create_dir_all(&folder)?;
        for (name, steps, probes) in books {
            fs::write(folder.join(format!("{name}.md")), book(name, "service", steps, probes))?;
        }
        Self::with(scene, &folder, books.iter().map(|(name, ..)| *name).collect(), targets, more).await
    }

    async fn with(scene: &Scene, folder: &Path, services: Vec<&str>, targets: Value, more: Value) -> Result<Self> {
        let services: Vec<String> =
            services.iter().flat_map(|name| (0..RUNS_MAX).map(move |number| format!("{name}-{number}"))).collect();
        let mut all = json!({ "services": services });
        for (key, value) in targets.as_object().into_iter().flatten() {
            all[key] = value.clone();
        }
        let mut more = more;
        more["targets"] = all;
        let heald = scene.heald(|options| {
            options.playbooks = vec![folder.to_owned()];
            options.more = more;
        })?;
        heald.start("").await?;
        Ok(Self { journal: journal(&heald), heald, runs: AtomicUsize::default() })
    }

    /// Runs the playbook and waits for its end. `labels`: beside the target, or with it.
    async fn run(&self, playbook: &str, labels: &[&str]) -> Result<Ran> {
        let last = self.journal.records()?.last().map_or(0, |record| record.seq);
        let target = format!("target={playbook}-{}", self.runs.fetch_add(1, Ordering::Relaxed));
        let own = labels.iter().any(|label| label.starts_with("target="));
        let mut words = vec!["run", playbook];
        words.extend((!own).then_some(target.as_str()));
        words.extend(labels);
        self.heald.command(&words).await?;
        // Others may end meanwhile: those that are still watched, of things that this test breaks later.
        let is_ours = |record: &Record| record.seq > last && record.kind == "opened";
        let opened = self.journal.wait(&format!("the incident of {playbook}"), REPAIR, is_ours).await?;
        let incident = opened.incident.unwrap_or_default();
        let is_end =
            |record: &Record| record.incident == Some(incident) && ["healed", "escalated"].contains(&record.kind.as_str());
        let end = self.journal.wait(&format!("the end of {playbook}"), REPAIR, is_end).await?;
        let of_it = |record: &&Record| record.incident == Some(incident) && record.kind == "step_ended";
        let records = self.journal.records()?;
        let steps = records.iter().filter(of_it).map(|record| record.body["acted"].clone()).collect();
        let ended = records.iter().find(|record| record.incident == Some(incident) && record.kind == "attempt_ended");
        Ok(Ran { incident, seen: ended.map(Record::text).unwrap_or_default(), end, steps })
    }

    /// The same, and its last step is done. A rung that only looks heals nothing, so the incident may end either way.
    async fn done(&self, playbook: &str, labels: &[&str]) -> Result<Value> {
        let ran = self.run(playbook, labels).await?;
        let step = ran.steps.last().cloned().unwrap_or_default();
        check(step["outcome"] == "done", || format!("{playbook}: {step}, {}", ran.end.line()))?;
        Ok(step)
    }

    /// The same, and it is healed.
    async fn healed(&self, playbook: &str, labels: &[&str]) -> Result<Ran> {
        let ran = self.run(playbook, labels).await?;
        check(ran.end.kind == "healed", || format!("{playbook}: {}, {:?}", ran.end.line(), ran.steps))?;
        Ok(ran)
    }

    /// Its only step ended so, and what it said has this part.
    async fn fails(&self, playbook: &str, labels: &[&str], outcome: &str, part: &str) -> Result<Value> {
        let ran = self.run(playbook, labels).await?;
        equal(&format!("end of {playbook} ({})", ran.end.text()), ran.end.kind.as_str(), "escalated")?;
        let step = ran.steps.last().cloned().unwrap_or_default();
        check(step["outcome"].to_string().contains(outcome), || format!("{playbook}: {step}"))?;
        check(step["detail"].as_str().is_some_and(|detail| detail.contains(part)), || format!("{playbook}: {step}"))?;
        Ok(step)
    }

    /// Nothing was done, and a person is told why: whoever runs it, or by the incident.
    async fn refuses(&self, playbook: &str, labels: &[&str], part: &str) -> Result<()> {
        let ran = match self.run(playbook, labels).await {
            Ok(ran) => ran,
            Err(error) => return check(error.to_string().contains(part), || format!("{playbook}: {error}")),
        };
        check(ran.steps.is_empty(), || format!("{playbook} was carried out: {:?}", ran.steps))?;
        let told = self.journal.records()?.into_iter().filter(|record| record.incident == Some(ran.incident));
        let texts: Vec<String> = told.map(|record| record.text()).collect();
        check(texts.iter().any(|text| text.contains(part)), || format!("{playbook}: no {part:?} in {texts:#?}"))
    }
}

/// Acts also when the probes pass: many of these steps only look.
fn book(name: &str, kind: &str, steps: &Value, probes: &Value) -> String {
    format!(
        "---\nplaybook: {name}\nmatch: ['alertname=\"{name}\"']\ntarget: {{ {kind}: \"{{{{ labels.target }}}}\" }}\nmode: auto\n\
         act_on: alert\nirreversible: accepted\nlimits: {{ attempts: 1, within: 60s, budget: [50 per 10m], cooldown: 1s }}\n---\n\
         # {name}\n\n## Auto-recovery\n\n```yaml\n- try: it\n  do: {steps}\n```\n\n\
         ## Verify\n\n```yaml\nwithin: 3s\nstable: 200ms\nall: {probes}\n```\n"
    )
}
