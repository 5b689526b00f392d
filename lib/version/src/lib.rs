//! Masterminds semantic versions and ranges, with vectors from Go
