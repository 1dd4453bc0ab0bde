//! What is searched for in a text, as it is written; without regard to case until a capital is typed.

use std::ops::Range;

/// What is searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Needle {
    wanted: Vec<char>,
    minds_case: bool,
}

impl Needle {
    /// Makes it from what was typed; nothing typed is nothing to search for.
    pub(super) fn new(typed: Option<&str>) -> Option<Self> {
        let typed = typed.filter(|typed| !typed.is_empty())?;
        let minds_case = typed.chars().any(char::is_uppercase);
        let fold = |character| if minds_case { character } else { small(character) };
        Some(Self { wanted: typed.chars().map(fold).collect(), minds_case })
    }

    /// Gives where in a text it is, in bytes; matches do not overlap.
    pub(super) fn ranges<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        let mut free_from = 0;
        text.char_indices().filter_map(move |(start, _)| {
            if start < free_from {
                return None;
            }
            let end = start + self.length_at(text.get(start..)?)?;
            free_from = end;
            Some(start..end)
        })
    }

    /// Gives how many bytes of a text match at its beginning.
    fn length_at(&self, text: &str) -> Option<usize> {
        let mut rest = text.chars();
        for wanted in &self.wanted {
            let found = rest.next()?;
            if found != *wanted && (self.minds_case || small(found) != *wanted) {
                return None;
            }
        }
        Some(text.len() - rest.as_str().len())
    }
}

/// Gives the small letter, where that is one character; those of more are rare and stay as they are.
fn small(character: char) -> char {
    let mut small = character.to_lowercase();
    match (small.next(), small.next()) {
        (Some(one), None) => one,
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_capital_makes_case_matter() {
        for (typed, text, found) in [
            ("get", "GET /get", &[(0, 3), (5, 8)][..]),
            ("GET", "GET /get", &[(0, 3)]),
            ("ä", "Ä ä", &[(0, 2), (3, 5)]),
            ("aa", "aaaaa", &[(0, 2), (2, 4)]),
            ("日", "x日日", &[(1, 4), (4, 7)]),
            ("x", "", &[]),
        ] {
            let needle = Needle::new(Some(typed)).unwrap();
            let ranges = needle.ranges(text).map(|range| (range.start, range.end));
            assert_eq!(ranges.collect::<Vec<_>>(), found, "{typed} in {text}");
        }
        assert_eq!(Needle::new(Some("")), None);
        assert_eq!(Needle::new(None), None);
    }

    proptest! {
        #[test]
        fn found_places_are_on_borders_of_characters(text in any::<String>(), typed in ".{1,2}") {
            if let Some(needle) = Needle::new(Some(&typed)) {
                for range in needle.ranges(&text) {
                    prop_assert!(text.get(range).is_some());
                }
            }
        }
    }
}
