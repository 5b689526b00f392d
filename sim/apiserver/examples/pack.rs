//! Writes the project's own copy of recorded exchanges: `pack DIR FILE`.
#![expect(clippy::print_stdout, reason = "a command line tool")]

use std::{io, path::Path};

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, dir, file] = args.as_slice() else {
        return Err(io::Error::other("usage: pack DIR FILE"));
    };
    let cases = apiserver::corpus::pack(Path::new(dir), Path::new(file))?;
    println!("{cases} cases");
    Ok(())
}
