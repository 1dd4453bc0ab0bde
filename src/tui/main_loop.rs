//! The loop: drain what has come, draw once if something changed, do what is asked outside, wait.

use std::{collections::VecDeque, future::poll_fn, io, task::Poll, time::Duration};

use crossterm::event::Event;
use futures_util::{Stream, StreamExt};
use jiff::tz::TimeZone;
use ratatui::{Terminal, backend::Backend};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
    task::{JoinError, spawn_blocking},
    time::Instant,
};

use super::{
    Options, Outcome,
    effects::{self, Performer},
    keyboard::Keyboard,
    keymap::Keymap,
    model::Model,
    msg::{Effect, Failure, Guest, Msg},
    terminal::{Screen, forget_frame},
    theme::Theme,
    update::{next_wake, update},
    view,
};
use crate::{engine::Engine, model::Timestamp};

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(16);
/// The most messages that are taken in before a frame.
const BATCH: usize = 256;
/// The most messages that wait; whoever sends more waits.
const INBOX: usize = 256;

/// What the loop is connected to.
pub(super) struct Ports<'a, S, P> {
    /// What the terminal says.
    pub(super) input: S,
    /// What is to be taken in first.
    pub(super) pending: VecDeque<Msg>,
    /// What effects answer.
    pub(super) inbox: &'a mut mpsc::Receiver<Msg>,
    /// The signal that asks for the end.
    pub(super) stop: &'a mut watch::Receiver<Option<i32>>,
    /// Carries effects out, without waiting for them.
    pub(super) perform: P,
    /// Tells how late it is.
    pub(super) clock: fn() -> Timestamp,
}

/// Why the loop was left.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// The user quit.
    Quit,
    /// This signal asked for it.
    Signalled(i32),
    /// The terminal says nothing more.
    InputEnded,
    /// A container gets the terminal; come back when it is through.
    HandOver(Guest),
}

/// Shows the screen until the user quits or a signal ends it.
pub(super) async fn run(engine: Engine, options: Options) -> io::Result<Outcome> {
    let (keymap, problems) = Keymap::new(options.keymap.as_deref());
    let theme = Theme::new(options.colour, options.ascii);
    let mut model = Model::new(keymap, theme, engine.config().privilege);
    model.panels.logs.show_times_in(TimeZone::system());
    let (outbox, mut inbox) = mpsc::channel(INBOX);
    let mut stop = signals()?;
    let performer = Performer::new(engine.clone(), outbox);
    performer.watch()?;
    let mut screen = Screen::enter()?;
    let notices = problems.into_iter().chain(options.notice);
    let mut pending: VecDeque<Msg> = notices.map(|message| Msg::Trouble(notice(message))).collect();
    loop {
        let size = screen.terminal.size()?;
        pending.push_front(Msg::Resize(size.width, size.height));
        let ports = Ports {
            input: Keyboard::listen()?,
            pending: std::mem::take(&mut pending),
            inbox: &mut inbox,
            stop: &mut stop,
            perform: |effect| performer.perform(effect),
            clock: Timestamp::now,
        };
        // The keyboard is given back with the loop: what is typed next is meant for the container.
        match main_loop(&mut model, ports, &mut screen.terminal).await? {
            Leave::Quit => return Ok(Outcome::Quit),
            Leave::Signalled(number) => return Ok(Outcome::Signalled(number)),
            Leave::InputEnded => {
                let hangup = SignalKind::hangup().as_raw_value();
                return Ok(Outcome::Signalled(hangup));
            }
            Leave::HandOver(guest) => {
                let visit = visit(&engine, guest, &mut screen);
                let result = tokio::select! {
                    number = stopped(&mut stop) => return Ok(Outcome::Signalled(number)),
                    result = visit => result?,
                };
                pending.push_back(Msg::Returned(result));
            }
        }
    }
}

/// Lets a container have the terminal, and takes it back.
async fn visit(
    engine: &Engine,
    guest: Guest,
    screen: &mut Screen,
) -> io::Result<Result<String, Failure>> {
    let engine = engine.clone();
    let opened = spawn_blocking(move || Ok((effects::open(&engine, &guest)?, guest))).await;
    let (session, guest) = match opened.unwrap_or_else(|error| Err(defect(&error))) {
        Ok(both) => both,
        Err(failure) => return Ok(Err(failure)),
    };
    Screen::lend(&effects::greeting(&guest))?;
    let driven = spawn_blocking(move || effects::drive(session, &guest)).await;
    screen.take_back()?;
    Ok(driven.unwrap_or_else(|error| Err(defect(&error))))
}

fn defect(error: &JoinError) -> Failure {
    Failure::grave(format!("a defect of estiba: {error}"))
}

const fn notice(message: String) -> Failure {
    Failure { message, hint: None, grave: false }
}

/// Runs until the user quits, a signal comes, the input ends or the terminal is to be lent.
///
/// # Errors
/// When the terminal fails.
pub(super) async fn main_loop<B, S, P>(
    model: &mut Model,
    mut ports: Ports<'_, S, P>,
    terminal: &mut Terminal<B>,
) -> io::Result<Leave>
where
    B: Backend,
    S: Stream<Item = io::Result<Event>> + Unpin,
    P: FnMut(Effect),
{
    let mut last_frame: Option<Instant> = None;
    let mut ended = false;
    loop {
        let mut effects = update(model, Msg::Tick((ports.clock)()));
        ended |= drain(model, &mut ports, &mut effects).await?;
        if let Some(leave) = carry_out(model, effects, &mut ports.perform, terminal)? {
            return Ok(leave);
        }
        if model.dirty && last_frame.is_none_or(|last| last.elapsed() >= FRAME) {
            terminal.draw(|frame| view::draw(frame, model)).map_err(broken::<B>)?;
            model.dirty = false;
            last_frame = Some(Instant::now());
        }
        if ended && !model.dirty {
            return Ok(Leave::InputEnded);
        }
        if !ports.pending.is_empty() {
            continue;
        }
        let wake = wake(model, last_frame, (ports.clock)());
        tokio::select! {
            biased;
            number = stopped(ports.stop) => return Ok(Leave::Signalled(number)),
            () = sleep(wake) => {}
            event = ports.input.next(), if !ended => match event {
                Some(event) => ports.pending.extend(message(event?)),
                None => ended = true,
            },
            Some(answer) = ports.inbox.recv() => ports.pending.push_back(answer),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn broken<B: Backend>(error: B::Error) -> io::Error {
    io::Error::other(error.to_string())
}

/// Takes in what waits, up to a batch; tells whether the input has ended.
async fn drain<S, P>(
    model: &mut Model,
    ports: &mut Ports<'_, S, P>,
    effects: &mut Vec<Effect>,
) -> io::Result<bool>
where
    S: Stream<Item = io::Result<Event>> + Unpin,
{
    let mut ended = false;
    for _ in 0..BATCH {
        while let Some(msg) = ports.pending.pop_front() {
            effects.extend(update(model, msg));
        }
        if let Ok(answer) = ports.inbox.try_recv() {
            ports.pending.push_back(answer);
        }
        // With this task's own waker: a stream wakes whoever asked it last.
        match poll_fn(|context| Poll::Ready(ports.input.poll_next_unpin(context))).await {
            Poll::Ready(Some(event)) => ports.pending.extend(message(event?)),
            Poll::Ready(None) => ended = true,
            Poll::Pending => {}
        }
        if ports.pending.is_empty() {
            break;
        }
    }
    Ok(ended)
}

/// Makes a message of what the terminal says.
fn message(event: Event) -> Option<Msg> {
    match event {
        Event::Key(key) => Some(Msg::Key(key)),
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(width, height) => Some(Msg::Resize(width, height)),
        Event::Mouse(event) => Some(Msg::Mouse(event)),
        Event::FocusGained | Event::FocusLost => None,
    }
}

/// Carries effects out; tells whether one of them leaves the loop.
fn carry_out<B: Backend>(
    model: &mut Model,
    effects: Vec<Effect>,
    perform: &mut impl FnMut(Effect),
    terminal: &mut Terminal<B>,
) -> io::Result<Option<Leave>> {
    let mut leave = None;
    for effect in effects {
        match effect {
            Effect::Quit => leave = Some(Leave::Quit),
            Effect::HandOver(guest) => leave = leave.or(Some(Leave::HandOver(guest))),
            Effect::Redraw => {
                forget_frame(terminal).map_err(broken::<B>)?;
                model.dirty = true;
            }
            other => perform(other),
        }
    }
    Ok(leave)
}

/// Tells how long nothing will change by itself; for ever if `None`.
fn wake(model: &Model, last_frame: Option<Instant>, now: Timestamp) -> Option<Duration> {
    if model.dirty {
        let since = last_frame.map_or(FRAME, |last| last.elapsed());
        return Some(FRAME.saturating_sub(since));
    }
    next_wake(model).map(|then| then.duration_since(now).try_into().unwrap_or(Duration::ZERO))
}

async fn sleep(span: Option<Duration>) {
    match span {
        Some(span) => tokio::time::sleep(span).await,
        None => std::future::pending().await,
    }
}

/// Waits for a signal that asks for the end.
async fn stopped(stop: &mut watch::Receiver<Option<i32>>) -> i32 {
    match stop.wait_for(Option::is_some).await {
        Ok(number) => number.unwrap_or_default(),
        // Whoever listened for signals is gone; none will be told.
        Err(_) => std::future::pending().await,
    }
}

/// Begins to listen for the signals that ask for the end.
fn signals() -> io::Result<watch::Receiver<Option<i32>>> {
    let (sender, receiver) = watch::channel(None);
    for kind in
        [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit()]
    {
        let (mut signal, sender) = (signal(kind)?, sender.clone());
        tokio::spawn(async move {
            if signal.recv().await.is_some() {
                sender.send_replace(Some(kind.as_raw_value()));
            }
        });
    }
    Ok(receiver)
}
