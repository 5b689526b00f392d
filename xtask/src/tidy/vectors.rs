//! Every vector and every data file says which program it comes from.

use std::{fs, path::Path};

use anyhow::Result;

use super::{Finding, relative};

pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for role in ["lib", "sim", "stack", "harness"] {
        for entry in walkdir::WalkDir::new(root.join(role)).sort_by_file_name() {
            let Ok(entry) = entry else { continue };
            let path = relative(root, entry.path());
            let inside = path.split('/').any(|part| part == "vectors" || part == "data");
            if !entry.file_type().is_file() || !inside || has_source(entry.path(), root)? {
                continue;
            }
            let text = "names the program it comes from: a SOURCE line in the file, or a file SOURCE beside or above it";
            findings.push(Finding::new(path, text));
        }
    }
    Ok(findings)
}

fn has_source(file: &Path, root: &Path) -> Result<bool> {
    let named =
        |folder: &Path| fs::read_to_string(folder.join("SOURCE")).is_ok_and(|text| !text.trim().is_empty());
    if file
        .ancestors()
        .skip(1)
        .take_while(|folder| *folder != root)
        .any(named)
    {
        return Ok(true);
    }
    let bytes = fs::read(file)?;
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]).into_owned();
    Ok(head.contains("SOURCE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_without_origin_is_found() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("lib/a/vectors");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("x.json"), "{}").unwrap();
        fs::write(folder.join("y.json"), "{\"SOURCE\": \"helm 4.2.3\"}").unwrap();
        let found = check(root.path()).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].place, "lib/a/vectors/x.json");
        fs::write(folder.join("SOURCE"), "helm 4.2.3").unwrap();
        assert_eq!(check(root.path()).unwrap(), []);
    }
}
