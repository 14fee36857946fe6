//! The rows: what breaks, why the repair can't help, what heald changes for a while, and how it looks when that is taken back.

pub struct Case {
    pub row: &'static str,
    pub playbook: &'static str,
    /// Labels, as amtool takes them.
    pub alert: &'static [&'static str],
    /// Puts up what will make the repair fail, and remembers how it was; before a `daemon-reload`.
    pub spoil: &'static str,
    /// The fault itself.
    pub strike: &'static str,
    /// In the name of the step that is to be taken back.
    pub change: &'static str,
    /// Ends well where all is as it was.
    pub after: &'static str,
}

/// What differs from the machine of the drills: units that no other row touches, and looks that stay bad.
pub const CONFIG: &str = r#"
import json
path = "/etc/heald/heald.yaml"
whole = json.load(open(path))
whole["targets"]["hosts"].append("edge")
vars = {
    "systemd-unit-slow-start": {"units": ["heald-victim-gitea.service"], "environment": {"HEALD_VICTIM_OPTIONAL": "off"}},
    "host-memory": {"available_min": "99%", "nonessential": ["heald-victim-worker.service"]},
    "host-disk-space": {"docker": False, "archive": ["/srv/drill/disk/large", "/srv/drill/archive"], "archive_larger": "1MB", "used_max": "1%"},
    "network-egress": {"outside": "127.0.0.1:9707", "alive": "127.0.0.1:9708", "offline_flags": ["/srv/drill/heald-victim/offline"]},
    "service-slow": {"services": {"reports": {"route": "http://127.0.0.1:9704/mode/backup-endpoint", "check": "http://127.0.0.1:9701/health"}}},
    "model-server-down": {"url": "http://127.0.0.1:11434", "callers": {"check": "http://127.0.0.1:9701/health", "fallback": "http://127.0.0.1:9704/mode/degraded"}},
}
for name, value in vars.items():
    whole["overrides"][name]["vars"] = value
json.dump(whole, open(path, "w"))
"#;

pub const CASES: [Case; 9] = [
    Case {
        row: "B01",
        playbook: "sqlite-corrupt",
        alert: &[
            "alertname=SqliteCorrupt",
            "target=/srv/drill/data/victim.db",
            "target_kind=database",
            "severity=P0",
            "database=victim",
            "service=heald-victim",
        ],
        // Damaged, and still in use. The backup is sound, and of another program: with it the unit does not start.
        spoil: r#"
            cd /srv/drill
            systemctl stop heald-victim-database.service
            sqlite3 data/victim.db 'PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE' >/dev/null
            for old in backup/victim.db-*.bak; do sqlite3 "$old" 'CREATE TABLE stale (x)'; done
            printf '#!/bin/sh\n! sqlite3 -readonly /srv/drill/data/victim.db "SELECT 1 FROM stale" 2>/dev/null\n' >no-stale
            chmod 755 no-stale
            mkdir -p /etc/systemd/system/heald-victim-database.service.d
            printf '[Service]\nExecStartPre=/srv/drill/no-stale\n' >/etc/systemd/system/heald-victim-database.service.d/worse.conf"#,
        strike: r#"
            cd /srv/drill
            dd if=/dev/zero bs=4096 seek=60 count=40 conv=notrunc of=data/victim.db 2>/dev/null
            ! sqlite3 -readonly data/victim.db 'PRAGMA integrity_check' 2>&1 | grep -qx ok
            sha256sum data/victim.db >/run/before-b01
            systemctl start heald-victim-database.service"#,
        change: "sqlite.restore",
        after: "cd /srv/drill; sha256sum --check --quiet /run/before-b01; systemctl is-active heald-victim-database.service",
    },
    Case {
        row: "B02",
        playbook: "port-in-use",
        alert: &["alertname=LogPortInUse", "target=heald-victim-moves.service", "target_kind=unit", "severity=P1"],
        // A stranger has its port, and on any other it does not start.
        spoil: r#"
            printf '#!/bin/sh\ntest "$PORT" = 9702\n' >/srv/drill/only-9702
            chmod 755 /srv/drill/only-9702
            mkdir -p /etc/systemd/system/heald-victim-moves.service.d
            printf '[Service]\nExecStartPre=/srv/drill/only-9702\n' >/etc/systemd/system/heald-victim-moves.service.d/worse.conf"#,
        strike: r#"
            systemctl kill --signal=SIGKILL heald-victim-moves.service
            systemd-run --quiet --unit=stranger /usr/local/bin/heald-victim hold 9702"#,
        change: "systemd.drop_in",
        after: r#"
            test "$(systemctl show --value --property Environment heald-victim-moves.service)" = PORT=9702
            systemctl is-active stranger.service"#,
    },
    Case {
        row: "B03",
        playbook: "systemd-unit-slow-start",
        alert: &[
            "alertname=SystemdUnitSlowStart",
            "target=heald-victim",
            "target_kind=service",
            "name=heald-victim-gitea.service",
            "severity=P2",
        ],
        // It needs the parts that are called optional.
        spoil: r#"
            printf '#!/bin/sh\ntest "$HEALD_VICTIM_OPTIONAL" != off\n' >/srv/drill/all-parts
            chmod 755 /srv/drill/all-parts
            mkdir -p /etc/systemd/system/heald-victim-gitea.service.d
            printf '[Service]\nExecStartPre=/srv/drill/all-parts\n' >/etc/systemd/system/heald-victim-gitea.service.d/worse.conf"#,
        strike: r#"
            python3 -c 'import urllib.request as r; r.urlopen(r.Request("http://127.0.0.1:9703/fault/boot", b"{\"seconds\": 300}", {"Content-Type": "application/json"}))'
            systemctl restart --no-block heald-victim-gitea.service"#,
        change: "systemd.drop_in",
        after: r#"test -z "$(systemctl show --value --property Environment heald-victim-gitea.service)""#,
    },
    Case {
        row: "B04",
        playbook: "host-memory",
        alert: &["alertname=HostMemoryCritical", "target=drills", "target_kind=host", "severity=P1", "service=host"],
        // Somebody else has the memory.
        spoil: "",
        strike: "systemctl is-active heald-victim-worker.service",
        change: "systemd.stop",
        after: "systemctl is-active heald-victim-worker.service",
    },
    Case {
        row: "B05",
        playbook: "host-disk-space",
        alert: &[
            "alertname=HostDiskSpaceLow",
            "target=/srv/drill/disk",
            "target_kind=path",
            "device=/srv/drill/disk",
            "severity=P2",
            "service=host",
        ],
        // What fills it can't be moved.
        spoil: r#"
            cd /srv/drill/disk
            dd if=/dev/urandom of=large/one.bin bs=1M count=2 2>/dev/null
            touch --date='1 hour ago' large/one.bin
            dd if=/dev/zero of=kept.bin bs=1M count=20 2>/dev/null
            sha256sum large/one.bin >/run/before-b05"#,
        strike: "",
        change: "files.archive_larger",
        after: "cd /srv/drill/disk; sha256sum --check --quiet /run/before-b05; test -z \"$(find /srv/drill/archive -type f)\"",
    },
    Case {
        row: "B06",
        playbook: "network-egress",
        alert: &["alertname=EgressDown", "target=edge", "target_kind=host", "severity=P1"],
        // Going offline takes a service down that was well.
        spoil: r#"
            printf '[Path]\nPathExists=/srv/drill/heald-victim/offline\nUnit=offline-breaks.service\n' >/etc/systemd/system/offline-breaks.path
            printf '[Service]\nType=oneshot\nExecStart=/usr/bin/systemctl kill --signal=SIGKILL wg-quick@wg0.service\n' \
                >/etc/systemd/system/offline-breaks.service"#,
        strike: r#"
            systemctl start offline-breaks.path
            python3 -c 'import urllib.request as r; r.urlopen(r.Request("http://127.0.0.1:9707/fault/refuse", b"{}", {"Content-Type": "application/json"}))'"#,
        change: "files.touch",
        after: "! test -e /srv/drill/heald-victim/offline",
    },
    Case {
        row: "B07",
        playbook: "service-slow",
        alert: &[
            "alertname=ServiceTimingOut",
            "target=reports",
            "target_kind=service",
            "severity=P1",
            "service=reports",
            "job=http_slow",
        ],
        // The backup endpoint is down as well.
        spoil: "",
        strike: "systemctl stop heald-victim-port.service; ! test -e /srv/drill/heald-victim-reports/backup-endpoint",
        change: "/mode/backup-endpoint",
        after: "! test -e /srv/drill/heald-victim-reports/backup-endpoint",
    },
    Case {
        row: "B08",
        playbook: "config-missing",
        alert: &[
            "alertname=LogConfigMissing",
            "target=heald-victim.service",
            "target_kind=unit",
            "signature=config_broken",
            "severity=P1",
        ],
        // Neither the backup nor the default is any better than the user's own file.
        spoil: r#"
            printf 'half a line of mine' >/etc/heald-victim/victim.conf
            printf 'half a line of the backup' >/etc/heald-victim/victim.conf.bak
            printf 'half a line of the default' >/srv/drill/defaults/victim.conf"#,
        strike: "systemctl kill --signal=SIGKILL heald-victim.service",
        change: "files.write_default",
        after: "test \"$(cat /etc/heald-victim/victim.conf)\" = 'half a line of mine'",
    },
    Case {
        row: "B10",
        playbook: "model-server-down",
        alert: &[
            "alertname=ServiceUnitDown",
            "target=heald-victim-ollama.service",
            "target_kind=unit",
            "severity=P1",
            "service=ollama",
            "unit=heald-victim-ollama.service",
            "instance=http://127.0.0.1:11434/api/tags",
            "job=ollama_model",
            "remediate=auto",
        ],
        // Its callers stay down, by way of the fallback too.
        spoil: "",
        strike: "systemctl kill --signal=SIGKILL heald-victim-ollama.service; ! test -e /srv/drill/heald-victim-reports/degraded",
        change: "/mode/degraded",
        after: "! test -e /srv/drill/heald-victim-reports/degraded",
    },
];
