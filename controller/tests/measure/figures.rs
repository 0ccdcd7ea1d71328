//! What was measured, and whether that is good enough.

use std::fmt;
use std::time::Duration;

use crate::is_measured;

/// A figure, and how much it may be at most.
struct Figure {
    what: String,
    value: Value,
    most: Option<Value>,
    /// Whether more than that is a failure here.
    counts: bool,
}

#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Value {
    Time(Duration),
    Count(u64),
    Bytes(u64),
    Kilobytes(u64),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => f.pad(&format!("{:.1} ms", time.as_secs_f64() * 1e3)),
            Self::Count(count) => f.pad(&format!("{count}")),
            Self::Bytes(bytes) => f.pad(&format!("{bytes} B")),
            Self::Kilobytes(kilobytes) => f.pad(&format!("{:.1} MB", *kilobytes as f64 / 1e3)),
        }
    }
}

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    /// A time, which only counts in a measurement: a test shares its machine.
    pub(crate) fn time(&mut self, what: impl Into<String>, time: Duration, most: Option<u64>) {
        let most = most.map(|ms| Value::Time(Duration::from_millis(ms)));
        self.add(what.into(), Value::Time(time), most, is_measured());
    }

    /// The middle and the end of many times; at most so many milliseconds at the end.
    pub(crate) fn times(&mut self, what: &str, mut times: Vec<Duration>, most: u64) {
        times.sort();
        let at = |percent: usize| times[(times.len() - 1) * percent / 100];
        self.time(format!("{what}, p50"), at(50), None);
        self.time(format!("{what}, p99"), at(99), Some(most));
        self.time(format!("{what}, slowest"), at(100), None);
    }

    /// How many of something there may be at most.
    pub(crate) fn count(&mut self, what: impl Into<String>, count: u64, most: Option<u64>) {
        self.add(
            what.into(),
            Value::Count(count),
            most.map(Value::Count),
            true,
        );
    }

    /// A size on the wire.
    pub(crate) fn bytes(&mut self, what: impl Into<String>, bytes: u64, most: Option<u64>) {
        self.add(
            what.into(),
            Value::Bytes(bytes),
            most.map(Value::Bytes),
            true,
        );
    }

    /// Memory, in units of 1000 bytes.
    pub(crate) fn memory(&mut self, what: impl Into<String>, kilobytes: u64, most: Option<u64>) {
        let most = most.map(Value::Kilobytes);
        self.add(what.into(), Value::Kilobytes(kilobytes), most, true);
    }

    fn add(&mut self, what: String, value: Value, most: Option<Value>, counts: bool) {
        let figure = Figure {
            what,
            value,
            most,
            counts,
        };
        // A measurement takes minutes: whoever waits sees how it goes.
        println!("{figure}");
        self.0.push(figure);
    }

    /// Prints all of them, and fails if one is not good enough.
    pub(crate) fn hold(self) {
        println!("\n{:<64} {:>12} {:>12}", "", "is", "at most");
        self.0.iter().for_each(|figure| println!("{figure}"));
        let missed = self.0.iter().filter(|figure| figure.is_missed());
        let missed: Vec<_> = missed.map(|figure| &*figure.what).collect();
        assert!(missed.is_empty(), "not good enough: {}", missed.join("; "));
    }
}

impl Figure {
    fn is_missed(&self) -> bool {
        self.counts && self.most.is_some_and(|most| self.value > most)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, value, .. } = self;
        let most = self.most.map_or(String::new(), |most| most.to_string());
        let missed = if self.is_missed() { "  MISSED" } else { "" };
        write!(f, "{what:<64} {value:>12} {most:>12}{missed}")
    }
}
