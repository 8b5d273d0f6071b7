//! The `netkestrel` program: flags to configuration to a running application to an exit code.

fn main() {}
