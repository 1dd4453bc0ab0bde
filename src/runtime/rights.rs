//! The directory, capabilities and resource limits of a spec, as the kernel counts them.

use oci_spec::runtime::{
    Capabilities as CapabilityNames, LinuxCapabilities, PosixRlimit, PosixRlimitType, Process,
};

use super::RuntimeError;
use crate::sys::{
    caps::{self, Capabilities},
    program::Resource,
};

/// Reads the sets of capabilities.
pub(super) fn capability_sets(
    sets: Option<&LinuxCapabilities>,
) -> Result<Capabilities, RuntimeError> {
    let bits = |names: Option<&CapabilityNames>| -> Result<u64, RuntimeError> {
        names.into_iter().flatten().try_fold(0, |bits, name| {
            let one = caps::bit(&name.to_string())
                .ok_or_else(|| RuntimeError::unfit(format_args!("unknown capability {name}")))?;
            Ok(bits | one)
        })
    };
    let Some(sets) = sets else {
        return Ok(Capabilities::default());
    };
    Ok(Capabilities {
        bounding: bits(sets.bounding().as_ref())?,
        effective: bits(sets.effective().as_ref())?,
        permitted: bits(sets.permitted().as_ref())?,
        inheritable: bits(sets.inheritable().as_ref())?,
        ambient: bits(sets.ambient().as_ref())?,
    })
}

/// Reads the limits; one that is there twice is an error (config.md, "rlimits").
pub(super) fn resource_limits(
    list: &[PosixRlimit],
) -> Result<Vec<(Resource, u64, u64)>, RuntimeError> {
    for (place, limit) in list.iter().enumerate() {
        if list.iter().take(place).any(|other| other.typ() == limit.typ()) {
            let kind = limit.typ();
            return Err(RuntimeError::unfit(format_args!(
                "process.rlimits: {kind} is there twice"
            )));
        }
    }
    Ok(list.iter().map(|one| (resource(one.typ()), one.soft(), one.hard())).collect())
}

const fn resource(kind: PosixRlimitType) -> Resource {
    match kind {
        PosixRlimitType::RlimitCpu => Resource::Cpu,
        PosixRlimitType::RlimitFsize => Resource::Fsize,
        PosixRlimitType::RlimitData => Resource::Data,
        PosixRlimitType::RlimitStack => Resource::Stack,
        PosixRlimitType::RlimitCore => Resource::Core,
        PosixRlimitType::RlimitRss => Resource::Rss,
        PosixRlimitType::RlimitNproc => Resource::Nproc,
        PosixRlimitType::RlimitNofile => Resource::Nofile,
        PosixRlimitType::RlimitMemlock => Resource::Memlock,
        PosixRlimitType::RlimitAs => Resource::As,
        PosixRlimitType::RlimitLocks => Resource::Locks,
        PosixRlimitType::RlimitSigpending => Resource::Sigpending,
        PosixRlimitType::RlimitMsgqueue => Resource::Msgqueue,
        PosixRlimitType::RlimitNice => Resource::Nice,
        PosixRlimitType::RlimitRtprio => Resource::Rtprio,
        PosixRlimitType::RlimitRttime => Resource::Rttime,
    }
}

/// Reads where a program starts.
pub(super) fn directory(process: &Process) -> Result<String, RuntimeError> {
    match process.cwd().to_str() {
        Some("") => Ok("/".to_owned()),
        Some(path) if path.starts_with('/') => Ok(path.to_owned()),
        _ => Err(RuntimeError::unfit(format_args!(
            "working directory {} is not absolute",
            process.cwd().display()
        ))),
    }
}
