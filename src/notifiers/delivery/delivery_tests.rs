#[path = "storm_tests.rs"]
mod storms;

use std::{collections::BTreeSet, path::Path};

use proptest::prelude::*;
use tokio::{task::JoinHandle, time::sleep};

use super::{
    super::{Limits, Story, fixture::*},
    *,
};
use crate::{
    alerts::{Audience, News, Notice},
    durable::{Disk, volatile::Volatile},
};

/// A running delivery over a disk that can crash.
struct Running {
    handle: OutboxHandle,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

fn start(disk: &Volatile, clock: Clock, fakes: &[&Arc<Fake>]) -> Running {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let outbox = Outbox::open(
        &disk,
        Path::new("/d/outbox.jsonl"),
        Limits::default(),
        clock.now(),
    );
    let notifiers = fakes.iter().map(|&fake| Arc::clone(fake) as Arc<dyn Notifier>);
    let (delivery, handle) = Delivery::new(outbox, notifiers.collect(), clock);
    let (stop, stopping) = watch::channel(false);
    Running {
        handle,
        stop,
        task: tokio::spawn(delivery.run(stopping)),
    }
}

impl Running {
    async fn offer(&self, notices: &[Notice]) {
        self.handle.offer(notices.to_vec()).await.expect("durable");
    }

    /// The process is killed and the machine loses power.
    async fn crash(self, disk: &Volatile) {
        self.task.abort();
        let _ = self.task.await;
        disk.crash();
    }

    fn metric(&self, name: &str) -> String {
        let families = self.handle.families();
        let family = families
            .iter()
            .find(|family| family.desc.name == name)
            .expect(name);
        let points = family.points.iter().filter_map(|point| match point.value {
            crate::sample::Value::Number(value) if value > 0.0 => {
                Some(format!("{} {value}", point.labels.join(",")))
            }
            _ => None,
        });
        points.collect::<Vec<_>>().join("; ")
    }
}

async fn seconds(count: u64) {
    sleep(Duration::from_secs(count)).await;
}

fn stories(messages: &[Message]) -> Vec<String> {
    let text = |m: &Message| format!("{} {}: {}", m.recipient, m.key, told(m).join("+"));
    messages.iter().map(text).collect()
}

fn clock() -> Clock {
    Clock::following(origin())
}

#[tokio::test(start_paused = true)]
async fn an_incident_without_server_and_with_a_crash_is_told_once_per_recipient_and_alert() {
    let (disk, clock) = (Volatile::default(), clock());
    let mail = Fake::new("email", &["x", "y"]);
    mail.answer(|_| transient(Reason::Connect));
    let running = start(&disk, clock, &[&mail]);
    running
        .offer(&[notice("a", 1, News::Fired), notice("b", 1, News::Fired)])
        .await;
    seconds(60).await;
    running.crash(&disk).await;
    let running = start(&disk, clock, &[&mail]);
    running
        .offer(&[notice("a", 2, News::Reminder), notice("a", 3, News::Resolved)])
        .await;
    seconds(60).await;
    running.offer(&[notice("b", 2, News::Resolved)]).await;
    seconds(60).await;
    assert_eq!(stories(&mail.arrived()), [""; 0]);
    mail.answer(|_| Answer::Accept);
    seconds(300).await;
    let mut arrived = stories(&mail.arrived());
    arrived.sort_unstable();
    assert_eq!(
        arrived,
        [
            "x a.3: a.1+a.3",
            "x b.2: b.1+b.2",
            "y a.3: a.1+a.3",
            "y b.2: b.1+b.2"
        ]
    );
    running.crash(&disk).await;
    let running = start(&disk, clock, &[&mail]);
    seconds(600).await;
    assert_eq!(stories(&mail.arrived()), [""; 0], "sent was recorded");
    assert_eq!(running.metric("netkestrel_notification_queue_length"), "");
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_acceptance_and_record_repeats_the_same_key() {
    let (disk, clock) = (Volatile::default(), clock());
    let mail = Fake::new("email", &["x"]);
    mail.answer(|_| Answer::AcceptAndHang);
    let running = start(&disk, clock, &[&mail]);
    running
        .offer(&[notice("a", 1, News::Fired), notice("a", 2, News::Resolved)])
        .await;
    seconds(1).await;
    running.crash(&disk).await;
    mail.answer(|_| Answer::Accept);
    let _running = start(&disk, clock, &[&mail]);
    seconds(600).await;
    assert_eq!(stories(&mail.arrived()), ["x a.2: a.1+a.2", "x a.2: a.1+a.2"]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_now_is_tried_again_and_one_for_good_concerns_its_recipient_only() {
    let disk = Volatile::default();
    let mail = Fake::new("email", &["x", "y", "z"]);
    let mut refusals = 2;
    mail.answer(move |message| match message.recipient.as_str() {
        "x" if refusals > 0 => {
            refusals -= 1;
            transient(Reason::Rejected)
        }
        "y" => permanent(),
        _ => Answer::Accept,
    });
    let running = start(&disk, clock(), &[&mail]);
    running.offer(&[notice("a", 1, News::Fired)]).await;
    seconds(1).await;
    assert_eq!(stories(&mail.arrived()), ["z a.1: a.1"]);
    seconds(18).await;
    assert_eq!(stories(&mail.arrived()), [""; 0]);
    seconds(2).await;
    assert_eq!(stories(&mail.arrived()), ["x a.1: a.1"]);
    seconds(600).await;
    assert_eq!(mail.calls(), [3, 1, 1]);
    assert_eq!(
        running.metric("netkestrel_notifications_failed_total"),
        "email,rejected 1"
    );
    assert_eq!(running.metric("netkestrel_notifications_total"), "email 3");
    assert_eq!(running.metric("netkestrel_notification_retries_total"), "email 2");
    assert_eq!(running.metric("netkestrel_notification_queue_length"), "");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_delays_nobody_else() {
    let disk = Volatile::default();
    let (dead, alive) = (Fake::new("email", &["x"]), Fake::new("webhook", &["y"]));
    dead.answer(|_| Answer::Hang);
    let running = start(&disk, clock(), &[&dead, &alive]);
    for number in 1..4 {
        running.offer(&[notice("a", number, News::Fired)]).await;
        seconds(1).await;
        assert_eq!(alive.arrived().len(), 1);
    }
    dead.answer(|_| Answer::Accept);
    seconds(700).await;
    assert_eq!(
        stories(&dead.arrived()),
        ["x a.3: a.1+a.2+a.3"],
        "the call was cut off"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_server_is_tried_with_one_message_and_a_success_wakes_the_rest() {
    let disk = Volatile::default();
    let mail = Fake::new("email", &["u", "v", "w", "x"]);
    mail.answer(|_| transient(Reason::Connect));
    let running = start(&disk, clock(), &[&mail]);
    running.offer(&[notice("a", 1, News::Fired)]).await;
    seconds(4).await;
    assert_eq!(mail.calls(), [4]);
    seconds(62).await;
    assert_eq!(mail.calls(), [4, 1, 1, 1], "after 5, 20 and 65 s");
    mail.answer(|_| Answer::Accept);
    seconds(140).await;
    assert_eq!(mail.calls(), [4, 1, 1, 1, 1, 3]);
    assert_eq!(mail.arrived().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn news_is_sent_at_once() {
    let disk = Volatile::default();
    let mail = Fake::new("email", &["x"]);
    let running = start(&disk, clock(), &[&mail]);
    seconds(30).await;
    running.offer(&[notice("a", 1, News::Fired)]).await;
    sleep(Duration::from_millis(1)).await;
    assert_eq!(mail.arrived().len(), 1);
    let three = ["b", "c", "d"].map(|alert| notice(alert, 1, News::Fired));
    seconds(1).await;
    running.offer(&three).await;
    sleep(Duration::from_millis(1)).await;
    assert_eq!(mail.arrived().len(), 3, "three in one round are three messages");
}

#[tokio::test(start_paused = true)]
async fn quiet_hours_are_waited_for_by_mail_alone() {
    let (disk, clock) = (Volatile::default(), clock());
    let (mail, hook) = (Fake::new("email", &["x"]), Fake::new("webhook", &["y"]));
    let running = start(&disk, clock, &[&mail, &hook]);
    let quiet = |number, news, audience| Notice {
        quiet_until: Some(origin() + jiff::SignedDuration::from_hours(2)),
        audience,
        ..notice("a", number, news)
    };
    let night = [(1, News::Fired), (2, News::Resolved)];
    for (number, news) in night {
        running.offer(&[quiet(number, news, Audience::Prompt)]).await;
        seconds(3600).await;
    }
    assert_eq!(stories(&hook.arrived()), ["y a.1: a.1", "y a.2: a.2"]);
    assert_eq!(stories(&mail.arrived()), [""; 0]);
    let morning = night.map(|(number, news)| quiet(number, news, Audience::Patient));
    running.offer(&morning).await;
    seconds(1).await;
    assert_eq!(stories(&hook.arrived()), [""; 0]);
    assert_eq!(stories(&mail.arrived()), ["x a.2: a.1+a.2"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_makes_its_sender_panic_is_given_up_alone() {
    let disk = Volatile::default();
    let mail = Fake::new("email", &["x"]);
    mail.answer(|message| {
        if message.key.starts_with("bad") {
            Answer::Panic
        } else {
            Answer::Accept
        }
    });
    let running = start(&disk, clock(), &[&mail]);
    running
        .offer(&[notice("bad", 1, News::Fired), notice("good", 1, News::Fired)])
        .await;
    seconds(60).await;
    assert!(stories(&mail.arrived()).contains(&"x good.1: good.1".to_owned()));
    assert_eq!(running.metric("netkestrel_notification_queue_length"), "");
}

#[tokio::test(start_paused = true)]
async fn a_stop_gives_what_waits_a_last_try_and_ends_in_time() {
    let (disk, clock) = (Volatile::default(), clock());
    let (mail, dead) = (Fake::new("email", &["x"]), Fake::new("webhook", &["y"]));
    dead.answer(|_| Answer::Hang);
    let running = start(&disk, clock, &[&mail, &dead]);
    running.offer(&[notice("a", 1, News::Fired)]).await;
    let begun = tokio::time::Instant::now();
    running.stop.send(true).expect("runs");
    running.task.await.expect("ends");
    assert!(begun.elapsed() <= Duration::from_secs(6), "{:?}", begun.elapsed());
    assert_eq!(mail.arrived().len(), 1);
    assert_eq!(
        running.handle.offer(vec![notice("b", 1, News::Fired)]).await,
        Err(Error::NotTaken)
    );
    dead.answer(|_| Answer::Accept);
    let _running = start(&disk, clock, &[&mail, &dead]);
    seconds(1).await;
    assert_eq!((mail.arrived().len(), dead.arrived().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_stops_no_message() {
    let disk = Volatile::default();
    let mail = Fake::new("email", &["x"]);
    let running = start(&disk, clock(), &[&mail]);
    disk.limit(Some(0));
    let offered = running.handle.offer(vec![notice("a", 1, News::Fired)]).await;
    assert_eq!(offered, Err(Error::NotDurable));
    seconds(1).await;
    assert_eq!(mail.arrived().len(), 1);
    assert_ne!(
        running.metric("netkestrel_notification_queue_write_failures_total"),
        ""
    );
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_someone_who_left_is_given_up() {
    let disk = Volatile::default();
    let mail = Fake::new("email", &["x", "y"]);
    mail.answer(|_| transient(Reason::Connect));
    let running = start(&disk, clock(), &[&mail]);
    running.offer(&[notice("a", 1, News::Fired)]).await;
    seconds(1).await;
    let fewer = Fake::new("email", &["y"]);
    running.handle.replace_notifiers(vec![fewer.clone()]).await;
    seconds(1).await;
    assert_eq!(
        stories(&fewer.arrived()),
        ["y a.1: a.1"],
        "at once, over the new one"
    );
    assert_eq!(
        running.metric("netkestrel_notifications_dropped_total"),
        "email 1"
    );
}

#[derive(Debug, Clone)]
enum Step {
    Offer(u8),
    /// Offers everything once more.
    OfferAgain,
    Server(Option<Reason>),
    Wait(u16),
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..4).prop_map(Step::Offer),
        1 => Just(Step::OfferAgain),
        1 => Just(Step::Server(None)),
        1 => Just(Step::Server(Some(Reason::Connect))),
        1 => Just(Step::Server(Some(Reason::Rejected))),
        3 => (0u16..400).prop_map(Step::Wait),
        2 => Just(Step::Crash),
    ]
}

async fn play(steps: Vec<Step>) -> (Vec<Notice>, Vec<Message>) {
    let (disk, clock) = (Volatile::default(), clock());
    let mail = Fake::new("email", &["x", "y"]);
    let mut running = start(&disk, clock, &[&mail]);
    let mut offered = Vec::new();
    for step in steps {
        match step {
            Step::Offer(alert) => {
                let number = u32::try_from(offered.len()).expect("few");
                offered.push(notice(&format!("a{alert}"), number, News::Fired));
                running.offer(&offered[offered.len() - 1..]).await;
            }
            Step::OfferAgain => running.offer(&offered).await,
            Step::Server(Some(reason)) => mail.answer(move |_| transient(reason)),
            Step::Server(None) => mail.answer(|_| Answer::Accept),
            Step::Wait(time) => seconds(time.into()).await,
            Step::Crash => {
                // No call is under way once time can pass: the crash window has a test of its own.
                sleep(Duration::from_millis(1)).await;
                running.crash(&disk).await;
                running = start(&disk, clock, &[&mail]);
            }
        }
    }
    mail.answer(|_| Answer::Accept);
    seconds(900).await;
    (offered, mail.arrived())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_notice_is_told_exactly_once_or_by_a_newer_one_in_a_digest(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let (offered, arrived) = runtime.block_on(play(steps));
        for recipient in ["x", "y"] {
            let mine: Vec<_> = arrived.iter().filter(|message| message.recipient == recipient).collect();
            let mut heard: Vec<&str> = mine.iter().flat_map(|message| told(message)).collect();
            heard.sort_unstable();
            prop_assert!(heard.windows(2).all(|two| two[0] != two[1]), "twice: {heard:?}");
            let has_digest = mine.iter().any(|message| matches!(message.story, Story::Digest(_)));
            // A digest tells the newest of each alert.
            let is_newest = |notice: &&Notice| {
                let mut of_same = offered.iter().rev().filter(|other| other.alert.id == notice.alert.id);
                of_same.next().is_some_and(|newest| newest.id == notice.id)
            };
            let wanted = offered.iter().filter(|notice| !has_digest || is_newest(notice));
            for notice in wanted {
                prop_assert!(heard.contains(&notice.id.as_str()), "{} is missing: {heard:?}", notice.id);
            }
            prop_assert!(heard.len() <= offered.len());
            let keys: BTreeSet<_> = mine.iter().map(|message| &message.key).collect();
            prop_assert_eq!(keys.len(), mine.len(), "no key twice");
        }
    }
}
