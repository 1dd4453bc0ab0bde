//! Bridges, cables and rules in a network namespace of the test's own.

use std::{
    fs::File,
    io,
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    os::fd::AsFd as _,
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

use estiba::{
    model::{ContainerId, Endpoint, Network, NetworkId, Timestamp},
    network::{self, NetworkError, Place},
    sys::{
        files,
        netlink::{Socket, namespace},
    },
};
use ipnet::Ipv4Net;

use crate::isolated::{forked, in_own_network};

/// How long a packet that must come is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a packet that must not come is waited for.
const SILENCE: Duration = Duration::from_millis(200);
/// A port nobody else uses: each test has all of them for itself.
const PORT: u16 = 4000;

fn network(number: u8) -> Network {
    let subnet = Ipv4Net::new_assert(Ipv4Addr::new(10, 210, number, 0), 24);
    Network {
        id: NetworkId::from_bytes([number; 32]),
        name: format!("net{number}").parse().unwrap(),
        subnet,
        gateway: Ipv4Addr::new(10, 210, number, 1),
        bridge: format!("br-test{number}"),
        created: Timestamp::UNIX_EPOCH,
        endpoints: Vec::new(),
    }
}

fn endpoint(network: &Network, host: u8) -> Endpoint {
    let [a, b, c, _] = network.gateway.octets();
    let address = Ipv4Addr::new(a, b, c, host);
    Endpoint {
        network: network.id,
        network_name: network.name.clone(),
        container: ContainerId::from_bytes(std::array::from_fn(|i| [c, host][i % 2])),
        container_name: format!("c{c}-{host}").parse().unwrap(),
        address,
        prefix: network.subnet.prefix_len(),
        gateway: network.gateway,
        mac: Endpoint::mac_of(address),
        interface: "eth0".to_owned(),
    }
}

/// A network namespace as a container has one, which lives as long as this value.
struct Node {
    namespace: File,
    endpoint: Endpoint,
}

impl Node {
    fn attached(network: &Network, host: u8) -> Self {
        let namespace = thread::spawn(|| {
            namespace::create().unwrap();
            namespace::current().unwrap()
        });
        let node = Self { namespace: namespace.join().unwrap(), endpoint: endpoint(network, host) };
        let target = node.namespace.as_fd();
        network::attach(&node.endpoint, &network.bridge, target, true).unwrap();
        node
    }

    fn socket(&self) -> UdpSocket {
        namespace::from_thread(self.namespace.as_fd(), || Ok(socket())).unwrap()
    }

    fn address(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.endpoint.address, PORT)
    }
}

fn socket() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT)).unwrap()
}

/// Waits for a packet, and gives who sent it.
fn receive(socket: &UdpSocket, patience: Duration) -> Option<SocketAddrV4> {
    socket.set_read_timeout(Some(patience)).unwrap();
    match socket.recv_from(&mut [0; 16]) {
        Ok((_, std::net::SocketAddr::V4(sender))) => Some(sender),
        Ok((_, other)) => panic!("a packet from {other}"),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    }
}

fn reaches(from: &UdpSocket, to: &UdpSocket, address: SocketAddrV4, patience: Duration) -> bool {
    from.send_to(b"ping", address).unwrap();
    receive(to, patience).is_some()
}

fn is_link_there(name: &str) -> bool {
    Socket::route().unwrap().link(name).unwrap().is_some()
}

fn table_comment(network: &Network) -> Option<String> {
    Socket::netfilter().unwrap().table_comment(&format!("estiba-{}", network.bridge)).unwrap()
}

#[test]
fn neighbours_reach_each_other_and_nobody_else() {
    let test = "network::neighbours_reach_each_other_and_nobody_else";
    in_own_network(test, || {
        let networks = [network(1), network(2)];
        for network in &networks {
            network::ensure(&Place::Host, network, &networks).unwrap();
        }
        let near = [Node::attached(&networks[0], 2), Node::attached(&networks[0], 3)];
        let far = Node::attached(&networks[1], 2);
        let [first, second, third] = [near[0].socket(), near[1].socket(), far.socket()];

        assert!(reaches(&first, &second, near[1].address(), PATIENCE));
        let gateway = SocketAddrV4::new(networks[0].gateway, PORT);
        assert!(reaches(&first, &socket(), gateway, PATIENCE));
        assert!(!reaches(&third, &first, near[0].address(), SILENCE));
        // It is the rule that keeps them apart: without it the packet comes.
        let mut rules = Socket::netfilter().unwrap();
        assert!(rules.delete_table("estiba-br-test1").unwrap());
        assert!(reaches(&third, &first, near[0].address(), PATIENCE));
        // And it is put back by the next who needs it.
        network::ensure(&Place::Host, &networks[0], &networks).unwrap();
        let other = SocketAddrV4::new(near[1].endpoint.address, PORT);
        assert!(!reaches(&third, &second, other, SILENCE));
    });
}

#[test]
fn the_way_out_is_under_the_hosts_address() {
    let test = "network::the_way_out_is_under_the_hosts_address";
    in_own_network(test, || {
        let inner = network(1);
        network::ensure(&Place::Host, &inner, &[]).unwrap();
        let node = Node::attached(&inner, 2);
        // The world: a bridge that is no network of Estiba's, and somebody on it.
        let outer = network(9);
        let mut links = Socket::route().unwrap();
        assert!(links.add_bridge(&outer.bridge, [2, 0, 0, 0, 0, 9]).unwrap());
        let bridge = links.require_link(&outer.bridge).unwrap();
        let address = Ipv4Net::new_assert(outer.gateway, 24);
        links.add_address(&bridge, address).unwrap();
        let world = Node::attached(&outer, 7);

        let [inside, outside] = [node.socket(), world.socket()];
        inside.send_to(b"question", world.address()).unwrap();
        let sender = receive(&outside, PATIENCE).unwrap();
        assert_eq!(*sender.ip(), outer.gateway);
        outside.send_to(b"answer", sender).unwrap();
        assert_eq!(receive(&inside, PATIENCE), Some(world.address()));
        // Nobody asked this one, from a port of its own.
        let stranger = namespace::from_thread(world.namespace.as_fd(), || {
            Ok(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, PORT + 1)).unwrap())
        });
        let stranger = stranger.unwrap();
        assert!(!reaches(&stranger, &inside, node.address(), SILENCE));
    });
}

#[test]
fn rules_read_as_nft_shows_them() {
    in_own_network("network::rules_read_as_nft_shows_them", || {
        let network = network(1);
        network::ensure(&Place::Host, &network, &[]).unwrap();
        let listing = Command::new("nft").args(["list", "ruleset"]).output();
        let Ok(listing) = listing else {
            println!("skipped: there is no nft program");
            return;
        };
        let text = String::from_utf8(listing.stdout).unwrap();
        for expected in [
            "table ip estiba-br-test1 {",
            "comment \"form 1 for 10.210.1.0/24\"",
            "type nat hook postrouting priority srcnat; policy accept;",
            "ip saddr 10.210.1.0/24 oifname != \"br-test1\" masquerade",
            "type filter hook forward priority filter; policy accept;",
            "ct state established,related accept",
            "oifname \"br-test1\" iifname != \"br-test1\" drop",
        ] {
            assert!(text.contains(expected), "{expected}\nis not in\n{text}");
        }
    });
}

#[test]
fn doing_it_again_changes_nothing_and_undoing_it_leaves_nothing() {
    let test = "network::doing_it_again_changes_nothing_and_undoing_it_leaves_nothing";
    in_own_network(test, || {
        let network = network(1);
        network::ensure(&Place::Host, &network, &[]).unwrap();
        let before = Socket::route().unwrap().link(&network.bridge).unwrap();
        network::ensure(&Place::Host, &network, &[]).unwrap();
        let after = Socket::route().unwrap().link(&network.bridge).unwrap();
        assert_eq!(before, after);
        assert!(before.unwrap().is_up);
        assert!(table_comment(&network).is_some());
        assert!(network::host_routes().unwrap().contains(&network.subnet));

        let node = Node::attached(&network, 2);
        assert!(is_link_there("ve01020102010"));
        // A container that is started again finds its old cable still there.
        let again = Node::attached(&network, 2);
        assert!(is_link_there("ve01020102010"));
        for _ in 0..2 {
            network::detach(&again.endpoint).unwrap();
            assert!(!is_link_there("ve01020102010"));
        }
        drop(node);
        for _ in 0..2 {
            network::remove(&Place::Host, &network, &[]).unwrap();
            assert!(!is_link_there(&network.bridge));
            assert_eq!(table_comment(&network), None);
        }
        assert_eq!(network::host_routes().unwrap(), []);
    });
}

#[test]
fn many_at_once_all_succeed() {
    in_own_network("network::many_at_once_all_succeed", || {
        let network = network(1);
        for _ in 0..10 {
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| network::ensure(&Place::Host, &network, &[]).unwrap());
                }
            });
            network::remove(&Place::Host, &network, &[]).unwrap();
        }
    });
}

#[test]
fn a_link_that_is_no_bridge_is_named_and_left_alone() {
    let test = "network::a_link_that_is_no_bridge_is_named_and_left_alone";
    in_own_network(test, || {
        let network = Network { bridge: "lo".to_owned(), ..network(1) };
        let refused = network::ensure(&Place::Host, &network, &[]).unwrap_err();
        assert!(matches!(&refused, NetworkError::NotABridge { name } if name == "lo"));
        assert!(network::remove(&Place::Host, &network, &[]).is_err());
        assert!(is_link_there("lo"));
    });
}

#[test]
fn an_attachment_that_fails_leaves_no_link() {
    let test = "network::an_attachment_that_fails_leaves_no_link";
    in_own_network(test, || {
        let network = network(1);
        network::ensure(&Place::Host, &network, &[]).unwrap();
        let node = Node::attached(&network, 2);
        let target = node.namespace.as_fd();
        let unreachable = Endpoint {
            gateway: Ipv4Addr::new(192, 0, 2, 1),
            interface: "eth1".to_owned(),
            ..endpoint(&network, 3)
        };
        let refused = network::attach(&unreachable, &network.bridge, target, true).unwrap_err();
        assert!(refused.to_string().contains("eth1 (gateway 192.0.2.1)"), "{refused}");
        assert!(!is_link_there("ve01030103011"));
        let nowhere = network::attach(&unreachable, "br-none", target, false).unwrap_err();
        assert!(nowhere.to_string().contains("find link br-none"), "{nowhere}");
    });
}

#[test]
fn loopback_alone_comes_up() {
    in_own_network("network::loopback_alone_comes_up", || {
        let own = namespace::current().unwrap();
        let mut links = Socket::route().unwrap();
        assert!(!links.require_link("lo").unwrap().is_up);
        network::loopback(own.as_fd()).unwrap();
        assert!(links.require_link("lo").unwrap().is_up);
        let [here, there] = [socket(), UdpSocket::bind("127.0.0.1:0").unwrap()];
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, PORT);
        assert!(reaches(&there, &here, address, PATIENCE));
    });
}

#[test]
fn monitors_share_one_namespace_without_a_way_out() {
    let test = "network::monitors_share_one_namespace_without_a_way_out";
    in_own_network(test, || {
        let root = tempfile::tempdir().unwrap();
        let place = Place::Shared { run_root: root.path().to_owned() };
        let network = network(1);
        // Nobody holds it: there is nothing to remove.
        network::remove(&place, &network, &[]).unwrap();
        network::enter(&place).unwrap();
        network::ensure(&place, &network, &[]).unwrap();
        let forwarding = files::read(Path::new("/proc/sys/net/ipv4/ip_forward")).unwrap();
        assert_eq!(forwarding, b"0\n");
        assert_eq!(table_comment(&network), None);
        let second = forked(|| {
            namespace::create().unwrap();
            assert!(!is_link_there(&network.bridge));
            network::enter(&place).unwrap();
            assert!(is_link_there(&network.bridge));
        });
        assert_eq!(second, 0);
        // From outside, and after a holder has died.
        let outside = forked(|| {
            namespace::create().unwrap();
            network::remove(&place, &network, &[]).unwrap();
        });
        assert_eq!(outside, 0);
        assert!(!is_link_there(&network.bridge));
    });
}
