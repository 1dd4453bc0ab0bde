//! What people type after years of docker: forms of flags, filters, formats, idempotent verbs, and what is refused in one sentence.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use crate::support::{Host, STARTER, eventually};

#[test]
fn what_stands_after_the_image_is_the_programs() {
    let host = Host::with_starter();
    let printed = host.ok(&["run", "--rm", "-eA=1", STARTER, "echo", "-i", "--rm", "--", "-e"]);
    assert_eq!(printed, "-i --rm -- -e");
    host.ok(&["run", "-dit", "--name=a", STARTER, "sh"]);
    assert_eq!(host.ok(&["exec", "a", "echo", "-t", "--help"]), "-t --help");
    host.assert_clean();
}

#[test]
fn standard_input_of_a_container_in_the_background_stays_open() {
    let host = Host::with_starter();
    host.ok(&["run", "-di", "--name", "listens", STARTER, "cat"]);
    let output = host.with_input(b"said later", &["attach", "listens"]);
    assert_eq!(output.stdout, b"said later");
    assert_eq!(host.ok(&["wait", "listens"]), "0");
    host.assert_clean();
}

#[test]
fn a_reader_that_leaves_gets_the_shell_back() {
    let host = Host::with_starter();
    let script = "while :; do echo again; done";
    for arguments in [
        &["run", "--name", "talks", STARTER, "sh", "-c", script][..],
        &["logs", "-f", "talks"],
        &["attach", "talks"],
    ] {
        let mut child =
            host.command(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "again\n");
        eventually("it ends when nobody reads", || child.try_wait().unwrap().is_some());
    }
    assert_eq!(host.field("talks", "{{.State.Running}}"), "true");
    host.assert_clean();
}

#[test]
fn verbs_that_find_nothing_to_do_succeed_and_lists_are_filtered() {
    let host = Host::with_starter();
    host.ok(&["run", "-d", "--name", "web-1", "-l", "tier=front", STARTER, "sleep", "1000"]);
    host.ok(&["create", "--name", "web-2", STARTER, "true"]);
    assert_eq!(host.ok(&["start", "web-1"]), "web-1");
    assert_eq!(host.ok(&["stop", "web-2"]), "web-2");
    host.ok(&["rm", "-f", "absent"]);
    let names = |arguments: &[&str]| {
        host.ok(&[&["ps", "--format", "{{.Names}}"], arguments].concat()).replace('\n', " ")
    };
    for (arguments, expected) in [
        (&[][..], "web-1"),
        (&["-a"], "web-2 web-1"),
        (&["-l"], "web-2"),
        (&["-n", "2"], "web-2 web-1"),
        (&["-f", "status=created"], "web-2"),
        (&["-af", "name=^web-1$"], "web-1"),
        (&["-f", "label=tier=front"], "web-1"),
        (&["-f", "label=tier=back"], ""),
        (&["-af", "ancestor=demo/base"], "web-2 web-1"),
        (&["-a", "-f", "name=web-1", "-f", "name=web-2", "-f", "status=running"], "web-1"),
    ] {
        assert_eq!(names(arguments), expected, "{arguments:?}");
    }
    let table = host.ok(&["ps", "--format", "table {{.Names}}\t{{.State}}"]);
    assert_eq!(table, "NAMES     STATE\nweb-1     running");
    host.fails(1, &["ps", "-f", "nmae=x"]);
    host.fails(1, &["ps", "--format", "{{.Nmae}}"]);
    host.assert_clean();
}

#[test]
fn what_is_not_here_yet_or_mistyped_is_told_in_one_sentence() {
    let host = Host::new();
    for (code, arguments, word) in [
        (125, &["run", "-p", "80:80", "x"][..], "published ports come later"),
        (125, &["run", "--frob", "x"], "unknown flag: --frob"),
        (1, &["build", "x"], "not here yet"),
        (1, &["runn"], "is run meant?"),
        (1, &["run", "-it", "x"], "not a TTY"),
        (125, &["run", "--env-file", "/absent", "x"], "/absent"),
    ] {
        let said = host.fails(code, arguments);
        assert!(said.contains(word), "{said}");
    }
}
