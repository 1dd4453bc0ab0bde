//! Sizes and spans of time, as people read and write them and as Docker prints them.

use std::time::Duration;

/// Says why a text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a size: write a number with an optional unit b, k, m, g or t, like 512m")]
pub struct SizeError(String);

/// Writes bytes with decimal units and at most four characters of number, as `docker images` does: `12.3MB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    scaled(bytes, 1000, &UNITS)
}

/// Writes bytes with binary units, as `docker stats` does: `12.3MiB`.
pub fn binary_size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    scaled(bytes, 1024, &UNITS)
}

/// Divides until the number is below the base, then prints three significant digits.
fn scaled(bytes: u64, base: u32, units: &[&str]) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut number = bytes as f64;
    let mut unit = 0;
    while number >= f64::from(base) && unit + 1 < units.len() {
        number /= f64::from(base);
        unit += 1;
    }
    let decimals = match number {
        _ if unit == 0 => 0,
        n if n < 9.995 => 2,
        n if n < 99.95 => 1,
        _ => 0,
    };
    let mut digits = format!("{number:.decimals$}");
    if digits.contains('.') {
        digits.truncate(digits.trim_end_matches('0').trim_end_matches('.').len());
    }
    format!("{digits}{}", units[unit])
}

/// Reads a size as `docker run --memory` does: a number, optionally with `b`, `k`, `m`, `g`, `t` (binary multiples).
///
/// # Errors
/// [`SizeError`] when the text is no number, has another unit, or does not fit 64 bits.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    multiplied(text, 1024)
}

/// Reads a size as `docker run --log-opt max-size` does: as [`parse_size`], with decimal multiples (go-units, `FromHumanSize`).
///
/// # Errors
/// As [`parse_size`].
pub fn parse_decimal_size(text: &str) -> Result<u64, SizeError> {
    multiplied(text, 1000)
}

fn multiplied(text: &str, base: u64) -> Result<u64, SizeError> {
    let wrong = || SizeError(text.to_owned());
    let lower = text.trim().to_ascii_lowercase();
    let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(end);
    let power = match unit {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        _ => return Err(wrong()),
    };
    let factor = base.pow(power);
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(wrong);
    }
    let fraction: f64 = number.parse().map_err(|_error: std::num::ParseFloatError| wrong())?;
    #[expect(clippy::cast_precision_loss, reason = "2 to the 40th is exact")]
    let bytes = fraction * factor as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range"
    )]
    if (0.0..9.0e18).contains(&bytes) { Ok(bytes as u64) } else { Err(wrong()) }
}

/// Writes a span roughly, as `docker ps` does: `About a minute`, `3 hours`, `2 weeks`.
pub fn rough_span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match (seconds, minutes, hours) {
        (0, ..) => "Less than a second".to_owned(),
        (1, ..) => "1 second".to_owned(),
        (s, 0, _) => format!("{s} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, m, _) if m < 60 => format!("{m} minutes"),
        (.., 1) => "About an hour".to_owned(),
        (.., h) if h < 48 => format!("{h} hours"),
        (.., h) if h < 24 * 14 => format!("{} days", h / 24),
        (.., h) if h < 24 * 60 => format!("{} weeks", h / 24 / 7),
        (.., h) if h < 24 * 365 * 2 => format!("{} months", h / 24 / 30),
        (.., h) => format!("{} years", h / 24 / 365),
    }
}

/// Writes a span in at most four characters, for narrow columns: `45s`, `3m`, `2h`, `12d`.
pub fn short_span(span: Duration) -> String {
    match span.as_secs() {
        s if s < 60 => format!("{s}s"),
        s if s < 3600 => format!("{}m", s / 60),
        s if s < 86_400 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_docker_writes_them() {
        for (bytes, text) in [
            (0, "0B"),
            (999, "999B"),
            (1000, "1kB"),
            (1234, "1.23kB"),
            (9_999, "10kB"),
            (12_345, "12.3kB"),
            (117_000_000, "117MB"),
            (999_999, "1000kB"),
            (2_000_000_000, "2GB"),
            (u64::MAX, "18447PB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
        assert_eq!(binary_size(18 << 20), "18MiB");
        assert_eq!(binary_size(1536), "1.5KiB");
    }

    #[test]
    fn sizes_are_read_with_binary_multiples() {
        for (text, bytes) in [
            ("0", 0),
            ("512m", 512 << 20),
            ("1G", 1 << 30),
            ("1.5k", 1536),
            ("7b", 7),
            ("64MB", 64 << 20),
        ] {
            assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
        }
        assert_eq!(parse_decimal_size("10k").unwrap(), 10_000);
        assert_eq!(parse_decimal_size("1.5m").unwrap(), 1_500_000);
        for bad in ["", "m", "-1", "1x", "1.2.3", "99999999999t", "nan", "inf", "1e3"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn spans_are_rough() {
        for (seconds, rough, short) in [
            (0, "Less than a second", "0s"),
            (1, "1 second", "1s"),
            (59, "59 seconds", "59s"),
            (60, "About a minute", "1m"),
            (180, "3 minutes", "3m"),
            (3600, "About an hour", "1h"),
            (7200, "2 hours", "2h"),
            (86_400 * 3, "3 days", "3d"),
            (86_400 * 20, "2 weeks", "20d"),
            (86_400 * 90, "3 months", "90d"),
            (86_400 * 800, "2 years", "800d"),
        ] {
            assert_eq!(rough_span(Duration::from_secs(seconds)), rough);
            assert_eq!(short_span(Duration::from_secs(seconds)), short);
        }
    }
}
