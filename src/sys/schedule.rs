//! When and where a process runs: scheduler, priority of input and output, processors, memory nodes, execution domain.

use std::path::Path;

use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity},
};

use super::{At as _, Result, SysError, files};

/// How the processor is given to a process (`sched(7)`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scheduler {
    /// The number of the policy, like `SCHED_BATCH`.
    pub policy: u32,
    /// `SCHED_FLAG_…`.
    pub flags: u64,
    /// For ordinary policies, -20 to 19.
    pub nice: i32,
    /// For real-time policies, 1 to 99.
    pub priority: u32,
    /// For `SCHED_DEADLINE`, in nanoseconds.
    pub runtime: u64,
    /// For `SCHED_DEADLINE`, in nanoseconds.
    pub deadline: u64,
    /// For `SCHED_DEADLINE`, in nanoseconds.
    pub period: u64,
}

/// Where memory of a process comes from (`set_mempolicy(2)`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryPolicy {
    /// Mode and its flags.
    pub mode: i32,
    /// The nodes.
    pub nodes: Vec<usize>,
}

/// Sets how the processor is given to this process (`sched_setattr(2)`).
///
/// # Errors
/// What the kernel says.
pub fn set_scheduler(scheduler: &Scheduler) -> Result<()> {
    let size = u32::try_from(size_of::<libc::sched_attr>()).unwrap_or(u32::MAX);
    let request = libc::sched_attr {
        size,
        sched_policy: scheduler.policy,
        sched_flags: scheduler.flags,
        sched_nice: scheduler.nice,
        sched_priority: scheduler.priority,
        sched_runtime: scheduler.runtime,
        sched_deadline: scheduler.deadline,
        sched_period: scheduler.period,
    };
    // SAFETY: the request is a living structure of the size that it says.
    match unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const request, 0) } {
        0 => Ok(()),
        _ => Err(SysError::last("set", "the scheduler")),
    }
}

/// Sets the priority of this process's input and output: class (1 real time, 2 best effort, 3 idle) and level 0 to 7 (`ioprio_set(2)`).
///
/// # Errors
/// What the kernel says.
pub fn set_io_priority(class: u16, level: u16) -> Result<()> {
    const OF_PROCESS: i32 = 1;
    const CLASS_SHIFT: u32 = 13;
    let priority = i32::from(class) << CLASS_SHIFT | i32::from(level);
    // SAFETY: numbers only.
    match unsafe { libc::syscall(libc::SYS_ioprio_set, OF_PROCESS, 0, priority) } {
        0 => Ok(()),
        _ => Err(SysError::last("set", "the priority of input and output")),
    }
}

/// Lets this process run on these processors only.
///
/// # Errors
/// What the kernel says; invalid argument when it has none of them.
pub fn set_processors(processors: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    for &processor in processors {
        if processor >= CpuSet::MAX_CPU {
            return Err(SysError::new("run on processor", processor, rustix::io::Errno::INVAL));
        }
        set.set(processor);
    }
    sched_setaffinity(None, &set).at("run on processors", format_args!("{processors:?}"))
}

/// A process that runs beside this one for now: on any processor but the one where this process was.
///
/// A new process begins where its parent runs, and may wait there although another processor is idle: the kernels of some virtual machines pack young
/// processes so, and any kernel may take until its next look around.
#[derive(Debug)]
pub struct Beside(Pid);

impl Beside {
    /// Tells whether that can be: this process may use every processor that works, and there are several. Where it may not, who restricted it would be surprised by
    /// [`Beside::end`].
    pub fn is_possible() -> bool {
        let list = files::read_text(Path::new("/sys/devices/system/cpu/online")).ok();
        let online = list.and_then(|list| parse_list(list.trim())).unwrap_or_default();
        let may_use = |own: CpuSet| {
            online.iter().all(|&processor| processor < CpuSet::MAX_CPU && own.is_set(processor))
        };
        online.len() > 1 && sched_getaffinity(None).is_ok_and(may_use)
    }

    /// Sends the process there; `None` when it cannot be sent.
    pub fn send(pid: i32) -> Option<Self> {
        let pid = Pid::from_raw(pid)?;
        let mut others = sched_getaffinity(None).ok()?;
        others.unset(sched_getcpu());
        sched_setaffinity(Some(pid), &others).ok()?;
        Some(Self(pid))
    }

    /// Lets it run anywhere: also on processors that begin to work later.
    pub fn end(self) {
        let mut all = CpuSet::new();
        (0..CpuSet::MAX_CPU).for_each(|processor| all.set(processor));
        // It fails for one that has ended, which runs nowhere.
        let _ended = sched_setaffinity(Some(self.0), &all);
    }
}

/// Sets the execution domain of this process (`personality(2)`).
///
/// # Errors
/// What the kernel says.
pub fn set_personality(domain: u32) -> Result<()> {
    // SAFETY: a number only.
    match unsafe { libc::personality(domain.into()) } {
        -1 => Err(SysError::last("set personality", domain)),
        _ => Ok(()),
    }
}

/// Sets where memory of this process comes from.
///
/// # Errors
/// What the kernel says; not implemented where it knows no nodes.
pub fn set_memory_policy(policy: &MemoryPolicy) -> Result<()> {
    const WORD: usize = u64::BITS as usize;
    let last = policy.nodes.iter().max().map_or(0, |node| node + 1);
    if last > 1 << 16 {
        return Err(SysError::new("take memory from node", last - 1, rustix::io::Errno::INVAL));
    }
    let mut mask = vec![0_u64; last.div_ceil(WORD)];
    for node in &policy.nodes {
        mask[node / WORD] |= 1 << (node % WORD);
    }
    let pointer = if mask.is_empty() { std::ptr::null() } else { mask.as_ptr() };
    // One more than there are bits: the kernel takes one off.
    let length = if mask.is_empty() { 0 } else { mask.len() * WORD + 1 };
    // SAFETY: the mask lives and has the bits that are said.
    match unsafe { libc::syscall(libc::SYS_set_mempolicy, policy.mode, pointer, length) } {
        0 => Ok(()),
        _ => Err(SysError::last("set", "the memory policy")),
    }
}

/// Reads a list like `0-2,7` (`cpuset(7)`, "List format"); `None` when it is none.
pub fn parse_list(text: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if last < first || last > 1 << 16 {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lists_are_read(numbers in prop::collection::btree_set(0_usize..200, 1..20)) {
            let numbers: Vec<usize> = numbers.into_iter().collect();
            let text: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            prop_assert_eq!(parse_list(&text.join(",")), Some(numbers));
        }
    }

    #[test]
    fn a_process_runs_beside_this_one_for_a_while() {
        if !Beside::is_possible() {
            println!("skipped: this process may not use several processors");
            return;
        }
        let mut child = std::process::Command::new("cat");
        let mut child = child.stdin(std::process::Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_child(&child);
        let usual = sched_getaffinity(None).unwrap();
        let beside = Beside::send(pid.as_raw_nonzero().get()).unwrap();
        assert_eq!(sched_getaffinity(Some(pid)).unwrap().count() + 1, usual.count());
        beside.end();
        assert_eq!(sched_getaffinity(Some(pid)).unwrap(), usual);
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn ranges_are_read_and_nonsense_is_not() {
        assert_eq!(parse_list("0-2,5"), Some(vec![0, 1, 2, 5]));
        for wrong in ["", "a", "2-1", "1,,2", "0-99999999", "-1"] {
            assert_eq!(parse_list(wrong), None, "{wrong}");
        }
    }
}
