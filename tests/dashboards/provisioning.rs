//! The provisioning of Grafana: what dashboards, links and the scrape configuration rely on.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use super::{
    lint::read::{list, text, texts},
    made, source,
};

fn file(path: &str) -> Option<Value> {
    let path = source::folder().join(path);
    let text = fs::read_to_string(path).ok()?;
    Some(serde_yaml::from_str(&text).expect("YAML"))
}

fn sources() -> BTreeMap<String, Value> {
    let file = file("provisioning/datasources/netkestrel.yml").expect("it is there");
    let sources = list(&file["datasources"]).iter();
    sources
        .map(|source| (text(&source["name"]), source.clone()))
        .collect()
}

#[test]
fn sources_have_fixed_uids_and_know_each_other() {
    let sources = sources();
    let uids: Vec<String> = sources.values().map(|source| text(&source["uid"])).collect();
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    for uid in &uids {
        assert!((1..=40).contains(&uid.len()) && uid.chars().all(legal), "{uid}");
    }
    let prometheus = &sources["Prometheus"];
    assert_eq!(prometheus["isDefault"], true);
    assert!(uids.contains(&text(&prometheus["jsonData"]["alertmanagerUid"])));
    assert_eq!(
        sources["Alertmanager"]["jsonData"]["implementation"],
        "prometheus"
    );
}

#[test]
fn dashboards_name_sources_that_exist() {
    let sources = sources();
    for (board, json) in made() {
        for words in texts(&json) {
            if let Some((_, rest)) = words.split_once("alertmanager=") {
                let name = rest.split('&').next().unwrap_or_default();
                assert_eq!(sources[name]["type"], "alertmanager", "{board}: {words}");
            }
        }
        for panel in list(&json["panels"])
            .iter()
            .filter(|panel| panel["type"] == "alertlist")
        {
            let name = text(&panel["options"]["datasource"]);
            assert_eq!(sources[&name]["type"], "prometheus", "{board}");
        }
    }
}

#[test]
fn rates_are_taken_over_the_scrape_interval() {
    let told = &sources()["Prometheus"]["jsonData"]["timeInterval"];
    // Prometheus' own default is a minute.
    let scraped = file("../prometheus/prometheus.yml");
    assert!(scraped.is_none_or(|scraped| scraped["global"]["scrape_interval"] == *told));
}

#[test]
fn files_are_the_truth_about_dashboards() {
    let file = file("provisioning/dashboards/netkestrel.yml").expect("it is there");
    let provider = &file["providers"][0];
    assert_eq!(provider["folderUid"], "netkestrel");
    assert_eq!(provider["allowUiUpdates"], false);
    assert_eq!(provider["options"]["path"], "/var/lib/grafana/dashboards");
}
