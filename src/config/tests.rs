//! What people get wrong, and what they are told.

use super::read::read;
use super::secret::Places;
use super::*;
use crate::domain::playbook::Mode;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

mod collect;
mod guards;
mod intervals;
mod notify;
mod objectives;
mod people;
mod schema;
mod slack;
mod telegram;

/// Reads `text` as `heald.yaml` in a folder with the secrets `token`, `app-token`, `hook`, `empty` and `control`.
fn reading(text: &str) -> Result<Settings, Vec<String>> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("token"), "s3cret\n").unwrap();
    fs::write(dir.path().join("empty"), "\n").unwrap();
    fs::write(dir.path().join("control"), "a\u{1b}b\n").unwrap();
    fs::write(dir.path().join("app-token"), "xapp-s3cret\n").unwrap();
    fs::write(dir.path().join("hook"), "https://hooks.slack.com/services/T0/B0/s3cret\n").unwrap();
    let places = Places { dir: dir.path(), credentials: None };
    read(Path::new("heald.yaml"), text, &places).map_err(|problems| {
        let shown = problems.iter().map(|problem| format!("{}: {}", problem.place(), problem.what));
        shown.map(|problem| problem.replace(&format!("{}/", dir.path().display()), "DIR/")).collect()
    })
}

/// `text` stands above `playbooks: [p]` and has one mistake.
#[track_caller]
fn check(text: &str, expected: &str) {
    let found = reading(&format!("{text}\nplaybooks: [p]\n")).map(|_| ()).unwrap_err();
    assert_eq!(found, [expected], "for {text:?}");
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (text, expected) in [
        ("stat: /x", "heald.yaml:1:1: unknown key `stat`; did you mean `state`?"),
        ("web: { lisen: 127.0.0.1:1 }", "heald.yaml:1:8: unknown key `lisen`; did you mean `listen`?"),
        (
            "web: { listen: localhost }",
            "heald.yaml:1:16: \"localhost\" is no address: write 127.0.0.1:9595, or 0.0.0.0:9595 for every interface",
        ),
        ("web: { listen: 0.0.0.0:1 }", "heald.yaml:1:16: without `auth`, everybody who reaches this address may cause repairs"),
        (
            "web: { listen: 127.0.0.1:1, metrics_listen: 127.0.0.1:1 }",
            "heald.yaml:1:45: `metrics_listen` is the same as `listen`; leave it out to serve both there",
        ),
        ("web: { max_connections: 0 }", "heald.yaml:1:25: 0 is out of range: a whole number from 1 to 65535"),
        ("web: { max_connections: 1.5 }", "heald.yaml:1:25: 1.5 is out of range: a whole number from 1 to 65535"),
        ("web: { max_connections: \"5\" }", "heald.yaml:1:25: a text where a whole number from 1 to 65535 is expected"),
        ("web:\n  auth:", "heald.yaml:2:3: `auth` has no value; give it one or remove the line"),
        ("web: { auth: {} }", "heald.yaml:1:14: `auth` needs `bearer_file` or `basic`"),
        ("web: { auth: { bearer: abc } }", "heald.yaml:1:16: a secret does not belong into this file: `bearer`"),
        (
            "web: { auth: { basic: { user: a, password: b } } }",
            "heald.yaml:1:34: a secret does not belong into this file: `password`",
        ),
        ("web: { auth: { basic: { user: a } } }", "heald.yaml:1:23: key `password_file` is missing"),
        (
            "web: { auth: { bearer_file: token, basic: { user: a, password_file: token } } }",
            "heald.yaml:1:14: `bearer_file` and `basic` exclude each other; Alertmanager sends one",
        ),
        (
            "web: { auth: { bearer_file: nowhere } }",
            "heald.yaml:1:29: the secret DIR/nowhere can't be read: No such file or directory (os error 2)",
        ),
        ("web: { auth: { bearer_file: empty } }", "heald.yaml:1:29: the secret DIR/empty is empty"),
        ("web: { auth: { bearer_file: control } }", "heald.yaml:1:29: the secret DIR/control holds control characters"),
        ("web: { admin: {} }", "heald.yaml:1:15: key `bearer_file` is missing"),
        ("web: { admin: { bearer: abc } }", "heald.yaml:1:17: a secret does not belong into this file: `bearer`"),
        ("web: { admin: { bearer_file: empty } }", "heald.yaml:1:30: the secret DIR/empty is empty"),
        (
            "web: { admin: { token_file: token, bearer_file: token } }",
            "heald.yaml:1:17: unknown key `token_file`; known are bearer_file",
        ),
        ("state:", "heald.yaml:1:1: `state` has no value; give it one or remove the line"),
        ("host: ''", "heald.yaml:1:7: an empty text"),
        ("host_label: a-b", "heald.yaml:1:13: \"a-b\" is no label name: letters, digits and _"),
        (
            "targets: { units: [web] }",
            "heald.yaml:1:20: \"web\" is no unit: it must end in .service, .timer, .socket, .path or .mount",
        ),
        (
            "targets: { units: ['web*.service'] }",
            "heald.yaml:1:20: \"web*.service\" is not taken: names are exact, without wildcards",
        ),
        ("targets: { units: [a.service, a.service] }", "heald.yaml:1:31: \"a.service\" is named twice"),
        (
            "targets: { containers: [../x] }",
            "heald.yaml:1:25: \"../x\" is no container: only letters, digits and _.-/: are allowed",
        ),
        ("targets: { urls: ['http://u:p@h/'] }", "heald.yaml:1:19: \"http://u:p@h/\" is not taken: it holds a user or password"),
        (
            "targets: { addresses: [redis] }",
            "heald.yaml:1:24: \"redis\" is no address: write host:port, as in 127.0.0.1:6379 or [::1]:6379",
        ),
        ("targets: { paths: [/etc] }", "heald.yaml:1:20: \"/etc\" is not taken: it is too much; name the folder that is meant"),
        (
            "targets: { paths: [/var/out/../x] }",
            "heald.yaml:1:20: \"/var/out/../x\" is not taken: write an absolute path without `.`, `..` and a slash at its end",
        ),
        (
            "targets: { commands: ['/usr/bin/*'] }",
            "heald.yaml:1:23: \"/usr/bin/*\" is not taken: paths are exact, without wildcards",
        ),
        (
            "targets: { macs: ['AA:BB:CC:DD:EE:FF'] }",
            "heald.yaml:1:19: \"AA:BB:CC:DD:EE:FF\" is no hardware address: write it in lower case, as in aa:bb:cc:dd:ee:ff",
        ),
        ("targets: { unit: [a.service] }", "heald.yaml:1:12: unknown key `unit`; did you mean `units`?"),
        (
            "systemd: { bus: /run/bus }",
            "heald.yaml:1:17: \"/run/bus\" is not taken: write \"unix:path=/run/dbus/system_bus_socket\"",
        ),
        ("docker: { host: 'tcp://h:1' }", "heald.yaml:1:17: \"tcp://h:1\" is not taken: write \"unix:///var/run/docker.sock\""),
        ("prometheus: {}", "heald.yaml:1:13: key `url` is missing"),
        ("alertmanager: { url: 'ftp://h' }", "heald.yaml:1:22: this URL is not taken: it must begin with http:// or https://"),
        (
            "alertmanager: { url: 'http://h', group_interval: 5 }",
            "heald.yaml:1:50: \"5\" is no duration: it lacks a unit (write 30s, 5m or 1h30m)",
        ),
        ("alertmanager: { url: 'http://h', group_interval: 0s }", "heald.yaml:1:50: 0s is out of range: from 1s to 1d"),
        (
            "prometheus: { url: 'http://u:p@h' }",
            "heald.yaml:1:20: this URL is not taken: a password does not belong into this file",
        ),
        ("overrides: { web: { mod: auto } }", "heald.yaml:1:21: unknown key `mod`; did you mean `mode`?"),
        (
            "overrides: { web: { limits: { within: -1s } } }",
            "heald.yaml:1:39: \"-1s\" is no duration: a number is missing (write 30s, 5m or 1h30m)",
        ),
        (
            "overrides: { web: { mode: ern } }",
            "heald.yaml:1:27: \"ern\" is none of observe, approve, auto, earn; did you mean `earn`?",
        ),
        (
            "notify: { webhook: { url: 'http://h', bearer: x } }",
            "heald.yaml:1:39: a secret does not belong into this file: `bearer`",
        ),
        ("notify: { telegram: {} }", "heald.yaml:1:21: key `token_file` is missing"),
        (
            "notify: { pager: {} }",
            "heald.yaml:1:11: unknown key `pager`; known are telegram, webhook, slack, channels, people, heartbeat",
        ),
        (
            "notify: { channels: { digest: { webhook: { url: 'http://h' } } } }",
            "heald.yaml:1:23: \"digest\" can't be a channel's name: it means something else in `escalation:`",
        ),
        (
            "notify: { channels: { ops: {} } }",
            "heald.yaml:1:28: a channel needs its kind: `telegram`, `slack`, `slack_webhook`, `gitea`, `email` or `webhook`, as in `{ telegram: { chat: -100123 } }`",
        ),
        ("escalation: { feed: [ops] }", "heald.yaml:1:22: there is no channel \"ops\"; there is none"),
        ("escalation: { chains: { P0: { levels: [{ to: [] }, { to: [] }] } } }", "heald.yaml:1:52: key `after` is missing"),
        (
            "escalation: { chains: { P0: { levels: [{ to: [bob] }] } } }",
            "heald.yaml:1:47: \"bob\" is neither a channel nor a contact; there is none",
        ),
        ("escalation: { acknowledge: 5s }", "heald.yaml:1:28: 5s is out of range: from 1m to 366d"),
        ("log: { level: verbose }", "heald.yaml:1:15: \"verbose\" is none of error, warn, info, debug, trace"),
        ("log: { format: jsn }", "heald.yaml:1:16: \"jsn\" is none of text, json; did you mean `json`?"),
        ("vars: [a]", "heald.yaml:1:7: a list where a map of keys is expected"),
        (
            "after_care: 5m",
            "heald.yaml:1:1: unknown key `after_care`; known are web, targets, time_intervals, notify, escalation, alertmanager, inventory, recovery_objectives, drills, state, playbooks, host, host_label, guards, systemd, docker, prometheus, supervisor, vars, overrides, collect, log",
        ),
        ("playbooks: [q]", "heald.yaml:2:1: key \"playbooks\" occurs twice; first in line 1"),
        ("web: {listen: [}", "heald.yaml:1:15: this is no YAML: mismatched bracket '[' closed by '}'"),
    ] {
        check(text, expected);
    }
}

#[test]
fn nothing_is_not_a_policy() {
    for (text, expected) in [
        ("", "heald.yaml:1:1: the file is empty, and an empty file is not \"no policy\""),
        ("# all\n\n# commented out\n", "heald.yaml:1:1: the file is empty, and an empty file is not \"no policy\""),
        ("state: /x\n", "heald.yaml:1:1: key `playbooks` is missing"),
        ("playbooks: []\n", "heald.yaml:1:12: no playbooks: name at least one folder or file"),
        ("[]\n", "heald.yaml:1:1: a list where a map of keys is expected"),
        ("\u{feff}playbooks: [p]\n", "heald.yaml:1:1: the file begins with a byte order mark; save it as UTF-8 without one"),
    ] {
        assert_eq!(reading(text).map(|_| ()).unwrap_err(), [expected], "for {text:?}");
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let found = reading("web: { listen: x, auth: {} }\nstat: /x\ntargets:\n  units: [a, b]\nlog: { level: x }\n").unwrap_err();
    let places: Vec<&str> = found.iter().filter_map(|problem| problem.split(": ").next()).collect();
    let expected = ["1:1", "1:16", "1:25", "2:1", "4:11", "4:14", "5:15"].map(|place| format!("heald.yaml:{place}"));
    assert_eq!(places, expected, "{found:#?}");
}

#[test]
fn what_is_not_written_has_its_documented_default() {
    let settings = reading("playbooks: p\n").unwrap();
    assert_eq!(settings.web.listen.to_string(), "127.0.0.1:9595");
    assert_eq!((settings.web.auth, settings.web.max_connections), (None, 512));
    assert_eq!(settings.state, Path::new("/var/lib/heald"));
    assert_eq!(settings.host_label, "host");
    assert!(!settings.host.is_empty());
    assert_eq!(settings.systemd_bus, "unix:path=/run/dbus/system_bus_socket");
    assert_eq!(settings.docker_host, "unix:///var/run/docker.sock");
    let own = settings.targets.own.clone();
    assert!(own.contains("/var/lib/heald") && own.len() == 3, "its file, its state and its playbooks: {own:?}");
    assert_eq!(settings.targets, crate::domain::target::AllowList { own, ..crate::domain::target::AllowList::default() });
    assert!(settings.playbooks[0].is_absolute() && settings.playbooks[0].ends_with("p"));
}

#[test]
fn what_is_written_is_taken() {
    let settings = reading(
        "web: { auth: { basic: { user: am, password_file: token } }, admin: { bearer_file: token } }\n\
         state: var\n\
         playbooks: [a, /b]\n\
         targets: { units: [a.service], urls: ['http://h/'], addresses: ['[::1]:6379', 'redis:6379'] }\n\
         alertmanager: { url: 'http://127.0.0.1:9093/', group_interval: 1m }\n\
         vars: { model: qwen3, port: 80 }\n\
         overrides: { web: { mode: earn, limits: { budget: 3 per 1h }, vars: { x: [1] } } }\n\
         notify: { webhook: { url: 'http://h/x', bearer_file: token } }\n\
         log: { format: json, level: debug }\n",
    )
    .unwrap();
    assert_eq!(settings.web.auth, Some(Auth::Basic { user: "am".to_owned(), password: Secret::of("s3cret") }));
    assert_eq!(settings.web.admin, Some(Secret::of("s3cret")));
    assert!(settings.state.ends_with("var") && settings.state.is_absolute());
    assert_eq!(settings.playbooks[1], Path::new("/b"));
    assert_eq!(settings.alertmanager.as_ref().unwrap().url.as_deref(), Some("http://127.0.0.1:9093"));
    assert_eq!((settings.overrides["web"].mode, settings.overrides["web"].earns), (Some(Mode::Auto), true));
    assert_eq!(settings.overrides["web"].limits.budget.as_ref().unwrap()[0].count, 3);
    assert_eq!(settings.log, Log { format: LogFormat::Json, level: Level::Debug });
    assert!(!format!("{settings:?}").contains("s3cret"), "secrets are not shown");
}

#[test]
fn credentials_of_systemd_come_first() {
    let (dir, credentials) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(dir.path().join("a"), "from the folder").unwrap();
    fs::write(dir.path().join("b"), "from the folder").unwrap();
    fs::write(credentials.path().join("a"), "from systemd").unwrap();
    let places = Places { dir: dir.path(), credentials: Some(credentials.path()) };
    for (name, expected) in [("a", "from systemd"), ("b", "from the folder")] {
        let text = format!("playbooks: p\nweb: {{ auth: {{ bearer_file: {name} }} }}\n");
        let settings = read(Path::new("x"), &text, &places).unwrap();
        assert_eq!(settings.web.auth, Some(Auth::Bearer(Secret::of(expected))));
    }
}

#[test]
fn silences_need_an_alertmanager_to_ask() {
    let settings = reading("alertmanager: { url: \"http://am:9093\", silence_while_repairing: 10m }\nplaybooks: [p]\n").unwrap();
    assert_eq!(settings.guards.silence_while_repairing, Some(Duration::from_secs(600)));
    assert_eq!(reading("playbooks: [p]\n").unwrap().guards.silence_while_repairing, None, "off unless asked for");
    let (missing, range) =
        ("alertmanager: { silence_while_repairing: 10m }", "alertmanager: { url: \"http://am\", silence_while_repairing: 5s }");
    assert!(reading(&format!("{missing}\nplaybooks: [p]\n")).map(|_| ()).unwrap_err()[0].contains("`url`"));
    assert!(
        reading(&format!("{range}\nplaybooks: [p]\n")).map(|_| ()).unwrap_err()[0].contains("5s is out of range: from 1m to 1h")
    );
}

#[test]
fn files_that_anybody_may_write_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("heald.yaml");
    let first = |path: &Path| load(path).map(|_| ()).unwrap_err()[0].what.clone();
    assert!(first(&path).starts_with("the configuration can't be read: No such file"), "a missing file is no default");
    fs::write(&path, "playbooks: [p]\n").unwrap();
    assert_eq!(load(&path).unwrap().playbooks, [dir.path().join("p")]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(first(&path).starts_with("everybody may write it"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&path, b"playbooks: [p]\n# \xff\n").unwrap();
    assert_eq!(first(&path), "line 2 is not UTF-8");
    assert_eq!(first(dir.path()), "the configuration is no regular file");
}
