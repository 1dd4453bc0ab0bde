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
        Ended { container: &self.container, layout: &self.layout, started, exit }
            .record(&mut self.held, None);
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
    State::Running { started: Timestamp::UNIX_EPOCH, paused: false }
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

#[test]
fn what_was_put_right_by_others_is_left_alone() {
    let lost =
        State::Exited { started: None, finished: Timestamp::UNIX_EPOCH, exit: Exit::default() };
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
