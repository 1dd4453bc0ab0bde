//! A text that is scrolled and searched; long lines go on in the next row.

use std::ops::Range;

use ratatui::{buffer::Buffer, layout::Rect, text::Line};

use super::{
    Step,
    styled::Styled,
    viewport::{Lines, Viewport, scrollbar},
};
use crate::tui::theme::Theme;

/// The columns of the bar at the right, and the blank before it.
const BAR: u16 = 2;

/// The text and where the user is in it.
#[derive(Debug, Default)]
pub(crate) struct TextView {
    written: Vec<Line<'static>>,
    page: Page,
    viewport: Viewport,
}

#[derive(Debug, Default)]
struct Page(Vec<Styled>);

impl Lines for Page {
    fn numbers(&self) -> Range<u64> {
        0..self.0.len() as u64
    }

    fn line(&self, number: u64) -> Option<&Styled> {
        self.0.get(usize::try_from(number).ok()?)
    }
}

impl TextView {
    /// Shows a text from its beginning.
    pub(crate) fn new(lines: Vec<Line<'static>>) -> Self {
        let mut view = Self::default();
        view.set_lines(lines);
        view
    }

    /// Shows a newer form of the text where the user is; tells whether it differs.
    pub(crate) fn set_lines(&mut self, lines: Vec<Line<'static>>) -> bool {
        let differs = self.written != lines;
        if differs {
            self.page = Page(lines.iter().map(Styled::from).collect());
            self.written = lines;
            self.viewport.settle(&self.page);
        }
        differs
    }

    /// Scrolls.
    pub(crate) fn scroll(&mut self, step: Step) {
        self.viewport.scroll(&self.page, step);
    }

    /// Highlights what is searched for, and goes to the first match from here on; `None` ends the search.
    pub(crate) fn search(&mut self, typed: Option<&str>) {
        self.viewport.search(typed);
        self.viewport.next_match(&self.page, true);
    }

    /// Goes to the next match, or with [`Step::Prev`] to the previous one, round the ends.
    pub(crate) fn next_match(&mut self, direction: Step) {
        self.viewport.next_match(&self.page, direction != Step::Prev);
    }

    /// Gives all lines, as plain text.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.page.0.iter().map(|line| line.text().to_owned()).collect()
    }

    /// Tells whether something is searched for and not there.
    pub(crate) const fn is_lost(&self) -> bool {
        self.viewport.is_lost()
    }

    /// Draws what is seen of it, with a bar at the right if that is not all.
    pub(crate) fn render(&mut self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        let height = usize::from(area.height);
        self.viewport.height = height;
        self.viewport.columns = usize::from(area.width);
        let mut rows = area;
        let is_all =
            self.viewport.settle(&self.page) && self.viewport.top == Viewport::default().top;
        if !is_all {
            rows.width -= BAR.min(rows.width / 4).max(1);
            self.viewport.columns = usize::from(rows.width);
            self.viewport.settle(&self.page);
        }
        let seen = self.viewport.rows(&self.page, height);
        for (row, y) in seen.iter().zip(rows.y..) {
            self.viewport.draw(buffer, Rect { y, height: 1, ..rows }, row, theme);
        }
        if !is_all {
            let rows_of = |line: &Styled| line.rows(self.viewport.columns);
            let top = self.viewport.top;
            let above = usize::try_from(top.line).unwrap_or(usize::MAX);
            let first = self.page.0.iter().take(above).map(rows_of).sum::<usize>() + top.row;
            let total = self.page.0.iter().map(rows_of).sum();
            scrollbar(buffer, area, (first, height, total), theme);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::widgets::testing::{SIZES, drawn, highlighted};

    fn view(count: usize) -> TextView {
        TextView::new((0..count).map(|n| Line::from(format!("line {n}"))).collect())
    }

    fn shown(view: &mut TextView, size: (u16, u16)) -> Vec<String> {
        drawn(size, |area, buffer, theme| view.render(area, buffer, theme))
    }

    #[test]
    fn scrolling_stops_at_the_ends() {
        let mut view = view(10);
        shown(&mut view, (10, 4));
        for (step, first) in [
            (Step::Prev, 0),
            (Step::Next, 1),
            (Step::HalfPage(1), 3),
            (Step::Page(1), 6),
            (Step::Next, 6),
            (Step::HalfPage(-1), 4),
            (Step::Top, 0),
            (Step::Bottom, 6),
            (Step::By(-100), 0),
            (Step::By(2), 2),
        ] {
            view.scroll(step);
            let rows = shown(&mut view, (10, 4));
            assert!(rows[0].starts_with(&format!("line {first}")), "{step:?}: {rows:?}");
        }
    }

    #[test]
    fn a_bar_says_where_one_is() {
        let mut view = view(8);
        let bar = |rows: &[String]| -> Vec<usize> {
            (0..rows.len()).filter(|y| rows[*y].ends_with('█')).collect()
        };
        assert_eq!(bar(&shown(&mut view, (10, 4))), [0, 1]);
        view.scroll(Step::Next);
        assert_eq!(bar(&shown(&mut view, (10, 4))), [1, 2]);
        view.scroll(Step::Bottom);
        assert_eq!(bar(&shown(&mut view, (10, 4))), [2, 3]);
        assert!(bar(&shown(&mut view, (10, 8))).is_empty());
    }

    #[test]
    fn a_newer_form_is_shown_at_the_same_place() {
        let mut view = view(20);
        shown(&mut view, (10, 4));
        view.scroll(Step::By(7));
        assert!(!view.set_lines((0..20).map(|n| Line::from(format!("line {n}"))).collect()));
        assert!(view.set_lines((0..20).map(|n| Line::from(format!("new {n}"))).collect()));
        assert!(shown(&mut view, (10, 4))[0].starts_with("new 7"));
        assert!(view.set_lines(vec![Line::from("short")]));
        assert_eq!(shown(&mut view, (10, 4))[0], "short");
    }

    #[test]
    fn long_lines_go_on_below() {
        let text = "key          a long value that does not fit";
        let mut view = TextView::new(vec![Line::from(text), Line::from("next")]);
        assert_eq!(
            shown(&mut view, (20, 4)),
            ["key          a long", "value that does not", "fit", "next"]
        );
    }

    #[test]
    fn matches_are_gone_to_round_the_ends() {
        let mut view = view(30);
        shown(&mut view, (20, 5));
        view.search(Some("LINE 2"));
        assert!(view.is_lost());
        view.search(Some("line 2"));
        assert!(!view.is_lost());
        for expected in ["line 2", "line 20", "line 21"] {
            let (rows, at) = highlighted((20, 5), |a, b, t| view.render(a, b, t));
            assert!(rows[at].starts_with(expected), "{expected}: {rows:?}");
            view.next_match(Step::Next);
        }
        view.next_match(Step::Prev);
        view.next_match(Step::Prev);
        view.next_match(Step::Prev);
        view.next_match(Step::Prev);
        let (rows, at) = highlighted((20, 5), |a, b, t| view.render(a, b, t));
        assert!(rows[at].starts_with("line 29"), "{rows:?}");
        view.search(None);
        assert!(!view.is_lost());
    }

    #[test]
    fn no_size_panics() {
        for size in SIZES {
            for step in [Step::Bottom, Step::Prev, Step::HalfPage(-1), Step::Top] {
                let lines =
                    ["", "x", "日本語 is long enough to be broken", "👩\u{200d}🚀👩\u{200d}🚀"];
                let mut view = TextView::new(lines.map(Line::from).to_vec());
                view.search(Some("i"));
                shown(&mut view, size);
                view.scroll(step);
                view.next_match(Step::Next);
                shown(&mut view, size);
            }
            shown(&mut TextView::default(), size);
        }
    }
}
