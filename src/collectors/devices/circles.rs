//! Which nodes of a graph are reached from each other, in one walk over it.

/// Numbers the nodes so that two have the same number exactly if each is reached from the other. `edges` holds for
/// each node the nodes it leads to, all of them below its length.
///
/// This is Tarjan's algorithm without recursion: a chain of parents may be as long as the list of devices.
pub(super) fn circles(edges: &[Vec<usize>]) -> Vec<usize> {
    let mut walk = Walk {
        edges,
        nodes: vec![Node::default(); edges.len()],
        path: Vec::new(),
        open: Vec::new(),
        met: 0,
        circles: 0,
    };
    for start in 0..edges.len() {
        if walk.nodes[start].met.is_none() {
            walk.run(start);
        }
    }
    walk.nodes
        .into_iter()
        .map(|node| node.circle.unwrap_or_default())
        .collect()
}

#[derive(Debug, Clone, Copy, Default)]
struct Node {
    /// When the walk came here first.
    met: Option<usize>,
    /// The earliest node that is known to be reached from here and to lead here.
    low: usize,
    circle: Option<usize>,
}

struct Walk<'e> {
    edges: &'e [Vec<usize>],
    nodes: Vec<Node>,
    /// Nodes from the start to where the walk is, each with the edge to follow next.
    path: Vec<(usize, usize)>,
    /// Nodes whose circle is not known yet.
    open: Vec<usize>,
    met: usize,
    circles: usize,
}

impl Walk<'_> {
    fn run(&mut self, start: usize) {
        self.enter(start);
        while let Some((node, next)) = self.path.last_mut() {
            let (node, edge) = (*node, *next);
            *next += 1;
            let Some(&to) = self.edges[node].get(edge) else {
                self.leave(node);
                continue;
            };
            match self.nodes[to] {
                Node { met: None, .. } => self.enter(to),
                Node {
                    met: Some(met),
                    circle: None,
                    ..
                } => self.reaches(node, met),
                Node { .. } => {}
            }
        }
    }

    fn enter(&mut self, node: usize) {
        self.nodes[node].met = Some(self.met);
        self.nodes[node].low = self.met;
        self.met += 1;
        self.open.push(node);
        self.path.push((node, 0));
    }

    fn leave(&mut self, node: usize) {
        self.path.pop();
        let Node { met, low, .. } = self.nodes[node];
        if met == Some(low) {
            while let Some(member) = self.open.pop() {
                self.nodes[member].circle = Some(self.circles);
                if member == node {
                    break;
                }
            }
            self.circles += 1;
        }
        if let Some((before, _)) = self.path.last() {
            self.reaches(*before, low);
        }
    }

    fn reaches(&mut self, node: usize, low: usize) {
        let known = &mut self.nodes[node].low;
        *known = low.min(*known);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_reached(edges: &[Vec<usize>], from: usize, to: usize) -> bool {
        let (mut seen, mut open) = (vec![false; edges.len()], vec![from]);
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut seen[node], true) {
                open.extend(&edges[node]);
            }
        }
        seen[to]
    }

    proptest! {
        #[test]
        fn nodes_of_one_circle_are_those_that_reach_each_other(
            edges in prop::collection::vec(prop::collection::vec(0_usize..8, 0..3), 8)
        ) {
            let found = circles(&edges);
            for one in 0..8 {
                for other in 0..8 {
                    let both = is_reached(&edges, one, other) && is_reached(&edges, other, one);
                    prop_assert_eq!(found[one] == found[other], both, "{} and {} of {:?}", one, other, edges);
                }
            }
        }
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let chain: Vec<_> = (1..=200_000).map(|next| vec![next % 200_000]).collect();
        assert!(circles(&chain).iter().all(|circle| *circle == 0));
    }
}
