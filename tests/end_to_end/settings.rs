//! A changed configuration file: a good one is applied on SIGHUP, a bad one changes nothing; neither stops a thing.

#![cfg(target_os = "linux")]

use rustix::process::Signal;

use super::support::netkestrel::{Place, Setup};

const SUCCESSFUL: &str = "netkestrel_config_last_reload_successful";

#[test]
fn sighup_applies_a_good_file_and_keeps_the_old_one_otherwise() {
    let setup = Setup::new(Place::Here, &targets(&["first"]));
    let mut netkestrel = setup.start();
    assert_eq!(netkestrel.page().devices(), ["first"]);

    setup.configure(&targets(&["first", "second"]));
    netkestrel.process.signal(Signal::HUP);
    netkestrel.wait_for("the second device", |page| {
        (page.devices() == ["first", "second"]).then_some(())
    });
    assert_eq!(netkestrel.page().value(SUCCESSFUL, ""), Some(1.0));

    setup.configure("collectors: {devices: {interval: often}}\nsurprise: 1\n");
    netkestrel.process.signal(Signal::HUP);
    netkestrel.wait_for("the failed reload", |page| {
        page.value(SUCCESSFUL, "").filter(|value| *value < 0.5)
    });
    assert_eq!(netkestrel.page().devices(), ["first", "second"]);
    let log = netkestrel.process.log().join("\n");
    assert!(
        log.contains("surprise") && log.contains("often"),
        "both problems are logged: {log}"
    );

    setup.configure(&targets(&["second"]));
    netkestrel.process.signal(Signal::HUP);
    netkestrel.wait_for("the end of the first device", |page| {
        (page.devices() == ["second"]).then_some(())
    });
    assert_eq!(netkestrel.page().value(SUCCESSFUL, ""), Some(1.0));
}

fn targets(names: &[&str]) -> String {
    let target = |name: &&str| format!("{{name: {name}, address: 127.0.0.1}}");
    let list: Vec<String> = names.iter().map(target).collect();
    format!(
        "collectors: {{devices: {{interval: 1s, targets: [{}]}}}}\n",
        list.join(", ")
    )
}

#[test]
fn a_second_instance_on_the_same_data_is_refused() {
    let setup = Setup::new(Place::Here, "");
    let first = setup.start();
    let output = setup
        .command(&["--web.listen-address=127.0.0.1:0"])
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("another instance does already"), "{log}");
    drop(first);
    setup.start();
}
