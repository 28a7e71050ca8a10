//! What a server takes from many clients at once: durable writes and reads a second with their
//! latencies, beside etcd and Redis; and a crowd of watchers beside busy writers. `dev/bench/README.md`
//! says how to run it.

mod args;
mod crowd;
mod measure;
mod peers;
mod serve;
mod wire;

use std::error::Error;
use std::io::Write;

use args::Args;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let args = Args::of_program()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        if let Some((dir, port)) = &args.serve {
            return serve::serve(dir, *port).await;
        }
        if args.is_crowd {
            return crowd::measure(&args).await;
        }
        measure::measure(&args).await
    })
}

/// Prints a line.
fn say(line: &str) {
    // Nobody is left to tell when nobody reads.
    let _ = writeln!(std::io::stdout(), "{line}");
}
