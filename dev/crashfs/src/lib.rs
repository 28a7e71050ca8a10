//! A file system in memory that loses power, fails to write and can be damaged.
//!
//! [`CrashFs`] keeps two images of every file and of every directory: what was *written*, which
//! the program sees, and what is *durable*, which a sync advances. [`CrashFs::cut_power_at`] lets
//! the power fail at an operation; [`CrashFs::after_power_cut`] returns what a machine finds when
//! it comes up again: all that is durable, and of the rest any part, torn and out of order.
//!
//! ```
//! use irmin_crashfs::CrashFs;
//! use irmin_pack::{Options, PackStore};
//! use std::path::Path;
//! use std::sync::Arc;
//!
//! let disk = CrashFs::new();
//! let options = |disk: &CrashFs| Options { files: Arc::new(disk.clone()), ..Options::default() };
//! disk.cut_power_at(10);
//! assert!(PackStore::create(Path::new("/store"), options(&disk)).is_err());
//! let disk = disk.after_power_cut(42);
//! PackStore::open_or_create(Path::new("/store"), options(&disk))?;
//! # Ok::<(), irmin_core::StoreError>(())
//! ```

pub mod campaign;
mod disk;
mod files;
mod random;

pub use files::CrashFs;
pub use random::Random;
