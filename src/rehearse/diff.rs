//! Two lists beside each other, in as few differences as possible.

use std::fmt::Display;

/// None: as expected. `strict`: what was not expected is a difference too.
///
/// Lines begin with `- ` (expected, and missing), `+ ` (not expected) or two spaces.
pub fn diff<A: Display, B: Display>(
    expected: &[A],
    got: &[B],
    strict: bool,
    same: impl Fn(&A, &B) -> bool,
) -> Option<Vec<String>> {
    // How many fit from (i, j) on.
    let mut best = vec![vec![0_usize; got.len() + 1]; expected.len() + 1];
    for i in (0..expected.len()).rev() {
        for j in (0..got.len()).rev() {
            let fits = if same(&expected[i], &got[j]) { 1 + best[i + 1][j + 1] } else { 0 };
            best[i][j] = fits.max(best[i + 1][j]).max(best[i][j + 1]);
        }
    }
    let found = best[0][0];
    if found == expected.len() && (!strict || found == got.len()) {
        return None;
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < expected.len() || j < got.len() {
        let both = i < expected.len() && j < got.len();
        if both && same(&expected[i], &got[j]) && best[i][j] == 1 + best[i + 1][j + 1] {
            lines.push(format!("  {}", got[j]));
            (i, j) = (i + 1, j + 1);
        } else if i < expected.len() && (j == got.len() || best[i + 1][j] == best[i][j]) {
            lines.push(format!("- {}", expected[i]));
            i += 1;
        } else {
            lines.push(format!("{} {}", if strict { "+" } else { " " }, got[j]));
            j += 1;
        }
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::diff;

    fn of(expected: &[&str], got: &[&str], strict: bool) -> Option<String> {
        diff(expected, got, strict, |a, b| a == b).map(|lines| lines.join("\n"))
    }

    #[test]
    fn the_smallest_difference_is_shown() {
        assert_eq!(of(&["a", "b"], &["a", "b"], true), None);
        assert_eq!(of(&["a", "b", "d"], &["a", "c", "d", "e"], true).unwrap(), "  a\n- b\n+ c\n  d\n+ e");
        assert_eq!(of(&[], &["a"], true).unwrap(), "+ a");
        assert_eq!(of(&["a"], &[], true).unwrap(), "- a");
    }

    #[test]
    fn among_others_is_enough_where_it_is_not_strict() {
        assert_eq!(of(&["a", "c"], &["a", "b", "c"], false), None);
        assert_eq!(of(&["c", "a"], &["a", "b", "c"], false).unwrap(), "- c\n  a\n  b\n  c");
    }
}
