//! ResourceQuotas: what a namespace may hold in all.
//!
//! The admission plugin charges a creation to the quotas it falls under, before the object is stored; the controller
//! counts again whenever something in the namespace changes.

mod usage;

use std::sync::Arc;

use jiff::Timestamp;
use manifest::quantity::Quantity;
use serde_json::{Map, Value};

use super::amounts::{self, Amounts};
use crate::{call::Call, controllers::Actor, core::Core, failure::Outcome, names, store::in_namespace};

/// Charges an object to the quotas of its namespace, or refuses it.
pub(super) fn charge(call: &mut Call<'_>, object: &Value, old: Option<&Value>) -> Outcome<()> {
    if !call.target.subresource.is_empty() || !call.resource.namespaced {
        return Ok(());
    }
    let quotas = quotas(call.core, &call.target.namespace);
    if quotas.is_empty() {
        return Ok(());
    }
    let table = call.resource.table.to_string();
    let mut delta = usage::of(&table, object);
    if let Some(old) = old {
        if !matches!(table.as_str(), "services" | "persistentvolumeclaims") {
            return Ok(());
        }
        for (key, amount) in usage::of(&table, old) {
            if let Some(own) = delta.get(&key) {
                let rest = own.minus(amount);
                delta.insert(key, rest);
            }
        }
    }
    delta.retain(|_, amount| amount.sign() > 0);
    let name = manifest::object::name(object).to_owned();
    let mut charged = Vec::new();
    for quota in quotas
        .iter()
        .filter(|quota| usage::in_scope(quota, &table, object))
    {
        let hard = amounts::read(quota.pointer("/status/hard"));
        if table == "pods" && old.is_none() {
            let missing = unsaid(&hard, object);
            if !missing.is_empty() {
                let detail = format!(
                    "failed quota: {}: must specify {missing}",
                    manifest::object::name(quota)
                );
                return Err(call.forbidden(&name, &detail));
            }
        }
        let mut asked = delta.clone();
        asked.retain(|key, _| hard.contains_key(key));
        if asked.is_empty() {
            continue;
        }
        let used = amounts::read(quota.pointer("/status/used"));
        if let Some(detail) = exceeded(quota, &asked, &used, &hard) {
            return Err(call.forbidden(&name, &detail));
        }
        charged.push((Arc::clone(quota), asked));
    }
    if !call.dry_run {
        for (quota, asked) in charged {
            note(call, &quota, &asked);
        }
    }
    Ok(())
}

fn quotas(core: &Core, namespace: &str) -> Vec<Arc<Value>> {
    let table = core.table(names::QUOTAS);
    in_namespace(&table, namespace)
        .map(|(_, quota)| Arc::clone(quota))
        .collect()
}

/// The containers that say nothing about what a quota limits, by resource.
fn unsaid(hard: &Amounts, pod: &Value) -> String {
    const COMPUTE: [&str; 6] = [
        "cpu",
        "limits.cpu",
        "limits.memory",
        "memory",
        "requests.cpu",
        "requests.memory",
    ];
    let mut parts = Vec::new();
    for key in COMPUTE.into_iter().filter(|key| hard.contains_key(*key)) {
        let lists = ["containers", "initContainers"].into_iter();
        let mut silent: Vec<&str> = lists
            .flat_map(|list| amounts::containers(pod, list))
            .filter(|container| {
                let own = |pointer: &str| amounts::read(container.pointer(pointer));
                !usage::named(&own("/resources/requests"), &own("/resources/limits")).contains_key(key)
            })
            .filter_map(|container| container["name"].as_str())
            .collect();
        if !silent.is_empty() {
            silent.sort_unstable();
            silent.dedup();
            parts.push(format!("{key} for: {}", silent.join(",")));
        }
    }
    parts.join("; ")
}

fn exceeded(quota: &Value, asked: &Amounts, used: &Amounts, hard: &Amounts) -> Option<String> {
    let over: Vec<&String> = asked
        .iter()
        .filter(|(key, amount)| {
            let sum = used.get(*key).map_or(**amount, |own| own.plus(**amount));
            hard.get(*key).is_some_and(|limit| sum > *limit)
        })
        .map(|(key, _)| key)
        .collect();
    if over.is_empty() {
        return None;
    }
    let shown = |list: &Amounts| {
        let parts: Vec<String> = over
            .iter()
            .filter_map(|key| Some(format!("{key}={}", list.get(*key)?)))
            .collect();
        parts.join(",")
    };
    Some(format!(
        "exceeded quota: {}, requested: {}, used: {}, limited: {}",
        manifest::object::name(quota),
        shown(asked),
        shown(used),
        shown(hard)
    ))
}

/// Writes what was charged into the quota's status, as the server itself.
fn note(call: &mut Call<'_>, quota: &Value, asked: &Amounts) {
    let mut used = amounts::read(quota.pointer("/status/used"));
    amounts::add(&mut used, asked);
    // The controller counts what is stored; the object that was charged for is not yet.
    let settling = std::mem::replace(&mut call.core.settling, true);
    write(call.core, &Actor::server(call.now), quota, None, &used);
    call.core.settling = settling;
}

fn write(core: &mut Core, actor: &Actor, quota: &Value, hard: Option<&Value>, used: &Amounts) {
    let mut next = quota.clone();
    let status = manifest::object::map_at(&mut next, &["status"]);
    if let Some(hard) = hard {
        status.insert("hard".into(), hard.clone());
    }
    status.insert("used".into(), amounts::write(used));
    let collection = format!(
        "/api/v1/namespaces/{}/resourcequotas",
        manifest::object::namespace(quota)
    );
    actor.replace_status(core, &collection, &next);
}

/// The resource quota controller: counts what the namespace holds.
pub(crate) fn recount(core: &mut Core, now: Timestamp, namespace: &str) {
    for quota in quotas(core, namespace) {
        let empty = Value::Object(Map::new());
        let hard = quota.pointer("/spec/hard").unwrap_or(&empty);
        let mut used: Amounts = amounts::read(Some(hard))
            .into_keys()
            .map(|key| (key, Quantity::units(0)))
            .collect();
        let mut tables: Vec<String> = used.keys().map(|key| usage::table(key).to_owned()).collect();
        tables.sort();
        tables.dedup();
        for table in tables {
            let held = core.table(&table);
            for (_, object) in in_namespace(&held, namespace) {
                if !usage::in_scope(&quota, &table, object) {
                    continue;
                }
                let mut own = usage::of(&table, object);
                own.retain(|key, _| used.contains_key(key));
                amounts::add(&mut used, &own);
            }
        }
        let known = quota.pointer("/status/hard") == Some(hard)
            && quota.pointer("/status/used") == Some(&amounts::write(&used));
        if !known {
            let hard = hard.clone();
            write(
                core,
                &Actor::new("resourcequota-controller", now),
                &quota,
                Some(&hard),
                &used,
            );
        }
    }
}
