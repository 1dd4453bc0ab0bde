//! How often and after how long something is tried again.

use std::time::Duration;

use jiff::Timestamp;

/// How often something is tried in all while nothing moves.
pub(super) const TRIES: u32 = 6;

/// The first pause; each is twice the one before.
const FIRST: Duration = Duration::from_millis(150);

/// The longest pause that is not asked for.
const LONGEST: Duration = Duration::from_secs(8);

/// The longest pause that a registry may ask for.
pub(super) const LONGEST_ASKED: Duration = Duration::from_secs(60);

/// Gives the pause after `failures` failures in a row, between half and all of what doubling gives, so that many clients do not come back at once.
pub(super) fn pause(failures: u32) -> Duration {
    let whole = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST);
    let mut byte = [0];
    // Without random numbers all wait alike, which is no fault.
    let _or_zero = getrandom::fill(&mut byte);
    whole / 2 + whole / 2 * u32::from(byte[0]) / 255
}

/// Reads `Retry-After` (RFC 9110 §10.2.3): seconds, or a date.
pub(super) fn asked(header: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = header.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(header.trim()).ok()?;
    let seconds = date.timestamp().as_second() - now.as_second();
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// Tells whether a status of HTTP may be another one next time.
pub(super) const fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_have_an_end() {
        for (failures, most) in [(1, 150), (2, 300), (3, 600), (7, 8000), (100, 8000)] {
            let pause = pause(failures);
            let most = Duration::from_millis(most);
            assert!(pause >= most / 2 && pause <= most, "{failures}: {pause:?}");
        }
    }

    #[test]
    fn what_a_registry_asks_for_is_read() {
        let now: Timestamp = "2015-10-21T07:28:00Z".parse().unwrap();
        for (header, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Wed, 21 Oct 2015 07:28:30 GMT", Some(30)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
        ] {
            assert_eq!(asked(header, now), seconds.map(Duration::from_secs), "{header}");
        }
    }
}
