//! Rules for images in pipelines, as people have them in `.dive-ci` (dive, README §CI integration): same names, units and defaults.
//!
//! The figures that they are held against are ours: dive counts the copy that is seen among the wasted ones.

use std::{fmt, path::Path};

use serde::Deserialize;

use super::percent;
use crate::{
    engine::{self, EngineError, ErrorKind, Result},
    model::{Analysis, units::size},
};

/// What an image may be like; a rule that is `None` is off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rules {
    lowest_efficiency: Option<f64>,
    highest_wasted_bytes: Option<u64>,
    highest_user_wasted_percent: Option<f64>,
}

/// As dive has it where a file is silent.
impl Default for Rules {
    fn default() -> Self {
        Self {
            lowest_efficiency: Some(0.9),
            highest_wasted_bytes: None,
            highest_user_wasted_percent: Some(0.1),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
struct File {
    #[serde(default)]
    rules: Written,
}

/// The rules as they are written; what dive does not know either is an error.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    #[serde(alias = "lowest-efficiency")]
    lowest_efficiency: Option<Value>,
    #[serde(alias = "highest-wasted-bytes")]
    highest_wasted_bytes: Option<Value>,
    #[serde(alias = "highest-user-wasted-percent")]
    highest_user_wasted_percent: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Value {
    Whole(u64),
    Number(f64),
    Text(String),
}

impl Value {
    fn text(&self) -> String {
        match self {
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.trim().to_owned(),
        }
    }
}

impl Rules {
    /// Reads a file of rules.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] and the like for the file, [`ErrorKind::Invalid`] with the name of the rule.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = engine::read_file(path)?;
        Self::parse(&String::from_utf8_lossy(&bytes)).map_err(|reason| {
            EngineError::new(ErrorKind::Invalid, format!("{}: {reason}", path.display()))
                .hint("write it like: rules: {lowestEfficiency: 0.95, highestWastedBytes: 20MB}")
        })
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let file: File = if text.trim().is_empty() {
            File::default()
        } else {
            serde_saphyr::from_str(text).map_err(|error| {
                let error = error.to_string();
                error.lines().next().unwrap_or("it is not YAML").to_owned()
            })?
        };
        let default = Self::default();
        let Written { lowest_efficiency, highest_wasted_bytes, highest_user_wasted_percent } =
            file.rules;
        Ok(Self {
            lowest_efficiency: read(
                ("lowestEfficiency", lowest_efficiency),
                default.lowest_efficiency,
                share,
            )?,
            highest_wasted_bytes: read(
                ("highestWastedBytes", highest_wasted_bytes),
                default.highest_wasted_bytes,
                bytes,
            )?,
            highest_user_wasted_percent: read(
                ("highestUserWastedPercent", highest_user_wasted_percent),
                default.highest_user_wasted_percent,
                share,
            )?,
        })
    }

    /// Holds an image against each rule.
    pub(super) fn judge(&self, analysis: &Analysis) -> [Verdict; 3] {
        let efficiency = analysis.efficiency;
        let wasted = analysis.wasted;
        let user = analysis.user_wasted_percent;
        [
            Verdict::of("lowestEfficiency", self.lowest_efficiency, |least| {
                let words = format!("{}, at least {}", percent(efficiency), percent(least));
                (efficiency >= least, words)
            }),
            Verdict::of("highestWastedBytes", self.highest_wasted_bytes, |most| {
                (wasted <= most, format!("{}, at most {}", size(wasted), size(most)))
            }),
            Verdict::of("highestUserWastedPercent", self.highest_user_wasted_percent, |most| {
                (user <= most, format!("{}, at most {}", percent(user), percent(most)))
            }),
        ]
    }
}

/// Reads one rule: silent, off or a value.
fn read<T>(
    (name, value): (&str, Option<Value>),
    default: Option<T>,
    parse: fn(&str) -> Option<T>,
) -> std::result::Result<Option<T>, String> {
    match value.map(|value| value.text()) {
        None => Ok(default),
        Some(text) if text == "disabled" => Ok(None),
        Some(text) => match parse(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(format!("{name}: '{text}' is not what it takes")),
        },
    }
}

/// Reads a share from 0 to 1.
fn share(text: &str) -> Option<f64> {
    text.parse().ok().filter(|share| (0.0..=1.0).contains(share))
}

/// Reads bytes as dive does: `20MB` is 20,000,000, `20MiB` is 20 times 2 to the 20th.
fn bytes(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit: u32 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "ki" | "kib" => 1 << 10,
        "mi" | "mib" => 1 << 20,
        "gi" | "gib" => 1 << 30,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number without a sign, and what is too much stays at the most"
    )]
    Some((number * f64::from(unit)) as u64)
}

/// How an image does under a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    rule: &'static str,
    /// Whether it is kept; `None` for a rule that is off.
    is_kept: Option<bool>,
    words: String,
}

impl Verdict {
    fn of<T>(
        rule: &'static str,
        limit: Option<T>,
        judge: impl FnOnce(T) -> (bool, String),
    ) -> Self {
        match limit.map(judge) {
            Some((is_kept, words)) => Self { rule, is_kept: Some(is_kept), words },
            None => Self { rule, is_kept: None, words: "disabled".to_owned() },
        }
    }

    /// Tells whether the rule is broken.
    pub(super) fn is_broken(&self) -> bool {
        self.is_kept == Some(false)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.is_kept {
            Some(true) => "PASS",
            Some(false) => "FAIL",
            None => "SKIP",
        };
        write!(f, "{word} {}: {}", self.rule, self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Digest, HiddenCopy, ImageId, LayerSummary};

    const FULL: &str = "# as of dive's README
rules:
  # If the efficiency is measured below X%, mark as failed.
  lowestEfficiency: 0.95
  highestWastedBytes: 20MB
  highestUserWastedPercent: 0.20
";

    #[test]
    fn rules_are_read_as_dive_reads_them() {
        let rules = |efficiency, wasted, user| Rules {
            lowest_efficiency: efficiency,
            highest_wasted_bytes: wasted,
            highest_user_wasted_percent: user,
        };
        for (text, expected) in [
            (FULL, rules(Some(0.95), Some(20_000_000), Some(0.2))),
            ("", Rules::default()),
            ("rules: {}", Rules::default()),
            ("rules:\n  lowestEfficiency: \"0.5\"\n", rules(Some(0.5), None, Some(0.1))),
            (
                "rules:\n  lowest-efficiency: disabled\n  highestUserWastedPercent: disabled\n",
                rules(None, None, None),
            ),
            ("rules: {highestWastedBytes: 1.5MiB}", rules(Some(0.9), Some(1_572_864), Some(0.1))),
            ("rules: {highestWastedBytes: 512}", rules(Some(0.9), Some(512), Some(0.1))),
            ("rules: {lowestEfficiency: 1}", rules(Some(1.0), None, Some(0.1))),
        ] {
            assert_eq!(Rules::parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_by_name() {
        for (text, part) in [
            ("rules: {lowestEfficiency: high}", "lowestEfficiency: 'high'"),
            ("rules: {lowestEfficiency: 95}", "lowestEfficiency: '95'"),
            ("rules: {highestWastedBytes: 3 parsecs}", "highestWastedBytes: '3 parsecs'"),
            ("rules: {lowestEficiency: 0.9}", "lowestEficiency"),
            ("rules: [", ""),
        ] {
            let reason = Rules::parse(text).unwrap_err();
            assert!(reason.contains(part), "{text}: {reason}");
            assert!(!reason.contains('\n'), "{reason}");
        }
    }

    #[test]
    fn each_rule_is_judged_for_itself() {
        let layer = |size| LayerSummary {
            diff: crate::model::DiffId(Digest::from_bytes([0; 32])),
            created_by: String::new(),
            size,
            added: 0,
            changed: 0,
            removed: 0,
            wasted: 0,
        };
        let copy = HiddenCopy {
            path: "a".to_owned(),
            layer: 0,
            size: 10_000_000,
            hidden_by: 1,
            fate: crate::model::Fate::Removed,
        };
        let image = (ImageId(Digest::from_bytes([0; 32])), String::new());
        let layers = vec![layer(60_000_000), layer(40_000_000)];
        let analysis = Analysis::new(image, layers, vec![copy]);
        let told = |text| Rules::parse(text).unwrap().judge(&analysis).map(|it| it.to_string());
        assert_eq!(
            told(FULL),
            [
                "FAIL lowestEfficiency: 90.00 %, at least 95.00 %",
                "PASS highestWastedBytes: 10MB, at most 20MB",
                "FAIL highestUserWastedPercent: 25.00 %, at most 20.00 %",
            ]
        );
        assert_eq!(
            told("rules: {highestUserWastedPercent: 0.25}"),
            [
                "PASS lowestEfficiency: 90.00 %, at least 90.00 %",
                "SKIP highestWastedBytes: disabled",
                "PASS highestUserWastedPercent: 25.00 %, at most 25.00 %",
            ]
        );
    }
}
