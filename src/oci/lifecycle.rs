//! What is done with a container that was made.

use std::{os::fd::AsFd as _, path::Path};

use nix::sys::signal::Signal;

use super::{
    Context, Failure,
    container::{Container, Status},
    listing::state_for_hooks,
    output,
    record::Place,
    resources::end_scope,
};
use crate::{
    runtime::hooks,
    sys::{
        cgroup::Cgroup,
        fifo, files,
        poll::{self, PollFd, PollFlags},
        spawn,
    },
};

/// Lets the program of a container begin.
pub(super) fn start(context: &Context<'_>, id: &str) -> Result<u8, Failure> {
    let container = Container::seize(context, id)?;
    match container.status() {
        Status::Created => {
            open_gate(&container)?;
            run_hooks_of_start(&container).inspect_err(|_cause| {
                // The cause is what is told; what does not go now goes with `delete`.
                let _gone = destroy(&container, &context.around.bus);
            })?;
            Ok(0)
        }
        Status::Stopped => Err(Failure::new("cannot start a container that has stopped")),
        Status::Running => Err(Failure::new("cannot start an already running container")),
        other => Err(Failure::new(format!("cannot start a container that is {}", other.word()))),
    }
}

/// Opens what the first process waits behind, and returns when it has gone on to its program.
pub(super) fn open_gate(container: &Container) -> Result<(), Failure> {
    let ended = || Failure::new("cannot start a container that has stopped");
    let (_, pidfd) = container.pinned().ok_or_else(ended)?;
    let path = container.place.fifo();
    let opened = fifo::open_up(&path)?.ok_or_else(ended)?;
    let mut ready = false;
    while !ready {
        // No event is asked for: that its reader is gone is always told.
        let mut fds =
            [PollFd::new(&opened, PollFlags::empty()), PollFd::new(&pidfd, PollFlags::IN)];
        poll::wait(&mut fds, None)?;
        ready = fds.iter().any(|fd| !fd.revents().is_empty());
    }
    files::remove_file(&path)?;
    Ok(())
}

/// Runs the hooks of a container that has begun; when one fails, the container is to go (runtime.md, "Lifecycle", 9).
pub(super) fn run_hooks_of_start(container: &Container) -> Result<(), Failure> {
    let spec = container.place.spec()?;
    let hooks = spec.hooks().as_ref().and_then(|hooks| hooks.poststart().as_deref());
    let Some(hooks) = hooks else { return Ok(()) };
    // The program may have ended already.
    let pid = container.record.init.map_or(0, |init| init.pid);
    let state = state_for_hooks(&container.record, Status::Running, pid);
    Ok(hooks::run(hooks, &state)?)
}

/// Sends a signal to the first process, or to all.
pub(super) fn kill(
    context: &Context<'_>,
    id: &str,
    signal: &str,
    all: bool,
) -> Result<u8, Failure> {
    let number = signal_number(signal)?;
    let container = Container::find(context, id)?;
    let cgroup = container.cgroup();
    if let Some(cgroup) = cgroup.as_ref().filter(|_| all) {
        cgroup.signal_all(number)?;
    }
    match container.pinned() {
        Some((_, pidfd)) if !all => spawn::send_signal(pidfd.as_fd(), number)?,
        Some(_) => {}
        None if all => {}
        None => return Err(Failure::new("container not running")),
    }
    if number == libc::SIGKILL {
        thaw_dying(cgroup.as_ref())?;
    }
    Ok(0)
}

/// Has processes that were killed while they stood still die (needed by control groups of version 1).
fn thaw_dying(cgroup: Option<&Cgroup>) -> Result<(), Failure> {
    match cgroup.filter(|cgroup| cgroup.is_frozen()) {
        Some(cgroup) => Ok(cgroup.thaw()?),
        None => Ok(()),
    }
}

/// Reads a signal: a number, or a name with or without `SIG`.
fn signal_number(text: &str) -> Result<i32, Failure> {
    let unknown = || Failure::new(format!("unknown signal {text:?}"));
    if let Ok(number) = text.parse::<i32>() {
        return if (1..=64).contains(&number) { Ok(number) } else { Err(unknown()) };
    }
    let upper = text.to_ascii_uppercase();
    let short = upper.strip_prefix("SIG").unwrap_or(&upper);
    let offset =
        |rest: &str, sign| rest.strip_prefix(sign).map_or(Some(0), |n: &str| n.parse().ok());
    // The C library keeps the first two for itself.
    let real_time = match (short.strip_prefix("RTMIN"), short.strip_prefix("RTMAX")) {
        (Some(rest), _) => Some(34 + offset(rest, '+').ok_or_else(unknown)?),
        (_, Some(rest)) => Some(64 - offset(rest, '-').ok_or_else(unknown)?),
        _ => None,
    };
    match real_time {
        Some(number) if (34..=64).contains(&number) => Ok(number),
        Some(_) => Err(unknown()),
        None => {
            let signal: Signal = format!("SIG{short}").parse().map_err(|_no_such| unknown())?;
            Ok(signal as i32)
        }
    }
}

/// Removes what is left of a container.
pub(super) fn delete(context: &Context<'_>, id: &str, force: bool) -> Result<u8, Failure> {
    let place = Place::of(context, id)?;
    Place::clear_aside(context)?;
    let absent = || Failure::new("container does not exist");
    if !place.exists() {
        return if force { Ok(0) } else { Err(absent()) };
    }
    let Some(lock) = place.lock()? else { return if force { Ok(0) } else { Err(absent()) } };
    let Some(record) = place.read()? else {
        // `create` was killed before it wrote anything down, and made nothing.
        return place.remove().map(|()| 0);
    };
    let container = Container::new(place, record, lock);
    match container.status() {
        Status::Stopped | Status::Created => {}
        _ if force => {}
        other => {
            return Err(Failure::new(format!(
                "cannot delete container {id} that is not stopped: {}",
                other.word()
            )));
        }
    }
    destroy(&container, &context.around.bus).map(|()| 0)
}

/// Ends all processes of a container and gives back what it has; systemd, if it has to do with it, is at `bus`.
pub(super) fn destroy(container: &Container, bus: &Path) -> Result<(), Failure> {
    let cgroup = container.cgroup();
    if let Some((_, pidfd)) = container.pinned() {
        // Gone already is as good.
        drop(spawn::send_signal(pidfd.as_fd(), libc::SIGKILL));
        thaw_dying(cgroup.as_ref())?;
        while container.living().is_some() {
            // Readable once it is a zombie, whoever its parent is.
            poll::wait(&mut [PollFd::new(&pidfd, PollFlags::IN)], None)?;
        }
    }
    if let Some(cgroup) = &cgroup {
        cgroup.kill_all()?;
    }
    if let Some(scope) = &container.record.scope {
        end_scope(bus, scope)?;
    }
    if let Some(cgroup) = cgroup {
        cgroup.remove()?;
    }
    if let Some(class) = &container.record.class {
        class.remove()?;
    }
    let spec = container.place.spec();
    container.place.remove()?;
    // It is gone whatever they say, and so each has its turn (config.md, "Poststop").
    let hooks = spec.ok().and_then(|spec| spec.hooks().as_ref()?.poststop().clone());
    let state = state_for_hooks(&container.record, Status::Stopped, 0);
    for failure in hooks::run_all(&hooks.unwrap_or_default(), &state) {
        output::error_line(&failure.to_string());
    }
    Ok(())
}

/// Has all processes stand still.
pub(super) fn pause(context: &Context<'_>, id: &str) -> Result<u8, Failure> {
    let container = Container::seize(context, id)?;
    if !matches!(container.status(), Status::Running | Status::Created) {
        return Err(Failure::new("container not running"));
    }
    group(&container)?.freeze()?;
    Ok(0)
}

/// Has them go on.
pub(super) fn resume(context: &Context<'_>, id: &str) -> Result<u8, Failure> {
    let container = Container::seize(context, id)?;
    if container.status() != Status::Paused {
        return Err(Failure::new("container not paused"));
    }
    group(&container)?.thaw()?;
    Ok(0)
}

fn group(container: &Container) -> Result<Cgroup, Failure> {
    container.cgroup().ok_or_else(|| {
        Failure::new("the container has no control group, and cannot be paused without one")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_numbers_and_names() {
        for (text, number) in [
            ("9", 9),
            ("KILL", 9),
            ("SIGKILL", 9),
            ("sigterm", 15),
            ("64", 64),
            ("RTMIN+3", 37),
            ("SIGRTMIN", 34),
            ("RTMAX-1", 63),
        ] {
            assert_eq!(signal_number(text).unwrap(), number, "{text}");
        }
        for wrong in ["0", "65", "-9", "", "SIG", "NOTHING", "RTMIN+40", "RTMAX-x"] {
            assert!(signal_number(wrong).is_err(), "{wrong}");
        }
    }
}
