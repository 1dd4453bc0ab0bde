//! The control group of a container: which controllers it needs, when it is made, and its limits.

use oci_spec::runtime::{LinuxNamespace, LinuxNamespaceType, LinuxResources};

use super::{Launch, StartFailure, held::Held, start::namespaces};
use crate::{
    model::Sharing,
    runtime,
    sys::cgroup::{Cgroup, Ground, Planned, Reach, Resources},
};

/// The most processes and threads of a container that nothing is said about: a fork bomb must not take those of the whole machine. Podman's number.
const DEFAULT_PIDS: i64 = 2048;

/// Plans the group, if the first process can join it later than it begins; on the ground that is found already, if that has what is needed.
///
/// Without a namespace of its own for groups it is shown a copy of what must be there before.
pub(super) fn plan(
    launch: &Launch,
    found: Option<Ground>,
) -> Result<Option<Planned>, StartFailure> {
    let has_namespace =
        |one: &LinuxNamespace| one.typ() == LinuxNamespaceType::Cgroup && one.path().is_none();
    if !namespaces(launch).iter().any(has_namespace) {
        return Ok(None);
    }
    let reach = reach(resources_of(launch));
    let ground = match found.filter(|found| found.reach() == reach) {
        Some(found) => Some(found),
        None => Ground::find(reach)?,
    };
    Ok(ground.map(|ground| ground.plan(&launch.cgroup)))
}

/// Makes the group, as it was planned if it was, and sets its limits.
pub(super) fn make(
    launch: &Launch,
    planned: Option<&Planned>,
    held: &mut Held,
) -> Result<(), StartFailure> {
    held.cgroup = match planned {
        Some(planned) => planned.make()?,
        None => Cgroup::create_with(&launch.cgroup, reach(resources_of(launch)))?,
    };
    limit(launch, held)
}

fn resources_of(launch: &Launch) -> Option<&LinuxResources> {
    launch.spec.linux().as_ref().and_then(|linux| linux.resources().as_ref())
}

/// Chooses the controllers: few are quick.
fn reach(resources: Option<&LinuxResources>) -> Reach {
    let needs_further = resources.is_some_and(|resources| {
        let cpu = resources.cpu().as_ref();
        resources.block_io().is_some()
            || resources.devices().is_some()
            || cpu.is_some_and(|cpu| cpu.cpus().is_some() || cpu.mems().is_some())
    });
    if needs_further { Reach::All } else { Reach::Few }
}

/// Gives the limits of a container that nothing is said about.
fn unsaid() -> Resources {
    Resources { pids: Some(DEFAULT_PIDS), ..Resources::default() }
}

/// Sets what was asked for; what cannot be had is a failure.
fn limit(launch: &Launch, held: &Held) -> Result<(), StartFailure> {
    let (cgroup, resources) = (held.cgroup.as_ref(), resources_of(launch));
    match (cgroup, resources) {
        (_, None) => {}
        (Some(cgroup), Some(resources)) => cgroup.apply(&runtime::resources(resources)?)?,
        (None, Some(_)) => {
            let reason = "limits cannot be set: this user may not make control groups";
            return Err(StartFailure::new(reason));
        }
    }
    if resources.is_none_or(|resources| resources.pids().is_none()) {
        // What nobody asked for is not missed where there is no controller for it.
        drop(cgroup.map(|cgroup| cgroup.apply(&unsaid())));
    }
    if cgroup.is_none() && launch.container.config.isolation.pid != Sharing::Own {
        // Nothing else would say which processes are to end with it.
        let reason = "--pid needs a control group, and this user may make none";
        return Err(StartFailure::new(reason));
    }
    Ok(())
}
