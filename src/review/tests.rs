//! Golden pages: what a team would file.
