//! Families as they were gathered, made fit for any exposition: parts of one metric joined, sorted by name,
//! and freed from what would make a page invalid (a name or label set twice, a value that is no number).

use std::{
    collections::{BTreeSet, HashSet},
    hash::BuildHasher,
    sync::Arc,
};

use crate::sample::{Desc, Family, Kind, Point, Value};

/// What one exposition shows. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    families: Arc<[Family]>,
    omitted: Arc<Omitted>,
}

/// What had to be left out; all of it is a defect in a collector.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Omitted {
    /// How many series.
    pub series: u64,
    /// The metrics they belong to.
    pub metrics: BTreeSet<&'static str>,
}

impl Snapshot {
    /// Orders and cleans what was gathered. Families of the same description are joined, in the order given.
    #[must_use]
    pub fn new(mut gathered: Vec<Family>) -> Self {
        gathered.sort_by_cached_key(|family| stem(family.desc));
        let mut omitted = Omitted::default();
        let mut families: Vec<Family> = Vec::with_capacity(gathered.len());
        for family in gathered {
            match families
                .last_mut()
                .filter(|last| stem(last.desc) == stem(family.desc))
            {
                None => families.push(family),
                Some(last) if last.desc == family.desc => last.points.extend(family.points),
                Some(_) => omitted.add(family.desc, family.points.len()),
            }
        }
        for family in &mut families {
            let before = family.points.len();
            clean(family);
            omitted.add(family.desc, before - family.points.len());
        }
        families.retain(|family| !family.points.is_empty());
        Self {
            families: families.into(),
            omitted: Arc::new(omitted),
        }
    }

    /// The families, sorted by name; none is empty.
    #[must_use]
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// What had to be left out.
    #[must_use]
    pub fn omitted(&self) -> &Omitted {
        &self.omitted
    }

    /// Number of series, a histogram counting as one.
    #[must_use]
    pub fn series(&self) -> usize {
        self.families.iter().map(|family| family.points.len()).sum()
    }
}

impl Omitted {
    fn add(&mut self, desc: &'static Desc, series: usize) {
        if series > 0 {
            self.series += series as u64;
            self.metrics.insert(desc.name);
        }
    }
}

/// The name without the suffix that its kind adds: what must be unique in an exposition.
pub(super) fn stem(desc: &Desc) -> &'static str {
    let suffix = match desc.kind {
        Kind::Counter => "_total",
        Kind::Info => "_info",
        Kind::Gauge | Kind::Histogram(_) => "",
    };
    desc.name.strip_suffix(suffix).unwrap_or(desc.name)
}

fn clean(family: &mut Family) {
    let desc = family.desc;
    family.points.retain(|point| fits(desc, point));
    if has_twins(&family.points) {
        let mut seen = HashSet::new();
        family.points.retain(|point| seen.insert(point.labels.clone()));
    }
}

fn fits(desc: &Desc, point: &Point) -> bool {
    let value_fits = match (desc.kind, &point.value) {
        (Kind::Counter, Value::Number(value)) => value.is_finite() && *value >= 0.0,
        (Kind::Gauge | Kind::Info, Value::Number(value)) => value.is_finite(),
        (Kind::Histogram(_), Value::Histogram(_)) => true,
        _ => false,
    };
    value_fits && point.labels.len() == desc.labels.len()
}

/// Whether two points might have the same labels. Compares hashes, since thousands of label sets per scrape
/// are too many to keep in a set just to learn that all is well.
fn has_twins(points: &[Point]) -> bool {
    let state = foldhash::fast::RandomState::default();
    let mut hashes: Vec<u64> = points.iter().map(|point| state.hash_one(&point.labels)).collect();
    hashes.sort_unstable();
    hashes.windows(2).any(|pair| pair.first() == pair.last())
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::histogram::Histogram;
    use smol_str::SmolStr;

    use super::*;

    const BYTES: Desc = Desc {
        name: "test_bytes_total",
        kind: Kind::Counter,
        labels: &["interface"],
        help: "Bytes.",
    };
    const BYTES_AGAIN: Desc = Desc {
        name: "test_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "The same name once the suffix is gone.",
    };
    const LOAD: Desc = Desc {
        name: "test_load",
        kind: Kind::Gauge,
        labels: &[],
        help: "Load.",
    };

    fn counters(points: &[(&'static str, f64)]) -> Family {
        let mut family = Family::new(&BYTES);
        for (interface, value) in points {
            family.push([SmolStr::new_static(interface)], *value);
        }
        family
    }

    fn shape(snapshot: &Snapshot) -> Vec<(&str, usize)> {
        snapshot
            .families()
            .iter()
            .map(|f| (f.desc.name, f.points.len()))
            .collect()
    }

    #[test]
    fn parts_of_one_metric_are_joined_and_sorted_by_name() {
        let snapshot = Snapshot::new(vec![
            Family::single(&LOAD, 1.0),
            counters(&[("b", 1.0)]),
            counters(&[("a", 2.0), ("c", 3.0)]),
        ]);
        assert_eq!(shape(&snapshot), [("test_bytes_total", 3), ("test_load", 1)]);
        assert_eq!((snapshot.series(), snapshot.omitted().series), (4, 0));
    }

    #[test]
    fn what_would_make_a_page_invalid_is_left_out_and_counted() {
        let mut lost_label = counters(&[("a", 1.0)]);
        lost_label.points.push(Point {
            labels: Box::new([]),
            value: Value::Number(1.0),
        });
        let mut odd = Family::new(&LOAD);
        odd.push_value([], Value::Histogram(Histogram::new([1.0])));
        let rows: [(&str, Vec<Family>, usize, u64); 7] = [
            (
                "a label set twice",
                vec![counters(&[("a", 1.0), ("b", 1.0), ("a", 2.0)])],
                2,
                1,
            ),
            (
                "twice in two parts",
                vec![counters(&[("a", 1.0)]), counters(&[("a", 2.0)])],
                1,
                1,
            ),
            (
                "one name, two meanings",
                vec![counters(&[("a", 1.0)]), Family::single(&BYTES_AGAIN, 1.0)],
                1,
                1,
            ),
            (
                "not a number",
                vec![
                    Family::single(&LOAD, f64::NAN),
                    Family::single(&LOAD, f64::INFINITY),
                ],
                0,
                2,
            ),
            (
                "a counter below zero",
                vec![counters(&[("a", -1.0), ("b", 0.0)])],
                1,
                1,
            ),
            ("a label too few", vec![lost_label], 1, 1),
            ("a histogram in a gauge", vec![odd], 0, 1),
        ];
        for (case, families, kept, omitted) in rows {
            let snapshot = Snapshot::new(families);
            assert_eq!(
                (snapshot.series(), snapshot.omitted().series),
                (kept, omitted),
                "{case}"
            );
            assert_eq!(snapshot.omitted().metrics.len(), 1, "{case}");
        }
    }

    #[test]
    fn of_twins_the_first_is_kept() {
        let snapshot = Snapshot::new(vec![counters(&[("a", 1.0), ("a", 2.0)])]);
        let values: Vec<_> = snapshot
            .families()
            .iter()
            .flat_map(|f| &f.points)
            .map(|p| p.value.clone())
            .collect();
        assert!(matches!(values[..], [Value::Number(1.0)]));
    }
}
