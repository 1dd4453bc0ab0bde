//! What a control group is given, and the files that say so: `cgroup-v1/*.rst` and `cgroup-v2.rst` of the kernel.

use std::{io, path::Path};

use nix::errno::Errno;

use super::{Cgroup, devices, devices::Rule, group::Version};
use crate::sys::{Result, SysError, bpf, files};

/// What a control group is given; what is not said is left as it is. A limit of -1 is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources {
    /// Memory.
    pub memory: Memory,
    /// Processor time.
    pub cpu: Cpu,
    /// Processes and threads.
    pub pids: Option<i64>,
    /// Block devices.
    pub io: Io,
    /// Page size (`2MB`) and bytes.
    pub huge_pages: Vec<(String, i64)>,
    /// Remote memory.
    pub rdma: Vec<Rdma>,
    /// Network packets; version 1 only.
    pub network: Network,
    /// Files of version 2 and what is written into them.
    pub unified: Vec<(String, String)>,
    /// Devices, instead of all that was said about them before.
    pub devices: Option<Vec<Rule>>,
}

/// Limits of memory, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// The most.
    pub limit: Option<i64>,
    /// What it keeps when memory is short.
    pub reservation: Option<i64>,
    /// The most together with swap.
    pub swap: Option<i64>,
    /// How readily it is swapped out, 0 to 100; version 1 only.
    pub swappiness: Option<u64>,
    /// Whether processes wait for memory instead of being killed; version 1 only.
    pub disable_oom_killer: Option<bool>,
    /// Whether a limit below what is used already is refused.
    pub check_before_update: bool,
}

/// Shares of processor time; times in microseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cpu {
    /// Weight among others, 2 to 262144; 1024 is usual.
    pub shares: Option<u64>,
    /// Time in each period.
    pub quota: Option<i64>,
    /// Time that may be saved up.
    pub burst: Option<u64>,
    /// The length of a period.
    pub period: Option<u64>,
    /// Time for real-time programs; version 1 only.
    pub realtime_runtime: Option<i64>,
    /// The length of a period of those; version 1 only.
    pub realtime_period: Option<u64>,
    /// Which processors, like `0-2,7`.
    pub cpus: Option<String>,
    /// Which memory nodes.
    pub mems: Option<String>,
    /// Whether (1) it runs only when nobody else wants to.
    pub idle: Option<i64>,
}

/// Shares of block devices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Io {
    /// Weight among others, 10 to 1000.
    pub weight: Option<u16>,
    /// Weight against its own children; version 1 of old kernels.
    pub leaf_weight: Option<u16>,
    /// Device, weight, leaf weight.
    pub weight_devices: Vec<(Device, Option<u16>, Option<u16>)>,
    /// What is limited, device, bytes or operations a second.
    pub throttles: Vec<(Throttle, Device, u64)>,
}

/// Major and minor number.
pub type Device = (i64, i64);

/// What is limited of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// Bytes read.
    ReadBytes,
    /// Bytes written.
    WriteBytes,
    /// Reads.
    Reads,
    /// Writes.
    Writes,
}

/// Limits of an adapter for remote memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rdma {
    /// Which.
    pub device: String,
    /// Handles.
    pub handles: Option<u32>,
    /// Objects.
    pub objects: Option<u32>,
}

/// How network packets are marked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// The class.
    pub class: Option<u32>,
    /// Interface and priority.
    pub priorities: Vec<(String, u32)>,
}

/// A line to be written into a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) controller: String,
    /// The first of these that is there.
    pub(super) files: Vec<String>,
    pub(super) text: String,
}

impl Setting {
    pub(super) fn new(
        controller: &str,
        file: impl Into<String>,
        text: &(impl ToString + ?Sized),
    ) -> Self {
        Self { controller: controller.to_owned(), files: vec![file.into()], text: text.to_string() }
    }

    /// Names a file to be taken when the first is not there.
    pub(super) fn or(mut self, file: &str) -> Self {
        self.files.push(file.to_owned());
        self
    }
}

/// Says that a controller stops above a group of version 2.
fn not_given(group: &Path) -> io::Error {
    let above = group.parent().unwrap_or(group).display();
    let reason = format!(
        "control group {above} does not hand it down (processes in it, or cgroup.subtree_control above, forbid it)"
    );
    io::Error::new(io::ErrorKind::NotFound, reason)
}

/// Says that a version cannot do something.
pub(super) fn unable(what: &str, version: &str) -> SysError {
    let reason = format!("control groups of version {version} do not have it");
    SysError::new("limit", what, io::Error::new(io::ErrorKind::Unsupported, reason))
}

/// Tells whether the kernel counts swap of groups: version 2 always does, version 1 unless it was built or started without.
pub fn counts_swap() -> bool {
    let memory = Path::new("/sys/fs/cgroup/memory");
    !files::exists(memory) || files::exists(&memory.join("memory.memsw.limit_in_bytes"))
}

impl Cgroup {
    /// Gives the group what `resources` say, also while processes are in it.
    ///
    /// # Errors
    /// What the kernel says, with file; not found when there is no such controller; unsupported when the version of a controller cannot do it.
    pub fn apply(&self, resources: &Resources) -> Result<()> {
        if resources.memory.check_before_update {
            self.check_memory(resources.memory.limit)?;
        }
        let settings = if self.groups.iter().any(|group| group.version == Version::One) {
            let pages = self.having("hugetlb").map(|group| group.version);
            resources.in_version_one(pages.is_ok_and(|version| version == Version::Two))?
        } else {
            resources.in_version_two(&|file| self.read_file(file))?
        };
        self.write_all(settings)?;
        match &resources.devices {
            Some(rules) => self.allow_devices(rules),
            None => Ok(()),
        }
    }

    /// Writes all; what is invalid only until another is written (a limit above the one for memory and swap, a quota below its burst) gets a second chance.
    fn write_all(&self, settings: Vec<Setting>) -> Result<()> {
        let mut late = Vec::new();
        for setting in settings {
            match self.write_setting(&setting) {
                Err(error) if error.errno() == Some(Errno::EINVAL as i32) => late.push(setting),
                other => other?,
            }
        }
        late.iter().try_for_each(|setting| self.write_setting(setting))
    }

    fn write_setting(&self, setting: &Setting) -> Result<()> {
        let group = self.having(&setting.controller)?;
        let mut files = setting.files.iter();
        let there = files.find(|file| files::exists(&group.path.join(file)));
        let file = there.or_else(|| setting.files.first()).map_or("", String::as_str);
        match group.write(file, &setting.text) {
            Err(error) if error.is_not_found() && !group.is_given(&setting.controller) => {
                Err(SysError::new("limit", &setting.controller, not_given(&group.path)))
            }
            other => other,
        }
    }

    fn check_memory(&self, limit: Option<i64>) -> Result<()> {
        let used = self.read()?.memory;
        match limit.and_then(|limit| u64::try_from(limit).ok()) {
            Some(limit) if limit < used => {
                let reason = format!("{used} bytes are used already");
                Err(SysError::new("limit memory to", limit, io::Error::other(reason)))
            }
            _ => Ok(()),
        }
    }

    fn allow_devices(&self, rules: &[Rule]) -> Result<()> {
        let group = self.having("devices")?;
        if group.version == Version::Two {
            let program = bpf::Program::load(&devices::program(rules))?;
            return program.replace_at(files::open(&group.path)?);
        }
        for (allows, line) in devices::lines(rules)? {
            group.write(if allows { "devices.allow" } else { "devices.deny" }, &line)?;
        }
        Ok(())
    }

    fn read_file(&self, file: &str) -> Option<String> {
        self.groups.iter().find_map(|group| files::read_text(&group.path.join(file)).ok())
    }
}
