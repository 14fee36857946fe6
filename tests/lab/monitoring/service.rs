//! One of the three programs: stopped, and started again on the same port.

use std::{process::Command, sync::Mutex, time::Duration};

use rustix::process::Signal;

use super::super::{Context as _, NotYet, Process, Result, Run, RunFiles, wait_for};

pub struct Service {
    recipe: Recipe,
    port: u16,
    files: RunFiles,
    process: Mutex<Option<Process>>,
}

pub(super) struct Recipe {
    pub name: &'static str,
    pub program: &'static str,
    pub arguments: Vec<String>,
    pub environment: Vec<(&'static str, String)>,
}

impl Service {
    pub(super) fn new(run: &Run, port: u16, recipe: Recipe) -> Self {
        Self { recipe, port, files: RunFiles::clone(run), process: Mutex::new(None) }
    }

    pub fn name(&self) -> &str {
        self.recipe.name
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it with the same port and data; a running one is stopped first.
    pub fn start(&self) -> Result<()> {
        self.stop();
        let mut command = Command::new(self.recipe.program);
        command.args(&self.recipe.arguments);
        command.envs(self.recipe.environment.iter().map(|(key, value)| (key, value)));
        let process = Process::spawn(&self.files, self.recipe.name, command)?;
        *self.process.lock().expect("no holder panics") = Some(process);
        Ok(())
    }

    pub fn stop(&self) {
        drop(self.process.lock().expect("no holder panics").take());
    }

    /// SIGSTOP, SIGCONT or SIGKILL for tests that break the detection itself.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        match &*self.process.lock().expect("no holder panics") {
            Some(process) => process.signal(signal),
            None => Ok(()),
        }
    }

    /// Why it does not run, if it has ended by itself.
    pub fn obituary(&self) -> Option<String> {
        self.process.lock().expect("no holder panics").as_ref()?.obituary()
    }

    /// Waits until `path` answers 200.
    pub async fn wait_ready(&self, http: &reqwest::Client, path: &str) -> Result<()> {
        let url = format!("{}{path}", self.url());
        wait_for(&format!("start of {}", self.name()), Duration::from_secs(30), async || {
            if let Some(end) = self.obituary() {
                return Err(NotYet::never(end));
            }
            http.get(&url).send().await?.error_for_status()?;
            Ok(())
        })
        .await
        .context(&url)
    }
}
