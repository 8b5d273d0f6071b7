//! The `netkestrel` program: flags to configuration to a running application to an exit code.

fn main() -> std::process::ExitCode {
    netkestrel::cli::main(std::env::args_os())
}
