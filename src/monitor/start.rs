//! From a launch to a container that runs.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    path::PathBuf,
};

use oci_spec::runtime::{Capability, LinuxNamespace, LinuxNamespaceType, Spec};

use super::{
    Launch, StartFailure,
    ahead::Ahead,
    connect::{connect, has_network, write_etc},
    group,
    held::Held,
    log,
    record::{open_records, record_start},
    streams::{Program, Streams},
};
use crate::{
    model::{ContainerId, Ipc, Mark, Seccomp, Step, Timestamp},
    network,
    runtime::{self, Admission, Created, Gate, Rootfs, RuntimeError, Setup, Stdio, User, seccomp},
    store::Store,
    sys::{
        SysError, cgroup::Planned, clock, files, mount::Mount, namespace, pidfd,
        process::ProcessId, program, root, schedule::Beside, visit,
    },
};

/// Where shared memory is.
const SHARED_MEMORY: &str = "/dev/shm";
/// What `statfs(2)` says of a tmpfs.
const TMPFS_MAGIC: u32 = 0x0102_1994;

/// A container whose program has been executed, with what is needed to care for it.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) init: ProcessId,
    /// When its program was executed.
    pub(super) at: Timestamp,
    /// The records, where that is written down.
    pub(super) store: Store,
    pub(super) program: Program,
    pub(super) log: Option<log::Writer>,
    pub(super) seccomp: Option<seccomp::Program>,
    /// Its network namespace, if it can join networks.
    pub(super) network: Option<OwnedFd>,
    /// Its mount namespace, if nobody can start it again.
    pub(super) mounts: Option<OwnedFd>,
}

/// A container whose first process makes its file systems, and waits for what is made for it here.
#[derive(Debug)]
struct Begun {
    created: Created,
    mounts: Option<OwnedFd>,
    admission: Admission,
    /// Its control group, if that is still to be made.
    group: Option<Planned>,
    streams: Option<Streams>,
    seccomp: Option<seccomp::Program>,
}

/// A container that is complete but for its networks, and waits before its program.
#[derive(Debug)]
pub(super) struct Made {
    created: Created,
    mounts: Option<OwnedFd>,
    /// Its network namespace, if that was made apart from it.
    network: Option<OwnedFd>,
    streams: Option<Streams>,
    log: Option<log::Writer>,
    seccomp: Option<seccomp::Program>,
}

/// Makes everything that the container needs on this machine: its first process, and while that mounts, the rest. What was acquired stands in `held`, also
/// when this fails.
pub(super) fn make(
    launch: &Launch,
    mut ahead: Ahead,
    held: &mut Held,
    marks: &mut Vec<Mark>,
) -> Result<Made, StartFailure> {
    let begun = begin(launch, &mut ahead, held, marks)?;
    make_rest(launch, begun, &mut ahead, held, marks)
}

fn begin(
    launch: &Launch,
    ahead: &mut Ahead,
    held: &mut Held,
    marks: &mut Vec<Mark>,
) -> Result<Begun, StartFailure> {
    let config = &launch.container.config;
    let admission = admission(launch);
    let group = if admission == Admission::Later {
        group::plan(launch, ahead.ground.take())?
    } else {
        None
    };
    if group.is_none() {
        group::make(launch, None, held)?;
        marks.push(mark(Step::Cgroup));
    }
    if admission == Admission::Ready {
        write_etc(launch, &launch.container.endpoints)?;
    }
    let seccomp = filter(launch)?;
    let (streams, stdio) = if config.tty {
        (None, Stdio::Terminal)
    } else {
        let (streams, stdio) = Streams::pipes(config.open_stdin)?;
        (Some(streams), stdio)
    };
    // One for all: each mounts on it in a mount namespace of its own.
    let mount_point = launch.layout.run_root.join("rootfs");
    files::make_private_dir(&mount_point)?;
    let created = runtime::create(Setup {
        spec: &launch.spec,
        rootfs: Rootfs::Overlay {
            lowers: launch.lowers.clone(),
            upper: launch.upper.clone(),
            work: launch.work.clone(),
            at: mount_point,
            is_volatile: config.auto_remove,
        },
        user: User::Named { user: config.user.clone(), groups: config.security.groups.clone() },
        stdio,
        cgroup: group.as_ref().map(Planned::group).or(held.cgroup.as_ref()),
        admission,
        class: None,
        seccomp: seccomp.as_ref(),
        rootless: launch.rootless,
        given: shared_memory(launch)?,
        gate: Gate::Channel,
        has_reaper: config.isolation.init,
        preserved: 0,
    })?;
    refuse_strangers(&launch.neighbours)?;
    marks.push(mark(Step::Clone));
    // The last process would have to take its mounts apart before it has ended, which is to wait for all processors, twice. If it has ended already, that is done.
    let place = || PathBuf::from(format!("/proc/{}/ns/mnt", created.process().pid));
    let mounts = config.auto_remove.then(|| namespace::open(&place()).ok()).flatten();
    Ok(Begun { created, mounts, admission, group, streams, seccomp })
}

fn make_rest(
    launch: &Launch,
    begun: Begun,
    ahead: &mut Ahead,
    held: &mut Held,
    marks: &mut Vec<Mark>,
) -> Result<Made, StartFailure> {
    let Begun { created, mounts, admission, group, streams, seccomp } = begun;
    let mut network = None;
    if admission == Admission::Later {
        let beside = ahead.part(created.process());
        if has_network(launch) {
            network = Some(ahead.network()?);
        }
        if let Some(group) = group {
            group::make(launch, Some(&group), held)?;
            marks.push(mark(Step::Cgroup));
        }
        write_etc(launch, &launch.container.endpoints)?;
        // What is said of its processors inside holds from then on.
        beside.into_iter().for_each(Beside::end);
        created.admit(network.as_ref().map(OwnedFd::as_fd));
    }
    let log = open_log(launch)?;
    Ok(Made { created, mounts, network, streams, log, seccomp })
}

/// Says when the first process is admitted: in a user namespace of its own it could not join what it is brought.
fn admission(launch: &Launch) -> Admission {
    let has_users = namespaces(launch).iter().any(|one| one.typ() == LinuxNamespaceType::User);
    if launch.rootless || has_users { Admission::Ready } else { Admission::Later }
}

/// Lists the namespaces of its spec.
pub(super) fn namespaces(launch: &Launch) -> &[LinuxNamespace] {
    let linux = launch.spec.linux().as_ref();
    linux.and_then(|linux| linux.namespaces().as_deref()).unwrap_or_default()
}

/// Connects a container, lets it begin and writes that down. What was acquired stands in `held`, also when this fails.
pub(super) fn start(
    launch: &Launch,
    made: Made,
    held: &mut Held,
    marks: &mut Vec<Mark>,
) -> Result<Started, StartFailure> {
    let Made { created, mounts, network, streams, log, seccomp } = made;
    let namespace = network.as_ref().map_or_else(|| created.network_namespace(), OwnedFd::as_fd);
    // One that was made apart has its loopback up.
    let network = connect(launch, (namespace, network.is_some()), held)?;
    marks.push(mark(Step::Network));
    // Not before the process was made, which must not have a part in it (sqlite.org/howtocorrupt.html, section 2.6).
    let mut store = None;
    let open = || open_records(&launch.container, &launch.layout);
    let running = created.start_beside(|| store = Some(open()))?;
    marks.push(mark(Step::Exec));
    if let Some(progress) = running.progress {
        marks.push(Mark { step: Step::Mounts, at: progress.mounted });
        marks.push(Mark { step: Step::Seccomp, at: progress.armed });
    }
    let (init, at) = (running.process, Timestamp::now());
    let mut program = Program::new(init.pid, running.pidfd, streams.unwrap_or_default());
    if let Some(master) = running.terminal {
        match Streams::terminal(master, launch.container.config.open_stdin) {
            Ok(streams) => program.streams = streams,
            Err(error) => {
                pidfd::kill_and_reap(program.pidfd());
                return Err(error.into());
            }
        }
    }
    let recorded = record_start(&launch.container, store.unwrap_or_else(open), (init, at));
    marks.push(mark(Step::Record));
    match recorded {
        Ok(store) => Ok(Started { init, at, store, program, log, seccomp, network, mounts }),
        Err(error) => {
            // Nobody would find it again.
            pidfd::kill_and_reap(program.pidfd());
            Err(StartFailure::new(&error))
        }
    }
}

/// Opens what a container has in another's mount namespace: its shared memory, if it uses that.
fn shared_memory(launch: &Launch) -> Result<Vec<(String, Mount)>, StartFailure> {
    let Ipc::Container(_) = launch.container.config.isolation.ipc else { return Ok(Vec::new()) };
    let linux = launch.spec.linux().as_ref();
    let namespaces = linux.and_then(|linux| linux.namespaces().as_deref()).unwrap_or_default();
    let queues = namespaces.iter().find(|one| one.typ() == LinuxNamespaceType::Ipc);
    let Some(path) = queues.and_then(|one| one.path().as_deref()) else { return Ok(Vec::new()) };
    let copy = visit::mount_of(&path.with_file_name("mnt"), SHARED_MEMORY)?;
    // The other one may have something else there by now.
    if !root::is_on(&copy, TMPFS_MAGIC)? {
        return Err(StartFailure::new("the other container has no shared memory to be shared"));
    }
    Ok(vec![(SHARED_MEMORY.to_owned(), copy)])
}

/// Makes sure, once their namespaces are open, that they were those of these processes: a number whose process has ended can be anybody's by now, and the
/// namespaces the host's.
fn refuse_strangers(neighbours: &[ProcessId]) -> Result<(), StartFailure> {
    if neighbours.iter().all(ProcessId::is_alive) {
        return Ok(());
    }
    Err(StartFailure::new(&"a container that it shares namespaces with has ended meanwhile"))
}

/// Says that a step is over now.
pub(super) fn mark(step: Step) -> Mark {
    Mark { step, at: clock::now() }
}

/// Gives the filter of the container's system calls, if it has one.
fn filter(launch: &Launch) -> Result<Option<seccomp::Program>, StartFailure> {
    let security = &launch.container.config.security;
    let asked = launch.spec.linux().as_ref().and_then(|linux| linux.seccomp().as_ref());
    match (&security.seccomp, asked) {
        (Seccomp::Unconfined, _) => Ok(None),
        (Seccomp::Profile(_), Some(asked)) => Ok(Some(seccomp::Program::from_spec(asked, None)?)),
        _ if security.privileged => Ok(None),
        _ => {
            let run_root = &launch.layout.run_root;
            Ok(Some(seccomp::Program::default_for(&capabilities(&launch.spec), run_root)?))
        }
    }
}

/// Opens the container's log, if one is kept.
fn open_log(launch: &Launch) -> Result<Option<log::Writer>, StartFailure> {
    let (container, config) = (&launch.container, &launch.container.config.log);
    let Some(chain) = log::Chain::of(&launch.layout, container.id, config.driver) else {
        return Ok(None);
    };
    let bounds = config.bounds().map_err(|error| StartFailure::new(&error))?;
    Ok(Some(log::Writer::open(chain, bounds)?))
}

/// Leaves the keys of whoever called behind, for this process and the container's (`keyrings(7)`).
pub(super) fn leave_keys(id: ContainerId) -> Result<(), StartFailure> {
    match program::join_keyring(&format!("_ses.{id}")) {
        // An ordinary user has 200 (`kernel.keys.maxkeys`). No container may ask for keys anyway: the filter refuses it; this is the second lock.
        Err(error) if error.errno() == Some(libc::EDQUOT) => Ok(()),
        other => Ok(other?),
    }
}

/// Lists the names of the capabilities that a container's programs can have, which the filter follows.
pub(super) fn capabilities(spec: &Spec) -> Vec<String> {
    let process = spec.process().as_ref();
    let sets = process.and_then(|process| process.capabilities().as_ref());
    let bounding = sets.and_then(|sets| sets.bounding().as_ref());
    bounding
        .into_iter()
        .flatten()
        .map(Capability::to_string)
        .map(|name| match name.strip_prefix("CAP_") {
            Some(_) => name,
            None => format!("CAP_{name}"),
        })
        .collect()
}

impl From<SysError> for StartFailure {
    fn from(error: SysError) -> Self {
        Self::new(&error)
    }
}

impl From<network::NetworkError> for StartFailure {
    fn from(error: network::NetworkError) -> Self {
        Self::new(&error)
    }
}

impl From<RuntimeError> for StartFailure {
    fn from(error: RuntimeError) -> Self {
        let exit_code = match &error {
            RuntimeError::Program { exit_code, .. } => *exit_code,
            _ => 125,
        };
        Self { message: error.to_string(), exit_code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_the_program_s_exit_code() {
        for (error, exit_code) in [
            (
                RuntimeError::Program {
                    program: "x".to_owned(),
                    reason: "not found".to_owned(),
                    exit_code: 127,
                },
                127,
            ),
            (RuntimeError::Spec("no root".to_owned()), 125),
        ] {
            let message = error.to_string();
            let failure = StartFailure::from(error);
            assert_eq!((failure.message, failure.exit_code), (message, exit_code));
        }
    }

    #[test]
    fn namespaces_of_a_number_that_was_reused_are_not_joined() {
        let own = ProcessId::current().unwrap();
        assert_eq!(refuse_strangers(&[]), Ok(()));
        assert_eq!(refuse_strangers(&[own]), Ok(()));
        let ended = ProcessId { start: own.start - 1, ..own };
        assert!(refuse_strangers(&[own, ended]).unwrap_err().message.contains("has ended"));
    }

    #[test]
    fn capabilities_have_their_full_names() {
        let names = capabilities(&Spec::default());
        assert!(names.contains(&"CAP_KILL".to_owned()), "{names:?}");
    }
}
