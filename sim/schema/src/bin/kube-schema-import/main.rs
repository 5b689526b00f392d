//! Makes `data/kubernetes.bin` from the Python package `kubernetes-validate`, unpacked, and from Go sources.
//!
//! `cargo run -p kube-schema --bin kube-schema-import -- PACKAGE-DIR OUTPUT [GO-SOURCES]`, where PACKAGE-DIR holds
//! `kubernetes-json-schema/v1.N.0-local/_definitions.json` and GO-SOURCES a tree whose folders are Go import paths
//! (`k8s.io/api/core/v1/types.go`). The definitions say what types there are; only Go sources say in which order
//! members are declared, how their types are spelt and how strategic merge treats them.

mod definitions;
mod gosource;

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

const MINORS: std::ops::RangeInclusive<u32> = 28..=37;
/// The minor whose frame stands alone.
const BASE: &str = "1.36";
const LEVEL: i32 = 19;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(package), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("usage: kube-schema-import PACKAGE-DIR OUTPUT [GO-SOURCES]".into());
    };
    let go = match arguments.next() {
        Some(folder) => gosource::read(&folder)?,
        None => gosource::Sources::default(),
    };
    let mut contents = Vec::new();
    for minor in MINORS {
        let file = package.join(format!(
            "kubernetes-json-schema/v1.{minor}.0-local/_definitions.json"
        ));
        let document: serde_json::Value = serde_json::from_slice(&std::fs::read(&file)?)?;
        let package = definitions::convert(&document, &go)?;
        contents.push((format!("1.{minor}"), kube_schema::codec::encode(&package)));
    }
    write(&output, &contents)?;
    Ok(())
}

fn write(output: &Path, contents: &[(String, Vec<u8>)]) -> Result<(), Box<dyn Error>> {
    let base = contents
        .iter()
        .position(|(minor, _)| minor == BASE)
        .ok_or("the base is missing")?;
    let mut frames = Vec::new();
    let mut head = vec![u8::try_from(contents.len())?, u8::try_from(base)?];
    for (at, (minor, content)) in contents.iter().enumerate() {
        let dictionary: &[u8] = if at == base { &[] } else { &contents[base].1 };
        let mut encoder = zstd::stream::write::Encoder::with_dictionary(Vec::new(), LEVEL, dictionary)?;
        encoder.window_log(24)?;
        encoder.write_all(content)?;
        let frame = encoder.finish()?;
        head.push(u8::try_from(minor.len())?);
        head.extend_from_slice(minor.as_bytes());
        head.extend_from_slice(&u32::try_from(content.len())?.to_le_bytes());
        head.extend_from_slice(&u32::try_from(frame.len())?.to_le_bytes());
        frames.extend_from_slice(&frame);
    }
    head.extend_from_slice(&frames);
    std::fs::write(output, head)?;
    Ok(())
}
