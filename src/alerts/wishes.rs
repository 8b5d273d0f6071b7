//! What people do about alerts: take them on, and silence them.

use smol_str::SmolStr;

use super::{Acknowledgement, Engine, Error, Outcome, Silence, State};
use crate::{clock::Now, problem::Problems};

/// How many silences there may be.
const SILENCES: usize = 1_000;

impl Engine {
    /// Somebody takes an alert on: no reminders until it becomes graver.
    pub fn acknowledge(&mut self, id: &str, by: &str, note: &str, now: Now) -> Result<Outcome, Error> {
        let index = self.find(id)?;
        self.act(index, (by, note), now, |track, done| {
            let alert = track.alert.as_ref().filter(|alert| alert.fired_at.is_none());
            if let Some(pending) = alert {
                return Err(Error::NotFiring {
                    id: pending.id.clone(),
                    state: pending.state,
                });
            }
            track.take_on(&done.by, &done.note, done.at);
            Ok(())
        })
    }

    /// Takes an acknowledgement back; what people were not told yet is due again.
    pub fn unacknowledge(&mut self, id: &str, by: &str, now: Now) -> Result<Outcome, Error> {
        let index = self.find(id)?;
        self.act(index, (by, ""), now, |track, _| {
            track.taken_on = None;
            let taken_back = track
                .alert
                .as_mut()
                .and_then(|alert| alert.acknowledgement.take());
            taken_back
                .map(|_| ())
                .ok_or_else(|| Error::NotAcknowledged { id: id.into() })
        })
    }

    /// Adds a silence.
    pub fn silence(&mut self, silence: Silence, now: Now) -> Result<Outcome, Error> {
        let mut problems = Problems::new();
        silence.matching.validate(&mut problems);
        let reasons: Vec<String> = problems
            .into_vec()
            .into_iter()
            .map(|problem| format!("{} {}", problem.path, problem.message).trim().to_owned())
            .collect();
        if !reasons.is_empty() {
            return Err(Error::BadSilence { reasons });
        }
        if silence.ends <= silence.starts.max(now.wall) {
            return Err(Error::SilenceOver { ends: silence.ends });
        }
        if self.saved.silences.iter().any(|known| known.id == silence.id) {
            return Err(Error::SilenceExists { id: silence.id });
        }
        if self.saved.silences.len() >= SILENCES {
            return Err(Error::TooManySilences { limit: SILENCES });
        }
        self.saved.silences.push(silence);
        self.revision += 1;
        Ok(self.tick(now))
    }

    /// Removes a silence; what it held back is due.
    pub fn unsilence(&mut self, id: &str, now: Now) -> Result<Outcome, Error> {
        let before = self.saved.silences.len();
        self.saved.silences.retain(|silence| silence.id != id);
        if self.saved.silences.len() == before {
            return Err(Error::NoSilence { id: id.to_owned() });
        }
        self.revision += 1;
        Ok(self.tick(now))
    }

    /// Silences that are not over, also those to come.
    #[must_use]
    pub fn silences(&self) -> &[Silence] {
        &self.saved.silences
    }

    fn act(
        &mut self,
        index: usize,
        (by, note): (&str, &str),
        now: Now,
        change: impl FnOnce(&mut super::track::Track, &Acknowledgement) -> Result<(), Error>,
    ) -> Result<Outcome, Error> {
        let done = Acknowledgement {
            by: by.to_owned(),
            at: now.wall,
            note: note.to_owned(),
        };
        let mut outcome = Outcome::default();
        let from = self.standing_at(index).map_or(State::Firing, |(state, _)| state);
        if let Some(track) = self.saved.tracks.get_mut(index) {
            change(track, &done)?;
        }
        // What a person did is recorded even when the state stays, as in a silence.
        self.restate(index, now.wall, None, &mut Outcome::default());
        let track = self.saved.tracks.get(index);
        outcome
            .transitions
            .extend(track.and_then(|track| track.done_by(from, &done)));
        self.revision += 1;
        self.settle(now.wall, &mut outcome);
        Ok(outcome)
    }

    fn find(&self, id: &str) -> Result<usize, Error> {
        let mut tracks = self.saved.tracks.iter();
        let found = tracks.position(|track| track.alert.as_ref().is_some_and(|alert| alert.id == id));
        found.ok_or_else(|| {
            if let Some(over) = self.saved.recent.iter().find(|alert| alert.id == id) {
                return Error::NotFiring {
                    id: over.id.clone(),
                    state: over.state,
                };
            }
            Error::NoAlert {
                id: id.to_owned(),
                near: self.most_like(id),
            }
        })
    }

    fn most_like(&self, id: &str) -> Option<SmolStr> {
        let active = self.saved.tracks.iter().filter_map(|track| track.alert.as_ref());
        let likeness = active.map(|alert| (strsim::jaro_winkler(id, &alert.id), &alert.id));
        let near = likeness.filter(|(likeness, _)| *likeness > 0.85);
        near.max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, name)| name.clone())
    }
}
