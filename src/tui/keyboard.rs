//! What the terminal says: keys, read by a thread of its own which leaves the terminal alone as soon as it is told to, and sizes.
//!
//! Not crossterm's `EventStream`: dropping that does not wait for its thread, which then takes away the first keys that were
//! meant for the container to which the terminal is lent (2026-11-24).

use std::{
    io::{self, PipeReader, PipeWriter},
    os::fd::AsFd as _,
    pin::Pin,
    sync::mpsc,
    task::{Context, Poll},
    thread,
    time::Duration,
};

use crossterm::{
    event::{self, Event},
    terminal,
};
use futures_util::Stream;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::retry_on_intr,
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc::{Receiver, Sender, channel},
};

/// The most events that wait; the rest wait in the terminal.
const WAITING: usize = 256;

/// How long the thread may take to leave the terminal alone. Within a torn sequence of keys crossterm waits for the rest of it.
const PATIENCE: Duration = Duration::from_millis(500);

/// Keys and sizes, as a stream that ends with the terminal. When it is dropped, nothing more is taken from the terminal.
#[derive(Debug)]
pub(super) struct Keyboard {
    events: Receiver<io::Result<Event>>,
    resizes: Signal,
    bell: Option<PipeWriter>,
    /// Closed by the thread's end.
    end: mpsc::Receiver<()>,
}

impl Keyboard {
    /// Begins to listen.
    ///
    /// # Errors
    /// When no thread or pipe can be had, or there is no tokio to hear signals.
    pub(super) fn listen() -> io::Result<Self> {
        let (hears, bell) = io::pipe()?;
        let (sender, events) = channel(WAITING);
        let (ends, end) = mpsc::channel();
        thread::Builder::new().name("estiba-keyboard".to_owned()).spawn(move || {
            listen(&hears, &sender);
            drop(ends);
        })?;
        let resizes = signal(SignalKind::window_change())?;
        Ok(Self { events, resizes, bell: Some(bell), end })
    }
}

impl Stream for Keyboard {
    type Item = io::Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Poll::Ready(Some(())) = self.resizes.poll_recv(context) {
            let size = terminal::size().map(|(width, height)| Event::Resize(width, height));
            return Poll::Ready(Some(size));
        }
        self.events.poll_recv(context)
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // A thread that waits for room is woken by this, one that waits for keys by the other.
        self.events.close();
        self.bell = None;
        let _closed = self.end.recv_timeout(PATIENCE);
    }
}

/// Passes events on until nobody wants them or the terminal is gone.
fn listen(bell: &PipeReader, sender: &Sender<io::Result<Event>>) {
    loop {
        match next(bell) {
            Ok(Some(events)) => {
                for event in events {
                    if sender.blocking_send(Ok(event)).is_err() {
                        return;
                    }
                }
            }
            Ok(None) => return,
            Err(error) => {
                // Nobody is there to be told when the screen has ended.
                drop(sender.blocking_send(Err(error)));
                return;
            }
        }
    }
}

/// Waits for keys; `None` when it is time to leave the terminal alone, or it is gone.
fn next(bell: &PipeReader) -> io::Result<Option<Vec<Event>>> {
    let stdin = io::stdin();
    let mut fds = [
        PollFd::from_borrowed_fd(bell.as_fd(), PollFlags::IN),
        PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN),
    ];
    retry_on_intr(|| poll(&mut fds, None))?;
    let [rang, keys] = fds.map(|fd| fd.revents());
    if !rang.is_empty() {
        return Ok(None);
    }
    // Of a terminal that is gone crossterm would read the end again and again, for ever.
    if keys.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
        return Ok(None);
    }
    let mut events = Vec::new();
    while event::poll(Duration::ZERO)? {
        events.push(event::read()?);
    }
    Ok(Some(events))
}
