//! `/probe` beside `blackbox_exporter`: the same job of Prometheus, the same names; who may be probed; a crowd at once.

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::Command,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::support::{
    exposition::Page,
    http::{Answer, Client, parse},
    namespace::Namespace,
    netkestrel::{Netkestrel, Place, Setup},
    process::Process,
    prometheus::{Prometheus, value},
    requirement::{Need, blackbox_exporter, can_run, servers},
};

/// Answers, and is a device called `nas`.
const NAS: &str = "10.78.0.1";
/// Answers, and is no device.
const OTHER: &str = "10.78.0.2";
/// Keeps silent.
const SILENT: &str = "10.79.0.1";
/// Has no address anywhere.
const NOWHERE: &str = "nowhere.invalid";
/// At one time.
const CROWD: usize = 1_000;

/// The host of the program, and one behind which some answer and some do not.
struct Site {
    here: Namespace,
    _there: Namespace,
}

impl Site {
    fn new() -> Self {
        let (here, there) = (Namespace::new(), Namespace::new());
        here.ip(&format!(
            "link add near type veth peer name far netns {}",
            there.name()
        ));
        here.ip("addr add 10.77.0.1/24 dev near");
        here.ip("link set near up");
        there.ip("addr add 10.77.0.2/24 dev far");
        there.ip("link set far up");
        // It answers for every address of the first network, and drops what is for the second.
        there.ip("route add local 10.78.0.0/24 dev lo");
        there.sysctl("net.ipv4.ip_forward", "0");
        here.ip("route add 10.78.0.0/24 via 10.77.0.2");
        here.ip("route add 10.79.0.0/24 via 10.77.0.2");
        Self { here, _there: there }
    }

    fn setup(&self, probe: &str) -> Setup {
        Setup::new(
            Place::Namespace(self.here.name().to_owned()),
            &configuration(probe),
        )
    }
}

/// With the settings of `/probe`, as YAML in braces.
fn configuration(probe: &str) -> String {
    format!(
        "web: {{probe: {probe}}}\ncollectors:\n  devices:\n    interval: 24h\n    probes: 1\n    targets:\n      \
         - {{name: nas, address: {NAS}}}\n"
    )
}

fn probe(client: &Client, target: &str) -> Answer {
    client.get(&format!("/probe?target={target}&module=icmp"))
}

/// The job of docs/probe.md, with these targets and this address of the program.
fn documented_job(targets: &[&str], address: SocketAddr) -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/probe.md");
    let page = std::fs::read_to_string(page).unwrap();
    let job = page.split("```yaml\nscrape_configs:\n").nth(1).unwrap();
    let job = job.split("```").next().unwrap();
    assert!(
        job.contains("127.0.0.1:10980") && job.contains("[192.168.1.1, nas.lan]"),
        "{job}"
    );
    job.replace("127.0.0.1:10980", &address.to_string())
        .replace("192.168.1.1, nas.lan", &targets.join(", "))
}

#[test]
fn the_job_of_blackbox_exporter_works_with_another_address() {
    let name = "the_job_of_blackbox_exporter_works_with_another_address";
    if !can_run(name, &[Need::Root, Need::Prometheus]) {
        return;
    }
    let site = Site::new();
    let netkestrel = site
        .setup("{allowed_networks: [10.78.0.0/24, 10.79.0.0/24, 127.0.0.0/8]}")
        .start();
    let answering = [NAS, OTHER, "nas", "localhost"];
    let targets = [&answering[..], &[SILENT, NOWHERE, "10.77.0.2"]].concat();
    let job = documented_job(&targets, netkestrel.client.address());
    for server in servers() {
        let mut prometheus = Prometheus::start_configured(site.here.name(), &server, &job);
        let mut wait = |query: &str| {
            let found = prometheus.wait_for(query);
            assert_eq!(found.len(), 1, "{query}: {found:?}");
            value(&found[0])
        };
        for target in answering {
            wait(&format!(
                "probe_success{{job=\"ping\",instance=\"{target}\"}} == 1"
            ));
            let rtt = wait(&format!(
                "probe_icmp_duration_seconds{{instance=\"{target}\",phase=\"rtt\"}}"
            ));
            assert!(rtt > 0.0 && rtt < 0.5, "{target}: {rtt}");
        }
        for target in [SILENT, NOWHERE] {
            wait(&format!("probe_success{{instance=\"{target}\"}} == 0"));
            wait(&format!("up{{instance=\"{target}\"}} == 1"));
        }
        wait("up{instance=\"10.77.0.2\"} == 0");
        let targets = prometheus.targets();
        let refused = targets
            .iter()
            .find(|target| target["labels"]["instance"] == "10.77.0.2");
        let error = refused.unwrap()["lastError"].as_str().unwrap();
        assert!(error.contains("403"), "{error}");
    }
}

/// Metrics with their types, and samples with their labels.
fn names(text: &str) -> BTreeSet<String> {
    let name = |line: &str| match line.strip_prefix('#') {
        None => line.rsplit_once(' ').map(|(series, _)| series.to_owned()),
        Some(comment) => comment.strip_prefix(" TYPE ").map(str::to_owned),
    };
    text.lines().filter_map(name).collect()
}

/// Types and samples of a probe that is answered, as `blackbox_exporter` 0.28 has them.
const WRITTEN: [&str; 16] = [
    "probe_dns_lookup_time_seconds",
    "probe_dns_lookup_time_seconds gauge",
    "probe_duration_seconds",
    "probe_duration_seconds gauge",
    "probe_icmp_duration_seconds gauge",
    "probe_icmp_duration_seconds{phase=\"resolve\"}",
    "probe_icmp_duration_seconds{phase=\"rtt\"}",
    "probe_icmp_duration_seconds{phase=\"setup\"}",
    "probe_icmp_reply_hop_limit",
    "probe_icmp_reply_hop_limit gauge",
    "probe_ip_addr_hash",
    "probe_ip_addr_hash gauge",
    "probe_ip_protocol",
    "probe_ip_protocol gauge",
    "probe_success",
    "probe_success gauge",
];

fn written(is_answered: bool) -> BTreeSet<String> {
    let wanted = |name: &&str| is_answered || !name.contains("hop_limit");
    WRITTEN.into_iter().filter(wanted).map(str::to_owned).collect()
}

/// A running `blackbox_exporter` with a module `icmp`.
struct Blackbox {
    _process: Process,
    client: Client,
    _folder: tempfile::TempDir,
}

impl Blackbox {
    fn start(namespace: &str, test: &str) -> Option<Self> {
        let program = blackbox_exporter(test)?;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("blackbox.yml");
        std::fs::write(&file, "modules: {icmp: {prober: icmp, timeout: 1s}}\n").unwrap();
        // The only one in its namespace.
        let address = SocketAddr::from(([127, 0, 0, 1], 9115));
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", namespace])
            .arg(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--web.listen-address={address}"));
        let mut process = Process::start(&mut command);
        let client = Client::inside(namespace, address);
        process.wait_for("health of blackbox_exporter", |_| {
            let answer = client.try_get("/-/healthy").ok()?;
            (answer.status == 200).then_some(())
        });
        Some(Self {
            _process: process,
            client,
            _folder: folder,
        })
    }
}

#[test]
fn names_types_and_labels_are_those_of_blackbox_exporter() {
    let name = "names_types_and_labels_are_those_of_blackbox_exporter";
    if !can_run(name, &[Need::Root]) {
        return;
    }
    let site = Site::new();
    let netkestrel = site
        .setup("{timeout: 1s, allowed_networks: [10.79.0.0/24, 127.0.0.0/8, \"::1\"]}")
        .start();
    let blackbox = Blackbox::start(site.here.name(), name);
    for (target, is_answered) in [
        (NAS, true),
        ("127.0.0.1", true),
        ("::1", true),
        (SILENT, false),
        (NOWHERE, false),
    ] {
        let ours = probe(&netkestrel.client, target);
        assert_eq!(ours.status, 200, "{target}: {}", ours.text());
        assert_eq!(names(ours.text()), written(is_answered), "{target}");
        let Some(blackbox) = &blackbox else { continue };
        let theirs = probe(&blackbox.client, target);
        assert_eq!(names(ours.text()), names(theirs.text()), "{target}");
        let (ours, theirs) = (Page::parse(ours.text()), Page::parse(theirs.text()));
        for name in [
            "probe_success",
            "probe_ip_protocol",
            "probe_ip_addr_hash",
            "probe_icmp_reply_hop_limit",
        ] {
            assert_eq!(ours.value(name, ""), theirs.value(name, ""), "{target}: {name}");
        }
    }
    let debug = |client: &Client| {
        client
            .get("/probe?module=icmp&debug=true&target=127.0.0.1")
            .text()
            .to_owned()
    };
    let headings = [
        "Logs for the probe:",
        "Metrics that would have been returned:",
        "Module configuration:",
    ];
    for text in [
        Some(debug(&netkestrel.client)),
        blackbox.map(|blackbox| debug(&blackbox.client)),
    ] {
        let Some(text) = text else { continue };
        let found: Vec<_> = text.lines().filter(|line| headings.contains(line)).collect();
        assert_eq!(found, headings, "{text}");
    }
}

#[test]
fn only_devices_and_allowed_networks_are_probed_and_no_device_notices() {
    let name = "only_devices_and_allowed_networks_are_probed_and_no_device_notices";
    if !can_run(name, &[Need::Root]) {
        return;
    }
    let site = Site::new();
    let setup = site.setup("{}");
    let mut netkestrel = setup.start();
    netkestrel.wait_for("the check of the device", |page| {
        pings(page).filter(|count| *count > 0.0)
    });
    let before = pings(&netkestrel.page());
    for target in ["nas", NAS, "::ffff:10.78.0.1"] {
        let answer = probe(&netkestrel.client, target);
        assert!(
            answer.text().contains("\nprobe_success 1\n"),
            "{target}: {}",
            answer.text()
        );
    }
    for target in [OTHER, "localhost", NOWHERE, "169.254.169.254", "0.0.0.0"] {
        let answer = probe(&netkestrel.client, target);
        assert_eq!(answer.status, 403, "{target}: {}", answer.text());
        assert!(answer.text().contains("may not be probed"), "{}", answer.text());
    }
    setup.configure(&configuration("{allowed_networks: [10.78.0.0/24]}"));
    reload(&setup, &netkestrel);
    assert_eq!(probe(&netkestrel.client, OTHER).status, 200, "after the reload");
    let answer = probe(&netkestrel.client, "localhost");
    assert_eq!(answer.status, 403, "a name that is elsewhere: {}", answer.text());
    assert!(answer.text().contains("it is at 127.0.0.1"), "{}", answer.text());
    assert_eq!(
        pings(&netkestrel.page()),
        before,
        "probes for others are no checks"
    );
    let counted = |result: &str| {
        let label = format!("result=\"{result}\"");
        netkestrel.page().value("netkestrel_probe_requests_total", &label)
    };
    assert_eq!((counted("success"), counted("forbidden")), (Some(4.0), Some(6.0)));
}

/// Probes of the device that are counted.
fn pings(page: &Page) -> Option<f64> {
    page.value("netkestrel_ping_requests_total", "device=\"nas\"")
}

fn reload(setup: &Setup, netkestrel: &Netkestrel) {
    let token = std::fs::read_to_string(setup.data_dir().join("token")).unwrap();
    let authorization = format!("Bearer {}", token.trim());
    let headers = [("Content-Length", "0"), ("Authorization", &authorization)];
    let answer = netkestrel.client.request("POST", "/-/reload", &headers).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn without_the_right_to_ping_a_probe_fails_and_says_why() {
    let name = "without_the_right_to_ping_a_probe_fails_and_says_why";
    if !can_run(name, &[Need::Root]) {
        return;
    }
    let namespace = Namespace::new();
    namespace.sysctl("net.ipv4.ping_group_range", "1 0");
    let place = Place::Nobody(namespace.name().to_owned());
    let netkestrel = Setup::new(place, "web: {probe: {allowed_networks: [127.0.0.0/8]}}\n").start();
    let answer = probe(&netkestrel.client, "127.0.0.1");
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("\nprobe_success 0\n"), "{}", answer.text());
    let told = netkestrel.client.get("/probe?target=127.0.0.1&debug=true");
    assert!(
        told.text().contains("not permitted to ping") && told.text().contains("ping_group_range"),
        "{}",
        told.text()
    );
}

#[test]
fn a_thousand_probes_at_once_are_answered_within_bounds() {
    let name = "a_thousand_probes_at_once_are_answered_within_bounds";
    if !can_run(name, &[Need::Root]) {
        return;
    }
    allow_many_files();
    let site = Site::new();
    let netkestrel = site
        .setup("{timeout: 4s, allowed_networks: [10.78.0.0/24, 10.79.0.0/24]}")
        .start();
    let of_process = |name: &str| netkestrel.page().value(name, "").unwrap();
    let (threads, memory) = (
        of_process("process_threads"),
        of_process("process_resident_memory_bytes"),
    );
    for (target, success) in [(SILENT, 0), (OTHER, 1)] {
        let crowd = Crowd::ask(&site, netkestrel.client.address(), target);
        for path in ["/metrics", "/-/healthy", "/"] {
            assert_eq!(netkestrel.client.get(path).status, 200, "{path} meanwhile");
        }
        let more_threads = of_process("process_threads") - threads;
        assert!(more_threads <= 20.0, "{more_threads} more threads");
        let more_memory = of_process("process_resident_memory_bytes") - memory;
        assert!(more_memory < 64e6, "{more_memory} more bytes");
        let answers = crowd.answers();
        let line = format!("\nprobe_success {success}\n");
        let right = answers
            .iter()
            .filter(|answer| answer.status == 200 && answer.text().contains(&line));
        assert_eq!(
            right.count(),
            CROWD,
            "{target}: {:?}",
            answers.iter().find(|answer| answer.status != 200)
        );
    }
}

/// Requests that wait for their answers.
struct Crowd(Vec<TcpStream>);

impl Crowd {
    fn ask(site: &Site, address: SocketAddr, target: &str) -> Self {
        let request = format!("GET /probe?target={target} HTTP/1.0\r\nHost: {address}\r\n\r\n");
        let ask = || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            stream
        };
        Self(site.here.run(|| (0..CROWD).map(|_| ask()).collect()))
    }

    fn answers(self) -> Vec<Answer> {
        let read = |mut stream: TcpStream| {
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).unwrap();
            parse(&answer).unwrap()
        };
        self.0.into_iter().map(read).collect()
    }
}

/// This process holds the other ends.
fn allow_many_files() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < 4_096) {
        let current = Some(maximum.map_or(4_096, |maximum| maximum.min(4_096)));
        setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
    }
}
