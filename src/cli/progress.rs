//! How far long work is: a bar on a terminal, nothing elsewhere.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for this many bytes.
pub(super) fn bytes(total: u64) -> ProgressBar {
    bar(total, "{bar:30} {percent:>3} %  {wide_msg}")
}

/// A bar for this many seconds of a made-up past.
pub(super) fn seconds(total: u64) -> ProgressBar {
    bar(total, "{bar:30} {percent:>3} %  time passes, {eta} left")
}

fn bar(total: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
