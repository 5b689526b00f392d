//! In which cluster, and with whose rights, objects are applied.

use edges::{Edges, Impersonate, RemoteCluster};
use ssa::Cluster;

/// The cluster that an object's own objects go to: the local one or `remote`, as `account` of the object's namespace
/// if there is one.
///
/// # Errors
/// When the address or the user cannot stand in a request.
pub fn target(
    edges: &Edges,
    local: &Cluster,
    namespace: &str,
    account: Option<&str>,
    remote: Option<RemoteCluster>,
) -> Result<Cluster, String> {
    let impersonate = account.map(|account| Impersonate {
        user: format!("system:serviceaccount:{namespace}:{account}"),
    });
    match (remote, impersonate) {
        (Some(mut remote), impersonate) => {
            remote.impersonate = impersonate;
            let client = edges::remote_cluster(&edges.http, &edges.net, &remote);
            Ok(Cluster::new(client.map_err(|error| error.to_string())?))
        }
        (None, None) => Ok(local.clone()),
        (None, Some(whom)) => {
            let client = edges::impersonate(local.client(), &whom);
            Ok(local.with_client(client.map_err(|error| error.to_string())?))
        }
    }
}
