//! The words for how a device fares, and what they stand for.

/// Status of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Does not answer.
    Down,
    /// Answers.
    Up,
    /// Answers, but with loss or a round-trip time above its limits.
    Degraded,
    /// Cannot be judged because a parent is down.
    Unreachable,
    /// Cannot be judged: not probed yet, no address, no route or no permission.
    Unknown,
    /// Not probed on request.
    Paused,
    /// In a maintenance window, whatever else is known.
    Maintenance,
}

impl Status {
    /// All statuses in the order of their codes.
    pub const ALL: [Self; 7] = [
        Self::Down,
        Self::Up,
        Self::Degraded,
        Self::Unreachable,
        Self::Unknown,
        Self::Paused,
        Self::Maintenance,
    ];

    /// Name as in the label `status`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
            Self::Paused => "paused",
            Self::Maintenance => "maintenance",
        }
    }

    /// Value of `netkestrel_device_status`.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Down => 0,
            Self::Up => 1,
            Self::Degraded => 2,
            Self::Unreachable => 3,
            Self::Unknown => 4,
            Self::Paused => 5,
            Self::Maintenance => 6,
        }
    }

    /// Whether it counts as reachable; `None` when that cannot be told.
    #[must_use]
    pub fn is_up(self) -> Option<bool> {
        match self {
            Self::Up | Self::Degraded => Some(true),
            Self::Down => Some(false),
            Self::Unreachable | Self::Unknown | Self::Paused | Self::Maintenance => None,
        }
    }
}
