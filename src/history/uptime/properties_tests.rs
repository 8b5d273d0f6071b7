//! What holds of any past: parts add up to the whole, whatever is asked in which order, condensed or not, and what is
//! written down reads back.

use proptest::prelude::*;
use smol_str::SmolStr;

use super::{
    Ledger, Standing,
    course::{Course, DAY},
    entry::{Change, Entry, Gap},
    moment,
};

const END: i64 = 60 * DAY;

/// Something that happens to a device, a while after what happened before.
#[derive(Debug, Clone)]
enum Step {
    Stands(Standing, i64),
    Gap(i64, Option<i64>),
    /// The clock is set back.
    Back(i64),
}

fn standing() -> impl Strategy<Value = Standing> {
    prop::sample::select(Standing::ALL.to_vec())
}

fn steps() -> impl Strategy<Value = Vec<(i64, Step)>> {
    let step = prop_oneof![
        6 => (standing(), 0..600_000_i64).prop_map(|(standing, back)| Step::Stands(standing, back)),
        1 => (0..DAY, prop::option::of(0..DAY)).prop_map(|(back, length)| Step::Gap(back, length)),
        1 => (0..3 * DAY).prop_map(Step::Back),
    ];
    let pause = prop_oneof![0..10_000_i64, 0..DAY / 4, 0..3 * DAY];
    prop::collection::vec((pause, step), 0..60)
}

fn entries(steps: &[(i64, Step)]) -> Vec<Entry> {
    let (mut now, mut entries) = (DAY / 3, Vec::new());
    for (pause, step) in steps {
        now = (now + pause).min(END - 1);
        let mut entry = Entry::new(moment(now));
        match step {
            Step::Stands(is, back) => entry.changes.push(Change {
                device: SmolStr::new_static("router"),
                is: *is,
                since: (*back > 0).then(|| moment(now - back)),
                why: SmolStr::new_static("so"),
            }),
            Step::Gap(back, length) => {
                let from = now - back;
                let to = length.map(|length| moment((from + length).min(now)));
                entry.gap = Some(Gap {
                    from: moment(from),
                    to,
                });
            }
            Step::Back(by) => {
                now = (now - by).max(0);
                let at = moment(now);
                entry = Entry::new(at);
                entry.gap = Some(Gap {
                    from: at,
                    to: Some(at),
                });
            }
        }
        entries.push(entry);
    }
    entries
}

fn course(entries: &[Entry]) -> (Ledger, Course) {
    let mut ledger = Ledger::with_causes(None);
    for entry in entries {
        ledger.apply(entry);
    }
    let course = ledger.courses.get("router").cloned().unwrap_or_default();
    (ledger, course)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn parts_are_the_whole(steps in steps(), mut cuts in prop::collection::vec(0..END, 2..8), old in any::<bool>()) {
        let (_, mut course) = course(&entries(&steps));
        if old {
            course.condense(END, 0);
        }
        cuts.sort_unstable();
        let (from, to) = (cuts[0], cuts[cuts.len() - 1]);
        let whole = course.sums(from, to);
        prop_assert_eq!(whole.total(), to - from);
        let mut parts = super::Sums::default();
        // Backwards, as the order of questions must not matter.
        cuts.windows(2).rev().for_each(|pair| parts.merge(&course.sums(pair[0], pair[1])));
        prop_assert_eq!(parts, whole);
        prop_assert!(Standing::ALL.into_iter().all(|standing| whole.of(standing) >= 0));
        prop_assert!((0.0..=1.0).contains(&whole.coverage()));
    }

    #[test]
    fn outages_are_the_time_down(steps in steps(), a in 0..END, b in 0..END) {
        let (_, course) = course(&entries(&steps));
        let (from, to) = (a.min(b), a.max(b));
        let (outages, more) = course.outages(from, to);
        prop_assert_eq!(more, 0);
        let within: i64 = outages.iter().map(|outage| outage.within).sum();
        prop_assert_eq!(within, course.sums(from, to).of(Standing::Down));
        prop_assert!(outages.windows(2).all(|pair| pair[0].end.is_some_and(|end| end <= pair[1].start)));
    }

    #[test]
    fn condensed_days_keep_their_sums(steps in steps(), before in 0..60_i64) {
        let (_, plain) = course(&entries(&steps));
        let mut condensed = plain.clone();
        for _ in 0..2 {
            condensed.condense(before * DAY + 5, i64::MIN);
            for day in 0..60 {
                let (from, to) = (day * DAY, (day + 1) * DAY);
                prop_assert_eq!(condensed.sums(from, to), plain.sums(from, to), "day {}", day);
            }
        }
        prop_assert_eq!(condensed.present(), plain.present());
        let from = before * DAY;
        if from < END {
            prop_assert_eq!(condensed.sums(from, END), plain.sums(from, END));
        }
    }

    #[test]
    fn what_is_written_down_leads_to_the_same(steps in steps(), old in any::<bool>()) {
        let (mut ledger, _) = course(&entries(&steps));
        if old {
            ledger.condense(moment(END));
        }
        let lines: Vec<Vec<u8>> = ledger.entries().iter().map(Entry::encode).collect();
        let read: Vec<Entry> = lines.iter().map(|line| Entry::decode(line).expect("decodes")).collect();
        let (_, again) = course(&read);
        let before = ledger.courses.get("router").cloned().unwrap_or_default();
        prop_assert_eq!(before.sums(0, END), again.sums(0, END));
        prop_assert_eq!(before.outages(0, END), again.outages(0, END));
        prop_assert_eq!(before.present(), again.present());
    }
}

#[test]
fn windows_from_the_year_before_do_not_stretch() {
    let mut course = Course::default();
    course.set(1_000, Standing::Up, None);
    let sums = course.sums(-5_000, 3_000);
    assert_eq!(
        (sums.of(Standing::Unknown), sums.of(Standing::Up)),
        (6_000, 2_000)
    );
    assert_eq!((sums.ratio(), sums.coverage()), (Some(1.0), 0.25));
    assert_eq!(Course::default().sums(0, 10).ratio(), None);
}
