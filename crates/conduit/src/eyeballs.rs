//! Which of several addresses answers first: "happy eyeballs", RFC 8305.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Orders addresses so that the families take turns, beginning with that of the first one (section 4). The order within a
/// family, which the system has chosen (RFC 6724), stays.
pub(crate) fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return addresses;
    };
    let first_is_v4 = is_v4(first);
    let is_first = |address: &SocketAddr| is_v4(address) == first_is_v4;
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(is_first);
    let mut ordered: Vec<SocketAddr> = Vec::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return ordered;
        }
        for address in pair.into_iter().flatten() {
            if !ordered.contains(&address) {
                ordered.push(address);
            }
        }
    }
}

/// Tells whether packets to this address are IPv4.
fn is_v4(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_ipv4()
}

/// Connects to the addresses in order: to the next one when `delay` has passed without an answer, or at once when an
/// attempt has failed. The first that succeeds wins, and the others are dropped.
///
/// # Errors
/// When all have failed: each address with its error, in the order in which they failed.
pub(crate) async fn race<T, F, A>(
    addresses: &[SocketAddr],
    delay: Duration,
    connect: F,
) -> Result<(SocketAddr, T), Vec<(SocketAddr, io::Error)>>
where
    F: Fn(SocketAddr) -> A,
    A: Future<Output = io::Result<T>>,
{
    let mut waiting = addresses.iter().copied();
    let mut running = Running(Vec::new());
    let mut failed = Vec::new();
    let mut next = waiting.next();
    let mut next_start = Instant::now();
    loop {
        if next.is_none() && running.0.is_empty() {
            return Err(failed);
        }
        tokio::select! {
            biased;
            (address, result) = &mut running, if !running.0.is_empty() => match result {
                Ok(connected) => return Ok((address, connected)),
                Err(error) => {
                    failed.push((address, error));
                    next_start = Instant::now();
                }
            },
            () = sleep_until(next_start), if next.is_some() => {
                if let Some(address) = next {
                    running.0.push((address, Box::pin(connect(address))));
                }
                next = waiting.next();
                next_start = Instant::now() + delay;
            }
        }
    }
}

/// The attempts on their way; as a future, the next one that ends.
struct Running<A>(Vec<(SocketAddr, Pin<Box<A>>)>);

impl<T, A: Future<Output = io::Result<T>>> Future for Running<A> {
    type Output = (SocketAddr, io::Result<T>);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let attempts = self.0.iter_mut().enumerate();
        let ended =
            attempts.filter_map(
                |(index, (address, attempt))| match attempt.as_mut().poll(cx) {
                    Poll::Ready(result) => Some((index, *address, result)),
                    Poll::Pending => None,
                },
            );
        // The first that has ended; the others are polled again by the next call.
        let Some((index, address, result)) = ended.into_iter().next() else {
            return Poll::Pending;
        };
        drop(self.0.remove(index));
        Poll::Ready((address, result))
    }
}
