//! From a profile to classic BPF: a binary search over the numbers of the calls, whose leaves are answers or short tests.

use std::collections::BTreeMap;

use super::{Condition, Profile, Refusal, Test, architecture::Architecture};

/// What the filter answers (`seccomp(2)`).
const ALLOW: u32 = 0x7fff_0000;
const ERROR: u32 = 0x0005_0000;
const REFUSE: u32 = ERROR | libc::EPERM.cast_unsigned();
const UNKNOWN: u32 = ERROR | libc::ENOSYS.cast_unsigned();

/// Where things are in `struct seccomp_data`.
pub(super) const NUMBER: u32 = 0;
pub(super) const ARCHITECTURE: u32 = 4;
pub(super) const ARGUMENTS: u32 = 16;

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
    /// By instructions that end with an answer.
    Code(Vec<Instruction>),
}

/// Compiles a profile for a container with these capabilities.
pub(super) fn compile(profile: &Profile, capabilities: &[String]) -> Vec<u8> {
    let sections = Architecture::OF_PROFILE.iter().map(|&architecture| {
        let mut section = vec![(LOAD, 0, 0, NUMBER)];
        section.extend(search(&ranges(&answers(profile, capabilities, architecture), UNKNOWN)));
        (architecture, section)
    });
    assemble(sections, UNKNOWN).into_iter().flat_map(encode).collect()
}

/// Joins the sections of architectures; a call of another one gets `otherwise`.
pub(super) fn assemble(
    sections: impl Iterator<Item = (Architecture, Vec<Instruction>)>,
    otherwise: u32,
) -> Vec<Instruction> {
    let mut program: Vec<Instruction> = vec![(LOAD, 0, 0, ARCHITECTURE)];
    for (architecture, section) in sections {
        program.push((JUMP_IF_EQUAL, 1, 0, architecture.audit()));
        program.push((JUMP, 0, 0, u32::try_from(section.len()).unwrap_or(u32::MAX)));
        program.extend(section);
    }
    program.push((RETURN, 0, 0, otherwise));
    program
}

/// Gives the answer to every call that an architecture has, by number.
fn answers(
    profile: &Profile,
    capabilities: &[String],
    architecture: Architecture,
) -> BTreeMap<u32, Answer> {
    let mut answers: BTreeMap<u32, Answer> = architecture
        .all_numbers()
        .into_iter()
        .map(|number| (number, Answer::Always(REFUSE)))
        .collect();
    let mut answer = |name: &str, answer: &Answer| {
        // None where it is a call of another architecture only.
        let numbers = architecture.numbers(name).into_iter();
        answers.extend(numbers.map(|number| (number, answer.clone())));
    };
    for name in &profile.missing {
        answer(name, &Answer::Always(UNKNOWN));
    }
    for name in &profile.allow {
        answer(name, &Answer::Always(ALLOW));
    }
    for Condition { syscall, .. } in &profile.allow_when {
        answer(syscall, &Answer::Code(conditional(profile, capabilities, syscall)));
    }
    let granted = capabilities.iter().filter_map(|name| profile.allow_with.get(name));
    for name in granted.flatten() {
        answer(name, &Answer::Always(ALLOW));
    }
    answers
}

/// Writes what is asked about the arguments of a call: it is allowed when nothing refuses it and all conditions hold.
fn conditional(profile: &Profile, capabilities: &[String], syscall: &str) -> Vec<Instruction> {
    let mut code = Vec::new();
    let is_without =
        |refusal: &&Refusal| refusal.syscall == syscall && !capabilities.contains(&refusal.unless);
    for refusal in profile.refuse_when.iter().filter(is_without) {
        let mut left = 2 * refusal.arguments.len();
        for &(argument, value) in &refusal.arguments {
            left -= 2;
            // Past the other arguments and the answer.
            let past = u8::try_from(left + 1).unwrap_or(u8::MAX);
            code.extend([load(argument), (JUMP_IF_EQUAL, 0, past, value)]);
        }
        code.push((RETURN, 0, 0, ERROR | refusal.error));
    }
    for condition in profile.allow_when.iter().filter(|condition| condition.syscall == syscall) {
        code.extend(condition.code());
    }
    code.push((RETURN, 0, 0, ALLOW));
    code
}

/// Loads the lower half of an argument, which both architectures store first.
const fn load(argument: u32) -> Instruction {
    (LOAD, 0, 0, ARGUMENTS + 8 * argument)
}

impl Condition {
    /// Writes the test: past its end if it holds.
    fn code(&self) -> Vec<Instruction> {
        let (code, values, hit_holds) = match &self.test {
            Test::IsOneOf(values) => (JUMP_IF_EQUAL, values.as_slice(), true),
            Test::IsNoneOf(values) => (JUMP_IF_EQUAL, values.as_slice(), false),
            Test::IsAtMost(value) => (JUMP_IF_GREATER, std::slice::from_ref(value), false),
            Test::HasNoneOfBits(bits) => (JUMP_IF_ANY_BIT, std::slice::from_ref(bits), false),
        };
        let mut program = vec![load(self.argument)];
        for (index, &value) in values.iter().enumerate() {
            // Over the comparisons that follow, and over the jump or the answer.
            let distance = u8::try_from(values.len() - index).unwrap_or(u8::MAX);
            program.push((code, distance, 0, value));
        }
        if hit_holds {
            program.push((RETURN, 0, 0, REFUSE));
        } else {
            program.extend([(JUMP, 0, 0, 1), (RETURN, 0, 0, REFUSE)]);
        }
        program
    }
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
    match answer {
        Answer::Always(value) => vec![(RETURN, 0, 0, *value)],
        Answer::Code(code) => code.clone(),
    }
}

pub(super) fn encode((code, on_true, on_false, operand): Instruction) -> [u8; 8] {
    let [c0, c1] = code.to_ne_bytes();
    let [k0, k1, k2, k3] = operand.to_ne_bytes();
    [c0, c1, on_true, on_false, k0, k1, k2, k3]
}

#[cfg(test)]
pub(super) mod tests;
