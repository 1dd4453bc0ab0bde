//! Estiba: an interactive terminal UI that manages containers, on an engine of its own. This page is the map.
//!
//! An *image* is read-only layers and a config. A *container* is one read-write layer on top of exactly one image, with its own
//! processes, file system, network and address. An image that a container stands on cannot be removed. A *network* gives its
//! containers addresses. There is no daemon: each program that is started opens the same store, and one small monitor process
//! stays with each container that runs.
//!
//! # Floors
//!
//! Each room enters only rooms on floors below its own; `tests/it/architecture.rs` reads the imports and keeps it so.
//! `foo.rs` is the door of the room `foo/`: what it is for, what holds in it, what is not there.
//!
//! | floor | room | what it alone knows |
//! |---|---|---|
//! | 0 | [`model`] | the words: references, digests, states, requests, events, units |
//! | 0 | [`sys`] | the kernel: mounts, namespaces, processes by descriptor, control groups, netlink, terminals; every `unsafe` |
//! | 1 | [`store`] | where things lie: directories, the SQLite records, the journal and its bell |
//! | 1 | [`registry`] | the distribution protocol: challenge, token, range, upload |
//! | 2 | [`image`] | layers: unpacked once, indexed, compared; archives; pull and push; which images a policy lets in |
//! | 2 | [`runtime`] | from an OCI spec to a process in namespaces of its own |
//! | 2 | [`network`] | bridges, leases, rules, names |
//! | 3 | [`monitor`] | the one process that stays with each container |
//! | 4 | [`engine`] | the verbs, their order and their undo; the dependency rule |
//! | 5 | [`tui`], [`cli`] | one face each |
//! | 5 | [`oci`] | the face of an OCI runtime, for podman, dockerd and containerd; it enters `runtime` and no engine |
//! | 6 | `main.rs` | the roles of the one binary: a monitor before any thread exists; otherwise screen or command line |
//!
//! # How things flow
//!
//! **A container starts.** [`engine::Engine::claim`], or [`engine::Engine::create_claimed`] for a new one, claims the record and leases addresses in
//! one transaction, then has [`monitor::spawn()`] execute this binary in its other role. The monitor has [`runtime::create`] clone the first process
//! into its namespaces, and while that mounts its own file systems makes what it is admitted to: control group, network and files. What fails inside
//! comes back as a typed step. The monitor alone records that it runs, how it ended, how it is, and that it is started again. A command that
//! will start a container executes its monitor before it reads its arguments, so that both load side by side.
//!
//! **A container ends.** The monitor reads how, gives back what it held, writes record and journal in one transaction and
//! leaves, or, where the restart policy says so, waits and starts the next run by itself. If it was killed, the next
//! [`engine::Engine::open`] sees that nobody answers for the container (process number *and* start time), ends what is left of it
//! and says so.
//!
//! **An archive becomes an image.** [`image::load`] reads each layer once: hashed, inflated, unpacked beneath an open directory
//! and indexed in one pass, several layers at once, all in staging; one transaction makes it appear.
//!
//! **A change becomes a frame.** Every write appends to the journal in its own transaction and rings a bell, a file that the
//! screen of any process watches. The screen reads an overview, `update` makes the next model of it, `view` draws.
//!
//! **Root and ordinary users are one design.** An ordinary user's Estiba enters a user namespace that all of that user's
//! processes share ([`sys::userns`]), and is root there; its bridges stand in a network namespace shared likewise.

pub mod cli;
pub mod engine;
pub mod image;
pub mod model;
pub mod monitor;
pub mod network;
pub mod oci;
pub mod registry;
pub mod runtime;
pub mod store;
pub mod sys;
pub mod tui;
