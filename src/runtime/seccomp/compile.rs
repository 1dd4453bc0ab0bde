//! From a profile to classic BPF: a binary search over the numbers of the calls, whose leaves are answers or short tests.

use std::{collections::BTreeMap, str::FromStr as _};

use syscalls::Sysno;

use super::{Profile, Test};

/// What the filter answers (`seccomp(2)`).
const ALLOW: u32 = 0x7fff_0000;
const REFUSE: u32 = 0x0005_0000 | libc::EPERM.cast_unsigned();
const UNKNOWN: u32 = 0x0005_0000 | libc::ENOSYS.cast_unsigned();

/// Where things are in `struct seccomp_data`.
pub(super) const NUMBER: u32 = 0;
pub(super) const ARCHITECTURE: u32 = 4;
pub(super) const ARGUMENTS: u32 = 16;

/// How the kernel calls the architecture that this program is for (`linux/audit.h`).
#[cfg(target_arch = "x86_64")]
const NATIVE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const NATIVE: u32 = 0xc000_00b7;

/// Operation codes (`linux/bpf_common.h`).
pub(super) const LOAD: u16 = 0x20;
pub(super) const AND: u16 = 0x54;
pub(super) const JUMP: u16 = 0x05;
pub(super) const JUMP_IF_EQUAL: u16 = 0x15;
pub(super) const JUMP_IF_GREATER: u16 = 0x25;
pub(super) const JUMP_IF_GREATER_OR_EQUAL: u16 = 0x35;
const JUMP_IF_ANY_BIT: u16 = 0x45;
pub(super) const RETURN: u16 = 0x06;

/// An instruction: code, jump if true, jump if false, operand.
pub(super) type Instruction = (u16, u8, u8, u32);

/// What is done with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Always the same.
    Always(u32),
    /// By a test of one argument.
    When { argument: u32, test: Test },
    /// By instructions that end with an answer.
    Code(Vec<Instruction>),
}

/// Compiles a profile for a container with these capabilities.
pub(super) fn compile(profile: &Profile, capabilities: &[String]) -> Vec<u8> {
    let mut program = vec![
        (LOAD, 0, 0, ARCHITECTURE),
        (JUMP_IF_EQUAL, 1, 0, NATIVE),
        (RETURN, 0, 0, UNKNOWN),
        (LOAD, 0, 0, NUMBER),
    ];
    program.extend(search(&ranges(&answers(profile, capabilities), UNKNOWN)));
    program.into_iter().flat_map(encode).collect()
}

/// Gives the answer to every call that this machine has, by number.
fn answers(profile: &Profile, capabilities: &[String]) -> BTreeMap<u32, Answer> {
    let number = |name: &str| {
        let call = Sysno::from_str(name).ok()?;
        u32::try_from(call.id()).ok()
    };
    let mut answers: BTreeMap<u32, Answer> = Sysno::iter()
        .filter_map(|call| u32::try_from(call.id()).ok())
        .map(|number| (number, Answer::Always(REFUSE)))
        .collect();
    let missing = profile.missing.iter().map(|name| (name, UNKNOWN));
    let allowed = profile.allow.iter().map(|name| (name, ALLOW));
    for (name, answer) in missing.chain(allowed) {
        // A call of another architecture only.
        let Some(number) = number(name) else { continue };
        answers.insert(number, Answer::Always(answer));
    }
    for condition in &profile.allow_when {
        let Some(number) = number(&condition.syscall) else {
            continue;
        };
        let answer = Answer::When { argument: condition.argument, test: condition.test.clone() };
        answers.insert(number, answer);
    }
    let granted = capabilities.iter().filter_map(|name| profile.allow_with.get(name));
    for number in granted.flatten().filter_map(|name| number(name)) {
        answers.insert(number, Answer::Always(ALLOW));
    }
    answers
}

/// Joins neighbours of the same answer: from each number on, that answer; the first is 0, the last is what no call has. What is not there gets `otherwise`.
pub(super) fn ranges(answers: &BTreeMap<u32, Answer>, otherwise: u32) -> Vec<(u32, Answer)> {
    let mut ranges: Vec<(u32, Answer)> = vec![(0, Answer::Always(otherwise))];
    let mut extend = |from: u32, answer: Answer| match ranges.last_mut() {
        Some((_, last)) if *last == answer => {}
        Some((start, last)) if *start == from => *last = answer,
        _ => ranges.push((from, answer)),
    };
    for (&number, answer) in answers {
        extend(number, answer.clone());
        if !answers.contains_key(&(number + 1)) {
            extend(number + 1, Answer::Always(otherwise));
        }
    }
    ranges
}

/// Writes the search for the range that holds the number.
pub(super) fn search(ranges: &[(u32, Answer)]) -> Vec<Instruction> {
    let (below, from) = ranges.split_at(ranges.len() / 2);
    let Some((start, answer)) = from.first() else {
        return vec![(RETURN, 0, 0, UNKNOWN)];
    };
    if below.is_empty() {
        return leaf(answer);
    }
    let below = search(below);
    let mut program = match u8::try_from(below.len()) {
        Ok(length) => vec![(JUMP_IF_GREATER_OR_EQUAL, length, 0, *start)],
        // A conditional jump reaches 255 instructions, an unconditional one all.
        Err(_) => vec![
            (JUMP_IF_GREATER_OR_EQUAL, 0, 1, *start),
            (JUMP, 0, 0, u32::try_from(below.len()).unwrap_or(u32::MAX)),
        ],
    };
    program.extend(below);
    program.extend(search(from));
    program
}

fn leaf(answer: &Answer) -> Vec<Instruction> {
    let (argument, test) = match answer {
        Answer::Always(value) => return vec![(RETURN, 0, 0, *value)],
        Answer::Code(code) => return code.clone(),
        Answer::When { argument, test } => (argument, test),
    };
    // Both architectures store the lower half first.
    let mut program = vec![(LOAD, 0, 0, ARGUMENTS + 8 * argument)];
    let (comparisons, otherwise, on_hit) = match test {
        Test::IsOneOf(values) => (values.as_slice(), REFUSE, ALLOW),
        Test::IsNoneOf(values) => (values.as_slice(), ALLOW, REFUSE),
        Test::HasNoneOfBits(bits) => (std::slice::from_ref(bits), ALLOW, REFUSE),
    };
    let code = match test {
        Test::HasNoneOfBits(_) => JUMP_IF_ANY_BIT,
        _ => JUMP_IF_EQUAL,
    };
    for (index, &value) in comparisons.iter().enumerate() {
        // Over the comparisons that follow and the first answer.
        let distance = u8::try_from(comparisons.len() - index).unwrap_or(u8::MAX);
        program.push((code, distance, 0, value));
    }
    program.extend([(RETURN, 0, 0, otherwise), (RETURN, 0, 0, on_hit)]);
    program
}

pub(super) fn encode((code, on_true, on_false, operand): Instruction) -> [u8; 8] {
    let [c0, c1] = code.to_ne_bytes();
    let [k0, k1, k2, k3] = operand.to_ne_bytes();
    [c0, c1, on_true, on_false, k0, k1, k2, k3]
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    const I386: u32 = 0x4000_0003;

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

    fn answer(name: &str, arguments: [u64; 6]) -> u32 {
        let number = Sysno::from_str(name).unwrap().id().cast_unsigned();
        run(&default_program(), NATIVE, number, arguments)
    }

    #[test]
    fn what_escapes_are_made_of_is_refused() {
        for name in [
            "mount",
            "umount2",
            "bpf",
            "ptrace",
            "unshare",
            "setns",
            "keyctl",
            "add_key",
            "request_key",
            "userfaultfd",
            "io_uring_setup",
            "kexec_load",
            "init_module",
            "reboot",
            "swapon",
            "open_by_handle_at",
            "pivot_root",
            "fsopen",
            "move_mount",
            "perf_event_open",
            "process_vm_writev",
            "pidfd_getfd",
            "settimeofday",
            "syslog",
            "quotactl",
        ] {
            assert_eq!(answer(name, [0; 6]), REFUSE, "{name}");
        }
        assert_eq!(answer("clone3", [0; 6]), UNKNOWN);
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
            ("read", 40, ALLOW),
        ] {
            assert_eq!(answer(name, first(value)), expected, "{name} {value:x}");
        }
    }

    #[test]
    fn capabilities_open_what_belongs_to_them() {
        assert_eq!(answer("chroot", [0; 6]), ALLOW);
        let program = compile(&profile(), &["CAP_SYS_ADMIN".to_owned()]);
        for (name, expected) in
            [("mount", ALLOW), ("clone3", ALLOW), ("chroot", REFUSE), ("init_module", REFUSE)]
        {
            let number = Sysno::from_str(name).unwrap().id().cast_unsigned();
            let flags = [0x1000_0000, 0, 0, 0, 0, 0];
            assert_eq!(run(&program, NATIVE, number, flags), expected, "{name}");
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
            assert!(Sysno::from_str(name).is_ok(), "{name}");
            let _ = name;
        }
        assert!(default_program().len() / 8 < 400);
    }

    #[test]
    fn other_architectures_have_no_calls() {
        for number in 0..500 {
            assert_eq!(run(&default_program(), I386, number, [0; 6]), UNKNOWN);
        }
    }

    proptest! {
        #[test]
        fn the_search_finds_what_the_table_says(number in prop_oneof![0_u32..600, any::<u32>()]) {
            let found = run(&default_program(), NATIVE, number, [0; 6]);
            let table = answers(&profile(), &["CAP_SYS_CHROOT".to_owned()]);
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
            prop_assert_eq!(run(&bytes, NATIVE, number, [0; 6]), expected);
        }
    }
}
