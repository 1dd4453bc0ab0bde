//! Extended headers (pax(1), "pax Extended Header"). Pure.
//!
//! Read here once more, because the parser takes a line feed within a binary attribute for the end of a record.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
};

use super::super::error::EntryFault;
use crate::sys::beneath::Moment;

/// Attributes that overlayfs itself writes; in an archive they would be orders to the kernel, not attributes of an image.
const OVERLAY: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];

/// The records of extended headers, and what overrides the plain header.
#[derive(Debug, Default)]
pub(super) struct Extended {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) changed: Option<Moment>,
    pub(super) attributes: Vec<(OsString, Vec<u8>)>,
}

impl Extended {
    /// Finds the extended header among the blocks before an entry, and reads its records.
    pub(super) fn read(headers: &[u8]) -> Result<Self, EntryFault> {
        let mut extended = Self::default();
        let mut rest = headers;
        while let Some((block, after)) = rest.split_at_checked(512) {
            let header = tar::Header::from_byte_slice(block);
            let kind = header.entry_type();
            if !(kind.is_pax_local_extensions() || kind.is_gnu_longname() || kind.is_gnu_longlink())
            {
                break;
            }
            let wrong = EntryFault::Number("extended header");
            let size = header.entry_size().ok().and_then(|size| usize::try_from(size).ok());
            let Some((bytes, _)) = size.and_then(|size| after.split_at_checked(size)) else {
                return Err(wrong);
            };
            if kind.is_pax_local_extensions() {
                extended.take_records(bytes).ok_or(wrong)??;
            }
            rest = after.get(bytes.len().next_multiple_of(512)..).unwrap_or_default();
        }
        Ok(extended)
    }

    /// Reads records of the form `LENGTH KEY=VALUE\n` (pax(1), "pax Extended Header"); `None` when they have another form.
    fn take_records(&mut self, mut rest: &[u8]) -> Option<Result<(), EntryFault>> {
        while !rest.is_empty() {
            let space = rest.iter().position(|byte| *byte == b' ')?;
            let length: usize = str::from_utf8(rest.get(..space)?).ok()?.parse().ok()?;
            let record = rest.get(space + 1..length)?.strip_suffix(b"\n")?;
            let equals = record.iter().position(|byte| *byte == b'=')?;
            let (key, value) = (record.get(..equals)?, record.get(equals + 1..)?);
            if let Err(fault) = self.take(key, value) {
                return Some(Err(fault));
            }
            rest = rest.get(length..)?;
        }
        Some(Ok(()))
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), EntryFault> {
        let number = |field| {
            str::from_utf8(value)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or(EntryFault::Number(field))
        };
        match key {
            b"path" => self.path = Some(value.to_vec()),
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(number("size")?),
            b"uid" => self.uid = Some(number("owner")?),
            b"gid" => self.gid = Some(number("group")?),
            b"mtime" => self.changed = Some(moment(value).ok_or(EntryFault::Number("time"))?),
            _ if key.starts_with(b"GNU.sparse.") => return Err(EntryFault::Sparse),
            _ => {
                let attribute = key.strip_prefix(b"SCHILY.xattr.");
                let attribute = attribute.filter(|key| !key.is_empty() && !key.contains(&0));
                if let Some(key) = attribute
                    && !OVERLAY.iter().any(|own| key.starts_with(own))
                {
                    let key = OsStr::from_bytes(key).to_owned();
                    self.attributes.push((key, value.to_vec()));
                }
            }
        }
        Ok(())
    }
}

/// Reads seconds with an optional fraction; before 1970 the fraction counts on from the second before.
fn moment(value: &[u8]) -> Option<Moment> {
    let text = str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanoseconds = digits.into_iter().try_fold(0_u32, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0'))
    })?;
    Some(if text.starts_with('-') && nanoseconds > 0 {
        Moment { seconds: seconds.checked_sub(1)?, nanoseconds: 1_000_000_000 - nanoseconds }
    } else {
        Moment { seconds, nanoseconds }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_nanosecond() {
        for (text, expected) in [
            ("12", Some((12, 0))),
            ("12.5", Some((12, 500_000_000))),
            ("12.1234567891", Some((12, 123_456_789))),
            ("-1.5", Some((-2, 500_000_000))),
            ("-0.5", Some((-1, 500_000_000))),
            ("", None),
            ("1.x", None),
            ("1e5", None),
        ] {
            let expected = expected.map(|(seconds, nanoseconds)| Moment { seconds, nanoseconds });
            assert_eq!(moment(text.as_bytes()), expected, "{text}");
        }
    }

    fn record(key: &str, value: &[u8]) -> Vec<u8> {
        let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
        let length = (1..1000).find(|n: &usize| n.to_string().len() + rest.len() == *n);
        [length.unwrap().to_string().into_bytes(), rest].concat()
    }

    #[test]
    fn a_binary_attribute_may_hold_a_line_feed() {
        let mut extended = Extended::default();
        let mut records = record("SCHILY.xattr.user.a", b"x\n9 path=p");
        records.extend(record("path", b"abc"));
        records.extend(record("SCHILY.xattr.trusted.overlay.opaque", b"y"));
        assert_eq!(extended.take_records(&records), Some(Ok(())));
        assert_eq!(extended.path.as_deref(), Some(&b"abc"[..]));
        assert_eq!(extended.attributes[0].1, b"x\n9 path=p");
        for bad in [&b"5 a=b\n"[..], b"7 a=b\n", b"x", b"99 a=b\n", b"0 \n"] {
            assert_eq!(Extended::default().take_records(bad), None, "{bad:?}");
        }
        assert_eq!(extended.attributes.len(), 1);
    }
}
