//! Flags that say how it is found out whether a container is well.

use std::time::Duration;

use clap::Args;

use super::super::values::parse_span;
use crate::model::HealthCheck;

/// What is asked, and how often. What is not said comes from the image.
#[derive(Debug, Args)]
#[command(next_help_heading = "Health")]
pub(super) struct HealthOptions {
    /// Run this line inside: it is well if that ends with 0
    #[arg(long = "health-cmd", value_name = "LINE")]
    line: Option<String>,
    /// From one check to the next; 30s if nobody says
    #[arg(long = "health-interval", value_name = "SPAN", value_parser = parse_span)]
    interval: Option<Duration>,
    /// How long a check may take; 30s if nobody says
    #[arg(long = "health-timeout", value_name = "SPAN", value_parser = parse_span)]
    timeout: Option<Duration>,
    /// So many failures in a row make it unhealthy; 3 if nobody says
    #[arg(long = "health-retries", value_name = "NUMBER", value_parser = clap::value_parser!(u32))]
    retries: Option<u32>,
    /// For so long after the start a failure does not count
    #[arg(long = "health-start-period", value_name = "SPAN", value_parser = parse_span)]
    start_period: Option<Duration>,
    /// From one check to the next in that time; 5s if nobody says
    #[arg(long = "health-start-interval", value_name = "SPAN", value_parser = parse_span)]
    start_interval: Option<Duration>,
    /// Do not ask, whatever the image says
    #[arg(long = "no-healthcheck", conflicts_with_all = ["line", "interval", "timeout", "retries", "start_period", "start_interval"])]
    none: bool,
}

impl HealthOptions {
    /// Gives what is asked for.
    pub(super) fn into_check(self) -> HealthCheck {
        let test = match (self.none, self.line) {
            (true, _) => vec![HealthCheck::NONE.to_owned()],
            (false, Some(line)) if !line.is_empty() => vec!["CMD-SHELL".to_owned(), line],
            (false, _) => Vec::new(),
        };
        HealthCheck {
            test,
            interval: self.interval.unwrap_or_default(),
            timeout: self.timeout.unwrap_or_default(),
            start_period: self.start_period.unwrap_or_default(),
            start_interval: self.start_interval.unwrap_or_default(),
            retries: self.retries.unwrap_or_default(),
        }
    }
}
