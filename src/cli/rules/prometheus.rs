//! `rules prometheus`: the rules in force as a rule file for Prometheus.

use crate::{
    cli::{
        answer::Answer,
        check_config::refusal,
        flags::{Flagged, Flags},
    },
    collectors,
    config::Config,
    rules::{Surroundings, rule_file},
    units::HumanDuration,
};

/// What the file is for.
#[derive(clap::Args)]
pub(in crate::cli) struct Request {
    /// How often Prometheus scrapes; rates are taken over four scrapes or more
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = parse_interval)]
    scrape_interval: HumanDuration,
}

pub(super) fn answer(outer: Flags, asked: Flagged<Request>) -> Answer {
    let (request, flags) = asked.split(outer);
    match flags.load() {
        Ok(loaded) => Answer::fine(file(&loaded.config, request.scrape_interval)),
        Err(error) => refusal(&error),
    }
}

fn file(config: &Config, scrape_interval: HumanDuration) -> String {
    let interval_of = |signal: &str| {
        let collector = collectors::collector_of(signal);
        let interval = collector.and_then(|collector| config.collectors.interval_of(collector));
        interval.unwrap_or_default()
    };
    let around = Surroundings {
        signals: &collectors::signals(),
        interval_of: &interval_of,
        scrape_interval: *scrape_interval,
    };
    rule_file(config.rules.in_force(), &around)
}

fn parse_interval(text: &str) -> Result<HumanDuration, String> {
    match HumanDuration::parse(text) {
        Ok(interval) if !interval.is_zero() => Ok(interval),
        _ => Err("accepted: a duration, such as `15s` or `1m`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_can_be_told_to_prometheus() {
        for signal in collectors::signals() {
            let config = Config {
                rules: vec![crate::rules::Rule::new("own", signal.name)].into(),
                ..Config::default()
            };
            let text = file(&config, HumanDuration::secs(15));
            assert!(!text.contains("no metric tells"), "{}", signal.name);
        }
    }
}
