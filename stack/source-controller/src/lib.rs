//! source-controller: sources become artifacts
