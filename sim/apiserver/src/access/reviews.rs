//! The kinds that are questions: they are answered and never stored.

use std::sync::Arc;

use kube_schema::gotext::aggregate;
use serde_json::{Map, Value, json};

use super::{
    bearer::token_user,
    rbac::{self, Action, Verdict},
    rules,
};
use crate::{
    call::Call,
    core::time,
    failure::{Cause, Failure, Outcome},
    fields,
    selectors::FieldSelector,
    user::User,
};

const AUTHORIZATION: &str = "authorization.k8s.io";
const SPEC: &str = "spec.resourceAttributes";

impl Call<'_> {
    /// Whether the resource is a question.
    pub(crate) fn is_review(&self) -> bool {
        let gvr = &self.target.gvr;
        matches!(gvr.group.as_str(), "authentication.k8s.io" | AUTHORIZATION)
            && gvr.resource.ends_with("reviews")
    }

    /// Answers a question.
    pub(crate) fn review(&mut self) -> Outcome<(u16, Arc<Value>)> {
        let mut object = self.decode(None)?;
        self.check_namespace(&mut object)?;
        let object = fields::update(self, None, object);
        let answer = match self.target.gvr.resource.as_str() {
            "selfsubjectreviews" => self.who_am_i(),
            "tokenreviews" => self.review_token(object)?,
            "selfsubjectrulesreviews" => self.list_rules(&object)?,
            _ => self.review_access(object)?,
        };
        Ok((201, Arc::new(answer)))
    }

    fn who_am_i(&self) -> Value {
        json!({
            "kind": self.resource.kind, "apiVersion": self.resource.api_version(),
            "metadata": {"creationTimestamp": time(self.now)},
            "status": {"userInfo": user_info(&self.user)},
        })
    }

    fn review_token(&mut self, mut object: Value) -> Outcome<Value> {
        let token = text(&object, "/spec/token");
        if token.is_empty() {
            return Err(Failure::bad_request(
                "token is required for TokenReview in authentication",
            ));
        }
        let mut audiences = texts(&object, "/spec/audiences");
        if audiences.is_empty() {
            audiences.push(self.core.issuer.clone());
        }
        // The token is judged as it would be in a header, where it ends at the first space.
        let token = token.trim().split(' ').next().unwrap_or_default().to_owned();
        object["status"] = match token_user(self.core, &token, &audiences, self.now) {
            Ok((user, audiences)) => {
                json!({"authenticated": true, "user": user_info(&user), "audiences": audiences})
            }
            Err(problem) => json!({"user": {}, "error": problem}),
        };
        Ok(object)
    }

    fn list_rules(&self, object: &Value) -> Outcome<Value> {
        let namespace = text(object, "/spec/namespace");
        if namespace.is_empty() {
            return Err(Failure::bad_request("no namespace on request"));
        }
        Ok(json!({
            "kind": self.resource.kind, "apiVersion": self.resource.api_version(), "metadata": {}, "spec": {},
            "status": rules::listed(self.core, &self.user, &namespace),
        }))
    }

    fn review_access(&self, mut object: Value) -> Outcome<Value> {
        let resource = self.target.gvr.resource.as_str();
        let own = resource == "selfsubjectaccessreviews";
        let causes = causes(&object, own, resource == "localsubjectaccessreviews");
        if !causes.is_empty() {
            return Err(Failure::invalid(AUTHORIZATION, "", "", &causes));
        }
        let user = if own {
            self.user.clone()
        } else {
            asked_user(&object)
        };
        let verdict = self.judge(&user, &object);
        let mut status = Map::new();
        status.insert("allowed".to_owned(), verdict.allowed.into());
        if !verdict.reason.is_empty() {
            status.insert("reason".to_owned(), verdict.reason.into());
        }
        if let Some(problem) = selector_problem(&object) {
            status.insert("evaluationError".to_owned(), problem.into());
        }
        object["status"] = Value::Object(status);
        Ok(object)
    }

    fn judge(&self, user: &User, object: &Value) -> Verdict {
        if let Some(path) = object.pointer("/spec/nonResourceAttributes") {
            let (verb, path) = (text(path, "/verb"), text(path, "/path"));
            return rbac::explain_path(self.core, user, &verb, &path);
        }
        let part = |key: &str| text(object, &format!("/spec/resourceAttributes/{key}"));
        let action = Action {
            verb: &part("verb"),
            group: &part("group"),
            resource: &part("resource"),
            subresource: &part("subresource"),
            namespace: &part("namespace"),
            name: &part("name"),
        };
        rbac::explain(self.core, user, &action)
    }
}

fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default().to_owned()
}

fn texts(value: &Value, pointer: &str) -> Vec<String> {
    let list = value.pointer(pointer).and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn user_info(user: &User) -> Value {
    let mut info = Map::new();
    info.insert("username".to_owned(), user.name.clone().into());
    if !user.uid.is_empty() {
        info.insert("uid".to_owned(), user.uid.clone().into());
    }
    if !user.groups.is_empty() {
        info.insert("groups".to_owned(), user.groups.clone().into());
    }
    if !user.extra.is_empty() {
        info.insert("extra".to_owned(), json!(user.extra));
    }
    Value::Object(info)
}

fn asked_user(object: &Value) -> User {
    let extra = object.pointer("/spec/extra").and_then(Value::as_object);
    let extra = extra.into_iter().flatten().map(|(key, _)| {
        let pointer = format!("/spec/extra/{}", key.replace('~', "~0").replace('/', "~1"));
        (key.to_lowercase(), texts(object, &pointer))
    });
    User {
        name: text(object, "/spec/user"),
        groups: texts(object, "/spec/groups"),
        uid: text(object, "/spec/uid"),
        extra: extra.collect(),
    }
}

/// Everything wrong with a question about access.
fn causes(object: &Value, own: bool, local: bool) -> Vec<Cause> {
    let mut causes = Vec::new();
    let resource = object
        .pointer("/spec/resourceAttributes")
        .filter(|value| !value.is_null());
    let path = object
        .pointer("/spec/nonResourceAttributes")
        .filter(|value| !value.is_null());
    let shown = path.map(|path| {
        format!(
            "{{\"Path\":{},\"Verb\":{}}}",
            json!(text(path, "/path")),
            json!(text(path, "/verb"))
        )
    });
    match (resource, &shown) {
        (Some(_), Some(shown)) => causes.push(Cause::invalid(
            "spec.nonResourceAttributes",
            format!("Invalid value: {shown}: cannot be specified in combination with resourceAttributes"),
        )),
        (None, None) => causes.push(Cause::invalid(
            SPEC,
            "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified",
        )),
        _ => {}
    }
    if !own && text(object, "/spec/user").is_empty() && texts(object, "/spec/groups").is_empty() {
        causes.push(Cause::invalid(
            "spec.user",
            "Invalid value: \"\": at least one of user or group must be specified",
        ));
    }
    if let Some(resource) = resource {
        for name in ["fieldSelector", "labelSelector"] {
            if let Some(selector) = resource.get(name).filter(|value| !value.is_null()) {
                causes.extend(selector_causes(&format!("{SPEC}.{name}"), selector));
            }
        }
    }
    if local {
        let namespace = resource.map(|resource| text(resource, "/namespace"));
        if let Some(namespace) =
            namespace.filter(|namespace| namespace != manifest::object::namespace(object))
        {
            causes.push(Cause::invalid(
                format!("{SPEC}.namespace"),
                format!("Invalid value: {namespace:?}: must match metadata.namespace"),
            ));
        }
        if let Some(shown) = shown {
            causes.push(Cause::invalid(
                "spec.nonResourceAttributes",
                format!("Invalid value: {shown}: disallowed on this kind of request"),
            ));
        }
    }
    causes
}

fn selector_causes(path: &str, selector: &Value) -> Vec<Cause> {
    let raw = text(selector, "/rawSelector");
    let requirements = selector.get("requirements").and_then(Value::as_array);
    let requirements = requirements.map(Vec::as_slice).unwrap_or_default();
    if !raw.is_empty() && !requirements.is_empty() {
        let message = format!("Invalid value: {raw:?}: may not specified at the same time as requirements");
        return vec![Cause::invalid(format!("{path}.rawSelector"), message)];
    }
    if raw.is_empty() && requirements.is_empty() {
        let detail = format!("when {path} is specified, requirements or rawSelector is required");
        return vec![Cause::required(format!("{path}.requirements"), &detail)];
    }
    let mut causes = Vec::new();
    for (at, requirement) in requirements.iter().enumerate() {
        let here = format!("{path}.requirements[{at}]");
        if text(requirement, "/key").is_empty() {
            causes.push(Cause::required(format!("{here}.key"), "must be specified"));
        }
        let values = texts(requirement, "/values");
        match text(requirement, "/operator").as_str() {
            "In" | "NotIn" if values.is_empty() => causes.push(Cause::required(
                format!("{here}.values"),
                "must be specified when `operator` is 'In' or 'NotIn'",
            )),
            "Exists" | "DoesNotExist" if !values.is_empty() => causes.push(Cause::forbidden(
                format!("{here}.values"),
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            )),
            _ => {}
        }
    }
    causes
}

fn readable(name: &str, raw: &str) -> bool {
    if name == "fieldSelector" {
        FieldSelector::parse(raw).is_ok()
    } else {
        manifest::labels::Selector::parse(raw).is_ok()
    }
}

/// Selectors that cannot be read are left out of the judgement, and that is said.
fn selector_problem(object: &Value) -> Option<String> {
    let mut problems = Vec::new();
    for (name, known) in [
        ("fieldSelector", &["In", "NotIn"][..]),
        ("labelSelector", &["In", "NotIn", "Exists", "DoesNotExist"][..]),
    ] {
        let Some(selector) = object.pointer(&format!("/spec/resourceAttributes/{name}")) else {
            continue;
        };
        let raw = text(selector, "/rawSelector");
        let requirements = selector.get("requirements").and_then(Value::as_array);
        let requirements = requirements.map(Vec::as_slice).unwrap_or_default();
        let bad = |requirement: &&Value| {
            !known.contains(&text(requirement, "/operator").as_str())
                || name == "fieldSelector" && texts(requirement, "/values").len() > 1
        };
        let unreadable = requirements.iter().filter(bad).count();
        let raw_bad = !raw.is_empty() && !readable(name, &raw);
        if unreadable == 0 && !raw_bad {
            continue;
        }
        let partially = if unreadable > 0 && unreadable < requirements.len() {
            "partially "
        } else {
            ""
        };
        problems.push(format!("{SPEC}.{name} {partially}ignored due to parse error"));
    }
    (!problems.is_empty()).then(|| aggregate(&problems))
}
