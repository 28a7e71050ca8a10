//! How a server is told what to do: one list of keys, which a file, the environment and flags all know.

mod keys;
mod layers;
mod settings;
mod units;

pub use keys::{KEYS, Key, Kind};
pub use layers::{ENV_PREFIX, Origin, Sources, Values};
pub use settings::{Audience, ClientCertificates, LogFormat, Settings, TlsFiles};
pub use units::{parse_bytes, parse_time};
