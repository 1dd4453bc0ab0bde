//! A container's first process, from its clone to its program: the steps, top to bottom.

use std::path::Path;

use super::{
    InitError, devices,
    error::Step as _,
    plan::Plan,
    protocol::{Order, Report, expect_order, say},
    rootfs::{self, Built},
};
use crate::sys::{channel::Channel, files, mount, mount::Attributes, namespace, program};

/// Runs in the child; returns its exit code if the program could not be executed, after having told why.
pub(super) fn run(plan: Plan<'_>, channel: &Channel) -> i32 {
    let report = match steps(plan, channel) {
        Ok(report) => report,
        Err(error) => Report::Failed(error),
    };
    // If the parent is gone there is nobody to tell.
    drop(say(channel, &report, None));
    report.exit_code()
}

fn steps(plan: Plan<'_>, channel: &Channel) -> Result<Report, InitError> {
    // Files and directories made here get the modes they are given.
    program::set_umask(0);
    for join in &plan.joins {
        namespace::enter(&join.file, join.kind)
            .step(|cause| InitError::Namespace { name: join.path.display().to_string(), cause })?;
    }
    set_attributes(&plan.execution.attributes)?;
    namespace::set_names(&plan.host, &plan.domain).step(InitError::HostName)?;
    let mut gate = Gate::new(channel, plan.has_cgroup_namespace);
    let Built { root, dev } = rootfs::build(&plan, &mut gate)?;
    gate.pass()?;
    let prepared = plan.execution.prepare(&root, channel)?;
    if let (Some(dev), Some(terminal)) = (&dev, prepared.terminal()) {
        devices::show_console(std::os::fd::AsFd::as_fd(dev), terminal).step(InitError::Terminal)?;
    }
    if plan.is_root_read_only {
        mount::restrict(&root, Attributes::MOUNT_ATTR_RDONLY, false).step(InitError::ReadOnly)?;
    }
    mount::pivot_to(&root).step(InitError::Pivot)?;
    Ok(prepared.take_over(channel, || expect_order(channel, &Order::Start)))
}

/// Writes attributes of this process while the host's `/proc` is still there.
pub(super) fn set_attributes(attributes: &[(&'static str, String)]) -> Result<(), InitError> {
    for (name, value) in attributes {
        files::write(&Path::new("/proc/self").join(name), value)
            .step(|cause| InitError::Attribute { name: (*name).to_owned(), cause })?;
    }
    Ok(())
}

/// The point that is passed only once the process is in its control group: a control group namespace takes the group of that moment as its root.
pub(super) struct Gate<'a> {
    channel: &'a Channel,
    makes_namespace: bool,
    is_passed: bool,
}

impl<'a> Gate<'a> {
    const fn new(channel: &'a Channel, makes_namespace: bool) -> Self {
        Self { channel, makes_namespace, is_passed: false }
    }

    /// Waits until it is open; does nothing the second time.
    pub(super) fn pass(&mut self) -> Result<(), InitError> {
        if self.is_passed {
            return Ok(());
        }
        self.is_passed = true;
        expect_order(self.channel, &Order::Joined)?;
        if !self.makes_namespace {
            return Ok(());
        }
        namespace::unshare_cgroup()
            .step(|cause| InitError::Namespace { name: "cgroup".to_owned(), cause })
    }
}
