//! Moments with the zone in which they were seen, written as RFC 3339 does.

use std::fmt;
use std::str::FromStr;

const SECONDS_A_DAY: i128 = 86_400;

/// A moment, and the distance of the local clock from UTC.
///
/// Written `2026-11-01T10:00:00+01:00`, with `Z` for UTC. Years outside 0 to 9999 get a sign. The
/// order is that of the moments; of one moment, that of the zones.
///
/// ```
/// use irmin_core::Time;
/// let time: Time = "2026-11-01T10:00+01:00".parse()?;
/// assert_eq!((time.seconds(), time.offset_minutes()), (1_793_523_600, 60));
/// assert_eq!(time.to_string(), "2026-11-01T10:00:00+01:00");
/// # Ok::<(), irmin_core::TimeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    seconds: i64,
    offset_minutes: i16,
}

impl Time {
    /// The largest distance from UTC, in minutes: 99 hours and 59 minutes, all that Git's four
    /// digits can say.
    pub const OFFSET_MINUTES_MAX: i16 = 99 * 60 + 59;

    /// Makes a time of seconds since 1970-01-01T00:00Z and of minutes east of UTC.
    ///
    /// # Errors
    /// [`TimeError`] when the offset is beyond [`OFFSET_MINUTES_MAX`](Self::OFFSET_MINUTES_MAX) in
    /// either direction.
    pub fn new(seconds: i64, offset_minutes: i16) -> Result<Self, TimeError> {
        let time = Self {
            seconds,
            offset_minutes,
        };
        if offset_minutes.unsigned_abs() > Self::OFFSET_MINUTES_MAX.unsigned_abs() {
            return Err(TimeError {
                text: format!("{offset_minutes} minutes"),
                offset: 0,
                reason: "a zone is less than 100 hours from UTC",
            });
        }
        Ok(time)
    }

    /// Makes a time in UTC.
    #[must_use]
    pub const fn utc(seconds: i64) -> Self {
        Self {
            seconds,
            offset_minutes: 0,
        }
    }

    /// Returns the seconds since 1970-01-01T00:00Z.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Returns how far the local clock is ahead of UTC, in minutes.
    #[must_use]
    pub const fn offset_minutes(self) -> i16 {
        self.offset_minutes
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = i128::from(self.seconds) + i128::from(self.offset_minutes) * 60;
        let (year, month, day) = civil_from_days(local.div_euclid(SECONDS_A_DAY));
        let second = local.rem_euclid(SECONDS_A_DAY);
        match year {
            0..=9999 => write!(f, "{year:04}")?,
            _ => write!(f, "{year:+05}")?,
        }
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.offset_minutes == 0 {
            return f.write_str("Z");
        }
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let offset = self.offset_minutes.unsigned_abs();
        write!(f, "{sign}{:02}:{:02}", offset / 60, offset % 60)
    }
}

impl FromStr for Time {
    type Err = TimeError;

    /// Parses `2026-11-01`, `2026-11-01T10:00` or `2026-11-01T10:00:00`, the latter two followed
    /// by `Z`, `+01:00` or nothing, which means UTC as the lone date does.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let mut parser = Parser { text, offset: 0 };
        let days = parser.date()?;
        let (mut second, mut offset_minutes) = (0, 0);
        if parser.take(b'T') {
            second = parser.clock()?;
            offset_minutes = parser.zone()?;
        }
        if parser.offset != text.len() {
            return Err(parser.error("the time should end here"));
        }
        let seconds = days * SECONDS_A_DAY + second - i128::from(offset_minutes) * 60;
        let seconds = i64::try_from(seconds).map_err(|_| parser.error("the year is too far"))?;
        Self::new(seconds, offset_minutes)
    }
}

/// Reads the parts of a time from left to right.
struct Parser<'a> {
    text: &'a str,
    offset: usize,
}

impl Parser<'_> {
    fn date(&mut self) -> Result<i128, TimeError> {
        let year = self.year()?;
        self.expect(b'-', "'-' and the month expected, as in 2026-11-01")?;
        let month = self.two_digits(1..=12, "the month is 01 to 12")?;
        self.expect(b'-', "'-' and the day expected, as in 2026-11-01")?;
        let day = self.two_digits(1..=31, "the day is 01 to 31")?;
        if day > days_in_month(year, month) {
            self.offset -= 2;
            return Err(self.error("the month has fewer days"));
        }
        Ok(days_from_civil(year, month, day))
    }

    fn year(&mut self) -> Result<i128, TimeError> {
        let negative = self.take(b'-');
        let signed = negative || self.take(b'+');
        let digits = self.rest().iter().take_while(|b| b.is_ascii_digit());
        let digits = digits.count();
        if digits < 4 || digits > if signed { 12 } else { 4 } {
            return Err(self.error("a year of four digits expected, as in 2026-11-01"));
        }
        let year = self.number(digits);
        Ok(if negative { -year } else { year })
    }

    fn clock(&mut self) -> Result<i128, TimeError> {
        let hour = self.two_digits(0..=23, "the hour is 00 to 23")?;
        self.expect(b':', "':' and minutes expected, as in 10:00")?;
        let minute = self.two_digits(0..=59, "the minute is 00 to 59")?;
        let mut second = 0;
        if self.take(b':') {
            second = self.two_digits(0..=59, "the second is 00 to 59")?;
        }
        Ok(hour * 3600 + minute * 60 + second)
    }

    fn zone(&mut self) -> Result<i16, TimeError> {
        if self.take(b'Z') {
            return Ok(0);
        }
        let negative = self.take(b'-');
        if !negative && !self.take(b'+') {
            return Ok(0);
        }
        let hours = self.two_digits(0..=99, "the zone's hours have two digits, as in +01:00")?;
        self.expect(b':', "':' and the zone's minutes expected, as in +01:00")?;
        let minutes = self.two_digits(0..=59, "the zone's minutes are 00 to 59")?;
        let offset = hours * 60 + minutes;
        i16::try_from(if negative { -offset } else { offset })
            .map_err(|_| self.error("the zone is too far from UTC"))
    }

    fn two_digits(
        &mut self,
        range: std::ops::RangeInclusive<i128>,
        reason: &'static str,
    ) -> Result<i128, TimeError> {
        match self.rest() {
            [a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit() => {}
            _ => return Err(self.error(reason)),
        }
        let number = self.number(2);
        if range.contains(&number) {
            return Ok(number);
        }
        self.offset -= 2;
        Err(self.error(reason))
    }

    /// Takes `digits` bytes, known to be digits, as a number.
    fn number(&mut self, digits: usize) -> i128 {
        let taken = self.rest().iter().take(digits);
        let number = taken.fold(0, |sum, byte| sum * 10 + i128::from(byte - b'0'));
        self.offset += digits;
        number
    }

    fn expect(&mut self, byte: u8, reason: &'static str) -> Result<(), TimeError> {
        if self.take(byte) {
            return Ok(());
        }
        Err(self.error(reason))
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.rest().first() == Some(&byte);
        self.offset += usize::from(found);
        found
    }

    fn rest(&self) -> &[u8] {
        self.text.as_bytes().get(self.offset..).unwrap_or_default()
    }

    fn error(&self, reason: &'static str) -> TimeError {
        TimeError {
            text: self.text.to_owned(),
            offset: self.offset,
            reason,
        }
    }
}

/// Counts days from 1970-01-01 to a date of the Gregorian calendar, both ways without limit.
///
/// Years are counted from March, so that the leap day is the last of its year; 400 years have
/// 146,097 days.
fn days_from_civil(year: i128, month: i128, day: i128) -> i128 {
    let year = if month > 2 { year } else { year - 1 };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    era * 146_097 + day_of_era - 719_468
}

/// The reverse of [`days_from_civil`]: year, month, day.
fn civil_from_days(days: i128) -> (i128, i128, i128) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year_of_era + i128::from(month >= 10);
    (year, (month + 2) % 12 + 1, day)
}

/// Returns the number of the month that a day is in, counted from January of year 0.
pub(crate) fn calendar_month(days: i64) -> i64 {
    let (year, month, _) = civil_from_days(days.into());
    i64::try_from(year * 12 + month - 1).unwrap_or_default()
}

fn days_in_month(year: i128, month: i128) -> i128 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Text that is not a time, or a zone too far from UTC.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a time: {reason} (at byte {offset})")]
pub struct TimeError {
    /// The text.
    pub text: String,
    /// How many bytes into it.
    pub offset: usize,
    /// What is wrong.
    pub reason: &'static str,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn well_known_moments_read_as_the_calendar_says() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("1900-03-01T00:00:00Z", -2_203_891_200),
            ("2038-01-19T03:14:08Z", 1 << 31),
            ("0000-01-01T00:00:00Z", -62_167_219_200),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            let time: Time = text.parse().unwrap();
            assert_eq!(time.seconds(), seconds, "{text}");
            assert_eq!(time.to_string(), text);
        }
    }

    #[test]
    fn short_forms_mean_midnight_and_utc() {
        let midnight: Time = "2026-11-01".parse().unwrap();
        for text in [
            "2026-11-01T00:00",
            "2026-11-01T00:00Z",
            "2026-11-01T00:00:00+00:00",
        ] {
            assert_eq!(text.parse::<Time>().unwrap(), midnight, "{text}");
        }
    }

    #[test]
    fn bad_times_are_refused_with_the_place() {
        for (text, offset) in [
            ("", 0),
            ("26-11-01", 0),
            ("12026-11-01", 0),
            ("2026-13-01", 5),
            ("2026-1-01", 5),
            ("2026-02-29", 8),
            ("1900-02-29", 8),
            ("2026-11-01 10:00", 10),
            ("2026-11-01T24:00", 11),
            ("2026-11-01T10", 13),
            ("2026-11-01T10:60", 14),
            ("2026-11-01T10:00:60", 17),
            ("2026-11-01T10:00+1:00", 17),
            ("2026-11-01T10:00+0100", 19),
            ("2026-11-01T10:00Zx", 17),
            ("+999999999999-01-01", 19),
        ] {
            assert_eq!(text.parse::<Time>().unwrap_err().offset, offset, "{text}");
        }
        assert!(Time::new(0, 6000).is_err());
        assert!(Time::new(0, i16::MIN).is_err());
    }

    proptest! {
        #[test]
        fn every_time_reads_back_from_its_text(seconds: i64, offset in -5999_i16..=5999) {
            let time = Time::new(seconds, offset).unwrap();
            prop_assert_eq!(time.to_string().parse::<Time>().unwrap(), time);
        }

        #[test]
        fn parsing_never_panics(text in "[-+0-9TZ:.é]{0,30}") {
            let _ = text.parse::<Time>();
        }

        #[test]
        fn consecutive_days_have_consecutive_dates(days in -1_000_000_000_i128..1_000_000_000) {
            let (year, month, day) = civil_from_days(days);
            prop_assert_eq!(days_from_civil(year, month, day), days);
            let next = civil_from_days(days + 1);
            let wanted = if day < days_in_month(year, month) { (year, month, day + 1) }
                else if month < 12 { (year, month + 1, 1) }
                else { (year + 1, 1, 1) };
            prop_assert_eq!(next, wanted);
        }
    }
}
