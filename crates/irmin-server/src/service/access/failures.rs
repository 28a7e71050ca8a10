//! Counting failures to authenticate, so that nobody can guess for long.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a failure is remembered, in milliseconds.
const WINDOW_MS: u64 = 60_000;

/// How many addresses are remembered; when there are more, those that failed least recently go.
const ADDRESSES_MAX: usize = 16_384;

/// The failures of the last minute, by address; of IPv6 by network of 64 bits, which one peer has.
///
/// Memory: 50 bytes an address, at most 16,384 of them.
#[derive(Debug)]
pub struct Failures {
    free: u32,
    of: Mutex<HashMap<IpAddr, Recent>>,
}

#[derive(Clone, Copy, Debug)]
struct Recent {
    count: u32,
    since: u64,
}

impl Failures {
    /// Allows so many failures a minute.
    #[must_use]
    pub fn new(free: u32) -> Self {
        Self {
            free,
            of: Mutex::default(),
        }
    }

    /// Returns how long an address has to wait before it may try again, if it has to. `now` in
    /// milliseconds.
    #[must_use]
    pub fn must_wait(&self, address: Option<IpAddr>, now: u64) -> Option<Duration> {
        let key = network(address?);
        let of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = of.get(&key)?;
        let left = (recent.since + WINDOW_MS).checked_sub(now)?;
        (recent.count >= self.free && left > 0).then(|| Duration::from_millis(left))
    }

    /// Notes a failure.
    pub fn note(&self, address: Option<IpAddr>, now: u64) {
        let Some(address) = address else { return };
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if of.len() >= ADDRESSES_MAX && !of.contains_key(&network(address)) {
            make_room(&mut of, now);
        }
        let recent = of.entry(network(address)).or_insert(Recent {
            count: 0,
            since: now,
        });
        if recent.since + WINDOW_MS <= now {
            *recent = Recent {
                count: 0,
                since: now,
            };
        }
        recent.count = recent.count.saturating_add(1);
    }
}

/// Forgets what is over, or else half of it: linear, and rare.
fn make_room(of: &mut HashMap<IpAddr, Recent>, now: u64) {
    of.retain(|_, recent| recent.since + WINDOW_MS > now);
    if of.len() >= ADDRESSES_MAX {
        let mut times: Vec<u64> = of.values().map(|recent| recent.since).collect();
        times.sort_unstable();
        let middle = times.get(times.len() / 2).copied().unwrap_or(now);
        of.retain(|_, recent| recent.since > middle);
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn an_address_that_failed_too_often_waits_for_the_rest_of_a_minute() {
        let failures = Failures::new(3);
        for time in [0, 10_000, 20_000] {
            assert_eq!(failures.must_wait(at("192.0.2.1"), time), None);
            failures.note(at("192.0.2.1"), time);
        }
        let wait = failures.must_wait(at("192.0.2.1"), 20_000);
        assert_eq!(wait, Some(Duration::from_secs(40)));
        assert_eq!(failures.must_wait(at("192.0.2.2"), 20_000), None);
        assert_eq!(failures.must_wait(at("192.0.2.1"), 60_000), None);
        failures.note(at("192.0.2.1"), 60_000);
        assert_eq!(failures.must_wait(at("192.0.2.1"), 60_000), None);
    }

    #[test]
    fn the_addresses_of_one_network_count_as_one_and_a_mapped_one_as_what_it_is() {
        let failures = Failures::new(1);
        failures.note(at("2001:db8::1"), 0);
        assert!(failures.must_wait(at("2001:db8::2"), 1).is_some());
        assert!(failures.must_wait(at("2001:db8:0:1::2"), 1).is_none());
        failures.note(at("::ffff:192.0.2.1"), 0);
        assert!(failures.must_wait(at("192.0.2.1"), 1).is_some());
        assert!(failures.must_wait(at("::ffff:192.0.2.2"), 1).is_none());
    }

    #[test]
    fn many_addresses_do_not_grow_the_table_without_bound() {
        let failures = Failures::new(1);
        for number in 0..50_000 {
            let address = IpAddr::V4(std::net::Ipv4Addr::from_bits(number));
            failures.note(Some(address), u64::from(number / 1000));
        }
        assert!(failures.of.lock().unwrap().len() <= ADDRESSES_MAX);
    }
}
