//! How single values are read.

use std::{net::Ipv4Addr, time::Duration};

use ipnet::Ipv4Net;
use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

use crate::model::{DeviceWeight, RestartPolicy, Ulimit, units};

/// How much of a log; a type of its own because clap reads `Option` as "may be left out".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) struct Tail(pub(in crate::cli) Option<u64>);

/// Reads a number of lines; `all`, or a number below 0 as with Docker, means all of them.
pub(super) fn parse_tail(text: &str) -> Result<Tail, String> {
    match text.parse::<i64>() {
        _ if text == "all" => Ok(Tail(None)),
        Ok(lines) => Ok(Tail(u64::try_from(lines).ok())),
        Err(_) => Err("it is neither a number of lines nor 'all'".to_owned()),
    }
}

/// Reads a number of seconds to wait.
pub(super) fn parse_seconds(text: &str) -> Result<Duration, String> {
    text.parse::<u32>()
        .map(|seconds| Duration::from_secs(seconds.into()))
        .map_err(|_error| "it is not a number of seconds".to_owned())
}

/// Reads a label; one without a value has an empty one.
pub(super) fn parse_label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if key.is_empty() {
        return Err("a label needs a name: write KEY=VALUE".to_owned());
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Reads a size of memory with swap; -1 means any.
pub(super) fn parse_memory_swap(text: &str) -> Result<i64, String> {
    if text == "-1" {
        Ok(-1)
    } else {
        parse_bytes(text).map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX))
    }
}

/// Reads a number of bytes.
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
    units::parse_size(text).map_err(|error| error.to_string())
}

/// Reads how readily something is swapped out; -1 is Docker's word for what is not said.
pub(super) fn parse_swappiness(text: &str) -> Result<i64, String> {
    match text.parse() {
        Ok(number @ -1..=100) => Ok(number),
        _ => Err("valid memory swappiness range is 0-100".to_owned()),
    }
}

/// Reads `/dev/sda:500`.
pub(super) fn parse_device_weight(text: &str) -> Result<DeviceWeight, String> {
    let (path, weight) = of_device(text)?;
    let weight = weight.parse().map_err(|_error| format!("invalid weight for device: {text}"))?;
    Ok(DeviceWeight { path, weight })
}

/// Reads `/dev/sda:1mb`.
pub(super) fn parse_device_rate(text: &str) -> Result<(String, u64), String> {
    let (path, rate) = of_device(text)?;
    let rate = units::parse_size(rate).map_err(|_error| {
        format!("invalid rate for device: {text}; write DEVICE:NUMBER with an optional unit kb, mb or gb")
    })?;
    Ok((path, rate))
}

/// Reads `/dev/sda:1000`.
pub(super) fn parse_device_count(text: &str) -> Result<(String, u64), String> {
    let (path, rate) = of_device(text)?;
    let rate = rate
        .parse()
        .map_err(|_error| format!("invalid rate for device: {text}; write DEVICE:NUMBER"))?;
    Ok((path, rate))
}

fn of_device(text: &str) -> Result<(String, &str), String> {
    match text.split_once(':') {
        Some((path, rest)) if path.starts_with("/dev/") => Ok((path.to_owned(), rest)),
        Some((path, _)) => Err(format!("bad format for device path: {path}")),
        None => Err(format!("bad format: {text}; write DEVICE:VALUE")),
    }
}

/// The names of limits of a process, as Docker has them.
const ULIMITS: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// Reads `nofile=1024:2048`; one number is both limits, -1 is none.
pub(super) fn parse_ulimit(text: &str) -> Result<Ulimit, String> {
    let (name, limits) =
        text.split_once('=').ok_or_else(|| format!("invalid ulimit argument: {text}"))?;
    if !ULIMITS.contains(&name) {
        return Err(format!("invalid ulimit type: {name}"));
    }
    let number = |text: &str| match text.parse::<i64>() {
        Ok(number) if number >= -1 => Ok(number),
        _ => Err(format!("'{text}' is no limit")),
    };
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let (soft, hard) = (number(soft)?, number(hard)?);
    if hard != -1 && (soft == -1 || soft > hard) {
        return Err(format!(
            "ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
        ));
    }
    Ok(Ulimit { name: name.to_owned(), soft, hard })
}

/// Reads a number of processes; 0 and -1 mean without limit, and give -1.
pub(super) fn parse_pids(text: &str) -> Result<i64, String> {
    match text.parse::<i64>() {
        Ok(-1 | 0) => Ok(-1),
        Ok(number) if number > 0 => Ok(number),
        _ => Err("it is not a number of processes".to_owned()),
    }
}

/// Keys that leave a program alone; a type of its own because clap reads a list as many values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct DetachKeys(pub(in crate::cli) Vec<u8>);

/// Reads keys like `ctrl-p,ctrl-q` or `a,b` (moby/term, `ToBytes`).
pub(super) fn parse_detach_keys(text: &str) -> Result<DetachKeys, String> {
    let key = |text: &str| -> Result<u8, String> {
        let wrong = || format!("invalid detach keys: '{text}' is no key; write ctrl-p,ctrl-q");
        if let &[only] = text.as_bytes() {
            return Ok(only);
        }
        match text.strip_prefix("ctrl-").map(str::as_bytes) {
            Some(&[letter @ (b'a'..=b'z' | b'@' | b'['..=b'_')]) => Ok(letter & 0x1f),
            _ => Err(wrong()),
        }
    };
    text.split(',').map(key).collect::<Result<_, _>>().map(DetachKeys)
}

/// Reads `10.0.0.0/24`.
pub(super) fn parse_subnet(text: &str) -> Result<Ipv4Net, String> {
    text.parse().map_err(|_error| "write an IPv4 subnet like 10.20.0.0/24".to_owned())
}

/// Reads `10.0.0.1`.
pub(super) fn parse_address(text: &str) -> Result<Ipv4Addr, String> {
    text.parse().map_err(|_error| "write an IPv4 address like 10.20.0.1".to_owned())
}

/// A moment, or how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Moment {
    /// That moment.
    At(Timestamp),
    /// So long before now.
    Ago(SignedDuration),
}

impl Moment {
    /// Gives the moment, seen from `now`.
    pub(in crate::cli) fn seen_from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::Ago(span) => now.checked_sub(span).unwrap_or(Timestamp::MIN),
        }
    }
}

/// Reads a moment as Docker does: a span back from now (`90s`, `1h30m`), seconds since 1970 with or without fraction, or a date with or without time and zone; without a
/// zone it is this machine's (docker/cli, `GetTimestamp`).
pub(super) fn parse_moment(text: &str) -> Result<Moment, String> {
    moment_in(text, &TimeZone::system())
}

fn moment_in(text: &str, zone: &TimeZone) -> Result<Moment, String> {
    let wrong = || "write a span like 10m, or a time like 2026-01-31T12:00:00Z".to_owned();
    if let Some(since) = seconds(text) {
        return Timestamp::from_duration(since).map(Moment::At).map_err(|_error| wrong());
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(Moment::At(moment));
    }
    if let Ok(moment) = text.parse::<civil::DateTime>() {
        return zone.to_timestamp(moment).map(Moment::At).map_err(|_error| wrong());
    }
    let span = text.parse::<SignedDuration>().map_err(|_error| wrong())?;
    if span.is_negative() { Err(wrong()) } else { Ok(Moment::Ago(span)) }
}

/// Reads a time, or how long ago it was, as the time that it is.
pub(in crate::cli) fn read_moment(text: &str) -> Result<Timestamp, String> {
    parse_moment(text).map(|moment| moment.seen_from(Timestamp::now()))
}

/// Reads `1136073600.000000001`, to the nanosecond.
fn seconds(text: &str) -> Option<SignedDuration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || fraction.len() > 9 {
        return None;
    }
    Some(SignedDuration::new(whole.parse().ok()?, format!("{fraction:0<9}").parse().ok()?))
}

/// Reads a restart policy, like `on-failure:3`.
pub(super) fn parse_restart(text: &str) -> Result<RestartPolicy, String> {
    text.parse().map_err(|error: crate::model::RestartPolicyError| error.to_string())
}

/// Reads a span as Go does: `90s`, `1m30s`, `500ms`; a number needs its unit.
pub(super) fn parse_span(text: &str) -> Result<Duration, String> {
    let wrong = || "write a span with its unit, like 30s or 1m30s".to_owned();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let span = text.parse::<SignedDuration>().map_err(|_error| wrong())?;
    // As nanoseconds, which Docker and images keep, it must fit into 63 bits; no clock goes on for so long.
    i64::try_from(span.as_nanos()).map_err(|_error| "292 years are the most".to_owned())?;
    Duration::try_from(span).map_err(|_error| "it cannot be negative".to_owned())
}

/// Reads a signal by name, with or without `SIG`, or by number.
pub(super) fn parse_signal(text: &str) -> Result<i32, String> {
    let upper = text.to_ascii_uppercase();
    let full = if upper.starts_with("SIG") { upper.clone() } else { format!("SIG{upper}") };
    text.parse()
        .ok()
        .filter(|number| (1..=64).contains(number))
        .or_else(|| full.parse::<nix::sys::signal::Signal>().ok().map(|signal| signal as i32))
        .ok_or_else(|| "write the name of a signal like TERM, or its number".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::flags::{parse_cpus, parse_memory};

    #[test]
    fn numbers_that_mean_without_limit_are_read_as_docker_reads_them() {
        assert_eq!(
            [parse_memory("-1"), parse_memory("0"), parse_memory("1k")],
            [Ok(0), Ok(0), Ok(1024)]
        );
        assert_eq!([parse_pids("-1"), parse_pids("0"), parse_pids("7")], [Ok(-1), Ok(-1), Ok(7)]);
        assert_eq!(
            [parse_cpus("0"), parse_cpus("0.5"), parse_cpus("2")],
            [Ok(0), Ok(500_000_000), Ok(2_000_000_000)]
        );
        for bad in ["-2", "x", "", "1.5x", "nan", "1e9"] {
            assert!(parse_pids(bad).is_err() && parse_cpus(bad).is_err(), "{bad}");
        }
        assert!(parse_memory("-2").is_err() && parse_memory("lots").is_err());
    }

    #[test]
    fn limits_of_devices_and_processes_are_read() {
        assert_eq!(parse_device_rate("/dev/sda:1mb"), Ok(("/dev/sda".into(), 1 << 20)));
        assert_eq!(parse_device_count("/dev/sda:7"), Ok(("/dev/sda".into(), 7)));
        for bad in ["sda:1", "/dev/sda", "/dev/sda:x", "/dev/sda:-1", ""] {
            assert!(parse_device_rate(bad).is_err() && parse_device_count(bad).is_err(), "{bad}");
            assert!(parse_device_weight(bad).is_err(), "{bad}");
        }
        let limit = |name: &str, soft, hard| Ok(Ulimit { name: name.into(), soft, hard });
        assert_eq!(parse_ulimit("nofile=1:2"), limit("nofile", 1, 2));
        assert_eq!(parse_ulimit("core=-1"), limit("core", -1, -1));
        for bad in [
            "nofile",
            "nofile=",
            "nofile=2:1",
            "nofile=-1:1",
            "nofile=-2",
            "files=1",
            "nofile=1:2:3",
        ] {
            assert!(parse_ulimit(bad).is_err(), "{bad}");
        }
        assert_eq!((parse_memory_swap("-1"), parse_swappiness("-1")), (Ok(-1), Ok(-1)));
        assert_eq!(parse_detach_keys("ctrl-p,ctrl-q,a"), Ok(DetachKeys(vec![0x10, 0x11, b'a'])));
        assert!(parse_detach_keys("ctrl-").is_err() && parse_detach_keys("").is_err());
        assert!(parse_memory_swap("-2").is_err() && parse_swappiness("101").is_err());
    }

    #[test]
    fn signals_tails_and_labels_are_read() {
        for (text, number) in [("KILL", 9), ("sigterm", 15), ("2", 2), ("64", 64)] {
            assert_eq!(parse_signal(text), Ok(number));
        }
        for bad in ["0", "NOPE", "65", ""] {
            assert!(parse_signal(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_tail("all"), Ok(Tail(None)));
        assert_eq!(parse_tail("-1"), Ok(Tail(None)));
        assert_eq!(parse_tail("7"), Ok(Tail(Some(7))));
        assert!(parse_tail("x").is_err() && parse_tail("").is_err());
        assert_eq!(parse_label("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(parse_label("a"), Ok(("a".into(), String::new())));
        assert!(parse_label("=b").is_err() && parse_label("").is_err());
        assert!(parse_seconds("-1").is_err() && parse_seconds("1.5").is_err());
        assert_eq!(parse_seconds("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn spans_need_a_unit() {
        for (text, milliseconds) in
            [("30s", 30_000), ("1m30s", 90_000), ("500ms", 500), ("1.5h", 5_400_000), ("0", 0)]
        {
            assert_eq!(parse_span(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for bad in ["", "30", "-1s", "soon", "s", "9223372036854775807s", "2562048h"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_are_spans_seconds_or_dates() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        for (text, second) in [
            ("90s", 999_910),
            ("1h30m", 1_000_000 - 5400),
            ("1.5h", 1_000_000 - 5400),
            ("500000", 500_000),
            ("1970-01-02T00:00:00Z", 86_400),
            ("1970-01-02T00:00:00+01:00", 82_800),
            ("1970-01-02T00:00:05", 82_805),
            ("1970-01-02T00:01", 82_860),
            ("1970-01-02", 82_800),
        ] {
            let moment = moment_in(text, &zone).unwrap().seen_from(now);
            assert_eq!(moment, Timestamp::from_second(second).unwrap(), "{text}");
        }
        let exact = parse_moment("1136073600.000000001").unwrap().seen_from(now);
        assert_eq!(exact, "2006-01-01T00:00:00.000000001Z".parse().unwrap());
        for bad in
            ["", "soon", "-5m", "1970-13-01", "nan", "1e300", "1.", ".5", "99999999999999999999"]
        {
            assert!(parse_moment(bad).is_err(), "{bad}");
        }
    }
}
