//! Did you mean: the name or the value of ours that a client's is closest to.

use super::violation::cut;

/// The candidate that is close enough to be meant.
pub(super) fn closest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = folded(cut(given));
    let rated = candidates.into_iter().filter_map(|candidate| {
        let folded = folded(cut(candidate));
        let distance = distance(&given, &folded);
        if distance <= folded.len().div_ceil(3) {
            return Some((distance, candidate));
        }
        // `customer` for `customer_id`, `max_results` for `results`.
        let (short, long) = if given.len() < folded.len() { (&given, &folded) } else { (&folded, &given) };
        let is_part = short.len() >= 3 && long.windows(short.len()).any(|window| window == short);
        is_part.then_some((distance + 100, candidate))
    });
    rated.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// Case and separators say nothing.
fn folded(text: &str) -> Vec<char> {
    text.chars().filter(|c| !matches!(c, '_' | '-' | ' ' | '.')).flat_map(char::to_lowercase).collect()
}

/// How many letters have to be changed, added, left out or swapped with the next (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let mut least = (above[j] + usize::from(x != y)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *y && *x == b[j - 1] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_is_meant() {
        let names = ["customer_id", "months", "country"];
        for (given, expected) in [
            ("customerId", Some("customer_id")),
            ("customer-id", Some("customer_id")),
            ("customer", Some("customer_id")),
            ("month", Some("months")),
            ("mnoths", Some("months")),
            ("COUNTRY", Some("country")),
            ("country_name", Some("country")),
            ("contry", Some("country")),
            ("xyzzy", None),
            ("id", None),
            ("", None),
        ] {
            assert_eq!(closest(given, names), expected, "{given}");
        }
        assert_eq!(closest(&"é".repeat(100_000), names), None);
    }
}
