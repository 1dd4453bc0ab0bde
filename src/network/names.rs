//! What a container's `/etc/hosts` and `/etc/resolv.conf` say. Pure.

use std::{fmt::Write as _, net::IpAddr};

use crate::model::{Endpoint, Names};

/// What every host says of itself (hosts(5), RFC 4291), as Docker writes it.
const STANDARD_HOSTS: &str = "127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
";

/// The name servers of a container whose host has none that the container could reach: Google's, as Docker has it.
const PUBLIC_SERVERS: &str = "nameserver 8.8.8.8\nnameserver 8.8.4.4\n";

/// Docker's word for the host's address as the container sees it.
const HOST_GATEWAY: &str = "host-gateway";

/// Writes `/etc/hosts` for a container.
pub fn hosts_file(hostname: &str, endpoints: &[Endpoint], asked: &Names) -> String {
    let mut text = STANDARD_HOSTS.to_owned();
    for endpoint in endpoints {
        let short_id = endpoint.container.short();
        let host = hostname.split('.').next().unwrap_or_default();
        let mut names: Vec<&str> = Vec::new();
        for name in [hostname, host, endpoint.container_name.as_str(), &short_id] {
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        let _infallible = writeln!(text, "{}\t{}", endpoint.address, names.join(" "));
    }
    // The host's end of the first bridge; without one the container has the host's network, or none.
    let gateway = endpoints
        .first()
        .map_or_else(|| "127.0.0.1".to_owned(), |endpoint| endpoint.gateway.to_string());
    for (name, address) in &asked.extra_hosts {
        let address = if address == HOST_GATEWAY { &gateway } else { address };
        let _infallible = writeln!(text, "{address}\t{name}");
    }
    text
}

/// Writes `/etc/resolv.conf` for a container from the host's: loopback servers are left out when the container has a network of its own,
/// and so are IPv6 servers, because such a network has IPv4 only; public servers take their place when none remains. What `asked` says of a kind
/// stands in place of the host's lines of that kind.
pub fn resolv_file(host: &str, shares_host_network: bool, asked: &Names) -> String {
    let is_replaced = |line: &str| match line.split_ascii_whitespace().next() {
        Some("nameserver") => !asked.dns.is_empty(),
        Some("search" | "domain") => !asked.dns_search.is_empty(),
        Some("options") => !asked.dns_options.is_empty(),
        _ => false,
    };
    let mut text = String::new();
    let mut has_server = !asked.dns.is_empty() || shares_host_network;
    for line in host.lines().filter(|line| !is_replaced(line)) {
        match server(line) {
            Some(server) if !shares_host_network && !is_reachable(server) => continue,
            Some(_) => has_server = true,
            None => {}
        }
        text.push_str(line);
        text.push('\n');
    }
    if !has_server {
        text.push_str(PUBLIC_SERVERS);
    }
    for server in &asked.dns {
        let _infallible = writeln!(text, "nameserver {server}");
    }
    let domains: Vec<&str> =
        asked.dns_search.iter().map(String::as_str).filter(|domain| *domain != ".").collect();
    if !domains.is_empty() {
        let _infallible = writeln!(text, "search {}", domains.join(" "));
    }
    if !asked.dns_options.is_empty() {
        let _infallible = writeln!(text, "options {}", asked.dns_options.join(" "));
    }
    text
}

/// Reads the server of a `nameserver` line (resolv.conf(5)).
fn server(line: &str) -> Option<&str> {
    let mut words = line.split_ascii_whitespace();
    (words.next()? == "nameserver").then(|| words.next().unwrap_or_default())
}

fn is_reachable(server: &str) -> bool {
    matches!(server.parse(), Ok(IpAddr::V4(address)) if !address.is_loopback() && !address.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ContainerId, NetworkId};

    fn endpoint(address: &str) -> Endpoint {
        let address = address.parse().unwrap();
        Endpoint {
            network: NetworkId::from_bytes([1; 32]),
            network_name: "bridge".parse().unwrap(),
            container: ContainerId::from_bytes([0xab; 32]),
            container_name: "web-1".parse().unwrap(),
            address,
            prefix: 24,
            gateway: "10.210.0.1".parse().unwrap(),
            mac: Endpoint::mac_of(address),
            interface: "eth0".to_owned(),
        }
    }

    #[test]
    fn hosts_have_a_line_for_each_address() {
        let cases: [(&str, &[&str], &str); 4] = [
            ("web", &[], ""),
            ("web", &["10.210.0.2"], "10.210.0.2\tweb web-1 abababababab\n"),
            (
                "abababababab",
                &["10.210.0.2", "10.210.1.7"],
                "10.210.0.2\tabababababab web-1\n10.210.1.7\tabababababab web-1\n",
            ),
            (
                "www.example.org",
                &["10.210.0.2"],
                "10.210.0.2\twww.example.org www web-1 abababababab\n",
            ),
        ];
        for (hostname, addresses, expected) in cases {
            let endpoints: Vec<_> = addresses.iter().map(|text| endpoint(text)).collect();
            let text = hosts_file(hostname, &endpoints, &Names::default());
            assert_eq!(text.strip_prefix(STANDARD_HOSTS), Some(expected), "{hostname}");
        }
        assert!(STANDARD_HOSTS.starts_with("127.0.0.1\tlocalhost\n::1\tlocalhost"));
    }

    #[test]
    fn servers_that_cannot_be_reached_are_left_out() {
        let cases = [
            ("nameserver 192.0.2.1\n", "nameserver 192.0.2.1\n"),
            ("nameserver 192.0.2.1", "nameserver 192.0.2.1\n"),
            (
                "# stub\nsearch a b\nnameserver 127.0.0.53\noptions edns0\n",
                "# stub\nsearch a b\noptions edns0\nnameserver 8.8.8.8\nnameserver 8.8.4.4\n",
            ),
            (
                "nameserver ::1\nnameserver 127.1.2.3\nnameserver\t192.0.2.1\n",
                "nameserver\t192.0.2.1\n",
            ),
            (
                "nameserver 2001:db8::1\nnameserver fe80::1%eth0\nnameserver 192.0.2.1\n",
                "nameserver 192.0.2.1\n",
            ),
            ("", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"),
            ("nameserver\n", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"),
            (
                "; nameserver 127.0.0.1\n",
                "; nameserver 127.0.0.1\nnameserver 8.8.8.8\nnameserver 8.8.4.4\n",
            ),
        ];
        for (host, expected) in cases {
            let asked = Names::default();
            assert_eq!(resolv_file(host, false, &asked), expected, "{host:?}");
            let shared = resolv_file(host, true, &asked);
            assert_eq!(shared.trim_end(), host.trim_end());
        }
    }

    #[test]
    fn what_is_asked_for_stands_in_place_of_the_hosts() {
        let strings = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let asked = Names {
            extra_hosts: vec![
                ("db".into(), "192.0.2.7".into()),
                ("me".into(), "host-gateway".into()),
            ],
            dns: strings(&["192.0.2.53"]),
            dns_search: strings(&["example.org", "example.net"]),
            dns_options: strings(&["ndots:2"]),
            ..Names::default()
        };
        let host = "nameserver 192.0.2.1\nsearch a\noptions edns0\n";
        let expected = "nameserver 192.0.2.53\nsearch example.org example.net\noptions ndots:2\n";
        assert_eq!(resolv_file(host, false, &asked), expected);
        assert_eq!(resolv_file(host, true, &asked), expected);
        let text = hosts_file("web", &[endpoint("10.210.0.2")], &asked);
        assert!(text.ends_with("192.0.2.7\tdb\n10.210.0.1\tme\n"), "{text}");
    }
}
