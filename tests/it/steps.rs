//! A kill -9 at each step of a container's life, of whichever process makes that step: what the next command then finds and says.
//!
//! There is no point in the program to stop at. The tests stop the processes themselves, at each system call whose effect others can see
//! ([`tracer`]), so that no step is forgotten: not those of SQLite, and not those that are written tomorrow. `cargo test` takes a few of
//! the steps of each process; `tests/soak/run` takes them all.

mod bundle;
mod engine;
mod tracer;

use std::{
    fmt::Write as _,
    fs,
    time::{Duration, Instant},
};

use self::tracer::{Aim, Traced};
use crate::support::PATIENCE;

/// Which steps of a process are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// So many, spread evenly, with the first and the last.
    Some(usize),
    All,
}

impl Choice {
    fn among(self, steps: usize) -> Vec<usize> {
        match self {
            Self::Some(wanted) if wanted < steps => {
                (0..wanted).map(|number| number * (steps - 1) / (wanted - 1)).collect()
            }
            _ => (0..steps).collect(),
        }
    }
}

/// Follows `act` once to see which processes it has and how many steps they make, and then once more for each step that is chosen, with a
/// kill there; `check` is called after each, with words for what was done.
fn walk(
    what: &str,
    choice: Choice,
    mut act: impl FnMut(Option<Aim>) -> Traced,
    mut check: impl FnMut(&str, &Traced),
) {
    let whole = act(None);
    check(&format!("{what}, unhindered"), &whole);
    let steps: Vec<usize> = whole.processes.iter().map(|process| process.steps).collect();
    assert!(steps.iter().sum::<usize>() > 0, "{what}: nothing was followed");
    let mut kills = 0;
    for (process, steps) in steps.iter().enumerate() {
        for step in choice.among(*steps) {
            let traced = act(Some(Aim { process, step }));
            // A process does not make the very same steps each time; the last ones may not come.
            if let Some((name, call)) = &traced.killed_at {
                kills += 1;
                check(&format!("{what}, {name} killed before its step {step}: {call}"), &traced);
            } else {
                check(&format!("{what}, process {process} not killed at step {step}"), &traced);
            }
        }
    }
    println!("{what}: {kills} kills among the steps {steps:?}");
    assert!(kills > 0, "{what}: nothing was killed");
}

/// Tells whether a process is still there, be it as the zombie of a parent that lives. One that waits for the machine's first process is not.
fn is_there(pid: i32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace();
    let is_zombie = fields.next() == Some("Z");
    !(is_zombie && fields.next() == Some("1"))
}

/// Shows that no process is left of those that were followed.
fn assert_all_gone(what: &str, traced: &Traced) {
    let pids: Vec<i32> = traced.processes.iter().map(|process| process.pid).collect();
    let mut left = String::new();
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        left.clear();
        for pid in pids.iter().filter(|pid| is_there(**pid)) {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            write!(left, "{}", status.lines().take(8).collect::<Vec<_>>().join(" ")).unwrap();
        }
        if left.is_empty() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    panic!("{what}: processes are left: {left}");
}

/// Makes of each case a test of some steps, and one of all steps that only `tests/soak/run` runs.
macro_rules! walks {
    ($walk:path; $($name:ident: $case:expr;)*) => {$(
        mod $name {
            #[test]
            fn killed_at_some_steps() {
                $walk(stringify!($name), super::Choice::Some(3), $case);
            }

            #[test]
            #[ignore = "takes minutes; tests/soak/run runs it"]
            fn killed_at_every_step() {
                $walk(stringify!($name), super::Choice::All, $case);
            }
        }
    )*};
}
use walks;
