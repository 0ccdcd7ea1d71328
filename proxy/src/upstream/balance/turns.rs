//! In which order endpoints take turns: each as often as its weight says, as evenly as possible.
//!
//! The order is computed once for a configuration, so that taking a turn is one addition.

/// The most turns in one round, unless there are so many endpoints that [`PER_ENDPOINT`] is more.
const USUAL: u64 = 4096;
/// So many turns can each endpoint have on average before weights are rounded.
const PER_ENDPOINT: u64 = 8;

/// One round of turns; each entry is the position of an endpoint among its siblings.
///
/// Weights are divided by their greatest common divisor. A round that would still be longer than
/// 4096 turns (and 8 for each endpoint) is shortened by rounding the weights, none below one:
/// weights of 65535 and 1 become 4096 and 1.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    order: Box<[u32]>,
    even: bool,
}

/// Endpoints with the same weight: they take their turns one after another.
struct Peers {
    weight: u64,
    members: Vec<u32>,
    taken: usize,
}

impl Turns {
    /// The round for these weights, none of which is zero.
    pub(crate) fn new(weights: impl Iterator<Item = u16>) -> Self {
        let weights = shortened(weights.map(u64::from).collect());
        let mut groups = peers(&weights);
        let round: u64 = weights.iter().sum();
        let next = |turn| {
            let leader = groups.iter_mut().max_by_key(|g| g.claim(turn, round))?;
            leader.take()
        };
        Self {
            order: (1..=round).filter_map(next).collect(),
            even: groups.len() <= 1,
        }
    }

    /// Whether all have the same weight.
    pub(crate) fn are_even(&self) -> bool {
        self.even
    }

    /// Who has turn number `turn`, and after that the others in their order, for one round.
    pub(crate) fn from(&self, turn: usize) -> impl Iterator<Item = usize> {
        let start = turn.checked_rem(self.order.len()).unwrap_or(0);
        let (before, after) = self.order.split_at_checked(start).unwrap_or_default();
        after
            .iter()
            .chain(before)
            .map(|position| *position as usize)
    }
}

impl Peers {
    /// nginx's smooth weighted round robin: what was earned by `turn` less what was taken.
    fn claim(&self, turn: u64, round: u64) -> i64 {
        let each = self.taken / self.members.len().max(1);
        (turn * self.weight) as i64 - (round * each as u64) as i64
    }

    fn take(&mut self) -> Option<u32> {
        let member = self.members.get(self.taken % self.members.len());
        self.taken += 1;
        member.copied()
    }
}

/// Groups by weight, the lightest first, so that the heaviest wins a draw.
fn peers(weights: &[u64]) -> Vec<Peers> {
    let mut groups = std::collections::BTreeMap::new();
    for (position, weight) in (0..).zip(weights) {
        let members: &mut Vec<u32> = groups.entry(*weight).or_default();
        members.push(position);
    }
    let group = |(weight, members)| Peers {
        weight,
        members,
        taken: 0,
    };
    groups.into_iter().map(group).collect()
}

fn shortened(weights: Vec<u64>) -> Vec<u64> {
    let divisor = weights.iter().copied().fold(0, gcd).max(1);
    let round = weights.iter().sum::<u64>() / divisor;
    let most = USUAL.max(PER_ENDPOINT * weights.len() as u64);
    let short = |weight: u64| {
        if round <= most {
            weight / divisor
        } else {
            (weight / divisor * most / round).max(1)
        }
    };
    weights.into_iter().map(short).collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round(weights: &[u16]) -> Vec<usize> {
        Turns::new(weights.iter().copied()).from(0).collect()
    }

    #[test]
    fn turns_are_taken_as_nginx_takes_them() {
        for (weights, expected) in [
            (&[][..], &[][..]),
            (&[7], &[0]),
            (&[3, 3, 3], &[0, 1, 2]),
            (&[5, 1, 1], &[0, 0, 1, 0, 2, 0, 0]),
            (&[20, 10], &[0, 1, 0]), // reduced to 2 and 1
        ] {
            assert_eq!(round(weights), expected, "{weights:?}");
        }
    }

    #[test]
    fn a_round_starts_anywhere_and_ends_where_it_started() {
        let turns = Turns::new([1, 1, 1].into_iter());
        assert_eq!(turns.from(7).collect::<Vec<_>>(), [1, 2, 0]);
        assert_eq!(Turns::default().from(7).count(), 0);
    }

    #[test]
    fn a_round_that_would_be_too_long_is_shortened() {
        assert_eq!(round(&[65535, 1]).len(), 4096);
        assert_eq!(round(&[65535, 65534]).len(), 4095);
        let many: Vec<u16> = (1..=5000).collect();
        assert!(round(&many).len() <= 45_000);
    }

    proptest! {
        #[test]
        fn in_every_stretch_each_has_its_share(
            weights in prop::collection::vec(1u16..20, 1..12),
            turn in 0usize..500,
            length in 1usize..100,
        ) {
            let turns = Turns::new(weights.iter().copied());
            let stretch: Vec<_> = (turn..turn + length).filter_map(|t| turns.from(t).next()).collect();
            let total: f64 = weights.iter().copied().map(f64::from).sum();
            for (position, weight) in weights.iter().enumerate() {
                let had = stretch.iter().filter(|p| **p == position).count() as f64;
                let due = length as f64 * f64::from(*weight) / total;
                prop_assert!((had - due).abs() < 3.0, "{position} had {had}, was due {due}");
            }
        }

        #[test]
        fn nobody_is_left_out_of_a_round(weights in prop::collection::vec(1u16.., 1..300)) {
            let mut seen = round(&weights);
            seen.sort_unstable();
            seen.dedup();
            prop_assert_eq!(seen.len(), weights.len());
        }
    }
}
