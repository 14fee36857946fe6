//! From findings to files, and that the files are good.

use super::*;
use crate::inventory;
use std::path::Path;

fn unit(name: &str, file: &str, active: &str, kind: &str) -> Installed {
    Installed { name: name.to_owned(), file: file.to_owned(), active: active.to_owned(), kind: kind.to_owned() }
}

fn container(name: &str, project: &str, service: &str, text: &str) -> Found {
    Found {
        name: name.to_owned(),
        project: project.to_owned(),
        service: service.to_owned(),
        is_running: text.starts_with("Up"),
        is_oneoff: name.contains("-run-"),
        text: text.to_owned(),
    }
}

fn findings() -> Findings {
    Findings {
        host: "web-1".to_owned(),
        units: Ok(vec![
            unit("nginx.service", "enabled", "active", "forking"),
            unit("shop.service", "static", "failed", "simple"),
            unit("docker.service", "enabled", "active", "notify"),
            unit("systemd-resolved.service", "enabled", "active", "notify"),
            unit("cups.service", "enabled", "failed", "notify"),
            unit("apt-daily.service", "static", "failed", "oneshot"),
            unit("helper.service", "static", "active", "simple"),
            unit("sleepy.service", "enabled", "", ""),
            unit("heald.service", "enabled", "active", "notify"),
            unit("dev-x\\x2dy@1.service", "enabled", "active", "simple"),
        ]),
        containers: Ok(vec![
            container("cache", "", "", "Up 3 hours"),
            container("shop-db-1", "shop", "db", "Up 3 hours"),
            container("wiki-db-1", "wiki", "db", "Up 3 hours (healthy)"),
            container("wiki-web-1", "wiki", "web", "Up 3 hours"),
            container("shop-migrate-1", "shop", "migrate", "Exited (0) 3 hours ago"),
            container("shop-web-run-1a", "shop", "web", "Up 1 minute"),
        ]),
        node_exporter: true,
        prometheus: true,
        alertmanager: true,
        shared: None,
        bus: BUS.to_owned(),
        engine: ENGINE.to_owned(),
    }
}

#[test]
fn what_must_run_is_sorted_out() {
    let expected = expected(&findings());
    assert_eq!(expected.units, ["dev-x\\x2dy@1.service", "docker.service", "nginx.service", "shop.service"]);
    assert_eq!(expected.failed, ["shop.service"]);
    let containers: Vec<(&str, &str)> = expected.containers.iter().map(|one| (&*one.name, &*one.service)).collect();
    assert_eq!(
        containers,
        [("cache", "cache"), ("shop-db-1", "shop-db"), ("wiki-db-1", "wiki-db"), ("wiki-web-1", "wiki-web")]
    );
    let left: Vec<&str> = expected.left.iter().map(|left| left.name.as_str()).collect();
    assert_eq!(left.len(), 8, "{:#?}", expected.left);
    assert!(left.contains(&"shop-migrate-1 (Exited (0) 3 hours ago)"));
}

#[test]
fn the_files_are_good_and_say_what_was_left_out() {
    let findings = findings();
    let files = files(&findings, &expected(&findings)).unwrap();
    let text = |path: &str| &files.iter().find(|file| file.path == Path::new(path)).unwrap().text;
    let config = text("heald.yaml");
    for line in [
        "  units:\n    - 'dev-x\\x2dy@1.service'\n    # - docker.service    # everything else hangs on it: think first\n    - nginx.service\n",
        "  containers:\n    - cache\n    - shop-db-1\n",
        "\nhost: web-1\n",
        "\ninventory: inventory.yaml\n",
        "\nplaybooks:\n  - playbooks    # beside this file: your own\n",
        "\nalertmanager: { url: \"http://127.0.0.1:9093\"",
        "\n# systemd: {",
    ] {
        assert!(config.contains(line), "{line}\n---\n{config}");
    }
    let read = inventory::read(Path::new("inventory.yaml"), text("inventory.yaml")).unwrap();
    assert_eq!(read.services["nginx"].units, ["nginx.service"]);
    assert_eq!(read.services["shop-db"].containers, ["shop-db-1"]);
    assert!(text("inventory.yaml").contains("\n# it runs once and ends (oneshot)\n#   apt-daily.service\n"));
    let rules = text("alert-rules/expected.yml");
    assert!(rules.contains("alert: SystemdUnitNotRunning") && rules.contains("alert: ContainerMissing"), "{rules}");
    let books: Vec<String> =
        files.iter().filter(|file| file.path.starts_with("playbooks")).map(|file| file.path.display().to_string()).collect();
    assert_eq!(
        books,
        [
            "playbooks/container/container-down.md",
            "playbooks/container/container-missing.md",
            "playbooks/host/host-missing.md",
            "playbooks/systemd/systemd-unit-failed.md",
        ]
    );
}

#[test]
fn a_host_that_answers_nothing_gets_good_files_too() {
    let findings = Findings {
        units: Err("unix:path=/x: no such\nfile".to_owned()),
        containers: Err("/var/run/docker.sock: no such socket".to_owned()),
        node_exporter: false,
        alertmanager: false,
        shared: Some("/opt/x y/share/heald/playbooks".into()),
        bus: "unix:path=/lab".to_owned(),
        ..findings()
    };
    let files = files(&findings, &expected(&findings)).unwrap();
    assert_eq!(files.len(), 3, "installed playbooks are not copied");
    let (config, expected) = (&files[0].text, &files[1].text);
    assert!(config.contains("  units: []\n    # - web.service\n") && config.contains("\n# alertmanager: {"), "{config}");
    assert!(config.contains("  - '/opt/x y/share/heald/playbooks'    # as shipped"), "{config}");
    assert!(config.contains("\nsystemd: { bus: 'unix:path=/lab' }\n"), "{config}");
    assert!(expected.contains("# systemd could not be asked: unix:path=/x: no such file\n"), "{expected}");
    assert!(files[2].text.ends_with("\ngroups: []\n"), "{}", files[2].text);
}
