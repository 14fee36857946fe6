//! Walks the file key by key.

use super::secret::{Places, Secret};
use super::settings::{Alertmanager, Auth, Level, Log, LogFormat, Prometheus, Settings, Tls, Web};
use super::{collect, drills, escalation, guards, intervals, notify, objectives, targets};
use crate::book::Override;
use crate::chat::People;
use crate::domain::escalation::{EscalationPolicy, Watchdog};
use crate::domain::policy::{Objective, Policy};
use crate::domain::target::AllowList;
use crate::inventory::{self, Inventory};
use crate::yaml::{Chunk, Fields, File, Node, Problem, parse, quote, text};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9595);
const STATE: &str = "/var/lib/heald";
const CONNECTIONS: u32 = 512;
const SYSTEMD_BUS: &str = "unix:path=/run/dbus/system_bus_socket";
const DOCKER_HOST: &str = "unix:///var/run/docker.sock";
/// Alertmanager's own default.
const GROUP_INTERVAL: Duration = Duration::from_secs(300);
const SIZE_MAX: u64 = 1 << 20;

/// # Errors
/// Every mistake in the file, in the order of its lines.
pub fn load(path: &Path) -> Result<Settings, Vec<Problem>> {
    let of_file = |what: String| vec![Problem::of_file(path, what)];
    let text = open(path).map_err(of_file)?;
    // A path without a folder lies in the current one.
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    read(path, &text, &Places { dir, credentials: credentials.as_deref() })
}

/// As [`load`], with the file already read.
///
/// # Errors
/// As [`load`].
pub fn read(path: &Path, text: &str, places: &Places<'_>) -> Result<Settings, Vec<Problem>> {
    let file = File::new(path, text);
    let settings = settings(&file, places);
    let problems = file.into_problems();
    match settings {
        Some(settings) if problems.is_empty() => Ok(settings),
        _ if problems.is_empty() => Err(vec![Problem::of_file(path, "it can't be read")]),
        _ => Err(problems),
    }
}

fn open(path: &Path) -> Result<String, String> {
    let unread = |error: std::io::Error| format!("the configuration can't be read: {error}");
    let kind = fs::metadata(path).map_err(unread)?;
    if !kind.is_file() {
        return Err("the configuration is no regular file".to_owned());
    }
    if kind.permissions().mode() & 0o002 != 0 {
        return Err(format!("everybody may write it, and it decides what heald does; run `chmod o-w {}`", path.display()));
    }
    if kind.len() > SIZE_MAX {
        return Err(format!("it has {} bytes; at most {SIZE_MAX} are read", kind.len()));
    }
    let bytes = fs::read(path).map_err(unread)?;
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("line {line} is not UTF-8")
    })
}

fn settings(file: &File<'_>, places: &Places<'_>) -> Option<Settings> {
    if file.text().starts_with('\u{feff}') {
        file.refuse(0, "the file begins with a byte order mark; save it as UTF-8 without one");
        return None;
    }
    if file.text().lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        let help = "name at least the folder of the playbooks: `playbooks: [/etc/heald/playbooks]`";
        file.refuse_with_help(0, "the file is empty, and an empty file is not \"no policy\"", help);
        return None;
    }
    let root = parse(file, &[Chunk { at: 0, text: file.text().to_owned() }])?;
    let mut fields = Fields::of(file, &root)?;
    let web = web(&mut fields, places);
    let targets = fields.fields("targets").map_or_else(AllowList::default, targets::read);
    let intervals = intervals::read(&mut fields);
    let mut people = People::default();
    let notify = fields.fields("notify").map(|fields| notify::read(fields, places, &mut people)).unwrap_or_default();
    let escalation = escalation::read(fields.fields("escalation"), &notify, &intervals);
    let alertmanager = fields.fields("alertmanager").map(alertmanager);
    let (alertmanager, watchdog, silence_while_repairing) =
        alertmanager.map_or((None, None, None), |(settings, watchdog, silence)| (Some(settings), watchdog, silence));
    let page = alertmanager.as_ref().and_then(|alertmanager| alertmanager.url.clone());
    let escalation = EscalationPolicy { watchdog, alertmanager: page, ..escalation };
    let (objectives, inventory) = objectives(&mut fields, places);
    let drills = fields.fields("drills").map(|fields| drills::read(fields, places, &intervals)).unwrap_or_default();
    let settings = Settings {
        file: file.path().to_owned(),
        web,
        state: fields.text("state").map_or_else(|| PathBuf::from(STATE), |path| places.path(&path)),
        playbooks: playbooks(&mut fields, places),
        host: host(&mut fields),
        host_label: label(&mut fields),
        guards: Policy {
            escalation,
            objectives,
            silence_while_repairing,
            ..guards::read(fields.fields("guards"), intervals, &targets)
        },
        targets,
        systemd_bus: address(&mut fields, "systemd", "bus", "unix:path=/", SYSTEMD_BUS),
        docker_host: address(&mut fields, "docker", "host", "unix:///", DOCKER_HOST),
        alertmanager,
        prometheus: fields.fields("prometheus").and_then(prometheus),
        supervisor: fields.fields("supervisor").and_then(|fields| supervisor(fields, places)),
        vars: fields.values("vars").unwrap_or_default(),
        overrides: overrides(&mut fields),
        notify,
        people,
        collect: fields.fields("collect").map(collect::read).unwrap_or_default(),
        drills,
        log: fields.fields("log").map(log).unwrap_or_default(),
    };
    fields.end();
    let mut settings = settings;
    settings.guards.order.modes = inventory.continuity_on(&settings.host);
    let own = [&settings.file, &settings.state].into_iter().chain(&settings.playbooks);
    let own: BTreeSet<String> =
        own.filter_map(|path| std::path::absolute(path).ok()).map(|path| path.to_string_lossy().into_owned()).collect();
    let allowed = AllowList { own: own.clone(), ..settings.drills.allowed };
    let drills = crate::drill::Settings { allowed, ..settings.drills };
    Some(Settings { targets: AllowList { own, ..settings.targets }, drills, ..settings })
}

fn web(fields: &mut Fields<'_>, places: &Places<'_>) -> Web {
    let mut web = Web { listen: LISTEN, metrics_listen: None, tls: None, auth: None, admin: None, max_connections: CONNECTIONS };
    let Some(mut fields) = fields.fields("web") else { return web };
    let file = fields.file();
    web.listen = fields.node("listen").and_then(|node| socket(file, node)).unwrap_or(LISTEN);
    if let Some(node) = fields.node("metrics_listen") {
        web.metrics_listen = socket(file, node);
        if web.metrics_listen == Some(web.listen) && web.listen.port() != 0 {
            file.refuse(node.at, "`metrics_listen` is the same as `listen`; leave it out to serve both there");
        }
    }
    web.tls = fields.fields("tls").and_then(|fields| tls(fields, places));
    web.auth = fields.fields("auth").and_then(|fields| auth(fields, places));
    let certificates = web.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    if let Some(node) = fields.node("listen").filter(|_| !web.listen.ip().is_loopback())
        && !fields.has("auth")
        && !certificates
    {
        let help = "add `auth: { bearer_file: webhook-token }` or `tls: { …, client_ca_file: ca.pem }`, or listen on 127.0.0.1";
        file.refuse_with_help(node.at, "without `auth`, everybody who reaches this address may cause repairs", help);
    }
    web.admin = fields.fields("admin").and_then(|fields| admin(fields, places));
    web.max_connections = fields.number("max_connections", 1..=65_535).unwrap_or(CONNECTIONS);
    fields.end();
    web
}

/// PEM files, beside the configuration or among systemd's credentials. Whether they are any good is seen when they are read.
fn tls(mut fields: Fields<'_>, places: &Places<'_>) -> Option<Tls> {
    let mut path = |key: &'static str| {
        if !fields.has(key) && key != "client_ca_file" {
            fields.missing(key, "write `tls: { cert_file: heald.pem, key_file: heald-key.pem }`");
        }
        fields.text(key).map(|name| places.secret(&name))
    };
    let (cert, key, client_ca) = (path("cert_file"), path("key_file"), path("client_ca_file"));
    fields.end();
    Some(Tls { cert: cert?, key: key?, client_ca })
}

/// An `auth:` that says nothing must not become an open door.
fn auth(mut fields: Fields<'_>, places: &Places<'_>) -> Option<Auth> {
    let bearer = places.read(&mut fields, "bearer_file", "bearer");
    let basic = fields.fields("basic").and_then(|mut fields| {
        let user = fields.text("user");
        let password = places.read(&mut fields, "password_file", "password");
        for key in ["user", "password_file"] {
            if !fields.has(key) && !fields.has("password") {
                fields.missing(key, "write `basic: { user: alertmanager, password_file: /path/of/the/file }`");
            }
        }
        fields.end();
        Some(Auth::Basic { user: user?, password: password? })
    });
    match (fields.has("bearer_file") || fields.has("bearer"), fields.has("basic")) {
        (true, true) => fields.file().refuse(fields.at(), "`bearer_file` and `basic` exclude each other; Alertmanager sends one"),
        (false, false) => fields.file().refuse(fields.at(), "`auth` needs `bearer_file` or `basic`"),
        _ => {}
    }
    fields.end();
    bearer.map(Auth::Bearer).or(basic)
}

fn admin(mut fields: Fields<'_>, places: &Places<'_>) -> Option<Secret> {
    let bearer = places.read(&mut fields, "bearer_file", "bearer");
    if !fields.has("bearer_file") && !fields.has("bearer") {
        fields.missing("bearer_file", "write `admin: { bearer_file: admin-token }`");
    }
    fields.end();
    bearer
}

fn socket(file: &File<'_>, node: &Node) -> Option<SocketAddr> {
    let found = text(file, node)?;
    let address = found.parse().ok();
    if address.is_none() {
        file.refuse(
            node.at,
            format!("{} is no address: write 127.0.0.1:9595, or 0.0.0.0:9595 for every interface", quote(&found)),
        );
    }
    address
}

fn playbooks(fields: &mut Fields<'_>, places: &Places<'_>) -> Vec<PathBuf> {
    if !fields.has("playbooks") {
        fields.missing("playbooks", "name folders or files: `playbooks: [/etc/heald/playbooks]`");
    }
    let Some(at) = fields.node("playbooks").map(|node| node.at) else { return Vec::new() };
    let paths = fields.texts("playbooks").unwrap_or_default();
    if paths.is_empty() {
        fields.file().refuse(at, "no playbooks: name at least one folder or file");
    }
    paths.into_iter().map(|(_, path)| places.path(&path)).collect()
}

/// Those of the inventory, where one is named; what this file says of the same service goes before it.
fn objectives(fields: &mut Fields<'_>, places: &Places<'_>) -> (BTreeMap<String, Objective>, Inventory) {
    let inventory = fields.text("inventory").map(|path| inventory::load(&places.path(&path)));
    let inventory = match inventory {
        Some(Ok(inventory)) => inventory,
        Some(Err(problems)) => {
            fields.file().include(problems);
            Inventory::default()
        }
        None => Inventory::default(),
    };
    let mut objectives = inventory.objectives();
    objectives.extend(fields.fields("recovery_objectives").map(|fields| objectives::read(&fields)).unwrap_or_default());
    (objectives, inventory)
}

fn host(fields: &mut Fields<'_>) -> String {
    if let Some(name) = fields.text("host") {
        return name;
    }
    if !fields.has("host")
        && let Ok(name) = fs::read_to_string("/proc/sys/kernel/hostname")
        && !name.trim().is_empty()
    {
        return name.trim().to_owned();
    }
    if !fields.has("host") {
        fields.missing("host", "the machine does not tell its name; write `host: its-name`");
    }
    String::new()
}

fn label(fields: &mut Fields<'_>) -> String {
    let Some(node) = fields.node("host_label") else { return "host".to_owned() };
    let name = text(fields.file(), node).unwrap_or_default();
    let sound = !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !sound {
        fields.file().refuse(node.at, format!("{} is no label name: letters, digits and _", quote(&name)));
    }
    name
}

/// A section with one key: where something listens.
fn address(fields: &mut Fields<'_>, section: &'static str, key: &'static str, form: &str, default: &str) -> String {
    let Some(mut fields) = fields.fields(section) else { return default.to_owned() };
    let file = fields.file();
    let address = fields.node(key).and_then(|node| {
        let found = text(file, node)?;
        if !found.starts_with(form) || found.chars().any(char::is_whitespace) {
            file.refuse(node.at, format!("{} is not taken: write {default:?}", quote(&found)));
        }
        Some(found)
    });
    fields.end();
    address.unwrap_or_else(|| default.to_owned())
}

fn alertmanager(mut fields: Fields<'_>) -> (Alertmanager, Option<Watchdog>, Option<Duration>) {
    let url = if fields.has("url") { url(&mut fields) } else { None };
    let range = Duration::from_secs(1)..=Duration::from_secs(86_400);
    let group_interval = fields.span("group_interval", range).unwrap_or(GROUP_INTERVAL);
    let watchdog = fields.fields("watchdog").map(|mut fields| {
        let alertname = fields.text("alertname").unwrap_or_else(|| "Watchdog".to_owned());
        if !fields.has("every") {
            fields.missing("every", "the `repeat_interval` of its route in Alertmanager, such as `every: 1m`");
        }
        let every = fields.span("every", Duration::from_secs(1)..=Duration::from_secs(86_400));
        fields.end();
        Watchdog { alertname, every: every.unwrap_or(GROUP_INTERVAL) }
    });
    if url.is_none() && fields.has("silence_while_repairing") {
        fields.missing("url", "Alertmanager is asked for the silence there: `url: http://127.0.0.1:9093`");
    }
    let silence = fields.span("silence_while_repairing", Duration::from_secs(60)..=Duration::from_secs(3_600));
    fields.end();
    (Alertmanager { url, group_interval }, watchdog, silence)
}

fn prometheus(mut fields: Fields<'_>) -> Option<Prometheus> {
    let url = url(&mut fields);
    fields.end();
    Some(Prometheus { url: url? })
}

fn supervisor(mut fields: Fields<'_>, places: &Places<'_>) -> Option<PathBuf> {
    let socket = fields.text("socket").unwrap_or_else(|| collect::SUPERVISOR.to_owned());
    fields.end();
    Some(places.path(&socket))
}

/// Ends without a slash, so that paths can be put behind it.
pub(super) fn url(fields: &mut Fields<'_>) -> Option<String> {
    if !fields.has("url") {
        fields.missing("url", "write `url: http://127.0.0.1:9093`");
    }
    let file = fields.file();
    let node = fields.node("url")?;
    let found = text(file, node)?;
    let why = match reqwest::Url::parse(&found) {
        Err(error) => error.to_string(),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => "it must begin with http:// or https://".to_owned(),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            "a password does not belong into this file".to_owned()
        }
        Ok(url) if url.fragment().is_some() => "`#` does not belong there".to_owned(),
        Ok(_) => return Some(found.trim_end_matches('/').to_owned()),
    };
    // The value may hold a password: it is not repeated.
    file.refuse(node.at, format!("this URL is not taken: {why}"));
    None
}

pub(super) fn overrides(fields: &mut Fields<'_>) -> BTreeMap<String, Override> {
    let Some(fields) = fields.fields("overrides") else { return BTreeMap::new() };
    let read = fields.entries().iter().filter_map(|(key, node)| Some((key.name.clone(), Override::read(fields.file(), node)?)));
    read.collect()
}

fn log(mut fields: Fields<'_>) -> Log {
    let format = fields.word("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]).unwrap_or_default();
    let levels = [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace].map(|level| (level.label(), level));
    let level = fields.word("level", &levels).unwrap_or_default();
    fields.end();
    Log { format, level }
}
