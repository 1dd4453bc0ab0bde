//! Estiba: an interactive terminal UI that manages containers on an engine of its own. The map comes with the whole.

pub mod model;
pub mod sys;
pub mod store;
pub mod image;
pub mod runtime;
pub mod network;
pub mod monitor;
pub mod engine;
pub mod tui;
