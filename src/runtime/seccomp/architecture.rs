//! The architectures whose programs this machine runs, and what numbers a call has on each.

use std::str::FromStr as _;

use oci_spec::runtime::Arch;

/// Marks calls of x32 (`__X32_SYSCALL_BIT`).
pub(super) const X32: u32 = 0x4000_0000;

/// Names of calls that have numbers of their own in x32 (`arch/x86/entry/syscalls/syscall_64.tbl`).
const ONLY_X32: [(&str, u32); 34] = [
    ("rt_sigaction", 512),
    ("rt_sigreturn", 513),
    ("ioctl", 514),
    ("readv", 515),
    ("writev", 516),
    ("recvfrom", 517),
    ("sendmsg", 518),
    ("recvmsg", 519),
    ("execve", 520),
    ("ptrace", 521),
    ("rt_sigpending", 522),
    ("rt_sigtimedwait", 523),
    ("rt_sigqueueinfo", 524),
    ("sigaltstack", 525),
    ("timer_create", 526),
    ("mq_notify", 527),
    ("kexec_load", 528),
    ("waitid", 529),
    ("set_robust_list", 530),
    ("get_robust_list", 531),
    ("vmsplice", 532),
    ("move_pages", 533),
    ("preadv", 534),
    ("pwritev", 535),
    ("rt_tgsigqueueinfo", 536),
    ("process_vm_readv", 537),
    ("process_vm_writev", 538),
    ("setsockopt", 539),
    ("getsockopt", 540),
    ("io_setup", 541),
    ("io_submit", 542),
    ("execveat", 545),
    ("preadv2", 546),
    ("pwritev2", 547),
];

/// An architecture that this machine runs programs of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Architecture {
    /// 64-bit programs, and those of x32 that have the same name for the kernel.
    #[cfg(target_arch = "x86_64")]
    X86_64 { with_x32: bool },
    /// 32-bit programs.
    #[cfg(target_arch = "x86_64")]
    X86,
    #[cfg(target_arch = "aarch64")]
    Aarch64,
}

/// Architectures whose programs this machine may run, but for which nothing is compiled.
pub(super) const NOT_COMPILED: &[Arch] =
    if cfg!(target_arch = "aarch64") { &[Arch::ScmpArchArm] } else { &[] };

/// Gives those that the filter has sections for; others of the list cannot run here.
#[cfg(target_arch = "x86_64")]
pub(super) fn architectures(list: &[Arch]) -> Vec<Architecture> {
    let with_x32 = list.contains(&Arch::ScmpArchX32);
    let x86 = list.contains(&Arch::ScmpArchX86).then_some(Architecture::X86);
    [Architecture::X86_64 { with_x32 }].into_iter().chain(x86).collect()
}

/// Gives those that the filter has sections for; others of the list cannot run here.
#[cfg(target_arch = "aarch64")]
pub(super) fn architectures(_list: &[Arch]) -> Vec<Architecture> {
    vec![Architecture::Aarch64]
}

impl Architecture {
    /// Lists those whose programs run under the default profile. x32 is none of them: kernels have it switched off, and so has this.
    pub(super) const OF_PROFILE: &[Self] = &[
        #[cfg(target_arch = "x86_64")]
        Self::X86_64 { with_x32: false },
        #[cfg(target_arch = "x86_64")]
        Self::X86,
        #[cfg(target_arch = "aarch64")]
        Self::Aarch64,
    ];

    /// Lists the numbers of all calls that were known when this was written.
    pub(super) fn all_numbers(self) -> Vec<u32> {
        // The iterators leave out the last.
        let known = |id: i32| u32::try_from(id).ok();
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::X86 => {
                use syscalls::x86::Sysno;
                Sysno::iter().chain([Sysno::last()]).filter_map(|call| known(call.id())).collect()
            }
            _ => {
                use syscalls::Sysno;
                Sysno::iter().chain([Sysno::last()]).filter_map(|call| known(call.id())).collect()
            }
        }
    }

    /// Gives what the kernel calls it (`linux/audit.h`).
    pub(super) const fn audit(self) -> u32 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::X86_64 { .. } => Arch::ScmpArchX86_64 as u32,
            #[cfg(target_arch = "x86_64")]
            Self::X86 => Arch::ScmpArchX86 as u32,
            #[cfg(target_arch = "aarch64")]
            Self::Aarch64 => Arch::ScmpArchAarch64 as u32,
        }
    }

    /// Lists the numbers that a name has.
    pub(super) fn numbers(self, name: &str) -> Vec<u32> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::X86 => {
                let call = syscalls::x86::Sysno::from_str(name).ok();
                call.and_then(|call| u32::try_from(call.id()).ok()).into_iter().collect()
            }
            #[cfg(target_arch = "x86_64")]
            Self::X86_64 { with_x32 } => {
                let native = native_number(name);
                let own = ONLY_X32.iter().find(|(known, _)| *known == name).map(|one| one.1);
                let x32 = own.or(native).filter(|_| with_x32).map(|number| number | X32);
                native.into_iter().chain(x32).collect()
            }
            #[cfg(target_arch = "aarch64")]
            Self::Aarch64 => native_number(name).into_iter().collect(),
        }
    }

    /// Tells whether only the lower half of an argument counts.
    pub(super) const fn is_narrow(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::X86 => true,
            _ => false,
        }
    }

    /// Tells whether calls of x32, which have the same name for the kernel, are of an architecture that is not named.
    pub(super) const fn kills_x32(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::X86_64 { with_x32 } => !with_x32,
            _ => false,
        }
    }
}

pub(super) fn native_number(name: &str) -> Option<u32> {
    u32::try_from(syscalls::Sysno::from_str(name).ok()?.id()).ok()
}
