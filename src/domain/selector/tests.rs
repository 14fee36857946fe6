//! Matchers: what they hold for, what two of them share, and that they read and print as Alertmanager does.

use super::parse::{list, print};
use super::*;
use proptest::prelude::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn matchers_hold_as_in_alertmanager() {
    let down = labels(&[("alertname", "OllamaDown"), ("reason", "oom")]);
    for (text, holds) in [
        (r#"alertname="OllamaDown""#, true),
        (r#"alertname=OllamaDown"#, true),
        (r#"alertname="Ollama""#, false),
        (r#"alertname=~"Ollama""#, false), // anchored
        (r#"alertname=~"Ollama.*|X""#, true),
        (r#"alertname=~"(?i)ollamadown""#, true),
        (r#"{alertname="OllamaDown", reason=~"oom|exit-137"}"#, true),
        (r#"alertname="OllamaDown",reason!="oom""#, false),
        (r#"alertname="OllamaDown",team="""#, true), // a missing label is empty
        (r#"alertname="OllamaDown",team!~".+""#, true),
        (r#""alertname"="OllamaDown""#, true),
    ] {
        assert_eq!(Selector::parse(&[text]).unwrap().matches(&down), holds, "{text}");
    }
}

#[test]
fn what_matches_everything_or_nothing_readable_is_refused() {
    for text in [
        "",
        "{}",
        r#"a="""#,
        r#"a!="x""#,
        r#"a=~".*""#,
        "a",
        r#"a="b"#,
        r#"{a="b""#,
        r#"a="b" c="d""#,
        r#"a=~"(""#,
        r#"a=~"x)|(y""#,
        r#"="b""#,
    ] {
        assert!(Selector::parse(&[text]).is_err(), "{text:?} was taken");
    }
    assert!(Selector::parse::<&str>(&[]).is_err());
}

#[test]
fn two_selectors_share_an_alert_where_that_can_be_shown() {
    let parse = |text: &str| Selector::parse(&[text]).unwrap();
    for (a, b, common) in [
        (r#"alertname="A""#, r#"alertname="A""#, Some(vec![("alertname", "A")])),
        (r#"alertname="A""#, r#"alertname="B""#, None),
        (r#"alertname=~"A|B""#, r#"alertname=~"B|C""#, Some(vec![("alertname", "B")])),
        (r#"alertname=~"A|B""#, r#"alertname=~"A|B", alertname!="A""#, Some(vec![("alertname", "B")])),
        (r#"alertname="A""#, r#"alertname="A", reason="oom""#, Some(vec![("alertname", "A"), ("reason", "oom")])),
        (r#"alertname="A", reason="""#, r#"alertname="A", reason="oom""#, None),
        (r#"alertname="A", reason!="oom""#, r#"alertname="A", reason="oom""#, None),
        (r#"alertname="A", reason="x""#, r#"alertname="A", reason=~"oom|x""#, Some(vec![("alertname", "A"), ("reason", "x")])),
        (r#"alertname="A", team!="a""#, r#"alertname="A", host!="""#, Some(vec![("alertname", "A"), ("host", "any")])),
        // To solve a regular expression is not tried.
        (r#"alertname="A", reason=~"oo+m""#, r#"alertname="A""#, None),
        (
            r#"alertname="A", reason=~"oo+m""#,
            r#"alertname="A", reason="ooom""#,
            Some(vec![("alertname", "A"), ("reason", "ooom")]),
        ),
    ] {
        let expected = common.map(|pairs| labels(&pairs));
        for (a, b) in [(a, b), (b, a)] {
            let found = parse(a).common(&parse(b));
            assert_eq!(found, expected, "{a} and {b}");
            assert!(found.is_none_or(|labels| parse(a).matches(&labels) && parse(b).matches(&labels)));
        }
    }
}

#[test]
fn only_lists_of_words_can_be_looked_up() {
    for (text, names) in [
        (r#"alertname="A.b""#, vec!["A.b"]),
        (r#"alertname=~"A|B_1|c-d""#, vec!["A", "B_1", "c-d"]),
        (r#"alertname=~"A.*|B""#, vec![]),
        (r#"alertname=~"(?i)A""#, vec![]),
        (r#"alertname=~"A|""#, vec![]),
        (r#"alertname!="A",b="c""#, vec![]),
        (r#"b="c""#, vec![]),
    ] {
        let Ok(selector) = Selector::parse(&[text, r#"x="y""#]) else { panic!("{text}") };
        assert_eq!(selector.alertnames(), names, "{text}");
    }
}

#[test]
fn the_misses_explain() {
    let selector = Selector::parse(&[r#"alertname="A""#, r#"host="b""#, r#"team="""#]).unwrap();
    let misses: Vec<String> = selector.misses(&labels(&[("alertname", "A"), ("host", "c")])).map(ToString::to_string).collect();
    assert_eq!(misses, [r#"host="b""#]);
}

/// `name operator value`, as text.
fn read(text: &str) -> Option<Vec<(String, String, String)>> {
    let parts = list(text).ok()?;
    Some(parts.into_iter().map(|part| (part.name, part.operator.to_owned(), part.value)).collect())
}

/// Alertmanager's own tests of its parsers (matcher/parse, matcher/compat, pkg/labels; Apache-2.0), by what its default
/// mode makes of them.
#[test]
fn texts_are_read_as_alertmanager_reads_them() {
    let one = |name: &str, operator: &str, value: &str| vec![(name.to_owned(), operator.to_owned(), value.to_owned())];
    for (text, expected) in [
        (r"{foo=bar}", one("foo", "=", "bar")),
        (r"{foo=bar,}", one("foo", "=", "bar")),
        (r"{foo!=bar}", one("foo", "!=", "bar")),
        (r"{foo=~[a-z]+}", one("foo", "=~", "[a-z]+")),
        (r"{foo!~[a-z]+}", one("foo", "!~", "[a-z]+")),
        (r"{foo=🙂bar}", one("foo", "=", "🙂bar")),
        (r"foo=bar,", one("foo", "=", "bar")),
        (r#"{"foo"="bar",}"#, one("foo", "=", "bar")),
        (r#"{"foo"!~"[a-z]+"}"#, one("foo", "!~", "[a-z]+")),
        (r#"{"foo"="\xf0\x9f\x99\x82"}"#, one("foo", "=", "🙂")),
        (r#"{"foo"="\U0001f642"}"#, one("foo", "=", "🙂")),
        (r#"{"foo"="bar\n"}"#, one("foo", "=", "bar\n")),
        (r#"{"foo"="bar\t"}"#, one("foo", "=", "bar\t")),
        (r#"{"foo"="\"bar\""}"#, one("foo", "=", "\"bar\"")),
        (r#"{"foo"="bar\\"}"#, one("foo", "=", "bar\\")),
        (r#"{foo=~"bar.*"}"#, one("foo", "=~", "bar.*")),
        (r#"{foo=""}"#, one("foo", "=", "")),
        (
            r#"{quote="She said: \"Hi, ladies! That's gender-neutral…\""}"#,
            one("quote", "=", "She said: \"Hi, ladies! That's gender-neutral…\""),
        ),
        (r#"statuscode=~"5..""#, one("statuscode", "=~", "5..")),
        (r#"{name-with-dashes = "bar"}"#, one("name-with-dashes", "=", "bar")),
        ("foo🙂=bar", one("foo🙂", "=", "bar")),
        // Only the classic grammar takes these.
        (r"{foo='}", one("foo", "=", "'")),
        (r"{foo=`}", one("foo", "=", "`")),
        (r"{foo=bar\n}", one("foo", "=", "bar\n")),
        (r"{foo=bar\t}", one("foo", "=", "bar\\t")),
        (r"{foo=bar\}", one("foo", "=", "bar\\")),
        (r"{foo=bar\\}", one("foo", "=", "bar\\")),
        (r#"{foo=\"}"#, one("foo", "=", "\"")),
        (r"tricky=~~~", one("tricky", "=~", "~~")),
        (r#"trickier==\\=\=\""#, one("trickier", "=", "=\\=\\=\"")),
        (r"{foo=bar}}", one("foo", "=", "bar}")),
        (r"{foo=bar}},}", one("foo", "=", "bar}}")),
        (r"job=", one("job", "=", "")),
        (r"foo=!bar\n", one("foo", "=", "!bar\n")),
        // Both take them, and disagree: the classic one counts.
        (r#"foo="\xf0\x9f\x99\x82""#, one("foo", "=", r"\xf0\x9f\x99\x82")),
        (r#"foo=~"\d+\.\w""#, one("foo", "=~", r"\d+\.\w")),
    ] {
        assert_eq!(read(text), Some(expected), "{text}");
    }
    let several =
        |text: &str| read(text).map(|parts| parts.into_iter().map(|(n, o, v)| format!("{n}{o}{v}")).collect::<Vec<_>>());
    for (text, expected) in [
        ("", vec![]),
        ("{}", vec![]),
        ("{foo=bar,bar!=baz}", vec!["foo=bar", "bar!=baz"]),
        (r#"foo="bar",bar!="baz""#, vec!["foo=bar", "bar!=baz"]),
        (r#"{foo="bar",baz!~".*quux", derp="wat"}"#, vec!["foo=bar", "baz!~.*quux", "derp=wat"]),
        (r#"{foo="bar,quux", job="job1"}"#, vec!["foo=bar,quux", "job=job1"]),
        (r#"{foo = "bar", dings != "bums", }"#, vec!["foo=bar", "dings!=bums"]),
        (r#"contains_quote != "\"" , contains_comma !~ "foo,bar" , "#, vec!["contains_quote!=\"", "contains_comma!~foo,bar"]),
        ("{foo=,bar=}}", vec!["foo=", "bar=}"]),
        (r"{foo=!bar,bar=$baz\n}", vec!["foo=!bar", "bar=$baz\n"]),
        ("{foo🙂=bar,bar=baz🙂}", vec!["foo🙂=bar", "bar=baz🙂"]),
    ] {
        let expected = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(several(text), Some(expected), "{text}");
    }
}

#[test]
fn what_alertmanager_refuses_is_refused() {
    for text in [
        ",",
        "{,}",
        "{",
        "}",
        "foo=bar}",
        "{foo=bar",
        r#"{foo=:"bar"}"#,
        r#"{"foo"="\xf0\x9f"}"#,
        "foo!bar",
        "{foo!bar}",
        r#"job="value"#,
        r#"job=value""#,
        r#"trickier==\\=\=\"""#,
        r#"contains_unescaped_quote = foo"bar"#,
        r#""{foo=\"bar"}"#,
        r#""foo=\"bar""#,
        r#""foo=\"bar\"""#,
        r#""foo=\"bar\""#,
        r#""{foo=\"bar\"}""#,
        r#""foo="bar"""#,
        "{{foo=",
        r#"""="x""#,
        // Alertmanager's classic grammar takes these two, with half a pair of braces.
        "{foo=",
        "{foo=}b",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
    assert!(Selector::parse(&[r#"{foo=~"invalid[regexp"}"#]).is_err());
}

/// Alertmanager's own table (matcher_test.go).
#[test]
fn values_match_as_in_alertmanager() {
    for (operator, value, label, matches) in [
        ("=", "bar", "bar", true),
        ("=", "bar", "foo-bar", false),
        ("!=", "bar", "bar", false),
        ("!=", "bar", "foo-bar", true),
        ("=~", "bar", "bar", true),
        ("=~", "bar", "foo-bar", false),
        ("=~", ".*bar", "foo-bar", true),
        ("!~", "bar", "bar", false),
        ("!~", "bar", "foo-bar", true),
        ("!~", ".*bar", "foo-bar", false),
        ("=~", "foo.bar", "foo-bar", true),
        ("=~", r"foo\.bar", "foo-bar", false),
        ("=~", r"foo\.bar", "foo.bar", true),
        ("=", "foo\nbar", "foo\nbar", true),
        ("=~", "foo.bar", "foo\nbar", false),
        ("=~", "(?s)foo.bar", "foo\nbar", true),
        ("=", "~!=\"", "~!=\"", true),
    ] {
        let text = print("name", operator, value);
        let selector = Selector::parse(&[text.as_str(), "x=x"]).unwrap();
        assert_eq!(selector.matches(&labels(&[("name", label), ("x", "x")])), matches, "{text} and {label:?}");
    }
}

/// Alertmanager's own table (TestMatcherString).
#[test]
fn matchers_print_as_in_alertmanager() {
    for (name, operator, value, expected) in [
        ("foo", "=", "bar", r#"foo="bar""#),
        ("foo", "!~", "bar", r#"foo!~"bar""#),
        ("foo", "=", "back\\slash", r#"foo="back\\slash""#),
        ("foo", "=", "double\"quote", r#"foo="double\"quote""#),
        ("foo", "=", "new\nline", r#"foo="new\nline""#),
        ("foo", "=", "tab\tstop", "foo=\"tab\tstop\""),
        ("foo!", "!=", "bar", r#""foo!"!="bar""#),
        ("foo🙂", "=", "bar", r#"foo🙂="bar""#),
        ("foo bar", "=", "baz", r#""foo bar"="baz""#),
    ] {
        assert_eq!(print(name, operator, value), expected);
    }
}

fn parts() -> impl Strategy<Value = (String, &'static str, String)> {
    let name = prop_oneof!["[a-z_:][a-z0-9_:]{0,6}", "[^\u{0}]{1,6}"];
    let value = prop_oneof!["[a-z.*|]{0,6}", r#"[\\"n\n,{}=~ tx]{0,8}"#, any::<String>()];
    (name, prop_oneof![Just("="), Just("!="), Just("=~"), Just("!~")], value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_printed_reads_back((name, operator, value) in parts()) {
        let text = print(&name, operator, &value);
        let expected = vec![(name, operator.to_owned(), value)];
        prop_assert_eq!(read(&text), Some(expected.clone()), "{}", &text);
        prop_assert_eq!(read(&format!("{{ {text} , }}")), Some(expected), "{}", &text);
    }

    #[test]
    fn lists_read_back_whatever_they_mix(all in prop::collection::vec(parts(), 1..4)) {
        let texts: Vec<String> = all.iter().map(|(name, operator, value)| print(name, operator, value)).collect();
        let expected: Vec<_> = all.iter().map(|(name, operator, value)| (name.clone(), (*operator).to_owned(), value.clone())).collect();
        prop_assert_eq!(read(&texts.join(", ")), Some(expected));
        // And through the types, where the regular expressions compile.
        if let Ok(selector) = Selector::parse(&texts) {
            let again = Selector::parse(&[selector.to_string()]);
            prop_assert_eq!(again.as_ref(), Ok(&selector));
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in prop_oneof![any::<String>(), r#"[{}a"\\=~!,x0U ]{0,24}"#]) {
        if let Some(parts) = read(&text) {
            for (name, operator, value) in parts {
                let printed = print(&name, &operator, &value);
                prop_assert_eq!(read(&printed), Some(vec![(name, operator, value)]));
            }
        }
        drop(Selector::parse(&[text.as_str(), "x=x"]));
    }

    #[test]
    fn a_missing_label_is_an_empty_one((name, operator, value) in parts(), other in "[a-z]{1,3}") {
        let text = print(&name, operator, &value);
        let Ok(selector) = Selector::parse(&[text.as_str(), "anchor=\"1\""]) else { return Ok(()) };
        prop_assume!(name != "anchor" && name != other);
        let with = |pairs: &[(&str, &str)]| selector.matches(&labels(&[&[("anchor", "1")], pairs].concat()));
        prop_assert_eq!(with(&[]), with(&[(name.as_str(), "")]));
        prop_assert_eq!(with(&[]), with(&[(other.as_str(), "z")]), "other labels don't count");
    }
}
