//! The spatial policy head: scores legal actions by their kind, cells and pairs of cells (see [`crate::game::sketch`]).

use tch::{Kind, Tensor};

use super::choices::Choices;
use super::error::LearnError;
use super::tower::{Convolve, Folded, Linear, Normed};

/// The head's layers. `kinds` sees the whole board by mean and maximum; the others see one cell each.
pub(super) struct PolicyHead<C> {
    pub reduce: C,
    pub kinds: Linear,
    pub roles: Linear,
    /// Queries and keys; none for games without pairs.
    pub pairs: Option<[Linear; 2]>,
    /// Length of a query or key.
    pub rank: usize,
}

/// Indices of a batch's actions on the device.
pub(super) struct Asked {
    actions: i64,
    kinds: Tensor,
    spots: Tensor,
    spot_owners: Tensor,
    pairs: Option<[Tensor; 3]>,
}

impl Asked {
    pub fn new(choices: &Choices, device: tch::Device) -> Result<Asked, LearnError> {
        let list =
            |indices: &[i64]| -> Result<Tensor, LearnError> { Ok(Tensor::f_from_slice(indices)?.f_to_device(device)?) };
        let pairs = match choices.pair_owners.is_empty() {
            true => None,
            false => Some([list(&choices.from)?, list(&choices.to)?, list(&choices.pair_owners)?]),
        };
        Ok(Asked {
            actions: choices.actions() as i64,
            kinds: list(&choices.kinds)?,
            spots: list(&choices.spots)?,
            spot_owners: list(&choices.spot_owners)?,
            pairs,
        })
    }
}

impl<C: Convolve> PolicyHead<C> {
    /// One logit for each action of the batch, in 32 bits.
    pub fn apply(&self, trunk: &Tensor, asked: &Asked, training: bool) -> Result<Tensor, LearnError> {
        let reduced = self.reduce.apply(trunk, training)?.f_relu_()?;
        let pooled = Tensor::f_cat(
            &[
                reduced.f_mean_dim([2i64, 3].as_slice(), false, None::<Kind>)?,
                reduced.f_amax([2i64, 3].as_slice(), false)?,
            ],
            1,
        )?;
        let flat = |table: Tensor| -> Result<Tensor, LearnError> { Ok(table.f_to_kind(Kind::Float)?.f_reshape([-1])?) };
        let mut logits = flat(self.kinds.apply(&pooled)?)?.f_index_select(0, &asked.kinds)?;
        // Channels innermost: one row for each cell of each position.
        let channels = reduced.size()[1];
        let cells = reduced.f_permute([0, 2, 3, 1])?.f_reshape([-1, channels])?;
        if asked.spots.numel() > 0 {
            let spots = flat(self.roles.apply(&cells)?)?.f_index_select(0, &asked.spots)?;
            logits = logits.f_index_add(0, &asked.spot_owners, &spots)?;
        }
        if let (Some([query, key]), Some([from, to, owners])) = (&self.pairs, &asked.pairs) {
            let ends = |layer: &Linear, places: &Tensor| -> Result<Tensor, LearnError> {
                let vectors = layer.apply(&cells)?.f_reshape([-1, self.rank as i64])?;
                Ok(vectors.f_index_select(0, places)?.f_to_kind(Kind::Float)?)
            };
            let products =
                (ends(query, from)? * ends(key, to)?).f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?;
            logits = logits.f_index_add(0, owners, &products.f_mul_scalar((self.rank as f64).sqrt().recip())?)?;
        }
        debug_assert_eq!(logits.size(), [asked.actions]);
        Ok(logits)
    }
}

impl PolicyHead<Normed> {
    /// The head for inference.
    pub fn fold(&self, kind: Kind) -> Result<PolicyHead<Folded>, LearnError> {
        let pairs = match &self.pairs {
            Some([query, key]) => Some([query.copied(kind)?, key.copied(kind)?]),
            None => None,
        };
        Ok(PolicyHead {
            reduce: self.reduce.fold(kind)?,
            kinds: self.kinds.copied(kind)?,
            roles: self.roles.copied(kind)?,
            pairs,
            rank: self.rank,
        })
    }
}
