//! How expressions are hashed: quickly, and alike in every run. It is no defence against values chosen to collide: whoever
//! finds two hashes equal compares what was hashed.

use std::hash::Hasher;

/// Mixes one word after the other.
#[derive(Default)]
pub(super) struct Mixer(u64);

/// An odd number without pattern: the fractional part of the golden ratio.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Mixer {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(FACTOR);
    }
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.mix(value as u64);
    }

    // Signatures are sums of hashes, so every bit of one must depend on all that went in.
    fn finish(&self) -> u64 {
        let folded = (self.0 ^ self.0 >> 32).wrapping_mul(FACTOR);
        folded ^ folded >> 29
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_differences_change_about_half_of_the_bits() {
        let hash = |words: [u64; 2]| {
            let mut mixer = Mixer::default();
            for word in words {
                mixer.write_u64(word);
            }
            mixer.finish()
        };
        for bit in 0..64 {
            for words in [[1 << bit, 0], [0, 1 << bit]] {
                let changed = (hash(words) ^ hash([0, 0])).count_ones();
                assert!((12..=52).contains(&changed), "{words:?}: {changed} bits");
            }
        }
        let mut all: Vec<u64> = (0..1 << 16)
            .map(|word| hash([word >> 8, word & 255]))
            .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 1 << 16);
    }
}
