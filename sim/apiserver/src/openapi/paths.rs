//! Where resources are, and what can be done there.

use serde_json::{Map, Value, json};

use super::{
    names,
    operations::{About, capital, operation, path_parameters},
    schemas::{custom_name, sub_kind},
    version_path,
};
use crate::{
    custom::{Definition, Version},
    kinds::{self, Kind},
};

/// A resource and its place.
struct Place<'a> {
    base: String,
    resource: &'a str,
    namespaced: bool,
}

impl Place<'_> {
    fn collection(&self) -> String {
        if self.namespaced {
            format!("/{}/namespaces/{{namespace}}/{}", self.base, self.resource)
        } else {
            format!("/{}/{}", self.base, self.resource)
        }
    }

    fn everywhere(&self) -> String {
        format!("/{}/{}", self.base, self.resource)
    }

    fn object(&self) -> String {
        format!("{}/{{name}}", self.collection())
    }

    /// The older form of watches: the same path below `watch`.
    fn watching(&self, path: &str) -> String {
        path.replacen(&format!("/{}/", self.base), &format!("/{}/watch/", self.base), 1)
    }
}

/// All paths of a built-in group version.
pub(super) fn builtin(group: &str, version: &str) -> Map<String, Value> {
    let base = version_path(group, version);
    let mut paths = Map::new();
    let list = json!({
        "operationId": format!("get{}{}Resources", id_group(group), capital(version)),
        "responses": {"200": {"description": "OK"}},
    });
    paths.insert(format!("/{base}/"), json!({ "get": list }));
    for kind in kinds::all()
        .iter()
        .filter(|kind| kind.group == group && kind.version == version)
    {
        let place = Place {
            base: base.clone(),
            resource: kind.resource,
            namespaced: kind.namespaced,
        };
        resource(&mut paths, &place, kind.verbs, &about(kind));
        for sub in kind.subresources {
            let (group, version, name) = sub_kind(kind, sub);
            let known = names::types().is_some_and(|types| types.kind((group, version, name)).is_some());
            let about = About {
                group: group.to_owned(),
                version: version.to_owned(),
                kind: name.to_owned(),
                object: known.then(|| names::kind(group, version, name)),
                list: None,
                custom: false,
                id: format!("{}{}", about(kind).id, capital(sub.name)),
            };
            let path = format!("{}/{}", place.object(), sub.name);
            add(&mut paths, &path, sub.verbs, &about, sub.verbs == ["create"]);
            if sub.name == "proxy" {
                add(&mut paths, &format!("{path}/{{path}}"), sub.verbs, &about, true);
            }
        }
    }
    paths
}

fn id_group(group: &str) -> String {
    if group.is_empty() {
        return "Core".to_owned();
    }
    capital(group.split('.').next().unwrap_or_default())
}

fn about(kind: &Kind) -> About {
    let known =
        names::types().is_some_and(|types| types.kind((kind.group, kind.version, kind.kind)).is_some());
    let scope = if kind.namespaced { "Namespaced" } else { "" };
    About {
        group: kind.group.to_owned(),
        version: kind.version.to_owned(),
        kind: kind.kind.to_owned(),
        object: known.then(|| names::kind(kind.group, kind.version, kind.kind)),
        list: known.then(|| names::kind(kind.group, kind.version, &format!("{}List", kind.kind))),
        custom: false,
        id: format!(
            "{}{}{scope}{}",
            id_group(kind.group),
            capital(kind.version),
            kind.kind
        ),
    }
}

/// The paths of a version of a custom resource.
pub(super) fn custom(definition: &Definition, version: &Version) -> Map<String, Value> {
    let place = Place {
        base: version_path(&definition.group, &version.name),
        resource: &definition.plural,
        namespaced: definition.namespaced,
    };
    let scope = if definition.namespaced { "Namespaced" } else { "" };
    let group: String = definition.group.split(['.', '-']).map(capital).collect();
    let about = |name: Option<(&str, &str, &str)>, suffix: &str| {
        let (group_name, version_name, kind) =
            name.unwrap_or((&definition.group, &version.name, &definition.kind));
        About {
            group: group_name.to_owned(),
            version: version_name.to_owned(),
            kind: kind.to_owned(),
            object: name
                .is_none()
                .then(|| custom_name(definition, version, &definition.kind)),
            list: Some(custom_name(definition, version, &definition.list_kind)),
            custom: true,
            id: format!(
                "{group}{}{scope}{}{suffix}",
                capital(&version.name),
                definition.kind
            ),
        }
    };
    let mut paths = Map::new();
    let verbs = [
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
    ];
    resource(&mut paths, &place, &verbs, &about(None, ""));
    let writes = ["get", "patch", "update"];
    if version.status {
        let path = format!("{}/status", place.object());
        add(&mut paths, &path, &writes, &about(None, "Status"), false);
    }
    if version.scale.is_some() {
        let path = format!("{}/scale", place.object());
        let scale = Some(("autoscaling", "v1", "Scale"));
        add(&mut paths, &path, &writes, &about(scale, "Scale"), false);
    }
    paths
}

fn resource(paths: &mut Map<String, Value>, place: &Place<'_>, verbs: &[&str], about: &About) {
    let of = |wanted: &[&'static str]| -> Vec<&'static str> {
        let has = |verb: &&&'static str| verbs.contains(verb);
        wanted.iter().filter(has).copied().collect()
    };
    let collection = of(&["create", "deletecollection", "list"]);
    add(paths, &place.collection(), &collection, about, false);
    let object = of(&["delete", "get", "patch", "update"]);
    add(paths, &place.object(), &object, about, false);
    if place.namespaced && verbs.contains(&"list") {
        let everywhere = About {
            id: format!("{}ForAllNamespaces", about.id),
            ..copy(about)
        };
        add(paths, &place.everywhere(), &["list"], &everywhere, false);
    }
    if verbs.contains(&"watch") {
        let mut watched = vec![place.collection(), place.object()];
        if place.namespaced {
            watched.push(place.everywhere());
        }
        for (at, path) in watched.iter().enumerate() {
            let own = About {
                id: format!("Watch{}{at}", about.id),
                ..copy(about)
            };
            add(paths, &place.watching(path), &["list"], &own, false);
        }
    }
}

fn copy(about: &About) -> About {
    About {
        group: about.group.clone(),
        version: about.version.clone(),
        kind: about.kind.clone(),
        object: about.object.clone(),
        list: about.list.clone(),
        custom: about.custom,
        id: String::new(),
    }
}

fn add(paths: &mut Map<String, Value>, path: &str, verbs: &[&str], about: &About, connects: bool) {
    let mut item = Map::new();
    for verb in verbs {
        if let Some((method, operation)) = operation(verb, about, connects) {
            item.insert(method.to_owned(), operation);
        }
    }
    if item.is_empty() {
        return;
    }
    item.insert("parameters".to_owned(), path_parameters(path).into());
    paths.insert(path.to_owned(), item.into());
}
