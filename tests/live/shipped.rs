//! What `make install` lays out, started by a systemd as the README says: the shipped unit with all its walls, the sample
//! configuration, the playbooks as they are.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lab::{Context as _, Error, Host, Result, wait_for};
use crate::scene::{REPAIR, Scene, check, equal};
use crate::victims::{Unit, now};

const HEALD: &str = "heald.service";
const CONFIG: &str = "/etc/heald/heald.yaml";
/// `TimeoutStopSec=` of the unit.
const STOP: Duration = Duration::from_secs(30);
/// Fed at least each half of `WatchdogSec=30s`, else it is too close.
const FED: Duration = Duration::from_secs(15);

/// What a wall that stands in the way leaves behind, and what systemd says of a line that it does not understand.
const COMPLAINTS: [&str; 8] = [
    "Operation not permitted",
    "Permission denied",
    "Read-only file system",
    "SIGSYS",
    "seccomp",
    " ERROR ",
    "ignoring",
    "Watchdog timeout",
];

/// The image has no curl. `$1`: the token, `$2`: the body; prints the status line.
const POST: &str = r#"
    exec 3<>/dev/tcp/127.0.0.1/9595
    printf 'POST /api/v1/alerts HTTP/1.1\r\nHost: heald\r\nAuthorization: Bearer %s\r\nConnection: close\r\n' "$1" >&3
    printf 'Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "${#2}" "$2" >&3
    head -n 1 <&3"#;

/// On a machine of its own, where heald is at home.
pub async fn unit_starts_and_heals(scene: Arc<Scene>) -> Result<()> {
    let stack = scene.stack();
    let machine = format!("heald-live-shipped-{}", stack.run().id());
    let host = Host::start(stack.engine(), stack.run(), stack.image(), &machine).await?;
    if let Err(error) = lives_there(&scene, &host).await {
        let said = host.journal(Some(HEALD)).await.unwrap_or_else(|error| error.to_string());
        return Err(Error::new(format!("{error}\nthe unit's journal ends:\n{said}")));
    }
    host.remove().await
}

async fn lives_there(scene: &Scene, host: &Host) -> Result<()> {
    let unit = Unit::start(host, scene.name).await?;
    install(scene, host).await?;
    let name = configure(host, unit.name()).await?;

    // systemd does this when it boots a host, and in a container it does not: `LoadCredential=` then leaves an empty folder.
    run(host, &["mount", "--make-rshared", "/"]).await?;
    host.systemctl(&["daemon-reload"]).await?;
    host.exec(&["systemd-analyze", "verify", HEALD]).await?.ok()?;
    run(host, &["heald", "check"]).await?;
    // Returns when heald says that it is ready.
    host.systemctl(&["enable", "--now", HEALD]).await?;
    equal("state", host.show(HEALD, "ActiveState").await?.as_str(), "active")?;
    walls_stand(host).await?;
    run(host, &["heald", "status"]).await?;
    let fed = host.show(HEALD, "WatchdogTimestampMonotonic").await?;

    let before = unit.invocation().await?;
    unit.kill().await?;
    let (alert, fault) = (alert(&name, unit.name()), Instant::now());
    let token = run(host, &["head", "-n", "1", "/etc/heald/webhook-token"]).await?;
    equal("answer to a stranger", post(host, "wrong", &alert).await?.as_str(), "HTTP/1.1 401 Unauthorized")?;
    equal("answer", post(host, &token, &alert).await?.as_str(), "HTTP/1.1 200 OK")?;
    wait_for("the repair", REPAIR, async || match state(host).await?.as_str() {
        "healed" => Ok(()),
        other => Err(other.into()),
    })
    .await?;
    let took = fault.elapsed().as_secs_f64();
    equal("the unit", unit.state().await?.as_str(), "active")?;
    check(unit.invocation().await? != before, || format!("the unit still has InvocationID {before}"))?;
    unit.expect_starts(2).await?;

    wait_for("the watchdog to be fed", FED, async || {
        let now = host.show(HEALD, "WatchdogTimestampMonotonic").await?;
        if now == fed { Err(now.into()) } else { Ok(()) }
    })
    .await?;
    let stopped = stops(host).await?;
    // The journal it left is good, and it finds its way back to it.
    host.systemctl(&["start", HEALD]).await?;
    equal("the incident after a restart", state(host).await?.as_str(), "healed")?;
    equal("unasked restarts", host.show(HEALD, "NRestarts").await?.as_str(), "0")?;
    no_complaints(host).await?;
    scene.say(&format!("healed {took:.1} s after the fault, stopped within {:.1} s", stopped.as_secs_f64()));
    Ok(())
}

pub async fn install(scene: &Scene, host: &Host) -> Result<()> {
    host.install(&scene.bench.program).await?;
    equal("the token's file", run(host, &["stat", "-c", "%a %U", "/etc/heald/webhook-token"]).await?.as_str(), "600 root")
}

/// The sample's own lines, as a user would change them. The host's name.
async fn configure(host: &Host, unit: &str) -> Result<String> {
    let name = run(host, &["cat", "/proc/sys/kernel/hostname"]).await?;
    let mut text = run(host, &["cat", CONFIG]).await?;
    let units = format!("  units:\n    - {unit}");
    for (shipped, changed) in [
        ("  units: []\n    # - web.service", units.as_str()),
        ("# overrides:\n#   systemd-unit-failed: { mode: auto }", "overrides:\n  systemd-unit-failed: { mode: auto }"),
    ] {
        equal(&format!("places in the sample of {shipped:?}"), text.matches(shipped).count(), 1)?;
        text = text.replace(shipped, changed);
    }
    host.write_file(CONFIG, &text).await?;
    Ok(name)
}

/// systemd skips what it can't build; a test of walls that are not there would prove nothing.
async fn walls_stand(host: &Host) -> Result<()> {
    let process = format!("/proc/{}", host.show(HEALD, "MainPID").await?);
    let status = run(host, &["cat", &format!("{process}/status")]).await?;
    for wall in ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        check(status.lines().any(|line| line == wall), || format!("{wall:?} is missing in\n{status}"))?;
    }
    let mounts = run(host, &["cat", &format!("{process}/mounts")]).await?;
    let mounted = |point: &str| {
        let last = mounts.lines().rev().map(|line| line.split(' ').collect::<Vec<_>>()).find(|fields| fields[1] == point);
        last.and_then(|fields| fields.get(3).map(|options| options.split(',').next().unwrap_or_default().to_owned()))
    };
    // Strict, with one exception; devices and a /tmp of its own; the token by way of the credentials.
    let wanted = [
        ("/", "ro"),
        ("/var/lib/heald", "rw"),
        ("/dev", "ro"),
        ("/tmp", "rw"),
        ("/home", "ro"),
        ("/run/credentials/heald.service", "ro"),
    ];
    for (point, access) in wanted {
        check(mounted(point).as_deref() == Some(access), || format!("{point} is not mounted {access}:\n{mounts}"))?;
    }
    run(host, &["test", "-f", &format!("{process}/root/run/credentials/heald.service/webhook-token")]).await?;
    equal("WatchdogUSec", host.show(HEALD, "WatchdogUSec").await?.as_str(), "30s")?;
    equal("NotifyAccess", host.show(HEALD, "NotifyAccess").await?.as_str(), "main")
}

/// By SIGTERM, in time, and by itself.
async fn stops(host: &Host) -> Result<Duration> {
    let start = Instant::now();
    host.systemctl(&["stop", HEALD]).await?;
    let took = start.elapsed();
    check(took < STOP, || format!("it took {took:?} to stop"))?;
    // 1: it exited, as opposed to being killed.
    for (property, wanted) in [("ActiveState", "inactive"), ("Result", "success"), ("ExecMainCode", "1"), ("ExecMainStatus", "0")]
    {
        equal(property, host.show(HEALD, property).await?.as_str(), wanted)?;
    }
    Ok(took)
}

async fn no_complaints(host: &Host) -> Result<()> {
    let said = run(host, &["journalctl", "--no-pager", "--unit", HEALD]).await?;
    check(said.contains("heald is ready"), || format!("this is not heald's journal:\n{said}"))?;
    let complaint = said.lines().find(|line| COMPLAINTS.iter().any(|complaint| line.contains(complaint)));
    complaint.map_or(Ok(()), |line| Err(Error::new(format!("heald's journal says {line:?}"))))
}

/// Of the one incident there is.
async fn state(host: &Host) -> Result<String> {
    let all: Vec<Value> = serde_json::from_str(&run(host, &["heald", "incidents", "--output", "json"]).await?)?;
    equal("incidents", all.len(), 1)?;
    Ok(all[0]["state"].as_str().unwrap_or_default().to_owned())
}

fn alert(host: &str, unit: &str) -> String {
    let labels = json!({
        "alertname": "SystemdUnitFailed", "host": host, "target": unit, "target_kind": "unit",
        "severity": "P1", "remediate": "auto",
    });
    let alert = json!({ "status": "firing", "labels": labels, "startsAt": now().to_string(), "fingerprint": "91a9ba7c23f2c61c" });
    json!({ "version": "4", "status": "firing", "receiver": "heald", "groupKey": "g", "alerts": [alert] }).to_string()
}

async fn post(host: &Host, token: &str, body: &str) -> Result<String> {
    let answer = run(host, &["bash", "-c", POST, "bash", token, body]).await?;
    Ok(answer.trim_end().to_owned())
}

pub async fn run(host: &Host, command: &[&str]) -> Result<String> {
    host.exec(command).await?.ok().with_context(|| command.first().copied().unwrap_or_default().to_owned())
}
