//! Answers a scrape: reads all selected collectors at the same time, each under the scrape's deadline, and adds
//! what the process knows of itself. A collector that fails or is late costs its own samples only.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;

use crate::{
    clock::Clock,
    collectors::Guarded,
    exposition::{Gather, Gathering, Selection},
    sample::Family,
};

/// Families that cost next to nothing to tell: counters the process keeps about itself.
pub(super) type OwnFamilies = Box<dyn Fn() -> Vec<Family> + Send + Sync>;

/// All sources of one exposition.
pub(super) struct Gatherer {
    pub(super) clock: Clock,
    pub(super) collectors: Vec<Arc<Guarded>>,
    pub(super) own: Vec<OwnFamilies>,
}

impl Gather for Gatherer {
    fn gather(&self, selection: Selection, deadline: Duration) -> Gathering<'_> {
        Box::pin(async move {
            let now = self.clock.now();
            let chosen = self
                .collectors
                .iter()
                .filter(|guarded| wanted(guarded, &selection));
            // On one task: the reading itself happens on other threads, and waking more tasks costs more than they do.
            let runs = join_all(chosen.map(async |guarded| {
                let mut families = guarded.scrape(now, deadline).await;
                families.extend(guarded.families(now));
                families
            }));
            let mut families: Vec<Family> = runs.await.into_iter().flatten().collect();
            families.extend(self.own.iter().flat_map(|own| own()));
            families
        })
    }
}

fn wanted(guarded: &Guarded, selection: &Selection) -> bool {
    guarded.collector().enabled() && selection.includes(guarded.collector().name())
}
