//! LOOK: the kinds of probes, one file each, and how long to look.
//!
//! A probe passes, fails, or could not be asked. The last is never taken for one of the others: an
//! engine that does not answer says nothing about a container.

use crate::domain::look::{LookHow, Observation, ProbeResult, ProbeVerdict, TargetState};
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::{Check, StepObject, TargetTemplate};
use crate::domain::target::{AllowList, Target, TargetKind};
use crate::domain::template::is_template;
use crate::link::Tools;
use futures_util::future::join_all;
use seen::Seen;
use serde::Deserialize;
use serde_json::Value;

mod docker;
mod http;
mod poll;
mod seen;
mod systemd;
mod tcp;

/// One probe as a playbook file writes it: `- docker.running: {}`.
#[derive(Debug, Deserialize)]
pub enum Raw {
    #[serde(rename = "systemd.active")]
    SystemdActive(systemd::Params),
    #[serde(rename = "docker.running")]
    DockerRunning(docker::Params),
    #[serde(rename = "http")]
    Http(http::Params),
    #[serde(rename = "tcp")]
    Tcp(tcp::Params),
}

/// A rendered probe with typed parameters.
#[derive(Clone, Debug)]
pub struct Probe {
    /// In words, for the timeline.
    text: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// A unit or container; read once per look, for its state and for all probes of it.
    Managed(Target),
    Http(http::Http),
    Tcp(tcp::Tcp),
}

/// What a probe saw.
type Verdict = (ProbeVerdict, String);

/// Looks at the target's state and asks the probes, as often as `how` says.
///
/// Never fails. It may take longer than `how` says by the longest timeout of a probe.
pub async fn look(target: Option<&Target>, probes: &[Probe], how: LookHow, tools: &Tools) -> Observation {
    // A decision follows a single look: it needs to know more than whether the target is up.
    let around = how == LookHow::Once;
    poll::poll(how, || glance(target, probes, tools, around)).await
}

/// Everything once, at the same time.
async fn glance(target: Option<&Target>, probes: &[Probe], tools: &Tools, around: bool) -> Observation {
    let mut managed: Vec<&Target> = probes.iter().filter_map(Probe::managed).chain(target).collect();
    managed.sort();
    managed.dedup();
    let read = join_all(managed.iter().map(|managed| async move {
        match around && target == Some(*managed) {
            true => Seen::read_around(managed, tools).await,
            false => Seen::read(managed, tools).await,
        }
    }));
    let ask = join_all(probes.iter().map(|probe| async move {
        match &probe.kind {
            Kind::Managed(_) => None,
            Kind::Http(http) => Some(http.ask(tools).await),
            Kind::Tcp(tcp) => Some(tcp.ask(tools).await),
        }
    }));
    let (read, asked) = tokio::join!(read, ask);
    let seen = |wanted: &Target| managed.iter().position(|target| *target == wanted).and_then(|index| read.get(index));
    let results = probes.iter().zip(asked).map(|(probe, asked)| {
        let (verdict, detail) = match &probe.kind {
            Kind::Managed(target) => seen(target).map(Seen::verdict),
            Kind::Http(_) | Kind::Tcp(_) => asked,
        }
        .unwrap_or_else(|| (ProbeVerdict::Unknown, "not read".to_owned()));
        ProbeResult { probe: probe.text.clone(), verdict, detail }
    });
    let results = results.collect();
    let Some(seen) = target.and_then(seen) else { return Observation::new(results, TargetState::Stateless, None) };
    Observation { around: seen.around(), ..Observation::new(results, seen.state(), seen.evidence()) }
}

// === impl Raw ===

impl Raw {
    pub const KINDS: &[&str] = &["systemd.active", "docker.running", "http", "tcp"];

    /// # Errors
    /// What in the parameters does not fit, as far as it shows before the templates are filled in.
    pub fn into_check(self) -> Result<Check, String> {
        let (kind, args, object) = match self {
            Self::SystemdActive(params) => ("systemd.active", as_args(&params)?, object(TargetKind::Unit, params.unit.as_ref())?),
            Self::DockerRunning(params) => {
                ("docker.running", as_args(&params)?, object(TargetKind::Container, params.container.as_ref())?)
            }
            Self::Http(params) => {
                params.check()?;
                ("http", as_args(&params)?, StepObject::Nothing)
            }
            Self::Tcp(params) => {
                params.check()?;
                ("tcp", as_args(&params)?, StepObject::Nothing)
            }
        };
        Ok(Check { kind, args, object })
    }
}

/// The kind of target that a kind of probe needs, for a probe that names no other object.
pub fn object_kind(kind: &str) -> Option<TargetKind> {
    match kind {
        "systemd.active" => Some(TargetKind::Unit),
        "docker.running" => Some(TargetKind::Container),
        _ => None,
    }
}

// === impl Probe ===

impl Probe {
    /// # Errors
    /// What does not fit, and what would.
    pub fn parse(probe: &PlannedProbe) -> Result<Self, String> {
        let kind = match probe.kind {
            "systemd.active" => {
                args_of::<systemd::Params>(probe)?;
                Kind::Managed(object_of(probe, TargetKind::Unit)?)
            }
            "docker.running" => {
                args_of::<docker::Params>(probe)?;
                Kind::Managed(object_of(probe, TargetKind::Container)?)
            }
            "http" => Kind::Http(args_of::<http::Params>(probe)?.parse().map_err(|why| format!("http: {why}"))?),
            "tcp" => Kind::Tcp(args_of::<tcp::Params>(probe)?.parse().map_err(|why| format!("tcp: {why}"))?),
            other => return Err(format!("{other} is no kind of probe; known are {}", Raw::KINDS.join(", "))),
        };
        Ok(Self { text: probe.text(), kind })
    }

    /// # Errors
    /// What the allow-list does not name. Units and containers were judged when the probe was bound.
    pub fn admit(&self, allow: &AllowList) -> Result<(), String> {
        match &self.kind {
            Kind::Http(http) => http.admit(allow),
            Kind::Tcp(tcp) => tcp.admit(allow),
            Kind::Managed(_) => Ok(()),
        }
    }

    /// By itself, once.
    pub async fn ask(&self, tools: &Tools) -> ProbeResult {
        let mut observation = glance(None, std::slice::from_ref(self), tools, false).await;
        observation.probes.pop().unwrap_or_else(|| ProbeResult {
            probe: self.text.clone(),
            verdict: ProbeVerdict::Unknown,
            detail: "not asked".to_owned(),
        })
    }

    fn managed(&self) -> Option<&Target> {
        match &self.kind {
            Kind::Managed(target) => Some(target),
            Kind::Http(_) | Kind::Tcp(_) => None,
        }
    }
}

fn object(kind: TargetKind, name: Option<&String>) -> Result<StepObject, String> {
    let Some(name) = name else { return Ok(StepObject::Default) };
    if !is_template(name) {
        Target::new(kind, name)?;
    }
    Ok(StepObject::Other(TargetTemplate { kind, name: name.clone() }))
}

fn object_of(probe: &PlannedProbe, wanted: TargetKind) -> Result<Target, String> {
    let kind = wanted.label();
    match &probe.object {
        Some(target) if target.kind() == wanted => Ok(target.clone()),
        Some(target) => Err(format!("{} looks at a {kind}, not at {target}: name a {kind} in the probe", probe.kind)),
        None => Err(format!("{} needs a {kind}", probe.kind)),
    }
}

fn args_of<T: serde::de::DeserializeOwned>(probe: &PlannedProbe) -> Result<T, String> {
    serde_json::from_value(probe.args.clone()).map_err(|error| format!("{}: {error}", probe.kind))
}

fn as_args<T: serde::Serialize>(params: &T) -> Result<Value, String> {
    serde_json::to_value(params).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Allowed;
    use std::sync::Arc;

    fn check(text: &str) -> Result<Check, String> {
        serde_saphyr::from_str::<Raw>(text).map_err(|error| error.to_string())?.into_check()
    }

    fn probe(text: &str, object: Option<Target>) -> Result<Probe, String> {
        let Check { kind, args, .. } = check(text)?;
        Probe::parse(&PlannedProbe { kind, args, object })
    }

    /// Nothing answers at any of its ends.
    fn tools(allow: AllowList) -> Tools {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Tools {
            systemd: Arc::new(crate::link::systemd::Systemd::new("unix:path=/nonexistent/bus")),
            docker: Arc::new(crate::link::docker::Docker::new("unix:///nonexistent/docker.sock")),
            http: crate::link::http::client().unwrap(),
            alertmanager: None,
            allow: Allowed::new(allow),
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_when_read() {
        for (text, part) in [
            ("docker.running: { grace: 1s }", "grace"),
            ("docker.running: { container: 'a/b' }", "a/b"),
            ("http: { post: 'http://a/' }", "post"),
            ("http: { get: 'ftp://a/' }", "only http"),
            ("http: { get: 'http://a/', timeout: 1m }", "1ms to 30s"),
            ("tcp: { address: '127.0.0.1' }", "host:port"),
            ("tcp: { address: '127.0.0.1:0' }", "host:port"),
            ("tcp: { address: 'a:1', timeout: 20m }", "out of range"),
            ("tcp: {}", "address"),
            ("promql: {}", "promql"),
        ] {
            let error = check(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let unit = Target::new(TargetKind::Unit, "web.service").unwrap();
        let error = probe("docker.running: {}", Some(unit)).unwrap_err();
        assert_eq!(error, "docker.running looks at a container, not at unit web.service: name a container in the probe");
    }

    #[tokio::test]
    async fn what_cannot_be_asked_is_unknown() {
        let unit = Target::new(TargetKind::Unit, "web.service").unwrap();
        let container = Target::new(TargetKind::Container, "shop").unwrap();
        let probes = [
            probe("systemd.active: {}", Some(unit.clone())).unwrap(),
            probe("docker.running: {}", Some(container)).unwrap(),
            probe("http: { get: 'http://127.0.0.1:1/' }", None).unwrap(),
            probe("tcp: { address: '127.0.0.1:1' }", None).unwrap(),
        ];
        let seen = look(Some(&unit), &probes, LookHow::Once, &tools(AllowList::default())).await;
        assert!(seen.is_unknown(), "{seen:?}");
        assert!(matches!(seen.state, TargetState::Unreachable { .. }), "{seen:?}");
        assert!(seen.summary().contains("not on the allow-list"), "{}", seen.summary());
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_fails_and_one_that_answers_passes() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            // The tcp probe, then two calls; a redirect is an answer like any other.
            let _ = listener.accept().await.unwrap();
            for answer in ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\n"] {
                let (mut socket, _) = listener.accept().await.unwrap();
                let _ = socket.read(&mut [0; 1024]).await.unwrap();
                socket.write_all(format!("{answer}content-length: 0\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
            }
        });
        let allow = AllowList {
            urls: [format!("http://127.0.0.1:{port}/"), "http://127.0.0.1:1/".to_owned(), "http://nowhere.invalid/".to_owned()]
                .into(),
            addresses: [format!("127.0.0.1:{port}"), "127.0.0.1:1".to_owned(), "nowhere.invalid:80".to_owned()].into(),
            ..AllowList::default()
        };
        let tools = tools(allow);
        for (text, verdict, part) in [
            (format!("tcp: {{ address: '127.0.0.1:{port}' }}"), ProbeVerdict::Pass, "connected"),
            (format!("http: {{ get: 'http://127.0.0.1:{port}/' }}"), ProbeVerdict::Pass, "answered 200"),
            (format!("http: {{ get: 'http://127.0.0.1:{port}/' }}"), ProbeVerdict::Fail, "answered 302"),
            ("http: { get: 'http://127.0.0.1:1/' }".to_owned(), ProbeVerdict::Fail, "refused"),
            ("tcp: { address: '127.0.0.1:1' }".to_owned(), ProbeVerdict::Fail, "refused"),
            ("http: { get: 'http://nowhere.invalid/' }".to_owned(), ProbeVerdict::Unknown, "can't be resolved"),
            ("tcp: { address: 'nowhere.invalid:80' }".to_owned(), ProbeVerdict::Unknown, "can't be resolved"),
        ] {
            let result = probe(&text, None).unwrap().ask(&tools).await;
            assert_eq!(result.verdict, verdict, "{text}: {result:?}");
            assert!(result.detail.contains(part), "{text}: {result:?}");
        }
        answers.await.unwrap();
    }
}
