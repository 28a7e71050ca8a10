#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| irmin_fuzz::run("received", bytes));
