//! Docker's words and flags that fingers know and that are not here yet: each has a sentence of its own, so that nobody is told that he mistyped.

/// Verbs, and what to do meanwhile.
const VERBS: &[(&[&str], &str)] = &[
    (
        &["build", "buildx", "builder"],
        "load an image that was built elsewhere: estiba load -i FILE",
    ),
    (
        &["prune"],
        "say what: estiba system prune, estiba container prune, estiba image prune, estiba network prune",
    ),
    (&["volume"], "show a directory inside with -v HOST:INSIDE"),
    (&["compose", "stack"], "start the containers one by one: estiba run"),
    (&["df"], "estiba system df"),
    (&["checkpoint"], "processes cannot be written to a disk and taken up again: estiba pause"),
    (
        &["context"],
        "there is no daemon to choose: each user has a store, and --root DIR names another",
    ),
    (&["plugin"], "there are no plugins: bridges and log files are built in"),
    (
        &["trust"],
        "signatures are not checked yet; name an image by its digest: estiba pull NAME@sha256:…",
    ),
    (
        &["swarm", "node", "service", "secret", "config"],
        "Estiba is for one machine; start the containers one by one: estiba run",
    ),
];

/// Flags, and what to do meanwhile.
const FLAGS: &[(&[&str], &str)] = &[
    (
        &["-p", "--publish", "-P", "--publish-all"],
        "published ports come later; the container is reached at its own address",
    ),
    (&["--volume-driver", "--storage-opt", "--volumes"], "volumes come later"),
    (
        &["--privileged"],
        "a further program may do what its container may: make that with --privileged",
    ),
    (
        &["--checkpoint", "--checkpoint-dir"],
        "processes cannot be written to a disk and taken up again",
    ),
    (&["--platform"], "an image is here for one platform, which it was pulled or loaded for"),
    (&["--tree"], "the screen shows layers: estiba, then L on an image"),
    (&["--size"], "how much a container has written is said by: estiba ps --size"),
    (&["--filter", "--no-trunc"], "this list is printed whole"),
    (
        &["--verbose", "--insecure"],
        "there is one form of it, from registries as they are configured",
    ),
    (
        &["--ip", "--driver-opt", "--gw-priority"],
        "an address is chosen when a container is made: run --ip",
    ),
    (&["--format"], "this is not a list; what it prints is short"),
    (&["--gpus"], "name the devices instead: --device"),
    (
        &["--ip6", "--link", "--link-local-ip", "--network-alias", "--net-alias", "--alias"],
        "networks have IPv4 addresses and no names yet",
    ),
    (
        &["--cpu-rt-period", "--cpu-rt-runtime"],
        "control groups of most kernels have no real-time share",
    ),
    (&["--kernel-memory"], "kernel memory has no limit of its own since Linux 5.4"),
    (&["--runtime", "--isolation"], "Estiba is its own runtime"),
    (
        &["--cpu-count", "--cpu-percent", "--io-maxbandwidth", "--io-maxiops"],
        "Windows has that; here it is --cpus, --device-read-bps and their like",
    ),
    (
        &["--disable-content-trust"],
        "no signature of an image is checked, as Docker does unless told otherwise",
    ),
    (&["--use-api-socket"], "there is no daemon whose socket could be shown"),
    (
        &[
            "--internal",
            "--ipv4",
            "--ipv6",
            "--ip-range",
            "--opt",
            "--aux-address",
            "--attachable",
            "--label",
            "--config-from",
            "--config-only",
            "--ingress",
            "--ipam-driver",
            "--ipam-opt",
            "--scope",
        ],
        "networks are IPv4 bridges without options for now",
    ),
];

/// Gives the sentence for a verb.
pub(super) fn verb(word: &str) -> Option<&'static str> {
    find(VERBS, word)
}

/// Gives the sentence for a flag as it was written, without its value.
pub(super) fn flag(flag: &str) -> Option<&'static str> {
    find(FLAGS, flag)
}

fn find(table: &[(&[&str], &'static str)], word: &str) -> Option<&'static str> {
    table.iter().find(|(words, _)| words.contains(&word)).map(|(_, sentence)| *sentence)
}
