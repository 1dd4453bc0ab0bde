//! The life of a monitor, from its first instruction to its last.

use std::{
    env,
    ffi::CStr,
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    process::ExitCode,
};

use super::{
    Launch, SOCKET, StartFailure,
    ahead::Ahead,
    channel::Channel,
    held::Held,
    protocol::{Instruction, Reply, Report},
    record::record_failure,
    start::{leave_keys, make, mark, start},
    stay::stay,
    ward::Ward,
    watch::Watch,
};
use crate::{
    model::{NetworkMode, Step},
    network::{self, Place},
    sys::{At as _, Result, files, process::ProcessId, socket, spawn, userns},
};

/// What its process is called once it stands alone: the kernel keeps 15 letters.
const COMMAND: &CStr = c"estiba-mon";

/// [`ROLE`](super::ROLE), to be executed.
pub(super) const NAME: &CStr = c"estiba-monitor";

/// The argument of a monitor that was executed ahead of a start and stays its caller's child.
pub(super) const NEAR: &CStr = c"near";

/// As [`NEAR`], of one that was sent to other processors until its launch, and can send its first process likewise.
pub(super) const BESIDE: &CStr = c"beside";

/// Is the monitor: called by `main` when `argv[0]` is [`ROLE`](super::ROLE), before any thread exists.
pub fn main() -> ExitCode {
    let word = env::args_os().nth(1).unwrap_or_default();
    let is = |name: &CStr| word.as_encoded_bytes() == name.to_bytes();
    let has_room = is(BESIDE);
    let attended = if has_room || is(NEAR) {
        // While the caller reads its arguments and opens the store.
        spawn::stand_by(COMMAND).map(|channel| attend(channel, Ahead::make(has_room)))
    } else {
        spawn::stand_alone(COMMAND).map(|side| match side {
            spawn::Side::Started => Ok(()),
            spawn::Side::Alone { channel } => attend(channel, Ahead::default()),
        })
    };
    // Nobody listens to this process but by its channel, whose end says enough.
    match attended {
        Ok(Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Takes an instruction, prepares, waits for the word to go, and stays with the container to its end.
fn attend(channel: OwnedFd, ahead: Ahead) -> io::Result<()> {
    let mut channel = Channel::new(UnixStream::from(channel));
    let Some(Instruction::Launch(launch)) = channel.receive()? else {
        return Ok(());
    };
    let mut marks = vec![mark(Step::Monitor)];
    let mut held = Held::default();
    // All of this while the one who starts the container writes down who answers for it. Nothing of it runs before the word to go.
    let made = enter_place(&launch)
        .and_then(|()| leave_keys(launch.container.id))
        .and_then(|()| make(&launch, ahead, &mut held, &mut marks));
    let mut watch = match listen(&launch, &mut held) {
        Ok(watch) => watch,
        Err(failure) => {
            drop(made);
            let failure = failure.and(&held.release()).and(&held.remove_run_dir());
            return channel.send(&Report::Failed(failure));
        }
    };
    let process = ProcessId::current().map_err(|error| error.source)?;
    let told = channel.send(&Report::Listening(process));
    if told.is_err() || !wait_for_go(&mut channel, &mut watch).unwrap_or(false) {
        drop(made);
        held.release();
        held.remove_run_dir();
        let reason = StartFailure::new("the one who started the container left before it began");
        watch.part(&Reply::Failed(reason));
        held.clear();
        return told;
    }
    let started = made.and_then(|made| start(&launch, made, &mut held, &mut marks));
    let ward = match started {
        Ok(started) => Ward::new(launch, started, held, &mut watch),
        Err(failure) => {
            let failure = failure.and(&held.release());
            record_failure(&launch, &mut held, &failure);
            // Whoever waits for the answer reads it even while a client is slow to read its own.
            let told = channel.send(&Report::Failed(failure.clone()));
            watch.part(&Reply::Failed(failure));
            held.clear();
            return told;
        }
    };
    // Whoever started it may have left meanwhile; the container goes on.
    drop(channel.send(&Report::Ready(marks)));
    drop(channel);
    stay(ward, &mut watch).map_err(|error| error.source)
}

/// Enters the network place of the container's bridges.
fn enter_place(launch: &Launch) -> std::result::Result<(), StartFailure> {
    match (&launch.place, &launch.container.config.network) {
        // It stays in the host's network, but outlives who started it all the same.
        (Place::Shared { run_root }, NetworkMode::Host) => userns::enlist(run_root)?,
        (place, _) => network::enter(place)?,
    }
    Ok(())
}

/// Makes the run directory and listens in it.
fn listen(launch: &Launch, held: &mut Held) -> std::result::Result<Watch, StartFailure> {
    let run_dir = launch.layout.container_run(launch.container.id);
    held.run_dir = Some(run_dir.clone());
    files::make_private_dir(&run_dir)?;
    let listener = socket::listen(&run_dir, SOCKET)?;
    Ok(Watch::new(listener, launch.container.config.tty))
}

/// Serves clients until the word to go comes; `false` when the one who would say it is gone.
fn wait_for_go(channel: &mut Channel, watch: &mut Watch) -> Result<bool> {
    loop {
        let round = watch.round(&[channel.stream().as_fd()], None)?;
        if !round.extra.is_empty() {
            let word = channel.receive().at("hear", "the word to go")?;
            return Ok(matches!(word, Some(Instruction::Go)));
        }
    }
}
