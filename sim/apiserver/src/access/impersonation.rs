//! Acting as somebody else: the `Impersonate-*` headers.
//!
//! Since 1.36 there are two ways to be allowed to. The narrow ones name what may be done as the other
//! (`impersonate-on:user-info:list`) and who that is (`impersonate:user-info`); the old one is the plain verb
//! `impersonate`. The ways are tried in order, the one that worked last for the caller first, and the first refusal is
//! what the caller reads.

use std::collections::BTreeMap;

use kube_schema::gotext::quote;

use super::{
    Attributes, place,
    rbac::{Action, Verdict, judge},
};
use crate::{
    core::Core,
    failure::{Failure, Outcome},
    request::{Incoming, unescape},
    user::{self, User},
};

const GROUP: &str = "authentication.k8s.io";

/// A way to be allowed to impersonate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// Any node, by its name alone.
    Node,
    /// A ServiceAccount, by its name alone.
    ServiceAccount,
    /// Everybody else, with groups, uid and extras.
    UserInfo,
    /// The verb `impersonate`.
    Legacy,
}

const MODES: [Mode; 4] = [Mode::Node, Mode::ServiceAccount, Mode::UserInfo, Mode::Legacy];

/// The identity after the headers.
pub(crate) fn impersonate(
    core: &mut Core,
    request: &Incoming,
    attributes: &Attributes<'_>,
    user: User,
) -> Outcome<User> {
    let Some(wanted) = wanted(request)? else {
        return Ok(user);
    };
    let last = core.state.impersonations.get(&user.name).copied();
    let mut modes: Vec<Mode> = last.into_iter().collect();
    modes.extend(MODES.into_iter().filter(|mode| Some(*mode) != last));
    let mut refusal = None;
    for mode in modes {
        match check(core, mode, &user, &wanted, attributes) {
            Some(Ok(())) => {
                core.state.impersonations.insert(user.name.clone(), mode);
                return Ok(complete(wanted));
            }
            Some(Err(failure)) => {
                refusal.get_or_insert(failure);
            }
            None => {}
        }
    }
    Err(refusal.unwrap_or_else(|| Failure::forbidden("", "", "", "all impersonation modes failed")))
}

/// Who the headers speak of; `None` without any.
fn wanted(request: &Incoming) -> Outcome<Option<User>> {
    const EXTRA: &str = "impersonate-extra-";
    let all = |name: &str| -> Vec<String> {
        let own = request.headers.iter().filter(|(key, _)| key == name);
        own.map(|(_, value)| value.clone()).collect()
    };
    let name = request.header("impersonate-user").unwrap_or_default().to_owned();
    let uid = request.header("impersonate-uid").unwrap_or_default().to_owned();
    let groups = all("impersonate-group");
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, value) in &request.headers {
        if let Some(key) = key.strip_prefix(EXTRA) {
            let key = unescape(key, false).to_lowercase();
            extra.entry(key).or_default().push(value.clone());
        }
    }
    if !name.is_empty() {
        return Ok(Some(User {
            name,
            groups,
            uid,
            extra,
        }));
    }
    if groups.is_empty() && uid.is_empty() && extra.is_empty() {
        return Ok(None);
    }
    let list = |values: &[String]| {
        let quoted: Vec<String> = values.iter().map(|value| quote(value)).collect();
        match quoted.as_slice() {
            [] => "[]string(nil)".to_owned(),
            quoted => format!("[]string{{{}}}", quoted.join(", ")),
        }
    };
    let extras: Vec<String> = extra
        .iter()
        .map(|(key, values)| format!("{}:{}", quote(key), list(values)))
        .collect();
    let extras = match extras.as_slice() {
        [] => "map[string][]string(nil)".to_owned(),
        extras => format!("map[string][]string{{{}}}", extras.join(", ")),
    };
    Err(Failure::bad_request(format!(
        "requested &user.DefaultInfo{{Name:\"\", UID:{}, Groups:{}, Extra:{extras}}} without impersonating a user name",
        quote(&uid),
        list(&groups),
    )))
}

/// Whether one way allows it; `None` if it does not concern whom the caller wants to be.
fn check(
    core: &Core,
    mode: Mode,
    user: &User,
    wanted: &User,
    attributes: &Attributes<'_>,
) -> Option<Outcome<()>> {
    let alone = wanted.groups.is_empty() && wanted.uid.is_empty() && wanted.extra.is_empty();
    let account = user::parse_service_account(&wanted.name);
    let node = wanted.name.strip_prefix("system:node:");
    let suffix = match mode {
        Mode::Node if alone && node.is_some() => "arbitrary-node",
        Mode::ServiceAccount if alone && account.is_some() => "serviceaccount",
        Mode::UserInfo if account.is_none() && node.is_none() => "user-info",
        Mode::Legacy => return Some(legacy(core, user, wanted)),
        _ => return None,
    };
    let on = format!("impersonate-on:{suffix}:{}", attributes.verb);
    Some(
        attributes
            .with_verb(&on)
            .authorize(core, user)
            .and_then(|()| narrow(core, mode, &format!("impersonate:{suffix}"), user, wanted)),
    )
}

fn narrow(core: &Core, mode: Mode, verb: &str, user: &User, wanted: &User) -> Outcome<()> {
    let ask = |resource, subresource, namespace, name: &str| {
        let action = Action {
            verb,
            group: GROUP,
            resource,
            subresource,
            namespace,
            name,
        };
        permit(core, user, &action)
    };
    match mode {
        Mode::Node => ask(
            "nodes",
            "",
            "",
            wanted.name.strip_prefix("system:node:").unwrap_or_default(),
        ),
        Mode::ServiceAccount => {
            let (namespace, name) = user::parse_service_account(&wanted.name).unwrap_or_default();
            ask("serviceaccounts", "", namespace, name)
        }
        Mode::UserInfo | Mode::Legacy => {
            ask("users", "", "", &wanted.name)?;
            if !wanted.uid.is_empty() {
                ask("uids", "", "", &wanted.uid)?;
            }
            for group in &wanted.groups {
                ask("groups", "", "", group)?;
            }
            for (key, values) in &wanted.extra {
                for value in values {
                    ask("userextras", key, "", value)?;
                }
            }
            Ok(())
        }
    }
}

fn legacy(core: &Core, user: &User, wanted: &User) -> Outcome<()> {
    let ask = |group, resource, subresource, namespace, name: &str| {
        let action = Action {
            verb: "impersonate",
            group,
            resource,
            subresource,
            namespace,
            name,
        };
        permit(core, user, &action)
    };
    match user::parse_service_account(&wanted.name) {
        Some((namespace, name)) => ask("", "serviceaccounts", "", namespace, name)?,
        None => ask("", "users", "", "", &wanted.name)?,
    }
    for group in &wanted.groups {
        ask("", "groups", "", "", group)?;
    }
    for (key, values) in &wanted.extra {
        for value in values {
            ask(GROUP, "userextras", key, "", value)?;
        }
    }
    if !wanted.uid.is_empty() {
        ask(GROUP, "uids", "", "", &wanted.uid)?;
    }
    Ok(())
}

fn permit(core: &Core, user: &User, action: &Action<'_>) -> Outcome<()> {
    let Verdict { allowed, reason } = judge(core, user, action);
    if allowed {
        return Ok(());
    }
    let full = if action.subresource.is_empty() {
        action.resource.to_owned()
    } else {
        format!("{}/{}", action.resource, action.subresource)
    };
    let mut detail = format!(
        "User {:?} cannot {} resource {full:?} in API group {:?}{}",
        user.name,
        action.verb,
        action.group,
        place(action.namespace)
    );
    if !reason.is_empty() {
        detail.push_str(&format!(": {reason}"));
    }
    Err(Failure::forbidden(
        action.group,
        action.resource,
        action.name,
        &detail,
    ))
}

/// Adds the groups that everybody of a kind is in.
fn complete(mut wanted: User) -> User {
    const AUTHENTICATED: &str = "system:authenticated";
    const UNAUTHENTICATED: &str = "system:unauthenticated";
    if let (true, Some((namespace, _))) = (
        wanted.groups.is_empty(),
        user::parse_service_account(&wanted.name),
    ) {
        wanted.groups = user::service_account_groups(namespace);
    }
    if wanted.name == "system:anonymous" {
        if !wanted.in_group(UNAUTHENTICATED) {
            wanted.groups.push(UNAUTHENTICATED.to_owned());
        }
    } else if !wanted.in_group(AUTHENTICATED) && !wanted.in_group(UNAUTHENTICATED) {
        wanted.groups.push(AUTHENTICATED.to_owned());
    }
    wanted
}
