//! What a container can tell the host over its bridge.

use std::fs;

use crate::support::{Host, STARTER, is_root, links, skip};

/// CVE-2020-13401: a container that says it is a router of IPv6 is not believed by the host. Seen to fail without `ignore_routers` in `ensure_bridge`: "1".
#[test]
fn cve_2020_13401_no_container_is_the_host_s_router() {
    if !is_root() {
        return skip(
            "an ordinary user's bridges are in a network namespace that has no routes out",
        );
    }
    let host = Host::with_starter();
    host.ok(&["run", "-d", STARTER, "sleep", "1000"]);
    let bridges: Vec<String> =
        links().into_iter().filter(|link| link != "lo" && !link.starts_with("ve")).collect();
    assert!(!bridges.is_empty());
    for bridge in bridges {
        let path = format!("/proc/sys/net/ipv6/conf/{bridge}/accept_ra");
        match fs::read_to_string(&path) {
            Ok(text) => assert_eq!(text, "0\n", "{path}"),
            Err(error) => skip(&format!("this kernel knows no IPv6: {path}: {error}")),
        }
    }
    host.assert_clean();
}
