//! Escaping with AVX2: 32 bytes are looked at together, and eight at a time make room for their backslashes by one shuffle.

use std::arch::x86_64::*;

use super::escape_bytes;

/// Whether this machine has what the functions here name.
pub(super) fn available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt")
}

/// Where the bytes of a group go, by which of them get a backslash before them. 0x80 is the place of a backslash, or of nothing.
static SPREAD: [[u8; 16]; 256] = spread();

const fn spread() -> [[u8; 16]; 256] {
    let mut table = [[0x80; 16]; 256];
    let mut mask = 0;
    while mask < 256 {
        let (mut from, mut to) = (0, 0);
        while from < 8 {
            to += mask >> from & 1;
            table[mask][to] = from as u8;
            from += 1;
            to += 1;
        }
        mask += 1;
    }
    table
}

/// What stands for a control character after its backslash; 0 if that is `u00…`.
const SHORT: [i8; 16] = {
    let mut short = [0; 16];
    short[8] = b'b' as i8;
    short[9] = b't' as i8;
    short[10] = b'n' as i8;
    short[12] = b'f' as i8;
    short[13] = b'r' as i8;
    short
};

/// What 32 bytes are, byte for byte all ones or all zeroes.
struct Kinds {
    /// What needs an escape.
    special: __m256i,
    /// Of these, the control characters.
    control: __m256i,
}

#[target_feature(enable = "avx2")]
fn kinds(block: __m256i) -> Kinds {
    let quote = _mm256_cmpeq_epi8(block, _mm256_set1_epi8(b'"' as i8));
    let backslash = _mm256_cmpeq_epi8(block, _mm256_set1_epi8(b'\\' as i8));
    let control = _mm256_cmpeq_epi8(_mm256_min_epu8(block, _mm256_set1_epi8(0x1f)), block);
    Kinds { special: _mm256_or_si256(_mm256_or_si256(quote, backslash), control), control }
}

/// The letters of control characters that have one, and the control characters that have none.
#[target_feature(enable = "avx2")]
fn letters(block: __m256i, control: __m256i) -> (__m256i, __m256i) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = SHORT;
    let table = _mm256_broadcastsi128_si256(_mm_setr_epi8(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p));
    // A shuffle sees the low four bits: what it says about 0x10 and above is another's.
    let low = _mm256_cmpgt_epi8(_mm256_set1_epi8(16), block);
    let letter = _mm256_and_si256(_mm256_shuffle_epi8(table, block), low);
    let long = _mm256_and_si256(control, _mm256_cmpeq_epi8(letter, _mm256_setzero_si256()));
    (letter, long)
}

#[target_feature(enable = "avx2,popcnt")]
pub(super) fn length(text: &[u8]) -> u64 {
    let (blocks, rest) = text.as_chunks::<32>();
    let mut extra = _mm256_setzero_si256();
    for block in blocks {
        // SAFETY: a block is 32 bytes, and this load needs no alignment.
        let block = unsafe { _mm256_loadu_si256(block.as_ptr().cast()) };
        let Kinds { special, control } = kinds(block);
        let (_, long) = letters(block, control);
        let one = _mm256_and_si256(special, _mm256_set1_epi8(1));
        let four = _mm256_and_si256(long, _mm256_set1_epi8(4));
        let sums = _mm256_sad_epu8(_mm256_add_epi8(one, four), _mm256_setzero_si256());
        extra = _mm256_add_epi64(extra, sums);
    }
    let low = _mm_add_epi64(_mm256_castsi256_si128(extra), _mm256_extracti128_si256::<1>(extra));
    let extra = (_mm_extract_epi64::<0>(low) + _mm_extract_epi64::<1>(low)) as u64;
    (text.len() - rest.len()) as u64 + extra + super::length_portable(rest)
}

#[target_feature(enable = "avx2,popcnt")]
pub(super) fn escape(text: &[u8], out: &mut [u8]) -> (usize, usize) {
    let (mut taken, mut written) = (0, 0);
    // Every byte may become two, and the shuffles write sixteen where eight are meant.
    while let (Some(block), Some(room)) = (text[taken..].first_chunk::<32>(), out[written..].first_chunk_mut::<64>()) {
        // SAFETY: the block is 32 bytes, and this load needs no alignment.
        let bytes = unsafe { _mm256_loadu_si256(block.as_ptr().cast()) };
        let Kinds { special, control } = kinds(bytes);
        let marks = _mm256_movemask_epi8(special) as u32;
        if marks == 0 {
            // SAFETY: there is room for 64 bytes, and this store needs no alignment.
            unsafe { _mm256_storeu_si256(room.as_mut_ptr().cast(), bytes) };
            taken += 32;
            written += 32;
            continue;
        }
        let (letter, long) = letters(bytes, control);
        if _mm256_testz_si256(long, long) == 0 {
            let step = escape_bytes(block, &mut out[written..]);
            taken += step.0;
            written += step.1;
            if step.0 < 32 {
                return (taken, written);
            }
            continue;
        }
        let bytes = _mm256_blendv_epi8(bytes, letter, control);
        let halves = [_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes)];
        let mut at = 0;
        for group in 0..4 {
            let half = halves[group / 2];
            let eight = if group % 2 == 0 { half } else { _mm_unpackhi_epi64(half, half) };
            let mark = marks >> (group * 8) & 0xff;
            // SAFETY: a row of the table is 16 bytes, and this load needs no alignment.
            let places = unsafe { _mm_loadu_si128(SPREAD[mark as usize].as_ptr().cast()) };
            let spread = _mm_blendv_epi8(_mm_shuffle_epi8(eight, places), _mm_set1_epi8(b'\\' as i8), places);
            // SAFETY: each group before this one has moved `at` on by 16 at most, so that 16 of 64 bytes are left. This store
            // needs no alignment.
            unsafe { _mm_storeu_si128(room.as_mut_ptr().add(at).cast(), spread) };
            at += 8 + mark.count_ones() as usize;
        }
        taken += 32;
        written += at;
    }
    let step = escape_bytes(&text[taken..], &mut out[written..]);
    (taken + step.0, written + step.1)
}
