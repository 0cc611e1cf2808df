//! Times and durations as people write them, and as they are shown.

use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;
use jiff::{Span, Timestamp as Moment};
use keyfob::{Clock, Timestamp};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A time as it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum When {
    Never,
    At(Timestamp),
    /// So many seconds from now, or ago.
    In(i64),
}

impl When {
    /// The time, where a duration counts from now on.
    pub(crate) fn ahead(self) -> Option<Timestamp> {
        match self {
            When::Never => None,
            When::At(at) => Some(at),
            When::In(seconds) => Some(now().saturating_add(seconds)),
        }
    }

    /// The time, where a duration counts back from now.
    pub(crate) fn ago(self) -> Option<Timestamp> {
        match self {
            When::In(seconds) => Some(now().saturating_add(-seconds)),
            other => other.ahead(),
        }
    }
}

/// What the clock shows.
pub(crate) fn now() -> Timestamp {
    Clock::system().now()
}

/// Reads `90d`, `2027-01-31`, RFC 3339 or `never`.
pub(crate) fn parse(text: &str) -> Result<When, String> {
    if text == "never" {
        return Ok(When::Never);
    }
    parse_time(text)
}

/// Reads `90d`, `2027-01-31` or RFC 3339.
pub(crate) fn parse_time(text: &str) -> Result<When, String> {
    const FORMS: &str =
        "use a duration (90d, 12h, 1y), a date (2027-01-31) or RFC 3339 (2027-01-31T12:00:00Z)";
    if is_date(text) {
        let date: Date = text
            .parse()
            .map_err(|_| "there is no such day".to_owned())?;
        return at(DateTime::from(date)).map(When::At);
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) && text.get(4..5) == Some("-") {
        let moment: Moment = text.parse().map_err(|_| {
            "a time needs its offset, such as the Z of 2027-01-31T12:00:00Z".to_owned()
        })?;
        return Ok(When::At(Timestamp::from_unix(moment.as_second())));
    }
    let span: Span = text.parse().map_err(|_| FORMS.to_owned())?;
    seconds_of(span).map(When::In)
}

/// Reads a duration of a fixed length, in seconds.
pub(crate) fn parse_duration(text: &str) -> Result<i64, String> {
    let span: Span = text
        .parse()
        .map_err(|_| "use a duration such as 90d, 12h, 30m, 2w or 1y".to_owned())?;
    if span.get_months() != 0 {
        return Err("months differ in length; say it in days".to_owned());
    }
    seconds_of(span)
}

/// `2027-01-31` and nothing else.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

fn at(time: DateTime) -> Result<Timestamp, String> {
    let moment = Offset::UTC
        .to_timestamp(time)
        .map_err(|_| "out of range".to_owned())?;
    Ok(Timestamp::from_unix(moment.as_second()))
}

/// The seconds from now on. A year has 365 days, so that it is the same length in a policy and in an
/// expiry; months are those of the calendar, days have 24 hours.
fn seconds_of(span: Span) -> Result<i64, String> {
    const RANGE: &str = "out of range";
    const YEAR: i64 = 365;
    if span.is_negative() {
        return Err("must not be negative".to_owned());
    }
    let days = i64::from(span.get_years()) * YEAR + i64::from(span.get_days());
    let span = span
        .try_years(0)
        .and_then(|span| span.try_days(days))
        .map_err(|_| RANGE.to_owned())?;
    let start = Moment::from_second(now().unix()).map_err(|_| RANGE.to_owned())?;
    let start = Offset::UTC.to_datetime(start);
    let end = start.checked_add(span).map_err(|_| RANGE.to_owned())?;
    if end.subsec_nanosecond() != 0 {
        return Err("use whole seconds".to_owned());
    }
    Ok(at(end)?.seconds_since(at(start)?))
}

/// RFC 3339 in UTC: `2027-01-31T12:00:00Z`.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    Moment::from_second(time.unix()).map_or_else(|_| time.to_string(), |moment| moment.to_string())
}

/// The same of milliseconds.
pub(crate) fn rfc3339_ms(milliseconds: i64) -> String {
    Moment::from_millisecond(milliseconds).map_or_else(
        |_| milliseconds.to_string(),
        |moment| format!("{moment:.3}"),
    )
}

/// For people: `2027-01-31 12:00:00Z`.
pub(crate) fn shown(time: Timestamp) -> String {
    rfc3339(time).replacen('T', " ", 1)
}

/// For people, with how far away it is: `2027-01-31 12:00:00Z (in 90 days)`.
pub(crate) fn shown_with_distance(time: Timestamp) -> String {
    format!("{} ({})", shown(time), relative(time, now()))
}

fn counted(count: i64, unit: &str) -> String {
    crate::text::counted(count.unsigned_abs(), unit)
}

/// How far away: `just now`, `3 days ago`, `in 90 days`. Rounded to the nearest.
pub(crate) fn relative(time: Timestamp, now: Timestamp) -> String {
    const MONTH: i64 = 30 * DAY + 10 * HOUR + 30 * MINUTE;
    const YEAR: i64 = 365 * DAY + 6 * HOUR;
    let distance = time.seconds_since(now);
    let away = distance.saturating_abs();
    let rounded = |unit: i64| away.saturating_add(unit / 2) / unit;
    let text = if away < MINUTE {
        if distance <= 0 {
            return "just now".to_owned();
        }
        counted(away, "second")
    } else if rounded(MINUTE) < 60 {
        counted(rounded(MINUTE), "minute")
    } else if rounded(HOUR) < 48 {
        counted(rounded(HOUR), "hour")
    } else if rounded(DAY) < 120 {
        counted(rounded(DAY), "day")
    } else if rounded(MONTH) < 24 {
        counted(rounded(MONTH), "month")
    } else {
        counted(rounded(YEAR), "year")
    };
    if distance > 0 {
        format!("in {text}")
    } else {
        format!("{text} ago")
    }
}

/// A length of time: `90 days`, in the largest unit that is exact.
pub(crate) fn length(seconds: i64) -> String {
    for (unit, name) in [(DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")] {
        if seconds != 0 && seconds % unit == 0 {
            return counted(seconds / unit, name);
        }
    }
    counted(seconds, "second")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let unix = |text: &str| match parse(text) {
            Ok(When::At(at)) => at.unix(),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(unix("2027-01-31"), 1_801_353_600);
        assert_eq!(unix("2027-01-31T00:00:00Z"), 1_801_353_600);
        assert_eq!(unix("2027-01-31 02:00:00+02:00"), 1_801_353_600);
        assert_eq!(unix("2027-01-31T00:00:00.999Z"), 1_801_353_600);
        assert_eq!(parse("90d"), Ok(When::In(90 * DAY)));
        assert_eq!(parse("12h"), Ok(When::In(12 * HOUR)));
        assert_eq!(parse("1w"), Ok(When::In(7 * DAY)));
        assert_eq!(parse("1h 30m"), Ok(When::In(HOUR + 30 * MINUTE)));
        assert_eq!(parse("never"), Ok(When::Never));
        assert_eq!(parse("1y"), Ok(When::In(365 * DAY)));
        assert_eq!(parse("1y 1d"), Ok(When::In(366 * DAY)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "soon",
            "2027-02-30",
            "2027-01-31T12:00:00",
            "-3d",
            "3d ago",
            "500ms",
            "90",
            "99999999999d",
            "99999999999999999999999d",
            "Never",
            "2027-13-01",
            "2027-1-1",
            "٣d",
        ] {
            assert!(parse(text).is_err(), "{text}: {:?}", parse(text));
        }
        assert!(parse_duration("1mo").is_err());
        assert_eq!(parse_duration("7d"), Ok(7 * DAY));
        assert_eq!(parse_duration("1w"), Ok(7 * DAY));
        assert_eq!(parse_duration("2y"), Ok(730 * DAY));
    }

    #[test]
    fn distances_are_rounded_to_the_nearest() {
        let now = Timestamp::from_unix(1_800_000_000);
        let text = |seconds: i64| relative(now.saturating_add(seconds), now);
        for (seconds, expected) in [
            (0, "just now"),
            (-59, "just now"),
            (5, "in 5 seconds"),
            (-60, "1 minute ago"),
            (-90 * MINUTE, "2 hours ago"),
            (-3 * DAY, "3 days ago"),
            (90 * DAY, "in 90 days"),
            (90 * DAY - 3, "in 90 days"),
            (365 * DAY, "in 12 months"),
            (-10 * 366 * DAY, "10 years ago"),
        ] {
            assert_eq!(text(seconds), expected, "{seconds}");
        }
        // The ends of time are no panic.
        for end in [i64::MIN, i64::MAX].map(Timestamp::from_unix) {
            assert!(relative(end, now).contains(" years"));
            assert!(relative(now, end).contains(" years"));
        }
    }

    #[test]
    fn times_are_shown_in_utc() {
        assert_eq!(
            rfc3339(Timestamp::from_unix(1_801_353_600)),
            "2027-01-31T00:00:00Z"
        );
        assert_eq!(rfc3339_ms(1_801_353_600_120), "2027-01-31T00:00:00.120Z");
        assert_eq!(
            rfc3339(Timestamp::from_unix(i64::MAX)),
            i64::MAX.to_string()
        );
        assert_eq!(
            (length(7 * DAY), length(90), length(0)),
            ("7 days".into(), "90 seconds".into(), "0 seconds".into())
        );
    }
}
