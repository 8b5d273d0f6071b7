//! Single mails in turns, and a storm, with Alertmanager beside ours. Times run from the finding, or the offer to the
//! outbox, or the `POST` to Alertmanager, until the SMTP server has accepted the mail's text.

use std::{
    error::Error,
    fs::File,
    io::Write,
    time::{Duration, Instant},
};

use crate::{
    alertmanager::{self, Alertmanager},
    ours::Ours,
    report::{Bars, Spread, row, table},
    sink::{Mail, Sink},
};

/// A benchmark ends at the first thing that goes wrong.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const SINGLES: usize = 60;
/// Mails before the first that counts.
const WARM_UP: usize = 3;
/// Between single mails, on both sides, so that each is one after a calm.
const CALM: Duration = Duration::from_millis(100);
const STORM: usize = 500;
/// As in the program.
const SINGLY: usize = 10;
const STORMS: usize = 3;
/// No further mail of a storm is waited for longer than this.
const AFTERMATH: Duration = Duration::from_secs(2);

/// Waits in real time.
#[expect(
    clippy::disallowed_methods,
    reason = "a measurement lasts as long as it lasts"
)]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Measures the parts that are wanted, all of them when none is named.
pub(crate) fn all(wanted: &[&str], bars: &mut Bars) -> Result<()> {
    alertmanager::obtain()?;
    let load = std::fs::read_to_string("/proc/loadavg")?;
    let cores = std::thread::available_parallelism()?;
    println!("{cores} cores, load {}", load.trim());
    let is_wanted = |part| wanted.is_empty() || wanted.contains(&part);
    if is_wanted("single") {
        single(bars)?;
    }
    if is_wanted("storm") {
        storm(bars)?;
    }
    Ok(())
}

fn single(bars: &mut Bars) -> Result<()> {
    let (our_sink, their_sink) = (Sink::start()?, Sink::start()?);
    // No storm is meant: all of them are told singly.
    let mut ours = Ours::start(our_sink.address, usize::MAX)?;
    let theirs = Alertmanager::start(their_sink.address)?;
    let (mut offered, mut found, mut posted, mut sizes) = (Vec::new(), Vec::new(), Vec::new(), (0, 0));
    for number in 0..WARM_UP + SINGLES {
        let name = |kind: &str| format!("{kind}-{number:04}");
        let post = name("posted");
        let mail = ended(&their_sink, theirs.post(std::slice::from_ref(&post))?, &post)?;
        posted.push(mail.0);
        let find = name("found");
        let began = ours.find(std::slice::from_ref(&find))?;
        let our_mail = ended(&our_sink, began, &find)?;
        found.push(our_mail.0);
        let offer = name("offered");
        let began = ours.offer(&offer)?;
        offered.push(ended(&our_sink, began, &offer)?.0);
        sizes = (our_mail.1.bytes, mail.1.bytes);
    }
    let spread = |times: &[f64]| Spread::of(times.get(WARM_UP..).unwrap_or_default());
    let (offered, found, posted) = (spread(&offered), spread(&found), spread(&posted));
    table(
        &format!("{SINGLES} single mails of each kind, in turns"),
        &["from", "ms to the acceptance, min / median / max", "bytes"],
    );
    row(&[
        "Alertmanager: POST",
        &format!("{posted:.2}"),
        &sizes.1.to_string(),
    ]);
    row(&["ours: finding", &format!("{found:.2}"), &sizes.0.to_string()]);
    row(&[
        "ours: offer to the outbox",
        &format!("{offered:.2}"),
        &sizes.0.to_string(),
    ]);
    row(&["(one append and fsync here)", &format!("{:.2}", fsync()?), ""]);
    let what = "single mail, ratio of medians";
    bars.at_most(format!("{what}: finding"), found.median / posted.median, 2.0);
    bars.at_most(format!("{what}: offer"), offered.median / posted.median, 2.0);
    Ok(())
}

/// Milliseconds until the mail about `name` was accepted, and the mail.
fn ended(sink: &Sink, began: Instant, name: &str) -> Result<(f64, Mail)> {
    let mail = sink.next()?;
    if !mail.subject().contains(name) {
        return Err(format!("a mail about {name} should come, but `{}` came", mail.subject()).into());
    }
    pause(CALM);
    Ok((milliseconds(began, &mail), mail))
}

/// What a wait for this disk costs, in milliseconds: nothing else in this benchmark depends on it as much.
fn fsync() -> Result<Spread> {
    let folder = tempfile::tempdir()?;
    let mut file = File::create(folder.path().join("file"))?;
    let mut times = Vec::new();
    for _ in 0..SINGLES {
        let began = Instant::now();
        file.write_all(&[b'x'; 1000])?;
        file.sync_data()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Spread::of(&times))
}

fn storm(bars: &mut Bars) -> Result<()> {
    table(
        &format!("{STORM} alerts at once, {STORMS} times"),
        &[
            "side",
            "mails",
            "connections",
            "ms to the first",
            "ms to the last",
            "subject of the last",
        ],
    );
    let names: Vec<String> = (0..STORM).map(|number| format!("device-{number:04}")).collect();
    let (mut mails, mut connections, mut theirs) = (0, 0, STORM);
    for _ in 0..STORMS {
        let sink = Sink::start()?;
        let peer = Alertmanager::start(sink.address)?;
        let began = peer.post(&names)?;
        theirs = theirs.min(aftermath("Alertmanager", &sink, began)?);
        let sink = Sink::start()?;
        let ours = Ours::start(sink.address, SINGLY)?;
        let began = ours.find(&names)?;
        mails = mails.max(aftermath("ours", &sink, began)?);
        connections = connections.max(sink.connections());
    }
    bars.at_least("Alertmanager's mails beside them", theirs as f64, STORM as f64);
    bars.at_most(format!("mails for {STORM} alerts"), mails as f64, 1.0);
    bars.at_most(format!("connections for {STORM} alerts"), connections as f64, 1.0);
    Ok(())
}

/// Takes in everything that comes, prints it and says how many mails it was.
fn aftermath(side: &str, sink: &Sink, began: Instant) -> Result<usize> {
    let mut mails = vec![sink.next()?];
    while let Some(mail) = sink.next_within(AFTERMATH)? {
        mails.push(mail);
    }
    let times: Vec<f64> = mails.iter().map(|mail| milliseconds(began, mail)).collect();
    let least = times.iter().copied().fold(f64::INFINITY, f64::min);
    let most = times.iter().copied().fold(0.0, f64::max);
    row(&[
        side.to_owned(),
        mails.len().to_string(),
        sink.connections().to_string(),
        format!("{least:.1}"),
        format!("{most:.1}"),
        mails.last().map(Mail::subject).unwrap_or_default(),
    ]);
    Ok(mails.len())
}

fn milliseconds(began: Instant, mail: &Mail) -> f64 {
    mail.at.saturating_duration_since(began).as_secs_f64() * 1e3
}
