//! What others escaped by, or leaked through: one test for each, named after its CVE, that fails when the protection is taken out. What a test says of
//! how it was seen to fail was tried by hand: the line was removed, the test run, the line put back.

mod calls;
mod descriptors;
mod monitor;
mod mounts;
mod network;
mod program;
mod system;
mod terminal;
mod users;
