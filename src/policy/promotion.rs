//! The verdict on a candidate. Unknown never passes: an opponent that was not met, or too few games, is a reason.

use super::canary;
use super::gauntlet::concluded;
use super::sequential;
use super::view::{Decision, View};
use crate::event::config::PromotionGate;
use crate::event::evaluation::{GauntletPurpose, Score};
use crate::event::jobs::Contender;
use crate::event::models::{ModelPromoted, PromotionRejected};
use crate::judge::elo::rate_for;
use crate::projection::gauntlets::Gauntlet;
use crate::projection::models::{Champion, Model, ModelState};

/// `MODEL_PROMOTED` or `PROMOTION_REJECTED`, once for each candidate, when its gauntlet is concluded.
pub fn decide(view: &View) -> Vec<Decision> {
    let Some((config, game)) = view.campaign() else { return vec![] };
    let verdict = || {
        let current = view.state.campaign.current(game).filter(|row| row.verdict.is_none())?;
        let candidate = view.state.models.get(current.candidate.as_ref()?)?;
        let gauntlet = view.state.gauntlets.get(current.gauntlet.as_ref()?)?;
        gauntlet.concluded_seq?;
        let open = candidate.state == ModelState::Candidate && gauntlet.candidate.model == candidate.model;
        let champion = view.state.models.champion(game)?;
        (open && gauntlet.purpose == GauntletPurpose::Promotion)
            .then(|| judge(view, candidate, gauntlet, champion, &config.gate))
    };
    verdict().into_iter().collect()
}

fn judge(view: &View, candidate: &Model, gauntlet: &Gauntlet, champion: &Champion, gate: &PromotionGate) -> Decision {
    let reasons = reasons(view, gauntlet, champion, gate);
    if reasons.is_empty() {
        let event = ModelPromoted {
            model: candidate.model.clone(),
            generation: candidate.generation,
            previous: Some(champion.model.clone()),
            gauntlet: Some(gauntlet.gauntlet.clone()),
            evidence: gauntlet.scores.clone(),
            gate: gate.clone(),
        };
        return Decision::new(event, concluded(gauntlet));
    }
    let event = PromotionRejected {
        model: candidate.model.clone(),
        generation: candidate.generation,
        gauntlet: gauntlet.gauntlet.clone(),
        evidence: gauntlet.scores.clone(),
        gate: gate.clone(),
        reasons,
    };
    Decision::new(event, concluded(gauntlet))
}

/// What the gauntlet does not show, in words. Empty when it shows everything that the gate asks for.
fn reasons(view: &View, gauntlet: &Gauntlet, champion: &Champion, gate: &PromotionGate) -> Vec<String> {
    if let Some(faulty) = canary::alarm(gauntlet) {
        return vec![faulty.to_string()];
    }
    let mut reasons = vec![];
    let is_champion = |one: &Contender| matches!(one, Contender::Model(model) if model.model == champion.model);
    let seats = gauntlet.test.as_ref().map_or(2, |test| test.seats);
    match (&gauntlet.test, score(gauntlet, is_champion)) {
        (_, None) => reasons.push("unknown against the champion: it was not met".to_owned()),
        (Some(test), Some(_)) => {
            if let Some(objection) = sequential::objection(test, gauntlet.found.as_ref()) {
                // The games against the others were given up then: they say nothing.
                reasons.push(objection);
                return reasons;
            }
            let progress = sequential::progress(view, gauntlet, test);
            let voids = sequential::voids(view, gauntlet, test, &progress);
            if voids.are_too_many(test.voids_max, true) {
                reasons.push(format!("unknown: {} of {} games are void", voids.voids, voids.games));
            }
        }
        (None, Some(score)) if score.low <= gate.champion_low_min => reasons.push(format!(
            "against the champion the 95% interval begins at {:.3}, not above {:.3}",
            score.low, gate.champion_low_min
        )),
        (None, Some(_)) => {}
    }
    let random_rate_min = rate_for(gate.random_rate_min, seats);
    match score(gauntlet, |one| *one == Contender::Random) {
        None => reasons.push("unknown against random: it was not met".to_owned()),
        Some(score) if score.rate < random_rate_min => {
            reasons.push(format!("wins {:.3} against random, less than {:.3}", score.rate, random_rate_min));
        }
        Some(_) => {}
    }
    for score in &gauntlet.scores {
        if score.games < gate.games_min {
            reasons.push(format!("{} games against {}, less than {}", score.games, score.opponent, gate.games_min));
        }
    }
    reasons
}

/// The score against the opponent that `is_wanted` picks from the plan, if any game was played against it.
fn score(gauntlet: &Gauntlet, is_wanted: impl Fn(&Contender) -> bool) -> Option<&Score> {
    let index = gauntlet.opponents.iter().position(|opponent| is_wanted(&opponent.plan.opponent))?;
    gauntlet.scores.get(index).filter(|score| score.games > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::event::Real;
    use crate::event::evaluation::{GauntletConcluded, MatchTally};
    use crate::event::judgement::{SequentialTestConcluded, TestVerdict};
    use crate::policy::gauntlet;
    use crate::policy::testing::{Decided, candidate_one, config};

    /// The verdict after these wins and losses against random, alpha-beta and the champion, in a gauntlet without a test.
    fn verdict(results: [(u32, u32); 3]) -> Decided {
        judged(results, None)
    }

    /// The same in a gauntlet with a test that found this after 40 groups.
    fn tested(results: [(u32, u32); 3], verdict: TestVerdict) -> Decided {
        judged(results, Some(verdict))
    }

    fn judged(results: [(u32, u32); 3], verdict: Option<TestVerdict>) -> Decided {
        let given = candidate_one(config(40)).decide(gauntlet::decide);
        let Event::GauntletStarted(plan) = given.decisions()[0].event.clone() else { panic!("a plan") };
        let test = given.decisions()[1].event.clone();
        let given = candidate_one(config(40)).and(plan.clone());
        let given = match verdict {
            None => given,
            Some(verdict) => given.and(test).and(SequentialTestConcluded {
                gauntlet: plan.gauntlet.clone(),
                opponent: 2,
                verdict,
                groups: 40,
                llr: Real(1_250_000),
                lower: Real(-2_944_439),
                upper: Real(2_944_439),
                voids: 10,
                games: 90,
            }),
        };
        let score = |(plan, (wins, losses)): (&crate::event::evaluation::MatchPlan, (u32, u32))| {
            Score::from_tally(plan.opponent.name(), &MatchTally { wins, losses, ..MatchTally::default() })
        };
        let scores = plan.matches.iter().zip(results).map(score).collect();
        let concluded = GauntletConcluded { gauntlet: plan.gauntlet, candidate: plan.candidate.model, scores };
        given.and(concluded).decide(decide)
    }

    const REASONS: &[&str] = &["reasons"];

    #[test]
    fn a_candidate_that_is_surely_better_is_promoted_once() {
        let fields = &["model", "previous", "generation"];
        let promoted = "MODEL_PROMOTED model/connect4-g1-44556677 model/connect4-g0-00112233 1";
        for verdict in
            [verdict([(40, 0), (30, 10), (80, 40)]), tested([(40, 0), (30, 10), (41, 39)], TestVerdict::Better)]
        {
            verdict.then_fields(&[promoted], fields);
            verdict.settled(decide);
        }
    }

    #[test]
    fn the_test_decides_and_what_it_does_not_know_promotes_nobody() {
        let good = [(40, 0), (30, 10), (80, 0)];
        let cases = [
            (
                TestVerdict::NotBetter,
                "against the champion 0 Elo is accepted over 152: log-likelihood ratio 1.25 after 40 groups, not above -2.94",
            ),
            (
                TestVerdict::Undecided,
                "unknown against the champion: neither 0 nor 152 Elo is accepted: log-likelihood ratio 1.25 after 40 groups, \
                between -2.94 and 2.94",
            ),
            (TestVerdict::Void, "unknown: the evaluation is void, because 10 of 90 games are, and 0.02 is allowed"),
        ];
        for (verdict, reason) in cases {
            let verdict = tested(good, verdict);
            verdict.then_fields(&[&format!(r#"PROMOTION_REJECTED ["{reason}"]"#)], REASONS);
            verdict.settled(decide);
        }
        let weak = tested([(35, 5), (30, 10), (80, 0)], TestVerdict::Better);
        weak.then_fields(&[r#"PROMOTION_REJECTED ["wins 0.875 against random, less than 0.900"]"#], REASONS);
    }

    #[test]
    fn every_line_of_the_gate_must_hold() {
        let cases = [
            (
                [(40, 0), (0, 40), (65, 55)],
                r#"["against the champion the 95% interval begins at 0.453, not above 0.500"]"#,
            ),
            ([(35, 5), (30, 10), (80, 40)], r#"["wins 0.875 against random, less than 0.900"]"#),
            ([(39, 0), (30, 10), (80, 40)], r#"["39 games against random, less than 40"]"#),
            (
                [(40, 0), (30, 10), (0, 0)],
                r#"["unknown against the champion: it was not met","0 games against model/connect4-g0-00112233, less than 40"]"#,
            ),
        ];
        for (results, reasons) in cases {
            let verdict = verdict(results);
            verdict.then_fields(&[&format!("PROMOTION_REJECTED {reasons}")], REASONS);
            verdict.settled(decide);
        }
    }
}
