//! A convolution in whole numbers of 8 bits, for inference.
//!
//! Weights have a step for each output channel; inputs have one for the whole layer, fixed before the net is used, so that an answer never
//! depends on what else is in its batch. libtorch's binding has no quantised convolution, but a product of int8 matrices: the input
//! is laid out as one row of neighbours for each cell.

use std::cell::{Cell, OnceCell};

use tch::{Kind, Tensor};

use super::error::LearnError;
use super::tower::convolve;

/// The largest whole number; its negative is the smallest, so that zero is exact and in the middle.
const LARGEST: f64 = 127.0;
/// How far beyond the largest input that was seen inputs are told apart; what lies further out counts as this.
const MARGIN: f64 = 1.2;
/// The least step: layers of zeros have one too.
const STEP_MIN: f64 = 1e-12;

/// A layer's weights in 8 bits, and what its inputs are like.
pub(super) struct Quantised {
    /// A row for each neighbour and input channel, a column for each output channel.
    weight: Tensor,
    side: i64,
    weight_steps: Tensor,
    input_largest: Cell<f64>,
    settled: OnceCell<Settled>,
}

/// What follows from the inputs.
struct Settled {
    input_step: f64,
    /// For each output channel, what one is worth in the product.
    product_steps: Tensor,
}

impl Quantised {
    /// Rounds the weights of a convolution.
    pub fn new(weight: &Tensor) -> Result<Quantised, LearnError> {
        let sizes = weight.size();
        let side = sizes.last().copied().unwrap_or(1);
        let weight = weight.f_to_kind(Kind::Float)?;
        let steps = weight.f_abs()?.f_amax([1, 2, 3], true)?.f_clamp_min(STEP_MIN * LARGEST)? / LARGEST;
        let rounded = weight.f_div(&steps)?.f_round()?.f_to_kind(Kind::Int8)?;
        Ok(Quantised {
            weight: rounded.f_permute([2, 3, 1, 0])?.f_reshape([-1, sizes[0]])?.f_contiguous()?,
            side,
            weight_steps: steps.f_reshape([-1])?,
            input_largest: Cell::new(0.0),
            settled: OnceCell::new(),
        })
    }

    /// Fixes the inputs' step by what was seen until now.
    pub fn settle(&self) -> Result<(), LearnError> {
        let input_step = (self.input_largest.get() * MARGIN / LARGEST).max(STEP_MIN);
        let product_steps = self.weight_steps.f_mul_scalar(input_step)?;
        // Settled again, it stays as it is.
        self.settled.set(Settled { input_step, product_steps }).ok();
        Ok(())
    }

    /// Applies the layer. Until it is settled it computes with the `exact` weights, and looks at its inputs.
    pub fn apply(&self, input: &Tensor, exact: &Tensor, bias: &Tensor) -> Result<Tensor, LearnError> {
        let Some(Settled { input_step, product_steps }) = self.settled.get() else {
            let largest = input.f_abs()?.f_max()?.f_double_value(&[])?;
            self.input_largest.set(self.input_largest.get().max(largest));
            return convolve(input, exact, Some(bias));
        };
        let mut scaled = input.f_permute([0, 2, 3, 1])?.f_div_scalar(*input_step)?;
        let rounded = scaled.f_round_()?.f_clamp_(-LARGEST, LARGEST)?.f_to_kind(Kind::Int8)?;
        let (rows, [positions, height, width]) = self.neighbours(&rounded)?;
        let mut sums = rows.f_internal_int_mm(&self.weight)?.f_to_kind(Kind::Float)?;
        let out = sums.f_mul_(product_steps)?.f_add_(bias)?;
        Ok(out.f_reshape([positions, height, width, -1])?.f_permute([0, 3, 1, 2])?)
    }

    /// A row for each cell: its neighbourhood's channels, zeros beyond the edge.
    fn neighbours(&self, input: &Tensor) -> Result<(Tensor, [i64; 3]), LearnError> {
        let (positions, height, width, channels) = input.size4()?;
        let (side, edge) = (self.side, self.side / 2);
        let padded = input.f_constant_pad_nd([0, 0, edge, edge, edge, edge])?.f_contiguous()?;
        let line = (width + 2 * edge) * channels;
        let strides = [(height + 2 * edge) * line, line, channels, line, channels, 1];
        let windows = padded.f_as_strided([positions, height, width, side, side, channels], strides, 0)?;
        Ok((windows.f_reshape([positions * height * width, -1])?, [positions, height, width]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn whole_numbers_say_nearly_the_same() {
        let _no_gradients = tch::no_grad_guard();
        tch::manual_seed(1);
        let on = (Kind::Float, Device::Cpu);
        let (input, weight, bias) =
            (Tensor::rand([3, 16, 6, 7], on), Tensor::randn([24, 16, 3, 3], on) * 0.1, Tensor::randn([24], on));
        let layer = Quantised::new(&weight).expect("a convolution");
        let exact = convolve(&input, &weight, Some(&bias)).expect("fits");
        let apply = |input: &Tensor| layer.apply(input, &weight, &bias).expect("fits");
        assert_eq!(apply(&input), exact, "before it is settled it only looks on");
        layer.settle().expect("seen");
        let error = (apply(&input) - &exact).abs().max().double_value(&[]);
        assert!(error > 0.0 && error < 0.02 * exact.abs().max().double_value(&[]), "{error}");
        // One position's answer does not depend on the others.
        let alone = apply(&input.narrow(0, 1, 1));
        assert_eq!(
            alone,
            apply(&(&input * Tensor::from_slice(&[9f32, 1.0, 5.0]).reshape([3, 1, 1, 1]))).narrow(0, 1, 1)
        );
    }
}
