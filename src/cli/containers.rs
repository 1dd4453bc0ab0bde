//! The verbs of containers.

mod files;
mod list;
mod logs;
mod stats;

use std::{path::PathBuf, time::Duration};

use super::{
    Surroundings,
    arguments::{
        AttachOptions, ContainerGroup, ContainerOptions, ContainerVerb, CreateOptions, ExecOptions,
        PortOptions, RemoveOptions, RunOptions, StartOptions, UpdateOptions,
    },
    failure, foreground, inspect, making, output, prune, registries, timings,
};
use crate::{
    engine::{self, Engine, EngineError, ErrorKind, Force, Result},
    model::{Container, Mark, Resources, Step, UpdateContainer},
};

/// How long a container may take to stop when nobody says.
const GRACE: Duration = Duration::from_secs(10);

/// What the group `container` has.
pub(super) fn group(
    engine: &Engine,
    surroundings: &Surroundings,
    group: ContainerGroup,
) -> Result<u8> {
    match group {
        ContainerGroup::Run(options) => run(engine, surroundings, options),
        ContainerGroup::Create(options) => create(engine, surroundings, options),
        ContainerGroup::Exec(options) => exec(engine, surroundings, options),
        ContainerGroup::Verb(verb) => dispatch(engine, surroundings, verb),
        ContainerGroup::Prune(options) => prune::containers(engine, &options),
        ContainerGroup::Inspect(options) => inspect::run(engine, &options.among("container")),
    }
}

pub(super) fn dispatch(
    engine: &Engine,
    surroundings: &Surroundings,
    verb: ContainerVerb,
) -> Result<u8> {
    match verb {
        ContainerVerb::Ps(options) => list::run(engine, &options),
        ContainerVerb::Start(options) => start(engine, &options),
        ContainerVerb::Stop(options) => Ok(each(engine, &options.names, |container| {
            // As Docker: what does not run need not be stopped.
            if !container.state.is_live() {
                return Ok(());
            }
            let grace = grace(container, options.grace);
            let stopped = engine.stop_by(container.id, options.signal, grace).map(drop);
            let has_ended = || {
                let now = engine.container_by_id(container.id);
                now.is_ok_and(|container| !container.state.is_live())
            };
            match stopped {
                // It may have ended since it was looked at.
                Err(error) if *error.kind() == ErrorKind::Conflict && has_ended() => Ok(()),
                stopped => stopped,
            }
        })),
        ContainerVerb::Restart(options) => Ok(each(engine, &options.names, |container| {
            let grace = grace(container, options.grace);
            engine.restart_by(container.id, options.signal, grace)
        })),
        ContainerVerb::Kill(options) => {
            Ok(each(engine, &options.names, |container| engine.kill(container.id, options.signal)))
        }
        ContainerVerb::Rm(options) => Ok(remove(engine, &options)),
        ContainerVerb::Logs(options) => logs::run(engine, &options),
        ContainerVerb::Attach(options) => attach(engine, &options),
        ContainerVerb::Pause(options) => {
            Ok(each(engine, &options.names, |container| engine.pause(container.id)))
        }
        ContainerVerb::Unpause(options) => {
            Ok(each(engine, &options.names, |container| engine.unpause(container.id)))
        }
        ContainerVerb::Update(options) => Ok(update(engine, options)),
        ContainerVerb::Rename(options) => {
            engine.rename(engine.container(&options.container)?.id, &options.name)?;
            Ok(0)
        }
        ContainerVerb::Stats(options) => stats::run(engine, &options),
        ContainerVerb::Top(options) => stats::top(engine, &options),
        ContainerVerb::Port(options) => port(engine, &options),
        ContainerVerb::Cp(options) => files::copy(engine, surroundings, &options),
        ContainerVerb::Diff(options) => files::diff(engine, &options),
        ContainerVerb::Commit(options) => making::commit(engine, options),
        ContainerVerb::Export(options) => files::export(engine, surroundings, &options),
        ContainerVerb::Wait(options) => Ok(for_all(&options.names, |name| {
            let exit = engine.wait(engine.container(name)?.id)?;
            output::line(exit.code.to_string());
            Ok(())
        })),
    }
}

/// Makes a container and starts it, in front or in the background.
pub(super) fn run(
    engine: &Engine,
    surroundings: &Surroundings,
    options: Box<RunOptions>,
) -> Result<u8> {
    let RunOptions { detach, timings: shows_timings, detach_keys, sig_proxy, container } = *options;
    let streams = container.streams().to_vec();
    if detach && !streams.is_empty() {
        let message = "conflicting options: cannot specify both --attach and --detach";
        return Err(EngineError::new(ErrorKind::Invalid, message));
    }
    if !detach
        && container.wants_typing()
        && let Some(code) = foreground::without_terminal()
    {
        return Ok(code);
    }
    let id_file = IdFile::of(&container, surroundings)?;
    let choice = container.choice();
    let request = container.into_request(surroundings)?;
    warn_of_limits(engine, &request.resources);
    engine.foresee_start();
    let mut marks =
        vec![Mark { step: Step::Load, at: surroundings.loaded }, timings::mark(Step::Resolve)];
    let claimed =
        registries::create(engine, &request, &choice, |request| engine.create_claimed(request))?;
    id_file.write(claimed.container())?;
    let code = if detach {
        let id = claimed.container().id;
        marks.extend(claimed.start()?);
        output::line(id.hex());
        0
    } else {
        let joining = foreground::Joining {
            detach_keys: detach_keys.as_ref(),
            passes_signals: sig_proxy,
            streams: &streams,
        };
        let code = foreground::start(claimed, joining, &mut marks)?;
        marks.push(timings::mark(Step::Run));
        code
    };
    if shows_timings {
        timings::print(surroundings.begun, marks);
    }
    Ok(code)
}

/// Says, once, which limits an ordinary user does not get.
fn warn_of_limits(engine: &Engine, asked: &Resources) {
    let lost = engine.limits_that_do_not_hold(asked);
    if !lost.is_empty() {
        let verb = if lost.len() == 1 { "does" } else { "do" };
        output::error_line(format!(
            "estiba: warning: {} {verb} not hold: this user was not given the control groups for that (systemd delegates them, and root has them)",
            lost.join(", ")
        ));
    }
}

/// The file of `--cidfile`, if one is wanted; a file that is there already is left as it is.
struct IdFile(Option<PathBuf>);

impl IdFile {
    fn of(options: &ContainerOptions, surroundings: &Surroundings) -> Result<Self> {
        let path = options.cidfile().map(|path| surroundings.directory.join(path));
        match path {
            Some(path) if engine::is_there(&path) => Err(EngineError::new(
                ErrorKind::Conflict,
                format!(
                    "container ID file found, make sure the other container isn't running or delete {}",
                    path.display()
                ),
            )),
            path => Ok(Self(path)),
        }
    }

    fn write(self, container: &Container) -> Result<()> {
        match self.0 {
            Some(path) => engine::write_new_file(&path, container.id.hex().as_bytes()),
            None => Ok(()),
        }
    }
}

/// Makes a container.
pub(super) fn create(
    engine: &Engine,
    surroundings: &Surroundings,
    options: Box<CreateOptions>,
) -> Result<u8> {
    let id_file = IdFile::of(&options.container, surroundings)?;
    let choice = options.container.choice();
    let request = options.container.into_request(surroundings)?;
    warn_of_limits(engine, &request.resources);
    let container =
        registries::create(engine, &request, &choice, |request| engine.create(request))?;
    id_file.write(&container)?;
    output::line(container.id.hex());
    Ok(0)
}

/// Runs a further program.
pub(super) fn exec(
    engine: &Engine,
    surroundings: &Surroundings,
    options: ExecOptions,
) -> Result<u8> {
    let container = engine.container(&options.container)?;
    let detach = options.detach;
    if !detach
        && options.wants_typing()
        && let Some(code) = foreground::without_terminal()
    {
        return Ok(code);
    }
    let keys = options.detach_keys.clone();
    let request = options.into_request(surroundings)?;
    let session = engine.exec(container.id, &request)?;
    if detach {
        return Ok(0);
    }
    foreground::drive_exec(&request, session, keys.as_ref())
}

fn start(engine: &Engine, options: &StartOptions) -> Result<u8> {
    if !options.attach && !options.interactive {
        return Ok(each(engine, &options.names, |container| {
            // As Docker: what runs need not be started.
            if container.state.is_live() {
                return Ok(());
            }
            engine.start(container.id).map(drop)
        }));
    }
    let [name] = options.names.as_slice() else {
        return Err(EngineError::new(
            ErrorKind::Invalid,
            "only one container can be started with -a",
        ));
    };
    let joining = foreground::Joining {
        detach_keys: options.detach_keys.as_ref(),
        ..foreground::Joining::default()
    };
    foreground::start(engine.claim(engine.container(name)?.id)?, joining, &mut Vec::new())
}

fn attach(engine: &Engine, options: &AttachOptions) -> Result<u8> {
    let mut container = engine.container(&options.container)?;
    let takes_input = container.config.open_stdin && !options.no_stdin;
    if container.state.is_live()
        && container.config.tty
        && takes_input
        && let Some(code) = foreground::without_terminal()
    {
        return Ok(code);
    }
    let session = engine.attach(container.id)?;
    container.config.open_stdin = takes_input;
    let joining = foreground::Joining {
        detach_keys: options.detach_keys.as_ref(),
        passes_signals: options.sig_proxy,
        streams: &[],
    };
    foreground::drive(engine, &container, session, joining)
}

/// Lists published ports: there are none yet, which is an answer too.
fn port(engine: &Engine, options: &PortOptions) -> Result<u8> {
    let container = engine.container(&options.container)?;
    match &options.port {
        None => Ok(0),
        Some(port) => Err(EngineError::new(
            ErrorKind::NotFound,
            format!("no public port '{port}' published for {}", container.name),
        )),
    }
}

/// Says how long a container may take to stop: what is asked for, or what it was made with.
fn grace(container: &Container, asked: Option<Duration>) -> Duration {
    let own = container.config.isolation.stop_timeout;
    asked.or_else(|| own.map(|seconds| Duration::from_secs(seconds.into()))).unwrap_or(GRACE)
}

fn update(engine: &Engine, options: UpdateOptions) -> u8 {
    let UpdateOptions { names, limits, restart } = options;
    let change = UpdateContainer { resources: limits.into_resources(), restart };
    if change == UpdateContainer::default() {
        let message = "you must provide one or more flags when using this command";
        let error = EngineError::new(ErrorKind::Invalid, message);
        failure::report(&error.hint("they are listed by: estiba update --help"), false);
        return 1;
    }
    warn_of_limits(engine, &change.resources);
    each(engine, &names, |container| engine.update(container.id, &change))
}

fn remove(engine: &Engine, options: &RemoveOptions) -> u8 {
    let force = if options.force { Force::Yes } else { Force::No };
    for_all(&options.names, |name| {
        match engine.container(name).and_then(|container| engine.remove(container.id, force)) {
            // As Docker: what is not there need not be removed by force.
            Err(error) if options.force && error.kind() == &ErrorKind::NotFound => Ok(()),
            done => done.map(|()| output::line(name)),
        }
    })
}

/// Does something to each container and prints its name; goes on after a failure.
fn each(engine: &Engine, names: &[String], verb: impl Fn(&Container) -> Result<()>) -> u8 {
    for_all(names, |name| {
        verb(&engine.container(name)?)?;
        output::line(name);
        Ok(())
    })
}

/// Does something for each name; goes on after a failure, and ends with 1 if there was one.
pub(super) fn for_all(names: &[String], mut verb: impl FnMut(&str) -> Result<()>) -> u8 {
    let mut code = 0;
    for error in names.iter().filter_map(|name| verb(name).err()) {
        code = 1;
        failure::report(&error, false);
    }
    code
}
