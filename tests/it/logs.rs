//! Where what a container writes is kept, and how it is read.

use crate::support::{Host, STARTER, eventually};

#[test]
fn both_drivers_begin_new_files_and_are_followed_across_them() {
    let host = Host::with_starter();
    let script = "i=0; while [ $i -lt 600 ]; do i=$((i + 1)); echo line $i; done";
    let expected: Vec<String> = (1..=600).map(|number| format!("line {number}")).collect();
    for (driver, newest) in [("json-file", "log.json"), ("local", "log.local")] {
        let id = host.ok(&[
            "create",
            "--name",
            driver,
            "--log-driver",
            driver,
            "--log-opt",
            "max-size=4k",
            "--log-opt",
            "max-file=100",
            STARTER,
            "sh",
            "-c",
            script,
        ]);
        host.ok(&["start", driver]);
        assert_eq!(host.ok(&["logs", "-f", driver]), expected.join("\n"), "{driver}");
        assert_eq!(host.ok(&["logs", "-n", "2", driver]), "line 599\nline 600");
        let dir = host.path("root/containers").join(&id);
        assert!(dir.join(newest).exists() && dir.join(format!("{newest}.1")).exists());
        let path = host.field(driver, "{{.LogPath}}");
        let shown = dir.join(newest).display().to_string();
        assert_eq!(path, if driver == "local" { String::new() } else { shown });
        assert_eq!(
            host.field(driver, "{{json .HostConfig.LogConfig}}"),
            format!(r#"{{"Config":{{"max-file":"100","max-size":"4k"}},"Type":"{driver}"}}"#)
        );
        // It goes on in the same log.
        host.ok(&["start", driver]);
        host.ok(&["wait", driver]);
        assert_eq!(host.ok(&["logs", driver]).lines().count(), 1200);
        host.ok(&["rm", driver]);
        assert!(!dir.exists(), "its log went with it");
    }
    host.assert_clean();
}

#[test]
fn long_lines_and_all_bytes_come_back_as_they_were_written() {
    let host = Host::with_starter();
    let script = "head -c 300000 /dev/zero | tr '\\0' x; echo; printf '\\377\\000\\200ok\\n'";
    let mut expected = vec![b'x'; 300_000];
    expected.extend_from_slice(b"\n\xff\0\x80ok\n");
    for driver in ["json-file", "local"] {
        host.call(&["run", "--name", driver, "--log-driver", driver, STARTER, "sh", "-c", script]);
        assert!(host.call(&["logs", driver]).stdout == expected, "{driver}");
        assert_eq!(host.call(&["logs", "--tail", "1", driver]).stdout, b"\xff\0\x80ok\n");
        let marked = host.call(&["logs", "-t", driver]).stdout;
        // One time for each line, however many pieces it has.
        assert_eq!(marked.len(), expected.len() + 2 * 31, "{driver}");
    }
    host.assert_clean();
}

#[test]
fn lines_are_chosen_by_time() {
    let host = Host::with_starter();
    let script = "echo early; read line; echo late";
    for driver in ["json-file", "local"] {
        host.ok(&[
            "run",
            "-di",
            "--name",
            driver,
            "--log-driver",
            driver,
            STARTER,
            "sh",
            "-c",
            script,
        ]);
        eventually("the first line is there", || host.ok(&["logs", driver]) == "early");
        let marked = host.ok(&["logs", "-t", driver]);
        let time = marked.split(' ').next().unwrap();
        assert_eq!(host.ok(&["logs", "--since", time, driver]), "early");
        assert_eq!(host.ok(&["logs", "--until", time, driver]), "early");
        assert_eq!(host.ok(&["logs", "--until", "1h", driver]), "");
        assert_eq!(host.ok(&["logs", "--since", "1h", "-f", "--until", time, driver]), "early");
        assert_eq!(host.ok(&["logs", "--since", "4000000000.5", driver]), "");
        assert_eq!(host.ok(&["logs", "--details", driver]), " early");
        host.ok(&["rm", "-f", driver]);
    }
    host.assert_clean();
}

#[test]
fn a_log_that_is_not_kept_says_so() {
    let host = Host::with_starter();
    let run = ["run", "--name", "quiet", "--log-driver", "none", STARTER, "echo", "seen"];
    assert_eq!(host.ok(&run), "seen");
    let said = host.fails(1, &["logs", "quiet"]);
    assert!(said.contains("configured logging driver does not support reading"), "{said}");
    assert_eq!(host.field("quiet", "{{.HostConfig.LogConfig.Type}}-{{.LogPath}}"), "none-");
    host.assert_clean();
}

#[test]
fn nonsense_about_logs_is_one_line_and_leaves_nothing() {
    let host = Host::with_starter();
    for (flags, words) in [
        (&["--log-driver", "syslog"][..], "no log driver named 'syslog' is registered"),
        (&["--log-opt", "size=1"], "unknown log opt 'size' for json-file log driver"),
        (&["--log-driver", "local", "--log-opt", "x"], "unknown log opt 'x' for local log driver"),
        (
            &["--log-driver", "none", "--log-opt", "max-size=1k"],
            "invalid logging opts for driver none",
        ),
        (&["--log-opt", "max-size=-1"], "max-size '-1'"),
        (&["--log-opt", "max-file=0"], "max-file '0'"),
    ] {
        let mut arguments = vec!["run"];
        arguments.extend_from_slice(flags);
        arguments.extend_from_slice(&[STARTER, "true"]);
        let said = host.fails(125, &arguments);
        assert!(said.contains(words) && said.lines().count() == 1, "{said}");
    }
    host.assert_clean();
}
