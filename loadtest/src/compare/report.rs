//! What the rounds say: CPU time per request of each target, and the ratio to the first.

use std::time::Duration;

use serde::Serialize;

use super::generator::Load;
use super::options::Target;
use crate::run::Output;

/// One target's turn in one round.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Sample {
    us_per_request: f64,
    per_second: f64,
    /// The share of one core the target was busy; near 1 means that it was the bottleneck.
    busy: f64,
    /// What generator and backend together spent; below the proxy's, or the proxy is not saturated.
    own_us_per_request: f64,
    failed: u64,
}

impl Sample {
    pub(super) fn new(load: &Load, used: Duration, own: Duration) -> Self {
        let (used, elapsed) = (used.as_secs_f64(), load.elapsed.as_secs_f64());
        let us = |seconds: f64| seconds * 1e6 / load.answered as f64;
        Self {
            us_per_request: us(used),
            per_second: load.answered as f64 / elapsed,
            busy: used / elapsed,
            own_us_per_request: us(own.as_secs_f64()),
            failed: load.failed,
        }
    }
}

/// All samples.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    targets: Vec<Measured>,
}

#[derive(Debug, Serialize)]
struct Measured {
    name: String,
    rounds: Vec<Sample>,
    /// The ratio of CPU time per request to the first target's, in the same round.
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio: Option<Quartiles>,
}

/// The median and what half of the values lie between.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Quartiles {
    q1: f64,
    median: f64,
    q3: f64,
}

impl Quartiles {
    fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Some(Self {
            q1: quantile(&values, 0.25)?,
            median: quantile(&values, 0.5)?,
            q3: quantile(&values, 0.75)?,
        })
    }
}

/// Interpolates between the two nearest of the sorted `values`.
fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let place = q * values.len().checked_sub(1)? as f64;
    let low = *values.get(place.floor() as usize)?;
    let high = *values.get(place.ceil() as usize)?;
    Some(low + (high - low) * place.fract())
}

impl Report {
    pub(super) fn new(targets: &[Target]) -> Self {
        let empty = |target: &Target| Measured {
            name: target.name.clone(),
            rounds: Vec::new(),
            ratio: None,
        };
        Self {
            targets: targets.iter().map(empty).collect(),
        }
    }

    /// Adds the next round's sample of the target at `index`.
    pub(super) fn add(&mut self, index: usize, sample: Sample) {
        if let Some(target) = self.targets.get_mut(index) {
            target.rounds.push(sample);
        }
    }

    /// The report as text.
    pub(super) fn print(mut self, output: Output) -> String {
        if let Some((first, others)) = self.targets.split_first_mut() {
            for other in others {
                let pairs = other.rounds.iter().zip(&first.rounds);
                other.ratio =
                    Quartiles::of(pairs.map(|(o, f)| o.us_per_request / f.us_per_request));
            }
        }
        match output {
            Output::Human => self.table(),
            // Numbers and strings always serialise; an empty line would show that they did not.
            Output::Json => serde_json::to_string(&self).unwrap_or_default(),
        }
    }

    fn table(&self) -> String {
        let first = self
            .targets
            .first()
            .map_or("", |target| target.name.as_str());
        let mut lines = vec![format!(
            "{:<12} {:>10} {:>17} {:>10} {:>6} {:>6} {:>7}  CPU time as a multiple of {first}'s",
            "", "us/request", "[quartiles]", "requests/s", "busy", "own us", "failed"
        )];
        lines.extend(self.targets.iter().filter_map(Measured::line));
        if self.targets.iter().any(Measured::is_idle) {
            lines.push(
                "A proxy's core was idle for a good part: something else used the machine.".into(),
            );
        }
        lines.join("\n")
    }
}

impl Measured {
    /// Whether it was not the bottleneck, so that the comparison is not one at saturation.
    fn is_idle(&self) -> bool {
        let busy = Quartiles::of(self.rounds.iter().map(|sample| sample.busy));
        busy.is_some_and(|busy| busy.median < 0.9)
    }

    fn line(&self) -> Option<String> {
        let of = |value: fn(&Sample) -> f64| Quartiles::of(self.rounds.iter().map(value));
        let us = of(|sample| sample.us_per_request)?;
        let failed: u64 = self.rounds.iter().map(|sample| sample.failed).sum();
        let mut line = format!(
            "{:<12} {:>10.2} {:>17} {:>10.0} {:>6.2} {:>6.2} {failed:>7}",
            self.name,
            us.median,
            format!("[{:.2} - {:.2}]", us.q1, us.q3),
            of(|sample| sample.per_second)?.median,
            of(|sample| sample.busy)?.median,
            of(|sample| sample.own_us_per_request)?.median,
        );
        if let Some(Quartiles { q1, median, q3 }) = self.ratio {
            line += &format!(
                "  {median:.3} [{q1:.3} - {q3:.3}] over {} rounds",
                self.rounds.len()
            );
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_interpolate() {
        let quartiles = Quartiles::of([4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(
            quartiles,
            Quartiles {
                q1: 1.75,
                median: 2.5,
                q3: 3.25
            }
        );
        assert_eq!(Quartiles::of([]), None);
    }

    #[test]
    fn ratios_are_between_samples_of_the_same_round() {
        let targets = ["a=127.0.0.1:1,1", "b=127.0.0.1:2,2"].map(|t| t.parse().unwrap());
        let mut report = Report::new(&targets);
        for (used, factor) in [(10, 2), (100, 2), (30, 2)] {
            let load = Load {
                answered: 1000,
                failed: 0,
                elapsed: Duration::from_secs(1),
            };
            report.add(
                0,
                Sample::new(&load, Duration::from_millis(used), Duration::ZERO),
            );
            report.add(
                1,
                Sample::new(&load, Duration::from_millis(used * factor), Duration::ZERO),
            );
        }
        assert!(report.print(Output::Json).contains(r#""median":2.0"#));
    }
}
