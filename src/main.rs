//! The roles of the one binary.
fn main() {}
