//! A thread of its own that writes history, so that a slow disk delays neither a reading nor a rule.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use jiff::Timestamp;
use smol_str::SmolStr;
use tracing::{error, warn};

use crate::{
    alerts::Transition,
    clock::Now,
    collectors::devices::Metrics,
    config::Config,
    history::{
        Store, Stream,
        uptime::{Exposed, Hold},
    },
    sample::{Batch, Scope},
};

/// Entries that may wait for the disk. What comes while it is full is not recorded, and the log says so.
const QUEUE: usize = 1024;

enum Entry {
    Batch(Arc<Batch>),
    /// News between runs, which are not recorded as they are.
    News(Arc<Batch>),
    /// How long what is seen of devices holds true.
    Hold(Hold, Now),
    End(Now),
    Transition(Timestamp, serde_json::Value),
}

/// For how long what is seen of devices holds true.
pub(crate) fn hold(config: &Config) -> Hold {
    let devices = &config.collectors.devices;
    Hold {
        interval: devices.run_interval(),
        timeout: *devices.timeout,
    }
}

/// For which share of the known time devices are to be up, of those that have such an objective.
pub(crate) fn objectives(config: &Config) -> BTreeMap<SmolStr, f64> {
    let mut objectives = BTreeMap::new();
    for target in config.collectors.devices.devices() {
        let Some(slo) = target.slo else { continue };
        objectives.extend(target.watched_names().map(|name| (name.into(), slo.0)));
    }
    objectives
}

/// What metrics tell of the uptime of every device.
pub(crate) fn exposed(config: &Config) -> Exposed {
    match config.collectors.devices.metrics {
        Metrics::Full => Exposed::Windows,
        Metrics::Lean => Exposed::Nothing,
    }
}

/// Takes what is to be remembered. Without a data folder nothing is.
pub(super) struct Recorder {
    store: Option<Arc<Store>>,
    queue: Option<SyncSender<Entry>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Recorder {
    /// Starts the thread that writes to `store`.
    pub(super) fn start(store: Option<Arc<Store>>) -> Self {
        let mut recorder = Self {
            store,
            queue: None,
            thread: None,
        };
        let Some(store) = recorder.store.clone() else {
            return recorder;
        };
        let (queue, entries) = sync_channel(QUEUE);
        let thread = thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || write(&store, &entries));
        match thread {
            Ok(thread) => (recorder.queue, recorder.thread) = (Some(queue), Some(thread)),
            Err(error) => error!(%error, "failed to start the history thread; nothing is recorded"),
        }
        recorder
    }

    /// Records an interval run; of news between runs, what they change.
    pub(super) fn batch(&self, batch: &Arc<Batch>) {
        let entry = match batch.scope {
            Scope::Whole => Entry::Batch,
            Scope::News => Entry::News,
        };
        self.put(entry(Arc::clone(batch)));
    }

    /// Devices are asked as `config` says from now on.
    pub(super) fn reconfigure(&self, config: &Config, now: Now) {
        self.put(Entry::Hold(hold(config), now));
        if let Some(store) = &self.store {
            store.set_objectives(objectives(config));
            store.set_exposed(exposed(config));
        }
    }

    /// Nothing more will come.
    pub(super) fn end(&self, now: Now) {
        self.put(Entry::End(now));
    }

    /// Records a change of an alert.
    pub(super) fn transition(&self, transition: &Transition) {
        match serde_json::to_value(transition) {
            Ok(value) => self.put(Entry::Transition(transition.at, value)),
            Err(error) => error!(%error, "failed to write down a transition"),
        }
    }

    fn put(&self, entry: Entry) {
        let (Some(store), Some(queue)) = (&self.store, &self.queue) else {
            return;
        };
        let stream = match &entry {
            Entry::Batch(batch) | Entry::News(batch) => Stream::of_collector(batch.collector),
            Entry::Hold(..) | Entry::End(_) => None,
            Entry::Transition(..) => Some(Stream::Alerts),
        };
        if let Err(error) = queue.try_send(entry) {
            warn!(%error, "the disk lags behind: something was not recorded");
            if let Some(stream) = stream {
                store.count_unrecorded(stream);
            }
        }
    }
}

impl Drop for Recorder {
    /// What waits is written first.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(store: &Store, entries: &Receiver<Entry>) {
    for entry in entries {
        // How it went is counted and logged by the store.
        let _ = match entry {
            Entry::Batch(batch) => store.append(&batch).and(store.observe(&batch)),
            Entry::News(batch) => store.observe(&batch),
            Entry::Hold(hold, now) => {
                store.follow_devices(hold, now);
                Ok(())
            }
            Entry::End(now) => store.end(now),
            Entry::Transition(at, value) => store.append_transition(at, &value),
        };
    }
}
