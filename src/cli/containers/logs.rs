//! `logs`: what a container has written.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    cli::{arguments::LogOptions, output},
    engine::{Engine, LogLine, LogOptions as Wanted, Result, Stream},
};

/// How long `logs -f` waits before it asks whether the container still lives.
const PATIENCE: Duration = Duration::from_millis(200);
/// How much is collected before it is printed, if nothing is waited for.
const BATCH: usize = 64 << 10;

/// Prints the lines that are wanted, each on the stream that it was written to.
pub(super) fn run(engine: &Engine, options: &LogOptions) -> Result<u8> {
    let container = engine.container(&options.container)?;
    let now = Timestamp::now();
    let [since, until] =
        [options.since, options.until].map(|moment| moment.map(|moment| moment.seen_from(now)));
    let wanted = Wanted { tail: options.tail.0, since, until, follow: options.follow };
    let mut reader = engine.logs(container.id, wanted)?;
    let mut page = Page::default();
    while !reader.is_finished() {
        if let Some(line) = reader.next_line(Duration::ZERO)? {
            // One that is written without end never comes to the pause below.
            if page.add(&line, options) && !output::is_heard() {
                break;
            }
            continue;
        }
        page.print();
        if !output::is_heard() {
            break;
        }
        if let Some(line) = reader.next_line(PATIENCE)? {
            page.add(&line, options);
        }
    }
    page.print();
    Ok(0)
}

/// What is about to be printed.
#[derive(Debug, Default)]
struct Page {
    /// On one stream only, so that two streams that go to one terminal keep their order.
    bytes: Vec<u8>,
    is_stderr: bool,
    /// Whether the last piece on standard output, and on standard error, did not end its line.
    is_open: [bool; 2],
}

impl Page {
    /// Adds a line; tells whether what was there before had to be printed first.
    fn add(&mut self, line: &LogLine, options: &LogOptions) -> bool {
        let is_stderr = line.stream == Stream::Stderr;
        let is_full = self.is_stderr != is_stderr || self.bytes.len() > BATCH;
        if is_full {
            self.print();
            self.is_stderr = is_stderr;
        }
        let is_open = &mut self.is_open[usize::from(is_stderr)];
        if !*is_open && options.timestamps {
            self.bytes.extend(format!("{:.9} ", line.time).into_bytes());
        }
        if !*is_open && options.details {
            // Docker puts attributes here, of which there are none, and this after them.
            self.bytes.push(b' ');
        }
        *is_open = !line.bytes.ends_with(b"\n");
        self.bytes.extend_from_slice(&line.bytes);
        is_full
    }

    fn print(&mut self) {
        if self.is_stderr {
            output::error_bytes(&self.bytes);
        } else {
            output::bytes(&self.bytes);
        }
        self.bytes.clear();
    }
}
