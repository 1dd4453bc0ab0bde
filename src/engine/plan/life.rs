//! What of restarts and health contradicts itself or makes no sense, in Docker's words (docker/cli, `parse`; moby, `validateHealthCheck`).

use std::time::Duration;

use super::{Result, invalid};
use crate::model::{Container, CreateContainer, HealthCheck, RestartPolicy};

/// The shortest span that a check may be given.
const SHORTEST: Duration = Duration::from_millis(1);

/// Refuses contradictions.
pub(super) fn check(request: &CreateContainer) -> Result<()> {
    if request.auto_remove && request.restart != RestartPolicy::No {
        return Err(invalid("conflicting options: cannot specify both --restart and --rm"));
    }
    let health = &request.health;
    let asks = HealthCheck { test: Vec::new(), ..health.clone() };
    if health.test.first().is_some_and(|kind| kind == HealthCheck::NONE) && !asks.is_default() {
        return Err(invalid("--no-healthcheck conflicts with --health-* options"));
    }
    for (what, span) in [
        ("Interval", health.interval),
        ("Timeout", health.timeout),
        ("StartPeriod", health.start_period),
        ("StartInterval", health.start_interval),
    ] {
        if !span.is_zero() && span < SHORTEST {
            return Err(invalid(format!("{what} in Healthcheck cannot be less than 1ms")));
        }
    }
    Ok(())
}

/// Refuses a policy for a container that removes itself, in Docker's words.
pub(in crate::engine) fn check_update(container: &Container, policy: RestartPolicy) -> Result<()> {
    if container.config.auto_remove && policy != RestartPolicy::No {
        return Err(invalid(format!(
            "restart policy of container {} cannot be updated because AutoRemove is enabled for it",
            container.name
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions_are_refused() {
        let health = |health| CreateContainer { health, ..CreateContainer::default() };
        let none = || vec![HealthCheck::NONE.to_owned()];
        let (short, second) = (Duration::from_nanos(999_999), Duration::from_secs(1));
        for (request, word) in [
            (
                CreateContainer {
                    auto_remove: true,
                    restart: RestartPolicy::Always,
                    ..CreateContainer::default()
                },
                "--restart and --rm",
            ),
            (
                health(HealthCheck { test: none(), retries: 3, ..HealthCheck::default() }),
                "--no-healthcheck",
            ),
            (health(HealthCheck { interval: short, ..HealthCheck::default() }), "Interval"),
            (health(HealthCheck { timeout: short, ..HealthCheck::default() }), "Timeout"),
            (health(HealthCheck { start_period: short, ..HealthCheck::default() }), "StartPeriod"),
        ] {
            let refusal = check(&request).unwrap_err().to_string();
            assert!(refusal.contains(word), "{refusal}");
        }
        assert!(check(&health(HealthCheck { test: none(), ..HealthCheck::default() })).is_ok());
        assert!(check(&health(HealthCheck { interval: second, ..HealthCheck::default() })).is_ok());
        let removed = CreateContainer { auto_remove: true, ..CreateContainer::default() };
        assert!(check(&removed).is_ok());
    }
}
