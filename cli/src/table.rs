//! Tables that fit the terminal, without lines, so that they can be cut and searched.

use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, Width, presets};
use keyfob::{KeyState, ProjectInfo};

use crate::output::Screen;
use crate::text::harmless;

/// A column: its heading, and whether it may be broken into several lines.
#[derive(Clone, Copy)]
pub(crate) enum Column {
    Whole(&'static str),
    Breaks(&'static str),
}

/// Prints rows under headings. Everything in them is made harmless here.
pub(crate) fn print<I>(screen: &mut Screen<'_>, columns: &[Column], rows: I)
where
    I: IntoIterator<Item = Vec<String>>,
{
    /// A column that breaks is at least so wide, where its content is.
    const LEAST: u16 = 8;
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(screen.width())
        .set_header(columns.iter().map(|column| match column {
            Column::Whole(name) | Column::Breaks(name) => Cell::new(name),
        }));
    for row in rows {
        table.add_row(row.iter().map(|text| Cell::new(harmless(text))));
    }
    let widths = table.column_max_content_widths();
    for ((column, kind), width) in table.column_iter_mut().zip(columns).zip(widths) {
        column.set_padding((0, 2));
        column.set_constraint(match kind {
            Column::Whole(_) => ColumnConstraint::ContentWidth,
            Column::Breaks(_) => {
                ColumnConstraint::LowerBoundary(Width::Fixed(width.min(LEAST) + 2))
            }
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
