//! What happens where a test lacks something: a skip that everyone sees, or a failure where nothing may be skipped.

use std::io::Write;

/// Whether `NETKESTREL_TEST_REQUIRE=1` forbids to skip; no other value does.
pub(crate) fn nothing_may_be_skipped() -> bool {
    std::env::var_os("NETKESTREL_TEST_REQUIRE").is_some_and(|value| value == "1")
}

/// Reports that the test is skipped; it is to return at once.
///
/// # Panics
/// Where nothing may be skipped.
pub(crate) fn skip(test: &str, reason: &str) {
    assert!(
        !nothing_may_be_skipped(),
        "{test} may not be skipped here, but {reason}"
    );
    show("SKIPPED", test, reason);
}

/// Prints a line that `scripts/test` counts. Unlike one of `eprintln!` it is shown for tests that pass, too.
pub(crate) fn show(what: &str, test: &str, reason: &str) {
    // All at once, so that lines of other tests do not come between.
    let line = format!("{what} {test}: {reason}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
