//! The page `/metrics/targets`: what no exporter shows. Read by Prometheus, never by heald's decisions.

pub mod docker;

/// What the page must be sent as.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
