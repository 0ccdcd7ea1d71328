//! Hashes that every replica and every run agrees on.
//!
//! They spread load and hide nothing: whoever chooses the bytes can choose the hash.

/// An odd constant (the golden ratio), so that zero is not mapped to itself.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Hashes bytes: the same everywhere and always, and well mixed.
pub(crate) fn stable_hash(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let words = words.iter().chain([&last]);
    // The length first, or a text would hash like itself with zeros behind it.
    words.fold(mix(bytes.len() as u64), |hash, word| {
        mix(hash ^ u64::from_le_bytes(*word))
    })
}

/// Changes about half of the bits when any bit changes (SplitMix64's finaliser).
pub(crate) fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(STEP);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// How much `key` wants to go to the endpoint with this hash, when all weigh the same.
pub(crate) fn preference(key: u64, endpoint: u64) -> u64 {
    mix(key ^ endpoint)
}

/// The same for endpoints of different weights: the highest of all wins as often as its weight
/// says (weighted rendezvous hashing), and equal weights rank as [`preference`] does.
pub(crate) fn weighted_preference(key: u64, endpoint: u64, weight: u16) -> f64 {
    let uniform = ((preference(key, endpoint) >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    f64::from(weight) / -uniform.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_never_change() {
        // Replicas of different versions run side by side; a change here moves every session.
        for (text, hash) in [
            ("", 0xa706_dd2f_4d19_7e6f),
            ("a", 0x5e02_5f9a_de9e_af3e),
            ("/index.html?page=2", 0xb4fa_7d1a_045c_ddb6),
            ("192.0.2.1", 0x2914_a3e4_91ae_cea0),
        ] {
            assert_eq!(stable_hash(text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn zeros_at_the_end_count() {
        let hashes = [&b"a"[..], b"a\0", b"a\0\0\0\0\0\0\0", b"a\0\0\0\0\0\0\0\0"];
        for (i, a) in hashes.iter().enumerate() {
            for b in hashes.iter().skip(i + 1) {
                assert_ne!(stable_hash(a), stable_hash(b));
            }
        }
    }

    #[test]
    fn every_bit_matters() {
        let text = *b"GET /a/rather/long/path";
        for bit in 0..text.len() * 8 {
            let mut other = text;
            other[bit / 8] ^= 1 << (bit % 8);
            let changed = (stable_hash(&text) ^ stable_hash(&other)).count_ones();
            assert!((10..=54).contains(&changed), "bit {bit} changes {changed}");
        }
    }

    #[test]
    fn equal_weights_rank_as_no_weights_do() {
        for key in 0..1000 {
            let rank = |a: u64, b: u64| preference(key, a) < preference(key, b);
            let weighted = |a, b| weighted_preference(key, a, 3) < weighted_preference(key, b, 3);
            assert_eq!(rank(mix(1), mix(2)), weighted(mix(1), mix(2)));
        }
    }
}
