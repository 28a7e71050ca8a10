//! The bench: see `irmin_bench`.

use std::process::ExitCode;

fn main() -> ExitCode {
    irmin_bench::main()
}
