//! The figures of a training recipe, checked, and the learning rate of each step.

use super::error::LearnError;
use crate::event::training::TrainRecipe;

/// The most samples a step may have; bounds the memory of a batch.
pub const BATCH_MAX: u32 = 1 << 16;

/// A recipe as floating-point numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// Optimiser steps.
    pub steps: u32,
    /// Samples a step.
    pub batch: usize,
    /// Steps of linear warm-up.
    pub warmup_steps: u32,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// Nesterov momentum.
    pub momentum: f64,
    /// L2 decay of weights.
    pub weight_decay: f64,
    /// Weight of the value loss against the policy loss.
    pub value_weight: f64,
    /// The gradient's norm is clipped to this.
    pub gradient_norm_max: f64,
}

impl Recipe {
    /// Checks a recipe.
    ///
    /// # Errors
    /// [`LearnError::Recipe`] for figures that make no sense.
    pub fn new(recipe: &TrainRecipe) -> Result<Recipe, LearnError> {
        let checked = Recipe {
            steps: recipe.steps,
            batch: recipe.batch as usize,
            warmup_steps: recipe.warmup_steps,
            learning_rate: recipe.learning_rate.to_f64(),
            momentum: recipe.momentum.to_f64(),
            weight_decay: recipe.weight_decay.to_f64(),
            value_weight: recipe.value_weight.to_f64(),
            gradient_norm_max: recipe.gradient_norm_max.to_f64(),
        };
        let rules = [
            (checked.steps > 0, "it has no steps"),
            ((2..=BATCH_MAX).contains(&recipe.batch), "the batch must be 2 to 65536 samples"),
            (checked.learning_rate > 0.0, "the learning rate must be above 0"),
            ((0.0..1.0).contains(&checked.momentum), "the momentum must be at least 0 and below 1"),
            (checked.weight_decay >= 0.0, "the weight decay must not be negative"),
            (checked.value_weight >= 0.0, "the weight of the value loss must not be negative"),
            (checked.gradient_norm_max > 0.0, "the largest gradient norm must be above 0"),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, problem)) => Err(LearnError::Recipe(problem)),
            None => Ok(checked),
        }
    }

    /// The learning rate of `step`, counted from 0: up along a line, then down to 0 along a cosine.
    pub fn learning_rate(&self, step: u32) -> f64 {
        if step < self.warmup_steps {
            return self.learning_rate * f64::from(step + 1) / f64::from(self.warmup_steps + 1);
        }
        let cooling = self.steps.saturating_sub(self.warmup_steps).max(1);
        let share = f64::from(step - self.warmup_steps) / f64::from(cooling);
        self.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * share.min(1.0)).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::config::Config;
    use crate::event::unit::Real;

    #[test]
    fn the_rate_warms_up_and_falls_to_zero() {
        let recipe = TrainRecipe { steps: 100, warmup_steps: 9, learning_rate: Real::ONE, ..Config::default().train };
        let recipe = Recipe::new(&recipe).expect("sensible");
        let rates: Vec<f64> = (0..100).map(|step| recipe.learning_rate(step)).collect();
        assert!((rates[0] - 0.1).abs() < 1e-9);
        assert_eq!(rates[9], 1.0);
        assert!(rates[..9].is_sorted() && rates[9..].is_sorted_by(|a, b| a > b));
        assert!((0.0..0.001).contains(&rates[99]));
    }

    #[test]
    fn senseless_recipes_are_refused() {
        let good = Config::default().train;
        assert!(Recipe::new(&good).is_ok());
        for bad in [
            TrainRecipe { steps: 0, ..good.clone() },
            TrainRecipe { batch: 1, ..good.clone() },
            TrainRecipe { batch: BATCH_MAX + 1, ..good.clone() },
            TrainRecipe { learning_rate: Real::ZERO, ..good.clone() },
            TrainRecipe { momentum: Real::ONE, ..good.clone() },
            TrainRecipe { weight_decay: Real(-1), ..good.clone() },
            TrainRecipe { gradient_norm_max: Real::ZERO, ..good.clone() },
        ] {
            assert!(matches!(Recipe::new(&bad), Err(LearnError::Recipe(_))), "{bad:?}");
        }
    }
}
