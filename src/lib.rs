//! Estiba: an interactive terminal UI that manages containers on an engine of its own. This page is the map.

pub mod engine;
pub mod model;
pub mod sys;
