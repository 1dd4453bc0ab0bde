//! Docker's words and flags that fingers know and that are not here yet: each has a sentence of its own, so that nobody is told that he mistyped.

/// Verbs, and what to do meanwhile.
const VERBS: &[(&[&str], &str)] = &[
    (&["search"], "see what a registry has with: estiba manifest inspect IMAGE"),
    (&["export", "import"], "images come in with: estiba load -i FILE"),
    (
        &["build", "buildx", "commit", "builder"],
        "load an image that was built elsewhere: estiba load -i FILE",
    ),
    (&["stats", "top"], "the screen shows what containers use: estiba"),
    (&["events"], "the screen shows what happens: estiba"),
    (&["cp"], "show a directory inside with -v, or: estiba exec CONTAINER cat FILE"),
    (&["diff"], "the screen shows an image's layers: estiba"),
    (&["port"], "containers have addresses: estiba inspect CONTAINER"),
    (&["prune"], "remove by id, like: estiba rm $(estiba ps -aq -f status=exited)"),
    (&["volume"], "show a directory inside with -v HOST:INSIDE"),
    (&["compose", "stack"], "start the containers one by one: estiba run"),
    (&["df"], "the lists show sizes: estiba images, estiba ps -s"),
];

/// Flags, and what to do meanwhile.
const FLAGS: &[(&[&str], &str)] = &[
    (
        &["-p", "--publish", "-P", "--publish-all", "--expose"],
        "published ports come later; the container is reached at its own address",
    ),
    (&["--restart"], "restart policies come later"),
    (&["--volumes-from", "--volume-driver"], "volumes come later"),
    (
        &[
            "--health-cmd",
            "--health-interval",
            "--health-retries",
            "--health-timeout",
            "--no-healthcheck",
        ],
        "health checks come later",
    ),
    (
        &[
            "--privileged",
            "--cap-add",
            "--cap-drop",
            "--device",
            "--gpus",
            "--userns",
            "--pid",
            "--ipc",
            "--uts",
            "--cgroupns",
        ],
        "containers all have the same privileges and namespaces of their own for now",
    ),
    (
        &[
            "--ip",
            "--ip6",
            "--mac-address",
            "--network-alias",
            "--alias",
            "--link",
            "--dns",
            "--dns-search",
            "--dns-option",
            "--add-host",
        ],
        "addresses and names in a network are chosen by Estiba for now",
    ),
    (
        &[
            "--init",
            "--stop-signal",
            "--stop-timeout",
            "--cidfile",
            "--label-file",
            "--sig-proxy",
            "--detach-keys",
            "--sysctl",
            "--group-add",
            "--log-driver",
            "--log-opt",
        ],
        "Estiba does without it for now",
    ),
    (
        &["--internal", "--ipv6", "--ip-range", "--opt", "--aux-address", "--attachable"],
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
