//! Regions: found, processed and paid for.

use super::bits::Bits;
use super::cell::Cell;
use super::moves::{Border, Move};
use super::rules::Rules;
use super::state::State;
use crate::game::Seat;

impl<const W: usize> Rules<W> {
    /// The phase `territory`.
    pub(super) fn territory_choices(&self, state: &State<W>, into: &mut Vec<Move>) {
        if state.turn.region_owed {
            into.extend(self.payers(state).iter().map(|cell| Move::Eliminate { cell }));
            return;
        }
        self.find_region(state, |border, anchor, _| {
            into.push(Move::Region { border, anchor });
            false
        });
        into.push(if into.is_empty() { Move::NoTerritory } else { Move::StopTerritory });
    }

    /// Is there a region that the player on turn can process?
    pub(super) fn has_region(&self, state: &State<W>) -> bool {
        self.find_region(state, |_, _, _| true)
    }

    /// Stacks with which the player on turn can pay for a region.
    fn payers(&self, state: &State<W>) -> Bits<W> {
        let player = state.turn.player;
        if state.turn.recovered { self.burying(state, player) } else { *state.controlled(player) }
    }

    /// Stacks in which a ring of `seat` is buried.
    pub(super) fn burying(&self, state: &State<W>, seat: Seat) -> Bits<W> {
        let mut found = Bits::EMPTY;
        state.stacked().iter().filter(|&cell| state.stack(cell).buries(seat)).for_each(|cell| found.insert(cell));
        found
    }

    /// Shows `found` every region that the player on turn can process (its name and its cells) until it says true.
    ///
    /// A set of cells that several walls enclose comes once, under the first: markers in order of the seats from the mover on, then
    /// collapsed cells alone.
    pub(super) fn find_region(&self, state: &State<W>, mut found: impl FnMut(Border, Cell, &Bits<W>) -> bool) -> bool {
        let seats = self.config.seats;
        let active = Seat::all(seats).filter(|&seat| state.rings_on_board(seat) > 0).count();
        if active == 0 {
            return false;
        }
        let payers = self.payers(state);
        for border in (0..seats as u8).map(Border::Markers).chain([Border::Collapsed]) {
            let Some(open) = self.open_cells(state, border) else { continue };
            let mut rest = open;
            while let Some(anchor) = rest.first() {
                let (region, touched) = self.geometry.component(anchor, &open);
                rest = rest.without(&region);
                let inside = Seat::all(seats).filter(|&seat| state.controlled(seat).meets(&region)).count();
                let cut_off = inside < active && (border != Border::Collapsed || inside == 1);
                if cut_off
                    && !payers.without(&region).is_empty()
                    && !self.comes_earlier(state, border, &region, &touched)
                    && found(border, anchor, &region)
                {
                    return true;
                }
            }
        }
        false
    }

    /// Cells that are no wall; `None` for the markers of a seat that has none.
    fn open_cells(&self, state: &State<W>, border: Border) -> Option<Bits<W>> {
        let open = self.geometry.all.without(state.dead());
        match border {
            Border::Collapsed => Some(open),
            Border::Markers(after) => {
                let markers = state.markers(self.seat_after(state, after));
                (!markers.is_empty()).then(|| open.without(markers))
            }
        }
    }

    /// The seat that sits `after` places after the player on turn.
    fn seat_after(&self, state: &State<W>, after: u8) -> Seat {
        (0..after).fold(state.turn.player, |seat, _| seat.next(self.config.seats))
    }

    /// Is the same set of cells enclosed by walls that come before `border`? It is when only collapsed cells lie around it and no
    /// marker of the earlier seat lies within.
    fn comes_earlier(&self, state: &State<W>, border: Border, region: &Bits<W>, touched: &Bits<W>) -> bool {
        let earlier = match border {
            Border::Markers(after) => after,
            Border::Collapsed => self.config.seats as u8,
        };
        touched.without(state.dead()).is_empty()
            && (0..earlier)
                .map(|after| state.markers(self.seat_after(state, after)))
                .any(|markers| !markers.is_empty() && !markers.meets(region))
    }

    /// The cells of the region with this name, whether or not it may be processed.
    pub(super) fn region(&self, state: &State<W>, border: Border, anchor: Cell) -> Option<Bits<W>> {
        if let Border::Markers(after) = border
            && usize::from(after) >= self.config.seats
        {
            return None;
        }
        let open = self.open_cells(state, border)?;
        open.has(anchor).then(|| self.geometry.component(anchor, &open).0)
    }

    /// Processes a region for the player on turn.
    pub(super) fn process_region(&self, state: &mut State<W>, border: Border, anchor: Cell) {
        let player = state.turn.player;
        let open = self.open_cells(state, border).expect("the region was listed");
        let (region, touched) = self.geometry.component(anchor, &open);
        let markers = state.all_markers().without(&region);
        let around = self.geometry.grown(touched & markers, &markers);
        for cell in (region & *state.stacked()).iter() {
            state.eliminate_all(cell, player);
        }
        state.collapse(&(region | around), player);
        state.turn.region_owed = true;
    }

    /// Pays for the region that was processed last.
    pub(super) fn pay_region(&self, state: &mut State<W>, cell: Cell) {
        let player = state.turn.player;
        if state.turn.recovered {
            state.extract(cell, player);
        } else {
            state.eliminate_top(cell, state.stack(cell).cap(), player);
        }
        state.turn.region_owed = false;
    }
}
