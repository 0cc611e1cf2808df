//! Other processes: this program again, told line by line what to do and answering by lines.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use keyfob::{KeyId, NewKey, Revoke};
use keyfob_bench::keys::{new_key, options, requirement};
use rustix::time::{ClockId, clock_gettime};

use crate::Outcome;

/// One that was started. It is ended when this is dropped.
pub(crate) struct Child {
    process: std::process::Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Child {
    pub(crate) fn start(what: &str, store: &Path, more: &[&str]) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        Self::run(command.args(["child", what]).arg(store).args(more), None)
    }

    /// Another program, which is told a line first, where there is one, and says "ready".
    pub(crate) fn run(command: &mut Command, first: Option<&str>) -> Outcome<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let to = process.stdin.take().ok_or("no way in")?;
        let from = BufReader::new(process.stdout.take().ok_or("no way out")?);
        let mut child = Child { process, to, from };
        if let Some(line) = first {
            child.say(line)?;
        }
        match child.hear()?.as_str() {
            "ready" => Ok(child),
            other => Err(format!("another process said {other:?} and not that it is ready").into()),
        }
    }

    pub(crate) fn say(&mut self, line: &str) -> Outcome<()> {
        writeln!(self.to, "{line}")?;
        Ok(self.to.flush()?)
    }

    pub(crate) fn hear(&mut self) -> Outcome<String> {
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    pub(crate) fn ask(&mut self, line: &str) -> Outcome<String> {
        self.say(line)?;
        self.hear()
    }

    /// Waits until it has ended by itself.
    pub(crate) fn process_ended(&mut self) -> Outcome<()> {
        if self.process.wait()?.success() {
            Ok(())
        } else {
            Err("another process failed".into())
        }
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(mut self) -> Outcome<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

fn nanoseconds(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// A time that all processes of the machine share.
pub(crate) fn shared_clock() -> i64 {
    nanoseconds(ClockId::Monotonic)
}

/// How long this thread has had a processor.
pub(crate) fn own_time() -> i64 {
    nanoseconds(ClockId::ThreadCPUTime)
}

fn tell(line: &str) -> Outcome<()> {
    println!("{line}");
    Ok(std::io::stdout().flush()?)
}

/// What a process does that was started by [`Child::start`].
pub(crate) fn main(arguments: &[String]) -> Outcome<()> {
    let [what, store, more @ ..] = arguments else {
        return Err("a child is told what to do, and on which store".into());
    };
    let store = Path::new(store);
    match what.as_str() {
        "open" => open(store),
        "serve" => serve(store),
        "commit" => commit(store, more),
        "memory" => memory(store, more),
        other => Err(format!("no child does {other}").into()),
    }
}

fn next_line() -> Outcome<Option<String>> {
    let mut line = String::new();
    let some = std::io::stdin().read_line(&mut line)? > 0;
    Ok(some.then(|| line.trim_end().to_owned()))
}

/// Opens when told, says how long it took, and closes when told.
fn open(path: &Path) -> Outcome<()> {
    tell("ready")?;
    next_line()?;
    let start = Instant::now();
    let store = options().open(path)?;
    tell(&start.elapsed().as_nanos().to_string())?;
    next_line()?;
    Ok(store.close()?)
}

/// `create N`, `revoke ID`: answers when it is durable, by the clock that all share.
fn serve(path: &Path) -> Outcome<()> {
    let store = options().open(path)?;
    tell("ready")?;
    while let Some(line) = next_line()? {
        match line.split_once(' ') {
            Some(("create", keys)) => {
                let keys: Vec<NewKey> = (0..keys.parse()?).map(new_key).collect();
                if let Some(error) = store.create_many(&keys).stopped {
                    return Err(error.into());
                }
            }
            Some(("revoke", id)) => {
                let id = KeyId::parse(id.as_bytes()).ok_or("no key id")?;
                store.revoke(id, &Revoke::default())?;
            }
            _ => return Err(format!("{line} is no command").into()),
        }
        tell(&shared_clock().to_string())?;
    }
    Ok(store.close()?)
}

/// Creates a key every so many milliseconds until it is killed.
fn commit(path: &Path, more: &[String]) -> Outcome<()> {
    let pause = Duration::from_millis(more.first().ok_or("no pause")?.parse()?);
    let store = options().open(path)?;
    store.create(&new_key(0))?;
    tell("ready")?;
    loop {
        store.create(&new_key(0))?;
        std::thread::sleep(pause);
    }
}

/// Resident memory, in bytes, by where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resident {
    /// The heap that the process began with.
    pub(crate) heap: f64,
    /// The heaps that the C library gives other threads, each at a multiple of 64 MiB.
    pub(crate) of_threads: f64,
    /// What is mapped alone because it is large: the table of keys in memory.
    pub(crate) large: f64,
    /// The program, its libraries, its stacks and the mapped page of the store.
    pub(crate) program: f64,
}

impl Resident {
    /// As the line of another process has it.
    pub(crate) fn of(numbers: [f64; 4]) -> Self {
        let [heap, of_threads, large, program] = numbers;
        Resident {
            heap,
            of_threads,
            large,
            program,
        }
    }

    fn numbers(self) -> [f64; 4] {
        [self.heap, self.of_threads, self.large, self.program]
    }

    /// All of it.
    pub(crate) fn all(self) -> f64 {
        self.numbers().iter().sum()
    }

    /// What is more than in another.
    pub(crate) fn beyond(self, other: Resident) -> Self {
        let (these, others) = (self.numbers(), other.numbers());
        Resident::of(std::array::from_fn(|at| these[at] - others[at]))
    }

    /// Of this process, now.
    fn now() -> Outcome<Self> {
        let (mut parts, mut part) = ([0.0; 4], 3);
        for line in std::fs::read_to_string("/proc/self/smaps")?.lines() {
            let mut words = line.split_whitespace();
            let (Some(first), Some(second)) = (words.next(), words.next()) else {
                continue;
            };
            if first == "Rss:" {
                parts[part] += second.parse::<f64>()? * 1024.0;
            } else if let Some((start, _)) = first.split_once('-') {
                let start = u64::from_str_radix(start, 16)?;
                part = match words.nth(3) {
                    Some("[heap]") => 0,
                    None if start % (64 << 20) == 0 => 1,
                    None => 2,
                    Some(_) => 3,
                };
            }
        }
        Ok(Resident::of(parts))
    }
}

/// What this process takes before the store is open, with it open, and after it has verified the
/// tokens of a file: `TOKENS CACHE_BYTES MODE`. Without a cache size the options are the default
/// ones; `read` opens for reading only, so that no uses are kept.
fn memory(path: &Path, more: &[String]) -> Outcome<()> {
    let [tokens, cache, mode] = more else {
        return Err("TOKENS CACHE_BYTES MODE".into());
    };
    tell("ready")?;
    next_line()?;
    let before = Resident::now()?;
    let mut options = options()
        .flush_every(Duration::from_secs(5))
        .read_only(mode == "read");
    if !cache.is_empty() {
        options = options
            .key_cache_bytes(cache.parse()?)
            .page_cache_bytes(1 << 20);
    }
    let store = options.open(path)?;
    let open = Resident::now()?;
    let requirement = requirement();
    let mut verified = 0u64;
    for token in BufReader::new(std::fs::File::open(tokens)?).lines() {
        store.verify(token?, &requirement)?;
        verified += 1;
    }
    let after = Resident::now()?;
    // Which of them are in memory is told by the time: one that is not takes several microseconds.
    // Those that came last are asked first: one that is not there comes in, and would push out
    // those that are asked after it.
    const QUICK: Duration = Duration::from_nanos(1_500);
    let mut some = Vec::new();
    for token in BufReader::new(std::fs::File::open(tokens)?)
        .lines()
        .step_by(10)
    {
        some.push(token?);
    }
    let mut kept = 0u64;
    for token in some.iter().rev() {
        let start = Instant::now();
        store.verify(token, &requirement)?;
        kept += u64::from(start.elapsed() < QUICK);
    }
    let kept = kept * verified / (some.len() as u64).max(1);
    let all = [before, open, after].map(Resident::numbers);
    let mut line = format!("{verified} {kept}");
    for number in all.as_flattened() {
        write!(line, " {number}")?;
    }
    tell(&line)?;
    Ok(store.close()?)
}
