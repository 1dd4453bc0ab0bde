//! Flags that say where what a container writes is kept.

use clap::Args;

use crate::model::{LogConfig, LogDriver};

/// Where what it writes is kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "Log")]
pub(super) struct LoggingOptions {
    /// What keeps what it writes: json-file as Docker's, local which is smaller and faster to search, none
    #[arg(long, value_name = "DRIVER", default_value = "", hide_default_value = true)]
    log_driver: LogDriver,
    /// Begin a new file at max-size=SIZE, and keep max-file=NUMBER of them
    #[arg(long = "log-opt", value_name = "KEY=VALUE", value_parser = parse_option)]
    log_options: Vec<(String, String)>,
}

impl LoggingOptions {
    /// Puts together what the flags ask for.
    pub(super) fn into_config(self) -> LogConfig {
        LogConfig { driver: self.log_driver, options: self.log_options.into_iter().collect() }
    }
}

fn parse_option(text: &str) -> Result<(String, String), String> {
    match text.split_once('=').unwrap_or((text, "")) {
        ("", _) => Err("write KEY=VALUE, like max-size=10m".to_owned()),
        (key, value) => Ok((key.to_owned(), value.to_owned())),
    }
}
