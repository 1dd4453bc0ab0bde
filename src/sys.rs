//! The kernel: everything below is a system call, a file of `/proc` or `/sys`, or a netlink message.
//!
//! This is the only room that says `unsafe`. It knows processes, mounts and links, not containers or images, and it knows no
//! tokio: whatever blocks here blocks its caller, and says so.

#![expect(
    unsafe_code,
    reason = "this room is where the kernel is spoken to; each block states its case"
)]

mod attributes;
pub mod beneath;
pub mod bpf;
pub mod bus;
pub mod caps;
pub mod cgroup;
pub mod channel;
pub mod clock;
pub mod clone;
pub mod command;
pub mod copy;
pub mod counter;
mod error;
pub mod fifo;
pub mod files;
pub mod holders;
pub mod idmap;
pub mod mount;
pub mod namespace;
pub mod netlink;
pub mod overlay;
pub mod pidfd;
pub mod poll;
pub mod process;
pub mod program;
pub mod pty;
pub mod reaper;
pub mod resctrl;
pub mod root;
pub mod schedule;
pub mod sealed;
pub mod seccomp;
pub mod socket;
pub mod spawn;
pub mod tree;
pub mod tty;
pub mod userns;
pub mod visit;

pub use error::{At, Result, SysError};
