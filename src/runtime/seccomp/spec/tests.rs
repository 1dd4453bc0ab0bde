//! Filters of specs, run as the kernel would run them.

use proptest::prelude::*;
use serde_json::{Value, json};

use oci_spec::runtime::Arch;

use super::{
    super::{architecture::native_number, compile::tests::run},
    *,
};

const ALLOW: u32 = 0x7fff_0000;
const NATIVE: u32 = Arch::ScmpArchX86_64 as u32;
const I386: u32 = Arch::ScmpArchX86 as u32;

fn compile(json: &Value) -> Result<Program, RuntimeError> {
    Program::from_spec(&serde_json::from_value(json.clone()).unwrap(), None)
}

fn number(name: &str) -> u32 {
    native_number(name).unwrap()
}

const fn error(number: u32) -> u32 {
    0x0005_0000 | number
}

#[test]
fn actions_and_architectures() {
    let program = compile(&json!({
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_AARCH64"],
        "flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
        "syscalls": [
            {"names": ["read", "no_such_call", "ioctl"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["mkdir"], "action": "SCMP_ACT_KILL_PROCESS"},
            {"names": ["rmdir"], "action": "SCMP_ACT_TRAP"},
            {"names": ["link"], "action": "SCMP_ACT_LOG"},
            {"names": ["unlink"], "action": "SCMP_ACT_TRACE", "errnoRet": 7},
            {"names": ["chmod"], "action": "SCMP_ACT_KILL"},
            {"names": ["chown"], "action": "SCMP_ACT_ERRNO"},
            {"names": ["kill"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 1, "value": 9, "op": "SCMP_CMP_EQ"}]},
            {"names": ["kill"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5, "args": [{"index": 1, "value": 10, "op": "SCMP_CMP_EQ"}]},
        ],
    }))
    .unwrap();
    assert_eq!(program.flags, 6);
    let answer = |name: &str, arguments| run(program.bytes(), NATIVE, number(name), arguments);
    for (name, expected) in [
        ("read", ALLOW),
        ("mkdir", 0x8000_0000),
        ("rmdir", 0x0003_0000),
        ("link", 0x7ffc_0000),
        ("unlink", 0x7ff0_0007),
        ("chmod", 0),
        ("chown", error(1)),
        ("write", error(38)),
        ("kill", error(38)),
    ] {
        assert_eq!(answer(name, [0; 6]), expected, "{name}");
    }
    assert_eq!(answer("kill", [0, 9, 0, 0, 0, 0]), ALLOW);
    assert_eq!(answer("kill", [0, 10, 0, 0, 0, 0]), error(5));
    // 32-bit programs have other numbers: read is 3, ioctl 54.
    assert_eq!(run(program.bytes(), I386, 3, [0; 6]), ALLOW);
    assert_eq!(run(program.bytes(), I386, 54, [0; 6]), ALLOW);
    assert_eq!(run(program.bytes(), I386, 0, [0; 6]), error(38));
    // x32 was not asked for, nor is any other to be had here.
    assert_eq!(run(program.bytes(), NATIVE, X32, [0; 6]), KILL);
    assert_eq!(run(program.bytes(), Arch::ScmpArchAarch64 as u32, 0, [0; 6]), KILL);
}

#[test]
fn x32_has_some_numbers_of_its_own() {
    let program = compile(&json!({
        "defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X32"],
        "syscalls": [{"names": ["read", "ioctl"], "action": "SCMP_ACT_ALLOW"}],
    }))
    .unwrap();
    let answer = |number| run(program.bytes(), NATIVE, number, [0; 6]);
    assert_eq!([answer(0), answer(16), answer(X32), answer(X32 + 514)], [ALLOW; 4]);
    assert_eq!([answer(514), answer(X32 + 16), answer(X32 + 1)], [error(1); 3]);
}

#[test]
fn a_rule_without_arguments_wins_and_one_argument_twice_means_either() {
    let call =
        |args: Value, action: &str| json!({"names": ["socket"], "action": action, "args": args});
    let is = |value: u64| json!({"index": 0, "value": value, "op": "SCMP_CMP_EQ"});
    let program = |calls: Value| {
        compile(&json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": calls})).unwrap()
    };
    let answer = |program: &Program, value| {
        run(program.bytes(), NATIVE, number("socket"), [value, 3, 0, 0, 0, 0])
    };
    let either = program(json!([call(json!([is(1), is(2)]), "SCMP_ACT_ALLOW")]));
    assert_eq!([1, 2, 3].map(|one| answer(&either, one)), [ALLOW, ALLOW, error(1)]);
    let both = program(json!([call(
        json!([is(1), {"index": 1, "value": 3, "op": "SCMP_CMP_NE"}]),
        "SCMP_ACT_ALLOW"
    )]));
    assert_eq!(answer(&both, 1), error(1));
    let open =
        program(json!([call(json!([is(1)]), "SCMP_ACT_TRAP"), call(json!([]), "SCMP_ACT_ALLOW")]));
    assert_eq!(answer(&open, 1), ALLOW);
}

#[test]
fn what_cannot_be_is_named() {
    let call = |action: &str| json!([{"names": ["mount"], "action": action}]);
    let with = |rest: Value| {
        let mut whole = json!({"defaultAction": "SCMP_ACT_ALLOW"});
        whole.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        whole
    };
    for (json, word) in [
        (json!({"defaultAction": "SCMP_ACT_NOTIFY"}), "defaultAction"),
        (json!({"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}), "errnoRet"),
        (json!({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 5000}), "5000"),
        (with(json!({"syscalls": call("SCMP_ACT_NOTIFY")})), "listenerPath"),
        (with(json!({"listenerMetadata": "x"})), "listenerMetadata"),
        (
            with(
                json!({"listenerPath": "/x", "syscalls": [{"names": ["sendmsg"], "action": "SCMP_ACT_NOTIFY"}]}),
            ),
            "sendmsg",
        ),
        (
            with(
                json!({"syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}]}),
            ),
            "index 6",
        ),
    ] {
        let error = compile(&json).unwrap_err().to_string();
        assert!(error.contains(word) && error.contains("linux.seccomp"), "{error}");
    }
    let fine = with(json!({"listenerPath": "/x", "syscalls": call("SCMP_ACT_NOTIFY")}));
    assert!(compile(&fine).unwrap().has_listener());
}

fn near() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..4, Just(u64::MAX), (0_u64..4).prop_map(|low| 1 << 32 | low), any::<u64>()]
}

proptest! {
    #[test]
    fn operators_compare_all_bits(
        value in near(), two in near(), argument in near(), index in 0_usize..6, operator in 0_usize..7,
    ) {
        let (name, holds) = [
            ("SCMP_CMP_NE", argument != value),
            ("SCMP_CMP_LT", argument < value),
            ("SCMP_CMP_LE", argument <= value),
            ("SCMP_CMP_EQ", argument == value),
            ("SCMP_CMP_GE", argument >= value),
            ("SCMP_CMP_GT", argument > value),
            ("SCMP_CMP_MASKED_EQ", argument & value == two),
        ][operator];
        let other = json!({"index": (index + 1) % 6, "value": 0, "op": "SCMP_CMP_EQ"});
        let program = compile(&json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{
            "names": ["clone"], "action": "SCMP_ACT_ALLOW",
            "args": [{"index": index, "value": value, "valueTwo": two, "op": name}, other],
        }]}))
        .unwrap();
        let mut arguments = [0; 6];
        arguments[index] = argument;
        let answer = run(program.bytes(), NATIVE, number("clone"), arguments);
        prop_assert_eq!(answer, if holds { ALLOW } else { error(1) });
    }
}
