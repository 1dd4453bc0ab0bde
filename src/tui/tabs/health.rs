//! Whether a container is well, and what happens when it ends.

use std::time::Duration;

use ratatui::style::Style;

use super::{Page, state_words};
use crate::{
    model::{Container, HealthCheck, HealthHistory, HealthResult, RestartPolicy, State, units},
    tui::{model::rough_age, panes::Tone, widgets::text::pad_left},
};

impl Page<'_> {
    /// Writes what is done when a container ends, how often that happened, and what checks found.
    pub(super) fn health_of(self, container: &Container) -> Self {
        let now = self.facts.now;
        let restarts = match (container.config.restart, container.state.restarts()) {
            (RestartPolicy::No, 0) => "no".to_owned(),
            (policy, 0) => format!("{policy}, not yet"),
            (policy, 1) => format!("{policy}, once so far"),
            (policy, times) => format!("{policy}, {times} times so far"),
        };
        let page = self.row("state", &state_words(container, now)).row("restarts", &restarts);
        let check = &container.config.health;
        let Some(command) = check.command() else {
            return page.row("check", "none");
        };
        let known = page.facts.checks.as_ref().filter(|(id, _)| *id == container.id);
        let history = known.map(|(_, history)| history.clone()).unwrap_or_default();
        let page = page
            .row("check", &command.join(" "))
            .row("", &rhythm(check))
            .row("failures", &failures(&container.state, check, &history))
            .blank();
        if history.results.is_empty() {
            return page.dim("no check has ended yet");
        }
        history.results.iter().rev().fold(page, Self::result)
    }

    fn result(self, result: &HealthResult) -> Self {
        let (glyph, word, tone) = match result.code {
            0 => ("✓", "well".to_owned(), Tone::Good),
            -1 => ("✗", "failed".to_owned(), Tone::Bad),
            code => ("✗", format!("exited {code}"), Tone::Bad),
        };
        let style = self.theme.tone(tone);
        let ago = format!("{} ago", rough_age(self.facts.now, result.start));
        let took: Duration = result.end.duration_since(result.start).try_into().unwrap_or_default();
        let page = self.spans([
            (format!("{glyph} {word:<11}"), style),
            (pad_left(&ago, 20), Style::new()),
            (format!("  took {} ms", took.as_millis()), Style::new()),
        ]);
        result.output.lines().fold(page, |page, line| page.dim(&format!("  {line}")))
    }
}

/// Says how often is asked, and how long an answer may take.
fn rhythm(check: &HealthCheck) -> String {
    let usual = check.pause(crate::model::Health::Healthy, Duration::MAX);
    let every = units::rough_span(usual);
    let patience = units::rough_span(check.patience());
    format!("every {every}, {patience} for an answer")
}

fn failures(state: &State, check: &HealthCheck, history: &HealthHistory) -> String {
    let counted = match state {
        State::Running { started, .. } if history.run != Some(*started) => 0,
        _ => history.failures,
    };
    format!("{counted} in a row; {} make it unhealthy", check.most_failures())
}
