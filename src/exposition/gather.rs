//! Where families come from: a narrow trait, the part of it a scrape selects, and the sharing of one reading
//! between scrapes that overlap.

use std::{
    collections::{BTreeSet, HashMap},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::OnceCell, time::Instant};

use super::snapshot::Snapshot;
use crate::sample::Family;

/// Reads all sources that an exposition shows.
pub trait Gather: Send + Sync {
    /// Reads what `selection` includes; what is late at `deadline` is left out.
    fn gather(&self, selection: Selection, deadline: Duration) -> Gathering<'_>;
}

/// A reading under way.
pub type Gathering<'a> = Pin<Box<dyn Future<Output = Vec<Family>> + Send + 'a>>;

/// Which collectors a scrape wants.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Selection {
    /// All of them.
    #[default]
    All,
    /// These and no others: `collect[]`.
    Only(BTreeSet<&'static str>),
    /// All but these: `exclude[]`.
    Except(BTreeSet<&'static str>),
}

/// What is wrong with the parameters of a scrape.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// `collect[]` beside `exclude[]`.
    #[error("`collect[]` and `exclude[]` cannot be combined: give one of them")]
    Both,
    /// The brackets of `collect[]` or `exclude[]` were forgotten.
    #[error("`{0}` is not a parameter: did you mean `{0}[]`?")]
    Brackets(&'static str),
    /// No collector has this name.
    #[error("`{given}` is not a collector: `collect[]` and `exclude[]` accept {accepted}")]
    Unknown {
        /// What was given.
        given: String,
        /// What would have been accepted.
        accepted: String,
    },
}

impl Selection {
    /// Reads `collect[]` and `exclude[]` from the parameters of a query; others are ignored.
    /// One without its brackets would select everything unnoticed, so it is refused.
    pub fn from_query<'a>(
        query: impl IntoIterator<Item = (&'a str, &'a str)>,
        collectors: &[&'static str],
    ) -> Result<Self, SelectionError> {
        let (mut collect, mut exclude) = (BTreeSet::new(), BTreeSet::new());
        for (key, value) in query {
            let named = match key {
                "collect[]" => &mut collect,
                "exclude[]" => &mut exclude,
                "collect" => return Err(SelectionError::Brackets("collect")),
                "exclude" => return Err(SelectionError::Brackets("exclude")),
                _ => continue,
            };
            named.insert(known(value, collectors)?);
        }
        match (collect.is_empty(), exclude.is_empty()) {
            (true, true) => Ok(Self::All),
            (false, true) => Ok(Self::Only(collect)),
            (true, false) => Ok(Self::Except(exclude)),
            (false, false) => Err(SelectionError::Both),
        }
    }

    /// Whether the collector of this name is wanted.
    #[must_use]
    pub fn includes(&self, collector: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(collector),
            Self::Except(names) => !names.contains(collector),
        }
    }
}

fn known(given: &str, collectors: &[&'static str]) -> Result<&'static str, SelectionError> {
    let found = collectors.iter().copied().find(|name| *name == given);
    found.ok_or_else(|| SelectionError::Unknown {
        given: given.chars().take(64).collect(),
        accepted: collectors
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", "),
    })
}

/// Lets scrapes that overlap and select the same share one reading.
pub struct Shared {
    source: Arc<dyn Gather>,
    under_way: Mutex<HashMap<Selection, Reading>>,
}

#[derive(Clone)]
struct Reading {
    ends: Instant,
    result: Arc<OnceCell<Snapshot>>,
}

impl Shared {
    /// Shares the readings of `source`.
    #[must_use]
    pub fn new(source: Arc<dyn Gather>) -> Self {
        Self {
            source,
            under_way: Mutex::default(),
        }
    }

    /// The reading that is under way for this selection, or a new one. A reading that may take longer than
    /// `deadline` is not waited for. If the scrape that began a reading is given up, another takes it over.
    pub async fn read(&self, selection: Selection, deadline: Duration) -> Snapshot {
        let reading = self.join(&selection, Instant::now() + deadline);
        let gathered = reading.result.get_or_init(|| async {
            let left = reading.ends.saturating_duration_since(Instant::now());
            Snapshot::new(self.source.gather(selection.clone(), left).await)
        });
        let snapshot = gathered.await.clone();
        self.leave(&selection, &reading);
        snapshot
    }

    fn join(&self, selection: &Selection, ends: Instant) -> Reading {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        // What was given up by all who waited for it is past its end.
        under_way.retain(|_, reading| reading.ends > Instant::now());
        if let Some(reading) = under_way.get(selection).filter(|reading| reading.ends <= ends) {
            return reading.clone();
        }
        let reading = Reading {
            ends,
            result: Arc::default(),
        };
        under_way.insert(selection.clone(), reading.clone());
        reading
    }

    /// The next scrape reads anew.
    fn leave(&self, selection: &Selection, reading: &Reading) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way
            .get(selection)
            .is_some_and(|present| Arc::ptr_eq(&present.result, &reading.result))
        {
            under_way.remove(selection);
        }
    }
}

#[cfg(test)]
#[path = "gather_tests.rs"]
mod tests;
