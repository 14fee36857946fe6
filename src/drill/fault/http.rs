//! `http`: a switch of a program that can break itself.

use super::{FaultKind, Held, Mark, Undo, said};
use crate::domain::target::TargetKind;
use crate::link::Tools;
use crate::link::http::{RawCall, Statuses};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Calls a URL: a fault switch of the program that is broken. Undone by the call under `undo`.
///
/// ```yaml
/// - http: { post: "http://127.0.0.1:9700/fault/hang", json: {}, undo: { delete: "http://127.0.0.1:9700/fault/hang" } }
/// ```
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    post: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    put: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delete: Option<String>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
    /// The expected answers; any 2xx where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<Statuses>,
    /// The call that ends it. Left out where the fault ends by itself or heald is to end it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undo: Option<Answering>,
}

/// One call: exactly one method.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answering {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    post: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    put: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delete: Option<String>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
}

impl Answering {
    fn raw(&self) -> RawCall {
        let Self { post, put, delete, json } = self.clone();
        RawCall { post, put, delete, json, ..RawCall::default() }
    }

    /// Sends it.
    pub(super) async fn send(&self, tools: &Tools) -> Result<String, String> {
        super::undo::call(tools, &self.raw()).await
    }
}

impl Switch {
    fn raw(&self) -> RawCall {
        RawCall {
            post: self.post.clone(),
            put: self.put.clone(),
            delete: self.delete.clone(),
            json: self.json.clone(),
            status: self.status.clone(),
            ..RawCall::default()
        }
    }
}

fn mark(raw: &RawCall) -> Result<Mark, String> {
    raw.check()?;
    let (_, url) = raw.method()?;
    Mark::of(TargetKind::Url, url)
}

impl FaultKind for Switch {
    const KIND: &'static str = "http";

    fn marks(&self) -> Result<Vec<Mark>, String> {
        let undo = self.undo.as_ref().map(|undo| mark(&undo.raw()).map_err(|why| format!("undo: {why}"))).transpose()?;
        Ok([mark(&self.raw())?].into_iter().chain(undo).collect())
    }

    fn prepare<'a>(&'a self, _: &'a Tools) -> BoxFuture<'a, Result<Undo, String>> {
        let undo = self.undo.clone().map_or(Undo::Nothing, |call| Undo::Http { call: Box::new(call) });
        async move { Ok(undo) }.boxed()
    }

    fn inject<'a>(&'a self, tools: &'a Tools, _: &'a Undo) -> BoxFuture<'a, Result<Held, String>> {
        async move { super::undo::call(tools, &self.raw()).await.map(|_| None).map_err(said) }.boxed()
    }
}
