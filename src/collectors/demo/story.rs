//! What goes wrong: times in seconds from the anchor. It comes again each week.

use super::WEEK;

/// A time with an end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    from: f64,
    lasts: f64,
}

impl Span {
    /// Begins so many days, hours and minutes before the anchor and lasts so many minutes.
    pub(super) const fn before([days, hours, minutes]: [u32; 3], lasts: u32) -> Self {
        Self {
            from: -(days as f64 * 86_400.0 + hours as f64 * 3600.0 + minutes as f64 * 60.0),
            lasts: lasts as f64 * 60.0,
        }
    }

    /// How long it has been going on, in seconds.
    pub(super) fn age(&self, at: f64) -> Option<f64> {
        let age = (at - self.from).rem_euclid(WEEK);
        (age < self.lasts).then_some(age)
    }

    /// How much of it is over, 0 to 1.
    pub(super) fn share(&self, at: f64) -> Option<f64> {
        Some(self.age(at)? / self.lasts)
    }
}

/// What happens to a device.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trouble {
    /// It does not answer.
    Silent,
    /// It answers for six minutes, then it does not for six minutes, and so on.
    Flapping,
    /// This share of its answers gets lost.
    Loses(f64),
    /// It takes so many times as long.
    Slow(f64),
}

/// Troubles of devices.
pub(super) const TROUBLES: &[(&str, Span, Trouble)] = &[
    ("nas", Span::before([5, 2, 0], 9), Trouble::Silent),
    ("heating", Span::before([4, 9, 30], 130), Trouble::Silent),
    ("switch-attic", Span::before([3, 4, 0], 35), Trouble::Silent),
    ("dns", Span::before([2, 7, 0], 40), Trouble::Loses(0.35)),
    ("camera-yard", Span::before([1, 8, 0], 72), Trouble::Flapping),
    ("branch-office", Span::before([1, 2, 0], 90), Trouble::Slow(75.0)),
    ("ap-garden", Span::before([0, 20, 0], 95), Trouble::Loses(0.4)),
    ("printer", Span::before([0, 9, 0], 45), Trouble::Silent),
    ("web", Span::before([0, 2, 20], 6), Trouble::Silent),
    ("ap-hall", Span::before([0, 0, 50], 290), Trouble::Silent),
    ("ap-attic", Span::before([0, 1, 10], 200), Trouble::Slow(620.0)),
    ("camera-gate", Span::before([0, 0, 12], 75), Trouble::Silent),
];

/// More traffic than ever: when, and bytes per second in and out.
pub(super) const SPIKES: &[(Span, f64, f64)] = &[
    (Span::before([2, 5, 0], 25), 45e6, 3e6),
    (Span::before([0, 3, 30], 12), 19e6, 1e6),
];

/// The second interface loses its link.
pub(super) const LINK_LOST: &[Span] = &[Span::before([6, 1, 0], 4), Span::before([0, 4, 0], 20)];

/// A program runs wild and takes this share of the CPUs.
pub(super) const RUNAWAYS: &[(Span, f64)] = &[
    (Span::before([1, 6, 0], 40), 0.93),
    (Span::before([0, 1, 40], 16), 0.84),
];

/// A program keeps more and more memory until somebody restarts it.
pub(super) const LEAK: Span = Span::before([1, 22, 0], 60 * 38);

/// The shared folder fills until somebody cleans it up.
pub(super) const FILLING: Span = Span::before([6, 0, 0], 7 * 24 * 60);
