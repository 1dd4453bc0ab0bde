//! The words: what images, containers and networks *are*, as plain values.
//!
//! Every floor above speaks in these types; the front ends show them, the store keeps them, the engine changes them. Nothing
//! here reads a file, a clock or an environment variable, and nothing here knows tokio or nix. A value that exists is valid:
//! an [`ImageReference`] has been parsed, a [`ContainerName`] holds only characters a name may hold.
//!
//! | file | words |
//! |---|---|
//! | `digest` | [`Digest`], [`DiffId`], [`ChainId`], [`ImageId`] |
//! | `id` | [`ContainerId`], [`NetworkId`], [`ContainerName`] |
//! | `reference` | [`ImageReference`] |
//! | `image` | [`Image`], [`Layer`], [`HistoryEntry`], [`LayerEntry`], [`Signature`] |
//! | `analysis` | [`Analysis`], [`LayerSummary`], [`HiddenCopy`] |
//! | `platform` | [`Platform`] |
//! | `container`, `state` | [`Container`], [`CreateContainer`]; [`State`], [`Exit`], [`Verb`] |
//! | `restart`, `health` | [`RestartPolicy`]; [`HealthCheck`], [`Health`], [`HealthHistory`] |
//! | `resources` | [`Resources`] |
//! | `security`, `isolation` | [`Security`], [`Isolation`] |
//! | `logging` | [`LogConfig`], [`LogDriver`] |
//! | `network` | [`Network`], [`Endpoint`], [`NetworkMode`] |
//! | `event` | [`Event`], [`Subject`], [`Occurrence`] |
//! | `usage` | [`Usage`], [`Statistics`], [`Sample`], [`Rates`] |
//! | [`flags`] | values of flags as people write them |
//! | `timing` | [`Step`], [`Mark`] |
//! | `units` | sizes and spans of time as people read and write them |

mod analysis;
mod container;
mod digest;
mod event;
pub mod flags;
mod health;
mod id;
mod image;
mod isolation;
mod logging;
mod network;
mod platform;
mod reference;
mod resources;
mod restart;
mod security;
mod state;
mod timing;
pub mod units;
mod usage;

pub use analysis::{Analysis, Fate, HiddenCopy, LayerSummary};
pub use container::{
    Container, ContainerConfig, CreateContainer, ExecRequest, Mount, MountKind, NetworkRequest,
    UpdateContainer,
};
pub use digest::{ChainId, DiffId, Digest, DigestError, ImageId};
pub use event::{Event, Occurrence, Subject};
pub use health::{Health, HealthCheck, HealthHistory, HealthResult};
pub use id::{ContainerId, ContainerName, IdError, NameError, NetworkId};
pub use image::{
    Change, ChangedEntry, Dependent, EntryKind, HistoryEntry, Image, ImageConfig, Layer,
    LayerEntry, Signature, Whiteout,
};
pub use isolation::{Ipc, Isolation, Names, Sharing};
pub use logging::{LogBounds, LogConfig, LogConfigError, LogDriver};
pub use network::{CreateNetwork, DEFAULT_NETWORK, Endpoint, Network, NetworkMode};
pub use platform::{Platform, PlatformError};
pub use reference::{ImageReference, ReferenceError};
pub use resources::{DeviceRate, DeviceWeight, Rate, Resources, Ulimit};
pub use restart::{RestartPolicy, RestartPolicyError};
pub use security::{Device, Seccomp, Security};
pub use state::{Exit, State, Verb};
pub use timing::{Mark, Step, waterfall};
pub use usage::{Pressure, Process, Rates, Readings, Sample, Statistics, Throttling, Usage};

/// A point in time, UTC, to the nanosecond.
pub type Timestamp = jiff::Timestamp;
