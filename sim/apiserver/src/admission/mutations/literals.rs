//! `Object{spec: Object.spec{replicas: 1}}` and `JSONPatch{op: 'add'}` as maps, which every evaluator can build.
//!
//! DIFFERENCE: the members of such an object are not checked against the kind's schema when the policy is written.

/// The expression with its messages written as maps.
pub(super) fn plain(expression: &str) -> String {
    let letters: Vec<char> = expression.chars().collect();
    let mut out = String::with_capacity(expression.len());
    // For every open bracket, whether it is a message's.
    let mut open: Vec<bool> = Vec::new();
    let mut at_member = false;
    let mut at = 0;
    while let Some(letter) = letters.get(at).copied() {
        if letter.is_alphabetic() || letter == '_' {
            let end = run(&letters, at, |own| {
                own.is_alphanumeric() || own == '_' || own == '.'
            });
            let word: String = letters[at..end].iter().collect();
            let next = letters[end..].iter().find(|own| !own.is_whitespace());
            let quoted =
                matches!(letters.get(end), Some('\'' | '"')) && matches!(&*word, "r" | "R" | "b" | "B");
            if is_message(&word) && next == Some(&'{') {
                open.push(true);
                out.push('{');
                at = run(&letters, end, char::is_whitespace) + 1;
                at_member = true;
                continue;
            }
            if at_member && open.last() == Some(&true) && next == Some(&':') {
                out.push_str(&format!("{word:?}"));
            } else {
                out.push_str(&word);
            }
            at_member = false;
            at = end;
            if quoted {
                let end = string_end(&letters, at, word.eq_ignore_ascii_case("r"));
                out.extend(&letters[at..end]);
                at = end;
            }
            continue;
        }
        match letter {
            '\'' | '"' => {
                let end = string_end(&letters, at, false);
                out.extend(&letters[at..end]);
                at = end;
                at_member = false;
                continue;
            }
            '{' | '(' | '[' => open.push(false),
            '}' | ')' | ']' => {
                open.pop();
            }
            _ => {}
        }
        if letter == ',' {
            at_member = true;
        } else if !letter.is_whitespace() {
            at_member = false;
        }
        out.push(letter);
        at += 1;
    }
    out
}

fn is_message(word: &str) -> bool {
    word == "Object" || word == "JSONPatch" || word.starts_with("Object.")
}

/// Where letters of a kind end.
fn run(letters: &[char], from: usize, belongs: impl Fn(char) -> bool) -> usize {
    let length = letters[from..].iter().take_while(|own| belongs(**own)).count();
    from + length
}

/// Where the text ends that starts with a quote here.
fn string_end(letters: &[char], from: usize, raw: bool) -> usize {
    let quote = letters[from];
    let triple = letters[from..].starts_with(&[quote; 3]);
    let width = if triple { 3 } else { 1 };
    let mut at = from + width;
    while at < letters.len() {
        if letters[at] == '\\' && !raw {
            at += 2;
        } else if letters[at..].starts_with(&[quote; 3][..width]) {
            return at + width;
        } else {
            at += 1;
        }
    }
    letters.len()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn messages_become_maps() {
        assert_eq!(
            plain("Object{metadata: Object.metadata{labels: {'a': 'x:y, {z'}}}"),
            "{\"metadata\": {\"labels\": {'a': 'x:y, {z'}}}"
        );
        assert_eq!(
            plain("[JSONPatch{op: 'add', path: '/data/new', value: a ? b : c}]"),
            "[{\"op\": 'add', \"path\": '/data/new', \"value\": a ? b : c}]"
        );
        assert_eq!(
            plain("has(object.x) ? {'k': Objects} : {}"),
            "has(object.x) ? {'k': Objects} : {}"
        );
        assert_eq!(plain(r#"r'\' + "a\"b""#), r#"r'\' + "a\"b""#);
    }
}
