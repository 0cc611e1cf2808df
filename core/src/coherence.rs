//! The proof by trying: processes and threads that verify while others revoke, disable, narrow,
//! rotate, enable, create, prune and restore, also while those are killed. Mutants are put into the
//! verifying processes to show that what is looked for would be found.
//!
//! A *board*, a file beside the store, has a record for each token. Who changes a key marks its
//! records as changing before, and as what they are then when the change has returned. Who
//! verifies reads the record before and after: where both say the same, and that it is not
//! changing, there is only one right answer. It needs no clock and outlives who is killed.
//!
//! The everyday run takes seconds; `KEYFOB_COHERENCE_SINGLE` and `KEYFOB_COHERENCE_BATCHED` set how
//! many revocations there are, `KEYFOB_COHERENCE_KILLS` how many writers are killed.

use std::fs::File;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::bulk::Selection;
use crate::error::{Denied, VerifyError};
use crate::id::KeyId;
use crate::key::{Change, NewKey};
use crate::lifecycle::{Revoke, Rotate};
use crate::mutant::{Mutant, planted::plant};
use crate::project::{NewProject, ProjectUpdate};
use crate::requirement::Requirement;
use crate::restore::Restore;
use crate::scope::ScopeSet;
use crate::secret::Token;
use crate::store::{Store, StoreOptions};

/// How the verifying processes have the store open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Open {
    Shared,
    ReadOnly,
    Unmapped,
    SmallCache,
    /// One process has it for itself, and its threads do everything.
    Alone,
}

const OPENS: [Open; 5] = [
    Open::Shared,
    Open::ReadOnly,
    Open::Unmapped,
    Open::SmallCache,
    Open::Alone,
];

/// What one run is.
#[derive(Clone, Copy, Debug)]
struct Plan {
    open: Open,
    /// Processes that verify, and threads of each.
    verifiers: usize,
    threads: usize,
    writers: usize,
    /// Keys that each writer revokes, and how many at once.
    keys: usize,
    batch: usize,
    /// Whether the writers do everything else that there is as well.
    mixed: bool,
    /// How many writers are killed.
    kills: usize,
    /// What the verifying processes do wrongly.
    mutant: Option<Mutant>,
}

const EVERYDAY: Plan = Plan {
    open: Open::Shared,
    verifiers: 2,
    threads: 2,
    writers: 2,
    keys: 400,
    batch: 1,
    mixed: false,
    kills: 0,
    mutant: None,
};

impl Plan {
    fn to_text(self) -> String {
        let open = OPENS.iter().position(|open| *open == self.open).unwrap();
        let mutant = Mutant::ALL.iter().position(|one| Some(*one) == self.mutant);
        [
            open,
            self.verifiers,
            self.threads,
            self.writers,
            self.keys,
            self.batch,
            usize::from(self.mixed),
            self.kills,
            mutant.map_or(0, |at| at + 1),
        ]
        .map(|number| number.to_string())
        .join(" ")
    }

    fn from_text(text: &str) -> Self {
        let numbers: Vec<usize> = text.split(' ').map(|one| one.parse().unwrap()).collect();
        Plan {
            open: OPENS[numbers[0]],
            verifiers: numbers[1],
            threads: numbers[2],
            writers: numbers[3],
            keys: numbers[4],
            batch: numbers[5],
            mixed: numbers[6] == 1,
            kills: numbers[7],
            mutant: numbers[8].checked_sub(1).map(|at| Mutant::ALL[at]),
        }
    }

    /// Whether the mutant is one that is seen only where a commit falls between two loads, and the
    /// commit before between a look and its snapshot. Both are made longer then, and pauses give
    /// them time to meet.
    fn is_slow(&self) -> bool {
        matches!(self.mutant, Some(Mutant::StateFirst | Mutant::IdsOnce))
    }

    /// Records of one writer: its keys, then those that change again and again.
    fn records(&self) -> usize {
        self.keys + OTHERS
    }
}

/// Records of a writer beside the keys that it only revokes: one of a key that is disabled and
/// enabled, one of a key in a project, two of a key that is rotated, one of a key that is created
/// and revoked.
const OTHERS: usize = 5;
const SWITCHED: usize = 0;
const IN_PROJECT: usize = 1;
const ROTATED: [usize; 2] = [2, 3];
const CREATED: usize = 4;

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Is {
    Nothing,
    Changing,
    Good,
    Disabled,
    Revoked,
    NotFound,
    Narrowed,
}

impl Is {
    const ALL: [Is; 7] = [
        Is::Nothing,
        Is::Changing,
        Is::Good,
        Is::Disabled,
        Is::Revoked,
        Is::NotFound,
        Is::Narrowed,
    ];

    /// The one right answer; none where there is no such.
    fn answer(self) -> Option<Result<(), Denied>> {
        match self {
            Is::Nothing | Is::Changing => None,
            Is::Good => Some(Ok(())),
            Is::Disabled => Some(Err(Denied::Disabled)),
            Is::Revoked => Some(Err(Denied::Revoked)),
            Is::NotFound => Some(Err(Denied::NotFound)),
            Is::Narrowed => Some(Err(Denied::InsufficientScope)),
        }
    }
}

/// A record as it was read: what the token is, under the number of the change that made it that.
struct Record {
    word: u32,
    token: String,
    id: String,
}

impl Record {
    fn is(word: u32) -> Is {
        Is::ALL[usize::from(word.to_le_bytes()[0])]
    }
}

/// The file that says what every token is.
struct Board(File);

impl Board {
    const HEAD: u64 = 64;
    const RECORD: usize = 192;

    fn place(at: usize) -> u64 {
        Self::HEAD + (at * Self::RECORD) as u64
    }

    fn word(&self, at: usize) -> u32 {
        let mut word = [0; 4];
        self.0.read_exact_at(&mut word, Self::place(at)).unwrap();
        u32::from_le_bytes(word)
    }

    fn record(&self, at: usize) -> Record {
        let mut bytes = [0; Self::RECORD];
        self.0.read_exact_at(&mut bytes, Self::place(at)).unwrap();
        let text = |from: usize| {
            let length = usize::from(bytes[from]);
            let text = &bytes[from + 1..from + 1 + length];
            String::from_utf8_lossy(text).into_owned()
        };
        Record {
            word: u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
            token: text(4),
            id: text(140),
        }
    }

    fn set(&self, at: usize, is: Is) {
        let is = Is::ALL.iter().position(|one| *one == is).unwrap();
        let change = (self.word(at) >> 8) + 1;
        let word = change << 8 | u32::try_from(is).unwrap();
        self.0
            .write_all_at(&word.to_le_bytes(), Self::place(at))
            .unwrap();
    }

    /// Puts a new token in; the record is of nothing meanwhile.
    fn put(&self, at: usize, id: KeyId, token: &Token) {
        self.set(at, Is::Nothing);
        let mut bytes = [0; Self::RECORD - 4];
        let token = token.expose().as_bytes();
        let id = id.to_string();
        bytes[0] = u8::try_from(token.len()).unwrap();
        bytes[1..=token.len()].copy_from_slice(token);
        bytes[136] = u8::try_from(id.len()).unwrap();
        bytes[137..137 + id.len()].copy_from_slice(id.as_bytes());
        self.0.write_all_at(&bytes, Self::place(at) + 4).unwrap();
        self.set(at, Is::Good);
    }

    fn id(&self, at: usize) -> KeyId {
        self.record(at).id.parse().unwrap()
    }

    /// Where a writer is among its keys, so that those are verified that change.
    fn cursor(&self, writer: usize) -> usize {
        let mut word = [0; 4];
        let place = 8 + (writer * 4) as u64;
        self.0.read_exact_at(&mut word, place).unwrap();
        usize::try_from(u32::from_le_bytes(word)).unwrap()
    }

    fn set_cursor(&self, writer: usize, at: usize) {
        let word = u32::try_from(at).unwrap().to_le_bytes();
        self.0.write_all_at(&word, 8 + (writer * 4) as u64).unwrap();
    }

    fn stop(&self) {
        self.0.write_all_at(&[1], 0).unwrap();
    }

    fn is_stopped(&self) -> bool {
        let mut byte = [0];
        self.0.read_exact_at(&mut byte, 0).unwrap();
        byte[0] != 0
    }
}

/// Numbers that look random enough to choose by.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % end.max(1)
    }
}

/// What came of verifying.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Counts {
    verified: u64,
    /// Those with only one right answer.
    judged: u64,
    /// Good although that was taken away before they started.
    stale: u64,
    /// Refused although that was given before they started, or refused for another reason.
    wrong: u64,
    /// Errors, which are neither.
    failed: u64,
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.verified += other.verified;
        self.judged += other.judged;
        self.stale += other.stale;
        self.wrong += other.wrong;
        self.failed += other.failed;
    }

    fn to_text(self) -> String {
        let Counts {
            verified,
            judged,
            stale,
            wrong,
            failed,
        } = self;
        format!("{verified} {judged} {stale} {wrong} {failed}")
    }

    fn from_text(text: &str) -> Self {
        let mut numbers = text.split(' ').map(|one| one.trim().parse().unwrap());
        let mut next = || numbers.next().unwrap();
        Counts {
            verified: next(),
            judged: next(),
            stale: next(),
            wrong: next(),
            failed: next(),
        }
    }
}

fn tell(what: &str) {
    writeln!(std::io::stdout().lock(), "{what}").unwrap();
}

fn options(plan: &Plan) -> StoreOptions {
    let patience = Duration::from_secs(60);
    StoreOptions::new()
        .timeouts(patience, patience)
        .flush_every(Duration::from_millis(50))
        .exclusive(plan.open == Open::Alone)
}

fn scopes(texts: &[&str]) -> ScopeSet {
    ScopeSet::parse(texts).unwrap()
}

fn new_key() -> NewKey {
    let mut new = NewKey::new("k");
    new.scopes = scopes(&["a:read"]);
    new
}

/// Verifies the tokens that change now, and the others between them, until it is told to stop.
fn verify_until_stopped(store: &Store, board: &Board, plan: &Plan, seed: u64) -> Counts {
    let required = Requirement::new().scopes(["a:read"]).unwrap().any_project();
    let mut counts = Counts::default();
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    while !board.is_stopped() {
        let writer = dice.below(plan.writers);
        let cursor = board.cursor(writer);
        // A few of those to come, so that they are in the cache, and of those just gone.
        let mut near = (cursor + plan.batch + 4).saturating_sub(dice.below(8 + 2 * plan.batch));
        if plan.is_slow() {
            std::thread::sleep(Duration::from_micros(dice.below(1_500) as u64));
            near = cursor + dice.below(3);
        }
        let at = match dice.below(if plan.mixed { 2 } else { 1 }) {
            0 => near.min(plan.keys - 1),
            _ => plan.keys + dice.below(OTHERS),
        };
        let at = writer * plan.records() + at;
        let before = board.record(at);
        if before.token.is_empty() {
            continue;
        }
        // Twice: the second answer is of the cache, where the first was not.
        for _ in 0..if plan.is_slow() { 1 } else { 2 } {
            let answer = match store.verify(&before.token, &required) {
                Ok(_) => Ok(()),
                Err(VerifyError::Denied(denied)) => Err(denied),
                Err(error) => {
                    counts.failed += 1;
                    tell(&format!("FAILED {error}"));
                    continue;
                }
            };
            counts.verified += 1;
            let after = board.word(at);
            if before.word != after {
                break;
            }
            let Some(right) = Record::is(after).answer() else {
                continue;
            };
            counts.judged += 1;
            if answer != right {
                if answer.is_ok() {
                    counts.stale += 1;
                } else {
                    counts.wrong += 1;
                }
                if counts.stale + counts.wrong < 5 {
                    tell(&format!("WRONG {at}: {answer:?}, not {right:?}"));
                }
            }
        }
    }
    counts
}

/// Revokes its keys one after the other or in batches, and does the rest between them. Begins where
/// one before it was killed.
fn write(store: &Store, board: &Board, plan: &Plan, folder: &Path, writer: usize) {
    let base = writer * plan.records();
    let others = base + plan.keys;
    let project = format!("p{writer}");
    if plan.mixed && plan.kills > 0 {
        for at in [SWITCHED, IN_PROJECT] {
            board.set(others + at, Is::Changing);
        }
        store.enable(board.id(others + SWITCHED)).unwrap();
        store.enable_project(&project).unwrap();
        widen(store, &project, "a:*");
        for at in [SWITCHED, IN_PROJECT] {
            board.set(others + at, Is::Good);
        }
    }
    let mut step = 0;
    let mut at = 0;
    while at < plan.keys {
        if Record::is(board.word(base + at)) == Is::Revoked {
            at += 1;
            continue;
        }
        board.set_cursor(writer, at);
        let end = (at + plan.batch).min(plan.keys);
        for one in at..end {
            board.set(base + one, Is::Changing);
        }
        if plan.batch == 1 {
            let id = board.id(base + at);
            if plan.mixed && plan.kills == 0 && at % 200 == 150 {
                restore_as_revoked(store, plan, folder, writer, id);
            } else {
                store.revoke(id, &Revoke::default()).unwrap();
            }
        } else {
            let ids = (at..end).map(|one| board.id(base + one)).collect();
            let done = store.revoke_many(&Selection::Keys(ids), &Revoke::default());
            let done = done.unwrap();
            assert!(done.stopped.is_none(), "{done:?}");
        }
        for one in at..end {
            board.set(base + one, Is::Revoked);
        }
        if plan.is_slow() {
            std::thread::sleep(Duration::from_micros(500));
        }
        at = end;
        if plan.mixed {
            change_another(store, board, plan, &project, others, step);
            step += 1;
        }
        if plan.mixed && step % 50 == 25 {
            // Others may have pruned more already.
            let _ = store.prune_log(store.info().unwrap().sequence - 1);
        }
    }
}

fn widen(store: &Store, project: &str, to: &str) {
    let mut update = ProjectUpdate::default();
    update.scopes = Change::Set(scopes(&[to]));
    store.update_project(project, &update).unwrap();
}

fn create(store: &Store, board: &Board, at: usize, new: &NewKey) {
    let created = store.create(new).unwrap();
    board.put(at, created.key.id, &created.token.unwrap());
}

/// One change of those that are made again and again.
fn change_another(
    store: &Store,
    board: &Board,
    plan: &Plan,
    project: &str,
    others: usize,
    step: usize,
) {
    let switched = others + SWITCHED;
    let in_project = others + IN_PROJECT;
    let changed = |at: usize, to: Is, change: &dyn Fn()| {
        board.set(at, Is::Changing);
        change();
        board.set(at, to);
    };
    let id = board.id(switched);
    match step % 10 {
        0 => changed(switched, Is::Disabled, &|| drop(store.disable(id).unwrap())),
        1 => changed(switched, Is::Good, &|| drop(store.enable(id).unwrap())),
        2 => changed(in_project, Is::Narrowed, &|| widen(store, project, "b:*")),
        3 => changed(in_project, Is::Good, &|| widen(store, project, "a:read")),
        4 => changed(in_project, Is::Disabled, &|| {
            store.disable_project(project).unwrap();
        }),
        5 => changed(in_project, Is::Good, &|| {
            store.enable_project(project).unwrap();
        }),
        6 => create(store, board, others + CREATED, &new_key()),
        7 if !board.record(others + CREATED).token.is_empty() => {
            let created = others + CREATED;
            let id = board.id(created);
            changed(created, Is::Revoked, &|| {
                store.revoke(id, &Revoke::default()).unwrap();
            });
        }
        // What a rotation gives is lost with who made it, where that is killed.
        8 if plan.kills == 0 => {
            let [old, new] = turn(others, step);
            let id = board.id(old);
            let rotated = store.rotate(id, &Rotate::with_grace(1_000)).unwrap();
            board.put(new, rotated.key.id, &rotated.token.unwrap());
        }
        9 if plan.kills == 0 => {
            let [old, new] = turn(others, step);
            let id = board.id(new);
            changed(old, Is::NotFound, &|| {
                store.finish_rotation(id).unwrap();
            });
        }
        _ => {}
    }
}

/// Which record has the old token of the key that is rotated, and which the new one.
fn turn(others: usize, step: usize) -> [usize; 2] {
    let [one, two] = ROTATED.map(|at| others + at);
    if (step / 10).is_multiple_of(2) {
        [one, two]
    } else {
        [two, one]
    }
}

/// Revokes a key in a copy of the store and restores that: no event names the key.
fn restore_as_revoked(store: &Store, plan: &Plan, folder: &Path, writer: usize, id: KeyId) {
    let go_on = &mut |_, _| ControlFlow::Continue(());
    let copy = folder.join(format!("copy{writer}"));
    store.backup(&copy, go_on).unwrap();
    let beside = options(plan).exclusive(false).open(&copy).unwrap();
    beside.revoke(id, &Revoke::default()).unwrap();
    beside.close().unwrap();
    let restored = options(plan).restore(store.path(), &copy, &Restore::default(), go_on);
    restored.unwrap();
    std::fs::remove_file(&copy).unwrap();
}

const ROLE: &str = "KEYFOB_COHERENCE_ROLE";
const PLAN: &str = "KEYFOB_COHERENCE_PLAN";
const FOLDER: &str = "KEYFOB_COHERENCE_FOLDER";

fn board(folder: &Path) -> Board {
    let path = folder.join("board");
    Board(File::options().read(true).write(true).open(path).unwrap())
}

/// Not a test of its own: the processes that the others start.
#[test]
fn part_of_a_process_that_verifies_or_writes() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let plan = Plan::from_text(&std::env::var(PLAN).unwrap());
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let board = board(&folder);
    let path = folder.join("keys");
    let (role, number) = role.split_once(' ').unwrap();
    let number: usize = number.parse().unwrap();
    if role == "write" {
        plant(plan.is_slow().then_some(Mutant::SlowCommits));
        let store = options(&plan).open(path).unwrap();
        write(&store, &board, &plan, &folder, number);
        store.close().unwrap();
        return;
    }
    plant(plan.mutant);
    let mut options = options(&plan);
    options = match plan.open {
        Open::Shared | Open::Alone => options,
        Open::ReadOnly => options.read_only(true),
        Open::Unmapped => options.map_header(false),
        Open::SmallCache => options.key_cache_bytes(4_000),
    };
    let store = options.open(path).unwrap();
    let mut counts = Counts::default();
    std::thread::scope(|scope| {
        let (store, board, plan, folder) = (&store, &board, &plan, &folder);
        let verifying: Vec<_> = (0..plan.threads)
            .map(|thread| {
                let seed = (number * 100 + thread + 1) as u64;
                scope.spawn(move || verify_until_stopped(store, board, plan, seed))
            })
            .collect();
        if plan.open == Open::Alone {
            let writing: Vec<_> = (0..plan.writers)
                .map(|writer| scope.spawn(move || write(store, board, plan, folder, writer)))
                .collect();
            let written = writing.into_iter().map(|thread| thread.join()).collect();
            board.stop();
            let written: Vec<std::thread::Result<()>> = written;
            assert!(written.iter().all(Result::is_ok));
        }
        for thread in verifying {
            counts.add(thread.join().unwrap());
        }
    });
    store.close().unwrap();
    tell(&format!("COUNTS {}", counts.to_text()));
}

fn start(role: &str, number: usize, plan: &Plan, folder: &Path) -> Child {
    let part = "coherence::part_of_a_process_that_verifies_or_writes";
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", part, "--nocapture", "--test-threads=1"])
        .env(ROLE, format!("{role} {number}"))
        .env(PLAN, plan.to_text())
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

/// Makes the store and the board.
fn set_up(plan: &Plan, folder: &Path) {
    let store = options(plan).prefix("acme").unwrap();
    let store = store.create(folder.join("keys")).unwrap();
    let records = plan.writers * plan.records();
    let file = File::create_new(folder.join("board")).unwrap();
    file.set_len(Board::place(records)).unwrap();
    let board = board(folder);
    for writer in 0..plan.writers {
        let base = writer * plan.records();
        for first in (0..plan.keys).step_by(1_000) {
            let some = (plan.keys - first).min(1_000);
            let made = store.create_many(&vec![new_key(); some]);
            assert!(made.stopped.is_none(), "{:?}", made.stopped);
            for (at, created) in made.done.iter().enumerate() {
                let token = created.token.as_ref().unwrap();
                board.put(base + first + at, created.key.id, token);
            }
        }
        let mut project = NewProject::new(format!("p{writer}"));
        project.scopes = scopes(&["a:*"]);
        store.create_project(&project).unwrap();
        let mut in_project = new_key();
        in_project.project = Some(format!("p{writer}"));
        let others = base + plan.keys;
        for (at, new) in [
            (SWITCHED, new_key()),
            (IN_PROJECT, in_project),
            (ROTATED[0], new_key()),
        ] {
            create(&store, &board, others + at, &new);
        }
    }
    store.close().unwrap();
}

/// What a run came to.
struct Ran {
    counts: Counts,
    killed: usize,
}

fn run(plan: Plan) -> Ran {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
    let folder = folder.path();
    set_up(&plan, folder);
    let board = board(folder);
    let begin = Instant::now();
    let alone = plan.open == Open::Alone;
    let verifiers = if alone { 1 } else { plan.verifiers };
    let verifying: Vec<Child> = (0..verifiers)
        .map(|number| start("verify", number, &plan, folder))
        .collect();
    let mut writing: Vec<Child> = (0..if alone { 0 } else { plan.writers })
        .map(|number| start("write", number, &plan, folder))
        .collect();
    let mut dice = Dice(0x5eed);
    let mut killed = 0;
    while killed < plan.kills {
        std::thread::sleep(Duration::from_millis(dice.below(60) as u64));
        let victim = dice.below(plan.writers);
        if writing[victim].try_wait().unwrap().is_none() {
            writing[victim].kill().unwrap();
            writing[victim].wait().unwrap();
            writing[victim] = start("write", victim, &plan, folder);
            killed += 1;
        } else if writing
            .iter_mut()
            .all(|one| one.try_wait().unwrap().is_some())
        {
            break;
        }
    }
    for child in writing {
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(ended.status.success(), "a writer: {said}");
    }
    if !alone {
        board.stop();
    }
    let mut counts = Counts::default();
    for child in verifying {
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(ended.status.success(), "a verifier: {said}");
        for line in said.lines() {
            if let Some((_, text)) = line.split_once("COUNTS ") {
                counts.add(Counts::from_text(text));
            } else if line.contains("WRONG") || line.contains("FAILED") {
                tell(line);
            }
        }
    }
    for at in 0..plan.writers * plan.records() {
        if at % plan.records() < plan.keys {
            assert_eq!(Record::is(board.word(at)), Is::Revoked);
        }
    }
    let revoked = plan.writers * plan.keys;
    let took = begin.elapsed().as_secs_f64();
    tell(&format!(
        "{plan:?}: {revoked} revoked, {killed} killed, {counts:?}, {took:.1} s"
    ));
    Ran { counts, killed }
}

fn set(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

/// No answer but the right one, and enough of them to say so.
fn is_coherent(plan: Plan) {
    let Ran { counts, killed } = run(plan);
    assert_eq!((counts.stale, counts.wrong, counts.failed), (0, 0, 0));
    assert!(counts.judged > 1_000, "hardly anybody looked: {counts:?}");
    assert!(killed * 2 >= plan.kills, "only {killed} were killed");
}

#[test]
fn every_change_is_seen_by_every_process_as_soon_as_it_returned() {
    is_coherent(Plan {
        keys: set("KEYFOB_COHERENCE_SINGLE", 1_000) / 2,
        mixed: true,
        ..EVERYDAY
    });
}

#[test]
fn every_revocation_of_a_batch_is_seen_by_every_process_as_soon_as_it_returned() {
    is_coherent(Plan {
        keys: set("KEYFOB_COHERENCE_BATCHED", 20_000) / 2,
        batch: 500,
        ..EVERYDAY
    });
}

#[test]
fn every_change_is_seen_although_writers_are_killed() {
    let kills = set("KEYFOB_COHERENCE_KILLS", 20);
    is_coherent(Plan {
        keys: kills * 50,
        mixed: true,
        kills,
        ..EVERYDAY
    });
}

#[test]
fn every_change_is_seen_however_the_store_is_open() {
    for open in [
        Open::ReadOnly,
        Open::Unmapped,
        Open::SmallCache,
        Open::Alone,
    ] {
        is_coherent(Plan {
            open,
            mixed: open != Open::Alone,
            ..EVERYDAY
        });
    }
}

/// A wrong cache is found, most of them within a few hundred revocations.
#[test]
fn control_mutants_are_caught() {
    for mutant in [
        Mutant::HeaderSkipped,
        Mutant::FillUnlocked,
        Mutant::IdsOnce,
        Mutant::StateFirst,
    ] {
        let caught = (0..40).any(|_| {
            let mut plan = Plan {
                mutant: Some(mutant),
                ..EVERYDAY
            };
            if plan.is_slow() {
                plan.threads = 1;
                plan.writers = 1;
            }
            let ran = run(plan);
            ran.counts.stale > 0
        });
        assert!(caught, "{mutant:?} was not caught");
    }
}
