//! The page's and the commands' way to the engine of alerts: looks at what was published last, sends orders to the
//! pipeline that owns the engine.

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::{
    alerts::Alert,
    anomaly::Overview,
    notifiers,
    sample::Family,
    web::{self, CarryingOut, Order, Refusal, Unusual},
};

/// What the pipeline tells after each step.
#[derive(Default)]
pub(super) struct Published {
    pub(super) alerts: Vec<Alert>,
    pub(super) silences: Value,
    pub(super) families: Vec<Family>,
    /// How the series stand that are watched for anomalies; `None` when nobody watches.
    pub(super) overview: Option<Arc<Overview>>,
    /// Anomalies that were shown lately, the newest first.
    pub(super) unusual: Arc<Vec<Unusual>>,
}

/// An order and where its outcome goes.
pub(super) struct Request {
    pub(super) order: Order,
    pub(super) reply: oneshot::Sender<Result<Value, Refusal>>,
}

/// Shared by the server, the scrapes and the pipeline.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) published: Arc<ArcSwap<Published>>,
    pub(super) orders: mpsc::Sender<Request>,
}

impl notifiers::alertmanager::Standing for Desk {
    fn firing(&self) -> Vec<Alert> {
        let published = self.published.load();
        let firing = published
            .alerts
            .iter()
            .filter(|alert| alert.fired_at.is_some() && alert.resolved_at.is_none());
        firing.cloned().collect()
    }
}

impl web::Desk for Desk {
    fn alerts(&self) -> Vec<Alert> {
        self.published.load().alerts.clone()
    }

    fn silences(&self) -> Value {
        self.published.load().silences.clone()
    }

    fn unusual(&self) -> Arc<Vec<Unusual>> {
        Arc::clone(&self.published.load().unusual)
    }

    fn carry_out(&self, order: Order) -> CarryingOut<'_> {
        Box::pin(async move {
            let gone = || Refusal::Unavailable("alerts are not judged at present".to_owned());
            let (reply, outcome) = oneshot::channel();
            let sent = self.orders.send(Request { order, reply }).await;
            sent.map_err(|_| gone())?;
            outcome.await.map_err(|_| gone())?
        })
    }
}
