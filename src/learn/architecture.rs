//! What a net is: its family, what it sees and what it says. From this follow the names and shapes of all its tensors.

use serde::{Deserialize, Serialize};

use super::error::LearnError;
use super::frozen;
use crate::event::Hash;
use crate::game::{PlaneShape, Planes, PolicyShape, SEATS_MAX};

/// A family of nets: how wide and how deep.
///
/// `docs/nets.md` has the numbers of parameters for every board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// The name, as in the configuration.
    pub name: &'static str,
    /// Residual blocks.
    pub blocks: usize,
    /// Channels of the trunk.
    pub channels: usize,
    /// Channels that the policy head reduces to.
    pub policy_channels: usize,
    /// Length of the policy head's queries and keys.
    pub rank: usize,
    /// Channels that the value head reduces to.
    pub value_channels: usize,
    /// Units of the value head's hidden layer.
    pub value_hidden: usize,
}

/// Every family, smallest first.
pub const FAMILIES: [Family; 4] = [
    Family { name: "tiny", blocks: 4, channels: 32, policy_channels: 16, rank: 8, value_channels: 4, value_hidden: 32 },
    Family {
        name: "small",
        blocks: 6,
        channels: 64,
        policy_channels: 32,
        rank: 16,
        value_channels: 8,
        value_hidden: 64,
    },
    Family {
        name: "base",
        blocks: 10,
        channels: 128,
        policy_channels: 64,
        rank: 32,
        value_channels: 8,
        value_hidden: 128,
    },
    Family {
        name: "large",
        blocks: 15,
        channels: 192,
        policy_channels: 96,
        rank: 32,
        value_channels: 8,
        value_hidden: 256,
    },
];

impl Family {
    /// The family with this name.
    ///
    /// # Errors
    /// [`LearnError::Family`] when there is none.
    pub fn named(name: &str) -> Result<Family, LearnError> {
        FAMILIES.into_iter().find(|family| family.name == name).ok_or_else(|| LearnError::Family(name.to_owned()))
    }
}

/// Version of how nets are built from their families: layers, their order, what the heads compute.
pub const VERSION: u32 = 2;

/// The identity of a net's shape. Weights fit exactly one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// How nets are built, [`VERSION`].
    pub version: u32,
    /// The game's key.
    pub game: String,
    /// Name of the family.
    pub net: String,
    /// The encoder's version.
    pub encoder: u32,
    /// How the encoder sees the frozen positions, see [`frozen::encoder_hash`].
    pub encoder_hash: Hash,
    /// Shape of the input: channels, height, width.
    pub planes: [usize; 3],
    /// Length of the action table.
    pub actions: usize,
    /// What the policy head provides.
    pub policy: PolicySize,
    /// Number of players.
    pub seats: usize,
    /// Outputs of the margin head: one for each player, or none in games that know nothing but who won ([`crate::game::Game::progress`]) and in nets that
    /// were built before there was such a head.
    #[serde(default, skip_serializing_if = "is_none")]
    pub margins: usize,
}

fn is_none(count: &usize) -> bool {
    *count == 0
}

/// The policy head's numbers of kinds, roles of cells and families of pairs; see [`PolicyShape`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySize {
    /// Kinds of actions.
    pub kinds: usize,
    /// Roles of cells.
    pub roles: usize,
    /// Families of pairs.
    pub families: usize,
}

impl From<PolicyShape> for PolicySize {
    fn from(PolicyShape { kinds, roles, families }: PolicyShape) -> PolicySize {
        PolicySize { kinds, roles, families }
    }
}

/// The largest side of a board, in cells. Keeps all arithmetic on shapes far from overflow.
pub const SIDE_MAX: usize = 1 << 10;
/// The most planes of an input.
pub const PLANES_MAX: usize = 1 << 12;
/// The longest action table.
pub const ACTIONS_MAX: usize = 1 << 24;
/// The most kinds, roles or families of a policy head.
pub const POLICY_MAX: usize = 1 << 10;

/// What a tensor is for; decides its start value and whether it decays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Weight of a convolution or a linear layer: random at first, decays.
    Weight,
    /// Weight of a head's last layer: small at first, so that a fresh net is nearly uniform; decays.
    Output,
    /// Weight of a factor of a product of two such: small at first, but not so small that neither can grow; decays.
    Bilinear,
    /// Bias, or shift of a normalisation: 0 at first, never decays.
    Shift,
    /// Scale of a normalisation: 1 at first, never decays.
    Scale,
    /// Running mean of a normalisation: 0 at first, not trained.
    Mean,
    /// Running variance of a normalisation: 1 at first, not trained.
    Variance,
}

impl Role {
    /// Whether the optimiser changes the tensor.
    pub fn trains(self) -> bool {
        !matches!(self, Role::Mean | Role::Variance)
    }

    /// Whether weight decay applies.
    pub fn decays(self) -> bool {
        matches!(self, Role::Weight | Role::Output | Role::Bilinear)
    }
}

/// One tensor of a net.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// The name, such as `blocks.0.a.conv.weight`.
    pub name: String,
    /// The shape.
    pub shape: Vec<usize>,
    /// What it is for.
    pub role: Role,
}

impl TensorSpec {
    /// Elements of the tensor.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// True when the tensor has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Architecture {
    /// The net of `family` for a game.
    pub fn of<G: Planes>(game: &G, family: Family) -> Architecture {
        let PlaneShape { channels, height, width } = game.plane_shape();
        Architecture {
            version: VERSION,
            game: game.key().to_owned(),
            net: family.name.to_owned(),
            encoder: game.encoder_version(),
            encoder_hash: frozen::encoder_hash(game),
            planes: [channels, height, width],
            actions: game.action_count(),
            policy: game.policy_shape().into(),
            seats: game.seats(),
            margins: if game.progress(&game.start()).is_some() { game.seats() } else { 0 },
        }
    }

    /// The architecture's name: equal for nets of which one can take over the other's weights.
    pub fn hash(&self) -> Hash {
        Hash::of(&serde_json::to_vec(self).expect("plain data"))
    }

    /// The family.
    ///
    /// # Errors
    /// [`LearnError::Family`] when this build does not know it.
    pub fn family(&self) -> Result<Family, LearnError> {
        Family::named(&self.net)
    }

    /// Refuses an architecture that is not one for `game`, naming the first field that differs.
    ///
    /// # Errors
    /// [`LearnError::Mismatch`], or [`LearnError::Family`] for an unknown family.
    pub fn check_fits<G: Planes>(&self, game: &G) -> Result<(), LearnError> {
        let wanted = Architecture::of(game, self.family()?);
        let text = |value: &dyn std::fmt::Debug| format!("{value:?}");
        let fields = [
            ("game", text(&self.game), text(&wanted.game)),
            ("encoder version", text(&self.encoder), text(&wanted.encoder)),
            ("encoder hash", self.encoder_hash.to_string(), wanted.encoder_hash.to_string()),
            ("plane shape", text(&self.planes), text(&wanted.planes)),
            ("action count", text(&self.actions), text(&wanted.actions)),
            ("policy shape", text(&self.policy), text(&wanted.policy)),
            ("seats", text(&self.seats), text(&wanted.seats)),
            ("margins", text(&self.margins), text(&if self.margins == 0 { 0 } else { wanted.margins })),
        ];
        match fields.into_iter().find(|(_, found, wanted)| found != wanted) {
            Some((field, found, wanted)) => Err(LearnError::Mismatch { field, found, wanted }),
            None => Ok(()),
        }
    }

    /// Every tensor, in the order in which the layers come.
    ///
    /// # Errors
    /// [`LearnError::Family`] for an unknown family, [`LearnError::Weights`] for a shape that no game has.
    pub fn tensors(&self) -> Result<Vec<TensorSpec>, LearnError> {
        self.check_version()?;
        let family = self.family()?;
        self.check_bounds()?;
        let PolicySize { kinds, roles, families } = self.policy;
        let [planes, height, width] = self.planes;
        let mut list = TensorList::default();
        list.convolution("stem", planes, family.channels, 3);
        for block in 0..family.blocks {
            list.convolution(&format!("blocks.{block}.a"), family.channels, family.channels, 3);
            list.convolution(&format!("blocks.{block}.b"), family.channels, family.channels, 3);
        }
        let cells = height * width;
        list.convolution("policy", family.channels, family.policy_channels, 1);
        list.linear("policy.kinds", 2 * family.policy_channels, kinds, Role::Output);
        list.linear("policy.roles", family.policy_channels, roles, Role::Output);
        if families > 0 {
            list.linear("policy.query", family.policy_channels, families * family.rank, Role::Bilinear);
            list.linear("policy.key", family.policy_channels, families * family.rank, Role::Bilinear);
        }
        let mut head = |name: &str, outputs: usize| {
            list.convolution(name, family.channels, family.value_channels, 1);
            list.linear(&format!("{name}.hidden"), family.value_channels * cells, family.value_hidden, Role::Weight);
            list.linear(&format!("{name}.out"), family.value_hidden, outputs, Role::Output);
        };
        head("value", self.seats);
        if self.margins > 0 {
            head("margin", self.margins);
        }
        Ok(list.0)
    }

    /// Refuses what was built otherwise.
    fn check_version(&self) -> Result<(), LearnError> {
        if self.version == VERSION {
            return Ok(());
        }
        let found = format!("architecture version {}", self.version);
        Err(LearnError::Outdated { found, wanted: format!("architecture version {VERSION}") })
    }

    /// Refuses shapes that no game has, which only a damaged or hostile file can claim.
    fn check_bounds(&self) -> Result<(), LearnError> {
        let [planes, height, width] = self.planes;
        let bounds = [
            ("planes", planes, PLANES_MAX),
            ("rows", height, SIDE_MAX),
            ("columns", width, SIDE_MAX),
            ("actions", self.actions, ACTIONS_MAX),
            ("kinds", self.policy.kinds, POLICY_MAX),
            ("roles", self.policy.roles, POLICY_MAX),
            // There may be none of these.
            ("families", self.policy.families.max(1), POLICY_MAX),
            ("seats", self.seats, SEATS_MAX),
            // There may be none of these either.
            ("margins", self.margins.max(1), SEATS_MAX),
        ];
        match bounds.into_iter().find(|(_, found, limit)| !(1..=*limit).contains(found)) {
            Some((what, found, limit)) => {
                Err(LearnError::Weights { reason: format!("it claims {found} {what}, allowed is 1 to {limit}") })
            }
            None => Ok(()),
        }
    }

    /// Trainable parameters.
    ///
    /// # Errors
    /// [`LearnError::Family`] for an unknown family.
    pub fn parameters(&self) -> Result<u64, LearnError> {
        let trained = self.tensors()?.into_iter().filter(|tensor| tensor.role.trains());
        Ok(trained.map(|tensor| tensor.len() as u64).sum())
    }
}

/// Collects the tensors of layers.
#[derive(Default)]
struct TensorList(Vec<TensorSpec>);

impl TensorList {
    fn push(&mut self, name: String, shape: &[usize], role: Role) {
        self.0.push(TensorSpec { name, shape: shape.to_vec(), role });
    }

    /// A convolution without bias and its batch normalisation.
    fn convolution(&mut self, name: &str, from: usize, to: usize, side: usize) {
        self.push(format!("{name}.conv.weight"), &[to, from, side, side], Role::Weight);
        self.push(format!("{name}.norm.weight"), &[to], Role::Scale);
        self.push(format!("{name}.norm.bias"), &[to], Role::Shift);
        self.push(format!("{name}.norm.running_mean"), &[to], Role::Mean);
        self.push(format!("{name}.norm.running_var"), &[to], Role::Variance);
    }

    fn linear(&mut self, name: &str, from: usize, to: usize, role: Role) {
        self.push(format!("{name}.weight"), &[to, from], role);
        self.push(format!("{name}.bias"), &[to], Role::Shift);
    }
}
