//! What heald shows and lets people do, as JSON over HTTP on `STATE/control.sock`.
//!
//! The command line is its client. The socket belongs to heald's user and to
//! root alone (0600), so whoever can open it may give orders; the journal notes
//! who did, by the kernel's word (`SO_PEERCRED`): no request can name somebody else. The same routes may be served
//! elsewhere, behind somebody else's gate.

mod control;
mod events;
mod peer;
mod review;
mod socket;

pub use control::{Reload, ReloadError, routes, serve};
pub use socket::bind;

#[cfg(test)]
mod tests;
