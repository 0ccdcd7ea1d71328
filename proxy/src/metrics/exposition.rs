//! The Prometheus text format, version 0.0.4.
//!
//! Written here because the registry crates put `_total` behind every counter, and ingress-nginx's
//! `requests`, on which dashboards and alerts stand, has none.

use std::fmt::{Display, Write};

use super::families::{Family, Kind};
use super::histogram::Histogram;

/// An exposition that is being written.
#[derive(Debug, Default)]
pub(crate) struct Exposition(String);

impl Exposition {
    /// Writes one family; `write` adds its samples.
    pub(crate) fn family(&mut self, family: &Family, write: impl FnOnce(&mut Samples<'_>)) {
        let (name, kind, help) = (family.name, family.kind.name(), family.help);
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        write(&mut Samples {
            text: &mut self.0,
            family,
        });
    }

    /// Whether a family has been written.
    pub(crate) fn has(&self, family: &Family) -> bool {
        self.0.contains(&format!("# TYPE {} ", family.name))
    }

    /// The text.
    pub(crate) fn finish(self) -> String {
        self.0
    }
}

/// The samples of one family.
#[derive(Debug)]
pub(crate) struct Samples<'a> {
    text: &'a mut String,
    family: &'a Family,
}

impl Samples<'_> {
    /// One counter or gauge, with the values of the family's labels in their order.
    pub(crate) fn value(&mut self, labels: &[&str], value: impl Display) {
        debug_assert_ne!(self.family.kind, Kind::Histogram);
        self.sample("", labels, None, value);
    }

    /// One histogram.
    pub(crate) fn histogram(&mut self, labels: &[&str], histogram: &Histogram) {
        for (bound, count) in histogram.cumulative() {
            let bound = if bound.is_finite() {
                bound.to_string()
            } else {
                "+Inf".into()
            };
            self.sample("_bucket", labels, Some(&bound), count);
        }
        self.sample("_sum", labels, None, histogram.sum());
        self.sample("_count", labels, None, histogram.count());
    }

    fn sample(&mut self, suffix: &str, labels: &[&str], le: Option<&str>, value: impl Display) {
        let _ = write!(self.text, "{}{suffix}", self.family.name);
        let names = self.family.labels.iter().copied();
        let pairs = names
            .zip(labels.iter().copied())
            .chain(le.map(|le| ("le", le)));
        let mut separator = '{';
        for (name, value) in pairs {
            let _ = write!(self.text, "{separator}{name}=\"{}\"", escaped(value));
            separator = ',';
        }
        let close = if separator == ',' { "}" } else { "" };
        let _ = writeln!(self.text, "{close} {value}");
    }
}

/// A label's value: backslash, quote and line feed are escaped.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::super::histogram::Bounds;
    use super::*;

    const GAUGE: Family = Family {
        name: "g",
        kind: Kind::Gauge,
        help: "Help.",
        labels: &["a", "b"],
    };

    #[test]
    fn a_value_cannot_break_out_of_its_label() {
        let mut exposition = Exposition::default();
        exposition.family(&GAUGE, |samples| samples.value(&["x\"\n\\", "y"], 1));
        let expected = "# HELP g Help.\n# TYPE g gauge\ng{a=\"x\\\"\\n\\\\\",b=\"y\"} 1\n";
        assert_eq!(exposition.finish(), expected);
    }

    #[test]
    fn a_histogram_has_buckets_a_sum_and_a_count() {
        let family = Family {
            kind: Kind::Histogram,
            labels: &[],
            ..GAUGE
        };
        let mut histogram = Histogram::new(Bounds::ResponseBytes);
        histogram.observe(50.0);
        let mut exposition = Exposition::default();
        exposition.family(&family, |samples| samples.histogram(&[], &histogram));
        let text = exposition.finish();
        for line in [
            "g_bucket{le=\"10\"} 0",
            "g_bucket{le=\"100\"} 1",
            "g_bucket{le=\"+Inf\"} 1",
            "g_sum 50",
            "g_count 1",
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line} in {text}");
        }
    }
}
