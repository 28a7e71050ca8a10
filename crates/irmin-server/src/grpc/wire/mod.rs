//! Messages and what they stand for.

mod from;
mod room;
mod to;

pub(super) use from::*;
pub(super) use room::Room;
pub(super) use to::*;
