//! Points in time with nanoseconds, as the service's traces have them.

use std::fmt;
use std::time::Duration;

/// A point in time: nanoseconds since 1970 in UTC (good from 1678 to 2262).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// From milliseconds since 1970.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Milliseconds since 1970, cut off.
    pub fn millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Nanoseconds since 1970.
    pub fn nanos(self) -> i64 {
        self.0
    }

    /// Time from `earlier` to here, zero when it is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// ISO 8601 in UTC with exactly nine fraction digits, the form of trace times: `2026-11-21T15:04:05.000000001Z`.
    pub fn iso_nanos(self) -> String {
        let (date, nanos) = self.parts();
        format!("{date}.{nanos:09}Z")
    }

    /// ISO 8601 in UTC with as many fraction digits as are needed (none, 3, 6 or 9): control-plane times.
    pub fn iso(self) -> String {
        let (date, nanos) = self.parts();
        match nanos {
            0 => format!("{date}Z"),
            n if n % 1_000_000 == 0 => format!("{date}.{:03}Z", n / 1_000_000),
            n if n % 1_000 == 0 => format!("{date}.{:06}Z", n / 1_000),
            n => format!("{date}.{n:09}Z"),
        }
    }

    /// Reads ISO 8601 with an offset or `Z`.
    pub fn parse_iso(text: &str) -> Option<Self> {
        let time: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(time.as_nanosecond()).ok().map(Self)
    }

    fn parts(self) -> (String, i64) {
        let seconds = self.0.div_euclid(1_000_000_000);
        let nanos = self.0.rem_euclid(1_000_000_000);
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        (format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"), nanos)
    }
}

/// The date that lies so many days after 1970-01-01, by the calendar of today: every trace says some times, so this is done by hand. Years begin in
/// March here, so that a leap day is the last one, and are counted in eras of 400.
fn date(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    // From the first of March of the year 0.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1_460 + day / 36_524 - day / (ERA - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, years) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + years, month, day)
}

/// Reads a duration as people write it in flags and configurations: a whole number from 1 and one of `units` out of `ms`, `s`, `m`,
/// `h`, `d`, without a space. None for anything else.
pub fn parse_duration(text: &str, units: &[&str]) -> Option<Duration> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u32 = number.parse().ok().filter(|number| *number > 0)?;
    let millis = match unit {
        _ if !units.contains(&unit) => return None,
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(u64::from(number) * millis))
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso_nanos())
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // Each day that can be said, at another second, and the ends.
        let days = i64::MIN / 86_400_000_000_000..=i64::MAX / 86_400_000_000_000;
        let nanos = days.map(|day| day * 86_400_000_000_000 + day.rem_euclid(86_400) * 1_000_000_000 + day.rem_euclid(3));
        for nanos in nanos.chain([i64::MIN, -1, 0, 1, i64::MAX]) {
            let time = jiff::Timestamp::from_nanosecond(nanos.into()).expect("it is in range");
            assert_eq!(Timestamp(nanos).iso_nanos(), time.strftime("%Y-%m-%dT%H:%M:%S%.9fZ").to_string());
        }
    }
}
