//! Whether this host itself still has a way out. Where nothing answers any more, the devices are not to blame: they
//! are unknown, and there is one thing to tell. It takes anchors to see that, addresses that stand for the world
//! outside, or the host's own word that it has no route to anything.

use std::time::{Duration, Instant};

use tracing::{info, warn};

use super::{
    config::Config,
    device::{Device, Spec},
    probe::{DeviceId, Miss, Outcome, UnsentReason, What},
    readings,
    state::{Cause, Way},
    status::Status,
    table::Table,
};
use crate::clock::Now;

/// So many devices that answered last are asked at once when one falls silent: any answer shows that we are not to
/// blame.
const WITNESSES: usize = 8;
/// What witnesses have for their answers besides the timeout: they may have been asked less than a second before.
const GRACE: Duration = Duration::from_millis(1_500);
/// Witnesses are asked again at this distance while devices wait for a sign of life.
const AGAIN: Duration = Duration::from_secs(1);
/// Devices are asked again one after the other at this distance.
const SPREAD: Duration = Duration::from_millis(2);

/// What is known of the way out.
#[derive(Debug, Default)]
pub(super) struct Uplink {
    /// Devices that are asked and not shown.
    anchors: Vec<DeviceId>,
    /// When anything last answered.
    heard: Option<Instant>,
    /// The first sign of silence after that.
    quiet: Option<Quiet>,
    /// When witnesses were asked last.
    asked: Option<Instant>,
    is_gone: bool,
}

/// A time in which nothing answers.
#[derive(Debug, Clone, Copy)]
struct Quiet {
    since: Instant,
    /// Whether a look was taken when the witnesses had their time.
    is_examined: bool,
}

impl Uplink {
    /// Whether devices wait for a sign of life of anything before they are down.
    pub(super) fn has_anchors(&self) -> bool {
        !self.anchors.is_empty()
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// 1 or 0; `None` while nothing has answered yet.
    pub(super) fn value(&self) -> Option<f64> {
        let is_up = self.heard.is_some().then_some(1.0);
        if self.is_gone { Some(0.0) } else { is_up }
    }

    /// The way to a device without parents that keeps silent since then.
    pub(super) fn way(&self, since: Instant) -> Way {
        match self.heard {
            _ if self.is_gone => Way::Adrift,
            Some(heard) if heard >= since => Way::Open,
            _ => Way::Doubtful,
        }
    }
}

impl Table {
    /// Keeps the anchors that stay, and has the new ones asked soon.
    pub(super) fn place_anchors(&mut self, config: &Config, before: Vec<Device>, now: Now) {
        let mut before = before;
        self.uplink.anchors.clear();
        for address in &config.uplink.anchors {
            let spec = Spec::anchor(address);
            let kept = before.iter().position(|device| device.spec.continues(&spec));
            let id = match kept.map(|index| before.swap_remove(index)) {
                Some(device) => {
                    let id = device.id;
                    self.keep(device, spec);
                    id
                }
                None => self.add(spec, now.instant, now),
            };
            if let Some(device) = self.device_mut(id) {
                device.is_anchor = true;
            }
            self.uplink.anchors.push(id);
        }
    }

    /// When the uplink is to be looked at.
    pub(super) fn uplink_due(&self) -> Option<Instant> {
        let quiet = self.uplink.quiet.filter(|quiet| !quiet.is_examined)?;
        Some(quiet.since + self.plan().timeout + GRACE)
    }

    /// Takes the end of a probe as a sign of life, or of silence. That what was lost before keeps silent is no sign.
    /// Nor is an answer of this host itself, which `is_here`.
    pub(super) fn listen(&mut self, what: &What, was_lost: bool, is_here: bool, now: Now) {
        let What::Ended(outcome) = what else {
            return;
        };
        match outcome {
            Outcome::Answered(_) | Outcome::Missed(Miss::Refused(_)) if is_here => {}
            Outcome::Answered(_) | Outcome::Missed(Miss::Refused(_)) => self.hear(now),
            // Where packets leave again, devices are judged again.
            Outcome::Missed(_) if self.uplink.is_gone && !self.uplink.has_anchors() => self.restore(now),
            Outcome::Missed(_) if was_lost => {}
            Outcome::Missed(_) => self.note_silence(now),
            Outcome::Unsent(unsent) if unsent.reason == UnsentReason::NoRoute => self.note_silence(now),
            Outcome::Unsent(_) => {}
        }
    }

    /// Has those asked whose answer would show that the uplink is there.
    pub(super) fn ask_witnesses(&mut self, now: Now) {
        let is_recent = |asked| now.instant < asked + AGAIN;
        if self.uplink.has_anchors() && !self.uplink.asked.is_some_and(is_recent) {
            self.ask_them(now);
        }
    }

    fn ask_them(&mut self, now: Now) {
        self.uplink.asked = Some(now.instant);
        let answers =
            |device: &&Device| device.machine.status().is_up() == Some(true) && !device.machine.is_silent();
        let well: Vec<DeviceId> = self
            .devices()
            .filter(answers)
            .take(WITNESSES)
            .map(|d| d.id)
            .collect();
        for id in self.uplink.anchors.clone().into_iter().chain(well) {
            self.hasten(id, now.instant);
        }
    }

    /// Declares the uplink gone when nothing has answered for long enough.
    pub(super) fn look_at_uplink(&mut self, now: Now) {
        if self.uplink_due().is_none_or(|due| now.instant < due) {
            return;
        }
        let is_gone = !self.uplink.is_gone && self.nothing_is_left();
        if let Some(quiet) = &mut self.uplink.quiet {
            // Looked at again with the next sign of silence.
            quiet.is_examined = true;
        }
        if !is_gone {
            return;
        }
        warn!("nothing answers, the uplink of this host seems to be gone; all devices are unknown");
        self.uplink.is_gone = true;
        self.doubtful.clear();
        self.devices_mut()
            .filter(|device| !device.spec.paused)
            .for_each(|device| device.lose_uplink(now));
        self.push_news(readings::of_uplink(0.0));
    }

    fn nothing_is_left(&self) -> bool {
        let has_no_route = |device: &Device| match device.machine.cause() {
            Cause::Unsent(unsent) => unsent.reason == UnsentReason::NoRoute,
            _ => false,
        };
        if self.uplink.has_anchors() {
            let mut anchors = self.uplink.anchors.iter().filter_map(|id| self.device(*id));
            return anchors.all(|anchor| anchor.machine.is_lost() || has_no_route(anchor));
        }
        let mut devices = self.devices().filter(|device| !device.spec.paused).peekable();
        devices.peek().is_some() && devices.all(has_no_route)
    }

    fn note_silence(&mut self, now: Now) {
        if self.uplink.quiet.is_none() {
            self.uplink.quiet = Some(Quiet {
                since: now.instant,
                is_examined: false,
            });
            if self.uplink.has_anchors() {
                self.ask_them(now);
            }
        }
        self.look_again(now);
    }

    fn look_again(&mut self, now: Now) {
        if let Some(quiet) = &mut self.uplink.quiet {
            quiet.is_examined = false;
        }
        self.look_at_uplink(now);
    }

    fn hear(&mut self, now: Now) {
        self.uplink.heard = Some(now.instant);
        self.uplink.quiet = None;
        if self.uplink.is_gone {
            self.restore(now);
        }
    }

    fn restore(&mut self, now: Now) {
        info!("the uplink of this host is back");
        self.uplink.is_gone = false;
        self.uplink.quiet = None;
        self.push_news(readings::of_uplink(1.0));
        let unknown: Vec<DeviceId> = self
            .devices()
            .filter(|device| device.machine.status() == Status::Unknown)
            .map(|device| device.id)
            .collect();
        for id in self.uplink.anchors.clone() {
            self.hasten(id, now.instant);
        }
        for (place, id) in (0_u32..).zip(unknown) {
            if let Some(device) = self.device_mut(id) {
                device.begin_afresh();
            }
            self.hasten(id, now.instant + SPREAD * place);
        }
    }
}
