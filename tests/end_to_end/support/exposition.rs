//! A metrics page in text 0.0.4 as numbers, for assertions about single samples.

/// A sample of the page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    /// Name, with the suffixes of histograms.
    pub(crate) name: String,
    /// Labels as they stand between the braces.
    pub(crate) labels: String,
    /// Value.
    pub(crate) value: f64,
}

/// A page of samples.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    samples: Vec<Sample>,
}

impl Page {
    /// Reads a page in text 0.0.4.
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self {
            samples: lines.map(sample).collect(),
        }
    }

    /// All samples.
    pub(crate) fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }

    /// All samples of the name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| sample.name == name)
    }

    /// Names of the devices that are watched, in order.
    pub(crate) fn devices(&self) -> Vec<String> {
        let name = |labels: &str| {
            labels
                .split("device=\"")
                .nth(1)?
                .split('"')
                .next()
                .map(str::to_owned)
        };
        let mut names: Vec<String> = self
            .all("netkestrel_device_info")
            .filter_map(|sample| name(&sample.labels))
            .collect();
        names.sort();
        names
    }

    /// Value of the one sample of that name whose labels contain `label`, such as `device="nas"`.
    pub(crate) fn value(&self, name: &str, label: &str) -> Option<f64> {
        let mut found = self.all(name).filter(|sample| sample.labels.contains(label));
        let value = found.next()?.value;
        assert!(found.next().is_none(), "more than one {name}{{{label}}}");
        Some(value)
    }

    /// Count of the bucket of a histogram up to `bound`, of the one series whose labels contain `label`.
    pub(crate) fn bucket(&self, histogram: &str, label: &str, bound: f64) -> Option<f64> {
        let name = format!("{histogram}_bucket");
        let mut found = self
            .all(&name)
            .filter(|sample| sample.labels.contains(label) && upper_bound(sample) == Some(bound));
        found.next().map(|sample| sample.value)
    }

    /// Whether there is any sample of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}

/// Upper bound of a bucket, however it is written (`1e+07`, `10000000.0`).
fn upper_bound(sample: &Sample) -> Option<f64> {
    sample
        .labels
        .split("le=\"")
        .nth(1)?
        .split('"')
        .next()?
        .parse()
        .ok()
}

/// The value stands behind the last blank: this page has no timestamps.
fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    Sample {
        name: name.to_owned(),
        labels: labels.trim_end_matches('}').to_owned(),
        value: value.parse().expect("a value is a number"),
    }
}
