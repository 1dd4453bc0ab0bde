//! Networks as a user has them.

use crate::support::{Host, STARTER, is_root, links, skip};

const ADDRESS: &str = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}";

#[test]
fn each_network_has_a_subnet_of_its_own_and_leases_return() {
    let host = Host::with_starter();
    host.ok(&["network", "create", "one"]);
    host.ok(&["network", "create", "--subnet", "10.99.0.0/24", "two"]);
    let run = |name: &str, network: &str| {
        host.ok(&["run", "-d", "--name", name, "--network", network, STARTER, "sleep", "1000"]);
        host.field(name, ADDRESS)
    };
    let first = run("a", "two");
    assert_eq!(first, "10.99.0.2");
    assert_eq!(run("b", "two"), "10.99.0.3");
    let other = run("c", "one");
    assert!(!other.starts_with("10.99."), "{other}");
    let inside = host.ok(&["exec", "a", "cat", "/etc/hosts"]);
    assert!(inside.contains("10.99.0.2"), "{inside}");
    host.ok(&["rm", "-f", "a"]);
    assert_eq!(run("d", "two"), "10.99.0.2", "the address of a is free again");
    let refusal = host.fails(1, &["network", "rm", "two"]);
    assert!(refusal.contains('b') && refusal.contains('d'), "{refusal}");
    host.fails(1, &["network", "create", "one"]);
    host.fails(1, &["network", "create", "--subnet", "10.99.0.0/16", "three"]);
    host.fails(1, &["network", "rm", "bridge"]);
    host.ok(&["rm", "-f", "b", "c", "d"]);
    host.ok(&["network", "rm", "one", "two"]);
    assert_eq!(host.ok(&["network", "ls", "-q"]).lines().count(), 1);
    host.assert_clean();
}

#[test]
fn a_running_container_joins_and_leaves_a_network() {
    let host = Host::with_starter();
    host.ok(&["network", "create", "--subnet", "10.98.0.0/24", "extra"]);
    host.ok(&["run", "-d", "--name", "mover", STARTER, "sleep", "1000"]);
    let seen = || host.ok(&["exec", "mover", "cat", "/proc/net/dev"]);
    assert!(!seen().contains("eth1:"));
    host.ok(&["network", "connect", "extra", "mover"]);
    assert!(seen().contains("eth1:"));
    assert!(host.field("mover", ADDRESS).contains("10.98.0.2"));
    host.fails(1, &["network", "connect", "extra", "mover"]);
    host.ok(&["network", "disconnect", "extra", "mover"]);
    assert!(!seen().contains("eth1:"));
    host.fails(1, &["network", "disconnect", "extra", "mover"]);
    host.ok(&["network", "rm", "extra"]);
    host.assert_clean();
}

#[test]
fn none_is_only_loopback_and_host_is_the_hosts() {
    let host = Host::with_starter();
    let none = host.ok(&["run", "--rm", "--network", "none", STARTER, "cat", "/proc/net/dev"]);
    assert!(none.contains("lo:") && !none.contains("eth0:"), "{none}");
    let shared = host.ok(&["run", "--rm", "--network", "host", STARTER, "cat", "/proc/net/dev"]);
    for link in links() {
        assert!(shared.contains(&format!("{link}:")), "{link} is missing in {shared}");
    }
    host.assert_clean();
}

#[test]
fn containers_of_one_network_reach_each_other_by_address() {
    let busybox = std::path::Path::new("/bin/busybox");
    let is_static = std::fs::read(busybox)
        .is_ok_and(|bytes| !bytes.windows(12).any(|window| window == b"/ld-linux-x8"));
    if !is_static {
        return skip("a static /bin/busybox (package busybox-static) is needed for its nc");
    }
    let host = Host::with_starter();
    host.ok(&["network", "create", "apart"]);
    let tool = "/bin/busybox:/bin/busybox:ro";
    let listen = "while :; do echo answer | /bin/busybox nc -l -p 80; done";
    host.ok(&["run", "-d", "--name", "server", "-v", tool, STARTER, "sh", "-c", listen]);
    let address = host.field("server", ADDRESS);
    let ask = |network: &str| {
        let script = format!(
            "for i in 1 2 3 4 5 6 7 8 9 10; do /bin/busybox nc -w 1 {address} 80 </dev/null && exit 0; sleep 0.1; done; exit 1"
        );
        host.call(&["run", "--rm", "--network", network, "-v", tool, STARTER, "sh", "-c", &script])
    };
    let answer = ask("bridge");
    assert_eq!(answer.stdout, b"answer\n", "{answer:?}");
    if is_root() {
        assert!(!ask("apart").status.success(), "another network must not get there");
    }
    host.assert_clean();
}
