//! The multi-call binary: one subcommand a component
