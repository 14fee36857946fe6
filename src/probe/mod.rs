//! LOOK: the kinds of probes, one file each and one line each in `kinds!`, and how long to look.
//!
//! A probe passes, fails, or could not be asked. The last is never taken for one of the others: an
//! engine that does not answer says nothing about a container.

use crate::domain::look::{LookHow, Observation, ProbeResult, ProbeVerdict, TargetState};
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::{Check, StepObject, TargetTemplate};
use crate::domain::target::{AllowList, Target, TargetKind};
use crate::domain::template::is_template;
use crate::link::Tools;
use futures_util::future::{BoxFuture, join_all};
use kept::Kept;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use seen::Seen;
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

mod command;
mod disk;
mod dns;
mod docker;
mod docker_more;
mod file;
mod http;
mod kept;
mod memory;
mod poll;
mod process;
mod promql;
mod redis;
mod seen;
mod sqlite;
mod supervisor;
mod systemd;
mod tcp;

/// One kind of probe. Its parameters are a struct whose doc comment is the kind's reference page.
pub(crate) trait ProbeKind: Serialize + DeserializeOwned + JsonSchema + Sized {
    /// `docker.running`
    const KIND: &'static str;
    /// What it looks at where the probe names no other object.
    const OBJECT: Option<TargetKind> = None;

    /// What it looks at.
    ///
    /// # Errors
    /// What does not fit, as far as it shows before the templates are filled in.
    fn form(&self) -> Result<StepObject, String>;

    /// With the templates filled in.
    ///
    /// # Errors
    /// What does not fit, and what would.
    fn ready(self, probe: &PlannedProbe) -> Result<Box<dyn Look>, String>;
}

/// A rendered probe with typed parameters.
pub(crate) trait Look: Debug + Send + Sync {
    /// # Errors
    /// What the allow-list does not name. Its object was judged when the probe was bound.
    fn admit(&self, _: &AllowList) -> Result<(), String> {
        Ok(())
    }

    /// What keeps a state that says it all: it is read once per look, for the state and for all probes of it.
    fn managed(&self) -> Option<&Target> {
        None
    }

    /// It starts a program, or reads much: while heald only watches, it is asked once a minute.
    fn is_costly(&self) -> bool {
        false
    }

    /// Asked of nothing that is [`Look::managed`]. It ends within 30 s.
    fn ask<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Verdict>;
}

/// One rendered probe, ready to be asked.
#[derive(Debug)]
pub struct Probe {
    /// In words, for the timeline.
    text: String,
    look: Box<dyn Look>,
}

/// A unit or container whose state is the verdict.
#[derive(Debug)]
struct Managed(Target);

macro_rules! kinds {
    ($($params:ty),+ $(,)?) => {
        /// All kinds, in the order of the reference.
        pub const KINDS: &[&str] = &[$(<$params as ProbeKind>::KIND),+];

        /// Reads the parameters of one probe. `kind` is one of [`KINDS`].
        ///
        /// # Errors
        /// The outer one has a place in the file; the inner one is about the parameters together.
        pub fn read<'de, D: Deserializer<'de>>(kind: &str, input: D) -> Result<Result<Check, String>, D::Error> {
            $(if kind == <$params as ProbeKind>::KIND {
                return Ok(check(&<$params>::deserialize(input)?));
            })+
            Ok(Err(unknown(kind)))
        }

        /// The kind of target that a kind of probe needs, for a probe that names no other object.
        pub fn object_kind(kind: &str) -> Option<TargetKind> {
            $(if kind == <$params as ProbeKind>::KIND {
                return <$params as ProbeKind>::OBJECT;
            })+
            None
        }

        /// The parameters of all kinds, with their doc comments.
        pub fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
            vec![$((<$params as ProbeKind>::KIND, <$params>::json_schema(generator))),+]
        }

        fn ready(probe: &PlannedProbe) -> Result<Box<dyn Look>, String> {
            $(if probe.kind == <$params as ProbeKind>::KIND {
                let params = <$params>::deserialize(&probe.args).map_err(|error| format!("{}: {error}", probe.kind))?;
                return params.ready(probe).map_err(|why| match why.starts_with(probe.kind) {
                    true => why,
                    false => format!("{}: {why}", probe.kind),
                });
            })+
            Err(unknown(probe.kind))
        }
    };
}

kinds! {
    systemd::Params,
    systemd::NotRestarting,
    memory::Memory,
    process::Count,
    docker::Params,
    docker_more::Healthy,
    docker_more::NotOomKilled,
    docker_more::MemberOf,
    http::Params,
    tcp::Params,
    disk::Params,
    file::Params,
    sqlite::Params,
    dns::Params,
    promql::Params,
    redis::Params,
    supervisor::Params,
    command::Params,
}

fn unknown(kind: &str) -> String {
    format!("{kind} is no kind of probe; known are {}", KINDS.join(", "))
}

fn check<P: ProbeKind>(params: &P) -> Result<Check, String> {
    let object = params.form()?;
    let args = serde_json::to_value(params).map_err(|error| error.to_string())?;
    Ok(Check { kind: P::KIND, args, object })
}

/// What a probe saw.
pub(crate) type Verdict = (ProbeVerdict, String);

/// Looks at the target's state and asks the probes, as often as `how` says.
///
/// Never fails. It may take longer than `how` says by the longest timeout of a probe.
pub async fn look(target: Option<&Target>, probes: &[Probe], how: LookHow, tools: &Tools) -> Observation {
    // A decision follows a single look: it needs to know more than whether the target is up.
    let around = how == LookHow::Once;
    let watches = matches!(how, LookHow::UntilFail { .. });
    let kept = Kept::default();
    poll::poll(how, || glance(target, probes, tools, around, watches.then_some(&kept))).await
}

/// Everything once, at the same time.
async fn glance(target: Option<&Target>, probes: &[Probe], tools: &Tools, around: bool, kept: Option<&Kept>) -> Observation {
    let mut managed: Vec<&Target> = probes.iter().filter_map(|probe| probe.look.managed()).chain(target).collect();
    managed.sort();
    managed.dedup();
    let read = join_all(managed.iter().map(|managed| async move {
        match around && target == Some(*managed) {
            true => Seen::read_around(managed, tools).await,
            false => Seen::read(managed, tools).await,
        }
    }));
    let ask = join_all(probes.iter().enumerate().map(|(index, probe)| async move {
        match (probe.look.managed(), kept) {
            (Some(_), _) => None,
            (None, Some(kept)) if probe.look.is_costly() => Some(kept.ask(index, &*probe.look, tools).await),
            (None, _) => Some(probe.look.ask(tools).await),
        }
    }));
    let (read, asked) = tokio::join!(read, ask);
    let seen = |wanted: &Target| managed.iter().position(|target| *target == wanted).and_then(|index| read.get(index));
    let results = probes.iter().zip(asked).map(|(probe, asked)| {
        let (verdict, detail) = match probe.look.managed() {
            Some(target) => seen(target).map(Seen::verdict),
            None => asked,
        }
        .unwrap_or_else(|| (ProbeVerdict::Unknown, "not read".to_owned()));
        ProbeResult { probe: probe.text.clone(), verdict, detail }
    });
    let results = results.collect();
    let Some(seen) = target.and_then(seen) else { return Observation::new(results, TargetState::Stateless, None) };
    Observation { around: seen.around(), ..Observation::new(results, seen.state(), seen.evidence()) }
}

// === impl Probe ===

impl Probe {
    /// # Errors
    /// What does not fit, and what would.
    pub fn parse(probe: &PlannedProbe) -> Result<Self, String> {
        Ok(Self { text: probe.text(), look: ready(probe)? })
    }

    /// # Errors
    /// What the allow-list does not name. Objects were judged when the probe was bound.
    pub fn admit(&self, allow: &AllowList) -> Result<(), String> {
        self.look.admit(allow)
    }

    /// By itself, once.
    pub async fn ask(&self, tools: &Tools) -> ProbeResult {
        let mut observation = glance(None, std::slice::from_ref(self), tools, false, None).await;
        observation.probes.pop().unwrap_or_else(|| ProbeResult {
            probe: self.text.clone(),
            verdict: ProbeVerdict::Unknown,
            detail: "not asked".to_owned(),
        })
    }
}

// === impl Look for Managed ===

impl Look for Managed {
    fn managed(&self) -> Option<&Target> {
        Some(&self.0)
    }

    fn ask<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Verdict> {
        Box::pin(async { Seen::read(&self.0, tools).await.verdict() })
    }
}

/// The object of a probe from its optional name in the file.
pub(crate) fn object(kind: TargetKind, name: Option<&String>) -> Result<StepObject, String> {
    let Some(name) = name else { return Ok(StepObject::Default) };
    if !is_template(name) {
        Target::new(kind, name)?;
    }
    Ok(StepObject::Other(TargetTemplate { kind, name: name.clone() }))
}

/// The object of a rendered probe, which must be of the kind that the probe looks at.
pub(crate) fn object_of(probe: &PlannedProbe, wanted: TargetKind) -> Result<Target, String> {
    let kind = wanted.label();
    match &probe.object {
        Some(target) if target.kind() == wanted => Ok(target.clone()),
        Some(target) => Err(format!("{} looks at a {kind}, not at {target}: name a {kind} in the probe", probe.kind)),
        None => Err(format!("{} needs a {kind}", probe.kind)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Allowed;
    use std::sync::Arc;

    pub(super) fn check(text: &str) -> Result<Check, String> {
        let map: serde_json::Map<String, serde_json::Value> = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let (kind, args) = map.into_iter().next().unwrap();
        read(&kind, args).map_err(|error| error.to_string())?
    }

    pub(super) fn probe(text: &str, object: Option<Target>) -> Result<Probe, String> {
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
            prometheus: None,
            supervisor: None,
            allow: Allowed::new(allow),
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_when_read() {
        for (text, part) in [
            ("docker.running: { grace: 1s }", "grace"),
            ("docker.running: { container: 'a/b' }", "a/b"),
            ("docker.not_oom_killed: { since: 2d }", "out of range"),
            ("docker.member_of: { network: 'a b' }", "no name of a network"),
            ("docker.member_of: {}", "network"),
            ("http: { post: 'http://a/' }", "post"),
            ("http: { get: 'ftp://a/' }", "only http"),
            ("http: { get: 'http://a/', timeout: 1m }", "1ms to 30s"),
            ("tcp: { address: '127.0.0.1' }", "host:port"),
            ("tcp: { address: '127.0.0.1:0' }", "host:port"),
            ("tcp: { address: 'a:1', timeout: 20m }", "out of range"),
            ("tcp: {}", "address"),
            ("no.such: {}", "no.such"),
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
            probe("docker.running: {}", Some(container.clone())).unwrap(),
            probe("docker.healthy: {}", Some(container.clone())).unwrap(),
            probe("docker.not_oom_killed: {}", Some(container.clone())).unwrap(),
            probe("docker.member_of: { network: back }", Some(container)).unwrap(),
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
