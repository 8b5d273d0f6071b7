use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::sleep;

use super::*;
use crate::sample::{Desc, Kind};

const READING: Desc = Desc {
    name: "test_reading",
    kind: Kind::Gauge,
    labels: &[],
    help: "Number of the reading.",
};
const COLLECTORS: &[&str] = &["network", "system", "devices"];

/// Takes two seconds for each reading and numbers them.
#[derive(Default)]
struct Slow {
    begun: AtomicUsize,
    deadlines: Mutex<Vec<Duration>>,
}

impl Gather for Slow {
    fn gather(&self, _: Selection, deadline: Duration) -> Gathering<'_> {
        Box::pin(async move {
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            self.deadlines.lock().expect("not poisoned").push(deadline);
            sleep(Duration::from_secs(2)).await;
            vec![Family::single(&READING, number as f64)]
        })
    }
}

fn shared() -> (Arc<Slow>, Shared) {
    let slow = Arc::new(Slow::default());
    (Arc::clone(&slow), Shared::new(slow))
}

const LONG: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn scrapes_that_overlap_share_one_reading_and_the_next_reads_anew() {
    let (slow, shared) = shared();
    let late = async {
        sleep(Duration::from_millis(1_500)).await;
        shared.read(Selection::All, LONG).await
    };
    let began = Instant::now();
    let (first, second, third) = tokio::join!(
        shared.read(Selection::All, LONG),
        shared.read(Selection::All, LONG),
        late
    );
    assert_eq!(
        (slow.begun.load(Ordering::SeqCst), began.elapsed()),
        (1, Duration::from_secs(2))
    );
    assert_eq!([first.series(), second.series(), third.series()], [1, 1, 1]);
    shared.read(Selection::All, LONG).await;
    assert_eq!(slow.begun.load(Ordering::SeqCst), 2);
    assert!(shared.under_way.lock().expect("not poisoned").is_empty());
}

#[tokio::test(start_paused = true)]
async fn other_selections_and_shorter_deadlines_read_for_themselves() {
    let (slow, shared) = shared();
    let only = Selection::Only(["system"].into());
    tokio::join!(
        shared.read(Selection::All, LONG),
        shared.read(only, LONG),
        shared.read(Selection::All, Duration::from_secs(3)),
    );
    assert_eq!(slow.begun.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_reading_whose_scrape_was_given_up_is_taken_over_with_the_time_that_is_left() {
    let (slow, shared) = shared();
    let given_up = tokio::time::timeout(Duration::from_secs(1), shared.read(Selection::All, LONG));
    let (given_up, other) = tokio::join!(given_up, shared.read(Selection::All, LONG));
    assert!(given_up.is_err());
    assert_eq!(other.series(), 1);
    let deadlines = slow.deadlines.lock().expect("not poisoned").clone();
    assert_eq!(deadlines, [LONG, Duration::from_secs(9)]);
}

#[tokio::test(start_paused = true)]
async fn a_reading_nobody_waits_for_is_forgotten() {
    let (slow, shared) = shared();
    let given_up = tokio::time::timeout(Duration::from_secs(1), shared.read(Selection::All, LONG)).await;
    assert!(given_up.is_err());
    sleep(LONG).await;
    shared.read(Selection::All, LONG).await;
    let deadlines = slow.deadlines.lock().expect("not poisoned").clone();
    assert_eq!(deadlines, [LONG, LONG]);
}

type Row = (
    &'static [(&'static str, &'static str)],
    Result<Selection, SelectionError>,
);

#[test]
fn selections_are_read_from_the_query() {
    let only = |names: &[&'static str]| Ok(Selection::Only(names.iter().copied().collect()));
    let unknown = |given: &str| {
        Err(SelectionError::Unknown {
            given: given.to_owned(),
            accepted: "`network`, `system`, `devices`".to_owned(),
        })
    };
    let rows: [Row; 10] = [
        (&[], Ok(Selection::All)),
        (&[("foo", "bar")], Ok(Selection::All)),
        (&[("collect[]", "system")], only(&["system"])),
        (
            &[
                ("collect[]", "system"),
                ("collect[]", "network"),
                ("collect[]", "system"),
            ],
            only(&["network", "system"]),
        ),
        (
            &[("exclude[]", "devices")],
            Ok(Selection::Except(["devices"].into())),
        ),
        (&[("collect[]", "cpu")], unknown("cpu")),
        (&[("exclude[]", "")], unknown("")),
        (
            &[("collect[]", "system"), ("exclude[]", "devices")],
            Err(SelectionError::Both),
        ),
        (
            &[("collect", "network")],
            Err(SelectionError::Brackets("collect")),
        ),
        (
            &[("exclude", "network"), ("collect[]", "system")],
            Err(SelectionError::Brackets("exclude")),
        ),
    ];
    for (query, expected) in rows {
        assert_eq!(
            Selection::from_query(query.iter().copied(), COLLECTORS),
            expected,
            "{query:?}"
        );
    }
}

#[test]
fn a_selection_includes_what_it_names() {
    let only = Selection::Only(["system"].into());
    let except = Selection::Except(["system"].into());
    let rows = [
        (Selection::All, true, true),
        (only, true, false),
        (except, false, true),
    ];
    for (selection, system, network) in rows {
        assert_eq!(
            (selection.includes("system"), selection.includes("network")),
            (system, network)
        );
    }
}
