//! How a container is started.
//!
//! A start is a plan (nothing touched), one transaction that claims the container and leases its addresses, and a monitor, which writes down
//! that the container runs, and later how it ended: one writer, so the journal never says `die` before `start`.

use std::{net::Ipv4Addr, sync::PoisonError};

use super::{
    Engine, EngineError, ErrorKind, Force, Result, Session,
    containers::{cgroup_name, existing},
    lifecycle::check_allows,
    spec,
};
use crate::{
    image,
    model::{
        Container, ContainerId, Endpoint, Image, Mark, MountKind, Network, NetworkMode, State,
        Step, Verb,
    },
    monitor::{self, Client, Launch, Launched, Nascent},
    network, runtime,
    store::{Processes, Records, RecordsMut},
    sys::{
        cgroup::Reach,
        clock, files,
        process::{ProcessId, boot_id},
    },
};

impl Engine {
    /// Executes a monitor ahead of a start that is about to come: it loads while the caller makes the container. The next start takes it.
    pub fn foresee_start(&self) {
        let mut foreseen = self.shared.foreseen.lock().unwrap_or_else(PoisonError::into_inner);
        if foreseen.is_none() {
            // If it cannot be executed, the start says so.
            *foreseen = monitor::spawn(&self.config().program).ok();
        }
    }

    /// Gives the engine a monitor for its next start.
    #[must_use]
    pub fn with_monitor(self, monitor: Option<Nascent>) -> Self {
        *self.shared.foreseen.lock().unwrap_or_else(PoisonError::into_inner) = monitor;
        self
    }

    /// Claims a container and leases its addresses: nobody else starts or removes it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Conflict`] when it runs, [`ErrorKind::Exhausted`] when a network has no address left,
    /// [`ErrorKind::Permission`] when the policy does not let its image run any more.
    pub fn claim(&self, id: ContainerId) -> Result<Claimed<'_>> {
        self.admit_again(id)?;
        let (monitor, claimant) = self.claimant()?;
        let (container, image, networks) = self.store().write(|records| {
            let container = existing(records, id)?;
            check_allows(&container, Verb::Start)?;
            let image = image_of(records, &container)?;
            let (container, networks) = occupy(records, container, &claimant)?;
            Ok::<_, EngineError>((container, image, networks))
        })?;
        let claimed = Claimed::new(self, (monitor, claimant), container, image, networks);
        // From here on nobody begins to visit its layers, and who does so now is waited for.
        drop(self.lock_out_visitors(id)?);
        Ok(claimed)
    }

    /// Gives a monitor, which loads while the records are read and written, and who answers for its container.
    pub(super) fn claimant(&self) -> Result<(Nascent, Processes)> {
        let foreseen = self.shared.foreseen.lock().unwrap_or_else(PoisonError::into_inner).take();
        let monitor = match foreseen {
            Some(monitor) => monitor,
            None => monitor::spawn(&self.config().program)?,
        };
        // Until it is known which process the monitor is, this one answers: if it is killed, the next one sees that.
        let answering = monitor.process().map_or_else(ProcessId::current, Ok)?;
        let claimant = Processes { boot: boot_id()?, monitor: answering, init: None };
        Ok((monitor, claimant))
    }

    /// Puts together everything the monitor needs, and makes the directories it works in.
    fn launch_of(
        &self,
        container: Container,
        image: &Image,
        networks: Vec<Network>,
    ) -> Result<Launch> {
        for mount in &container.config.mounts {
            if let MountKind::Bind { source, create: true, .. } = &mount.kind
                && !files::exists(source)
            {
                files::make_dir(source)?;
            }
        }
        let overlay = image::overlay(self.layout(), image, container.id)?;
        let generated = self.layout().container_run(container.id);
        files::make_private_dir(&generated)?;
        let neighbours = self.neighbours(&container)?;
        Ok(Launch {
            spec: spec::build(
                runtime::default_spec(self.is_rootless()),
                &container,
                &self.holding(&container.config.resources).0,
                &neighbours.around(),
            )?,
            neighbours: neighbours.processes(),
            lowers: overlay.lowers,
            upper: overlay.upper,
            work: overlay.work,
            layout: self.layout().clone(),
            place: self.place(),
            networks,
            cgroup: cgroup_name(&container),
            rootless: self.is_rootless(),
            container,
        })
    }
}

/// Writes down that a container is about to start, and who answers for it; gives it with its addresses, and all networks.
pub(super) fn occupy(
    records: &mut RecordsMut<'_>,
    mut container: Container,
    claimant: &Processes,
) -> Result<(Container, Vec<Network>)> {
    let networks = records.networks()?;
    container.endpoints = lease(records, &container, &networks)?;
    records.set_state(container.id, &State::Starting)?;
    records.set_processes(container.id, Some(claimant))?;
    Ok((container, networks))
}

/// A container that is this one's to start. If this value is dropped, it is as it was before.
#[derive(Debug)]
#[must_use]
pub struct Claimed<'a> {
    undo: StartUndo<'a>,
    monitor: Nascent,
    claimant: Processes,
    container: Container,
    image: Image,
    networks: Vec<Network>,
    at: Mark,
}

impl<'a> Claimed<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        (monitor, claimant): (Nascent, Processes),
        container: Container,
        image: Image,
        networks: Vec<Network>,
    ) -> Self {
        let undo = StartUndo {
            engine,
            container: container.id,
            before: container.state.clone(),
            auto_remove: container.config.auto_remove,
        };
        let at = Mark { step: Step::Record, at: clock::now() };
        Self { undo, monitor, claimant, container, image, networks, at }
    }

    /// Gives the engine that it was claimed of.
    pub const fn engine(&self) -> &'a Engine {
        self.undo.engine
    }

    /// Gives the container, in the state that it had before.
    pub const fn container(&self) -> &Container {
        &self.container
    }

    /// Starts it and returns when its program has begun, with when which step was over.
    ///
    /// # Errors
    /// [`ErrorKind::CannotRun`] or [`ErrorKind::NoProgram`] when its program cannot be executed, [`ErrorKind::Kernel`] when the kernel refuses a step.
    pub fn start(self) -> Result<Vec<Mark>> {
        let (launched, claimed) = self.launch()?;
        Ok([claimed].into_iter().chain(launched.go()?).collect())
    }

    /// Starts it with its standard streams joined before its program begins, so that nothing of it is missed.
    ///
    /// # Errors
    /// As [`Claimed::start`].
    pub fn start_attached(self) -> Result<(Session, Vec<Mark>)> {
        let (engine, id) = (self.engine(), self.container.id);
        let (launched, claimed) = self.launch()?;
        let session = Client::connect(engine.layout(), id)?.attach()?;
        let marks = [claimed].into_iter().chain(launched.go()?).collect();
        Ok((Session(session), marks))
    }

    /// Brings up its monitor, which then waits.
    fn launch(self) -> Result<(Launched, Mark)> {
        let Self { undo, monitor, claimant, container, image, networks, at } = self;
        let (engine, id) = (undo.engine, container.id);
        let launch = engine.launch_of(container, &image, networks)?;
        let launched = monitor.launch(&launch)?;
        if launched.process() != claimant.monitor {
            let processes = Processes { monitor: launched.process(), ..claimant };
            engine.store().write(|records| {
                Ok::<_, EngineError>(records.set_processes(id, Some(&processes))?)
            })?;
        }
        undo.keep();
        Ok((launched, at))
    }
}

/// Leases an address in each network of a container.
fn lease(
    records: &mut RecordsMut<'_>,
    container: &Container,
    networks: &[Network],
) -> Result<Vec<Endpoint>> {
    let NetworkMode::Bridges(ids) = &container.config.network else {
        return Ok(Vec::new());
    };
    let mut endpoints = Vec::new();
    for (number, id) in ids.iter().enumerate() {
        let network = networks.iter().find(|network| network.id == *id).ok_or_else(|| {
            EngineError::new(
                ErrorKind::NotFound,
                format!("a network of container {} is gone", container.name),
            )
            .hint(format!(
                "connect it to another: estiba network connect bridge {}",
                container.name
            ))
        })?;
        let interface = format!("eth{number}");
        let names = &container.config.isolation.names;
        let mut endpoint = match names.address.filter(|_| number == 0) {
            Some(address) => endpoint_at(network, container, &interface, address)?,
            None => endpoint_in(network, container, &interface)?,
        };
        if let Some(mac) = names.mac.filter(|_| number == 0) {
            endpoint.mac = mac;
        }
        records.insert_endpoint(&endpoint)?;
        endpoints.push(endpoint);
    }
    Ok(endpoints)
}

/// Chooses a free address in a network.
pub(super) fn endpoint_in(
    network: &Network,
    container: &Container,
    interface: &str,
) -> Result<Endpoint> {
    let taken: Vec<_> = network.endpoints.iter().map(|endpoint| endpoint.address).collect();
    let address =
        network::choose_address(network.subnet, network.gateway, &taken).ok_or_else(|| {
            EngineError::new(
                ErrorKind::Exhausted,
                format!("network {} has no free address in {}", network.name, network.subnet),
            )
            .hint("stop a container in it, or make a network with a larger --subnet")
        })?;
    Ok(endpoint(network, container, interface, address))
}

/// Takes the address that was asked for, if it is free.
fn endpoint_at(
    network: &Network,
    container: &Container,
    interface: &str,
    address: Ipv4Addr,
) -> Result<Endpoint> {
    let subnet = network.subnet;
    if !subnet.contains(&address) || [subnet.network(), subnet.broadcast()].contains(&address) {
        return Err(EngineError::new(
            ErrorKind::Invalid,
            format!("address {address} does not belong to network {} ({subnet})", network.name),
        ));
    }
    let holder = network.endpoints.iter().find(|endpoint| endpoint.address == address);
    if address == network.gateway || holder.is_some() {
        let holder = holder.map_or("the host", |endpoint| endpoint.container_name.as_str());
        return Err(EngineError::new(
            ErrorKind::Conflict,
            format!("address {address} in network {} is in use by {holder}", network.name),
        ));
    }
    Ok(endpoint(network, container, interface, address))
}

fn endpoint(
    network: &Network,
    container: &Container,
    interface: &str,
    address: Ipv4Addr,
) -> Endpoint {
    Endpoint {
        network: network.id,
        network_name: network.name.clone(),
        container: container.id,
        container_name: container.name.clone(),
        address,
        prefix: network.subnet.prefix_len(),
        gateway: network.gateway,
        mac: Endpoint::mac_of(address),
        interface: interface.to_owned(),
    }
}

fn image_of(records: &Records<'_>, container: &Container) -> Result<Image> {
    records.image(container.image)?.ok_or_else(|| {
        EngineError::new(
            ErrorKind::Storage,
            format!("the image of container {} is gone", container.name),
        )
    })
}

/// Gives a claimed container back when no monitor came up for it.
#[derive(Debug)]
struct StartUndo<'a> {
    engine: &'a Engine,
    container: ContainerId,
    before: State,
    auto_remove: bool,
}

impl StartUndo<'_> {
    fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for StartUndo<'_> {
    fn drop(&mut self) {
        let id = self.container;
        // The first failure is already on its way to the user; if this fails too, the next start puts it right.
        let _undone: Result<()> = self.engine.store().write(|records| {
            records.remove_endpoints(id)?;
            records.set_processes(id, None)?;
            records.set_state(id, &self.before)?;
            Ok(())
        });
        // If the records cannot be read, the next start finds it.
        if let Ok(Some(group)) = self.engine.group_of(id, Reach::All) {
            // What a monitor was making when it died.
            let _emptied = group.kill_all().and_then(|()| group.remove());
        }
        let _cleared = files::remove_tree(&self.engine.layout().container_run(id));
        if self.auto_remove {
            let _removed = self.engine.remove(id, Force::No);
        }
    }
}
