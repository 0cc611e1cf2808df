//! `keyfob project`.

use clap::{Args, Subcommand};
use keyfob::{Change, NewProject, ProjectInfo, ProjectUpdate, ScopeSet, Store};

use crate::error::{Exit, Failure};
use crate::interrupt::finishing;
use crate::session::Session;
use crate::show::joined;
use crate::table;
use crate::view::ProjectView;
use crate::when::shown_with_distance;

#[derive(Args, Debug)]
pub(crate) struct ProjectArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Create a project
    Create {
        /// Its name: `[a-z0-9][a-z0-9._-]{0,63}`
        name: String,
        /// A scope that its tokens may hold at most; repeat it for more
        #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
        scopes: Vec<String>,
        /// Whom it belongs to
        #[arg(long)]
        owner: Option<String>,
    },
    /// List the projects
    List {
        /// Instead: those that were deleted, with their ids, by which `list` and `log` know them
        #[arg(long)]
        deleted: bool,
    },
    /// Show a project
    Show {
        /// Its name
        name: String,
    },
    /// Change a project; narrower scopes bind its tokens at once
    Update {
        /// Its name
        name: String,
        /// What its tokens may hold at most, in place of now; repeat it for more
        #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
        scopes: Vec<String>,
        /// Its tokens may hold nothing
        #[arg(long, conflicts_with = "scopes")]
        no_scopes: bool,
        /// Whom it belongs to
        #[arg(long)]
        owner: Option<String>,
        /// It belongs to nobody
        #[arg(long, conflicts_with = "owner")]
        no_owner: bool,
    },
    /// Disable a project, and with it all its tokens
    Disable {
        /// Its name
        name: String,
    },
    /// Enable a project again
    Enable {
        /// Its name
        name: String,
    },
    /// Delete a project, for good, and with it all its tokens
    Delete {
        /// Its name
        name: String,
        /// Go on without asking
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) fn run(args: ProjectArgs, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    session.with_store(|store, session| {
        let (done, project) = match args.verb {
            Verb::List { deleted } => return list(deleted, store, session),
            Verb::Show { name } => {
                let project = store.project(&name)?;
                show(session, &project)?;
                return Ok(Exit::Done);
            }
            Verb::Create {
                name,
                scopes,
                owner,
            } => {
                let mut new = NewProject::new(name);
                new.scopes = ScopeSet::parse(&scopes)?;
                new.owner = owner;
                ("created", finishing(|| store.create_project(&new))?)
            }
            Verb::Update {
                name,
                scopes,
                no_scopes,
                owner,
                no_owner,
            } => {
                let mut update = ProjectUpdate::default();
                if !scopes.is_empty() {
                    update.scopes = Change::Set(ScopeSet::parse(&scopes)?);
                } else if no_scopes {
                    update.scopes = Change::Clear;
                }
                update.owner = match owner {
                    Some(owner) => Change::Set(owner),
                    None if no_owner => Change::Clear,
                    None => Change::Keep,
                };
                if update == ProjectUpdate::default() {
                    return Err(Failure::usage("name at least one thing to change"));
                }
                (
                    "updated",
                    finishing(|| store.update_project(&name, &update))?,
                )
            }
            Verb::Disable { name } => ("disabled", finishing(|| store.disable_project(&name))?),
            Verb::Enable { name } => ("enabled", finishing(|| store.enable_project(&name))?),
            Verb::Delete { name, yes } => {
                store.project(&name)?;
                let mut filter = keyfob::Filter::default();
                filter.project = Some(name.clone());
                let tokens = crate::selection::counted(store.count(&filter)?);
                session.confirm(&format!("end {tokens} of project {name}"), yes)?;
                ("deleted", finishing(|| store.delete_project(&name))?)
            }
        };
        session
            .screen
            .note(format!("{done} project {}", project.name));
        if session.screen.json {
            show(session, &project)?;
        }
        Ok(Exit::Done)
    })
}

fn list(deleted: bool, store: &Store, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let projects = if deleted {
        store.deleted_projects()?
    } else {
        store.projects()?
    };
    if session.screen.json {
        for project in &projects {
            session.screen.document(&ProjectView::from(project))?;
        }
    } else if projects.is_empty() {
        session.screen.note(if deleted {
            "no deleted projects"
        } else {
            "no projects"
        });
    } else if deleted {
        table::deleted_projects(session.screen, &projects);
    } else {
        table::projects(session.screen, &projects);
    }
    Ok(Exit::Done)
}

fn show(session: &mut Session<'_, '_>, project: &ProjectInfo) -> Result<(), Failure> {
    if session.screen.json {
        return session.screen.document(&ProjectView::from(project));
    }
    let rows = [
        ("name", project.name.clone()),
        ("id", project.id.to_string()),
        (
            "state",
            if project.enabled {
                "enabled"
            } else {
                "disabled"
            }
            .to_owned(),
        ),
        ("scopes", joined(project.scopes.iter())),
        ("owner", project.owner.clone().unwrap_or_default()),
        ("created", shown_with_distance(project.created_at)),
        ("updated", shown_with_distance(project.updated_at)),
    ];
    table::details(session.screen, &rows);
    Ok(())
}
