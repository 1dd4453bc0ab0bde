//! The loop itself, fed with a stream and drawing into memory.

use std::{collections::VecDeque, io};

use crossterm::event::Event;
use futures_util::stream::{self, StreamExt};
use ratatui::{Terminal, backend::TestBackend};
use tokio::sync::{mpsc, watch};

use super::fixture::{blank, container_id, event, noon, overview, text};
use crate::tui::{
    main_loop::{Leave, Ports, main_loop},
    model::Model,
    msg::{Effect, Guest, Msg},
};

/// Runs the loop over these keys; gives why it was left, what was asked for, and the last frame.
fn play(model: &mut Model, keys: &[&str], signal: Option<i32>) -> (Leave, Vec<Effect>, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut terminal = Terminal::new(TestBackend::new(100, 30)).unwrap();
    let (_outbox, mut inbox) = mpsc::channel(1);
    let (_sender, mut stop) = watch::channel(signal);
    let mut effects = Vec::new();
    let events: Vec<io::Result<Event>> =
        keys.iter().map(|key| Ok(Event::Key(event(key)))).collect();
    let ports = Ports {
        input: stream::iter(events).boxed(),
        pending: VecDeque::from([Msg::Resize(100, 30), Msg::Loaded(Ok(overview()))]),
        inbox: &mut inbox,
        stop: &mut stop,
        perform: |effect| effects.push(effect),
        clock: noon,
    };
    let leave = runtime.block_on(main_loop(model, ports, &mut terminal)).unwrap();
    (leave, effects, text(terminal.backend().buffer()))
}

#[test]
fn a_burst_is_drained_and_then_drawn() {
    let mut model = blank((100, 30));
    let (leave, effects, frame) = play(&mut model, &["j", "j", "j", "k"], None);
    assert_eq!(leave, Leave::InputEnded);
    assert!(frame.contains("web-1"), "{frame}");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Sample(_))));
    assert!(!model.dirty);
}

#[test]
fn quitting_leaves_the_loop() {
    let (leave, ..) = play(&mut blank((100, 30)), &["j", "q", "j"], None);
    assert_eq!(leave, Leave::Quit);
}

#[test]
fn a_shell_gets_the_terminal() {
    let (leave, ..) = play(&mut blank((100, 30)), &["e"], None);
    let guest = Guest::Shell(container_id(4), "cache".to_owned());
    assert_eq!(leave, Leave::HandOver(guest));
}

#[test]
fn a_signal_ends_it() {
    let (leave, ..) = play(&mut blank((100, 30)), &[], Some(15));
    assert!(matches!(leave, Leave::Signalled(15) | Leave::InputEnded));
}
