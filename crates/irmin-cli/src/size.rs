//! Numbers for people.

const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/// Writes a number of bytes with three or four digits and a unit.
pub(crate) fn human(bytes: u64) -> String {
    let mut tenths = u128::from(bytes) * 10;
    let mut name = "B";
    for unit in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths = tenths.div_ceil(1024);
        name = unit;
    }
    match tenths {
        _ if name == "B" => format!("{bytes} B"),
        0..1000 => format!("{}.{} {name}", tenths / 10, tenths % 10),
        _ => format!("{} {name}", tenths / 10),
    }
}

/// Writes a number of things.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let known = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (150 << 10, "150 KiB"),
            (3 << 30, "3.0 GiB"),
        ];
        for (bytes, text) in known {
            assert_eq!(human(bytes), text);
        }
        assert!(human(u64::MAX).ends_with("PiB"));
    }
}
