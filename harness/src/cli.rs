//! The command line of `gitops-conformance`, and its exit codes.

mod attached;
mod build;
mod select;
mod world;

use std::{
    io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::Duration,
};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    Attached, GitSite, Site, SnapshotMode, bench,
    event::Summary,
    limits,
    report::{Json, Junit, Reporter, Terminal, TraceFile},
    run::{self, Options},
    scenario::{Catalogue, Roots, json_schema},
};

pub use select::{Selection, select};

/// What the program's exit code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Every selected scenario passed.
    Passed = 0,
    /// A scenario could not be judged, or the program itself failed.
    Broken = 1,
    /// The command line or a scenario file is wrong.
    Usage = 2,
    /// Something that the run needs is missing or cannot be written.
    Environment = 3,
    /// No scenario was selected.
    NothingSelected = 4,
    /// A scenario failed.
    Failed = 100,
    /// The run was interrupted.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Judges an installation of the GitOps extension.
///
/// Exit codes: 0 passed, 1 broken, 2 wrong use or a wrong scenario file, 3 environment, 4 nothing selected,
/// 100 failed, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "gitops-conformance", version)]
struct Cli {
    /// The folder with scenarios/ and fixtures/; found above the current folder if absent.
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs scenarios.
    Run(Run),
    /// Checks every scenario file without running it.
    Lint,
    /// Prints the JSON Schema of scenario files.
    Schema,
    /// Measures the figures that the README quotes, the whole suite among them.
    Bench,
    /// Prints what would come of a directory, without any cluster.
    Build(build::BuildArgs),
    /// Opens a cluster in real time for kubectl, git and controllers.
    World(world::WorldArgs),
    /// Replays recorded API exchanges and prints how many are answered alike.
    Corpus {
        /// A folder of recorded cases, or one area of it.
        dir: PathBuf,
        /// Only areas and cases whose name contains this.
        filter: Option<String>,
    },
}

#[derive(Debug, Args)]
struct Run {
    /// Only scenarios whose name contains this.
    filter: Option<String>,
    /// The filter is a whole name; no such scenario is an error.
    #[arg(long, requires = "filter")]
    exact: bool,
    /// Prints the names of the selected scenarios and runs nothing.
    #[arg(long)]
    list: bool,
    /// Where the scenarios run.
    #[arg(long, value_enum, default_value_t = Target::Sim)]
    target: Target,
    /// The kubeconfig of target attached.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context in it; never the default one.
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// The Git server of target attached, to which fixtures are pushed; with the cluster's view of it, if that differs.
    #[arg(long, value_name = "HOST_URL[=IN_CLUSTER_URL]")]
    git: Option<GitSite>,
    /// The longest hold where time is real.
    #[arg(long, value_name = "DURATION", value_parser = stdx::duration::parse)]
    max_hold: Option<Duration>,
    /// What all chance comes from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Runs each scenario under the faults that each of these seeds draws; both ends of a range count.
    #[arg(long, value_name = "SEED[..SEED]", value_parser = seeds)]
    faults: Option<RangeInclusive<u64>>,
    /// How many scenarios run at once; the machine's number of processors if absent.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Ends the run at the first scenario that does not pass.
    #[arg(long)]
    fail_fast: bool,
    /// Rewrites snapshots that differ.
    #[arg(long)]
    update_snapshots: bool,
    /// Writes what happened as JSON lines.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Writes reports: junit=FILE, json=FILE.
    #[arg(long, value_name = "KIND=FILE", value_delimiter = ',', value_parser = report)]
    report: Vec<(Format, PathBuf)>,
}

/// Where scenarios run.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Target {
    /// A simulated cluster in this process, in virtual time.
    Sim,
    /// The same world in real time behind sockets, one for each scenario.
    Local,
    /// A cluster that is there already: needs --kubeconfig, --context and --git.
    Attached,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Junit,
    Json,
}

fn seeds(text: &str) -> Result<RangeInclusive<u64>, String> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text:?}: {error}"));
    let (first, last) = (number(first)?, number(last)?);
    if first > last {
        return Err(format!("no seed between {first} and {last}"));
    }
    Ok(first..=last)
}

fn report(text: &str) -> Result<(Format, PathBuf), String> {
    let (kind, file) = text.split_once('=').ok_or("expected junit=FILE or json=FILE")?;
    let format = match kind {
        "junit" => Format::Junit,
        "json" => Format::Json,
        other => return Err(format!("unknown report {other:?}, expected junit or json")),
    };
    Ok((format, PathBuf::from(file)))
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; both go where they belong.
            let _ = error.print();
            let code = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Passed
            };
            return code.into();
        }
    };
    match dispatch(&cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            complain(&format!("error: {error}"));
            Exit::Environment.into()
        }
    }
}

fn dispatch(cli: &Cli) -> io::Result<Exit> {
    match &cli.command {
        Command::Schema => {
            print(&json_schema());
            Ok(Exit::Passed)
        }
        Command::Build(args) => build::run(args),
        Command::World(args) => world::run(args),
        Command::Corpus { dir, filter } => corpus(dir, filter.as_deref()),
        Command::Bench => bench(&read(cli.root.as_deref())?),
        Command::Lint => {
            let catalogue = read(cli.root.as_deref())?;
            Ok(lint(&catalogue).unwrap_or(Exit::Passed))
        }
        Command::Run(args) => {
            let catalogue = read(cli.root.as_deref())?;
            if let Some(exit) = lint(&catalogue) {
                return Ok(exit);
            }
            execute(&catalogue, args)
        }
    }
}

fn read(root: Option<&Path>) -> io::Result<Catalogue> {
    let roots = match root {
        Some(root) => Roots::at(root),
        None => Roots::above(&std::env::current_dir()?).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "no folder with scenarios/requirements.yaml here or above; give --root",
            )
        })?,
    };
    Catalogue::read(roots)
}

/// Prints what is wrong in the files; gives the exit code if anything is.
fn lint(catalogue: &Catalogue) -> Option<Exit> {
    if catalogue.findings.is_empty() {
        return None;
    }
    for finding in &catalogue.findings {
        complain(&finding.to_string());
    }
    complain(&format!(
        "{} findings in scenario files",
        catalogue.findings.len()
    ));
    Some(Exit::Usage)
}

fn execute(catalogue: &Catalogue, args: &Run) -> io::Result<Exit> {
    let site = match site(args) {
        Ok(site) => site,
        Err(complaint) => {
            complain(&format!("error: {complaint}"));
            return Ok(Exit::Usage);
        }
    };
    let selected = match select(catalogue, args.filter.as_deref(), args.exact) {
        Selection::Some(selected) => selected,
        Selection::None(remedy) => {
            complain(&remedy);
            return Ok(Exit::NothingSelected);
        }
    };
    if args.list {
        let names: Vec<&str> = selected.iter().map(|source| source.name.as_str()).collect();
        print(&format!("{}\n", names.join("\n")));
        return Ok(Exit::Passed);
    }
    let mut options = options(catalogue, args.seed);
    if args.update_snapshots {
        options.snapshots = SnapshotMode::Update;
    }
    options.trace = args.trace.is_some();
    options.site = site;
    options.max_hold = args.max_hold.unwrap_or(options.max_hold);
    options.jobs = args.jobs.unwrap_or(options.jobs);
    options.fail_fast = args.fail_fast;
    options.faults = args.faults.clone().into_iter().flatten().collect();
    let mut reporters: Vec<Box<dyn Reporter>> = vec![Box::new(Terminal::new())];
    for (format, path) in &args.report {
        reporters.push(match format {
            Format::Junit => Box::new(Junit::create(path)?),
            Format::Json => Box::new(Json::create(path)?),
        });
    }
    if let Some(path) = &args.trace {
        reporters.push(Box::new(TraceFile::create(path)?));
    }
    let entered = attached::enter(&mut options)?;
    let summary = run::run(selected, &options, &mut reporters, |interrupt| {
        // Without a handler Ctrl-C still ends the program, only without a summary.
        let _ = ctrlc::set_handler(move || interrupt.now());
    });
    attached::leave(entered);
    Ok(exit_of(&summary?))
}

/// Where the words say that it takes place.
fn site(args: &Run) -> Result<Site, String> {
    if args.faults.is_some() && !matches!(args.target, Target::Sim) {
        return Err("--faults needs virtual time: only target sim has it".to_owned());
    }
    let of_attached = args.kubeconfig.is_some() || args.context.is_some() || args.git.is_some();
    match args.target {
        Target::Sim | Target::Local if of_attached => {
            Err("--kubeconfig, --context and --git belong to --target attached".to_owned())
        }
        Target::Sim => Ok(Site::Sim),
        Target::Local => Ok(Site::Local),
        Target::Attached => match (&args.kubeconfig, &args.context, &args.git) {
            (Some(kubeconfig), Some(context), Some(git)) => Ok(Site::Attached(Attached {
                kubeconfig: kubeconfig.clone(),
                context: context.clone(),
                git: git.clone(),
            })),
            _ => Err(
                "--target attached needs --kubeconfig, --context and --git: no cluster is ever guessed"
                    .to_owned(),
            ),
        },
    }
}

fn bench(catalogue: &Catalogue) -> io::Result<Exit> {
    for figure in bench::measure()? {
        print(&format!("{:<44} {}\n", figure.what, figure.value));
    }
    let options = options(catalogue, 1);
    let count = catalogue.scenarios.len();
    let summary = run::run(catalogue.scenarios.clone(), &options, &mut [], |_| {})?;
    let what = format!("{count} scenarios, {} passed", summary.passed);
    print(&format!("{what:<44} {:.2} s\n", summary.seconds));
    Ok(exit_of(&summary))
}

fn options(catalogue: &Catalogue, seed: u64) -> Options {
    Options {
        jobs: thread::available_parallelism().map_or(1, usize::from),
        ..Options::new(catalogue.roots.clone(), seed)
    }
}

fn exit_of(summary: &Summary) -> Exit {
    if summary.interrupted {
        Exit::Interrupted
    } else if summary.failed > 0 {
        Exit::Failed
    } else if summary.broken > 0 {
        Exit::Broken
    } else {
        Exit::Passed
    }
}

fn corpus(dir: &Path, filter: Option<&str>) -> io::Result<Exit> {
    let report = apiserver::corpus::replay(dir, filter, &kubelet::corpus::ControllerManager)?;
    for (name, area) in &report.areas {
        for difference in area.differences.iter().take(limits::DIFFERENCES_SHOWN) {
            print(&format!(
                "{name}/{} [{}]: {}\n",
                difference.case, difference.family, difference.text
            ));
        }
    }
    print(&format!("{report}\n"));
    let (_, total) = report.totals();
    Ok(if total == 0 {
        Exit::NothingSelected
    } else {
        Exit::Passed
    })
}

#[expect(clippy::print_stdout, reason = "the program's answer")]
fn print(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "the program's complaints")]
fn complain(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests;
