//! What a container writes: bounded, followed to its end or read where one is, searched; colours and nothing else is obeyed.

use std::{collections::VecDeque, ops::Range};

use jiff::tz::TimeZone;
use ratatui::{buffer::Buffer, layout::Rect};

use super::{
    Step, ansi,
    styled::Styled,
    text::{fit, width},
    viewport::{Lines, Row, Viewport},
};
use crate::{
    engine::{LogLine, Stream},
    model::Timestamp,
    tui::theme::Theme,
};

/// The most bytes of a line that are kept.
const LINE: usize = 8 << 10;
/// The columns of the time and the blank after it.
const TIME: u16 = 9;
/// The columns of the mark of the stream and the blank after it.
const MARK: u16 = 2;
/// The columns from which lines have their time before them.
const WIDE: u16 = 40;

/// The last lines of a log, and where the user is in them.
#[derive(Debug)]
pub(crate) struct LogView {
    page: Page,
    cap: usize,
    zone: TimeZone,
    is_following: bool,
    viewport: Viewport,
    /// The bytes of the last line while its end has not come.
    open: Option<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Page {
    lines: VecDeque<Kept>,
    /// The number of the first line; it grows as lines fall out.
    first: u64,
}

#[derive(Debug)]
struct Kept {
    time: Timestamp,
    stream: Stream,
    line: Styled,
}

impl Page {
    fn kept(&self, number: u64) -> Option<&Kept> {
        let place = number.checked_sub(self.first)?;
        self.lines.get(usize::try_from(place).ok()?)
    }
}

impl Lines for Page {
    fn numbers(&self) -> Range<u64> {
        self.first..self.first + self.lines.len() as u64
    }

    fn line(&self, number: u64) -> Option<&Styled> {
        self.kept(number).map(|kept| &kept.line)
    }
}

impl LogView {
    /// Makes an empty one that keeps at most `cap` lines; times are shown in UTC.
    pub(crate) fn new(cap: usize) -> Self {
        Self {
            page: Page::default(),
            cap: cap.max(1),
            zone: TimeZone::UTC,
            is_following: true,
            viewport: Viewport::default(),
            open: None,
        }
    }

    /// Shows times in this zone.
    pub(crate) fn show_times_in(&mut self, zone: TimeZone) {
        self.zone = zone;
    }

    /// Adds a line, or a further piece of the last one, and lets the oldest go where there are too many.
    pub(crate) fn push(&mut self, line: &LogLine) {
        let is_further = self.page.lines.back().is_some_and(|last| last.stream == line.stream);
        let begun = self.open.take().filter(|_| is_further);
        let (mut bytes, time) = match (begun, self.page.lines.back()) {
            (Some(begun), Some(last)) => (begun, last.time),
            _ => (Vec::new(), line.time),
        };
        if !bytes.is_empty() {
            self.page.lines.pop_back();
        }
        // One byte more than is kept tells that there was more.
        let free = (LINE + 1).saturating_sub(bytes.len());
        let (ends, piece) = match line.bytes.strip_suffix(b"\n") {
            Some(piece) => (true, piece.strip_suffix(b"\r").unwrap_or(piece)),
            None => (false, line.bytes.as_slice()),
        };
        bytes.extend(piece.iter().take(free));
        let shown = ansi::line(&readable(&bytes));
        self.viewport.came(&shown);
        self.page.lines.push_back(Kept { time, stream: line.stream, line: shown });
        if self.page.lines.len() > self.cap {
            self.page.lines.pop_front();
            self.page.first += 1;
        }
        self.open = (!ends && !bytes.is_empty()).then_some(bytes);
    }

    /// Forgets all lines, and follows what comes.
    pub(crate) fn clear(&mut self) {
        self.page = Page::default();
        self.viewport.top = self.viewport.last_top(&self.page);
        self.is_following = true;
        self.open = None;
    }

    /// Scrolls; scrolling up ends the following, arriving at the end resumes it.
    pub(crate) fn scroll(&mut self, step: Step) {
        self.catch_up();
        self.is_following = self.viewport.scroll(&self.page, step);
    }

    /// Highlights what is searched for, and goes to a match: the last one while following, else the next; `None` ends the search.
    pub(crate) fn search(&mut self, typed: Option<&str>) {
        self.viewport.search(typed);
        if typed.is_some() {
            self.go_to_match(!self.is_following);
        }
    }

    /// Goes to the next match, or with [`Step::Prev`] to the previous one, round the ends.
    pub(crate) fn next_match(&mut self, direction: Step) {
        self.go_to_match(direction != Step::Prev);
    }

    fn go_to_match(&mut self, is_forwards: bool) {
        self.catch_up();
        self.viewport.next_match(&self.page, is_forwards);
        self.is_following = self.viewport.settle(&self.page);
    }

    /// Gives all lines that are kept, as plain text.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.page.lines.iter().map(|kept| kept.line.text().to_owned()).collect()
    }

    /// Tells whether something is searched for and not there.
    pub(crate) const fn is_lost(&self) -> bool {
        self.viewport.is_lost()
    }

    /// Puts the top where it has to be for the lines that there are now.
    fn catch_up(&mut self) {
        if self.is_following {
            self.viewport.top = self.viewport.last_top(&self.page);
        }
    }

    /// Draws what is seen of it. While it does not follow, the last row says how much is below and that `bottom_key` follows.
    pub(crate) fn render(
        &mut self,
        area: Rect,
        buffer: &mut Buffer,
        theme: &Theme,
        bottom_key: &str,
    ) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let gutter = match area.width {
            WIDE.. => TIME + MARK,
            8.. => MARK,
            _ => 0,
        };
        self.viewport.columns = usize::from(area.width - gutter);
        self.viewport.height = usize::from(area.height);
        self.catch_up();
        self.is_following = self.viewport.settle(&self.page);
        let has_notice = !self.is_following && area.height > 1;
        let rows = area.height - u16::from(has_notice);
        let seen = self.viewport.rows(&self.page, usize::from(rows));
        for (row, y) in seen.iter().zip(area.y..) {
            self.draw_gutter(buffer, Rect { y, height: 1, width: gutter, ..area }, row, theme);
            let text = Rect::new(area.x + gutter, y, area.width - gutter, 1);
            self.viewport.draw(buffer, text, row, theme);
        }
        if has_notice {
            let last = seen.last().map_or(0, |(line, ..)| *line);
            let more = self.page.numbers().end.saturating_sub(last + 1);
            let text = notice(more, bottom_key, usize::from(area.width));
            let room = usize::from(area.width);
            buffer.set_stringn(area.x, area.bottom() - 1, text, room, theme.accent);
        }
    }

    /// Draws time and stream before a line's first row, the stream before every row.
    fn draw_gutter(&self, buffer: &mut Buffer, area: Rect, row: &Row<'_>, theme: &Theme) {
        let (number, _, place, _) = row;
        let Some(kept) = self.page.kept(*number).filter(|_| area.width >= MARK) else {
            return;
        };
        if area.width >= TIME + MARK && *place == 0 {
            let time = self.zone.to_datetime(kept.time).strftime("%H:%M:%S").to_string();
            buffer.set_stringn(area.x, area.y, time, usize::from(TIME), theme.dim);
        }
        let (mark, style) = match kept.stream {
            Stream::Stdout => ("│", theme.dim),
            Stream::Stderr => ("!", theme.bad),
        };
        buffer.set_stringn(area.right() - MARK, area.y, mark, 1, style);
    }
}

/// Reads a line as text, cut to what is kept.
fn readable(bytes: &[u8]) -> String {
    match bytes.get(..LINE) {
        Some(kept) if bytes.len() > LINE => {
            // A character that was cut in two is left out.
            let text = String::from_utf8_lossy(kept);
            format!("{}…", text.trim_end_matches('\u{fffd}'))
        }
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Says that the end is not shown, over a whole row.
fn notice(more: u64, bottom_key: &str, columns: usize) -> String {
    let lines = match more {
        0 => "more".to_owned(),
        1 => "1 more line".to_owned(),
        many => format!("{many} more lines"),
    };
    let key = match bottom_key {
        "" => String::new(),
        key => format!(", {key} follows"),
    };
    let text = fit(&format!("── {lines}{key} "), columns);
    let rest = columns.saturating_sub(width(&text));
    text + &"─".repeat(rest)
}

#[cfg(test)]
mod tests;
