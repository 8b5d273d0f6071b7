//! Facts about this build, set by the build script.

/// Version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Short commit, or `unknown` outside a checkout.
pub const REVISION: &str = env!("BUILD_REVISION");
/// Version of the compiler.
pub const RUST_VERSION: &str = env!("BUILD_RUST_VERSION");
