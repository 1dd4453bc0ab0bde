//! Estiba: an interactive terminal UI that manages containers on an engine of its own. This page is the map.

pub mod engine;
pub mod image;
pub mod model;
pub mod monitor;
pub mod network;
pub mod runtime;
pub mod store;
pub mod sys;
pub mod tui;
