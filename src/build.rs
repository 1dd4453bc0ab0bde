//! Links the program for one address: what a program that can lie anywhere has to be told about its own place is 380 kB that each process writes for
//! itself, 95 page faults before `main` and a third of the memory of a monitor. Only its code has a known address; heap, stack and libraries have not.

fn main() {
    println!("cargo::rerun-if-changed=src/build.rs");
    if std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|environment| environment == "gnu") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
