//! The switches: which faults are on, with their parameters.
//!
//! Most end with the process, so that a restart heals them. Those of data (`boot`, `model_missing`, `corrupt`), and any that is set
//! with `"persist": true`, are kept in the state folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};

/// Every switch, and what it does.
pub const NAMES: [(&str, &str); 21] = [
    ("leak", "takes mb_per_s more memory up to max_mb; POST /caches/drop gives it back, unless keeps"),
    ("cpu", "burns so many threads"),
    ("hang", "accepts and never answers, on path or everywhere"),
    ("refuse", "closes its listener"),
    ("slow", "answers after ms, on path or everywhere"),
    ("status", "answers with code, on path or everywhere, with retry_after"),
    ("exit", "ends at once with code"),
    ("deaf", "takes no notice of SIGTERM"),
    ("boot", "starts take so many seconds, unless HEALD_VICTIM_OPTIONAL=off"),
    ("port", "a child that outlives it holds this port"),
    ("zombies", "so many dead children that it does not bury, until SIGCHLD; never, with keeps"),
    ("fill", "a file of so many mb in dir"),
    ("stuck", "no progress, and one core busy"),
    ("log", "writes line to its log, once"),
    ("corrupt", "answers as a broken collection"),
    ("gpu", "so many devices"),
    ("vram", "so little memory free on the device; unloading frees it, unless keeps"),
    ("model_missing", "has no model of this name, until it is pulled"),
    ("offline", "its upstream is out of reach"),
    ("gateway", "its gateway is not connected"),
    ("heartbeat", "touches its heartbeat no more"),
];
const KEPT: [&str; 3] = ["boot", "model_missing", "corrupt"];

#[derive(Debug, Default)]
pub struct Faults {
    on: Mutex<BTreeMap<String, Value>>,
    file: Option<PathBuf>,
}

impl Faults {
    /// With what outlived the last process, where there is a folder.
    pub fn in_folder(folder: Option<&PathBuf>) -> Self {
        let file = folder.map(|folder| folder.join("faults.json"));
        let kept = file.as_ref().and_then(|file| fs::read(file).ok()).and_then(|text| serde_json::from_slice(&text).ok());
        Self { on: Mutex::new(kept.unwrap_or_default()), file }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.on.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// A name that is no switch, or parameters that are no object.
    pub fn set(&self, name: &str, parameters: Value) -> Result<(), String> {
        if !NAMES.iter().any(|(known, _)| *known == name) {
            let known: Vec<&str> = NAMES.iter().map(|(known, _)| *known).collect();
            return Err(format!("no fault {name}; there are: {}", known.join(" ")));
        }
        let parameters = if parameters.is_null() { Value::Object(Map::new()) } else { parameters };
        if !parameters.is_object() {
            return Err("the parameters are no object".to_owned());
        }
        let mut on = self.lock();
        on.insert(name.to_owned(), parameters);
        self.keep(&on);
        Ok(())
    }

    /// Whether it was on.
    pub fn clear(&self, name: &str) -> bool {
        let mut on = self.lock();
        let was = on.remove(name).is_some();
        self.keep(&on);
        was
    }

    pub fn clear_all(&self) {
        let mut on = self.lock();
        on.clear();
        self.keep(&on);
    }

    pub fn get(&self, name: &str) -> Option<Value> {
        self.lock().get(name).cloned()
    }

    pub fn all(&self) -> BTreeMap<String, Value> {
        self.lock().clone()
    }

    pub fn is_on(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }

    /// A number of a fault that is on.
    pub fn number(&self, name: &str, key: &str) -> Option<u64> {
        let value = self.get(name)?[key].clone();
        // Templates make strings of numbers.
        let number = value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        number.map(|number| number.max(0.0) as u64)
    }

    pub fn flag(&self, name: &str, key: &str) -> bool {
        self.get(name).is_some_and(|parameters| parameters[key] == true)
    }

    fn keep(&self, on: &BTreeMap<String, Value>) {
        let Some(file) = &self.file else { return };
        let outlives = |name: &str, parameters: &Value| KEPT.contains(&name) || parameters["persist"] == true;
        let kept: BTreeMap<_, _> = on.iter().filter(|(name, parameters)| outlives(name, parameters)).collect();
        // Best effort: a full disk is one of the faults.
        let _ = match kept.is_empty() {
            true => fs::remove_file(file),
            false => fs::write(file, serde_json::to_vec(&kept).unwrap_or_default()),
        };
    }
}
