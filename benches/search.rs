//! How fast games are played: random playouts, alpha-beta, and the search's own cost when the net costs nothing.
//!
//! `cargo bench --bench search`

#![expect(missing_docs, reason = "criterion's macros make public items without documentation")]

use std::convert::Infallible;
use std::hint::black_box;
use std::ops::ControlFlow;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use kifu::game::connect4::ConnectFour;
use kifu::game::record::{RecordWriter, verify_file};
use kifu::game::{Game, SEATS_MAX};
use kifu::search::{
    AlphaBeta, Evaluation, Evaluator, Player, Recipe, Search, SelfPlayPlan, Step, UniformEvaluator, UniformRandom,
    play_games, seeds,
};

/// Simulations of one search.
const SIMULATIONS: u32 = 400;

/// Prefers the middle, so that trees have some depth; allocates no more than the trait asks for.
struct Constant;

impl Evaluator<ConnectFour> for Constant {
    type Error = Infallible;

    fn evaluate(
        &mut self,
        _: &ConnectFour,
        batch: &[(&<ConnectFour as Game>::State, &[<ConnectFour as Game>::Action])],
    ) -> Result<Vec<Evaluation>, Infallible> {
        Ok(batch.iter().map(|(_, legal)| constant(legal.len())).collect())
    }

    fn leaves(&self) -> u64 {
        0
    }
}

fn constant(legal: usize) -> Evaluation {
    let mut value = [0.0; SEATS_MAX];
    value[..2].fill(0.5);
    Evaluation { logits: (0..legal).map(|index| 1.0 - (index as f32 - 3.0).abs() / 3.0).collect(), value }
}

fn simulations(c: &mut Criterion) {
    let mut group = c.benchmark_group("search");
    group.throughput(Throughput::Elements(u64::from(SIMULATIONS)));
    let recipe = Recipe::new(SIMULATIONS, 7, 1.0).expect("within bounds");
    let mut search = Search::idle(ConnectFour, recipe);
    let mut rng = seeds::generator(1);
    group.bench_function("connect4_simulations", |b| {
        b.iter(|| {
            search.start(recipe, ConnectFour.start(), &mut rng);
            while let Step::Evaluate(_, legal) = search.next_leaf() {
                let answer = constant(legal.len());
                search.supply(&answer).expect("a sane answer");
            }
            black_box(search.finish())
        });
    });
    group.finish();
}

fn self_play(c: &mut Criterion) {
    let mut group = c.benchmark_group("self_play");
    let recipe = Recipe::new(48, 7, 1.0).expect("within bounds");
    let plan = SelfPlayPlan {
        games: 16,
        seed: 1,
        recipe,
        sampled_plies: 10,
        opening_plies_max: 0,
        concurrent: 16,
        weights: Some([0; 32]),
    };
    group.throughput(Throughput::Elements(u64::from(plan.games)));
    group.bench_function("connect4_games_48_simulations", |b| {
        b.iter(|| play_games(&ConnectFour, &mut Constant, &plan, |_| ControlFlow::Continue(())).expect("infallible"));
    });
    let games = play_games(&ConnectFour, &mut UniformEvaluator::default(), &plan, |_| ControlFlow::Continue(()))
        .expect("infallible");
    let mut writer = RecordWriter::new(&ConnectFour);
    games.iter().for_each(|game| writer.push(game).expect("within bounds"));
    let file = writer.finish();
    group.bench_function("connect4_games_verified", |b| {
        b.iter(|| verify_file(black_box(&file), "connect4", 0).expect("honest games"));
    });
    group.finish();
}

fn playouts(c: &mut Criterion) {
    let mut group = c.benchmark_group("playouts");
    group.throughput(Throughput::Elements(1));
    let (mut player, mut rng) = (UniformRandom::new(), seeds::generator(1));
    group.bench_function("connect4_random", |b| {
        b.iter(|| {
            let mut state = ConnectFour.start();
            while let Some(action) = player.choose(&ConnectFour, &state, &mut rng) {
                ConnectFour.play(&mut state, &action).expect("a legal action");
            }
            black_box(state)
        });
    });
    group.finish();
}

fn alpha_beta(c: &mut Criterion) {
    let mut group = c.benchmark_group("alpha_beta");
    for depth in [4, 6] {
        let mut player = AlphaBeta::new(depth).expect("within bounds");
        group.bench_function(format!("connect4_depth_{depth}"), |b| {
            b.iter_batched(
                || seeds::generator(1),
                |mut rng| player.choose(&ConnectFour, &ConnectFour.start(), &mut rng),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, simulations, self_play, playouts, alpha_beta);
criterion_main!(benches);
