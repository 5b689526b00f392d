//! Makes `data/messages.zst` from Kubernetes' public Go modules.
//!
//! `cargo run -p kube-protobuf --bin kube-protobuf-import -- OUTPUT FOLDER=IMPORT-PATH...`, where each FOLDER is a
//! module as the Go tool unpacks it (`k8s.io/api@v0.36.2=k8s.io/api`). Messages come from `generated.proto`; names in
//! JSON, pointers and inlined structs from the tags of Go structs; groups from `register.go`.

mod gosource;
mod proto;

use std::{
    collections::BTreeMap,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use gosource::{Field, Package};
use proto::Message;

const LEVEL: i32 = 19;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let output = PathBuf::from(arguments.next().ok_or("usage: OUTPUT FOLDER=IMPORT-PATH...")?);
    let mut messages: BTreeMap<String, Message> = BTreeMap::new();
    let mut packages: BTreeMap<String, Package> = BTreeMap::new();
    for argument in arguments {
        let text = argument.to_str().ok_or("an argument is no text")?;
        let (folder, _) = text.split_once('=').ok_or("FOLDER=IMPORT-PATH")?;
        let mut folders = vec![PathBuf::from(folder)];
        while let Some(folder) = folders.pop() {
            if folder.ends_with("testapigroup") {
                continue;
            }
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                }
            }
            read(&folder, &mut messages, &mut packages)?;
        }
    }
    let text = write(&messages, &packages)?;
    fs::write(&output, zstd::bulk::compress(text.as_bytes(), LEVEL)?)?;
    Ok(())
}

fn read(
    folder: &Path,
    messages: &mut BTreeMap<String, Message>,
    packages: &mut BTreeMap<String, Package>,
) -> Result<(), Box<dyn Error>> {
    let Ok(text) = fs::read_to_string(folder.join("generated.proto")) else {
        return Ok(());
    };
    let (package, own) = proto::parse(&text);
    messages.extend(own);
    packages.insert(package, gosource::read(folder)?);
    Ok(())
}

/// A line for each group version, message and member.
fn write(
    messages: &BTreeMap<String, Message>,
    packages: &BTreeMap<String, Package>,
) -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    for (name, package) in packages {
        let version = name.rsplit('.').next().unwrap_or_default();
        if let Some(group) = &package.group {
            writeln!(text, ":{group} {version} {name}")?;
        }
    }
    let places: BTreeMap<&str, usize> = messages
        .keys()
        .enumerate()
        .map(|(at, name)| (name.as_str(), at))
        .collect();
    for (name, message) in messages {
        let (package, short) = name.rsplit_once('.').unwrap_or_default();
        let found = packages.get(package).and_then(|own| own.structs.get(short));
        let list = found.is_none() && message.is_list();
        // Structs without tags are read by hand.
        let fields = found.filter(|fields| !fields.is_empty());
        writeln!(text, "={name}{}", if list { " list" } else { "" })?;
        for member in &message.members {
            let field = fields.and_then(|fields| fields.get(&member.number));
            let own = Field {
                name: member.name.clone(),
                ..Field::default()
            };
            let field = match field {
                Some(field) => field,
                None if fields.is_none() => &own,
                // What Go does not have in JSON is not shown.
                None => continue,
            };
            let ty = member
                .spell(package, &places)
                .ok_or_else(|| format!("{name}: type of {}", member.name))?;
            writeln!(text, "{} {ty} {}{}", member.number, field.name, field.marks())?;
        }
    }
    Ok(text)
}
