//! Reads what people write: YAML into a tree that knows where each of its words stands in the file.
//!
//! `book/` and `config/` walk that tree key by key ([`Fields`]), so that one run
//! reports every mistake; serde alone stops at the first. A whole subtree can
//! still be given to serde (`&Node` is a `Deserializer`), which is how the kinds
//! of `action/` and `probe/` are read. Positions are byte offsets in the whole
//! file: a [`File`] turns them into line and column when a [`Problem`] is made.

mod de;
mod fields;
mod node;
mod problem;

pub use de::Wrong;
#[cfg(test)]
pub(crate) use fields::asked;
pub use fields::{Fields, number, read, span, text, unsupported};
pub use node::{Chunk, Key, Kind, Node, parse};
pub use problem::{File, Problem, Severity, nearest, quote};
