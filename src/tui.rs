//! The terminal UI: one screen over the engine, in which nothing waits.
//!
//! Terminal events, engine events and finished effects arrive as one closed `Msg` enum; `update` is pure and answers with
//! effects, which only `effects` carries out, off the loop. What the screen says comes from the engine's overview, whoever
//! changed it: a bell that rings for every process's writes has it read again. Messages are drained, then one frame is drawn
//! if something changed, at most every 16 ms; when nothing changes and nothing runs, nothing wakes.
//!
//! | file | what |
//! |---|---|
//! | `msg` | what reaches the loop, and what leaves it |
//! | `model`, `panes` | what the screen knows; the columns of each kind of row |
//! | `update`, `enabled`, `palette` | from a message to the next model; what can be done now, and why not |
//! | `keymap` | which key means what: data, with the user's over it |
//! | `hits` | what the view drew where, for the mouse |
//! | `layout`, `view`, `tabs`, `contents`, `theme` | from the model to a frame |
//! | `effects`, `main_loop`, `terminal`, `keyboard` | the only places with I/O |

pub(crate) mod theme;
pub(crate) mod widgets;

mod contents;
mod effects;
mod enabled;
mod hits;
mod keyboard;
mod keymap;
mod layout;
mod main_loop;
mod model;
mod msg;
mod palette;
mod panes;
mod tabs;
mod terminal;
#[cfg(test)]
mod tests;
mod update;
mod view;
mod words;

use std::io;

use crate::engine::Engine;

/// How the screen looks and is driven.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether only ASCII is drawn.
    pub ascii: bool,
    /// Whether colours are used.
    pub colour: bool,
    /// What to say at the start.
    pub notice: Option<String>,
    /// The text of the user's `keymap.toml`.
    pub keymap: Option<String>,
}

/// Why the screen ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The user quit.
    Quit,
    /// This signal asked for it; the exit code is 128 and the signal.
    Signalled(i32),
}

/// Shows the screen until the user quits or a signal ends it. Blocks; builds its own runtime; the terminal is as before
/// when it returns.
///
/// # Errors
/// When standard input or output is no terminal, or the terminal fails.
pub fn run(engine: Engine, options: Options) -> io::Result<Outcome> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let outcome = runtime.block_on(main_loop::run(engine, options));
    // A verb that still waits for the kernel or a monitor must not keep the user waiting.
    runtime.shutdown_background();
    outcome
}
