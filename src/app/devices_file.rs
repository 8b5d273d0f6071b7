//! Notices that the devices file has another content and has it taken in. The content is compared, not its times: so
//! it works for a file that is mounted by itself, that an editor renames into place, or that lies on a network.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use super::{reload::Reloader, schedule::stopped};
use crate::{collectors::Stop, config};

/// How often the file is looked at; a change is taken in after two looks that found the same.
const LOOK: Duration = Duration::from_secs(2);

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Content(u64),
    Nothing(io::ErrorKind),
}

/// Decides whether what is found is news.
#[derive(Debug)]
struct Watch {
    /// What was taken in, or refused; `None` when it is to be tried again whatever it is.
    settled: Option<Found>,
    /// What was found last, if it differs: a file that is being written differs at each look.
    moving: Option<Found>,
}

impl Watch {
    fn new(digest: u64) -> Self {
        Self {
            settled: Some(Found::Content(digest)),
            moving: None,
        }
    }

    /// What is found next is news.
    fn doubt(&mut self) {
        self.settled = None;
    }

    /// Whether the file is to be read now.
    fn look(&mut self, found: Found) -> bool {
        let before = self.moving.replace(found);
        if Some(found) == self.settled {
            self.moving = None;
        } else if before == Some(found) {
            *self = Self {
                settled: Some(found),
                moving: None,
            };
            return true;
        }
        false
    }
}

/// Runs until `stop`.
pub(super) async fn follow(reloader: Arc<Reloader>, mut stop: Stop) {
    let mut config = reloader.in_force();
    let mut watch = Watch::new(0);
    let mut watched = PathBuf::new();
    let mut digest = None;
    loop {
        let (file, in_force) = {
            let config = config.borrow_and_update();
            let listed = &config.collectors.devices.listed;
            (listed.file.clone(), listed.digest)
        };
        // What is in force has changed, by this task or by a reload.
        if digest != Some(in_force) || watched != file {
            watch = Watch::new(in_force);
            watched.clone_from(&file);
            digest = Some(in_force);
        }
        let looked = async {
            if file.as_os_str().is_empty() {
                return std::future::pending().await;
            }
            tokio::time::sleep(LOOK).await;
            found(file).await
        };
        tokio::select! {
            () = stopped(&mut stop) => return,
            () = reloader.refused() => watch.doubt(),
            changed = config.changed() => if changed.is_err() {
                return;
            },
            found = looked => if watch.look(found) {
                reloader.reread_devices().await;
            },
        }
    }
}

async fn found(file: PathBuf) -> Found {
    let digest = tokio::task::spawn_blocking(move || config::digest(&file)).await;
    match digest.unwrap_or_else(|error| Err(error.into())) {
        Ok(digest) => Found::Content(digest),
        Err(error) => Found::Nothing(error.kind()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_news_once_it_stays() {
        let (one, two) = (Found::Content(1), Found::Content(2));
        let gone = Found::Nothing(io::ErrorKind::NotFound);
        let mut watch = Watch::new(0);
        for (found, is_news, what) in [
            (Found::Content(0), false, "what is in force"),
            (one, false, "it may still be written"),
            (two, false, "it is"),
            (two, true, "it stays"),
            (two, false, "it is known, be it good or bad"),
            (gone, false, "an editor may put it back"),
            (two, false, "it did"),
            (gone, false, "again"),
            (gone, true, "it stays away"),
            (gone, false, "which is known"),
            (two, false, "it is back"),
            (two, true, "and stays"),
        ] {
            assert_eq!(watch.look(found), is_news, "{what}");
        }
        watch.doubt();
        assert!(!watch.look(two), "it may still be written");
        assert!(
            watch.look(two),
            "a reload was refused for it, or for what was there for a moment"
        );
        assert!(!watch.look(two), "it is known");
    }
}
