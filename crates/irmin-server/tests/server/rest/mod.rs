//! REST, asked as a client asks: through the router, and over a socket with `curl`.

mod access;
mod contents;
mod curl;
mod document;
mod documented;
mod merges;
mod names;
mod pages;
mod strangers;
mod streams;
pub(crate) mod support;
