//! Mean error of the reported round-trip time against the responder's true delay, ours and iputils `ping`
//! side by side on the same device, probing at the same rate at the same time.

use std::{
    net::Ipv4Addr,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    support::{
        Result,
        http::Client,
        namespace::Namespace,
        netkestrel::Instance,
        pause,
        report::{Bars, Spread, row, table},
    },
    targets::{addresses, every_second, sum},
    tun::{Exchange, Responder, Weather},
};

const TARGETS: u16 = 50;
const REPETITIONS: usize = 5;
const PROBES: u32 = 1500;
const PING_TARGET: Ipv4Addr = Ipv4Addr::new(10, 66, 99, 99);
const WARM_UP: Duration = Duration::from_secs(5);
const BAR: f64 = 1.25;
const WEATHER: Weather = Weather {
    delay: Duration::from_millis(20),
    jitter: Duration::from_millis(2),
    loss: 0.05,
    seed: 7,
};

/// Measures both for a few slices of half a minute.
pub(crate) fn measure(bars: &mut Bars) -> Result<()> {
    let namespace = Namespace::new("nkbaccuracy")?;
    let responder = Responder::start(&namespace, "10.66.0.1/16", WEATHER)?;
    let ours = Instance::start_in(&namespace, &every_second(addresses(10, 66, TARGETS)))?;
    let mut client = namespace.inside(|| Client::connect(ours.address))?;
    pause(WARM_UP);
    let mut results = [Contender::new("netkestrel"), Contender::new("ping")];
    for _ in 0..REPETITIONS {
        let [kestrel, ping] = &mut results;
        slice(&namespace, &responder, &mut client, kestrel, ping)?;
    }
    let title = format!("Mean error of the round-trip time, {REPETITIONS} slices of {PROBES} probes each");
    let columns = [
        "who",
        "error us (min / median / max)",
        "true mean ms",
        "true loss %",
        "reported loss %",
    ];
    table(&title, &columns);
    results.iter().for_each(Contender::print);
    let [kestrel, ping] = results.map(|contender| contender.error());
    bars.at_most(
        "mean error of the round-trip time, ours / ping",
        kestrel / ping,
        BAR,
    );
    Ok(())
}

/// What somebody said about a slice.
struct Reported {
    mean_seconds: f64,
    loss: f64,
}

struct Contender {
    name: &'static str,
    errors: Vec<f64>,
    true_mean: Vec<f64>,
    true_loss: Vec<f64>,
    reported_loss: Vec<f64>,
}

impl Contender {
    fn new(name: &'static str) -> Self {
        let [errors, true_mean, true_loss, reported_loss] = [const { Vec::new() }; 4];
        Self {
            name,
            errors,
            true_mean,
            true_loss,
            reported_loss,
        }
    }

    fn judge(&mut self, reported: &Reported, truth: &[Exchange]) {
        let applied: Vec<f64> = truth
            .iter()
            .filter_map(|e| e.applied)
            .map(|d| d.as_secs_f64())
            .collect();
        let mean = applied.iter().sum::<f64>() / applied.len() as f64;
        self.errors.push((reported.mean_seconds - mean) * 1e6);
        self.true_mean.push(mean * 1e3);
        self.true_loss
            .push(100.0 - 100.0 * applied.len() as f64 / truth.len() as f64);
        self.reported_loss.push(reported.loss * 100.0);
    }

    /// Size of the middle error, in microseconds.
    fn error(&self) -> f64 {
        Spread::of(&self.errors).median.abs()
    }

    fn print(&self) {
        row(&[
            self.name.to_owned(),
            format!("{:.1}", Spread::of(&self.errors)),
            format!("{:.3}", Spread::of(&self.true_mean)),
            format!("{:.2}", Spread::of(&self.true_loss)),
            format!("{:.2}", Spread::of(&self.reported_loss)),
        ]);
    }
}

fn slice(
    namespace: &Namespace,
    responder: &Responder,
    client: &mut Client,
    ours: &mut Contender,
    ping: &mut Contender,
) -> Result<()> {
    responder.exchanges.try_iter().for_each(drop);
    let before = read(client)?;
    let answer = run_ping(namespace)?;
    let after = read(client)?;
    pause(Duration::from_millis(100));
    let (to_ping, to_us): (Vec<Exchange>, Vec<Exchange>) = responder
        .exchanges
        .try_iter()
        .partition(|exchange| exchange.target == PING_TARGET);
    let window = before.at..after.at;
    let in_window: Vec<Exchange> = to_us.into_iter().filter(|e| window.contains(&e.ended)).collect();
    ours.judge(&after.since(&before), &in_window);
    ping.judge(&answer, &to_ping);
    Ok(())
}

/// Our counters at a moment.
struct Counters {
    at: Instant,
    sum: f64,
    count: f64,
    requests: f64,
    failures: f64,
}

impl Counters {
    fn since(&self, before: &Self) -> Reported {
        Reported {
            mean_seconds: (self.sum - before.sum) / (self.count - before.count),
            loss: (self.failures - before.failures) / (self.requests - before.requests),
        }
    }
}

fn read(client: &mut Client) -> Result<Counters> {
    let asked = Instant::now();
    let answer = client.get("/metrics?collect[]=devices")?;
    let at = asked + asked.elapsed() / 2;
    let text = answer.text()?;
    Ok(Counters {
        at,
        sum: sum(&text, "netkestrel_ping_rtt_seconds_sum"),
        count: sum(&text, "netkestrel_ping_rtt_seconds_count"),
        requests: sum(&text, "netkestrel_ping_requests_total"),
        failures: sum(&text, "netkestrel_ping_failures_total"),
    })
}

/// As many probes per second as ours sends to all its targets.
fn run_ping(namespace: &Namespace) -> Result<Reported> {
    let interval = format!("{:.3}", 1.0 / f64::from(TARGETS));
    let mut command: Command = namespace.command("ping");
    command.args(["-q", "-W", "1", "-i", &interval, "-c", &PROBES.to_string()]);
    let output = command.arg(PING_TARGET.to_string()).env("LC_ALL", "C").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    understand(&text).ok_or_else(|| format!("unexpected output of ping: {text}").into())
}

/// Reads `1500 packets transmitted, 1421 received` and `rtt min/avg/max/mdev = 18.1/20.0/22.1/1.1 ms`.
fn understand(text: &str) -> Option<Reported> {
    let counts = text.lines().find(|line| line.contains("packets transmitted"))?;
    let mut numbers = counts.split(' ').filter_map(|word| word.parse::<f64>().ok());
    let (sent, received) = (numbers.next()?, numbers.next()?);
    let times = text
        .lines()
        .find_map(|line| line.strip_prefix("rtt min/avg/max/mdev = "))?;
    let mean: f64 = times.split('/').nth(1)?.parse().ok()?;
    Some(Reported {
        mean_seconds: mean / 1e3,
        loss: 1.0 - received / sent,
    })
}
