//! The terminal UI.

pub(crate) mod theme;
