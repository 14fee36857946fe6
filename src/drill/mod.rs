//! Drills: a fault is injected on purpose on a part that is marked for it, and heald must bring it back. `heald drill`
//!
//! ```text
//!  *.drill.yml ──read──> Drill ──Marked::new──> prepare ─> under-way.json (fsync) ─> inject ─> Alertmanager ─> the daemon
//!                                                              │                                    incident's timeline
//!                              undo, in reverse, always <──────┘                                          │
//!                                     report, history.jsonl <── Judged <── measure ───────────────────────┘
//! ```
//!
//! A drill goes the real way: it breaks a real part and reads of the daemon what the daemon says of the incident. It gives the
//! daemon no order and repairs nothing itself. Called by the command line; the daemon starts that for what is due.

mod fault;
mod file;
mod history;
mod load;
mod measure;
mod report;
mod run;
mod schedule;
mod settings;
#[cfg(test)]
mod tests;
mod under_way;

pub use fault::{Fault, KINDS, Marked, Undo, schemas};
pub use file::{Drill, ENDING, Every, Expect, Posted, read};
pub use history::{Entry, History};
pub use load::{Loaded, load, not_marked};
pub use measure::{Judged, Timeline, judge};
pub use report::{history_text, markdown, span, summary, trend};
pub use run::{Ask, Drilled, Setting, goal_text, refusals, run};
pub use schedule::{Due, Planned, due};
pub use settings::{Schedule, Settings, folder};
pub use under_way::{UnderWay, is_left, undo_all};
