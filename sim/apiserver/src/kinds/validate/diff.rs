//! Differences between texts, line by line with three lines around, as the server prints them.

/// A unified difference without file names; empty if there is none.
pub(super) fn unified(old: &str, new: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let mut out = String::new();
    for group in groups(&changes(&a, &b)) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            continue;
        };
        let (from, to) = (range(first.a.0, last.a.1), range(first.b.0, last.b.1));
        out.push_str(&format!("@@ -{from} +{to} @@\n"));
        for block in &group {
            let same = block.equal;
            for line in &a[block.a.0..block.a.1] {
                out.push_str(if same { " " } else { "-" });
                out.push_str(line);
                out.push('\n');
            }
            if !same {
                for line in &b[block.b.0..block.b.1] {
                    out.push_str(&format!("+{line}\n"));
                }
            }
        }
    }
    out
}

#[derive(Debug, Clone, Copy)]
struct Block {
    equal: bool,
    a: (usize, usize),
    b: (usize, usize),
}

fn range(start: usize, end: usize) -> String {
    match end - start {
        1 => (start + 1).to_string(),
        0 => format!("{start},0"),
        length => format!("{},{length}", start + 1),
    }
}

/// Blocks of equal and of changed lines, in turn.
fn changes(a: &[&str], b: &[&str]) -> Vec<Block> {
    let mut matches = Vec::new();
    find(a, b, (0, a.len()), (0, b.len()), &mut matches);
    matches.push((a.len(), b.len(), 0));
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    for (x, y, length) in matches {
        if i < x || j < y {
            out.push(Block {
                equal: false,
                a: (i, x),
                b: (j, y),
            });
        }
        if length > 0 {
            out.push(Block {
                equal: true,
                a: (x, x + length),
                b: (y, y + length),
            });
        }
        (i, j) = (x + length, y + length);
    }
    // Neighbours that are both equal are one.
    let mut joined: Vec<Block> = Vec::new();
    for block in out {
        match joined.last_mut() {
            Some(last) if last.equal && block.equal => (last.a.1, last.b.1) = (block.a.1, block.b.1),
            _ => joined.push(block),
        }
    }
    joined
}

/// The longest common run, the earliest of several, then the same to its left and right.
fn find(a: &[&str], b: &[&str], x: (usize, usize), y: (usize, usize), out: &mut Vec<(usize, usize, usize)>) {
    let (mut best, mut runs) = ((x.0, y.0, 0), vec![0; y.1 - y.0 + 1]);
    for (i, line) in a.iter().enumerate().take(x.1).skip(x.0) {
        let mut next = vec![0; y.1 - y.0 + 1];
        for j in y.0..y.1 {
            if *line == b[j] {
                let length = runs[j - y.0] + 1;
                next[j - y.0 + 1] = length;
                if length > best.2 {
                    best = (i + 1 - length, j + 1 - length, length);
                }
            }
        }
        runs = next;
    }
    if best.2 > 0 {
        find(a, b, (x.0, best.0), (y.0, best.1), out);
        out.push(best);
        find(a, b, (best.0 + best.2, x.1), (best.1 + best.2, y.1), out);
    }
}

/// Changes with at most three lines of context, grouped where these meet.
fn groups(blocks: &[Block]) -> Vec<Vec<Block>> {
    const CONTEXT: usize = 3;
    let mut blocks = blocks.to_vec();
    if let Some(first) = blocks.first_mut().filter(|b| b.equal) {
        first.a.0 = first.a.0.max(first.a.1.saturating_sub(CONTEXT));
        first.b.0 = first.b.0.max(first.b.1.saturating_sub(CONTEXT));
    }
    if let Some(last) = blocks.last_mut().filter(|b| b.equal) {
        last.a.1 = last.a.1.min(last.a.0 + CONTEXT);
        last.b.1 = last.b.1.min(last.b.0 + CONTEXT);
    }
    let (mut out, mut group) = (Vec::new(), Vec::new());
    for mut block in blocks {
        if block.equal && block.a.1 - block.a.0 > 2 * CONTEXT {
            let (end_a, end_b) = (block.a.1, block.b.1);
            group.push(Block {
                equal: true,
                a: (block.a.0, block.a.0 + CONTEXT),
                b: (block.b.0, block.b.0 + CONTEXT),
            });
            out.push(std::mem::take(&mut group));
            block.a = (end_a - CONTEXT, end_a);
            block.b = (end_b - CONTEXT, end_b);
        }
        group.push(block);
    }
    if group.iter().any(|b| !b.equal) {
        out.push(group);
    }
    out.retain(|g: &Vec<Block>| g.iter().any(|b| !b.equal));
    out
}

#[cfg(test)]
mod tests {
    use super::unified;

    #[test]
    fn context_is_three_lines() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\ni";
        assert_eq!(unified(old, old), "");
        let new = old.replace('e', "E");
        assert_eq!(
            unified(old, &new),
            "@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n"
        );
    }
}
