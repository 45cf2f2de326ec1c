//! Tables of a board, computed once. The hot path reads them and knows no board by name.

use std::sync::LazyLock;

use super::actions::Actions;
use super::bits::Bits;
use super::board::Board;
use super::cell::Cell;
use super::moves::Extent;

/// The tables of the square board with 64 cells.
pub(super) static SQUARE8: LazyLock<Geometry<1>> = LazyLock::new(|| Geometry::new(Board::Square8));
/// The tables of the hexagon with 61 cells.
pub(super) static HEX8: LazyLock<Geometry<1>> = LazyLock::new(|| Geometry::new(Board::Hex8));
/// The tables of the square board with 361 cells.
pub(super) static SQUARE19: LazyLock<Geometry<6>> = LazyLock::new(|| Geometry::new(Board::Square19));
/// The tables of the hexagon with 469 cells.
pub(super) static HEXAGONAL: LazyLock<Geometry<8>> = LazyLock::new(|| Geometry::new(Board::Hexagonal));

/// Movement directions on squares; direction `d ^ 1` is the opposite of `d`, axis `a` is direction `2 a`.
const SQUARE_DIRECTIONS: &[(i32, i32)] = &[(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1)];
/// Movement directions on hexagons, in the same arrangement.
const HEX_DIRECTIONS: &[(i32, i32)] = &[(1, 0), (-1, 0), (1, -1), (-1, 1), (0, -1), (0, 1)];

/// A direction of movement, by its place in the board's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Direction(pub(super) usize);

impl Direction {
    /// The other way.
    pub(super) fn opposite(self) -> Direction {
        Direction(self.0 ^ 1)
    }
}

/// An axis along which lines are made, by its place in the order in which ties are broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Axis(pub(super) usize);

impl Axis {
    /// The way in which the cells of a line are counted.
    pub(super) fn forward(self) -> Direction {
        Direction(2 * self.0)
    }
}

/// The tables of one board with at most `64 W` cells.
#[derive(Debug)]
pub(super) struct Geometry<const W: usize> {
    pub(super) board: Board,
    /// The numbers of its moves.
    pub(super) actions: Actions,
    /// All cells.
    pub(super) all: Bits<W>,
    /// Number of movement directions.
    pub(super) directions: usize,
    /// (x, y) of each cell.
    coordinates: Vec<(i32, i32)>,
    /// The cell at each place of the bounding square, row x, column y.
    grid: Vec<Option<Cell>>,
    /// Where the ray of (cell, direction) begins in `rays`; one more than there are.
    starts: Vec<u32>,
    /// The cells of all rays, nearest first.
    rays: Vec<Cell>,
    /// Neighbours in any movement direction.
    neighbours: Vec<Bits<W>>,
    /// Neighbours by which territory is connected.
    adjacent: Vec<Bits<W>>,
    /// Neighbours to which the border of a region grows.
    growth: Vec<Bits<W>>,
}

impl<const W: usize> Geometry<W> {
    fn new(board: Board) -> Geometry<W> {
        let (low, side) = (board.low(), board.side() as i32);
        let square = (low..low + side).flat_map(|x| (low..low + side).map(move |y| (x, y)));
        let mut coordinates = Vec::new();
        let mut grid = Vec::new();
        for (x, y) in square {
            grid.push(board.contains(x, y).then_some(Cell(coordinates.len() as u16)));
            if board.contains(x, y) {
                coordinates.push((x, y));
            }
        }
        let list = if board.is_hex() { HEX_DIRECTIONS } else { SQUARE_DIRECTIONS };
        let mut geometry = Geometry {
            board,
            actions: Actions::default(),
            all: Bits::first_cells(coordinates.len()),
            directions: list.len(),
            coordinates,
            grid,
            starts: vec![0],
            rays: Vec::new(),
            neighbours: Vec::new(),
            adjacent: Vec::new(),
            growth: Vec::new(),
        };
        geometry.fill_rays(list);
        geometry.neighbours = geometry.offsets(list);
        geometry.adjacent = geometry.offsets(if board.is_hex() { list } else { &list[..4] });
        // The border grows along the offsets of squares even on the small hexagon, and not at all on the large one.
        geometry.growth = geometry.offsets(if board == Board::Hexagonal { &[] } else { SQUARE_DIRECTIONS });
        geometry.actions = Actions::new(&geometry);
        geometry
    }

    fn fill_rays(&mut self, list: &[(i32, i32)]) {
        let mut rays = Vec::new();
        for &(x, y) in &self.coordinates {
            for &(dx, dy) in list {
                rays.extend((1..).map_while(|step| self.at(x + step * dx, y + step * dy)));
                self.starts.push(rays.len() as u32);
            }
        }
        self.rays = rays;
    }

    fn offsets(&self, list: &[(i32, i32)]) -> Vec<Bits<W>> {
        let around = |&(x, y): &(i32, i32)| {
            let mut bits = Bits::EMPTY;
            list.iter().filter_map(|&(dx, dy)| self.at(x + dx, y + dy)).for_each(|cell| bits.insert(cell));
            bits
        };
        self.coordinates.iter().map(around).collect()
    }

    /// The cell at (x, y).
    pub(super) fn at(&self, x: i32, y: i32) -> Option<Cell> {
        if !self.board.contains(x, y) {
            return None;
        }
        let (low, side) = (self.board.low(), self.board.side() as i32);
        self.grid[((x - low) * side + y - low) as usize]
    }

    /// Where a cell lies.
    pub(super) fn xy(&self, cell: Cell) -> (i32, i32) {
        self.coordinates[cell.index()]
    }

    /// The cells from `cell` to the edge, nearest first.
    #[inline]
    pub(super) fn ray(&self, cell: Cell, direction: Direction) -> &[Cell] {
        let at = cell.index() * self.directions + direction.0;
        &self.rays[self.starts[at] as usize..self.starts[at + 1] as usize]
    }

    /// The next cell, or `None` at the edge.
    #[inline]
    pub(super) fn step(&self, cell: Cell, direction: Direction) -> Option<Cell> {
        self.ray(cell, direction).first().copied()
    }

    /// The direction and the distance of a straight way between two cells.
    #[inline]
    pub(super) fn straight(&self, from: Cell, to: Cell) -> Option<(Direction, usize)> {
        let ((x, y), (to_x, to_y)) = (self.xy(from), self.xy(to));
        let (dx, dy) = (to_x - x, to_y - y);
        let list = if self.board.is_hex() { HEX_DIRECTIONS } else { SQUARE_DIRECTIONS };
        let distance = dx.abs().max(dy.abs());
        let direction = list.iter().position(|&(step_x, step_y)| (step_x * distance, step_y * distance) == (dx, dy))?;
        (distance > 0).then_some((Direction(direction), distance as usize))
    }

    /// Number of the ray and distance of a straight way between two cells; of none: ray 0, distance 1.
    pub(super) fn way(&self, from: Cell, to: Cell) -> (usize, usize) {
        let (direction, distance) = self.straight(from, to).unwrap_or((Direction(0), 1));
        (from.index() * self.directions + direction.0, distance)
    }

    /// Cell and cells of a numbered ray.
    pub(super) fn ray_number(&self, ray: usize) -> (Cell, &[Cell]) {
        let from = Cell((ray / self.directions) as u16);
        (from, self.ray(from, Direction(ray % self.directions)))
    }

    /// The number of a straight way among all.
    pub(super) fn way_number(&self, from: Cell, to: Cell) -> usize {
        let (ray, distance) = self.way(from, to);
        self.starts[ray] as usize + distance - 1
    }

    /// The straight way with this number.
    pub(super) fn way_ends(&self, number: usize) -> (Cell, Cell) {
        let ray = self.starts.partition_point(|&start| start as usize <= number) - 1;
        (self.ray_number(ray).0, self.rays[number])
    }

    /// The last cell of a row.
    pub(super) fn row_end(&self, start: Cell, row: Extent) -> Cell {
        match row.length() {
            1 => start,
            length => self.ray(start, Axis(row.axis()).forward())[length - 2],
        }
    }

    /// Where a cell comes to lie when the board is turned by half a turn.
    pub(super) fn half_turn(&self, cell: Cell) -> Cell {
        // The turn reverses the canonical order.
        Cell((self.board.cells() - 1 - cell.index()) as u16)
    }

    /// The place of a cell in the bounding square, row x, column y.
    pub(super) fn grid_index(&self, cell: Cell) -> usize {
        let ((x, y), low) = (self.xy(cell), self.board.low());
        (x - low) as usize * self.board.side() + (y - low) as usize
    }

    /// No stack becomes higher: who captures is no higher than the longest way, and gains one ring.
    pub(super) fn greatest_height(&self) -> usize {
        self.board.side()
    }

    /// All movement directions.
    #[inline]
    pub(super) fn all_directions(&self) -> impl Iterator<Item = Direction> + use<W> {
        (0..self.directions).map(Direction)
    }

    /// All axes, in the order in which ties are broken.
    #[inline]
    pub(super) fn axes(&self) -> impl Iterator<Item = Axis> + use<W> {
        (0..self.directions / 2).map(Axis)
    }

    /// Neighbours in any movement direction.
    #[inline]
    pub(super) fn neighbours(&self, cell: Cell) -> &Bits<W> {
        &self.neighbours[cell.index()]
    }

    /// The connected part of `open` around `seed`, and all cells beside it.
    pub(super) fn component(&self, seed: Cell, open: &Bits<W>) -> (Bits<W>, Bits<W>) {
        let mut part = Bits::one(seed);
        let mut touched = Bits::EMPTY;
        let mut frontier = part;
        while !frontier.is_empty() {
            let mut next = Bits::EMPTY;
            frontier.iter().for_each(|cell| next |= self.adjacent[cell.index()]);
            touched |= next;
            next &= *open;
            frontier = next.without(&part);
            part |= frontier;
        }
        (part, touched.without(&part))
    }

    /// `border` and all of `markers` that are connected to it by the growth of borders.
    pub(super) fn grown(&self, border: Bits<W>, markers: &Bits<W>) -> Bits<W> {
        let mut grown = border;
        let mut frontier = border;
        while !frontier.is_empty() {
            let mut next = Bits::EMPTY;
            frontier.iter().for_each(|cell| next |= self.growth[cell.index()]);
            next &= *markers;
            frontier = next.without(&grown);
            grown |= frontier;
        }
        grown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rays_are_straight_and_end_at_the_edge() {
        let geometry = &*HEX8;
        let centre = geometry.at(0, 0).expect("the centre");
        for direction in geometry.all_directions() {
            let ray = geometry.ray(centre, direction);
            assert_eq!(ray.len(), 4);
            assert_eq!(geometry.step(ray[0], direction.opposite()), Some(centre));
            assert_eq!(geometry.straight(centre, ray[2]), Some((direction, 3)));
        }
        assert_eq!(geometry.neighbours(centre).count(), 6);
        assert_eq!(geometry.growth[centre.index()].count(), 8);
        let corner = SQUARE8.at(0, 0).expect("a corner");
        let lengths: Vec<_> = SQUARE8.all_directions().map(|way| SQUARE8.ray(corner, way).len()).collect();
        assert_eq!(lengths, [7, 0, 7, 0, 7, 0, 0, 0]);
        assert_eq!(SQUARE8.adjacent[corner.index()].count(), 2);
        assert!(HEXAGONAL.growth.iter().all(Bits::is_empty));
        assert_eq!((SQUARE19.all.count(), HEXAGONAL.all.count()), (361, 469));
    }

    #[test]
    fn components_stop_at_walls() {
        let wall = (0..8).filter_map(|y| SQUARE8.at(3, y)).fold(Bits::EMPTY, |bits, cell| bits | Bits::one(cell));
        let open = SQUARE8.all.without(&wall);
        let (part, touched) = SQUARE8.component(SQUARE8.at(0, 0).expect("a corner"), &open);
        assert_eq!((part.count(), touched), (24, wall));
    }
}
