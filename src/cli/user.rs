//! Who runs the command, by name: what people sign with when they do not say.

use std::ffi::OsString;

/// The name in the environment, else the one the system has for this process; empty when neither tells.
pub(super) fn name(environment: &[(OsString, OsString)]) -> String {
    let variable = |wanted: &str| {
        let found = environment.iter().find(|(name, _)| name == wanted)?;
        let name = found.1.to_string_lossy().into_owned();
        (!name.is_empty()).then_some(name)
    };
    let variables = ["LOGNAME", "USER", "USERNAME"];
    let told = variables.into_iter().find_map(variable);
    told.unwrap_or_else(of_the_system)
}

/// The name of this process's user in the list of users; where it is not in there, its number.
#[cfg(target_os = "linux")]
fn of_the_system() -> String {
    let uid = rustix::process::getuid().as_raw();
    let users = std::fs::read("/etc/passwd").unwrap_or_default();
    let users = String::from_utf8_lossy(&users);
    name_of(uid, &users).unwrap_or_else(|| format!("uid {uid}"))
}

#[cfg(not(target_os = "linux"))]
fn of_the_system() -> String {
    String::new()
}

/// `name:password:uid:…`, one user a line.
#[cfg(any(target_os = "linux", test))]
fn name_of(uid: u32, users: &str) -> Option<String> {
    let user = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let found: u32 = fields.nth(1)?.parse().ok()?;
        (found == uid && !name.is_empty()).then(|| name.to_owned())
    };
    users.lines().find_map(user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_tells_first() {
        let environment = |pairs: &[(&str, &str)]| -> Vec<(OsString, OsString)> {
            pairs
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect()
        };
        for (pairs, expected) in [
            (&[("USER", "kim"), ("LOGNAME", "lee")][..], "lee"),
            (&[("LOGNAME", ""), ("USER", "kim")], "kim"),
            (&[("USERNAME", "Kim")], "Kim"),
        ] {
            assert_eq!(name(&environment(pairs)), expected);
        }
        assert_eq!(name(&[]).is_empty(), !cfg!(target_os = "linux"));
    }

    #[test]
    fn the_list_of_users_knows_names() {
        let users = "root:x:0:0:root:/root:/bin/sh\n# none\nkim:x:1000:1000::/home/kim:\n";
        assert_eq!(name_of(1000, users).as_deref(), Some("kim"));
        assert_eq!(name_of(7, users), None);
    }
}
