//! One binary for what needs neither systemd nor Docker: the project's own rules, what is shipped, the command line.

mod licences;
mod tidy;
