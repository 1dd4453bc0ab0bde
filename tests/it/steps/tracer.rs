//! Stops a program, and every process that comes of it, at each system call, and kills one of them there (ptrace(2)).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt as _,
    process::{Command, Stdio},
    sync::mpsc,
};

use nix::{
    errno::Errno,
    sys::{
        ptrace::{self, Options},
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use syscalls::Sysno;

use crate::support::PATIENCE;

/// Which process, in the order of their beginning, is killed at which of its steps (the first is 0).
#[derive(Debug, Clone, Copy)]
pub(super) struct Aim {
    pub(super) process: usize,
    pub(super) step: usize,
}

/// A process that was followed.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) pid: i32,
    /// How many calls it began that others can see the effect of.
    pub(super) steps: usize,
    is_ours: bool,
}

/// What came of following a program.
#[derive(Debug)]
pub(super) struct Traced {
    /// In the order of their beginning.
    pub(super) processes: Vec<Followed>,
    /// The victim's name, and the call at whose beginning it was killed, if it got so far.
    pub(super) killed_at: Option<(String, Sysno)>,
}

/// Follows the processes `watched`, and then `command` and what it begins, up to the victim's end, or until the command has ended and the rest of them wait.
/// Programs that are not Estiba's own are let go.
pub(super) fn follow(command: &Command, watched: &[i32], aim: Option<Aim>) -> Traced {
    let mut stopped = Command::new("/bin/sh");
    stopped.args(["-c", "kill -STOP $$; exec \"$0\" \"$@\""]).arg(command.get_program());
    stopped.args(command.get_args());
    let variables = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    stopped.envs(variables).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some(directory) = command.get_current_dir() {
        stopped.current_dir(directory);
    }
    #[expect(clippy::zombie_processes, reason = "the tracer waits for it")]
    let child = stopped.spawn().unwrap();
    let command = Pid::from_raw(i32::try_from(child.id()).unwrap());
    waitpid(command, Some(WaitPidFlag::WUNTRACED)).unwrap();
    let (over, is_over) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let hung = scope.spawn(move || {
            let is_hung = is_over.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
            if is_hung {
                let _gone = kill(command, Signal::SIGKILL);
            }
            is_hung
        });
        let mut tracer = Tracer::new(aim);
        for pid in watched {
            tracer.seize(Pid::from_raw(*pid), true);
        }
        tracer.seize(command, false);
        kill(command, Signal::SIGCONT).unwrap();
        tracer.run(command);
        tracer.let_all_go();
        // It was waited for already if it ended while it was followed.
        let _ended = waitpid(command, None);
        drop(over);
        assert!(!hung.join().unwrap(), "the command hangs; killed before: {:?}", tracer.killed_at);
        Traced { processes: tracer.processes, killed_at: tracer.killed_at }
    })
}

struct Tracer {
    aim: Option<Aim>,
    processes: Vec<Followed>,
    /// Which process a thread belongs to.
    threads: BTreeMap<Pid, usize>,
    /// Threads that stopped before the one that began them told of them.
    early: BTreeSet<Pid>,
    /// Threads within a call that waits.
    waiting: BTreeSet<Pid>,
    killed_at: Option<(String, Sysno)>,
    own: (u64, u64),
}

/// Every new thread and process is followed, too.
const FOLLOW: Options = Options::PTRACE_O_TRACESYSGOOD
    .union(Options::PTRACE_O_TRACEFORK)
    .union(Options::PTRACE_O_TRACEVFORK)
    .union(Options::PTRACE_O_TRACECLONE)
    .union(Options::PTRACE_O_TRACEEXEC);

impl Tracer {
    fn new(aim: Option<Aim>) -> Self {
        let own = fs::metadata(env!("CARGO_BIN_EXE_estiba")).unwrap();
        Self {
            aim,
            processes: Vec::new(),
            threads: BTreeMap::new(),
            early: BTreeSet::new(),
            waiting: BTreeSet::new(),
            killed_at: None,
            own: (own.dev(), own.ino()),
        }
    }

    fn seize(&mut self, pid: Pid, is_ours: bool) {
        ptrace::seize(pid, FOLLOW).unwrap();
        ptrace::interrupt(pid).unwrap();
        self.threads.insert(pid, self.processes.len());
        self.processes.push(Followed { pid: pid.as_raw(), steps: 0, is_ours });
    }

    /// Goes on until the victim is killed, or the command has ended and everybody else waits for something.
    fn run(&mut self, command: Pid) {
        while self.killed_at.is_none() && !self.threads.is_empty() {
            let mut flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
            let command_ended = !self.threads.contains_key(&command);
            flags.set(WaitPidFlag::WNOHANG, command_ended);
            match waitpid(None, Some(flags)) {
                Ok(WaitStatus::StillAlive) if self.is_quiet() => return,
                Ok(WaitStatus::StillAlive) => {
                    std::thread::park_timeout(std::time::Duration::from_millis(1));
                }
                Ok(status) => self.take(status),
                Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => return,
                Err(other) => panic!("{other}"),
            }
        }
    }

    fn is_quiet(&self) -> bool {
        self.threads.keys().all(|thread| self.waiting.contains(thread) && sleeps(*thread))
    }

    fn take(&mut self, status: WaitStatus) {
        match status {
            WaitStatus::PtraceSyscall(thread) => self.take_call(thread),
            WaitStatus::PtraceEvent(thread, _, event) => self.take_event(thread, event),
            WaitStatus::Stopped(thread, signal) => resume(thread, Some(signal)),
            WaitStatus::Exited(thread, _) | WaitStatus::Signaled(thread, ..) => {
                self.threads.remove(&thread);
                self.waiting.remove(&thread);
            }
            _ => {}
        }
    }

    fn take_call(&mut self, thread: Pid) {
        self.waiting.remove(&thread);
        if let Some(&number) = self.threads.get(&thread)
            && let Some((call, arguments)) = beginning_of(thread)
            && self.processes[number].is_ours
        {
            if WAITS.contains(&call) {
                self.waiting.insert(thread);
            }
            if is_seen_by_others(call, arguments) {
                let victim = &mut self.processes[number];
                let is_aimed_at = |aim: Aim| aim.process == number && aim.step == victim.steps;
                if self.aim.is_some_and(is_aimed_at) {
                    self.killed_at = Some((name_of(victim.pid), call));
                    let _gone = kill(Pid::from_raw(victim.pid), Signal::SIGKILL);
                    return;
                }
                victim.steps += 1;
            }
        }
        resume(thread, None);
    }

    fn take_event(&mut self, thread: Pid, event: i32) {
        match event {
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => {
                let Ok(number) = ptrace::getevent(thread) else { return };
                let begun = Pid::from_raw(i32::try_from(number).unwrap());
                self.meet(begun, self.threads.get(&thread).copied());
            }
            libc::PTRACE_EVENT_EXEC => {
                let is_ours = fs::metadata(format!("/proc/{thread}/exe"))
                    .is_ok_and(|exe| (exe.dev(), exe.ino()) == self.own);
                let Some(&number) = self.threads.get(&thread) else { return };
                if !is_ours && self.processes[number].is_ours {
                    self.threads.remove(&thread);
                    let _gone = ptrace::detach(thread, None);
                    return;
                }
                self.processes[number].is_ours = is_ours;
            }
            libc::PTRACE_EVENT_STOP if !self.threads.contains_key(&thread) => {
                self.early.insert(thread);
                return;
            }
            _ => {}
        }
        resume(thread, None);
    }

    /// Takes up a thread that somebody began.
    fn meet(&mut self, begun: Pid, beginner: Option<usize>) {
        let process = process_of(begun);
        let known = self.processes.iter().position(|known| Some(known.pid) == process);
        let number = known.unwrap_or_else(|| {
            let is_ours = beginner.is_some_and(|number| self.processes[number].is_ours);
            self.processes.push(Followed { pid: begun.as_raw(), steps: 0, is_ours });
            self.processes.len() - 1
        });
        self.threads.insert(begun, number);
        if self.early.remove(&begun) {
            resume(begun, None);
        }
    }

    /// Lets everybody go their own way.
    fn let_all_go(&mut self) {
        for thread in std::mem::take(&mut self.early) {
            let _gone = ptrace::detach(thread, None);
        }
        for thread in self.threads.keys() {
            let _gone = ptrace::interrupt(*thread);
        }
        while !self.threads.is_empty() {
            let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
            let (thread, signal) = match waitpid(None, Some(flags)) {
                Ok(WaitStatus::PtraceEvent(thread, _, event)) => {
                    if matches!(
                        event,
                        libc::PTRACE_EVENT_FORK
                            | libc::PTRACE_EVENT_VFORK
                            | libc::PTRACE_EVENT_CLONE
                    ) && let Ok(number) = ptrace::getevent(thread)
                    {
                        self.meet(Pid::from_raw(i32::try_from(number).unwrap()), None);
                    }
                    (thread, None)
                }
                Ok(WaitStatus::PtraceSyscall(thread)) => (thread, None),
                Ok(WaitStatus::Stopped(thread, signal)) => (thread, Some(signal)),
                Ok(WaitStatus::Exited(thread, _) | WaitStatus::Signaled(thread, ..)) => {
                    self.threads.remove(&thread);
                    continue;
                }
                Ok(_) | Err(Errno::EINTR) => continue,
                Err(_) => return,
            };
            let _gone = ptrace::detach(thread, signal);
            if self.threads.remove(&thread).is_none() {
                self.early.insert(thread);
            }
        }
    }
}

/// Lets a stopped thread go on to the next beginning or end of a call.
fn resume(thread: Pid, signal: Option<Signal>) {
    match ptrace::syscall(thread, signal) {
        // Killed while it was stopped.
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(other) => panic!("{thread}: {other}"),
    }
}

/// Gives the call that a thread stopped before, with its arguments; `None` at the end of one.
fn beginning_of(thread: Pid) -> Option<(Sysno, [u64; 6])> {
    let stop = ptrace::syscall_info(thread).ok()?;
    if stop.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
        return None;
    }
    #[expect(unsafe_code, reason = "the kernel says which of the union's variants it filled")]
    // SAFETY: this is the variant for the beginning of a call.
    let entry = unsafe { stop.u.entry };
    Some((Sysno::new(usize::try_from(entry.nr).ok()?)?, entry.args))
}

fn process_of(thread: Pid) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok())
}

fn name_of(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim_end().to_owned()
}

fn sleeps(thread: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{thread}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('S'))
}

/// Calls in which a process waits for others.
const WAITS: &[Sysno] = &[
    Sysno::accept4,
    Sysno::clock_nanosleep,
    Sysno::epoll_wait,
    Sysno::flock,
    Sysno::futex,
    Sysno::openat,
    Sysno::poll,
    Sysno::ppoll,
    Sysno::read,
    Sysno::recvfrom,
    Sysno::recvmsg,
    Sysno::wait4,
    Sysno::waitid,
];

/// Calls that change nothing outside of the process that makes them, or only what its end undoes: whether it is killed before or after one is the same.
const PRIVATE: &[Sysno] = &[
    Sysno::access,
    Sysno::arch_prctl,
    Sysno::brk,
    Sysno::capget,
    Sysno::capset,
    Sysno::chdir,
    Sysno::clock_getres,
    Sysno::clock_gettime,
    Sysno::clock_nanosleep,
    Sysno::close,
    Sysno::close_range,
    Sysno::dup,
    Sysno::dup2,
    Sysno::dup3,
    Sysno::epoll_create1,
    Sysno::epoll_ctl,
    Sysno::epoll_wait,
    Sysno::eventfd2,
    Sysno::exit,
    Sysno::exit_group,
    Sysno::faccessat,
    Sysno::faccessat2,
    Sysno::fadvise64,
    Sysno::fchdir,
    Sysno::fcntl,
    Sysno::fdatasync,
    Sysno::fgetxattr,
    Sysno::flock,
    Sysno::fstat,
    Sysno::fstatfs,
    Sysno::fsync,
    Sysno::futex,
    Sysno::getcwd,
    Sysno::getdents64,
    Sysno::getegid,
    Sysno::geteuid,
    Sysno::getgid,
    Sysno::getpeername,
    Sysno::getpid,
    Sysno::getppid,
    Sysno::getrandom,
    Sysno::getsockname,
    Sysno::getsockopt,
    Sysno::gettid,
    Sysno::getuid,
    Sysno::getxattr,
    Sysno::inotify_add_watch,
    Sysno::inotify_init1,
    Sysno::lgetxattr,
    Sysno::llistxattr,
    Sysno::lseek,
    Sysno::lstat,
    Sysno::madvise,
    Sysno::memfd_create,
    Sysno::mmap,
    Sysno::mprotect,
    Sysno::mremap,
    Sysno::munmap,
    Sysno::newfstatat,
    Sysno::openat2,
    Sysno::pidfd_open,
    Sysno::pipe2,
    Sysno::poll,
    Sysno::ppoll,
    Sysno::prctl,
    Sysno::pread64,
    Sysno::prlimit64,
    Sysno::read,
    Sysno::readlink,
    Sysno::readlinkat,
    Sysno::readv,
    Sysno::recvfrom,
    Sysno::recvmsg,
    Sysno::rseq,
    Sysno::rt_sigaction,
    Sysno::rt_sigprocmask,
    Sysno::rt_sigreturn,
    Sysno::sched_getaffinity,
    Sysno::sched_yield,
    Sysno::set_robust_list,
    Sysno::set_tid_address,
    Sysno::setgid,
    Sysno::setgroups,
    Sysno::setresgid,
    Sysno::setresuid,
    Sysno::setsockopt,
    Sysno::setuid,
    Sysno::sigaltstack,
    Sysno::signalfd4,
    Sysno::socket,
    Sysno::socketpair,
    Sysno::stat,
    Sysno::statfs,
    Sysno::statx,
    Sysno::sysinfo,
    Sysno::umask,
    Sysno::uname,
];

/// Tells whether a call changes what another process can see. What is not known to change nothing does.
fn is_seen_by_others(call: Sysno, arguments: [u64; 6]) -> bool {
    match call {
        Sysno::openat => arguments[2] & u64::from(libc::O_CREAT.cast_unsigned()) != 0,
        Sysno::open => arguments[1] & u64::from(libc::O_CREAT.cast_unsigned()) != 0,
        _ => !PRIVATE.contains(&call),
    }
}
