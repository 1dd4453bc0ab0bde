//! Everything that is tested from outside: the house rules, the kernel for real, and the whole program.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test that cannot go on must stop, one that skips must say why, and sys::files is itself under test"
)]

mod architecture;
mod archives;
mod burdens;
mod containers;
mod crashes;
mod devices;
mod escapes;
mod explore;
mod files;
mod flags;
mod health;
mod hooks;
mod image;
mod isolated;

mod kills;
mod limits;
mod logs;
mod loops;
mod making;
mod mounts;
mod namespaces;
mod network;
mod networks;
mod observing;
mod oci;
mod privileges;
mod process;
mod pruning;
mod registry;
mod restarts;
mod runtime;
mod screen;
mod sharing;
mod stage;
mod steps;
mod support;
mod terminal;
mod userns;
mod wholeness;
mod words;
