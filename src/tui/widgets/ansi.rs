//! From what a program wrote to a line that can be shown: colours hold, everything else that a terminal would obey is written out.

use ansi_to_tui::IntoText;
use ratatui::style::{Modifier, Style};

use super::{
    styled::Styled,
    text::{sanitize, width},
};

/// The columns between two tabulator stops.
const TAB: usize = 8;
/// What a program must not do to text that is to be read.
const UNREADABLE: Modifier =
    Modifier::HIDDEN.union(Modifier::SLOW_BLINK).union(Modifier::RAPID_BLINK);

/// Makes a line, without what ends it.
pub(super) fn line(written: &str) -> Styled {
    let mut styled = Styled::default();
    let mut column = 0;
    let harmless = split(written)
        .map(|piece| match piece {
            Piece::Text(text) => expand(text, &mut column),
            Piece::Colours(sequence) => sequence.to_owned(),
        })
        .collect::<String>();
    match harmless.into_text() {
        Ok(text) => {
            for span in text.lines.iter().flat_map(|line| &line.spans) {
                styled.push(&span.content, readable(span.style));
            }
        }
        Err(_not_understood) => styled.push(&sanitize(&harmless), Style::new()),
    }
    styled
}

/// Sees to it that text can be told from what is behind it.
fn readable(style: Style) -> Style {
    let style = Style {
        add_modifier: style.add_modifier.difference(UNREADABLE),
        sub_modifier: Modifier::empty(),
        ..style
    };
    if style.fg.is_some() && style.fg == style.bg { Style { bg: None, ..style } } else { style }
}

/// Makes text harmless, with tabulators as blanks.
fn expand(text: &str, column: &mut usize) -> String {
    let mut clean = String::with_capacity(text.len());
    for (place, part) in text.split('\t').enumerate() {
        if place > 0 {
            let blanks = TAB - *column % TAB;
            clean.extend(std::iter::repeat_n(' ', blanks));
            *column += blanks;
        }
        let part = sanitize(part);
        *column += width(&part);
        clean.push_str(&part);
    }
    clean
}

/// A part of what a program wrote.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    /// A whole sequence that sets colours and the like (ECMA-48, SGR).
    Colours(&'a str),
}

/// Tells text and colours apart; every other sequence counts as text.
fn split(written: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = written;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let colours = sequence_length(rest);
        let length = colours.unwrap_or_else(|| text_length(rest));
        let (now, later) = rest.split_at_checked(length)?;
        rest = later;
        Some(if colours.is_some() { Piece::Colours(now) } else { Piece::Text(now) })
    })
}

/// Gives the bytes of the colour sequence that a text begins with.
fn sequence_length(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let length = parameters.find(|c: char| !c.is_ascii_digit() && c != ';' && c != ':')?;
    parameters.get(length..)?.starts_with('m').then_some(length + 3)
}

/// Gives the bytes up to the next colour sequence, at least one character.
fn text_length(text: &str) -> usize {
    let escapes = text.match_indices('\u{1b}').map(|(at, _)| at).filter(|at| *at > 0);
    let mut starts =
        escapes.filter(|at| text.get(*at..).is_some_and(|rest| sequence_length(rest).is_some()));
    starts.next().unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::{buffer::Buffer, layout::Rect, style::Color};

    use super::*;
    use crate::tui::theme::Theme;

    #[test]
    fn only_colours_are_obeyed() {
        for (written, shown) in [
            ("plain", "plain"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}[1;38;5;9mx\u{1b}[m", "x"),
            ("\u{1b}[38:2:1:2:3mx", "x"),
            ("\u{1b}[2Jgone", "^[[2Jgone"),
            ("\u{1b}[31", "^[[31"),
            ("\u{1b}]0;title\u{7}", "^[]0;title^G"),
            ("50%\r100%", "50%^M100%"),
            ("a\tb", "a       b"),
            ("\u{1b}[32m1234567\u{1b}[0m\tb", "1234567 b"),
            ("\u{202e}x", "\\u{202e}x"),
            ("\u{1b}\u{1b}[31mx", "^[x"),
        ] {
            assert_eq!(line(written).text(), shown, "{written:?}");
        }
    }

    #[test]
    fn colours_are_where_they_were_put_and_hide_nothing() {
        let styled = line("a\u{1b}[31mb\u{1b}[8;5mc\u{1b}[0md\u{1b}[30;40me");
        let mut buffer = Buffer::empty(Rect::new(0, 0, 5, 1));
        let area = buffer.area;
        for (colour, red) in [(true, Color::Red), (false, Color::Reset)] {
            let theme = Theme::new(colour, false);
            styled.draw(&mut buffer, area, &(0..5), (&[], &theme));
            let of = |x: u16| (buffer[(x, 0)].fg, buffer[(x, 0)].modifier);
            assert_eq!(of(0), (Color::Reset, Modifier::empty()));
            assert_eq!(of(1), (red, Modifier::empty()));
            assert_eq!(of(2), (red, Modifier::empty()));
            assert_eq!(of(3), (Color::Reset, Modifier::empty()));
            assert_eq!(buffer[(4, 0)].bg, Color::Reset);
            buffer.reset();
        }
    }

    proptest! {
        #[test]
        fn nothing_else_reaches_the_terminal(
            written in "(\u{1b}\\[[0-9;:]{0,6}[mKJ]|\u{1b}|[a-z日\t\r\u{9b}]|.){0,30}",
        ) {
            let styled = line(&written);
            prop_assert!(!styled.text().contains(char::is_control), "{:?}", styled.text());
        }
    }
}
