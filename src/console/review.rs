//! Reviews, as Markdown for people and as JSON for programs.

use super::control::{ApiError, Control, json, number, soon};
use crate::domain::time::Span;
use crate::run::handle::OrderError;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Only of a digest, and there it must be given.
    since: Option<Span>,
    #[serde(default)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Markdown,
    Json,
}

/// `GET /api/v1/incidents/{id}/review`
pub(super) async fn one(
    State(control): State<Control>,
    Path(id): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, ApiError> {
    let id = number(&id)?;
    let asked = understood(asked)?;
    if asked.since.is_some() {
        return Err(ApiError(StatusCode::BAD_REQUEST, "since= belongs to /api/v1/review, without an incident".to_owned()));
    }
    let review = soon(control.handle.review(id)).await??.ok_or(OrderError::NotFound(id))?;
    Ok(answer(asked.format, &review, || review.markdown()))
}

/// `GET /api/v1/review?since=7d`
pub(super) async fn since(
    State(control): State<Control>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, ApiError> {
    let asked = understood(asked)?;
    let span = asked.since.ok_or_else(|| ApiError(StatusCode::BAD_REQUEST, "say how far back: since=7d".to_owned()))?;
    let digest = soon(control.handle.review_since(span)).await??;
    Ok(answer(asked.format, &digest, || digest.markdown()))
}

fn understood(asked: Result<Query<Asked>, QueryRejection>) -> Result<Asked, ApiError> {
    asked.map(|Query(asked)| asked).map_err(|error| {
        let why = format!("since= takes a duration (7d), format= markdown or json: {}", error.body_text());
        ApiError(StatusCode::BAD_REQUEST, why)
    })
}

fn answer(format: Format, value: &impl Serialize, markdown: impl FnOnce() -> String) -> Response {
    match format {
        Format::Json => json(value),
        // A browser shows it as text, and nothing in it as a page.
        Format::Markdown => {
            ([("content-type", "text/markdown; charset=utf-8"), ("x-content-type-options", "nosniff")], markdown())
                .into_response()
        }
    }
}
