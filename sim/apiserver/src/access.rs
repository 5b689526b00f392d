//! Who may do what: RBAC and impersonation.

mod rbac;

use crate::{
    core::Core,
    failure::{Failure, Outcome},
    request::{Incoming, Target, Verb},
    user::{self, User},
};
pub(crate) use rbac::{Action, allowed};

/// The identity after `Impersonate-*` headers.
pub(crate) fn impersonate(core: &Core, request: &Incoming, user: User) -> Outcome<User> {
    let all = |name: &str| -> Vec<String> {
        let own = request.headers.iter().filter(|(key, _)| key == name);
        own.map(|(_, value)| value.clone()).collect()
    };
    let name = request.header("impersonate-user").unwrap_or_default();
    let groups = all("impersonate-group");
    let uid = request.header("impersonate-uid").unwrap_or_default();
    if name.is_empty() {
        if groups.is_empty() && uid.is_empty() {
            return Ok(user);
        }
        let list: Vec<String> = groups.iter().map(|group| format!("{group:?}")).collect();
        return Err(Failure::bad_request(format!(
            "requested &user.DefaultInfo{{Name:\"\", UID:{uid:?}, Groups:[]string{{{}}}, Extra:map[string][]string(nil)}} without impersonating a user name",
            list.join(", ")
        )));
    }
    let mut wanted = vec![match user::parse_service_account(name) {
        Some((namespace, account)) => ("serviceaccounts", namespace, account.to_owned()),
        None => ("users", "", name.to_owned()),
    }];
    wanted.extend(groups.iter().map(|group| ("groups", "", group.clone())));
    for (resource, namespace, name) in wanted {
        let action = Action { verb: "impersonate", group: "", resource, subresource: "", namespace, name: &name };
        if !allowed(core, &user, &action) {
            let detail = format!(
                "User {:?} cannot impersonate resource {resource:?} in API group \"\"{}",
                user.name,
                place(namespace)
            );
            return Err(Failure::forbidden("", resource, &name, &detail));
        }
    }
    let mut next = User { name: name.to_owned(), uid: uid.to_owned(), ..User::default() };
    next.groups = match (groups.is_empty(), user::parse_service_account(name)) {
        (true, Some((namespace, _))) => user::service_account_groups(namespace),
        (true, None) => Vec::new(),
        (false, _) => groups,
    };
    let anonymous = name == "system:anonymous";
    let class = if anonymous { "system:unauthenticated" } else { "system:authenticated" };
    if !next.in_group(class) {
        next.groups.push(class.to_owned());
    }
    Ok(next)
}

fn place(namespace: &str) -> String {
    if namespace.is_empty() {
        " at the cluster scope".to_owned()
    } else {
        format!(" in the namespace {namespace:?}")
    }
}

/// Refuses what no rule allows.
pub(crate) fn authorize(core: &Core, user: &User, target: &Target) -> Outcome<()> {
    if target.verb == Verb::Create && target.subresource.is_empty() {
        let unnamed = Target { name: String::new(), ..target.clone() };
        return authorize_named(core, user, &unnamed);
    }
    authorize_named(core, user, target)
}

/// Refuses what no rule allows, a creation under its name.
pub(crate) fn authorize_named(core: &Core, user: &User, target: &Target) -> Outcome<()> {
    let verb = target.verb.name();
    // A namespace is judged by the rules inside it.
    let inside = target.gvr.group.is_empty() && target.gvr.resource == "namespaces";
    let namespace = if inside { target.name.as_str() } else { target.namespace.as_str() };
    let action = Action {
        verb,
        group: &target.gvr.group,
        resource: &target.gvr.resource,
        subresource: &target.subresource,
        namespace,
        name: &target.name,
    };
    if allowed(core, user, &action) {
        return Ok(());
    }
    let full = if target.subresource.is_empty() {
        target.gvr.resource.clone()
    } else {
        format!("{}/{}", target.gvr.resource, target.subresource)
    };
    let detail = format!(
        "User {:?} cannot {verb} resource {full:?} in API group {:?}{}",
        user.name,
        target.gvr.group,
        place(namespace)
    );
    Err(Failure::forbidden(&target.gvr.group, &target.gvr.resource, &target.name, &detail))
}

/// Refuses paths that are not open to everybody.
pub(crate) fn authorize_path(core: &Core, user: &User, method: &str, path: &str) -> Outcome<()> {
    if rbac::path_allowed(core, user, method, path) {
        return Ok(());
    }
    let verb = method.to_ascii_lowercase();
    Err(Failure::forbidden("", "", "", &format!("User {:?} cannot {verb} path {path:?}", user.name)))
}
