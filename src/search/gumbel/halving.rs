//! Sequential halving at the root (Karnin et al. 2013, as algorithm 2 of the paper uses it).

/// Who is visited next, and who is left.
///
/// With `n` simulations and `m` candidates, the first phase visits every candidate `n / (m log2 m)` times; then the better half
/// goes on with twice as many visits each, and so on until two are left, who share whatever remains. When there are
/// fewer simulations than candidates, only the first `n` candidates are visited, once.
#[derive(Clone, Debug, Default)]
pub(super) struct Halving {
    simulations: u32,
    phases: u32,
    candidates: Vec<u32>,
    /// Place in the current sweep over the candidates.
    at: usize,
    /// Sweeps left in the phase, the current one included.
    sweeps: u32,
}

impl Halving {
    /// Starts with the `considered` best of `actions` actions by `score`. Reuses what was allocated before.
    pub(super) fn start(&mut self, simulations: u32, considered: u32, actions: usize, score: impl Fn(usize) -> f32) {
        self.simulations = simulations;
        self.candidates.clear();
        self.candidates.extend(0..actions as u32);
        self.keep(considered.min(simulations.max(1)) as usize, score);
        self.phases = (self.candidates.len() as u32).next_power_of_two().ilog2().max(1);
        self.begin_phase();
    }

    /// The action to visit next. `score` ranks the candidates, all of which have been visited when it is asked.
    pub(super) fn next(&mut self, score: impl Fn(usize) -> f32) -> usize {
        if self.at == self.candidates.len() {
            self.at = 0;
            self.sweeps -= 1;
            if self.sweeps == 0 {
                self.keep((self.candidates.len() / 2).max(2), score);
                self.begin_phase();
            }
        }
        self.at += 1;
        self.candidates[self.at - 1] as usize
    }

    /// Those who are left.
    pub(super) fn candidates(&self) -> impl Iterator<Item = usize> {
        self.candidates.iter().map(|&index| index as usize)
    }

    fn begin_phase(&mut self) {
        self.at = 0;
        self.sweeps = (self.simulations / (self.phases * self.candidates.len().max(1) as u32)).max(1);
    }

    /// Keeps the `count` best, best first; equals in canonical order.
    fn keep(&mut self, count: usize, score: impl Fn(usize) -> f32) {
        let rank = |index: u32| score(index as usize);
        self.candidates.sort_by(|&a, &b| rank(b).total_cmp(&rank(a)).then(a.cmp(&b)));
        self.candidates.truncate(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Visits of each action when action 0 is best, then 1, and so on.
    fn visits(simulations: u32, considered: u32, actions: usize) -> Vec<u32> {
        let mut halving = Halving::default();
        let score = |index: usize| -(index as f32);
        halving.start(simulations, considered, actions, score);
        let mut visits = vec![0; actions];
        (0..simulations).for_each(|_| visits[halving.next(score)] += 1);
        visits
    }

    #[test]
    fn visits_are_those_of_the_paper() {
        let cases: [(u32, u32, usize, &[u32]); 12] = [
            (16, 4, 4, &[6, 6, 2, 2]),
            (32, 4, 5, &[12, 12, 4, 4, 0]),
            (200, 16, 16, &[49, 49, 21, 21, 9, 9, 9, 9, 3, 3, 3, 3, 3, 3, 3, 3]),
            (48, 7, 7, &[17, 16, 7, 2, 2, 2, 2]),
            (8, 2, 7, &[4, 4, 0, 0, 0, 0, 0]),
            (9, 1, 3, &[9, 0, 0]),
            (4, 7, 7, &[1, 1, 1, 1, 0, 0, 0]),
            (1, 7, 7, &[1, 0, 0, 0, 0, 0, 0]),
            (2, 2, 2, &[1, 1]),
            (3, 3, 3, &[1, 1, 1]),
            (5, 9, 1, &[5]),
            (0, 7, 3, &[0, 0, 0]),
        ];
        for (simulations, considered, actions, expected) in cases {
            let found = visits(simulations, considered, actions);
            assert_eq!(found, expected, "{simulations} simulations, {considered} of {actions}");
        }
    }

    #[test]
    fn no_visit_is_lost_and_better_actions_get_no_less() {
        for simulations in 0..100 {
            for considered in 1..10 {
                for actions in 1..10 {
                    let found = visits(simulations, considered, actions);
                    assert_eq!(found.iter().sum::<u32>(), simulations);
                    assert!(found.is_sorted_by(|a, b| a >= b), "{found:?}");
                }
            }
        }
    }
}
