//! The verbs one by one, beside the floor in the same run.
#![allow(missing_docs, reason = "criterion's macros make functions without any")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use keyfob::{
    Filter, ForeignFormat, ImportDefaults, PageRequest, Requirement, Revoke, StoreOptions,
};
use keyfob_bench::{filled, floor, new_key};

fn verifications(c: &mut Criterion) {
    let filled = filled(100_000);
    let (store, tokens) = (&filled.store, &filled.tokens);
    let requirement = Requirement::new().scopes(["orders:read"]).expect("scopes");
    let mut group = c.benchmark_group("verify");
    group.bench_function("floor: one block of SHA-256", |b| {
        b.iter(|| floor(black_box(&[7; 55])));
    });
    group.bench_function("one key", |b| {
        b.iter(|| {
            store
                .verify(black_box(&tokens[0]), &requirement)
                .expect("good")
        });
    });
    let mut at = 0;
    group.bench_function("1,000 keys of 100,000, in turn", |b| {
        b.iter(|| {
            at = (at + 1) % tokens.len();
            store.verify(&tokens[at], &requirement).expect("good")
        });
    });
    let wrong_shape = "acme_live_1";
    group.bench_function("refused: wrong shape", |b| {
        b.iter(|| store.verify(black_box(wrong_shape), &requirement).is_err());
    });
    let mut mistyped = tokens[0].clone().into_bytes();
    let last = mistyped.len() - 1;
    mistyped[last] = if mistyped[last] == b'0' { b'1' } else { b'0' };
    group.bench_function("refused: bad checksum", |b| {
        b.iter(|| store.verify(black_box(&mistyped), &requirement).is_err());
    });
    let more = Requirement::new().scopes(["orders:write"]).expect("scopes");
    group.bench_function("refused: insufficient scope", |b| {
        b.iter(|| store.verify(black_box(&tokens[0]), &more).is_err());
    });
    group.finish();

    let mut group = c.benchmark_group("list");
    group.bench_function("a page of 100 of 100,000", |b| {
        b.iter(|| {
            store
                .list(&Filter::default(), &PageRequest::default())
                .expect("a page")
        });
    });
    group.finish();
}

fn changes(c: &mut Criterion) {
    let filled = filled(1_000);
    let store = &filled.store;
    let mut group = c.benchmark_group("change, durable");
    group.sample_size(40);
    group.bench_function("create", |b| {
        b.iter(|| store.create(&new_key(0)).expect("a key"));
    });
    group.bench_function("revoke", |b| {
        b.iter_batched(
            || store.create(&new_key(0)).expect("a key").key.id,
            |id| store.revoke(id, &Revoke::default()).expect("revoked"),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("create 1,000 in one batch", |b| {
        let batch: Vec<_> = (0..1_000).map(new_key).collect();
        b.iter(|| store.create_many(&batch));
    });
    let mut number = 0u64;
    group.bench_function("import 1,000 digests in one batch", |b| {
        b.iter_batched(
            || {
                (0..1_000)
                    .map(|_| {
                        number += 1;
                        format!(
                            "{:016x}{:048x}",
                            number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
                            number
                        )
                    })
                    .collect::<Vec<_>>()
            },
            |lines| {
                let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                store.import(ForeignFormat::Sha256Hex, &lines, &ImportDefaults::default())
            },
            BatchSize::SmallInput,
        );
    });
    let path = filled.folder.path().join("small");
    let options = || StoreOptions::new().prefix("acme").expect("a prefix");
    let made = options().create(&path).expect("a store");
    made.close().expect("closed");
    group.bench_function("open and close", |b| {
        b.iter(|| {
            let store = options().open(&path).expect("a store");
            store.close().expect("closed");
        });
    });
    group.finish();
}

criterion_group!(benches, verifications, changes);
criterion_main!(benches);
