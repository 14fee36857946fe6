//! Steps on processes: looking at them, and signals to those that belong to a unit. Never by a name or a pattern.

mod drop_caches;
mod find_port_holder;
mod kin;
mod list_top;
mod port;
mod signal;

pub use drop_caches::DropCaches;
pub use find_port_holder::FindPortHolder;
pub use list_top::ListTop;
pub use signal::Signal;
