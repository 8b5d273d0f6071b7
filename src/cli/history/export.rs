//! `history export`: a stream of history to standard output or into a file.

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::{
    ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};

use super::{Place, reader, records, transitions};
use crate::{
    app::chain,
    cli::{
        answer::{Answer, Exit},
        times::{Range, Times},
        whole_file,
    },
    clock::Clock,
    collectors,
    history::{
        self, Stream,
        exchange::{self, Error, Labels},
    },
};

pub(super) const EXAMPLES: &str = "\
Examples:
  netkestrel history export --stream bandwidth --from -24h --format csv > day.csv
  netkestrel history export --stream devices --from 2026-11-03 --to 2026-11-03T14:00
  netkestrel history export --stream system --format openmetrics --to -3h --output system.om
  promtool tsdb create-blocks-from openmetrics system.om data/

OpenMetrics leaves out what is missing or cannot be right. promtool wants nothing of the last three hours.";

/// What to write, and where to.
#[derive(clap::Args)]
pub(in crate::cli) struct Request {
    /// Stream to write
    #[arg(long, value_name = "STREAM", value_parser = streams())]
    stream: Stream,
    #[command(flatten)]
    times: Times,
    /// Form of the export
    #[arg(long, value_enum, default_value_t)]
    format: Kind,
    /// File to write instead of standard output; it appears when it is whole
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Label `job` of OpenMetrics
    #[arg(long, default_value = "netkestrel")]
    job: String,
    /// Label `instance` of OpenMetrics, as Prometheus names the target [default: `web.listen_address`]
    #[arg(long, value_name = "HOST:PORT")]
    instance: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Kind {
    /// One reading a row
    #[default]
    Csv,
    /// One record a line, as it is stored
    Json,
    /// For `promtool tsdb create-blocks-from openmetrics`
    Openmetrics,
}

fn streams() -> impl TypedValueParser<Value = Stream> {
    let names = Stream::ALL.map(Stream::name);
    PossibleValuesParser::new(names).try_map(|name| {
        let mut all = Stream::ALL.into_iter();
        all.find(|stream| stream.name() == name).ok_or("not a stream")
    })
}

/// Fails with what to tell; a reader that left early is no failure.
pub(super) fn run(place: &Place, request: &Request) -> Result<(), Answer> {
    let range = request.times.range(Clock::System.now().wall, &place.zone())?;
    if (request.stream, request.format) == (Stream::Alerts, Kind::Openmetrics) {
        let complaint = "alerts have no form in OpenMetrics; accepted: `--format csv` and `--format json`";
        return Err(Answer::failure(Exit::UsersFault, complaint));
    }
    place.must_exist()?;
    let written = match &request.output {
        None => write(place, request, range, &mut BufWriter::new(io::stdout().lock())),
        Some(file) => write_file(place, request, range, file),
    };
    match written {
        Err(Failure::Export(error)) if error.is_closed_pipe() => Ok(()),
        Err(error) => {
            let complaint = format!("failed to {}", chain(&error));
            Err(Answer::failure(Exit::WorldsFault, complaint))
        }
        Ok(()) => Ok(()),
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Export(#[from] Error),
    #[error(transparent)]
    Open(#[from] history::Error),
    #[error("write {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

fn write_file(place: &Place, request: &Request, range: Range, path: &Path) -> Result<(), Failure> {
    let fail = |source| Failure::File {
        path: path.to_owned(),
        source,
    };
    whole_file::write(path, fail, |out| write(place, request, range, out))
}

fn write(place: &Place, request: &Request, range: Range, out: &mut impl Write) -> Result<(), Failure> {
    let reader = reader(place, &[request.stream])?;
    if request.stream == Stream::Alerts {
        let transitions = transitions(&reader, range)?.into_iter().map(Ok);
        match request.format {
            Kind::Csv => exchange::write_transitions_csv(transitions, out)?,
            Kind::Json | Kind::Openmetrics => exchange::write_transitions_json(transitions, out)?,
        }
        return Ok(());
    }
    let records = records(&reader, request.stream, range)?;
    match request.format {
        Kind::Csv => exchange::write_csv(records, out)?,
        Kind::Json => exchange::write_json(records, out)?,
        Kind::Openmetrics => {
            let labels = Labels {
                job: request.job.clone(),
                instance: instance(request, &place.config.web.listen_address),
            };
            exchange::write_openmetrics(records, &collectors::signals(), &labels, out)?;
        }
    }
    Ok(())
}

/// The target as Prometheus names it; one that listens everywhere is most often scraped from its own host.
fn instance(request: &Request, listen_address: &str) -> String {
    let target = || match listen_address.rsplit_once(':') {
        Some(("" | "0.0.0.0" | "[::]", port)) => format!("localhost:{port}"),
        _ => listen_address.to_owned(),
    };
    request.instance.clone().unwrap_or_else(target)
}
