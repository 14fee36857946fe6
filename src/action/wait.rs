//! `wait: 5s` between two steps.

use super::{Act, Call, Form, StepKind};
use crate::domain::outcome::{ActOutcome, Acted};
use crate::domain::plan::PlannedStep;
use crate::domain::time::Span;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Waits between two steps: 1ms to 10m. The attempt keeps its locks meanwhile.
///
/// ```yaml
/// - wait: 5s
/// ```
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Params {
    #[schemars(with = "Written")]
    length: Span,
}

/// `wait: 5s` or the long form.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only a shape")]
enum Written {
    Short(Span),
    Long(Long),
}

/// The long form, `wait: { for: 5s }`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Long {
    /// 1ms to 10m.
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

#[derive(Debug)]
struct Wait(Duration);

// === impl StepKind for Params ===

impl StepKind for Params {
    const KIND: &'static str = "wait";

    fn form(&self) -> Result<Form, String> {
        Ok(Form::reads(self.length()? + Duration::from_secs(5)))
    }

    fn ready(self, _: &PlannedStep) -> Result<Box<dyn Act>, String> {
        Ok(Box::new(Wait(self.length()?)))
    }
}

// === impl Act for Wait ===

impl Act for Wait {
    fn run<'a>(&'a self, call: &'a Call<'a>) -> BoxFuture<'a, Acted> {
        let end = tokio::time::Instant::now() + self.0;
        async move {
            tokio::time::sleep_until(end.min(call.deadline)).await;
            Acted::new(ActOutcome::Done, format!("waited {}", Span(self.0)))
        }
        .boxed()
    }
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
