//! Sizes in bytes as people write and read them: `100MB`, `1.5GiB`.

use anyhow::{Context, Result, ensure};

const UNITS: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
    ("", 1),
];

/// Reads a size. `MB` is a million bytes, `MiB` 2^20; case does not matter, nor does a space before the unit.
pub(crate) fn parse(text: &str) -> Result<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (&text[..at], text[at..].trim());
    let (_, factor) = UNITS
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))
        .with_context(|| format!("{text:?} is not a size: known units are B, KB, MB, GB, KiB, MiB, GiB"))?;
    let bytes = match number.parse::<u64>() {
        Ok(whole) => whole.checked_mul(factor),
        Err(_) => {
            let number: f64 = number.parse().with_context(|| format!("{text:?} is not a size: no number in front"))?;
            let bytes = number * factor as f64;
            (bytes < u64::MAX as f64).then_some(bytes as u64)
        }
    };
    let bytes = bytes.with_context(|| format!("{text:?} is more than a file can hold"))?;
    ensure!(bytes > 0, "{text:?} is no size to generate");
    Ok(bytes)
}

/// Shows a size in decimal units: `999 B`, `1.5 kB`, `100.0 MB`.
pub(crate) fn show(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let check = |text: &str, bytes: u64| assert_eq!(parse(text).unwrap(), bytes, "{text}");
        check("1000", 1000);
        check("12B", 12);
        check("1KB", 1_000);
        check("1KiB", 1_024);
        check("100MB", 100_000_000);
        check("100 mb", 100_000_000);
        check("1.5GB", 1_500_000_000);
        check("2GiB", 2 << 30);
    }

    #[test]
    fn what_is_not_a_size_is_refused() {
        for text in ["", "MB", "0", "0GB", "-1MB", "1.2.3MB", "100 apples", "99999999999999GB"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown() {
        let check = |bytes: u64, text: &str| assert_eq!(show(bytes), text);
        check(999, "999 B");
        check(1_500, "1.5 kB");
        check(100_000_000, "100.0 MB");
        check(12_340_000_000, "12.34 GB");
    }
}
