//! `http`: one call to a service. The status decides; whether it helped, the probes say.

use super::{Act, Call, Form, StepKind};
use crate::domain::outcome::{ActOutcome, Acted, Impossible};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::target::AllowList;
use crate::link::http::Answer;
use crate::link::http::{Call as HttpCall, CallError, RawCall};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout_at;

/// One call to a service whose URL the allow-list names. Redirects are not followed and no proxy is used.
///
/// It is done when the status is expected, `expect` holds of the answer, and a `stream` has come to its end without an
/// error. The answer is read up to 1 MiB. `register:` keeps `status`, `ms`, and `json` (or `text`) where it is small.
///
/// After a crash of heald GET, HEAD, PUT and DELETE may be sent again, POST and PATCH never (RFC 9110, 9.2); `once: false`
/// says otherwise.
///
/// ```yaml
/// - http: { post: "http://127.0.0.1:11434/api/generate", json: { model: qwen3, keep_alive: 0 } }
///   optional: true
/// - http: { get: "http://127.0.0.1:11434/api/tags", expect: { "$.models[*].name": "{{ vars.model }}" } }
/// - http:
///     post: "http://127.0.0.1:11434/api/pull"
///     json: { model: "{{ vars.model }}" }
///     stream: true
///     expect: { status: success }
///   once: false
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Params(RawCall);

#[derive(Clone, Debug)]
struct Http {
    /// Boxed: a call is far larger than any other kind.
    call: Box<HttpCall>,
}

// === impl StepKind for Params ===

impl StepKind for Params {
    const KIND: &'static str = "http";

    fn form(&self) -> Result<Form, String> {
        let Self(raw) = self;
        raw.check()?;
        let (method, _) = raw.method()?;
        let risk = match method.as_str() {
            "GET" | "HEAD" => Risk::Read,
            "PUT" | "DELETE" => Risk::Idempotent,
            _ => Risk::Once,
        };
        let form = Form::new(StepObject::Nothing, risk, raw.timeout() + Duration::from_secs(1));
        Ok(if method == "DELETE" { form.for_good() } else { form })
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        Ok(Box::new(Http { call: Box::new(self.0.parse()?) }))
    }
}

// === impl Act for Http ===

impl Act for Http {
    fn admit(&self, allow: &AllowList) -> Result<(), String> {
        self.call.admit(allow)
    }

    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        self.act(call).boxed()
    }
}

// === impl Http ===

impl Http {
    async fn act(&self, call: &Call<'_>) -> Acted {
        let say = |text| call.progress.say(text);
        let allow = call.tools.allow.now();
        match timeout_at(call.deadline, self.call.send(&call.tools.http, &allow, true, &say)).await {
            Ok(Ok(answer)) => {
                let outcome = if answer.is_expected() { ActOutcome::Done } else { ActOutcome::Failed };
                Acted::new(outcome, answer.words()).knowing(facts(&answer))
            }
            Ok(Err(error)) => {
                let outcome = match &error {
                    CallError::NotAllowed(_) => ActOutcome::Impossible(Impossible::BadParameters),
                    CallError::NoWay(_) | CallError::NoConnection(_) => ActOutcome::NotSent,
                    CallError::NoAnswer(_) => ActOutcome::Unknown,
                };
                Acted::new(outcome, error.to_string())
            }
            Err(_) => Acted::new(ActOutcome::Unknown, "no answer before the step's deadline"),
        }
    }
}

/// Of a body no more than fits beside the rest.
const JSON_MAX: usize = 6 << 10;

fn facts(answer: &Answer) -> Value {
    let mut facts = json!({ "status": answer.status, "ms": u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX) });
    if answer.lines > 0 {
        facts["lines"] = answer.lines.into();
    }
    if let Some(json) = answer.json.as_ref().filter(|json| json.to_string().len() <= JSON_MAX) {
        facts["json"] = json.clone();
    }
    if let Some(text) = &answer.text {
        facts["text"] = text.as_str().into();
    }
    facts
}
