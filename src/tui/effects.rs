//! The one file of the screen that calls the engine, always off the loop; answers come back as messages.

mod tasks;
mod visit;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

pub(super) use visit::{drive, greeting, open};

use crossterm::{clipboard::CopyToClipboard, execute};
use tokio::sync::mpsc::Sender;

use super::{
    model::Subject,
    msg::{Effect, Failure, Msg, Task},
    terminal,
};
use crate::{
    engine::{Engine, LogOptions, Result},
    model::ContainerId,
};

/// How many bytes of a file are looked at.
const EXCERPT: u64 = 256 * 1024;
/// How many lines of a log are read back.
const TAIL: u64 = 2_000;
/// The most log lines in one message.
const LINES: usize = 512;
/// How long a question must stand before it is asked, so that scrolling through a list asks only the last.
const REST: Duration = Duration::from_millis(25);
/// How long a follower waits before it looks whether anybody still wants to know.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the bell is waited for before it is looked whether the screen is still there.
const BELL: Duration = Duration::from_secs(60);

/// Carries effects out.
#[derive(Debug, Clone)]
pub(super) struct Performer {
    engine: Engine,
    outbox: Sender<Msg>,
    newest_log: Arc<AtomicU64>,
    newest_tree: Arc<AtomicU64>,
    tasks: tasks::Tasks,
}

impl Performer {
    /// Makes one that answers into `outbox`.
    pub(super) fn new(engine: Engine, outbox: Sender<Msg>) -> Self {
        Self {
            engine,
            outbox,
            newest_log: Arc::default(),
            newest_tree: Arc::default(),
            tasks: tasks::Tasks::default(),
        }
    }

    /// Begins to read everything anew whenever any process has changed something.
    ///
    /// # Errors
    /// When no thread can be had.
    pub(super) fn watch(&self) -> io::Result<()> {
        let (engine, outbox) = (self.engine.clone(), self.outbox.clone());
        thread::Builder::new().name("estiba-watch".to_owned()).spawn(move || {
            if let Err(error) = keep_reading(&engine, &outbox) {
                let mut failure = Failure::from(error);
                failure.hint = Some("what others change is not seen any more".to_owned());
                // Nobody is there to be told when the screen has ended.
                drop(outbox.blocking_send(Msg::Trouble(failure)));
            }
        })?;
        Ok(())
    }

    /// Carries an effect out without waiting for it.
    pub(super) fn perform(&self, effect: Effect) {
        match effect {
            Effect::Reload => {
                self.answer(|engine| Msg::Loaded(engine.overview().map_err(Failure::from)));
            }
            Effect::Sample(ids) => self
                .answer(move |engine| Msg::Usage(engine.statistics(&ids).map_err(Failure::from))),
            Effect::ReadHealth(id) => {
                self.answer(move |engine| {
                    Msg::Health(id, engine.health(id).map_err(Failure::from))
                });
            }
            Effect::Samples(number, id) => {
                self.answer(move |engine| Msg::Samples(number, engine.samples(id)));
            }
            Effect::FollowLogs(number, id) => self.follow_logs(number, id),
            Effect::StopLogs(number) => self.newest_log.store(number, Ordering::Relaxed),
            Effect::Tree(number, subject) => self.list_files(number, subject),
            Effect::Forget => {
                self.newest_tree.store(0, Ordering::Relaxed);
                self.engine.forget_strata();
            }
            Effect::Excerpt(number, place, path) => self.answer(move |engine| {
                let excerpt = engine.read_inside(&place, &path, EXCERPT);
                Msg::Excerpt(number, excerpt.map_err(Failure::from))
            }),
            Effect::Tags(name) => self.answer(move |engine| {
                let tags = tasks::tags(engine, &name);
                Msg::Tags(name, tags)
            }),
            Effect::Plan(scope, with_names) => self.answer(move |engine| {
                let plan = engine.plan_prune(&scope.request(with_names));
                Msg::Planned(scope, with_names, plan.map_err(Failure::from))
            }),
            Effect::Cancel(job) => self.tasks.cancel(job),
            Effect::Do(job, task) => self.do_task(job, task),
            Effect::Copy(text) => {
                // A terminal that knows no OSC 52 ignores it; one that is gone is noticed by the next frame.
                let copy = CopyToClipboard::to_clipboard_from(text);
                drop(execute!(io::stdout(), copy));
            }
            Effect::Mouse(is_ours) => terminal::take_mouse(is_ours),
            // These are the loop's own.
            Effect::HandOver(_) | Effect::Redraw | Effect::Quit => {}
        }
    }

    /// Asks the engine on a thread of its own and sends what it says.
    fn answer(&self, ask: impl FnOnce(&Engine) -> Msg + Send + 'static) {
        let (engine, outbox) = (self.engine.clone(), self.outbox.clone());
        tokio::task::spawn_blocking(move || {
            drop(outbox.blocking_send(ask(&engine)));
        });
    }

    fn do_task(&self, job: u64, task: Task) {
        let (engine, outbox, tasks) =
            (self.engine.clone(), self.outbox.clone(), self.tasks.clone());
        let teller = outbox.clone();
        let work = tokio::task::spawn_blocking(move || {
            tasks.done(&engine, (job, task), &|msg| drop(teller.blocking_send(msg)))
        });
        tokio::spawn(async move {
            let result = match work.await {
                Ok(result) => result.map_err(Failure::from),
                Err(error) => Err(Failure::grave(format!("a defect of estiba: {error}"))),
            };
            drop(outbox.send(Msg::Finished(job, result)).await);
        });
    }

    fn follow_logs(&self, number: u64, id: ContainerId) {
        self.newest_log.store(number, Ordering::Relaxed);
        let this = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(REST).await;
            if this.newest_log.load(Ordering::Relaxed) != number {
                return;
            }
            tokio::task::spawn_blocking(move || {
                let failure = this.follow(number, id).err().map(Failure::from);
                drop(this.outbox.blocking_send(Msg::LogEnd(number, failure)));
            });
        });
    }

    /// Sends a log's lines in as few messages as they come, until it ends or nobody wants them.
    fn follow(&self, number: u64, id: ContainerId) -> Result<()> {
        let options = LogOptions { tail: Some(TAIL), follow: true, ..LogOptions::default() };
        let mut reader = self.engine.logs(id, options)?;
        let mut lines = Vec::new();
        let mut has_told = false;
        while self.newest_log.load(Ordering::Relaxed) == number {
            let patience = if lines.is_empty() && has_told { PATIENCE } else { Duration::ZERO };
            let next = reader.next_line(patience)?;
            let is_pause = next.is_none();
            lines.extend(next);
            let is_full = lines.len() >= LINES;
            // The first pause is told even without a line: it says that there is none yet.
            if (is_pause && (!lines.is_empty() || !has_told)) || is_full {
                has_told = true;
                let batch = std::mem::take(&mut lines);
                if self.outbox.blocking_send(Msg::LogLines(number, batch)).is_err() {
                    break;
                }
            } else if (is_pause && reader.is_finished()) || self.outbox.is_closed() {
                break;
            }
        }
        Ok(())
    }

    fn list_files(&self, number: u64, subject: Subject) {
        let is_first = self.newest_tree.swap(number, Ordering::Relaxed) != number;
        let this = self.clone();
        tokio::spawn(async move {
            if is_first {
                tokio::time::sleep(REST).await;
            }
            if this.newest_tree.load(Ordering::Relaxed) != number {
                return;
            }
            let (engine, outbox) = (this.engine.clone(), this.outbox.clone());
            tokio::task::spawn_blocking(move || {
                let tree = tasks::files(&engine, subject).map_err(Failure::from);
                let is_listed = tree.is_ok();
                drop(outbox.blocking_send(Msg::Tree(number, tree)));
                // Afterwards: the files are to stand as early as they can.
                if let (true, Subject::Layer(image, ..)) = (is_listed, subject)
                    && let Ok(waste) = tasks::waste(&engine, image)
                {
                    drop(outbox.blocking_send(Msg::Waste(image, waste)));
                }
            });
        });
    }
}

/// Reads everything whenever the bell rings, until the screen is gone.
fn keep_reading(engine: &Engine, outbox: &Sender<Msg>) -> Result<()> {
    // The bell is held before the first reading, so that no change falls between.
    let watch = engine.watch();
    let mut overview = engine.overview().map_err(Failure::from);
    let mut watch = watch?;
    loop {
        if outbox.blocking_send(Msg::Loaded(overview)).is_err() {
            return Ok(());
        }
        while !watch.wait(BELL)? {
            if outbox.is_closed() {
                return Ok(());
            }
        }
        overview = engine.overview().map_err(Failure::from);
    }
}
