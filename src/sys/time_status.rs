//! Whether something (NTP, PTP, the hypervisor) keeps the kernel's clock right.
#![cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "no safe library wraps adjtimex")
)]

/// State of the clock's discipline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Discipline {
    /// The kernel was told that the clock is right.
    Synchronised,
    /// Nobody keeps it right.
    Free,
    /// The system does not tell, or does not let us ask.
    Unknown,
}

/// Asks the kernel; changes nothing.
#[cfg(target_os = "linux")]
pub(crate) fn discipline() -> Discipline {
    // SAFETY: `timex` is plain integers, for which all zeros is a valid value.
    let mut question: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: `question` lives across the call and is ours alone; `modes` 0 only reads.
    match unsafe { libc::adjtimex(&raw mut question) } {
        -1 => Discipline::Unknown,
        libc::TIME_ERROR => Discipline::Free,
        _ if question.status & libc::STA_UNSYNC != 0 => Discipline::Free,
        _ => Discipline::Synchronised,
    }
}

/// Only Linux is asked.
#[cfg(not(target_os = "linux"))]
pub(crate) fn discipline() -> Discipline {
    Discipline::Unknown
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_gives_the_same_answer_twice() {
        assert_eq!(discipline(), discipline());
    }
}
