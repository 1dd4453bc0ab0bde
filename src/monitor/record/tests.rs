//! Ends, written into a real store.

use tempfile::TempDir;

use super::*;
use crate::{
    model::{
        ChainId, ContainerConfig, ContainerId, DiffId, Digest, Endpoint, Image, ImageConfig,
        ImageId, Layer, Network, NetworkId,
    },
    sys::files,
};

struct Scene {
    _root: TempDir,
    layout: Layout,
    container: Container,
    held: Held,
}

fn image() -> Image {
    let digest = Digest::from_bytes([1; 32]);
    Image {
        id: ImageId(digest),
        manifest: digest,
        references: Vec::new(),
        created: None,
        stored: Timestamp::UNIX_EPOCH,
        layers: vec![Layer {
            chain: ChainId(digest),
            diff: DiffId(digest),
            blob: digest,
            size: 5,
            entries: 1,
        }],
        config: ImageConfig::default(),
    }
}

fn endpoint(container: &Container, network: &Network) -> Endpoint {
    let address = "10.9.0.2".parse().unwrap();
    Endpoint {
        network: network.id,
        network_name: network.name.clone(),
        container: container.id,
        container_name: container.name.clone(),
        address,
        prefix: 24,
        gateway: network.gateway,
        mac: Endpoint::mac_of(address),
        interface: "eth0".to_owned(),
    }
}

/// A container that is recorded in a state, with a lease, processes and directories.
fn scene(state: &State, auto_remove: bool) -> Scene {
    let root = tempfile::tempdir().unwrap();
    let layout = Layout { data_root: root.path().join("data"), run_root: root.path().join("run") };
    let image = image();
    let container = Container {
        id: ContainerId::from_bytes([7; 32]),
        name: "web".parse().unwrap(),
        image: image.id,
        image_name: "debian:12".to_owned(),
        created: Timestamp::UNIX_EPOCH,
        config: ContainerConfig {
            args: vec!["sh".to_owned()],
            auto_remove,
            ..ContainerConfig::default()
        },
        state: State::Created,
        endpoints: Vec::new(),
    };
    let network = Network {
        id: NetworkId::from_bytes([3; 32]),
        name: "bridge".parse().unwrap(),
        subnet: "10.9.0.0/24".parse().unwrap(),
        gateway: "10.9.0.1".parse().unwrap(),
        bridge: "est-3".to_owned(),
        created: Timestamp::UNIX_EPOCH,
        endpoints: Vec::new(),
    };
    let processes =
        Processes { boot: "boot".to_owned(), monitor: ProcessId { pid: 1, start: 1 }, init: None };
    let mut store = Store::open(layout.clone()).unwrap();
    store
        .write(|records| {
            records.insert_image(&image)?;
            records.insert_network(&network)?;
            records.insert_container(&container)?;
            records.set_state(container.id, state)?;
            records.set_processes(container.id, Some(&processes))?;
            records.insert_endpoint(&endpoint(&container, &network))
        })
        .unwrap();
    let run_dir = layout.container_run(container.id);
    files::make_private_dir(&run_dir.join("rootfs")).unwrap();
    files::make_private_dir(&layout.container(container.id).join("upper")).unwrap();
    Scene {
        _root: root,
        layout,
        container,
        held: Held { run_dir: Some(run_dir), ..Held::default() },
    }
}

impl Scene {
    /// Records an end; gives what the record says then, and what the journal tells.
    fn end(
        &mut self,
        started: Option<Timestamp>,
        exit: &Exit,
    ) -> (Option<Container>, Vec<(Occurrence, Option<String>)>) {
        let cause = Cause::Itself;
        let ended =
            Ended { container: &self.container, layout: &self.layout, started, exit, cause };
        assert!(!ended.record(&mut self.held, None));
        self.held.clear();
        assert!(!files::exists(&self.layout.container_run(self.container.id)));
        let id = self.container.id;
        let mut store = Store::open(self.layout.clone()).unwrap();
        let read = store.read(|records| {
            assert_eq!(records.processes(id)?, None);
            Ok::<_, StoreError>((records.container(id)?, records.events_since(0)?))
        });
        let (container, events) = read.unwrap();
        let told = events.into_iter().map(|mut event| {
            assert_eq!(event.attributes["name"], "web");
            assert_eq!(event.attributes["image"], "debian:12");
            (event.occurrence, event.attributes.remove("exitCode"))
        });
        (container, told.collect())
    }
}

fn running() -> State {
    State::running(Timestamp::UNIX_EPOCH)
}

fn killed() -> Exit {
    Exit { code: 137, signal: Some(9), oom: true, error: None }
}

#[test]
fn an_end_is_written_down_with_everything_that_ends_with_it() {
    let mut scene = scene(&running(), false);
    let exit = killed();
    let (container, told) = scene.end(Some(Timestamp::UNIX_EPOCH), &exit);
    let container = container.unwrap();
    assert!(container.endpoints.is_empty());
    match container.state {
        State::Exited { started, exit: recorded, .. } => {
            assert_eq!((started, recorded), (Some(Timestamp::UNIX_EPOCH), exit));
        }
        other => panic!("{other:?}"),
    }
    let code = Some("137".to_owned());
    assert_eq!(told, [(Occurrence::Oom, None), (Occurrence::Die, code)]);
    assert!(files::exists(&scene.layout.container(scene.container.id)));
}

#[test]
fn a_start_that_failed_never_began() {
    let mut scene = scene(&State::Starting, false);
    let exit = Exit {
        code: 127,
        error: Some("cannot execute 'x': not found".to_owned()),
        ..Exit::default()
    };
    let (container, told) = scene.end(None, &exit);
    match container.unwrap().state {
        State::Exited { started: None, exit: recorded, .. } => assert_eq!(recorded, exit),
        other => panic!("{other:?}"),
    }
    assert_eq!(told, [(Occurrence::Die, Some("127".to_owned()))]);
}

#[test]
fn a_container_that_removes_itself_leaves_nothing() {
    let mut scene = scene(&running(), true);
    let (container, told) = scene.end(Some(Timestamp::UNIX_EPOCH), &Exit::default());
    assert_eq!(container, None);
    let code = Some("0".to_owned());
    assert_eq!(told, [(Occurrence::Die, code), (Occurrence::Destroy, None)]);
    assert!(!files::exists(&scene.layout.container(scene.container.id)));
}

fn recorded(scene: &Scene) -> (Container, Option<Processes>) {
    let id = scene.container.id;
    let mut store = Store::open(scene.layout.clone()).unwrap();
    let read = store.read(|records| {
        Ok::<_, StoreError>((records.container(id)?.unwrap(), records.processes(id)?))
    });
    read.unwrap()
}

fn policy(scene: &mut Scene, policy: &str) {
    scene.container.config.restart = policy.parse().unwrap();
    let mut store = Store::open(scene.layout.clone()).unwrap();
    store.write(|records| records.set_config(scene.container.id, &scene.container.config)).unwrap();
}

#[test]
fn a_run_that_is_followed_by_another_keeps_directory_and_address() {
    let mut scene = scene(&running(), false);
    policy(&mut scene, "on-failure:1");
    let Scene { container, layout, held, .. } = &mut scene;
    let exit = Exit { code: 3, ..Exit::default() };
    let started = Some(Timestamp::UNIX_EPOCH);
    let cause = Cause::Itself;
    assert!(Ended { container, layout, started, exit: &exit, cause }.record(held, None));
    let (now, processes) = recorded(&scene);
    let State::Restarting { exit: kept, restarts: 1, .. } = &now.state else {
        panic!("{:?}", now.state)
    };
    assert_eq!((kept, now.endpoints.len()), (&exit, 1));
    let processes = processes.unwrap();
    assert_eq!((processes.monitor, processes.init), (ProcessId::current().unwrap(), None));
    assert!(files::exists(&scene.layout.container_run(scene.container.id)));
    // The end of the next run: there was one restart, and there may be one.
    let Scene { container, layout, held, .. } = &mut scene;
    assert!(!Ended { container, layout, started, exit: &exit, cause }.record(held, None));
    let (now, processes) = recorded(&scene);
    assert!(matches!(now.state, State::Exited { restarts: 1, stopped_in: None, .. }));
    assert_eq!((now.endpoints.len(), processes), (0, None));
}

#[test]
fn whoever_is_asked_to_end_stays_down_and_who_asked_is_known() {
    for (cause, is_hand) in [(Cause::Hand, true), (Cause::Machine, false)] {
        let mut scene = scene(&running(), false);
        policy(&mut scene, "always");
        let Scene { container, layout, held, .. } = &mut scene;
        let exit = killed();
        assert!(!Ended { container, layout, started: None, exit: &exit, cause }.record(held, None));
        let State::Exited { stopped_in, .. } = recorded(&scene).0.state else { panic!() };
        assert_eq!(stopped_in, is_hand.then(|| boot_id().unwrap()));
    }
}

#[test]
fn one_that_rests_can_stay_down_and_its_end_is_told_once() {
    let exit = Exit { code: 3, ..Exit::default() };
    let finished = Timestamp::UNIX_EPOCH;
    let resting = State::Restarting { started: None, finished, exit: exit.clone(), restarts: 4 };
    let mut scene = scene(&resting, false);
    let Scene { container, layout, held, .. } = &mut scene;
    assert_eq!(record_rest(container, layout, held, Cause::Hand), exit);
    let (now, processes) = recorded(&scene);
    let stopped_in = Some(boot_id().unwrap());
    assert_eq!(now.state, State::Exited { started: None, finished, exit, restarts: 4, stopped_in });
    assert_eq!((now.endpoints.len(), processes), (0, None));
    assert!(!files::exists(&scene.layout.container_run(scene.container.id)));
    let mut store = Store::open(scene.layout.clone()).unwrap();
    let told = store.read(|records| records.events_since(0)).unwrap();
    assert_eq!(told, []);
}

#[test]
fn what_was_put_right_by_others_is_left_alone() {
    let lost = State::exited(None, Timestamp::UNIX_EPOCH, Exit::default());
    let mut scene = scene(&lost, false);
    let id = scene.container.id;
    let mut store = Store::open(scene.layout.clone()).unwrap();
    store.write(|records| records.set_processes(id, None)).unwrap();
    let (container, told) = scene.end(Some(Timestamp::UNIX_EPOCH), &killed());
    assert_eq!(container.unwrap().state, lost);
    assert_eq!(told, []);
    store.write(|records| records.remove_container(id)).unwrap();
    assert_eq!(scene.end(None, &killed()), (None, Vec::new()));
}
