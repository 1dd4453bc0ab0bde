//! Hooks of the runtime specification: when, where and with what they run, and what becomes of their failure.

use std::path::Path;

use estiba::{
    runtime::{Created, RuntimeError, hooks},
    sys::files,
};
use serde_json::{Value, json};

use super::{
    stage::{Mode, Outcome, Stage, alone, collect, streams},
    support::{is_root, skip},
};

/// A hook that writes what it sees into a file of the host.
fn witness(name: &str, log: &Path) -> Value {
    let script = format!(
        "s=$(cat); echo \"{name} $A $0 $1 $(echo $s | sed 's/.*\"status\":\"\\([a-z]*\\)\".*/\\1/') $(readlink /proc/self/ns/mnt) $(readlink /proc/self/ns/net)\" >> {}",
        log.display()
    );
    json!({"path": "/bin/sh", "args": ["called", "-c", script, "called", "one"], "env": ["A=b", "PATH=/usr/bin:/bin"]})
}

fn set_hooks(stage: &mut Stage, hooks: &Value) {
    let mut spec = serde_json::to_value(&stage.spec).unwrap();
    spec["hooks"] = hooks.clone();
    stage.spec = serde_json::from_value(spec).unwrap();
}

/// Creates and starts as a front end does.
fn go(stage: &mut Stage, script: &str) -> Outcome {
    stage.command(&["/bin/sh", "-c", script]);
    let (output, stdio) = streams();
    let told = json!({"ociVersion": "1.2.0", "id": "one", "status": "creating", "bundle": "/b"});
    let started = stage.create(stdio, None).and_then(|mut created| {
        created.run_hooks(&stage.spec, &told)?;
        created.start()
    });
    match started {
        Ok(running) => collect(output, &running),
        Err(error) => Outcome { error: error.to_string(), code: 125, ..Outcome::default() },
    }
}

#[test]
fn hooks_run_in_their_order_and_their_namespaces() {
    if !is_root() {
        return skip("needs root");
    }
    let outcome = alone(|| {
        let mut stage = Stage::enter(Mode::Rootful);
        let log = stage.folder.path().join("log");
        let at_start = json!({"path": "/bin/sh", "args": ["sh", "-c", "cat > /state; id -u > /who; ls -d /oldroot 2>/dev/null; readlink /proc/1/exe > /exe || echo none > /exe"]});
        set_hooks(
            &mut stage,
            &json!({
                "prestart": [witness("prestart", &log)],
                "createRuntime": [witness("runtime1", &log), witness("runtime2", &log)],
                "createContainer": [witness("container", &log)],
                "startContainer": [at_start],
            }),
        );
        let mut outcome = go(&mut stage, "cat /state /who /exe; echo; readlink /proc/self/ns/net");
        let text = files::read_text(&log).unwrap();
        let own = std::fs::read_link("/proc/self/ns/net").unwrap().display().to_string();
        outcome.error = text.replace(&own, "host");
        outcome
    });
    let lines: Vec<Vec<&str>> =
        outcome.error.lines().map(|line| line.split(' ').collect()).collect();
    let names: Vec<&str> = lines.iter().map(|line| line[0]).collect();
    assert_eq!(names, ["prestart", "runtime1", "runtime2", "container"], "{outcome:?}");
    for line in &lines {
        assert_eq!(line[1..5], ["b", "called", "one", "creating"], "{outcome:?}");
    }
    let inside = outcome.output.lines().last().unwrap();
    assert_eq!([lines[0][6], lines[2][6], lines[3][6]], ["host", "host", inside], "{outcome:?}");
    assert_ne!(lines[0][5], lines[3][5]);
    assert!(
        outcome.output.contains("\"status\":\"created\"")
            && outcome.output.contains("\"id\":\"one\""),
        "{outcome:?}"
    );
    // It has no way to the program of the host that runs it.
    assert!(outcome.output.contains("none\n"), "{outcome:?}");
}

#[test]
fn a_hook_that_fails_or_hangs_ends_the_container() {
    if !is_root() {
        return skip("needs root");
    }
    for kind in ["prestart", "createRuntime", "createContainer", "startContainer"] {
        for (script, rest, word) in [
            ("echo because >&2; exit 3", json!({}), "because"),
            ("exec sleep 100", json!({"timeout": 1}), "timed out"),
        ] {
            let outcome = alone(|| {
                let mut stage = Stage::enter(Mode::Rootful);
                let mut hook = json!({"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin"]});
                hook.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
                let second = stage.folder.path().join("second");
                let next = json!({"path": "/usr/bin/touch", "args": ["touch", second]});
                set_hooks(&mut stage, &json!({kind: [hook, next]}));
                let before = files::read_text(Path::new("/proc/self/mountinfo")).unwrap();
                let mut outcome = go(&mut stage, "true");
                outcome.output = format!(
                    "{} {}",
                    files::exists(&second),
                    before == files::read_text(Path::new("/proc/self/mountinfo")).unwrap(),
                );
                // No child is left.
                outcome.output.push_str(if nix::sys::wait::wait().is_err() {
                    " true"
                } else {
                    " false"
                });
                outcome
            });
            assert!(outcome.error.contains("/bin/sh"), "{kind} {outcome:?}");
            assert!(outcome.error.to_lowercase().contains(word), "{kind} {outcome:?}");
            assert_eq!(outcome.output, "false true true", "{kind} {outcome:?}");
        }
    }
}

#[test]
fn hooks_are_never_left_out_silently() {
    if !is_root() {
        return skip("needs root");
    }
    let outcome = alone(|| {
        let mut stage = Stage::enter(Mode::Rootful);
        set_hooks(&mut stage, &json!({"createRuntime": [{"path": "/bin/true"}]}));
        stage.command(&["/bin/true"]);
        let (_output, stdio) = streams();
        let error = stage.create(stdio, None).and_then(Created::start).unwrap_err();
        Outcome { error: error.to_string(), ..Outcome::default() }
    });
    assert!(outcome.error.contains("hooks"), "{outcome:?}");
}

#[test]
fn those_after_the_end_all_run() {
    let hook = |code: i32| {
        serde_json::from_value(
            json!({"path": "/bin/sh", "args": ["sh", "-c", format!("exit {code}")]}),
        )
        .unwrap()
    };
    let failures = hooks::run_all(&[hook(1), hook(0), hook(2)], &json!({}));
    assert_eq!(failures.len(), 2);
    assert!(matches!(hooks::run(&[hook(0), hook(4)], &json!({})), Err(RuntimeError::Hook { .. })));
}
