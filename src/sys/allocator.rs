//! The C library's allocator: what is freed goes back to the system. By default glibc learns to keep blocks as large as
//! the largest that was freed, which after one page about ten thousand devices is most of what the process has.

/// Blocks of this size and more are mapped by themselves and unmapped when they are freed; so much may be free at the
/// end of a heap.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: libc::c_int = 256 * 1024;
/// Heaps that threads share: few threads allocate much, and each heap keeps its own remains.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const HEAPS: libc::c_int = 2;

/// Sets the limits of what is kept; called once, before threads start. Does nothing on systems without such limits.
pub(crate) fn set_limits() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "no library wraps mallopt")]
    for (limit, value) in [
        (libc::M_MMAP_THRESHOLD, LARGE),
        (libc::M_TRIM_THRESHOLD, LARGE),
        (libc::M_ARENA_MAX, HEAPS),
    ] {
        // SAFETY: takes two integers and changes settings of the allocator under its own lock. A value that it does
        // not like changes nothing.
        let _ = unsafe { libc::mallopt(limit, value) };
    }
}

/// Gives back what is free in the middle of heaps, too. Takes milliseconds where much is allocated.
pub(crate) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "no library wraps malloc_trim")]
    // SAFETY: takes an integer, and only gives pages away that hold no allocation.
    let _ = unsafe { libc::malloc_trim(0) };
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_allocated_stays_as_it_is() {
        set_limits();
        let kept: Vec<String> = (0..20_000).map(|n| n.to_string()).collect();
        let freed: Vec<String> = (0..20_000).map(|n| format!("{n:100}")).collect();
        drop(freed);
        give_back();
        assert!((0..20_000).zip(&kept).all(|(n, text)| *text == n.to_string()));
    }
}
