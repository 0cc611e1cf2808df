//! The pictures: plain SVG on logarithmic axes, readable on light and on dark paper.

use std::fmt::Write as _;

use crate::report::{thousands, time};

/// A line of a picture.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Line {
    /// The line of this name, begun if there is none yet.
    pub(crate) fn of<'a>(lines: &'a mut Vec<Line>, name: &str) -> &'a mut Line {
        let at = lines
            .iter()
            .position(|line| line.name == name)
            .unwrap_or_else(|| {
                lines.push(Line {
                    name: name.to_owned(),
                    points: Vec::new(),
                });
                lines.len() - 1
            });
        &mut lines[at]
    }
}

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 470.0;
const LEFT: f64 = 104.0;
const RIGHT: f64 = 640.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = 412.0;

/// Each one's colour, the same in all pictures; they stand apart on white and on black, for those
/// who see few as well.
fn colour(name: &str) -> &'static str {
    match name {
        "keyfob, in memory" => "#0a84d0",
        "keyfob, from the file" => "#e08a00",
        "redb" => "#b5489a",
        "SQLite" => "#1f9e6b",
        "LMDB" => "#d1492e",
        "Redis" => "#7a6ff0",
        _ => "#888888",
    }
}

/// What the axes say.
pub(crate) struct Axes {
    pub(crate) title: &'static str,
    pub(crate) across: &'static str,
    pub(crate) up: fn(f64) -> String,
    /// The values that are marked below.
    pub(crate) marks: Vec<f64>,
}

/// Latency against the number of keys.
pub(crate) fn latency(lines: &[Line], counts: &[usize]) -> String {
    let marks = counts
        .iter()
        .map(|count| *count as f64)
        .filter(|count| count.log10().fract() == 0.0);
    draw(
        lines,
        &Axes {
            title: "One verification, median",
            across: "keys in the store",
            up: time,
            marks: marks.collect(),
        },
    )
}

/// Throughput against the number of threads.
pub(crate) fn threads(lines: &[Line]) -> String {
    draw(
        lines,
        &Axes {
            title: "Verifications a second, 1,000 keys",
            across: "threads",
            up: rate,
            marks: vec![1.0, 2.0, 4.0, 8.0],
        },
    )
}

/// A rate, shortly.
fn rate(number: f64) -> String {
    match number {
        n if n < 1e3 => format!("{n:.0}"),
        n if n < 1e6 => format!("{:.0} thousand", n / 1e3),
        n => format!("{:.0} million", n / 1e6),
    }
}

fn bounds(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    numbers.fold((f64::MAX, f64::MIN), |(low, high), number| {
        (low.min(number), high.max(number))
    })
}

fn draw(lines: &[Line], axes: &Axes) -> String {
    let points = || lines.iter().flat_map(|line| &line.points);
    let (first, last) = bounds(points().map(|(x, _)| *x));
    let (low, high) = bounds(points().map(|(_, y)| *y));
    let (low, high) = (low.log10().floor(), high.log10().ceil());
    let x = |value: f64| {
        LEFT + (RIGHT - LEFT) * (value / first).log10() / (last / first).log10().max(1e-9)
    };
    let y = |value: f64| BOTTOM - (BOTTOM - TOP) * (value.log10() - low) / (high - low).max(1e-9);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <title>{}</title>\n\
         <style>\n\
         .paper {{ fill: #ffffff }} text {{ fill: #222222 }} .grid {{ stroke: #d8d8d8 }}\n\
         @media (prefers-color-scheme: dark) {{ .paper {{ fill: #15181c }} text {{ fill: #e6e6e6 }} .grid {{ stroke: #3a3f45 }} }}\n\
         </style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\"/>\n\
         <text x=\"{LEFT}\" y=\"28\" font-size=\"16\" font-weight=\"600\">{}</text>\n",
        axes.title, axes.title
    );
    for decade in low as i32..=high as i32 {
        let value = 10f64.powi(decade);
        let at = y(value);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            at + 4.0,
            (axes.up)(value).replace(".00", "").replace(".0 ", " ")
        );
    }
    for mark in &axes.marks {
        let at = x(*mark);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            BOTTOM + 20.0,
            thousands(*mark)
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 44.0,
        axes.across
    );
    // Names stand beside the ends of their lines, pushed apart where they would overlap.
    let mut names: Vec<(f64, usize)> = lines
        .iter()
        .enumerate()
        .filter_map(|(at, line)| line.points.last().map(|(_, value)| (y(*value), at)))
        .collect();
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    for at in 1..names.len() {
        names[at].0 = names[at].0.max(names[at - 1].0 + 17.0);
    }
    for line in lines {
        let colour = colour(&line.name);
        let path: Vec<_> = line
            .points
            .iter()
            .map(|(px, py)| format!("{:.1},{:.1}", x(*px), y(*py)))
            .collect();
        let (width, dash) = if line.name.starts_with("keyfob") {
            (3.0, "")
        } else if line.name == "floor" {
            (2.0, " stroke-dasharray=\"5 4\"")
        } else {
            (2.0, "")
        };
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"{dash} points=\"{}\"/>",
            path.join(" ")
        );
        for (px, py) in &line.points {
            let _ = writeln!(
                out,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>",
                x(*px),
                y(*py)
            );
        }
    }
    for (at, line) in names {
        let end = lines[line].points.last().map_or(RIGHT, |(px, _)| x(*px));
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" style=\"fill: {}\" font-weight=\"600\">{}</text>",
            end + 10.0,
            at + 4.0,
            colour(&lines[line].name),
            lines[line].name
        );
    }
    out.push_str("</svg>\n");
    out
}
