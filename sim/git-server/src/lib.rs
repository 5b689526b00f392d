//! Git repositories built from fixture trees, served over smart HTTP in process
