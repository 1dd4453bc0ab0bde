//! One line of text: its width in columns, cut and filled to a width, and made harmless.

use std::{borrow::Cow, fmt::Write};

use ratatui::buffer::CellWidth;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

/// What joins two characters to one, as in families of emoji.
const JOINER: char = '\u{200d}';

/// Characters that take no place or turn the direction, so that what is read is not what is there: soft hyphen, fillers, marks of
/// direction, separators, invisible operators, byte order mark, annotations, tags (Unicode Technical Report 36, §2.10).
const DECEPTIVE: [(char, char); 15] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Writes what a terminal would obey, or not show, so that it can be read: `^[` for escape, `\u{202e}` for what has no such name.
pub(crate) fn sanitize(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 16);
    for cluster in text.graphemes(true) {
        let mut rest = cluster.chars().peekable();
        // Whether there is something in this cluster that a joiner could join to what follows.
        let mut is_open = false;
        while let Some(character) = rest.next() {
            let joins = character == JOINER
                && is_open
                && rest.peek().is_some_and(|next| next.width() == Some(2));
            is_open = joins || is_harmless(character);
            if is_open {
                clean.push(character);
            } else {
                push_visible(&mut clean, character);
            }
        }
    }
    Cow::Owned(clean)
}

/// Tells whether a terminal shows a character and does nothing else.
pub(super) fn is_harmless(character: char) -> bool {
    !character.is_control()
        && (character.is_ascii()
            || !DECEPTIVE.iter().any(|(first, last)| (*first..=*last).contains(&character)))
}

/// Writes a character that is not harmless, in ASCII.
pub(super) fn push_visible(text: &mut String, character: char) {
    match character {
        '\0'..='\x1f' | '\x7f' => {
            // Caret notation: the letter 64 places further on, and `?` for the last.
            text.push('^');
            text.push(char::from(u8::try_from(character).unwrap_or(0) ^ 0x40));
        }
        _ => {
            let _ = write!(text, "\\u{{{:x}}}", u32::from(character));
        }
    }
}

/// Gives the columns of a text.
pub(crate) fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.bytes().filter(|byte| !byte.is_ascii_control()).count();
    }
    text.graphemes(true).map(cluster_width).sum()
}

/// Gives the columns that the buffer gives to a grapheme cluster; it leaves out those with control characters.
pub(super) fn cluster_width(cluster: &str) -> usize {
    if cluster.contains(char::is_control) { 0 } else { usize::from(cluster.cell_width()) }
}

/// Cuts a text to at most `limit` columns; what was cut shows as `…`.
pub(crate) fn fit(text: &str, limit: usize) -> String {
    if width(text) <= limit {
        return text.to_owned();
    }
    let Some(room) = limit.checked_sub(1) else {
        return String::new();
    };
    let mut used = 0;
    let mut kept: String = text
        .graphemes(true)
        .take_while(|cluster| {
            used += cluster_width(cluster);
            used <= room
        })
        .collect();
    kept.push('…');
    kept
}

/// Cuts a text to `columns` and fills it with blanks at its end.
pub(crate) fn pad_right(text: &str, columns: usize) -> String {
    let mut text = fit(text, columns);
    let blanks = columns.saturating_sub(width(&text));
    text.extend(std::iter::repeat_n(' ', blanks));
    text
}

/// Cuts a text to `columns` and fills it with blanks at its beginning.
pub(crate) fn pad_left(text: &str, columns: usize) -> String {
    let text = fit(text, columns);
    let blanks = columns.saturating_sub(width(&text));
    " ".repeat(blanks) + &text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        for (text, clean) in [
            ("plain", "plain"),
            ("", ""),
            ("\u{1b}[31mred\u{7}", "^[[31mred^G"),
            ("a\tb\r\n", "a^Ib^M^J"),
            ("\0\x7f", "^@^?"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
            ("a\u{2066}b\u{2069}", "a\\u{2066}b\\u{2069}"),
            ("a\u{2028}b\u{200b}c\u{feff}", "a\\u{2028}b\\u{200b}c\\u{feff}"),
            ("x\u{200d}", "x\\u{200d}"),
            ("👩\u{200d}🚀 日本 e\u{301}", "👩\u{200d}🚀 日本 e\u{301}"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
        ] {
            assert_eq!(sanitize(text), clean, "{text:?}");
        }
        assert!(matches!(sanitize("日本"), Cow::Borrowed(_)));
    }

    #[test]
    fn no_cluster_is_cut() {
        for (text, limit, cut) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("abcd", 1, "…"),
            ("abcd", 0, ""),
            ("日本語", 4, "日…"),
            ("日本語", 3, "日…"),
            ("日本語", 2, "…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"),
            ("👩\u{200d}🚀👩\u{200d}🚀", 3, "👩\u{200d}🚀…"),
        ] {
            assert_eq!(fit(text, limit), cut, "{text} {limit}");
        }
        assert_eq!(pad_left("日本", 6), "  日本");
        assert_eq!(pad_right("日本語", 4), "日… ");
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left(text in ".*|[\\x00-\\x1f\u{7f}-\u{9f}\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{2069}a👩🚀]*") {
            let clean = sanitize(&text);
            prop_assert!(!clean.chars().any(char::is_control));
            prop_assert!(clean.chars().all(|c| is_harmless(c) || c == JOINER));
            prop_assert_eq!(sanitize(&clean), clean.clone());
        }

        #[test]
        fn widths_are_as_asked(text in any::<String>(), columns in 0_usize..40) {
            prop_assert!(width(&fit(&text, columns)) <= columns);
            for clean in [text.clone(), sanitize(&text).into_owned()] {
                prop_assert_eq!(width(&pad_left(&clean, columns)), columns);
                prop_assert_eq!(width(&pad_right(&clean, columns)), columns);
            }
        }
    }
}
