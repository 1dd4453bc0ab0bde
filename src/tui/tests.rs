//! Tests of the whole screen: keys in, effects and frames out.

mod actions;
mod behaviour;
mod explorer;
mod fixture;
mod frames;
mod jobs;
mod looping;
mod mouse;
mod palette;
mod readme;
