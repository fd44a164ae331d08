//! "Did you mean": the nearest of some known words to one that is not known.

/// Words longer than this are never compared: nobody mistypes a word of this length by one letter, and the comparison
/// takes time proportional to the product of the lengths.
const LONGEST: usize = 64;

/// The one of `known` that `word` was probably meant to be, or `None` when nothing is near.
///
/// Case, `_`, `-` and spaces do not count (`source_map` is near `sourceMap`). Beyond that, one letter may be wrong,
/// missing, extra or swapped with its neighbour in a word of three letters or more, and one in four in longer words.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = fold(word)?;
    known
        .into_iter()
        .filter_map(|candidate| {
            let folded = fold(candidate)?;
            let length = word.len().max(folded.len());
            let allowed = if length < 3 { 0 } else { (length / 4).max(1) };
            let distance = distance(&word, &folded);
            (distance <= allowed && distance < folded.len()).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn fold(word: &str) -> Option<Vec<char>> {
    if word.len() > 4 * LONGEST {
        return None;
    }
    let folded: Vec<char> =
        word.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect();
    (!folded.is_empty() && folded.len() <= LONGEST).then_some(folded)
}

/// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours, each counting one.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substituted = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substituted.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, expected: Option<&str>) {
        assert_eq!(nearest(word, ["expression", "state", "id", "sourceMap", "next"]), expected, "{word}");
    }

    #[test]
    fn finds_what_was_meant() {
        check("expresion", Some("expression"));
        check("Expression", Some("expression"));
        check("source_map", Some("sourceMap"));
        check("nxet", Some("next"));
        check("stat", Some("state"));
        check("di", None);
        check("banana", None);
        check("", None);
        check("___", None);
        check(&"e".repeat(100_000), None);
    }
}
