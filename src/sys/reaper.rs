//! The first process of a container that only cares for the others: it passes signals on to its program and reaps what is orphaned (`pid_namespaces(7)`).

use std::io;

use nix::{
    errno::Errno,
    sys::{
        signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, fork, getpid, setpgid, tcsetpgrp},
};

use super::spawn;

/// Signals that tell a process of a fault of its own, which are not for another.
const FAULTS: [Signal; 7] = [
    Signal::SIGABRT,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGSEGV,
    Signal::SIGSYS,
    Signal::SIGTRAP,
];

/// Runs `program` in a child and cares for it; in the child, which ends with what `program` gives unless that executes something, this does not come back.
/// In the parent it does not come back either: it closes every descriptor above 2, stays until the child has ended, and ends as that did.
/// For a process with one thread.
pub fn care_for(program: impl FnOnce() -> i32) -> io::Error {
    let mut held_back = SigSet::all();
    for fault in FAULTS {
        held_back.remove(fault);
    }
    let mut before = SigSet::empty();
    // Before there is a child: nothing that comes from now on is lost.
    if let Err(errno) = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&held_back), Some(&mut before)) {
        return errno.into();
    }
    // SAFETY: one thread, the caller's promise, holds no lock it does not know of, so the child may go on with any code.
    match unsafe { fork() } {
        Err(errno) => errno.into(),
        Ok(ForkResult::Child) => {
            // A group of its own in the foreground: what is typed is for it alone. Without a terminal there is no foreground.
            let _grouped = setpgid(Pid::from_raw(0), Pid::from_raw(0));
            let _in_front = tcsetpgrp(io::stdin(), getpid());
            let code = match sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None) {
                Ok(()) => program(),
                Err(_) => 125,
            };
            end(code)
        }
        Ok(ForkResult::Parent { child }) => stay(child, &held_back),
    }
}

fn stay(child: Pid, signals: &SigSet) -> ! {
    // Whoever waits for the others to be closed must not wait for this process.
    drop(spawn::close_inherited(0));
    // A name is for people only.
    let _named = nix::sys::prctl::set_name(c"estiba-init");
    spawn::trim_memory();
    spawn::forget_code();
    loop {
        match signals.wait() {
            Ok(Signal::SIGCHLD) => {
                if let Some(code) = reap(child) {
                    end(code);
                }
            }
            // They stop those who are not in the foreground of a terminal, which this process never is.
            Ok(Signal::SIGTTIN | Signal::SIGTTOU) | Err(_) => {}
            // It may have ended a moment ago.
            Ok(signal) => {
                let _too_late = kill(child, signal);
            }
        }
    }
}

/// Reaps all that have ended; gives the exit code of `main` if it was among them.
fn reap(main: Pid) -> Option<i32> {
    let mut code = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == main => code = Some(status),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == main => {
                code = Some(128 + signal as i32);
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return code,
            Ok(_) | Err(_) => {}
        }
    }
}

fn end(code: i32) -> ! {
    // SAFETY: ends this process without running the exit handlers of the one that it is a copy of.
    unsafe { libc::_exit(code) }
}
