//! What others wrote, made fit for a terminal: names of files, arguments of programs, labels of images.

use std::borrow::Cow;

/// Characters that turn the direction of what follows, so that what is read is not what is there (Unicode Technical Report 36, §2.10.2).
const TURNING: [char; 12] = [
    '\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}',
    '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
];

/// Writes out what a terminal would obey instead of show (`\u{1b}`, `\n`), on one line.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    let is_obeyed = |character: char| character.is_control() || TURNING.contains(&character);
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_obeyed(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        for (text, shown) in [
            ("plain 日本 é", "plain 日本 é"),
            ("\u{1b}]0;x\u{7}", "\\u{1b}]0;x\\u{7}"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("\u{202e}gpj", "\\u{202e}gpj"),
        ] {
            assert_eq!(plain(text), shown);
        }
    }

    proptest! {
        #[test]
        fn nothing_of_the_kind_is_left(text in any::<String>()) {
            prop_assert!(!plain(&text).contains(char::is_control));
        }
    }
}
