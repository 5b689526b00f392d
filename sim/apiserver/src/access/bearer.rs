//! The `Authorization` header: who asks.

use jiff::{SignedDuration, Timestamp};

use super::tokens;
use crate::{core::Core, limits, names, store::Key, user, user::User};

const INVALID: &str = "invalid bearer token";
/// How long a token that was good is not looked at again.
const REMEMBERED: SignedDuration = SignedDuration::from_secs(10);

/// A token that was good.
#[derive(Debug, Clone)]
pub(crate) struct Verified {
    user: User,
    audiences: Vec<String>,
    until: Timestamp,
}

/// The identity behind the header; the error says what is wrong with its token.
pub(crate) fn authenticate(
    core: &mut Core,
    header: Option<&str>,
    now: Timestamp,
    warnings: &mut Vec<String>,
) -> Result<User, String> {
    // Other schemes are not understood: the request stays without an identity.
    let mut parts = header.unwrap_or_default().trim().splitn(3, ' ');
    let scheme = parts.next().unwrap_or_default();
    let (Some(token), true) = (parts.next(), scheme.eq_ignore_ascii_case("bearer")) else {
        return Ok(User::anonymous());
    };
    if token.is_empty() {
        if parts.next().is_some() {
            warnings.push(
                "the provided Authorization header contains extra space before the bearer token, and is ignored"
                    .to_owned(),
            );
        }
        return Ok(User::anonymous());
    }
    let audiences = [core.issuer.clone()];
    token_user(core, token, &audiences, now).map(|(user, _)| user)
}

/// The user of a token for one of these audiences, and which of them it is for.
pub(crate) fn token_user(
    core: &mut Core,
    token: &str,
    audiences: &[String],
    now: Timestamp,
) -> Result<(User, Vec<String>), String> {
    let key = (token.to_owned(), audiences.to_vec());
    // QUIRK: a token that was good works on for some seconds, whatever became of its ServiceAccount.
    if let Some(known) = core.state.verified.get(&key).filter(|known| known.until > now) {
        return Ok((known.user.clone(), known.audiences.clone()));
    }
    let (user, audiences) = check(core, token, audiences, now)?;
    if core.state.verified.len() >= limits::REMEMBERED_TOKENS {
        let fresh = core.state.verified.iter().filter(|(_, known)| known.until > now);
        core.state.verified = fresh.map(|(key, known)| (key.clone(), known.clone())).collect();
    }
    if core.state.verified.len() < limits::REMEMBERED_TOKENS {
        let verified = Verified {
            user: user.clone(),
            audiences: audiences.clone(),
            until: now + REMEMBERED,
        };
        core.state.verified.insert(key, verified);
    }
    Ok((user, audiences))
}

fn check(
    core: &Core,
    token: &str,
    audiences: &[String],
    now: Timestamp,
) -> Result<(User, Vec<String>), String> {
    match tokens::user(core, token, audiences, now) {
        Ok(Some(found)) => return Ok(found),
        Ok(None) => {}
        Err(problem) => return Err(format!("[{INVALID}, {problem}]")),
    }
    // Static tokens are for the server itself.
    let known = core
        .state
        .tokens
        .get(token)
        .filter(|_| audiences.contains(&core.issuer));
    let user = known.ok_or_else(|| INVALID.to_owned())?.clone();
    if let Some((namespace, name)) = user::parse_service_account(&user.name)
        && !user.uid.is_empty()
    {
        // The token of a ServiceAccount dies with it.
        let account = core.stored(names::SERVICE_ACCOUNTS, &Key::new(namespace, name));
        if account.is_none_or(|account| manifest::object::uid(&account) != user.uid) {
            return Err(INVALID.to_owned());
        }
    }
    Ok((user, vec![core.issuer.clone()]))
}
