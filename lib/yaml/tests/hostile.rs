//! Texts drawn at random: reading ends without a panic, and what is written is read back as it was.

use proptest::prelude::*;
use serde_json::{Map, Value};
use yaml::Dialect;

/// Pieces of YAML, put together without any sense.
fn text() -> impl Strategy<Value = String> {
    const PIECES: [&str; 44] = [
        "a",
        "b",
        ": ",
        ":",
        "- ",
        "-",
        "\n",
        "\n  ",
        "\n    ",
        "\t",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "&x ",
        "*x",
        "!!str ",
        "!!int ",
        "!t ",
        "|\n",
        ">\n",
        "|2-\n",
        "\"",
        "'",
        "#",
        " # ",
        "? ",
        "<<: ",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
        "0x1f",
        "1e9",
        ".inf",
        "null",
        "yes",
        "2001-01-01",
        "\r\n",
        "\u{feff}",
        "\u{2028}",
        "\\x4",
        "é",
        "\u{1f600}",
    ];
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..60).prop_map(|pieces| pieces.concat())
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}",
        "[a-z0-9:# \n\t'\"-]{0,40}",
        prop::collection::vec("[a-z:#-]{1,12}", 5..30).prop_map(|words| words.join(" ")),
        any::<String>().prop_map(|text| text.replace(|c: char| c.is_control() && c != '\n', "")),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        scalar().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((scalar(), inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn reading_always_ends(text in prop_oneof![text(), any::<String>()]) {
        for dialect in [Dialect::Kubernetes, Dialect::Kyaml] {
            let read = yaml::read_documents(&text, dialect);
            prop_assert!(read.is_err() || read.is_ok_and(|documents| documents.len() <= text.len() + 1));
        }
        let objects = yaml::read_objects(&text);
        prop_assert_eq!(objects.is_ok(), yaml::read_documents(&text, Dialect::Kyaml).is_ok());
    }

    #[test]
    fn what_is_written_is_read_back(value in value()) {
        let text = yaml::to_string(&value);
        for dialect in [Dialect::Kubernetes, Dialect::Kyaml] {
            let back = yaml::read(&text, dialect);
            prop_assert_eq!(back.as_ref(), Ok(&value), "{}", text);
        }
    }
}
