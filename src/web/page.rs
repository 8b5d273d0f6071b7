//! The page at `/`: what is wrong and what is watched, as one HTML document without script or anything from elsewhere.
//! Whatever comes from outside (names, reasons) is escaped, and shown in the units people use.

mod active;

use std::{fmt::Write, sync::Arc};

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use self::active::Active;
use super::{
    answer,
    services::{DeviceRow, DeviceStatus, InterfaceRow, Measure, Notice, Overview, Services, Tile},
    status::{CollectorStatus, SEE_LOG, Status},
};
use crate::{
    figures::{celsius, missing, number, percent, rate, since, size, span},
    sample::{Health, Missing, Observed},
};

const STYLE: &str = include_str!("page.css");
const REFRESH_SECONDS: u32 = 30;
const LINKS: [(&str, &str); 6] = [
    ("/metrics", "metrics for Prometheus"),
    ("/sd/devices", "devices for Prometheus"),
    ("/api/v1/status", "status as JSON"),
    ("/api/v1/anomalies", "what was unusual, as JSON"),
    ("/-/healthy", "health check"),
    ("/-/ready", "readiness check"),
];

/// `GET /`.
pub(super) async fn page(State(services): State<Arc<Services>>) -> Response {
    let Some(nonce) = nonce() else {
        return answer::refuse(
            "/",
            StatusCode::INTERNAL_SERVER_ERROR,
            "the system gives no random numbers",
        );
    };
    let (zone, now) = (services.watch.zone(), services.clock.now().wall);
    let active = Active {
        alerts: services.desk.alerts(),
        unusual: services.desk.unusual(),
        now,
        zone,
    };
    let document = render(
        &services.watch.status(),
        active,
        &services.watch.overview(),
        &nonce,
    );
    let mut response = answer::typed(StatusCode::OK, "text/html; charset=utf-8", document);
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response
            .headers_mut()
            .insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Lets this answer's own style through the policy, and no other.
fn nonce() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn render(status: &Status, active: Active, overview: &Overview, nonce: &str) -> String {
    let mut html = Html(String::with_capacity(16 * 1024));
    html.raw("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    html.raw("<meta name=\"color-scheme\" content=\"light dark\">");
    html.raw(&format!(
        "<meta http-equiv=\"refresh\" content=\"{REFRESH_SECONDS}\">"
    ));
    html.element("title", &format!("NetKestrel on {}", status.host));
    html.raw(&format!("<style nonce=\"{nonce}\">{STYLE}</style></head><body>"));
    html.raw("<header>");
    html.element("h1", "NetKestrel");
    let running = format!(
        "{} · version {} · running for {}",
        status.host,
        status.version,
        since(status.uptime)
    );
    html.element("p", &running);
    notice(&mut html, overview.notice.as_ref());
    html.raw("</header><main>");
    active.section(&mut html, &status.host);
    tiles(&mut html, &overview.tiles);
    interfaces(&mut html, &overview.interfaces);
    devices(&mut html, &overview.devices);
    collectors(&mut html, &status.collectors);
    html.raw("</main>");
    footer(&mut html, status);
    html.raw("</body></html>\n");
    html.0
}

fn notice(html: &mut Html, notice: Option<&Notice>) {
    let Some(notice) = notice else { return };
    html.raw("<p class=\"warning\">");
    html.text(&notice.text);
    if !notice.link.is_empty() {
        html.raw(" <a href=\"");
        html.text(&notice.link);
        html.raw("\">");
        html.text(&notice.link);
        html.raw("</a>");
    }
    html.raw("</p>");
}

fn tiles(html: &mut Html, tiles: &[Tile]) {
    html.raw("<section><h2>This host</h2><div class=\"tiles\">");
    if tiles.is_empty() {
        html.element("p", "The first reading is still to come.");
    }
    for tile in tiles {
        html.raw(&format!("<div class=\"tile {}\">", health_class(tile.health)));
        html.element("h3", &tile.title);
        html.element("strong", &measured(tile.value));
        html.element("span", &tile.detail);
        html.raw("</div>");
    }
    html.raw("</div></section>");
}

fn interfaces(html: &mut Html, rows: &[InterfaceRow]) {
    let head = ["Interface", "Kind", "State", "Link", "Receiving", "Sending"];
    let cells = rows.iter().map(|row| {
        let (state, class) = match row.up {
            Some(true) => ("up", "ok"),
            Some(false) => ("down", "quiet"),
            None => ("unknown", "quiet"),
        };
        vec![
            Cell::plain(&row.name),
            Cell::plain(&row.kind),
            Cell {
                text: state.to_owned(),
                class,
            },
            Cell::figure(
                row.speed
                    .map_or_else(|| missing(Missing::Unsupported).to_owned(), rate),
            ),
            observed(row.receive),
            observed(row.transmit),
        ]
    });
    html.table("Interfaces", &head, cells, "No interface has been read yet.");
}

fn observed(seen: Observed) -> Cell {
    match seen {
        Observed::Value(value) | Observed::Excused(value) => Cell::figure(rate(value)),
        Observed::Implausible(value) => Cell {
            text: format!("{} (implausible)", rate(value)),
            class: "figure warning",
        },
        Observed::Missing(reason) => Cell {
            text: missing(reason).to_owned(),
            class: "figure quiet",
        },
    }
}

fn devices(html: &mut Html, rows: &[DeviceRow]) {
    let head = [
        "Device",
        "Group",
        "Address",
        "Status",
        "Round trip",
        "Loss",
        "Reason",
    ];
    let cells = rows.iter().map(|row| {
        let (status, class) = device_status(row.status);
        vec![
            Cell::plain(&row.name),
            Cell::plain(&row.group),
            Cell::plain(&row.address),
            Cell {
                text: status.to_owned(),
                class,
            },
            Cell::figure(row.round_trip.map(span).unwrap_or_default()),
            Cell::figure(row.loss.map(percent).unwrap_or_default()),
            Cell::plain(&row.reason),
        ]
    });
    let none = "No device is configured; name some under collectors.devices.targets or in collectors.devices.devices_file.";
    html.table("Devices", &head, cells, none);
}

fn collectors(html: &mut Html, rows: &[CollectorStatus]) {
    let head = ["Collector", "Last run", "Took", "Every"];
    let cells = rows.iter().map(|row| {
        let (run, class) = match (row.enabled, row.success) {
            (false, _) => ("switched off", "quiet"),
            (true, None) => ("not yet", "quiet"),
            (true, Some(true)) => ("succeeded", "ok"),
            (true, Some(false)) => ("failed", "critical"),
        };
        vec![
            Cell::plain(row.name),
            Cell {
                text: run.to_owned(),
                class,
            },
            Cell::figure(row.duration.map(span).unwrap_or_default()),
            Cell::figure(span(row.interval)),
        ]
    });
    html.table("Collectors", &head, cells, "No collector runs.");
}

fn footer(html: &mut Html, status: &Status) {
    html.raw("<footer><p>");
    for (target, words) in LINKS {
        html.raw(&format!("<a href=\"{target}\">"));
        html.text(words);
        html.raw("</a> ");
    }
    html.raw("</p>");
    html.element("p", &format!("Configuration: {}", status.config_origin));
    if let Some(reload) = status
        .last_reload
        .as_ref()
        .filter(|reload| reload.error.is_some())
    {
        html.raw("<p class=\"critical\">");
        html.text(&format!("The last reload failed at {:.0}: {SEE_LOG}.", reload.at));
        html.raw("</p>");
    }
    html.raw("</footer>");
}

fn health_class(health: Option<Health>) -> &'static str {
    match health {
        None => "quiet",
        Some(Health::Ok) => "ok",
        Some(Health::Warning) => "warning",
        Some(Health::Critical) => "critical",
    }
}

fn device_status(status: DeviceStatus) -> (&'static str, &'static str) {
    match status {
        DeviceStatus::Up => ("up", "ok"),
        DeviceStatus::Degraded => ("degraded", "warning"),
        DeviceStatus::Down => ("down", "critical"),
        DeviceStatus::Unreachable => ("unreachable", "warning"),
        DeviceStatus::Unknown => ("unknown", "quiet"),
        DeviceStatus::Paused => ("paused", "quiet"),
        DeviceStatus::Maintenance => ("maintenance", "quiet"),
    }
}

/// Cells under a name that addresses may end in; empty is none.
struct Row {
    anchor: String,
    cells: Vec<Cell>,
}

impl From<Vec<Cell>> for Row {
    fn from(cells: Vec<Cell>) -> Self {
        let anchor = String::new();
        Self { anchor, cells }
    }
}

struct Cell {
    text: String,
    class: &'static str,
}

impl Cell {
    fn plain(text: &str) -> Self {
        let text = text.to_owned();
        Self { text, class: "" }
    }

    fn figure(text: String) -> Self {
        Self {
            text,
            class: "figure",
        }
    }
}

/// HTML being written.
struct Html(String);

impl Html {
    /// Markup of our own.
    fn raw(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// Text from anywhere.
    fn text(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.raw("&amp;"),
                '<' => self.raw("&lt;"),
                '>' => self.raw("&gt;"),
                '"' => self.raw("&quot;"),
                '\'' => self.raw("&#39;"),
                // Invisible characters would let one name pass for another or turn the line around.
                hidden if hidden.is_control() || is_directional(hidden) => self.raw("\u{fffd}"),
                plain => self.0.push(plain),
            }
        }
    }

    fn element(&mut self, name: &str, text: &str) {
        self.raw(&format!("<{name}>"));
        self.text(text);
        self.raw(&format!("</{name}>"));
    }

    fn table(&mut self, title: &str, head: &[&str], rows: impl Iterator<Item = impl Into<Row>>, none: &str) {
        self.raw("<section>");
        self.element("h2", title);
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            self.element("p", none);
            self.raw("</section>");
            return;
        }
        self.raw("<div class=\"wide\"><table><thead><tr>");
        for title in head {
            self.element("th", title);
        }
        self.raw("</tr></thead><tbody>");
        for row in rows {
            let Row { anchor, cells } = row.into();
            if anchor.is_empty() {
                self.raw("<tr>");
            } else {
                self.raw("<tr id=\"");
                self.text(&anchor);
                self.raw("\">");
            }
            for (cell, title) in cells.iter().zip(head) {
                // On a narrow screen the style shows the title beside each cell.
                let _ = write!(self.0, "<td class=\"{}\" data-title=\"{title}\">", cell.class);
                self.text(&cell.text);
                self.raw("</td>");
            }
            self.raw("</tr>");
        }
        self.raw("</tbody></table></div></section>");
    }
}

fn is_directional(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// A measure in its unit.
fn measured(measure: Measure) -> String {
    match measure {
        Measure::Ratio(ratio) => percent(ratio),
        Measure::Bytes(bytes) => size(bytes),
        Measure::BytesPerSecond(bytes) => rate(bytes),
        Measure::Time(time) => since(time),
        Measure::Celsius(degrees) => celsius(degrees),
        Measure::Number(value) => number(value),
        Measure::Missing(reason) => missing(reason).to_owned(),
    }
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
