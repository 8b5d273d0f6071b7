//! A thread of its own that writes history, so that a slow disk delays neither a reading nor a rule.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread,
};

use jiff::Timestamp;
use tracing::{error, warn};

use crate::{
    alerts::Transition,
    history::Store,
    sample::{Batch, Scope},
};

/// Entries that may wait for the disk. What comes while it is full is not recorded, and the log says so.
const QUEUE: usize = 1024;

enum Entry {
    Batch(Arc<Batch>),
    Transition(Timestamp, serde_json::Value),
}

/// Takes what is to be remembered. Without a data folder nothing is.
pub(super) struct Recorder {
    queue: Option<SyncSender<Entry>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Recorder {
    /// Starts the thread that owns `store`.
    pub(super) fn start(store: Option<Arc<Store>>) -> Self {
        let Some(store) = store else {
            return Self {
                queue: None,
                thread: None,
            };
        };
        let (queue, entries) = sync_channel(QUEUE);
        let thread = thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || write(&store, &entries));
        match thread {
            Ok(thread) => Self {
                queue: Some(queue),
                thread: Some(thread),
            },
            Err(error) => {
                error!(%error, "failed to start the history thread; nothing is recorded");
                Self {
                    queue: None,
                    thread: None,
                }
            }
        }
    }

    /// Records an interval run; news between runs are not recorded.
    pub(super) fn batch(&self, batch: &Arc<Batch>) {
        if batch.scope == Scope::Whole {
            self.put(Entry::Batch(Arc::clone(batch)));
        }
    }

    /// Records a change of an alert.
    pub(super) fn transition(&self, transition: &Transition) {
        match serde_json::to_value(transition) {
            Ok(value) => self.put(Entry::Transition(transition.at, value)),
            Err(error) => error!(%error, "failed to write down a transition"),
        }
    }

    fn put(&self, entry: Entry) {
        let Some(queue) = &self.queue else { return };
        match queue.try_send(entry) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => warn!("the disk lags behind: something was not recorded"),
            Err(TrySendError::Disconnected(_)) => error!("the history thread has ended: nothing is recorded"),
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
            Entry::Batch(batch) => store.append(&batch),
            Entry::Transition(at, value) => store.append_transition(at, &value),
        };
    }
}
