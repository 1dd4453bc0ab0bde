//! A container's first process, from its clone to its program: the steps, top to bottom.

use std::path::Path;

use super::{
    Admission, Gate as ProgramGate, InitError, check, devices,
    error::Step as _,
    hooks::{AtStart, InnerHooks},
    namespaces::Namespaces,
    plan::Plan,
    protocol::{Order, Report, expect_order, expect_with_descriptor, say},
    rootfs::{self, Built},
};
use crate::sys::{
    SysError, cgroup::Cgroup, channel::Channel, files, mount, mount::Attributes, namespace, program,
};

/// Runs in the child, which joins `group` unless it was born in it; returns its exit code if the program could not be executed, after having told why.
pub(super) fn run(plan: Plan<'_>, group: Option<&Cgroup>, channel: &Channel) -> i32 {
    let report = match steps(plan, group, channel) {
        Ok(report) => report,
        Err(error) => Report::Failed(error),
    };
    // If the parent is gone there is nobody to tell.
    drop(say(channel, &report, None));
    report.exit_code()
}

fn steps(
    mut plan: Plan<'_>,
    group: Option<&Cgroup>,
    channel: &Channel,
) -> Result<Report, InitError> {
    if let Some(class) = plan.class {
        class.join().step(InitError::Class)?;
    }
    if plan.admission == Admission::Ready {
        join(group, &plan.namespaces)?;
    }
    // Files and directories made here get the modes they are given.
    program::set_umask(0);
    if plan.awaits_outfit {
        // Before that its ids mean nothing, and kernel parameters may be about its links.
        expect_order(channel, &Order::Outfitted)?;
    }
    plan.namespaces.enter()?;
    set_attributes(&plan.execution.attributes)?;
    plan.namespaces.become_root()?;
    namespace::set_names(&plan.host, &plan.domain).step(InitError::HostName)?;
    let admission = |plan: &Plan<'_>| match plan.admission {
        Admission::Ready => Ok(()),
        Admission::Later => {
            let network = expect_with_descriptor(channel, &Order::Admitted)?;
            plan.namespaces.enter_brought(network)?;
            join(group, &plan.namespaces)
        }
    };
    if plan.namespaces.joins_mounts() {
        admission(&plan)?;
        let root = rootfs::of_others(&plan)?;
        let hooks = run_hooks(plan.hooks.take(), channel)?;
        let prepared = plan.execution.prepare(&root, channel)?.after(hooks);
        mount::change_root(&root).step(InitError::Pivot)?;
        return Ok(prepared.take_over(channel, || expect_order(channel, &Order::Start)));
    }
    let Built { root, dev } = rootfs::build(&mut plan, admission)?;
    let hooks = run_hooks(plan.hooks.take(), channel)?;
    let prepared = plan.execution.prepare(&root, channel)?.after(hooks);
    if let (Some(dev), Some(terminal)) = (&dev, prepared.terminal()) {
        devices::show_console(std::os::fd::AsFd::as_fd(dev), terminal).step(InitError::Terminal)?;
    }
    if plan.root.is_read_only {
        mount::restrict(&root, Attributes::MOUNT_ATTR_RDONLY, false).step(InitError::ReadOnly)?;
    }
    mount::pivot_to(&root).step(InitError::Pivot)?;
    if let Some((kind, is_recursive)) = plan.root.propagation {
        // Only now: what is shared cannot become the root.
        mount::propagate(&root, kind, is_recursive).step(InitError::Propagation)?;
    }
    match &plan.gate {
        ProgramGate::Channel => {
            Ok(prepared.take_over(channel, || expect_order(channel, &Order::Start)))
        }
        ProgramGate::Fifo(fifo) => {
            // It stays long enough to be found by others in the container (CVE-2019-5736).
            namespace::set_inspectable(false)
                .step(|cause| InitError::Attribute { name: "dumpable".to_owned(), cause })?;
            Ok(prepared.take_over_behind(channel, fifo))
        }
    }
}

/// Joins the control group, and makes it the root of what is seen of all groups.
fn join(group: Option<&Cgroup>, namespaces: &Namespaces) -> Result<(), InitError> {
    if let Some(group) = group {
        group.join().step(InitError::ControlGroup)?;
    }
    if namespaces.has_cgroup {
        // It takes the group of this moment as its root.
        namespace::unshare_cgroup()
            .step(|cause| InitError::Namespace { name: "cgroup".to_owned(), cause })?;
    }
    Ok(())
}

/// Runs the hooks of the creation, and gives those of the start.
fn run_hooks(hooks: Option<InnerHooks>, channel: &Channel) -> Result<AtStart, InitError> {
    hooks.map_or_else(|| Ok(AtStart::default()), |hooks| hooks.at_creation(channel))
}

/// Writes attributes of this process while the host's `/proc` is still there.
pub(super) fn set_attributes(attributes: &[(&'static str, String)]) -> Result<(), InitError> {
    for (name, value) in attributes {
        let set = files::write(&Path::new("/proc/self").join(name), value);
        match value.strip_prefix(check::TO_PROFILE) {
            Some(profile) if set.as_ref().is_err_and(SysError::is_not_found) => {
                return Err(InitError::Profile(profile.to_owned()));
            }
            _ => set.step(|cause| InitError::Attribute { name: (*name).to_owned(), cause })?,
        }
    }
    Ok(())
}
