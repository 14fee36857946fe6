//! The steps and probes of a host: systemd, its journal, processes. On a machine of its own, by the shipped unit; each step once
//! well, once in vain, once refused.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::lab::{Context as _, Error, Host, Result, wait_for};
use crate::scene::{REPAIR, Scene, check, equal, journal};
use crate::shipped::{install, run};

const HEALD: &str = "heald.service";
const FOLDER: &str = "/etc/heald/tests";
/// Listens on a port; with `fork` in a child, that outlives it.
const HOLD: &str = r#"use IO::Socket::INET;
my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $ARGV[0], Listen => 5, ReuseAddr => 1) or exit 98;
fork() if $ARGV[1];
sleep 3600 while 1;
"#;
/// Three children end before it would ask how; then it asks whenever it is told that one has.
const ZOMBIES: &str = r#"use POSIX ":sys_wait_h";
for (1 .. 3) { exit 0 unless fork(); }
select(undef, undef, undef, 1);
$SIG{CHLD} = sub { while (waitpid(-1, WNOHANG) > 0) {} };
sleep 3600 while 1;
"#;

/// What a step came to: its outcome and its words.
type Ended = (String, String, Value);

pub async fn do_fail_and_refuse(scene: Arc<Scene>) -> Result<()> {
    let stack = scene.stack();
    let machine = format!("heald-live-act-{}", stack.run().id());
    let host = Host::start_with(stack.engine(), stack.run(), stack.image(), &machine, &["SYS_PTRACE"]).await?;
    if let Err(error) = lives_there(&scene, &host).await {
        let said = host.journal(Some(HEALD)).await.unwrap_or_else(|error| error.to_string());
        return Err(Error::new(format!("{error}\nthe unit's journal ends:\n{said}")));
    }
    host.remove().await
}

async fn lives_there(scene: &Scene, host: &Host) -> Result<()> {
    install(scene, host).await?;
    units(host).await?;
    playbooks(host).await?;
    configure(host).await?;
    // As in the test of the shipped unit: else `LoadCredential=` leaves an empty folder.
    run(host, &["mount", "--make-rshared", "/"]).await?;
    host.systemctl(&["daemon-reload"]).await?;
    run(host, &["heald", "check"]).await?;
    host.systemctl(&["start", HEALD]).await?;

    walls(host).await?;
    let (before, after) = (host.show("well.service", "MainPID").await?, drop_in_of_the_docs()?);
    host.write_unit(&format!("{HEALD}.d/10-repairs.conf"), &after).await?;
    host.systemctl(&["restart", HEALD]).await?;
    well(host).await?;
    check(host.show("well.service", "MainPID").await? != before, || "well.service is the same process".into())?;
    ports(host).await?;
    zombies(host).await?;
    in_vain(host).await
}

/// As the shipped unit is, the journal's files, other processes and the kernel's settings are out of reach; heald says so.
async fn walls(host: &Host) -> Result<()> {
    let steps = attempt(host, "act-walls", "well.service", &[]).await?;
    outcomes(
        &steps,
        &[
            ("journal.vacuum", "access_denied", "journalctl: Read-only file system (docs/least-privilege.md"),
            ("process.find_port_holder", "done", "held by a process that heald may not see"),
            ("process.signal", "refused", "may not see"),
            ("process.drop_caches", "access_denied", "least-privilege.md"),
            ("gather", "done", "lines"),
        ],
    )
}

/// Each does what it says, seen from the outside.
async fn well(host: &Host) -> Result<()> {
    let steps = attempt(host, "act-well", "well.service", &["why=say \"hi\" \\ 100%"]).await?;
    outcomes(
        &steps,
        &[
            ("systemd.reload", "done", "job done"),
            ("systemd.set_property", "done", "memory_max 200MB, cpu_quota 50% until the next boot"),
            ("systemd.drop_in", "done", "/run/systemd/system/well.service.d/50-heald-mode.conf written and read"),
            ("systemd.restart", "done", "job done"),
            ("systemd.kill", "done", "SIGTERM sent to all processes, now inactive"),
            ("systemd.start", "done", "job done"),
            ("gather", "done", "lines"),
            ("process.list_top", "done", "first is"),
            ("journal.vacuum", "done", "files of the journal removed"),
            ("process.signal", "done", "SIGUSR1 sent to all processes, now active"),
        ],
    )?;
    equal("reloads", run(host, &["cat", "/run/reloads"]).await?.trim(), "reloaded")?;
    equal("MemoryMax", host.show("well.service", "MemoryMax").await?.as_str(), "200000000")?;
    equal("CPUQuota", host.show("well.service", "CPUQuotaPerSecUSec").await?.as_str(), "500ms")?;
    let main = host.show("well.service", "MainPID").await?;
    let environment = run(host, &["cat", &format!("/proc/{main}/environ")]).await?;
    let mode = environment.split('\0').find(|pair| pair.starts_with("MODE=")).unwrap_or_default();
    equal("what the unit got", mode, "MODE=say \"hi\" \\ 100%")?;
    // Its trap writes a line when the signal comes.
    wait_for("the signal to be taken", REPAIR, async || {
        let signals = run(host, &["cat", "/run/signals"]).await.unwrap_or_default();
        if signals.trim() == "usr1" { Ok(()) } else { Err(signals.into()) }
    })
    .await?;
    let fact = |kind: &str, key: &str| steps.iter().find(|(text, _)| text == kind).map(|(_, (_, _, facts))| facts[key].clone());
    let lines = fact("gather", "lines").unwrap_or_default();
    check(lines.as_str().is_some_and(|lines| lines.contains("Started")), || format!("the log has no start: {lines}"))?;
    let bytes = fact("journal.vacuum", "bytes").unwrap_or_default();
    check(bytes.as_u64() > Some(0), || format!("nothing was freed: {bytes}"))?;
    let top = fact("process.list_top", "processes").unwrap_or_default();
    // The busy one is well.service's own.
    check(top[0]["unit"] == "busy.service", || format!("first is {}", top[0]))?;
    // What a later step says of an earlier one.
    let told = steps.iter().find(|(kind, _)| kind == "systemd.drop_in").map(|(_, (_, _, facts))| facts["file"].clone());
    equal("the fact of a file", told, Some(json!("/run/systemd/system/well.service.d/50-heald-mode.conf")))?;

    let steps = attempt(host, "act-undo", "well.service", &[]).await?;
    outcomes(&steps, &[("systemd.remove_drop_in", "done", "removed"), ("systemd.remove_drop_in", "done", "is not there")])?;
    equal("the unit's environment", host.show("well.service", "Environment").await?.as_str(), "")
}

/// A leftover goes, in the unit's group or by hand; a stranger stays.
async fn ports(host: &Host) -> Result<()> {
    // The main process dies, its child holds the port.
    host.systemctl(&["start", "left.service"]).await?;
    listens(host, 8123, 2).await?;
    host.systemctl(&["kill", "--kill-whom=main", "--signal=SIGKILL", "left.service"]).await?;
    host.wait_until("left.service", "ActiveState", &["failed"], REPAIR).await?;
    let steps = attempt(host, "act-port", "left.service", &["port=8123"]).await?;
    outcomes(
        &steps,
        &[
            ("process.find_port_holder", "done", "port 8123 is held by perl (pid "),
            ("process.signal", "done", "the port is free"),
            ("systemd.start", "done", "job done"),
        ],
    )?;
    let (found, ended) = (&steps[0].1.2, &steps[1].1.2);
    equal("stale", &found["stale"], &json!(true))?;
    equal("its unit", &found["unit"], &json!("left.service"))?;
    equal("whom the signal was for", &ended["pid"], &found["pid"])?;
    equal("the unit", host.show("left.service", "ActiveState").await?.as_str(), "active")?;

    // Now the service itself has the port: that is no leftover.
    let steps = attempt(host, "act-port-only", "left.service", &["port=8123"]).await?;
    outcomes(&steps, &[("process.signal", "refused", "held by left.service itself, which is active (running): perl (pid ")])?;

    // The unit's own command, started by hand, by somebody who is gone.
    let by_hand = "setsid /usr/bin/perl /opt/hold.pl 8124 >/dev/null 2>&1 </dev/null &";
    run(host, &["sh", "-c", by_hand]).await?;
    listens(host, 8124, 1).await?;
    host.systemctl(&["start", "hand.service"]).await?;
    host.wait_until("hand.service", "ActiveState", &["failed"], REPAIR).await?;
    let steps = attempt(host, "act-port", "hand.service", &["port=8124"]).await?;
    outcomes(&steps[1..], &[("process.signal", "done", "the port is free"), ("systemd.start", "done", "job done")])?;

    // Another unit's.
    host.systemctl(&["start", "stranger.service"]).await?;
    host.wait_until("stranger.service", "ActiveState", &["failed"], REPAIR).await?;
    let before = host.show("foreign.service", "MainPID").await?;
    let steps = attempt(host, "act-port-only", "stranger.service", &["port=8125"]).await?;
    let named = format!("port 8125 is held by perl (pid {before}, unit foreign.service");
    outcomes(&steps, &[("process.signal", "refused", &named)])?;
    check(steps[0].1.1.contains("a stranger to stranger.service: it belongs to unit foreign.service"), || steps[0].1.1.clone())?;
    equal("the stranger's main process", host.show("foreign.service", "MainPID").await?, before)
}

/// Returns when somebody listens, and so many processes of that command are there.
async fn listens(host: &Host, port: u16, processes: usize) -> Result<()> {
    let script =
        format!("grep -q ':{port:04X} 00000000:0000 0A' /proc/net/tcp && pgrep -fc '^/usr/bin/perl /opt/hold.pl {port}'");
    wait_for(&format!("port {port} to be held"), REPAIR, async || {
        let found = host.exec(&["sh", "-c", &script]).await?.stdout;
        if found.trim() == processes.to_string() { Ok(()) } else { Err(found.into()) }
    })
    .await
}

async fn zombies(host: &Host) -> Result<()> {
    wait_for("zombies", REPAIR, async || {
        let count = run(host, &["sh", "-c", "cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z '"]).await.unwrap_or_default();
        if count.trim() == "3" { Ok(()) } else { Err(count.into()) }
    })
    .await?;
    let steps = attempt(host, "act-zombies", "bereft.service", &[]).await?;
    outcomes(&steps, &[("process.signal", "done", "zombies 3, now 0")])
}

async fn in_vain(host: &Host) -> Result<()> {
    host.write_file("/run/systemd/system/well.service.d/50-heald-theirs.conf", "[Service]\nEnvironment=MODE=theirs\n").await?;
    let steps = attempt(host, "act-in-vain", "well.service", &[]).await?;
    outcomes(
        &steps,
        &[
            ("systemd.reload", "failed", "job failed"),
            ("systemd.reload", "refused", "no way to reload"),
            ("systemd.kill", "failed", "No main process to kill"),
            ("systemd.kill", "not_found", "no such unit"),
            ("systemd.set_property", "not_found", "no such unit"),
            ("systemd.drop_in", "not_found", "no such unit"),
            ("systemd.drop_in", "refused", "was not made by heald"),
            ("systemd.remove_drop_in", "refused", "was not made by heald"),
            ("process.signal", "done", "nobody listens on port 8999"),
            ("process.signal", "done", "has zombies"),
            ("gather", "done", "no lines"),
        ],
    )?;
    // A value that would forge a line never gets as far as a step, nor a port that is none.
    for (playbook, label, part) in
        [("act-well", "why=x\nExecStartPre=/bin/evil", "line break"), ("act-port-only", "port=80;id", "no port")]
    {
        let told = attempt(host, playbook, "other.service", &[label]).await;
        let why = told.err().map_or_else(|| "it was taken".to_owned(), |error| error.to_string());
        check(why.contains(part), || format!("{label:?}: {why}"))?;
    }
    Ok(())
}

/// The whole machine's: where the allow-list names the host, and nowhere else.
pub async fn caches(scene: Arc<Scene>) -> Result<()> {
    let unit = scene.unit().await?;
    let folder = scene.stack().run().files().join("act-caches");
    std::fs::create_dir_all(&folder)?;
    let target = "target: { unit: \"{{ labels.target }}\" }";
    for (name, host) in [("act-caches", "lab"), ("act-caches-other", "elsewhere")] {
        let steps = format!("    - process.drop_caches: {{ host: {host} }}\n      optional: true\n");
        std::fs::write(folder.join(format!("{name}.md")), page(name, target, &steps, "systemd.active: {}"))?;
    }
    let heald = scene.heald(|options| {
        options.units = vec![unit.name().into()];
        options.playbooks = vec![folder];
        options.more = json!({ "targets": { "units": [unit.name()], "hosts": ["lab"] } });
    })?;
    heald.start("").await?;
    heald.command(&["run", "act-caches", &format!("target={}", unit.name())]).await?;
    let journal = journal(&heald);
    let ended = journal.wait_kind("step_ended", REPAIR).await?;
    equal("outcome", &ended.body["acted"]["outcome"], &json!("done"))?;
    check(ended.body["acted"]["facts"]["available_bytes"].as_u64() > Some(0), || ended.line())?;
    scene.say(&ended.text());
    let refused = heald.command(&["run", "act-caches-other", &format!("target={}", unit.name())]).await;
    let why = match refused {
        Err(error) => error.to_string(),
        Ok(_) => journal
            .wait("the refusal", REPAIR, |record| record.seq > ended.seq && record.text().contains("elsewhere"))
            .await?
            .text(),
    };
    check(why.contains("allow-list"), || why.clone())?;
    equal("steps that ran", journal.count("step_started")?, 1)
}

// --- the machine ----------------------------------------------------------------------------------------------------------

async fn units(host: &Host) -> Result<()> {
    host.write_file("/opt/hold.pl", HOLD).await?;
    host.write_file("/opt/zombies.pl", ZOMBIES).await?;
    let well = "ExecStart=/bin/bash -c 'trap \"echo usr1 >>/run/signals\" USR1; trap \"exit 0\" TERM; while :; do sleep 1000 & wait; done'\n\
        ExecReload=/bin/sh -c 'echo reloaded >>/run/reloads'";
    let units = [
        ("well", well),
        ("busy", "ExecStart=/bin/sh -c 'while :; do :; done'"),
        ("left", "ExecStart=/usr/bin/perl /opt/hold.pl 8123 fork\nKillMode=process"),
        ("hand", "ExecStart=/usr/bin/perl /opt/hold.pl 8124"),
        ("foreign", "ExecStart=/usr/bin/perl /opt/hold.pl 8125"),
        ("stranger", "ExecStart=/usr/bin/perl /opt/hold.pl 8125"),
        ("bereft", "ExecStart=/usr/bin/perl /opt/zombies.pl"),
        ("other", "ExecStart=/bin/sleep infinity\nExecReload=/bin/false"),
    ];
    for (name, service) in units {
        host.write_file(&format!("/etc/systemd/system/{name}.service"), &format!("[Service]\n{service}\n")).await?;
    }
    host.systemctl(&["daemon-reload"]).await?;
    host.systemctl(&["start", "well.service", "busy.service", "foreign.service", "bereft.service", "other.service"])
        .await
        .map(drop)
}

/// Steps as lines of a rung, and a probe.
fn page(name: &str, target: &str, steps: &str, probes: &str) -> String {
    format!(
        "---\nplaybook: {name}\nmatch: ['alertname=\"{name}\"']\n{target}\nmode: auto\nact_on: alert\nirreversible: accepted\n\
         limits: {{ attempts: 1, budget: [50 per 10m], cooldown: 1s, grace: 1s, settle: 1s }}\nafter_care: 1s\n---\n# A test\n\n\
         ## Symptoms\n\nNone.\n\n## Auto-recovery\n\n```yaml\n- try: all\n  do:\n{steps}```\n\n## Verify\n\n\
         ```yaml\nwithin: 20s\nstable: 0s\nall:\n{}```\n",
        probes.lines().map(|probe| format!("  - {probe}\n")).collect::<String>()
    )
}

async fn playbooks(host: &Host) -> Result<()> {
    let up = "systemd.active: {}";
    let whole = "systemd.active: { stable: 1s }\nsystemd.not_restarting: { within: 1s }\nmemory: { available_min: 1MB }\n\
        process.count: { of: unit, min: 1, max: 9 }\nprocess.count: { of: zombies, max: 1000 }";
    let books: [(&str, &str, &[&str]); 7] = [
        (
            "act-walls",
            up,
            &[
                "journal.vacuum: { larger_than: 1MB, rotate: true }",
                "process.find_port_holder: { port: 8125 }",
                "process.signal: { port_holder: { port: 8125 } }",
                "process.drop_caches: { host: lab }",
                "gather: { lines: 5 }",
            ],
        ),
        (
            "act-well",
            whole,
            &[
                "systemd.reload: {}",
                "systemd.set_property: { memory_max: 200MB, cpu_quota: 50% }",
                "systemd.drop_in: { name: mode, environment: { MODE: '{{ labels.why }}' } }",
                "systemd.restart: {}",
                "systemd.kill: {}",
                "systemd.start: {}",
                "gather: { lines: 20 }",
                "process.list_top: { count: 5 }",
                "journal.vacuum: { larger_than: 1MB, rotate: true }",
                "process.signal: { signal: SIGUSR1 }",
            ],
        ),
        (
            "act-undo",
            up,
            &["systemd.remove_drop_in: { name: mode }", "systemd.remove_drop_in: { name: mode }", "systemd.restart: {}"],
        ),
        (
            "act-port",
            up,
            &[
                "process.find_port_holder: { port: '{{ labels.port }}', unit: '{{ labels.target }}' }",
                "process.signal: { port_holder: { port: '{{ labels.port }}' } }",
                "systemd.start: {}",
            ],
        ),
        ("act-port-only", "memory: { available_min: 1MB }", &["process.signal: { port_holder: { port: '{{ labels.port }}' } }"]),
        ("act-zombies", "process.count: { of: zombies, max: 0 }", &["process.signal: { zombie_parents: {} }"]),
        (
            "act-in-vain",
            up,
            &[
                "systemd.reload: { unit: other.service }",
                "systemd.reload: { unit: foreign.service }",
                "systemd.kill: { unit: stranger.service, whom: main }",
                "systemd.kill: { unit: missing.service, signal: SIGKILL }",
                "systemd.set_property: { unit: missing.service, cpu_quota: 50% }",
                "systemd.drop_in: { unit: missing.service, name: mode, environment: { A: b } }",
                "systemd.drop_in: { name: theirs, environment: { A: b } }",
                "systemd.remove_drop_in: { name: theirs }",
                "process.signal: { port_holder: { port: 8999 } }",
                "process.signal: { zombie_parents: { unit: other.service } }",
                "gather: { container: nowhere }",
            ],
        ),
    ];
    for (name, probes, steps) in books {
        let mut list = String::new();
        for step in steps {
            // All of them run, whatever becomes of one.
            writeln!(list, "    - {step}\n      optional: true").map_err(|error| Error::new(error.to_string()))?;
        }
        let text = page(name, "target: { unit: \"{{ labels.target }}\" }", &list, probes);
        host.write_file(&format!("{FOLDER}/{name}.md"), &text).await?;
    }
    Ok(())
}

async fn configure(host: &Host) -> Result<()> {
    let units: Vec<String> = ["well", "left", "hand", "foreign", "stranger", "bereft", "other", "missing"]
        .map(|name| format!("{name}.service"))
        .into();
    let config = json!({
        "web": { "listen": "127.0.0.1:9595", "auth": { "bearer_file": "webhook-token" } },
        "state": "/var/lib/heald",
        "playbooks": [FOLDER],
        "host": "lab",
        "targets": { "units": units, "hosts": ["lab"], "containers": ["nowhere"] },
    });
    host.write_file("/etc/heald/heald.yaml", &config.to_string()).await
}

/// The first block of docs/least-privilege.md that is a drop-in for these steps, as a user copies it.
fn drop_in_of_the_docs() -> Result<String> {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/least-privilege.md"))?;
    let block = page.split("```").find(|block| block.starts_with("ini\n") && block.contains("10-repairs.conf"));
    block.map(|block| block.trim_start_matches("ini\n").to_owned()).ok_or_else(|| Error::new("the page has no such block"))
}

// --- what heald did -------------------------------------------------------------------------------------------------------

/// Runs a playbook by hand and waits until its attempt is over; each step's kind and end.
async fn attempt(host: &Host, playbook: &str, target: &str, labels: &[&str]) -> Result<Vec<(String, Ended)>> {
    let target = format!("target={target}");
    let command = [&["heald", "run", playbook, &target], labels].concat();
    let said = run(host, &command).await?;
    let id = said.split_whitespace().find_map(|word| word.parse::<u64>().ok());
    let id = id.ok_or_else(|| Error::new(format!("heald run said {said:?}")))?;
    let events = wait_for(&format!("the attempt of {playbook}"), REPAIR, async || {
        let lines = run(host, &["heald", "export"]).await?;
        let events: Vec<Value> = lines.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?;
        let own: Vec<Value> =
            events.into_iter().filter(|line| line["incident"] == id).map(|line| line["event"].clone()).collect();
        let over = |event: &&Value| matches!(event["kind"].as_str(), Some("attempt_ended" | "escalated"));
        match own.iter().find(over) {
            Some(_) => Ok(own),
            None => Err(own.last().map_or_else(|| "nothing".to_owned(), Value::to_string).into()),
        }
    })
    .await?;
    if let Some(why) =
        events.iter().find(|event| event["kind"] == "escalated" && events.iter().all(|e| e["kind"] != "attempt_started"))
    {
        return Err(Error::new(why.to_string()));
    }
    let started = events.iter().filter(|event| event["kind"] == "step_started");
    let ended = events.iter().filter(|event| event["kind"] == "step_ended");
    let steps = started.zip(ended).map(|(started, ended)| {
        let acted = &ended["acted"];
        let outcome = match &acted["outcome"] {
            Value::Object(impossible) => impossible.values().next().cloned().unwrap_or_default(),
            outcome => outcome.clone(),
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kind = text(&started["text"]).split(' ').next().unwrap_or_default().to_owned();
        (kind, (text(&outcome), text(&acted["detail"]), acted["facts"].clone()))
    });
    Ok(steps.collect())
}

/// Kind, outcome and a part of the words of each, in their order; there may be more.
fn outcomes(steps: &[(String, Ended)], wanted: &[(&str, &str, &str)]) -> Result<()> {
    for (index, (kind, outcome, part)) in wanted.iter().enumerate() {
        let Some((ran, (came, detail, _))) = steps.get(index) else {
            return Err(Error::new(format!("{kind} did not run; those that did: {steps:?}"))).context("steps");
        };
        check(ran == kind && came == outcome && detail.contains(part), || {
            format!("step {}: {ran} came to {came}: {detail}; {kind} with {outcome} and {part:?} was right", index + 1)
        })?;
    }
    Ok(())
}
