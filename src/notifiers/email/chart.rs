//! The course of a signal as a small picture (PNG, twice the pixels it is shown with): the band between smallest and
//! largest value, the mean, the levels of the rule, and the time of the alert. What is up or down is drawn in steps.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixels: everything is clamped to the picture, and its times are far from the ends of their types"
)]

use jiff::{Timestamp, tz::TimeZone};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use tiny_skia::{
    Color, Paint, PathBuilder, Pixmap, PremultipliedColorU8, Rect, Stroke, StrokeDash, Transform,
};

use crate::{
    figures::Unit,
    notifiers::{Point, words},
    rules::Severity,
};

const WIDTH: f32 = 1100.0;
const HEIGHT: f32 = 360.0;
const LEFT: f32 = 210.0;
const RIGHT: f32 = 1070.0;
const TOP: f32 = 24.0;
const BOTTOM: f32 = 302.0;

const INK: [u8; 3] = [0x4b, 0x54, 0x5e];
const GRID: [u8; 3] = [0xe3, 0xe7, 0xeb];
const LINE: [u8; 3] = [0x1f, 0x5f, 0xa8];

/// What is drawn.
pub(super) struct Drawing<'a> {
    pub(super) course: &'a [Point],
    pub(super) levels: &'a [(Severity, f64)],
    pub(super) unit: Unit,
    /// Since when the alert has held; the time until its end, or now, is shaded.
    pub(super) since: Timestamp,
    pub(super) until: Option<Timestamp>,
    /// The worst value while it held.
    pub(super) worst: f64,
    pub(super) now: Timestamp,
    pub(super) zone: &'a TimeZone,
}

/// The picture; `None` when there is no course to draw.
pub(super) fn png(drawing: &Drawing<'_>) -> Option<Vec<u8>> {
    let mut points: Vec<Point> = drawing.course.iter().copied().filter(is_sound).collect();
    if drawing.unit == Unit::Up && !points.is_empty() {
        points = with_the_alert(&points, drawing);
    }
    let (first, last) = (points.first()?, points.last()?);
    if points.len() < 2 || last.at <= first.at {
        return None;
    }
    let scale = Scale {
        from: seconds(first.at),
        to: seconds(last.at),
        ticks: ticks(&points, drawing),
    };
    let mut canvas = Canvas {
        pixels: Pixmap::new(WIDTH as u32, HEIGHT as u32)?,
    };
    canvas.pixels.fill(Color::WHITE);
    canvas.shade(drawing, &scale);
    canvas.grid(drawing, &scale);
    if drawing.unit != Unit::Up {
        canvas.band(&points, &scale);
        canvas.levels(drawing, &scale);
    }
    canvas.stroke(&line(&points, drawing.unit, &scale), &paint(LINE, 255), 4.0, None);
    canvas.pixels.encode_png().ok()
}

fn is_sound(point: &Point) -> bool {
    [point.min, point.mean, point.max]
        .iter()
        .all(|value| value.is_finite())
}

/// The course of what is up or down with the alert in it, which knows the moments better than regular readings do.
fn with_the_alert(course: &[Point], drawing: &Drawing<'_>) -> Vec<Point> {
    let point = |at, value: f64| Point {
        at,
        min: value,
        mean: value,
        max: value,
    };
    let bad = drawing.worst.round();
    let end = drawing.until.unwrap_or(drawing.now);
    let mut points = course.to_vec();
    points.retain(|point| point.at < drawing.since || point.at > end);
    let place = points.partition_point(|point| point.at < drawing.since);
    let at_end = if drawing.until.is_some() { 1.0 - bad } else { bad };
    points.splice(place..place, [point(drawing.since, bad), point(end, at_end)]);
    points
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

/// From times and values to pixels.
struct Scale {
    from: f64,
    to: f64,
    /// Values with a label, evenly spaced, lowest first; the axis ends at the first and the last.
    ticks: Vec<f64>,
}

impl Scale {
    fn x(&self, at: Timestamp) -> f32 {
        let share = (seconds(at) - self.from) / (self.to - self.from);
        LEFT + (RIGHT - LEFT) * share.clamp(0.0, 1.0) as f32
    }

    fn y(&self, value: f64) -> f32 {
        let low = self.ticks.first().copied().unwrap_or(0.0);
        let high = self.ticks.last().copied().unwrap_or(1.0);
        let share = (value - low) / (high - low);
        BOTTOM - (BOTTOM - TOP) * share.clamp(0.0, 1.0) as f32
    }
}

/// Round values in the unit people see, from at most the smallest to at least the largest that is drawn.
fn ticks(points: &[Point], drawing: &Drawing<'_>) -> Vec<f64> {
    let shown = match drawing.unit {
        Unit::Ratio => 100.0,
        Unit::BytesPerSecond => 8e-6,
        _ => 1.0,
    };
    if drawing.unit == Unit::Up {
        return vec![0.0, 1.0];
    }
    let largest = points.iter().map(|point| point.max).fold(f64::MIN, f64::max);
    let smallest = points.iter().map(|point| point.min).fold(f64::MAX, f64::min);
    // A level far above everything that was measured would flatten the course.
    let near = drawing
        .levels
        .iter()
        .map(|(_, level)| *level)
        .filter(|level| *level <= largest * 2.0);
    let high = near.fold(largest, f64::max) * shown;
    let low = smallest.min(0.0) * shown;
    let step = round_step((high - low).max(1e-9) / 4.0);
    let (begin, end) = ((low / step).floor() as i64, (high / step).ceil() as i64);
    let mut ticks: Vec<f64> = (begin..=end.max(begin + 1))
        .map(|n| n as f64 * step / shown)
        .collect();
    if drawing.unit == Unit::Ratio {
        // The axis of a share goes no further than the whole.
        ticks.retain(|tick| *tick <= 1.0 + 1e-9 || largest > 1.0);
    }
    ticks
}

/// 1, 2, 2.5 or 5 times a power of ten.
fn round_step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.log10().floor());
    let times = rough / power;
    let round = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .find(|round| times <= round + 1e-9);
    round.unwrap_or(10.0) * power
}

/// Moments with labels, evenly spaced and round in the zone.
struct Moments {
    at: Vec<Timestamp>,
    /// How labels tell them, as `strftime` has it.
    format: &'static str,
}

fn moments(scale: &Scale, zone: &TimeZone) -> Moments {
    let span = scale.to - scale.from;
    let steps = [
        1_i64, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400,
    ];
    let step = steps
        .into_iter()
        .find(|step| span / *step as f64 <= 5.0)
        .unwrap_or(7 * 86_400);
    let begin = Timestamp::from_second(scale.from as i64).unwrap_or_default();
    let offset = i64::from(zone.to_offset(begin).seconds());
    let local = scale.from as i64 + offset;
    let first = local.div_euclid(step) + 1;
    let seconds = (first..first + 8).map(|n| n * step - offset);
    Moments {
        at: seconds
            .filter(|second| (*second as f64) <= scale.to)
            .filter_map(|second| Timestamp::from_second(second).ok())
            .collect(),
        format: if step < 60 { "%H:%M:%S" } else { "%H:%M" },
    }
}

/// The line through the points. What is up or down stays as it is until it is read otherwise; a point that is both
/// counts as down.
fn line(points: &[Point], unit: Unit, scale: &Scale) -> Vec<(f32, f32)> {
    let mut line: Vec<(f32, f32)> = Vec::new();
    for point in points {
        let x = scale.x(point.at);
        if unit != Unit::Up {
            line.push((x, scale.y(point.mean)));
            continue;
        }
        if let Some((_, before)) = line.last().copied() {
            line.push((x, before));
        }
        line.push((x, scale.y(point.min.round())));
    }
    line
}

struct Canvas {
    pixels: Pixmap,
}

impl Canvas {
    fn shade(&mut self, drawing: &Drawing<'_>, scale: &Scale) {
        let until = drawing.until.unwrap_or(drawing.now);
        let (from, to) = (scale.x(drawing.since), scale.x(until));
        if let Some(area) = Rect::from_ltrb(from, TOP, to, BOTTOM) {
            self.pixels
                .fill_rect(area, &paint([0xc2, 0x41, 0x0c], 20), Transform::identity(), None);
        }
    }

    fn grid(&mut self, drawing: &Drawing<'_>, scale: &Scale) {
        for tick in &scale.ticks {
            let y = scale.y(*tick);
            self.stroke(&[(LEFT, y), (RIGHT, y)], &paint(GRID, 255), 2.0, None);
            let label = drawing.unit.show(*tick);
            self.text(&label, LEFT - 14.0 - text_width(&label), y - 16.0);
        }
        let Moments { at, format } = moments(scale, drawing.zone);
        for at in at {
            let x = scale.x(at);
            self.stroke(&[(x, BOTTOM), (x, BOTTOM + 8.0)], &paint(INK, 255), 2.0, None);
            let label = at.to_zoned(drawing.zone.clone()).strftime(format).to_string();
            let left = (x - text_width(&label) / 2.0).min(WIDTH - text_width(&label) - 4.0);
            self.text(&label, left, BOTTOM + 14.0);
        }
    }

    fn band(&mut self, points: &[Point], scale: &Scale) {
        let above = points.iter().map(|point| (scale.x(point.at), scale.y(point.max)));
        let below = points
            .iter()
            .rev()
            .map(|point| (scale.x(point.at), scale.y(point.min)));
        let mut path = PathBuilder::new();
        for (index, (x, y)) in above.chain(below).enumerate() {
            if index == 0 {
                path.move_to(x, y);
            } else {
                path.line_to(x, y);
            }
        }
        path.close();
        if let Some(path) = path.finish() {
            let rule = tiny_skia::FillRule::Winding;
            self.pixels
                .fill_path(&path, &paint(LINE, 50), rule, Transform::identity(), None);
        }
    }

    fn levels(&mut self, drawing: &Drawing<'_>, scale: &Scale) {
        let highest = scale.ticks.last().copied().unwrap_or(0.0);
        for (severity, level) in drawing.levels.iter().filter(|(_, level)| *level <= highest) {
            let y = scale.y(*level);
            let colour = paint(channels(words::colour(Some(*severity))), 255);
            self.stroke(
                &[(LEFT, y), (RIGHT, y)],
                &colour,
                3.0,
                StrokeDash::new(vec![14.0, 9.0], 0.0),
            );
        }
    }

    fn stroke(&mut self, points: &[(f32, f32)], paint: &Paint<'_>, width: f32, dash: Option<StrokeDash>) {
        let mut path = PathBuilder::new();
        for (index, (x, y)) in points.iter().enumerate() {
            if index == 0 {
                path.move_to(*x, *y);
            } else {
                path.line_to(*x, *y);
            }
        }
        let Some(path) = path.finish() else { return };
        let line_join = tiny_skia::LineJoin::Round;
        let stroke = Stroke {
            width,
            dash,
            line_join,
            ..Stroke::default()
        };
        self.pixels
            .stroke_path(&path, paint, &stroke, Transform::identity(), None);
    }

    /// Draws on the white ground, so grey is as good as transparent.
    fn text(&mut self, text: &str, left: f32, top: f32) {
        let mut x = left.max(0.0) as usize;
        let (width, height) = (self.pixels.width() as usize, self.pixels.height() as usize);
        let top = top.max(0.0) as usize;
        for raster in text
            .chars()
            .filter_map(|c| get_raster(c, FontWeight::Regular, RasterHeight::Size32))
        {
            for (row, line) in raster.rows().enumerate() {
                for (column, strength) in line.iter().enumerate().filter(|(_, strength)| **strength > 0) {
                    let (x, y) = (x + column, top + row);
                    if x < width
                        && y < height
                        && let Some(pixel) = self.pixels.pixels_mut().get_mut(y * width + x)
                    {
                        *pixel = ink(*strength);
                    }
                }
            }
            x += raster.width();
        }
    }
}

fn text_width(text: &str) -> f32 {
    (text.chars().count() * get_raster_width(FontWeight::Regular, RasterHeight::Size32)) as f32
}

/// Ink of this strength over white.
fn ink(strength: u8) -> PremultipliedColorU8 {
    let [r, g, b] = INK.map(|channel| 255 - (u16::from(255 - channel) * u16::from(strength) / 255) as u8);
    PremultipliedColorU8::from_rgba(r, g, b, 255).unwrap_or(PremultipliedColorU8::TRANSPARENT)
}

fn paint(rgb: [u8; 3], alpha: u8) -> Paint<'static> {
    let mut paint = Paint {
        anti_alias: true,
        ..Paint::default()
    };
    paint.set_color_rgba8(rgb[0], rgb[1], rgb[2], alpha);
    paint
}

/// The channels of `#rrggbb`.
fn channels(colour: &str) -> [u8; 3] {
    let number = u32::from_str_radix(colour.trim_start_matches('#'), 16).unwrap_or(0);
    let [_, r, g, b] = number.to_be_bytes();
    [r, g, b]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(values: &[f64]) -> Vec<Point> {
        let points = (0_i64..).zip(values);
        points
            .map(|(index, value)| Point {
                at: Timestamp::from_second(1_800_000_000 + 60 * index).expect("a time"),
                min: value * 0.9,
                mean: *value,
                max: value * 1.1,
            })
            .collect()
    }

    fn drawn(course: &[Point], unit: Unit) -> Option<Vec<u8>> {
        let at = Timestamp::from_second(1_800_001_800).expect("a time");
        png(&Drawing {
            course,
            levels: &[(Severity::High, 0.9)],
            unit,
            since: at,
            until: None,
            worst: 0.0,
            now: at,
            zone: &TimeZone::UTC,
        })
    }

    #[test]
    fn a_course_becomes_a_small_picture() {
        let values: Vec<f64> = (0..120).map(|n| 0.5 + 0.3 * f64::from(n % 17) / 17.0).collect();
        for unit in [Unit::Ratio, Unit::BytesPerSecond, Unit::Celsius, Unit::Up] {
            let picture = drawn(&course(&values), unit).expect("a picture");
            assert!(picture.starts_with(b"\x89PNG"), "{unit:?}");
            assert!(picture.len() < 30_000, "{unit:?}: {} bytes", picture.len());
        }
    }

    #[test]
    fn without_a_course_there_is_no_picture() {
        for values in [&[][..], &[0.5], &[f64::NAN, f64::NAN]] {
            assert_eq!(drawn(&course(values), Unit::Ratio), None, "{values:?}");
        }
        assert!(
            drawn(&course(&[0.0, 0.0, 0.0]), Unit::Ratio).is_some(),
            "all zero is a course"
        );
    }

    #[test]
    fn what_is_up_or_down_is_drawn_in_steps() {
        let points = course(&[1.0, 1.0, 0.0, 1.0]);
        let scale = scale(180.0);
        let steps = line(&points, Unit::Up, &scale);
        let is_slope = |pair: &[(f32, f32)]| {
            let [a, b] = [pair[0], pair[1]];
            (a.0 - b.0).abs() > 0.01 && (a.1 - b.1).abs() > 0.01
        };
        assert!(!steps.windows(2).any(is_slope), "{steps:?}");
        let lowest = steps.iter().map(|(_, y)| *y).fold(0.0, f32::max);
        assert!((lowest - BOTTOM).abs() < 0.01, "it was down: {steps:?}");
        assert!(line(&points, Unit::Ratio, &scale).windows(2).any(is_slope));
    }

    #[test]
    fn an_alert_is_seen_though_no_reading_fell_into_it() {
        let course = course(&[1.0, 1.0, 1.0]);
        let moment = |second: i64| Timestamp::from_second(1_800_000_000 + second).expect("a time");
        for (until, expected) in [
            (None, vec![(0, 1.0), (60, 1.0), (70, 0.0), (90, 0.0)]),
            (
                Some(80),
                vec![(0, 1.0), (60, 1.0), (70, 0.0), (80, 1.0), (120, 1.0)],
            ),
        ] {
            let drawing = Drawing {
                course: &course,
                levels: &[],
                unit: Unit::Up,
                since: moment(70),
                until: until.map(moment),
                worst: 0.0,
                now: moment(if until.is_some() { 200 } else { 90 }),
                zone: &TimeZone::UTC,
            };
            let kept = course.iter().filter(|point| point.at < drawing.now).copied();
            let points = with_the_alert(&kept.collect::<Vec<_>>(), &drawing);
            let found: Vec<_> = points
                .iter()
                .map(|point| (point.at.as_second() - 1_800_000_000, point.min.round()))
                .collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn times_have_labels_however_short_the_span() {
        for (span, labels, first) in [
            (20.0, 4, "08:00:05"),
            (45.0, 4, "08:00:10"),
            (180.0, 3, "08:01"),
            (3600.0, 4, "08:15"),
            (86_400.0, 4, "12:00"),
        ] {
            let found = moments(&scale(span), &TimeZone::UTC);
            assert_eq!(found.at.len(), labels, "{span}");
            let text = found.at[0].strftime(found.format).to_string();
            assert_eq!(text, first, "{span}");
        }
    }

    /// From 08:00 on.
    fn scale(span: f64) -> Scale {
        Scale {
            from: 1_800_000_000.0,
            to: 1_800_000_000.0 + span,
            ticks: vec![0.0, 1.0],
        }
    }

    #[test]
    fn labels_are_round_in_the_units_people_use() {
        for (rough, round) in [(0.23, 0.25), (3.0, 5.0), (11.0, 20.0), (1.0, 1.0)] {
            assert!((round_step(rough) - round).abs() < 1e-9, "{rough}");
        }
    }
}
