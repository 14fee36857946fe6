//! From what the engine says of a container to the body that makes its like, and what differs between two. Pure.
//!
//! It works on the engine's own JSON: a field that heald has never heard of is carried over like all others.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Of the new container: whose like it is. With the old one's name it is the record that a half-done step leaves.
pub(super) const FROM: &str = "heald.recreated-from";
/// Of the new container: the restart policy that the old one had before it was set to `no`.
pub(super) const POLICY: &str = "heald.restart-policy";
/// Of the new container: whether the old one ran before it was stopped.
pub(super) const RUNNING: &str = "heald.was-running";
/// Of the old one's name while it is kept.
pub(super) const ASIDE: &str = "-heald-old";

/// A container that lends its namespaces was made anew: those that name the old id are to name the new one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved<'a> {
    pub from: &'a str,
    pub to: &'a str,
}

/// What the old one was before a change touched it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Before {
    pub policy: String,
    pub running: bool,
}

/// How to make a container's like.
#[derive(Clone, Debug)]
pub(super) struct Blueprint {
    /// Of `POST /containers/create`.
    pub body: Value,
    /// To connect once it is made: engines before API 1.44 take only one network when they make it.
    pub networks: Vec<(String, Value)>,
}

/// Networks that a container is in by its mode; nothing can be said of their endpoints.
const BUILT_IN: [&str; 4] = ["bridge", "default", "host", "none"];
/// Of a full id, as host name and alias.
const SHORT: usize = 12;

pub(super) fn aside(name: &str) -> String {
    format!("{name}{ASIDE}")
}

/// Why it can't be made anew by its inspection alone, whoever asks.
pub(super) fn obstacle(old: &Value) -> Option<String> {
    let (config, host, state) = (&old["Config"], &old["HostConfig"], &old["State"]);
    let label = |key: &str| config["Labels"][key].as_str().filter(|value| !value.is_empty());
    if host["AutoRemove"] == true {
        return Some("it is removed as soon as it stops (--rm), so nothing could be put back".to_owned());
    }
    if let Some(service) = label("com.docker.swarm.service.name") {
        return Some(format!("it belongs to the swarm service {service}, and swarm makes it anew itself"));
    }
    if state["Paused"] == true {
        return Some("it is paused".to_owned());
    }
    match state["Status"].as_str() {
        Some("removing" | "dead") => Some("it is being removed".to_owned()),
        _ => None,
    }
}

// === impl Before ===

impl Before {
    /// The labels of the new one know it also when the old one was stopped by an earlier run.
    pub(super) fn of(old: &Value, new: Option<&Value>) -> Self {
        let label = |key: &str| new.and_then(|new| new["Config"]["Labels"][key].as_str());
        Self {
            policy: label(POLICY).map_or_else(|| policy_text(&old["HostConfig"]["RestartPolicy"]), str::to_owned),
            running: label(RUNNING).map_or_else(|| is_running(old), |ran| ran == "true"),
        }
    }
}

// === impl Blueprint ===

impl Blueprint {
    /// `before`: what the old one was before it was touched. `image`: the name or id to make it from.
    pub(super) fn of(old: &Value, before: &Before, image: &str, moved: Option<Moved<'_>>) -> Self {
        let id = old["Id"].as_str().unwrap_or_default();
        let mut config = object(&old["Config"]);
        let mut host = object(&old["HostConfig"]);
        adapt_names(&mut config, &host, id);
        keep_volumes(old, &mut host);
        follow(&mut host, moved);
        config.insert("Image".to_owned(), json!(image));
        let mut labels = object(&old["Config"]["Labels"]);
        labels.insert(FROM.to_owned(), json!(id));
        labels.insert(POLICY.to_owned(), json!(before.policy));
        labels.insert(RUNNING.to_owned(), json!(before.running.to_string()));
        host.insert("RestartPolicy".to_owned(), policy_of(&before.policy));
        config.insert("Labels".to_owned(), Value::Object(labels));

        let mut networks = endpoints(old);
        let mode = host.get("NetworkMode").and_then(Value::as_str).unwrap_or_default();
        let first = networks.iter().position(|(name, _)| name == mode || network_id(old, name) == mode);
        if let Some((name, endpoint)) = first.map(|index| networks.remove(index)) {
            let mut with = Map::new();
            with.insert(name, endpoint);
            config.insert("NetworkingConfig".to_owned(), json!({ "EndpointsConfig": with }));
        }
        config.insert("HostConfig".to_owned(), Value::Object(host));
        Self { body: Value::Object(config), networks }
    }
}

/// The engine fills in what a container takes from its surroundings, and refuses the same when it is asked for.
fn adapt_names(config: &mut Map<String, Value>, host: &Map<String, Value>, id: &str) {
    let mode = |key: &str| host.get(key).and_then(Value::as_str).unwrap_or_default();
    let borrowed = mode("NetworkMode").starts_with("container:");
    let own = config.get("Hostname").and_then(Value::as_str).is_some_and(|name| name.is_empty() || id.starts_with(name));
    if own || borrowed || mode("NetworkMode") == "host" || mode("UTSMode") == "host" {
        config.remove("Hostname");
    }
    if borrowed {
        for key in ["Domainname", "ExposedPorts", "MacAddress"] {
            config.remove(key);
        }
    }
}

/// A volume without a name belongs to one container only; by its name the new one gets it too, with all that is in it.
fn keep_volumes(old: &Value, host: &mut Map<String, Value>) {
    for mount in list(&old["Mounts"]) {
        let (Some(name), Some(at)) = (mount["Name"].as_str(), mount["Destination"].as_str()) else { continue };
        if mount["Type"] != "volume" || list(&old["HostConfig"]["Binds"]).any(|bind| bind_target(bind) == Some(at)) {
            continue;
        }
        let named = host.get_mut("Mounts").and_then(Value::as_array_mut).into_iter().flatten();
        if let Some(own) = named.into_iter().find(|own| own["Target"] == at) {
            if own["Source"].as_str().unwrap_or_default().is_empty() {
                own["Source"] = json!(name);
            }
            continue;
        }
        // It comes with the other container's volumes again.
        let lent = list(&old["HostConfig"]["VolumesFrom"]).next().is_some() && old["Config"]["Volumes"][at].is_null();
        if lent {
            continue;
        }
        let bind = if mount["RW"] == false { format!("{name}:{at}:ro") } else { format!("{name}:{at}") };
        match host.get_mut("Binds").and_then(Value::as_array_mut) {
            Some(binds) => binds.push(json!(bind)),
            None => drop(host.insert("Binds".to_owned(), json!([bind]))),
        }
    }
}

fn bind_target(bind: &Value) -> Option<&str> {
    bind.as_str()?.split(':').nth(1)
}

fn follow(host: &mut Map<String, Value>, moved: Option<Moved<'_>>) {
    let Some(Moved { from, to }) = moved else { return };
    for mode in ["NetworkMode", "PidMode", "IpcMode"] {
        let lent = host.get_mut(mode).filter(|lent| lent.as_str().and_then(|lent| lent.strip_prefix("container:")) == Some(from));
        if let Some(lent) = lent {
            *lent = json!(format!("container:{to}"));
        }
    }
}

fn network_id<'a>(container: &'a Value, network: &str) -> &'a str {
    container["NetworkSettings"]["Networks"][network]["NetworkID"].as_str().unwrap_or("-")
}

/// What was asked for of each network, without what the engine gave out by itself. By name.
pub(super) fn endpoints(container: &Value) -> Vec<(String, Value)> {
    let id = container["Id"].as_str().unwrap_or_default();
    let short = id.get(..SHORT).unwrap_or(id);
    let Some(networks) = container["NetworkSettings"]["Networks"].as_object() else { return Vec::new() };
    let asked = |(name, endpoint): (&String, &Value)| {
        let mut kept = Map::new();
        for key in ["IPAMConfig", "Links", "DriverOpts", "GwPriority"] {
            if !is_nothing(&endpoint[key]) {
                kept.insert(key.to_owned(), endpoint[key].clone());
            }
        }
        let mut aliases: Vec<&Value> = list(&endpoint["Aliases"]).filter(|alias| *alias != short).collect();
        aliases.dedup();
        if !aliases.is_empty() {
            kept.insert("Aliases".to_owned(), json!(aliases));
        }
        (name.clone(), Value::Object(kept))
    };
    networks.iter().filter(|(name, _)| !BUILT_IN.contains(&name.as_str())).map(asked).collect()
}

/// Where the new one is not the like of the old one: `HostConfig.Memory`. Empty is what is wanted.
pub(super) fn differences(old: &Value, new: &Value, moved: Option<Moved<'_>>) -> Vec<String> {
    let mut found = Vec::new();
    compare("", &essence(old, moved), &essence(new, None), &mut found);
    found
}

/// Without ids, times, what the engine fills in, and what is different by intent.
fn essence(container: &Value, moved: Option<Moved<'_>>) -> Value {
    let id = container["Id"].as_str().unwrap_or_default();
    let mut host = object(&container["HostConfig"]);
    let mut config = object(&container["Config"]);
    adapt_names(&mut config, &host, id);
    // The image is compared by its id, volumes by what is mounted where, the policy is set to `no` in between.
    config.retain(|key, _| !["Image", "MacAddress"].contains(&key.as_str()));
    host.retain(|key, _| !["Binds", "Mounts", "RestartPolicy", "ContainerIDFile"].contains(&key.as_str()));
    if let Some(labels) = config.get_mut("Labels").and_then(Value::as_object_mut) {
        labels.retain(|key, _| ![FROM, POLICY, RUNNING].contains(&key.as_str()));
    }
    follow(&mut host, moved);
    let mut mounts = Map::new();
    for mount in list(&container["Mounts"]) {
        let at = mount["Destination"].as_str().unwrap_or_default();
        let source = if mount["Type"] == "volume" { &mount["Name"] } else { &mount["Source"] };
        mounts.insert(at.to_owned(), json!([mount["Type"], source, mount["RW"]]));
    }
    let networks: Map<String, Value> = endpoints(container).into_iter().collect();
    // A member without a word of its own is a member all the same.
    let members: Vec<&String> = networks.keys().collect();
    json!({
        "Image": container["Image"], "Config": config, "HostConfig": host,
        "Mounts": mounts, "Members": members, "Networks": networks,
    })
}

fn compare(path: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(left), Value::Object(right)) => {
            let mut keys: Vec<&String> = left.keys().chain(right.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare(&path, &one[key.as_str()], &other[key.as_str()], found);
            }
        }
        _ if one == other || is_nothing(one) && is_nothing(other) => {}
        // Nothing against an object: its keys say what it is.
        (Value::Object(_), nothing) if is_nothing(nothing) => compare(path, one, &json!({}), found),
        (nothing, Value::Object(_)) if is_nothing(nothing) => compare(path, &json!({}), other, found),
        _ => found.push(path.to_owned()),
    }
}

/// The engine writes an absent list as null, as an empty one, or not at all.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(value) => value.as_f64() == Some(0.0),
        Value::String(value) => value.is_empty(),
        Value::Array(value) => value.is_empty(),
        Value::Object(value) => value.values().all(is_nothing),
    }
}

/// `on-failure:5`
pub(super) fn policy_text(policy: &Value) -> String {
    let name = policy["Name"].as_str().filter(|name| !name.is_empty()).unwrap_or("no");
    match policy["MaximumRetryCount"].as_i64() {
        Some(count) if count > 0 => format!("{name}:{count}"),
        _ => name.to_owned(),
    }
}

pub(super) fn policy_of(text: &str) -> Value {
    let (name, count) = text.split_once(':').unwrap_or((text, "0"));
    json!({ "Name": name, "MaximumRetryCount": count.parse::<i64>().unwrap_or_default() })
}

/// The id of the container whose like it is.
pub(super) fn made_from(container: &Value) -> Option<&str> {
    container["Config"]["Labels"][FROM].as_str()
}

/// Never means: made, and not yet started once.
pub(super) fn was_started(container: &Value) -> bool {
    container["State"]["StartedAt"].as_str().is_some_and(|at| !at.is_empty() && !at.starts_with("0001-"))
}

/// Its last start is longer ago than `age`, and it runs since.
pub(super) fn runs_for(container: &Value, age: Duration, now: Timestamp) -> bool {
    let started = container["State"]["StartedAt"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
    let since = started.and_then(|started| Duration::try_from(now.duration_since(started)).ok());
    container["State"]["Running"] == true && since.is_some_and(|since| since > age)
}

/// Also while its restart policy is at it.
pub(super) fn is_running(container: &Value) -> bool {
    container["State"]["Running"] == true || container["State"]["Restarting"] == true
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests;
