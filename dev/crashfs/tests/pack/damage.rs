//! Every byte of a small store, flipped.
