//! From what was asked for to what will be run: every default of the image filled in, everything that makes no sense refused.
//!
//! Pure: touches nothing, so that a request can be checked before anything is acquired.

mod isolation;
pub(super) mod life;
pub(super) mod resources;
mod security;

use std::str::FromStr as _;

use nix::sys::signal::Signal;

use super::{EngineError, ErrorKind, Result};
use crate::model::{
    ContainerConfig, CreateContainer, Image, Isolation, Mount, MountKind, NetworkMode,
};

/// The longest host name (`sethostname(2)`).
const LONGEST_HOSTNAME: usize = 64;

/// Fills in the defaults of `image`. The caller has found the networks and knows the default host name.
pub(super) fn resolve(
    request: &CreateContainer,
    image: &Image,
    network: NetworkMode,
    default_hostname: String,
) -> Result<ContainerConfig> {
    let mut labels = image.config.labels.clone();
    labels.extend(request.labels.clone());
    request.mounts.iter().try_for_each(check_mount)?;
    check_targets(&request.mounts)?;
    resources::check(&request.resources)?;
    isolation::check(request, &network)?;
    request.log.bounds().map_err(|error| invalid(error.to_string()))?;
    life::check(request)?;
    check_platform(request, image)?;
    Ok(ContainerConfig {
        args: arguments(request, image)?,
        entrypoint: request.entrypoint.as_ref().unwrap_or(&image.config.entrypoint).len(),
        env: environment(request, image)?,
        workdir: workdir(request, image)?,
        user: request.user.clone().unwrap_or_else(|| image.config.user.clone()),
        hostname: hostname(request, default_hostname)?,
        labels,
        network,
        mounts: request.mounts.clone(),
        read_only: request.read_only,
        tty: request.tty,
        open_stdin: request.open_stdin,
        auto_remove: request.auto_remove,
        no_new_privileges: request.no_new_privileges,
        stop_signal: match request.stop_signal {
            Some(number) => number,
            None => stop_signal(image)?,
        },
        resources: request.resources.clone(),
        security: security::resolve(&request.security)?,
        isolation: with_ports(request.isolation.clone(), &image.config.exposed_ports),
        log: request.log.clone(),
        restart: request.restart,
        health: request.health.clone().over(&image.config.health),
    })
}

/// Adds the ports that an image says it listens at.
fn with_ports(mut isolation: Isolation, of_image: &[String]) -> Isolation {
    let ports = &mut isolation.exposed_ports;
    for port in of_image {
        if !ports.contains(port) {
            ports.push(port.clone());
        }
    }
    isolation
}

/// Entry point, then command. A new entry point drops the image's command, as Docker does.
fn arguments(request: &CreateContainer, image: &Image) -> Result<Vec<String>> {
    let (entrypoint, inherited) = match &request.entrypoint {
        Some(own) => (own, &[][..]),
        None => (&image.config.entrypoint, image.config.command.as_slice()),
    };
    let command = if request.command.is_empty() { inherited } else { &request.command };
    let args: Vec<String> = entrypoint.iter().chain(command).cloned().collect();
    match args.first() {
        Some(program) if !program.is_empty() => Ok(args),
        _ => Err(EngineError::new(
            ErrorKind::Invalid,
            format!("no command given, and image {} has none", request.image),
        )
        .hint("name the program to run after the image")),
    }
}

fn environment(request: &CreateContainer, image: &Image) -> Result<Vec<String>> {
    let mut env: Vec<String> = Vec::new();
    for entry in image.config.env.iter().chain(&request.env) {
        let Some((key, _)) = entry.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(invalid(format!("'{entry}' is not an environment entry: write KEY=value")));
        };
        if entry.contains('\0') {
            return Err(invalid(format!("environment entry {key} holds a zero byte")));
        }
        let prefix = format!("{key}=");
        match env.iter_mut().find(|known| known.starts_with(&prefix)) {
            Some(known) => known.clone_from(entry),
            None => env.push(entry.clone()),
        }
    }
    Ok(env)
}

fn workdir(request: &CreateContainer, image: &Image) -> Result<String> {
    let workdir = request.workdir.as_deref().unwrap_or(&image.config.workdir);
    match workdir {
        "" => Ok("/".to_owned()),
        path if path.starts_with('/') => Ok(path.to_owned()),
        path => Err(invalid(format!("working directory '{path}' is not absolute"))),
    }
}

fn hostname(request: &CreateContainer, default: String) -> Result<String> {
    match &request.hostname {
        None => Ok(default),
        Some(name) if name.is_empty() || name.len() > LONGEST_HOSTNAME => Err(invalid(format!(
            "host name '{name}' does not have 1 to {LONGEST_HOSTNAME} characters"
        ))),
        Some(name)
            if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.')) =>
        {
            Err(invalid(format!("host name '{name}' holds more than letters, digits, '-' and '.'")))
        }
        Some(name) => Ok(name.clone()),
    }
}

fn check_mount(mount: &Mount) -> Result<()> {
    if !mount.target.starts_with('/') || mount.target == "/" {
        return Err(invalid(format!(
            "mount target '{}' must be an absolute path below the root",
            mount.target
        )));
    }
    match &mount.kind {
        MountKind::Bind { source, create, .. } => {
            if !source.is_absolute() {
                return Err(invalid(format!(
                    "mount source '{}' is not absolute",
                    source.display()
                )));
            }
            if !create && !crate::sys::files::exists(source) {
                return Err(invalid(format!("mount source {} does not exist", source.display()))
                    .hint("make it first, or use -v, which makes a directory"));
            }
            Ok(())
        }
        MountKind::Tmpfs { .. } => Ok(()),
    }
}

/// Refuses two mounts at one place: one of them would be hidden.
fn check_targets(mounts: &[Mount]) -> Result<()> {
    let place = |mount: &Mount| mount.target.trim_end_matches('/').to_owned();
    for (number, mount) in mounts.iter().enumerate() {
        if mounts.iter().skip(number + 1).any(|other| place(other) == place(mount)) {
            return Err(invalid(format!("two mounts have the target {}", mount.target)));
        }
    }
    Ok(())
}

/// Refuses an image that is for another platform than was asked for.
fn check_platform(request: &CreateContainer, image: &Image) -> Result<()> {
    let Some(wanted) = &request.platform else { return Ok(()) };
    let Some((os, rest)) =
        wanted.split_once('/').filter(|(os, rest)| !os.is_empty() && !rest.is_empty())
    else {
        return Err(invalid(format!(
            "platform '{wanted}' is not OS/ARCHITECTURE, like linux/amd64"
        )));
    };
    let architecture = match rest.split('/').next().unwrap_or_default() {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let config = &image.config;
    if os == config.os && architecture == config.architecture {
        return Ok(());
    }
    Err(invalid(format!(
        "image {} was found but its platform ({}/{}) does not match the specified platform ({wanted})",
        request.image, config.os, config.architecture
    )))
}

fn stop_signal(image: &Image) -> Result<i32> {
    let Some(text) = image.config.stop_signal.as_deref().filter(|text| !text.is_empty()) else {
        return Ok(Signal::SIGTERM as i32);
    };
    let number = text.parse::<i32>().ok().filter(|number| (1..=64).contains(number));
    let full = if text.starts_with("SIG") { text.to_owned() } else { format!("SIG{text}") };
    number
        .or_else(|| Signal::from_str(&full).ok().map(|signal| signal as i32))
        .ok_or_else(|| invalid(format!("the image's stop signal '{text}' is not known")))
}

fn invalid(message: impl Into<String>) -> EngineError {
    EngineError::new(ErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Digest, ImageConfig, ImageId, Resources, Timestamp};

    fn image(config: ImageConfig) -> Image {
        let digest = Digest::from_bytes([7; 32]);
        Image {
            id: ImageId(digest),
            manifest: digest,
            references: Vec::new(),
            created: None,
            stored: Timestamp::UNIX_EPOCH,
            layers: Vec::new(),
            config,
        }
    }

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn plan(request: &CreateContainer, config: ImageConfig) -> Result<ContainerConfig> {
        resolve(request, &image(config), NetworkMode::None, "short".to_owned())
    }

    #[test]
    fn entry_point_and_command_combine_as_docker_does() {
        for (entrypoint, command, own_entrypoint, own_command, expected) in [
            ("", "sh", None, "", "sh"),
            ("", "sh", None, "ls -l", "ls -l"),
            ("/init", "serve", None, "", "/init serve"),
            ("/init", "serve", None, "check", "/init check"),
            ("/init", "serve", Some("sh -c"), "", "sh -c"),
            ("/init", "serve", Some("sh"), "-c x", "sh -c x"),
            ("/init", "serve", Some(""), "ls", "ls"),
        ] {
            let config = ImageConfig {
                entrypoint: words(entrypoint),
                command: words(command),
                ..Default::default()
            };
            let request = CreateContainer {
                entrypoint: own_entrypoint.map(words),
                command: words(own_command),
                ..Default::default()
            };
            let planned = plan(&request, config).unwrap();
            assert_eq!(planned.args, words(expected));
            let own = own_entrypoint.unwrap_or(entrypoint);
            assert_eq!(planned.args[..planned.entrypoint].join(" "), own);
        }
    }

    #[test]
    fn a_container_without_a_command_is_refused() {
        let error = plan(
            &CreateContainer { image: "empty".into(), ..Default::default() },
            ImageConfig::default(),
        );
        assert_eq!(error.unwrap_err().kind(), &ErrorKind::Invalid);
    }

    #[test]
    fn the_users_environment_replaces_the_images_in_place() {
        let config =
            ImageConfig { env: words("PATH=/bin A=1"), command: words("sh"), ..Default::default() };
        let request = CreateContainer { env: words("A=2 AB=3"), ..Default::default() };
        assert_eq!(plan(&request, config).unwrap().env, words("PATH=/bin A=2 AB=3"));
    }

    #[test]
    fn nonsense_is_refused_with_the_object_named() {
        let mount = |target: &str| Mount {
            kind: MountKind::Tmpfs { size: None, options: Vec::new() },
            target: target.into(),
            read_only: false,
        };
        let base = || CreateContainer { command: words("sh"), ..Default::default() };
        for (request, named) in [
            (CreateContainer { env: words("novalue"), ..base() }, "novalue"),
            (CreateContainer { env: words("=x"), ..base() }, "=x"),
            (CreateContainer { workdir: Some("rel".into()), ..base() }, "rel"),
            (CreateContainer { hostname: Some("a b".into()), ..base() }, "a b"),
            (CreateContainer { mounts: vec![mount("x")], ..base() }, "'x'"),
            (CreateContainer { mounts: vec![mount("/")], ..base() }, "'/'"),
            (CreateContainer { mounts: vec![mount("/t"), mount("/t/")], ..base() }, "/t"),
            (
                CreateContainer {
                    resources: Resources { memory: Some(1), ..Default::default() },
                    ..base()
                },
                "6m",
            ),
        ] {
            let error = plan(&request, ImageConfig::default()).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    #[test]
    fn stop_signals_are_read_by_name_and_number() {
        for (text, number) in [("SIGQUIT", 3), ("INT", 2), ("9", 9), ("", 15), ("37", 37)] {
            let config = ImageConfig {
                stop_signal: Some(text.into()),
                command: words("sh"),
                ..Default::default()
            };
            assert_eq!(plan(&CreateContainer::default(), config).unwrap().stop_signal, number);
        }
        let config = ImageConfig {
            stop_signal: Some("SIGNOPE".into()),
            command: words("sh"),
            ..Default::default()
        };
        assert!(plan(&CreateContainer::default(), config).is_err());
    }
}
