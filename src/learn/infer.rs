//! The net as search asks it: batches of positions in, policies and values out.

use std::cell::Cell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};

use super::choices::Choices;
use super::error::LearnError;
use super::frozen;
use super::gauge::{Gauge, Usage};
use super::net::Net;
use super::policy_head::Asked;
use super::precision::Precision;
use super::tower::{Folded, Tower, channels_last};
use super::weights::Weights;
use crate::game::{PlaneShape, Planes, SEATS_MAX, Seat};
use crate::search::{Evaluation, Evaluator};

/// The most positions that go through the net at once; a larger batch is split. Bounds the memory for activations.
pub const POSITIONS_AT_ONCE_MAX: usize = 512;

/// Seeds of the games whose positions show what a layer's inputs are like.
const CALIBRATION_SEEDS: std::ops::Range<u64> = 1..5;

/// Evaluates positions with a net: normalisation folded in, no gradients, one copy in and one copy out for each batch. 32 bits, unless
/// [`super::precision::fastest`] found that fewer do.
pub struct NetEvaluator<G> {
    tower: Tower<Folded>,
    precision: Precision,
    /// How much faster than in 32 bits, as it was measured.
    speed_up: f64,
    device: Device,
    shape: PlaneShape,
    seats: usize,
    planes: Vec<f32>,
    choices: Choices,
    leaves: u64,
    gauge: Rc<Cell<Gauge>>,
    game: PhantomData<G>,
}

impl<G: Planes> NetEvaluator<G> {
    /// An evaluator with these weights, which must be made for `game`.
    ///
    /// # Errors
    /// [`LearnError::Mismatch`] when the weights are for another game or encoder.
    pub fn new(game: &G, weights: &Weights, device: Device) -> Result<Self, LearnError> {
        NetEvaluator::in_precision(game, weights, device, Precision::F32)
    }

    /// The same in another precision.
    ///
    /// # Errors
    /// As [`NetEvaluator::new`].
    pub fn in_precision(game: &G, weights: &Weights, device: Device, precision: Precision) -> Result<Self, LearnError> {
        weights.architecture().check_fits(game)?;
        let shape = game.plane_shape();
        let mut evaluator = NetEvaluator {
            tower: Net::new(weights, device)?.fold(precision.kind())?,
            precision,
            speed_up: 1.0,
            device,
            shape,
            seats: game.seats(),
            planes: Vec::new(),
            choices: Choices::new(game.policy_shape(), shape.height * shape.width),
            leaves: 0,
            gauge: fresh_gauge(),
            game: PhantomData,
        };
        if precision == Precision::Int8 {
            evaluator.quantise(game)?;
        }
        Ok(evaluator)
    }

    /// Goes over to 8 bits, with steps that fit what the layers see in some random games; not those by which agreement is judged.
    fn quantise(&mut self, game: &G) -> Result<(), LearnError> {
        self.tower.quantise()?;
        for seed in CALIBRATION_SEEDS {
            let positions = frozen::positions_of(game, seed);
            let batch: Vec<_> = positions.iter().map(|(state, legal)| (state, legal.as_slice())).collect();
            self.encode(game, &batch);
            self.run_encoded()?;
        }
        self.tower.settle()
    }

    /// Where it runs.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The number format in which it computes.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// How much faster than in 32 bits it was measured to be; 1 where nothing was measured.
    pub fn speed_up(&self) -> f64 {
        self.speed_up
    }

    pub(super) fn with_speed_up(self, speed_up: f64) -> Self {
        NetEvaluator { speed_up, ..self }
    }

    /// How well the device has been used since the evaluator was made; none before the first batch.
    pub fn usage(&self) -> Option<Usage> {
        self.gauge.get().usage(Instant::now())
    }

    /// The gauge, to be read while the evaluator is at work, or to be shared by another one on the same device.
    pub fn gauge(&self) -> Rc<Cell<Gauge>> {
        self.gauge.clone()
    }

    /// Counts in the gauge of another evaluator from now on.
    pub fn share_gauge(&mut self, gauge: Rc<Cell<Gauge>>) {
        self.gauge = gauge;
    }

    /// The same for a time in which everything counted happened.
    pub(super) fn usage_within(&self, wall: Duration) -> Option<Usage> {
        self.gauge.get().usage_within(wall)
    }

    /// The same evaluator, as if it had evaluated nothing yet.
    pub(super) fn forget_leaves(self) -> Self {
        NetEvaluator { leaves: 0, gauge: fresh_gauge(), ..self }
    }

    /// Runs the encoded positions; gives the logits of all actions, then each position's win probabilities, mover first.
    fn forward(&self, positions: usize) -> Result<Vec<f32>, LearnError> {
        let PlaneShape { channels, height, width } = self.shape;
        let shape = [positions, channels, height, width].map(|side| side as i64);
        let _no_gradients = tch::no_grad_guard();
        let input = Tensor::f_from_slice(&self.planes)?.f_reshape(shape)?.f_to_device(self.device)?;
        let input = input.f_to_kind(self.precision.kind())?;
        let asked = Asked::new(&self.choices, self.device)?;
        let heads = self.tower.forward(&channels_last(&input)?, &asked, false)?;
        let value = heads.value.f_softmax(1, Kind::Float)?.f_reshape([-1])?;
        let both = Tensor::f_cat(&[&heads.policy, &value], 0)?.f_to_device(Device::Cpu)?.f_contiguous()?;
        let mut out = vec![0.0; self.choices.actions() + positions * self.seats];
        both.f_copy_data(&mut out, both.numel())?;
        Ok(out)
    }

    /// Encodes positions; [`NetEvaluator::run_encoded`] runs them.
    pub(super) fn encode(&mut self, game: &G, chunk: &[(&G::State, &[G::Action])]) {
        self.planes.resize(chunk.len() * self.shape.len(), 0.0);
        self.choices.clear();
        for ((state, legal), planes) in chunk.iter().zip(self.planes.chunks_exact_mut(self.shape.len())) {
            game.encode(state, planes);
            self.choices.push(legal.iter().map(|action| game.sketch(action)));
        }
    }

    /// Runs what was encoded last, without counting it.
    pub(super) fn run_encoded(&self) -> Result<Vec<f32>, LearnError> {
        self.forward(self.choices.positions())
    }

    /// What was encoded last.
    pub(super) fn encoded(&self) -> (&[f32], &Choices) {
        (&self.planes, &self.choices)
    }

    fn evaluate_chunk(
        &mut self,
        game: &G,
        chunk: &[(&G::State, &[G::Action])],
        into: &mut Vec<Evaluation>,
    ) -> Result<(), LearnError> {
        let begun = Instant::now();
        self.encode(game, chunk);
        let encoded = Instant::now();
        let out = self.forward(chunk.len())?;
        self.leaves += chunk.len() as u64;
        let mut gauge = self.gauge.get();
        gauge.count(chunk.len(), encoded - begun, encoded.elapsed());
        self.gauge.set(gauge);
        let (logits, values) = out.split_at(self.choices.actions());
        for (index, ((state, _), relative)) in chunk.iter().zip(values.chunks_exact(self.seats)).enumerate() {
            let logits = logits[self.choices.of(index)].to_vec();
            into.push(Evaluation { logits, value: absolute(relative, game.to_move(state)) });
        }
        Ok(())
    }
}

impl<G: Planes> Evaluator<G> for NetEvaluator<G> {
    type Error = LearnError;

    fn evaluate(&mut self, game: &G, batch: &[(&G::State, &[G::Action])]) -> Result<Vec<Evaluation>, LearnError> {
        let mut evaluations = Vec::with_capacity(batch.len());
        for chunk in batch.chunks(POSITIONS_AT_ONCE_MAX) {
            self.evaluate_chunk(game, chunk, &mut evaluations)?;
        }
        Ok(evaluations)
    }

    fn leaves(&self) -> u64 {
        self.leaves
    }
}

/// Values by seat, from values that begin with the mover's.
pub(super) fn absolute(relative: &[f32], mover: Seat) -> [f32; SEATS_MAX] {
    let mut value = [0.0; SEATS_MAX];
    for seat in Seat::all(relative.len()) {
        value[seat.index()] = relative[seat.relative_to(mover, relative.len())];
    }
    value
}

/// A gauge that has counted nothing.
fn fresh_gauge() -> Rc<Cell<Gauge>> {
    Rc::new(Cell::new(Gauge::new(Instant::now())))
}
