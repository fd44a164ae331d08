//! Sixty-four bytes at a time: which of them are quotes, backslashes, operators, white space, control characters.
//!
//! The classification by two table look-ups, and finding the inside of strings by a carry-less multiplication, are those of
//! simdjson: Langdale and Lemire, "Parsing Gigabytes of JSON per Second", VLDB Journal 28(6), 2019, section 3.1.
//!
//! The vector instructions are the only `unsafe` of this crate; they are worth it because the scan is what a state costs that
//! nobody touches.

/// One bit per byte of a block; bit 0 is the first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Masks {
    pub(super) quote: u64,
    pub(super) backslash: u64,
    /// `{ } [ ] : ,` and the two control characters 0x0c and 0x1a, which the machine refuses by their class.
    pub(super) operator: u64,
    pub(super) space: u64,
    pub(super) control: u64,
    pub(super) non_ascii: u64,
}

/// A way to classify a block.
pub(super) trait Classify {
    /// # Safety
    /// The processor must have what the implementor names.
    unsafe fn masks(block: &[u8; 64]) -> Masks;

    /// Which bytes are `{` or `[`, and which are `}` or `]`.
    ///
    /// # Safety
    /// The processor must have what the implementor names.
    unsafe fn brackets(block: &[u8; 64]) -> (u64, u64);

    /// Bit n of the result is the parity of bits 0..=n.
    ///
    /// # Safety
    /// The processor must have what the implementor names.
    unsafe fn prefix_xor(bits: u64) -> u64;
}

/// Works everywhere; what the vector versions are checked against.
pub(super) struct Portable;

impl Classify for Portable {
    #[inline(always)]
    unsafe fn masks(block: &[u8; 64]) -> Masks {
        let mut masks = Masks::default();
        for (position, &b) in block.iter().enumerate() {
            let bit = |is: bool| (is as u64) << position;
            masks.quote |= bit(b == b'"');
            masks.backslash |= bit(b == b'\\');
            masks.operator |= bit(matches!(b, b'{' | b'}' | b'[' | b']' | b':' | b',' | 0x0c | 0x1a));
            masks.space |= bit(matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
            masks.control |= bit(b < 0x20);
            masks.non_ascii |= bit(b >= 0x80);
        }
        masks
    }

    #[inline(always)]
    unsafe fn brackets(block: &[u8; 64]) -> (u64, u64) {
        let (mut open, mut close) = (0, 0);
        for (position, &b) in block.iter().enumerate() {
            open |= ((b | 0x20 == b'{') as u64) << position;
            close |= ((b | 0x20 == b'}') as u64) << position;
        }
        (open, close)
    }

    #[inline(always)]
    unsafe fn prefix_xor(mut bits: u64) -> u64 {
        for shift in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << shift;
        }
        bits
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, available};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Classify, Masks};

    /// AVX2 with carry-less multiplication.
    pub(in crate::scan) struct Avx2;

    /// Has this processor what [`Avx2`] needs? (Asked once; the answer is cached by the standard library.)
    pub(in crate::scan) fn available() -> bool {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
    }

    impl Classify for Avx2 {
        #[inline(always)]
        unsafe fn masks(block: &[u8; 64]) -> Masks {
            // SAFETY: the caller vouches for AVX2; both loads lie within the 64 bytes of the block and need no alignment.
            unsafe {
                let spaces = _mm256_setr_epi8(
                    b' ' as i8, 100, 100, 100, 17, 100, 113, 2, 100, 9, 10, 112, 100, 13, 100, 100, //
                    b' ' as i8, 100, 100, 100, 17, 100, 113, 2, 100, 9, 10, 112, 100, 13, 100, 100,
                );
                let operators = _mm256_setr_epi8(
                    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b':' as i8, b'{' as i8, b',' as i8, b'}' as i8, 0, 0, //
                    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b':' as i8, b'{' as i8, b',' as i8, b'}' as i8, 0, 0,
                );
                let low = _mm256_loadu_si256(block.as_ptr().cast());
                let high = _mm256_loadu_si256(block.as_ptr().add(32).cast());
                macro_rules! both {
                    (|$v:ident| $e:expr) => {{
                        let a = {
                            let $v = low;
                            _mm256_movemask_epi8($e) as u32
                        };
                        let b = {
                            let $v = high;
                            _mm256_movemask_epi8($e) as u32
                        };
                        a as u64 | (b as u64) << 32
                    }};
                }
                Masks {
                    quote: both!(|v| _mm256_cmpeq_epi8(v, _mm256_set1_epi8(b'"' as i8))),
                    backslash: both!(|v| _mm256_cmpeq_epi8(v, _mm256_set1_epi8(b'\\' as i8))),
                    operator: both!(|v| _mm256_cmpeq_epi8(
                        _mm256_or_si256(v, _mm256_set1_epi8(0x20)),
                        _mm256_shuffle_epi8(operators, v)
                    )),
                    space: both!(|v| _mm256_cmpeq_epi8(v, _mm256_shuffle_epi8(spaces, v))),
                    control: both!(|v| _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1f)), v)),
                    non_ascii: both!(|v| v),
                }
            }
        }

        #[inline(always)]
        unsafe fn brackets(block: &[u8; 64]) -> (u64, u64) {
            // SAFETY: the caller vouches for AVX2; both loads lie within the 64 bytes of the block and need no alignment.
            unsafe {
                let curl = _mm256_set1_epi8(0x20);
                let low = _mm256_or_si256(_mm256_loadu_si256(block.as_ptr().cast()), curl);
                let high = _mm256_or_si256(_mm256_loadu_si256(block.as_ptr().add(32).cast()), curl);
                let both = |byte: u8| {
                    let byte = _mm256_set1_epi8(byte as i8);
                    let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(low, byte)) as u32;
                    let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(high, byte)) as u32;
                    low as u64 | (high as u64) << 32
                };
                (both(b'{'), both(b'}'))
            }
        }

        #[inline(always)]
        unsafe fn prefix_xor(bits: u64) -> u64 {
            // SAFETY: the caller vouches for PCLMULQDQ.
            unsafe {
                let all = _mm_set1_epi8(-1);
                _mm_cvtsi128_si64(_mm_clmulepi64_si128(_mm_set_epi64x(0, bits as i64), all, 0)) as u64
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn vector_and_portable_agree_on_every_byte_at_every_place() {
        if !available() {
            return;
        }
        for byte in 0..=255u8 {
            for place in 0..64 {
                let mut block = [b'x'; 64];
                block[place] = byte;
                // SAFETY: `available` said yes; `Portable` needs nothing.
                let (fast, slow) = unsafe { (Avx2::masks(&block), Portable::masks(&block)) };
                assert_eq!(fast, slow, "byte {byte:#x} at {place}");
                // SAFETY: as above.
                let (fast, slow) = unsafe { (Avx2::brackets(&block), Portable::brackets(&block)) };
                assert_eq!(fast, slow, "byte {byte:#x} at {place}");
            }
        }
        let mut bits = 0x9e37_79b9_7f4a_7c15u64;
        for _ in 0..1000 {
            bits = bits.rotate_left(7).wrapping_mul(0x2545_f491_4f6c_dd1d);
            // SAFETY: as above.
            unsafe { assert_eq!(Avx2::prefix_xor(bits), Portable::prefix_xor(bits)) };
        }
    }
}
