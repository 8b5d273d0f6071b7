//! Answers a scrape: reads all selected collectors at the same time, each under the scrape's deadline, and adds
//! what the process knows of itself. A collector that fails or is late costs its own samples only.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

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
            let mut runs = JoinSet::new();
            for guarded in self
                .collectors
                .iter()
                .filter(|guarded| wanted(guarded, &selection))
            {
                let guarded = Arc::clone(guarded);
                runs.spawn(async move {
                    let mut families = guarded.scrape(now, deadline).await;
                    families.extend(guarded.families(now));
                    families
                });
            }
            let mut families: Vec<Family> = self.own.iter().flat_map(|own| own()).collect();
            while let Some(run) = runs.join_next().await {
                families.extend(run.unwrap_or_default());
            }
            families
        })
    }
}

fn wanted(guarded: &Guarded, selection: &Selection) -> bool {
    guarded.collector().enabled() && selection.includes(guarded.collector().name())
}
