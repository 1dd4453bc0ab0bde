//! From a bundle to a container whose program waits, or runs.

use std::{fs::File, io::PipeWriter, os::fd::OwnedFd, path::PathBuf};

use nix::sched::CloneFlags;
use oci_spec::runtime::Spec;

use super::{
    Context, Failure,
    arguments::{Creation, Run},
    bundle::{Bundle, GroupName},
    console::Console,
    container::{Container, Status},
    foreground::{self, Signals},
    lifecycle,
    listing::state_for_hooks,
    pidfd_socket::PidfdSocket,
    record::{Place, Record, replace},
    resources,
};
use crate::{
    runtime::{
        self, Admission, Gate, Rootfs, Setup, User, resources_of_new, seccomp,
        systemd::{self, Scope},
    },
    sys::{
        cgroup::{Cgroup, Reach},
        clone, fifo, pidfd, program,
        resctrl::Class,
        spawn,
    },
};

/// Makes a container whose program waits for `start`.
pub(super) fn create(context: &Context<'_>, options: &Creation) -> Result<u8, Failure> {
    let bundle = Bundle::read(context, options)?;
    // The first process would keep them open while it waits.
    spawn::close_inherited(bundle.preserved)?;
    make(context, options, bundle, true)
        .map(|_made| 0)
        .map_err(|failure| failure.while_doing("runc create failed", 1))
}

/// Makes a container, starts it, and stays with it unless told not to.
pub(super) fn run(context: &Context<'_>, options: &Run) -> Result<u8, Failure> {
    let bundle = Bundle::read(context, &options.creation)?;
    spawn::close_inherited(bundle.preserved)?;
    let signals = if options.detach { None } else { Some(Signals::hold_back()?) };
    if signals.is_some() && !options.no_subreaper {
        spawn::adopt_orphans()?;
    }
    let failed = |failure: Failure| failure.while_doing("runc run failed", 1);
    let made = make(context, &options.creation, bundle, options.detach).map_err(failed)?;
    let Made { mut container, pidfd, terminal } = made;
    if let Some(master) = &terminal {
        // Before the program begins, so that it never sees another size.
        foreground::fit(master);
    }
    let begun =
        lifecycle::open_gate(&container).and_then(|()| lifecycle::run_hooks_of_start(&container));
    if let Err(failure) = begun {
        lifecycle::destroy(&container, &context.around.bus)?;
        return Err(failed(failure));
    }
    container.unlock();
    let Some(signals) = signals else { return Ok(0) };
    let code = foreground::stay(&signals, &pidfd, terminal.as_ref())?;
    if !options.keep {
        lifecycle::delete(context, &options.creation.id, true)?;
    }
    Ok(code)
}

/// A container that was made, and what its maker alone has of it.
#[derive(Debug)]
struct Made {
    container: Container,
    pidfd: OwnedFd,
    terminal: Option<OwnedFd>,
}

/// What is there of a container while it is being made; it goes when this is dropped.
#[derive(Debug)]
struct Draft {
    place: Place,
    /// Where systemd is.
    bus: PathBuf,
    scope: Option<Scope>,
    cgroup: Option<Cgroup>,
    class: Option<Class>,
    /// What is in the group before the container is.
    stand_in: Option<StandIn>,
    /// None once the container is made.
    lock: Option<File>,
}

impl Draft {
    /// Claims a name.
    fn begin(context: &Context<'_>, id: &str) -> Result<Self, Failure> {
        let place = Place::of(context, id)?;
        Place::clear_aside(context)?;
        place.make()?;
        let bus = context.around.bus.clone();
        let mut draft =
            Self { place, bus, scope: None, cgroup: None, class: None, stand_in: None, lock: None };
        draft.lock = draft.place.lock()?;
        if draft.lock.is_some() {
            return Ok(draft);
        }
        Err(Failure::new(format!("container {id} was deleted while it was made")))
    }

    /// Keeps it.
    fn complete(mut self, record: Record) -> Option<Container> {
        let lock = self.lock.take()?;
        Some(Container::new(self.place.clone(), record, lock))
    }

    fn make_cgroup(&mut self, bundle: &Bundle, is_rootless: bool) -> Result<(), Failure> {
        let resources = bundle.spec.linux().as_ref().and_then(|linux| linux.resources().as_ref());
        let resources = resources_of_new(resources)?;
        match &bundle.cgroup {
            None => return Ok(()),
            Some(GroupName::Path(name)) => self.cgroup = make_empty_group(name)?,
            Some(GroupName::Scope(scope)) => {
                let mut bus = systemd::connect(&self.bus)?;
                let stand_in = self.stand_in.insert(StandIn::begin()?);
                // Only what was begun is this container's to end.
                self.cgroup = Some(scope.begin(&mut bus, stand_in.pid(), &resources)?);
                self.scope = Some(scope.clone());
            }
        }
        resources::apply(self.cgroup.as_ref(), &resources, is_rootless)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.lock.is_none() {
            return;
        }
        // The failure that led here is the one to tell; `delete --force` does again what does not work now.
        drop(self.stand_in.take());
        let _ended = self.scope.take().map(|scope| resources::end_scope(&self.bus, &scope));
        let _gone = self.cgroup.as_ref().map(Cgroup::remove);
        let _gone = self.class.as_ref().map(Class::remove);
        let _gone = self.place.remove();
    }
}

/// Makes a control group by its path, and makes sure that nobody else's processes are in it: they would be ended with the container.
fn make_empty_group(name: &str) -> Result<Option<Cgroup>, Failure> {
    let cgroup = Cgroup::create_with(name, Reach::All)?;
    match cgroup.as_ref().map_or(0, |cgroup| cgroup.members().len()) {
        0 => Ok(cgroup),
        others => Err(Failure::new(format!(
            "control group {name} is not empty: it has {others} process(es)"
        ))),
    }
}

/// A child of this process that does nothing, and ends with this at the latest.
#[derive(Debug)]
struct StandIn {
    child: clone::Child,
    /// It waits for the end of this.
    _line: PipeWriter,
}

impl StandIn {
    fn begin() -> Result<Self, Failure> {
        let (mut waits, line) = std::io::pipe().map_err(|error| Failure::new(error.to_string()))?;
        let body = move || {
            // Nothing comes; it ends.
            let _ended = std::io::Read::read(&mut waits, &mut [0]);
            0
        };
        let (child, line) = clone::spawn(CloneFlags::empty(), None, line, body)?;
        Ok(Self { child, _line: line })
    }

    fn pid(&self) -> u32 {
        self.child.pid.cast_unsigned()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        pidfd::kill_and_reap(&self.child.pidfd);
    }
}

/// Compiles the filter of a spec, if it has one; who decides about calls hears the container's state.
pub(super) fn filter(
    spec: &Spec,
    state: serde_json::Value,
) -> Result<Option<seccomp::Program>, Failure> {
    let asked = spec.linux().as_ref().and_then(|linux| linux.seccomp().as_ref());
    Ok(asked.map(|asked| seccomp::Program::from_spec(asked, Some(state))).transpose()?)
}

/// Names the session keyring of a container as runc does.
pub(super) fn keyring(id: &str) -> String {
    format!("_ses.{id}")
}

/// Leaves out the capabilities that cannot be had, and says so.
fn leave_out_ungrantable(context: &Context<'_>, spec: &mut Spec) -> Result<(), Failure> {
    let taken = runtime::take_out_ungrantable(spec)?;
    if !taken.is_empty() {
        let names = taken.iter().map(|name| format!("CAP_{name}")).collect::<Vec<_>>().join(", ");
        context.log.warn(&format!("left out of the capabilities: {names}"));
    }
    Ok(())
}

fn make(
    context: &Context<'_>,
    options: &Creation,
    mut bundle: Bundle,
    is_detached: bool,
) -> Result<Made, Failure> {
    leave_out_ungrantable(context, &mut bundle.spec)?;
    let process = bundle.spec.process().clone();
    let process = process.ok_or_else(|| Failure::new("config.json: it has no process"))?;
    let has_terminal = process.terminal() == Some(true);
    let console =
        Console::choose(context, has_terminal, is_detached, options.console_socket.as_ref())?;
    let socket = PidfdSocket::connect(context, options.pidfd_socket.as_ref())?;
    let mut draft = Draft::begin(context, &options.id)?;
    if !options.no_new_keyring {
        program::join_keyring(&keyring(&options.id))?;
    }
    draft.place.write_spec(&bundle.spec)?;
    let mut record = Record::new(&options.id, &bundle.path, &bundle.rootfs, &bundle.spec)?;
    record.has_keyring = !options.no_new_keyring;
    match &bundle.cgroup {
        Some(GroupName::Path(name)) => record.cgroup = Some(name.clone()),
        Some(GroupName::Scope(scope)) => record.scope = Some(scope.clone()),
        None => {}
    }
    draft.place.write(&record)?;
    draft.make_cgroup(&bundle, context.around.rootless)?;
    record.cgroup = draft.cgroup.as_ref().map(|cgroup| cgroup.name().to_owned());
    draft.class = runtime::class_of_service(&bundle.spec, &options.id)?;
    if draft.class.is_some() {
        record.class = draft.class.clone();
        draft.place.write(&record)?;
    }
    let creating = state_for_hooks(&record, Status::Creating, 0);
    let seccomp = filter(&bundle.spec, creating)?;
    let mut created = runtime::create(Setup {
        spec: &bundle.spec,
        rootfs: Rootfs::Directory(bundle.rootfs),
        user: User::FromSpec,
        stdio: console.stdio()?,
        cgroup: draft.cgroup.as_ref(),
        class: draft.class.as_ref(),
        seccomp: seccomp.as_ref(),
        rootless: context.around.rootless,
        given: Vec::new(),
        gate: Gate::Fifo(fifo::make(&draft.place.fifo())?),
        admission: Admission::Ready,
        has_reaper: false,
        preserved: bundle.preserved,
    })?;
    let creating = state_for_hooks(&record, Status::Creating, created.process().pid);
    created.run_hooks(&bundle.spec, &creating)?;
    let mut ready = created.ready()?;
    let terminal = console.deliver(ready.terminal.take(), &process)?;
    record.init = Some(ready.process);
    draft.place.write(&record)?;
    if let Some(path) = &options.pid_file {
        replace(&context.absolute(path), ready.process.pid.to_string().as_bytes())?;
    }
    socket.send(ready.pidfd())?;
    let pidfd = ready.release()?;
    let container = draft.complete(record);
    let container = container.ok_or_else(|| Failure::new("the container was given up"))?;
    Ok(Made { container, pidfd, terminal })
}
