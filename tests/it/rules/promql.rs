//! As much of PromQL as the checks need: words in their order, what stands in which brackets, which words are metrics.
//!
//! promtool has parsed every expression already (`make test-rules`), so that this need not refuse anything.

use std::collections::BTreeSet;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A metric, a function, a keyword, a label, a duration or a number.
    Word(String),
    Text(String),
    Sign(String),
}

/// One place where a metric is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    pub metric: String,
    /// Label, operator, value.
    pub matchers: Vec<(String, String, String)>,
    /// `5m` of `x[5m]`.
    pub range: Option<String>,
    /// The functions and aggregations around it, the innermost last.
    pub inside: Vec<String>,
}

const KEYWORDS: &[&str] = &[
    "and",
    "or",
    "unless",
    "atan2",
    "bool",
    "offset",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "inf",
    "nan",
    "start",
    "end",
];
/// What a list of labels follows.
const LISTS: &[&str] = &["by", "without", "on", "ignoring", "group_left", "group_right"];
pub const AGGREGATIONS: &[&str] =
    &["sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk", "quantile"];

pub fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c.is_whitespace() {
            continue;
        }
        if c == '#' {
            while rest.next_if(|c| *c != '\n').is_some() {}
        } else if c == '"' || c == '\'' || c == '`' {
            let mut inner = String::new();
            while let Some(next) = rest.next() {
                match next {
                    '\\' if c != '`' => inner.extend(['\\'].into_iter().chain(rest.next())),
                    end if end == c => break,
                    other => inner.push(other),
                }
            }
            found.push(Token::Text(inner));
        } else if c.is_alphanumeric() || c == '_' {
            let mut word = String::from(c);
            while let Some(next) = rest.next_if(|c| c.is_alphanumeric() || "_:.".contains(*c)) {
                word.push(next);
            }
            found.push(Token::Word(word));
        } else {
            let mut sign = String::from(c);
            if "=!<>".contains(c) {
                sign.extend(rest.next_if(|next| *next == '=' || *next == '~'));
            }
            found.push(Token::Sign(sign));
        }
    }
    found
}

fn is_sign(token: Option<&Token>, sign: &str) -> bool {
    matches!(token, Some(Token::Sign(found)) if found == sign)
}

/// The index behind the bracket that closes the one at `open`.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Sign(sign) if ["(", "{", "["].contains(&sign.as_str()) => depth += 1,
            Token::Sign(sign) if [")", "}", "]"].contains(&sign.as_str()) => {
                depth -= 1;
                if depth == 0 {
                    return index + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// Every metric that the expression reads, in its order.
pub fn reads(text: &str) -> Vec<Read> {
    let tokens = tokens(text);
    let (mut found, mut index) = (Vec::new(), 0);
    // A name for each open parenthesis: the function before it, or nothing.
    let mut inside: Vec<String> = Vec::new();
    let mut pending = String::new();
    while let Some(token) = tokens.get(index) {
        index += 1;
        match token {
            Token::Word(word) if LISTS.contains(&word.as_str()) => {
                index = if is_sign(tokens.get(index), "(") { closing(&tokens, index) } else { index };
            }
            Token::Word(word) if KEYWORDS.contains(&word.to_lowercase().as_str()) || word.starts_with(char::is_numeric) => {}
            Token::Word(word) if AGGREGATIONS.contains(&word.as_str()) || is_sign(tokens.get(index), "(") => {
                pending.clone_from(word);
            }
            Token::Word(word) => {
                let mut read = Read { metric: word.clone(), matchers: Vec::new(), range: None, inside: Vec::new() };
                if is_sign(tokens.get(index), "{") {
                    let end = closing(&tokens, index);
                    read.matchers = matchers(&tokens[index + 1..end - 1]);
                    index = end;
                }
                if is_sign(tokens.get(index), "[") {
                    if let Some(Token::Word(range)) = tokens.get(index + 1) {
                        read.range = Some(range.clone());
                    }
                    index = closing(&tokens, index);
                }
                read.inside = inside.iter().filter(|name| !name.is_empty()).cloned().collect();
                found.push(read);
            }
            Token::Sign(sign) if sign == "(" => inside.push(std::mem::take(&mut pending)),
            Token::Sign(sign) if sign == ")" => drop(inside.pop()),
            // A subquery's range, or a selector without a name, which the checks refuse by its missing name.
            Token::Sign(sign) if sign == "[" => index = closing(&tokens, index - 1),
            Token::Sign(sign) if sign == "{" => {
                let end = closing(&tokens, index - 1);
                let matchers = matchers(&tokens[index..end - 1]);
                found.push(Read { metric: String::new(), matchers, range: None, inside: Vec::new() });
                index = end;
            }
            _ => {}
        }
    }
    found
}

fn matchers(tokens: &[Token]) -> Vec<(String, String, String)> {
    let each = tokens.split(|token| *token == Token::Sign(",".to_owned()));
    each.filter_map(|matcher| match matcher {
        [Token::Word(label), Token::Sign(operator), Token::Text(value)] => Some((label.clone(), operator.clone(), value.clone())),
        _ => None,
    })
    .collect()
}

/// The names called in it: functions and aggregations.
pub fn called(text: &str) -> BTreeSet<String> {
    let tokens = tokens(text);
    let each = tokens.iter().enumerate().filter_map(|(index, token)| match token {
        Token::Word(word) if KEYWORDS.contains(&word.to_lowercase().as_str()) => None,
        Token::Word(word) if AGGREGATIONS.contains(&word.as_str()) || is_sign(tokens.get(index + 1), "(") => Some(word.clone()),
        _ => None,
    });
    each.collect()
}

/// Whether the expression says when it holds: a comparison outside a selector, or what is empty by itself.
pub fn is_condition(text: &str) -> bool {
    let mut in_selector = false;
    for token in tokens(text) {
        match token {
            Token::Sign(sign) if sign == "{" => in_selector = true,
            Token::Sign(sign) if sign == "}" => in_selector = false,
            Token::Sign(sign) if !in_selector && ["==", "!=", "<", ">", "<=", ">="].contains(&sign.as_str()) => return true,
            Token::Word(word) if ["absent", "absent_over_time", "vector", "unless"].contains(&word.as_str()) => return true,
            _ => {}
        }
    }
    false
}

/// Aggregations that lose the label: `sum(x)`, `sum by (other) (x)`, `sum without (label) (x)`.
pub fn losing(text: &str, label: &str) -> Vec<String> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let Token::Word(name) = token else { continue };
        if !AGGREGATIONS.contains(&name.as_str()) {
            continue;
        }
        // The clause stands before or behind the parentheses.
        let next = index + 1;
        let clause = match tokens.get(next) {
            Some(Token::Word(_)) => next,
            _ => closing(&tokens, next),
        };
        let kept = match tokens.get(clause) {
            Some(Token::Word(word)) if word == "by" || word == "without" => {
                let end = closing(&tokens, clause + 1);
                let named = tokens[clause..end].contains(&Token::Word(label.to_owned()));
                named == (word == "by")
            }
            _ => false,
        };
        if !kept {
            found.push(name.clone());
        }
    }
    found
}

/// `5m`, `1h30m` in seconds; None for what is no duration.
pub fn seconds(text: &str) -> Option<f64> {
    let (mut total, mut number) = (0.0, String::new());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        let unit = match (c, rest.peek()) {
            ('m', Some('s')) => {
                rest.next();
                0.001
            }
            ('s', _) => 1.0,
            ('m', _) => 60.0,
            ('h', _) => 3_600.0,
            ('d', _) => 86_400.0,
            ('w', _) => 604_800.0,
            ('y', _) => 31_536_000.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * unit;
        number.clear();
    }
    number.is_empty().then_some(total)
}

#[test]
fn expressions_are_taken_apart() {
    let all = reads(
        r#"sum by (host, service) ((a_total{x="}(",y=~"b"} - a_total offset 10m) > 0 or (rate(c_total[5m]) unless on (host) d{}))
           and on (host) group_left () max_over_time(e[1h:1m]) == bool 1 # f"#,
    );
    let names: Vec<&str> = all.iter().map(|read| read.metric.as_str()).collect();
    assert_eq!(names, ["a_total", "a_total", "c_total", "d", "e"]);
    assert_eq!(all[0].matchers[0], ("x".to_owned(), "=".to_owned(), "}(".to_owned()));
    assert_eq!((all[2].range.as_deref(), all[2].inside.as_slice()), (Some("5m"), &["sum".to_owned(), "rate".to_owned()][..]));
    assert!(is_condition("x > 1") && is_condition("absent(x)") && !is_condition(r#"rate(x{a!="b"}[5m])"#));
    assert_eq!(losing("sum(x) / max by (host) (y) + min without (host) (z) + avg(a) by (host)", "host"), ["sum", "min"]);
    assert_eq!((seconds("1h30m"), seconds("30s"), seconds("5"), seconds("500ms")), (Some(5_400.0), Some(30.0), None, Some(0.5)));
}
