//! The way of news that cannot wait for the next interval run, from a collector to whoever judges readings. Telling
//! never waits: what does not fit is dropped and counted, and the next interval run tells it after all.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::mpsc;

use crate::sample::{Batch, Desc, Family, Kind};

const DROPPED: Desc = Desc {
    name: "netkestrel_collector_news_dropped_total",
    kind: Kind::Counter,
    labels: &[],
    help: "News of collectors left to the next interval run because too many waited.",
};

/// Metrics about news.
pub const METRICS: &[&Desc] = &[&DROPPED];

/// Takes news; a clone leads to the same place.
#[derive(Debug, Clone, Default)]
pub struct News {
    sender: Option<mpsc::Sender<Batch>>,
    dropped: Arc<AtomicU64>,
}

impl News {
    /// A way on which this many batches may wait, and its end.
    #[must_use]
    pub fn channel(capacity: usize) -> (Self, mpsc::Receiver<Batch>) {
        let (sender, receiver) = mpsc::channel(capacity);
        let news = Self {
            sender: Some(sender),
            ..Self::default()
        };
        (news, receiver)
    }

    /// Tells `batch`. Never blocks.
    pub fn tell(&self, batch: Batch) {
        let full = self
            .sender
            .as_ref()
            .is_some_and(|sender| matches!(sender.try_send(batch), Err(mpsc::error::TrySendError::Full(_))));
        if full {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How much was dropped.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        vec![Family::single(
            &DROPPED,
            self.dropped.load(Ordering::Relaxed) as f64,
        )]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Clock,
        sample::{Scope, Value},
    };

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let (news, mut end) = News::channel(1);
        let batch = || Batch {
            collector: "devices",
            scope: Scope::News,
            at: Clock::System.now(),
            elapsed: None,
            readings: Vec::new(),
            changes: Vec::new(),
            health: Vec::new(),
        };
        (0..3).for_each(|_| news.clone().tell(batch()));
        assert!(end.try_recv().is_ok());
        assert!(end.try_recv().is_err());
        let dropped = news.families().into_iter().flat_map(|family| family.points);
        let dropped: Vec<_> = dropped.map(|point| format!("{:?}", point.value)).collect();
        assert_eq!(dropped, [format!("{:?}", Value::Number(2.0))]);
    }
}
