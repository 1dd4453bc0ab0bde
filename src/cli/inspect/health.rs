//! Health, in the words of Docker's `State.Health` and `Config.Healthcheck`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::model::{Container, Health, HealthCheck, HealthHistory, State};

/// Adds what checks found to a state; `null` where there are none, for templates that ask.
pub(super) fn with_health(
    mut state: Value,
    container: &Container,
    history: &HealthHistory,
) -> Value {
    let is_checked = container.config.health.command().is_some();
    let health = if is_checked { of_history(&container.state, history) } else { Value::Null };
    if let Some(fields) = state.as_object_mut() {
        fields.insert("Health".to_owned(), health);
    }
    state
}

fn of_history(state: &State, history: &HealthHistory) -> Value {
    let is_of_this_run = match state {
        State::Running { started, .. } => history.run == Some(*started),
        _ => true,
    };
    // As with Docker, what does not run is not well.
    let health = state.health().unwrap_or(Health::Unhealthy);
    json!({
        "Status": health.word(),
        "FailingStreak": if is_of_this_run { history.failures } else { 0 },
        "Log": history.results.iter().map(|result| json!({
            "Start": result.start.to_string(),
            "End": result.end.to_string(),
            "ExitCode": result.code,
            "Output": result.output,
        })).collect::<Vec<_>>(),
    })
}

/// Gives a check; `null` when nothing is said. Spans are nanoseconds.
pub(super) fn of_check(check: &HealthCheck) -> Value {
    if check.is_default() {
        return Value::Null;
    }
    let span = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    json!({
        "Test": check.test,
        "Interval": span(check.interval),
        "Timeout": span(check.timeout),
        "StartPeriod": span(check.start_period),
        "StartInterval": span(check.start_interval),
        "Retries": check.retries,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn failures_of_an_earlier_run_do_not_count() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let history = HealthHistory { run: Some(at(1)), failures: 3, results: Vec::new() };
        let running = |second, health| State::Running {
            started: at(second),
            paused: false,
            restarts: 0,
            health: Some(health),
        };
        for (state, status, failures) in [
            (running(1, Health::Healthy), "healthy", 3),
            (running(2, Health::Starting), "starting", 0),
            (State::exited(None, at(3), crate::model::Exit::default()), "unhealthy", 3),
        ] {
            let value = of_history(&state, &history);
            assert_eq!(
                (&value["Status"], &value["FailingStreak"]),
                (&json!(status), &json!(failures))
            );
        }
    }
}
