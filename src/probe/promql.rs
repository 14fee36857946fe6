//! `promql`: one number of Prometheus against a limit.

use super::{Look, ProbeKind, Verdict};
use crate::domain::look::ProbeVerdict;
use crate::domain::plan::PlannedProbe;
use crate::domain::playbook::StepObject;
use crate::domain::template::is_template;
use crate::domain::time::Span;
use crate::link::Tools;
use crate::link::expect::Number;
use crate::link::prometheus::Query;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Passes when an instant query of Prometheus gives one number, and that is above, below or equal to a limit.
///
/// Needs `prometheus: { url: … }` in the configuration. Everything but one sound number is unknown and never good: no series,
/// several, NaN, a warning of Prometheus (part of the answer may be missing), no answer; and a sample older than `max_age`, since
/// Prometheus repeats a lost series' last value for five minutes. How old it is shows only where the query is a plain selector.
///
/// Values from labels go under `labels:`; they become quoted matchers where the query has `$labels`. A template in `query`
/// itself is refused, because a label could then rewrite it.
///
/// ```yaml
/// - promql: { query: 'up{$labels}', labels: { job: "{{ vars.job }}" }, is: 1 }
/// - promql: { query: 'max(rate(errors_total{$labels}[5m]))', labels: { service: "{{ target }}" }, below: 0.1 }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// PromQL, without templates.
    query: String,
    /// Label → value, for `$labels` in the query.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    /// Exactly one of `above`, `below` and `is`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    above: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    below: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is: Option<Number>,
    /// An older sample is unknown: 1s to 5m; 2m where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age: Option<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    Above(f64),
    Below(f64),
    Is(f64),
}

#[derive(Debug)]
struct PromQl {
    query: Query,
    limit: Limit,
    max_age: Duration,
}

/// Twice the longest usual scrape interval.
const MAX_AGE: Duration = Duration::from_secs(120);

// === impl Params ===

impl Params {
    fn max_age(&self) -> Result<Duration, String> {
        match self.max_age {
            Some(Span(age)) if !(1..=300).contains(&age.as_secs()) => {
                Err(format!("max_age {} is out of range: 1s to 5m", Span(age)))
            }
            age => Ok(age.map_or(MAX_AGE, |age| age.0)),
        }
    }

    fn limit(&self) -> Result<(fn(f64) -> Limit, &Number), String> {
        match (&self.above, &self.below, &self.is) {
            (Some(number), None, None) => Ok((Limit::Above, number)),
            (None, Some(number), None) => Ok((Limit::Below, number)),
            (None, None, Some(number)) => Ok((Limit::Is, number)),
            _ => Err("give exactly one of above, below and is".to_owned()),
        }
    }
}

// === impl ProbeKind for Params ===

impl ProbeKind for Params {
    const KIND: &'static str = "promql";

    fn form(&self) -> Result<StepObject, String> {
        Query::check(&self.query, &self.labels)?;
        self.limit()?.1.check()?;
        self.max_age()?;
        if let Some((name, _)) = self.labels.iter().find(|(_, value)| value.is_empty() && !is_template(value)) {
            return Err(format!("labels: {name} is empty, and empty means that the label is missing"));
        }
        Ok(StepObject::Nothing)
    }

    fn ready(self, _: &PlannedProbe) -> Result<Box<dyn Look>, String> {
        self.form()?;
        let (limit, number) = self.limit()?;
        let limit = limit(number.value()?);
        Ok(Box::new(PromQl { query: Query::new(&self.query, &self.labels)?, limit, max_age: self.max_age()? }))
    }
}

// === impl Look for PromQl ===

impl Look for PromQl {
    fn ask<'a>(&'a self, tools: &'a Tools) -> BoxFuture<'a, Verdict> {
        async move {
            let Some(prometheus) = &tools.prometheus else {
                let why = "no Prometheus is configured: `prometheus: { url: http://127.0.0.1:9090 }`";
                return (ProbeVerdict::Unknown, why.to_owned());
            };
            match prometheus.number(&self.query, self.max_age).await {
                Ok(number) => self.limit.judge(number),
                Err(why) => (ProbeVerdict::Unknown, why),
            }
        }
        .boxed()
    }
}

// === impl Limit ===

impl Limit {
    fn judge(self, number: f64) -> Verdict {
        let (holds, words) = match self {
            Self::Above(limit) => (number > limit, format!("above {limit}")),
            Self::Below(limit) => (number < limit, format!("below {limit}")),
            // Written and read as decimal text: what is meant to be equal is.
            Self::Is(limit) => (number == limit, limit.to_string()),
        };
        match holds {
            true => (ProbeVerdict::Pass, format!("it is {number}")),
            false => (ProbeVerdict::Fail, format!("it is {number}, not {words}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn form(args: serde_json::Value) -> Result<StepObject, String> {
        serde_json::from_value::<Params>(args).map_err(|error| error.to_string())?.form()
    }

    #[test]
    fn one_limit_and_no_template_in_the_query() {
        for (args, part) in [
            (json!({ "query": "up" }), "exactly one"),
            (json!({ "query": "up", "is": 1, "below": 2 }), "exactly one"),
            (json!({ "query": "up{job=\"{{ labels.job }}\"}", "is": 1 }), "holds a template"),
            (json!({ "query": "up{$labels}", "labels": { "job": "" }, "is": 1 }), "empty"),
            (json!({ "query": "up", "is": "one" }), "no number"),
            (json!({ "query": "up", "is": 1, "max_age": "1h" }), "out of range"),
            (json!({ "query": "up", "equals": 1 }), "unknown field"),
        ] {
            let error = form(args.clone()).unwrap_err();
            assert!(error.contains(part), "{args}: {error}");
        }
        form(json!({ "query": "up{$labels}", "labels": { "job": "{{ labels.job }}" }, "above": "{{ vars.least }}" })).unwrap();
    }

    #[test]
    fn limits_are_strict() {
        for (limit, number, verdict) in [
            (Limit::Above(1.0), 1.0, ProbeVerdict::Fail),
            (Limit::Above(1.0), 1.5, ProbeVerdict::Pass),
            (Limit::Below(1.0), 1.0, ProbeVerdict::Fail),
            (Limit::Below(1.0), -1.0, ProbeVerdict::Pass),
            (Limit::Is(0.1), 0.1, ProbeVerdict::Pass),
            (Limit::Is(1.0), 0.0, ProbeVerdict::Fail),
        ] {
            assert_eq!(limit.judge(number).0, verdict, "{limit:?} {number}");
        }
    }
}
