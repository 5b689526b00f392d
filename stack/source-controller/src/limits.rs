//! How much of what servers offer is read.

/// The largest index of a Helm repository, in bytes; the default of `--helm-index-max-size`.
pub(crate) const INDEX: usize = 52_428_800;

/// The largest chart, in bytes; the default of `--helm-chart-max-size`.
pub(crate) const CHART: usize = 10_485_760;

/// The largest file of a chart, in bytes; the default of `--helm-chart-file-max-size`.
pub(crate) const CHART_FILE: u64 = 5_242_880;

/// How many files a chart has at most.
pub(crate) const CHART_FILES: usize = 20_000;

/// How many charts a chart wants at most.
pub(crate) const CHART_DEPENDENCIES: usize = 500;

/// How deep charts hold charts.
pub(crate) const CHART_DEPTH: usize = 16;

/// How many redirects are followed.
pub(crate) const REDIRECTS: usize = 10;

/// The deepest directory of a chart.
pub(crate) const DEPTH: usize = 64;

/// The longest answer of GitHub's API, in bytes.
pub(crate) const MAX_GITHUB_ANSWER: usize = 1 << 20;
