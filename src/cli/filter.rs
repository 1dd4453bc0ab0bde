//! What `--filter` asks for: pairs of a key and a value. Several values of one key are alternatives, except labels; several keys must all be met, as with
//! Docker.

use crate::engine::{EngineError, ErrorKind, Result};

/// The filters of one command.
#[derive(Debug)]
pub(super) struct Filters(Vec<(String, String)>);

impl Filters {
    /// Reads filters; `known` are the keys that this list has.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for another key.
    pub(super) fn parse(texts: &[String], known: &[&str]) -> Result<Self> {
        let pair = |text: &String| {
            text.split_once('=')
                .filter(|(key, _)| known.contains(key))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .ok_or_else(|| {
                    EngineError::new(ErrorKind::Invalid, format!("filter '{text}' is not known"))
                        .hint(format!("filters are {}=", known.join("=, ")))
                })
        };
        texts.iter().map(pair).collect::<Result<Vec<_>>>().map(Self)
    }

    /// Gives the values of a key.
    pub(super) fn values(&self, key: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// Tells whether a key is asked for.
    pub(super) fn has(&self, key: &str) -> bool {
        self.values(key).next().is_some()
    }

    /// Tells whether one of the values of a key fits, or none is asked for.
    pub(super) fn any(&self, key: &str, fits: impl Fn(&str) -> bool) -> bool {
        !self.has(key) || self.values(key).any(fits)
    }

    /// Tells whether all of the labels that are asked for are there.
    pub(super) fn labels(&self, labels: &std::collections::BTreeMap<String, String>) -> bool {
        self.values("label").all(|wanted| match wanted.split_once('=') {
            Some((key, value)) => labels.get(key).is_some_and(|found| found == value),
            None => labels.contains_key(wanted),
        })
    }

    /// Checks the values of a key against those that make sense.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for another value.
    pub(super) fn only(&self, key: &str, sensible: &[&str]) -> Result<()> {
        match self.values(key).find(|value| !sensible.contains(value)) {
            None => Ok(()),
            Some(other) => Err(EngineError::new(
                ErrorKind::Invalid,
                format!("filter {key}={other} makes no sense"),
            )
            .hint(format!("it is one of {}", sensible.join(", ")))),
        }
    }
}

/// Tells whether a part of a name fits; `^` and `$` tie it to beginning and end, as people write it for Docker.
pub(super) fn fits_name(name: &str, wanted: &str) -> bool {
    // Docker's names begin with a slash, and some write that.
    let (from_start, rest) = match wanted.strip_prefix('^') {
        Some(rest) => (true, rest.strip_prefix('/').unwrap_or(rest)),
        None => (false, wanted.strip_prefix('/').unwrap_or(wanted)),
    };
    match (from_start, rest.strip_suffix('$')) {
        (true, Some(whole)) => name == whole,
        (true, None) => name.starts_with(rest),
        (false, Some(end)) => name.ends_with(end),
        (false, None) => name.contains(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_as_people_write_them() {
        for (wanted, fits) in [
            ("web", true),
            ("eb", true),
            ("^web", true),
            ("^eb", false),
            ("-1$", true),
            ("^web-1$", true),
            ("^/web-1$", true),
            ("/web", true),
            ("^web$", false),
            ("", true),
            ("other", false),
        ] {
            assert_eq!(fits_name("web-1", wanted), fits, "{wanted}");
        }
    }

    #[test]
    fn keys_must_be_known_and_labels_must_all_be_there() {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        for bad in ["name", "nmae=x", "=x", ""] {
            assert!(Filters::parse(&texts(&[bad]), &["name"]).is_err(), "{bad}");
        }
        let labels = [("a".to_owned(), "1".to_owned()), ("b".to_owned(), String::new())].into();
        for (wanted, fits) in [
            (&["label=a"][..], true),
            (&["label=a=1", "label=b"], true),
            (&["label=a=2"], false),
            (&["label=a", "label=c"], false),
            (&[], true),
        ] {
            let filters = Filters::parse(&texts(wanted), &["label"]).unwrap();
            assert_eq!(filters.labels(&labels), fits, "{wanted:?}");
        }
        let filters = Filters::parse(&texts(&["status=up"]), &["status"]).unwrap();
        assert!(filters.only("status", &["running"]).is_err());
    }
}
