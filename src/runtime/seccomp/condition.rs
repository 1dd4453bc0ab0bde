//! Conditions on arguments of a call. An argument has 64 bits, an instruction sees 32: the upper half is looked at first.

use oci_spec::runtime::{LinuxSeccompArg, LinuxSeccompOperator as Operator};

use super::compile::{
    AND, ARGUMENTS, Instruction, JUMP_IF_EQUAL, JUMP_IF_GREATER, JUMP_IF_GREATER_OR_EQUAL, LOAD,
    RETURN,
};

/// Where a jump leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum To {
    /// The next instruction.
    On,
    /// Past this condition: it holds.
    Holds,
    /// Past the whole rule: it does not apply.
    Fails,
}

/// An instruction whose jumps are not counted yet.
type Step = (u16, To, To, u32);

/// Writes a rule: if all conditions hold, the call gets `action`; otherwise what follows decides.
pub(super) fn all(
    conditions: &[LinuxSeccompArg],
    is_narrow: bool,
    action: u32,
) -> Vec<Instruction> {
    let blocks: Vec<Vec<Step>> = conditions.iter().map(|one| steps(one, is_narrow)).collect();
    let mut left: usize = blocks.iter().map(Vec::len).sum();
    let mut rule = Vec::new();
    for block in blocks {
        for (place, &(code, on_true, on_false, operand)) in block.iter().enumerate() {
            left -= 1;
            let distance = |to| match to {
                To::On => 0,
                To::Holds => block.len() - place - 1,
                // And past the action.
                To::Fails => left + 1,
            };
            // Six conditions have at most 36 steps.
            let jump = |to| u8::try_from(distance(to)).unwrap_or(u8::MAX);
            rule.push((code, jump(on_true), jump(on_false), operand));
        }
    }
    rule.push((RETURN, 0, 0, action));
    rule
}

/// Writes one condition. The lower half comes first in memory, on all architectures that are compiled for.
fn steps(condition: &LinuxSeccompArg, is_narrow: bool) -> Vec<Step> {
    use To::{Fails, Holds, On};
    let place = ARGUMENTS + 8 * u32::try_from(condition.index()).unwrap_or(0);
    let [low, high] = halves(condition.value());
    let (load_low, load_high) = ((LOAD, On, On, place), (LOAD, On, On, place + 4));
    let operator = condition.op();
    // Unless the upper halves are the same, they decide.
    let mut steps = match operator {
        _ if is_narrow => Vec::new(),
        Operator::ScmpCmpEq => vec![load_high, (JUMP_IF_EQUAL, On, Fails, high)],
        Operator::ScmpCmpNe => vec![load_high, (JUMP_IF_EQUAL, On, Holds, high)],
        Operator::ScmpCmpGt | Operator::ScmpCmpGe => {
            vec![load_high, (JUMP_IF_GREATER, Holds, On, high), (JUMP_IF_EQUAL, On, Fails, high)]
        }
        Operator::ScmpCmpLt | Operator::ScmpCmpLe => {
            vec![load_high, (JUMP_IF_GREATER, Fails, On, high), (JUMP_IF_EQUAL, On, Holds, high)]
        }
        Operator::ScmpCmpMaskedEq => {
            let [_, wanted] = halves(condition.value_two().unwrap_or(0));
            vec![load_high, (AND, On, On, high), (JUMP_IF_EQUAL, On, Fails, wanted)]
        }
    };
    steps.push(load_low);
    match operator {
        Operator::ScmpCmpEq => steps.push((JUMP_IF_EQUAL, Holds, Fails, low)),
        Operator::ScmpCmpNe => steps.push((JUMP_IF_EQUAL, Fails, Holds, low)),
        Operator::ScmpCmpGt => steps.push((JUMP_IF_GREATER, Holds, Fails, low)),
        Operator::ScmpCmpGe => steps.push((JUMP_IF_GREATER_OR_EQUAL, Holds, Fails, low)),
        Operator::ScmpCmpLt => steps.push((JUMP_IF_GREATER_OR_EQUAL, Fails, Holds, low)),
        Operator::ScmpCmpLe => steps.push((JUMP_IF_GREATER, Fails, Holds, low)),
        Operator::ScmpCmpMaskedEq => {
            let [wanted, _] = halves(condition.value_two().unwrap_or(0));
            steps.extend([(AND, On, On, low), (JUMP_IF_EQUAL, Holds, Fails, wanted)]);
        }
    }
    steps
}

/// Gives the lower and the upper half.
fn halves(number: u64) -> [u32; 2] {
    [number & u64::from(u32::MAX), number >> 32].map(|half| u32::try_from(half).unwrap_or(u32::MAX))
}
