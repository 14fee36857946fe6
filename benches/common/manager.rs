//! A private bus, and on it a stand-in for systemd's manager: only what heald calls, answered at once.
//!
//! Every unit is failed until `RestartUnit` comes for it; then it is active.

use futures_util::StreamExt;
use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use zbus::message::Type;
use zbus::{Connection, MessageStream, ObjectPath, Variant};

pub const SERVICE: &str = "org.freedesktop.systemd1";
const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>ADDRESS</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>"#;

pub struct Bus {
    child: Child,
    pub address: String,
}

impl Bus {
    /// `None`: no dbus-daemon on this machine.
    pub fn start(folder: &Path) -> Option<Self> {
        let (socket, config) = (folder.join("bus"), folder.join("bus.conf"));
        let address = format!("unix:path={}", socket.display());
        std::fs::write(&config, CONFIG.replace("ADDRESS", &address)).expect("the file");
        let child = Command::new("dbus-daemon")
            .arg("--nofork")
            .arg(format!("--config-file={}", config.display()))
            .stdin(Stdio::null())
            // It complains where it may not raise its own limits.
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let began = Instant::now();
        while !socket.exists() {
            assert!(began.elapsed() < Duration::from_secs(10), "dbus-daemon does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(Self { child, address })
    }

    pub async fn connect(&self) -> Connection {
        connect(&self.address).await
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn connect(address: &str) -> Connection {
    zbus::connection::Builder::address(address).build().await.expect("a connection to the bus")
}

/// What came, as the stand-in saw it.
#[derive(Default)]
struct Seen {
    /// When `RestartUnit` came for a unit, and how many calls that name it or its object had come before.
    restarts: HashMap<String, (Instant, usize)>,
    calls: HashMap<String, usize>,
}

/// On a thread of its own, until the bench ends.
pub struct Manager {
    seen: Arc<Mutex<Seen>>,
}

impl Manager {
    pub fn start(address: &str) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (address, shared) = (address.to_owned(), Arc::clone(&seen));
        let (ready, is_ready) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let line = connect(&address).await;
                let mut messages = MessageStream::from(&line);
                line.request_name(SERVICE).await.expect("the name");
                ready.send(()).expect("somebody waits");
                while let Some(Ok(message)) = messages.next().await {
                    if message.message_type() == Type::MethodCall {
                        answer(&line, &message, &shared).await.expect("the bus takes it");
                    }
                }
            });
        });
        is_ready.recv().expect("the manager is there");
        Self { seen }
    }

    /// When the unit's restart arrived, and how many calls about it had before.
    pub async fn arrival(&self, unit: &str) -> (Instant, usize) {
        let began = Instant::now();
        loop {
            if let Some(restart) = self.seen.lock().unwrap_or_else(PoisonError::into_inner).restarts.get(unit) {
                return *restart;
            }
            assert!(began.elapsed() < Duration::from_secs(10), "{unit} was not restarted");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub fn restarts_of(&self, prefix: &str) -> usize {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.restarts.keys().filter(|unit| unit.starts_with(prefix)).count()
    }
}

async fn answer(line: &Connection, message: &zbus::Message, seen: &Mutex<Seen>) -> zbus::Result<()> {
    let arrived = Instant::now();
    let (header, body) = (message.header(), message.body());
    let path = header.path().map(ToString::to_string).unwrap_or_default();
    match header.member().map(|member| member.as_str()) {
        Some("LoadUnit") => {
            let unit: String = body.deserialize()?;
            count(seen, &unit);
            line.reply(&header, &object(&unit)?).await
        }
        Some("RestartUnit") => {
            let (unit, _mode): (String, String) = body.deserialize()?;
            let number = {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                let before = seen.calls.get(&unit).copied().unwrap_or_default();
                let earlier = seen.restarts.insert(unit.clone(), (arrived, before));
                assert!(earlier.is_none(), "{unit} is restarted a second time");
                u32::try_from(seen.restarts.len()).unwrap_or(u32::MAX)
            };
            let job = ObjectPath::try_from(format!("/org/freedesktop/systemd1/job/{number}"))?;
            line.reply(&header, &job).await?;
            let done = (number, &job, unit.as_str(), "done");
            line.emit_signal(None::<&str>, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "JobRemoved", &done)
                .await
        }
        Some("Get") => {
            let (_interface, name): (String, String) = body.deserialize()?;
            let unit = unit_of(&path);
            count(seen, &unit);
            let up = seen.lock().unwrap_or_else(PoisonError::into_inner).restarts.contains_key(&unit);
            line.reply(&header, &property(&name, &unit, up)?).await
        }
        // Subscribe.
        _ => line.reply(&header, &()).await,
    }
}

fn count(seen: &Mutex<Seen>, unit: &str) {
    *seen.lock().unwrap_or_else(PoisonError::into_inner).calls.entry(unit.to_owned()).or_default() += 1;
}

fn property<'a>(name: &str, unit: &str, up: bool) -> zbus::Result<Variant<'a>> {
    let word = |down: &'static str, active: &'static str| Variant::from(if up { active } else { down });
    Ok(match name {
        "Id" => Variant::from(unit.to_owned()),
        "LoadState" => Variant::from("loaded"),
        "ActiveState" => word("failed", "active"),
        "SubState" => word("failed", "running"),
        "Job" => Variant::from((0_u32, ObjectPath::try_from("/")?)),
        "InvocationID" => Variant::from(vec![u8::from(up); 16]),
        "ActiveEnterTimestampMonotonic" => Variant::from(1_u64),
        "UnitFileState" => Variant::from("enabled"),
        "Result" => word("signal", "success"),
        "ExecMainCode" => Variant::from(2_i32),
        "ExecMainStatus" => Variant::from(9_i32),
        "Names" => Variant::from(vec![unit.to_owned()]),
        "PartOf" | "Requires" | "Requisite" | "BindsTo" | "After" => Variant::from(Vec::<String>::new()),
        "StartLimitBurst" => Variant::from(5_u32),
        "StartLimitIntervalUSec" => Variant::from(10_000_000_u64),
        _ => Variant::from("running"),
    })
}

/// `-` and `.` as systemd writes them in an object's path.
fn object(unit: &str) -> zbus::Result<ObjectPath<'static>> {
    let name = unit.replace('-', "_2d").replace('.', "_2e");
    ObjectPath::try_from(format!("/org/freedesktop/systemd1/unit/{name}"))
}

fn unit_of(path: &str) -> String {
    path.rsplit('/').next().unwrap_or_default().replace("_2d", "-").replace("_2e", ".")
}
