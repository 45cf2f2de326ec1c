//! How fast RingRift is: random games of each configuration with complete legal lists, copies of positions, encoding for a net.
//!
//! `cargo bench --bench ringrift`; `kifu-node bench ringrift` prints moves a second as JSON.

#![expect(missing_docs, reason = "criterion's macros make public items without documentation")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kifu::game::planes::Planes;
use kifu::game::registry::{AnyGame, GameVisitor};
use kifu::search::{Playouts, seeds};

/// Games whose moves make one element.
const GAMES: u64 = 4;

struct Measure<'a>(&'a mut Criterion);

impl GameVisitor for Measure<'_> {
    type Output = ();

    fn visit<G: Planes>(self, game: G) {
        let mut group = self.0.benchmark_group(game.key());
        group.sample_size(10);
        let play = || {
            let (mut playouts, mut rng) = (Playouts::new(), seeds::generator(1));
            (0..GAMES).for_each(|_| drop(black_box(playouts.play(&game, &mut rng))));
            playouts.counts
        };
        group.throughput(Throughput::Elements(play().moves));
        group.bench_function("random_moves", |b| b.iter(play));
        group.throughput(Throughput::Elements(1));
        let state = game.start();
        group.bench_function("clone", |b| b.iter(|| black_box(&state).clone()));
        let mut planes = vec![0.0; game.plane_shape().len()];
        group.bench_function("encode", |b| b.iter(|| game.encode(black_box(&state), &mut planes)));
        group.finish();
    }
}

fn configurations(c: &mut Criterion) {
    let games = AnyGame::ALL.iter().filter(|game| game.key().starts_with("ringrift"));
    games.for_each(|game| game.visit(Measure(c)));
}

criterion_group!(benches, configurations);
criterion_main!(benches);
