//! Prefixes of addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// All addresses that begin with the same bits: `fd00::/8`, `10.0.0.0/8`, `::1`.
///
/// IPv4 addresses that are mapped into IPv6 are IPv4 here.
///
/// ```
/// let prefix: conduit::Prefix = "10.0.0.0/8".parse()?;
/// assert!(prefix.contains("::ffff:10.1.2.3".parse().unwrap()));
/// assert!(!prefix.contains("11.1.2.3".parse().unwrap()));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    address: IpAddr,
    bits: u8,
}

impl Prefix {
    /// Tells whether the address begins with the prefix.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                let differing = ours.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => {
                let differing = ours.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

impl From<IpAddr> for Prefix {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let bits = if address.is_ipv4() { 32 } else { 128 };
        Self { address, bits }
    }
}

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not a prefix such as fd00::/8 or 10.0.0.0/8");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let Some(bits) = bits else {
            return Ok(address.into());
        };
        let is_digits = bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits: u8 = bits.parse().ok().filter(|_| is_digits).ok_or_else(wrong)?;
        let is_mapped = address.is_ipv6() && address.to_canonical().is_ipv4();
        // `::ffff:10.0.0.0/104` is `10.0.0.0/8`; shorter ones span more than IPv4.
        let (address, bits) = match bits.checked_sub(96) {
            Some(bits) if is_mapped => (address.to_canonical(), bits),
            _ => (address, bits),
        };
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        if bits > bits_max {
            return Err(wrong());
        }
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(prefix: &str, address: &str) -> bool {
        prefix
            .parse::<Prefix>()
            .unwrap()
            .contains(address.parse().unwrap())
    }

    #[test]
    fn a_prefix_contains_what_begins_with_it() {
        for (prefix, address) in [
            ("10.0.0.0/8", "10.255.0.1"),
            ("10.0.0.0/8", "::ffff:10.1.1.1"),
            ("::ffff:10.0.0.0/104", "10.1.1.1"),
            ("0.0.0.0/0", "255.255.255.255"),
            ("fd00::/8", "fdff::1"),
            ("::/0", "ffff::1"),
            ("::1", "::1"),
            ("1.2.3.4", "1.2.3.4"),
            ("2001:db8::/33", "2001:db8:7fff::"),
        ] {
            assert!(contains(prefix, address), "{prefix} {address}");
        }
        for (prefix, address) in [
            ("10.0.0.0/8", "11.0.0.0"),
            ("10.0.0.0/8", "::a00:1"),
            ("0.0.0.0/0", "::1"),
            // All of IPv6 is not all of IPv4, however its addresses are written.
            ("::/0", "1.2.3.4"),
            ("::1", "::2"),
            ("2001:db8::/33", "2001:db8:8000::"),
        ] {
            assert!(!contains(prefix, address), "{prefix} {address}");
        }
    }

    #[test]
    fn text_reads_back_and_nonsense_is_refused() {
        for text in ["10.0.0.0/8", "fd00::/8", "::1/128", "0.0.0.0/0"] {
            assert_eq!(text.parse::<Prefix>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "::/-1",
            "::/+1",
            "a/8",
            "10.0.0/8",
            "::1/",
            "[::1]/8",
        ] {
            assert!(text.parse::<Prefix>().is_err(), "{text}");
        }
    }
}
