//! What a tree knows of a later position of the same game.

use super::{Node, Tree};
use crate::game::{Game, SEATS_MAX};
use crate::search::gumbel::completed::Edge;

impl<G: Game> Tree<G> {
    /// Makes the part of the tree below `state` the whole tree, if the tree has evaluated this position; else changes nothing. Positions are
    /// Markov, so it does not matter by which moves the position was reached; of several nodes the most visited one counts.
    pub(in crate::search::gumbel) fn keep(&mut self, state: &G::State) -> bool {
        let knows = |node: &Node<G::State>| node.edge_count > 0 && node.state == *state;
        let visits = |node: &Node<G::State>| self.edges_of(node).iter().map(|edge| edge.visits).sum::<u32>();
        let found = self.nodes.iter().enumerate().filter(|(_, node)| knows(node));
        // The last of equals is taken: any rule would do that always says the same.
        let Some((at, _)) = found.max_by_key(|(_, node)| visits(node)) else { return false };
        self.replant(at);
        true
    }

    /// Simulations that went through the root before it became the root, and are still of use.
    pub(in crate::search::gumbel) fn root_visits(&self) -> u32 {
        self.root_edges().iter().map(|edge| edge.visits).sum()
    }

    /// Copies the nodes below `at`, parents before their children, so that the root and its edges come first.
    fn replant(&mut self, at: usize) {
        let (nodes, edges, actions) =
            (std::mem::take(&mut self.nodes), std::mem::take(&mut self.edges), std::mem::take(&mut self.actions));
        // Of each node of the new tree: its parent, and how often its own value came back.
        let mut lineage = vec![(0, 0)];
        self.path.clear();
        self.nodes.push(nodes[at].clone());
        let mut next = 0;
        while let Some(node) = self.nodes.get_mut(next) {
            let old = node.first_edge as usize..(node.first_edge + node.edge_count) as usize;
            node.first_edge = self.edges.len() as u32;
            self.actions.extend_from_slice(&actions[old.clone()]);
            for mut edge in edges[old].iter().copied() {
                if edge.child != Edge::NO_CHILD {
                    let child = nodes[edge.child as usize].clone();
                    // An end gives its value at every visit, an evaluation counts once.
                    lineage.push((next, if child.over { edge.visits } else { 1 }));
                    edge.child = self.nodes.len() as u32;
                    self.nodes.push(child);
                }
                self.edges.push(edge);
            }
            next += 1;
        }
        self.sum_up(&lineage);
    }

    /// What came back through each edge of the root, for all seats: edges sum up their mover's share alone.
    fn sum_up(&mut self, lineage: &[(usize, u32)]) {
        let weighted =
            |(node, (_, times)): (&Node<G::State>, &(usize, u32))| node.value.map(|share| share * *times as f32);
        let mut sums: Vec<[f32; SEATS_MAX]> = self.nodes.iter().zip(lineage).map(weighted).collect();
        for node in (1..sums.len()).rev() {
            let (sum, parent) = (sums[node], lineage[node].0);
            sums[parent].iter_mut().zip(sum).for_each(|(total, share)| *total += share);
        }
        let of_edge = |edge: &Edge| sums.get(edge.child as usize).copied().unwrap_or_default();
        let root_sums = self.root_edges().iter().map(of_edge).collect();
        self.root_sums = root_sums;
    }
}
