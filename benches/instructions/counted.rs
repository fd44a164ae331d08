//! The harness of the benches whose instructions `cargo xtask guard` counts: one case for each process, and one function inside
//! which callgrind collects.
//!
//! It is our own because the libraries for this (iai-callgrind, now gungraun) need a second program, installed in the same
//! version, and keep what they compare with in the target folder, where a fresh checkout has nothing; ours is a committed file. A
//! process for each case, so that a new case leaves the counts of all others alone.

use std::hint::black_box;

/// A name, and what prepares the case and calls [`counted`].
pub(crate) type Case = (&'static str, fn());

/// Runs the case that the command line names; names all cases for `--list`.
pub(crate) fn main(cases: &[Case]) {
    let argument = std::env::args_os().nth(1).unwrap_or_default();
    if let Some((_, case)) = cases.iter().find(|(name, _)| argument == *name) {
        println!("{}", instruction_set());
        return case();
    }
    if argument == "--list" {
        cases.iter().for_each(|(name, _)| println!("{name}"));
    } else {
        println!("its instructions are counted by: cargo xtask guard");
    }
}

/// Callgrind collects from here until this returns. `cargo xtask guard` knows it by its name.
#[inline(never)]
pub(crate) fn counted(work: &mut dyn FnMut()) {
    work();
    // Something to do afterwards: the call above must not become a jump, which would hide this function from callgrind.
    black_box(());
}

/// Where hash tables get their seeds from, in Rust and in V8: the same bytes each time, in place of the C library's function.
///
/// # Safety
/// As of the C library's: `buffer` has room for `length` bytes.
#[cfg(target_os = "linux")]
// SAFETY: a function of this name and type is what everybody here expects under this name.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, length: usize, _flags: u32) -> isize {
    // SAFETY: what the caller promises.
    unsafe { buffer.write_bytes(0x5a, length) };
    length.cast_signed()
}

/// What of the processor decides which code runs: each has counts of its own.
fn instruction_set() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") && is_x86_feature_detected!("popcnt") {
        return "x86_64 with AVX2";
    }
    std::env::consts::ARCH
}
