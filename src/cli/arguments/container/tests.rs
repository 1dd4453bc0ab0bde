use std::time::Duration;

use super::*;
use crate::{
    cli::arguments::{Arguments, Command},
    model::{
        HealthCheck, Ipc, Isolation, MountKind, NetworkRequest, Resources, RestartPolicy, Seccomp,
        Security, Sharing,
    },
};

fn request(line: &str) -> CreateContainer {
    let words = ["estiba", "create"].into_iter().chain(line.split_whitespace());
    let parsed =
        Arguments::read(words.map(Into::into)).unwrap_or_else(|error| panic!("{line}: {error}"));
    let Some(Command::Create(options)) = parsed.command else { panic!("{line}") };
    let variables = [("PASSED".to_owned(), "on".to_owned())].into();
    let surroundings =
        Surroundings { variables, directory: "/here".into(), ..Surroundings::default() };
    options.container.into_request(&surroundings).unwrap()
}

fn base() -> CreateContainer {
    CreateContainer { image: "img".into(), ..CreateContainer::default() }
}

fn bind(source: &str, target: &str, read_only: bool, create: bool) -> Mount {
    let kind = MountKind::Bind {
        source: source.into(),
        create,
        propagation: String::new(),
        is_flat: false,
    };
    Mount { kind, target: target.into(), read_only }
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn assert_requests(cases: &[(&str, CreateContainer)]) {
    for (line, expected) in cases {
        assert_eq!(request(line), *expected, "{line}");
    }
}

#[test]
fn flags_about_the_program_become_parts_of_the_request() {
    assert_requests(&[
        ("img", base()),
        ("img sh -c x", CreateContainer { command: strings(&["sh", "-c", "x"]), ..base() }),
        (
            "-it --rm img",
            CreateContainer { open_stdin: true, tty: true, auto_remove: true, ..base() },
        ),
        (
            "-itw/w -eA=1 -u=me img -it --rm",
            CreateContainer {
                open_stdin: true,
                tty: true,
                workdir: Some("/w".into()),
                env: strings(&["A=1"]),
                user: Some("me".into()),
                command: strings(&["-it", "--rm"]),
                ..base()
            },
        ),
        ("--name n img", CreateContainer { name: Some("n".parse().unwrap()), ..base() }),
        (
            "-e A=1 -e PASSED -e ABSENT img",
            CreateContainer { env: strings(&["A=1", "PASSED=on"]), ..base() },
        ),
        (
            "-w /w -u 1:2 -h host img",
            CreateContainer {
                workdir: Some("/w".into()),
                user: Some("1:2".into()),
                hostname: Some("host".into()),
                ..base()
            },
        ),
        ("--entrypoint /x img", CreateContainer { entrypoint: Some(strings(&["/x"])), ..base() }),
        ("--entrypoint= img", CreateContainer { entrypoint: Some(Vec::new()), ..base() }),
    ]);
}

#[test]
fn flags_about_labels_and_networks_become_parts_of_the_request() {
    assert_requests(&[
        (
            "-l a=b --label c img",
            CreateContainer {
                labels: [("a".into(), "b".into()), ("c".into(), String::new())].into(),
                ..base()
            },
        ),
        ("--network none img", CreateContainer { network: Some(NetworkRequest::None), ..base() }),
        ("--net host img", CreateContainer { network: Some(NetworkRequest::Host), ..base() }),
        (
            "--network a --network b img",
            CreateContainer {
                network: Some(NetworkRequest::Named(strings(&["a", "b"]))),
                ..base()
            },
        ),
    ]);
}

#[test]
fn flags_about_mounts_become_parts_of_the_request() {
    assert_requests(&[
        (
            "-v /a:/b:ro -v /c:/d img",
            CreateContainer {
                mounts: vec![bind("/a", "/b", true, true), bind("/c", "/d", false, true)],
                ..base()
            },
        ),
        (
            "--mount type=bind,src=/a,dst=/b,readonly img",
            CreateContainer { mounts: vec![bind("/a", "/b", true, false)], ..base() },
        ),
        (
            "-v ./a:/b:ro,z -v .:/c --mount type=bind,src=d,dst=/e img",
            CreateContainer {
                mounts: vec![
                    bind("/here/a", "/b", true, true),
                    bind("/here", "/c", false, true),
                    bind("/here/d", "/e", false, false),
                ],
                ..base()
            },
        ),
        (
            "--tmpfs /t:size=1m img",
            CreateContainer {
                mounts: vec![Mount {
                    kind: MountKind::Tmpfs { size: Some(1 << 20), options: Vec::new() },
                    target: "/t".into(),
                    read_only: false,
                }],
                ..base()
            },
        ),
        (
            "--mount type=tmpfs,target=/t,tmpfs-size=1m img",
            CreateContainer {
                mounts: vec![Mount {
                    kind: MountKind::Tmpfs { size: Some(1 << 20), options: Vec::new() },
                    target: "/t".into(),
                    read_only: false,
                }],
                ..base()
            },
        ),
    ]);
}

#[test]
fn flags_that_restrain_it_become_parts_of_the_request() {
    assert_requests(&[
        (
            "--read-only --security-opt no-new-privileges img",
            CreateContainer { read_only: true, no_new_privileges: true, ..base() },
        ),
        (
            "-m -1 --cpus 0 --pids-limit -1 img",
            CreateContainer {
                resources: Resources { pids: Some(-1), ..Resources::default() },
                ..base()
            },
        ),
        ("--security-opt no-new-privileges:false img", base()),
        (
            "-m 64m --cpus 1.5 --pids-limit 10 img",
            CreateContainer {
                resources: Resources {
                    memory: Some(64 << 20),
                    nano_cpus: Some(1_500_000_000),
                    pids: Some(10),
                    ..Resources::default()
                },
                ..base()
            },
        ),
    ]);
}

#[test]
fn flags_about_privileges_and_sharing_become_parts_of_the_request() {
    let strings = |words: &[&str]| strings(words);
    assert_requests(&[
        (
            "--privileged --cap-add net_admin --cap-drop ALL --security-opt seccomp=unconfined --group-add 7 img",
            CreateContainer {
                security: Security {
                    privileged: true,
                    cap_add: strings(&["net_admin"]),
                    cap_drop: strings(&["ALL"]),
                    seccomp: Seccomp::Unconfined,
                    groups: strings(&["7"]),
                    ..Security::default()
                },
                ..base()
            },
        ),
        (
            "--pid host --ipc none --uts host --cgroupns host --userns host --init --stop-timeout 3 --stop-signal INT img",
            CreateContainer {
                isolation: Isolation {
                    pid: Sharing::Host,
                    ipc: Ipc::None,
                    uts_host: true,
                    cgroupns_host: true,
                    init: true,
                    stop_timeout: Some(3),
                    ..Isolation::default()
                },
                stop_signal: Some(2),
                ..base()
            },
        ),
        (
            "--network container:a --volumes-from b:ro --platform linux/amd64 --restart no --no-healthcheck img",
            CreateContainer {
                network: Some(NetworkRequest::Container("a".into())),
                volumes_from: vec![("b".into(), true)],
                platform: Some("linux/amd64".into()),
                health: HealthCheck {
                    test: vec![HealthCheck::NONE.to_owned()],
                    ..HealthCheck::default()
                },
                ..base()
            },
        ),
    ]);
}

#[test]
fn flags_about_restarts_and_health_become_parts_of_the_request() {
    assert_requests(&[(
        "--restart on-failure:3 --health-cmd true --health-interval 1m30s --health-timeout 500ms --health-retries 2 --health-start-period 10s --health-start-interval 1s img",
        CreateContainer {
            restart: RestartPolicy::OnFailure { most: 3 },
            health: HealthCheck {
                test: vec!["CMD-SHELL".to_owned(), "true".to_owned()],
                interval: Duration::from_secs(90),
                timeout: Duration::from_millis(500),
                retries: 2,
                start_period: Duration::from_secs(10),
                start_interval: Duration::from_secs(1),
            },
            ..base()
        },
    )]);
}

#[test]
fn nonsense_is_refused() {
    for line in [
        "",
        "-v named:/x img",
        "-v /x img",
        "-v /a:/b:zz img",
        "--mount type=volume,dst=/x img",
        "--mount type=bind,dst=/x img",
        "--mount target img",
        "-m lots img",
        "--cpus nan img",
        "--pids-limit -2 img",
        "--label =x img",
        "-v a/b:/x img",
        "--tmpfs /t:fly img",
        "--mount type=bind,src=/a,dst=/b,ro=maybe img",
        "--mount type=bind,src=/a,dst=/b,tmpfs-size=1m img",
        "-p 80:80 img",
        "-P img",
        "--name -x img",
        "--security-opt seccomp img",
        "--restart sometimes img",
        "--restart always:3 img",
        "--health-interval 30 img",
        "--health-retries -1 img",
        "--no-healthcheck --health-cmd true img",
        "--ipc container: img",
        "-a stdlog img",
        "--mount type=bind,src=/a,dst=/b,bind-propagation=far img",
        "--mount type=tmpfs,dst=/b,tmpfs-mode=9 img",
        "--volumes-from a:x img",
        "--no-such-flag img",
    ] {
        let words = ["estiba", "create"].into_iter().chain(line.split_whitespace());
        assert!(Arguments::read(words.map(Into::into)).is_err(), "{line}");
    }
}
