//! Delivery with a gate that suppresses what the test names.

use std::sync::Mutex;

use tokio::time::sleep;

use super::{
    super::{Limits, fixture::*},
    *,
};
use crate::alerts::{Alert, News, Notice};

#[derive(Default)]
struct Quiet(Mutex<Vec<&'static str>>);

impl Gate for Quiet {
    fn suppressed(&self, alerts: Vec<Alert>) -> Asking<'_> {
        let quiet = self.0.lock().expect("no panic").clone();
        let ids = alerts.into_iter().map(|alert| alert.id);
        let ids = ids.filter(|id| quiet.contains(&id.as_str())).collect();
        Box::pin(async move { ids })
    }
}

struct Running {
    gate: Arc<Quiet>,
    mail: Arc<Fake>,
    handle: OutboxHandle,
    _stop: watch::Sender<bool>,
}

fn start(digest_above: usize) -> Running {
    let clock = Clock::following(origin());
    let (gate, mail) = (Arc::<Quiet>::default(), Fake::new("email", &["x"]));
    let notifiers = vec![Arc::clone(&mail) as Arc<dyn Notifier>];
    let (delivery, handle) = Delivery::new(Outbox::in_memory(Limits::default()), notifiers, clock);
    let (stop, stopping) = watch::channel(false);
    let asked: Arc<dyn Gate> = Arc::clone(&gate) as _;
    tokio::spawn(delivery.digest_above(digest_above).asking(asked).run(stopping));
    Running {
        gate,
        mail,
        handle,
        _stop: stop,
    }
}

impl Running {
    fn quiet(&self, alerts: &[&'static str]) {
        *self.gate.0.lock().expect("no panic") = alerts.to_vec();
    }

    /// Ids of the notices that arrive after these are offered.
    async fn offer(&self, notices: &[Notice]) -> Vec<String> {
        self.handle.offer(notices.to_vec()).await.expect("taken");
        sleep(Duration::from_secs(5)).await;
        let arrived = self.mail.arrived();
        let ids = arrived.iter().map(|message| told(message).join("+"));
        ids.collect()
    }

    fn number(&self, name: &str) -> f64 {
        let families = self.handle.families();
        let family = families.iter().find(|family| family.desc.name == name);
        match family.map(|family| &family.points[0].value) {
            Some(crate::sample::Value::Number(value)) => *value,
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_suppressed_is_not_sent_and_asked_about_again_with_the_next_word() {
    let running = start(10);
    running.quiet(&["a"]);
    let fired = [notice("a", 1, News::Fired), notice("b", 1, News::Fired)];
    assert_eq!(running.offer(&fired).await, ["b.1"]);
    assert_eq!(running.offer(&[notice("a", 2, News::Reminder)]).await, [""; 0]);
    assert_eq!(running.handle.suppressed(), 2);
    assert!((running.number("netkestrel_notifications_total") - 1.0).abs() < 0.1);
    assert!(running.number("netkestrel_notification_queue_length") < 0.1);
    running.quiet(&[]);
    assert_eq!(running.offer(&[notice("a", 3, News::Reminder)]).await, ["a.3"]);
    assert_eq!(running.offer(&[notice("a", 4, News::Resolved)]).await, ["a.4"]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_what_was_never_told_is_not_told() {
    let running = start(10);
    running.quiet(&["a"]);
    assert_eq!(running.offer(&[notice("a", 1, News::Fired)]).await, [""; 0]);
    assert_eq!(running.offer(&[notice("a", 2, News::Resolved)]).await, [""; 0]);
    let other = [notice("b", 1, News::Fired)];
    assert_eq!(running.offer(&other).await, ["b.1"]);
    running.quiet(&["b"]);
    let over = [notice("b", 2, News::Resolved)];
    assert_eq!(
        running.offer(&over).await,
        ["b.2"],
        "who heard of it hears of its end"
    );
}

#[tokio::test(start_paused = true)]
async fn a_digest_leaves_out_what_is_suppressed() {
    let running = start(2);
    running.quiet(&["b"]);
    let storm = ["a", "b", "c"].map(|alert| notice(alert, 1, News::Fired));
    assert_eq!(running.offer(&storm).await, ["a.1+c.1"]);
    assert_eq!(running.handle.suppressed(), 1);
    assert!(running.number("netkestrel_notification_queue_length") < 0.1);
}
