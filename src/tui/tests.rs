//! Tests of the whole screen: keys in, effects and frames out.

mod actions;
mod behaviour;
mod fixture;
mod frames;
mod looping;
mod readme;
