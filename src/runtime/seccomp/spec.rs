//! From `linux.seccomp` of a spec to classic BPF (config-linux.md, "Seccomp"), in the meaning that libseccomp gives to it for runc.
//!
//! For each architecture a section of its own; in it the search of [`super::compile()`], whose leaves try the rules of a call in their order. A rule without
//! arguments wins over those with some; a call of which nothing is said gets the default action; a call of an architecture that is not named
//! kills its thread. Names that an architecture does not have are passed over.

use std::collections::BTreeMap;

use oci_spec::runtime::{
    LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompFilterFlag, LinuxSyscall,
};

use super::{
    Listener, Program,
    architecture::{Architecture, NOT_COMPILED, X32, architectures},
    compile::{Answer, Instruction, LOAD, NUMBER, RETURN, assemble, encode, ranges, search},
    condition,
};
use crate::runtime::RuntimeError;

/// The most instructions that the kernel takes (`BPF_MAXINSNS`).
const MOST: usize = 4096;

/// What an architecture that is not named gets: `SECCOMP_RET_KILL_THREAD`, as libseccomp does.
const KILL: u32 = 0;

/// The highest number of an error (`MAX_ERRNO`).
const LAST_ERROR: u32 = 4095;

/// Calls by which this process itself hands over the listener and goes on; who answers for them is not there yet.
const NEEDED: [&str; 2] = ["sendmsg", "execve"];

impl Program {
    /// Compiles the filter of a spec. The first argument of its listener's message, the container's state, is `state`; its `pid` is filled in.
    ///
    /// # Errors
    /// [`RuntimeError::Spec`] with what of it cannot be honoured.
    pub fn from_spec(
        spec: &LinuxSeccomp,
        state: Option<serde_json::Value>,
    ) -> Result<Self, RuntimeError> {
        let rules = Rules::read(spec)?;
        let list = spec.architectures().as_deref().unwrap_or_default();
        if let Some(one) = list.iter().find(|one| NOT_COMPILED.contains(one)) {
            return Err(unfit(&format!("{one} is not compiled for")));
        }
        let sections = architectures(list).into_iter().map(|one| (one, one.section(&rules)));
        let program = assemble(sections, KILL);
        if program.len() > MOST {
            let reason = format!("it has {} instructions, more than {MOST}", program.len());
            return Err(unfit(&reason));
        }
        let listener = listener(spec, &rules, state)?;
        Ok(Self {
            instructions: program.into_iter().flat_map(encode).collect(),
            flags: flags(spec),
            listener,
        })
    }
}

fn unfit(reason: &str) -> RuntimeError {
    RuntimeError::unfit(format_args!("linux.seccomp: {reason}"))
}

fn flags(spec: &LinuxSeccomp) -> u64 {
    let flag = |flag: &LinuxSeccompFilterFlag| match flag {
        LinuxSeccompFilterFlag::SeccompFilterFlagTsync => libc::SECCOMP_FILTER_FLAG_TSYNC,
        LinuxSeccompFilterFlag::SeccompFilterFlagLog => libc::SECCOMP_FILTER_FLAG_LOG,
        LinuxSeccompFilterFlag::SeccompFilterFlagSpecAllow => libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
        LinuxSeccompFilterFlag::SeccompFilterFlagWaitKillableRecv => {
            libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
        }
    };
    let list = spec.flags().iter().flatten();
    list.fold(0, |bits, one| bits | flag(one))
}

fn listener(
    spec: &LinuxSeccomp,
    rules: &Rules,
    state: Option<serde_json::Value>,
) -> Result<Option<Listener>, RuntimeError> {
    let notify = LinuxSeccompAction::ScmpActNotify.as_u32(None);
    let is_asked = rules.by_name.values().flatten().any(|rule| rule.action == notify);
    let path = spec.listener_path().clone().filter(|path| !path.as_os_str().is_empty());
    match (is_asked, path) {
        (true, Some(path)) => Ok(Some(Listener {
            path,
            metadata: spec.listener_metadata().clone().unwrap_or_default(),
            state: state.unwrap_or_default(),
        })),
        (true, None) => Err(unfit("SCMP_ACT_NOTIFY needs a listenerPath")),
        (false, None) if spec.listener_metadata().as_ref().is_some_and(|text| !text.is_empty()) => {
            Err(unfit("listenerMetadata needs a listenerPath"))
        }
        // A listener for nothing is never called.
        (false, _) => Ok(None),
    }
}

/// What is done with a call if its arguments are such.
#[derive(Debug, Clone)]
struct Rule {
    action: u32,
    conditions: Vec<LinuxSeccompArg>,
}

/// The rules of a spec by the names of the calls.
#[derive(Debug)]
struct Rules {
    default: u32,
    by_name: BTreeMap<String, Vec<Rule>>,
}

impl Rules {
    fn read(spec: &LinuxSeccomp) -> Result<Self, RuntimeError> {
        let default = action(spec.default_action(), spec.default_errno_ret())?;
        let notify = LinuxSeccompAction::ScmpActNotify.as_u32(None);
        if default == notify {
            return Err(unfit("SCMP_ACT_NOTIFY cannot be the defaultAction"));
        }
        let mut rules = Self { default, by_name: BTreeMap::new() };
        for entry in spec.syscalls().iter().flatten() {
            let action = action(entry.action(), entry.errno_ret())?;
            if action == default {
                // It says nothing; so runc does.
                continue;
            }
            for name in entry.names() {
                if action == notify && NEEDED.contains(&name.as_str()) {
                    return Err(unfit(&format!("SCMP_ACT_NOTIFY cannot be for {name}")));
                }
                let list = rules.by_name.entry(name.clone()).or_default();
                list.extend(
                    alternatives(entry)?.into_iter().map(|conditions| Rule { action, conditions }),
                );
            }
        }
        Ok(rules)
    }
}

/// Gives the sets of conditions of which one must hold: all conditions together, or each alone when two are about one argument (as runc does).
fn alternatives(entry: &LinuxSyscall) -> Result<Vec<Vec<LinuxSeccompArg>>, RuntimeError> {
    let conditions = entry.args().clone().unwrap_or_default();
    if let Some(wrong) = conditions.iter().find(|one| one.index() > 5) {
        return Err(unfit(&format!("argument index {} is above 5", wrong.index())));
    }
    let is_repeated = conditions.iter().enumerate().any(|(place, one)| {
        conditions.iter().take(place).any(|other| other.index() == one.index())
    });
    Ok(if is_repeated {
        conditions.into_iter().map(|one| vec![one]).collect()
    } else {
        vec![conditions]
    })
}

fn action(action: LinuxSeccompAction, error: Option<u32>) -> Result<u32, RuntimeError> {
    let takes_error =
        matches!(action, LinuxSeccompAction::ScmpActErrno | LinuxSeccompAction::ScmpActTrace);
    match error {
        Some(_) if !takes_error => Err(unfit(&format!("errnoRet cannot be with {action}"))),
        Some(number) if number > LAST_ERROR => {
            Err(unfit(&format!("errnoRet {number} is above {LAST_ERROR}")))
        }
        _ => Ok(action.as_u32(error)),
    }
}

impl Architecture {
    fn section(self, rules: &Rules) -> Vec<Instruction> {
        let mut answers = BTreeMap::new();
        for (name, list) in &rules.by_name {
            for number in self.numbers(name) {
                answers.insert(number, self.answer(list, rules.default));
            }
        }
        let mut ranges = ranges(&answers, rules.default);
        if self.kills_x32() {
            ranges.push((X32, Answer::Always(KILL)));
        }
        let mut section = vec![(LOAD, 0, 0, NUMBER)];
        section.extend(search(&ranges));
        section
    }

    fn answer(self, list: &[Rule], default: u32) -> Answer {
        if let Some(rule) = list.iter().find(|rule| rule.conditions.is_empty()) {
            return Answer::Always(rule.action);
        }
        let mut code = Vec::new();
        for rule in list {
            code.extend(condition::all(&rule.conditions, self.is_narrow(), rule.action));
        }
        code.push((RETURN, 0, 0, default));
        Answer::Code(code)
    }
}

#[cfg(test)]
mod tests;
