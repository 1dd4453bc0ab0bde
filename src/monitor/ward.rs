//! A running container in the care of its monitor: what clients can ask of it, and its end.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    time::{Duration, Instant},
};

use oci_spec::runtime::{Process, Spec};

use super::{
    Launch, StartFailure,
    health::Checkup,
    held::Held,
    kept::Kept,
    protocol::{Joining, Reply, Request},
    record::{Cause, Ended},
    restart::Rest,
    ring,
    sampler::Sampler,
    start::Started,
    streams::{Program, Streams},
    watch::{ClientId, Demand, Watch},
};
use crate::{
    model::{Container, Endpoint, ExecRequest, Exit, NetworkMode, Sharing, Timestamp},
    network,
    runtime::{self, ExecSetup, Stdio, Tether, User, seccomp},
    store::Store,
    sys::{cgroup::Cgroup, files, pidfd, process::ProcessId},
};

/// A running container.
#[derive(Debug)]
pub(super) struct Ward {
    /// What it was launched with, without spec and networks.
    launch: Box<Launch>,
    spec: Kept,
    seccomp: Option<seccomp::Program>,
    network: Option<OwnedFd>,
    /// Its mount namespace, if nobody can start it again.
    mounts: Option<OwnedFd>,
    init: ProcessId,
    started: Timestamp,
    begun: Instant,
    held: Held,
    /// While an early end is likely.
    store: Option<Store>,
    /// Once it is not, where there is something to count.
    sampler: Option<Sampler>,
    /// Why it ends, if it does.
    cause: Cause,
    /// If it is checked whether it is well.
    checkup: Option<Checkup>,
}

impl Ward {
    /// Keeps of a launch what is needed while the container runs, and gives its program to `watch`.
    pub(super) fn new(
        mut launch: Box<Launch>,
        started: Started,
        held: Held,
        watch: &mut Watch,
    ) -> Self {
        watch.begin(started.program, started.log);
        let spec = std::mem::take(&mut launch.spec);
        launch.networks = Vec::new();
        Self {
            checkup: Checkup::of(&launch.container, started.at),
            spec: Kept::Whole(Box::new(spec)),
            launch,
            seccomp: started.seccomp,
            network: started.network,
            mounts: started.mounts,
            init: started.init,
            started: started.at,
            begun: Instant::now(),
            held,
            store: Some(started.store),
            sampler: None,
            cause: Cause::default(),
        }
    }

    /// Closes the records until they are needed, and keeps the spec small.
    pub(super) fn settle(&mut self) {
        self.store = None;
        self.spec.shrink();
    }

    /// Begins to take samples of what the container uses.
    pub(super) fn observe(&mut self) {
        let Some(cgroup) = &mut self.held.cgroup else { return };
        let Launch { container, layout, .. } = &*self.launch;
        let has_network = match container.config.network {
            NetworkMode::Bridges(_) | NetworkMode::None => true,
            NetworkMode::Host | NetworkMode::Container(_) => false,
        };
        let network = has_network.then_some(self.init.pid);
        self.sampler = Sampler::begin(cgroup, network, (layout, container.id));
    }

    /// Takes a sample if one is due.
    pub(super) fn sample(&mut self) {
        if self.sampler.as_mut().is_some_and(|sampler| !sampler.go_on()) {
            self.sampler = None;
        }
    }

    /// Does what a client asks, or says why not.
    pub(super) fn serve(&mut self, demand: Demand, watch: &mut Watch) {
        let client = demand.client;
        // Whatever makes a process of this one must not carry a connection into it (sqlite.org/howtocorrupt.html, section 2.6).
        self.settle();
        if let Some(sampler) = &mut self.sampler {
            // What is done for a client, like another limit, is seen in the next sample.
            sampler.expect_change();
        }
        let served = match demand.request {
            Request::Exec(request) => match self.exec(client, &request, watch) {
                Ok(()) => return,
                Err(failure) => Err(failure),
            },
            Request::Limit(limits) => self.spec.set_limits(*limits),
            Request::ConnectNetwork(joining) => self.connect(*joining),
            Request::DisconnectNetwork(endpoint) => self.disconnect(&endpoint),
            // The watch keeps everything else for itself.
            _ => Ok(()),
        };
        let reply = served.map_or_else(Reply::Failed, |()| Reply::Done);
        watch.reply(client, &reply);
    }

    /// Asks the container's program to stop, in the way that it wishes, because the machine goes down: it is not to start again before that comes up.
    pub(super) fn ask_to_stop(&mut self, watch: &Watch) {
        if self.cause == Cause::Itself {
            self.cause = Cause::Machine;
        }
        if let Some(main) = watch.main() {
            // A program that has ended meanwhile needs no signal.
            drop(main.signal(self.launch.container.config.stop_signal));
        }
    }

    /// Takes note of signals that clients have sent.
    pub(super) fn note(&mut self, signals: &[i32]) {
        if signals.iter().any(|number| asks_to_end(&self.launch.container, *number)) {
            self.cause = Cause::Hand;
        }
    }

    /// Gives how long nothing is to be done by itself; for ever if `None`.
    pub(super) fn patience(&self) -> Option<Duration> {
        let sample = self.sampler.as_ref().map(Sampler::patience);
        let check = self.checkup.as_ref().and_then(Checkup::patience);
        [sample, check].into_iter().flatten().min()
    }

    /// Looks after the container's health; tells whether something was done.
    pub(super) fn look_after(&mut self, watch: &mut Watch) -> bool {
        let Some(mut checkup) = self.checkup.take() else { return false };
        let Launch { container, layout, .. } = &*self.launch;
        let mut is_done = checkup.go_on(watch, container, layout, self.cause != Cause::Itself);
        if !watch.main().is_some_and(Program::runs) {
            // Its end is not waited for longer than the container's, and no other check will ever be due.
            watch.end_probe();
            return is_done;
        }
        if checkup.is_due() {
            is_done = true;
            if self.held.cgroup.as_ref().is_some_and(Cgroup::is_frozen) {
                checkup.skip();
            } else {
                // No connection goes into the process that is made now.
                self.store = None;
                let program = self.execute(&checkup.request(), watch);
                checkup.begin(program, watch, container, layout);
            }
        }
        self.checkup = Some(checkup);
        is_done
    }

    /// Ends what the end of the first process does not end by itself: programs that were executed beside it in processes of the host or of another
    /// container. Their ends are waited for.
    pub(super) fn end_others(&self, watch: &Watch) {
        if watch.main().is_none_or(Program::runs) || self.ends_with_first_process() {
            return;
        }
        if let Some(cgroup) = &self.held.cgroup {
            // What cannot be killed is told when the group is removed.
            drop(cgroup.signal_all(libc::SIGKILL));
        }
    }

    /// Tells whether the kernel ends all its processes with the first one (`pid_namespaces(7)`).
    fn ends_with_first_process(&self) -> bool {
        self.launch.container.config.isolation.pid == Sharing::Own
    }

    fn exec(
        &self,
        client: ClientId,
        request: &ExecRequest,
        watch: &mut Watch,
    ) -> Result<(), StartFailure> {
        let program = self.execute(request, watch)?;
        watch.begin_exec(client, program, request.tty);
        Ok(())
    }

    fn execute(&self, request: &ExecRequest, watch: &Watch) -> Result<Program, StartFailure> {
        let container = &self.launch.container;
        let init = watch.main().filter(|main| main.runs());
        let has_ended = || StartFailure::new("the container has ended");
        let init = init.ok_or_else(has_ended)?;
        let spec = self.spec.read()?;
        let process = process_of(&spec, request);
        let (pipes, stdio) = if request.tty {
            (None, Stdio::Terminal)
        } else {
            let (streams, stdio) = Streams::pipes(request.open_stdin)?;
            (Some(streams), stdio)
        };
        let user = request.user.as_ref().unwrap_or(&container.config.user);
        let group = self.held.cgroup.as_ref().map(|group| group.beside(self.init.pid));
        let running = runtime::exec(ExecSetup {
            init: self.init,
            pidfd: init.pidfd(),
            spec: &spec,
            process: &process,
            user: User::Named {
                user: user.clone(),
                groups: container.config.security.groups.clone(),
            },
            stdio,
            cgroup: group.as_ref(),
            class: None,
            seccomp: self.seccomp.as_ref(),
            tether: Tether::Parent,
            preserved: 0,
        });
        // If it ended meanwhile, that is why, whichever step failed.
        let running = running.map_err(|failure| match pidfd::ending(init.pidfd()) {
            Some(_) => has_ended(),
            None => failure.into(),
        })?;
        let pid = running.process.pid;
        let mut program = Program::new(pid, running.pidfd, pipes.unwrap_or_default());
        if let Some(master) = running.terminal {
            program.streams = Streams::terminal(master, request.open_stdin)?;
        }
        Ok(program)
    }

    fn connect(&mut self, joining: Joining) -> Result<(), StartFailure> {
        let Joining { endpoint, network, all } = joining;
        let namespace = self
            .network
            .as_ref()
            .ok_or_else(|| StartFailure::new("the container has no network of its own"))?;
        network::ensure(&self.launch.place, &network, &all)?;
        let is_first = self.held.endpoints.is_empty();
        self.held.endpoints.push(endpoint.clone());
        let attached = network::attach(&endpoint, &network.bridge, namespace.as_fd(), is_first);
        if let Err(cause) = attached {
            self.held.endpoints.pop();
            let undone = network::detach(&endpoint).map_err(|error| error.to_string());
            return Err(StartFailure::from(cause).and(undone.err().as_slice()));
        }
        self.write_hosts()
    }

    fn disconnect(&mut self, endpoint: &Endpoint) -> Result<(), StartFailure> {
        network::detach(endpoint)?;
        self.held.endpoints.retain(|held| held.network != endpoint.network);
        self.write_hosts()
    }

    fn write_hosts(&self) -> Result<(), StartFailure> {
        let Launch { container, layout, .. } = &*self.launch;
        let path = layout.container_run(container.id).join("hosts");
        let config = &container.config;
        let names = &config.isolation.names;
        files::write(&path, network::hosts_file(&config.hostname, &self.held.endpoints, names))?;
        Ok(())
    }

    /// Gives everything back, writes down how the container ended, and tells all who wait. What is left is there when it is to start again.
    pub(super) fn end(mut self, mut exit: Exit, watch: &mut Watch) -> Option<Rest> {
        if self.sampler.take().is_some() {
            // Between two runs it would tell of the one before; what cannot be removed goes with the directory.
            drop(ring::remove(&self.launch.layout, self.launch.container.id));
        }
        let cgroup = self.held.cgroup.as_ref();
        exit.oom = cgroup.is_some_and(|cgroup| cgroup.oom_kills() > 0);
        if !self.ends_with_first_process()
            && let Some(cgroup) = cgroup
        {
            // What cannot be killed is told when the group is removed.
            drop(cgroup.kill_all());
        }
        // The network namespace goes with `self`, after everything else: while the kernel takes one down it holds the lock that every
        // change of a link needs, for 5 to 15 ms.
        let mut failures = self.held.release();
        failures.extend(watch.lost_lines());
        if !failures.is_empty() {
            let known = exit.error.take().into_iter();
            exit.error = Some(known.chain(failures).collect::<Vec<_>>().join("; then "));
        }
        let Launch { container, layout, .. } = &*self.launch;
        let (started, cause) = (Some(self.started), self.cause);
        let is_followed = Ended { container, layout, started, exit: &exit, cause }
            .record(&mut self.held, self.store.take());
        if is_followed {
            watch.rest(&Reply::Exited(exit));
        } else {
            watch.part(&Reply::Exited(exit));
        }
        // Nobody waits for that, but its files are removed.
        drop(self.mounts.take());
        self.held.clear();
        let Self { launch, spec, held, begun, .. } = self;
        is_followed.then(|| Rest { launch, spec, held, ran: begun.elapsed() })
    }
}

/// Tells whether a signal of a client means that a container shall end, and not start again: those that people end programs with, and its own.
/// Docker takes any signal for that unless the image has one of its own, also one that makes a program read its files again.
pub fn asks_to_end(container: &Container, number: i32) -> bool {
    let usual = [libc::SIGINT, libc::SIGQUIT, libc::SIGKILL, libc::SIGTERM];
    usual.contains(&number) || number == container.config.stop_signal
}

/// Makes what is executed out of the container's own process: its environment, directory and capabilities unless the request says otherwise.
fn process_of(spec: &Spec, request: &ExecRequest) -> Process {
    let mut process = spec.process().clone().unwrap_or_default();
    process.set_args(Some(request.args.clone()));
    process.set_terminal(Some(request.tty));
    if let Some(workdir) = &request.workdir {
        process.set_cwd(workdir.into());
    }
    let mut env = process.env().clone().unwrap_or_default();
    for variable in &request.env {
        set_variable(&mut env, variable);
    }
    if request.tty && !env.iter().any(|variable| name_of(variable) == "TERM") {
        env.push("TERM=xterm".to_owned());
    }
    process.set_env(Some(env));
    process
}

/// Adds a variable in place of one of the same name.
fn set_variable(env: &mut Vec<String>, variable: &str) {
    match env.iter_mut().find(|old| name_of(old) == name_of(variable)) {
        Some(old) => variable.clone_into(old),
        None => env.push(variable.to_owned()),
    }
}

fn name_of(variable: &str) -> &str {
    variable.split_once('=').map_or(variable, |(name, _value)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executed_program_has_the_container_s_environment_under_its_own() {
        let mut spec = Spec::default();
        let mut process = Process::default();
        process.set_env(Some(vec!["A=1".to_owned(), "B=2".to_owned()]));
        process.set_cwd("/srv".into());
        spec.set_process(Some(process));
        let mut request = ExecRequest {
            args: vec!["sh".to_owned()],
            env: vec!["B=3".to_owned(), "C=".to_owned()],
            tty: true,
            ..ExecRequest::default()
        };
        let made = process_of(&spec, &request);
        assert_eq!(made.args().as_deref(), Some(&["sh".to_owned()][..]));
        assert_eq!(made.env().clone().unwrap(), ["A=1", "B=3", "C=", "TERM=xterm"]);
        assert_eq!(made.cwd(), std::path::Path::new("/srv"));
        assert_eq!(made.terminal(), Some(true));
        request.workdir = Some("/tmp".to_owned());
        request.env = vec!["TERM=dumb".to_owned()];
        let made = process_of(&spec, &request);
        assert_eq!(made.cwd(), std::path::Path::new("/tmp"));
        assert_eq!(made.env().clone().unwrap(), ["A=1", "B=2", "TERM=dumb"]);
    }
}
