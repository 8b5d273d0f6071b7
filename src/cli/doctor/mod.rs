//! `doctor`: looks for what keeps NetKestrel from seeing everything on this host, and says how to mend it.
//! Reading a fact and judging it are separate functions, so that every judgement is tested without the fact.

mod alertmanager;
mod check;
mod clock;
mod configuration;
mod host;
mod listen;
mod log_file;
mod names;
mod ping;
mod route;
mod storage;

use self::check::{Check, Verdict};
use super::{
    Form,
    answer::{Answer, Exit},
    flags::{Flags, environment},
};
use crate::{
    config::{self, Config},
    sys::capabilities,
};

pub(super) fn answer(flags: &Flags, form: Form) -> Answer {
    let loaded = flags.load();
    let checks = examine(&loaded);
    let text = match form {
        Form::Text => check::render_text(&checks, terminal_width()),
        Form::Json => check::render_json(&checks),
    };
    Answer {
        text,
        complaint: String::new(),
        exit: exit(loaded.is_ok(), &checks),
    }
}

/// A wrong configuration is the user's fault, whatever else is wrong.
fn exit(configuration_is_good: bool, checks: &[Check]) -> Exit {
    match (
        configuration_is_good,
        checks.iter().any(|check| check.verdict == Verdict::Fail),
    ) {
        (false, _) => Exit::UsersFault,
        (true, true) => Exit::WorldsFault,
        (true, false) => Exit::Fine,
    }
}

/// All checks. With a configuration that cannot be used, the others look at the defaults.
fn examine(loaded: &Result<config::Loaded, config::Error>) -> Vec<Check> {
    let defaults = Config::default();
    let config = loaded.as_ref().map_or(&defaults, |loaded| &loaded.config);
    // Namespaces of other processes cannot be read without the privileges that `run` drops.
    let namespace = host::namespace(&config.collectors.paths);
    // From here on we hold what `run` would hold; when dropping fails, the checks show that too.
    let _ = capabilities::keep_only_net_raw();

    let mut checks = vec![configuration::check(loaded)];
    checks.extend(ping::checks(&config.collectors.devices));
    checks.push(namespace);
    checks.extend(host::roots(&config.collectors.paths));
    checks.push(route::check(&config.collectors.paths, &config.collectors.devices));
    checks.push(names::check(&config.collectors.devices));
    checks.push(listen::check(&config.web.listen_address));
    checks.extend(storage::checks(config.data_dir_in(&environment()).as_deref()));
    checks.extend(log_file::check(&config.log));
    checks.push(clock::check());
    checks.extend(configuration::mail(config));
    checks.extend(alertmanager::checks(&config.notifiers.alertmanager));
    checks
}

fn terminal_width() -> usize {
    terminal_size::terminal_size().map_or(110, |(width, _)| usize::from(width.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_decide_the_exit_code() {
        let (ok, warn, fail) = (
            Check::ok("a", "fine"),
            Check::warn("b", "so so", "mend it"),
            Check::fail("c", "broken", "mend it"),
        );
        for (good, checks, expected) in [
            (true, vec![ok.clone(), warn.clone()], Exit::Fine),
            (true, vec![ok.clone(), fail.clone()], Exit::WorldsFault),
            (false, vec![fail, warn], Exit::UsersFault),
        ] {
            assert_eq!(exit(good, &checks), expected);
        }
    }
}
