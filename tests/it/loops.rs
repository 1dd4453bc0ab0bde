//! Many containers, one after another and several at once: no call hangs or fails, and nothing is left. `tests/soak/run` makes more of them.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use crate::support::{Host, STARTER, answer_in_time};

/// So many calls are made at once.
const AT_ONCE: usize = 8;

/// Ends at once when it is asked to.
const POLITE: &str = "trap 'exit 0' TERM; sleep 1000 & wait";

#[test]
fn containers_started_stopped_and_removed_at_once_leave_nothing() {
    start_stop_remove(24);
}

#[test]
#[ignore = "takes minutes; tests/soak/run runs it"]
fn five_hundred_containers_started_stopped_and_removed_leave_nothing() {
    start_stop_remove(500);
}

#[test]
fn runs_that_end_at_once_never_hang() {
    run_and_remove(32);
}

#[test]
#[ignore = "takes minutes; tests/soak/run runs it"]
fn two_thousand_runs_that_end_at_once_never_hang() {
    run_and_remove(2000);
}

fn start_stop_remove(count: usize) {
    let host = Host::with_starter();
    let took = each(count, AT_ONCE, |number| {
        let name = format!("loop{number}");
        let lines: [&[&str]; 3] = [
            &["run", "-d", "--name", &name, STARTER, "sh", "-c", POLITE],
            &["stop", "-t", "1", &name],
            &["rm", &name],
        ];
        for line in lines {
            expect(&host, line);
        }
    });
    println!("{count} containers started, stopped and removed, {AT_ONCE} at a time: {took:?}");
    let told = host.told_of();
    assert_eq!(told.len(), count);
    for (id, told) in &told {
        // It may end before the one who sent the signal has written that down; and one that was asked before its shell could hear is killed.
        let rest: Vec<&str> = told.split(' ').filter(|word| *word != "kill").collect();
        assert_eq!(rest, ["create", "start", "die", "stop", "destroy"], "{id}: {told}");
    }
    host.assert_clean();
}

fn run_and_remove(count: usize) {
    let host = Host::with_starter();
    for at_once in [1, AT_ONCE] {
        let took = each(count / 2, at_once, |_| {
            expect(&host, &["run", "--rm", STARTER, "true"]);
        });
        println!("{} times run --rm true, {at_once} at a time: {took:?}", count / 2);
    }
    let told = host.told_of();
    assert_eq!(told.len(), count / 2 * 2);
    for (id, told) in &told {
        assert_eq!(told, "create start die destroy", "{id}");
    }
    host.assert_clean();
}

/// Calls the program, which must come back in time and succeed.
fn expect(host: &Host, line: &[&str]) {
    let output = answer_in_time(host.command(line));
    assert!(output.status.success(), "estiba {}: {output:?}", line.join(" "));
}

/// Does something so many times; gives how long the whole and the slowest took.
fn each(count: usize, at_once: usize, act: impl Fn(usize) + Sync) -> [Duration; 2] {
    let next = AtomicUsize::new(0);
    let begun = Instant::now();
    let slowest = std::thread::scope(|scope| {
        let worker = || {
            let mut slowest = Duration::ZERO;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return slowest;
                }
                let begun = Instant::now();
                act(number);
                slowest = slowest.max(begun.elapsed());
            }
        };
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).max().unwrap()
    });
    [begun.elapsed(), slowest]
}
