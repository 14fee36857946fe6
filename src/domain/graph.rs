//! Who waits for whom: finds what would wait for itself.

use std::collections::{BTreeMap, BTreeSet};

/// The first circle, its first member repeated at the end: `a, b, a`. None where an order exists.
///
/// Walks with a list of its own instead of the stack, as deep as the graph has members.
pub fn circle<N: Ord + Clone>(after: &BTreeMap<N, Vec<N>>) -> Option<Vec<N>> {
    let mut done: BTreeSet<&N> = BTreeSet::new();
    for start in after.keys() {
        // Each member on the way with how many of its own were looked at.
        let mut way: Vec<(&N, usize)> = vec![(start, 0)];
        while let Some((node, seen)) = way.pop() {
            let Some(next) = after.get(node).and_then(|list| list.get(seen)) else {
                done.insert(node);
                continue;
            };
            way.push((node, seen + 1));
            if let Some(at) = way.iter().position(|(known, _)| *known == next) {
                return Some(way[at..].iter().map(|(node, _)| *node).chain([next]).cloned().collect());
            }
            if !done.contains(next) {
                way.push((next, 0));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&'static str, &[&'static str])]) -> BTreeMap<&'static str, Vec<&'static str>> {
        edges.iter().map(|(node, after)| (*node, after.to_vec())).collect()
    }

    #[test]
    fn a_circle_is_named_and_an_order_is_none() {
        assert_eq!(circle(&graph(&[("web", &["db", "cache"]), ("cache", &["db"]), ("db", &["disk"])])), None);
        assert_eq!(circle(&graph(&[("web", &["web"])])), Some(vec!["web", "web"]));
        let long = graph(&[("a", &["x", "b"]), ("b", &["c"]), ("c", &["d", "b"])]);
        assert_eq!(circle(&long), Some(vec!["b", "c", "b"]));
        let chain: BTreeMap<u32, Vec<u32>> = (0..2_000).map(|n| (n, vec![n + 1])).collect();
        assert_eq!(circle(&chain), None);
    }
}
