//! Flags that say what the programs of a container may do.

use std::path::PathBuf;

use clap::Args;

use crate::{
    cli::Surroundings,
    engine::{EngineError, ErrorKind, Result, read_file},
    model::{Device, Seccomp, Security},
};

/// What its programs may do.
#[derive(Debug, Args)]
#[command(next_help_heading = "Privileges")]
pub(super) struct SecurityOptions {
    /// Let it do all that this user may, with all devices of the host
    #[arg(long)]
    privileged: bool,
    /// Give it a capability, or ALL
    #[arg(long, value_name = "CAPABILITY")]
    cap_add: Vec<String>,
    /// Take a capability away, or ALL
    #[arg(long, value_name = "CAPABILITY")]
    cap_drop: Vec<String>,
    /// no-new-privileges, seccomp=FILE|unconfined, apparmor=PROFILE, mask=PATH, unmask=PATH|ALL, systempaths=unconfined
    #[arg(long = "security-opt", value_name = "OPTION", value_parser = parse_option)]
    options: Vec<SecurityOption>,
    /// Set a kernel parameter of its namespaces
    #[arg(long = "sysctl", value_name = "NAME=VALUE", value_parser = parse_sysctl)]
    sysctls: Vec<(String, String)>,
    /// Show a device of the host, or those in a directory
    #[arg(long = "device", value_name = "HOST[:INSIDE][:rwm]", value_parser = parse_device)]
    devices: Vec<Device>,
    /// Allow devices, like "c 10:* rwm"
    #[arg(long = "device-cgroup-rule", value_name = "RULE", value_parser = parse_rule)]
    device_rules: Vec<String>,
    /// Add its user to a further group
    #[arg(long = "group-add", value_name = "GROUP")]
    groups: Vec<String>,
}

/// One `--security-opt`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SecurityOption {
    NoNewPrivileges(bool),
    Unconfined,
    Profile(PathBuf),
    AppArmor(String),
    Mask(Vec<String>),
    Unmask(Vec<String>),
    /// `SELinux` is left out, which is how it is anyway.
    NoLabel,
}

impl SecurityOptions {
    /// Words what they ask for, and whether no privileges are ever gained.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when a profile cannot be read.
    pub(super) fn into_security(self, surroundings: &Surroundings) -> Result<(Security, bool)> {
        let mut security = Security {
            privileged: self.privileged,
            cap_add: self.cap_add,
            cap_drop: self.cap_drop,
            sysctls: self.sysctls.into_iter().collect(),
            devices: self.devices,
            device_rules: self.device_rules,
            groups: self.groups,
            ..Security::default()
        };
        let mut no_new_privileges = false;
        for option in self.options {
            match option {
                SecurityOption::NoNewPrivileges(is_set) => no_new_privileges = is_set,
                SecurityOption::Unconfined => security.seccomp = Seccomp::Unconfined,
                SecurityOption::Profile(path) => {
                    security.seccomp = Seccomp::Profile(profile(&path, surroundings)?);
                }
                SecurityOption::AppArmor(profile) => security.apparmor = Some(profile),
                SecurityOption::Mask(paths) => security.masked.extend(paths),
                SecurityOption::Unmask(paths) => security.unmasked.extend(paths),
                SecurityOption::NoLabel => {}
            }
        }
        Ok((security, no_new_privileges))
    }
}

fn profile(path: &std::path::Path, surroundings: &Surroundings) -> Result<String> {
    let wrong = |error: &dyn std::fmt::Display| {
        let message = format!("opening seccomp profile ({}) failed: {error}", path.display());
        EngineError::new(ErrorKind::Invalid, message)
    };
    let bytes = read_file(&surroundings.directory.join(path)).map_err(|error| wrong(&error))?;
    String::from_utf8(bytes).map_err(|error| wrong(&error))
}

fn parse_option(text: &str) -> std::result::Result<SecurityOption, String> {
    let (key, value) = text.split_once(['=', ':']).unwrap_or((text, ""));
    let paths = || value.split(':').map(str::to_owned).collect();
    match (key, value) {
        ("no-new-privileges", "" | "true") => Ok(SecurityOption::NoNewPrivileges(true)),
        ("no-new-privileges", "false") => Ok(SecurityOption::NoNewPrivileges(false)),
        ("seccomp", "unconfined") => Ok(SecurityOption::Unconfined),
        ("seccomp" | "apparmor" | "mask" | "unmask", "") => {
            Err(format!("invalid --security-opt: {text}; it needs a value"))
        }
        ("seccomp", file) => Ok(SecurityOption::Profile(file.into())),
        ("apparmor", profile) => Ok(SecurityOption::AppArmor(profile.to_owned())),
        ("mask", _) => Ok(SecurityOption::Mask(paths())),
        ("unmask", _) => Ok(SecurityOption::Unmask(paths())),
        ("systempaths", "unconfined") => Ok(SecurityOption::Unmask(vec!["ALL".to_owned()])),
        ("label", "disable") => Ok(SecurityOption::NoLabel),
        ("label", _) => Err("Estiba sets no SELinux labels; label=disable is how it is".to_owned()),
        _ => Err(format!("invalid --security-opt: {text}")),
    }
}

fn parse_sysctl(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("'{text}' is not NAME=VALUE")),
    }
}

/// Reads `HOST[:INSIDE][:rwm]` (docker/cli, `validateLinuxPath`).
fn parse_device(text: &str) -> std::result::Result<Device, String> {
    let is_access = |word: &str| {
        let mut letters: Vec<char> = word.chars().collect();
        letters.sort_unstable();
        letters.dedup();
        !word.is_empty() && letters.len() == word.len() && word.chars().all(|c| "rwm".contains(c))
    };
    let parts: Vec<&str> = text.split(':').collect();
    let (host, inside, access) = match parts.as_slice() {
        [host] => (*host, *host, "rwm"),
        [host, access] if is_access(access) => (*host, *host, *access),
        [host, inside] => (*host, *inside, "rwm"),
        [host, inside, access] if is_access(access) => (*host, *inside, *access),
        [_, _, access] => return Err(format!("bad mode specified: {access}")),
        _ => return Err(format!("bad format for path: {text}")),
    };
    if let Some(path) = [host, inside].into_iter().find(|path| !path.starts_with('/')) {
        return Err(format!("{path} is not an absolute path"));
    }
    Ok(Device { host: host.to_owned(), inside: inside.to_owned(), access: access.to_owned() })
}

/// Checks a rule like `c 10:* rwm` (docker/cli, `validateDeviceCgroupRule`).
fn parse_rule(text: &str) -> std::result::Result<String, String> {
    let is_number = |text: &str| {
        text == "*" || (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let words: Vec<&str> = text.split(' ').collect();
    let is_fine = match words.as_slice() {
        ["a" | "b" | "c", numbers, access] => {
            numbers.split_once(':').is_some_and(|(one, two)| is_number(one) && is_number(two))
                && (1..=3).contains(&access.len())
                && access.chars().all(|letter| "rwm".contains(letter))
        }
        _ => false,
    };
    if is_fine {
        Ok(text.to_owned())
    } else {
        Err(format!("invalid device cgroup format '{text}'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_docker_reads_them() {
        let strings = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (text, option) in [
            ("no-new-privileges", SecurityOption::NoNewPrivileges(true)),
            ("no-new-privileges:false", SecurityOption::NoNewPrivileges(false)),
            ("seccomp=unconfined", SecurityOption::Unconfined),
            ("seccomp:unconfined", SecurityOption::Unconfined),
            ("seccomp=/p.json", SecurityOption::Profile("/p.json".into())),
            ("apparmor=unconfined", SecurityOption::AppArmor("unconfined".into())),
            ("mask=/a:/b", SecurityOption::Mask(strings(&["/a", "/b"]))),
            ("unmask=ALL", SecurityOption::Unmask(strings(&["ALL"]))),
            ("systempaths=unconfined", SecurityOption::Unmask(strings(&["ALL"]))),
            ("label=disable", SecurityOption::NoLabel),
        ] {
            assert_eq!(parse_option(text).unwrap(), option, "{text}");
        }
        for bad in ["", "seccomp", "apparmor=", "no-new-privileges=maybe", "label=level:s0", "x=y"]
        {
            assert!(parse_option(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn devices_and_rules_are_read_as_docker_reads_them() {
        let device = |host: &str, inside: &str, access: &str| {
            Ok(Device { host: host.into(), inside: inside.into(), access: access.into() })
        };
        for (text, expected) in [
            ("/dev/a", device("/dev/a", "/dev/a", "rwm")),
            ("/dev/a:r", device("/dev/a", "/dev/a", "r")),
            ("/dev/a:/dev/b", device("/dev/a", "/dev/b", "rwm")),
            ("/dev/a:/dev/b:mr", device("/dev/a", "/dev/b", "mr")),
        ] {
            assert_eq!(parse_device(text), expected, "{text}");
        }
        for bad in ["", "dev/a", "/dev/a:b", "/dev/a:/dev/b:x", "/dev/a:/dev/b:rr", "/a:/b:r:w"] {
            assert!(parse_device(bad).is_err(), "{bad}");
        }
        assert!(parse_rule("c 10:* rwm").is_ok() && parse_rule("a *:* m").is_ok());
        for bad in ["", "c", "c 1:2", "x 1:2 r", "c 1 r", "c 1:2 x", "c 1:2 rwmr", "c  1:2 r"] {
            assert!(parse_rule(bad).is_err(), "{bad}");
        }
    }
}
