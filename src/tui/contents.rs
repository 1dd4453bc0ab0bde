//! The contents of a file as lines: text with its parts set apart, anything else as hexadecimal numbers. Nothing in it is obeyed.

use std::fmt::Write as _;

use ratatui::{
    style::Style,
    text::{Line, Span},
};

use super::{theme::Theme, widgets::text::sanitize};

/// How many bytes tell text from other things.
const TOLD_BY: usize = 8192;
/// The most characters of a line of text.
const LONGEST: usize = 4096;
/// The columns from one tab stop to the next.
const TAB: usize = 8;

/// Words that many languages of scripts and settings give a meaning to.
const WORDS: [&str; 42] = [
    "if", "then", "else", "elif", "fi", "for", "in", "do", "done", "while", "case", "esac",
    "function", "return", "export", "local", "exit", "set", "def", "class", "import", "from",
    "try", "except", "with", "fn", "let", "mut", "pub", "use", "struct", "enum", "match", "const",
    "static", "void", "int", "char", "true", "false", "null", "None",
];

/// Writes bytes as lines.
pub(crate) fn lines(bytes: &[u8], theme: &Theme) -> Vec<Line<'static>> {
    if bytes.is_empty() {
        return vec![Line::styled("it is empty", theme.dim)];
    }
    let head = bytes.get(..TOLD_BY).unwrap_or(bytes);
    if is_text(head) {
        let text = String::from_utf8_lossy(bytes);
        text.lines().map(|line| text_line(line, theme)).collect()
    } else {
        bytes.chunks(16).enumerate().map(|(row, bytes)| hex_line(row * 16, bytes, theme)).collect()
    }
}

/// Tells whether bytes are text: no zero, and UTF-8 but for a character that is cut at the end.
fn is_text(head: &[u8]) -> bool {
    !head.contains(&0)
        && match std::str::from_utf8(head) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none(),
        }
}

/// Writes sixteen bytes: where they are, their numbers, and what of them is ASCII.
fn hex_line(at: usize, bytes: &[u8], theme: &Theme) -> Line<'static> {
    let mut numbers = String::with_capacity(50);
    for place in 0..16 {
        if place == 8 {
            numbers.push(' ');
        }
        match bytes.get(place) {
            Some(byte) => {
                let _infallible = write!(numbers, "{byte:02x} ");
            }
            None => numbers.push_str("   "),
        }
    }
    let letters = bytes.iter().map(|byte| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => '.',
    });
    Line::from(vec![
        Span::styled(format!("{at:08x}  "), theme.dim),
        Span::styled(numbers, theme.text),
        Span::styled(format!(" {}", letters.collect::<String>()), theme.good),
    ])
}

/// Writes a line of text, with comments, strings, numbers, names of settings and well-known words set apart.
fn text_line(line: &str, theme: &Theme) -> Line<'static> {
    let line = spread(line);
    let trimmed = line.trim_start();
    let is_comment =
        ["#", "//", ";", "--", "/*", "* "].iter().any(|mark| trimmed.starts_with(mark));
    if is_comment {
        return whole(&line, theme.dim);
    }
    if trimmed.starts_with('[') && trimmed.trim_end().ends_with(']') {
        return whole(&line, theme.accent);
    }
    let mut spans = Vec::new();
    let mut rest = line.as_str();
    if let Some(end) = name_end(rest) {
        let (name, value) = rest.split_at(end);
        push(&mut spans, name, theme.accent);
        rest = value;
    }
    while !rest.is_empty() {
        let (piece, style) = piece(rest, theme);
        push(&mut spans, piece, style);
        rest = rest.get(piece.len()..).unwrap_or_default();
    }
    Line::from(spans)
}

fn whole(line: &str, style: Style) -> Line<'static> {
    Line::styled(sanitize(line).into_owned(), style)
}

fn push(spans: &mut Vec<Span<'static>>, text: &str, style: Style) {
    let text = sanitize(text);
    match spans.last_mut() {
        Some(last) if last.style == style => last.content.to_mut().push_str(&text),
        _ => spans.push(Span::styled(text.into_owned(), style)),
    }
}

/// Puts blanks in the place of tabs, and leaves out what no screen is wide enough for.
fn spread(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for (count, character) in line.chars().enumerate() {
        if count >= LONGEST {
            text.push('…');
            break;
        }
        if character == '\t' {
            let stop = TAB - text.chars().count() % TAB;
            text.extend(std::iter::repeat_n(' ', stop));
        } else {
            text.push(character);
        }
    }
    text
}

/// Gives where the name of a setting ends: `name = value`, `name: value`.
fn name_end(line: &str) -> Option<usize> {
    let end = line.find(['=', ':'])?;
    let name = line.get(..end)?.trim();
    let is_name = !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '"'));
    let follows = line.get(end + 1..).and_then(|rest| rest.chars().next());
    let is_setting = line.get(end..=end) == Some("=") || follows.is_none_or(char::is_whitespace);
    (is_name && is_setting).then_some(end)
}

/// Gives the next piece of a line and how it looks.
fn piece<'a>(rest: &'a str, theme: &Theme) -> (&'a str, Style) {
    let first = rest.chars().next().unwrap_or(' ');
    let while_is = |is: fn(char) -> bool| {
        let end = rest.find(|c| !is(c)).unwrap_or(rest.len());
        rest.get(..end).unwrap_or(rest)
    };
    if matches!(first, '"' | '\'') {
        let close = rest.char_indices().skip(1).find(|(_, c)| *c == first);
        if let Some((close, _)) = close {
            return (rest.get(..=close).unwrap_or(rest), theme.good);
        }
    }
    if first.is_ascii_digit() {
        return (while_is(|c| c.is_ascii_alphanumeric() || c == '.'), theme.warn);
    }
    if first.is_alphabetic() || first == '_' {
        // An apostrophe in a word begins no string.
        let word = while_is(|c| c.is_alphanumeric() || matches!(c, '_' | '\''));
        let style = if WORDS.contains(&word) { theme.accent } else { theme.text };
        return (word, style);
    }
    (rest.get(..first.len_utf8()).unwrap_or(rest), theme.text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(lines: &[Line<'_>]) -> Vec<String> {
        let text = |line: &Line<'_>| line.spans.iter().map(|span| span.content.as_ref()).collect();
        lines.iter().map(text).collect()
    }

    fn theme() -> Theme {
        Theme::new(true, false)
    }

    #[test]
    fn bytes_that_are_no_text_are_numbers() {
        let shown = plain(&lines(b"\x7fELF\0\x01\x02\x1b[31m/bin/sh\xff", &theme()));
        assert_eq!(
            shown,
            [
                "00000000  7f 45 4c 46 00 01 02 1b  5b 33 31 6d 2f 62 69 6e  .ELF....[31m/bin",
                "00000010  2f 73 68 ff                                       /sh.",
            ]
        );
    }

    #[test]
    fn text_keeps_its_words_and_obeys_nothing() {
        let text = "a\tb\n\x1b[31mred\x07\nit's 'quoted' 12\n";
        assert_eq!(
            plain(&lines(text.as_bytes(), &theme())),
            ["a       b", "^[[31mred^G", "it's 'quoted' 12"]
        );
        assert_eq!(plain(&lines(b"", &theme())), ["it is empty"]);
        // A character that the bound has cut in two is no reason for numbers.
        let mut cut = "ü".repeat(TOLD_BY).into_bytes();
        cut.insert(0, b'x');
        assert!(plain(&lines(&cut, &theme()))[0].starts_with("xü"));
    }

    #[test]
    fn parts_are_set_apart() {
        let theme = theme();
        let styles = |text: &str| -> Vec<(String, Style)> {
            let lines = lines(text.as_bytes(), &theme);
            lines[0].spans.iter().map(|span| (span.content.to_string(), span.style)).collect()
        };
        let is = |text: &str, style: Style| (text.to_owned(), style);
        assert_eq!(
            styles("port = 80 \"x\""),
            [
                is("port ", theme.accent),
                is("= ", theme.text),
                is("80", theme.warn),
                is(" ", theme.text),
                is("\"x\"", theme.good),
            ]
        );
        assert_eq!(styles("if x").first(), Some(&is("if", theme.accent)));
        assert_eq!(styles("http://x").len(), 1);
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_reach_the_terminal(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for line in plain(&lines(&bytes, &theme())) {
                prop_assert!(!line.chars().any(char::is_control));
            }
        }

        #[test]
        fn no_text_is_lost(text in "[ -~ü]{1,60}") {
            prop_assert_eq!(plain(&lines(text.as_bytes(), &theme())), [text]);
        }
    }
}
