//! The filter of system calls, from inside.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use crate::support::{Host, STARTER, skip};

/// Where a 32-bit program is loaded.
const BASE: u32 = 0x0804_8000;

/// Headers of a 32-bit program: one of the file, one of its only segment (`elf(5)`).
const HEADERS: u32 = 52 + 32;

/// Writes a 32-bit program that says `text`, does one call with one argument, and exits with the number of its error.
fn program_of_32_bits(text: &str, call: u32, argument: u32) -> Vec<u8> {
    let mut code = Vec::new();
    // mov eax, …; mov ebx, …; mov ecx, …; mov edx, …; int 0x80
    let mut invoke = |registers: [u32; 4]| {
        for (instruction, value) in [0xb8, 0xbb, 0xb9, 0xba].into_iter().zip(registers) {
            code.push(instruction);
            code.extend(value.to_le_bytes());
        }
        code.extend([0xcd, 0x80]);
    };
    // The text comes after two calls of 22 bytes, and 11 more.
    let length = u32::try_from(text.len()).unwrap();
    invoke([4, 1, BASE + HEADERS + 2 * 22 + 11, length]);
    invoke([call, argument, 0, 0]);
    // neg eax; mov ebx, eax; mov eax, 1; int 0x80
    code.extend([0xf7, 0xd8, 0x89, 0xc3, 0xb8, 1, 0, 0, 0, 0xcd, 0x80]);
    code.extend(text.as_bytes());
    let size = HEADERS + u32::try_from(code.len()).unwrap();
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0\x01\0\0\0".to_vec();
    for word in [BASE + HEADERS, 52, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    for half in [52_u16, 32, 1, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    for word in [1, 0, BASE, BASE, size, size, 5, 0x1000] {
        file.extend(u32::to_le_bytes(word));
    }
    file.extend(code);
    file
}

#[test]
fn programs_of_32_bits_run_and_are_held_as_others_are() {
    if cfg!(not(target_arch = "x86_64")) {
        return skip("only processors of x86 run programs of 32 bits that are written here");
    }
    let host = Host::with_starter();
    let folder = host.path("programs");
    fs::create_dir(&folder).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        fs::write(folder.join(name), bytes).unwrap();
        fs::set_permissions(folder.join(name), PermissionsExt::from_mode(0o755)).unwrap();
    };
    // getpid, whose answer is no error; unshare of a user namespace; mount; and a call that nobody knows yet.
    write("known", &program_of_32_bits("ahoy\n", 20, 0));
    write("unshare", &program_of_32_bits("ahoy\n", 310, 0x1000_0000));
    write("mount", &program_of_32_bits("ahoy\n", 21, 0));
    write("unknown", &program_of_32_bits("ahoy\n", 5000, 0));
    if !runs_here(&folder.join("known")) {
        return skip("this kernel runs no programs of 32 bits");
    }
    let volume = format!("{}:/programs:ro", folder.display());
    for (program, code) in [("known", 255), ("unshare", 1), ("mount", 1), ("unknown", 38)] {
        let path = format!("/programs/{program}");
        let output =
            host.call(&["run", "--rm", "--network", "none", "-v", &volume, STARTER, &path]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!((&*said, output.status.code()), ("ahoy\n", Some(code)), "{program} {output:?}");
    }
    host.assert_clean();
}

/// Tells whether this machine runs a program; a copy that a fork of another test has open is tried again.
fn runs_here(program: &Path) -> bool {
    for _ in 0..100 {
        match Command::new(program).output() {
            Err(error) if error.raw_os_error() == Some(libc::ETXTBSY) => std::thread::yield_now(),
            other => return other.is_ok_and(|output| output.stdout == b"ahoy\n"),
        }
    }
    false
}
