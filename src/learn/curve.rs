//! The loss curve of a training run: kept on the way, drawn at the end.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// Points of the training losses at most. A longer run keeps every n-th step.
const POINTS_MAX: u32 = 1_000;
/// Width of the picture in pixels.
const WIDTH: f64 = 800.0;
/// Height of the picture in pixels.
const HEIGHT: f64 = 420.0;
/// Room for labels on each side of the plot in pixels.
const MARGIN: f64 = 56.0;
/// Lines of the grid.
const GRID_LINES: u32 = 5;

/// Losses after a number of steps, in nats.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Steps done.
    pub step: u32,
    /// Cross-entropy of the policy.
    #[serde(with = "bits")]
    pub policy: f64,
    /// Cross-entropy of the value.
    #[serde(with = "bits")]
    pub value: f64,
    /// Binary cross-entropy of the margins; 0 where there are none.
    #[serde(with = "bits", default)]
    pub margin: f64,
}

/// What a run's losses were.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Steps of the run at most.
    pub steps: u32,
    /// Of batches, before the step.
    pub training: Vec<Point>,
    /// Of the averaged weights on held-out games.
    pub validation: Vec<Point>,
}

impl Curve {
    /// A curve without points, for a run of so many steps.
    pub fn new(steps: u32) -> Curve {
        Curve { steps, ..Curve::default() }
    }

    /// Takes note of a step's losses.
    pub fn trained(&mut self, point: Point) {
        if point.step.is_multiple_of(self.steps.div_ceil(POINTS_MAX).max(1)) {
            self.training.push(point);
        }
    }

    /// Takes note of a look at the held-out games.
    pub fn validated(&mut self, point: Point) {
        self.validation.push(point);
    }

    /// The curve as SVG.
    pub fn to_svg(&self, title: &str) -> String {
        let all = || self.training.iter().chain(&self.validation);
        let sum = |point: &Point| point.policy + point.value;
        let top = all().map(sum).filter(|loss| loss.is_finite()).fold(f64::MIN_POSITIVE, f64::max);
        let last = all().map(|point| point.step).max().unwrap_or(1).max(1);
        let x = |step: u32| MARGIN + (WIDTH - 2.0 * MARGIN) * f64::from(step) / f64::from(last);
        let y = |loss: f64| HEIGHT - MARGIN - (HEIGHT - 2.0 * MARGIN) * (loss / top).clamp(0.0, 1.0);
        let mut svg = String::new();
        let head = format!("width=\"{WIDTH}\" height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\"");
        put(&mut svg, format_args!("<svg xmlns=\"http://www.w3.org/2000/svg\" {head}>"));
        put(&mut svg, format_args!("<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>"));
        put(&mut svg, format_args!("<text x=\"{MARGIN}\" y=\"24\" font-size=\"14\">{}</text>", escape(title)));
        grid(&mut svg, top, last);
        let has_margins = all().any(|point| point.margin > 0.0);
        let series: [Series; 5] = [
            ("loss", "#1f77b4", &self.training, sum),
            ("policy", "#9ecae1", &self.training, |point| point.policy),
            ("held-out loss", "#d62728", &self.validation, sum),
            ("margin", "#2ca02c", &self.training, |point| point.margin),
            ("held-out margin", "#98df8a", &self.validation, |point| point.margin),
        ];
        let series = series.into_iter().take(if has_margins { 5 } else { 3 });
        for (place, (name, color, points, loss)) in series.enumerate() {
            let line: Vec<String> = points.iter().map(|it| format!("{:.1},{:.1}", x(it.step), y(loss(it)))).collect();
            let line = line.join(" ");
            put(&mut svg, format_args!("<polyline fill=\"none\" stroke=\"{color}\" points=\"{line}\"/>"));
            let at = WIDTH - MARGIN - 440.0 + 90.0 * place as f64;
            put(&mut svg, format_args!("<text x=\"{at}\" y=\"24\" fill=\"{color}\">{name}</text>"));
        }
        put(&mut svg, format_args!("</svg>"));
        svg
    }
}

/// Name, colour, points, and what is drawn of a point.
type Series<'a> = (&'a str, &'a str, &'a [Point], fn(&Point) -> f64);

fn grid(svg: &mut String, top: f64, last: u32) {
    for line in 0..=GRID_LINES {
        let share = f64::from(line) / f64::from(GRID_LINES);
        let y = HEIGHT - MARGIN - (HEIGHT - 2.0 * MARGIN) * share;
        let right = WIDTH - MARGIN;
        put(svg, format_args!("<path d=\"M{MARGIN} {y:.1}H{right}\" stroke=\"#ddd\"/>"));
        put(svg, format_args!("<text x=\"8\" y=\"{:.1}\">{:.3}</text>", y + 4.0, top * share));
        let x = MARGIN + (right - MARGIN) * share;
        let (below, step) = (HEIGHT - MARGIN + 20.0, f64::from(last) * share);
        put(svg, format_args!("<text x=\"{x:.1}\" y=\"{below}\" text-anchor=\"middle\">{step:.0}</text>"));
    }
}

fn put(svg: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(svg, "{line}").expect("writing to a string cannot fail");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Floats as their bits: JSON in decimal may come back one bit off.
pub(super) mod bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        value.to_bits().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        u64::deserialize(deserializer).map(f64::from_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(step: u32, policy: f64) -> Point {
        Point { step, policy, value: 0.5, margin: 0.0 }
    }

    #[test]
    fn long_runs_are_thinned_out() {
        let mut curve = Curve::new(10_000);
        (1..=10_000).for_each(|step| curve.trained(point(step, 1.0)));
        assert_eq!(curve.training.len(), 1_000);
        assert_eq!(curve.training.last().map(|it| it.step), Some(10_000));
    }

    #[test]
    fn a_curve_survives_json_to_the_last_bit() {
        let mut curve = Curve::new(3);
        [0.1, 1.0 / 3.0, f64::MIN_POSITIVE].iter().zip(1..).for_each(|(loss, step)| curve.trained(point(step, *loss)));
        let text = serde_json::to_string(&curve).expect("plain data");
        assert_eq!(serde_json::from_str::<Curve>(&text).expect("own text"), curve);
    }

    #[test]
    fn the_picture_shows_both_series_in_their_places() {
        let mut curve = Curve::new(2);
        curve.trained(point(1, 1.5));
        curve.trained(point(2, 0.5));
        curve.validated(point(2, 0.5));
        let svg = curve.to_svg("run/a<b");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("run/a&lt;b"), "{svg}");
        assert!(svg.contains("stroke=\"#1f77b4\" points=\"400.0,56.0 744.0,210.0\""), "{svg}");
        assert!(svg.contains("stroke=\"#d62728\" points=\"744.0,210.0\""), "{svg}");
        assert!(Curve::new(5).to_svg("nothing yet").contains("</svg>"));
    }
}
