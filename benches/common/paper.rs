//! Playbooks and webhook bodies, as many as wanted, each different.

use std::fmt::Write;

/// Alertmanager's shape and size: about 800 bytes an alert.
pub fn body(alerts: impl Iterator<Item = Firing>) -> Vec<u8> {
    let mut text = String::from(
        r#"{"receiver":"heald","status":"firing","groupLabels":{"alertname":"Bench"},"commonLabels":{"job":"node"},"commonAnnotations":{},"externalURL":"http://am:9093","version":"4","groupKey":"{}:{alertname=\"Bench\"}","truncatedAlerts":0,"alerts":["#,
    );
    for (index, alert) in alerts.enumerate() {
        if index > 0 {
            text.push(',');
        }
        alert.write(&mut text);
    }
    text.push_str("]}");
    text.into_bytes()
}

#[derive(Clone, Debug)]
pub struct Firing {
    pub alertname: String,
    /// Makes the fingerprint.
    pub number: u64,
    pub target: String,
    pub resolved: bool,
}

impl Firing {
    pub fn new(alertname: &str, number: u64, target: impl Into<String>) -> Self {
        Self { alertname: alertname.to_owned(), number, target: target.into(), resolved: false }
    }

    fn write(&self, text: &mut String) {
        let Self { alertname, number, target, resolved } = self;
        let status = if *resolved { "resolved" } else { "firing" };
        write!(
            text,
            r#"{{"status":"{status}","labels":{{"alertname":"{alertname}","instance":"web-1:9100","job":"node","name":"service-{number}","severity":"P1","target":"{target}","team":"platform"}},"annotations":{{"description":"systemd reports the state failed for more than one minute","runbook_url":"https://example.org/runbooks/{alertname}","summary":"service-{number} failed on web-1"}},"startsAt":"2026-11-22T01:44:45.370906Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus:9090/graph?g0.expr=node_systemd_unit_state%7Bstate%3D%22failed%22%7D+%3D%3D+1&g0.tab=1","fingerprint":"{number:016x}"}}"#,
        )
        .expect("a string takes everything");
    }
}

/// A playbook whose one step restarts the target. `matcher` asks for the alert's name: `="A"` or `=~"A|B"`.
pub fn playbook(id: &str, matcher: &str, target: &str, mode: &str, step: &str, probe: &str) -> String {
    format!(
        "---\nplaybook: {id}\nmatch: ['alertname{matcher}']\ntarget: {{ {target} }}\nmode: {mode}\n\
         limits: {{ attempts: 3, within: 5m, budget: [5 per 10m], cooldown: 10s }}\nafter_care: 0s\n---\n# {id}\n\n\
         ## Auto-recovery\n\n```yaml\n- try: the only thing\n  do:\n    - {step}\n```\n\n\
         ## Verify\n\n```yaml\nwithin: 30s\nstable: 0s\nall:\n  - {probe}\n```\n\n\
         ## Manual fix\n\nLook at the log, then restart it by hand.\n"
    )
}
