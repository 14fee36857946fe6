//! IN: Alertmanager's webhook, and the pages that Prometheus and load balancers ask for.
//!
//! [`server`] keeps slow and silent peers from holding a slot, [`routes`] decides
//! the status code, [`auth`] who may speak, [`tls`] how, [`wire`] turns a body into alerts. A 2xx
//! is sent only after the loop has them on disk; what can't be taken now is a
//! 503, never a 429, which Alertmanager would not retry.

mod auth;
mod gate;
mod routes;
mod server;
mod tls;
mod wire;

pub use auth::{Auth, Secrets};
pub use gate::behind;
pub use routes::{Pages, Web, pages_router, router, webhook_router};
pub use server::{Limits, Server};
pub use tls::{Tls, TlsFiles};
pub use wire::{Batch, Refused, read};

#[cfg(test)]
mod tests;
