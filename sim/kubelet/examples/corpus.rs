//! Replays a corpus beside the controllers and prints what differs: `corpus DIR [FILTER [LINES]]`.
#![expect(clippy::print_stdout, reason = "a command line tool")]

use std::{collections::BTreeMap, path::Path};

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let dir = args.get(1).map_or(".", String::as_str);
    let filter = args.get(2).map(String::as_str).filter(|text| !text.is_empty());
    let report = apiserver::corpus::replay(Path::new(dir), filter, &kubelet::corpus::ControllerManager)?;
    let lines = args.get(3).and_then(|text| text.parse().ok()).unwrap_or(5);
    for (name, area) in &report.areas {
        let mut families: BTreeMap<&str, usize> = BTreeMap::new();
        for difference in &area.differences {
            *families.entry(&difference.family).or_default() += 1;
        }
        println!("== {name}: {} of {} {families:?}", area.matched, area.total);
        for difference in area.differences.iter().take(lines) {
            println!("{}: {}", difference.case, difference.text);
        }
    }
    println!("{report}");
    Ok(())
}
