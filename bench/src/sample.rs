//! How times are taken: those that are compared, in turn.
//!
//! A processor changes its speed, and a neighbour takes the memory bus, within a second. What is
//! compared is therefore measured a few milliseconds apart, round after round; a ratio is the
//! median of the rounds' ratios, not the ratio of two medians.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One of those that are compared.
pub(crate) struct Contender<'a> {
    prepare: Option<Box<dyn FnMut() + 'a>>,
    /// Takes a sample, and answers what a call of it took, in nanoseconds.
    run: Box<dyn FnMut() -> f64 + 'a>,
}

impl<'a> Contender<'a> {
    /// So many calls a sample; a call is told its number, which goes on from sample to sample.
    pub(crate) fn new(calls: usize, mut call: impl FnMut(usize) + 'a) -> Self {
        let mut next = 0;
        Self::elsewhere(move || {
            let start = Instant::now();
            for _ in 0..calls {
                call(next);
                next += 1;
            }
            start.elapsed().as_nanos() as f64 / calls as f64
        })
    }

    /// One whose samples are taken by another process, and told.
    pub(crate) fn elsewhere(run: impl FnMut() -> f64 + 'a) -> Self {
        Contender {
            prepare: None,
            run: Box::new(run),
        }
    }

    /// What is done before each sample, and not timed: this, a whole sample, and this again. The
    /// processor then has the code and what all calls share in its caches, as where it does nothing
    /// else, and not what the contender before left there.
    pub(crate) fn prepared(mut self, prepare: impl FnMut() + 'a) -> Self {
        self.prepare = Some(Box::new(prepare));
        self
    }

    /// The same without a preparation of its own.
    pub(crate) fn warmed(self) -> Self {
        self.prepared(|| ())
    }

    fn sample(&mut self) -> f64 {
        if let Some(prepare) = &mut self.prepare {
            prepare();
            (self.run)();
            prepare();
        }
        (self.run)()
    }
}

/// A time, and what it is of the first contender's.
#[derive(Clone, Copy)]
pub(crate) struct Timed {
    pub(crate) ns: f64,
    pub(crate) ratio: f64,
}

/// Medians of so many rounds, after one that is not counted.
pub(crate) fn in_turn(rounds: usize, contenders: &mut [Contender<'_>]) -> Vec<Timed> {
    let mut samples = vec![Vec::new(); contenders.len()];
    for round in 0..=rounds {
        for (contender, samples) in contenders.iter_mut().zip(&mut samples) {
            let ns = contender.sample();
            if round > 0 {
                samples.push(ns);
            }
        }
    }
    compare(&samples)
}

/// Medians of the samples of each, and of their ratios to the first's of the same round.
pub(crate) fn compare(samples: &[Vec<f64>]) -> Vec<Timed> {
    samples
        .iter()
        .map(|own| Timed {
            ns: median(own.clone()),
            ratio: median(own.iter().zip(&samples[0]).map(|(a, b)| a / b).collect()),
        })
        .collect()
}

/// The middle one.
pub(crate) fn median(numbers: Vec<f64>) -> f64 {
    quantile(numbers, 0.5)
}

/// The one below which this share of them lies.
pub(crate) fn quantile(mut numbers: Vec<f64>, share: f64) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let at = (numbers.len() as f64 * share) as usize;
    numbers[at.min(numbers.len() - 1)]
}

/// What a thread does over and over; each call answers how many operations it was.
pub(crate) type Work<'a> = Box<dyn FnMut() -> u64 + 'a>;

/// Operations a second of so many threads together.
pub(crate) fn rate<'a>(
    threads: usize,
    lasting: Duration,
    work: &(dyn Fn(usize) -> Work<'a> + Sync),
) -> f64 {
    let done = AtomicU64::new(0);
    let begin = Barrier::new(threads);
    let slowest = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (done, begin, slowest) = (&done, &begin, &slowest);
            scope.spawn(move || {
                let mut work = work(thread);
                begin.wait();
                let start = Instant::now();
                let mut operations = 0;
                while start.elapsed() < lasting {
                    operations += work();
                }
                let took = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
                done.fetch_add(operations, Ordering::Relaxed);
                slowest.fetch_max(took, Ordering::Relaxed);
            });
        }
    });
    done.into_inner() as f64 / (slowest.into_inner() as f64 / 1e9)
}

/// Numbers that look random and are the same in each run (xorshift).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        Random(88_172_645_463_325_252)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_that_changes_its_speed_leaves_the_ratio_alone() {
        // Both take twice as long in every other round.
        let floor = vec![50.0, 100.0, 50.0, 100.0, 50.0];
        let other = vec![60.0, 120.0, 60.0, 120.0, 60.0];
        let timed = compare(&[floor, other]);
        assert!((timed[1].ratio - 1.2).abs() < 1e-9);
        assert!((timed[1].ns - 60.0).abs() < 1e-9);
    }

    #[test]
    fn a_quantile_is_one_of_the_samples() {
        let samples: Vec<f64> = (1..=1_000).rev().map(f64::from).collect();
        assert!((median(samples.clone()) - 501.0).abs() < 1e-9);
        assert!((quantile(samples.clone(), 0.999) - 1_000.0).abs() < 1e-9);
        assert!((quantile(samples, 1.0) - 1_000.0).abs() < 1e-9);
    }

    #[test]
    fn each_sample_of_a_prepared_contender_follows_an_untimed_one() {
        let calls = std::cell::Cell::new(0);
        let prepared = std::cell::Cell::new(0);
        let call = |_| calls.set(calls.get() + 1);
        let prepare = || prepared.set(prepared.get() + 1);
        in_turn(3, &mut [Contender::new(5, call).prepared(prepare)]);
        assert_eq!((calls.get(), prepared.get()), (2 * 5 * 4, 2 * 4));
    }
}
