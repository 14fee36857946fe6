//! The program. Everything it does is in the library, where tests reach it.

fn main() -> std::process::ExitCode {
    // Before any client is made: reqwest asks the process for its crypto provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    heald::cli::main()
}
