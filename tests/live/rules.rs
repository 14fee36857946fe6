//! The lab's fast rules are the shipped ones but for their durations.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::lab::{Pace, Result, RuleFile, shipped_rules};
use crate::scene::{Scene, check, equal};

/// All that the pace may change.
const DURATIONS: [&str; 3] = ["for", "keep_firing_for", "interval"];

pub async fn paced_as_shipped(scene: Arc<Scene>) -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("alert-rules");
    for paced in shipped_rules(&folder, &Pace::default())? {
        let shipped = RuleFile::read(&folder.join(&paced.name))?;
        let (fast, slow) = (parsed(&paced.text)?, parsed(&shipped.text)?);
        check(paced.text != shipped.text, || format!("{}: the pace changed nothing", paced.name))?;
        equal(&paced.name, without_durations(fast), without_durations(slow))?;
    }

    // And Prometheus has loaded them.
    let monitoring = scene.stack().monitoring();
    let loaded: Value =
        monitoring.http().get(format!("{}/api/v1/rules", monitoring.prometheus.url())).send().await?.json().await?;
    let names = loaded["data"]["groups"].to_string();
    for name in ["SystemdUnitFailed", "ContainerDown"] {
        check(names.contains(name), || format!("Prometheus does not know {name}"))?;
    }
    Ok(())
}

fn parsed(text: &str) -> Result<Value> {
    Ok(serde_saphyr::from_str(text)?)
}

fn without_durations(mut value: Value) -> Value {
    match &mut value {
        Value::Object(map) => {
            map.retain(|key, _| !DURATIONS.contains(&key.as_str()));
            map.values_mut().for_each(|inner| *inner = without_durations(inner.take()));
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| *inner = without_durations(inner.take())),
        _ => {}
    }
    value
}
