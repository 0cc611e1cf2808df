//! Tables, without lines, so that they can be cut and searched. They fit the terminal; elsewhere each
//! row is one line, however long it is.

use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, Width, presets};
use keyfob::{KeyState, ProjectInfo};
use unicode_width::UnicodeWidthStr as _;

use crate::output::Screen;
use crate::text::harmless;

/// A column: its heading, and how it may be broken into several lines where the terminal is narrow.
#[derive(Clone, Copy)]
pub(crate) enum Column {
    /// Not at all.
    Whole(&'static str),
    /// Between words.
    Words(&'static str),
    /// Anywhere.
    Breaks(&'static str),
}

impl Column {
    fn heading(self) -> &'static str {
        match self {
            Column::Whole(name) | Column::Words(name) | Column::Breaks(name) => name,
        }
    }

    /// How wide this text has to be at least.
    fn least(self, text: &str) -> usize {
        /// A column that breaks anywhere is at least so wide, where its content is.
        const LEAST: usize = 6;
        match self {
            Column::Whole(_) => text.width(),
            Column::Words(_) => text.split(' ').map(|word| word.width()).max().unwrap_or(0),
            Column::Breaks(_) => text.width().min(LEAST),
        }
    }
}

/// Blanks between two columns.
const GAP: usize = 2;

/// Prints rows under headings. Everything in them is made harmless here.
pub(crate) fn print<I>(screen: &mut Screen<'_>, columns: &[Column], rows: I)
where
    I: IntoIterator<Item = Vec<String>>,
{
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| row.iter().map(|text| harmless(text)).collect())
        .collect();
    let least: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let texts = rows.iter().filter_map(|row| row.get(at));
            let texts = texts.map(|text| column.least(text));
            texts.fold(column.least(column.heading()), usize::max)
        })
        .collect();
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(columns.iter().map(|column| Cell::new(column.heading())));
    match screen.width() {
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        Some(width)
            if least.iter().map(|width| width + GAP).sum::<usize>() > usize::from(width) + GAP =>
        {
            return stacked(screen, columns, &rows);
        }
        Some(width) => {
            table
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(width.saturating_add(2));
        }
    }
    for row in &rows {
        table.add_row(row.iter().map(Cell::new));
    }
    for ((column, kind), least) in table.column_iter_mut().zip(columns).zip(least) {
        column.set_padding((0, 2));
        let bound = u16::try_from(least + GAP).unwrap_or(u16::MAX);
        column.set_constraint(match kind {
            Column::Whole(_) => ColumnConstraint::ContentWidth,
            _ => ColumnConstraint::LowerBoundary(Width::Fixed(bound)),
        });
    }
    let text = table.trim_fmt();
    for (at, line) in text.lines().enumerate() {
        let line = if at == 0 {
            screen.styled(line, Style::new().bold())
        } else {
            coloured(screen, line)
        };
        screen.line(line);
    }
}

/// What follows a state that a key has because of its project.
pub(crate) const BY_PROJECT: &str = " (project)";

/// The rows below each other, for a terminal that is too narrow for columns.
fn stacked(screen: &mut Screen<'_>, columns: &[Column], rows: &[Vec<String>]) {
    let width = columns.iter().map(|column| column.heading().len());
    let width = width.max().unwrap_or(0);
    for (at, row) in rows.iter().enumerate() {
        if at > 0 {
            screen.line("");
        }
        for (column, text) in columns.iter().zip(row) {
            let line = format!("{:width$}  {text}", column.heading());
            let line = coloured(screen, &line);
            screen.line(line);
        }
    }
}

/// The line with its last word in colour, where that is a state: the state is the last column.
fn coloured(screen: &Screen<'_>, line: &str) -> String {
    let (own, why) = match line.strip_suffix(BY_PROJECT) {
        Some(own) => (own, BY_PROJECT),
        None => (line, ""),
    };
    for state in KeyState::ALL {
        if let Some(rest) = own.strip_suffix(state.name())
            && (rest.is_empty() || rest.ends_with(' '))
        {
            return format!("{rest}{}{why}", state_in_colour(screen, state));
        }
    }
    line.to_owned()
}

/// A state, in its colour.
pub(crate) fn state_in_colour(screen: &Screen<'_>, state: KeyState) -> String {
    let colour = match state {
        KeyState::Active => AnsiColor::Green,
        KeyState::Revoked => AnsiColor::Red,
        _ => AnsiColor::Yellow,
    };
    screen.styled(state.name(), Style::new().fg_color(Some(colour.into())))
}

/// Prints names with their values, a line each; what has no value is left out.
pub(crate) fn details(screen: &mut Screen<'_>, rows: &[(&str, String)]) {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in rows {
        if !value.is_empty() {
            screen.line(format!("{name:width$}  {}", harmless(value)));
        }
    }
}

/// The projects, as a table.
pub(crate) fn projects(screen: &mut Screen<'_>, projects: &[ProjectInfo]) {
    use Column::{Breaks, Whole};
    let now = crate::when::now();
    print(
        screen,
        &[
            Whole("NAME"),
            Breaks("SCOPES"),
            Breaks("OWNER"),
            Whole("CREATED"),
            Whole("STATE"),
        ],
        projects.iter().map(|project| {
            vec![
                project.name.clone(),
                crate::show::joined(project.scopes.iter()),
                project.owner.clone().unwrap_or_else(|| "-".to_owned()),
                crate::when::relative(project.created_at, now),
                if project.enabled {
                    "enabled"
                } else {
                    "disabled"
                }
                .to_owned(),
            ]
        }),
    );
}

/// The projects that were deleted, as a table.
pub(crate) fn deleted_projects(screen: &mut Screen<'_>, projects: &[ProjectInfo]) {
    use Column::{Breaks, Whole};
    let now = crate::when::now();
    let away = |at| crate::when::relative(at, now);
    print(
        screen,
        &[
            Whole("NAME"),
            Whole("ID"),
            Breaks("OWNER"),
            Whole("CREATED"),
            Whole("DELETED"),
        ],
        projects.iter().map(|project| {
            vec![
                project.name.clone(),
                project.id.to_string(),
                project.owner.clone().unwrap_or_else(|| "-".to_owned()),
                away(project.created_at),
                project.deleted_at.map_or_else(|| "-".to_owned(), away),
            ]
        }),
    );
}
