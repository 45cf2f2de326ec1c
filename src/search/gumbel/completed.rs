//! Completed Q-values and the policy that follows from them (section 4 and appendix D of the paper).

/// Visits that σ counts before the first.
pub const C_VISIT: f32 = 50.0;
/// Weight of a win probability against a logit.
pub const C_SCALE: f32 = 1.0;

/// An action of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    /// Logarithm of the net's probability, cut off at [`LOG_PRIOR_MIN`].
    pub log_prior: f32,
    /// The net's probability.
    pub prior: f32,
    /// Sum of the values that came back, for the seat that moves at the node.
    pub value_sum: f32,
    /// Simulations that went this way.
    pub visits: u32,
    /// The node behind it, or [`Edge::NO_CHILD`].
    pub child: u32,
}

/// The least log-probability. Keeps every product of a prior and a weight within the range of `f32`; no simulation
/// budget in use would ever reach an action that the net finds less likely than this.
pub(super) const LOG_PRIOR_MIN: f32 = -30.0;

impl Edge {
    /// Marks an edge that no simulation has taken yet.
    pub(super) const NO_CHILD: u32 = u32::MAX;

    /// The mean value of the simulations, for the seat that moves at the node.
    pub(super) fn q(&self) -> Option<f32> {
        (self.visits > 0).then(|| self.value_sum / self.visits as f32)
    }
}

/// σ's factor at a node.
pub(super) fn sigma_scale(edges: &[Edge]) -> f32 {
    let visits_max = edges.iter().map(|edge| edge.visits).max().unwrap_or(0);
    (C_VISIT + visits_max as f32) * C_SCALE
}

/// The value of actions without a visit: the net's own `value` and the visited actions' Q, weighted by visits.
pub(super) fn mixed_value(edges: &[Edge], value: f32, q: impl Fn(usize) -> f32) -> f32 {
    let (mut visits, mut prior, mut weighted) = (0, 0.0, 0.0);
    for (index, edge) in edges.iter().enumerate().filter(|(_, edge)| edge.visits > 0) {
        visits += edge.visits;
        prior += edge.prior;
        weighted += edge.prior * q(index);
    }
    if visits == 0 { value } else { (value + visits as f32 * weighted / prior) / (1.0 + visits as f32) }
}

/// Writes π' = softmax(logits + σ(completed Q)) over `into`. `value` is the net's value of the node for its mover.
pub(super) fn improved_policy(edges: &[Edge], value: f32, into: &mut Vec<f32>) {
    let scale = sigma_scale(edges);
    let mixed = mixed_value(edges, value, |index| edges[index].q().unwrap_or(0.0));
    let q_max = edges.iter().filter_map(Edge::q).fold(mixed, f32::max);
    // exp(σ(q) − σ(q_max)) is at most 1, and every prior is above 0, so the sum is above 0. Unvisited actions share one exp.
    let unvisited = (scale * (mixed - q_max)).exp();
    into.clear();
    into.extend(edges.iter().map(|edge| edge.prior * edge.q().map_or(unvisited, |q| (scale * (q - q_max)).exp())));
    let sum: f32 = into.iter().sum();
    into.iter_mut().for_each(|share| *share /= sum);
}

/// The action that an inner node takes next: visits follow the improved policy. `scratch` is overwritten.
pub(super) fn select(edges: &[Edge], value: f32, scratch: &mut Vec<f32>) -> usize {
    if edges.len() == 1 {
        return 0;
    }
    improved_policy(edges, value, scratch);
    let visits: u32 = edges.iter().map(|edge| edge.visits).sum();
    let share = 1.0 / (1 + visits) as f32;
    let mut best = (0, f32::NEG_INFINITY);
    for (index, (policy, edge)) in scratch.iter().zip(edges).enumerate() {
        let lack = policy - edge.visits as f32 * share;
        if lack > best.1 {
            best = (index, lack);
        }
    }
    best.0
}

/// Turns logits into log-probabilities (cut off below) and probabilities.
pub(super) fn edges_from_logits(logits: &[f32], into: &mut Vec<Edge>) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let log_sum = logits.iter().map(|logit| (logit - max).exp()).sum::<f32>().ln();
    into.extend(logits.iter().map(|logit| {
        let log_prior = (logit - max - log_sum).max(LOG_PRIOR_MIN);
        Edge { log_prior, prior: log_prior.exp(), value_sum: 0.0, visits: 0, child: Edge::NO_CHILD }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(logits: &[f32], found: &[(u32, f32)]) -> Vec<Edge> {
        let mut edges = Vec::new();
        edges_from_logits(logits, &mut edges);
        for (edge, &(visits, q)) in edges.iter_mut().zip(found) {
            edge.visits = visits;
            edge.value_sum = q * visits as f32;
        }
        edges
    }

    #[test]
    fn unvisited_nodes_keep_the_nets_policy_and_value() {
        let edges = edges(&[0.0, 1.0, 2.0], &[]);
        let mut policy = Vec::new();
        improved_policy(&edges, 0.7, &mut policy);
        for (improved, edge) in policy.iter().zip(&edges) {
            assert!((improved - edge.prior).abs() < 1e-6);
        }
        assert_eq!(mixed_value(&edges, 0.7, |_| 0.0), 0.7);
    }

    #[test]
    fn the_mixed_value_is_the_papers() {
        // Priors 1/2, 1/4, 1/4; visited: 3 times q = 0.8, once q = 0.4. The weighted q is (0.4 + 0.1) / 0.75 = 2/3.
        let edges = edges(&[2f32.ln(), 0.0, 0.0], &[(3, 0.8), (1, 0.4)]);
        let mixed = mixed_value(&edges, 0.5, |index| edges[index].q().unwrap_or(0.0));
        assert!((mixed - (0.5 + 4.0 * 2.0 / 3.0) / 5.0).abs() < 1e-6, "{mixed}");
    }

    #[test]
    fn the_improved_policy_is_the_papers() {
        let edges = edges(&[2f32.ln(), 0.0, 0.0], &[(3, 0.52), (1, 0.5)]);
        let mixed = mixed_value(&edges, 0.5, |index| edges[index].q().unwrap_or(0.0));
        let scores = [2f32.ln() + 53.0 * 0.52, 53.0 * 0.5, 53.0 * mixed];
        let sum: f32 = scores.iter().map(|score| (score - scores[0]).exp()).sum();
        let mut policy = Vec::new();
        improved_policy(&edges, 0.5, &mut policy);
        for (improved, score) in policy.iter().zip(scores) {
            assert!((improved - (score - scores[0]).exp() / sum).abs() < 1e-5);
        }
    }

    #[test]
    fn extreme_opinions_stay_numbers() {
        let edges = edges(&[-1000.0, 1000.0, 0.0], &[(60_000, 1.0), (1, 0.0), (0, 0.0)]);
        let mut policy = Vec::new();
        improved_policy(&edges, 0.0, &mut policy);
        assert!(policy.iter().all(|share| share.is_finite()), "{policy:?}");
        assert!((policy.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert_eq!(policy[0], 1.0, "a sure win outweighs any logit");
    }

    #[test]
    fn visits_follow_the_policy() {
        let mut edges = edges(&[3f32.ln(), 0.0], &[]);
        let mut scratch = Vec::new();
        for _ in 0..400 {
            let chosen = select(&edges, 0.5, &mut scratch);
            edges[chosen].visits += 1;
            edges[chosen].value_sum += 0.5;
        }
        assert_eq!([edges[0].visits, edges[1].visits], [300, 100]);
    }
}
