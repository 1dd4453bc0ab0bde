//! Between two runs of a container: its monitor waits a little, and starts the next one by itself.
//!
//! The addresses stay leased, so that the next run has the same ones; links, control group and network namespace are made again. What the
//! container runs is what it was launched with; its limits, its networks and its policy are those of now.

use std::time::Duration;

use oci_spec::runtime::{LinuxNamespaceType, Spec};

use super::{
    Launch, StartFailure,
    ahead::Ahead,
    held::Held,
    kept::Kept,
    protocol::{Reply, Request},
    record::{Cause, record_failure, record_rest},
    start::{make, start},
    ward::{Ward, asks_to_end},
    watch::{Demand, Watch},
};
use crate::{
    model::{ContainerId, Ipc, NetworkMode, Sharing, State},
    store::{Records, Store, StoreError},
};

/// The first wait, the longest one, and how long a run must last for the waits to begin anew; Docker's numbers (moby, `restartmanager`).
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(60);
const GOOD_RUN: Duration = Duration::from_secs(10);

/// How long the next wait is.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<Duration>,
}

impl Pace {
    /// Gives the wait after a run that lasted so long.
    pub(super) fn after(&mut self, ran: Duration) -> Duration {
        let wait = match self.last.filter(|_| ran < GOOD_RUN) {
            None => SHORTEST,
            Some(last) => (last * 2).min(LONGEST),
        };
        self.last = Some(wait);
        wait
    }
}

/// A container between two runs.
#[derive(Debug)]
pub(super) struct Rest {
    /// What it was launched with, without spec and networks.
    pub(super) launch: Box<Launch>,
    pub(super) spec: Kept,
    pub(super) held: Held,
    /// How long the last run lasted.
    pub(super) ran: Duration,
}

impl Rest {
    /// Does what a client asks, or says why not; tells whether it asks that the container stay down.
    pub(super) fn serve(&mut self, demand: Demand, watch: &mut Watch) -> bool {
        let mut is_over = false;
        let reply = match demand.request {
            Request::Exec(_) => {
                let reason = "the container is restarting, wait until it runs";
                Reply::Failed(StartFailure::new(reason))
            }
            Request::Limit(limits) => match self.spec.set_limits(*limits) {
                Ok(()) => Reply::Done,
                Err(failure) => Reply::Failed(failure),
            },
            Request::Signal(number) => {
                is_over = asks_to_end(&self.launch.container, number);
                Reply::Done
            }
            // The records have it already, and the next run looks there.
            _ => Reply::Done,
        };
        watch.reply(demand.client, &reply);
        is_over
    }

    /// Starts the next run; `None` when it did not start, which is written down and told to all who wait.
    pub(super) fn again(mut self, watch: &mut Watch) -> Option<Ward> {
        let mut marks = Vec::new();
        let started = self
            .renew()
            .and_then(|()| make(&self.launch, Ahead::default(), &mut self.held, &mut marks))
            .and_then(|made| start(&self.launch, made, &mut self.held, &mut marks));
        match started {
            Ok(started) => Some(Ward::new(self.launch, started, self.held, watch)),
            Err(failure) => {
                let failure = failure.and(&self.held.release());
                let exit = record_failure(&self.launch, &mut self.held, &failure);
                watch.part(&Reply::Exited(exit));
                self.held.clear();
                None
            }
        }
    }

    /// Stays down.
    pub(super) fn end(mut self, cause: Cause, watch: &mut Watch) {
        let Launch { container, layout, .. } = &*self.launch;
        let last = record_rest(container, layout, &mut self.held, cause);
        watch.part(&Reply::Exited(last));
        self.held.clear();
    }

    /// Reads what may have changed since the last run began.
    fn renew(&mut self) -> Result<(), StartFailure> {
        let wrong = |error: StoreError| StartFailure::new(&error);
        let id = self.launch.container.id;
        let mut spec = self.spec.read()?.into_owned();
        let mut store = Store::open(self.launch.layout.clone()).map_err(wrong)?;
        let (container, networks, processes) = store
            .read(|records| {
                let container = records.container(id)?;
                let processes = match &container {
                    Some(container) => {
                        let config = &container.config;
                        let network = match &config.network {
                            NetworkMode::Container(other) => Some(*other),
                            _ => None,
                        };
                        let pid = match &config.isolation.pid {
                            Sharing::Container(other) => other.parse().ok(),
                            Sharing::Own | Sharing::Host => None,
                        };
                        let ipc = match &config.isolation.ipc {
                            Ipc::Container(other) => other.parse().ok(),
                            _ => None,
                        };
                        [
                            first_process(records, network)?,
                            first_process(records, pid)?,
                            first_process(records, ipc)?,
                        ]
                    }
                    None => [const { Neighbour::Nobody }; 3],
                };
                Ok((container, records.networks()?, processes))
            })
            .map_err(wrong)?;
        let container = container.ok_or_else(|| StartFailure::new("it was removed meanwhile"))?;
        let [network, pid, ipc] = processes;
        network.join(&mut spec, LinuxNamespaceType::Network, "net")?;
        pid.join(&mut spec, LinuxNamespaceType::Pid, "pid")?;
        ipc.join(&mut spec, LinuxNamespaceType::Ipc, "ipc")?;
        let launch = &mut *self.launch;
        (launch.container, launch.spec, launch.networks) = (container, spec, networks);
        Ok(())
    }
}

/// A container that another one shares something of.
enum Neighbour {
    /// Nothing is shared.
    Nobody,
    /// This is its first process.
    Runs(i32),
    /// It does not run; this is what it is called.
    Rests(String),
}

fn first_process(records: &Records<'_>, id: Option<ContainerId>) -> Result<Neighbour, StoreError> {
    let Some(id) = id else { return Ok(Neighbour::Nobody) };
    let Some(other) = records.container(id)? else { return Ok(Neighbour::Rests(id.short())) };
    let init = records.processes(id)?.and_then(|processes| processes.init);
    Ok(init
        .filter(|init| matches!(other.state, State::Running { .. }) && init.is_alive())
        .map_or_else(|| Neighbour::Rests(other.name.to_string()), |init| Neighbour::Runs(init.pid)))
}

impl Neighbour {
    /// Puts the namespace that it has now in place of the one that it had.
    fn join(
        &self,
        spec: &mut Spec,
        kind: LinuxNamespaceType,
        name: &str,
    ) -> Result<(), StartFailure> {
        let pid = match self {
            Self::Nobody => return Ok(()),
            Self::Runs(pid) => pid,
            Self::Rests(other) => {
                return Err(StartFailure::new(&format_args!(
                    "it needs container {other}, which is not running"
                )));
            }
        };
        let Some(mut linux) = spec.linux().clone() else { return Ok(()) };
        let mut namespaces = linux.namespaces().clone().unwrap_or_default();
        for namespace in namespaces.iter_mut().filter(|namespace| namespace.typ() == kind) {
            namespace.set_path(Some(format!("/proc/{pid}/ns/{name}").into()));
        }
        linux.set_namespaces(Some(namespaces));
        spec.set_linux(Some(linux));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_begin_anew_after_a_good_run() {
        let mut pace = Pace::default();
        let short = Duration::from_secs(1);
        let waits: Vec<u128> = (0..12).map(|_| pace.after(short).as_millis()).collect();
        assert_eq!(
            waits,
            [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]
        );
        assert_eq!(pace.after(GOOD_RUN), SHORTEST);
        assert_eq!(pace.after(short), SHORTEST * 2);
    }

    #[test]
    fn a_neighbour_s_namespace_is_the_one_of_now() {
        let mut spec = Spec::default();
        let gone = Neighbour::Rests("db".to_owned());
        let refusal = gone.join(&mut spec, LinuxNamespaceType::Network, "net").unwrap_err();
        assert!(refusal.message.contains("container db"), "{}", refusal.message);
        Neighbour::Runs(7).join(&mut spec, LinuxNamespaceType::Network, "net").unwrap();
        let namespaces = spec.linux().as_ref().unwrap().namespaces().clone().unwrap();
        let paths: Vec<_> = namespaces.iter().filter_map(|one| one.path().clone()).collect();
        assert_eq!(paths, [std::path::PathBuf::from("/proc/7/ns/net")]);
    }
}
