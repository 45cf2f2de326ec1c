//! Kills a node once per generation, and starts it again.

use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::fleet::Fleet;
use super::teller::Teller;
use crate::cli::Failure;
use crate::node::api::Footer;
use crate::node::api::status::Status;
use crate::projection::campaign::Phase;

/// How long a killed node stays dead: longer than an election, so that the others have to go on without it.
const DEAD_FOR: Duration = Duration::from_secs(5);

/// Decides whom to kill, and when. The choice follows from the seed; the moment from the campaign's own progress.
pub struct Chaos {
    random: ChaCha8Rng,
    generation_done: u32,
    planned: Option<(u32, Phase)>,
    dead: Option<(usize, Instant)>,
    /// Nodes killed so far.
    pub kills: u32,
}

impl Chaos {
    /// Chaos from a seed.
    pub fn new(seed: u64) -> Chaos {
        Chaos { random: ChaCha8Rng::seed_from_u64(seed), generation_done: 0, planned: None, dead: None, kills: 0 }
    }

    /// Whether a killed node has not been started again yet.
    pub fn pending(&self) -> bool {
        self.dead.is_some()
    }

    /// Kills or starts a node if it is time.
    ///
    /// # Errors
    /// When a node cannot be started.
    pub fn act(
        &mut self,
        fleet: &mut Fleet,
        status: &Status,
        footer: &Footer,
        teller: &mut Teller,
    ) -> Result<(), Failure> {
        if let Some((index, since)) = self.dead {
            if since.elapsed() >= DEAD_FOR {
                self.revive(fleet, index, teller)?;
            }
            return Ok(());
        }
        let Some(campaign) = &status.campaign else { return Ok(()) };
        if campaign.generation == self.generation_done || campaign.completed {
            return Ok(());
        }
        let phases = [Phase::SelfPlay, Phase::Training, Phase::Gauntlet];
        let (generation, phase) = *self
            .planned
            .get_or_insert_with(|| (campaign.generation, phases[self.random.random_range(0..phases.len())]));
        if generation != campaign.generation {
            self.planned = None;
            return Ok(());
        }
        if campaign.phase < phase || campaign.games_verified == 0 {
            return Ok(());
        }
        self.kill(fleet, campaign.generation, footer, teller);
        Ok(())
    }

    /// Starts a killed node again, now.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn finish(&mut self, fleet: &mut Fleet, teller: &mut Teller) -> Result<(), Failure> {
        match self.dead {
            Some((index, _)) => self.revive(fleet, index, teller),
            None => Ok(()),
        }
    }

    fn revive(&mut self, fleet: &mut Fleet, index: usize, teller: &mut Teller) -> Result<(), Failure> {
        teller.say(&format!("chaos: starting {} again", fleet.machines[index].name));
        self.dead = None;
        fleet.start(index)
    }

    /// Odd kills take the leader, even ones somebody else.
    fn kill(&mut self, fleet: &mut Fleet, generation: u32, footer: &Footer, teller: &mut Teller) {
        let leader = fleet.machines.iter().position(|machine| Some(&machine.name) == footer.leader.as_ref());
        let others: Vec<usize> = (0..fleet.machines.len()).filter(|index| Some(*index) != leader).collect();
        let index = match leader {
            Some(leader) if self.kills.is_multiple_of(2) || others.is_empty() => leader,
            _ => others[self.random.random_range(0..others.len())],
        };
        let what = if Some(index) == leader { "the leader" } else { "a follower" };
        teller.say(&format!("chaos: kill -9 {} ({what}) in generation {generation}", fleet.machines[index].name));
        fleet.kill(index);
        self.kills += 1;
        self.generation_done = generation;
        self.planned = None;
        self.dead = Some((index, Instant::now()));
    }
}
