//! A position: what lies on the board, what the players own, and where in the turn they are.

use super::bits::{Bits, WORD, place};
use super::cell::Cell;
use super::stack::Stack;
use crate::game::{SEATS_MAX, Seat};

/// The phase of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Rings may be placed.
    Place,
    /// A stack has to move or capture.
    Move,
    /// The stack that moved may capture.
    Capture,
    /// The stack that captured has to go on.
    Chain,
    /// Lines collapse.
    Line,
    /// Regions collapse.
    Territory,
    /// Who could do nothing gives up a cap.
    Forced,
    /// The game is over.
    Over,
}

impl Phase {
    /// All phases, in the order of a turn.
    pub const ALL: [Phase; 8] = [
        Phase::Place,
        Phase::Move,
        Phase::Capture,
        Phase::Chain,
        Phase::Line,
        Phase::Territory,
        Phase::Forced,
        Phase::Over,
    ];

    /// The name on paper.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Place => "place",
            Phase::Move => "move",
            Phase::Capture => "capture",
            Phase::Chain => "chain",
            Phase::Line => "line",
            Phase::Territory => "territory",
            Phase::Forced => "forced",
            Phase::Over => "over",
        }
    }
}

/// How a game was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The winner has eliminated enough rings.
    RingElimination,
    /// The winner owns enough territory.
    TerritoryControl,
    /// Nobody else has anything left.
    LastPlayerStanding,
    /// Nobody else could act for long enough.
    LpsRounds,
}

impl Reason {
    /// The name on paper.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::RingElimination => "ring_elimination",
            Reason::TerritoryControl => "territory_control",
            Reason::LastPlayerStanding => "last_player_standing",
            Reason::LpsRounds => "lps_rounds",
        }
    }
}

/// The end of a game.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct End {
    /// Who won.
    pub winner: Seat,
    /// Why.
    pub reason: Reason,
    /// Was it decided by counting on a bare board?
    pub ladder: bool,
}

/// Where in a turn the players are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Turn {
    /// The phase.
    pub phase: Phase,
    /// Who is on turn.
    pub player: Seat,
    /// The one stack that may act.
    pub focus: Option<Cell>,
    /// A line was collapsed whose ring is not paid yet.
    pub line_owed: bool,
    /// A region was collapsed whose price is not paid yet.
    pub region_owed: bool,
    /// Did the player change the board this turn?
    pub acted: bool,
    /// Did the player recover this turn?
    pub recovered: bool,
}

impl Turn {
    /// The begin of a turn.
    pub(super) fn of(player: Seat) -> Turn {
        Turn {
            phase: Phase::Place,
            player,
            focus: None,
            line_owed: false,
            region_owed: false,
            acted: false,
            recovered: false,
        }
    }
}

/// Who has been the only one able to act, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LpsTracker {
    /// The seat whose turn begins a round.
    pub first: Option<Seat>,
    /// Seats registered this round, as bits.
    pub seen: u8,
    /// Of those, the seats that could act.
    pub able: u8,
    /// Rounds in a row in which only `exclusive` could act.
    pub rounds: u16,
    /// The only seat that could act in the last round.
    pub exclusive: Option<Seat>,
}

/// A position on a board with at most `64 W` cells. A plain copy of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State<const W: usize> {
    stacks: [[Stack; WORD]; W],
    controlled: [Bits<W>; SEATS_MAX],
    markers: [Bits<W>; SEATS_MAX],
    collapsed: [Bits<W>; SEATS_MAX],
    /// Cells with a stack: the union of `controlled`.
    stacked: Bits<W>,
    /// Collapsed cells of anybody: the union of `collapsed`.
    dead: Bits<W>,
    /// Rings of each colour on the board.
    on_board: [u16; SEATS_MAX],
    /// Rings not yet placed.
    pub(super) hand: [u16; SEATS_MAX],
    /// Rings that each seat caused to be eliminated.
    pub(super) eliminated: [u16; SEATS_MAX],
    /// Collapsed cells of each seat.
    territory: [u16; SEATS_MAX],
    pub(super) turn: Turn,
    pub(super) lps: LpsTracker,
    /// Who made the last move.
    pub(super) last_mover: Option<Seat>,
    /// Seats that have moved in this game, as bits. Only the pie rule asks.
    pub(super) moved: u8,
    /// Have sides been swapped?
    pub(super) swapped: bool,
    pub(super) end: Option<End>,
}

impl<const W: usize> State<W> {
    /// An empty board, the first seat on turn.
    pub(super) fn empty() -> State<W> {
        State {
            stacks: [[Stack::NONE; WORD]; W],
            controlled: [Bits::EMPTY; SEATS_MAX],
            markers: [Bits::EMPTY; SEATS_MAX],
            collapsed: [Bits::EMPTY; SEATS_MAX],
            stacked: Bits::EMPTY,
            dead: Bits::EMPTY,
            on_board: [0; SEATS_MAX],
            hand: [0; SEATS_MAX],
            eliminated: [0; SEATS_MAX],
            territory: [0; SEATS_MAX],
            turn: Turn::of(Seat::FIRST),
            lps: LpsTracker::default(),
            last_mover: None,
            moved: 0,
            swapped: false,
            end: None,
        }
    }

    /// The stack on a cell, or [`Stack::NONE`].
    #[inline]
    pub fn stack(&self, cell: Cell) -> Stack {
        let (word, at) = place::<W>(cell);
        self.stacks[word][at]
    }

    /// Cells with a stack.
    #[inline]
    pub fn stacked(&self) -> &Bits<W> {
        &self.stacked
    }

    /// Cells with a stack that `seat` controls.
    #[inline]
    pub fn controlled(&self, seat: Seat) -> &Bits<W> {
        &self.controlled[seat.index()]
    }

    /// Cells with a marker of `seat`.
    #[inline]
    pub fn markers(&self, seat: Seat) -> &Bits<W> {
        &self.markers[seat.index()]
    }

    /// Cells with a marker of anybody.
    #[inline]
    pub fn all_markers(&self) -> Bits<W> {
        let [a, b, c, d] = self.markers;
        a | b | c | d
    }

    /// Cells that have collapsed for `seat`.
    pub fn collapsed(&self, seat: Seat) -> &Bits<W> {
        &self.collapsed[seat.index()]
    }

    /// Cells that have collapsed.
    #[inline]
    pub fn dead(&self) -> &Bits<W> {
        &self.dead
    }

    /// Cells that stop a stack: those with a stack and those that have collapsed.
    #[inline]
    pub(super) fn blocked(&self) -> Bits<W> {
        self.stacked | self.dead
    }

    /// The owner of the marker on `cell`.
    pub fn marker(&self, cell: Cell) -> Option<Seat> {
        Seat::all(SEATS_MAX).find(|&seat| self.markers(seat).has(cell))
    }

    /// The owner of the collapsed `cell`.
    pub fn owner(&self, cell: Cell) -> Option<Seat> {
        Seat::all(SEATS_MAX).find(|&seat| self.collapsed(seat).has(cell))
    }

    /// Rings of this colour on the board.
    #[inline]
    pub fn rings_on_board(&self, seat: Seat) -> u16 {
        self.on_board[seat.index()]
    }

    /// Rings of `seat` not yet placed.
    #[inline]
    pub fn hand(&self, seat: Seat) -> u16 {
        self.hand[seat.index()]
    }

    /// Rings that `seat` caused to be eliminated.
    #[inline]
    pub fn eliminated(&self, seat: Seat) -> u16 {
        self.eliminated[seat.index()]
    }

    /// Number of cells that have collapsed for `seat`.
    #[inline]
    pub fn territory(&self, seat: Seat) -> u16 {
        self.territory[seat.index()]
    }

    /// Where in the turn the players are.
    pub fn turn(&self) -> &Turn {
        &self.turn
    }

    /// Who has been the only one able to act.
    pub fn lps(&self) -> &LpsTracker {
        &self.lps
    }

    /// Have sides been swapped?
    pub fn swapped(&self) -> bool {
        self.swapped
    }

    /// How the game ended.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Has `seat` a ring left anywhere?
    #[inline]
    pub(super) fn has_rings(&self, seat: Seat) -> bool {
        self.hand[seat.index()] > 0 || self.on_board[seat.index()] > 0
    }

    /// Puts a stack (or none) on a cell. The number of rings on the board is the caller's to keep.
    #[inline]
    fn set_stack(&mut self, cell: Cell, stack: Stack) {
        let (word, at) = place::<W>(cell);
        if let Some(seat) = self.stacks[word][at].controller() {
            self.controlled[seat.index()].remove(cell);
            self.stacked.remove(cell);
        }
        if let Some(seat) = stack.controller() {
            self.controlled[seat.index()].insert(cell);
            self.stacked.insert(cell);
        }
        self.stacks[word][at] = stack;
    }

    /// Adds `count` new rings of this colour on top.
    pub(super) fn add_rings(&mut self, cell: Cell, seat: Seat, count: usize) {
        let stack = (0..count).fold(self.stack(cell), |stack, _| stack.with_top(seat));
        self.set_stack(cell, stack);
        self.on_board[seat.index()] += count as u16;
    }

    /// Moves a stack to an empty cell.
    pub(super) fn shift_stack(&mut self, from: Cell, to: Cell) {
        let stack = self.stack(from);
        self.set_stack(from, Stack::NONE);
        self.set_stack(to, stack);
    }

    /// Moves the top ring of `over` to below the stack on `under`.
    pub(super) fn take_top(&mut self, over: Cell, under: Cell) {
        let loser = self.stack(over);
        self.set_stack(over, loser.without_top(1));
        self.set_stack(under, self.stack(under).with_bottom(loser.top()));
    }

    /// Eliminates `count` rings from the top of a stack for `by`.
    pub(super) fn eliminate_top(&mut self, cell: Cell, count: usize, by: Seat) {
        let stack = self.stack(cell);
        debug_assert!(count <= stack.height());
        let left = stack.without_top(count);
        self.forget_rings(stack, left, by);
        self.set_stack(cell, left);
    }

    /// Eliminates the whole stack for `by`.
    pub(super) fn eliminate_all(&mut self, cell: Cell, by: Seat) {
        self.eliminate_top(cell, self.stack(cell).height(), by);
    }

    /// Takes the lowest ring of `by`'s colour out of a stack and eliminates it for `by`.
    pub(super) fn extract(&mut self, cell: Cell, by: Seat) {
        let stack = self.stack(cell);
        let left = stack.without_lowest(by);
        self.forget_rings(stack, left, by);
        self.set_stack(cell, left);
    }

    /// Counts the rings that are in `before` and not in `after` as eliminated by `by`.
    fn forget_rings(&mut self, before: Stack, after: Stack, by: Seat) {
        for seat in Seat::all(SEATS_MAX) {
            let gone = (before.count(seat) - after.count(seat)) as u16;
            self.on_board[seat.index()] -= gone;
            self.eliminated[by.index()] += gone;
        }
    }

    /// Puts a marker on a cell without one.
    #[inline]
    pub(super) fn add_marker(&mut self, cell: Cell, seat: Seat) {
        self.markers[seat.index()].insert(cell);
    }

    /// Takes the marker off a cell; false when there is none.
    #[inline]
    pub(super) fn remove_marker(&mut self, cell: Cell) -> bool {
        let found = self.all_markers().has(cell);
        if found {
            self.markers.iter_mut().for_each(|markers| markers.remove(cell));
        }
        found
    }

    /// Collapses cells for `seat`, with the markers on them. None of them has collapsed before or holds a stack.
    pub(super) fn collapse(&mut self, cells: &Bits<W>, seat: Seat) {
        debug_assert!(!cells.meets(&self.dead) && !cells.meets(&self.stacked));
        self.markers.iter_mut().for_each(|markers| *markers = markers.without(cells));
        self.collapsed[seat.index()] |= *cells;
        self.dead |= *cells;
        self.territory[seat.index()] += cells.count() as u16;
    }

    /// The same position with every seat moved on by one.
    #[cfg(test)]
    pub(super) fn rotated(&self, seats: usize) -> State<W> {
        let on = |seat: Seat| seat.next(seats);
        let mut rotated = *self;
        for word in rotated.stacks.iter_mut().flatten() {
            *word = word.rings().fold(Stack::NONE, |stack, ring| stack.with_top(on(ring)));
        }
        for seat in Seat::all(seats) {
            let (from, to) = (seat.index(), on(seat).index());
            rotated.controlled[to] = self.controlled[from];
            rotated.markers[to] = self.markers[from];
            rotated.collapsed[to] = self.collapsed[from];
            rotated.on_board[to] = self.on_board[from];
            rotated.hand[to] = self.hand[from];
            rotated.eliminated[to] = self.eliminated[from];
            rotated.territory[to] = self.territory[from];
        }
        let mask =
            |bits: u8| Seat::all(seats).fold(0, |mask, seat| mask | (bits >> seat.index() & 1) << on(seat).index());
        rotated.turn.player = on(self.turn.player);
        rotated.last_mover = self.last_mover.map(on);
        rotated.moved = mask(self.moved);
        rotated.lps = LpsTracker {
            first: self.lps.first.map(on),
            seen: mask(self.lps.seen),
            able: mask(self.lps.able),
            rounds: self.lps.rounds,
            exclusive: self.lps.exclusive.map(on),
        };
        rotated.end = self.end.map(|end| End { winner: on(end.winner), ..end });
        rotated
    }

    /// Does everything that is kept beside the board agree with the board?
    pub(super) fn is_consistent(&self) -> bool {
        let mut controlled = [Bits::EMPTY; SEATS_MAX];
        let mut on_board = [0; SEATS_MAX];
        for index in 0..W * WORD {
            let cell = Cell(index as u16);
            let stack = self.stack(cell);
            stack.controller().into_iter().for_each(|seat| controlled[seat.index()].insert(cell));
            stack.rings().for_each(|seat| on_board[seat.index()] += 1);
        }
        let union = |sets: &[Bits<W>; SEATS_MAX]| sets.iter().fold(Bits::EMPTY, |all, &set| all | set);
        let disjoint = |sets: &[Bits<W>; SEATS_MAX]| sets.iter().map(Bits::count).sum::<usize>() == union(sets).count();
        let markers = self.all_markers();
        controlled == self.controlled
            && on_board == self.on_board
            && self.stacked == union(&controlled)
            && self.dead == union(&self.collapsed)
            && disjoint(&self.markers)
            && disjoint(&self.collapsed)
            && self.collapsed.each_ref().map(|cells| cells.count() as u16) == self.territory
            && !markers.meets(&self.stacked)
            && !self.dead.meets(&(markers | self.stacked))
    }
}
