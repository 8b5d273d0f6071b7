//! A devices file that changes while the program runs: what is good is taken in without being asked for, what is bad
//! changes nothing and is told.

use std::{fs, io::Write};

use serde_json::{Value, json};

use super::support::{
    exposition::Page,
    http::Client,
    netkestrel::{Place, Setup},
};

const CONFIGURATION: &str = "collectors: {devices: {interval: 1s, devices_file: devices.yaml, \
                             targets: [{name: own, address: 127.0.0.1, group: here}]}}\n";
const SUCCESSFUL: &str = "netkestrel_config_last_reload_successful";
const REQUESTS: &str = "netkestrel_ping_requests_total";

#[test]
fn a_changed_devices_file_is_taken_in_and_a_bad_one_is_not() {
    let setup = Setup::new(Place::Here, CONFIGURATION);
    let file = setup.put(
        "devices.yaml",
        "- {name: stays, address: 127.0.0.2}\n- {name: goes, address: 127.0.0.3}\n",
    );
    let mut netkestrel = setup.start();
    assert_eq!(names(&netkestrel.client, ""), ["own", "stays", "goes"]);
    let before = netkestrel.wait_for("a check of the device that stays", |page| outcomes(page, "stays"));

    // Written in place, as a file that is mounted by itself must be.
    let targets = json!([{"targets": ["127.0.0.4:9100"], "labels": {"group": "new", "parents": "own"}}]);
    fs::write(
        &file,
        "- {name: stays, address: 127.0.0.2}\n- {name: comes, address: 127.0.0.4, group: new}\n",
    )
    .unwrap();
    netkestrel.wait_for("the device that comes", |page| {
        (page.devices() == ["comes", "own", "stays"]).then_some(())
    });
    let after = outcomes(&netkestrel.page(), "stays").expect("it goes on");
    assert!(after >= before, "its counters go on: {before}, then {after}");
    assert_eq!(netkestrel.page().value(SUCCESSFUL, ""), Some(1.0));
    assert_eq!(names(&netkestrel.client, "?group=new"), ["comes"]);

    setup.put(
        "devices.yaml",
        "- {name: own, address: 127.0.0.2}\n- {name: x, address: 127.0.0.300, parents: [y]}\n",
    );
    netkestrel.wait_for("the refusal", |page| {
        page.value(SUCCESSFUL, "").filter(|value| *value < 0.5)
    });
    assert_eq!(netkestrel.page().devices(), ["comes", "own", "stays"]);
    let log = netkestrel.process.log().join("\n");
    for problem in [
        "devices.yaml:1:10: [0].name: `own` is the name of",
        "devices.yaml:2:22: [1].address: `127.0.0.300` is not an IP address",
        "devices.yaml:2:45: [1].parents[0]: `y` is not the name of a device",
    ] {
        assert!(log.contains(problem), "{problem} is missing in {log}");
    }
    let status: Value = serde_json::from_str(netkestrel.client.get("/api/v1/status").text()).unwrap();
    assert!(status["last_reload"]["error"].is_string(), "{status}");

    setup.put("devices.yaml", &targets.to_string());
    netkestrel.wait_for("the list in Prometheus' format", |page| {
        (page.devices() == ["127.0.0.4", "own"]).then_some(())
    });
    assert_eq!(netkestrel.page().value(SUCCESSFUL, ""), Some(1.0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_reload_that_failed_for_the_devices_file_is_made_up_for_with_it() {
    let setup = Setup::new(Place::Here, CONFIGURATION);
    let good = "[{name: stays, address: 127.0.0.2}]";
    setup.put("devices.yaml", good);
    let mut netkestrel = setup.start();
    assert_eq!(netkestrel.page().value(SUCCESSFUL, ""), Some(1.0));

    // The edit of the configuration waits for a list of devices that can be read.
    setup.configure(&CONFIGURATION.replace("name: own", "name: ours"));
    setup.put("devices.yaml", "[{name: stays, address: 127.0.0.300}]");
    netkestrel.process.signal(rustix::process::Signal::HUP);
    netkestrel.wait_for("the refusal", |page| {
        page.value(SUCCESSFUL, "").filter(|value| *value < 0.5)
    });
    assert_eq!(netkestrel.page().devices(), ["own", "stays"]);

    setup.put("devices.yaml", good);
    netkestrel.wait_for("the reload", |page| {
        (page.devices() == ["ours", "stays"]).then_some(())
    });
    assert_eq!(netkestrel.page().value(SUCCESSFUL, ""), Some(1.0));
    let status: Value = serde_json::from_str(netkestrel.client.get("/api/v1/status").text()).unwrap();
    assert!(status["last_reload"]["error"].is_null(), "{status}");
}

/// Each line has a name that is taken, an address that is none, a parent nobody has, or a parent in a circle.
#[test]
fn a_hundred_thousand_wrong_lines_leave_the_running_set_as_it_is() {
    const LINES: usize = 100_000;
    let line = |number: usize| match number % 4 {
        0 => "- {name: own, address: 192.0.2.1}\n".to_owned(),
        1 => format!("- {{name: d{number}, address: 192.0.2.300}}\n"),
        2 => format!("- {{name: d{number}, address: 192.0.2.1, parents: [nobody{number}]}}\n"),
        _ => format!(
            "- {{name: d{number}, address: 192.0.2.1, parents: [d{}]}}\n",
            (number + 4) % LINES
        ),
    };
    let setup = Setup::new(Place::Here, CONFIGURATION);
    setup.put("devices.yaml", "[{name: stays, address: 127.0.0.2}]");
    let mut netkestrel = setup.start();
    netkestrel.wait_for("a check", |page| outcomes(page, "stays"));
    let begun = std::time::Instant::now();
    setup.put("devices.yaml", &(0..LINES).map(line).collect::<String>());
    let after = netkestrel.wait_for("the refusal", |page| {
        let refused = page.value(SUCCESSFUL, "")? < 0.5;
        refused.then(|| page.clone())
    });
    println!("{LINES} wrong lines were refused after {:?}", begun.elapsed());
    assert_eq!(after.devices(), ["own", "stays"]);
    let log = netkestrel.process.log().join("\n");
    for problem in [
        "[0].name: `own` is the name of",
        "[1].address: `192.0.2.300` is not an IP address",
        "[2].parents[0]: `nobody2` is not the name of a device",
        "[3].parents[0]: `d7` is itself reached through `d3`",
        "and 99900 more",
    ] {
        assert!(log.contains(problem), "{problem} is missing in {log:.20000}");
    }
    let asked = outcomes(&after, "stays").unwrap();
    netkestrel.wait_for("another check", |page| {
        outcomes(page, "stays").filter(|outcomes| *outcomes > asked)
    });
}

#[test]
fn without_its_devices_file_the_program_does_not_start() {
    let setup = Setup::new(Place::Here, CONFIGURATION);
    for arguments in [vec!["check-config"], vec!["--web.listen-address=127.0.0.1:0"]] {
        let output = setup.command(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("there is no such file"), "{told}");
        std::io::stderr().write_all(told.as_bytes()).unwrap();
    }
}

/// Probes of a device whose outcome is known, answered or not: without the right to ping it is none.
fn outcomes(page: &Page, device: &str) -> Option<f64> {
    let labels = format!("device=\"{device}\"");
    page.value(REQUESTS, &labels)
}

/// Names of the devices that Prometheus is told.
fn names(client: &Client, query: &str) -> Vec<String> {
    let answer = client.get(&format!("/sd/devices{query}"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let groups: Vec<Value> = serde_json::from_str(answer.text()).unwrap();
    let name = |group: &Value| {
        group["labels"]["__meta_netkestrel_name"]
            .as_str()
            .map(str::to_owned)
    };
    groups.iter().filter_map(name).collect()
}
