//! The figures of a training recipe, checked, and the learning rate of each step.

use super::error::LearnError;
use crate::event::Real;
use crate::event::training::{Optimizer, TrainingRecipe};

/// The most samples a step may have; bounds the memory of a batch.
pub const BATCH_MAX: u32 = 1 << 16;

/// The most looks at the held-out games in a run.
const LOOKS_MAX: u32 = 1_000;

/// A recipe as floating-point numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    /// Optimiser steps at most.
    pub steps: u32,
    /// Samples a step.
    pub batch: usize,
    /// Steps of linear warm-up.
    pub warmup_steps: u32,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// Weight of the value loss against the policy loss.
    pub value_weight: f64,
    /// The gradient's norm is clipped to this.
    pub gradient_norm_max: f64,
    /// A loss this many times that of the first step counts as exploded.
    pub loss_growth_max: f64,
    /// Decay a step of the weights' average; none when there is no average.
    pub average_decay: Option<f64>,
}

impl Recipe {
    /// Checks a recipe.
    ///
    /// # Errors
    /// [`LearnError::Recipe`] for figures that make no sense.
    pub fn new(recipe: &TrainingRecipe) -> Result<Recipe, LearnError> {
        let decay = recipe.average_decay.to_f64();
        let checked = Recipe {
            steps: recipe.steps,
            batch: recipe.batch as usize,
            warmup_steps: recipe.warmup_steps,
            learning_rate: recipe.optimizer.learning_rate().to_f64(),
            value_weight: recipe.value_weight.to_f64(),
            gradient_norm_max: recipe.gradient_norm_max.to_f64(),
            loss_growth_max: recipe.loss_growth_max.to_f64(),
            average_decay: (decay > 0.0).then_some(decay),
        };
        let below_one = 0..Real::SCALE;
        let looks = &recipe.validation;
        let rules = [
            (checked.steps > 0, "it has no steps"),
            ((2..=BATCH_MAX).contains(&recipe.batch), "the batch must be 2 to 65536 samples"),
            (checked.learning_rate > 0.0, "the learning rate must be above 0"),
            (checked.value_weight >= 0.0, "the weight of the value loss must not be negative"),
            (checked.gradient_norm_max > 0.0, "the largest gradient norm must be above 0"),
            (checked.loss_growth_max > 1.0, "the largest growth of the loss must be above 1"),
            (below_one.contains(&recipe.average_decay.0), "the average's decay must be at least 0 and below 1"),
            (below_one.contains(&looks.share.0), "the share of held-out games must be at least 0 and below 1"),
            (looks.share.0 == 0 || looks.every_steps > 0, "validation needs a number of steps between two looks"),
            (looks.share.0 == 0 || looks.samples_max > 0, "validation needs samples to look at"),
            (looks.share.0 == 0 || recipe.steps / looks.every_steps.max(1) <= LOOKS_MAX, "it looks too often"),
        ];
        let rules = rules.into_iter().chain(optimizer_rules(&recipe.optimizer));
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

/// What an optimiser's own figures must be.
fn optimizer_rules(optimizer: &Optimizer) -> Vec<(bool, &'static str)> {
    let below_one = 0..Real::SCALE;
    let decay = "the weight decay must not be negative";
    match optimizer {
        Optimizer::Nesterov(it) => vec![
            (below_one.contains(&it.momentum.0), "the momentum must be at least 0 and below 1"),
            (it.weight_decay.0 >= 0, decay),
        ],
        Optimizer::AdamW(it) => vec![
            (
                below_one.contains(&it.beta1.0) && below_one.contains(&it.beta2.0),
                "betas must be at least 0 and below 1",
            ),
            (it.weight_decay.0 >= 0, decay),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::config::Config;
    use crate::event::training::{AdamW, Nesterov, Validation};

    fn good() -> TrainingRecipe {
        Config::default().train.recipe()
    }

    #[test]
    fn the_rate_warms_up_and_falls_to_zero() {
        let one = Nesterov { learning_rate: Real::ONE, momentum: Real::ZERO, weight_decay: Real::ZERO };
        let recipe = TrainingRecipe { steps: 100, warmup_steps: 9, optimizer: Optimizer::Nesterov(one), ..good() };
        let recipe = Recipe::new(&recipe).expect("sensible");
        let rates: Vec<f64> = (0..100).map(|step| recipe.learning_rate(step)).collect();
        assert!((rates[0] - 0.1).abs() < 1e-9);
        assert_eq!(rates[9], 1.0);
        assert!(rates[..9].is_sorted() && rates[9..].is_sorted_by(|a, b| a > b));
        assert!((0.0..0.001).contains(&rates[99]));
    }

    #[test]
    fn senseless_recipes_are_refused() {
        assert!(Recipe::new(&good()).is_ok());
        let frozen = TrainingRecipe::from(&Config::default().train.before_plans());
        assert_eq!(Recipe::new(&frozen).map(|recipe| recipe.average_decay).ok(), Some(None));
        let adam = AdamW { learning_rate: Real::ONE, beta1: Real::ZERO, beta2: Real::ZERO, weight_decay: Real::ZERO };
        let looks = Validation { share: Real(1), samples_max: 1, every_steps: 1, patience: 0 };
        for bad in [
            TrainingRecipe { steps: 0, ..good() },
            TrainingRecipe { batch: 1, ..good() },
            TrainingRecipe { batch: BATCH_MAX + 1, ..good() },
            TrainingRecipe { gradient_norm_max: Real::ZERO, ..good() },
            TrainingRecipe { loss_growth_max: Real::ONE, ..good() },
            TrainingRecipe { average_decay: Real::ONE, ..good() },
            TrainingRecipe { optimizer: Optimizer::AdamW(AdamW { beta2: Real::ONE, ..adam.clone() }), ..good() },
            TrainingRecipe { optimizer: Optimizer::AdamW(AdamW { learning_rate: Real(0), ..adam.clone() }), ..good() },
            TrainingRecipe { optimizer: Optimizer::AdamW(AdamW { weight_decay: Real(-1), ..adam }), ..good() },
            TrainingRecipe { validation: Validation { share: Real::ONE, ..looks.clone() }, ..good() },
            TrainingRecipe { validation: Validation { every_steps: 0, ..looks.clone() }, ..good() },
            TrainingRecipe { validation: looks, steps: 2_000, ..good() },
        ] {
            assert!(matches!(Recipe::new(&bad), Err(LearnError::Recipe(_))), "{bad:?}");
        }
    }
}
