//! Asking a container whether it is well: a program is executed in it from time to time, and what came of that is written down.
//!
//! How it is stands in the records, because lists show it; what the last checks found lies in a file beside its log, so that a check which
//! finds nothing new costs no transaction and wakes nobody.

use std::time::{Duration, Instant};

use super::{StartFailure, record::journal, streams::Program, watch::Watch};
use crate::{
    model::{
        Container, ExecRequest, Exit, Health, HealthCheck, HealthHistory, HealthResult, Occurrence,
        State, Timestamp,
    },
    store::{Layout, Store, StoreError},
    sys::files,
};

/// The care for a container's health during one run.
#[derive(Debug)]
pub(super) struct Checkup {
    check: HealthCheck,
    command: Vec<String>,
    health: Health,
    history: HealthHistory,
    /// When the run began.
    begun: Instant,
    next: Instant,
    under_way: Option<UnderWay>,
}

/// A check that has not ended.
#[derive(Debug)]
struct UnderWay {
    begun: Instant,
    start: Timestamp,
    is_late: bool,
}

impl Checkup {
    /// Begins with a run that has just begun; `None` when nobody wants to know.
    pub(super) fn of(container: &Container, started: Timestamp) -> Option<Self> {
        let check = &container.config.health;
        let command = check.command()?;
        let (health, begun) = (Health::Starting, Instant::now());
        Some(Self {
            next: begun + check.pause(health, Duration::ZERO),
            check: check.clone(),
            command,
            health,
            history: HealthHistory { run: Some(started), ..HealthHistory::default() },
            begun,
            under_way: None,
        })
    }

    /// Gives how long nothing is to be done; `None` while only the end of a check is waited for.
    pub(super) fn patience(&self) -> Option<Duration> {
        let due = match &self.under_way {
            None => self.next,
            Some(UnderWay { is_late: true, .. }) => return None,
            Some(UnderWay { begun, .. }) => *begun + self.check.patience(),
        };
        Some(due.saturating_duration_since(Instant::now()))
    }

    /// Tells whether a check is to begin.
    pub(super) fn is_due(&self) -> bool {
        self.under_way.is_none() && self.next <= Instant::now()
    }

    /// Words what is to be executed.
    pub(super) fn request(&self) -> ExecRequest {
        ExecRequest { args: self.command.clone(), ..ExecRequest::default() }
    }

    /// Leaves this check out: nobody could answer.
    pub(super) fn skip(&mut self) {
        self.next = Instant::now() + self.pause();
    }

    /// Begins a check with a program that was executed for it, or with why there is none.
    pub(super) fn begin(
        &mut self,
        program: Result<Program, StartFailure>,
        watch: &mut Watch,
        container: &Container,
        layout: &Layout,
    ) {
        let (begun, start) = (Instant::now(), Timestamp::now());
        self.under_way = Some(UnderWay { begun, start, is_late: false });
        match program {
            Ok(program) => watch.begin_probe(program, HealthHistory::OUTPUT),
            Err(failure) => self.end(-1, failure.message, container, layout),
        }
    }

    /// Goes on with a check that is under way; tells whether it ended. `is_leaving` says that the container was asked to end.
    pub(super) fn go_on(
        &mut self,
        watch: &mut Watch,
        container: &Container,
        layout: &Layout,
        is_leaving: bool,
    ) -> bool {
        let Some(under_way) = &mut self.under_way else { return false };
        let patience = self.check.patience();
        if let Some((exit, output, is_cut)) = watch.take_probe() {
            if is_leaving && !under_way.is_late && exit.signal == Some(libc::SIGKILL) {
                // The container's end was the check's, and says nothing about its health.
                self.under_way = None;
                self.skip();
                return true;
            }
            let text = text_of(&output, is_cut);
            let (code, output) = if under_way.is_late {
                (-1, late(patience, &text))
            } else {
                code_and_text(&exit, text)
            };
            self.end(code, output, container, layout);
            return true;
        }
        if !under_way.is_late && under_way.begun.elapsed() >= patience {
            under_way.is_late = true;
            watch.end_probe();
        }
        false
    }

    fn pause(&self) -> Duration {
        self.check.pause(self.health, self.begun.elapsed())
    }

    /// Writes down what came of a check.
    fn end(&mut self, code: i32, output: String, container: &Container, layout: &Layout) {
        let Some(UnderWay { begun, start, .. }) = self.under_way.take() else { return };
        let path = layout.health(container.id);
        if self.history.results.is_empty() {
            // What the last run left, as with Docker.
            let old = files::read_if_there(&path).ok().flatten();
            let old = old.and_then(|text| serde_json::from_slice::<HealthHistory>(&text).ok());
            self.history.results = old.unwrap_or_default().results;
        }
        let before = self.health;
        let result = HealthResult { start, end: Timestamp::now(), code, output };
        let running = begun.saturating_duration_since(self.begun);
        self.health = self.history.add(result, &self.check, before, running);
        self.next = Instant::now() + self.pause();
        if let Ok(text) = serde_json::to_vec(&self.history) {
            // On a full disk the file says what was found before.
            let fresh = path.with_extension("fresh");
            drop(files::write(&fresh, &text).and_then(|()| files::rename(&fresh, &path)));
        }
        if self.health != before && record(container, layout, self.health).is_err() {
            // The next check tries again.
            self.health = before;
        }
    }
}

/// Writes down how a container is, if it still runs.
fn record(container: &Container, layout: &Layout, health: Health) -> Result<(), StoreError> {
    let mut store = Store::open(layout.clone())?;
    store.write(|records| {
        let Some(recorded) = records.container(container.id)? else { return Ok(()) };
        let State::Running { started, paused, restarts, .. } = recorded.state else {
            return Ok(());
        };
        let state = State::Running { started, paused, restarts, health: Some(health) };
        records.set_state(container.id, &state)?;
        let occurrence = match health {
            Health::Healthy => Occurrence::Healthy,
            Health::Unhealthy => Occurrence::Unhealthy,
            Health::Starting => return Ok(()),
        };
        journal(records, &recorded, occurrence, None)
    })
}

/// Writes output as text; three dots follow what was cut off, as with Docker.
fn text_of(output: &[u8], is_cut: bool) -> String {
    let mut text = String::from_utf8_lossy(output).into_owned();
    if is_cut {
        text.push_str("...");
    }
    text
}

/// Docker's words.
fn late(patience: Duration, output: &str) -> String {
    let colon = if output.is_empty() { "" } else { ": " };
    format!("Health check exceeded timeout ({patience:?}){colon}{output}")
}

/// Puts why it is not known how a program ended in place of nothing.
fn code_and_text(exit: &Exit, text: String) -> (i32, String) {
    match &exit.error {
        Some(error) if text.is_empty() => (exit.code, error.clone()),
        _ => (exit.code, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_a_check_is_in_docker_s_words() {
        assert_eq!(text_of(b"ab\xff", false), "ab\u{fffd}");
        assert_eq!(text_of(b"ab", true), "ab...");
        let patience = Duration::from_secs(2);
        assert_eq!(late(patience, ""), "Health check exceeded timeout (2s)");
        assert_eq!(late(patience, "x"), "Health check exceeded timeout (2s): x");
    }
}
