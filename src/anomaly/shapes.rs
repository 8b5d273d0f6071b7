//! Short sequences that were seen before: the last three values, in units of the usual deviation, and how far they
//! are from the nearest of a few remembered shapes. A series that moves within its range but in a new way is found
//! here, such as a wave that suddenly stands still.

use serde::{Deserialize, Serialize};

use super::memory::Tick;

const LENGTH: usize = 3;
const SHAPES: usize = 16;
/// A sequence further than this from every shape becomes a shape of its own.
const RADIUS: f32 = 0.6;
/// How far the nearest shape moves towards a sequence that it stands for.
const RATE: f32 = 0.1;
/// How fast a shape that is not met loses its place to a new one.
const FADE: f32 = 0.999;
/// Weight of a new value in mean and deviation.
const WEIGHT: f64 = 0.0005;

type Shape = [f32; LENGTH];

/// What was seen of one transform of the value.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Shapes {
    mean: f64,
    variance: f64,
    last: Shape,
    filled: u8,
    /// Known shapes, in the order in which they were met first.
    known: [Shape; SHAPES],
    /// How often each was met lately.
    met: [f32; SHAPES],
    count: u8,
}

impl Shapes {
    pub(super) const fn new() -> Self {
        Self {
            mean: 0.0,
            variance: 0.0,
            last: [0.0; LENGTH],
            filled: 0,
            known: [[0.0; LENGTH]; SHAPES],
            met: [0.0; SHAPES],
            count: 0,
        }
    }

    /// Distance of the sequence that ends in `value` from the nearest shape, which then learns it. `None` before there
    /// are shapes. What differs by `least` or less is no distance.
    pub(super) fn distance(&mut self, value: f64, tick: &Tick, least: f32) -> Option<f32> {
        let weight = (WEIGHT * f64::from(tick.pace)).max(1.0 / f64::from(tick.samples));
        let off = value - self.mean;
        self.mean += weight * off;
        self.variance = (1.0 - weight) * (self.variance + weight * off * off);
        self.last.rotate_left(1);
        self.last[LENGTH - 1] = value as f32;
        self.filled = (self.filled + 1).min(LENGTH as u8);
        if usize::from(self.filled) < LENGTH {
            return None;
        }
        let deviation = self.variance.sqrt().max(f64::from(least)) + 1e-9;
        let sequence = self
            .last
            .map(|value| ((f64::from(value) - self.mean) / deviation) as f32);
        let near = f64::from(least) / deviation;
        self.met(sequence)
            .map(|distance| (distance - near as f32).max(0.0))
    }

    /// Forgets the last values, as nothing follows on them.
    pub(super) fn interrupt(&mut self) {
        self.filled = 0;
    }

    fn met(&mut self, sequence: Shape) -> Option<f32> {
        let count = usize::from(self.count).min(SHAPES);
        let squares = self.known[..count].iter().map(|shape| square(*shape, sequence));
        let nearest = squares
            .enumerate()
            .reduce(|best, next| if next.1 < best.1 { next } else { best });
        for met in &mut self.met[..count] {
            *met *= FADE;
        }
        let distance = nearest.map(|(_, square)| (square / LENGTH as f32).sqrt());
        match (nearest, distance) {
            (Some((index, _)), Some(distance)) if distance <= RADIUS => {
                for (known, new) in self.known[index].iter_mut().zip(sequence) {
                    *known += RATE * (new - *known);
                }
                self.met[index] += 1.0;
            }
            _ => self.add(sequence, count),
        }
        distance
    }

    /// Adds a shape; when there is no place, that of the least met one is given up.
    fn add(&mut self, shape: Shape, count: usize) {
        let place = if count < SHAPES {
            self.count += 1;
            count
        } else {
            let least = self.met.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
            let least = least.map_or(0, |(index, _)| index);
            self.known[least..].rotate_left(1);
            self.met[least..].rotate_left(1);
            SHAPES - 1
        };
        self.known[place] = shape;
        self.met[place] = 1.0;
    }
}

fn square(a: Shape, b: Shape) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}
