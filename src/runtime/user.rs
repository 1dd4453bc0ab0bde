//! Users and groups by the container's own `/etc/passwd` and `/etc/group`, never by the host's.

use super::{InitError, User};
use crate::sys::root::Root;

/// The most that is read of either file, in bytes.
const LONGEST_FILE: u64 = 4 << 20;

/// The most that a user or group number may be: above it, programs that keep them as `int` go wrong (CVE-2024-40635).
const LAST_ID: u32 = i32::MAX.cast_unsigned();

/// Who a program runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    /// How the user was asked for, for messages.
    pub(super) name: String,
    /// User number.
    pub(super) uid: u32,
    /// Group number.
    pub(super) gid: u32,
    /// Further groups.
    pub(super) groups: Vec<u32>,
    /// Whether it is an error that a further group cannot be had: the spec lists them, but a line of `/etc/group` does not.
    pub(super) needs_groups: bool,
    /// `HOME` if the environment has none; empty to leave it so.
    pub(super) home: String,
}

impl Identity {
    /// Takes the numbers of a spec.
    pub(super) fn from_numbers(uid: u32, gid: u32, groups: &[u32]) -> Self {
        Self {
            name: format!("{uid}:{gid}"),
            uid,
            gid,
            groups: groups.to_vec(),
            needs_groups: true,
            home: String::new(),
        }
    }
}

/// Finds out who `user` is in the container with this root.
pub(super) fn resolve(user: &User, numbers: &Identity, root: &Root) -> Result<Identity, InitError> {
    let User::Named { user: name, groups } = user else {
        return Ok(numbers.clone());
    };
    let read = |path| {
        let text = root
            .read(path, LONGEST_FILE)
            .map_err(|error| InitError::User { user: name.clone(), reason: error.to_string() })?;
        Ok(String::from_utf8_lossy(&text.unwrap_or_default()).into_owned())
    };
    let group = read("/etc/group")?;
    let mut identity = look_up(name, &read("/etc/passwd")?, &group)?;
    for one in groups {
        identity.needs_groups = true;
        let gid = look_up_group(one, &group)
            .map_err(|reason| InitError::User { user: name.clone(), reason })?;
        if !identity.groups.contains(&gid) {
            identity.groups.push(gid);
        }
    }
    Ok(identity)
}

/// Looks up a group by name or number.
fn look_up_group(name: &str, group: &str) -> Result<u32, String> {
    parse_number(name)
        .map_err(|TooBig| too_big(name))?
        .or_else(|| Group::all(group).find(|group| group.name == name).map(|group| group.gid))
        .ok_or_else(|| format!("there is no group '{name}' in the image's /etc/group"))
}

/// Looks up `user`, `uid`, `user:group` or `uid:gid` (either part by name or number).
fn look_up(text: &str, passwd: &str, group: &str) -> Result<Identity, InitError> {
    let wrong = |reason: String| InitError::User { user: text.to_owned(), reason };
    let (user, group_part) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let user = if user.is_empty() { "0" } else { user };
    let number = parse_number(user).map_err(|TooBig| wrong(too_big(user)))?;
    let account = Account::all(passwd).find(|account| match number {
        Some(uid) => account.uid == uid,
        None => account.name == user,
    });
    let (uid, gid) = match (&account, number) {
        (Some(account), _) => (account.uid, account.gid),
        (None, Some(uid)) => (uid, 0),
        (None, None) => {
            return Err(wrong("there is no such user in the image's /etc/passwd".to_owned()));
        }
    };
    let mut identity = Identity {
        name: text.to_owned(),
        uid,
        gid,
        groups: Vec::new(),
        needs_groups: false,
        home: account.as_ref().map_or("/", |account| account.home).to_owned(),
    };
    match group_part.filter(|group| !group.is_empty()) {
        Some(name) => {
            identity.gid = look_up_group(name, group).map_err(wrong)?;
        }
        None => {
            if let Some(account) = account {
                identity.groups = Group::all(group)
                    .filter(|group| group.members.split(',').any(|name| name == account.name))
                    .map(|group| group.gid)
                    .collect();
            }
        }
    }
    Ok(identity)
}

/// A number above [`LAST_ID`].
struct TooBig;

/// Reads a number; `None` for a name. What is all digits is never a name, however big (CVE-2026-46680).
fn parse_number(text: &str) -> Result<Option<u32>, TooBig> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse::<u32>() {
        Ok(number) if number <= LAST_ID => Ok(Some(number)),
        _ => Err(TooBig),
    }
}

fn too_big(text: &str) -> String {
    format!("'{text}' is not between 0 and {LAST_ID}")
}

/// A line of `/etc/passwd` (`passwd(5)`).
struct Account<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

impl<'a> Account<'a> {
    fn all(text: &'a str) -> impl Iterator<Item = Self> {
        text.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let &[name, _, uid, gid, _, home, ..] = fields.as_slice() else {
                return None;
            };
            Some(Self { name, uid: small(uid)?, gid: small(gid)?, home })
        })
    }
}

/// A line of `/etc/group` (`group(5)`).
struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

impl<'a> Group<'a> {
    fn all(text: &'a str) -> impl Iterator<Item = Self> {
        text.lines().filter_map(|line| {
            let mut fields = line.split(':');
            Some(Self {
                name: fields.next()?,
                gid: small(fields.nth(1)?)?,
                members: fields.next().unwrap_or_default().trim(),
            })
        })
    }
}

fn small(text: &str) -> Option<u32> {
    parse_number(text).ok().flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
        web:x:33:33:www:/var/www:/bin/false\n\
        # a comment\n\
        broken:x\n\
        99999999999:x:0:0::/:/bin/sh\n\
        high:x:4294967296:0::/:/bin/sh\n\
        7:x:0:0:named like a number:/:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nweb:x:33:\nlogs:x:4:web,other\nvideo:x:44:other,web\n";

    fn found(text: &str) -> (u32, u32, Vec<u32>, String) {
        let identity = look_up(text, PASSWD, GROUP).unwrap();
        (identity.uid, identity.gid, identity.groups, identity.home)
    }

    #[test]
    fn users_are_found_by_name_and_number() {
        for (text, uid, gid, groups, home) in [
            ("", 0, 0, vec![], "/root"),
            ("root", 0, 0, vec![], "/root"),
            ("web", 33, 33, vec![4, 44], "/var/www"),
            ("33", 33, 33, vec![4, 44], "/var/www"),
            ("web:logs", 33, 4, vec![], "/var/www"),
            ("web:5", 33, 5, vec![], "/var/www"),
            ("web:", 33, 33, vec![4, 44], "/var/www"),
            (":web", 0, 33, vec![], "/root"),
            ("1000", 1000, 0, vec![], "/"),
            ("1000:1001", 1000, 1001, vec![], "/"),
            ("7", 7, 0, vec![], "/"),
        ] {
            assert_eq!(found(text), (uid, gid, groups, home.to_owned()), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_and_never_root() {
        for text in [
            "nobody",
            "web:nogroup",
            "-1",
            "4294967296",
            "99999999999",
            "2147483648",
            "high",
            "broken",
            "web:4294967296",
            "web:logs:more",
            "0x0",
            "+0",
        ] {
            let error = look_up(text, PASSWD, GROUP).unwrap_err().to_string();
            assert!(error.starts_with(&format!("user '{text}': ")), "{error}");
        }
    }

    #[test]
    fn an_image_without_files_has_numbers_only() {
        assert_eq!(look_up("", "", "").unwrap().uid, 0);
        assert_eq!(look_up("5:6", "", "").unwrap().gid, 6);
        assert!(look_up("root", "", "").is_err());
    }

    proptest! {
        #[test]
        fn what_is_not_zero_and_not_root_never_becomes_root(text in "[a-z0-9:]{1,12}") {
            let user = text.split(':').next().unwrap_or_default();
            let means_root = user.is_empty() || user == "root" || user.bytes().all(|b| b == b'0');
            if let Ok(identity) = look_up(&text, PASSWD, GROUP) {
                prop_assert_eq!(identity.uid == 0, means_root);
            }
        }
    }
}
