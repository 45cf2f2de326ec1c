//! How a search thinks.

use crate::search::error::SearchError;

/// The most simulations a move. A tree of so many nodes of a large game stays within some hundreds of MiB.
pub const SIMULATIONS_MAX: u32 = 1 << 16;
/// The largest scale of the noise; at this scale the net's opinion hardly counts any more.
pub const GUMBEL_SCALE_MAX: f32 = 100.0;

/// How a search thinks about a move.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recipe {
    simulations: u32,
    considered: u32,
    gumbel_scale: f32,
    keeps_tree: bool,
}

impl Recipe {
    /// A recipe of so many simulations, considering so many actions at the root, with noise of this scale.
    ///
    /// # Errors
    /// When a number is outside its bounds.
    pub fn new(simulations: u32, considered: u32, gumbel_scale: f32) -> Result<Recipe, SearchError> {
        let bounds =
            |what, found: &dyn ToString, allowed| SearchError::Bounds { what, found: found.to_string(), allowed };
        if simulations > SIMULATIONS_MAX {
            return Err(bounds("simulations", &simulations, "0 to 65536"));
        }
        if considered == 0 {
            return Err(bounds("considered actions", &considered, "1 or more"));
        }
        if !(0.0..=GUMBEL_SCALE_MAX).contains(&gumbel_scale) {
            return Err(bounds("Gumbel scale", &gumbel_scale, "0 to 100"));
        }
        Ok(Recipe { simulations, considered, gumbel_scale, keeps_tree: false })
    }

    /// The same, but what an earlier search of the game found below the moves that were really played counts towards the budget: for
    /// playing one's best, never for training targets.
    pub fn keeping_tree(self) -> Recipe {
        Recipe { keeps_tree: true, ..self }
    }

    /// Whether the tree is kept from move to move.
    pub fn keeps_tree(self) -> bool {
        self.keeps_tree
    }

    /// Simulations a move. None at all means to play by the net's policy alone.
    pub fn simulations(self) -> u32 {
        self.simulations
    }

    /// Actions considered at the root.
    pub fn considered(self) -> u32 {
        self.considered
    }

    /// Scale of the Gumbel noise at the root.
    pub fn gumbel_scale(self) -> f32 {
        self.gumbel_scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_outside_their_bounds_are_refused() {
        assert!(Recipe::new(0, 1, 0.0).is_ok());
        for (simulations, considered, scale) in
            [(SIMULATIONS_MAX + 1, 1, 0.0), (1, 0, 0.0), (1, 1, -0.1), (1, 1, f32::NAN), (1, 1, f32::INFINITY)]
        {
            assert!(Recipe::new(simulations, considered, scale).is_err(), "{simulations} {considered} {scale}");
        }
    }
}
