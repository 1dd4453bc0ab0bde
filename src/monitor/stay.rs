//! Staying with a container, from the beginning of its first run to the end of its last.

use std::{
    os::fd::AsFd as _,
    time::{Duration, Instant},
};

use nix::sys::{
    signal::{SigSet, SigmaskHow, Signal, sigprocmask},
    signalfd::{SfdFlags, SignalFd},
};

use super::{
    record::Cause,
    restart::{Pace, Rest},
    ward::Ward,
    watch::Watch,
};
use crate::{
    model::Exit,
    sys::{At as _, Result, spawn},
};

/// How long a monitor stays ready for its container's end: most that end at all do so at once. After that it gives back all memory that waiting does not
/// take, and what it needs again comes back by page faults, which would be most of the time between the end of a short program and its record.
const READY: Duration = Duration::from_secs(1);

/// Stays until the container has ended and will not start again.
pub(super) fn stay(mut ward: Ward, watch: &mut Watch) -> Result<()> {
    let signals = listen_to_signals()?;
    let mut pace = Pace::default();
    loop {
        let exit = attend(&mut ward, watch, &signals)?;
        let Some(mut rest) = ward.end(exit, watch) else { return Ok(()) };
        let pause = pace.after(rest.ran);
        if let Some(cause) = wait(&mut rest, pause, watch, &signals)? {
            rest.end(cause, watch);
            return Ok(());
        }
        match rest.again(watch) {
            Some(next) => ward = next,
            None => return Ok(()),
        }
    }
}

/// Stays to the end of one run.
fn attend(ward: &mut Ward, watch: &mut Watch, signals: &SignalFd) -> Result<Exit> {
    let begun = Instant::now();
    let mut is_ready = true;
    loop {
        let left = READY.saturating_sub(begun.elapsed());
        if is_ready && left.is_zero() {
            is_ready = false;
            ward.settle();
            ward.observe();
            give_back();
        }
        ward.sample();
        let patience = [is_ready.then_some(left), ward.patience()].into_iter().flatten().min();
        let round = watch.round(&[signals.as_fd()], patience)?;
        if !round.extra.is_empty() && is_asked_to_end(signals) {
            ward.ask_to_stop(watch);
        }
        ward.note(&round.signals);
        for demand in round.demands {
            ward.serve(demand, watch);
        }
        if ward.look_after(watch) && !is_ready {
            give_back();
        }
        spawn::reap_orphans(&watch.children());
        if let Some(exit) = watch.end().cloned() {
            return Ok(exit);
        }
        ward.end_others(watch);
    }
}

/// Waits for the next run; gives why there is to be none, if someone says so.
fn wait(
    rest: &mut Rest,
    pause: Duration,
    watch: &mut Watch,
    signals: &SignalFd,
) -> Result<Option<Cause>> {
    let begun = Instant::now();
    if pause > READY {
        give_back();
    }
    loop {
        let left = pause.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        let round = watch.round(&[signals.as_fd()], Some(left))?;
        if !round.extra.is_empty() && is_asked_to_end(signals) {
            return Ok(Some(Cause::Machine));
        }
        let mut is_over = false;
        for demand in round.demands {
            is_over |= rest.serve(demand, watch);
        }
        spawn::reap_orphans(&watch.children());
        if is_over {
            return Ok(Some(Cause::Hand));
        }
    }
}

fn give_back() {
    spawn::trim_memory();
    spawn::forget_code();
}

/// Hears of children that end, and of the machine's wish that this process ends (SIGTERM), through a descriptor.
fn listen_to_signals() -> Result<SignalFd> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    set.add(Signal::SIGTERM);
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None).at("block", "signals")?;
    SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
        .at("listen to", "signals")
}

/// Takes the signals that came; tells whether one of them was SIGTERM.
fn is_asked_to_end(signals: &SignalFd) -> bool {
    let term = u32::try_from(libc::SIGTERM).unwrap_or_default();
    let mut is_asked = false;
    while let Ok(Some(signal)) = signals.read_signal() {
        is_asked |= signal.ssi_signo == term;
    }
    is_asked
}
