//! Containers made for real, looked at from inside.

use super::stage::{Mode, Outcome, Stage, alone, in_each_mode};

/// Runs a case in both modes and hands its outcome to `check`.
fn each(case: impl Fn(&mut Stage) -> Outcome, check: impl Fn(Mode, &Outcome)) {
    in_each_mode(|mode| {
        let outcome = alone(|| case(&mut Stage::enter(mode)));
        check(mode, &outcome);
    });
}

#[test]
fn a_container_is_first_in_namespaces_of_its_own() {
    let script = "echo pid: $$; hostname; for n in mnt pid net ipc uts cgroup; do readlink /proc/self/ns/$n; done; id; cat /proc/1/comm";
    each(
        |stage| {
            stage.spec.set_hostname(Some("boat".to_owned()));
            stage.script(script)
        },
        |mode, outcome| {
            eprintln!("{mode:?} {}", outcome.output);
            assert_eq!(outcome.code, 0, "{mode:?} {outcome:?}");
            assert_eq!(outcome.value("pid"), "1", "{outcome:?}");
            assert!(outcome.output.contains("boat"), "{outcome:?}");
        },
    );
}
