//! One probe from its request to its answer: finds the address, pings it, and notes what happened.

use std::{fmt::Display, net::SocketAddr, sync::Arc};

use axum::{
    http::{HeaderMap, StatusCode},
    response::Response,
};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};
use tracing::debug;

use super::{
    Refusal,
    allowlist::{Choice, Settings, Way},
    report::{Level, Log, Report},
    request,
};
use crate::{
    exposition::{Coding, Snapshot, Syntax},
    web::{
        answer,
        metrics::ProbeResult,
        prober::Pinged,
        scrape::{TIMEOUT_HEADER, Wanted, page},
        services::Services,
    },
};

/// A probe under way, or ended.
pub(super) struct Probing<'a> {
    services: &'a Services,
    settings: Arc<Settings>,
    target: &'a str,
    for_people: bool,
    began: Instant,
    deadline: Instant,
    report: Report,
    log: Log,
}

impl<'a> Probing<'a> {
    /// Reads the request and judges its target.
    pub(super) fn begin(
        services: &'a Services,
        parameters: &'a [(String, String)],
        headers: &HeaderMap,
    ) -> Result<(Self, Way), Refusal> {
        let began = Instant::now();
        let settings = services.probe.load_full();
        if !settings.config.enabled {
            let detail = "probing for others is switched off here; `web.probe.enabled: true` switches it on";
            return Err(Refusal::Forbidden(detail.to_owned()));
        }
        let asked = request::read(parameters).map_err(Refusal::Invalid)?;
        let timeout = request::timeout(*settings.config.timeout, headers.get(TIMEOUT_HEADER))
            .map_err(Refusal::Invalid)?;
        let way = settings
            .admit(asked.target, &*services.prober)
            .map_err(Refusal::Forbidden)?;
        let mut probing = Self {
            services,
            settings,
            target: asked.target,
            for_people: asked.debug,
            began,
            deadline: began + timeout,
            report: Report::default(),
            log: Log::of(asked.target),
        };
        let seconds = timeout.as_secs_f64();
        probing.note(Level::Info, "Beginning probe", "timeout_seconds", seconds);
        Ok((probing, way))
    }

    /// Goes `way`, and gives `place` back at the end of it.
    pub(super) async fn go(&mut self, way: Way, place: OwnedSemaphorePermit) -> Result<(), Refusal> {
        let found = self.find(way).await?;
        self.report.lookup = self.began.elapsed();
        let answer = match found {
            Ok(to) => self.ping(to, place).await?,
            Err(reason) => Err(reason),
        };
        self.report.duration = self.began.elapsed();
        self.report.success = answer.is_ok();
        let seconds = self.report.duration.as_secs_f64();
        match answer {
            Ok(()) => self.note(Level::Info, "Probe succeeded", "duration_seconds", seconds),
            Err(reason) => {
                debug!(probed = self.target, reason, "a probe for others failed");
                self.note(Level::Error, "Probe failed", "reason", reason);
            }
        }
        Ok(())
    }

    /// The address to probe, or in words why there is none.
    async fn find(&mut self, way: Way) -> Result<Result<SocketAddr, String>, Refusal> {
        let (name, is_judged) = match way {
            Way::Known(ip) => return Ok(Ok(SocketAddr::new(ip, 0))),
            Way::Device(name) => (name, false),
            Way::Judged(name) => (name, true),
        };
        self.note(Level::Info, "Resolving target address", "name", &name);
        let prober = &*self.services.prober;
        let addresses = match timeout_at(self.deadline, prober.look_up(&name)).await {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(reason)) => return Ok(Err(format!("the name does not resolve: {reason}"))),
            Err(_) => return Ok(Err("the name did not resolve in time".to_owned())),
        };
        let choice = if is_judged {
            self.settings.choose_allowed(&name, &addresses, prober)
        } else {
            self.settings.choose(&addresses)
        };
        match choice {
            Choice::Probe(address) => Ok(Ok(address)),
            Choice::None(reason) => Ok(Err(reason)),
            Choice::Forbidden(detail) => Err(Refusal::Forbidden(detail)),
        }
    }

    /// One echo request; in words why it is not answered.
    async fn ping(
        &mut self,
        to: SocketAddr,
        place: OwnedSemaphorePermit,
    ) -> Result<Result<(), String>, Refusal> {
        self.report.ip = Some(to.ip());
        self.note(Level::Info, "Sending echo request", "ip", to.ip());
        let left = self.deadline.saturating_duration_since(Instant::now());
        let Some(Pinged { setup, answer }) = self.services.prober.ping(to, left, place).await else {
            let detail =
                "no pings are sent at present: this is a demo, or the collector of devices does not run";
            return Err(Refusal::Unavailable(detail.to_owned()));
        };
        self.report.setup = setup;
        Ok(answer.map(|pong| {
            self.report.round_trip = pong.round_trip;
            self.report.hop_limit = pong.hop_limit;
            let seconds = pong.round_trip.as_secs_f64();
            self.note(Level::Info, "Received echo reply", "rtt_seconds", seconds);
        }))
    }

    fn note(&mut self, level: Level, message: &str, key: &str, value: impl Display) {
        let at = self.services.clock.now().wall;
        self.log.add(at, level, message, key, value);
    }

    pub(super) fn result(&self) -> ProbeResult {
        if self.report.success {
            ProbeResult::Success
        } else {
            ProbeResult::Failure
        }
    }

    /// The answer: in the form that the scraper asks for, or for people.
    pub(super) fn answer(&self, headers: &HeaderMap) -> Response {
        let snapshot = Snapshot::new(self.report.families());
        let render = |syntax, coding| {
            let renderer = &self.services.renderer;
            renderer.render(&snapshot, syntax, coding, || self.report.success())
        };
        if self.for_people {
            let (metrics, _) = render(Syntax::Text, Coding::Identity);
            let document = self
                .log
                .document(&String::from_utf8_lossy(&metrics), &self.settings.config);
            return answer::typed(StatusCode::OK, "text/plain; charset=utf-8", document);
        }
        let wanted = Wanted::from(headers);
        let (body, coding) = render(wanted.format.syntax, wanted.coding);
        page(body, wanted.format, coding)
    }
}
