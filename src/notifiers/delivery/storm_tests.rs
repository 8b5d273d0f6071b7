//! Many alerts at once, and one after the other.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_storm_is_one_digest() {
    let disk = Volatile::default();
    let mail = Fake::new("email", &["x"]);
    let running = start(&disk, clock(), &[&mail]);
    let storm: Vec<_> = (0..500)
        .map(|n| notice(&format!("a{n}"), 1, News::Fired))
        .collect();
    let (first, second) = storm.split_at(200);
    running.offer(first).await;
    running.offer(second).await;
    seconds(1).await;
    let arrived = mail.arrived();
    assert_eq!((arrived.len(), told(&arrived[0]).len()), (1, 500));
    assert!(matches!(arrived[0].story, Story::Digest(_)));
    running.offer(&storm).await;
    seconds(600).await;
    assert_eq!(mail.arrived().len(), 0, "offered again");
    running.offer(&storm[..1]).await;
    let ten: Vec<_> = (0..10)
        .map(|n| notice(&format!("b{n}"), 1, News::Fired))
        .collect();
    running.offer(&ten).await;
    seconds(1).await;
    assert_eq!(mail.arrived().len(), 10, "ten are no storm");
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_single_notices_is_a_digest_after_the_first() {
    let disk = Volatile::default();
    let mail = Fake::new("email", &["x"]);
    let running = start(&disk, clock(), &[&mail]);
    for n in 0..100 {
        running.offer(&[notice(&format!("a{n}"), 1, News::Fired)]).await;
        sleep(Duration::from_millis(3)).await;
    }
    seconds(1).await;
    let arrived = mail.arrived();
    let sizes: Vec<_> = arrived.iter().map(|message| told(message).len()).collect();
    assert_eq!(sizes, [1, 99]);
}

/// What devices tell one after the other, a second apart.
async fn one_per_second(running: &Running, devices: std::ops::Range<u32>, number: u32, news: News) {
    for n in devices {
        running.offer(&[notice(&format!("d{n}"), number, news)]).await;
        seconds(1).await;
    }
}

/// How many messages were about one alert and how many were digests, for one of two recipients; each of the 60
/// devices must be in exactly one.
fn sixty(messages: &[Message], recipient: &str) -> (usize, usize) {
    let mine: Vec<_> = messages.iter().filter(|m| m.recipient == recipient).collect();
    let named: Vec<_> = mine.iter().flat_map(|message| told(message)).collect();
    let devices: BTreeSet<_> = named.iter().copied().collect();
    assert_eq!((named.len(), devices.len()), (60, 60), "{named:?}");
    let is_single = |message: &&&Message| matches!(message.story, Story::One(_));
    let singles = mine.iter().filter(is_single).count();
    (singles, mine.len() - singles)
}

#[tokio::test(start_paused = true)]
async fn a_storm_spread_over_a_minute_is_a_few_messages_and_a_few_digests() {
    let disk = Volatile::default();
    let mail = Fake::new("email", &["x", "y"]);
    let running = start(&disk, clock(), &[&mail]);
    for (number, news) in [(1, News::Fired), (2, News::Resolved)] {
        one_per_second(&running, 0..60, number, news).await;
        seconds(120).await;
        let arrived = mail.arrived();
        for recipient in ["x", "y"] {
            assert_eq!(sixty(&arrived, recipient), (10, 2), "{recipient} {news:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_amid_a_storm_loses_nothing() {
    let (disk, clock) = (Volatile::default(), clock());
    let mail = Fake::new("email", &["x", "y"]);
    let running = start(&disk, clock, &[&mail]);
    one_per_second(&running, 0..25, 1, News::Fired).await;
    running.crash(&disk).await;
    let running = start(&disk, clock, &[&mail]);
    one_per_second(&running, 25..60, 1, News::Fired).await;
    seconds(60).await;
    let arrived = mail.arrived();
    for recipient in ["x", "y"] {
        assert_eq!(sixty(&arrived, recipient), (10, 3), "{recipient}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_critical_waits_briefly_in_a_storm_and_is_a_digest_too() {
    let disk = Volatile::default();
    let mail = Fake::new("email", &["x"]);
    let running = start(&disk, clock(), &[&mail]);
    one_per_second(&running, 0..20, 1, News::Fired).await;
    assert_eq!(mail.arrived().len(), 10);
    let critical = |n: u32| {
        let mut notice = notice(&format!("c{n}"), 1, News::Fired);
        notice.alert.severity = crate::rules::Severity::Critical;
        notice
    };
    running.offer(&[critical(0)]).await;
    seconds(4).await;
    assert_eq!(mail.arrived().len(), 0);
    seconds(2).await;
    let arrived = mail.arrived();
    assert_eq!(
        (arrived.len(), told(&arrived[0]).len()),
        (1, 11),
        "with what waited"
    );
    for n in 1..=500 {
        running.offer(&[critical(n)]).await;
        sleep(Duration::from_millis(100)).await;
    }
    seconds(6).await;
    let arrived = mail.arrived();
    let digests = arrived.iter().map(|message| told(message).len());
    assert_eq!(digests.sum::<usize>(), 500);
    assert!(arrived.len() <= 11, "{} messages", arrived.len());
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_one_recipient_holds_nothing_up_for_another() {
    let disk = Volatile::default();
    let (mail, hook) = (Fake::new("email", &["x"]), Fake::new("webhook", &["y"]));
    let running = start(&disk, clock(), &[&mail, &hook]);
    hook.answer(|_| transient(Reason::Connect));
    one_per_second(&running, 0..20, 1, News::Fired).await;
    assert_eq!((mail.arrived().len(), hook.arrived().len()), (10, 0));
    hook.answer(|_| Answer::Accept);
    seconds(60).await;
    let sizes = |fake: &Fake| -> Vec<_> { fake.arrived().iter().map(|m| told(m).len()).collect() };
    assert_eq!((sizes(&mail), sizes(&hook)), (vec![10], vec![20]));
}

#[tokio::test(start_paused = true)]
async fn a_stop_amid_a_storm_tells_what_was_gathered() {
    let disk = Volatile::default();
    let mail = Fake::new("email", &["x"]);
    let running = start(&disk, clock(), &[&mail]);
    one_per_second(&running, 0..25, 1, News::Fired).await;
    assert_eq!(mail.arrived().len(), 10);
    running.stop.send(true).expect("runs");
    running.task.await.expect("ends");
    let arrived = mail.arrived();
    assert_eq!((arrived.len(), told(&arrived[0]).len()), (1, 15));
}
