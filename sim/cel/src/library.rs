//! The functions there are, with their signatures.
//!
//! A line is a function, the name of one of its overloads, and its parameters and result; a leading dot makes the
//! first parameter the target of the call.

use std::{collections::BTreeMap, sync::LazyLock};

use crate::types::Type;

/// One signature of a function.
#[derive(Debug, Clone)]
pub(crate) struct Overload {
    pub(crate) id: String,
    pub(crate) member: bool,
    pub(crate) params: Vec<Type>,
    pub(crate) result: Type,
}

/// All functions by name.
pub(crate) static FUNCTIONS: LazyLock<BTreeMap<String, Vec<Overload>>> = LazyLock::new(|| {
    let mut functions = BTreeMap::new();
    for line in STANDARD.lines().chain(EXTENSIONS.lines()) {
        declare(&mut functions, line);
    }
    comparisons(&mut functions);
    lists(&mut functions);
    for name in crate::formats::NAMES {
        declare(
            &mut functions,
            &format!("format.{name} format.{name} () -> format"),
        );
    }
    functions
});

fn declare(functions: &mut BTreeMap<String, Vec<Overload>>, line: &str) {
    let Some((head, result)) = line.trim().split_once(" -> ") else {
        return;
    };
    let mut words = head.splitn(3, ' ');
    let (Some(name), Some(id), Some(params)) = (words.next(), words.next(), words.next()) else {
        return;
    };
    let member = params.starts_with('.');
    let params = params.trim_start_matches('.').trim_start_matches('(');
    let params = params.strip_suffix(')').unwrap_or(params);
    functions.entry(name.to_owned()).or_default().push(Overload {
        id: id.to_owned(),
        member,
        params: split(params).into_iter().map(parse).collect(),
        result: parse(result),
    });
}

/// Splits at commas that are in no brackets.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if !text[start..].trim().is_empty() {
        parts.push(text[start..].trim());
    }
    parts
}

fn parse(text: &str) -> Type {
    if let Some((outer, inner)) = text.split_once('(') {
        let inner = split(inner.strip_suffix(')').unwrap_or(inner));
        let at = |index: usize| inner.get(index).map_or(Type::Dyn, |part| parse(part));
        return match outer {
            "list" => Type::list(at(0)),
            "map" => Type::map(at(0), at(1)),
            "opt" => Type::optional(at(0)),
            _ => Type::TypeOf(at(0).into()),
        };
    }
    match text {
        "A" => Type::Param("A"),
        "B" => Type::Param("B"),
        "bool" => Type::Bool,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "duration" => Type::Duration,
        "timestamp" => Type::Timestamp,
        "url" => Type::Opaque("kubernetes.URL"),
        "quantity" => Type::Opaque("kubernetes.Quantity"),
        "ip" => Type::Opaque("net.IP"),
        "cidr" => Type::Opaque("net.CIDR"),
        "semver" => Type::Opaque("kubernetes.Semver"),
        "format" => Type::Opaque("kubernetes.NamedFormat"),
        "authorizer" => Type::Opaque("kubernetes.authorization.Authorizer"),
        "pathcheck" => Type::Opaque("kubernetes.authorization.PathCheck"),
        "groupcheck" => Type::Opaque("kubernetes.authorization.GroupCheck"),
        "resourcecheck" => Type::Opaque("kubernetes.authorization.ResourceCheck"),
        "decision" => Type::Opaque("kubernetes.authorization.Decision"),
        _ => Type::Dyn,
    }
}

fn comparisons(functions: &mut BTreeMap<String, Vec<Overload>>) {
    let numbers = [("int64", "int"), ("uint64", "uint"), ("double", "double")];
    let others = ["bool", "string", "bytes", "timestamp", "duration"];
    for (name, prefix) in [
        ("_<_", "less"),
        ("_<=_", "less_equals"),
        ("_>_", "greater"),
        ("_>=_", "greater_equals"),
    ] {
        for other in others {
            declare(
                functions,
                &format!("{name} {prefix}_{other} ({other}, {other}) -> bool"),
            );
        }
        for (id, ty) in numbers {
            declare(functions, &format!("{name} {prefix}_{id} ({ty}, {ty}) -> bool"));
            for (other_id, other) in numbers.iter().filter(|(other, _)| *other != id) {
                declare(
                    functions,
                    &format!("{name} {prefix}_{id}_{other_id} ({ty}, {other}) -> bool"),
                );
            }
        }
    }
}

fn lists(functions: &mut BTreeMap<String, Vec<Overload>>) {
    for ty in [
        "int",
        "uint",
        "double",
        "bool",
        "duration",
        "timestamp",
        "string",
        "bytes",
    ] {
        declare(
            functions,
            &format!("isSorted list_{ty}_is_sorted_bool .(list({ty})) -> bool"),
        );
        declare(
            functions,
            &format!("max list_{ty}_max_{ty} .(list({ty})) -> {ty}"),
        );
        declare(
            functions,
            &format!("min list_{ty}_min_{ty} .(list({ty})) -> {ty}"),
        );
        declare(
            functions,
            &format!("sort list_{ty}_sort .(list({ty})) -> list({ty})"),
        );
        let keys = format!("@sortByAssociatedKeys list_{ty}_sortByAssociatedKeys");
        declare(functions, &format!("{keys} .(list(A), list({ty})) -> list(A)"));
    }
    for ty in ["int", "uint", "double", "duration"] {
        declare(
            functions,
            &format!("sum list_{ty}_sum_{ty} .(list({ty})) -> {ty}"),
        );
    }
    for (name, ty) in [
        ("getFullYear", "timestamp"),
        ("getMonth", "timestamp"),
        ("getDayOfYear", "timestamp"),
        ("getDate", "timestamp"),
        ("getDayOfMonth", "timestamp"),
        ("getDayOfWeek", "timestamp"),
        ("getHours", "timestamp"),
        ("getMinutes", "timestamp"),
        ("getSeconds", "timestamp"),
        ("getMilliseconds", "timestamp"),
    ] {
        declare(functions, &format!("{name} {ty}_{name} .({ty}) -> int"));
        declare(
            functions,
            &format!("{name} {ty}_{name}_with_tz .({ty}, string) -> int"),
        );
    }
    for name in ["getHours", "getMinutes", "getSeconds", "getMilliseconds"] {
        declare(functions, &format!("{name} duration_{name} .(duration) -> int"));
    }
}

const STANDARD: &str = "
_&&_ logical_and (bool, bool) -> bool
_||_ logical_or (bool, bool) -> bool
!_ logical_not (bool) -> bool
@not_strictly_false not_strictly_false (bool) -> bool
_?_:_ conditional (bool, A, A) -> A
_==_ equals (A, A) -> bool
_!=_ not_equals (A, A) -> bool
_[_] index_list (list(A), int) -> A
_[_] index_map (map(A, B), A) -> B
_[_] optional_list_index_value (opt(list(A)), int) -> opt(A)
_[_] optional_map_index_value (opt(map(A, B)), A) -> opt(B)
_[?_] list_optindex_optional_int (list(A), int) -> opt(A)
_[?_] optional_list_optindex_optional_int (opt(list(A)), int) -> opt(A)
_[?_] map_optindex_optional_value (map(A, B), A) -> opt(B)
_[?_] optional_map_optindex_optional_value (opt(map(A, B)), A) -> opt(B)
@in in_list (A, list(A)) -> bool
@in in_map (A, map(A, B)) -> bool
_+_ add_bytes (bytes, bytes) -> bytes
_+_ add_double (double, double) -> double
_+_ add_duration_duration (duration, duration) -> duration
_+_ add_duration_timestamp (duration, timestamp) -> timestamp
_+_ add_timestamp_duration (timestamp, duration) -> timestamp
_+_ add_int64 (int, int) -> int
_+_ add_list (list(A), list(A)) -> list(A)
_+_ add_string (string, string) -> string
_+_ add_uint64 (uint, uint) -> uint
_-_ subtract_double (double, double) -> double
_-_ subtract_duration_duration (duration, duration) -> duration
_-_ subtract_int64 (int, int) -> int
_-_ subtract_timestamp_duration (timestamp, duration) -> timestamp
_-_ subtract_timestamp_timestamp (timestamp, timestamp) -> duration
_-_ subtract_uint64 (uint, uint) -> uint
_*_ multiply_double (double, double) -> double
_*_ multiply_int64 (int, int) -> int
_*_ multiply_uint64 (uint, uint) -> uint
_/_ divide_double (double, double) -> double
_/_ divide_int64 (int, int) -> int
_/_ divide_uint64 (uint, uint) -> uint
_%_ modulo_int64 (int, int) -> int
_%_ modulo_uint64 (uint, uint) -> uint
-_ negate_int64 (int) -> int
-_ negate_double (double) -> double
size size_bytes (bytes) -> int
size size_list (list(A)) -> int
size size_map (map(A, B)) -> int
size size_string (string) -> int
size bytes_size .(bytes) -> int
size list_size .(list(A)) -> int
size map_size .(map(A, B)) -> int
size string_size .(string) -> int
type type (A) -> type(A)
dyn to_dyn (A) -> dyn
int int64_to_int64 (int) -> int
int double_to_int64 (double) -> int
int duration_to_int64 (duration) -> int
int string_to_int64 (string) -> int
int timestamp_to_int64 (timestamp) -> int
int uint64_to_int64 (uint) -> int
uint uint64_to_uint64 (uint) -> uint
uint double_to_uint64 (double) -> uint
uint int64_to_uint64 (int) -> uint
uint string_to_uint64 (string) -> uint
double double_to_double (double) -> double
double int64_to_double (int) -> double
double string_to_double (string) -> double
double uint64_to_double (uint) -> double
string string_to_string (string) -> string
string bool_to_string (bool) -> string
string bytes_to_string (bytes) -> string
string double_to_string (double) -> string
string duration_to_string (duration) -> string
string int64_to_string (int) -> string
string timestamp_to_string (timestamp) -> string
string uint64_to_string (uint) -> string
string ip_to_string (ip) -> string
string cidr_to_string (cidr) -> string
bytes bytes_to_bytes (bytes) -> bytes
bytes string_to_bytes (string) -> bytes
bool bool_to_bool (bool) -> bool
bool string_to_bool (string) -> bool
duration duration_to_duration (duration) -> duration
duration int64_to_duration (int) -> duration
duration string_to_duration (string) -> duration
timestamp timestamp_to_timestamp (timestamp) -> timestamp
timestamp int64_to_timestamp (int) -> timestamp
timestamp string_to_timestamp (string) -> timestamp
contains contains_string .(string, string) -> bool
endsWith ends_with_string .(string, string) -> bool
startsWith starts_with_string .(string, string) -> bool
matches matches (string, string) -> bool
matches matches_string .(string, string) -> bool
";

const EXTENSIONS: &str = "
optional.of optional_of (A) -> opt(A)
optional.ofNonZeroValue optional_ofNonZeroValue (A) -> opt(A)
optional.none optional_none () -> opt(A)
hasValue optional_hasValue .(opt(A)) -> bool
value optional_value .(opt(A)) -> A
or optional_or_optional .(opt(A), opt(A)) -> opt(A)
orValue optional_orValue_value .(opt(A), A) -> A
cel.@mapInsert @mapInsert_map_map (map(A, B), map(A, B)) -> map(A, B)
cel.@mapInsert @mapInsert_map_key_value (map(A, B), A, B) -> map(A, B)
charAt string_char_at_int .(string, int) -> string
indexOf string_index_of_string .(string, string) -> int
indexOf string_index_of_string_int .(string, string, int) -> int
indexOf list_a_index_of_int .(list(A), A) -> int
lastIndexOf string_last_index_of_string .(string, string) -> int
lastIndexOf string_last_index_of_string_int .(string, string, int) -> int
lastIndexOf list_a_last_index_of_int .(list(A), A) -> int
lowerAscii string_lower_ascii .(string) -> string
upperAscii string_upper_ascii .(string) -> string
replace string_replace_string_string .(string, string, string) -> string
replace string_replace_string_string_int .(string, string, string, int) -> string
split string_split_string .(string, string) -> list(string)
split string_split_string_int .(string, string, int) -> list(string)
substring string_substring_int .(string, int) -> string
substring string_substring_int_int .(string, int, int) -> string
trim string_trim .(string) -> string
format string_format .(string, list(dyn)) -> string
join list_join .(list(string)) -> string
join list_join_string .(list(string), string) -> string
strings.quote strings_quote (string) -> string
slice list_slice .(list(A), int, int) -> list(A)
flatten list_flatten .(list(list(A))) -> list(A)
flatten list_flatten_int .(list(dyn), int) -> list(dyn)
lists.range lists_range (int) -> list(int)
distinct list_distinct .(list(A)) -> list(A)
reverse list_reverse .(list(A)) -> list(A)
first list_first .(list(A)) -> opt(A)
last list_last .(list(A)) -> opt(A)
sets.contains list_sets_contains_list (list(A), list(A)) -> bool
sets.equivalent list_sets_equivalent_list (list(A), list(A)) -> bool
sets.intersects list_sets_intersects_list (list(A), list(A)) -> bool
find string_find_string .(string, string) -> string
findAll string_find_all_string .(string, string) -> list(string)
findAll string_find_all_string_int .(string, string, int) -> list(string)
url string_to_url (string) -> url
isURL is_url_string (string) -> bool
getScheme url_get_scheme .(url) -> string
getHost url_get_host .(url) -> string
getHostname url_get_hostname .(url) -> string
getPort url_get_port .(url) -> string
getEscapedPath url_get_escaped_path .(url) -> string
getQuery url_get_query .(url) -> map(string, list(string))
quantity string_to_quantity (string) -> quantity
isQuantity is_quantity_string (string) -> bool
sign quantity_sign .(quantity) -> int
isGreaterThan quantity_is_greater_than .(quantity, quantity) -> bool
isGreaterThan semver_is_greater_than .(semver, semver) -> bool
isLessThan quantity_is_less_than .(quantity, quantity) -> bool
isLessThan semver_is_less_than .(semver, semver) -> bool
compareTo quantity_compare_to .(quantity, quantity) -> int
compareTo semver_compare_to .(semver, semver) -> int
asApproximateFloat quantity_get_float .(quantity) -> double
asInteger quantity_get_int .(quantity) -> int
isInteger quantity_is_integer .(quantity) -> bool
add quantity_add .(quantity, quantity) -> quantity
add quantity_add_int .(quantity, int) -> quantity
sub quantity_sub .(quantity, quantity) -> quantity
sub quantity_sub_int .(quantity, int) -> quantity
ip string_to_ip (string) -> ip
ip cidr_ip .(cidr) -> ip
isIP is_ip (string) -> bool
family ip_family .(ip) -> int
ip.isCanonical ip_is_canonical (string) -> bool
isUnspecified ip_is_unspecified .(ip) -> bool
isLoopback ip_is_loopback .(ip) -> bool
isLinkLocalMulticast ip_is_link_local_multicast .(ip) -> bool
isLinkLocalUnicast ip_is_link_local_unicast .(ip) -> bool
isGlobalUnicast ip_is_global_unicast .(ip) -> bool
cidr string_to_cidr (string) -> cidr
isCIDR is_cidr (string) -> bool
containsIP cidr_contains_ip_string .(cidr, string) -> bool
containsIP cidr_contains_ip_ip .(cidr, ip) -> bool
containsCIDR cidr_contains_cidr_string .(cidr, string) -> bool
containsCIDR cidr_contains_cidr .(cidr, cidr) -> bool
prefixLength cidr_prefix_length .(cidr) -> int
masked cidr_masked .(cidr) -> cidr
validate format-validate .(format, string) -> opt(list(string))
format.named format-named (string) -> opt(format)
semver string_to_semver (string) -> semver
semver string_bool_to_semver (string, bool) -> semver
isSemver is_semver_string (string) -> bool
isSemver is_semver_string_bool (string, bool) -> bool
major semver_major .(semver) -> int
minor semver_minor .(semver) -> int
patch semver_patch .(semver) -> int
path authorizer_path .(authorizer, string) -> pathcheck
group authorizer_group .(authorizer, string) -> groupcheck
serviceAccount authorizer_serviceaccount .(authorizer, string, string) -> authorizer
resource groupcheck_resource .(groupcheck, string) -> resourcecheck
subresource resourcecheck_subresource .(resourcecheck, string) -> resourcecheck
namespace resourcecheck_namespace .(resourcecheck, string) -> resourcecheck
name resourcecheck_name .(resourcecheck, string) -> resourcecheck
fieldSelector authorizer_fieldselector .(resourcecheck, string) -> resourcecheck
labelSelector authorizer_labelselector .(resourcecheck, string) -> resourcecheck
check pathcheck_check .(pathcheck, string) -> decision
check resourcecheck_check .(resourcecheck, string) -> decision
errored decision_errored .(decision) -> bool
error decision_error .(decision) -> string
allowed decision_allowed .(decision) -> bool
reason decision_reason .(decision) -> string
";
