//! Feeds a snapshot to prometheus-client, whose encoders write it.
//! The crate knows no text format 0.0.4; there a counter or info is described under its whole name and its
//! values are written as those of a gauge, which leaves exactly the lines that format has.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    sync::LazyLock,
};

use prometheus_client::{
    collector::Collector,
    encoding::{
        CounterValueEncoder, DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeLabelSet,
        EncodeMetric, GaugeValueEncoder, LabelSetEncoder, MetricEncoder, NoLabelSet,
    },
    metrics::MetricType,
    registry::{Registry, Unit},
};
use smol_str::SmolStr;

use super::{
    negotiation::Syntax,
    snapshot::{Snapshot, stem},
};
use crate::sample::{Desc, Family, Kind, Point, Value};

/// The part of a snapshot that one run of an encoder writes.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) snapshot: Snapshot,
    pub(super) syntax: Syntax,
    /// Only the family at this position; all when `None`.
    pub(super) only: Option<usize>,
}

impl Part {
    /// A registry that holds nothing but this part.
    pub(super) fn into_registry(self) -> Registry {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        registry
    }
}

impl Collector for Part {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let families = self.snapshot.families();
        let part = match self.only {
            None => families,
            Some(index) => families.get(index..=index).unwrap_or_default(),
        };
        part.iter()
            .try_for_each(|family| write_family(&mut encoder, family, self.syntax))
    }
}

fn write_family(encoder: &mut DescriptorEncoder, family: &Family, syntax: Syntax) -> fmt::Result {
    let desc = family.desc;
    let (name, unit, kind) = described(desc, syntax);
    let mut metric = encoder.encode_descriptor(name, &help(desc, syntax), unit, kind)?;
    if let ([], [point]) = (desc.labels, family.points.as_slice()) {
        return write_point(metric, desc, syntax, point);
    }
    for point in &family.points {
        // An info takes its labels itself.
        match kind {
            MetricType::Info => metric.encode_info(&Labels::of(desc, point))?,
            _ => write_point(
                metric.encode_family(&Labels::of(desc, point))?,
                desc,
                syntax,
                point,
            )?,
        }
    }
    Ok(())
}

fn write_point(mut metric: MetricEncoder, desc: &'static Desc, syntax: Syntax, point: &Point) -> fmt::Result {
    match (&point.value, desc.kind, syntax) {
        (Value::Histogram(histogram), ..) => histogram.encode(metric),
        (Value::Number(value), Kind::Counter, Syntax::OpenMetrics | Syntax::Protobuf) => {
            metric.encode_counter::<NoLabelSet, _, f64>(&Number(*value), None)
        }
        (Value::Number(_), Kind::Info, Syntax::OpenMetrics | Syntax::Protobuf) => {
            metric.encode_info(&Labels::of(desc, point))
        }
        (Value::Number(_), Kind::Info, Syntax::Text) => metric.encode_gauge(&1_i64),
        (Value::Number(value), ..) => metric.encode_gauge(&Number(*value)),
    }
}

/// Name, unit and type in the terms of prometheus-client, which appends unit and suffix to the name.
fn described(desc: &Desc, syntax: Syntax) -> (&'static str, Option<&'static Unit>, MetricType) {
    let kind = match (desc.kind, syntax) {
        (Kind::Counter, _) => MetricType::Counter,
        (Kind::Histogram(_), _) => MetricType::Histogram,
        (Kind::Info, Syntax::OpenMetrics | Syntax::Protobuf) => MetricType::Info,
        (Kind::Gauge | Kind::Info, _) => MetricType::Gauge,
    };
    if syntax == Syntax::Text {
        return (desc.name, None, kind);
    }
    let name = stem(desc);
    let units = UNITS.iter().filter(|_| desc.kind != Kind::Info);
    for unit in units {
        let shorter = name
            .strip_suffix(unit.as_str())
            .and_then(|rest| rest.strip_suffix('_'));
        if let Some(shorter) = shorter {
            return (shorter, Some(unit), kind);
        }
    }
    (name, None, kind)
}

/// The base units that end our names.
static UNITS: LazyLock<[Unit; 4]> = LazyLock::new(|| {
    [
        Unit::Seconds,
        Unit::Bytes,
        Unit::Celsius,
        Unit::Other("ratio".to_owned()),
    ]
});

/// prometheus-client writes help texts as they are; in text a backslash and a line break must be escaped.
fn help(desc: &Desc, syntax: Syntax) -> Cow<'static, str> {
    if syntax == Syntax::Protobuf || !desc.help.contains(['\\', '\n']) {
        return Cow::Borrowed(desc.help);
    }
    Cow::Owned(desc.help.replace('\\', r"\\").replace('\n', r"\n"))
}

/// The labels of one point, zipped from the names of its description and its values.
#[derive(Debug)]
struct Labels<'a> {
    names: &'static [&'static str],
    values: &'a [SmolStr],
}

impl<'a> Labels<'a> {
    fn of(desc: &'static Desc, point: &'a Point) -> Self {
        Self {
            names: desc.labels,
            values: &point.labels,
        }
    }
}

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder) -> fmt::Result {
        for (name, value) in self.names.iter().zip(self.values) {
            let mut label = encoder.encode_label();
            let mut key = label.encode_label_key()?;
            key.write_str(name)?;
            let mut text = key.encode_label_value()?;
            text.write_str(value)?;
            text.finish()?;
        }
        Ok(())
    }
}

/// A finite value; one without fraction is written without `.0`, which is shorter and quicker.
struct Number(f64);

/// Up to here every whole f64 is exact.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

impl Number {
    fn whole(&self) -> Option<i64> {
        let whole = self.0.fract().abs() < f64::MIN_POSITIVE && self.0.abs() <= LARGEST_EXACT;
        #[expect(clippy::cast_possible_truncation, reason = "whole and within the exact range")]
        whole.then_some(self.0 as i64)
    }
}

impl EncodeGaugeValue for Number {
    fn encode(&self, encoder: &mut GaugeValueEncoder) -> fmt::Result {
        match self.whole() {
            Some(whole) => EncodeGaugeValue::encode(&whole, encoder),
            None => EncodeGaugeValue::encode(&self.0, encoder),
        }
    }
}

impl EncodeCounterValue for Number {
    fn encode(&self, encoder: &mut CounterValueEncoder) -> fmt::Result {
        match self.whole().map(u64::try_from) {
            Some(Ok(whole)) => EncodeCounterValue::encode(&whole, encoder),
            _ => EncodeCounterValue::encode(&self.0, encoder),
        }
    }
}
