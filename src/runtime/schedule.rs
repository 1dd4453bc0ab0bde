//! When and where the program runs, as the spec says (config.md, "Process"; config-linux.md, "Personality" and "Memory Policy").

use oci_spec::runtime::{
    ExecCPUAffinity, IOPriorityClass, Linux, LinuxIOPriority, LinuxMemoryPolicy, LinuxPersonality,
    LinuxPersonalityDomain, LinuxSchedulerFlag, LinuxSchedulerPolicy, MemoryPolicyFlagType,
    MemoryPolicyModeType, Process, Scheduler as SpecScheduler,
};

use super::{InitError, RuntimeError, error::Step as _};
use crate::sys::schedule::{self, MemoryPolicy, Scheduler, parse_list};

/// What is set before the program is executed; nothing is done about what the spec does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Schedule {
    scheduler: Option<Scheduler>,
    io_priority: Option<(u16, u16)>,
    personality: Option<u32>,
    memory: Option<MemoryPolicy>,
}

/// Processors of a further program, before and after it is in its control group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Affinity {
    initial: Option<Vec<usize>>,
    last: Option<Vec<usize>>,
}

impl Schedule {
    /// Reads it from a process.
    pub(super) fn resolve(process: &Process) -> Result<Self, RuntimeError> {
        Ok(Self {
            scheduler: process.scheduler().as_ref().map(scheduler).transpose()?,
            io_priority: process.io_priority().as_ref().map(io_priority).transpose()?,
            ..Self::default()
        })
    }

    /// Adds what is said for the whole container.
    pub(super) fn of_container(mut self, linux: Option<&Linux>) -> Result<Self, RuntimeError> {
        let Some(linux) = linux else { return Ok(self) };
        self.personality = linux.personality().as_ref().map(personality).transpose()?;
        self.memory = linux.memory_policy().as_ref().map(memory_policy).transpose()?;
        Ok(self)
    }

    /// Sets it for this process.
    pub(super) fn apply(&self) -> Result<(), InitError> {
        if let Some(scheduler) = &self.scheduler {
            schedule::set_scheduler(scheduler).step(failed("process.scheduler"))?;
        }
        if let Some((class, level)) = self.io_priority {
            schedule::set_io_priority(class, level).step(failed("process.ioPriority"))?;
        }
        if let Some(policy) = &self.memory {
            schedule::set_memory_policy(policy).step(failed("linux.memoryPolicy"))?;
        }
        if let Some(domain) = self.personality {
            schedule::set_personality(domain).step(failed("linux.personality"))?;
        }
        Ok(())
    }
}

impl Affinity {
    /// Reads it; only further programs have it, not the first (config.md, "execCPUAffinity").
    pub(super) fn resolve(spec: Option<&ExecCPUAffinity>) -> Result<Self, RuntimeError> {
        let list = |text: Option<&String>| {
            text.filter(|text| !text.is_empty())
                .map(|text| parse_list(text).ok_or_else(|| unfit("execCPUAffinity", text)))
                .transpose()
        };
        let Some(spec) = spec else { return Ok(Self::default()) };
        Ok(Self {
            initial: list(spec.initial().as_ref())?,
            last: list(spec.cpu_affinity_final().as_ref())?,
        })
    }

    /// Sets it for this process, before it is in its group or when it is there.
    pub(super) fn apply(&self, is_in_group: bool) -> Result<(), InitError> {
        match if is_in_group { &self.last } else { &self.initial } {
            Some(list) => schedule::set_processors(list).step(failed("process.execCPUAffinity")),
            None => Ok(()),
        }
    }
}

fn failed(field: &'static str) -> impl FnOnce(super::Cause) -> InitError {
    move |cause| InitError::Attribute { name: field.to_owned(), cause }
}

fn unfit(field: &str, what: impl std::fmt::Display) -> RuntimeError {
    RuntimeError::unfit(format_args!("process.{field}: {what} cannot be"))
}

fn scheduler(spec: &SpecScheduler) -> Result<Scheduler, RuntimeError> {
    let policy = match spec.policy() {
        LinuxSchedulerPolicy::SchedOther => libc::SCHED_OTHER,
        LinuxSchedulerPolicy::SchedFifo => libc::SCHED_FIFO,
        LinuxSchedulerPolicy::SchedRr => libc::SCHED_RR,
        LinuxSchedulerPolicy::SchedBatch => libc::SCHED_BATCH,
        LinuxSchedulerPolicy::SchedIdle => libc::SCHED_IDLE,
        LinuxSchedulerPolicy::SchedDeadline => libc::SCHED_DEADLINE,
        LinuxSchedulerPolicy::SchedIso => {
            return Err(unfit("scheduler", "SCHED_ISO, which no kernel has,"));
        }
    };
    let flag = |flag: &LinuxSchedulerFlag| match flag {
        LinuxSchedulerFlag::SchedResetOnFork => libc::SCHED_FLAG_RESET_ON_FORK,
        LinuxSchedulerFlag::SchedFlagReclaim => libc::SCHED_FLAG_RECLAIM,
        LinuxSchedulerFlag::SchedFlagDLOverrun => libc::SCHED_FLAG_DL_OVERRUN,
        LinuxSchedulerFlag::SchedFlagKeepPolicy => libc::SCHED_FLAG_KEEP_POLICY,
        LinuxSchedulerFlag::SchedFlagKeepParams => libc::SCHED_FLAG_KEEP_PARAMS,
        LinuxSchedulerFlag::SchedFlagUtilClampMin => libc::SCHED_FLAG_UTIL_CLAMP_MIN,
        LinuxSchedulerFlag::SchedFlagUtilClampMax => libc::SCHED_FLAG_UTIL_CLAMP_MAX,
    };
    let flags = spec.flags().iter().flatten().fold(0, |bits, one| bits | flag(one));
    let priority = spec.priority().unwrap_or(0);
    Ok(Scheduler {
        policy: policy.cast_unsigned(),
        flags: u64::from(flags.cast_unsigned()),
        nice: spec.nice().unwrap_or(0),
        priority: u32::try_from(priority).map_err(|_negative| unfit("scheduler", priority))?,
        runtime: spec.runtime().unwrap_or(0),
        deadline: spec.deadline().unwrap_or(0),
        period: spec.period().unwrap_or(0),
    })
}

fn io_priority(spec: &LinuxIOPriority) -> Result<(u16, u16), RuntimeError> {
    let class = match spec.class() {
        IOPriorityClass::IoprioClassRt => 1,
        IOPriorityClass::IoprioClassBe => 2,
        IOPriorityClass::IoprioClassIdle => 3,
    };
    let level = u16::try_from(spec.priority()).ok().filter(|&level| level <= 7);
    Ok((class, level.ok_or_else(|| unfit("ioPriority", spec.priority()))?))
}

fn personality(spec: &LinuxPersonality) -> Result<u32, RuntimeError> {
    if let Some(flag) = spec.flags().iter().flatten().next() {
        // config-linux.md: no flag is supported yet.
        let reason = format_args!("linux.personality: flag {flag} is none of the specification's");
        return Err(RuntimeError::unfit(reason));
    }
    Ok(match spec.domain() {
        LinuxPersonalityDomain::PerLinux => 0,
        LinuxPersonalityDomain::PerLinux32 => 8,
    })
}

fn memory_policy(spec: &LinuxMemoryPolicy) -> Result<MemoryPolicy, RuntimeError> {
    let mode = match spec.mode() {
        MemoryPolicyModeType::MpolDefault => 0,
        MemoryPolicyModeType::MpolPreferred => 1,
        MemoryPolicyModeType::MpolBind => 2,
        MemoryPolicyModeType::MpolInterleave => 3,
        MemoryPolicyModeType::MpolLocal => 4,
        MemoryPolicyModeType::MpolPreferredMany => 5,
        MemoryPolicyModeType::MpolWeightedInterleave => 6,
    };
    let flag = |flag: &MemoryPolicyFlagType| match flag {
        MemoryPolicyFlagType::MpolFNumaBalancing => 1 << 13,
        MemoryPolicyFlagType::MpolFRelativeNodes => 1 << 14,
        MemoryPolicyFlagType::MpolFStaticNodes => 1 << 15,
    };
    let nodes = spec.nodes().as_deref().filter(|nodes| !nodes.is_empty());
    let wrong = |text| RuntimeError::unfit(format_args!("linux.memoryPolicy: nodes {text}"));
    Ok(MemoryPolicy {
        mode: spec.flags().iter().flatten().fold(mode, |bits, one| bits | flag(one)),
        nodes: nodes.map_or(Ok(Vec::new()), |text| parse_list(text).ok_or_else(|| wrong(text)))?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_is_named() {
        let process = |json: serde_json::Value| -> Process {
            let mut whole = json!({"user": {"uid": 0, "gid": 0}, "cwd": "/"});
            whole.as_object_mut().unwrap().extend(json.as_object().unwrap().clone());
            serde_json::from_value(whole).unwrap()
        };
        for (json, word) in [
            (json!({"ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 8}}), "ioPriority"),
            (json!({"scheduler": {"policy": "SCHED_ISO"}}), "scheduler"),
            (json!({"scheduler": {"policy": "SCHED_FIFO", "priority": -1}}), "scheduler"),
        ] {
            let error = Schedule::resolve(&process(json)).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let linux: Linux =
            serde_json::from_value(json!({"personality": {"domain": "LINUX", "flags": ["X"]}}))
                .unwrap();
        let error = Schedule::default().of_container(Some(&linux)).unwrap_err().to_string();
        assert!(error.contains("linux.personality"), "{error}");
        assert_eq!(Schedule::resolve(&process(json!({}))).unwrap(), Schedule::default());
    }
}
