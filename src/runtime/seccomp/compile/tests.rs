//! The default profile, run as the kernel would run it.

use proptest::prelude::*;

use super::*;

/// What Docker (moby/profiles `seccomp/default.json` of 2026) or Podman (`containers-common` 0.50) refuse to a container that has no capabilities; what is
/// newer than that of Podman, Docker alone. Both names and numbers of 64-bit and of 32-bit programs.
const REFUSED: &str = "
    _sysctl acct add_key afs_syscall bdflush bpf chroot clock_settime clock_settime64 \
    clone3 create_module delete_module fanotify_init file_getattr file_setattr \
    finit_module fsconfig fsmount fsopen fspick ftime get_kernel_syms get_mempolicy \
    getpmsg gtty idle init_module io_pgetevents io_pgetevents_time64 io_uring_enter \
    io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl \
    lock lookup_dcookie lsm_get_self_attr lsm_list_modules lsm_set_self_attr mbind \
    migrate_pages mount mount_setattr move_mount move_pages mpx nfsservctl nice oldfstat \
    oldlstat oldolduname oldstat olduname open_by_handle_at open_tree open_tree_attr \
    perf_event_open pidfd_getfd pivot_root process_madvise prof profil putpmsg \
    query_module quotactl quotactl_fd readdir reboot request_key security set_mempolicy \
    set_mempolicy_home_node setdomainname sethostname setns settimeofday sgetmask \
    sigaction signal sigpending sigsuspend ssetmask stime stty swapoff swapon sysfs \
    syslog tuxcall ulimit umount umount2 unshare uprobe uselib userfaultfd ustat vhangup \
    vm86 vm86old vmsplice vserver";

/// What Docker allows with a capability, and not without.
const OPENED: [(&str, &str); 14] = [
    ("CAP_BPF", "bpf"),
    ("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
    ("CAP_PERFMON", "perf_event_open"),
    ("CAP_SYSLOG", "syslog"),
    (
        "CAP_SYS_ADMIN",
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick listmount lookup_dcookie mount mount_setattr move_mount open_tree \
         perf_event_open quotactl quotactl_fd setdomainname sethostname setns statmount syslog umount umount2 unshare",
    ),
    ("CAP_SYS_BOOT", "reboot"),
    ("CAP_SYS_CHROOT", "chroot"),
    ("CAP_SYS_MODULE", "delete_module init_module finit_module"),
    ("CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    ("CAP_SYS_PACCT", "acct"),
    (
        "CAP_SYS_PTRACE",
        "kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace",
    ),
    ("CAP_SYS_RAWIO", "iopl ioperm"),
    ("CAP_SYS_TIME", "settimeofday stime clock_settime clock_settime64"),
    ("CAP_SYS_TTY_CONFIG", "vhangup"),
];

/// This machine's own architecture.
const NATIVE: Architecture = Architecture::OF_PROFILE[0];

fn profile() -> Profile {
    serde_json::from_str(super::super::DEFAULT).unwrap()
}

fn default_program() -> Vec<u8> {
    compile(&profile(), &["CAP_SYS_CHROOT".to_owned()])
}

/// Runs a program as the kernel would.
pub(in super::super) fn run(
    program: &[u8],
    architecture: u32,
    number: u32,
    arguments: [u64; 6],
) -> u32 {
    let mut data = Vec::new();
    data.extend(number.to_ne_bytes());
    data.extend(architecture.to_ne_bytes());
    data.extend(0_u64.to_ne_bytes());
    data.extend(arguments.iter().flat_map(|argument| argument.to_ne_bytes()));
    let mut accumulator = 0;
    let mut at = 0;
    loop {
        let instruction = &program[at * 8..][..8];
        let code = u16::from_ne_bytes([instruction[0], instruction[1]]);
        let operand = u32::from_ne_bytes(instruction[4..].try_into().unwrap());
        at += 1;
        let is_true = match code {
            LOAD => {
                let place = operand as usize;
                accumulator = u32::from_ne_bytes(data[place..place + 4].try_into().unwrap());
                continue;
            }
            JUMP => {
                at += operand as usize;
                continue;
            }
            AND => {
                accumulator &= operand;
                continue;
            }
            RETURN => return operand,
            JUMP_IF_EQUAL => accumulator == operand,
            JUMP_IF_GREATER => accumulator > operand,
            JUMP_IF_GREATER_OR_EQUAL => accumulator >= operand,
            JUMP_IF_ANY_BIT => accumulator & operand != 0,
            other => panic!("{other:x}"),
        };
        at += usize::from(instruction[if is_true { 2 } else { 3 }]);
    }
}

/// Gives the answer to a call of an architecture; `None` when it has no such call.
fn answer_in(
    program: &[u8],
    architecture: Architecture,
    name: &str,
    arguments: [u64; 6],
) -> Option<u32> {
    let number = architecture.numbers(name).first().copied()?;
    Some(run(program, architecture.audit(), number, arguments))
}

fn answer(name: &str, arguments: [u64; 6]) -> u32 {
    answer_in(&default_program(), NATIVE, name, arguments).unwrap()
}

#[test]
fn what_docker_or_podman_refuse_is_refused_in_every_architecture() {
    let program = compile(&profile(), &[]);
    for architecture in Architecture::OF_PROFILE {
        let answers: Vec<(&str, u32)> = REFUSED
            .split(' ')
            .filter_map(|name| Some((name, answer_in(&program, *architecture, name, [0; 6])?)))
            .collect();
        assert!(answers.len() > 60, "{answers:?}");
        for (name, answer) in answers {
            let is_missing = ["clone3", "open_tree_attr"].contains(&name);
            assert_eq!(
                answer,
                if is_missing { UNKNOWN } else { REFUSE },
                "{name} {architecture:?}"
            );
        }
    }
}

#[test]
fn a_capability_opens_no_more_than_with_docker() {
    for (capability, names) in &profile().allow_with {
        let opened = OPENED.iter().find(|(name, _)| name == capability).unwrap().1;
        for name in names {
            assert!(opened.split(' ').any(|one| one == name), "{capability} {name}");
        }
    }
}

#[test]
fn programs_of_32_bits_have_the_same_profile_with_their_own_numbers() {
    const I386: u32 = 0x4000_0003;
    if cfg!(not(target_arch = "x86_64")) {
        return;
    }
    let first = |value: u64| [value, 0, 0, 0, 0, 0];
    for (number, value, expected) in [
        // exit, write, mmap2, clock_gettime64, socketcall
        (1, 0, ALLOW),
        (4, 0, ALLOW),
        (192, 0, ALLOW),
        (403, 0, ALLOW),
        (102, 1, ALLOW),
        // mount, ptrace, unshare, keyctl, vm86
        (21, 0, REFUSE),
        (26, 0, REFUSE),
        (310, 0, REFUSE),
        (288, 0, REFUSE),
        (166, 0, REFUSE),
        // clone, socket, personality
        (120, 0x11, ALLOW),
        (120, 0x1000_0011, REFUSE),
        (359, 2, ALLOW),
        (359, 40, REFUSE),
        (136, 8, ALLOW),
        (136, 0x0004_0000, REFUSE),
        // clone3, and what nobody knows yet
        (435, 0, UNKNOWN),
        (9999, 0, UNKNOWN),
    ] {
        let found = run(&default_program(), I386, number, first(value));
        assert_eq!(found, expected, "{number} {value:x}");
    }
}

#[test]
fn programs_of_x32_and_of_other_machines_have_no_calls() {
    for number in 0..600 {
        // x32; MIPS.
        let x32 = run(&default_program(), NATIVE.audit(), number | 0x4000_0000, [0; 6]);
        assert_eq!((x32, run(&default_program(), 8, number, [0; 6])), (UNKNOWN, UNKNOWN));
    }
}

#[test]
fn arguments_count_where_they_matter() {
    let first = |value: u64| [value, 0, 0, 0, 0, 0];
    for (name, value, expected) in [
        ("clone", 0x0001_2011, ALLOW),
        ("clone", 0x1000_0011, REFUSE),
        ("clone", 0x0002_0011, REFUSE),
        ("personality", 0, ALLOW),
        ("personality", 0xffff_ffff, ALLOW),
        ("personality", 0x0004_0000, REFUSE),
        ("socket", 2, ALLOW),
        ("socket", 40, REFUSE),
        // The kernel looks at the lower half only.
        ("socket", (1 << 32) + 40, REFUSE),
        ("socket", 17, ALLOW),
        ("socket", 38, REFUSE),
        ("socket", 45, ALLOW),
        ("socket", 46, REFUSE),
        ("socket", 0xffff_ffff, REFUSE),
        ("read", 40, ALLOW),
    ] {
        assert_eq!(answer(name, first(value)), expected, "{name} {value:x}");
    }
}

#[test]
fn audit_is_for_those_who_may_write_it() {
    let audit = [16, 3, 9, 0, 0, 0];
    let program = |names: &[&str]| {
        compile(&profile(), &names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
    };
    let refused = Some(ERROR | libc::EINVAL.cast_unsigned());
    assert_eq!(answer_in(&program(&[]), NATIVE, "socket", audit), refused);
    assert_eq!(answer_in(&program(&["CAP_AUDIT_WRITE"]), NATIVE, "socket", audit), Some(ALLOW));
    for other in [[16, 3, 0, 0, 0, 0], [2, 3, 9, 0, 0, 0]] {
        assert_eq!(answer_in(&program(&[]), NATIVE, "socket", other), Some(ALLOW));
    }
}

#[test]
fn capabilities_open_what_belongs_to_them() {
    assert_eq!(answer("chroot", [0; 6]), ALLOW);
    let program = compile(&profile(), &["CAP_SYS_ADMIN".to_owned()]);
    for (name, expected) in
        [("mount", ALLOW), ("clone3", ALLOW), ("chroot", REFUSE), ("init_module", REFUSE)]
    {
        let flags = [0x1000_0000, 0, 0, 0, 0, 0];
        assert_eq!(answer_in(&program, NATIVE, name, flags), Some(expected), "{name}");
    }
}

#[test]
fn every_name_of_the_profile_is_known_and_the_program_is_short() {
    let profile = profile();
    let names = profile
        .allow
        .iter()
        .chain(&profile.missing)
        .chain(profile.allow_with.values().flatten())
        .chain(profile.allow_when.iter().map(|condition| &condition.syscall));
    for name in names {
        #[cfg(target_arch = "x86_64")]
        assert!(Architecture::OF_PROFILE.iter().any(|one| !one.numbers(name).is_empty()), "{name}");
        let _ = name;
    }
    let length = default_program().len() / 8;
    assert!(length < 700, "{length}");
}

proptest! {
    #[test]
    fn the_search_finds_what_the_table_says(number in prop_oneof![0_u32..600, any::<u32>()]) {
        let found = run(&default_program(), NATIVE.audit(), number, [0; 6]);
        let table = answers(&profile(), &["CAP_SYS_CHROOT".to_owned()], NATIVE);
        let expected = match table.get(&number) {
            None => UNKNOWN,
            Some(Answer::Always(answer)) => *answer,
            // All conditions of the profile allow a first argument of zero.
            Some(_) => ALLOW,
        };
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn long_programs_jump_as_far_as_they_must(number in 0_u32..3000) {
        let table: BTreeMap<u32, Answer> = (0..2000)
            .map(|number| (number, Answer::Always(0x0005_0000 | (number % 4000))))
            .collect();
        let mut program = vec![(LOAD, 0, 0, NUMBER)];
        program.extend(search(&ranges(&table, UNKNOWN)));
        let bytes: Vec<u8> = program.into_iter().flat_map(encode).collect();
        let expected = if number < 2000 { 0x0005_0000 | number } else { UNKNOWN };
        prop_assert_eq!(run(&bytes, NATIVE.audit(), number, [0; 6]), expected);
    }
}
