//! The words and flags of runc, and those of crun that callers use.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// What `--version` says after the name; callers look for the word `spec`.
const VERSION: &str = concat!("version ", env!("CARGO_PKG_VERSION"), "\nspec: 1.3.0");

/// An OCI runtime with the command line of runc.
#[derive(Debug, Parser)]
#[command(name = "estiba-oci", version = VERSION, disable_help_subcommand = true)]
pub(super) struct Arguments {
    /// Where the state of containers is kept
    #[arg(long)]
    pub(super) root: Option<PathBuf>,
    /// A file that errors are written to as well
    #[arg(long)]
    pub(super) log: Option<PathBuf>,
    /// The form of the lines in the log
    #[arg(long, value_enum, default_value = "text")]
    pub(super) log_format: LogFormat,
    /// Let systemd make the control groups
    #[arg(long)]
    systemd_cgroup: bool,
    /// Who makes the control groups
    #[arg(long, value_enum)]
    cgroup_manager: Option<CgroupManager>,
    /// Say more (there is nothing more to say)
    #[arg(long)]
    debug: bool,
    /// Whether to do without root: auto, true or false (it is always found out)
    #[arg(long)]
    rootless: Option<String>,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

impl Arguments {
    /// Gives who makes control groups.
    pub(super) fn manager(&self) -> CgroupManager {
        let asked =
            if self.systemd_cgroup { CgroupManager::Systemd } else { CgroupManager::Cgroupfs };
        self.cgroup_manager.unwrap_or(asked)
    }
}

/// The form of lines in a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Who makes control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CgroupManager {
    Cgroupfs,
    Systemd,
    Disabled,
}

/// The form of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Table,
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make a container, whose program waits for `start`
    Create(Creation),
    /// Make a container and start it
    Run(Run),
    /// Let the program of a container that was made begin
    Start { id: String },
    /// Run a further program in a container
    Exec(Exec),
    /// Send a signal to a container's first process
    Kill {
        /// To all of its processes
        #[arg(short, long)]
        all: bool,
        id: String,
        #[arg(default_value = "SIGTERM")]
        signal: String,
    },
    /// Remove what is left of a container
    Delete {
        /// Kill it if it runs
        #[arg(short, long)]
        force: bool,
        id: String,
    },
    /// Have all processes of a container stand still
    Pause { id: String },
    /// Have them go on
    Resume { id: String },
    /// Print the state of a container
    State { id: String },
    /// List containers
    List {
        #[arg(short, long, value_enum, default_value = "table")]
        format: Format,
        /// Print names only
        #[arg(short, long)]
        quiet: bool,
    },
    /// List the processes of a container
    Ps {
        #[arg(short, long, value_enum, default_value = "table")]
        format: Format,
        id: String,
        /// Options of ps(1)
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// Print what a container uses
    Events {
        /// Once
        #[arg(long)]
        stats: bool,
        /// How long to wait in between
        #[arg(long, default_value = "5s")]
        interval: String,
        id: String,
    },
    /// Change the limits of a container
    Update(Box<Update>),
    /// Write a config.json to begin with
    Spec {
        #[arg(short, long)]
        bundle: Option<PathBuf>,
        /// For an ordinary user
        #[arg(long)]
        rootless: bool,
    },
    /// Print what this runtime can do
    Features,
    /// Refused: containers are not written down and taken up again
    Checkpoint(Unheard),
    /// Refused: containers are not written down and taken up again
    Restore(Unheard),
}

/// Words of a verb that is refused whatever they say.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(super) struct Unheard {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    _words: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Creation {
    /// Where config.json is; here, if not given
    #[arg(short, long)]
    pub(super) bundle: Option<PathBuf>,
    /// Another file in place of the bundle's config.json
    #[arg(short = 'f', long)]
    pub(super) config: Option<PathBuf>,
    /// A socket that the terminal is sent to
    #[arg(long)]
    pub(super) console_socket: Option<PathBuf>,
    /// A file to write the number of the first process to
    #[arg(long)]
    pub(super) pid_file: Option<PathBuf>,
    /// A socket that the first process is sent to, as a pidfd
    #[arg(long)]
    pub(super) pidfd_socket: Option<PathBuf>,
    /// Refused: the root of the host would stay within reach
    #[arg(long)]
    pub(super) no_pivot: bool,
    /// Keep the caller's session keyring
    #[arg(long)]
    pub(super) no_new_keyring: bool,
    /// How many descriptors after 2 the program gets
    #[arg(long, default_value_t = 0)]
    pub(super) preserve_fds: u32,
    pub(super) id: String,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) creation: Creation,
    /// Do not stay with it
    #[arg(short, long)]
    pub(super) detach: bool,
    /// Do not become the parent of its orphans
    #[arg(long)]
    pub(super) no_subreaper: bool,
    /// Do not remove it when it has ended
    #[arg(long)]
    pub(super) keep: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags of a command line")]
pub(super) struct Exec {
    /// A socket that the terminal is sent to
    #[arg(long)]
    pub(super) console_socket: Option<PathBuf>,
    /// A file to write the number of the process to
    #[arg(long)]
    pub(super) pid_file: Option<PathBuf>,
    /// A socket that the process is sent to, as a pidfd
    #[arg(long)]
    pub(super) pidfd_socket: Option<PathBuf>,
    /// The control group it joins: [CONTROLLER[,CONTROLLER...]:]PATH, below that of the container
    #[arg(long)]
    pub(super) cgroup: Vec<String>,
    /// A file with the process, as JSON
    #[arg(short, long)]
    pub(super) process: Option<PathBuf>,
    /// Do not stay with it
    #[arg(short, long)]
    pub(super) detach: bool,
    /// Give it a terminal
    #[arg(short, long)]
    pub(super) tty: bool,
    /// Where it starts
    #[arg(long)]
    pub(super) cwd: Option<PathBuf>,
    /// A variable of its environment
    #[arg(short, long)]
    pub(super) env: Vec<String>,
    /// As whom it runs: UID, or UID:GID
    #[arg(short, long)]
    pub(super) user: Option<String>,
    /// A further group
    #[arg(short = 'g', long)]
    pub(super) additional_gids: Vec<u32>,
    /// A further capability
    #[arg(short, long)]
    pub(super) cap: Vec<String>,
    /// Its profile of `AppArmor`
    #[arg(long)]
    pub(super) apparmor: Option<String>,
    /// Its label of `SELinux`
    #[arg(long)]
    pub(super) process_label: Option<String>,
    /// Let it gain no privileges
    #[arg(long)]
    pub(super) no_new_privs: bool,
    /// How many descriptors after 2 it gets
    #[arg(long, default_value_t = 0)]
    pub(super) preserve_fds: u32,
    /// Also if the container is paused
    #[arg(long)]
    pub(super) ignore_paused: bool,
    /// Do not become the parent of its orphans
    #[arg(long)]
    pub(super) no_subreaper: bool,
    pub(super) id: String,
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) command: Vec<String>,
}

#[derive(Debug, Args)]
#[command(rename_all = "kebab-case")]
pub(super) struct Update {
    /// A file with the limits, as JSON; - is standard input
    #[arg(short, long)]
    pub(super) resources: Option<PathBuf>,
    #[arg(long)]
    pub(super) blkio_weight: Option<u16>,
    #[arg(long)]
    pub(super) cpu_period: Option<u64>,
    #[arg(long, allow_hyphen_values = true)]
    pub(super) cpu_quota: Option<i64>,
    #[arg(long)]
    pub(super) cpu_burst: Option<u64>,
    #[arg(long, visible_alias = "cpu-shares")]
    pub(super) cpu_share: Option<u64>,
    #[arg(long)]
    pub(super) cpu_rt_period: Option<u64>,
    #[arg(long, allow_hyphen_values = true)]
    pub(super) cpu_rt_runtime: Option<i64>,
    #[arg(long)]
    pub(super) cpuset_cpus: Option<String>,
    #[arg(long)]
    pub(super) cpuset_mems: Option<String>,
    #[arg(long)]
    pub(super) cpu_idle: Option<i64>,
    /// Bytes, or with k, m, g, t; -1 is no limit
    #[arg(long, allow_hyphen_values = true, value_parser = bytes)]
    pub(super) memory: Option<i64>,
    /// The same
    #[arg(long, allow_hyphen_values = true, value_parser = bytes)]
    pub(super) memory_reservation: Option<i64>,
    /// Memory and swap together; the same
    #[arg(long, allow_hyphen_values = true, value_parser = bytes)]
    pub(super) memory_swap: Option<i64>,
    #[arg(long, allow_hyphen_values = true)]
    pub(super) pids_limit: Option<i64>,
    /// The share of the third-level cache (Intel RDT)
    #[arg(long)]
    pub(super) l3_cache_schema: Option<String>,
    /// The share of memory bandwidth (Intel RDT)
    #[arg(long)]
    pub(super) mem_bw_schema: Option<String>,
    /// Ignored with a warning: kernels have no such limit any more
    #[arg(long, hide = true, allow_hyphen_values = true)]
    pub(super) kernel_memory: Option<String>,
    /// The same
    #[arg(long, hide = true, allow_hyphen_values = true)]
    pub(super) kernel_memory_tcp: Option<String>,
    pub(super) id: String,
}

/// Reads a size as Docker's `units.RAMInBytes` does: units are powers of 1024, and may end in `b` or `ib`.
fn bytes(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no size like 1048576, 64m or 1.5g");
    let lower = text.trim().to_ascii_lowercase();
    if let Some(rest) = lower.strip_prefix('-') {
        return rest.parse::<u64>().map(|_| -1).map_err(|_no_number| wrong());
    }
    let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(end);
    let letter = unit.trim().trim_end_matches("ib").trim_end_matches('b');
    let power = match letter {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(wrong()),
    };
    let factor = 1024_i64.pow(power);
    if let Ok(whole) = number.parse::<i64>() {
        return whole.checked_mul(factor).ok_or_else(wrong);
    }
    let (whole, part) = number.split_once('.').ok_or_else(wrong)?;
    let scale = u32::try_from(part.len()).ok().and_then(|digits| 10_i64.checked_pow(digits));
    let digits: i64 = format!("{whole}{part}").parse().map_err(|_no_number| wrong())?;
    digits.checked_mul(factor).zip(scale).map(|(size, scale)| size / scale).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Arguments {
        let words = std::iter::once("estiba-oci").chain(line.split_whitespace());
        Arguments::try_parse_from(words).unwrap()
    }

    #[test]
    fn what_callers_say_is_understood() {
        // As conmon, containerd and podman call.
        for line in [
            "--root /r --log /l --log-format json create --bundle /b --pid-file /p --console-socket /s a",
            "--log-format=json --systemd-cgroup --root=/r start a",
            "--root /r exec --pid-file /p --process /j --detach --tty a",
            "--root /r exec --console-socket /s -d --preserve-fds 2 -p /j a",
            "--root /r kill a 9",
            "--root /r kill --all a KILL",
            "--root /r delete --force a",
            "--root /r ps --format json a",
            "--root /r ps a -ef",
            "--root /r events --stats a",
            "--root /r update --resources - a",
            "--root /r update --memory-swap -1 --memory 3 a",
            "update --kernel-memory 5m --kernel-memory-tcp -1 --l3-cache-schema L3:0=f --mem-bw-schema MB:0=20 a",
            "create --pidfd-socket /s a",
            "exec --cgroup cpu,memory:x --cgroup pids:y --pidfd-socket /s a true",
            "--root /r list -f json",
            "--cgroup-manager cgroupfs run --config /c -d a",
            "exec -t -u 1:2 -e A=b -g 3 -c CAP_KILL --cwd / a sh -c id",
            "--rootless=auto features",
        ] {
            let _understood = parse(line);
        }
        let Verb::Exec(exec) = parse("exec -e A=b a sh -c -e").verb else { panic!() };
        assert_eq!((exec.env.len(), exec.command.len()), (1, 3));
    }

    #[test]
    fn sizes_have_units() {
        for (text, size) in [
            ("1048576", 1 << 20),
            ("64m", 64 << 20),
            ("64MB", 64 << 20),
            ("1GiB", 1 << 30),
            ("1.5g", 3 << 29),
            ("0", 0),
            ("-1", -1),
            ("2b", 2),
        ] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for wrong in ["", "m", "1x", "1.m.5", "--1", "9999999999999g", "1m5", "-m"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn both_flags_for_control_groups_count() {
        assert_eq!(parse("state a").manager(), CgroupManager::Cgroupfs);
        assert_eq!(parse("--systemd-cgroup state a").manager(), CgroupManager::Systemd);
        assert_eq!(parse("--cgroup-manager=disabled state a").manager(), CgroupManager::Disabled);
    }
}
