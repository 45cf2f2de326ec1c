//! The tree: nodes and edges in two vectors, the edges of a node side by side. Nothing is freed before the search ends.

mod keep;

use super::completed::{Edge, edges_from_logits, select};
use crate::game::{Game, SEATS_MAX, Seat};
use crate::search::evaluator::Evaluation;

/// A position that a simulation has reached.
#[derive(Clone, Debug)]
pub(super) struct Node<S> {
    state: S,
    /// Who moves; the seat whose values the edges sum up.
    mover: Seat,
    /// The net's value, or the shares once the game is over.
    pub value: [f32; SEATS_MAX],
    /// First of its edges; they lie side by side. No edges: the game is over, or the node waits for its evaluation.
    first_edge: u32,
    edge_count: u32,
    over: bool,
}

impl<S> Node<S> {
    /// The net's value for the seat that moves.
    pub(super) fn mover_value(&self) -> f32 {
        self.value[self.mover.index()]
    }
}

/// Where a simulation arrived.
pub(super) enum Arrival {
    /// At a new node that needs an evaluation.
    Leaf,
    /// At the end of the game, with these shares.
    End([f32; SEATS_MAX]),
}

/// The tree of one search. The root is node 0.
#[derive(Clone, Debug)]
pub(super) struct Tree<G: Game> {
    nodes: Vec<Node<G::State>>,
    edges: Vec<Edge>,
    /// The action of each edge.
    actions: Vec<G::Action>,
    /// Node and edge at each step of the current simulation.
    path: Vec<(u32, u32)>,
    /// Sums of all values that came back through each edge of the root.
    root_sums: Vec<[f32; SEATS_MAX]>,
    scratch: Vec<f32>,
}

impl<G: Game> Tree<G> {
    /// A tree without nodes.
    pub(super) fn new() -> Tree<G> {
        Tree {
            nodes: Vec::new(),
            edges: Vec::new(),
            actions: Vec::new(),
            path: Vec::new(),
            root_sums: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Forgets everything but the allocations, and begins with `state` as root.
    pub(super) fn plant(&mut self, game: &G, state: G::State) {
        self.nodes.clear();
        self.edges.clear();
        self.actions.clear();
        self.path.clear();
        self.root_sums.clear();
        self.push_node(game, state);
    }

    /// The root, or `None` before the first [`Tree::plant`].
    pub(super) fn root(&self) -> Option<&Node<G::State>> {
        self.nodes.first()
    }

    /// The root's edges; none before its evaluation.
    pub(super) fn root_edges(&self) -> &[Edge] {
        self.root().map_or(&[], |root| self.edges_of(root))
    }

    /// The root's legal actions; none before its evaluation.
    pub(super) fn root_actions(&self) -> &[G::Action] {
        self.actions.get(..self.root_edges().len()).unwrap_or(&[])
    }

    /// Mean values of the simulations through an edge of the root, for all seats.
    pub(super) fn root_q(&self, index: usize) -> Option<[f32; SEATS_MAX]> {
        let visits = self.root_edges()[index].visits;
        (visits > 0).then(|| self.root_sums[index].map(|sum| sum / visits as f32))
    }

    /// The newest node's position: the leaf, after [`Arrival::Leaf`].
    pub(super) fn newest(&self) -> Option<&G::State> {
        self.nodes.last().map(|node| &node.state)
    }

    /// Walks from the root through its edge `first` to a new node or to an end.
    pub(super) fn descend(&mut self, game: &G, first: usize) -> Arrival {
        self.path.clear();
        let (mut at, mut choice) = (0, first);
        loop {
            let edge = self.nodes[at].first_edge + choice as u32;
            self.path.push((at as u32, edge));
            let child = self.edges[edge as usize].child;
            at = if child == Edge::NO_CHILD { self.grow(game, at, edge) } else { child as usize };
            let node = &self.nodes[at];
            if node.over {
                return Arrival::End(node.value);
            }
            if node.edge_count == 0 {
                return Arrival::Leaf;
            }
            let edges = &self.edges[node.first_edge as usize..(node.first_edge + node.edge_count) as usize];
            choice = select(edges, node.mover_value(), &mut self.scratch);
        }
    }

    /// Gives the newest node its evaluation, and edges for its legal actions.
    pub(super) fn expand(&mut self, legal: &[G::Action], evaluation: &Evaluation) {
        let first_edge = self.edges.len() as u32;
        edges_from_logits(&evaluation.logits, &mut self.edges);
        self.actions.extend_from_slice(legal);
        let node = self.nodes.last_mut().expect("a leaf was found before it was evaluated");
        node.value = evaluation.value;
        node.first_edge = first_edge;
        node.edge_count = legal.len() as u32;
        if self.nodes.len() == 1 {
            self.root_sums.resize(legal.len(), [0.0; SEATS_MAX]);
        }
    }

    /// Carries the value of where the simulation arrived back to the root. Each node takes its mover's component.
    pub(super) fn back_up(&mut self, value: &[f32; SEATS_MAX]) {
        for &(node, edge) in &self.path {
            let mover = self.nodes[node as usize].mover;
            let edge = &mut self.edges[edge as usize];
            edge.value_sum += value[mover.index()];
            edge.visits += 1;
        }
        if let Some(&(_, edge)) = self.path.first() {
            // The root is expanded first, so its edges are the first of all.
            let sums = &mut self.root_sums[edge as usize];
            sums.iter_mut().zip(value).for_each(|(sum, share)| *sum += share);
        }
    }

    fn edges_of(&self, node: &Node<G::State>) -> &[Edge] {
        &self.edges[node.first_edge as usize..(node.first_edge + node.edge_count) as usize]
    }

    /// Adds the node behind an edge.
    fn grow(&mut self, game: &G, parent: usize, edge: u32) -> usize {
        let mut state = self.nodes[parent].state.clone();
        game.play_listed(&mut state, &self.actions[edge as usize]);
        self.edges[edge as usize].child = self.nodes.len() as u32;
        self.push_node(game, state);
        self.nodes.len() - 1
    }

    fn push_node(&mut self, game: &G, state: G::State) {
        let outcome = game.outcome(&state);
        self.nodes.push(Node {
            mover: game.to_move(&state),
            value: outcome.map_or([0.0; SEATS_MAX], |outcome| outcome.shares()),
            first_edge: 0,
            edge_count: 0,
            over: outcome.is_some(),
            state,
        });
    }
}
