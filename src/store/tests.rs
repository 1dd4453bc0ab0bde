//! The dependency rule, many writers, the bell.

use std::{collections::BTreeMap, time::Duration};

use super::*;
use crate::model::{
    Container, ContainerConfig, DiffId, Endpoint, Exit, Image, ImageConfig, ImageId,
    ImageReference, Layer, Network, NetworkId, NetworkMode, Occurrence, State, Subject, Timestamp,
};

struct Place {
    _root: tempfile::TempDir,
    layout: Layout,
}

fn place() -> Place {
    let root = tempfile::tempdir().unwrap();
    let layout = Layout { data_root: root.path().join("data"), run_root: root.path().join("run") };
    Place { _root: root, layout }
}

fn digest(byte: u8) -> Digest {
    Digest::from_bytes([byte; 32])
}

fn layer(byte: u8) -> Layer {
    Layer {
        chain: ChainId(digest(byte)),
        diff: DiffId(digest(byte)),
        blob: digest(byte),
        size: 5,
        entries: 1,
    }
}

fn image(byte: u8, layers: &[u8]) -> Image {
    Image {
        id: ImageId(digest(byte)),
        manifest: digest(byte.wrapping_add(100)),
        references: Vec::new(),
        created: Some("0001-01-01T00:00:00Z".parse().unwrap()),
        stored: Timestamp::from_second(byte.into()).unwrap(),
        layers: layers.iter().copied().map(layer).collect(),
        config: ImageConfig { os: "linux".to_owned(), ..ImageConfig::default() },
    }
}

fn container(byte: u8, name: &str, image: ImageId) -> Container {
    Container {
        id: ContainerId::from_bytes([byte; 32]),
        name: name.parse().unwrap(),
        image,
        image_name: "debian".to_owned(),
        created: Timestamp::from_second(byte.into()).unwrap(),
        config: ContainerConfig { args: vec!["sh".to_owned()], ..ContainerConfig::default() },
        state: State::Created,
        endpoints: Vec::new(),
    }
}

fn network(byte: u8, name: &str) -> Network {
    Network {
        id: NetworkId::from_bytes([byte; 32]),
        name: name.parse().unwrap(),
        subnet: "10.9.0.0/24".parse().unwrap(),
        gateway: "10.9.0.1".parse().unwrap(),
        bridge: format!("est-{byte}"),
        created: Timestamp::from_second(byte.into()).unwrap(),
        endpoints: Vec::new(),
    }
}

fn endpoint(container: &Container, network: &Network, last: u8) -> Endpoint {
    let address = std::net::Ipv4Addr::new(10, 9, 0, last);
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

fn write<T>(
    store: &mut Store,
    body: impl FnOnce(&mut RecordsMut<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    store.write(body)
}

fn read<T>(store: &mut Store, body: impl FnOnce(&Records<'_>) -> Result<T, StoreError>) -> T {
    store.read(body).unwrap()
}

#[test]
fn an_image_that_a_container_stands_on_cannot_be_removed() {
    let place = place();
    let mut store = Store::open(place.layout.clone()).unwrap();
    let one = image(1, &[1, 2]);
    let web = container(7, "web-1", one.id);
    write(&mut store, |records| {
        records.insert_image(&one)?;
        records.insert_image(&image(2, &[1, 3]))?;
        records.insert_container(&web)
    })
    .unwrap();

    let refused = write(&mut store, |records| records.remove_image(one.id)).unwrap_err();
    assert!(matches!(refused, StoreError::Referred(_)), "{refused:?}");
    let dependents = read(&mut store, |records| records.dependents(one.id));
    assert_eq!(dependents.len(), 1);
    assert_eq!(dependents[0].name.as_str(), "web-1");
    assert_eq!(read(&mut store, |records| records.image(one.id)), Some(one.clone()));

    let orphans = write(&mut store, |records| {
        assert!(records.remove_container(web.id)?);
        records.remove_image(one.id)
    })
    .unwrap();
    assert_eq!(orphans, [layer(2)], "layer 1 is shared");
    assert!(read(&mut store, |records| records.layer(layer(1).chain)).is_some());
    assert!(read(&mut store, |records| records.layer(layer(2).chain)).is_none());
    assert!(read(&mut store, |records| records.is_blob_needed(digest(1), None)));
    assert!(!read(&mut store, |records| {
        records.is_blob_needed(digest(1), Some(ImageId(digest(2))))
    }));
}

#[test]
fn what_is_taken_is_said_by_name() {
    let place = place();
    let mut store = Store::open(place.layout.clone()).unwrap();
    let one = image(1, &[]);
    let (web, other) = (container(7, "web", one.id), container(8, "other", one.id));
    let (front, back) = (network(1, "front"), network(2, "back"));
    write(&mut store, |records| {
        records.insert_image(&one)?;
        records.insert_container(&web)?;
        records.insert_container(&other)?;
        records.insert_network(&front)?;
        records.insert_network(&back)?;
        records.insert_endpoint(&endpoint(&web, &front, 2))
    })
    .unwrap();
    let taken = |error: StoreError, word: &str| match error {
        StoreError::Taken(object) => assert!(object.contains(word), "{object}"),
        other => panic!("{other:?}"),
    };
    let twin = container(9, "web", one.id);
    taken(write(&mut store, |records| records.insert_container(&twin)).unwrap_err(), "web");
    taken(
        write(&mut store, |records| records.insert_network(&network(3, "back"))).unwrap_err(),
        "back",
    );
    taken(
        write(&mut store, |records| records.insert_endpoint(&endpoint(&other, &front, 2)))
            .unwrap_err(),
        "10.9.0.2",
    );
    write(&mut store, |records| records.insert_endpoint(&endpoint(&other, &back, 2))).unwrap();
}

#[test]
fn what_is_referred_to_or_missing_is_refused() {
    let place = place();
    let mut store = Store::open(place.layout.clone()).unwrap();
    let one = image(1, &[]);
    let (web, front) = (container(7, "web", one.id), network(1, "front"));
    write(&mut store, |records| {
        records.insert_image(&one)?;
        records.insert_container(&web)?;
        records.insert_network(&front)?;
        records.insert_endpoint(&endpoint(&web, &front, 2))
    })
    .unwrap();
    let orphan = container(10, "orphan", ImageId(digest(99)));
    for refused in [
        write(&mut store, |records| records.insert_container(&orphan)),
        write(&mut store, |records| records.remove_network(front.id).map(drop)),
        write(&mut store, |records| {
            records.set_reference(&"x".parse().unwrap(), ImageId(digest(99))).map(drop)
        }),
    ] {
        assert!(matches!(refused, Err(StoreError::Referred(_))), "{refused:?}");
    }
    write(&mut store, |records| {
        assert!(records.remove_container(web.id)?);
        assert!(records.remove_network(front.id)?);
        Ok(())
    })
    .unwrap();
}

#[test]
fn records_come_back_as_they_went_in() {
    let place = place();
    let mut store = Store::open(place.layout.clone()).unwrap();
    let (one, two) = (image(1, &[1]), image(2, &[]));
    let name: ImageReference = "debian:12".parse().unwrap();
    let mut web = container(7, "web", one.id);
    let front = network(1, "front");
    let place_of_web = endpoint(&web, &front, 2);
    let before = write(&mut store, |records| {
        records.insert_image(&one)?;
        records.insert_image(&two)?;
        assert_eq!(records.set_reference(&name, one.id)?, None);
        assert_eq!(records.set_reference(&name, one.id)?, None);
        assert_eq!(records.set_reference(&name, two.id)?, Some(one.id));
        records.insert_container(&web)?;
        records.insert_network(&front)?;
        records.insert_endpoint(&place_of_web)?;
        records.journal(Subject::Container, "7", Occurrence::ExecStart, BTreeMap::new())?;
        records.last_sequence()
    })
    .unwrap();
    web.config.network = NetworkMode::Bridges(vec![front.id]);
    write(&mut store, |records| {
        records.set_network_mode(web.id, &web.config.network)?;
        records.journal(Subject::Image, "1", Occurrence::Tag, BTreeMap::new())
    })
    .unwrap();
    web.endpoints = vec![place_of_web.clone()];
    read(&mut store, |records| {
        let named = Image { references: vec![name.clone()], ..two.clone() };
        assert_eq!(records.images()?, [named, one.clone()]);
        assert_eq!(records.containers()?, [web.clone()]);
        assert_eq!(records.container(web.id)?, Some(web.clone()));
        assert_eq!(records.networks()?[0].endpoints, std::slice::from_ref(&place_of_web));
        assert_eq!(records.container_by_name("web")?, Some(web.id));
        assert_eq!(records.network_by_name("front")?, Some(front.id));
        assert_eq!(records.images_beginning("0101")?, [one.id]);
        assert_eq!(records.images_beginning("")?.len(), 2);
        assert_eq!(records.images_beginning("%")?, []);
        assert_eq!(records.containers_beginning(&web.id.hex())?, [web.id]);
        let events = records.events_since(before)?;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].occurrence, Occurrence::Tag);
        assert_eq!(events[0].sequence, records.last_sequence()?);
        Ok(())
    });
}

#[test]
fn a_container_is_live_from_its_start_to_its_exit() {
    let place = place();
    let mut store = Store::open(place.layout.clone()).unwrap();
    let one = image(1, &[]);
    let web = container(7, "web", one.id);
    let exited = State::exited(None, Timestamp::now(), Exit::default());
    let processes =
        Processes { boot: "b".to_owned(), monitor: ProcessId { pid: 1, start: 2 }, init: None };
    write(&mut store, |records| {
        records.insert_image(&one)?;
        records.insert_container(&web)?;
        assert_eq!(records.live()?, []);
        records.set_state(web.id, &State::Starting)?;
        records.set_processes(web.id, Some(&processes))?;
        let expected = (web.id, State::Starting, Some(processes.clone()));
        assert_eq!(records.live()?, [expected]);
        assert_eq!(records.processes(web.id)?, Some(processes.clone()));
        records.set_state(web.id, &exited)?;
        records.set_processes(web.id, None)?;
        assert_eq!(records.live()?, []);
        assert_eq!(records.processes(web.id)?, None);
        assert_eq!(records.container(web.id)?.unwrap().state, exited);
        Ok(())
    })
    .unwrap();
}

#[test]
fn the_journal_keeps_its_last_lines() {
    let place = place();
    let mut store = Store::open(place.layout.clone()).unwrap();
    let line = |records: &mut RecordsMut<'_>| {
        records.journal(Subject::Image, "1", Occurrence::Tag, BTreeMap::new())
    };
    write(&mut store, |records| (0..10_050).try_for_each(|_| line(records))).unwrap();
    let events = read(&mut store, |records| records.events_since(0));
    assert_eq!(events.len(), 10_000);
    assert_eq!(events[0].sequence, 51);
}

#[test]
fn many_writers_lose_nothing_and_a_fresh_store_is_made_once() {
    let place = place();
    let barrier = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (layout, barrier) = (place.layout.clone(), &barrier);
            scope.spawn(move || {
                barrier.wait();
                let mut store = Store::open(layout).unwrap();
                for line in 0..25 {
                    let id = format!("{thread}-{line}");
                    write(&mut store, |records| {
                        records.journal(Subject::Image, &id, Occurrence::Load, BTreeMap::new())
                    })
                    .unwrap();
                }
            });
        }
    });
    let mut store = Store::open(place.layout.clone()).unwrap();
    let events = read(&mut store, |records| records.events_since(0));
    let ids: std::collections::BTreeSet<_> = events.iter().map(|event| &event.id).collect();
    assert_eq!(ids.len(), 200);
}

#[test]
fn the_bell_is_heard_by_another_connection_and_between_waits() {
    let place = place();
    let mut writer = Store::open(place.layout.clone()).unwrap();
    let mut ear = Ear::new(&place.layout).unwrap();
    assert!(!ear.wait(Duration::ZERO).unwrap());
    for _ in 0..2 {
        write(&mut writer, |records| {
            records.journal(Subject::Image, "1", Occurrence::Load, BTreeMap::new())
        })
        .unwrap();
    }
    assert!(ear.wait(Duration::from_secs(10)).unwrap());
    assert!(!ear.wait(Duration::from_millis(1)).unwrap(), "swallowed");
    write(&mut writer, |_records| Ok(())).unwrap();
    let undone = writer.write(|records| {
        records.journal(Subject::Image, "1", Occurrence::Load, BTreeMap::new())?;
        Err::<(), _>(StoreError::Taken("x".to_owned()))
    });
    assert!(undone.is_err());
    assert!(!ear.wait(Duration::ZERO).unwrap(), "nothing has happened");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ear.wait(Duration::from_secs(10)).unwrap());
        write(&mut writer, |records| {
            records.journal(Subject::Image, "1", Occurrence::Load, BTreeMap::new())
        })
        .unwrap();
        assert!(waiting.join().unwrap());
    });
}
