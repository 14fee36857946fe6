//! On real folders.
