//! The embedded engine: a repository is a directory of append-only segments, and one log is the
//! whole database.
//!
//! A commit appends its objects, its commit and its ref edits as one checksummed frame and syncs
//! once. Opening reads the newest segment's checkpoint and scans the tail; a torn tail is cut;
//! damage to what was synced is an error that says where. One process writes at a time. The format
//! is described to the byte in `FORMAT.md`, section *Pack files*.
//!
//! # Costs
//! * A read with a locator: a slice of the mapped segment and its checksum, or one positional read of
//!   what is not durable yet. Without one, first a look into the table of each segment, newest first:
//!   a page or two of its sidecar; where the first four bytes of the id are found, the object is read
//!   and hashed.
//!   An object that is stored as the difference to another one takes the same for at most seven more,
//!   and 0.3 µs each.
//! * A stored object: one copy and one checksum; a write to the file for each MiB. With a base, the
//!   difference, where that takes less than half of the bytes.
//! * A commit: one write, and one sync if it is to be durable; commits that wait at the same time
//!   share it. Framing is 24 bytes and the names for the commit, 6 to 9 an object, 1 to 5 a link.
//! * A full segment (64 MiB unless set otherwise): four syncs and one sidecar of 12 bytes an
//!   object.
//! * Memory: about 20 bytes for each object that the newest segment got since it was opened, the
//!   pending objects (1 MiB) and the cache. Nothing of complete segments, of which at most 1,024 are
//!   mapped; with [`Options::map`] off 12 bytes for each object of at most 16 of them.
//! * A collection: what is alive is read once, and a segment with something dead is written anew:
//!   four syncs each, and four in the beginning. Memory: a bit an object, the tables of one segment
//!   (60 bytes an object of it), 2 MiB, and 32 bytes for each link that was stored without a place.
//!   Room on the disk for one segment more.
//! * Opening: the directory, the newest segment's sidecar, and a scan of what came after it: after
//!   a clean close at most [`Options::checkpoint_bytes`], after a crash at most one segment.

mod active;
mod background;
mod bases;
mod cache;
mod chain;
mod collect;
mod damage;
mod durable;
mod files;
mod follow;
mod frame;
mod fresh;
mod hold_file;
mod home;
mod hunks;
mod index;
mod layout;
mod links;
mod lock;
mod log;
mod map;
mod mapped;
mod meta;
mod older;
mod open;
mod options;
mod place;
mod poison;
mod prefix;
mod read;
mod reader;
mod record;
mod recover;
mod replay;
mod roll;
mod salvage;
mod scan;
mod sealed;
mod search;
mod segment;
mod sidecar;
mod stats;
mod store;
mod sync;
mod table;
mod tables;
mod varint;
mod verify;
mod write;

pub use background::Background;
pub use damage::Damage;
pub use files::{File, Files, OsFiles};
pub use frame::{Frame, FrameKind, FramePlace, RefChange};
pub use irmin_core::{KindStats, StoreStats as Stats, VerifyProgress as Progress, VerifyReport};
pub use map::Map;
pub use options::Options;
pub use reader::PackReader;
pub use record::{Delta, Record};
pub use salvage::{Missing, SalvageReport, SalvagedName, salvage};
pub use store::PackStore;
