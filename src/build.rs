//! Links the program whole and for one address. What a program that can lie anywhere, with libraries elsewhere, does before `main` is a third of the time that
//! each process of ours takes to get there, and most of the memory of a monitor that stands alone. Only its code has a known address; heap and stack
//! have not.
//!
//! Where this machine has no C library that can be linked whole, it stays in its own file.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

#[expect(clippy::disallowed_methods, reason = "nothing of the program is built yet")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src/build.rs");
    if !env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|environment| environment == "gnu") {
        return Ok(());
    }
    println!("cargo::rustc-link-arg-bins=-no-pie");
    let (Some(library), Some(mathematics)) = (archive("libc.a"), archive("libm.a")) else {
        return Ok(());
    };
    // The compiler names shared libraries, and says so before it reads what is said here (`crt-static` would do away with that, but goes for the
    // macros too that run while it compiles, and those must be shared). Under these names it finds the archives.
    let place = PathBuf::from(env::var("OUT_DIR")?);
    let unwinder = "-lgcc_eh -lgcc";
    for (name, archives) in [
        ("libc.so", format!("{} {unwinder}", library.display())),
        ("libm.so", mathematics.display().to_string()),
        ("libgcc_s.so", unwinder.to_owned()),
    ] {
        fs::write(place.join(name), format!("GROUP ( {archives} )\n"))?;
    }
    println!("cargo::rustc-link-arg-bins=-L{}", place.display());
    println!("cargo::rustc-link-arg-bins=-static");
    Ok(())
}

/// Asks the C compiler where it has an archive; `None` when it has none, or makes programs for other machines.
fn archive(name: &str) -> Option<PathBuf> {
    if env::var("HOST").ok() != env::var("TARGET").ok() {
        return None;
    }
    let found = Command::new("cc").arg(format!("-print-file-name={name}")).output().ok()?;
    let path = String::from_utf8(found.stdout).ok()?;
    // What it does not find, it gives back as it was named.
    Some(Path::new(path.trim()).to_owned()).filter(|path| path.is_absolute())
}
