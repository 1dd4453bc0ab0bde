//! The limits of a container, by its spec or by the flags of `update`.

use std::{io::Read as _, path::Path};

use oci_spec::runtime::{LinuxIntelRdt, LinuxResources};
use serde_json::{Value, json};

use super::{
    Context, Failure,
    arguments::Update,
    container::{Container, Status},
    reading,
};
use crate::{
    runtime::{
        change_class, resources,
        systemd::{self, Scope},
    },
    sys::{
        cgroup::{Cgroup, Resources},
        files,
    },
};

/// Sets what is asked for; what cannot be had is an error that names it.
///
/// In a user namespace no device node works but those of the host that its user may open anyway (`user_namespaces(7)`, `mknod(2)`): nothing is left to be
/// denied, and it takes the machine's root to have the kernel ask about devices.
pub(super) fn apply(
    cgroup: Option<&Cgroup>,
    wanted: &Resources,
    is_rootless: bool,
) -> Result<(), Failure> {
    let but_devices = || Resources { devices: None, ..wanted.clone() };
    match cgroup {
        Some(cgroup) if is_rootless => Ok(cgroup.apply(&but_devices())?),
        Some(cgroup) => Ok(cgroup.apply(wanted)?),
        // Without a group no device node works either.
        None if but_devices() == Resources::default() => Ok(()),
        None => Err(Failure::new("limits cannot be set: the container has no control group")),
    }
}

/// Has systemd end the unit of a container.
pub(super) fn end_scope(bus: &Path, scope: &Scope) -> Result<(), Failure> {
    Ok(scope.end(&mut systemd::connect(bus)?)?)
}

/// Changes the limits of a container.
pub(super) fn update(context: &Context<'_>, options: &Update) -> Result<u8, Failure> {
    let container = Container::seize(context, &options.id)?;
    if container.status() == Status::Stopped {
        return Err(Failure::new("container not running"));
    }
    if options.kernel_memory.is_some() || options.kernel_memory_tcp.is_some() {
        context.log.warn("--kernel-memory, --kernel-memory-tcp: kernels have no such limit any more; they change nothing");
    }
    let wanted = match options.resources.as_deref() {
        None => by_flags(options),
        Some(path) => {
            let bytes = if path.as_os_str() == "-" {
                let mut bytes = Vec::new();
                let read = std::io::stdin().read_to_end(&mut bytes);
                read.map_err(|error| Failure::new(format!("standard input: {error}")))?;
                bytes
            } else {
                files::read(&context.absolute(path))?
            };
            serde_json::from_slice(&bytes)
                .map_err(|error| Failure::new(format!("the limits are not understood: {error}")))?
        }
    };
    let text = without_zeros(wanted).to_string();
    let wanted: LinuxResources = reading::document(text.as_bytes(), "limits", &context.log)?;
    let limits = resources(&wanted)?;
    let shares = shares(options);
    if let Some(shares) = &shares {
        change_class(container.record.class.as_ref(), shares)?;
    }
    if let Some(scope) = &container.record.scope {
        scope.update(&mut systemd::connect(&context.around.bus)?, &limits)?;
    }
    apply(container.cgroup().as_ref(), &limits, context.around.rootless)?;
    remember(&container, &wanted, shares)?;
    Ok(0)
}

/// Gives what is asked of the class of service.
fn shares(options: &Update) -> Option<LinuxIntelRdt> {
    let (cache, memory) = (&options.l3_cache_schema, &options.mem_bw_schema);
    if cache.is_none() && memory.is_none() {
        return None;
    }
    let mut shares = LinuxIntelRdt::default();
    shares.set_l3_cache_schema(cache.clone()).set_mem_bw_schema(memory.clone());
    Some(shares)
}

/// Leaves out what is 0 or empty, which callers write for what is to stay as it is.
fn without_zeros(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().map(|(key, value)| (key, without_zeros(value)));
            Value::Object(kept.filter(|(_, value)| !is_nothing(value)).collect())
        }
        other => other,
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) => false,
    }
}

fn by_flags(options: &Update) -> Value {
    json!({
        "blockIO": { "weight": options.blkio_weight },
        "cpu": {
            "period": options.cpu_period,
            "quota": options.cpu_quota,
            "burst": options.cpu_burst,
            "shares": options.cpu_share,
            "realtimePeriod": options.cpu_rt_period,
            "realtimeRuntime": options.cpu_rt_runtime,
            "cpus": options.cpuset_cpus,
            "mems": options.cpuset_mems,
            "idle": options.cpu_idle,
        },
        "memory": {
            "limit": options.memory,
            "reservation": options.memory_reservation,
            "swap": options.memory_swap,
        },
        "pids": { "limit": options.pids_limit },
    })
}

/// Writes into the copy of the config what holds now.
fn remember(
    container: &Container,
    wanted: &LinuxResources,
    shares: Option<LinuxIntelRdt>,
) -> Result<(), Failure> {
    let mut spec = container.place.spec()?;
    let mut linux = spec.linux().clone().unwrap_or_default();
    if let (Some(shares), Some(mut now)) = (shares, linux.intel_rdt().clone()) {
        let merged =
            |new: &Option<String>, old: &Option<String>| new.clone().or_else(|| old.clone());
        let cache = merged(shares.l3_cache_schema(), now.l3_cache_schema());
        let memory = merged(shares.mem_bw_schema(), now.mem_bw_schema());
        now.set_l3_cache_schema(cache).set_mem_bw_schema(memory);
        linux.set_intel_rdt(Some(now));
    }
    let mut now = linux.resources().clone().unwrap_or_default();
    if wanted.memory().is_some() {
        now.set_memory(*wanted.memory());
    }
    if wanted.cpu().is_some() {
        now.set_cpu(wanted.cpu().clone());
    }
    if wanted.pids().is_some() {
        now.set_pids(*wanted.pids());
    }
    linux.set_resources(Some(now));
    spec.set_linux(Some(linux));
    container.place.write_spec(&spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(value: Value) -> Result<(), Failure> {
        let wanted: LinuxResources = serde_json::from_value(without_zeros(value)).unwrap();
        apply(None, &resources(&wanted)?, false)
    }

    #[test]
    fn what_callers_write_for_nothing_asks_for_nothing() {
        // As dockerd writes it for a container without limits.
        let value = json!({
            "devices": [{ "allow": false, "access": "rwm" }],
            "memory": {}, "cpu": { "shares": 0 }, "pids": { "limit": 0 }, "blockIO": { "weight": 0 },
        });
        assert!(applied(value).is_ok());
    }

    #[test]
    fn a_limit_needs_a_group() {
        let failure = format!("{:?}", applied(json!({ "pids": { "limit": 3 } })).unwrap_err());
        assert!(failure.contains("no control group"), "{failure}");
    }
}
