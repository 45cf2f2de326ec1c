//! The residual tower. One description of the layers serves training (convolution, then batch normalisation) and inference
//! (both folded into one convolution), so that the two cannot drift apart.

use tch::{Kind, Tensor};

use super::error::LearnError;
use super::policy_head::{Asked, PolicyHead};
use super::quantised::Quantised;

/// Added to variances before the square root.
const NORM_EPSILON: f64 = 1e-5;
/// Share of a batch's statistics in the running ones.
const NORM_MOMENTUM: f64 = 0.1;

/// A convolution with its normalisation, in whichever form.
pub(super) trait Convolve {
    /// Applies the layer without activation. `training` takes statistics from the batch, where the layer has any.
    fn apply(&self, input: &Tensor, training: bool) -> Result<Tensor, LearnError>;
}

/// A convolution and its batch normalisation, trainable.
pub(super) struct Normed {
    pub weight: Tensor,
    pub scale: Tensor,
    pub shift: Tensor,
    pub mean: Tensor,
    pub variance: Tensor,
}

/// A convolution with the normalisation folded in, for inference.
pub(super) struct Folded {
    weight: Tensor,
    bias: Tensor,
    /// The weights in 8 bits, where the layer computes in them.
    quantised: Option<Quantised>,
}

/// A fully connected layer.
pub(super) struct Linear {
    pub weight: Tensor,
    pub bias: Tensor,
}

/// The net: stem, blocks, heads.
pub(super) struct Tower<C> {
    pub stem: C,
    pub blocks: Vec<[C; 2]>,
    pub policy: PolicyHead<C>,
    /// Who wins.
    pub value: SeatsHead<C>,
    /// How near each seat will have come to a win at the end. It reads the trunk and does not shape it (no gradient goes further), and search
    /// leaves it out.
    pub margin: Option<SeatsHead<C>>,
}

/// A head with one logit a seat, the mover's first.
pub(super) struct SeatsHead<C> {
    pub reduce: C,
    pub hidden: Linear,
    pub out: Linear,
}

/// What a net says of a batch.
pub(super) struct Heads {
    /// One logit for each legal action of the batch.
    pub policy: Tensor,
    /// Logits over seats, the mover's first.
    pub value: Tensor,
    /// A logit for each seat's margin, the mover's first; none where the net has no such head, and in inference.
    pub margin: Option<Tensor>,
}

impl Convolve for Normed {
    fn apply(&self, input: &Tensor, training: bool) -> Result<Tensor, LearnError> {
        // The weights stay in 32 bits: what the layer multiplies is in the numbers of its input.
        let sums = convolve(input, &self.weight.f_to_kind(input.f_kind()?)?, None)?;
        Ok(sums.f_batch_norm(
            Some(&self.scale),
            Some(&self.shift),
            Some(&self.mean),
            Some(&self.variance),
            training,
            NORM_MOMENTUM,
            NORM_EPSILON,
            false,
        )?)
    }
}

impl Normed {
    /// The same layer in inference, as one convolution: `w' = w * s`, `b' = shift - mean * s` with `s = scale / sqrt(var + e)`.
    pub fn fold(&self, kind: Kind) -> Result<Folded, LearnError> {
        let variance = self.variance.f_to_kind(Kind::Double)?;
        let factor = self.scale.f_to_kind(Kind::Double)? * (variance + NORM_EPSILON).f_rsqrt()?;
        let weight = self.weight.f_to_kind(Kind::Double)? * factor.f_reshape([-1, 1, 1, 1])?;
        let bias = self.shift.f_to_kind(Kind::Double)? - self.mean.f_to_kind(Kind::Double)? * factor;
        Ok(Folded {
            weight: channels_last(&weight.f_to_kind(kind)?.f_detach()?)?,
            bias: bias.f_to_kind(kind)?.f_detach()?,
            quantised: None,
        })
    }
}

impl Convolve for Folded {
    fn apply(&self, input: &Tensor, _training: bool) -> Result<Tensor, LearnError> {
        match &self.quantised {
            Some(quantised) => quantised.apply(input, &self.weight, &self.bias),
            None => convolve(input, &self.weight, Some(&self.bias)),
        }
    }
}

impl Linear {
    pub fn apply(&self, input: &Tensor) -> Result<Tensor, LearnError> {
        let kind = input.f_kind()?;
        Ok(input.f_linear(&self.weight.f_to_kind(kind)?, Some(self.bias.f_to_kind(kind)?))?)
    }

    /// A copy in this number format, which does not change with this one.
    pub fn copied(&self, kind: Kind) -> Result<Linear, LearnError> {
        let copied = |tensor: &Tensor| tensor.f_detach_copy()?.f_to_kind(kind);
        Ok(Linear { weight: copied(&self.weight)?, bias: copied(&self.bias)? })
    }
}

impl<C: Convolve> Tower<C> {
    /// Runs a batch of inputs of shape `[n, channels, height, width]`, and scores the actions that are asked for.
    pub fn forward(&self, input: &Tensor, asked: &Asked, training: bool) -> Result<Heads, LearnError> {
        let mut trunk = self.stem.apply(input, training)?.f_relu_()?;
        for [a, b] in &self.blocks {
            let inner = a.apply(&trunk, training)?.f_relu_()?;
            let mut sum = b.apply(&inner, training)?;
            trunk = sum.f_add_(&trunk)?.f_relu_()?;
        }
        Ok(Heads {
            policy: self.policy.apply(&trunk, asked, training)?,
            value: self.value.apply(&trunk, training)?,
            margin: self.margin.as_ref().map(|margin| margin.apply(&trunk.f_detach()?, training)).transpose()?,
        })
    }
}

impl Tower<Normed> {
    /// The tower for inference. Later training of this one does not change it.
    pub fn fold(&self, kind: Kind) -> Result<Tower<Folded>, LearnError> {
        let fold_pair = |[a, b]: &[Normed; 2]| Ok([a.fold(kind)?, b.fold(kind)?]);
        Ok(Tower {
            stem: self.stem.fold(kind)?,
            blocks: self.blocks.iter().map(fold_pair).collect::<Result<_, LearnError>>()?,
            policy: self.policy.fold(kind)?,
            value: SeatsHead {
                reduce: self.value.reduce.fold(kind)?,
                hidden: self.value.hidden.copied(kind)?,
                out: self.value.out.copied(kind)?,
            },
            margin: None,
        })
    }
}

impl Tower<Folded> {
    /// Lets the blocks, where nearly all of the work is, compute in 8 bits: from [`Tower::settle`] on, and until then look at their inputs.
    pub fn quantise(&mut self) -> Result<(), LearnError> {
        for layer in self.blocks.iter_mut().flatten() {
            layer.quantised = Some(Quantised::new(&layer.weight)?);
        }
        Ok(())
    }

    /// Fixes the steps of inputs by what was seen.
    pub fn settle(&self) -> Result<(), LearnError> {
        self.blocks.iter().flatten().filter_map(|layer| layer.quantised.as_ref()).try_for_each(Quantised::settle)
    }
}

impl<C: Convolve> SeatsHead<C> {
    fn apply(&self, trunk: &Tensor, training: bool) -> Result<Tensor, LearnError> {
        let reduced = self.reduce.apply(trunk, training)?.f_relu_()?;
        let hidden = self.hidden.apply(&reduced.f_flatten(1, -1)?)?.f_relu_()?;
        self.out.apply(&hidden)
    }
}

/// A convolution that keeps the board's size.
pub(super) fn convolve(input: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor, LearnError> {
    let side = weight.size().last().copied().unwrap_or(1);
    Ok(input.f_conv2d(weight, bias, 1, side / 2, 1, 1)?)
}

/// The same tensor with channels innermost in memory, which oneDNN's convolutions like best.
pub(super) fn channels_last(tensor: &Tensor) -> Result<Tensor, LearnError> {
    Ok(tensor.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])?)
}
