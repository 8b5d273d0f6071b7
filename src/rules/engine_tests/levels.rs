//! Timelines of readings in, verdicts out: one row, one sentence.

use proptest::prelude::*;

use super::*;

fn falling(rule: Rule) -> Rule {
    Rule {
        when: Direction::Below,
        levels: Levels::new(&[(Severity::Medium, 0.2), (Severity::High, 0.1)]),
        clear: Some(0.25),
        ..rule
    }
}

fn parsed(word: &str) -> Observed {
    match word {
        "missing" => MISSING,
        "odd" => Observed::Implausible(0.99),
        "nan" => Observed::Value(f64::NAN),
        number => Observed::Value(number.parse().expect("a number")),
    }
}

/// Time, value and verdict of each reading: `0 0.85 pending:medium; 60 …`.
fn tell(sentence: &str, rule: Rule, story: &str) {
    let mut bench = Bench::new(vec![rule]);
    for event in story.split(';') {
        let words: Vec<&str> = event.split_whitespace().collect();
        let [seconds, value, expected] = words[..] else {
            panic!("{event} has not three words");
        };
        let verdict = bench.cpu(seconds.parse().expect("seconds"), parsed(value));
        assert_eq!(verdict, expected, "{sentence}: {event}");
    }
}

#[test]
fn levels_hold_and_clear_as_the_sentence_says() {
    for (sentence, rule, story) in [
        (
            "at a level is beyond it",
            cpu(0),
            "0 0.79 clear; 60 0.8 firing:medium; 120 0.9 firing:high",
        ),
        (
            "the clear value ends it, and nothing above does",
            cpu(0),
            "0 0.8 firing:medium; 60 0.751 firing:medium; 120 0.75 clear; 180 0.79 clear",
        ),
        (
            "a higher level clears by the same distance",
            cpu(0),
            "0 0.95 firing:high; 60 0.86 firing:high; 120 0.85 firing:medium; 180 0.89 firing:medium; 240 0.9 firing:high",
        ),
        (
            "a value that falls through all levels clears at once",
            cpu(0),
            "0 0.95 firing:high; 60 0.1 clear",
        ),
        (
            "without a clear value, below the first level is over",
            Rule {
                clear: None,
                ..cpu(0)
            },
            "0 0.8 firing:medium; 60 0.8 firing:medium; 120 0.799 clear",
        ),
        (
            "a level counts once it was passed for the whole hold",
            cpu(120),
            "0 0.85 pending:medium; 60 0.85 pending:medium; 120 0.85 firing:medium",
        ),
        (
            "a hold that is broken begins anew",
            cpu(120),
            "0 0.85 pending:medium; 60 0.79 clear; 120 0.85 pending:medium; 180 0.85 pending:medium; 240 0.85 firing:medium",
        ),
        (
            "a rise waits for its own hold while the lower level fires",
            cpu(120),
            "0 0.85 pending:medium; 60 0.85 pending:medium; 120 0.85 firing:medium; 180 0.95 firing:medium; 240 0.95 firing:medium; 300 0.95 firing:high",
        ),
        (
            "a rise that does not last raises nothing",
            cpu(120),
            "0 0.85 pending:medium; 60 0.95 pending:medium; 120 0.85 firing:medium; 180 0.95 firing:medium; 240 0.85 firing:medium; 300 0.95 firing:medium",
        ),
        (
            "of levels that come into force together, the highest is told",
            cpu(120),
            "0 0.95 pending:high; 60 0.95 pending:high; 120 0.95 firing:high",
        ),
        (
            "a rule for low values mirrors all of it",
            falling(cpu(0)),
            "0 0.21 clear; 60 0.2 firing:medium; 120 0.1 firing:high; 180 0.14 firing:high; 240 0.15 firing:medium; 300 0.24 firing:medium; 360 0.25 clear",
        ),
        (
            "without a value what fires goes on, and ends by the next value only",
            cpu(0),
            "0 0.85 firing:medium; 60 missing unknown; 120 0.78 firing:medium; 180 missing unknown; 240 0.5 clear",
        ),
        (
            "without a value a hold pauses, and the pause does not count",
            cpu(120),
            "0 0.85 pending:medium; 60 0.85 pending:medium; 120 missing unknown; 180 0.85 pending:medium; 240 0.85 firing:medium",
        ),
        (
            "after more than three intervals without a value a hold begins anew",
            cpu(120),
            "0 0.85 pending:medium; 60 0.85 pending:medium; 120 missing unknown; 180 missing unknown; 240 missing unknown; 300 0.85 pending:medium; 360 0.85 pending:medium; 420 0.85 firing:medium",
        ),
        (
            "after sleep a hold begins anew",
            cpu(120),
            "0 0.1 clear; 60 0.85 pending:medium; 28800 0.85 pending:medium; 28860 0.85 pending:medium; 28920 0.85 firing:medium",
        ),
        (
            "after sleep what fires still fires",
            cpu(0),
            "0 0.1 clear; 60 0.85 firing:medium; 28800 0.78 firing:medium; 28860 0.7 clear",
        ),
        (
            "what cannot be right is no value",
            cpu(0),
            "0 odd unknown; 60 nan unknown; 120 0.85 firing:medium; 180 odd unknown",
        ),
    ] {
        tell(sentence, rule, story);
    }
}

#[test]
fn a_first_reading_without_value_fires_nothing() {
    tell(
        "the first reading of a rate has no value",
        cpu(0),
        "0 missing unknown; 60 0.1 clear",
    );
}

#[test]
fn the_ladder_of_the_cpu_goes_up_and_down() {
    let rule = built_in()
        .into_iter()
        .find(|rule| rule.name == "cpu")
        .expect("built in");
    let mut bench = Bench::new(vec![rule]);
    let mut verdicts = Vec::new();
    for minute in 0..60 {
        let value = match minute {
            0..5 => 0.3,
            5..20 => 0.83,
            20..35 => 0.97,
            35..45 => 0.82,
            _ => 0.2,
        };
        let verdict = bench.cpu(minute * 60, Observed::Value(value));
        if verdicts.last().is_none_or(|(_, last)| *last != verdict) {
            verdicts.push((minute, verdict));
        }
    }
    let expected = [
        (0, "clear"),
        (5, "pending:medium"),
        (15, "firing:medium"),
        (30, "firing:high"),
        (35, "firing:medium"),
        (45, "clear"),
    ];
    assert_eq!(
        verdicts,
        expected.map(|(minute, verdict)| (minute, verdict.to_owned()))
    );
}

#[test]
fn a_finding_explains_itself() {
    let mut bench = Bench::new(vec![cpu(600)]);
    let mut last = Vec::new();
    for minute in 0..=10 {
        last = bench.judge(
            minute * 60,
            Scope::Whole,
            vec![reading(&CPU, "", Observed::Value(0.931))],
        );
    }
    let [
        Finding {
            verdict: Verdict::Firing(breach),
            ..
        },
    ] = &last[..]
    else {
        panic!("{last:?}");
    };
    assert_eq!(breach.explanation, "CPU usage is 93.1 %, above 90 % for 10 min");
    assert_eq!((breach.severity, breach.threshold), (Severity::High, 0.9));
    assert_eq!(breach.since, bench.start.wall);
}

#[test]
fn a_jump_of_the_wall_clock_fires_and_clears_nothing() {
    for jump in [-86_400, 86_400] {
        let mut bench = Bench::new(vec![cpu(120)]);
        assert_eq!(bench.cpu(0, Observed::Value(0.85)), "pending:medium");
        bench.start.wall += jiff::SignedDuration::from_secs(jump);
        assert_eq!(bench.cpu(60, Observed::Value(0.85)), "pending:medium", "{jump}");
        assert_eq!(bench.cpu(120, Observed::Value(0.85)), "firing:medium", "{jump}");
        bench.start.wall -= jiff::SignedDuration::from_secs(jump);
        assert_eq!(bench.cpu(180, Observed::Value(0.78)), "firing:medium", "{jump}");
    }
}

proptest! {
    #[test]
    fn a_value_that_wobbles_within_the_clear_distance_fires_once(
        values in proptest::collection::vec(0.751..0.849_f64, 1..60),
        hold in 0_u64..200,
    ) {
        let mut bench = Bench::new(vec![cpu(hold)]);
        let mut began = 0;
        let mut fires = false;
        for (round, value) in (0..).zip(values) {
            let now = bench.cpu(round * 60, Observed::Value(value)).starts_with("firing");
            began += u32::from(now && !fires);
            fires = now;
        }
        prop_assert!(began <= 1);
        prop_assert!(fires || began == 0, "and does not end");
    }

    #[test]
    fn the_same_readings_give_the_same_findings(
        values in proptest::collection::vec(proptest::option::of(0.0..1.0_f64), 1..40),
    ) {
        let start = Clock::System.now();
        let told = || {
            let mut bench = Bench { engine: Engine::new(built_in()), start };
            let mut all = Vec::new();
            for (round, value) in (0..).zip(&values) {
                let observed = value.map_or(MISSING, Observed::Value);
                let mut readings = device("a", value.unwrap_or(0.0).round(), value.unwrap_or(1.0));
                readings.push(reading(&CPU, "", observed));
                all.extend(bench.judge(round * 60, Scope::Whole, readings));
            }
            all
        };
        prop_assert_eq!(told(), told());
    }
}
