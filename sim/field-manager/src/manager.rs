//! Ownership of one request: what the server does to `metadata.managedFields` on create, update, patch and apply.

use jiff::Timestamp;
use serde_json::Value;

use crate::error::ApplyError;
use crate::last_applied;
use crate::limits::MAX_UPDATE_MANAGERS;
use crate::managed::{self, Managed, Operation, Owner};
use crate::updater::{Conflict, ResetFields, UpdateError, Updater, stripped};
use crate::validate::Origin;
use crate::versions::{Typed, Versioned, Versions};

/// What is known of the resource to which a request goes.
pub struct FieldManager<'a> {
    /// Its kind in all API versions.
    pub versions: &'a dyn Versions,
    /// The API version of the request (`apps/v1`).
    pub api_version: &'a str,
    /// Its kind.
    pub kind: &'a str,
    /// The subresource of the request, or nothing.
    pub subresource: &'a str,
    /// What requests to this (sub)resource cannot own.
    pub reset: &'a ResetFields,
    /// An object of the kind before anything is set: for built-in kinds with the members that are never left out.
    /// Or why there cannot be one.
    pub empty: Result<&'a Value, &'a str>,
}

/// How a configuration is applied.
#[derive(Clone, Copy)]
struct Apply<'a> {
    config: &'a Value,
    manager: &'a str,
    force: bool,
    now: Timestamp,
}

/// The new object, and the owners, each where it is another than before.
type Applied = (Option<Value>, Option<Managed>);

/// `namespace/name; group/version, Kind=kind`.
fn describe(object: &Value) -> String {
    let of_metadata = |name: &str| {
        object
            .get("metadata")
            .and_then(|m| m.get(name))
            .and_then(Value::as_str)
            .unwrap_or("")
    };
    format!(
        "{}/{}; {}",
        of_metadata("namespace"),
        of_metadata("name"),
        describe_kind(object)
    )
}

/// `group/version, Kind=kind`; where the API version cannot be read, as if neither were there.
fn describe_kind(object: &Value) -> String {
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or("");
    describe_version(text("apiVersion"), text("kind"))
}

fn describe_version(api_version: &str, kind: &str) -> String {
    match api_version.split_once('/') {
        Some((_, version)) if version.contains('/') => "/, Kind=".to_owned(),
        _ if api_version == "/" => format!("/, Kind={kind}"),
        Some((group, version)) => format!("{group}/{version}, Kind={kind}"),
        None => format!("/{api_version}, Kind={kind}"),
    }
}

impl FieldManager<'_> {
    fn updater(&self) -> Updater<'_> {
        Updater {
            versions: self.versions,
            reset: self.reset,
        }
    }

    fn typed(&self) -> Result<Typed<'_>, String> {
        let missing = || {
            format!(
                "no corresponding type for {}",
                describe_version(self.api_version, self.kind)
            )
        };
        self.versions.typed(self.api_version).ok_or_else(missing)
    }

    /// A create, update or patch of any kind by `manager`: the new object with the owners it has from now on.
    /// `live` is the object before, if there was one; both are in the API version of the request.
    ///
    /// Never fails: where ownership cannot be found out, the object has none.
    pub fn update(&self, live: Option<&Value>, mut new: Value, manager: &str, now: Timestamp) -> Value {
        let mut managed = self.live_or_new(live, &new);
        managed::strip(&mut new);
        let created = live
            .and_then(|l| l.get("metadata")?.get("uid")?.as_str())
            .is_none_or(str::is_empty);
        // Objects without owners stay without, until someone applies.
        if managed.is_empty() && !created {
            return new;
        }
        let before = match (live, self.empty) {
            (Some(live), _) => live,
            (None, Ok(empty)) => empty,
            (None, Err(_)) => return new,
        };
        if self.track(before, &new, &mut managed, manager, now).is_ok() {
            managed::store(&mut new, &managed);
        }
        new
    }

    /// The owners that a written object has: its own, unless it has none or they make no sense.
    fn live_or_new(&self, live: Option<&Value>, new: &Value) -> Managed {
        let of_live = || {
            live.and_then(|live| managed::decode(live).ok())
                .unwrap_or_default()
        };
        if !self.subresource.is_empty() {
            return of_live();
        }
        if managed::is_reset(new) {
            return Managed::new();
        }
        match managed::decode(new) {
            Ok(managed) if !managed.is_empty() => managed,
            _ => of_live(),
        }
    }

    fn track(
        &self,
        live: &Value,
        new: &Value,
        managed: &mut Managed,
        manager: &str,
        now: Timestamp,
    ) -> Result<(), String> {
        let typed = self.typed()?;
        let proper = |what: &str, object: &Value| {
            typed.validate(object, Origin::Stored).map_err(|e| {
                format!(
                    "failed to convert {what} object ({}) to smd typed: {e}",
                    describe(object)
                )
            })
        };
        proper("new", new)?;
        proper("live", live)?;
        let live = Versioned::borrowed(live, self.api_version);
        let versioned = Versioned::borrowed(new, self.api_version);
        let mut set = self
            .updater()
            .update(&live, &versioned, managed)
            .map_err(|error| match error {
                UpdateError::Failed(text) => {
                    format!("failed to update ManagedFields ({}): {text}", describe(new))
                }
                UpdateError::Conflicts(_) => String::new(),
            })?;
        set.subtract(stripped());
        if !set.is_empty() {
            let mut owner = Owner::new(manager, Operation::Update, self.api_version, self.subresource);
            owner.time = Some(now);
            let identity = owner.identity();
            owner.set = managed
                .get(&identity)
                .map_or_else(|| set.clone(), |previous| set.union(&previous.set));
            managed.insert(identity, owner);
        }
        managed::cap(managed, MAX_UPDATE_MANAGERS);
        Ok(())
    }

    /// An apply by `manager`. Returns the new object, before defaulting, with the owners it has from now on; or `None`
    /// where nothing changes at all. `live` is the object before, if there is one, in the API version of the request.
    pub fn apply(
        &self,
        live: Option<&Value>,
        config: &Value,
        manager: &str,
        force: bool,
        now: Timestamp,
    ) -> Result<Option<Value>, ApplyError> {
        let before = match (live, self.empty) {
            (Some(live), _) => live,
            (None, Ok(empty)) => empty,
            (None, Err(reason)) => return Err(self.refused(reason)),
        };
        let managed = managed::decode(before)
            .map_err(|e| ApplyError::Internal(format!("failed to decode managed fields: {e}")))?;
        let gvk = describe_kind(config);
        if gvk != describe_version(self.api_version, self.kind) {
            return Err(ApplyError::BadRequest(format!("invalid object type: {gvk}")));
        }
        let (mut object, managed) = self.apply_as(
            before,
            managed,
            Apply {
                config,
                manager,
                force,
                now,
            },
        )?;
        if manager == "kubectl"
            && let Some(text) = last_applied::refreshed(object.as_ref().unwrap_or(before), config)
        {
            last_applied::write(object.get_or_insert_with(|| before.clone()), text);
        }
        let stored = match managed {
            None => object,
            Some(managed) => {
                let mut object = object.unwrap_or_else(|| before.clone());
                managed::store(&mut object, &managed);
                Some(object)
            }
        };
        match (stored, live) {
            (Some(object), Some(live)) if object == *live => Ok(None),
            (None, None) => Ok(Some(before.clone())),
            (stored, _) => Ok(stored),
        }
    }

    fn refused(&self, reason: &str) -> ApplyError {
        let kind = describe_version(self.api_version, self.kind);
        ApplyError::Internal(format!(
            "failed to create manager for existing fields: failed to convert live object (/; {kind}) to proper version: {reason}"
        ))
    }

    /// Applies, forgiving `kubectl` conflicts with itself. Returns the object and its owners where they are others.
    fn apply_as(&self, live: &Value, managed: Managed, how: Apply<'_>) -> Result<Applied, ApplyError> {
        let retry = (how.manager == "kubectl").then(|| managed.clone());
        let conflicts = match self.apply_once(live, managed, how) {
            Err(ApplyError::Conflicts(conflicts)) => conflicts,
            other => return other,
        };
        let allowed = match &retry {
            Some(_) => self
                .typed()
                .ok()
                .and_then(|typed| last_applied::owned(typed, self.api_version, live)),
            None => None,
        };
        let (Some(allowed), Some(managed)) = (allowed, retry) else {
            return Err(ApplyError::Conflicts(conflicts));
        };
        let left: Vec<Conflict> = conflicts
            .into_iter()
            .filter(|conflict| !allowed.has(&conflict.path))
            .collect();
        if left.is_empty() {
            self.apply_once(live, managed, Apply { force: true, ..how })
        } else {
            Err(ApplyError::Conflicts(left))
        }
    }

    fn apply_once(&self, live: &Value, mut managed: Managed, how: Apply<'_>) -> Result<Applied, ApplyError> {
        let config = how.config;
        let mut booked = false;
        if managed.is_empty() {
            let empty = self.empty.map_err(|reason| self.refused(reason))?;
            let mut bare = live.clone();
            managed::strip(&mut bare);
            self.track(empty, &bare, &mut managed, "before-first-apply", how.now)
                .map_err(|e| {
                    ApplyError::Internal(format!("failed to create manager for existing fields: {e}"))
                })?;
            booked = !managed.is_empty();
        }
        if managed::is_present(config) {
            return Err(ApplyError::BadRequest(
                "metadata.managedFields must be nil".to_owned(),
            ));
        }
        let typed = self.typed().map_err(ApplyError::Internal)?;
        typed.validate(config, Origin::Applied).map_err(|e| {
            ApplyError::Internal(format!(
                "failed to create typed patch object ({}): {e}",
                describe(config)
            ))
        })?;
        typed.validate(live, Origin::Stored).map_err(|e| {
            ApplyError::Internal(format!(
                "failed to create typed live object ({}): {e}",
                describe(live)
            ))
        })?;
        let versioned = Versioned::borrowed(live, self.api_version);
        let applier = Owner::new(how.manager, Operation::Apply, self.api_version, self.subresource);
        let identity = applier.identity();
        let applied = self
            .updater()
            .apply(&versioned, config, &mut managed, applier, how.force);
        let (object, changed) = applied.map_err(|error| match error {
            UpdateError::Conflicts(conflicts) => ApplyError::Conflicts(conflicts),
            UpdateError::Failed(text) => ApplyError::Internal(text),
        })?;
        if let (Some(_), Err(reason)) = (&object, self.empty) {
            // What does not convert before its first owner does not convert after it has changed either.
            let text = format!(
                "failed to convert new object ({}) to proper version: {reason}",
                describe(config)
            );
            return Err(ApplyError::Internal(text));
        }
        if let Some(owner) = managed.get_mut(&identity) {
            owner.set.subtract(stripped());
            if owner.set.is_empty() {
                managed.remove(&identity);
            } else if object.is_some() {
                owner.time = Some(how.now);
            }
        }
        let changed = changed || booked || object.is_some() || !managed::is_sorted(live);
        Ok((object, changed.then_some(managed)))
    }
}
