//! The table: rows as they come out, and what a row is measured against.

use std::fmt::Write as _;

/// Whether a figure is what it should be.
struct Target {
    text: String,
    met: bool,
}

/// One line of the table.
pub(crate) struct Row {
    what: String,
    figure: String,
    beside: String,
    target: Option<Target>,
    profiles: Vec<&'static str>,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, figure: impl Into<String>) -> Self {
        Row {
            what: what.into(),
            figure: figure.into(),
            beside: String::new(),
            target: None,
            profiles: Vec::new(),
        }
    }

    /// A row that says why it has no figure.
    pub(crate) fn without(what: impl Into<String>, why: &str) -> Self {
        Row::new(what, "-").beside(format!("not measured: {why}"))
    }

    pub(crate) fn beside(mut self, beside: impl Into<String>) -> Self {
        self.beside = beside.into();
        self
    }

    /// The figure, or its ratio, may be this much; the unit is only for the reader.
    pub(crate) fn at_most(self, value: f64, most: f64, unit: &str) -> Self {
        self.target(&format!("≤ {most} {unit}"), value <= most)
    }

    /// The figure, or its ratio, must be this much.
    pub(crate) fn at_least(self, value: f64, least: f64, unit: &str) -> Self {
        self.target(&format!("≥ {} {unit}", short(least)), value >= least)
    }

    fn target(mut self, text: &str, met: bool) -> Self {
        let mut target = self.target.take().unwrap_or(Target {
            text: String::new(),
            met: true,
        });
        if !target.text.is_empty() {
            target.text.push_str(", ");
        }
        target.text.push_str(text.trim_end());
        target.met &= met;
        self.target = Some(target);
        self
    }

    /// A path of `hot` whose profile shows where the time of this row goes.
    pub(crate) fn profile(mut self, path: &'static str) -> Self {
        self.profiles.push(path);
        self
    }

    fn verdict(&self) -> String {
        match &self.target {
            None => String::new(),
            Some(Target { text, met: true }) => format!("{text}: met"),
            Some(Target { text, met: false }) => format!("{text}: **missed**"),
        }
    }
}

enum Line {
    Section(String),
    Row(Row),
}

/// All that was measured.
pub(crate) struct Report {
    lines: Vec<Line>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Report { lines: Vec::new() }
    }

    pub(crate) fn section(&mut self, title: &str) {
        println!("\n{title}");
        self.lines.push(Line::Section(title.to_owned()));
    }

    pub(crate) fn add(&mut self, row: Row) {
        println!(
            "  {:<62} {:>14}  {}{}{}",
            row.what,
            row.figure,
            row.beside,
            if row.beside.is_empty() || row.target.is_none() {
                ""
            } else {
                "; "
            },
            row.verdict().replace("**", "")
        );
        self.lines.push(Line::Row(row));
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.lines.iter().filter_map(|line| match line {
            Line::Row(row) => Some(row),
            Line::Section(_) => None,
        })
    }

    /// How many rows have a target, and how many of them missed it.
    pub(crate) fn targets(&self) -> (usize, usize) {
        let targets = || self.rows().filter_map(|row| row.target.as_ref());
        (
            targets().count(),
            targets().filter(|target| !target.met).count(),
        )
    }

    /// The paths whose profile belongs beside a row that missed its target, each once.
    pub(crate) fn to_profile(&self) -> Vec<&'static str> {
        let mut paths: Vec<_> = self
            .rows()
            .filter(|row| row.target.as_ref().is_some_and(|target| !target.met))
            .flat_map(|row| row.profiles.iter().copied())
            .collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    pub(crate) fn table(&self) -> String {
        let mut out = "| what | figure | beside it | target |\n|---|---:|---|---|\n".to_owned();
        for line in &self.lines {
            let _ = match line {
                Line::Section(title) => writeln!(out, "| **{title}** | | | |"),
                Line::Row(row) => writeln!(
                    out,
                    "| {} | {} | {} | {} |",
                    row.what,
                    row.figure,
                    row.beside,
                    row.verdict()
                ),
            };
        }
        out
    }
}

/// A time, to three digits.
pub(crate) fn time(nanoseconds: f64) -> String {
    let (number, unit) = match nanoseconds {
        n if n < 1e3 => (n, "ns"),
        n if n < 1e6 => (n / 1e3, "µs"),
        n if n < 1e9 => (n / 1e6, "ms"),
        n => (n / 1e9, "s"),
    };
    format!("{} {unit}", three_digits(number))
}

fn three_digits(number: f64) -> String {
    match number {
        n if n < 10.0 => format!("{n:.2}"),
        n if n < 100.0 => format!("{n:.1}"),
        n => format!("{n:.0}"),
    }
}

/// How many times something is something else.
pub(crate) fn times(ratio: f64) -> String {
    three_digits(ratio)
}

/// A whole number with its thousands apart.
pub(crate) fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn short(number: f64) -> String {
    if number < 1_000.0 {
        number.to_string()
    } else {
        thousands(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_is_missed_is_said_to_be_and_asks_for_its_profile() {
        let mut report = Report::new();
        report.add(
            Row::new("slow", "9 ns")
                .at_most(9.0, 5.0, "ns")
                .profile("shape"),
        );
        report.add(
            Row::new("fast", "4 ns")
                .at_most(4.0, 5.0, "ns")
                .profile("verify"),
        );
        report.add(Row::without("absent", "redis-server is not here"));
        assert_eq!(report.targets(), (2, 1));
        assert_eq!(report.to_profile(), ["shape"]);
        let table = report.table();
        assert!(table.contains("| slow | 9 ns |  | ≤ 5 ns: **missed** |"));
        assert!(table.contains("| fast | 4 ns |  | ≤ 5 ns: met |"));
        assert!(table.contains("| absent | - | not measured: redis-server is not here |  |"));
    }

    #[test]
    fn of_two_targets_of_a_row_both_have_to_be_met() {
        let row = Row::new("rate", "900 /s")
            .at_least(2.0, 1.5, "× one")
            .at_least(0.6, 0.7, "× bare");
        assert_eq!(row.verdict(), "≥ 1.5 × one, ≥ 0.7 × bare: **missed**");
    }
}
