//! A further program in a running container.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use nix::sched::CloneFlags;
use oci_spec::runtime::Spec;

use super::{
    ExecSetup, InitError, Running, RuntimeError, Unproven, check,
    error::Step as _,
    execution::Execution,
    init::set_attributes,
    namespaces::flag,
    protocol::{Report, await_execution, say},
};
use crate::sys::{
    cgroup::Cgroup, channel::Channel, clone, namespace, process::ProcessId, program,
    resctrl::Class, root::Root,
};

/// Runs a further program in a container; it becomes a child of this process.
///
/// # Errors
/// As [`super::Created::start`].
pub fn exec(setup: ExecSetup<'_>) -> Result<Running, RuntimeError> {
    let container = setup.spec.process().as_ref().unwrap_or(setup.process);
    let execution = Execution::resolve(setup.process, container, setup.user, setup.stdio)?
        .of_container(setup.spec.linux().as_ref())?
        .filtered(setup.seccomp)
        .left_to(setup.tether, setup.preserved);
    check::class(setup.spec, setup.class)?;
    let namespaces = namespaces(setup.spec);
    let (channel, theirs) = Channel::pair()?;
    let container = setup.pidfd;
    let target = setup.cgroup.and_then(Cgroup::clone_target);
    let control = setup.cgroup.filter(|_| target.is_none());
    let late = Groups { control, class: setup.class };
    let body = move || run(execution, late, container, namespaces, &theirs);
    let group = target.as_ref().map(OwnedFd::as_fd);
    let (child, channel) = if namespaces.contains(CloneFlags::CLONE_NEWPID) {
        let entries = [(container, CloneFlags::CLONE_NEWPID)];
        clone::spawn_among(&entries, CloneFlags::empty(), group, channel, body)?
    } else {
        clone::spawn(CloneFlags::empty(), group, channel, body)?
    };
    let child = Unproven::new(child);
    let process = ProcessId::of(child.pid)?;
    let deliver = |listener: OwnedFd| {
        let filter = setup.seccomp.map(|filter| filter.deliver(listener.as_fd(), process.pid));
        filter.unwrap_or(Ok(())).map_err(RuntimeError::from)
    };
    let (terminal, progress) = await_execution(&channel, child.pidfd(), deliver)?;
    Ok(Running { process, pidfd: child.keep()?, terminal, progress })
}

/// What a further program joins by itself.
#[derive(Debug, Clone, Copy)]
struct Groups<'a> {
    control: Option<&'a Cgroup>,
    class: Option<&'a Class>,
}

/// Gives the namespaces that the container does not share with the host.
fn namespaces(spec: &Spec) -> CloneFlags {
    let list = spec.linux().as_ref().and_then(|linux| linux.namespaces().as_ref());
    list.into_iter().flatten().map(|namespace| flag(namespace.typ())).collect()
}

/// Runs in the child; returns its exit code if the program could not be executed, after having told why.
fn run(
    execution: Execution<'_>,
    groups: Groups<'_>,
    container: BorrowedFd<'_>,
    namespaces: CloneFlags,
    channel: &Channel,
) -> i32 {
    let report = match steps(execution, groups, container, namespaces, channel) {
        Ok(report) => report,
        Err(error) => Report::Failed(error),
    };
    // If the parent is gone there is nobody to tell.
    drop(say(channel, &report, None));
    report.exit_code()
}

fn steps(
    execution: Execution<'_>,
    groups: Groups<'_>,
    container: BorrowedFd<'_>,
    namespaces: CloneFlags,
    channel: &Channel,
) -> Result<Report, InitError> {
    namespace::set_inspectable(false)
        .step(|cause| InitError::Attribute { name: "dumpable".to_owned(), cause })?;
    program::set_umask(0);
    set_attributes(&execution.attributes)?;
    execution.affinity.apply(false)?;
    if let Some(class) = groups.class {
        class.join().step(InitError::Class)?;
    }
    if let Some(group) = groups.control {
        group.join().step(InitError::ControlGroup)?;
    }
    execution.affinity.apply(true)?;
    namespace::enter(container, namespaces - CloneFlags::CLONE_NEWPID)
        .step(|cause| InitError::Namespace { name: "of the container".to_owned(), cause })?;
    let root = Root::own().step(|cause| InitError::Root { at: "/".to_owned(), cause })?;
    let prepared = execution.prepare(&root, channel)?;
    Ok(prepared.take_over(channel, || Ok(())))
}
