//! A filter as it is typed: fuzzy, with regard to case once a capital is typed, and turned round by a leading `!`.

use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{AtomKind, CaseMatching, Normalization, Pattern},
};

/// What a text must be like to be shown.
#[derive(Debug)]
pub(crate) struct Filter {
    pattern: Option<(Pattern, bool)>,
    matcher: Matcher,
    buffer: Vec<char>,
}

impl Filter {
    /// Makes it from what was typed; nothing typed accepts everything.
    pub(crate) fn new(typed: &str) -> Self {
        let (inverts, rest) = match typed.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, typed),
        };
        let pattern =
            Pattern::new(rest, CaseMatching::Smart, Normalization::Smart, AtomKind::Fuzzy);
        Self {
            pattern: (!rest.trim().is_empty()).then_some((pattern, inverts)),
            matcher: Matcher::new(Config::DEFAULT),
            buffer: Vec::new(),
        }
    }

    /// Tells whether it accepts everything.
    pub(crate) const fn is_open(&self) -> bool {
        self.pattern.is_none()
    }

    /// Tells how well a text fits, the higher the better; `None` if it does not. Everything fits a filter that is open or turned round
    /// equally well.
    pub(crate) fn score(&mut self, text: &str) -> Option<u32> {
        match &self.pattern {
            Some((pattern, false)) => {
                pattern.score(Utf32Str::new(text, &mut self.buffer), &mut self.matcher)
            }
            _ => self.accepts(&[text]).then_some(0),
        }
    }

    /// Tells whether it accepts a thing with these texts. One of them must match as a whole: letters gathered from several would
    /// match nearly everything.
    pub(crate) fn accepts<T: AsRef<str>>(&mut self, texts: &[T]) -> bool {
        let Some((pattern, inverts)) = &self.pattern else {
            return true;
        };
        let matched = texts.iter().any(|text| {
            let text = Utf32Str::new(text.as_ref(), &mut self.buffer);
            pattern.score(text, &mut self.matcher).is_some()
        });
        matched != *inverts
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;

    #[test]
    fn a_filter_is_fuzzy_and_can_be_turned_round() {
        for (typed, text, accepted) in [
            ("", "web-1", true),
            ("w1", "web-1", true),
            ("w3", "web-1", false),
            ("!w", "web-1", false),
            ("!x", "web-1", true),
            ("!", "web-1", true),
            ("web 1", "web-1", true),
        ] {
            assert_eq!(Filter::new(typed).accepts(&[text]), accepted, "{typed} on {text}");
        }
        let score = |text| Filter::new("del").score(text);
        assert!(score("Delete") > score("Show the detail"), "what begins so fits best");
        assert_eq!((score("x"), Filter::new("!x").score("y")), (None, Some(0)));
        let texts = ["demo-app", "nginx"];
        for (typed, accepted) in
            [("dapp", true), ("ngx", true), ("min", false), ("!ngx", false), ("!min", true)]
        {
            assert_eq!(Filter::new(typed).accepts(&texts), accepted, "{typed}");
        }
    }
}
