//! Containers of the OCI runtime: the call and the first process.

use super::{Choice, Traced, assert_all_gone, tracer, walk, walks};
use crate::{
    oci::{Yard, yard},
    support::eventually,
};

/// What is killed on its way.
pub(super) struct Case {
    /// What the container's program does.
    script: &'static str,
    /// What is done before, unhindered.
    before: &'static [&'static str],
    command: &'static str,
}

const STAY: &str = "exec sleep 1000";

walks! { super::walk_case;
    create: &super::Case { script: super::STAY, before: &[], command: "create ID" };
    start: &super::Case { script: super::STAY, before: &["create ID"], command: "start ID" };
    exec: &super::Case { script: super::STAY, before: &["run -d ID"], command: "exec ID /bin/true" };
    kill: &super::Case { script: super::STAY, before: &["run -d ID"], command: "kill ID KILL" };
    delete: &super::Case { script: super::STAY, before: &["create ID"], command: "delete ID" };
    delete_by_force: &super::Case { script: super::STAY, before: &["run -d ID"], command: "delete --force ID" };
    run: &super::Case { script: "true", before: &[], command: "run ID" };
}

fn walk_case(what: &str, choice: Choice, case: &Case) {
    let Some(yard) = yard(case.script) else { return };
    let act = |aim| {
        for words in case.before {
            yard.ok(words);
        }
        tracer::follow(&yard.command(case.command), &[], aim)
    };
    walk(what, choice, act, |what, traced| check(&yard, what, traced));
}

/// Shows that what `state` says is so, and that nothing is left when the container was removed.
fn check(yard: &Yard, what: &str, traced: &Traced) {
    eventually(&format!("{what}: nothing is for ever being made"), || {
        yard.code("state ID") != 0 || yard.status() != "creating"
    });
    yard.ok("list");
    let status = if yard.code("state ID") == 0 { yard.status() } else { "absent".to_owned() };
    match status.as_str() {
        "created" => {
            yard.ok("start ID");
            assert_ne!(yard.status(), "created", "{what}");
        }
        "running" => {
            let inside = yard.inside("true");
            // It may just have ended, and then it is said.
            assert!(inside.status.success() || yard.status() == "stopped", "{what}: {inside:?}");
        }
        "stopped" | "absent" => assert_all_gone(what, traced),
        other => panic!("{what}: {other}"),
    }
    yard.ok("delete --force ID");
    assert_all_gone(what, traced);
    yard.assert_nothing_left();
}
