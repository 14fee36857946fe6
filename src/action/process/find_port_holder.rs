//! `process.find_port_holder`: who listens on a TCP port.

use super::super::{Act, Call, Form, StepKind, object, object_of};
use super::kin::{Kin, kin, programs};
use super::port::Port;
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::target::TargetKind;
use crate::link::process::hold::{self, Holder, holders};
use crate::link::systemd::Home;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// Finds the process that listens on a TCP port of this machine.
///
/// It reads only, and is done whether somebody listens or not: `when:` may ask the facts. heald sees its own network namespace: a
/// port inside a container is another one, and a port that Docker publishes is held by `docker-proxy`. To see other users'
/// processes it needs CAP_SYS_PTRACE (least-privilege.md); without it the port is `held` and `pid` is null.
///
/// Facts: `held`; `pid`, `name`, `unit`, `container` of the first holder, null where they are not known; `stale`: with `unit`,
/// whether it is a leftover of that unit (see `process.signal`); `text`, for people.
///
/// ```yaml
/// - process.find_port_holder: { port: 8080, unit: web.service }
///   register: holder
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindPortHolder {
    /// 1 to 65535.
    port: Port,
    /// The service that ought to have the port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

#[derive(Debug)]
struct Finding {
    port: u16,
    unit: Option<String>,
}

/// Every open file of every process is looked at.
const DEADLINE: Duration = Duration::from_secs(20);

// === impl StepKind for FindPortHolder ===

impl StepKind for FindPortHolder {
    const KIND: &'static str = "process.find_port_holder";

    fn form(&self) -> Result<Form, String> {
        self.port.check()?;
        let object = match &self.unit {
            Some(_) => object(TargetKind::Unit, self.unit.as_ref())?,
            None => StepObject::Nothing,
        };
        Ok(Form::new(object, Risk::Read, DEADLINE))
    }

    fn ready(self, step: &PlannedStep) -> Result<Box<dyn Act>, String> {
        let unit = self.unit.is_some().then(|| object_of(step, TargetKind::Unit)).transpose()?;
        Ok(Box::new(Finding { port: self.port.number()?, unit }))
    }
}

// === impl Act for Finding ===

impl Act for Finding {
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        async {
            match tokio::time::timeout_at(call.deadline, self.find(call)).await {
                Ok(acted) => acted,
                Err(_) => Acted::new(ActOutcome::Failed, "the processes could not be read in time"),
            }
        }
        .boxed()
    }
}

// === impl Finding ===

impl Finding {
    async fn find(&self, call: &Call<'_>) -> Acted {
        let home = match &self.unit {
            Some(unit) => match call.tools.systemd.home(unit).await {
                Ok(home) => home,
                Err(error) => return error.into_acted(),
            },
            None => None,
        };
        match holders(self.port).await {
            Ok(port) => report(self.port, &port, home.as_ref(), self.unit.is_some()),
            Err(error) => error.into_acted(),
        }
    }
}

fn report(port: u16, found: &hold::Port, home: Option<&Home>, asked: bool) -> Acted {
    let (detail, holder): (String, Option<&Holder>) = match found {
        hold::Port::Free => (format!("nobody listens on port {port}"), None),
        hold::Port::Unseen => (format!("port {port} is held by a process that heald may not see (CAP_SYS_PTRACE)"), None),
        hold::Port::Held(holders) => {
            let more = match holders.len() {
                0 | 1 => String::new(),
                count => format!(" and {} more", count - 1),
            };
            let first = holders.first();
            (format!("port {port} is held by {}{more}", first.map_or_else(String::new, Holder::words)), first)
        }
    };
    // All of them must be, or ending one would not free the port.
    let stale = match (found, home) {
        (hold::Port::Held(holders), Some(home)) => {
            let programs = programs(home);
            holders.iter().all(|holder| kin(holder, home, &programs) == Kin::Stale)
        }
        _ => false,
    };
    Acted::new(ActOutcome::Done, detail.clone()).knowing(json!({
        "held": *found != hold::Port::Free,
        "pid": holder.map(|holder| holder.id.pid),
        "name": holder.map(|holder| &holder.name),
        "unit": holder.and_then(|holder| holder.group.unit.as_ref()),
        "container": holder.and_then(|holder| holder.group.container.as_ref()),
        "stale": asked.then_some(stale),
        "text": detail,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{planned, step};
    use super::*;
    use crate::action::Action;
    use crate::link::process::Id;
    use crate::link::process::group::Group;

    #[test]
    fn it_reads_only_and_takes_a_port_from_a_label() {
        for text in ["process.find_port_holder: { port: 8080 }", "process.find_port_holder: { port: '8080' }"] {
            let step = step(text).unwrap();
            assert_eq!((step.stake.risk, &step.stake.object), (Risk::Read, &StepObject::Nothing), "{text}");
            Action::parse(&planned(step, None)).unwrap();
        }
        let filled_in = step("process.find_port_holder: { port: '{{ labels.port }}' }").unwrap();
        assert!(Action::parse(&planned(filled_in, None)).unwrap_err().contains("no port"));
        for (text, part) in [
            ("process.find_port_holder: { port: 0 }", "1 to 65535"),
            ("process.find_port_holder: { port: 70000 }", "1 to 65535"),
            ("process.find_port_holder: { port: http }", "1 to 65535"),
            ("process.find_port_holder: {}", "port"),
            ("process.find_port_holder: { port: 1, unit: web }", "must end in"),
        ] {
            let error = step(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn each_finding_has_its_facts() {
        let holder = |path: &str| Holder {
            id: Id { pid: 4242, started: 7 },
            name: "web".to_owned(),
            parent: 1,
            kernel: false,
            program: None,
            command: Vec::new(),
            group: Group::of([(&[][..], path)].into_iter()),
        };
        let home = Home { group: "/system.slice/web.service".to_owned(), ..Home::default() };
        let facts = |port, home, asked| report(80, &port, home, asked).facts.unwrap();
        let own = facts(hold::Port::Held(vec![holder("/system.slice/web.service")]), Some(&home), true);
        assert_eq!((&own["held"], &own["pid"], &own["unit"]), (&json!(true), &json!(4242), &json!("web.service")));
        assert_eq!(own["stale"], true);
        assert_eq!(own["text"], "port 80 is held by web (pid 4242, unit web.service)");
        let mixed = vec![holder("/system.slice/web.service"), holder("/system.slice/other.service")];
        assert_eq!(facts(hold::Port::Held(mixed), Some(&home), true)["stale"], false, "a stranger holds it too");
        let free = facts(hold::Port::Free, Some(&home), true);
        assert_eq!((&free["held"], &free["pid"], &free["stale"]), (&json!(false), &json!(null), &json!(false)));
        let unseen = facts(hold::Port::Unseen, None, false);
        assert_eq!((&unseen["held"], &unseen["pid"], &unseen["stale"]), (&json!(true), &json!(null), &json!(null)));
    }
}
