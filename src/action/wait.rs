//! `wait: 5s` between two steps.

use super::{Form, args_of, as_args};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::playbook::{Risk, StepObject};
use crate::domain::time::Span;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub struct Params {
    length: Span,
}

/// The long form, `wait: { for: 5s }`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Long {
    #[serde(rename = "for")]
    length: Span,
}

/// An attempt holds its locks while it waits.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// By hand: of an untagged enum the error would not say what is wrong.
impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = Params;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a duration as in 5s")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Params, E> {
                text.parse().map(|length| Params { length }).map_err(E::custom)
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Params, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Params, A::Error> {
                let Long { length } = Long::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Params { length })
            }
        }
        input.deserialize_any(Either)
    }
}

pub(super) fn form(params: &Params) -> Result<Form, String> {
    let length = params.length()?;
    Ok(Form {
        kind: "wait",
        args: as_args(params)?,
        object: StepObject::Nothing,
        risk: Risk::Read,
        reversible: true,
        in_flight: Duration::ZERO,
        deadline: length + Duration::from_secs(5),
    })
}

pub(super) fn parse(step: &PlannedStep) -> Result<Duration, String> {
    args_of::<Params>(step)?.length()
}

pub(super) async fn run(length: Duration, deadline: Instant) -> Acted {
    let end = Instant::now() + length;
    tokio::time::sleep_until(end.min(deadline)).await;
    Acted::new(ActOutcome::Done, format!("waited {}", Span(length)))
}

// === impl Params ===

impl Params {
    fn length(self) -> Result<Duration, String> {
        match self.length.0 {
            length if length.is_zero() || length > WAIT_MAX => Err(format!("wait {} is out of range: 1ms to 10m", self.length)),
            length => Ok(length),
        }
    }
}
