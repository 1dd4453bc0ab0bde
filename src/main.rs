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
    engine::{
        self, Engine, EngineConfig, EngineError, ErrorKind, PolicyFile, Privilege, Proxies,
        RegistryFiles,
    },
    monitor, oci,
    sys::{clock, userns},
    tui,
};

/// Where systems keep the authorities that they trust: Debian and Alpine, Fedora, SUSE, and what OpenSSL looks for.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// This very program.
const PROGRAM: &str = "/proc/self/exe";

fn main() -> ExitCode {
    let begun = clock::begun();
    let loaded = clock::now();
    if env::args_os().next().as_deref() == Some(OsStr::new(monitor::ROLE)) {
        return monitor::main();
    }
    if let Some(arguments) = oci::arguments(env::args_os()) {
        return ExitCode::from(oci::run(arguments, &around_runtime()));
    }
    // It loads meanwhile; a wrong guess costs one process that ends at once.
    let monitor = if cli::may_start(env::args_os()) && userns::is_root_of_machine() {
        monitor::foresee(Path::new(PROGRAM)).ok()
    } else {
        None
    };
    let surroundings = Surroundings {
        variables: env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        directory: env::current_dir().unwrap_or_else(|_gone| PathBuf::from("/")),
        begun,
        loaded,
    };
    let open = |roots| open(roots, &surroundings).map(|engine| engine.with_monitor(monitor));
    match cli::run(env::args_os(), &surroundings, open) {
        Outcome::Exit(code) => ExitCode::from(code),
        Outcome::Screen { engine, ascii } => open_screen(engine, ascii, &surroundings),
    }
}

/// Gives what a runtime finds around itself.
fn around_runtime() -> oci::Surroundings {
    let rootless = !userns::is_root_of_machine();
    let personal = env::var_os("XDG_RUNTIME_DIR").filter(|_| rootless).map(PathBuf::from);
    let run = personal.unwrap_or_else(|| PathBuf::from("/run"));
    let (variable, socket) = if rootless {
        ("DBUS_SESSION_BUS_ADDRESS", run.join("bus"))
    } else {
        ("DBUS_SYSTEM_BUS_ADDRESS", run.join("dbus/system_bus_socket"))
    };
    oci::Surroundings {
        directory: env::current_dir().unwrap_or_else(|_gone| PathBuf::from("/")),
        listen_fds: env::var("LISTEN_FDS").ok(),
        root: run.join("estiba/oci"),
        rootless,
        bus: oci::bus_socket(env::var(variable).ok().as_deref(), socket),
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
        program: PathBuf::from(PROGRAM),
        privilege,
        registries: registry_files(surroundings),
        policy: policy_file(surroundings, is_root),
    })
}

/// Gives where the policy for images lies: the machine's, or for an ordinary user, as with podman, one of the user's own before that.
fn policy_file(surroundings: &Surroundings, is_root: bool) -> PolicyFile {
    if let Some(path) = variable(surroundings, "ESTIBA_POLICY") {
        return PolicyFile::Named(surroundings.directory.join(path));
    }
    let own = config_home(surroundings).filter(|_| !is_root);
    let own = own.map(|config| config.join("estiba/policy.json"));
    PolicyFile::Usual(own.into_iter().chain([PathBuf::from("/etc/estiba/policy.json")]).collect())
}

/// Gives a variable that is not empty.
fn variable(surroundings: &Surroundings, key: &str) -> Option<String> {
    surroundings.variables.get(key).filter(|value| !value.is_empty()).cloned()
}

/// Gives where the user's configuration lies (XDG Base Directory Specification 0.8).
fn config_home(surroundings: &Surroundings) -> Option<PathBuf> {
    variable(surroundings, "XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| variable(surroundings, "HOME").map(|home| Path::new(&home).join(".config")))
}

/// Gives where it is written how registries are reached: where Docker's and Podman's clients look.
fn registry_files(surroundings: &Surroundings) -> RegistryFiles {
    let variable = |key: &str| variable(surroundings, key);
    let either = |key: &str| variable(key).or_else(|| variable(&key.to_lowercase()));
    let home = variable("HOME").map(PathBuf::from);
    let config = config_home(surroundings);
    let personal = |name: &str| config.iter().map(|config| config.join(name)).collect::<Vec<_>>();
    let docker = variable("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| home.as_ref().map(|home| home.join(".docker")));
    let mut registries: Vec<PathBuf> =
        variable("CONTAINERS_REGISTRIES_CONF").map(PathBuf::from).into_iter().collect();
    registries.extend(personal("containers/registries.conf"));
    registries.push(PathBuf::from("/etc/containers/registries.conf"));
    let mut certificates = personal("containers/certs.d");
    certificates.extend(["/etc/containers/certs.d", "/etc/docker/certs.d"].map(PathBuf::from));
    let mut authorities: Vec<PathBuf> =
        variable("SSL_CERT_FILE").map(PathBuf::from).into_iter().collect();
    authorities.extend(AUTHORITIES.map(PathBuf::from));
    RegistryFiles {
        docker_config: docker.map(|directory| directory.join("config.json")),
        registries,
        certificates,
        authorities,
        proxies: Proxies {
            http: either("HTTP_PROXY").or_else(|| either("ALL_PROXY")),
            https: either("HTTPS_PROXY").or_else(|| either("ALL_PROXY")),
            exceptions: either("NO_PROXY").unwrap_or_default(),
        },
    }
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
