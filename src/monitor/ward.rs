//! A running container in the care of its monitor: what clients can ask of it, and its end.

use std::{
    borrow::Cow,
    os::fd::{AsFd as _, OwnedFd},
    time::Duration,
};

use oci_spec::runtime::{Process, Spec};

use super::{
    Launch, StartFailure,
    held::Held,
    protocol::{Joining, Reply, Request},
    record::Ended,
    sampler::Sampler,
    start::Started,
    streams::{Program, Streams},
    watch::{ClientId, Demand, Watch},
};
use crate::{
    model::{Container, Endpoint, ExecRequest, Exit, NetworkMode, Sharing, Timestamp},
    network::{self, Place},
    runtime::{self, ExecSetup, Stdio, Tether, User, seccomp},
    store::{Layout, Store},
    sys::{files, pidfd, process::ProcessId},
};

/// A running container.
#[derive(Debug)]
pub(super) struct Ward {
    container: Container,
    layout: Layout,
    place: Place,
    spec: Kept,
    seccomp: Option<seccomp::Program>,
    network: Option<OwnedFd>,
    init: ProcessId,
    started: Timestamp,
    held: Held,
    /// While an early end is likely.
    store: Option<Store>,
    /// Once it is not, where there is something to count.
    sampler: Option<Sampler>,
}

/// The container's spec, for programs that are executed later.
#[derive(Debug)]
enum Kept {
    /// As it came.
    Whole(Box<Spec>),
    /// As JSON: a tenth of that in memory.
    Text(Vec<u8>),
}

impl Kept {
    fn read(&self) -> Result<Cow<'_, Spec>, StartFailure> {
        match self {
            Self::Whole(spec) => Ok(Cow::Borrowed(spec)),
            Self::Text(text) => serde_json::from_slice(text)
                .map(Cow::Owned)
                .map_err(|error| StartFailure::new(&error)),
        }
    }
}

impl Ward {
    /// Keeps of a launch what is needed while the container runs, and gives its program to `watch`.
    pub(super) fn new(launch: Launch, started: Started, held: Held, watch: &mut Watch) -> Self {
        watch.begin(started.program, started.log);
        Self {
            container: launch.container,
            layout: launch.layout,
            place: launch.place,
            spec: Kept::Whole(Box::new(launch.spec)),
            seccomp: started.seccomp,
            network: started.network,
            init: started.init,
            started: started.at,
            held,
            store: Some(started.store),
            sampler: None,
        }
    }

    /// Closes the records until they are needed, and keeps the spec small.
    pub(super) fn settle(&mut self) {
        self.store = None;
        if let Kept::Whole(spec) = &self.spec
            && let Ok(text) = serde_json::to_vec(spec)
        {
            self.spec = Kept::Text(text);
        }
    }

    /// Begins to take samples of what the container uses.
    pub(super) fn observe(&mut self) {
        let Some(cgroup) = &mut self.held.cgroup else { return };
        let has_network = match self.container.config.network {
            NetworkMode::Bridges(_) | NetworkMode::None => true,
            NetworkMode::Host | NetworkMode::Container(_) => false,
        };
        let network = has_network.then_some(self.init.pid);
        self.sampler = Sampler::begin(cgroup, network, (&self.layout, self.container.id));
    }

    /// Takes a sample if one is due.
    pub(super) fn sample(&mut self) {
        if self.sampler.as_mut().is_some_and(|sampler| !sampler.go_on()) {
            self.sampler = None;
        }
    }

    /// Tells how long no sample is due; for ever if `None`.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.sampler.as_ref().map(Sampler::patience)
    }

    /// Does what a client asks, or says why not.
    pub(super) fn serve(&mut self, demand: Demand, watch: &mut Watch) {
        let client = demand.client;
        // Whatever makes a process of this one must not carry a connection into it (sqlite.org/howtocorrupt.html, section 2.6).
        self.settle();
        let served = match demand.request {
            Request::Exec(request) => match self.exec(client, &request, watch) {
                Ok(()) => return,
                Err(failure) => Err(failure),
            },
            Request::ConnectNetwork(joining) => self.connect(*joining),
            Request::DisconnectNetwork(endpoint) => self.disconnect(&endpoint),
            // The watch keeps everything else for itself.
            _ => Ok(()),
        };
        let reply = served.map_or_else(Reply::Failed, |()| Reply::Done);
        watch.reply(client, &reply);
    }

    /// Asks the container's program to stop, in the way that it wishes.
    pub(super) fn ask_to_stop(&self, watch: &Watch) {
        if let Some(main) = watch.main() {
            // A program that has ended meanwhile needs no signal.
            drop(main.signal(self.container.config.stop_signal));
        }
    }

    fn exec(
        &self,
        client: ClientId,
        request: &ExecRequest,
        watch: &mut Watch,
    ) -> Result<(), StartFailure> {
        let init = watch.main().filter(|main| main.exit().is_none());
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
        let user = request.user.as_ref().unwrap_or(&self.container.config.user);
        let running = runtime::exec(ExecSetup {
            init: self.init,
            pidfd: init.pidfd(),
            spec: &spec,
            process: &process,
            user: User::Named {
                user: user.clone(),
                groups: self.container.config.security.groups.clone(),
            },
            stdio,
            cgroup: self.held.cgroup.as_ref(),
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
        watch.begin_exec(client, program, request.tty);
        Ok(())
    }

    fn connect(&mut self, joining: Joining) -> Result<(), StartFailure> {
        let Joining { endpoint, network, all } = joining;
        let namespace = self
            .network
            .as_ref()
            .ok_or_else(|| StartFailure::new("the container has no network of its own"))?;
        network::ensure(&self.place, &network, &all)?;
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
        let path = self.layout.container_run(self.container.id).join("hosts");
        let config = &self.container.config;
        let names = &config.isolation.names;
        files::write(&path, network::hosts_file(&config.hostname, &self.held.endpoints, names))?;
        Ok(())
    }

    /// Gives everything back, writes down how the container ended, and tells all who wait.
    pub(super) fn end(mut self, mut exit: Exit, watch: &mut Watch) {
        let cgroup = self.held.cgroup.as_ref();
        exit.oom = cgroup.is_some_and(|cgroup| cgroup.oom_kills() > 0);
        if self.container.config.isolation.pid != Sharing::Own
            && let Some(cgroup) = cgroup
        {
            // Nothing else ends with its first process. What cannot be killed is told when the group is removed.
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
        Ended {
            container: &self.container,
            layout: &self.layout,
            started: Some(self.started),
            exit: &exit,
        }
        .record(&mut self.held, self.store.take());
        watch.part(&Reply::Exited(exit));
        self.held.clear();
    }
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
