//! Which devices the processes of a control group may use.
//!
//! Rules count in their order: each allows or denies some ways to use some devices, and what no rule speaks of is denied. Version 2 asks a
//! program (`cgroup-v2.rst`, "Device controller"); version 1 keeps a default and a list of exceptions, which cannot say everything.

use std::{fmt, io};

use crate::sys::{Result, SysError};

/// What devices a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// All of both kinds.
    All,
    /// Character devices.
    Character,
    /// Block devices.
    Block,
}

/// Ways to use a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access(u8);

impl Access {
    /// All of them.
    pub const ALL: Self = Self(7);
    /// Making a node of it.
    pub const MAKE: Self = Self(1);

    /// Reads letters like `rwm`; `None` when there is another letter.
    pub fn parse(letters: &str) -> Option<Self> {
        letters.chars().try_fold(Self(0), |access, letter| match letter {
            'm' => Some(Self(access.0 | 1)),
            'r' => Some(Self(access.0 | 2)),
            'w' => Some(Self(access.0 | 4)),
            _ => None,
        })
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [(2, "r"), (4, "w"), (1, "m")];
        letters.iter().filter(|(bit, _)| self.0 & bit != 0).try_for_each(|(_, l)| f.write_str(l))
    }
}

/// What is allowed or denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Whether it allows.
    pub allows: bool,
    /// Which kind.
    pub kind: Kind,
    /// The major number; all when not given.
    pub major: Option<u32>,
    /// The minor number; all when not given.
    pub minor: Option<u32>,
    /// In which ways.
    pub access: Access,
}

impl Rule {
    /// Tells whether it is about all there is.
    fn is_total(&self) -> bool {
        self.kind == Kind::All
    }

    /// Tells whether every device of `other` is one of these.
    fn covers(&self, other: &Self) -> bool {
        let has = |mine: Option<u32>, theirs| mine.is_none() || mine == theirs;
        self.kind == other.kind && has(self.major, other.major) && has(self.minor, other.minor)
    }

    /// Tells whether some device is in both.
    fn overlaps(&self, other: &Self) -> bool {
        let meet = |mine: Option<u32>, theirs: Option<u32>| {
            mine.is_none() || theirs.is_none() || mine == theirs
        };
        self.kind == other.kind && meet(self.major, other.major) && meet(self.minor, other.minor)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::All => 'a',
            Kind::Character => 'c',
            Kind::Block => 'b',
        };
        let number =
            |number: Option<u32>| number.map_or_else(|| "*".to_owned(), |one| one.to_string());
        write!(f, "{kind} {}:{} {}", number(self.major), number(self.minor), self.access)
    }
}

/// Gives the lines for version 1, each with whether it goes to `devices.allow`.
///
/// # Errors
/// When a rule takes a part out of what an earlier one gave (or the other way round), which version 1 cannot.
pub(super) fn lines(rules: &[Rule]) -> Result<Vec<(bool, String)>> {
    let mut is_open = false;
    let mut exceptions: Vec<Rule> = Vec::new();
    for rule in rules {
        if rule.is_total() {
            is_open = rule.allows;
            exceptions.clear();
        } else if rule.allows == is_open {
            for exception in &mut exceptions {
                if rule.covers(exception) {
                    exception.access.0 &= !rule.access.0;
                } else if rule.overlaps(exception) && exception.access.0 & rule.access.0 != 0 {
                    let reason = "control groups of version 1 cannot take a part out of it";
                    let both = format!("device rule {rule} after {exception}");
                    return Err(SysError::new("set", both, io::Error::other(reason)));
                }
            }
            exceptions.retain(|exception| exception.access.0 != 0);
        } else {
            exceptions.push(*rule);
        }
    }
    let mut lines = vec![(is_open, "a".to_owned())];
    lines.extend(exceptions.iter().map(|rule| (rule.allows, rule.to_string())));
    Ok(lines)
}

/// An instruction (`linux/bpf.h`): code, registers (target low, source high), offset, operand.
type Instruction = (u8, u8, i16, i32);

/// Codes: load a word, operate with a number or a register, jump unless equal, end.
const LOAD_WORD: u8 = 0x61;
const MOVE: u8 = 0xb7;
const MOVE_REGISTER: u8 = 0xbf;
const AND: u8 = 0x57;
const AND_REGISTER: u8 = 0x5f;
const OR: u8 = 0x47;
const SHIFT_RIGHT: u8 = 0x77;
const JUMP_UNLESS_EQUAL: u8 = 0x55;
const JUMP_UNLESS_SAME: u8 = 0x5d;
const EXIT: u8 = 0x95;

/// Registers: the answer, the question (`struct bpf_cgroup_dev_ctx`), and what is read from it.
const ANSWER: u8 = 0;
const QUESTION: u8 = 1;
const ACCESS: u8 = 2;
const KIND: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

/// Writes the program for version 2: the ways that are allowed are collected rule by rule, and then must hold all that is asked.
pub(super) fn program(rules: &[Rule]) -> Vec<[u8; 8]> {
    let mut program: Vec<Instruction> = vec![
        (LOAD_WORD, ACCESS | QUESTION << 4, 0, 0),
        (MOVE_REGISTER, KIND | ACCESS << 4, 0, 0),
        (AND, KIND, 0, 0xffff),
        (SHIFT_RIGHT, ACCESS, 0, 16),
        (LOAD_WORD, MAJOR | QUESTION << 4, 4, 0),
        (LOAD_WORD, MINOR | QUESTION << 4, 8, 0),
        (MOVE, ANSWER, 0, 0),
    ];
    for rule in rules {
        let kind = match rule.kind {
            Kind::All => None,
            Kind::Block => Some(1),
            Kind::Character => Some(2),
        };
        let mut tests = Vec::new();
        if let Some(kind) = kind {
            tests.push((KIND, kind));
            let numbers = [(MAJOR, rule.major), (MINOR, rule.minor)];
            tests.extend(numbers.iter().filter_map(|&(register, one)| Some((register, one?))));
        }
        for (index, &(register, number)) in tests.iter().enumerate() {
            // Over the tests that follow and the operation.
            let distance = i16::try_from(tests.len() - index).unwrap_or(i16::MAX);
            program.push((JUMP_UNLESS_EQUAL, register, distance, number.cast_signed()));
        }
        let bits = i32::from(rule.access.0);
        program.push(if rule.allows { (OR, ANSWER, 0, bits) } else { (AND, ANSWER, 0, !bits) });
    }
    program.extend([
        (AND_REGISTER, ANSWER | ACCESS << 4, 0, 0),
        (JUMP_UNLESS_SAME, ANSWER | ACCESS << 4, 2, 0),
        (MOVE, ANSWER, 0, 1),
        (EXIT, 0, 0, 0),
        (MOVE, ANSWER, 0, 0),
        (EXIT, 0, 0, 0),
    ]);
    program.into_iter().map(encode).collect()
}

fn encode((code, registers, offset, operand): Instruction) -> [u8; 8] {
    let [o0, o1] = offset.to_ne_bytes();
    let [k0, k1, k2, k3] = operand.to_ne_bytes();
    [code, registers, o0, o1, k0, k1, k2, k3]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Runs a program as the kernel would.
    fn run(program: &[[u8; 8]], kind: u32, major: u32, minor: u32, access: u8) -> bool {
        let question = [u32::from(access) << 16 | kind, major, minor];
        let mut registers = [0_u64; 10];
        let mut at = 0;
        loop {
            let [code, names, o0, o1, k0, k1, k2, k3] = program[at];
            let (target, source) = (usize::from(names & 15), usize::from(names >> 4));
            let offset = i16::from_ne_bytes([o0, o1]);
            let operand = i64::from(i32::from_ne_bytes([k0, k1, k2, k3])).cast_unsigned();
            at += 1;
            let mut jump_if = |condition: bool| {
                if condition {
                    at = at.checked_add_signed(isize::from(offset)).unwrap();
                }
            };
            match code {
                LOAD_WORD => {
                    registers[target] = question[usize::try_from(offset / 4).unwrap()].into();
                }
                MOVE => registers[target] = operand,
                MOVE_REGISTER => registers[target] = registers[source],
                AND => registers[target] &= operand,
                AND_REGISTER => registers[target] &= registers[source],
                OR => registers[target] |= operand,
                SHIFT_RIGHT => registers[target] >>= operand,
                JUMP_UNLESS_EQUAL => jump_if(registers[target] != operand),
                JUMP_UNLESS_SAME => jump_if(registers[target] != registers[source]),
                EXIT => return registers[0] == 1,
                other => panic!("{other:x}"),
            }
        }
    }

    fn rule(allows: bool, kind: Kind, numbers: (Option<u32>, Option<u32>), access: &str) -> Rule {
        let (major, minor) = numbers;
        Rule { allows, kind, major, minor, access: Access::parse(access).unwrap() }
    }

    /// What the rules mean, said directly.
    fn allowed(rules: &[Rule], kind: u32, major: u32, minor: u32) -> u8 {
        rules.iter().fold(0, |bits, rule| {
            let is_kind = match rule.kind {
                Kind::All => {
                    return if rule.allows { bits | rule.access.0 } else { bits & !rule.access.0 };
                }
                Kind::Block => kind == 1,
                Kind::Character => kind == 2,
            };
            let is_it = is_kind
                && rule.major.is_none_or(|one| one == major)
                && rule.minor.is_none_or(|one| one == minor);
            match (is_it, rule.allows) {
                (false, _) => bits,
                (true, true) => bits | rule.access.0,
                (true, false) => bits & !rule.access.0,
            }
        })
    }

    fn any_rule() -> impl Strategy<Value = Rule> {
        let kind = prop_oneof![Just(Kind::Character), Just(Kind::Block), Just(Kind::All)];
        let number = || prop::option::of(0_u32..3);
        (any::<bool>(), kind, number(), number(), 1_u8..8).prop_map(
            |(allows, kind, major, minor, bits)| {
                let access = if kind == Kind::All { Access::ALL } else { Access(bits) };
                Rule { allows, kind, major, minor, access }
            },
        )
    }

    /// What version 1 makes of its lines (`devices.rst`): a default, and exceptions from it.
    fn kept_by_version_one(lines: &[(bool, String)], kind: u32, major: u32, minor: u32) -> u8 {
        let (is_open, exceptions) = (lines[0].0, &lines[1..]);
        let excepted = exceptions.iter().fold(0, |bits, (_, line)| {
            let mut words = line.split([' ', ':']);
            let letter = if kind == 1 { "b" } else { "c" };
            let mut is_it = words.next() == Some(letter);
            for number in [major, minor] {
                let word = words.next().unwrap();
                is_it &= word == "*" || word == number.to_string();
            }
            let access = Access::parse(words.next().unwrap()).unwrap().0;
            if is_it { bits | access } else { bits }
        });
        if is_open { 7 & !excepted } else { excepted }
    }

    proptest! {
        #[test]
        fn both_versions_do_what_the_rules_say(
            rules in prop::collection::vec(any_rule(), 0..8),
            kind in 1_u32..3, major in 0_u32..3, minor in 0_u32..3, access in 1_u8..8,
        ) {
            let bits = allowed(&rules, kind, major, minor);
            let program = program(&rules);
            prop_assert_eq!(run(&program, kind, major, minor, access), bits & access == access);
            if let Ok(lines) = lines(&rules) {
                prop_assert_eq!(kept_by_version_one(&lines, kind, major, minor), bits);
            }
        }
    }

    #[test]
    fn version_one_says_what_it_cannot() {
        let rules = [
            rule(false, Kind::All, (None, None), "rwm"),
            rule(true, Kind::Character, (Some(1), None), "rwm"),
            rule(false, Kind::Character, (Some(1), Some(3)), "w"),
        ];
        let error = lines(&rules).unwrap_err().to_string();
        assert!(error.contains("c 1:3 w after c 1:* rwm"), "{error}");
        let fine = lines(&rules[..2]).unwrap();
        assert_eq!(fine, [(false, "a".to_owned()), (true, "c 1:* rwm".to_owned())]);
        assert!(run(&program(&rules), 2, 1, 3, 2));
        assert!(!run(&program(&rules), 2, 1, 3, 6));
        assert!(Access::parse("rx").is_none());
    }
}
