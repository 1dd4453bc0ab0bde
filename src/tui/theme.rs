//! Colours and glyphs: one place that knows `NO_COLOR`, ASCII and sixteen colours.
//!
//! Meaning never hangs on a colour alone: every style here has a glyph, a word or a modifier beside it.

use ratatui::{
    style::{Color, Modifier, Style},
    symbols::border,
};

use super::panes::Tone;

/// How things look.
#[derive(Debug, Clone)]
pub(crate) struct Theme {
    /// Ordinary text.
    pub(crate) text: Style,
    /// Less important text.
    pub(crate) dim: Style,
    /// Titles and keys.
    pub(crate) accent: Style,
    /// The frame of what has the focus.
    pub(crate) focus: Style,
    /// The frame of what has not.
    pub(crate) frame: Style,
    /// The row under the cursor.
    pub(crate) cursor: Style,
    /// A row related to the one under the cursor.
    pub(crate) related: Style,
    /// Matched characters of a filter or search.
    pub(crate) matched: Style,
    /// What runs, or was added.
    pub(crate) good: Style,
    /// What wants attention, or was changed.
    pub(crate) warn: Style,
    /// What failed, or was removed.
    pub(crate) bad: Style,
    /// Whether colours are used.
    pub(crate) colour: bool,
    /// Whether only ASCII is drawn.
    pub(crate) ascii: bool,
    badges: Vec<Style>,
}

impl Theme {
    /// Makes the theme; without `colour` only modifiers carry emphasis.
    pub(crate) fn new(colour: bool, ascii: bool) -> Self {
        let plain = Style::new();
        let tint = |color: Color| if colour { plain.fg(color) } else { plain };
        Self {
            text: plain,
            dim: if colour { plain.fg(Color::DarkGray) } else { plain.add_modifier(Modifier::DIM) },
            accent: tint(Color::Cyan).add_modifier(Modifier::BOLD),
            focus: tint(Color::Cyan).add_modifier(Modifier::BOLD),
            frame: tint(Color::DarkGray),
            cursor: plain.add_modifier(Modifier::REVERSED),
            related: tint(Color::Yellow).add_modifier(Modifier::BOLD),
            matched: tint(Color::Magenta).add_modifier(Modifier::UNDERLINED),
            good: tint(Color::Green),
            warn: tint(Color::Yellow),
            bad: tint(Color::Red),
            colour,
            ascii,
            badges: [
                Color::Cyan,
                Color::Yellow,
                Color::Green,
                Color::Magenta,
                Color::Blue,
                Color::LightRed,
            ]
            .into_iter()
            .map(|color| tint(color).add_modifier(Modifier::BOLD))
            .collect(),
        }
    }

    /// Gives the style of the image badge with this number.
    pub(crate) fn badge(&self, number: usize) -> Style {
        self.badges[number % self.badges.len()]
    }

    /// Gives the style of a text that means something.
    pub(crate) fn tone(&self, tone: Tone) -> Style {
        match tone {
            Tone::Plain => self.text,
            Tone::Dim => self.dim,
            Tone::Good => self.good,
            Tone::Warn => self.warn,
            Tone::Bad => self.bad,
            Tone::Badge(number) => self.badge(number),
        }
    }

    /// Gives the lines that frames are drawn with.
    pub(crate) const fn border(&self) -> border::Set<'static> {
        if self.ascii { ASCII_BORDER } else { border::PLAIN }
    }
}

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};
