//! `keyfob list`: what a dashboard would show.

use clap::{Args, ValueEnum};
use keyfob::{Filter, KeyInfo, Order, PageRequest, Store, limits};
use serde_json::json;

use crate::error::{Exit, Failure};
use crate::selection::FilterArgs;
use crate::session::Session;
use crate::show::{distance, joined, state};
use crate::table::{self, Column};
use crate::view::KeyView;

#[derive(Clone, Copy, ValueEnum, Debug, Default)]
enum OrderArg {
    #[default]
    Created,
    Name,
    Expires,
}

#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// The order; imported keys stand where they were imported
    #[arg(long, value_enum, default_value_t)]
    order: OrderArg,
    /// The last first
    #[arg(long)]
    reverse: bool,
    /// At most so many keys, from 1 to 1,000
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: usize,
    /// Go on where the page before ended, as it said
    #[arg(long)]
    cursor: Option<String>,
    /// Every page, one after the other
    #[arg(long, conflicts_with_all = ["cursor", "limit"])]
    all: bool,
    /// Instead: the keys that were used the longest ago, those never used first
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["order", "reverse", "limit", "cursor", "all"])]
    least_used: Option<usize>,
    // Last, since its heading goes on to what follows.
    #[command(flatten)]
    filter: FilterArgs,
}

pub(crate) fn run(args: ListArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let filter = args.filter.filter();
    let mut page = PageRequest::default();
    page.reverse = args.reverse;
    page.limit = args.limit;
    page.cursor = args.cursor;
    page.order = match args.order {
        OrderArg::Created => Order::Created,
        OrderArg::Name => Order::Name,
        OrderArg::Expires => Order::Expires,
    };
    session.with_store(|store, session| {
        if let Some(most) = args.least_used {
            let keys = store.least_recently_used(&filter, most)?;
            print(session, &keys)?;
            return Ok(Exit::Done);
        }
        if args.all {
            return all(store, session, &filter, &page);
        }
        let got = store.list(&filter, &page)?;
        print(session, &got.keys)?;
        match got.cursor {
            None => {}
            Some(cursor) if session.screen.json => {
                session.screen.warn(json!({ "cursor": cursor }).to_string());
            }
            Some(cursor) => session
                .screen
                .note(format!("there are more; go on with --cursor {cursor}")),
        }
        Ok(Exit::Done)
    })
}

/// Every key, in one go: by name, each page would look at all of them again.
fn all(
    store: &Store,
    session: &mut Session<'_, '_>,
    filter: &Filter,
    page: &PageRequest,
) -> Result<Exit, Failure> {
    let mut keys: Box<dyn Iterator<Item = _>> = if page.reverse {
        Box::new(store.keys_reversed(filter, page.order))
    } else {
        Box::new(store.keys(filter, page.order))
    };
    // A table is as wide as its widest rows, so it is printed a part at a time.
    let mut first = true;
    loop {
        let part = keys
            .by_ref()
            .take(limits::PAGE_KEYS)
            .collect::<Result<Vec<_>, _>>()?;
        if part.is_empty() && !first {
            break;
        }
        print(session, &part)?;
        if part.len() < limits::PAGE_KEYS || session.screen.is_lost() {
            break;
        }
        first = false;
    }
    Ok(Exit::Done)
}

fn print(session: &mut Session<'_, '_>, keys: &[KeyInfo]) -> Result<(), Failure> {
    use Column::{Breaks, Whole, Words};
    if session.screen.json {
        return keys
            .iter()
            .try_for_each(|key| session.screen.document(&KeyView::from(key)));
    }
    if keys.is_empty() {
        session.screen.note("no keys");
        return Ok(());
    }
    let columns = [
        Breaks("NAME"),
        Whole("HINT"),
        Breaks("PROJECT"),
        Breaks("SCOPES"),
        Words("CREATED"),
        Words("LAST USED"),
        Words("EXPIRES"),
        Whole("STATE"),
    ];
    let rows = keys.iter().map(|key| {
        vec![
            key.name.clone(),
            key.hint.clone(),
            key.project.clone().unwrap_or_else(|| "-".to_owned()),
            joined(key.scopes.iter()),
            distance(Some(key.created_at), "-"),
            distance(key.last_used_at(), "never"),
            distance(key.expires_at, "never"),
            state(key),
        ]
    });
    table::print(session.screen, &columns, rows);
    Ok(())
}
