//! What the program tells of itself in a made-up past: the process, HTTP, the log, history and delivery. Names, labels
//! and buckets are those of the catalogue.

use std::{collections::HashMap, time::Duration};

use prometheus_client::metrics::histogram::Histogram;
use smol_str::SmolStr;

use crate::{
    alerts::Outcome,
    app, build,
    clock::Now,
    collectors,
    history::{self, Stream},
    sample::{self, Desc, Family, Kind, Value},
};

/// The way on which people are told.
const MAIL: &str = "email";
/// Where the filesystem is mounted that fills, and how fast, in bytes per second.
pub(super) const FILLING: &str = "/srv";
const FILLS: f64 = 2.43e6;
/// Of so many mails one is refused at once, and one is tried again.
const REFUSED: u64 = 7;
const TRIED_AGAIN: u64 = 5;

/// Numbers of one life.
pub(super) struct Own {
    descs: HashMap<&'static str, &'static Desc>,
    began: Now,
    reloaded: Now,
    runs: u64,
    scrapes: u64,
    streams: [Kept; Stream::ALL.len()],
    mails: u64,
    delivered: Option<Now>,
    told: u64,
    writes: Histogram,
    requests: Histogram,
    deliveries: Histogram,
}

/// What a stream of history holds.
#[derive(Debug, Clone, Copy, Default)]
struct Kept {
    /// In all lives.
    records: u64,
    /// In this one.
    appended: u64,
    first: Option<Now>,
    last: Option<Now>,
}

impl Own {
    pub(super) fn new(now: Now) -> Self {
        let descs: HashMap<_, _> = app::catalogue()
            .into_iter()
            .map(|desc| (desc.name, desc))
            .collect();
        let empty = |name: &str| match descs.get(name).map(|desc| desc.kind) {
            Some(Kind::Histogram(bounds)) => sample::histogram(bounds),
            _ => sample::histogram(&[]),
        };
        Self {
            began: now,
            reloaded: now,
            runs: 0,
            scrapes: 0,
            streams: [Kept::default(); Stream::ALL.len()],
            mails: 0,
            delivered: None,
            told: 0,
            writes: empty("netkestrel_history_write_duration_seconds"),
            requests: empty("netkestrel_http_request_duration_seconds"),
            deliveries: empty("netkestrel_notification_duration_seconds"),
            descs,
        }
    }

    /// After a restart: only what is on disk is still there.
    pub(super) fn again(&self, now: Now) -> Self {
        let kept = |stream: Kept| Kept {
            appended: 0,
            ..stream
        };
        Self {
            streams: self.streams.map(kept),
            ..Self::new(now)
        }
    }

    /// How long a run of this collector took.
    pub(super) fn took(&mut self, collector: &str) -> Duration {
        self.runs += 1;
        let usual = match collector {
            "network" => 900,
            "system" => 2_600,
            _ => 350,
        };
        Duration::from_micros(usual + usual / 2 * (self.runs * 37 % 11) / 11)
    }

    /// An interval run was written down.
    pub(super) fn recorded(&mut self, collector: &str, now: Now) {
        if let Some(stream) = Stream::of_collector(collector) {
            self.append(stream, now);
        }
    }

    /// Changes of alerts were written down, and people were told.
    pub(super) fn settled(&mut self, outcome: &Outcome, now: Now) {
        for _ in &outcome.transitions {
            self.append(Stream::Alerts, now);
            self.told += 1;
        }
        for _ in &outcome.notices {
            self.mails += 1;
            self.deliveries
                .observe(0.08 + (self.mails * 29 % 17) as f64 / 40.0);
            self.delivered = Some(now);
        }
    }

    pub(super) fn reloaded(&mut self, now: Now) {
        self.reloaded = now;
    }

    fn append(&mut self, stream: Stream, now: Now) {
        self.writes
            .observe(0.0012 + (self.runs * 13 % 19) as f64 / 5_000.0);
        for (kept, of) in self.streams.iter_mut().zip(Stream::ALL) {
            if of == stream {
                kept.records += 1;
                kept.appended += 1;
                kept.first = kept.first.or(Some(now));
                kept.last = Some(now);
            }
        }
    }

    /// Everything, as a scrape sees it.
    pub(super) fn families(&mut self, now: Now, left: Option<f64>) -> Vec<Family> {
        self.scrapes += 1;
        self.requests
            .observe(0.004 + (self.scrapes * 7 % 13) as f64 / 6_000.0);
        let mut page = Page {
            descs: &self.descs,
            families: Vec::new(),
        };
        self.process(&mut page, now);
        self.http_and_log(&mut page);
        self.history(&mut page);
        self.delivery(&mut page);
        if let Some(left) = left {
            let likely = left / FILLS;
            let bounds = [("earliest", 0.85), ("likely", 1.0), ("latest", 1.2)];
            let bounds = bounds.map(|(bound, share)| ([FILLING, bound], (likely * share).round()));
            page.put("netkestrel_filesystem_full_seconds", bounds);
        }
        page.families
    }

    fn process(&self, page: &mut Page<'_>, now: Now) {
        let age = now.unix_seconds() - self.began.unix_seconds();
        let facts = [
            build::VERSION,
            build::REVISION,
            build::RUST_VERSION,
            "linux",
            "x86_64",
        ];
        page.put("netkestrel_build_info", [(facts, 1.0)]);
        page.put("process_cpu_seconds_total", [([], 0.05 + age * 0.0021)]);
        let memory = 13.1e6 + (age / 3600.0).min(6.0) * 80_000.0;
        page.put("process_resident_memory_bytes", [([], memory.round())]);
        page.put("process_virtual_memory_bytes", [([], 176e6)]);
        page.put("process_open_fds", [([], 19.0 + (self.scrapes % 3) as f64)]);
        page.put("process_max_fds", [([], 1024.0)]);
        page.put("process_threads", [([], 9.0)]);
        page.put("process_start_time_seconds", [([], self.began.unix_seconds())]);
        page.put("netkestrel_config_last_reload_successful", [([], 1.0)]);
        page.put(
            "netkestrel_config_last_reload_success_timestamp_seconds",
            [([], self.reloaded.unix_seconds())],
        );
        let tasks = collectors::NAMES.iter().map(|name| ([*name], 0.0));
        page.put("netkestrel_task_restarts_total", tasks);
        page.put("netkestrel_collector_lost_runs_total", [([], 0.0)]);
    }

    fn http_and_log(&self, page: &mut Page<'_>) {
        let scrapes = self.scrapes as f64;
        let requests = [
            (["/metrics", "200"], scrapes),
            (["/", "200"], (scrapes / 40.0).floor()),
        ];
        page.put("netkestrel_http_requests_total", requests);
        page.put_histogram(
            "netkestrel_http_request_duration_seconds",
            ["/metrics"],
            &self.requests,
        );
        let took = 0.0031 + (self.scrapes * 7 % 13) as f64 / 8_000.0;
        page.put("netkestrel_scrape_duration_seconds", [([], took)]);
        page.put("netkestrel_exposition_omitted_series_total", [([], 0.0)]);
        let probes = ["success", "failure", "invalid", "forbidden", "unavailable"];
        page.put(
            "netkestrel_probe_requests_total",
            probes.map(|result| ([result], 0.0)),
        );
        let levels = [
            (["error"], 0.0),
            (["warn"], (self.told / 3) as f64),
            (["info"], 12.0 + self.told as f64),
        ];
        page.put("netkestrel_log_messages_total", levels);
        page.put("netkestrel_log_write_failures_total", [([], 0.0)]);
    }

    fn history(&self, page: &mut Page<'_>) {
        let limit = u64::from(history::Config::default().records);
        let streams = || Stream::ALL.into_iter().map(Stream::name).zip(self.streams);
        let mut each = |name: &str, of: &dyn Fn(&Kept) -> Option<f64>| {
            let points = streams().filter_map(|(name, kept)| Some(([name], of(&kept)?)));
            page.put(&format!("netkestrel_history_{name}"), points);
        };
        // The clean-up begins at 110 %.
        let held = |kept: &Kept| match kept.records.saturating_sub(limit) {
            0 => kept.records,
            over => limit + over % (limit / 10),
        };
        each("records", &|kept| Some(held(kept) as f64));
        each("records_limit", &|_| Some(limit as f64));
        each("size_bytes", &|kept| Some(held(kept) as f64 * 640.0));
        each("appends_total", &|kept| Some(kept.appended as f64));
        each("pruned_records_total", &|kept| {
            let pruned = kept.records - held(kept);
            Some(pruned.min(kept.appended / 1000 * 1000) as f64)
        });
        each("write_failures_total", &|_| Some(0.0));
        each("corrupt_records_total", &|_| Some(0.0));
        each("oldest_record_timestamp_seconds", &|kept| {
            Some(kept.first?.unix_seconds())
        });
        each("last_write_timestamp_seconds", &|kept| {
            Some(kept.last?.unix_seconds())
        });
        page.put_histogram("netkestrel_history_write_duration_seconds", [], &self.writes);
    }

    fn delivery(&self, page: &mut Page<'_>) {
        let mut of_mail = |name: &str, value: u64| page.put(name, [([MAIL], value as f64)]);
        of_mail("netkestrel_notifications_total", self.mails);
        of_mail("netkestrel_notification_retries_total", self.mails / TRIED_AGAIN);
        of_mail("netkestrel_notifications_dropped_total", 0);
        let refused = [([MAIL, "rejected"], (self.mails / REFUSED) as f64)];
        page.put("netkestrel_notifications_failed_total", refused);
        let delivered = self.delivered.map(|at| ([MAIL], at.unix_seconds()));
        page.put(
            "netkestrel_notification_last_success_timestamp_seconds",
            delivered,
        );
        page.put_histogram(
            "netkestrel_notification_duration_seconds",
            [MAIL],
            &self.deliveries,
        );
        page.put("netkestrel_alertmanager_query_failures_total", [([], 0.0)]);
        page.put("netkestrel_notification_queue_length", [([], 0.0)]);
        page.put("netkestrel_notification_queue_capacity", [([], 10_000.0)]);
        page.put("netkestrel_notification_queue_write_failures_total", [([], 0.0)]);
    }
}

/// Families by the names of the catalogue.
struct Page<'a> {
    descs: &'a HashMap<&'static str, &'static Desc>,
    families: Vec<Family>,
}

impl Page<'_> {
    fn put<'a, const N: usize>(&mut self, name: &str, points: impl IntoIterator<Item = ([&'a str; N], f64)>) {
        // That every name is known is tested.
        if let Some(desc) = self.descs.get(name) {
            let mut family = Family::new(desc);
            for (labels, value) in points {
                family.push(labels.map(SmolStr::new), value);
            }
            self.families.push(family);
        }
    }

    fn put_histogram<const N: usize>(&mut self, name: &str, labels: [&str; N], histogram: &Histogram) {
        if let Some(desc) = self.descs.get(name) {
            let mut family = Family::new(desc);
            family.push_value(labels.map(SmolStr::new), Value::Histogram(histogram.clone()));
            self.families.push(family);
        }
    }
}
