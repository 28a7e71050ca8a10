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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::sleep;

    use super::*;

    const DELAY: Duration = Duration::from_millis(250);

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| at(text)).collect()
    }

    /// Ends after so many milliseconds, well or not.
    async fn end(after: u64, is_good: bool) -> io::Result<()> {
        sleep(Duration::from_millis(after)).await;
        match is_good {
            true => Ok(()),
            false => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }

    /// Races attempts that end as the table says; returns the winner's place, when each began, and when all was over.
    async fn run(table: &[(u64, bool)]) -> (Option<usize>, Vec<u64>, u64) {
        let addresses: Vec<_> = (0..table.len())
            .map(|index| SocketAddr::from(([10, 0, 0, 0], u16::try_from(index).unwrap())))
            .collect();
        let begin = Instant::now();
        let now = || u64::try_from(begin.elapsed().as_millis()).unwrap();
        let starts = Mutex::new(Vec::new());
        let raced = race(&addresses, DELAY, |address| {
            starts.lock().unwrap().push(now());
            let (after, is_good) = table[usize::from(address.port())];
            end(after, is_good)
        });
        let winner = match raced.await {
            Ok((address, ())) => Some(usize::from(address.port())),
            Err(failed) => {
                assert_eq!(failed.len(), table.len());
                None
            }
        };
        let starts = starts.into_inner().unwrap();
        (winner, starts, now())
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_address_is_tried_after_the_delay_and_no_sooner() {
        let dead = (3_600_000, false);
        assert_eq!(run(&[dead, (10, true)]).await, (Some(1), vec![0, 250], 260));
        let result = run(&[dead, dead, (10, true)]).await;
        assert_eq!(result, (Some(2), vec![0, 250, 500], 510));
        assert_eq!(
            run(&[(249, true), (0, true)]).await,
            (Some(0), vec![0], 249)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_lets_the_next_one_start_at_once() {
        let refused = (5, false);
        let result = run(&[refused, refused, (20, true)]).await;
        assert_eq!(result, (Some(2), vec![0, 5, 10], 30));
        // The failure of an attempt that was overtaken counts, too; the delay begins anew.
        let result = run(&[(300, false), (3_600_000, false), (1, true), (0, true)]).await;
        assert_eq!(result, (Some(2), vec![0, 250, 300], 301));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_first_address_still_wins_when_the_second_is_later() {
        assert_eq!(
            run(&[(300, true), (100, true)]).await,
            (Some(0), vec![0, 250], 300)
        );
        assert_eq!(
            run(&[(400, true), (100, true)]).await,
            (Some(1), vec![0, 250], 350)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_fail_every_attempt_is_told() {
        assert_eq!(
            run(&[(10, false), (20, false)]).await,
            (None, vec![0, 10], 30)
        );
        assert_eq!(run(&[]).await, (None, vec![], 0));
        let addresses = addresses(&["10.0.0.1:1", "10.0.0.2:2"]);
        // The second fails first.
        let raced = race(&addresses, DELAY, |address| {
            end(if address.port() == 1 { 900 } else { 1 }, false)
        });
        let failed = raced.await.unwrap_err();
        let order: Vec<_> = failed.iter().map(|(address, _)| address.port()).collect();
        assert_eq!(order, [2, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_that_lose_are_dropped() {
        struct Count<'a>(&'a AtomicUsize);
        impl Drop for Count<'_> {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let dropped = AtomicUsize::new(0);
        let addresses = addresses(&["10.0.0.1:1", "10.0.0.2:2", "10.0.0.3:3"]);
        let raced = race(&addresses, DELAY, |address| {
            let count = Count(&dropped);
            async move {
                end(if address.port() == 3 { 1 } else { 9_999 }, true).await?;
                std::mem::forget(count);
                Ok(())
            }
        });
        assert_eq!(raced.await.unwrap().0.port(), 3);
        assert_eq!(dropped.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn families_take_turns_and_the_first_one_begins() {
        for (given, ordered) in [
            (
                &["[::1]:1", "[::2]:1", "1.1.1.1:1", "2.2.2.2:1"],
                &["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1"],
            ),
            (
                &["1.1.1.1:1", "2.2.2.2:1", "3.3.3.3:1", "[::1]:1"],
                &["1.1.1.1:1", "[::1]:1", "2.2.2.2:1", "3.3.3.3:1"],
            ),
            // Mapped addresses are IPv4 on the wire.
            (
                &[
                    "[::ffff:1.1.1.1]:1",
                    "[::ffff:2.2.2.2]:1",
                    "[::1]:1",
                    "[::2]:1",
                ],
                &[
                    "[::ffff:1.1.1.1]:1",
                    "[::1]:1",
                    "[::ffff:2.2.2.2]:1",
                    "[::2]:1",
                ],
            ),
        ] {
            assert_eq!(interleave(addresses(given)), addresses(ordered));
        }
        assert_eq!(interleave(Vec::new()), Vec::new());
        let twice = addresses(&["1.1.1.1:1", "1.1.1.1:1"]);
        assert_eq!(interleave(twice), addresses(&["1.1.1.1:1"]));
    }
}
