//! From the file to the rules, and every mistake with its place.

use super::*;
use std::path::Path;

fn read_text(text: &str) -> Result<Inventory, Vec<String>> {
    read(Path::new("i.yaml"), text).map_err(|problems| {
        problems.iter().map(|problem| format!("{}:{}: {}", problem.line, problem.column, problem.what)).collect()
    })
}

const SHOP: &str = r#"
hosts:
  web-1:
  db-1: { node_exporter: false }
services:
  shop:
    hosts: [web-1]
    severity: P0
    rto: 15m
    rpo: 0s
    units: [shop.service]
    containers: shop-api-1
    programs: ["shop:mailer"]
    processes: [shop-importer]
    probes: { http: ["https://shop.example/health"], tcp: ["127.0.0.1:8080"], dns: [10.0.0.1], icmp: ["::1"] }
    paths: [{ local: "127.0.0.1:443", remote: "web-1.example:443" }]
    ports: [{ unit: shop.service, address: "127.0.0.1:8080" }]
    backups: { shop-db: { max_age: 26h, min_size: 1MiB }, shop-files: }
    heartbeats: { shop-cron: { max_age: 30m } }
  wiki: { hosts: [web-1, db-1], units: [wiki.service] }
"#;

#[test]
fn a_whole_inventory_is_read() {
    let inventory = read_text(SHOP).unwrap();
    let shop = &inventory.services["shop"];
    assert_eq!((shop.containers.as_slice(), shop.severity), (&["shop-api-1".to_owned()][..], Some(Severity::P0)));
    let jobs: Vec<&str> = shop.probes.iter().map(|probe| probe.job).collect();
    assert_eq!(jobs, ["http_2xx", "tcp_connect", "dns", "icmp", "tcp_local", "tcp_remote"]);
    assert_eq!(shop.backups["shop-db"], Backup { max_age: Some(Duration::from_secs(93_600)), min_size: Some(1 << 20) });
    assert_eq!(shop.backups["shop-files"], Backup::default());
    let objective = Objective { rto: Some(Duration::from_secs(900)), rpo: Some(Duration::ZERO) };
    assert_eq!(inventory.objectives(), BTreeMap::from([("shop".to_owned(), objective)]));
}

#[test]
fn there_is_a_rule_for_each_expected_thing() {
    let rules = rules(&read_text(SHOP).unwrap());
    let short: Vec<String> =
        rules.iter().map(|rule| format!("{} {} {} {}", rule.alert, rule.severity.label(), rule.host, rule.target)).collect();
    assert_eq!(
        short,
        [
            "HostMissing P1 web-1 web-1",
            "SystemdUnitNotRunning P0 web-1 shop.service",
            "ContainerMissing P0 web-1 shop-api-1",
            "SupervisorProgramMissing P0 web-1 shop:mailer",
            "WorkerMissing P0 web-1 shop-importer",
            "PortHeldByOther P0 web-1 shop.service",
            "ProbeMissing P2 web-1 shop",
            "ProbeMissing P2 web-1 shop",
            "ProbeMissing P2 web-1 shop",
            "ProbeMissing P2 web-1 shop",
            "ProbeMissing P2 web-1 shop",
            "ProbeMissing P2 web-1 shop",
            "BackupUnwatched P2 web-1 shop-db",
            "BackupUnwatched P2 web-1 shop-files",
            "HeartbeatUnwatched P2 web-1 shop-cron",
            "SystemdUnitNotRunning P1 web-1 wiki.service",
            "SystemdUnitNotRunning P1 db-1 wiki.service",
        ]
    );
    // Two rules of a name differ in their labels or in what they look at: two ProbeMissing would else be one alert.
    let expressions: std::collections::BTreeSet<&str> = rules.iter().map(|rule| rule.expr.as_str()).collect();
    assert_eq!(expressions.len(), rules.len());
}

#[test]
fn every_mistake_is_named_with_its_place() {
    let text = r#"
hosts:
  web-1: { node_exporter: maybe, mac: x }
  " db": {}
service: {}
services:
  "":
    hosts: web-1
  shop:
    hosts: [web-1, web-1, web-2]
    rto: 0s
    severity: P9
    units: [shop, nginx.service, nginx.service]
    containers: [a/b]
    probes: { http: [shop.example], tcp: ["127.0.0.1"], ping: [x] }
    paths: { local: x }
    ports: [{ unit: a.service }]
    backups: { x: { max_age: 1h, min_size: 0 }, y: { min_size: big } }
    heartbeats: { z: { max_age: soon } }
  wiki: { units: [nginx.service], hosts: [web-1] }
  lost: {}
"#;
    let found = read_text(text).unwrap_err();
    let expected = [
        "3:27: \"maybe\" where a boolean is expected",
        "3:34: unknown key `mac`",
        "4:3: \" db\" is no name of a host: it begins or ends with white space",
        "5:1: unknown key `service`; did you mean `services`?",
        "7:3: \"\" is no name of a service: it is empty",
        "10:20: \"web-1\" is named twice",
        "10:27: \"web-2\" is not among `hosts:`; did you mean `web-1`?",
        "11:10: 0s is out of range",
        "12:15: \"P9\" is none of P0, P1, P2, P3",
        "13:13: \"shop\" is no unit: it must end in",
        "13:34: the unit \"nginx.service\" on \"web-1\" was named before, in i.yaml:13",
        "14:18: \"a/b\" is no container",
        "15:22: \"shop.example\" is no url",
        "15:43: \"127.0.0.1\" is no address: write host:port",
        "15:57: unknown key `ping`; known are http, tcp, dns, icmp",
        "16:12: a map where a list of maps is expected",
        "17:13: key `address` is missing",
        "18:44: 0 is no size",
        "18:64: no size: write a whole number with a unit, as in 512MiB or 2GB",
        "19:32: \"soon\" is no duration",
        "20:19: the unit \"nginx.service\" on \"web-1\" was named before, in i.yaml:13",
        "21:9: key `hosts` is missing",
    ];
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    assert_eq!(read_text("services: {}").unwrap_err(), ["1:1: key `hosts` is missing"]);
    assert_eq!(read_text("# nothing\n").unwrap_err().len(), 1);
}

/// What a name may do to a rule file: nothing.
#[test]
fn names_stay_names() {
    let text = "hosts: { \"we\\\"b\": }\nservices: { \"{{ .Value }} 'büro'\": { hosts: ['we\"b'], units: ['a\\x2db.service'] } }";
    let page = page(&rules(&read_text(text).unwrap()), "in\nventory.yaml");
    assert!(page.contains("made by heald from in\u{fffd}ventory.yaml."), "{page}");
    let file: serde_json::Value = serde_saphyr::from_str(&page).unwrap();
    let rule = &file["groups"][1]["rules"][0];
    assert_eq!(rule["expr"], r#"absent(node_systemd_unit_state{host="we\"b",name="a\\x2db.service",state="active"} == 1)"#);
    assert_eq!(rule["labels"]["service"], r#"{{ "{" }}{{ "{" }} .Value }} 'büro'"#);
    assert_eq!(rule["labels"]["target"], r"a\x2db.service");
    assert_eq!(file["groups"][1]["name"], "expected of {{ .Value }} 'büro'");
    for (text, yaml) in [
        ("shop", "shop"),
        ("yes", "'yes'"),
        ("1.10", "'1.10'"),
        ("-x", "'-x'"),
        ("a: b # c", "'a: b # c'"),
        ("it's", "'it''s'"),
        ("a\nb\"\u{85}\u{202e}", r#""a\nb\"\U00000085\U0000202E""#),
        ("", "''"),
    ] {
        assert_eq!(scalar(text), yaml);
        let back: serde_json::Value = serde_saphyr::from_str(&format!("x: {yaml}")).unwrap();
        assert_eq!(back["x"], text);
    }
}
