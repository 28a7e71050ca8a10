//! The program `irmin`: a repository on the command line.

#![forbid(unsafe_code)]

mod cli;
mod commands;
mod context;
mod data;
mod diff;
mod export;
mod failure;
mod files;
mod hints;
mod import;
mod input;
mod output;
mod pager;
mod paint;
mod progress;
mod quote;
mod settle;
mod size;
mod transfer;
mod ui;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(std::env::args_os())
}
