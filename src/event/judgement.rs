//! How a candidate is judged: the sequential test of a gauntlet, what it found, and who really played.

use super::body::body;
use super::id::{GameKey, GauntletId, Hash, JobId, NodeId};
use super::unit::Real;

body! {
    /// `SEQUENTIAL_TEST_PLANNED`: a gauntlet's matches against one opponent are judged by a sequential test, not by a fixed
    /// number of games.
    pub struct SequentialTestPlanned {
        /// The gauntlet.
        pub gauntlet: GauntletId,
        /// Index of the opponent in the gauntlet's plan.
        pub opponent: u32,
        /// Players of the game: a group is one opening in all seat rotations, so it has as many games.
        pub seats: u32,
        /// The test.
        pub rule: SequentialRule,
        /// Share of void games from which on the evaluation is void.
        pub voids_max: Real,
    }

    /// A sequential test between two hypotheses about the candidate's strength.
    #[derive(Copy)]
    pub struct SequentialRule {
        /// H0: the candidate is this much stronger than the opponent, in Elo, or less.
        pub elo0: Real,
        /// H1: the candidate is this much stronger, in Elo, or more.
        pub elo1: Real,
        /// Chance of accepting H1 where H0 holds.
        pub alpha: Real,
        /// Chance of accepting H0 where H1 holds.
        pub beta: Real,
        /// Groups before which nothing is accepted.
        pub groups_min: u32,
        /// Groups at most. Undecided by then stays undecided, which is no promotion.
        pub groups_max: u32,
    }

    /// `SEQUENTIAL_TEST_CONCLUDED`: the test of a gauntlet is decided, or can decide nothing any more.
    pub struct SequentialTestConcluded {
        /// The gauntlet.
        pub gauntlet: GauntletId,
        /// Index of the opponent in the gauntlet's plan.
        pub opponent: u32,
        /// What came out.
        pub verdict: TestVerdict,
        /// Groups that the verdict rests on: the first ones of the plan, whatever was played beside them.
        pub groups: u32,
        /// The log-likelihood ratio of H1 to H0 after them.
        pub llr: Real,
        /// H0 is accepted at this ratio or below.
        pub lower: Real,
        /// H1 is accepted at this ratio or above.
        pub upper: Real,
        /// Void games of the gauntlet so far.
        pub voids: u32,
        /// Games of the gauntlet so far, the void ones included.
        pub games: u32,
    }

    /// `MATCHES_ATTESTED`: who really played the games of a `MATCHES_PLAYED`, game by game.
    pub struct MatchesAttested {
        /// The gauntlet.
        pub gauntlet: GauntletId,
        /// The job that played them.
        pub job: JobId,
        /// The host.
        pub host: NodeId,
        /// Every game, in order of group and turn.
        pub games: Vec<GameAttestation>,
    }

    /// One game of a gauntlet: what came out, and who sat at it.
    pub struct GameAttestation {
        /// Number of the group.
        pub group: u32,
        /// Number of the game within the group. The candidate holds seat `(group + turn) mod seats`.
        pub turn: u32,
        /// The candidate's score, in the units of `MATCHES_PLAYED`: halves, sixths or twelfths of a game.
        pub units: u32,
        /// Plies played after the opening.
        pub plies: u32,
        /// Who sat at each seat, in order.
        pub seats: Vec<SeatAttestation>,
    }

    /// Who played a seat of a game.
    #[derive(Copy)]
    pub struct SeatAttestation {
        /// Hash of the weights that were really loaded; none for a player without a net.
        pub weights: Option<Hash>,
        /// Decisions for which it searched: forced moves need none.
        pub decisions: u32,
        /// Positions that its net really evaluated in this game.
        pub leaves: u64,
    }

    /// `CAMPAIGN_STALLED`: so many generations in a row brought no champion that no further one is opened. The champion is examined, and
    /// the campaign waits for a `CONFIG_CHANGED`.
    pub struct CampaignStalled {
        /// The game.
        pub game: GameKey,
        /// The last generation that was tried.
        pub generation: u32,
        /// Generations in a row without a champion.
        pub failed: u32,
        /// Why the last one brought none, in words.
        pub reasons: Vec<String>,
    }

    /// `EVALUATOR_FAULTY`: chance surely beats the model that a gauntlet judges, so its evaluator does not play it, or it is broken. Nothing
    /// else of the gauntlet counts. It comes before the gauntlet's `GAUNTLET_CONCLUDED`.
    pub struct EvaluatorFaulty {
        /// The gauntlet.
        pub gauntlet: GauntletId,
        /// The share that the model won against uniformly random players.
        pub share: Real,
        /// The share of one of them.
        pub parity: Real,
        /// Games.
        pub games: u32,
    }

    /// What a sequential test says.
    #[derive(Copy, PartialOrd, Ord)]
    pub enum TestVerdict {
        /// H1 is accepted: the candidate is stronger.
        Better,
        /// H0 is accepted: it is not.
        NotBetter,
        /// All groups are played and neither is accepted.
        Undecided,
        /// Too many games were void: nothing is known.
        Void,
    }
}
