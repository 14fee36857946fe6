//! Bodies and comparisons of inspections, as engine 20.10 writes them.

use super::*;

/// A container as engine 20.10 shows it, with what else may be there.
fn inspected() -> Value {
    let mut old: Value = serde_json::from_str(include_str!("../../../../tests/fake/engine/shop-db-1.json")).unwrap();
    let id = old["Id"].as_str().unwrap().to_owned();
    old["HostConfig"]["NetworkMode"] = json!("shop_back");
    old["HostConfig"]["RestartPolicy"] = json!({ "Name": "on-failure", "MaximumRetryCount": 5 });
    old["HostConfig"]["Binds"] = json!(["/srv/db:/conf:ro", "named:/named"]);
    old["HostConfig"]["Mounts"] = json!([{ "Type": "volume", "Target": "/mounted" }, { "Type": "tmpfs", "Target": "/scratch" }]);
    old["HostConfig"]["FromTheFuture"] = json!({ "Kept": [1, 2] });
    old["Config"]["Volumes"] = json!({ "/data": {} });
    old["Mounts"] = json!([
        { "Type": "bind", "Source": "/srv/db", "Destination": "/conf", "RW": false },
        { "Type": "volume", "Name": "named", "Source": "/v/named/_data", "Destination": "/named", "RW": true },
        { "Type": "volume", "Name": "a1a1", "Source": "/v/a1a1/_data", "Destination": "/data", "RW": true },
        { "Type": "volume", "Name": "b2b2", "Source": "/v/b2b2/_data", "Destination": "/mounted", "RW": true },
    ]);
    let endpoint = |ip: &str, aliases: Value| {
        json!({
            "IPAMConfig": { "IPv4Address": ip }, "Links": null, "Aliases": aliases, "NetworkID": format!("id-of-{ip}"),
            "EndpointID": "e", "Gateway": "g", "IPAddress": ip, "MacAddress": "02:42:00:00:00:02", "DriverOpts": null,
        })
    };
    old["NetworkSettings"]["Networks"] = json!({
        "shop_back": endpoint("10.9.1.7", json!(["db", &id[..12], "db"])),
        "shop_front": endpoint("10.9.2.7", json!([&id[..12]])),
    });
    old
}

/// As the engine would show what was made from it.
fn made(old: &Value) -> Value {
    let plan = Blueprint::of(old, &Before::of(old, None), "shop:1", None);
    let mut new = old.clone();
    new["Id"] = json!("77".repeat(32));
    new["Config"] = plan.body.clone();
    for key in ["HostConfig", "NetworkingConfig"] {
        new["Config"].as_object_mut().unwrap().remove(key);
    }
    new["Config"]["Hostname"] = json!("777777777777");
    new["HostConfig"] = plan.body["HostConfig"].clone();
    let mut networks = object(&plan.body["NetworkingConfig"]["EndpointsConfig"]);
    networks.extend(plan.networks);
    // Engines before 25 add the short id; absent lists become null.
    for endpoint in networks.values_mut() {
        let mut aliases: Vec<Value> = list(&endpoint["Aliases"]).cloned().collect();
        aliases.push(json!("777777777777"));
        endpoint["Aliases"] = json!(aliases);
        endpoint["Links"] = Value::Null;
    }
    new["NetworkSettings"]["Networks"] = Value::Object(networks);
    new
}

#[test]
fn the_body_says_what_the_old_one_was_asked_for() {
    let old = inspected();
    let plan = Blueprint::of(&old, &Before::of(&old, None), "shop:1", None);
    let (body, host) = (&plan.body, &plan.body["HostConfig"]);
    assert!(body["Hostname"].is_null(), "the short id of the old one is no name");
    assert_eq!(body["Cmd"], json!(["/bin/sleep", "600"]));
    assert_eq!(body["Healthcheck"]["Interval"], 2_000_000_000_u64);
    assert_eq!(body["Labels"][FROM], old["Id"]);
    assert_eq!(body["Labels"][POLICY], "on-failure:5");
    assert_eq!(body["Labels"]["com.docker.compose.service"], "db");
    assert_eq!(host["FromTheFuture"], json!({ "Kept": [1, 2] }));
    assert_eq!(host["RestartPolicy"]["MaximumRetryCount"], 5);
    // Volumes without a name are mounted by the one that the engine gave them.
    assert_eq!(host["Binds"], json!(["/srv/db:/conf:ro", "named:/named", "a1a1:/data"]));
    assert_eq!(host["Mounts"][0]["Source"], "b2b2");
    assert!(host["Mounts"][1]["Source"].is_null());
    let first = json!({ "shop_back": { "IPAMConfig": { "IPv4Address": "10.9.1.7" }, "Aliases": ["db"] } });
    assert_eq!(body["NetworkingConfig"]["EndpointsConfig"], first);
    assert_eq!(plan.networks, [("shop_front".to_owned(), json!({ "IPAMConfig": { "IPv4Address": "10.9.2.7" } }))]);
}

#[test]
fn what_is_alike_has_no_differences_and_what_is_not_is_named() {
    let old = inspected();
    assert_eq!(differences(&old, &made(&old), None), [""; 0]);
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 8] = [
        (|new| new["HostConfig"]["Memory"] = json!(0), "HostConfig.Memory"),
        (|new| new["HostConfig"]["FromTheFuture"] = Value::Null, "HostConfig.FromTheFuture.Kept"),
        (|new| new["Config"]["Env"] = json!(["A=1"]), "Config.Env"),
        (|new| new["Config"]["Labels"]["more"] = json!("1"), "Config.Labels.more"),
        (|new| new["Mounts"][2]["Name"] = json!("fresh"), "Mounts./data"),
        (|new| new["Image"] = json!("sha256:other"), "Image"),
        (
            |new| new["NetworkSettings"]["Networks"]["shop_front"]["IPAMConfig"] = Value::Null,
            "Networks.shop_front.IPAMConfig.IPv4Address",
        ),
        (|new| drop(new["NetworkSettings"]["Networks"].as_object_mut().unwrap().remove("shop_front")), "Members"),
    ];
    for (change, path) in changes {
        let mut new = made(&old);
        change(&mut new);
        let found = differences(&old, &new, None);
        assert!(found.iter().any(|found| found == path), "{path}: {found:?}");
    }
}

#[test]
fn who_lives_in_a_network_namespace_follows_it() {
    let mut old = inspected();
    old["HostConfig"]["NetworkMode"] = json!("container:aaaa");
    old["HostConfig"]["PidMode"] = json!("container:cccc");
    old["Config"]["ExposedPorts"] = json!({ "80/tcp": {} });
    old["NetworkSettings"]["Networks"] = json!({});
    let moved = Moved { from: "aaaa", to: "bbbb" };
    let plan = Blueprint::of(&old, &Before::of(&old, None), "shop:1", Some(moved));
    assert_eq!(plan.body["HostConfig"]["NetworkMode"], "container:bbbb");
    assert_eq!(plan.body["HostConfig"]["PidMode"], "container:cccc");
    // The engine refuses these for one that borrows its network.
    assert!(plan.body["Hostname"].is_null() && plan.body["ExposedPorts"].is_null());
    let mut new = old.clone();
    new["HostConfig"]["NetworkMode"] = json!("container:bbbb");
    assert_eq!(differences(&old, &new, Some(moved)), [""; 0]);
    assert_eq!(differences(&old, &new, None), ["HostConfig.NetworkMode"]);
}

#[test]
fn what_can_not_be_made_anew_says_why() {
    let old = inspected();
    assert_eq!(obstacle(&old), None);
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 4] = [
        (|old| old["HostConfig"]["AutoRemove"] = json!(true), "--rm"),
        (|old| old["State"]["Paused"] = json!(true), "paused"),
        (|old| old["State"]["Status"] = json!("removing"), "removed"),
        (|old| old["Config"]["Labels"]["com.docker.swarm.service.name"] = json!("shop"), "swarm"),
    ];
    for (change, part) in changes {
        let mut old = old.clone();
        change(&mut old);
        assert!(obstacle(&old).unwrap().contains(part), "{part}");
    }
}

#[test]
fn a_restart_policy_survives_as_a_label() {
    for (name, count, text) in [("always", 0, "always"), ("on-failure", 3, "on-failure:3"), ("", 0, "no")] {
        let policy = json!({ "Name": name, "MaximumRetryCount": count });
        assert_eq!(policy_text(&policy), text);
        let wanted = if name.is_empty() { json!({ "Name": "no", "MaximumRetryCount": 0 }) } else { policy };
        assert_eq!(policy_of(text), wanted);
    }
}

#[test]
fn what_the_old_one_was_survives_in_the_new_ones_labels() {
    let mut old = inspected();
    old["State"]["Running"] = json!(true);
    let new = made(&old);
    assert_eq!(new["Config"]["Labels"][RUNNING], "true");
    let before = Before::of(&old, None);
    assert_eq!(before, Before { policy: "on-failure:5".to_owned(), running: true });
    old["State"]["Running"] = json!(false);
    old["HostConfig"]["RestartPolicy"] = policy_of("no");
    assert_eq!(Before::of(&old, Some(&new)), before);
    assert_eq!(Before::of(&old, None), Before { policy: "no".to_owned(), running: false });
}

#[test]
fn how_long_it_runs_counts_from_its_last_start() {
    let (hour, now) = (Duration::from_secs(3600), "2026-11-22T12:00:00Z".parse().unwrap());
    let state = |running: bool, at: &str| json!({ "State": { "Running": running, "StartedAt": at } });
    assert!(runs_for(&state(true, "2026-11-22T10:59:59.5Z"), hour, now));
    assert!(!runs_for(&state(true, "2026-11-22T11:00:00Z"), hour, now));
    assert!(!runs_for(&state(false, "2026-11-22T10:00:00Z"), hour, now));
    assert!(!runs_for(&state(true, "0001"), hour, now));
}
