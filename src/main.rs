//! The one binary; its roles come with the rooms.

fn main() {}
