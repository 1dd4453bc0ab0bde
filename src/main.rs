//! The roles of the one binary. What must happen before any thread exists happens here: being a monitor, and entering the user
//! namespace of an ordinary user. This is also the only place that reads the environment.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use estiba::{
    cli::{self, Outcome, Roots, Surroundings},
    engine::{self, Engine, EngineConfig, EngineError, ErrorKind, Privilege},
    monitor, oci,
    sys::userns,
    tui,
};

fn main() -> ExitCode {
    if env::args_os().next().as_deref() == Some(OsStr::new(monitor::ROLE)) {
        return monitor::main();
    }
    if let Some(arguments) = oci::arguments(env::args_os()) {
        return ExitCode::from(oci::run(arguments, &around_runtime()));
    }
    let surroundings = Surroundings {
        variables: env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        directory: env::current_dir().unwrap_or_else(|_gone| PathBuf::from("/")),
    };
    match cli::run(env::args_os(), &surroundings, |roots| open(roots, &surroundings)) {
        Outcome::Exit(code) => ExitCode::from(code),
        Outcome::Screen { engine, ascii } => open_screen(engine, ascii, &surroundings),
    }
}

/// Gives what a runtime finds around itself.
fn around_runtime() -> oci::Surroundings {
    let rootless = !userns::is_root_of_machine();
    let personal = env::var_os("XDG_RUNTIME_DIR").filter(|_| rootless).map(PathBuf::from);
    let run_root = personal.unwrap_or_else(|| PathBuf::from("/run")).join("estiba");
    oci::Surroundings {
        directory: env::current_dir().unwrap_or_else(|_gone| PathBuf::from("/")),
        listen_fds: env::var("LISTEN_FDS").ok(),
        root: run_root.join("oci"),
        rootless,
    }
}

/// Opens the engine as whoever runs this: root as root, anyone else as root of a user namespace.
fn open(roots: Roots, surroundings: &Surroundings) -> engine::Result<Engine> {
    let is_root = userns::is_root_of_machine();
    let absolute = |path: PathBuf| surroundings.directory.join(path);
    let chosen = (roots.root.map(absolute), roots.runroot.map(absolute));
    let (data_root, run_root) = match chosen {
        (Some(data_root), Some(run_root)) => (data_root, run_root),
        (data_root, run_root) => {
            let usual = if is_root {
                (PathBuf::from("/var/lib/estiba"), PathBuf::from("/run/estiba"))
            } else {
                personal_roots(surroundings)?
            };
            (data_root.unwrap_or(usual.0), run_root.unwrap_or(usual.1))
        }
    };
    let privilege = if is_root {
        Privilege::Rootful
    } else {
        Privilege::Rootless { ids: userns::enter(&run_root)? }
    };
    Engine::open(EngineConfig {
        data_root,
        run_root,
        program: PathBuf::from("/proc/self/exe"),
        privilege,
    })
}

/// Gives an ordinary user's directories (XDG Base Directory Specification 0.8).
fn personal_roots(surroundings: &Surroundings) -> engine::Result<(PathBuf, PathBuf)> {
    let absolute = |key: &str| {
        surroundings
            .variables
            .get(key)
            .map(Path::new)
            .filter(|path| path.is_absolute())
            .map(Path::to_path_buf)
    };
    let data = absolute("XDG_DATA_HOME")
        .or_else(|| Some(absolute("HOME")?.join(".local/share")))
        .ok_or_else(|| {
        EngineError::new(
            ErrorKind::Invalid,
            "neither HOME nor XDG_DATA_HOME says where to keep data",
        )
        .hint("set one of them, or give --root and --runroot")
    })?;
    let run = absolute("XDG_RUNTIME_DIR").unwrap_or_else(|| data.join("estiba/run"));
    Ok((data.join("estiba"), run.join("estiba")))
}

/// Opens the screen, with the keymap of the user if there is one.
#[expect(clippy::print_stderr, reason = "there is no screen to say it on")]
fn open_screen(engine: Engine, ascii: bool, surroundings: &Surroundings) -> ExitCode {
    let config = surroundings.variables.get("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = surroundings.variables.get("HOME").map(|home| Path::new(home).join(".config"));
    let keymap = config
        .or(home)
        .and_then(|dir| estiba::sys::files::read_text(&dir.join("estiba/keymap.toml")).ok());
    let colour = !surroundings.variables.contains_key("NO_COLOR");
    match tui::run(engine, tui::Options { ascii, colour, notice: None, keymap }) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("estiba: the screen cannot be shown: {error}");
            ExitCode::FAILURE
        }
    }
}
