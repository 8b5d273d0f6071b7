//! `replay`: a recorded series through the anomaly detector, exactly as it would have judged it live: row by row, by
//! nothing but that row and those before it.

mod row;

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use csv::{ReaderBuilder, StringRecord, Trim};
use indicatif::ProgressBar;
use jiff::tz::TimeZone;

use self::row::Mistake;
use super::{
    answer::{Answer, Exit},
    progress, whole_file,
};
use crate::{
    anomaly::{Detector, Moment, Verdict, least},
    app::chain,
    figures::Unit,
};

pub(super) const NOTES: &str = "\
The file has the columns timestamp and value; others are ignored. A time without zone, such as 2026-11-25 14:00:00, is \
what the clock on the wall showed; others are RFC 3339 or seconds since 1970. An empty value is missing, not zero.
The output has timestamp, value and anomaly_score, from 0 to 1: 0.5 is worth showing, told once for an event. With \
--output the anomalies are listed in words.";

/// Mistakes that are told one by one.
const TOLD: usize = 10;
/// Score from which an anomaly is listed.
const LISTED: f32 = 0.5;
/// The bar moves once in so many rows.
const STRIDE: u64 = 1024;

/// What to judge.
#[derive(clap::Args)]
pub(super) struct Request {
    /// Series to judge, as CSV
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// File to write instead of standard output; it appears when it is whole
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where the hour of the day is taken from for times that name an instant [default: the system's]
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    timezone: Option<TimeZone>,
    /// Smallest difference that matters, in the unit of the values [default: that of the signal, else 0]
    #[arg(long, value_name = "NUMBER", value_parser = difference)]
    least: Option<f32>,
    /// Signal that the values are of, such as `cpu_usage_ratio`: gives them their unit
    #[arg(long, value_name = "NAME")]
    signal: Option<String>,
}

impl Request {
    fn signal(&self) -> &str {
        self.signal.as_deref().unwrap_or("value")
    }

    fn least(&self) -> f32 {
        self.least.unwrap_or_else(|| least(Unit::of(self.signal())))
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("read {}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: csv::Error,
    },
    #[error("read {}: line 1 has no column `{column}`; found: {found}", path.display())]
    Column {
        path: PathBuf,
        column: &'static str,
        found: String,
    },
    #[error("write {output}")]
    Write {
        output: String,
        #[source]
        source: io::Error,
    },
}

/// What came of a replay.
#[derive(Debug, Default)]
struct Outcome {
    rows: u64,
    anomalies: Vec<String>,
    /// The first mistakes, each with its line, and how many there were.
    mistakes: Vec<String>,
    left_out: u64,
}

pub(super) fn answer(request: &Request) -> Answer {
    let judged = match &request.output {
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            judge(request, &mut out).map(|outcome| Outcome {
                anomalies: Vec::new(),
                ..outcome
            })
        }
        Some(path) => judge_into(request, path),
    };
    match judged {
        Ok(outcome) => outcome.answer(request),
        // Whoever reads the output left early, which is no failure.
        Err(Error::Write { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => Answer::fine(""),
        Err(error) => Answer::failure(Exit::WorldsFault, format_args!("failed to {}", chain(&error))),
    }
}

fn judge_into(request: &Request, path: &Path) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    whole_file::write(path, failed_to_write(request), |out| {
        outcome = judge(request, out)?;
        Ok(())
    })?;
    Ok(outcome)
}

fn judge(request: &Request, out: &mut impl Write) -> Result<Outcome, Error> {
    let path = &request.file;
    let open = |source| Error::Open {
        path: path.clone(),
        source,
    };
    let file = File::open(path).map_err(open)?;
    let bar = progress::bytes(file.metadata().map_err(open)?.len());
    let outcome = Replay::new(request, BufReader::new(file))?.run(out, &bar);
    bar.finish_and_clear();
    outcome
}

fn failed_to_write(request: &Request) -> impl Fn(io::Error) -> Error + use<> {
    let named = request.output.as_ref().map(|path| path.display().to_string());
    let output = named.unwrap_or_else(|| "the standard output".to_owned());
    move |source| Error::Write {
        output: output.clone(),
        source,
    }
}

/// A replay on its way.
struct Replay<'a, R> {
    request: &'a Request,
    rows: csv::Reader<R>,
    time: usize,
    value: usize,
    zone: TimeZone,
    detector: Detector,
    outcome: Outcome,
}

impl<'a, R: Read> Replay<'a, R> {
    fn new(request: &'a Request, source: R) -> Result<Self, Error> {
        let mut rows = ReaderBuilder::new()
            .flexible(true)
            .trim(Trim::All)
            .from_reader(source);
        let head = rows.headers().map_err(|source| Error::Read {
            path: request.file.clone(),
            source,
        })?;
        Ok(Self {
            request,
            time: column(head, "timestamp", request)?,
            value: column(head, "value", request)?,
            rows,
            zone: request.timezone.clone().unwrap_or_else(TimeZone::system),
            detector: Detector::new(request.least()),
            outcome: Outcome::default(),
        })
    }

    fn run(mut self, out: &mut impl Write, bar: &ProgressBar) -> Result<Outcome, Error> {
        let fail = failed_to_write(self.request);
        out.write_all(b"timestamp,value,anomaly_score\n").map_err(&fail)?;
        let mut row = StringRecord::new();
        while self.next(&mut row)? {
            let line = row.position().map_or(0, csv::Position::line);
            match self.judge(&row) {
                Ok(score) => {
                    let cell = |column| quoted(row.get(column).unwrap_or_default());
                    writeln!(out, "{},{},{score}", cell(self.time), cell(self.value)).map_err(&fail)?;
                    self.outcome.rows += 1;
                }
                Err(mistake) => self.outcome.leave_out(line, &mistake),
            }
            if self.outcome.rows.is_multiple_of(STRIDE) {
                bar.set_position(self.rows.position().byte());
            }
        }
        out.flush().map_err(&fail)?;
        Ok(self.outcome)
    }

    fn next(&mut self, row: &mut StringRecord) -> Result<bool, Error> {
        self.rows.read_record(row).map_err(|source| Error::Read {
            path: self.request.file.clone(),
            source,
        })
    }

    /// The score of a row; a missing value has none to speak of.
    fn judge(&mut self, row: &StringRecord) -> Result<f32, Mistake> {
        let cell = |column, name| row.get(column).ok_or(Mistake::Short(name));
        let time = cell(self.time, "timestamp")?;
        let at = row::time(time, &self.zone)?;
        let value = row::value(cell(self.value, "value")?)?;
        let Some(verdict) = value.and_then(|value| self.detector.update(at, value)) else {
            return Ok(0.0);
        };
        if verdict.score >= LISTED && self.request.output.is_some() {
            let sentence = self.sentence(&verdict, at);
            let line = format!("{time}  {:.2}  {sentence}\n", verdict.score);
            self.outcome.anomalies.push(line);
        }
        Ok(verdict.score)
    }

    fn sentence(&self, verdict: &Verdict, at: Moment) -> String {
        let signal = self.request.signal();
        verdict.explain(signal, Unit::of(signal), at)
    }
}

impl Outcome {
    fn leave_out(&mut self, line: u64, mistake: &Mistake) {
        self.left_out += 1;
        if self.mistakes.len() < TOLD {
            self.mistakes.push(format!("line {line}: {mistake}\n"));
        }
    }

    fn answer(self, request: &Request) -> Answer {
        let mut answer = Answer::fine("");
        if let Some(path) = &request.output {
            let (rows, found) = (self.rows, self.anomalies.len());
            let (rows, found) = (count(rows, "row"), count(found as u64, "anomaly"));
            answer.text = format!("{rows} judged into {}, {found}\n", path.display());
            answer.text.extend(self.anomalies);
        }
        if self.left_out > 0 {
            let name = request.file.display();
            let what = count(self.left_out, "row");
            answer.complaint = format!("netkestrel: {what} of {name} could not be read and left out\n");
            answer.complaint.extend(self.mistakes);
            if self.left_out > TOLD as u64 {
                answer.complaint.push_str("and more\n");
            }
            answer.exit = Exit::WorldsFault;
        }
        answer
    }
}

fn count(number: u64, what: &str) -> String {
    match (number, what.strip_suffix('y')) {
        (1, _) => format!("1 {what}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {what}s"),
    }
}

fn column(head: &StringRecord, name: &'static str, request: &Request) -> Result<usize, Error> {
    // Spreadsheets begin a file with a byte order mark.
    let same = |cell: &str| cell.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name);
    head.iter().position(same).ok_or_else(|| Error::Column {
        path: request.file.clone(),
        column: name,
        found: head.iter().collect::<Vec<_>>().join(", "),
    })
}

/// A cell as CSV writes it; times and numbers hardly ever need quotes.
fn quoted(cell: &str) -> std::borrow::Cow<'_, str> {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\"")).into()
    } else {
        cell.into()
    }
}

fn zone(name: &str) -> Result<TimeZone, jiff::Error> {
    TimeZone::get(name)
}

fn difference(text: &str) -> Result<f32, String> {
    let number: f32 = text.parse().map_err(|_| "accepted: a number".to_owned())?;
    if number.is_finite() && number >= 0.0 {
        Ok(number)
    } else {
        Err("accepted: 0 or more".to_owned())
    }
}
