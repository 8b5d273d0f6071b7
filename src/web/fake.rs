//! A site for tests: the routes over stages that do as they are told.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::HeaderMap,
};
use jiff::{Timestamp, tz::TimeZone};
use smol_str::SmolStr;
use tokio::sync::OwnedSemaphorePermit;
use tower::ServiceExt;

use super::{
    CarryingOut, CollectorStatus, Config, Control, Desk, DeviceRow, KnownDevice, LastReload, LookingUp,
    Order, Overview, Pinged, Pinging, Pong, Prober, Refusal, ReloadReport, Reloading, Services, Signed,
    Stages, Status, Telemetry, Token, Unusual, Watch, router,
};
use crate::{
    alerts::Alert,
    clock::Clock,
    exposition::{Gather, Gathering, Selection},
    history::Reader,
    sample::{Desc, Family, Kind},
};

const READING: Desc = Desc {
    name: "test_reading_bytes_total",
    kind: Kind::Counter,
    labels: &[],
    help: "A reading.",
};

/// Stands for all stages behind the routes.
#[derive(Default)]
pub(super) struct Fake {
    pub(super) ready: AtomicBool,
    pub(super) broken: AtomicBool,
    pub(super) panics: AtomicBool,
    pub(super) takes: Duration,
    pub(super) alerts: Vec<Alert>,
    pub(super) unusual: Vec<Unusual>,
    pub(super) known: Vec<KnownDevice>,
    pub(super) devices: Vec<DeviceRow>,
}

impl Gather for Fake {
    fn gather(&self, selection: Selection, _: Duration) -> Gathering<'_> {
        Box::pin(async move {
            tokio::time::sleep(self.takes).await;
            let value = if selection == Selection::All { 1.0 } else { 2.0 };
            vec![Family::single(&READING, value)]
        })
    }
}

impl Control for Fake {
    fn reload(&self) -> Reloading<'_> {
        let broken = self.broken.load(Ordering::SeqCst);
        Box::pin(async move {
            if broken {
                return Err("line 3: `intervall` is not a key".to_owned());
            }
            Ok(ReloadReport {
                applied: vec!["rules".to_owned()],
                needs_restart: vec!["web.listen_address".to_owned()],
            })
        })
    }
}

impl Watch for Fake {
    fn ready(&self) -> Result<(), String> {
        let ready = self.ready.load(Ordering::SeqCst);
        ready.then_some(()).ok_or_else(|| "the first reading".to_owned())
    }

    fn status(&self) -> Status {
        assert!(!self.panics.load(Ordering::SeqCst), "the status panics");
        Status {
            version: "1.2.3",
            host: "box".to_owned(),
            uptime: Duration::from_secs(90),
            config_origin: "defaults".to_owned(),
            last_reload: Some(LastReload {
                at: Timestamp::UNIX_EPOCH,
                error: None,
            }),
            collectors: vec![CollectorStatus {
                name: "system",
                enabled: true,
                success: Some(true),
                duration: Some(Duration::from_millis(2)),
                interval: Duration::from_mins(1),
                last_success: None,
            }],
        }
    }

    fn overview(&self) -> Overview {
        assert!(!self.broken.load(Ordering::SeqCst), "the overview is broken");
        Overview {
            devices: self.devices.clone(),
            ..Overview::default()
        }
    }

    fn devices(&self) -> Vec<KnownDevice> {
        self.known.clone()
    }

    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }
}

impl Desk for Fake {
    fn alerts(&self) -> Vec<Alert> {
        self.alerts.clone()
    }

    fn silences(&self) -> serde_json::Value {
        serde_json::json!([])
    }

    fn unusual(&self) -> Arc<Vec<Unusual>> {
        Arc::new(self.unusual.clone())
    }

    fn carry_out(&self, order: Order) -> CarryingOut<'_> {
        Box::pin(async move {
            match order {
                Order::Acknowledge { id, signed, normal } if id == "cpu-1" => {
                    let Signed { by, note } = signed;
                    Ok(serde_json::json!({"id": id, "by": by, "note": note, "normal": normal}))
                }
                _ => Err(Refusal::NotFound("there is no such alert".to_owned())),
            }
        })
    }
}

/// Watches `nas` at nas.lan and `router` at 192.0.2.1. Names ending in `lan` have two addresses, others none. Everybody answers after `takes`, but 192.0.2.9, which never does; without being `ready` nothing is sent.
impl Prober for Fake {
    fn device(&self, target: &str) -> Option<SmolStr> {
        match target {
            "nas" => Some("nas.lan".into()),
            "router" | "192.0.2.1" => Some("192.0.2.1".into()),
            _ => None,
        }
    }

    fn is_device(&self, ip: IpAddr) -> bool {
        ip == IpAddr::from([192, 0, 2, 1])
    }

    fn look_up<'a>(&'a self, name: &'a str) -> LookingUp<'a> {
        Box::pin(async move {
            if name == "hangs.lan" {
                std::future::pending::<()>().await;
            }
            let addresses = ["192.0.2.7", "2001:db8::7"].map(|ip| ip.parse().expect("an address"));
            let found = name
                .ends_with("lan")
                .then(|| addresses.map(|ip| SocketAddr::new(ip, 0)).into());
            found.ok_or_else(|| "Name or service not known".to_owned())
        })
    }

    fn ping(&self, to: SocketAddr, timeout: Duration, place: OwnedSemaphorePermit) -> Pinging<'_> {
        Box::pin(async move {
            let _place = place;
            let is_silent = to.ip() == IpAddr::from([192, 0, 2, 9]);
            let takes = if is_silent { timeout } else { self.takes };
            tokio::time::sleep(takes).await;
            let pong = Pong {
                round_trip: Duration::from_millis(3),
                hop_limit: Some(64),
            };
            let answer = if is_silent {
                Err("no answer in time".to_owned())
            } else {
                Ok(pong)
            };
            let setup = Duration::from_micros(50);
            self.ready
                .load(Ordering::SeqCst)
                .then_some(Pinged { setup, answer })
        })
    }
}

pub(super) struct Site {
    pub(super) fake: Arc<Fake>,
    pub(super) services: Arc<Services>,
    pub(super) token: String,
    pub(super) token_path: PathBuf,
    _data_dir: tempfile::TempDir,
}

impl Site {
    pub(super) fn new(fake: Fake) -> Self {
        Self::remembering(fake, None)
    }

    /// With a history.
    pub(super) fn remembering(fake: Fake, history: Option<Reader>) -> Self {
        let data_dir = tempfile::tempdir().expect("a folder");
        let token = Token::load_or_create(data_dir.path()).expect("is made");
        let fake = Arc::new(fake);
        let stages = Stages {
            gather: Arc::clone(&fake) as Arc<dyn Gather>,
            control: Arc::clone(&fake) as Arc<dyn Control>,
            watch: Arc::clone(&fake) as Arc<dyn Watch>,
            desk: Arc::clone(&fake) as Arc<dyn Desk>,
            prober: Arc::clone(&fake) as Arc<dyn Prober>,
            history,
            clock: Clock::System,
            telemetry: Arc::new(Telemetry::default()),
        };
        let (secret, token_path) = (token.secret().reveal().to_owned(), token.path().to_owned());
        let config = Config::default();
        let services = Services::new(
            &config,
            Some("box".to_owned()),
            Some(token),
            &["network", "system"],
            stages,
        );
        Self {
            fake,
            services: Arc::new(services),
            token: secret,
            token_path,
            _data_dir: data_dir,
        }
    }

    pub(super) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "localhost:10980");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    pub(super) async fn send(&self, request: Request) -> Answer {
        let response = router(Arc::clone(&self.services))
            .oneshot(request)
            .await
            .expect("never fails");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.expect("is whole");
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}
