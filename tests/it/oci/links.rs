//! Links of the host that become a container's (config-linux.md, "Network Devices").

use std::os::fd::AsFd as _;

use estiba::sys::netlink::{Peer, Socket, namespace};
use serde_json::{Value, json};

use super::{Yard, yard};
use crate::support::{eventually, links};

/// Makes pairs of links in a network namespace of this thread; the near ends are on a bridge, the far ends are for the container.
fn cables(names: &[&str]) -> Socket {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
    let here = namespace::current().unwrap();
    let mut socket = Socket::route().unwrap();
    socket.add_bridge("quay", [2, 0, 0, 0, 0, 1]).unwrap();
    let bridge = socket.require_link("quay").unwrap();
    for (number, name) in (2..).zip(names) {
        let peer = Peer { name, mac: [2, 0, 0, 0, 1, number], namespace: here.as_fd() };
        socket.add_veth(&format!("near{number}"), &bridge, peer).unwrap();
        let link = socket.require_link(name).unwrap();
        for address in [format!("10.99.{number}.2/24"), format!("fd00::{number}/64")] {
            socket.add_address(&link, address.parse::<ipnet::IpNet>().unwrap()).unwrap();
        }
        socket.bring_up(&link).unwrap();
    }
    socket
}

fn ask(yard: &mut Yard, devices: Value) {
    let mut spec = serde_json::to_value(&yard.spec).unwrap();
    spec["linux"]["netDevices"] = devices;
    yard.spec = serde_json::from_value(spec).unwrap();
    yard.write();
}

#[test]
fn links_move_with_their_addresses_and_come_up() {
    let script = "cat /sys/class/net/eth7/flags; \
        cat /proc/net/fib_trie /proc/net/if_inet6; cat /proc/sys/net/ipv4/conf/eth7/forwarding";
    let Some(mut yard) = yard(script) else { return };
    let _socket = cables(&["far", "other"]);
    ask(&mut yard, json!({"far": {"name": "eth7"}, "other": {"name": "wan%d"}}));
    // It is about a link that must be there by then.
    let mut spec = serde_json::to_value(&yard.spec).unwrap();
    spec["linux"]["sysctl"] = json!({"net.ipv4.conf.eth7.forwarding": "1"});
    yard.spec = serde_json::from_value(spec).unwrap();
    yard.write();
    let shown = yard.ok("run ID");
    for part in [" eth7", " wan0", "10.99.2.2", "10.99.3.2", "fd000000000000000000000000000002"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let flags = shown.lines().find_map(|line| line.strip_prefix("0x")).unwrap();
    assert_eq!(u32::from_str_radix(flags, 16).unwrap() & 1, 1, "it is up: {shown}");
    assert_eq!(shown.lines().last(), Some("1"), "{shown}");
    // They end with the namespace (network_namespaces(7)), and the near ends with them.
    eventually("the links are gone", || !links().iter().any(|name| name.starts_with("near")));
    yard.assert_nothing_left();
}

#[test]
fn what_cannot_move_is_named_and_nothing_is_lost() {
    let Some(mut yard) = yard("true") else { return };
    let mut socket = cables(&["far"]);
    let before = links();
    for (devices, word) in [
        (json!({"nothing": {}}), "no link nothing"),
        // Of two, the one that could move stays when the other cannot.
        (json!({"far": {}, "nothing": {}}), "no link nothing"),
        (json!({"far": {"name": "lo"}}), "has a link lo already"),
        (json!({"far": {"name": "a/b"}}), "no name of a link"),
        // Loopback never moves, and what has moved before it comes back.
        (json!({"far": {}, "lo": {"name": "zero"}}), "linux.netDevices"),
    ] {
        ask(&mut yard, devices);
        let said = yard.fails(1, "create ID");
        assert!(said.contains("linux.netDevices") && said.contains(word), "{word}: {said}");
        assert_eq!(links(), before, "{word}");
        yard.assert_nothing_left();
    }
    let far = socket.require_link("far").unwrap();
    assert!(far.is_up);
    let addresses: Vec<String> =
        socket.lasting_addresses(&far).unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["10.99.2.2/24", "fd00::2/64"]);
    // In the host's own namespace there is nowhere to move to.
    let mut spec = serde_json::to_value(&yard.spec).unwrap();
    let namespaces = spec["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.retain(|namespace| namespace["type"] != "network");
    spec["mounts"].as_array_mut().unwrap().retain(|mount| mount["type"] != "sysfs");
    yard.spec = serde_json::from_value(spec).unwrap();
    ask(&mut yard, json!({"far": {}}));
    assert!(yard.fails(1, "create ID").contains("linux.netDevices"));
}
