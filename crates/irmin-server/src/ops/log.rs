//! The log: lines on stderr.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFormat, Settings};

/// Whose events are logged. Libraries below say what is in headers, and there are tokens in headers.
const TARGETS: [&str; 2] = ["irmin", "conduit"];

/// Begins to log, and to log panics. A process can do this once; what comes later has no effect.
pub(super) fn begin(settings: &Settings) {
    let own = filter_fn(|event| TARGETS.iter().any(|own| event.target().starts_with(own)));
    let base = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::from_level(settings.log_level))
        .with_ansi(false)
        .with_writer(io::stderr);
    let begun = match settings.log_format {
        LogFormat::Text => base.with_target(false).finish().with(own).try_init(),
        LogFormat::Json => base
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .finish()
            .with(own)
            .try_init(),
    };
    if begun.is_ok() {
        std::panic::set_hook(Box::new(|panic| tracing::error!("a defect: {panic}")));
    }
}
