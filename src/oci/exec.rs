//! A further program in a container.

use std::{collections::BTreeMap, os::fd::AsFd as _, path::PathBuf};

use oci_spec::runtime::{Capabilities, Capability, LinuxCapabilities, Process, Spec};

use super::{
    Context, Failure,
    arguments::Exec,
    bundle::checked,
    console::Console,
    container::{Container, Status},
    create::{filter, keyring},
    foreground::{self, Signals},
    listing::state_for_hooks,
    pidfd_socket::PidfdSocket,
    reading,
    record::replace,
};
use crate::{
    runtime::{self, ExecSetup, Tether, User},
    sys::{cgroup::Cgroup, files, pidfd, program, spawn},
};

/// The exit code when the program could not be started.
const NOT_STARTED: u8 = 255;

/// Runs a program in a container and stays with it unless told not to.
pub(super) fn exec(context: &Context<'_>, options: &Exec) -> Result<u8, Failure> {
    start(context, options).map_err(|failure| failure.while_doing("exec failed", NOT_STARTED))
}

fn start(context: &Context<'_>, options: &Exec) -> Result<u8, Failure> {
    let preserved = checked(options.preserve_fds)?;
    spawn::close_inherited(preserved)?;
    let container = Container::find(context, &options.id)?;
    match container.status() {
        Status::Stopped => return Err(Failure::new("cannot exec in a stopped container")),
        Status::Creating => {
            return Err(Failure::new("cannot exec in a container that is being made"));
        }
        Status::Paused if !options.ignore_paused => {
            return Err(Failure::new(
                "cannot exec in a paused container (use --ignore-paused to override)",
            ));
        }
        _ => {}
    }
    let (init, init_pidfd) =
        container.pinned().ok_or_else(|| Failure::new("cannot exec in a stopped container"))?;
    let spec = container.place.spec()?;
    let process = process(context, options, &spec)?;
    let has_terminal = process.terminal() == Some(true);
    let console =
        Console::choose(context, has_terminal, options.detach, options.console_socket.as_ref())?;
    let signals = if options.detach { None } else { Some(Signals::hold_back()?) };
    if signals.is_some() && !options.no_subreaper {
        spawn::adopt_orphans()?;
    }
    if container.record.has_keyring {
        program::join_keyring(&keyring(&options.id))?;
    }
    let state = state_for_hooks(&container.record, Status::Running, init.pid);
    let seccomp = filter(&spec, state)?;
    let cgroup = group(&container, init.pid, &options.cgroup)?;
    let socket = PidfdSocket::connect(context, options.pidfd_socket.as_ref())?;
    let running = runtime::exec(ExecSetup {
        init,
        pidfd: init_pidfd.as_fd(),
        spec: &spec,
        process: &process,
        user: User::FromSpec,
        stdio: console.stdio()?,
        cgroup: cgroup.as_ref(),
        class: container.record.class.as_ref(),
        seccomp: seccomp.as_ref(),
        tether: Tether::None,
        preserved,
    })?;
    let delivered = console.deliver(running.terminal, &process).and_then(|terminal| {
        socket.send(running.pidfd.as_fd())?;
        if let Some(path) = &options.pid_file {
            replace(&context.absolute(path), running.process.pid.to_string().as_bytes())?;
        }
        Ok(terminal)
    });
    // A program that its caller does not know of would have nobody.
    let terminal = delivered.inspect_err(|_cause| pidfd::kill_and_reap(&running.pidfd))?;
    match signals {
        None => Ok(0),
        Some(signals) => foreground::stay(&signals, &running.pidfd, terminal.as_ref()),
    }
}

/// Gives the control group of a program: that of the first process unless it is told another one.
fn group(container: &Container, first: i32, asked: &[String]) -> Result<Option<Cgroup>, Failure> {
    let (group, places) = (container.cgroup(), places(asked)?);
    if places.is_empty() {
        return Ok(group.map(|group| group.beside(first)));
    }
    let none = || Failure::new("--cgroup: the container has no control group");
    Ok(Some(group.ok_or_else(none)?.below(&places)?))
}

/// Reads where a program is to be: `PATH`, or `CONTROLLER[,CONTROLLER…]:PATH` as often as one likes.
fn places(texts: &[String]) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let wrong = |text: &str, why: &str| Failure::new(format!("--cgroup {text:?}: {why}"));
    let mut places = BTreeMap::new();
    for text in texts {
        let (controllers, path) = text.split_once(':').unwrap_or(("", text));
        if path.contains(':') {
            return Err(wrong(text, "there is more than one colon"));
        }
        if texts.len() > 1 && !text.contains(':') {
            return Err(wrong(text, "of several, each names its controllers"));
        }
        for controller in controllers.split(',') {
            if controller.is_empty() && text.contains(':') {
                return Err(wrong(text, "a controller has no name"));
            }
            if places.insert(controller.to_owned(), PathBuf::from(path)).is_some() {
                return Err(wrong(text, &format!("{controller} is named twice")));
            }
        }
    }
    Ok(places)
}

/// Gives what is to be executed: a file says all, or flags change the container's own process.
fn process(context: &Context<'_>, options: &Exec, spec: &Spec) -> Result<Process, Failure> {
    if let Some(path) = &options.process {
        let path = context.absolute(path);
        let name = path.display().to_string();
        let process = reading::document(&files::read(&path)?, &name, &context.log)?;
        return changed_by_rights(process, options);
    }
    if options.command.is_empty() {
        return Err(Failure::new("process args cannot be empty"));
    }
    let mut process = spec.process().clone().unwrap_or_default();
    process.set_args(Some(options.command.clone()));
    process.set_terminal(Some(options.tty));
    process.set_console_size(None);
    if let Some(cwd) = &options.cwd {
        process.set_cwd(cwd.clone());
    }
    let mut variables = process.env().clone().unwrap_or_default();
    variables.extend(options.env.iter().cloned());
    process.set_env(Some(variables));
    if let Some(user) = &options.user {
        let (uid, gid) = numbers(user)?;
        process.user_mut().set_uid(uid);
        if let Some(gid) = gid {
            process.user_mut().set_gid(gid);
        }
        // Those of the container's own user say nothing of this one.
        process.user_mut().set_additional_gids(None);
    }
    if !options.additional_gids.is_empty() {
        process.user_mut().set_additional_gids(Some(options.additional_gids.clone()));
    }
    changed_by_rights(process, options)
}

fn changed_by_rights(mut process: Process, options: &Exec) -> Result<Process, Failure> {
    if options.no_new_privs {
        process.set_no_new_privileges(Some(true));
    }
    if let Some(profile) = &options.apparmor {
        process.set_apparmor_profile(Some(profile.clone()));
    }
    if let Some(label) = &options.process_label {
        process.set_selinux_label(Some(label.clone()));
    }
    if options.cap.is_empty() {
        return Ok(process);
    }
    let added = options.cap.iter().map(|name| capability(name)).collect::<Result<Vec<_>, _>>()?;
    let mut sets = process.capabilities().clone().unwrap_or_else(no_capabilities);
    let more = |set: &Option<Capabilities>| {
        Some(set.iter().flatten().copied().chain(added.iter().copied()).collect())
    };
    let (bounding, effective, permitted) =
        (more(sets.bounding()), more(sets.effective()), more(sets.permitted()));
    sets.set_bounding(bounding).set_effective(effective).set_permitted(permitted);
    process.set_capabilities(Some(sets));
    Ok(process)
}

fn no_capabilities() -> LinuxCapabilities {
    let mut sets = LinuxCapabilities::default();
    sets.set_bounding(None).set_effective(None).set_permitted(None);
    sets.set_inheritable(None).set_ambient(None);
    sets
}

fn capability(name: &str) -> Result<Capability, Failure> {
    let upper = name.to_ascii_uppercase();
    let full = if upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") };
    serde_json::from_value(serde_json::Value::String(full))
        .map_err(|_unknown| Failure::new(format!("unknown capability {name:?}")))
}

/// Reads `UID[:GID]`: numbers only, and nothing after them (CVE-2026-30892).
fn numbers(text: &str) -> Result<(u32, Option<u32>), Failure> {
    let number = |part: &str| {
        let is_plain = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let parsed = part.parse::<u32>().ok().filter(|_| is_plain);
        // Beyond it, programs that keep ids as `int` go wrong (CVE-2024-40635).
        parsed.filter(|&id| i32::try_from(id).is_ok()).ok_or_else(|| {
            Failure::new(format!("user {text:?} is not UID[:GID] with numbers up to {}", i32::MAX))
        })
    };
    match text.split_once(':') {
        None => Ok((number(text)?, None)),
        Some((uid, gid)) => Ok((number(uid)?, Some(number(gid)?))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// CVE-2026-30892: what is taken for a user is that user, to the last character. Seen to fail without `is_plain`: "+0" was user 0.
        #[test]
        fn cve_2026_30892_a_user_is_what_was_written(text in "[0-9:+ -]{1,6}") {
            if let Ok((uid, gid)) = numbers(&text) {
                let written = gid.map_or_else(|| uid.to_string(), |gid| format!("{uid}:{gid}"));
                // Zeros in front change nothing.
                let plain: Vec<String> = text
                    .split(':')
                    .map(|part| part.trim_start_matches('0'))
                    .map(|part| if part.is_empty() { "0".to_owned() } else { part.to_owned() })
                    .collect();
                prop_assert_eq!(plain.join(":"), written);
            }
        }
    }

    #[test]
    fn users_are_numbers_and_nothing_else() {
        assert_eq!(numbers("0").unwrap(), (0, None));
        assert_eq!(numbers("1000:7").unwrap(), (1000, Some(7)));
        for wrong in [
            "",
            ":",
            "1:",
            ":1",
            "root",
            "1:2:3",
            "+1",
            "-1",
            " 1",
            "1 ",
            "4294967296",
            "2147483648",
            "0x0",
        ] {
            assert!(numbers(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn control_groups_are_named_by_controller_or_all_at_once() {
        let read = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            let places = places(&texts).map_err(|failure| format!("{failure:?}"))?;
            let shown = places.iter().map(|(one, path)| format!("{one}:{}", path.display()));
            Ok::<_, String>(shown.collect::<Vec<_>>().join(" "))
        };
        assert_eq!(read(&[]).unwrap(), "");
        assert_eq!(read(&["a/b"]).unwrap(), ":a/b");
        assert_eq!(read(&["cpu,memory:a", "pids:/b"]).unwrap(), "cpu:a memory:a pids:/b");
        for wrong in [
            &["a", "b"][..],
            &["cpu:a", "b"],
            &["cpu:a:b"],
            &[":a"],
            &["cpu,:a"],
            &["cpu:a", "cpu:b"],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn capabilities_are_added_to_those_there_are() {
        for name in ["CAP_KILL", "kill", "cap_kill"] {
            assert_eq!(capability(name).unwrap(), Capability::Kill);
        }
        assert!(capability("CAP_NOTHING").is_err());
    }
}
