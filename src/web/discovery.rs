//! `/sd/devices`: the devices as targets for Prometheus' HTTP service discovery. The answer is also a devices file.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Query, State},
    http::{StatusCode, Uri},
    response::Response,
};
use serde::Serialize;

use super::{
    answer, parameter,
    services::{KnownDevice, Services},
};

const GROUP: &str = "group";

/// One group of targets, of one device each: what is said of it is said in labels.
#[derive(Serialize)]
struct Group {
    targets: [String; 1],
    labels: BTreeMap<&'static str, String>,
}

/// `GET /sd/devices?group=`: all devices, or those of the groups that are named.
pub(super) async fn devices(
    uri: Uri,
    State(services): State<Arc<Services>>,
    Query(parameters): Query<Vec<(String, String)>>,
) -> Response {
    if let Some((key, _)) = parameters.iter().find(|(key, _)| key != GROUP) {
        let detail = parameter::unknown(key, &[GROUP]);
        return answer::refuse(uri.path(), StatusCode::BAD_REQUEST, detail);
    }
    let is_wanted = |device: &KnownDevice| {
        parameters.is_empty() || parameters.iter().any(|(_, group)| *group == device.group)
    };
    let devices = services.watch.devices().into_iter().filter(is_wanted);
    let groups: Vec<Group> = devices.map(|device| group(&device)).collect();
    match serde_json::to_string(&groups) {
        Ok(body) => answer::typed(StatusCode::OK, "application/json", body + "\n"),
        Err(error) => answer::refuse(uri.path(), StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// Labels without a value are left out: to Prometheus that is the same.
fn group(device: &KnownDevice) -> Group {
    // Commas around as well, as Prometheus' own discoveries have them, so that one name is found by `,name,`.
    let parents = match device.parents.as_deref() {
        None => String::new(),
        Some([]) => ",".to_owned(),
        Some(names) => format!(",{},", names.join(",")),
    };
    let labels = [
        ("__meta_netkestrel_name", device.name.to_string()),
        ("__meta_netkestrel_group", device.group.to_string()),
        ("__meta_netkestrel_parents", parents),
        ("__meta_netkestrel_check", device.check.to_string()),
        (
            "__meta_netkestrel_port",
            device.port.map(|port| port.to_string()).unwrap_or_default(),
        ),
        ("__meta_netkestrel_ip", device.ip.to_string()),
        (
            "__meta_netkestrel_paused",
            if device.paused { "true" } else { "" }.to_owned(),
        ),
    ];
    Group {
        targets: [device.address.to_string()],
        labels: labels
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::fake::{Fake, Site},
        *,
    };

    fn site() -> Site {
        let router = KnownDevice {
            name: "router".into(),
            address: "192.0.2.1".into(),
            group: "core".into(),
            parents: Some(Vec::new()),
            check: "icmp".into(),
            ..KnownDevice::default()
        };
        let nas = KnownDevice {
            name: "nas".into(),
            address: "nas.lan".into(),
            parents: Some(vec!["router".into(), "switch".into()]),
            check: "tcp".into(),
            port: Some(445),
            ip: "both".into(),
            paused: true,
            ..KnownDevice::default()
        };
        Site::new(Fake {
            known: vec![router, nas],
            ..Fake::default()
        })
    }

    async fn asked(path: &str) -> serde_json::Value {
        let answer = site().ask("GET", path, &[]).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), "application/json");
        serde_json::from_str(&answer.body).expect("is JSON")
    }

    #[tokio::test]
    async fn prometheus_learns_of_every_device_or_of_a_group() {
        let router = json!({"targets": ["192.0.2.1"], "labels": {
            "__meta_netkestrel_name": "router",
            "__meta_netkestrel_group": "core",
            "__meta_netkestrel_parents": ",",
            "__meta_netkestrel_check": "icmp",
        }});
        let nas = json!({"targets": ["nas.lan"], "labels": {
            "__meta_netkestrel_name": "nas",
            "__meta_netkestrel_parents": ",router,switch,",
            "__meta_netkestrel_check": "tcp",
            "__meta_netkestrel_port": "445",
            "__meta_netkestrel_ip": "both",
            "__meta_netkestrel_paused": "true",
        }});
        assert_eq!(asked("/sd/devices").await, json!([router, nas]));
        assert_eq!(asked("/sd/devices?group=core").await, json!([router]));
        assert_eq!(asked("/sd/devices?group=").await, json!([nas]));
        assert_eq!(asked("/sd/devices?group=&group=core").await, json!([router, nas]));
        assert_eq!(asked("/sd/devices?group=none").await, json!([]));
    }

    #[tokio::test]
    async fn a_mistyped_parameter_is_refused() {
        let answer = site().ask("GET", "/sd/devices?grup=core", &[]).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (
                400,
                "`grup`: not a parameter here; accepted: group; did you mean `group`?\n"
            )
        );
    }
}
